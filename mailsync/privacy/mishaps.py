"""What is told of an error nobody expected: its type and its place. Its text may quote a server or a secret."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading


def place(error: BaseException) -> str:
    """`module:line` of the innermost of our own frames, of the innermost at all where none is ours."""
    return place_of(error.__traceback__)


def place_of(trace: TracebackType | None) -> str:
    """`place` of a traceback; "unknown:0" of none."""
    found = "unknown:0"
    ours = False
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", "unknown"))
        if (own := module.partition(".")[0] == "mailsync") or not ours:
            found, ours = f"{module}:{trace.tb_lineno}", ours or own
        trace = trace.tb_next
    return found


def outline(error: BaseException) -> str:
    """A traceback without texts of errors: every error of the chain by its type, with its frames and source lines."""
    import traceback

    lines: list[str] = []
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        kind = type(following)
        frames = ["Traceback (most recent call last):\n", *traceback.format_tb(following.__traceback__)]
        lines[:0] = [*frames, f"{kind.__module__}.{kind.__qualname__}\n", *(["\nand then:\n\n"] if lines else [])]
        if isinstance(following, BaseExceptionGroup):
            lines += [line for inner in following.exceptions for line in ("\nin it:\n\n", outline(inner))]
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    return "".join(lines)


def watch() -> None:
    """From now on, errors that nobody catches go to the log as type and place; without a log, to stderr as such."""
    import threading

    def in_thread(event: threading.ExceptHookArgs) -> None:
        if event.exc_value is not None and not isinstance(event.exc_value, SystemExit):
            _tell(event.exc_value)

    def anywhere(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        del kind
        _tell(error.with_traceback(trace))

    def unraisable(event: sys.UnraisableHookArgs) -> None:
        if event.exc_value is not None:
            _tell(event.exc_value)

    threading.excepthook = in_thread
    sys.excepthook = anywhere
    sys.unraisablehook = unraisable


def _tell(error: BaseException) -> None:
    from mailsync.privacy import log

    if log.configured():
        log.get_logger("process").error("unexpected_error", exc_info=error)
    elif sys.stderr is not None:
        print(f"error: unexpected {type(error).__name__} at {place(error)}", file=sys.stderr)
