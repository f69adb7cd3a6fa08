"""UID MOVE (RFC 6851): messages go to another folder, each at once.

A server may stop in the middle of a MOVE and say NO; what it has moved by then is told by COPYUID, before that.
"""

from __future__ import annotations

from mailsync.imap.changing.copy import Transfer, begin_transfer
from mailsync.imap.line import Line
from mailsync.imap.uidset import UidSet


def begin_move(line: Line, uids: UidSet, raw_name: bytes) -> Transfer:
    """Messages of the open folder go to another one; `finish_transfer` has the answer."""
    return begin_transfer(line, "UID MOVE", uids, raw_name)
