"""CREATE and SUBSCRIBE (RFC 3501 sections 6.3.3 and 6.3.6)."""

from __future__ import annotations

from mailsync.imap.encode import begin_parts, mailbox
from mailsync.imap.line import Line
from mailsync.imap.responses import Tagged
from mailsync.privacy import readonly


async def create(line: Line, raw_name: bytes) -> bool:
    """Make a folder; False when it is there already (ALREADYEXISTS, RFC 5530). CommandRefused when it cannot be."""
    answer = await _ask(line, "CREATE", raw_name)
    if answer.status == "NO" and answer.code is not None and answer.code.name == "ALREADYEXISTS":
        return False
    line.check(answer, "CREATE")
    return True


async def subscribe(line: Line, raw_name: bytes) -> None:
    """Have other clients show a folder; whether the server does so is its own affair."""
    await _ask(line, "SUBSCRIBE", raw_name)


async def _ask(line: Line, verb: str, raw_name: bytes) -> Tagged:
    readonly.require()
    parts = [f"{verb} ".encode(), mailbox(raw_name)]
    return await line.protocol.finish(begin_parts(line.protocol, verb, parts, line.capabilities))
