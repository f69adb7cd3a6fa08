"""The answers that strategies rely on, true and false: searches for flags, VANISHED, CHANGEDSINCE, counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mailsync.sync import questions
from mailsync.sync.questions import Questions
from tests.servers.dovecot import PLAIN_IMAP4REV1, Dovecot
from tests.servers.fake import FakeServer, Mail, box
from tests.servers.model_server import ModelServer
from tests.servers.scripted import Command, Hook, Link
from tests.sync.rig import Rig, assert_equal
from tests.sync.test_moves import letter

COUNT = 240


def doubts(rig: Rig) -> list[str]:
    return [row[0] for row in rig.execute("SELECT detail FROM activity WHERE type = 'doubt' ORDER BY seq")]


async def verified(rig: Rig) -> None:
    verdict = await rig.verify("INBOX")
    assert verdict.ok, verdict


# Flags by searches


@pytest.mark.parametrize("more", ["", " ESEARCH"], ids=["search", "esearch"])
async def test_searches_find_what_changed_in_a_large_folder(
    more: str, start_dovecot: Callable[..., Dovecot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_dovecot(capability=PLAIN_IMAP4REV1 + more)
    flags = [["\\Seen"], ["\\Seen", "\\Answered"], [], ["\\Flagged", "\\Seen", "$Forwarded"]]
    server.fill("alice", "INBOX", [(letter(number), flags[number % 4], None) for number in range(COUNT)])
    with Rig(tmp_path, server.port) as rig, server.client() as client:
        await rig.sync()

        async def unneeded(self: Questions) -> None:
            raise AssertionError("every message was asked about")

        monkeypatch.setattr(Questions, "_by_fetch", unneeded)
        assert (await rig.sync())["INBOX"].changed == 0
        for change in (
            "+FLAGS \\Seen",
            "-FLAGS \\Seen",
            "+FLAGS \\Deleted",
            "+FLAGS NeverSeenBefore",
            "-FLAGS $Forwarded",
        ):
            verb, flag = change.split()
            client.store("INBOX", [4, 8, 77, 120], verb, flag)
            await rig.sync()
            assert_equal(rig, client)
        client.expunge("INBOX", [5, 6, 7, 200])
        client.append("INBOX", letter(900), ["\\Draft", "Another"])
        result = (await rig.sync())["INBOX"]
        # Number 4 and its like were marked as deleted above, and went with the others.
        assert (result.strategy, result.new, result.deleted) == ("scan", 1, 8)
        assert_equal(rig, client)
        client.append("INBOX", letter(901))
        assert (await rig.sync())["INBOX"].new == 1
        assert_equal(rig, client)
        assert doubts(rig) == []


def opens_like_dovecot(server: FakeServer) -> Hook:
    async def hook(link: Link, command: Command) -> bool:
        await link.send(b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n")
        if not await server._examine(link, command):
            return True
        await link.send(b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n")
        await link.ok(command)
        return True

    return hook


async def test_a_search_that_lies_about_flags_changes_none(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(COUNT)}) as server, Rig(tmp_path, server.port) as rig:
        server.greeting = b"* OK Dovecot ready.\r\n"
        server.hooks["EXAMINE"] = opens_like_dovecot(server)
        messages = server.boxes["INBOX"].messages
        for uid in range(1, 101):
            messages[uid] = Mail(messages[uid].raw, ("\\Flagged",))

        async def nothing(link: Link, command: Command) -> bool:
            if b"UNSEEN" in command.text or command.text == b"ALL":
                return False  # all of them, as it is
            await link.send(b"* SEARCH\r\n")
            await link.ok(command)
            return True

        await rig.sync()
        server.hooks["UID SEARCH"] = nothing
        assert (await rig.sync())["INBOX"].changed == 0
        assert rig.execute("SELECT count(*) FROM messages WHERE flags = 4") == [(100,)]
        assert "searches for flags were wrong about 100 messages" in doubts(rig)


# QRESYNC


def tells_first(line: bytes, verb: bytes = b"QRESYNC") -> Callable[[ModelServer], Hook]:
    """Before its honest answer to EXAMINE with a checkpoint the server says something more."""

    def make(server: ModelServer) -> Hook:
        async def hook(link: Link, command: Command) -> bool:
            if verb in command.text:
                await link.send(line)
            return False

        return hook

    return make


@pytest.mark.parametrize(
    "line",
    [
        b"* VANISHED (EARLIER) 1:4294967295\r\n",
        b"* VANISHED (EARLIER) 1:26183,26185\r\n",
        b"* VANISHED (EARLIER) 3\r\n",
    ],
)
async def test_vanished_is_held_against_the_count_and_a_search(line: bytes, tmp_path: Path) -> None:
    with ModelServer("full") as server, Rig(tmp_path, server.port) as rig:
        for number in range(100):
            server.mail.append("INBOX", letter(number))
        await rig.sync()
        server.mail.store("INBOX", [50], ["\\Seen"])
        server.hooks["EXAMINE"] = tells_first(line)(server)
        result = (await rig.sync())["INBOX"]
        assert (result.strategy, result.changed, result.deleted) == ("qresync", 1, 0)
        assert rig.uids("INBOX") == list(range(1, 101))
        assert len(doubts(rig)) == 1


async def test_a_server_that_forgot_its_history_costs_nothing(tmp_path: Path) -> None:
    """RFC 7162 section 3.2.6: then it names every UID that it lacks, also those that never were here."""
    with ModelServer("full") as server, Rig(tmp_path, server.port) as rig:
        for number in range(60):
            server.mail.append("INBOX", letter(number))
        server.mail.expunge("INBOX", range(1, 20))
        await rig.sync()
        server.forgets = True
        server.mail.expunge("INBOX", [30, 40])
        result = (await rig.sync())["INBOX"]
        assert (result.strategy, result.deleted) == ("qresync", 2)
        assert doubts(rig) == []
        await verified(rig)


async def test_a_true_mass_disappearance_is_followed_after_a_second_look(tmp_path: Path) -> None:
    for kind in ("full", "condstore", "plain"):
        with ModelServer(kind) as server, Rig(tmp_path / kind, server.port) as rig:
            for number in range(150):
                server.mail.append("INBOX", letter(number))
            await rig.sync()
            server.mail.expunge("INBOX", range(1, 121))
            assert (await rig.sync())["INBOX"].deleted == 120
            assert doubts(rig) == ["120 of 150 messages would go"]
            await verified(rig)


# CONDSTORE


async def test_what_changedsince_leaves_out_is_found_by_counting(tmp_path: Path) -> None:
    with ModelServer("condstore") as server, Rig(tmp_path, server.port) as rig:
        for number in range(100):
            server.mail.append("INBOX", letter(number))
        await rig.sync()
        server.mail.append("INBOX", letter(500))
        server.mail.store("INBOX", [3], ["\\Seen"])

        async def silent(link: Link, command: Command) -> bool:
            if b"CHANGEDSINCE" not in command.text:
                return False
            await link.ok(command)
            return True

        server.hooks["UID FETCH"] = silent
        result = (await rig.sync())["INBOX"]
        assert (result.strategy, result.new) == ("condstore", 1)
        assert rig.uids("INBOX") == list(range(1, 102))


async def test_deletions_that_raise_no_modseq_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with CONDSTORE alone need not tell of them; in a long folder without ESEARCH the end is asked first."""
    monkeypatch.setattr(questions, "NEAR", 20)
    for without in ("", " ESEARCH"):
        with ModelServer("condstore") as server, Rig(tmp_path / f"x{without.strip()}", server.port) as rig:
            server.capabilities = server.capabilities.replace(without, "") if without else server.capabilities
            for number in range(100):
                server.mail.append("INBOX", letter(number))
            await rig.sync()
            start = len(server.commands)
            server.mail.expunge("INBOX", [95, 97])
            assert (await rig.sync())["INBOX"].deleted == 2
            searches = [one.text for _, one in server.commands[start:] if one.verb == "UID SEARCH"]
            assert searches == ([b"UID 81:*"] if without else [b"RETURN (ALL) ALL"])
            server.mail.expunge("INBOX", [2, 98])
            assert (await rig.sync())["INBOX"].deleted == 2
            await verified(rig)


async def test_gmail_is_asked_again_about_what_it_told_just_now(tmp_path: Path) -> None:
    """Its HIGHESTMODSEQ rises before a change can be seen: the checkpoint follows one sync later."""
    with ModelServer("gmail") as server, Rig(tmp_path, server.port) as rig:
        folder = "[Gmail]/All Mail"
        for number in range(5):
            server.mail.append(folder, letter(number))
        await rig.sync()
        (stored,) = rig.execute("SELECT highestmodseq FROM folders WHERE name = ?", folder)[0]
        server.mail.store(folder, [2], ["\\Seen"])
        assert (await rig.sync())[folder].changed == 1
        assert rig.execute("SELECT highestmodseq FROM folders WHERE name = ?", folder) == [(stored,)]
        result = (await rig.sync())[folder]
        assert (result.strategy, result.changed) == ("condstore", 0)
        assert (await rig.sync())[folder].strategy == "unchanged"
