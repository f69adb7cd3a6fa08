"""UID FETCH of a bounded number of messages, on its way behind other commands: what they are just before something is
done to them. What the server pushes of them meanwhile counts, too."""

from __future__ import annotations

from mailsync.errors import CommandRefused, ProtocolError
from mailsync.imap.line import Line
from mailsync.imap.protocol import Pending
from mailsync.imap.responses import Fetch, Response
from mailsync.imap.uidset import UidSet
from mailsync.record import record


@record(frozen=True)
class Question:
    """A FETCH on its way; `found` has the answers by UID."""

    pending: Pending
    found: dict[int, Fetch]


def begin_show(line: Line, uids: UidSet, items: str) -> Question:
    """Ask for `items`, which include UID, of messages of the open folder."""
    found: dict[int, Fetch] = {}

    def accept(response: Response) -> bool:
        if not isinstance(response, Fetch) or response.uid is None or response.uid not in uids:
            return False
        known = found.setdefault(response.uid, response)
        if known is not response:
            _add(known, response)
        return True

    return Question(line.protocol.begin("UID FETCH", f"UID FETCH {uids} ({items})".encode(), accept=accept), found)


async def shown(line: Line, question: Question) -> dict[int, Fetch]:
    """The answers by UID. A NO may mean that some are gone (RFC 2180 section 4.1): those that are there are told."""
    answer = await line.protocol.finish(question.pending)
    try:
        line.check(answer, "UID FETCH")
    except ProtocolError as error:
        raise error if line.closed is not None else line.fail(error) from None
    except CommandRefused:
        pass
    return question.found


def _add(known: Fetch, more: Fetch) -> None:
    """What was told of a message later; flags that were told last hold."""
    known.flags = more.flags if more.flags is not None else known.flags
    known.internaldate = known.internaldate or more.internaldate
    known.size = known.size if known.size is not None else more.size
    if more.sections:
        known.sections = {**known.sections, **more.sections}
    if more.extra:
        known.extra = {**known.extra, **more.extra}
