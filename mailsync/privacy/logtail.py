"""Reading the log back: its newest lines, and later only what was added, through rotations."""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mailsync.privacy.log import FILE_NAME, FIRST_FIELDS

FIRST_BYTES = 256 << 10
"""Read of an old log at first, and at most at a time: some 2,000 lines."""
LINE_CHARS = 2000
_FIELD = re.compile(r'([^\s=]+)=("(?:[^"\\]|\\.)*"|\S*)')
_ESCAPE = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `at` in Unix seconds, None where it cannot be read; `rest` is what follows, as key=value."""

    at: float | None
    level: str
    logger: str
    event: str
    account: str
    rest: str


def parse(line: str) -> Entry:
    """A line as `privacy.log` writes it (JSON), or as its older versions did (logfmt); any other text is the event."""
    line = line[:LINE_CHARS].strip()
    fields = _json(line) if line.startswith("{") else _logfmt(line)
    if not fields.get("event"):
        return Entry(None, "info", "", line, "", "")
    stamp, level, logger, event, account = (fields.pop(name, "") for name in FIRST_FIELDS)
    at = None
    with contextlib.suppress(ValueError, OverflowError):
        at = datetime.fromisoformat(stamp).timestamp()
    rest = " ".join(f"{key}={json.dumps(text) if ' ' in text else text}" for key, text in fields.items())
    return Entry(at, level or "info", logger, event, account, rest)


def _json(line: str) -> dict[str, str]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return {key: _shown(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def _logfmt(line: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _FIELD.finditer(line):
        key, value = match.groups()
        found.setdefault(key, _ESCAPE.sub(r"\1", value[1:-1]) if value.startswith('"') else value)
    return found


class LogTail:
    """Follows the log in `folder`, whoever writes it. Not thread-safe: one reading at a time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._older = folder / f"{FILE_NAME}.1"
        self._inode: int | None = None
        self._offset = 0

    def read(self) -> list[Entry]:
        """The lines written since the last call, at first the newest of what is there; oldest first."""
        try:
            found = self._path.stat()
        except OSError:
            return []
        if found.st_ino == self._inode and found.st_size == self._offset:
            return []
        text = b""
        if self._inode is None:
            missing = FIRST_BYTES - found.st_size
            if missing > 0:
                text = _tail(self._older, missing)
            self._offset = max(0, found.st_size - FIRST_BYTES)
        elif found.st_ino != self._inode:
            # It was rotated: the end of the old file is beside the new one.
            with contextlib.suppress(OSError):
                if self._older.stat().st_ino == self._inode:
                    text, _ = _from(self._older, self._offset)
            self._offset = 0
        elif found.st_size < self._offset:
            self._offset = 0
        self._inode = found.st_ino
        added, self._offset = _from(self._path, self._offset)
        return [parse(line) for line in (text + added).decode("utf-8", "replace").splitlines() if line.strip()]


def _tail(path: Path, most: int) -> bytes:
    with contextlib.suppress(OSError):
        return _from(path, max(0, path.stat().st_size - most))[0]
    return b""


def _from(path: Path, offset: int) -> tuple[bytes, int]:
    """Whole lines from `offset` on, and where they end; of more than `FIRST_BYTES` the newest."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = max(offset, size - FIRST_BYTES)
            # One byte before tells whether a line begins here; where there is none, the file does.
            file.seek(max(0, start - 1))
            data = file.read(size - max(0, start - 1))
    except OSError:
        return b"", offset
    first = 0 if start == 0 else data.find(b"\n") + 1
    last = data.rfind(b"\n") + 1
    if last <= first:
        return b"", offset if start == offset else start
    return data[first:last], max(0, start - 1) + last
