"""`--read-only`: whether this process may change a server at all, whatever was approved. Asked by `imap.changing`."""

from __future__ import annotations

from mailsync.errors import ConsentMissing

_forbidden = False


def forbid(forbidden: bool) -> None:
    """From here on nothing in this process changes a server; False takes it back."""
    global _forbidden
    _forbidden = forbidden


def forbidden() -> bool:
    """Nothing may be changed: what would ask for it can be left away."""
    return _forbidden


def require() -> None:
    """ConsentMissing where changes are forbidden."""
    if _forbidden:
        raise ConsentMissing("--read-only: nothing may be changed on a server", hint="run it again without that option")
