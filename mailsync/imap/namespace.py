"""NAMESPACE (RFC 2342): where an account's own folders begin."""

from __future__ import annotations

from mailsync.imap.line import Line
from mailsync.imap.responses import Namespace, Response


async def personal(line: Line) -> tuple[bytes, str | None] | None:
    """The raw prefix and the hierarchy delimiter of the personal namespace; None where the server does not tell."""
    if not line.offers("NAMESPACE"):
        return None
    found: list[Namespace] = []

    def accept(response: Response) -> bool:
        if isinstance(response, Namespace):
            found.append(response)
            return True
        return False

    answer = await line.protocol.finish(line.protocol.begin("NAMESPACE", accept=accept))
    if answer.status != "OK" or not found or not found[-1].personal:
        return None
    return found[-1].personal[0]
