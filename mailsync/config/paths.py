"""Where config.toml and the data directory are: an option, else the environment, else the platform's convention."""

from __future__ import annotations

import os
import stat
from pathlib import Path

CONFIG_VARIABLE = "MAILSYNC_CONFIG"
DATA_DIR_VARIABLE = "MAILSYNC_DATA_DIR"
OVERFLOW_UID = 65534
"""How owners look that a user namespace does not know, root outside of a container among them."""


def config_path(option: Path | None = None) -> Path:
    """The configuration file, absolute; it need not exist."""
    return _chosen(option, CONFIG_VARIABLE) or _platform("config") / "config.toml"


def data_dir(option: Path | None = None) -> Path:
    """The data directory, absolute; it need not exist."""
    return _chosen(option, DATA_DIR_VARIABLE) or _platform("data")


def exposed(path: Path) -> tuple[str, str] | None:
    """The folder by which another user could put another file at `path`: what is wrong, and the command that mends it.

    The folders above the name count, and those above what a symbolic link points to. In a folder with the sticky bit
    only the owner of an entry replaces it (POSIX.1-2008, <sys/stat.h>). None where users have no numbers.
    """
    if not hasattr(os, "geteuid"):
        return None
    name, target = path.absolute(), path.resolve()
    for folder in dict.fromkeys((*name.parents, *target.parents)):
        status = folder.stat()
        known = {os.geteuid(), 0} | ({OVERFLOW_UID} if folder not in (name.parent, target.parent) else set())
        if status.st_uid not in known:
            return f"{folder} belongs to another user", f"keep it in a folder of yours, or: chown $USER {folder}"
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX:
            return f"{folder} is writable by others", f"run: chmod go-w {folder}"
    return None


def _chosen(option: Path | None, variable: str) -> Path | None:
    value = str(option) if option is not None else os.environ.get(variable, "")
    return Path(value).expanduser().absolute() if value else None


def _platform(kind: str) -> Path:
    # Here and not above: nobody who names both places needs it.
    import platformdirs

    if kind == "config":
        return platformdirs.user_config_path("mailsync", appauthor=False)
    return platformdirs.user_data_path("mailsync", appauthor=False)
