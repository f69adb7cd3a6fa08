"""`index.jsonl`: one JSON object a message, beside the files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mailsync.export.chosen import Chosen
from mailsync.export.tree import private
from mailsync.model import flag_names, iso
from mailsync.store.reading import StoredMessage

INDEX = "index.jsonl"


def row(message: StoredMessage, file: str) -> dict[str, Any]:
    """What is told of a message that `file` holds, a path relative to DEST."""
    return {
        "file": file,
        "id": str(message.id),
        "account": message.account,
        "folder": message.folder,
        "uidvalidity": message.uidvalidity,
        "uid": message.uid,
        "flags": flag_names(message.flags, message.keywords),
        "internaldate": iso(message.internaldate),
        "sha256": message.digest.hex() if message.digest else None,
    }


def line(entry: dict[str, Any]) -> bytes:
    """A row as it is written."""
    return json.dumps(entry).encode() + b"\n"


class Index:
    """Writes the index of an export by ascending id: a context manager; complete, it replaces the one before.

    Rows of earlier exports of other folders stay, where `find` knows the file they are about; `everything` leaves no
    other folders. Neither side is held in memory.
    """

    def __init__(
        self,
        dest: Path,
        folders: list[Chosen],
        find: Callable[[dict[str, Any]], str | None],
        *,
        everything: bool,
    ) -> None:
        self._path = dest / INDEX
        self._temporary = dest / f".{INDEX}.tmp"
        selected = {(folder.account, folder.name) for folder in folders}
        self._kept = iter(()) if everything else _other_rows(self._path, selected, find)
        self._waiting = next(self._kept, None)

    def __enter__(self) -> Self:
        self._lines = private(self._temporary)
        return self

    def add(self, message: StoredMessage, file: str) -> None:
        """The next message; its id is higher than those before."""
        while self._waiting is not None and self._waiting[0] <= message.id:
            if self._waiting[0] < message.id:
                self._lines.write(self._waiting[1])
            self._waiting = next(self._kept, None)
        self._lines.write(line(row(message, file)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lines:
            if error is not None:
                return
            while self._waiting is not None:
                self._lines.write(self._waiting[1])
                self._waiting = next(self._kept, None)
        if _same(self._path, self._temporary):
            self._temporary.unlink()
        else:
            self._temporary.replace(self._path)


def rows(index: Path) -> Iterator[dict[str, Any]]:
    """The rows of an index that are whole; none if there is no index."""
    try:
        lines = index.open("rb")
    except FileNotFoundError:
        return
    with lines:
        for text in lines:
            try:
                entry = json.loads(text)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry


def _other_rows(
    index: Path, selected: set[tuple[str, str]], find: Callable[[dict[str, Any]], str | None]
) -> Iterator[tuple[int, bytes]]:
    """Id and line of the rows that this export is not about and whose file is still there."""
    last = 0
    for entry in rows(index):
        try:
            ident = int(entry["id"])
            known = (entry["account"], entry["folder"]) in selected
            file = None if known or ident <= last else find(entry)
        except (ValueError, TypeError, KeyError):
            continue
        if file is not None:
            last = ident
            yield ident, line(entry | {"file": file})


def _same(one: Path, other: Path) -> bool:
    import filecmp

    return one.is_file() and not one.is_symlink() and filecmp.cmp(one, other, shallow=False)
