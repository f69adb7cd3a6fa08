"""UID SEARCH, answered as ESEARCH (RFC 4731) or as SEARCH, whichever the server sees fit. Never with CHARSET."""

from __future__ import annotations

from collections.abc import Sequence

from mailsync.imap.line import Line
from mailsync.imap.protocol import Pending
from mailsync.imap.responses import ESearch, Response, Search, Tagged
from mailsync.imap.uidset import EMPTY, UidSet

PIECE = 1 << 30
"""UIDs in one `within`: only the length of the text counts."""


class Question:
    """One UID SEARCH and what was answered."""

    def __init__(self, line: Line, criteria: str, returns: str, *, alone: bool = True, ahead: bool = False) -> None:
        self.found = EMPTY
        self._alone = alone
        self.count: int | None = None
        self.criteria = criteria
        self.extended = bool(returns) and line.offers("ESEARCH")
        words = f"UID SEARCH RETURN ({returns}) {criteria}" if self.extended else f"UID SEARCH {criteria}"
        self._protocol = line.protocol
        self.pending: Pending = line.protocol.begin(
            "UID SEARCH", words.encode("ascii"), accept=self._accept, ahead=ahead
        )

    def _accept(self, response: Response) -> bool:
        match response:
            # A plain answer names no question, and Dovecot gives several before it says OK to the first: in pipelined
            # searches each answer is for the first question that has none yet.
            case Search(uids=uids) if self._protocol.is_next(self.pending) if self._alone else self.count is None:
                self.found |= uids
                self.count = len(self.found)
            case ESearch(tag=tag) if tag == self.pending.tag or (tag is None and self._protocol.is_next(self.pending)):
                self.found |= response.all or response.partial or EMPTY
                self.count = response.count if response.count is not None else len(self.found)
            case _:
                return False
        return True


async def search(line: Line, criteria: str = "ALL", *, within: UidSet | None = None) -> UidSet:
    """The UIDs in the open folder that meet `criteria` (ASCII), those of `within` only where that is given.

    An empty answer proves nothing when EXISTS is not 0: some servers answer so when they mean an error.
    """
    if within is None:
        return (await search_many(line, [criteria]))[0]
    pieces = [f"UID {piece} {criteria}" for piece in within.split(PIECE)]
    found = EMPTY
    for part in await search_many(line, pieces):
        found |= part
    return found


async def search_many(line: Line, criteria: Sequence[str]) -> list[UidSet]:
    """The answers to several searches in their order, in as many round trips as the server's pipeline is short."""
    found: list[UidSet] = []
    for start in range(0, len(criteria), line.quirks.pipeline):
        found += await _ask(line, criteria[start : start + line.quirks.pipeline])
    return found


def begin(line: Line, criteria: Sequence[str]) -> list[Question]:
    """Searches on their way behind a command that will open the folder."""
    return [Question(line, one, "ALL", alone=False, ahead=True) for one in criteria]


async def _ask(line: Line, criteria: Sequence[str]) -> list[UidSet]:
    questions = [Question(line, one, "ALL", alone=len(criteria) == 1) for one in criteria]
    answers = [await line.protocol.finish(question.pending) for question in questions]
    found: list[UidSet] = []
    for question, answer in zip(questions, answers, strict=True):
        if line.misunderstood(answer) and question.extended:
            question, answer = await _plainly(line, question.criteria)
        line.check(answer, "SEARCH")
        found.append(question.found | await _beyond(line, question, answer))
    return found


async def _plainly(line: Line, criteria: str) -> tuple[Question, Tagged]:
    """Ask without RETURN what was BAD with it: if that works, ESEARCH does not, on this connection."""
    question = Question(line, criteria, "")
    answer = await line.protocol.finish(question.pending)
    if answer.status == "OK":
        line.latch_off("ESEARCH")
    return question, answer


async def _beyond(line: Line, question: Question, answer: Tagged) -> UidSet:
    """What is below the lowest message that a server with MESSAGELIMIT (RFC 9738) has looked at."""
    found, criteria = EMPTY, question.criteria
    while answer.code is not None and answer.code.name == "MESSAGELIMIT":
        words = answer.code.words()
        lowest = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        if lowest <= 1:
            break
        question = Question(line, f"UID 1:{lowest - 1} {criteria}", "ALL")
        answer = await line.ok(question.pending)
        found |= question.found
    return found


async def count(line: Line, criteria: str) -> int | None:
    """How many messages of the open folder meet `criteria`, without their UIDs; None where ESEARCH is not offered."""
    if not line.offers("ESEARCH"):
        return None
    question = Question(line, criteria, "COUNT")
    answer = await line.protocol.finish(question.pending)
    if line.misunderstood(answer):
        question, answer = await _plainly(line, criteria)
    line.check(answer, "SEARCH")
    return question.count


async def newest(line: Line, most: int, criteria: str = "ALL") -> UidSet | None:
    """The `most` highest UIDs of those that meet `criteria` (PARTIAL, RFC 9394); None where that is not offered."""
    if not line.offers("PARTIAL") or not line.offers("ESEARCH"):
        return None
    question = Question(line, criteria, f"PARTIAL -1:-{most}")
    answer = await line.protocol.finish(question.pending)
    if line.misunderstood(answer):
        line.latch_off("PARTIAL")
        return None
    line.check(answer, "SEARCH")
    return question.found
