"""Changes to config.toml that leave everything else in it as it is: comments, order, blanks, line ends.

    with editing(path) as file:                      # nobody else edits it meanwhile
        file.write(with_account(file.text, "work", {"email": "me@example.com"}))

What is added is rendered by tomlkit; whatever a change does is proven before it is written: read again, the document is
the old one but for what was asked for, and a valid configuration.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailsync.config.lines import statements
from mailsync.config.load import LARGEST, check_config, check_owner
from mailsync.errors import ConfigError

if TYPE_CHECKING:
    from mailsync.config.models import Config

LOCK_SECONDS = 10.0
LOCK_PAUSE_SECONDS = 0.05
_BOM = "\ufeff"


# -- the text ------------------------------------------------------------------------------------------------------


def with_account(text: str, name: str, table: Mapping[str, Any]) -> str:
    """The document with `[accounts.NAME]` and its tables at its end. ConfigError where there is one already."""
    before = _read(text)
    if name in before.get("accounts", {}):
        raise ConfigError(f"there is an account {name} already", hint="take another name, or remove it first")
    after = before | {"accounts": before.get("accounts", {}) | {name: dict(table)}}
    return _proven(_appended(text, ("accounts", name), table), after, f"add [accounts.{name}]")


def without_account(text: str, name: str) -> str:
    """The document without the account and the comments within its tables. ConfigError where there is none."""
    before = _read(text)
    rest = dict(before.get("accounts", {}))
    if rest.pop(name, None) is None:
        raise ConfigError(f"there is no account {name}")
    return _proven(_cut(text, ("accounts", name)), before | {"accounts": rest}, f"remove [accounts.{name}]")


def with_values(text: str, table: tuple[str, ...], values: Mapping[str, Any]) -> str:
    """The document with these values in a table, which is made where there is none."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    before = _read(text)
    try:
        after = _merged(before, table, values)
        document = tomlkit.parse(text.removeprefix(_BOM))
        inner: Any = document
        for key in table:
            inner = inner[key]
        for key, value in values.items():
            inner[key] = value
    except KeyError:
        changed = _appended(text, table, values)
    except (TOMLKitError, TypeError):  # some TOML is more than tomlkit takes
        raise _disturbed(f"change [{'.'.join(table)}]") from None
    else:
        changed = (_BOM if text.startswith(_BOM) else "") + tomlkit.dumps(document)
    return _proven(changed, after, f"change [{'.'.join(table)}]")


def _read(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text.removeprefix(_BOM).replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not TOML: {error}") from None


def _proven(text: str, meant: dict[str, Any], what: str) -> str:
    try:
        found = _read(text)
    except ConfigError:
        found = {"": None}
    if (found | {"accounts": found.get("accounts", {})}) != (meant | {"accounts": meant.get("accounts", {})}):
        raise _disturbed(what)
    return text


def _disturbed(what: str) -> ConfigError:
    return ConfigError(
        f"cannot {what}: the file is written in a way that this would disturb",
        hint="write accounts as tables of their own, [accounts.NAME]; or change it by hand",
    )


def _merged(document: dict[str, Any], table: tuple[str, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    if not table:
        return document | dict(values)
    return document | {table[0]: _merged(document.get(table[0], {}), table[1:], values)}


def _appended(text: str, path: tuple[str, ...], table: Mapping[str, Any]) -> str:
    import tomlkit

    inner = tomlkit.table()
    for key, value in table.items():
        inner.add(key, value)
    for key in reversed(path[1:]):
        outer = tomlkit.table(is_super_table=True)
        outer.add(key, inner)
        inner = outer
    document = tomlkit.document()
    document.add(path[0], inner)
    line = "\r\n" if "\r\n" in text else "\n"
    blank = "" if not text.removeprefix(_BOM) else line if text.endswith("\n") else line * 2
    if text.endswith(line * 2):
        blank = ""
    return text + blank + tomlkit.dumps(document).strip("\n").replace("\n", line) + line


def _cut(text: str, path: tuple[str, ...]) -> str:
    """Without the statements below `path`, and what stands between those that follow each other."""
    start = len(_BOM) if text.startswith(_BOM) else 0
    runs: list[tuple[int, int]] = []
    was_ours = False
    for found, begin, end in statements(text[start:]):
        ours = found[: len(path)] == path
        if ours:
            line = text.rfind("\n", 0, start + begin) + 1
            begin = max(line, start)
            end = text.find("\n", start + end) + 1 or len(text)
            runs.append((runs.pop()[0] if was_ours else begin, end))
        was_ours = ours
    for begin, end in reversed(runs):
        before, after = text[:begin], text[end:]
        if not before[start:] or before.endswith(("\n\n", "\n\r\n")) or not after.strip():
            after = after.lstrip("\r\n")
        if not after and before.endswith("\n"):
            before = before.rstrip("\r\n") + ("\r\n" if before.endswith("\r\n") else "\n")
        text = before + after
    return text


# -- the file ------------------------------------------------------------------------------------------------------


class File:
    """A config.toml that nobody else edits meanwhile. A symbolic link stays one: what it points to is replaced."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._target = path.resolve()
        self._status: os.stat_result | None = None
        self._data = b""
        self._before: bytes | None = None
        """What stood there when this editing began; None for no file."""

    @property
    def text(self) -> str:
        """The content; "" where there is no file."""
        try:
            return self._data.decode("utf-8")
        except UnicodeDecodeError:
            raise ConfigError(f"{self.path}: not UTF-8") from None

    def account(self, name: str) -> dict[str, Any] | None:
        """The table of an account as it is written, right or wrong; None where there is none."""
        found = _read(self.text).get("accounts", {}).get(name)
        return found if found is None or isinstance(found, dict) else {}

    def check(self, text: str) -> Config:
        """The configuration that `text` would be here. Raises ConfigError."""
        config = check_config(self.path, text.encode("utf-8"))
        if self._status is not None:
            check_owner(self.path, config, self._status)
        return config

    def write(self, text: str) -> Config:
        """Replace the content by a valid configuration, which is returned; mode and owner stay. Raises ConfigError."""
        config = self.check(text)
        self._replace(text.encode("utf-8"))
        return config

    def restore(self) -> None:
        """Everything as it was before the editing began."""
        if self._before is None:
            self._target.unlink(missing_ok=True)
        elif self._before != self._data:
            self._replace(self._before)

    def _load(self) -> None:
        try:
            with self._target.open("rb") as file:
                self._status = os.fstat(file.fileno())
                self._data = self._before = file.read(LARGEST + 1)
        except FileNotFoundError:
            return
        if not stat.S_ISREG(self._status.st_mode):
            raise ConfigError(f"{self.path} is no regular file")

    def _replace(self, data: bytes) -> None:
        folder = self._target.parent
        descriptor, name = tempfile.mkstemp(prefix=f".{self._target.name}.", dir=folder)  # 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                if self._status is not None:
                    if self._status.st_uid != os.geteuid() or self._status.st_gid != os.getegid():
                        os.fchown(descriptor, self._status.st_uid, self._status.st_gid)
                    os.fchmod(descriptor, stat.S_IMODE(self._status.st_mode))
                file.flush()
                os.fsync(descriptor)
            Path(name).replace(self._target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        self._data = data
        opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def glance(path: Path) -> File:
    """The configuration at `path` to look at, or to check what a change would make of it; not to be written."""
    file = File(path)
    file._load()
    return file


@contextlib.contextmanager
def editing(path: Path) -> Iterator[File]:
    """Edit the configuration at `path`, alone among the processes of mailsync. Its folder is made where there is none.

    Raises ConfigError where that cannot be.
    """
    file = File(path)
    folder = file._target.parent
    try:
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
        # The folder: the file itself is replaced by another one, and a file for the lock alone would stay around.
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"cannot use {folder}: {error.strerror or error}", hint="check its permissions") from None
    try:
        _lock(descriptor, path)
        file._load()
        yield file
    except PermissionError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror}", hint="check the permissions of its folder"
        ) from None
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ConfigError(f"another mailsync is changing {path}", hint="try again") from None
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return
