"""What only Gmail's IMAP has (X-GM-EXT-1): labels as names."""

from __future__ import annotations

from mailsync.imap.names import decode_name
from mailsync.imap.responses import Fetch

LABELS = "X-GM-LABELS"


def labels(answer: Fetch) -> tuple[str, ...] | None:
    """The labels of a message as people read them, system ones as `\\Inbox`; None when the server did not tell them.

    On the wire a label is an atom (also one that begins with a backslash or a plus) or a quoted string, in modified
    UTF-7. The label of the folder that is open is left out by the server.
    """
    if LABELS not in answer.extra:
        return None
    value = answer.extra[LABELS]
    words = value if isinstance(value, tuple) else () if value is None else (value,)
    return tuple(decode_name(word if isinstance(word, bytes) else str(word).encode()) for word in words)
