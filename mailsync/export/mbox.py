"""One mboxrd file a folder: DEST/ACCOUNT/FOLDER/SUBFOLDER.mbox (RFC 4155; the quoting is that of mboxrd).

A message is a line `From MAILER-DAEMON DATE` (INTERNALDATE in UTC; IMAP does not tell the envelope's sender), exactly
three lines `Status:`, `X-Status:` and `X-Keywords:`, the message, and a blank line. In the message line ends are LF,
lines that match `>*From ` begin with one `>` more, and a last line without an end has got one; nothing else differs.

Files only grow. index.jsonl is the journal: its rows are written behind the messages they tell of, with `offset` and
`length` in bytes, so what follows the last row of a file is from a run that was killed, and is cut off.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from array import array
from bisect import bisect_left
from typing import Any

from mailsync.errors import MailsyncError
from mailsync.export import index
from mailsync.export.chosen import Chosen, Messages
from mailsync.export.names import Names
from mailsync.export.tree import Tree, replace
from mailsync.model import Flag
from mailsync.record import record
from mailsync.store.reading import StoredMessage

ENDING = ".mbox"
COUNTED = ("gone",)
UNFINISHED = ".unfinished"
"""This file of DEST names the one that is being appended to; it goes at the good end of a run."""
BATCH_BYTES = 4 << 20
"""Written, and forced to the disk, before the journal tells of it."""
BATCH_MESSAGES = 500
_QUOTED = re.compile(rb"^(>*From )", re.MULTILINE)
_STATUS = {Flag.ANSWERED: "A", Flag.DELETED: "D", Flag.FLAGGED: "F", Flag.DRAFT: "T"}


class Altered(MailsyncError):
    """An mbox file is not as the last export left it."""


def entry(message: StoredMessage, content: bytes) -> bytes:
    """A message as it is written."""
    marks = "".join(letter for flag, letter in _STATUS.items() if message.flags & flag)
    head = (
        f"From MAILER-DAEMON {_date(message.internaldate)}\n"
        f"Status: {'RO' if message.flags & Flag.SEEN else 'O'}\n"
        f"X-Status: {marks}\n"
        f"X-Keywords: {' '.join(message.keywords.split())}\n"
    )
    body = _QUOTED.sub(rb">\1", content.replace(b"\r\n", b"\n"))
    return head.encode("utf-8", "replace") + body + (b"\n" if body.endswith(b"\n") or not body else b"\n\n")


def _date(seconds: int | None) -> str:
    try:
        moment = time.gmtime(seconds or 0)
    except (OverflowError, OSError, ValueError):
        moment = time.gmtime(0)
    return time.asctime(moment if 0 < moment.tm_year < 10000 else time.gmtime(0))


@record
class _File:
    """What the journal tells of a file: its `end` in bytes, and a key for each message in it."""

    end: int
    keys: array[int]


def _key(ident: str, digest: str) -> int:
    import hashlib

    return int.from_bytes(hashlib.sha256(f"{ident} {digest}".encode()).digest()[:8], "big")


def export(tree: Tree, messages: Messages, folders: list[Chosen], names: Names) -> None:
    """Append what is not there yet, folder by folder in the order of UIDs. What is gone stays, and is counted."""
    paths = {folder.id: names.path(folder.account, folder.name, folder.delimiter) for folder in folders}
    with os.fdopen(_open(tree.folder(""), index.INDEX), "r+b") as lines:
        killed = _killed(tree, names)
        known = _journal(lines, {*paths.values(), *killed})
        _restore(tree, known, killed)
        for folder in folders:
            path = paths[folder.id]
            replace(tree.folder(""), UNFINISHED, path.encode())
            _Mbox(tree, path, known.pop(path)).fill(folder, messages, lines)
        os.fsync(lines.fileno())
    (tree.path / UNFINISHED).unlink(missing_ok=True)


def _killed(tree: Tree, names: Names) -> set[str]:
    """The file that a killed run was appending to, also when this one is about others."""
    try:
        path = (tree.path / UNFINISHED).read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return set()
    return {path}.intersection(names.paths.values())


def _restore(tree: Tree, known: dict[str, _File], killed: set[str]) -> None:
    """Make files that are not there, cut off what a killed run wrote last; Altered for one that others have changed."""
    for path, file in known.items():
        descriptor = _file(tree, path)
        try:
            size = os.fstat(descriptor).st_size
            if size < file.end or (size > file.end and path not in killed):
                raise Altered(
                    f"{tree.path / path} was changed by another program since it was exported",
                    hint="export to another directory",
                )
            if size > file.end:
                os.ftruncate(descriptor, file.end)
        finally:
            os.close(descriptor)


def _file(tree: Tree, path: str) -> int:
    above, _, name = path.rpartition("/")
    return _open(tree.folder(above), name)


def _open(folder: int, name: str) -> int:
    """A regular file to read and write, made if it is not there."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o600, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Altered(f"{name} is no regular file", hint="export to another directory")
    return descriptor


def _journal(lines: Any, wanted: set[str]) -> dict[str, _File]:
    """What the rows tell of the wanted files; a last row that was cut off by a kill goes."""
    found = {path: _File(0, array("Q")) for path in wanted}
    good = 0
    for text in lines:
        if not text.endswith(b"\n"):
            break
        good += len(text)
        try:
            row = json.loads(text)
            file = found.get(row["file"])
            if file is not None:
                file.end = max(file.end, int(row["offset"]) + int(row["length"]))
                file.keys.append(_key(row["id"], row["sha256"]))
        except (ValueError, TypeError, KeyError) as error:
            raise Altered(
                f"{index.INDEX} is damaged at byte {good - len(text)}", hint="export to another directory"
            ) from error
    if good < lines.seek(0, os.SEEK_END):
        lines.truncate(good)
    lines.seek(good)
    for file in found.values():
        file.keys = array("Q", sorted(file.keys))
    return found


class _Mbox:
    """One file being filled."""

    def __init__(self, tree: Tree, path: str, file: _File) -> None:
        self._path = path
        self._file = file
        self._found = 0
        self._batch: list[bytes] = []
        self._rows: list[bytes] = []
        self._bytes = 0
        self._descriptor = _file(tree, path)

    def fill(self, folder: Chosen, messages: Messages, lines: Any) -> None:
        outcome = messages.outcomes[folder.account]
        try:
            for message, content in messages.by_uid(folder, self._is_wanted):
                self._add(message, entry(message, content))
                outcome.written += 1
                outcome.bytes += len(content)
                if self._bytes > BATCH_BYTES or len(self._rows) >= BATCH_MESSAGES:
                    self._flush(lines)
            self._flush(lines)
        finally:
            os.close(self._descriptor)
        outcome.unchanged += self._found
        outcome.gone += len(self._file.keys) - self._found

    def _is_wanted(self, message: StoredMessage) -> bool:
        if message.digest is None:
            return True
        keys = self._file.keys
        key = _key(str(message.id), message.digest.hex())
        at = bisect_left(keys, key)
        known = at < len(keys) and keys[at] == key
        self._found += known
        return not known

    def _add(self, message: StoredMessage, text: bytes) -> None:
        place = {"offset": self._file.end + self._bytes, "length": len(text)}
        self._rows.append(index.line(index.row(message, self._path) | place))
        self._batch.append(text)
        self._bytes += len(text)

    def _flush(self, lines: Any) -> None:
        if not self._rows:
            return
        with os.fdopen(os.dup(self._descriptor), "wb") as file:
            file.seek(self._file.end)
            file.writelines(self._batch)
            file.flush()
            os.fsync(file.fileno())
        lines.writelines(self._rows)
        lines.flush()
        self._file.end += self._bytes
        self._batch, self._rows, self._bytes = [], [], 0
