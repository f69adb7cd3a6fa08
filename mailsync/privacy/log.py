"""The log: what happened, to which account, how much. Never what a message says, who wrote it, or a folder's name.

    log = get_logger("engine")
    log.info("sync_finished", account="work", new=12, seconds=1.5)

An event is a fixed word; the fields are numbers, and texts under the names of `TEXT_FIELDS`, which have the form that
is told there. Any other text is replaced by its length. So a mistake at a call site costs a gap in the log, not
someone's privacy. Until `configure` was called, logging does nothing and costs nothing.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

from mailsync.privacy.mishaps import place

if TYPE_CHECKING:
    import logging

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "console"]
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

FILE_NAME = "mailsync.log"
FILE_BYTES = 1 << 20
FILE_COUNT = 3
"""Old files kept beside the current one: days of ordinary running, never more than a few megabytes."""

TEXT_FIELDS: Mapping[str, str] = {
    "logger": r"[A-Za-z_][\w.]{0,63}",
    "event": r"[a-z][a-z0-9_]{0,39}",
    "account": r"[\w-]{1,80}",
    "error": r"[A-Za-z_]\w{0,63}",
    "place": r"[\w.]{1,100}:\d+",
    "kind": r"[a-z_]{1,20}",
}
"""What may be a text: words of this program, the name of an account in config.toml, the type and place of an error."""
FIRST_FIELDS = ("timestamp", "level", "logger", "event", "account")

_threshold = 100
_outputs: list[tuple[logging.Handler, Callable[..., Any]]] = []
"""Where lines go, and what makes them."""


class Logger:
    """Writes events of one part of the program. `exc_info` is an exception of which type and place are told."""

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


def configured() -> bool:
    """Whether lines go anywhere."""
    return bool(_outputs)


def silence_libraries() -> None:
    """Of what other libraries log only origin and type are kept, whoever listens, at every level.

    Some write what a server sent, tokens included; without this, what nobody listens to ends on stderr.
    """
    import logging

    from mailsync.privacy.foreign import ForeignRecords, bare_record

    logging.setLogRecordFactory(bare_record)
    root = logging.getLogger()
    if not any(isinstance(handler, ForeignRecords) for handler in root.handlers):
        root.addHandler(ForeignRecords(_foreign))


def configure(
    level: Level = "info", *, stderr: TextIO | None = None, folder: Path | None = None, style: Format = "auto"
) -> None:
    """Start logging at `level` to a stream, to `mailsync.log` in `folder` (0600, rotated), or both.

    The file holds a JSON object a line. `style` is for the stream: "auto" are words for people on a terminal, JSON
    elsewhere.
    """
    global _threshold
    import logging

    import structlog

    from mailsync.privacy.logfile import PrivateFile

    close()
    silence_libraries()
    json = structlog.processors.JSONRenderer()
    if stderr is not None:
        words = style == "console" or (style == "auto" and stderr.isatty())
        _outputs.append((logging.StreamHandler(stderr), _console(stderr) if words else json))
    if folder is not None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _outputs.append((PrivateFile(folder / FILE_NAME, FILE_BYTES, FILE_COUNT), json))
    structlog.configure(
        processors=[
            _redact,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            _write,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.ReturnLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    _threshold = _LEVELS[level]


def _console(stream: TextIO) -> Callable[..., Any]:
    from structlog.dev import ConsoleRenderer, plain_traceback

    colours = stream.isatty() and not os.environ.get("NO_COLOR")
    # The other formatters of exceptions show the values of variables.
    return ConsoleRenderer(colors=colours, sort_keys=False, exception_formatter=plain_traceback)


def close() -> None:
    """Stop logging and close the file; other libraries say what they like again."""
    global _threshold
    _threshold = 100
    while _outputs:
        _outputs.pop()[0].close()
    if "logging" not in sys.modules:
        return
    import logging

    logging.setLogRecordFactory(logging.LogRecord)
    for handler in [one for one in logging.getLogger().handlers if type(one).__name__ == "ForeignRecords"]:
        logging.getLogger().removeHandler(handler)


def error_name(error: BaseException) -> str:
    """What a log may say about an exception: its type, since its text may quote a server or a message."""
    return type(error).__name__


def _foreign(origin: str, error: str | None, where: str | None) -> None:
    told = {"error": error, "place": where}
    get_logger(origin).warning("library_warning", **{key: value for key, value in told.items() if value})


def _redact(logger: Any, method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    del logger, method
    error = fields.pop("exc_info", None)
    if isinstance(error, BaseException):
        fields["error"], fields["place"] = error_name(error), place(error)
    return {key: _harmless(key, value) for key, value in fields.items()}


def _harmless(key: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, BaseException):
        return error_name(value)
    text, form = str(value), TEXT_FIELDS.get(key)
    if form is not None and re.fullmatch(form, text, re.ASCII):
        return text
    return f"[{len(text)} characters]"


def _write(logger: Any, method: str, fields: MutableMapping[str, Any]) -> str:
    import logging

    ordered = {key: fields[key] for key in FIRST_FIELDS if key in fields} | dict(fields)
    for handler, render in _outputs:
        line = render(logger, method, dict(ordered))
        handler.handle(logging.LogRecord("mailsync", _LEVELS[fields["level"]], "", 0, line, (), None))
    return ""
