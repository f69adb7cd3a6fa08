"""The log: what happened, to which account, how much. Never what a message says, who wrote it, or a folder's name.

    log = get_logger("engine")
    log.info("sync_finished", account="work", new=12, seconds=1.5)

An event is a fixed word; the fields are numbers, and texts under the names of `TEXT_FIELDS`, which hold words of this
program or an account's name in config.toml. Any other text is replaced by its length. So a mistake at a call site
costs a gap in the log, not someone's privacy. Until `configure` was called, logging does nothing and costs nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Literal, TextIO

Level = Literal["debug", "info", "warning", "error"]
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

FILE_NAME = "mailsync.log"
FILE_BYTES = 1 << 20
FILE_COUNT = 3
"""Old files kept beside the current one: days of ordinary running, never more than a few megabytes."""

TEXT_FIELDS = frozenset(
    {"account", "action", "error", "event", "kind", "level", "logger", "reason", "stage", "state", "status", "strategy"}
    | {"timestamp", "version", "watch"}
)
_WORD = re.compile(r"[\w .:/+-]{0,80}", re.ASCII)

_threshold = 100


class Logger:
    """Writes events of one part of the program."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, event: str, **fields: Any) -> None:
        self._log("debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._log("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._log("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._log("error", event, fields)

    def _log(self, level: Level, event: str, fields: dict[str, Any]) -> None:
        if _LEVELS[level] >= _threshold:
            import structlog

            getattr(structlog.get_logger(), level)(event, logger=self._name, **fields)


def get_logger(name: str) -> Logger:
    """The logger of a part of the program, named in each of its lines."""
    return Logger(name)


def configure(level: Level = "info", *, stderr: TextIO | None = None, folder: Path | None = None) -> None:
    """Start logging at `level` to a stream, to `mailsync.log` in `folder` (0600, rotated), or both.

    Of other libraries' warnings only the origin is told: some write what a server sent, tokens included.
    """
    global _threshold
    import logging

    import structlog

    from mailsync.privacy.logfile import ForeignRecords, PrivateFile

    close()
    logging.getLogger().addHandler(ForeignRecords(_foreign))
    logger = logging.getLogger("mailsync")
    logger.propagate = False
    logger.setLevel(_LEVELS[level])
    if stderr is not None:
        logger.addHandler(logging.StreamHandler(stderr))
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        logger.addHandler(PrivateFile(folder / FILE_NAME, FILE_BYTES, FILE_COUNT))
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            _redact,
            structlog.processors.LogfmtRenderer(
                key_order=["timestamp", "level", "logger", "event", "account"], drop_missing=True, bool_as_flag=False
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=lambda *_: logger,
        cache_logger_on_first_use=False,
    )
    _threshold = _LEVELS[level]


def close() -> None:
    """Stop logging and close the file."""
    global _threshold
    _threshold = 100
    if "logging" not in sys.modules:
        return
    import logging

    for logger in (logging.getLogger("mailsync"), logging.getLogger()):
        for handler in list(logger.handlers):
            if logger.name == "mailsync" or type(handler).__name__ == "ForeignRecords":
                logger.removeHandler(handler)
                handler.close()


def _foreign(origin: str, error: str | None) -> None:
    get_logger(origin).warning("library_warning", error=error)


def error_name(error: BaseException) -> str:
    """What a log may say about an exception: its type, since its text may quote a server or a message."""
    return type(error).__name__


def _redact(logger: Any, method: str, fields: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: _harmless(key, value) for key, value in fields.items()}


def _harmless(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, BaseException):
        return error_name(value)
    text = str(value)
    if key in TEXT_FIELDS and _WORD.fullmatch(text):
        return text
    return f"[{len(text)} characters]"
