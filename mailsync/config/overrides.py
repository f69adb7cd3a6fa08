"""What `[accounts.NAME.quirks]` says, as opposed to what it leaves to what is known of the server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_ADDED = ("disable", "enable")
"""Lists that add to what is known; the others replace it, so that an empty one says something."""


def given(quirks: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The keys of the table that say something, with their values: what `imap.quirks.override` takes."""
    return {key: value for key, value in quirks if value not in (None, "auto") and (value or key not in _ADDED)}
