"""Law 6 on the wire: messages that a server cannot or will not give are set aside, and the rest comes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailsync.imap import limits
from mailsync.model import FolderResult
from mailsync.sync import download, folder
from tests.servers.fake import Box, Command, FakeServer, Fault, Link, Mail, box, letter
from tests.sync.rig import Rig


@pytest.fixture(autouse=True)
def every_folder_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder is fetched whole by the round trip that opens it; tests/sync/test_folder.py is about those."""
    monkeypatch.setattr(folder, "SMALL", 0)


def quarantined(rig: Rig) -> list[int]:
    return [row[0] for row in rig.execute("SELECT uid FROM quarantine WHERE resolved_at IS NULL ORDER BY uid")]


def expected_without(server: FakeServer, *missing: int) -> dict[int, bytes]:
    """What the mirror shows of INBOX: messages set aside are rows without bytes."""
    messages = server.boxes["INBOX"].messages
    return {uid: b"" if uid in missing else mail.raw for uid, mail in messages.items()}


async def sync_inbox(rig: Rig) -> FolderResult:
    return (await rig.sync())["INBOX"]


@pytest.mark.parametrize("fault", ["omit", "nil", "bare"])
async def test_what_is_not_given_is_asked_for_again_then_set_aside(fault: Fault, tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(9)}) as server, Rig(tmp_path, server.port) as rig:
        server.boxes["INBOX"].messages[3] = Mail(letter(3), ("\\Seen", "$Label1"))
        server.boxes["INBOX"].modseq = 5
        server.capabilities += " CONDSTORE"
        server.bad[3] = fault
        result = await sync_inbox(rig)
        assert (result.new, result.quarantined, result.error) == (8, 1, None)
        assert rig.raw("INBOX") == expected_without(server, 3)
        assert quarantined(rig) == [3]
        assert server.bodies[3] == download.ATTEMPTS
        assert [server.bodies[uid] for uid in (1, 2, 4, 9)] == [1] * 4
        # Its flags and date are known all the same, and the folder counts right.
        assert rig.execute("SELECT flags, keywords, internaldate FROM messages WHERE uid = 3") == [
            (1, "$Label1", 1706753045)
        ]
        assert rig.execute("SELECT messages, unread FROM folders") == [(9, 8)]

        # The checkpoint has moved on, and the message is left in peace for a minute.
        assert (await sync_inbox(rig)).strategy == "unchanged"
        assert server.bodies[3] == download.ATTEMPTS
        rig.clock = 61.0
        assert (await sync_inbox(rig)).quarantined == 1
        assert server.bodies[3] == 2 * download.ATTEMPTS
        assert rig.execute("SELECT attempts FROM quarantine") == [(2,)]

        # The server recovers.
        rig.clock = 3600.0
        del server.bad[3]
        assert (await sync_inbox(rig)).new == 1
        assert rig.raw("INBOX") == expected_without(server)
        assert quarantined(rig) == []
        verdict = await rig.verify("INBOX")
        assert verdict.ok, verdict


async def test_a_full_sync_asks_again_at_once(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        server.bad[2] = "omit"
        await rig.sync()
        server.bad.clear()
        assert (await sync_inbox(rig)).new == 0
        assert (await rig.sync(full=True))["INBOX"].new == 1
        assert quarantined(rig) == []


async def test_a_message_that_kills_the_line_is_set_aside_alone(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(900)}) as server, Rig(tmp_path, server.port) as rig:
        server.bad[450] = "kill"
        result = await sync_inbox(rig)
        assert (result.quarantined, result.error) == (1, None)
        assert quarantined(rig) == [450]
        assert rig.raw("INBOX") == expected_without(server, 450)
        assert len(server.links) < 10
        # Nothing else is asked for again by the next sync.
        server.bodies.clear()
        await rig.sync()
        assert not server.bodies
        assert "closes the connection" in rig.execute("SELECT error FROM quarantine")[0][0]


async def test_two_killers_in_two_folders(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(30), "Sent": box(30)}) as server, Rig(tmp_path, server.port) as rig:
        server.bad |= {1: "kill", 30: "kill"}
        results = await rig.sync()
        assert {name: one.quarantined for name, one in results.items()} == {"INBOX": 2, "Sent": 2}
        assert len(rig.raw("INBOX")) == len(rig.raw("Sent")) == 30


async def test_a_message_beyond_every_limit_is_set_aside_alone(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(20)}) as server, Rig(tmp_path, server.port) as rig:

        async def announce(link: Link, command: Command) -> bool:
            if b"BODY" not in command.text or b"7" not in command.args[0].replace(b":", b",").split(b","):
                return False
            await link.send(b"* 7 FETCH (UID 7 FLAGS () BODY[] {%d}\r\nhello" % (limits.Limits().literal + 1))
            return True

        async def ranges(link: Link, command: Command) -> bool:
            """Serve a range message by message up to the monster."""
            if b"BODY" not in command.text or b":" not in command.args[0]:
                return await announce(link, command)
            low, _, high = command.args[0].partition(b":")
            for uid in range(int(low), int(high) + 1):
                one = Command(command.tag, "UID FETCH", [b"%d" % uid], command.text)
                if await announce(link, one):
                    return True
                await server._fetch(link, one)
            await link.ok(command)
            return True

        server.hooks["UID FETCH"] = ranges
        result = await sync_inbox(rig)
        assert (result.quarantined, result.error) == (1, None)
        assert rig.raw("INBOX") == expected_without(server, 7)


async def test_flags_in_an_answer_of_their_own(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        server.boxes["INBOX"].messages[2] = Mail(letter(2), ("\\Seen", "\\Flagged"))
        server.boxes["INBOX"].modseq = 5
        server.capabilities += " CONDSTORE"
        server.bad[2] = "split"
        await rig.sync()
        assert rig.execute("SELECT flags FROM messages WHERE uid = 2") == [(5,)]
        verdict = await rig.verify("INBOX")
        assert verdict.ok, verdict


async def test_flags_that_change_under_our_hands_are_right_in_the_end(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(50, size=2000)}) as server, Rig(tmp_path, server.port) as rig:
        messages = server.boxes["INBOX"].messages
        busy = [3]

        async def meddle(link: Link, command: Command) -> bool:
            if b"BODY" in command.text and busy:
                busy.pop()
                for uid in (1, 25, 50):
                    await server._fetch(link, Command(command.tag, command.verb, [b"%d" % uid], command.text))
                    messages[uid] = Mail(messages[uid].raw, ("\\Seen",))
                    await link.send(b"* %d FETCH (UID %d FLAGS (\\Seen))\r\n" % (uid, uid))
            return False

        server.hooks["UID FETCH"] = meddle
        await rig.sync()
        assert rig.execute("SELECT uid FROM messages WHERE flags = 1 ORDER BY uid") == [(1,), (25,), (50,)]


async def test_mail_that_arrives_during_the_sync_is_there_after_it(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        left = [2]

        async def deliver(link: Link, command: Command) -> bool:
            if b"BODY" in command.text and left[0]:
                left[0] -= 1
                uid = server.boxes["INBOX"].next
                server.boxes["INBOX"].messages[uid] = Mail(letter(uid))
                await link.send(b"* %d EXISTS\r\n" % uid)
            return False

        server.hooks["UID FETCH"] = deliver
        result = await sync_inbox(rig)
        assert result.new == len(server.boxes["INBOX"].messages) > 5
        assert result.strategy == "first"
        assert rig.raw("INBOX") == expected_without(server)


async def test_mail_that_goes_during_the_sync_is_not_set_aside(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:

        async def expunge(link: Link, command: Command) -> bool:
            if b"BODY" in command.text and 3 in server.boxes["INBOX"].messages:
                del server.boxes["INBOX"].messages[3]
                await link.send(b"* 3 EXPUNGE\r\n")
            return False

        server.hooks["UID FETCH"] = expunge
        result = await sync_inbox(rig)
        assert (result.quarantined, result.new) == (0, 4)
        assert rig.raw("INBOX") == expected_without(server)


async def test_answers_given_twice_or_unasked_do_no_harm(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:

        async def babble(link: Link, command: Command) -> bool:
            await link.send(b"* 2 FETCH (FLAGS ())\r\n* 5 RECENT\r\n* OK still here\r\n")
            await server._fetch(link, command)
            return False

        server.hooks["UID FETCH"] = babble
        await rig.sync()
        assert rig.raw("INBOX") == expected_without(server)
        assert rig.execute("SELECT messages FROM folders") == [(5,)]
        assert rig.execute("SELECT count(*) FROM contents") == [(5,)]


@pytest.mark.parametrize("status", ["NO", "BAD"])
async def test_a_refused_fetch(status: str, tmp_path: Path) -> None:
    """NO after some of the answers means that others are gone (RFC 2180 section 4.1); BAD is the folder's failure."""
    with FakeServer({"INBOX": box(5), "Sent": box(2)}) as server, Rig(tmp_path, server.port) as rig:

        async def refuse(link: Link, command: Command) -> bool:
            if link.selected is not server.boxes["INBOX"] or b"BODY" not in command.text:
                return False
            if status == "NO":
                server.bad[4] = "omit"
                await server._fetch(link, command)
            await link.ok(command, "some of the messages no longer exist", status)
            return True

        server.hooks["UID FETCH"] = refuse
        result = await rig.try_sync()
        assert rig.uids("Sent") == [1, 2]
        if status == "NO":
            assert result.ok
            assert rig.raw("INBOX") == expected_without(server, 4)
        else:
            assert result.exit_code == 1
            assert [one.name for one in result.folders if one.error] == ["INBOX"]


async def test_newest_mail_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PIECE", 10)
    with FakeServer({"INBOX": box(95)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()
        sets = [c.args[0].decode() for _, c in server.commands if c.verb == "UID FETCH" and b"BODY" in c.text]
        assert sets == ["86:95", "76:85", "66:75", "56:65", "46:55", "36:45", "26:35", "16:25", "6:15", "1:5"]


async def test_only_peeks_and_examines(tmp_path: Path) -> None:
    """Law 4: nothing that a sync says could change a thing on the server."""
    with FakeServer({"INBOX": box(5), "Sent": Box()}) as server, Rig(tmp_path, server.port) as rig:
        server.bad[2] = "omit"
        await rig.sync()
        await rig.sync(full=True)
        await rig.verify("INBOX")
        said = {command.verb for _, command in server.commands}
        assert said <= {
            "IDLE",
            "NOOP",
            "CAPABILITY",
            "LOGIN",
            "ID",
            "LIST",
            "STATUS",
            "EXAMINE",
            "UID SEARCH",
            "UID FETCH",
            "LOGOUT",
        }
        fetches = [command.text for _, command in server.commands if command.verb == "UID FETCH"]
        assert not [text for text in fetches if b"BODY[" in text or (b"RFC822" in text and b"RFC822.SIZE" not in text)]
