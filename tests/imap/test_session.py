"""Typed commands against a scripted server: what is asked, what is made of the answers, what a failure leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from mailsync.errors import CommandRefused, ConnectionLost, MailsyncError, ProtocolError, Unreachable
from mailsync.imap import session as session_module
from mailsync.imap.connect import Endpoint
from mailsync.imap.session import Session
from mailsync.imap.uidset import UidSet
from mailsync.privacy.secret import Password
from tests.servers.fake import Box, Command, FakeServer, Link, box


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"INBOX": box(5), "Ünïcode": box(2), 'quote"d\\': Box()}) as running:
        yield running


@pytest.fixture
async def session(server: FakeServer) -> AsyncIterator[Session]:
    opened = await open_session(server)
    yield opened
    opened.close()


async def open_session(server: FakeServer) -> Session:
    return await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))


# Opening and closing


async def test_what_is_said_to_sign_in(server: FakeServer, session: Session) -> None:
    assert server.verbs() == ["CAPABILITY", "LOGIN", "CAPABILITY", "ID"]
    assert session.capabilities == {"IMAP4REV1", "LITERAL+", "IDLE", "ID"}
    assert session.server_id == {"name": "fake", "version": "1"}
    assert (server.commands[3][1].text).startswith(b'("name" "mailsync" "version" "')


async def test_capabilities_of_before_the_sign_in_are_forgotten(server: FakeServer) -> None:
    async def change(link: Link, command: Command) -> bool:
        server.capabilities = "IMAP4rev1 CONDSTORE"
        return False

    server.hooks["LOGIN"] = change
    session = await open_session(server)
    assert session.capabilities == {"IMAP4REV1", "CONDSTORE"}
    assert "ID" not in server.verbs()
    session.close()


async def test_a_server_that_greets_us_as_signed_in(server: FakeServer) -> None:
    server.greeting = b"* PREAUTH welcome back\r\n"
    session = await open_session(server)
    assert server.logins == []
    assert (await session.examine(b"INBOX")).exists == 5
    session.close()


@pytest.mark.parametrize("status", ["NO", "BAD"])
async def test_a_refused_introduction_is_of_no_consequence(server: FakeServer, status: str) -> None:
    async def refuse(link: Link, command: Command) -> bool:
        await link.ok(command, "who asked?", status)
        return True

    server.hooks["ID"] = refuse
    session = await open_session(server)
    await session.noop()
    await session.logout()
    assert server.verbs()[-2:] == ["NOOP", "LOGOUT"]


async def test_a_goodbye_in_the_middle_is_the_reason(server: FakeServer, session: Session) -> None:
    async def bye(link: Link, command: Command) -> bool:
        await link.send(b"* BYE maintenance\x07 in a minute\r\n")
        return True

    server.hooks["NOOP"] = bye
    with pytest.raises(ConnectionLost, match=r"said goodbye: maintenance. in a minute"):
        await session.noop()
    assert session.closed is not None
    await session.logout()  # never fails


async def test_a_server_that_does_not_answer_a_goodbye_is_left(server: FakeServer, session: Session) -> None:
    async def nothing(link: Link, command: Command) -> bool:
        await link.closed()
        return True

    server.hooks["LOGOUT"] = nothing
    await asyncio.wait_for(session.logout(), 4)
    assert session.closed is not None


async def test_silence_is_noticed_in_commands_but_not_between_them(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "SILENCE_SECONDS", 0.24)
    session = await open_session(server)
    await asyncio.sleep(0.5)
    await session.noop()  # nothing was asked, so nothing was owed

    async def nothing(link: Link, command: Command) -> bool:
        await link.closed()
        return True

    server.hooks["NOOP"] = nothing
    with pytest.raises(Unreachable, match="silent"):
        await asyncio.wait_for(session.noop(), 3)


# Folders


async def test_folders_with_their_status(server: FakeServer, session: Session) -> None:
    listed = {one.entry.name: one.status for one in await session.list_folders()}
    assert listed == {
        "INBOX": {"MESSAGES": 5, "UIDNEXT": 6, "UIDVALIDITY": 1, "UNSEEN": 5},
        "Ünïcode": {"MESSAGES": 2, "UIDNEXT": 3, "UIDVALIDITY": 1, "UNSEEN": 2},
        'quote"d\\': {"MESSAGES": 0, "UIDNEXT": 1, "UIDVALIDITY": 1, "UNSEEN": 0},
    }
    server.commands.clear()
    assert len(await session.list_folders(status=False)) == 3
    assert server.verbs() == ["LIST"]


async def test_a_folder_that_has_no_status_is_a_folder(server: FakeServer, session: Session) -> None:
    async def refuse(link: Link, command: Command) -> bool:
        if command.args[0] != b"INBOX":
            return False
        await link.ok(command, "not now", "NO")
        return True

    server.hooks["STATUS"] = refuse
    listed = {one.entry.name: one.status.get("MESSAGES") for one in await session.list_folders()}
    assert listed == {"INBOX": None, "Ünïcode": 2, 'quote"d\\': 0}


async def test_not_too_many_questions_at_once(server: FakeServer, session: Session) -> None:
    server.boxes |= {f"f{number}": Box() for number in range(60)}
    most: list[int] = []

    async def count(link: Link, command: Command) -> bool:
        for _ in range(0 if most else 1000):
            if link.unread_lines() >= session.quirks.pipeline - 1:
                break
            await asyncio.sleep(0.01)
        if len(most) % 20 == 0:
            await asyncio.sleep(0.05)  # all that will come has come
        most.append(1 + link.unread_lines())
        return False

    server.hooks["STATUS"] = count
    assert len(await session.list_folders()) == len(most) == 63
    assert max(most) == session.quirks.pipeline == 25


async def test_names_that_need_a_literal(server: FakeServer, session: Session) -> None:
    """A raw 8-bit name, as some servers list, has to travel as a literal: one at a time without LITERAL+."""
    raw = "nöt utf7".encode()
    texts = []

    async def listing(link: Link, command: Command) -> bool:
        for _ in range(2):
            await link.send(b'* LIST () "/" {%d}\r\n%s\r\n' % (len(raw), raw))
        await link.send(b'* LIST () "/" INBOX\r\n')
        await link.ok(command)
        return True

    async def status(link: Link, command: Command) -> bool:
        texts.append(command.text)
        if command.args[0] != raw:
            return False
        await link.send(b"* STATUS {%d}\r\n%s (MESSAGES 7)\r\n" % (len(raw), raw))
        await link.ok(command)
        return True

    server.hooks |= {"LIST": listing, "STATUS": status}
    for capabilities, marker in (
        ("IMAP4rev1 LITERAL+", b"{9+}"),
        ("IMAP4rev1 LITERAL-", b"{9+}"),
        ("IMAP4rev1", b"{9}"),
    ):
        session.capabilities = frozenset(capabilities.upper().split())
        listed = {one.entry.raw_name: one.status.get("MESSAGES") for one in await session.list_folders()}
        assert listed == {raw: 7, b"INBOX": 5}
        assert any(text.startswith(marker) for text in texts)
        texts.clear()


async def test_opening_a_folder(server: FakeServer, session: Session) -> None:
    server.boxes["INBOX"].modseq = 77
    session.capabilities |= {"CONDSTORE"}
    opened = await session.examine(b"INBOX")
    assert (opened.exists, opened.uidvalidity, opened.uidnext, opened.highestmodseq) == (5, 1, 6, 77)
    assert server.commands[-1][1].text == b'"INBOX" (CONDSTORE)'
    opened = await session.examine(b'quote"d\\')
    assert (opened.exists, opened.uidnext) == (0, 1)
    assert server.commands[-1][1].text == b'"quote\\"d\\\\" (CONDSTORE)'


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (b"* 500 EXISTS\r\n* 1000 EXISTS\r\n* 1623 EXISTS\r\n", (1623, None, None, None)),  # Zimbra
        (b"* 3 EXISTS\r\n* OK [UIDVALIDITY 9]\r\n* OK [UIDNEXT 4]\r\n", (3, 9, 4, None)),
        (b"* 3 EXISTS\r\n* OK [HIGHESTMODSEQ 0] x\r\n", (3, None, None, None)),
        (b"* 3 EXISTS\r\n* OK [HIGHESTMODSEQ -1] Zoho\r\n", (3, None, None, None)),
        (b"* 3 EXISTS\r\n* OK [HIGHESTMODSEQ 5] x\r\n* OK [NOMODSEQ] x\r\n", (3, None, None, None)),
        (b"* OK [UIDVALIDITY 9 x\r\n[UIDNEXT 4]\r\n* 3 EXISTS\r\n", (3, None, 4, None)),
        (b"", (0, None, None, None)),
    ],
)
async def test_odd_ways_to_say_what_a_folder_holds(
    server: FakeServer, session: Session, lines: bytes, expected: tuple[int | None, ...]
) -> None:
    async def odd(link: Link, command: Command) -> bool:
        await link.send(lines)
        await link.ok(command)
        return True

    server.hooks["EXAMINE"] = odd
    opened = await session.examine(b"INBOX")
    assert (opened.exists, opened.uidvalidity, opened.uidnext, opened.highestmodseq) == expected


async def test_a_refused_folder_leaves_the_session_usable(server: FakeServer, session: Session) -> None:
    await session.examine(b"INBOX")
    with pytest.raises(CommandRefused, match="refused EXAMINE"):
        await session.examine(b"nowhere")
    assert session.mailbox is None
    assert session.closed is None
    with pytest.raises(ProtocolError, match="not possible"):
        await session.search_uids()  # nothing is open
    assert (await session.examine(b"INBOX")).exists == 5
    assert await session.search_uids() == UidSet([(1, 5)])


@pytest.mark.parametrize(("status", "kind"), [("NO", CommandRefused), ("BAD", ProtocolError)])
async def test_tagged_refusals_are_errors_of_the_folder(
    server: FakeServer, session: Session, status: str, kind: type[MailsyncError]
) -> None:
    async def refuse(link: Link, command: Command) -> bool:
        await link.ok(command, "because\x1b[2J", status)
        return True

    await session.examine(b"INBOX")
    server.hooks["NOOP"] = server.hooks["UID SEARCH"] = refuse
    for call in (session.noop, session.search_uids):
        with pytest.raises(kind, match="because") as caught:
            await call()
        assert caught.value.scope == "folder"
        assert "\x1b" not in str(caught.value)
    assert session.closed is None
