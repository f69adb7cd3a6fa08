"""Looking for secrets: in files, in what a program printed, and in what every process shows of itself meanwhile."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, quote_plus

PAUSE_SECONDS = 0.05


def forms(secret: str) -> set[bytes]:
    """How a secret may be written: plain, percent, JSON, Python, hexadecimal, and base64 wherever it begins in that."""
    data = secret.encode("utf-8")
    found = {data, data.hex().encode(), quote(secret, safe="").encode(), quote_plus(secret).encode()}
    found |= {json.dumps(secret)[1:-1].encode(), repr(secret)[1:-1].encode(), repr(data)[2:-1].encode()}
    found |= {secret.replace("\\", "\\\\").replace('"', '\\"').encode("utf-8"), secret.encode("utf-16-le")}
    for shift in range(3):
        coded = base64.b64encode(bytes(shift) + data)
        # Without the characters at both ends that depend on what stands beside it.
        whole = coded[(0, 2, 3)[shift] : -4 if coded.endswith(b"=") else None]
        found |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    return found


def found_in(data: bytes, secrets: Iterable[str]) -> list[str]:
    """The forms of secrets that occur in `data`."""
    return [form.decode("ascii", "replace") for secret in secrets for form in forms(secret) if form in data]


def found_below(folder: Path, secrets: Iterable[str]) -> dict[str, list[str]]:
    """What occurs in the files below a folder, and in their names."""
    secrets = list(secrets)
    found = {str(path): found_in(path.read_bytes(), secrets) for path in folder.rglob("*") if path.is_file()}
    found |= {f"name of {path}": found_in(os.fsencode(path), secrets) for path in folder.rglob("*")}
    return {place: forms for place, forms in found.items() if forms}


class Watch:
    """Reads, while it is open, what every process shows: its arguments, as `ps` does, and its environment."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self.seen: set[tuple[int, bytes]] = set()
        """The pids and arguments of all processes."""
        self._leaks: set[tuple[int, str, bytes]] = set()
        self._forms = [form for secret in secrets for form in forms(secret)]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def saw(self, words: str) -> bool:
        """Whether a process had these words among its arguments."""
        return any(words.encode() in arguments for _, arguments in self.seen)

    def leaks(self, given: Iterable[int] = ()) -> list[tuple[str, bytes]]:
        """Where a secret was shown; the environment of processes that were `given` it there (pids) is no leak."""
        told = set(given)
        return [(name, data) for pid, name, data in self._leaks if name != "environ" or pid not in told]

    def _run(self) -> None:
        while not self._over.wait(PAUSE_SECONDS):
            for process in Path("/proc").glob("[0-9]*"):
                if int(process.name) != os.getpid():
                    self._look(process, int(process.name))

    def _look(self, process: Path, pid: int) -> None:
        try:
            arguments = (process / "cmdline").read_bytes()
            if (pid, arguments) in self.seen:
                return  # its environment is the one that it began with
            environment = (process / "environ").read_bytes()
        except OSError:
            return
        self.seen.add((pid, arguments))
        for name, data in (("arguments", arguments), ("environ", environment)):
            if any(form in data for form in self._forms):
                self._leaks.add((pid, name, data))
