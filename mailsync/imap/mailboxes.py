"""Folders: LIST with STATUS, STATUS alone, EXAMINE with and without a checkpoint (QRESYNC, CONDSTORE)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field

from mailsync.imap.encode import Literal, begin_parts, mailbox, render
from mailsync.imap.line import Line
from mailsync.imap.protocol import PATIENCE, Pending
from mailsync.imap.responses import (
    Code,
    Condition,
    Exists,
    Fetch,
    Flags,
    ListEntry,
    Recent,
    Response,
    StatusEntry,
    Tagged,
    Vanished,
)
from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.record import record

STATUS_ITEMS = ("MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN")
LONGEST_LINE = 8000
"""Octets of a command (RFC 7162 section 4 allows 8192): a longer list of known UIDs is left out."""
EXTRAS = "STATUS extras"
"""In `Line.without`: STATUS is asked for nothing beyond RFC 3501 and HIGHESTMODSEQ."""
MOST = 20_000_000
"""Messages of a folder that may be believed when it comes to how many answers are too many."""
PUSHED_LIMIT = 10_000
"""Pushed flag changes that are kept; whoever changes more has the folder compared as a whole."""


@record
class Mailbox:
    """What EXAMINE told, and what was pushed since."""

    raw_name: bytes
    exists: int = 0
    uidvalidity: int | None = None
    uidnext: int | None = None
    highestmodseq: int | None = None
    """None when the folder has no MODSEQ (NOMODSEQ, or a number that is not above 0)."""
    mailboxid: str = ""
    """MAILBOXID (RFC 8474), '' where the server does not tell."""
    flags: tuple[str, ...] = ()
    """The FLAGS response: the flags and keywords of this folder, where the server keeps a list of them."""
    permanent_flags: tuple[str, ...] | None = None
    """PERMANENTFLAGS of a SELECT: what can be kept here, `\\*` for any keyword; None where the server does not tell."""
    changed: list[Fetch] = field(default_factory=list)
    """What a QRESYNC EXAMINE told of messages changed or new since the checkpoint: uid, flags, modseq."""
    vanished: UidSet = EMPTY
    """VANISHED (EARLIER): may name UIDs that never were; never expand it, intersect it with what is held."""
    arrived: bool = False
    """More messages than at EXAMINE."""
    disturbed: bool = False
    """Flags changed or messages vanished since EXAMINE."""
    vanished_now: UidSet = EMPTY
    """Pushed VANISHED: gone since EXAMINE."""
    flagged: list[Fetch] = field(default_factory=list)
    """Pushed FETCH with UID and FLAGS, in the order they came."""
    expunged: list[int] = field(default_factory=list)
    """Pushed EXPUNGE: sequence numbers in the order they came, each counted after the one before was gone."""
    unexplained: bool = False
    """Something was pushed that `vanished_now`, `flagged` and `expunged` do not tell: only a comparison helps."""

    def take_pushed(self) -> tuple[UidSet, list[Fetch]]:
        """`vanished_now` and `flagged`, which are empty after that; `disturbed`, `expunged` and `unexplained` too."""
        pushed = self.vanished_now, self.flagged
        self.vanished_now, self.flagged, self.expunged = EMPTY, [], []
        self.disturbed = self.unexplained = False
        return pushed

    def note_flags(self, answer: Fetch) -> None:
        """A FETCH nobody asked for; of a message that has just arrived (NOTIFY tells so) it is no disturbance."""
        new = self.arrived and self.uidnext is not None and (answer.uid or 0) >= self.uidnext
        self.disturbed = self.disturbed or not new
        if answer.uid is None or answer.flags is None or len(self.flagged) >= PUSHED_LIMIT:
            self.unexplained = True
        else:
            self.flagged.append(answer)


@record
class Listed:
    """A folder of LIST, with its STATUS where the server gave one."""

    entry: ListEntry
    status: dict[str, int] = field(default_factory=dict)
    mailboxid: str = ""


# -- LIST and STATUS -------------------------------------------------------------------------------------------


class Listing:
    """LIST on its way, with STATUS in the same round trip where LIST-STATUS (RFC 5819) is offered."""

    def __init__(self, line: Line, *, status: bool = True, sizes: bool = False) -> None:
        self.asked = _asked(line, status=status, sizes=sizes)
        self.groups = _return_options(line, status=status, sizes=sizes)
        """The groups of options that were asked for: what has to be given up where they are refused."""
        self.found: dict[bytes, Listed] = {}
        self.statuses: dict[bytes, StatusEntry] = {}
        text = f" RETURN ({' '.join(filter(None, self.groups.values()))})" if self.groups else ""
        self.pending = line.protocol.begin("LIST", b'LIST "" "*"' + text.encode(), accept=self._accept)

    def ask_status(self, line: Line, raw_names: Iterable[bytes]) -> list[Pending]:
        """STATUS of folders that there should be, behind LIST where that does not tell it; what comes is in
        `statuses`, what is refused is asked for again."""
        items = status_items(line)
        waiting: list[Pending] = []
        for raw_name in raw_names if "LIST STATUS" not in self.groups else ():
            parts = [b"STATUS ", mailbox(raw_name), f" ({' '.join(items)})".encode()]
            if len(render(parts, line.capabilities)) == 1:
                waiting.append(begin_parts(line.protocol, "STATUS", parts, line.capabilities, self._accept))
        return waiting

    def _accept(self, response: Response) -> bool:
        if isinstance(response, ListEntry):
            self.found.setdefault(response.raw_name, Listed(response))
        elif isinstance(response, StatusEntry):
            self.statuses[response.raw_name] = response
        else:
            return False
        return True


async def list_folders(
    line: Line, *, status: bool = True, sizes: bool = False, early: Listing | None = None
) -> list[Listed]:
    """Every selectable folder, with STATUS in the same round trip where LIST-STATUS (RFC 5819) is offered.

    With `sizes` also SIZE (RFC 8438), where offered: an upper bound of the bytes, which may cost the server a look at
    every message. Return options that the server answers with BAD or NO are left out one group at a time, and stay so.
    `early` was asked during the sign-in; it counts where it asks for what is asked for by all that is known now.
    """
    listing = early
    if listing is None or listing.asked != _asked(line, status=status, sizes=sizes):
        listing = Listing(line, status=status, sizes=sizes)
    while True:
        answer = await line.protocol.finish(listing.pending)
        groups = listing.groups
        if answer.status == "OK" or not groups or (answer.status == "BAD" and not line.misunderstood(answer)):
            break
        line.without |= {next(iter(groups))}
        listing = Listing(line, status=status, sizes=sizes)
    line.check(answer, "LIST")
    folders = [
        listed
        for listed in listing.found.values()
        if not {name.lower() for name in listed.entry.attributes} & {"\\noselect", "\\nonexistent"}
    ]
    for listed in folders:
        if listed.entry.raw_name in listing.statuses:
            _take_status(listed, listing.statuses[listed.entry.raw_name])
    if status:
        await fill_status(line, [listed for listed in folders if not listed.status], sizes=sizes)
    return folders


def _asked(line: Line, *, status: bool, sizes: bool) -> tuple[dict[str, str], tuple[str, ...]]:
    """What LIST and STATUS are asked for by all that is known now."""
    return _return_options(line, status=status, sizes=sizes), status_items(line, sizes=sizes)


def _return_options(line: Line, *, status: bool, sizes: bool) -> dict[str, str]:
    """The groups of LIST RETURN options by name, the most doubtful first.

    All that is of use is asked for, since Dovecot 2.4 then tells nothing but what was asked for.
    """
    groups: dict[str, str] = {}
    if status and line.offers("LIST-STATUS"):
        items = status_items(line, sizes=sizes)
        if items != status_items(line, plain=True):
            groups[EXTRAS] = ""
        groups["LIST STATUS"] = f"STATUS ({' '.join(items)})"
    if line.offers("LIST-EXTENDED"):
        groups["LIST SUBSCRIBED CHILDREN"] = "SUBSCRIBED CHILDREN"
    if line.offers("SPECIAL-USE"):
        groups["LIST SPECIAL-USE"] = "SPECIAL-USE"
    order = (EXTRAS, "LIST SUBSCRIBED CHILDREN", "LIST SPECIAL-USE", "LIST STATUS")
    return {name: groups[name] for name in order if name in groups and name not in line.without}


def status_items(line: Line, *, sizes: bool = False, plain: bool = False) -> tuple[str, ...]:
    """What to ask STATUS for."""
    items: tuple[str, ...] = STATUS_ITEMS
    if line.offers("CONDSTORE") and line.quirks.trust_modseq:
        items += ("HIGHESTMODSEQ",)
    if plain or EXTRAS in line.without:
        return items
    if line.offers("OBJECTID", "OBJECTID+"):
        items += ("MAILBOXID",)
    if sizes and line.offers("STATUS=SIZE"):
        items += ("SIZE",)
    return items


async def fill_status(line: Line, folders: Sequence[Listed], *, sizes: bool = False) -> None:
    """STATUS for each folder, pipelined; a folder that answers NO keeps an empty status."""
    items = status_items(line, sizes=sizes)
    for start in range(0, len(folders), line.quirks.pipeline):
        part = folders[start : start + line.quirks.pipeline]
        waiting: list[Pending] = []
        for listed in part:
            pending, single = _begin_status(line, listed, items)
            if not single:
                await line.protocol.finish(pending)
            waiting.append(pending)
        answers = [await line.protocol.finish(pending) for pending in waiting]
        if EXTRAS not in line.without and any(map(line.misunderstood, answers)):
            line.without |= {EXTRAS}
            items = status_items(line)
            await fill_status(line, [listed for listed in part if not listed.status])


def _begin_status(line: Line, listed: Listed, items: Sequence[str]) -> tuple[Pending, bool]:
    """STATUS of one folder on its way, and whether others may follow at once."""

    def accept(response: Response) -> bool:
        if isinstance(response, StatusEntry) and response.raw_name == listed.entry.raw_name:
            _take_status(listed, response)
            return True
        return False

    parts = [b"STATUS ", mailbox(listed.entry.raw_name), f" ({' '.join(items)})".encode()]
    single = len(render(parts, line.capabilities)) == 1
    return begin_parts(line.protocol, "STATUS", parts, line.capabilities, accept), single


def _take_status(listed: Listed, told: StatusEntry) -> None:
    listed.status = told.items
    listed.mailboxid = told.strings.get("MAILBOXID", "")


async def status(line: Line, raw_name: bytes) -> dict[str, int] | None:
    """STATUS of one folder; None when the server says, without a code or with NONEXISTENT, that there is none."""
    listed = Listed(ListEntry(frozenset(), None, raw_name))
    items = status_items(line)
    answer = await line.protocol.finish(_begin_status(line, listed, items)[0])
    if line.misunderstood(answer) and items != status_items(line, plain=True):
        line.without |= {EXTRAS}
        return await status(line, raw_name)
    if answer.status == "NO" and (answer.code is None or answer.code.name == "NONEXISTENT"):
        return None
    line.check(answer, "STATUS")
    return listed.status


# -- EXAMINE ---------------------------------------------------------------------------------------------------


async def examine(
    line: Line, raw_name: bytes, *, since: tuple[int, int] | None = None, known: UidSet | None = None
) -> Mailbox:
    """Open a folder read-only (law 4); CommandRefused when the server will not.

    `since` is the UIDVALIDITY and MODSEQ of the checkpoint: with QRESYNC enabled the server then tells in `changed` and
    `vanished` what became of the folder meanwhile (RFC 7162 section 3.2.5), nothing when the UIDVALIDITY is another
    one. `known` limits that to these UIDs, so without it arrivals are told too. A parameter that the server answers
    with BAD is not used again on this connection.
    """
    while True:
        extension, words = parameter(line, since, known)
        pending, box, _ = begin_examine(line, raw_name, words, tells=extension == "QRESYNC")
        answer = await line.protocol.finish(pending)
        if not line.misunderstood(answer) or not extension:
            line.check(answer, pending.name)
            return box
        line.latch_off(extension)


def parameter(line: Line, since: tuple[int, int] | None, known: UidSet | None) -> tuple[str, str]:
    """The extension to open a folder with, and its select parameter; '' for neither."""
    if since is not None and since[1] > 0 and "QRESYNC" in line.enabled and line.offers("QRESYNC"):
        numbers = f"{since[0]} {since[1]}"
        text = f" {known}" if known else ""
        return "QRESYNC", f" (QRESYNC ({numbers}{text if len(text) < LONGEST_LINE else ''}))"
    if line.offers("CONDSTORE") and line.quirks.trust_modseq:
        return "CONDSTORE", " (CONDSTORE)"
    return "", ""


def begin_examine(
    line: Line, raw_name: bytes, words: str, *, tells: bool = False, writing: bool = False
) -> tuple[Pending, Mailbox, bool]:
    """EXAMINE on its way: the command, the mailbox it will fill, and whether another command may follow at once.

    `words` is the second text of `parameter`. With `tells`, FETCH and VANISHED until its end are about what happened
    since a checkpoint; `writing` is for `changing.select` alone. What the server says while an earlier command waits
    is about the folder that was open before.
    """
    box = Mailbox(raw_name)
    protocol = line.protocol

    def accept(response: Response) -> bool:
        if not protocol.is_next(pending):
            return False
        match response:
            case Exists(count):
                box.exists = max(box.exists, count)  # Zimbra sends several; the last and largest holds
                protocol.patience = PATIENCE + 4 * min(box.exists, MOST)  # each message may be told of in this answer
            case Condition(code=code) if code is not None:
                return _take_code(box, code)
            case Flags(names=names):
                box.flags = names
            case Recent():
                pass
            case Fetch() if tells:
                box.changed.append(response)
            case Vanished(uids=uids) if tells:
                box.vanished |= uids
            case _:
                return False
        return True

    def opened(answer: Tagged) -> None:
        line.mailbox = box if answer.status == "OK" else None
        line.states.move("selected" if line.mailbox else "authenticated")
        line.pushed.clear()
        if box.highestmodseq is not None and (box.highestmodseq <= 0 or not line.quirks.trust_modseq):
            box.highestmodseq = None

    verb = "SELECT" if writing or line.quirks.select_not_examine else "EXAMINE"
    parts: list[bytes | Literal] = [f"{verb} ".encode(), mailbox(raw_name), words.encode()]
    if not protocol.busy:
        line.mailbox = None
    single = len(render(parts, line.capabilities)) == 1
    pending = begin_parts(protocol, verb, parts, line.capabilities, accept, opened)
    return pending, box, single


def _take_code(box: Mailbox, code: Code) -> bool:
    match code.name:
        case "UIDVALIDITY":
            box.uidvalidity = code.number()
        case "UIDNEXT":
            box.uidnext = code.number()
        case "HIGHESTMODSEQ":
            box.highestmodseq = code.number()
        case "NOMODSEQ":
            box.highestmodseq = None
        case "PERMANENTFLAGS":
            box.permanent_flags = code.words()
        case "MAILBOXID":
            box.mailboxid = code.raw.strip(b"() ").decode("ascii", "replace")
        case "CLOSED":  # RFC 7162 section 3.2.11: all before this was about the folder that was open
            box.exists, box.changed, box.vanished = 0, [], EMPTY
        case _:
            return False
    return True


async def unselect(line: Line) -> bool:
    """Leave the open folder without expunging anything (RFC 3691); False where the server has no way to do so."""
    if line.mailbox is None:
        return True
    if not line.offers("UNSELECT"):
        return False
    await line.ok(line.protocol.begin("UNSELECT"))
    line.mailbox = None
    line.states.move("authenticated")
    return True
