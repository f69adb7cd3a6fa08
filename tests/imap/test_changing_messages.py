"""STORE, labels, COPY, MOVE and UID EXPUNGE: what is sent, what is never sent, and how COPYUID is read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from mailsync.errors import CommandRefused, ConsentMissing, ProtocolError
from mailsync.imap.changing.copy import begin_copy, finish_transfer
from mailsync.imap.changing.expunge import begin_expunge
from mailsync.imap.changing.flags import MOST, begin_store
from mailsync.imap.changing.labels import begin_label
from mailsync.imap.changing.move import begin_move
from mailsync.imap.connect import Endpoint
from mailsync.imap.session import Session
from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.privacy import readonly
from mailsync.privacy.secret import Password
from tests.servers.model_server import ModelServer
from tests.servers.scripted import Command, Link

UIDS = UidSet([(1, 3), (5, 5)])
VERBS: dict[str, Callable[[Session, UidSet], Any]] = {
    "UID STORE": lambda session, uids: begin_store(session, uids, "+", ["\\Seen", "Work"]),
    "UID COPY": lambda session, uids: begin_copy(session, uids, b"Old"),
    "UID MOVE": lambda session, uids: begin_move(session, uids, b"Old"),
    "UID EXPUNGE": begin_expunge,
}


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer("full") as one:
        one.mail.create("Old")
        for number in range(6):
            one.mail.append("INBOX", b"Subject: %d\r\n\r\n" % number)
        yield one


@pytest.fixture
async def session(server: ModelServer) -> AsyncIterator[Session]:
    one = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
    await one.examine(b"INBOX")
    yield one
    one.close()


@pytest.mark.parametrize("verb", VERBS)
async def test_nothing_is_sent_under_read_only_or_for_no_message(
    verb: str, server: ModelServer, session: Session
) -> None:
    for wrong in (EMPTY, UidSet([(1, MOST + 1)])):
        with pytest.raises(ValueError, match="messages in one command"):
            VERBS[verb](session, wrong)
    readonly.forbid(True)
    try:
        with pytest.raises(ConsentMissing):
            VERBS[verb](session, UIDS)
        with pytest.raises(ConsentMissing):
            begin_label(session, UIDS, "+", ["Work"])
    finally:
        readonly.forbid(False)
    await session.noop()
    assert verb not in server.verbs()


async def test_what_could_be_something_else_is_not_sent(session: Session) -> None:
    for name in ("", "a b", "a)", "x\r\nA1 DELETE INBOX", "é"):
        with pytest.raises(ProtocolError, match="cannot be sent"):
            begin_store(session, UIDS, "-", [name])
    session.capabilities -= {"UIDPLUS"}
    with pytest.raises(CommandRefused, match="UIDPLUS"):
        begin_expunge(session, UIDS)


async def test_labels_are_written_as_gmail_has_them(server: ModelServer, session: Session) -> None:
    sent: list[bytes] = []

    async def hook(link: Link, command: Command) -> bool:
        sent.append(command.text)
        await link.ok(command)
        return True

    server.hooks["UID STORE"] = hook
    await session.ok(begin_label(session, UIDS, "-", ["\\Inbox", "Work", 'a "b"', "Bücher", "x\r\ny", "\\ no"]))
    assert sent == [b'1:3,5 -X-GM-LABELS.SILENT (\\Inbox "Work" "a \\"b\\"" "B&APw-cher" "x&AA0ACg-y" "\\\\ no")']


@pytest.mark.parametrize(
    ("told", "uids", "contradiction"),
    [
        ("9 1:3,5 11:14", {1: 11, 2: 12, 3: 13, 5: 14}, ""),
        ("9 5,3:1 14,11:13", {5: 14, 1: 11, 2: 12, 3: 13}, ""),
        ("9 2 7", {2: 7}, ""),
        ("9", {}, ""),
        ("9 1:3 11:14", {}, "tells 3 messages here and 4 there"),
        ("9 4 11", {}, "nobody asked for"),
        ("9 1,1 11,12", {}, "twice"),
        ("9 1:2 11,11", {}, "twice"),
        ("9 1:4294967295 1:4294967295", {}, "no pair of sets"),
        ("9 * 11", {}, "no pair of sets"),
        ("9 0 11", {}, "no pair of sets"),
    ],
)
@pytest.mark.parametrize("verb", ["UID COPY", "UID MOVE"])
async def test_copyuid_is_read_in_its_order_and_held_against_the_request(
    verb: str, told: str, uids: dict[int, int], contradiction: str, server: ModelServer, session: Session
) -> None:
    async def hook(link: Link, command: Command) -> bool:
        if command.verb == "UID MOVE":
            link.say(f"* OK [COPYUID {told}] moved\r\n* VANISHED 1:3,5\r\n".encode())
        await link.ok(command, f"[COPYUID {told}] copied" if command.verb == "UID COPY" else "done")
        return True

    server.hooks[verb] = hook
    moved = await finish_transfer(session, VERBS[verb](session, UIDS))
    assert (moved.status, moved.uids) == ("OK", uids)
    assert contradiction in moved.contradiction
    assert bool(contradiction) == bool(moved.contradiction)
    assert moved.uidvalidity == (9 if uids else None)
