"""EXAMINE and UID FETCH in one round trip, one folder or many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from mailsync.errors import CommandRefused, ConnectionLost, ProtocolError
from mailsync.imap.connect import Endpoint
from mailsync.imap.session import Opening, Session
from mailsync.imap.uidset import UidSet
from mailsync.privacy.secret import Password
from tests.servers.dovecot import Dovecot
from tests.servers.fake import Command, FakeServer, Link, box

ITEMS = "UID FLAGS BODY.PEEK[]"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"INBOX": box(5), "Other": box(2), "Ünïcode": box(3)}) as running:
        yield running


@pytest.fixture
async def session(server: FakeServer) -> AsyncIterator[Session]:
    opened = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
    yield opened
    opened.close()


async def read(opening: Opening) -> tuple[int, list[int | None]]:
    """EXISTS at the end, and the UIDs."""
    opened = await opening.box()
    found = [one.uid async for batch in opening.stream for one in batch]
    return opened.exists, found


async def test_many_folders_at_once(server: FakeServer, session: Session) -> None:
    """Each answer goes to its own folder, also what is pushed about the one before."""
    waiting: list[int] = []

    async def count(link: Link, command: Command) -> bool:
        await asyncio.sleep(0.03)  # all that comes without waiting for an answer has come
        waiting.append(link.unread_lines())
        if command.verb == "UID FETCH":
            await link.send(b"* 7 EXISTS\r\n")
        return False

    names = [b"INBOX", b"Other", b"&ANw-n&AO8-code"]
    first = await session.examine(b"INBOX")
    server.hooks |= {"EXAMINE": count, "UID FETCH": count}
    openings = [await session.begin_examine_fetch(name, "1:*", ITEMS, 1 << 20) for name in names]
    assert [await read(one) for one in openings] == [(7, [1, 2, 3, 4, 5]), (7, [1, 2]), (7, [1, 2, 3])]
    assert max(waiting) > 3
    assert first.exists == 5
    assert session.mailbox is await openings[-1].box()
    assert session.state == "selected"


async def test_a_folder_that_is_refused_leaves_the_next_alone(server: FakeServer, session: Session) -> None:
    await session.examine(b"INBOX")
    openings = [
        await session.begin_examine_fetch(name, UidSet([(1, 9)]), ITEMS, 1 << 20) for name in (b"nowhere", b"Other")
    ]

    async def closed(link: Link, command: Command) -> bool:
        await link.ok(command, "nothing is open", "BAD")
        return True

    with pytest.raises(CommandRefused, match="EXAMINE"):
        await openings[0].box()
    assert await read(openings[1]) == (2, [1, 2])
    server.hooks["UID FETCH"] = closed
    opening = await session.begin_examine_fetch(b"nowhere", "1:*", ITEMS, 1 << 20)
    with pytest.raises(CommandRefused, match="EXAMINE"):
        await opening.box()
    assert session.state == "authenticated"
    assert session.closed is None


async def test_an_empty_folder(server: FakeServer, session: Session) -> None:
    async def refuse(link: Link, command: Command) -> bool:
        await link.ok(command, "no such messages", "NO")
        return True

    server.boxes["Other"] = box(0)
    server.hooks["UID FETCH"] = refuse
    opening = await session.begin_examine_fetch(b"Other", "1:*", ITEMS, 1 << 20)
    assert await read(opening) == (0, [])
    assert opening.stream.refusals == ["no such messages"]


async def test_a_checkpoint_the_server_does_not_understand(server: FakeServer, session: Session) -> None:
    async def strict(link: Link, command: Command) -> bool:
        if b"(" not in command.text:
            return False
        await link.ok(command, "what?", "BAD")
        return True

    session.enabled = frozenset({"QRESYNC"})
    session.capabilities |= {"QRESYNC"}
    server.hooks["EXAMINE"] = strict
    opening = await session.begin_examine_fetch(b"Other", "1:*", ITEMS, 1 << 20, since=(1, 7))
    assert await read(opening) == (2, [1, 2])
    assert [one.text for _, one in server.commands if one.verb == "EXAMINE"] == [
        b'"Other" (QRESYNC (1 7))',
        b'"Other"',
    ]


async def test_what_the_checkpoint_tells_is_not_taken_for_an_answer(server: FakeServer, session: Session) -> None:
    async def examine(link: Link, command: Command) -> bool:
        await link.send(b"* 2 EXISTS\r\n* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (9))\r\n* VANISHED (EARLIER) 7\r\n")
        link.selected = server.boxes["Other"]
        await link.ok(command)
        return True

    session.enabled = frozenset({"QRESYNC"})
    session.capabilities |= {"QRESYNC"}
    server.hooks["EXAMINE"] = examine
    opening = await session.begin_examine_fetch(b"Other", "2:*", ITEMS, 1 << 20, since=(1, 7))
    opened = await opening.box()
    assert ([one.uid for one in opened.changed], opened.vanished) == ([1], UidSet([(7, 7)]))
    assert await read(opening) == (2, [2])


async def test_a_name_that_waits_for_a_go_ahead(server: FakeServer, session: Session) -> None:
    session.capabilities -= {"LITERAL+"}
    raw = "nöt utf7".encode()

    async def examine(link: Link, command: Command) -> bool:
        if command.args[0] != raw:
            return False
        link.selected = server.boxes["Other"]
        await link.send(b"* 2 EXISTS\r\n")
        await link.ok(command)
        return True

    server.hooks["EXAMINE"] = examine
    openings = [await session.begin_examine_fetch(name, "1:*", ITEMS, 1 << 20) for name in (raw, b"INBOX")]
    found = [await read(one) for one in openings]
    assert found == [(2, [1, 2]), (5, [1, 2, 3, 4, 5])]


@pytest.mark.parametrize("where", ["EXAMINE", "UID FETCH"])
async def test_a_cut(server: FakeServer, session: Session, where: str) -> None:
    async def cut(link: Link, command: Command) -> bool:
        link.cut()
        return True

    server.hooks[where] = cut
    opening = await session.begin_examine_fetch(b"Other", "1:*", ITEMS, 1 << 20)
    with pytest.raises((ConnectionLost, ProtocolError)):
        await read(opening)
    assert session.closed is not None


async def test_dovecot(dovecot: Dovecot, fresh_user: str) -> None:
    for number in range(1, 7):
        mail = [(b"Subject: %d %d\r\n\r\nx\r\n" % (number, one), (), None) for one in range(number)]
        dovecot.fill(fresh_user, f"f{number}", mail)
    endpoint = Endpoint("127.0.0.1", dovecot.port, "none")
    session = await Session.open(endpoint, fresh_user, Password(dovecot.users[fresh_user]))
    openings = [
        await session.begin_examine_fetch(b"f%d" % number, "1:*", ITEMS, 1 << 20) for number in (1, 2, 3, 9, 4, 5, 6)
    ]
    found: list[int] = []
    for opening in openings:
        try:
            opened = await opening.box()
        except CommandRefused:
            found.append(-1)
            continue
        bodies = [one.body async for batch in opening.stream for one in batch]
        assert len(bodies) == opened.exists
        assert all(body is not None and b"Subject: %d " % opened.exists in body for body in bodies)
        found.append(opened.exists)
    assert found == [1, 2, 3, -1, 4, 5, 6]
    await session.logout()


async def test_searches_behind_the_opening(server: FakeServer, session: Session) -> None:
    """Each has its own answer; one that is refused has none, and neither has a folder that is not opened."""

    async def refuse(link: Link, command: Command) -> bool:
        if link.selected is not None and b"DRAFT" not in command.text:
            return False
        await link.ok(command, "not that", "BAD")
        return True

    server.hooks["UID SEARCH"] = refuse
    opened, answers = await session.examine_searching(b"INBOX", ["ALL", "DRAFT", "UNSEEN"])
    assert opened.exists == 5
    assert session.mailbox is opened
    assert answers[0] == UidSet([(1, 5)])
    assert answers[1] is None
    assert answers[2] == await session.search("UNSEEN")
    with pytest.raises(CommandRefused):
        await session.examine_searching(b"nowhere", ["ALL", "UNSEEN"])
    assert session.state == "authenticated"
    assert (await session.examine(b"Other")).exists == 2
