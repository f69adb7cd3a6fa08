"""UID STORE (RFC 3501 section 6.4.6): flags and keywords given or taken, those that are not named are left alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mailsync.errors import ProtocolError
from mailsync.imap.changing.append import can_be_sent
from mailsync.imap.line import Line
from mailsync.imap.protocol import Pending
from mailsync.imap.uidset import UidSet
from mailsync.privacy import readonly

Sign = Literal["+", "-"]
MOST = 1000
"""Messages of one command: the line stays far below the 8,192 octets of RFC 7162 section 4."""


def begin_store(line: Line, uids: UidSet, sign: Sign, names: Sequence[str]) -> Pending:
    """Give (+) or take (-) flags of the open folder; `finish` tells whether the server took it."""
    readonly.require()
    wrong = [name for name in names if not can_be_sent(name)]
    if wrong or not names:
        raise ProtocolError(f"{len(wrong)} of {len(names)} flags cannot be sent in a command", retry="never")
    command = f"UID STORE {some(uids)} {sign}FLAGS.SILENT ({' '.join(names)})"
    return line.protocol.begin("UID STORE", command.encode())


def some(uids: UidSet) -> str:
    """The messages of one command, as they are written. None at all, or too many, are never what was approved."""
    if not 0 < len(uids) <= MOST:
        raise ValueError(f"{len(uids):,} messages in one command")
    return str(uids)
