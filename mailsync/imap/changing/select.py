"""SELECT (RFC 3501 section 6.3.1): the one way to learn which flags a folder keeps, since EXAMINE tells none."""

from __future__ import annotations

from mailsync.errors import CommandRefused
from mailsync.imap.line import Line
from mailsync.imap.mailboxes import Mailbox, begin_examine
from mailsync.privacy import readonly


async def select(line: Line, raw_name: bytes) -> Mailbox:
    """Open a folder to be added to: `permanent_flags` tell what it keeps. It takes \\Recent from what is new there.

    CommandRefused when the server will not, or opens it read-only.
    """
    readonly.require()
    pending, box, _ = begin_examine(line, raw_name, "", writing=True)
    answer = await line.protocol.finish(pending)
    line.check(answer, "SELECT")
    if answer.code is not None and answer.code.name == "READ-ONLY":
        raise CommandRefused("the server lets nobody add to this folder: it opens it read-only", retry="never")
    return box
