"""UID COPY (RFC 3501 section 6.4.7), and what COPYUID (RFC 4315 section 3) tells of where messages have gone.

COPY is all or nothing. The two sets of COPYUID belong together in the order they are written in, which need not be
ascending: that order is kept, and what does not fit the request is told as a contradiction.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailsync.errors import ConnectionLost, MailsyncError, Throttled
from mailsync.imap import throttle
from mailsync.imap.changing.flags import some
from mailsync.imap.encode import begin_parts, mailbox, render
from mailsync.imap.line import NOT_THROTTLED, Line
from mailsync.imap.protocol import Pending
from mailsync.imap.responses import Code, Condition, Response
from mailsync.imap.uidset import MAX_UID, UidSet
from mailsync.privacy import readonly
from mailsync.record import record
from mailsync.text import safe_text

_FOLDER = frozenset({"TRYCREATE", "NONEXISTENT", "OVERQUOTA", "LIMIT", "EXPUNGEISSUED"})
"""Codes of a refusal that concern these folders and messages, and are no plea to slow down."""


@record(frozen=True)
class Moved:
    """What a server says of a COPY or MOVE: `status` is OK, NO or BAD, `why` its words for a refusal.

    `uids` are those in the target, whose UIDVALIDITY that is, by those here, as far as it tells; `contradiction` is how
    that does not fit what was asked, "" where it does.
    """

    status: str
    uidvalidity: int | None
    uids: dict[int, int]
    code: str
    why: str
    contradiction: str


@record(frozen=True)
class Transfer:
    """A COPY or MOVE on its way. Where it is not `single`, nothing may be sent before it is answered."""

    pending: Pending
    single: bool
    uids: UidSet
    told: list[Code]


def begin_copy(line: Line, uids: UidSet, raw_name: bytes) -> Transfer:
    """Copies of messages of the open folder for another one."""
    return begin_transfer(line, "UID COPY", uids, raw_name)


def begin_transfer(line: Line, verb: str, uids: UidSet, raw_name: bytes) -> Transfer:
    """A command whose arguments are messages and a folder that they go to."""
    readonly.require()
    told: list[Code] = []

    def accept(response: Response) -> bool:
        if isinstance(response, Condition) and response.code is not None and response.code.name == "COPYUID":
            told.append(response.code)
            return True
        return False

    parts = [f"{verb} {some(uids)} ".encode(), mailbox(raw_name)]
    single = len(render(parts, line.capabilities)) == 1
    return Transfer(begin_parts(line.protocol, verb, parts, line.capabilities, accept), single, uids, told)


async def finish_transfer(line: Line, transfer: Transfer) -> Moved:
    """The answer. Throttled where the server asks for a pause; ConnectionLost and the like when nobody knows."""
    try:
        answer = await line.protocol.finish(transfer.pending)
    except BaseException as error:
        if line.closed is None:
            line.fail(error if isinstance(error, MailsyncError) else ConnectionLost("a command was left"))
        raise
    name = answer.code.name if answer.code is not None else ""
    codes = [*transfer.told, *([answer.code] if answer.code is not None and name == "COPYUID" else [])]
    uidvalidity, uids, contradiction = _read(codes, transfer.uids)
    if answer.status == "OK":
        return Moved("OK", uidvalidity, uids, name, "", contradiction)
    seconds = throttle.hint(answer.text, None if name in _FOLDER else name or None)
    if seconds is not None and name not in NOT_THROTTLED and not uids:
        raise Throttled(f"the server asks us to slow down: {safe_text(answer.text, 200)}", resume_after=seconds)
    why = safe_text(f"[{name}] {answer.text}" if name else answer.text, 200) or "refused without a reason"
    return Moved(answer.status, uidvalidity, uids, name, why, contradiction)


def _read(codes: Sequence[Code], asked: UidSet) -> tuple[int | None, dict[int, int], str]:
    """UIDVALIDITY, the pairs, and what is wrong with them."""
    uidvalidity: int | None = None
    pairs: dict[int, int] = {}
    for code in codes:
        words = code.words()
        if len(words) < 3:
            continue  # Exchange says COPYUID with empty sets where nothing was there any more
        try:
            sources, targets = _in_order(words[1], len(asked)), _in_order(words[2], len(asked))
        except ValueError:
            return None, {}, "COPYUID is no pair of sets"
        if uidvalidity not in (None, code.number()):
            return None, {}, "COPYUID tells two UIDVALIDITYs"
        uidvalidity = code.number()
        if len(sources) != len(targets):
            return None, {}, f"COPYUID tells {len(sources)} messages here and {len(targets)} there"
        if any(uid not in asked for uid in sources):
            return None, {}, "COPYUID tells of messages that nobody asked for"
        known = len(pairs)
        pairs.update(zip(sources, targets, strict=True))
        if len(pairs) != known + len(sources) or len(set(pairs.values())) != len(pairs):
            return None, {}, "COPYUID tells of a message twice"
    return uidvalidity, pairs, ""


def _in_order(text: str, most: int) -> list[int]:
    """The numbers of a set in the order it is written in; ValueError where it is none, or has more than `most`."""
    found: list[int] = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        if not (first.isascii() and first.isdigit()) or (colon and not (last.isascii() and last.isdigit())):
            raise ValueError(text[:60])
        low, high = sorted((int(first), int(last) if colon else int(first)))
        if not 0 < low <= high <= MAX_UID or high - low + len(found) >= most:
            raise ValueError(text[:60])
        found.extend(range(low, high + 1))
    return found
