"""Questions to a person at a terminal. They go to stderr: what a program reads from stdout stays a document."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO, TypeVar

from mailsync.cli.output import note
from mailsync.errors import MailsyncError, UsageError
from mailsync.text import safe_text

T = TypeVar("T")


def is_there() -> bool:
    """Somebody can read a question and answer it."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def styled(stream: TextIO) -> bool:
    """`stream` is a terminal that bold letters may be sent to (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def ask(question: str, default: str = "") -> str:
    """A line, without the blanks around it; `default` for an empty one. UsageError when the input ends."""
    _show(f"{question} [{default}]: " if default else f"{question}: ")
    line = sys.stdin.readline()
    if not line:
        raise UsageError("the input ended before the last question", hint="the same by flags: see --help")
    return line.strip() or default


def ask_until(question: str, read: Callable[[str], T], default: str = "") -> T:
    """Ask until `read` takes the answer; what it raises is told."""
    while True:
        answer = ask(question, default)
        try:
            return read(answer)
        except MailsyncError as error:
            complain(error)


def ask_secret(question: str) -> str:
    """A line that is not shown."""
    import getpass

    try:
        return getpass.getpass(safe_text(f"{question}: "), stream=None)
    except EOFError:
        raise UsageError("the input ended before the last question", hint="the same by flags: see --help") from None


def confirm(question: str, *, default: bool) -> bool:
    """Yes or no; anything else is asked again."""
    while True:
        answer = ask(f"{question} ({'Y/n' if default else 'y/N'})").lower()
        if answer in ("", "y", "yes", "n", "no"):
            return answer[:1] == "y" if answer else default
        note("y or n?")


def complain(error: MailsyncError) -> None:
    """What went wrong and what to try, before the same is asked again."""
    note(f"  {error}")
    if error.hint:
        note(f"  {error.hint}")


def _show(text: str) -> None:
    print(safe_text(text), end="", file=sys.stderr, flush=True)
