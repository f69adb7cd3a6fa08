"""What a server says it can do, against what it does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsync.imap.connect import Endpoint
from mailsync.imap.session import Session
from mailsync.privacy.secret import Password
from mailsync.store.folders import Folder
from mailsync.sync.knowledge import fingerprint
from mailsync.sync.probe import probe
from tests.servers.dovecot import Dovecot
from tests.servers.fake import Command, FakeServer, Link, box, letter
from tests.servers.scripted import Hook
from tests.sync.rig import Rig


def folder(name: str, messages: int) -> Folder:
    return Folder(1, name, name.encode(), "/", "", 1, None, None, messages, None, None)


INBOX = [folder("INBOX", 5), folder("Empty", 0)]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"INBOX": box(5), "Empty": box(0)}) as running:
        running.capabilities = "IMAP4rev1 ID IDLE ENABLE CONDSTORE QRESYNC ESEARCH"
        running.boxes["INBOX"].modseq = 77
        running.hooks["ENABLE"] = saying(b"* ENABLED QRESYNC CONDSTORE\r\n")
        running.hooks["UID SEARCH"] = saying(b"* ESEARCH UID ALL 1:5\r\n")
        yield running


def saying(line: bytes) -> Hook:
    async def hook(link: Link, command: Command) -> bool:
        await link.send(line)
        await link.ok(command)
        return True

    return hook


async def findings(server: FakeServer) -> dict[str, str]:
    session = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
    try:
        return await probe(session, INBOX)
    finally:
        session.close()


async def test_an_honest_server(server: FakeServer) -> None:
    assert await findings(server) == {
        "search": "ok: found 5 of 5",
        "qresync": "ok: what it calls vanished is gone",
        "idle": "ok: accepted",
    }


async def test_esearch_that_finds_nothing_is_not_used_again(server: FakeServer) -> None:
    async def lie(link: Link, command: Command) -> bool:
        if b"RETURN" not in command.text:
            return False
        await link.send(b"* ESEARCH UID\r\n")
        await link.ok(command)
        return True

    server.hooks["UID SEARCH"] = lie
    assert (await findings(server))["search"] == "ESEARCH off: found 0 of 5"


async def test_search_that_lies_in_both_forms_is_told_of(server: FakeServer) -> None:
    server.hooks["UID SEARCH"] = saying(b"* SEARCH 1 2\r\n")
    found = await findings(server)
    assert found["search"] == "wrong: found 2 of 5; answers are held against EXISTS"
    assert "qresync" not in found  # there is nothing to hold it against


async def test_enable_without_enabled_is_no_qresync(server: FakeServer) -> None:
    server.hooks["ENABLE"] = saying(b"")
    assert (await findings(server))["qresync"] == "QRESYNC off: ENABLE was not answered with ENABLED"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"* VANISHED (EARLIER) 1:26183,26185\r\n", "VANISHED named 5 messages that are there"),
        (b"* 9 FETCH (UID 9 FLAGS () MODSEQ (70))\r\n", "it told of 1 messages that are not there"),
    ],
)
async def test_qresync_that_makes_no_sense(server: FakeServer, line: bytes, said: str) -> None:
    async def examine(link: Link, command: Command) -> bool:
        if b"QRESYNC" in command.text:
            assert b"(QRESYNC (1 1" in command.text  # from the beginning of time
            await link.send(line)
        return False

    server.hooks["EXAMINE"] = examine
    assert (await findings(server))["qresync"] == f"QRESYNC off: {said}"


async def test_idle_that_is_refused(server: FakeServer) -> None:
    async def refuse(link: Link, command: Command) -> bool:
        await link.ok(command, "not today", "NO")
        return True

    server.hooks["IDLE"] = refuse
    assert (await findings(server))["idle"] == "IDLE off: the server refused IDLE: not today"


async def test_what_is_found_is_kept_and_used_from_then_on(server: FakeServer, tmp_path: Path) -> None:
    server.hooks["UID SEARCH"] = saying(b"* SEARCH 1 2 3 4 5\r\n")
    server.hooks["ENABLE"] = saying(b"")
    with Rig(tmp_path, server.port) as rig:
        await rig.sync()
        assert rig.mirror.knowledge.probed
        searches = server.verbs().count("UID SEARCH")
        session = await rig.mirror.connect()
        assert "QRESYNC" not in session.capabilities
        assert ("probe", "QRESYNC off: ENABLE was not answered with ENABLED") in session.quirks.names
        session.close()
        assert await rig.mirror.probe() == {}
        assert server.verbs().count("UID SEARCH") == searches
    with Rig(tmp_path, server.port, options={"quirks": {"enable": ["QRESYNC"]}}) as rig:  # a user knows better
        session = await rig.mirror.connect()
        assert "QRESYNC" in session.capabilities
        session.close()


async def test_dovecot_is_what_it_says(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    with dovecot.client(fresh_user) as client:
        for number in range(9):
            client.append("INBOX", letter(number))
        client.expunge("INBOX", [2, 5])
    with Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig:
        await rig.sync()
        assert {name: rig.mirror.knowledge.value(name) for name in ("search", "qresync", "idle")} == {
            "search": "ok: found 7 of 7",
            "qresync": "ok: what it calls vanished is gone",
            "idle": "ok: accepted",
        }


def test_a_fingerprint_is_of_the_server_not_of_the_connection() -> None:
    gmail = {"name": "GImap", "vendor": "Google, Inc."}
    first = fingerprint("Gimap ready for requests from 1.2.3.4 k12mb71924", gmail, frozenset({"IDLE"}))
    assert first == fingerprint("Gimap ready for requests from 5.6.7.8 a3cb09", gmail, frozenset({"IDLE"}))
    assert first != fingerprint("Gimap ready for requests from 1.2.3.4 k12mb71924", gmail, frozenset({"IDLE", "MOVE"}))
    assert first != fingerprint("Gimap ready for requests from 1.2.3.4 k12mb71924", {}, frozenset({"IDLE"}))
