"""One run of the command line: every way it can end, as an exit code and at most two lines on stderr."""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
from collections.abc import Sequence

from mailsync.cli import shortcut
from mailsync.cli.context import Context
from mailsync.errors import MailsyncError
from mailsync.text import safe_text

INTERRUPTED = 130
_HINTS = {
    errno.EEXIST: "name a directory, or what is not there yet",
    errno.ENOTDIR: "name a directory, or what is not there yet",
    errno.ENOSPC: "make room on that disk, then run it again",
    errno.EACCES: "name a place that this user may write to",
    errno.EROFS: "name a place that can be written to",
}


def run(arguments: Sequence[str] | None = None) -> int:
    """Parse and carry out a command; returns its exit code."""
    # Nobody extends the models from outside, and looking for plugins among all installed packages takes time.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character must not end the command.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    context = Context()
    try:
        return _guarded(arguments, context)
    finally:
        context.close()
        _flush()


def _guarded(arguments: Sequence[str] | None, context: Context) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        plain = shortcut.plain(words, context)
        result = _parsed(words, context) if plain is None else plain()
    except MailsyncError as error:
        report(str(error), error.hint)
        _trace(context, error)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted: what was committed is kept", file=sys.stderr)
        return INTERRUPTED
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except BrokenPipeError:
        return 1
    except sqlite3.Error as error:
        report(f"the database cannot be read: {error}", "check the disk; `mailsync db path` says where it is")
        _trace(context, error)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        report(f"{where}{error.strerror or type(error).__name__}", _HINTS.get(error.errno or 0, ""))
        _trace(context, error)
        return 1
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):  # typer's errors of usage
            return _usage(error)
        report(f"unexpected {type(error).__name__}", "run it again with -v before the command to see where")
        _trace(context, error)
        return 1
    return result if isinstance(result, int) else 0


def _parsed(arguments: list[str], context: Context) -> object:
    """Any command, by the argument parser; its errors of usage have `format_message`."""
    import typer

    from mailsync.cli.app import app

    command = typer.main.get_command(app)
    return command.main(args=arguments, prog_name="mailsync", standalone_mode=False, obj=context)


def report(message: str, hint: str = "") -> None:
    """One line that says what went wrong, and one that says what to try."""
    print(f"error: {safe_text(message)}", file=sys.stderr)
    if hint:
        print(f"hint: {safe_text(hint)}", file=sys.stderr)


def _usage(error: Exception) -> int:
    message = str(error.format_message()) if hasattr(error, "format_message") else str(error)
    if type(error).__name__ == "NoArgsIsHelpError":  # the message is the help of a group without its command
        print(message, file=sys.stderr)
        return 2
    message = message.replace(": Value error, ", ": ")  # what the check of an option puts before its own words
    path = getattr(getattr(error, "ctx", None), "command_path", "mailsync")
    report(message[:1].lower() + message[1:].rstrip("."), f"see: {path} --help")
    code = getattr(error, "exit_code", 2)
    return code if isinstance(code, int) else 2


def _trace(context: Context, error: BaseException) -> None:
    if context.verbose:
        from mailsync.privacy.mishaps import outline

        sys.stderr.write(outline(error))


def _flush() -> None:
    """Write what is buffered; when nobody reads it any more, say nothing about that."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            if stream is sys.stdout:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
