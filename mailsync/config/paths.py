"""Where config.toml and the data directory are: an option, else the environment, else the platform's convention."""

from __future__ import annotations

import os
from pathlib import Path

CONFIG_VARIABLE = "MAILSYNC_CONFIG"
DATA_DIR_VARIABLE = "MAILSYNC_DATA_DIR"


def config_path(option: Path | None = None) -> Path:
    """The configuration file, absolute; it need not exist."""
    return _chosen(option, CONFIG_VARIABLE) or _platform("config") / "config.toml"


def data_dir(option: Path | None = None) -> Path:
    """The data directory, absolute; it need not exist."""
    return _chosen(option, DATA_DIR_VARIABLE) or _platform("data")


def _chosen(option: Path | None, variable: str) -> Path | None:
    value = str(option) if option is not None else os.environ.get(variable, "")
    return Path(value).expanduser().absolute() if value else None


def _platform(kind: str) -> Path:
    # Here and not above: nobody who names both places needs it.
    import platformdirs

    if kind == "config":
        return platformdirs.user_config_path("mailsync", appauthor=False)
    return platformdirs.user_data_path("mailsync", appauthor=False)
