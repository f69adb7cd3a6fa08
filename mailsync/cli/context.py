"""What the commands of one run share: the global options, and what is loaded when a command first asks for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mailsync.config import paths
from mailsync.errors import ConfigError, UsageError

if TYPE_CHECKING:
    import typer

    from mailsync.config.models import AccountConfig, Config
    from mailsync.store.database import Store


@dataclass
class Context:
    """The global options as given; `verbose` counts."""

    config_option: Path | None = None
    data_dir_option: Path | None = None
    verbose: int = 0
    read_only: bool = False
    in_a_hurry: bool = False
    """What was found right before is not checked again, and the loaded configuration cannot be copied."""
    _stores: list[Store] = field(default_factory=list)

    @cached_property
    def config_path(self) -> Path:
        return paths.config_path(self.config_option)

    @cached_property
    def data_dir(self) -> Path:
        return paths.data_dir(self.data_dir_option)

    @cached_property
    def config(self) -> Config:
        """The configuration; without a file, one without accounts. Raises ConfigError for a wrong one."""
        if self.in_a_hurry:
            from mailsync.cli.settings import settings

            return settings(self.config_path, self.data_dir, missing_ok=self.config_option is None)
        from mailsync.config.load import load_config

        # A file that was named must be there; the usual place may be empty.
        return load_config(self.config_path, missing_ok=self.config_option is None)

    def read_config(self) -> Config:
        """Read the configuration again: what an engine does when it is told to. The last account may be gone."""
        self.__dict__.pop("config", None)
        return self.config

    def accounts(self, names: Sequence[str] = ()) -> dict[str, AccountConfig]:
        """The named accounts, all for no names; ConfigError when there are none, UsageError for an unknown one."""
        known = self.config.accounts
        if not known:
            from mailsync.config.load import how_to_write

            raise ConfigError(f"no accounts in {self.config_path}", hint=how_to_write(self.config_path))
        for name in names:
            if name not in known:
                raise UsageError(f"no account {name} in {self.config_path}", hint=f"known: {', '.join(known)}")
        return {name: account for name, account in known.items() if not names or name in names}

    def store(self, *, create: bool = False) -> Store:
        """The open database. Without `create`, StoreError when there is none yet."""
        from mailsync.privacy import readonly
        from mailsync.store.database import Store

        readonly.forbid(self.read_only)  # whatever engine this process embeds

        if not self._stores:
            self._stores.append(Store.open(self.data_dir, create=create))
        return self._stores[0]

    @property
    def has_store(self) -> bool:
        """True once something was stored in the data directory."""
        from mailsync.store.database import FILE_NAME

        return (self.data_dir / FILE_NAME).exists()

    def start_log(self, *, engine: bool = False) -> None:
        """Log to stderr where -v asks for it, and an engine to its file as well, as `[general]` says."""
        from mailsync.privacy import log

        log.silence_libraries()
        stream = sys.stderr if self.verbose else None
        if stream is None and not engine:
            return
        known = "config" in self.__dict__
        try:
            general = self.config.general
            level, style = general.log_level, general.log_format
        except ConfigError:
            if engine:
                raise
            level, style = "info", "auto"  # a command that needs the configuration will say so itself
        if not known:
            self.__dict__.pop("config", None)  # the command may be about to change it
        if self.verbose:
            level = "debug" if self.verbose > 1 else "info"
        log.configure(level, stderr=stream, folder=self.data_dir if engine else None, style=style)

    def close(self) -> None:
        """Close what was opened."""
        while self._stores:
            self._stores.pop().close()


def of(ctx: typer.Context) -> Context:
    """The context of the run a command belongs to."""
    found = ctx.find_object(Context)
    assert found is not None
    return found
