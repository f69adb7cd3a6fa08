"""`mailsync sync` without the argument parser, which takes longer to load than a sync that finds nothing takes in all.

Only plain lines are understood here; help, mistakes and every other command are the parser's, which then says the same
as ever. Both end in `asking.sync`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from mailsync.cli.context import Context
from mailsync.config.paths import CONFIG_VARIABLE, DATA_DIR_VARIABLE

COMPLETION_VARIABLE = "_MAILSYNC_COMPLETE"
"""Set by the shell when it asks how a line could go on."""
_OPTION = re.compile(r"(--config|--data-dir|--folder)=(.+)", re.DOTALL)
_FLAGS = {"--full": "full", "--dry-run": "dry_run", "--json": "as_json"}


def plain_sync(arguments: Sequence[str], shared: Context) -> Callable[[], int] | None:
    """What carries out a plain `mailsync sync`, with the global options noted in `shared`; None for all else."""
    words: list[str] = []
    for word in arguments:
        option = _OPTION.fullmatch(word)
        words += [option[1], option[2]] if option else [word]
    waiting = iter(words)
    values: dict[str, str] = {}
    verbose, read_only = 0, False
    for word in waiting:
        if word in ("--config", "--data-dir"):
            values[word] = next(waiting, "-")
        elif word == "--verbose" or re.fullmatch("-v+", word):
            verbose += 1 if word == "--verbose" else len(word) - 1
        elif word == "--read-only":
            read_only = True
        elif word == "sync":
            break
        else:
            return None
    else:
        return None
    names: list[str] = []
    folders: list[str] = []
    flags = dict.fromkeys(_FLAGS.values(), False)
    for word in waiting:
        if word == "--folder":
            folders.append(next(waiting, "-"))
        elif word in _FLAGS:
            flags[_FLAGS[word]] = True
        else:
            names.append(word)
    if any(word.startswith("-") or not word for word in (*names, *folders, *values.values())):
        return None
    if COMPLETION_VARIABLE in os.environ:
        return None
    shared.config_option = _path(values.get("--config"), CONFIG_VARIABLE)
    shared.data_dir_option = _path(values.get("--data-dir"), DATA_DIR_VARIABLE)
    shared.verbose, shared.read_only, shared.in_a_hurry = verbose, read_only, True
    from mailsync.cli import asking

    return lambda: asking.sync(shared, names, folders, **flags)


def _path(option: str | None, variable: str) -> Path | None:
    value = option or os.environ.get(variable)
    return Path(value) if value else None
