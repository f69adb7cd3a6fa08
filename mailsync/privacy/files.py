"""Files nobody else may read: folders 0700, files 0600, replaced whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Exposed(OSError):
    """A file that others may read or replace; the text says how."""


def private_folder(path: Path) -> bool:
    """Make a folder that only its owner may enter, and those above it; of one that is there, take away what others may.

    True when something was taken away. A folder of another owner stays as it is. Raises OSError.
    """
    for folder in (*reversed([above for above in path.parents if not above.exists()]), path):
        folder.mkdir(mode=0o700, exist_ok=True)
    status = path.stat()
    if not status.st_mode & OTHERS or status.st_uid != os.geteuid():
        return False
    path.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS)
    return True


def private_file(path: Path) -> None:
    """Take away what others may do with a file of the user's, if there is one. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        status = path.stat()
        if status.st_mode & OTHERS and status.st_uid == os.geteuid():
            path.chmod(stat.S_IMODE(status.st_mode) & ~OTHERS)


def write_private(path: Path, data: bytes) -> None:
    """Replace the file at `path`: whoever reads it, and whenever this is killed, it is the old or the new one.

    Once it returns, the new one survives a power cut. Raises OSError.
    """
    import tempfile  # brings half a dozen archivers along, and every start reads such a file

    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600 and new
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_private(path: Path) -> bytes | None:
    """The content of a file; None when there is none. Raises Exposed for one that others may read or replace, OSError.

    A symbolic link is not followed: what it points to is decided by whoever may write there.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Exposed(f"{path} is no regular file")
        if status.st_uid != os.geteuid():
            raise Exposed(f"{path} belongs to another user")
        if status.st_mode & OTHERS:
            raise Exposed(f"{path} is open to others")
        return file.read()
