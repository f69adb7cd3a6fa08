"""Nested Maildirs: DEST/ACCOUNT/FOLDER/SUBFOLDER, each with cur, new and tmp (cr.yp.to/proto/maildir.html).

Nested and not Maildir++ (`.Folder.Sub`): mutt's browser hides names with a leading dot, notmuch's `folder:` reads
`work/Lists/python`, Dovecot takes it as LAYOUT=fs, and no folder name has to fit into one file name.

A file is called `ID.DIGEST.mailsync:2,FLAGS`: the id of the message, the first 8 hex digits of its SHA-256, and of
D(raft), F(lagged), P(assed: `$Forwarded`), R(eplied), S(een), T(rashed: `\\Deleted`) those it has. A repeated export
finds its files by id and digest in whatever folder and under whatever flags they are, and renames them.
"""

from __future__ import annotations

import contextlib
import os
import re
from bisect import bisect_left
from typing import Any

from mailsync.export.chosen import Chosen, Messages, Outcome
from mailsync.export.index import Index
from mailsync.export.names import Names
from mailsync.export.tree import Tree, holds, write_new
from mailsync.model import Flag
from mailsync.record import record
from mailsync.store.reading import StoredMessage

ENDING = ""
COUNTED = ("renamed", "gone")
LETTERS = "DFPRST"
_LETTER_OF = {Flag.DRAFT: "D", Flag.FLAGGED: "F", Flag.ANSWERED: "R", Flag.SEEN: "S", Flag.DELETED: "T"}
_NAME = re.compile(r"(\d{1,18})\.([0-9a-f]{8})\.mailsync(?::2,(.*))?", re.ASCII | re.DOTALL)


def flags_of(message: StoredMessage) -> str:
    """Its flags as letters, in ASCII order."""
    letters = {letter for flag, letter in _LETTER_OF.items() if message.flags & flag}
    if "$forwarded" in message.keywords.lower().split():
        letters.add("P")
    return "".join(sorted(letters))


def base_of(message: StoredMessage) -> str:
    """The name of its file, without the flags."""
    assert message.digest is not None
    return f"{message.id}.{message.digest[:4].hex()}.mailsync"


@record(frozen=True)
class _File:
    """Where a message is already; `number` is that of its entry, `path` of the Maildir."""

    number: int
    path: str
    place: str
    name: str


class _Present:
    """The files of earlier exports, about 50 bytes each: sorted numbers of id, digest, Maildir and flags."""

    def __init__(self, tree: Tree, paths: list[str]) -> None:
        self.paths = paths
        self._odd: dict[int, tuple[str, str]] = {}
        self._entries: list[int] = []
        for folder, path in enumerate(paths):
            for place in ("cur", "new"):
                for name in tree.names(f"{path}/{place}"):
                    self._note(folder, place, name)
            for name in tree.names(f"{path}/tmp"):  # of a run that was killed: nobody else writes here now
                if _NAME.fullmatch(name):
                    os.unlink(name, dir_fd=tree.folder(f"{path}/tmp"))
        self._entries.sort()
        self._seen = bytearray(len(self._entries))

    def _note(self, folder: int, place: str, name: str) -> None:
        found = _NAME.fullmatch(name)
        if found is None:
            return
        flags = found[3] or ""
        bits = sum(1 << at for at, letter in enumerate(LETTERS) if letter in flags)
        entry = _key(int(found[1]), found[2]) | folder << 8 | bits
        if place != "cur" or name != _name(found[1], found[2], bits):
            entry |= 1 << 7  # another program has marked it
            self._odd[entry] = place, name
        self._entries.append(entry)

    def find(self, ident: int, digest: str, path: str) -> _File | None:
        """The file of a message, the one in the Maildir `path` if there are several."""
        key = _key(ident, digest)
        number = bisect_left(self._entries, key)
        first = None
        while number < len(self._entries) and self._entries[number] >> 40 == key >> 40:
            entry = self._entries[number]
            place, name = self._odd.get(entry) or ("cur", _name(str(ident), digest, entry & 0x7F))
            file = _File(number, self.paths[entry >> 8 & 0xFFFFFFFF], place, name)
            if file.path == path:
                return file
            first = first or file
            number += 1
        return first

    def seen(self, file: _File) -> None:
        self._seen[file.number] = 1

    def unseen(self) -> dict[str, int]:
        """How many files, by the path of their Maildir, no message was found for."""
        counts = dict.fromkeys(self.paths, 0)
        for entry, seen in zip(self._entries, self._seen, strict=True):
            if not seen:
                counts[self.paths[entry >> 8 & 0xFFFFFFFF]] += 1
        return counts


def _key(ident: int, digest: str) -> int:
    return ident << 72 | int(digest, 16) << 40


def _name(ident: str, digest: str, bits: int) -> str:
    flags = "".join(letter for at, letter in enumerate(LETTERS) if bits >> at & 1)
    return f"{ident}.{digest}.mailsync:2,{flags}"


def export(tree: Tree, messages: Messages, folders: list[Chosen], names: Names, *, everything: bool) -> None:
    """Write what is new or differs, rename what has other flags or another folder.

    What is gone stays, and is counted.
    """
    paths = {folder.id: names.path(folder.account, folder.name, folder.delimiter) for folder in folders}
    path_of = {(folder.account, folder.name): paths[folder.id] for folder in folders}
    for path in paths.values():
        for place in ("cur", "new", "tmp"):
            tree.folder(f"{path}/{place}")
    present = _Present(tree, sorted(names.paths.values()))

    def find(entry: dict[str, Any]) -> str | None:
        known = names.paths.get((str(entry["account"]), str(entry["folder"])))
        file = present.find(int(entry["id"]), str(entry["sha256"])[:8], known or "") if known else None
        return f"{file.path}/{file.place}/{file.name}" if file and file.path == known else None

    file: _File | None = None

    def seek(message: StoredMessage) -> bool:
        nonlocal file
        if message.digest is not None:
            file = present.find(message.id, message.digest[:4].hex(), path_of[message.account, message.folder])
            if file is not None:
                present.seen(file)
        return True

    with Index(tree.path, folders if messages.only is None else [], find, everything=everything) as index:
        for message, content in messages.by_id(folders, seek):
            path = path_of[message.account, message.folder]
            name = f"{base_of(message)}:2,{flags_of(message)}"
            _deliver(tree, messages.outcomes[message.account], message, content, file, path, name)
            index.add(message, f"{path}/cur/{name}")
    unseen = present.unseen()
    for folder in folders:
        messages.outcomes[folder.account].gone += unseen[paths[folder.id]]


def _deliver(
    tree: Tree,
    outcome: Outcome,
    message: StoredMessage,
    content: bytes,
    file: _File | None,
    path: str,
    name: str,
) -> None:
    """Have `path`/cur/`name` hold the message; `file` is where it is at present, None for nowhere."""
    target = tree.folder(f"{path}/cur")
    source = tree.folder(f"{file.path}/{file.place}") if file else target
    if file is not None and holds(source, file.name, content):
        if (file.path, file.place, file.name) == (path, "cur", name):
            outcome.unchanged += 1
        else:
            os.rename(file.name, name, src_dir_fd=source, dst_dir_fd=target)
            outcome.renamed += 1
        _date(target, name, message.internaldate)
        return
    base = name.split(":")[0]
    incoming = tree.folder(f"{path}/tmp")
    write_new(incoming, base, content, message.internaldate)
    os.rename(base, name, src_dir_fd=incoming, dst_dir_fd=target)
    if file is not None and (file.path, file.place, file.name) != (path, "cur", name):
        os.unlink(file.name, dir_fd=source)
    outcome.written += 1
    outcome.bytes += len(content)


def _date(folder: int, name: str, seconds: int | None) -> None:
    if seconds is None:
        return
    with contextlib.suppress(OSError, OverflowError):
        if int(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime) != seconds:
            os.utime(name, (seconds, seconds), dir_fd=folder, follow_symlinks=False)
