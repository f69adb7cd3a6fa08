"""`mailsync sync` and `mailsync search` without the argument parser, which takes longer to load than they take in all.

Only plain lines are understood here; help, mistakes and every other command are the parser's, which then says the same
as ever. Both ways end in `asking.sync`, or in `searching.search`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from mailsync.cli.context import Context
from mailsync.config.paths import CONFIG_VARIABLE, DATA_DIR_VARIABLE

COMPLETION_VARIABLE = "_MAILSYNC_COMPLETE"
"""Set by the shell when it asks how a line could go on."""
_OPTION = re.compile(r"(--config|--data-dir|--folder)=(.+)", re.DOTALL)
_FLAGS = {"--full": "full", "--dry-run": "dry_run", "--json": "as_json"}
_SEARCH_OPTION = re.compile(r"(--limit|--offset|--sort)=(.+)")
_SEARCH_FLAGS = {"--saved": "saved", "--json": "as_json"}


def plain(arguments: Sequence[str], shared: Context) -> Callable[[], int] | None:
    """What carries out a plain `mailsync sync` or `search`, with the global options noted in `shared`; None for all
    else."""
    waiting = iter(_split(arguments, _OPTION))
    values: dict[str, str] = {}
    verbose, read_only = 0, False
    for word in waiting:
        if word in ("--config", "--data-dir"):
            values[word] = next(waiting, "-")
        elif word == "--verbose" or re.fullmatch("-v+", word):
            verbose += 1 if word == "--verbose" else len(word) - 1
        elif word == "--read-only":
            read_only = True
        elif word in ("sync", "search"):
            break
        else:
            return None
    else:
        return None
    run = _sync(waiting, shared) if word == "sync" else _search(waiting, shared)
    if run is None or COMPLETION_VARIABLE in os.environ:
        return None
    if any(value.startswith("-") or not value for value in values.values()):
        return None
    shared.config_option = _path(values.get("--config"), CONFIG_VARIABLE)
    shared.data_dir_option = _path(values.get("--data-dir"), DATA_DIR_VARIABLE)
    shared.verbose, shared.read_only, shared.in_a_hurry = verbose, read_only, True
    return run


def _sync(waiting: Iterable[str], shared: Context) -> Callable[[], int] | None:
    names: list[str] = []
    folders: list[str] = []
    flags = dict.fromkeys(_FLAGS.values(), False)
    words = iter(waiting)
    for word in words:
        if word == "--folder":
            folders.append(next(words, "-"))
        elif word in _FLAGS:
            flags[_FLAGS[word]] = True
        else:
            names.append(word)
    if any(word.startswith("-") or not word for word in (*names, *folders)):
        return None

    def run() -> int:
        from mailsync.cli import asking

        return asking.sync(shared, names, folders, **flags)

    return run


def _search(waiting: Iterable[str], shared: Context) -> Callable[[], int] | None:
    query: list[str] = []
    values: dict[str, str] = {}
    given: dict[str, Any] = {}
    words = iter(_split(waiting, _SEARCH_OPTION))
    for word in words:
        if word in ("--limit", "--offset", "--sort"):
            values[word[2:]] = next(words, "-")
        elif word in _SEARCH_FLAGS:
            given[_SEARCH_FLAGS[word]] = True
        else:
            query.append(word)
    for name, value in values.items():
        given[name] = int(value) if re.fullmatch("[0-9]{1,9}", value) and name != "sort" else value
    if any(word.startswith("-") for word in query) or given.get("sort", "date") not in ("date", "relevance"):
        return None
    if not all(isinstance(given.get(name, 1), int) for name in ("limit", "offset")) or given.get("limit") == 0:
        return None

    def run() -> int:
        from mailsync.cli import searching

        return searching.search(shared, query, **given)

    return run


def _split(words: Iterable[str], option: re.Pattern[str]) -> list[str]:
    """`--option=value` as two words."""
    found: list[str] = []
    for word in words:
        both = option.fullmatch(word)
        found += [both[1], both[2]] if both else [word]
    return found


def _path(option: str | None, variable: str) -> Path | None:
    value = option or os.environ.get(variable)
    return Path(value) if value else None
