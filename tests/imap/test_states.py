"""The machine of connection states: every drawn move and no other, and what a session's life looks like in it."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest

from mailsync.errors import MailsyncError
from mailsync.imap.connect import Endpoint
from mailsync.imap.session import Session
from mailsync.imap.states import MOVES, ConnectionState, States
from mailsync.privacy.secret import Password
from tests.servers.fake import Command, FakeServer, Link, box

ALL: tuple[ConnectionState, ...] = get_args(ConnectionState)


@pytest.mark.parametrize(("one", "other"), itertools.product(ALL, ALL))
def test_only_drawn_moves(one: ConnectionState, other: ConnectionState) -> None:
    told: list[ConnectionState] = []
    states = States(told.append)
    states.now = one
    if other in MOVES[one]:
        states.move(other)
        assert states.now == other
        assert told == ([other] if other != one else [])
    else:
        with pytest.raises(RuntimeError, match=f"{one} cannot become {other}"):
            states.move(other)
        assert (states.now, told) == (one, [])


def test_what_is_over_stays_over() -> None:
    told: list[ConnectionState] = []
    states = States(told.append)
    states.end("error")
    assert told == []  # it never began
    states.move("connecting")
    states.end("disconnected")
    states.end("error")
    assert told == ["connecting", "disconnected"]
    with pytest.raises(RuntimeError):
        states.move("connecting")


async def test_the_life_of_a_session() -> None:
    told: list[ConnectionState] = []
    with FakeServer({"INBOX": box(1)}) as server:
        endpoint = Endpoint("127.0.0.1", server.port, "none")
        session = await Session.open(endpoint, "alice", Password("secret"), on_state=lambda one: told.append(one.state))
        await session.examine(b"INBOX")
        await session.idle(0.01)
        with pytest.raises(MailsyncError):
            await session.examine(b"nowhere")
        await session.logout()
    assert told == ["connecting", "authenticated", "selected", "idle", "selected", "authenticated", "disconnected"]


@pytest.mark.parametrize("where", ["LOGIN", "NOOP"])
async def test_a_failure_is_a_state(where: str) -> None:
    async def cut(link: Link, command: Command) -> bool:
        link.cut()
        return True

    told: list[ConnectionState] = []
    with FakeServer({"INBOX": box(1)}) as server:
        server.hooks[where] = cut
        endpoint = Endpoint("127.0.0.1", server.port, "none")

        async def live() -> None:
            session = await Session.open(
                endpoint, "alice", Password("secret"), on_state=lambda one: told.append(one.state)
            )
            await session.noop()

        with pytest.raises(MailsyncError):
            await live()
    assert told == ["connecting", "error"] if where == "LOGIN" else ["connecting", "authenticated", "error"]
    told.clear()
    with pytest.raises(MailsyncError):
        await live()
    assert told == ["connecting", "error"]
