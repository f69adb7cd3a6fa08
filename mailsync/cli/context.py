"""What the global options decided, and what commands share: configuration, store, output."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from mailsync.config.load import how_to_write, load_config
from mailsync.config.models import Config
from mailsync.config.paths import config_path, data_dir
from mailsync.errors import ConfigError, MailsyncError, UsageError
from mailsync.store.database import Store
from mailsync.text import safe_text


@dataclass
class Context:
    """Made once a run by `cli.main`; commands get it as `ctx.obj`."""

    config_option: Path | None = None
    data_dir_option: Path | None = None
    verbose: bool = False
    read_only: bool = False
    opened: list[Store] = field(default_factory=list)

    @cached_property
    def config_file(self) -> Path:
        return config_path(self.config_option)

    @cached_property
    def data_dir(self) -> Path:
        return data_dir(self.data_dir_option)

    def config(self, *, missing_ok: bool = False) -> Config:
        """Read config.toml; ConfigError when it is wrong, or not there unless `missing_ok`."""
        return load_config(self.config_file, missing_ok=missing_ok)

    def accounts(self, names: Sequence[str] = ()) -> Config:
        """The configuration with at least one account; UsageError for a name in `names` that it does not have."""
        config = self.config()
        if not config.accounts:
            raise ConfigError(f"{self.config_file} has no accounts", hint=how_to_write(self.config_file))
        for name in names:
            if name not in config.accounts:
                known = ", ".join(config.accounts)
                raise UsageError(f"no account {safe_text(name)!r}", hint=f"the configuration has: {known}")
        return config

    def store(self, *, create: bool = True) -> Store:
        """Open the database; it is closed when the command ends."""
        store = Store.open(self.data_dir, create=create)
        self.opened.append(store)
        return store

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


def emit(document: Any) -> None:
    """One JSON document on stdout. ASCII only, so that nothing in it can act on a terminal."""
    print(json.dumps(document, indent=2 if sys.stdout.isatty() else None), flush=True)


def say(text: str = "") -> None:
    """A line for a person on stdout."""
    print(text, flush=True)


def note(text: str) -> None:
    """A line for a person on stderr."""
    print(text, file=sys.stderr, flush=True)


def complain(error: MailsyncError) -> None:
    """An error the way every command tells it: one line, one hint."""
    note(f"error: {safe_text(str(error))}")
    if error.hint:
        note(f"hint: {safe_text(error.hint)}")
