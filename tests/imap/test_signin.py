"""From the greeting to a session that is ready: how few round trips, and what is believed of which answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from mailsync.errors import SignInFailed
from mailsync.imap.connect import Endpoint
from mailsync.imap.quirks import UNKNOWN, Quirks
from mailsync.imap.session import Session
from mailsync.privacy.secret import Password
from tests.servers.dovecot import CONDSTORE_ONLY, PLAIN_IMAP4REV1, Dovecot
from tests.servers.fake import Command, FakeServer, Hook, Link, box
from tests.servers.proxy import FaultProxy, Faults
from tests.servers.pymap_server import Pymap

FULL = "IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL+ ID ENABLE IDLE CONDSTORE QRESYNC ESEARCH UIDONLY"


async def open_session(server: FakeServer | Dovecot, quirks: Quirks = UNKNOWN, **overrides: object) -> Session:
    endpoint = Endpoint("127.0.0.1", server.port, "none")
    return await Session.open(endpoint, "alice", Password("secret"), quirks=quirks, overrides=overrides)


def enables(*said: bytes, status: str = "OK") -> Hook:
    async def hook(link: Link, command: Command) -> bool:
        await link.send(*said)
        await link.ok(command, status=status)
        return True

    return hook


async def test_three_round_trips_in_all() -> None:
    """The greeting, the sign-in, and everything else in one."""
    behind: list[tuple[str, int]] = []
    with FakeServer({"INBOX": box(1)}) as server:
        server.capabilities = FULL
        server.greeting = f"* OK [CAPABILITY {FULL}] hello\r\n".encode()

        async def look(link: Link, command: Command) -> bool:
            await asyncio.sleep(0.05)  # all that comes without waiting for an answer has come
            behind.append((command.verb, link.unread_lines()))
            return False

        server.hooks |= dict.fromkeys(["AUTHENTICATE", "CAPABILITY", "ID"], look)
        server.hooks["ENABLE"] = enables(b"* ENABLED QRESYNC CONDSTORE\r\n")
        session = await open_session(server)
    assert behind == [("AUTHENTICATE", 0), ("CAPABILITY", 2), ("ID", 1)]
    assert session.enabled == {"QRESYNC", "CONDSTORE"}
    assert 0.04 < session.round_trip < 1


@pytest.mark.parametrize(
    ("said", "status", "enabled"),
    [
        (b"* ENABLED QRESYNC\r\n", "OK", {"QRESYNC", "CONDSTORE"}),  # one implies the other (RFC 7162 section 3.2.3)
        (b"* enabled condstore\r\n", "OK", {"CONDSTORE"}),
        (b"", "OK", set()),  # iCloud
        (b"* ENABLED\r\n", "OK", set()),
        (b"* ENABLED IMAP4REV2 UTF8=ACCEPT\r\n", "OK", set()),  # nobody asked for those
        (b"", "BAD", set()),
        (b"", "NO", set()),
    ],
)
async def test_only_what_is_answered_as_enabled_is(said: bytes, status: str, enabled: set[str]) -> None:
    with FakeServer({"INBOX": box(1)}) as server:
        server.capabilities = FULL
        server.hooks["ENABLE"] = enables(said, status=status)
        session = await open_session(server)
        assert session.enabled == enabled
        assert next(one.text for _, one in server.commands if one.verb == "ENABLE") == b"QRESYNC CONDSTORE"
        session.close()


async def test_quirks_decide_what_is_enabled() -> None:
    with FakeServer({"INBOX": box(1)}) as server:
        server.capabilities = FULL + " IMAP4rev2"
        server.hooks["ENABLE"] = enables(b"* ENABLED CONDSTORE UIDONLY\r\n")
        known = Quirks(disable=frozenset({"QRESYNC"}), uidonly=True, window=True)
        session = await open_session(server, known)
        assert next(one.text for _, one in server.commands if one.verb == "ENABLE") == b"CONDSTORE UIDONLY"
        assert session.enabled == {"CONDSTORE", "UIDONLY"}
        assert not session.quirks.window  # with UIDONLY the whole folder is shown
        assert "QRESYNC" in session.advertised - session.capabilities
        assert "IMAP4REV2" not in session.capabilities
        session.close()
        server.commands.clear()
        session = await open_session(server, known, enable=["QRESYNC"], uidonly=False, window=True)
        assert next(one.text for _, one in server.commands if one.verb == "ENABLE") == b"QRESYNC CONDSTORE"
        assert session.quirks.window
        session.close()


async def test_a_server_known_by_its_id_alone() -> None:
    """Its quirks come too late for ENABLE: what was enabled is not used."""

    async def identify(link: Link, command: Command) -> bool:
        await link.send(b'* ID ("name" "hMailServer")\r\n')
        await link.ok(command)
        return True

    with FakeServer({"INBOX": box(1)}) as server:
        server.capabilities = FULL
        server.hooks |= {"ID": identify, "ENABLE": enables(b"* ENABLED QRESYNC\r\n")}
        session = await open_session(server)
        assert [name for name, _ in session.quirks.names] == ["hmailserver"]
        assert session.enabled == set()
        assert not session.capabilities & {"QRESYNC", "ESEARCH"}
        session.close()


async def test_capabilities_that_change_with_the_sign_in() -> None:
    """Told untagged beside the answer, as Gmail does; then CAPABILITY says it once more, and has the last word."""

    async def change(link: Link, command: Command) -> bool:
        server.capabilities = "IMAP4rev1 CONDSTORE"
        await link.send(b"* CAPABILITY IMAP4rev1 ENABLE CONDSTORE QRESYNC\r\n")
        await link.ok(command)
        return True

    with FakeServer({"INBOX": box(1)}) as server:
        server.hooks |= {"LOGIN": change, "ENABLE": enables(b"* ENABLED QRESYNC\r\n")}
        session = await open_session(server)
        assert server.verbs() == ["CAPABILITY", "LOGIN", "CAPABILITY", "ENABLE"]
        assert session.capabilities == session.advertised == {"IMAP4REV1", "CONDSTORE"}
        session.close()


async def test_a_server_that_takes_one_command_at_a_time() -> None:
    with FakeServer({"INBOX": box(1)}) as server:
        server.capabilities = FULL
        most = 0

        async def count(link: Link, command: Command) -> bool:
            nonlocal most
            await asyncio.sleep(0.02)
            most = max(most, link.unread_lines())
            return False

        server.hooks |= dict.fromkeys(["CAPABILITY", "LOGIN", "ID"], count)
        session = await open_session(server, Quirks(pipeline=1))
        assert most == 0
        session.close()


async def test_signed_in_without_a_mailbox() -> None:
    async def nowhere(link: Link, command: Command) -> bool:
        if "LOGIN" not in server.verbs():
            return False
        await link.ok(command, "User is authenticated but not connected.", "BAD")
        return True

    with FakeServer({"INBOX": box(1)}) as server:
        server.hooks["CAPABILITY"] = nowhere
        with pytest.raises(SignInFailed, match="no mailbox") as caught:
            await open_session(server)
        assert caught.value.retry == "never"


@pytest.mark.parametrize(
    ("capability", "enabled"),
    [(None, {"QRESYNC", "CONDSTORE"}), (CONDSTORE_ONLY, {"CONDSTORE"}), (PLAIN_IMAP4REV1, set())],
)
async def test_dovecot(start_dovecot: Callable[..., Dovecot], capability: str | None, enabled: set[str]) -> None:
    session = await open_session(start_dovecot(capability=capability))
    assert session.enabled == enabled
    assert 0 < session.round_trip < 1
    await session.logout()
    assert session.state == "disconnected"


async def test_turns_with_dovecot_from_connect_to_logout(dovecot: Dovecot, fresh_user: str) -> None:
    """Beside TCP's with the greeting: sign-in; capabilities, ID and ENABLE; all folders with their STATUS; goodbye."""
    for number in range(30):
        dovecot.fill(fresh_user, f"f{number}", [])
    with FaultProxy(dovecot.port, Faults(latency=0.1)) as proxy:
        endpoint = Endpoint("127.0.0.1", proxy.port, "none")
        session = await Session.open(endpoint, fresh_user, Password(dovecot.users[fresh_user]))
        assert len(await session.list_folders()) == 31
        await session.logout()
        (turns,) = proxy.turns
        assert len(turns) == 4
        assert [turn.count(b"\r\n") for turn in turns] == [1, 3, 1, 1]


async def test_the_folders_in_a_round_trip_of_the_sign_in(dovecot: Dovecot, fresh_user: str) -> None:
    for number in range(30):
        dovecot.fill(fresh_user, f"f{number}", [])
    with FaultProxy(dovecot.port, Faults(latency=0.05)) as proxy:
        endpoint = Endpoint("127.0.0.1", proxy.port, "none")
        session = await Session.open(endpoint, fresh_user, Password(dovecot.users[fresh_user]), lists=[])
        assert len(await session.list_folders()) == 31
        (turns,) = proxy.turns
        assert [turn.count(b"\r\n") for turn in turns] == [1, 4]
        assert all("MESSAGES" in one.status for one in await session.list_folders())  # asked again, not remembered
        await session.measure()
        await session.measure()
        assert 0.02 < session.round_trip < 0.2
        await session.logout()
        (turns,) = proxy.turns
        assert [turn.count(b"\r\n") for turn in turns] == [1, 4, 1, 1, 1]


@pytest.mark.parametrize("name", ["hMailServer", "other"])
async def test_folders_asked_for_too_early_are_asked_for_again(name: str) -> None:
    """What the ID tells of the server comes after LIST; a refusal is answered by asking for less."""

    async def identify(link: Link, command: Command) -> bool:
        await link.send(b'* ID ("name" "%s")\r\n' % name.encode())
        await link.ok(command)
        return True

    async def strict(link: Link, command: Command) -> bool:
        asked.append(command.text)
        if b"RETURN" not in command.text:
            return False
        await link.ok(command, "what?", "BAD")
        return True

    asked: list[bytes] = []
    with FakeServer({"INBOX": box(1), "Other": box(2)}) as server:
        server.capabilities = f"{FULL} LIST-STATUS"
        server.hooks |= {"ID": identify, "ENABLE": enables(), "LIST": strict}
        endpoint = Endpoint("127.0.0.1", server.port, "none")
        session = await Session.open(endpoint, "alice", Password("secret"), lists=[])
        assert session.closed is None
        listed = {one.entry.name: one.status["MESSAGES"] for one in await session.list_folders()}
        assert listed == {"INBOX": 1, "Other": 2}
        assert [b"RETURN" in text for text in asked] == [True] * (2 if name == "hMailServer" else 1) + [False]
        session.close()


async def test_a_dead_peer_is_noticed_by_tcp(dovecot: Dovecot, fresh_user: str) -> None:
    endpoint = Endpoint("127.0.0.1", dovecot.port, "none")
    session = await Session.open(endpoint, fresh_user, Password(dovecot.users[fresh_user]))
    transport = session.protocol.transport
    assert transport is not None
    sock = transport.get_extra_info("socket")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    assert [sock.getsockopt(socket.IPPROTO_TCP, option) for option in options] == [120, 30, 4]
    await session.logout()


async def test_pymap(pymap: Pymap) -> None:
    session = await Session.open(Endpoint("127.0.0.1", pymap.port, "none"), "alice", Password("secret"))
    assert session.enabled == set()
    assert (await session.examine(b"INBOX")).mailboxid
    await session.logout()
