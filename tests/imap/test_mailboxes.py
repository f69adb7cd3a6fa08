"""Folders: what LIST is asked for and what when it will not, checkpoints, and what is pushed about the open folder."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import pytest

from mailsync.errors import CommandRefused
from mailsync.imap import mailboxes
from mailsync.imap.connect import Endpoint
from mailsync.imap.mailboxes import EXTRAS, Mailbox
from mailsync.imap.quirks import Quirks
from mailsync.imap.responses import Fetch
from mailsync.imap.session import Session
from mailsync.imap.uidset import EMPTY, MAX_UID, UidSet
from mailsync.privacy.secret import Password
from tests.servers.dovecot import Dovecot
from tests.servers.fake import Command, FakeServer, Link, box

LISTING = "IMAP4rev1 ID IDLE LIST-EXTENDED LIST-STATUS SPECIAL-USE CONDSTORE OBJECTID STATUS=SIZE"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"INBOX": box(5), "Other": box(2)}) as running:
        yield running


@pytest.fixture
async def session(server: FakeServer) -> AsyncIterator[Session]:
    opened = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
    yield opened
    opened.close()


def mailbox(session: Session) -> Mailbox:
    assert session.mailbox is not None
    return session.mailbox


# LIST


def refuses(server: FakeServer, words: str, status: str) -> list[str]:
    """LIST is refused when these words are in it; gives what it is asked for."""
    asked: list[str] = []

    async def hook(link: Link, command: Command) -> bool:
        text = command.text.decode()
        asked.append(text.partition("RETURN ")[2])
        if re.search(words, text):
            await link.ok(command, "cannot", status)
            return True
        for name in server.boxes:
            await link.send(f'* LIST () "/" {name}\r\n'.encode())
            if "STATUS" in text:
                extra = " MAILBOXID (F1) SIZE 9" if "SIZE" in text else ""
                await link.send(f"* STATUS {name} (MESSAGES 7{extra})\r\n".encode())
        await link.ok(command)
        return True

    server.hooks["LIST"] = hook
    return asked


ALL_OF_IT = (
    "(SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ MAILBOXID SIZE))"
)
PLAIN_STATUS = "STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)"


@pytest.mark.parametrize(
    ("words", "last"),
    [
        ("never", ALL_OF_IT),
        ("MAILBOXID", f"(SUBSCRIBED CHILDREN SPECIAL-USE {PLAIN_STATUS})"),
        ("SUBSCRIBED", f"(SPECIAL-USE {PLAIN_STATUS})"),
        ("SPECIAL-USE", f"({PLAIN_STATUS})"),
        ("RETURN", ""),
    ],
)
@pytest.mark.parametrize("status", ["BAD", "NO"])
async def test_options_that_a_server_refuses(server: FakeServer, words: str, last: str, status: str) -> None:
    server.capabilities = LISTING
    session = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
    asked = refuses(server, words, status)
    listed = await session.list_folders(sizes=True)
    assert asked[0] == ALL_OF_IT
    assert asked[-1] == last
    assert {one.entry.raw_name for one in listed} == {b"INBOX", b"Other"}
    assert [one.status.get("MESSAGES") for one in listed] == ([5, 2] if words == "RETURN" else [7, 7])
    assert [one.mailboxid for one in listed] == (["F1", "F1"] if words == "never" else ["", ""])
    tried = len(asked)
    await session.list_folders(sizes=True)
    assert asked[tried:] == [last]  # remembered
    session.close()


async def test_status_with_words_it_does_not_know(server: FakeServer, session: Session) -> None:
    session.capabilities |= {"OBJECTID", "STATUS=SIZE"}

    async def strict(link: Link, command: Command) -> bool:
        if b"MAILBOXID" not in command.text:
            return False
        await link.ok(command, "expected status-att", "BAD")
        return True

    server.hooks["STATUS"] = strict
    assert [one.status["MESSAGES"] for one in await session.list_folders()] == [5, 2]
    assert server.verbs().count("STATUS") == 4
    assert await session.status(b"Other")
    assert await session.status(b"gone") is None
    assert server.verbs().count("STATUS") == 6
    assert EXTRAS in session.without


# EXAMINE with a checkpoint


@pytest.mark.parametrize(
    ("known", "text"),
    [
        (None, b'"INBOX" (QRESYNC (67 90060115194045007))'),
        (UidSet([(41, 211), (214, 541)]), b'"INBOX" (QRESYNC (67 90060115194045007 41:211,214:541))'),
        (UidSet.from_uids(range(1, 6001, 2)), b'"INBOX" (QRESYNC (67 90060115194045007))'),  # too long a line
    ],
)
async def test_a_checkpoint(server: FakeServer, session: Session, known: UidSet | None, text: bytes) -> None:
    async def examine(link: Link, command: Command) -> bool:
        await link.send(
            b"* 9 EXISTS\r\n* VANISHED (EARLIER) 99\r\n* 3 FETCH (UID 3 FLAGS ())\r\n",
            b"* OK [CLOSED]\r\n* 314 EXISTS\r\n* OK [UIDVALIDITY 67]\r\n* OK [UIDNEXT 567]\r\n",
            b"* OK [HIGHESTMODSEQ 90060115205545359]\r\n* OK [MAILBOXID (F22)] ok\r\n",
            b"* VANISHED (EARLIER) 41,43:116\r\n* VANISHED (EARLIER) 211,500:4294967295\r\n",
            b"* 49 FETCH (UID 117 FLAGS (\\Seen) MODSEQ (90060115194045001))\r\n",
            b"* 50 FETCH (UID 119 MODSEQ (90060115194045308))\r\n",
        )
        await link.ok(command, "[READ-ONLY] done")
        return True

    session.enabled = frozenset({"QRESYNC"})
    session.capabilities |= {"QRESYNC", "CONDSTORE"}
    server.hooks["EXAMINE"] = examine
    opened = await session.examine(b"INBOX", since=(67, 90060115194045007), known=known)
    assert server.commands[-1][1].text == text
    assert (opened.exists, opened.highestmodseq, opened.mailboxid) == (314, 90060115205545359, "F22")
    assert opened.vanished == UidSet([(41, 41), (43, 116), (211, 211), (500, MAX_UID)])
    assert [(one.uid, one.flags, one.modseq) for one in opened.changed] == [
        (117, ("\\Seen",), 90060115194045001),
        (119, None, 90060115194045308),
    ]
    assert (opened.arrived, opened.disturbed) == (False, False)


@pytest.mark.parametrize(
    ("capabilities", "enabled", "since", "words"),
    [
        ({"QRESYNC", "CONDSTORE"}, set(), (1, 5), "CONDSTORE"),  # not enabled
        ({"CONDSTORE"}, {"QRESYNC"}, (1, 5), "CONDSTORE"),  # taken away
        ({"QRESYNC", "CONDSTORE"}, {"QRESYNC"}, (1, 0), "CONDSTORE"),  # 0 is no mod-sequence
        ({"QRESYNC", "CONDSTORE"}, {"QRESYNC"}, None, "CONDSTORE"),
        (set(), set(), (1, 5), ""),
    ],
)
async def test_no_checkpoint_where_it_is_of_no_use(
    server: FakeServer,
    session: Session,
    capabilities: set[str],
    enabled: set[str],
    since: tuple[int, int] | None,
    words: str,
) -> None:
    session.enabled = frozenset(enabled)
    session.capabilities |= capabilities
    await session.examine(b"INBOX", since=since)
    assert server.commands[-1][1].text.decode() == '"INBOX"' + (f" ({words})" if words else "")


async def test_parameters_that_a_server_does_not_know_are_left_out_for_good(
    server: FakeServer, session: Session
) -> None:
    async def strict(link: Link, command: Command) -> bool:
        if b"(" not in command.text:
            return False
        await link.ok(command, "what?", "BAD")
        return True

    session.enabled = frozenset({"QRESYNC", "CONDSTORE"})
    session.capabilities |= {"QRESYNC", "CONDSTORE"}
    server.hooks["EXAMINE"] = strict
    assert (await session.examine(b"INBOX", since=(1, 5))).exists == 5
    assert server.verbs().count("EXAMINE") == 3
    await session.examine(b"INBOX", since=(1, 5))
    assert server.verbs().count("EXAMINE") == 4
    assert not session.enabled
    session.learn({"CONDSTORE", "QRESYNC"})
    assert not session.capabilities


async def test_courier_is_asked_with_select(server: FakeServer) -> None:
    async def select(link: Link, command: Command) -> bool:
        await link.send(b"* 5 EXISTS\r\n")
        await link.ok(command)
        return True

    server.hooks["SELECT"] = select
    known = Quirks(select_not_examine=True)
    session = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"), quirks=known)
    assert (await session.examine(b"INBOX")).exists == 5
    assert server.verbs()[-1] == "SELECT"
    session.close()


async def test_a_modseq_that_cannot_be_trusted_is_none(server: FakeServer) -> None:
    server.boxes["INBOX"].modseq = 77
    server.capabilities = "IMAP4rev1 CONDSTORE"
    known = Quirks(trust_modseq=False)
    session = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"), quirks=known)
    assert (await session.examine(b"INBOX")).highestmodseq is None
    assert server.commands[-1][1].text == b'"INBOX"'
    session.close()


async def test_leaving_a_folder(server: FakeServer, session: Session) -> None:
    async def done(link: Link, command: Command) -> bool:
        await link.ok(command)
        return True

    server.hooks["UNSELECT"] = done
    assert await session.unselect()  # nothing is open
    await session.examine(b"INBOX")
    assert not await session.unselect()  # CLOSE would do, and expunge where SELECT was used
    session.capabilities |= {"UNSELECT"}
    assert await session.unselect()
    assert (session.state, session.mailbox) == ("authenticated", None)
    assert server.verbs()[-1] == "UNSELECT"


async def test_a_checkpoint_long_ago_may_tell_of_every_message(
    server: FakeServer, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More answers to one command than a server is believed to have reason for otherwise."""
    monkeypatch.setattr(mailboxes, "PATIENCE", 10)
    session.protocol.patience = 10
    count = 100

    async def examine(link: Link, command: Command) -> bool:
        await link.send(b"* %d EXISTS\r\n" % count)
        await link.send(b"".join(b"* %d FETCH (UID %d FLAGS ())\r\n" % (uid, uid) for uid in range(1, count + 1)))
        await link.ok(command)
        return True

    session.enabled = frozenset({"QRESYNC"})
    session.capabilities |= {"QRESYNC"}
    server.hooks["EXAMINE"] = examine
    assert len((await session.examine(b"INBOX", since=(1, 7))).changed) == count


# What is pushed


@pytest.mark.parametrize(
    ("pushed", "vanished", "flagged", "expunged", "unexplained", "exists"),
    [
        (b"* VANISHED 2,4\r\n", "2,4", [], [], False, 3),
        (b"* VANISHED 1:4294967295\r\n", "1:4294967295", [], [], False, 0),
        (b"* 2 EXPUNGE\r\n* 2 EXPUNGE\r\n", "", [], [2, 2], False, 3),
        (b"* 3 FETCH (UID 3 FLAGS (\\Seen))\r\n* 3 FETCH (UID 3 FLAGS ())\r\n", "", [(3, 1), (3, 0)], [], False, 5),
        (b"* 9 UIDFETCH (FLAGS (\\Seen))\r\n", "", [(9, 1)], [], False, 5),
        (b"* 3 FETCH (FLAGS (\\Seen))\r\n", "", [], [], True, 5),
        (b"* 3 FETCH (UID 3 MODSEQ (5))\r\n", "", [], [], True, 5),
        (b"* 4 EXISTS\r\n", "", [], [], True, 4),
    ],
)
async def test_what_is_pushed_is_kept(
    server: FakeServer,
    session: Session,
    pushed: bytes,
    vanished: str,
    flagged: list[tuple[int, int]],
    expunged: list[int],
    unexplained: bool,
    exists: int,
) -> None:
    async def push(link: Link, command: Command) -> bool:
        await link.send(pushed)
        return False

    await session.examine(b"INBOX")
    session.enabled = frozenset({"QRESYNC"})
    server.hooks["NOOP"] = push
    await session.noop()
    found = mailbox(session)
    assert (found.disturbed, found.exists) == (True, exists)
    assert (found.vanished_now, found.unexplained) == (UidSet.parse(vanished), unexplained)
    assert found.expunged == expunged
    taken = found.take_pushed()
    assert taken[0] == UidSet.parse(vanished)
    assert [(one.uid, len(one.flags or ())) for one in taken[1]] == flagged
    assert (found.disturbed, found.unexplained) == (False, False)
    assert (found.expunged, found.flagged, found.vanished_now) == ([], [], EMPTY)


async def test_a_push_in_the_same_segment_as_the_answer_to_examine(server: FakeServer, session: Session) -> None:
    async def examine(link: Link, command: Command) -> bool:
        await link.send(b"* 5 EXISTS\r\n", command.tag.encode(), b" OK done\r\n* 6 EXISTS\r\n* VANISHED 3\r\n")
        return True

    server.hooks["EXAMINE"] = examine
    opened = await session.examine(b"INBOX")
    await session.noop()
    assert (opened.arrived, opened.exists, opened.vanished_now) == (True, 6, UidSet([(3, 3)]))


def test_arrivals_that_are_told_with_their_flags_disturb_nothing() -> None:
    found = Mailbox(b"INBOX", exists=6, uidnext=6, arrived=True)
    found.note_flags(Fetch(6, 6, ()))
    calm = not found.disturbed
    found.arrived = False  # seen to
    found.note_flags(Fetch(6, 6, ("\\Seen",)))
    assert calm
    assert found.disturbed
    assert [one.flags for one in found.flagged] == [(), ("\\Seen",)]


def test_no_flood_of_pushes_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "PUSHED_LIMIT", 3)
    found = Mailbox(b"INBOX", exists=9)
    for number in range(1, 6):
        found.note_flags(Fetch(number, number, ()))
    assert (len(found.flagged), found.unexplained) == (3, True)


# A real server


async def test_dovecot_tells_what_became_of_a_folder(dovecot: Dovecot, fresh_user: str) -> None:
    dovecot.fill(fresh_user, "INBOX", [(b"Subject: %d\r\n\r\n" % number, (), None) for number in range(1, 21)])
    endpoint = Endpoint("127.0.0.1", dovecot.port, "none")
    session = await Session.open(endpoint, fresh_user, Password(dovecot.users[fresh_user]))
    (listed,) = [one for one in await session.list_folders(sizes=True) if one.entry.name == "INBOX"]
    assert listed.status["SIZE"] == sum(len(b"Subject: %d\r\n\r\n" % number) for number in range(1, 21))
    before = await session.examine(b"INBOX")
    assert (before.exists, before.changed, before.vanished) == (20, [], EMPTY)
    with dovecot.client(fresh_user) as other:
        other.store("INBOX", [3], "+FLAGS", "\\Flagged")
        other.expunge("INBOX", [5, 6])
        (new,) = [other.append("INBOX", b"Subject: new\r\n\r\n")]
        await session.noop()
        told = mailbox(session)
        assert (told.vanished_now, told.exists, told.unexplained) == (UidSet([(5, 6)]), 19, False)
        assert 3 in [one.uid for one in told.flagged]
        await session.unselect()
    assert before.uidvalidity is not None
    assert before.highestmodseq is not None
    since = (before.uidvalidity, before.highestmodseq)
    for known, changed in ((UidSet([(1, 20)]), {3}), (None, {3, new})):
        after = await session.examine(b"INBOX", since=since, known=known)
        assert after.vanished & UidSet([(1, 20)]) == UidSet([(5, 6)])
        assert {one.uid for one in after.changed} == changed
    other_validity = await session.examine(b"INBOX", since=(before.uidvalidity + 1, 1))
    assert (other_validity.changed, other_validity.vanished) == ([], EMPTY)
    with pytest.raises(CommandRefused):
        await session.examine(b"nowhere", since=(1, 1))
    await session.logout()
