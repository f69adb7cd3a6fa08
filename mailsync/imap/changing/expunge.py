"""UID EXPUNGE (RFC 4315 section 2.1): exactly these messages leave the server, where they are marked \\Deleted.

Never EXPUNGE and never CLOSE, which take what others have marked, too (RFC 4549 section 4.2.4).
"""

from __future__ import annotations

from mailsync.errors import CommandRefused
from mailsync.imap.changing.flags import some
from mailsync.imap.line import Line
from mailsync.imap.protocol import Pending
from mailsync.imap.uidset import UidSet
from mailsync.privacy import readonly


def begin_expunge(line: Line, uids: UidSet) -> Pending:
    """Take messages of the open folder away for good. CommandRefused where the server has no UIDPLUS."""
    readonly.require()
    if not line.offers("UIDPLUS", "IMAP4REV2"):
        raise CommandRefused("the server cannot expunge single messages (no UIDPLUS)", retry="never")
    return line.protocol.begin("UID EXPUNGE", f"UID EXPUNGE {some(uids)}".encode())
