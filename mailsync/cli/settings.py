"""A configuration that was found right is remembered: to check it anew takes longer than most syncs.

`config.checked` in the data directory holds what config.toml came to, and a digest of all that this depended on: its
bytes, the owner and mode of it and of every folder above it, the user and the home directory, and the code that checked
it. Where one of them differs, or others could have written the file, the configuration is checked as ever: it may name
commands.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import mailsync.config
from mailsync import __version__
from mailsync.config.overrides import given
from mailsync.privacy.files import read_private, write_private

if TYPE_CHECKING:
    from mailsync.config.models import Config

FILE_NAME = "config.checked"
KEPT = 4
"""Configurations that are remembered: a mirror may be looked after by more than one, or by two versions."""


class Table:
    """A table of a remembered configuration: reads as its model of `config.models` does."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update({key: Table(v) if isinstance(v, dict) else v for key, v in values.items()})

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return iter(self.__dict__.items())

    def __eq__(self, other: object) -> bool:
        return dict(self) == dict(cast(Any, other)) if hasattr(other, "__iter__") else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def given(self) -> dict[str, Any]:
        """Of `quirks`: as `QuirksConfig.given`."""
        return given(self)


def settings(path: Path, data_dir: Path, *, missing_ok: bool) -> Config:
    """The configuration at `path` as `load_config` gives it, or remembered. Raises ConfigError as that does."""
    key, memory = _key(path), data_dir / FILE_NAME
    known = _known(memory)
    if key in known and (config := _recalled(known[key])) is not None:
        return config
    from mailsync.config.load import load_config

    checked = load_config(path, missing_ok=missing_ok)
    if key and key == _key(path) and data_dir.is_dir():  # else it was written meanwhile
        with contextlib.suppress(OSError, TypeError, ValueError):
            known = dict([*known.items()][1 - KEPT :]) | {key: checked.model_dump()}
            write_private(memory, json.dumps(known).encode())
    return checked


def forget(data_dir: Path) -> None:
    """Remember nothing: an account that is removed leaves no address behind."""
    (data_dir / FILE_NAME).unlink(missing_ok=True)


def _key(path: Path) -> str:
    """A digest of what the configuration depends on; '' where that cannot be told."""
    try:
        with path.open("rb") as file:
            data, places = file.read(), [os.fstat(file.fileno())]
        places += [place.stat() for place in path.resolve().parents]
        with os.scandir(Path(mailsync.config.__file__).parent) as code:
            written = sorted((one.name, one.stat().st_mtime_ns, one.stat().st_size) for one in code if one.is_file())
    except OSError:
        return ""
    owners = [(place.st_uid, place.st_gid, place.st_mode) for place in places]
    about = [__version__, written, owners, os.geteuid(), str(path.absolute().parent), os.environ.get("HOME")]
    return hashlib.sha256(json.dumps(about).encode() + data).hexdigest()


def _known(memory: Path) -> dict[str, dict[str, Any]]:
    """What is remembered, by key, the oldest first."""
    try:
        known = json.loads(read_private(memory) or b"{}")
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _recalled(values: dict[str, Any]) -> Config | None:
    """A remembered configuration; None where a file that it names is gone."""
    accounts: dict[str, Any] = {name: Table(account) for name, account in values["accounts"].items()}
    if not all(Path(account.tls_ca_file).is_file() for account in accounts.values() if account.tls_ca_file):
        return None
    config = Table(values)
    config.__dict__.update(accounts=accounts, searches=values["searches"])  # not tables: their keys are names
    return cast("Config", config)
