"""Passwords in the environment: taken out of it at the start, so that no program started from here inherits them."""

from __future__ import annotations

import os
import re

PREFIX = "MAILSYNC_PASSWORD_"

_taken: dict[str, str] = {}


def variable(account: str) -> str:
    """The environment variable that may hold an account's password: MAILSYNC_PASSWORD_<NAME>."""
    return PREFIX + re.sub(r"[^A-Z0-9]", "_", account.upper())


def take() -> None:
    """Move the passwords out of this process's environment, where only `password` finds them."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        _taken[name] = os.environ.pop(name)


def password(account: str) -> str | None:
    """The password that the environment holds, or held, for an account."""
    name = variable(account)
    return os.environ.get(name) or _taken.get(name)


def for_children() -> dict[str, str]:
    """The environment for a program started from here: all of it but the passwords."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
