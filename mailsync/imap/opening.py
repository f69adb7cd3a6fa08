"""EXAMINE and UID FETCH or UID SEARCH in one round trip: for what can be foreseen of a folder."""

from __future__ import annotations

from collections.abc import Sequence

from mailsync.errors import MailsyncError
from mailsync.imap import searching
from mailsync.imap.fetching import FetchStream
from mailsync.imap.line import Line
from mailsync.imap.mailboxes import Mailbox, begin_examine, parameter
from mailsync.imap.protocol import Pending
from mailsync.imap.uidset import UidSet


class Opening:
    """A folder on its way to being opened, with a FETCH behind it.

        opening = await session.begin_examine_fetch(raw_name, "1:*", "UID FLAGS BODY.PEEK[]", 4 << 20)
        box = await opening.box()            # what EXAMINE told; CommandRefused and so on when it was refused
        async for batch in opening.stream:   # as `session.fetch` gives it
            ...

    Read `stream` only after `box()`, to its end. `1:*` in an empty folder is refused by some servers: the stream then
    has `refusals` and no messages. Openings begun one after the other are answered in that order; while one is read,
    `session.mailbox` is the folder of the last that was opened.
    """

    def __init__(self, line: Line, raw_name: bytes, fetch: FetchArguments, since: tuple[int, int] | None) -> None:
        self._line = line
        self._raw_name = raw_name
        self._fetch = fetch
        self._since = since
        self.stream = self._new_stream()
        self._pending: Pending
        self._box: Mailbox
        self._extension = ""
        self._begun = False

    @classmethod
    async def begin(
        cls,
        line: Line,
        raw_name: bytes,
        uids: UidSet | str,
        items: str,
        batch_bytes: int,
        since: tuple[int, int] | None = None,
        changed_since: int | None = None,
    ) -> Opening:
        """Send both commands; returns at once, unless the folder's name has to wait for the server's go-ahead."""
        opening = cls(line, raw_name, (uids, items, batch_bytes, changed_since), since)
        await opening._send()
        return opening

    def _new_stream(self) -> FetchStream:
        uids, items, batch_bytes, changed_since = self._fetch
        modifier = "" if changed_since is None else f" (CHANGEDSINCE {changed_since})"
        return FetchStream(self._line.protocol, [uids], items, batch_bytes, 1, modifier)

    async def _send(self) -> None:
        self._extension, words = parameter(self._line, self._since, None)
        self._pending, self._box, single = begin_examine(
            self._line, self._raw_name, words, tells=self._extension == "QRESYNC"
        )
        self._begun = single or (await self._line.protocol.finish(self._pending)).status == "OK"
        if self._begun:
            self.stream.begin()

    async def box(self) -> Mailbox:
        """What EXAMINE told of the folder. Raises as `session.examine` does."""
        while True:
            answer = await self._line.protocol.finish(self._pending)
            if answer.status == "OK":
                return self._box
            if self._begun:
                await self._discard()
            if not self._line.misunderstood(answer) or not self._extension:
                self._line.check(answer, self._pending.name)
            self._line.latch_off(self._extension)
            self.stream = self._new_stream()
            await self._send()

    async def _discard(self) -> None:
        """Read the answer of the FETCH that came too late: no folder was open for it."""
        try:
            async for _ in self.stream:
                continue
        except MailsyncError:
            if self._line.closed is not None:
                raise


FetchArguments = tuple[UidSet | str, str, int, int | None]


async def examine_searching(
    line: Line, raw_name: bytes, criteria: Sequence[str]
) -> tuple[Mailbox, list[UidSet | None]]:
    """Open a folder without a parameter and search in it in one round trip; CommandRefused when it is not opened.

    None for a search that was not answered with a whole answer, whatever the reason: it can be asked again.
    """
    pending, box, single = begin_examine(line, raw_name, "")
    if not single:
        line.check(await line.protocol.finish(pending), pending.name)
    asked = searching.begin(line, criteria)
    answer = await line.protocol.finish(pending)
    answers = [await line.protocol.finish(question.pending) for question in asked]
    line.check(answer, pending.name)
    whole = (told.status == "OK" and (told.code is None or told.code.name != "MESSAGELIMIT") for told in answers)
    return box, [question.found if good else None for question, good in zip(asked, whole, strict=True)]
