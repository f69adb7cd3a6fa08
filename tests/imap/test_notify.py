"""NOTIFY: what is asked for, what a server may refuse, and what is heard of folders that are not open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from mailsync.imap.connect import Endpoint
from mailsync.imap.responses import ListEntry, StatusEntry
from mailsync.imap.session import Session
from mailsync.privacy.secret import Password
from tests.servers.dovecot import Dovecot
from tests.servers.fake import Command, FakeServer, Link, box

OTHERS = "(personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))"
OPENED = "(selected-delayed (MessageNew (UID FLAGS) MessageExpunge FlagChange))"


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"INBOX": box(5)}) as running:
        running.capabilities = "IMAP4rev1 IDLE NOTIFY"
        yield running


@pytest.fixture
async def session(server: FakeServer) -> AsyncIterator[Session]:
    opened = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
    yield opened
    opened.close()


def answers(server: FakeServer, *tagged: str, said: bytes = b"") -> list[str]:
    """The answers to one NOTIFY after the other; gives what was asked."""
    left = list(tagged)
    asked: list[str] = []

    async def hook(link: Link, command: Command) -> bool:
        asked.append(command.text.decode())
        await link.send(said, f"{command.tag} {left.pop(0)}\r\n".encode())
        return True

    server.hooks["NOTIFY"] = hook
    return asked


async def test_what_is_asked_for(server: FakeServer, session: Session) -> None:
    asked = answers(server, "OK", "OK")
    assert await session.notify(selected=False)
    assert await session.notify(selected=True)
    assert asked == [f"SET STATUS {OTHERS}", f"SET STATUS {OPENED} {OTHERS}"]


def states(session: Session) -> str:
    """The state as plain text: it changes behind the type checker's back."""
    return session.state


async def test_idle_without_an_open_folder_hears_of_all(server: FakeServer, session: Session) -> None:
    """The first STATUS come before NOTIFY is answered; what is told twice of a folder is added up."""
    answers(server, "OK", said=b"* STATUS Lists (MESSAGES 9 UIDNEXT 10)\r\n")
    assert await session.notify(selected=False)
    assert await session.idle(5)  # those are news already
    waiting = asyncio.create_task(session.idle(5))
    await asyncio.sleep(0.05)
    assert states(session) == "idle"
    server.push(
        b"* STATUS Lists (MESSAGES 10)\r\n",
        b'* LIST (\\NonExistent) "/" Old\r\n* LIST () "/" New ("OLDNAME" (Old))\r\n',
        b"* STATUS Sent (UIDNEXT 5 MAILBOXID (F1))\r\n",
    )
    assert await asyncio.wait_for(waiting, 2)
    assert states(session) == "authenticated"
    assert session.notified[b"Lists"].items == {"MESSAGES": 10, "UIDNEXT": 10}
    told = session.take_notices()
    assert [one.raw_name for one in told] == [b"Old", b"New", b"Lists", b"Sent"]
    assert [type(one) for one in told] == [ListEntry, ListEntry, StatusEntry, StatusEntry]
    assert session.take_notices() == []
    assert await session.idle(0.02) is False


@pytest.mark.parametrize(
    ("tagged", "works", "last"),
    [
        (["NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName)]", "OK"], True, "FlagChange MailboxName))"),
        (["NO [BADEVENT (messagenew messageexpunge)]", "OK"], True, "(personal (MessageNew MessageExpunge))"),
        (["NO [BADEVENT (MessageNew FlagChange)]"], False, "SubscriptionChange))"),  # one needs the other
        (["NO [BADEVENT ()]"], False, "SubscriptionChange))"),
        (["NO [BADEVENT (MessageNew MessageExpunge)]"] * 2, False, "MessageExpunge))"),
        (["NO [NOTIFICATIONOVERFLOW] too many folders"], False, "SubscriptionChange))"),
        (["BAD what?"], False, "SubscriptionChange))"),
    ],
)
async def test_a_server_that_will_not_or_not_all(
    server: FakeServer, session: Session, tagged: list[str], works: bool, last: str
) -> None:
    asked = answers(server, *tagged, said=b"* STATUS Lists (MESSAGES 9)\r\n")
    assert await session.notify(selected=False) is works
    assert asked[-1].endswith(last)
    assert len(asked) == len(tagged)
    assert bool(session.take_notices()) is works
    assert session.offers("NOTIFY") is works
    if not works:
        assert not await session.notify(selected=False)
        assert len(asked) == len(tagged)


async def test_a_server_that_gives_up(server: FakeServer, session: Session) -> None:
    answers(server, "OK", "OK")
    assert await session.notify(selected=False)
    waiting = asyncio.create_task(session.idle(5))
    await asyncio.sleep(0.05)
    server.push(b"* OK [NOTIFICATIONOVERFLOW] too much happens here\r\n* STATUS Lists (MESSAGES 9)\r\n")
    assert await asyncio.wait_for(waiting, 2)
    assert session.overflowed
    assert session.take_notices() == []
    assert await session.notify(selected=False)  # may be tried again
    assert not session.overflowed


async def test_a_status_nobody_asked_for_is_no_notice_without_notify(server: FakeServer, session: Session) -> None:
    async def push(link: Link, command: Command) -> bool:
        await link.send(b"* STATUS Lists (MESSAGES 9)\r\n")
        return False

    server.hooks["NOOP"] = push
    await session.noop()
    assert session.take_notices() == []
    assert await session.idle(0.02) is False


async def heard(session: Session, count: int) -> list[StatusEntry | ListEntry]:
    """What is told until there are notices of so many folders."""
    told: list[StatusEntry | ListEntry] = []
    async with asyncio.timeout(10):
        while len({one.raw_name for one in told}) < count:
            await session.idle(2)
            told += session.take_notices()
    return told


async def test_dovecot(dovecot: Dovecot, fresh_user: str) -> None:
    dovecot.fill(fresh_user, "INBOX", [(b"Subject: 1\r\n\r\n", (), None)])
    dovecot.fill(fresh_user, "Other", [(b"Subject: 2\r\n\r\n", (), None)])
    endpoint = Endpoint("127.0.0.1", dovecot.port, "none")
    session = await Session.open(endpoint, fresh_user, Password(dovecot.users[fresh_user]))
    assert await session.notify(selected=False)
    assert {one.raw_name: one.items["MESSAGES"] for one in session.take_notices() if isinstance(one, StatusEntry)} == {
        b"INBOX": 1,
        b"Other": 1,
    }
    await session.idle(0.01)
    with dovecot.client(fresh_user) as other:
        other.append("Other", b"Subject: 3\r\n\r\n")
        (told,) = await heard(session, 1)
        assert isinstance(told, StatusEntry)
        assert (told.raw_name, told.items["MESSAGES"], told.items["UIDNEXT"]) == (b"Other", 2, 3)
        other.store("INBOX", [1], "+FLAGS", "\\Seen")
        (told,) = await heard(session, 1)
        assert isinstance(told, StatusEntry)
        assert told.raw_name == b"INBOX"
        assert "HIGHESTMODSEQ" in told.items
        other.create("New")
        assert any(isinstance(one, ListEntry) and one.raw_name == b"New" for one in await heard(session, 1))
    await session.logout()


async def test_dovecot_with_an_open_folder(dovecot: Dovecot, fresh_user: str) -> None:
    """Pushed without IDLE too: any answer brings it."""
    dovecot.fill(fresh_user, "INBOX", [(b"Subject: %d\r\n\r\n" % number, (), None) for number in range(3)])
    endpoint = Endpoint("127.0.0.1", dovecot.port, "none")
    session = await Session.open(endpoint, fresh_user, Password(dovecot.users[fresh_user]))
    opened = await session.examine(b"INBOX")
    assert await session.notify(selected=True)
    with dovecot.client(fresh_user) as other:
        other.append("INBOX", b"Subject: new\r\n\r\n")
        async with asyncio.timeout(10):
            while not opened.arrived:
                await session.idle(2)
        assert (opened.exists, opened.disturbed) == (4, False)
        opened.arrived = False
        other.expunge("INBOX", [2])
        other.store("INBOX", [1], "+FLAGS", "\\Seen")
        async with asyncio.timeout(10):
            while not (opened.vanished_now and any("\\Seen" in (one.flags or ()) for one in opened.flagged)):
                await session.idle(2)
        assert (opened.exists, opened.unexplained) == (3, False)
    await session.logout()
