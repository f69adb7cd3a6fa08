"""Attachments as files: the one way by which they leave, for every face. Nothing is opened, overwritten or unpacked.

The directory is held open and locked: whatever becomes of its path meanwhile, files are made in it and nowhere else.
Names are of `filenames`, files 0600. A file has its name only when it is whole and has the digest that was listed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import sqlite3
import stat
import time
from collections.abc import Collection, Iterator
from hashlib import sha256
from pathlib import Path

from mailsync.errors import MessageFailed, NotFound, UsageError
from mailsync.export.filenames import NUMBERS, file_name, numbered
from mailsync.export.names import folded
from mailsync.export.tree import Tree
from mailsync.pipeline.attachments import taken_out
from mailsync.privacy.consent import FOR_ATTACHMENTS
from mailsync.record import record
from mailsync.store import attachments, audit, consents, contents, reading
from mailsync.store.attachments import Attachment
from mailsync.store.database import Store
from mailsync.store.reading import StoredMessage

_TEMPORARY = re.compile(r"\.mailsync-[0-9a-f]{16}\.tmp")
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)
_PIECE = 1 << 18


@record(frozen=True)
class Saved:
    """An attachment that is in the directory now, under `name`; `written` unless it was there with the same bytes."""

    number: int
    name: str
    size: int
    sha256: str
    written: bool


def listed(connection: sqlite3.Connection, message: StoredMessage) -> list[Attachment]:
    """The attachments of a message, parsed now if the index has not come to it. Raises ParseFailed, MessageFailed."""
    if message.content_id is None:
        raise MessageFailed(f"message {message.id} could not be fetched yet", hint="the next sync tries again")
    known = attachments.of(connection, message.content_id)
    if known is not None:
        return known
    from mailsync.pipeline.attachments import rows
    from mailsync.pipeline.mime import parse

    content = contents.load(connection, message.content_id) or b""
    return [Attachment(*row) for row in rows(content, parse(content))]


def save(store: Store, message_id: int, folder: Path, numbers: Collection[int] = ()) -> list[Saved]:
    """Save the attachments of a message to a directory, which is made if it is not there; all, or those `numbers`.

    That is on record, also where it failed in the middle. Raises ConsentMissing, NotFound for a message or number that
    is not there, Busy while something else is exported there, ParseFailed, MessageFailed, StoreError, OSError.
    """
    with store.read() as connection:
        message = reading.find(connection, message_id)
        if message is None:
            raise NotFound(f"no message {message_id}")
        consents.require(connection, message.account, FOR_ATTACHMENTS)
        chosen = [one for one in listed(connection, message) if not numbers or one.number in numbers]
        for number in sorted(set(numbers) - {one.number for one in chosen}):
            raise NotFound(f"message {message_id} has no attachment {number}", hint="without --number it lists them")
        saved: list[Saved] = []
        ended = "ok"
        try:
            with Tree(folder) as tree:
                directory = _Directory(tree)
                saved.extend(directory.save(connection, message.content_id or 0, one) for one in chosen)
        except BaseException as error:
            ended = type(error).__name__
            raise
        finally:
            store.write(lambda writing: _record(writing, message.account, saved, ended)).result()
    return saved


def _record(connection: sqlite3.Connection, account: str, saved: list[Saved], ended: str) -> None:
    audit.record(
        connection,
        "exported",
        at=time.time(),
        account=account,
        outcome=ended,
        form="attachments",
        messages=1,
        files=len(saved),
        written=sum(one.written for one in saved),
        bytes=sum(one.size for one in saved if one.written),
    )


class _Directory:
    def __init__(self, tree: Tree) -> None:
        self._folder = tree.folder("")
        self._path = tree.path
        self._taken: dict[str, set[str]] = {}
        """What is in the directory, by what a name would be the same as."""
        for name in tree.names(""):
            if _TEMPORARY.fullmatch(name):
                self._remove(name)  # a killed run left it there
                continue
            self._taken.setdefault(folded(name), set()).add(name)

    def save(self, connection: sqlite3.Connection, content_id: int, one: Attachment) -> Saved:
        for name in numbered(file_name(one.name, one.type, one.number)):
            alike = self._taken.setdefault(folded(name), set())
            written = False
            if not alike:
                alike.add(name)
                with contextlib.suppress(FileExistsError):  # made meanwhile, by somebody else
                    self._write(connection, content_id, one, name)
                    written = True
            if written or (name in alike and self._holds(name, one)):
                return Saved(one.number, name, one.size, one.digest.hex(), written)
        raise UsageError(f"{self._path} has {NUMBERS} files of that name", hint="name another directory")

    def _holds(self, name: str, one: Attachment) -> bool:
        """A regular file of that name is there and has the bytes of the attachment."""
        try:
            descriptor = os.open(name, _READ, dir_fd=self._folder)
        except OSError:
            return False
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size != one.size:
                return False
            digest = sha256()
            while piece := file.read(_PIECE):
                digest.update(piece)
        return digest.digest() == one.digest

    def _write(self, connection: sqlite3.Connection, content_id: int, one: Attachment, name: str) -> None:
        # A name that nobody can foresee, so nobody else has it.
        temporary = f".mailsync-{secrets.token_hex(8)}.tmp"
        try:
            self._fill(temporary, connection, content_id, one)
            try:
                # Unlike a rename, this fails where something has the name by now.
                os.link(temporary, name, src_dir_fd=self._folder, dst_dir_fd=self._folder, follow_symlinks=False)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                self._fill(name, connection, content_id, one)
        finally:
            self._remove(temporary)

    def _fill(self, name: str, connection: sqlite3.Connection, content_id: int, one: Attachment) -> None:
        """Make a new file of the bytes of the attachment; none is left when that fails."""
        descriptor = os.open(name, _MAKE, 0o600, dir_fd=self._folder)
        try:
            digest = sha256()
            with os.fdopen(descriptor, "wb") as file:
                for piece in _pieces(connection, content_id, one):
                    digest.update(piece)
                    file.write(piece)
            if digest.digest() != one.digest:
                raise MessageFailed(f"attachment {one.number} is not what was listed", hint="run: mailsync db reindex")
        except BaseException:
            self._remove(name)
            raise

    def _remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._folder)


def _pieces(connection: sqlite3.Connection, content_id: int, one: Attachment) -> Iterator[bytes]:
    return taken_out(contents.section(connection, content_id, one.start, one.end), one.encoding)
