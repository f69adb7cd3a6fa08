"""Law 5: what a confused server says about folders and messages never removes mail that is there, nor hides any."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailsync.sync import folder
from tests.servers.fake import Box, Command, FakeServer, Hook, Link, box, letter
from tests.servers.lies import before, twisted
from tests.servers.model_server import ModelServer
from tests.sync.rig import Rig


@pytest.fixture(autouse=True)
def every_folder_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder is fetched whole by the round trip that opens it; tests/sync/test_folder.py is about those."""
    monkeypatch.setattr(folder, "SMALL", 0)


def says(*lines: bytes, times: int = 10**6) -> Hook:
    """A hook that gives these lines and OK instead of the truth, so often."""
    left = [times]

    async def hook(link: Link, command: Command) -> bool:
        if not left[0]:
            return False
        left[0] -= 1
        await link.send(*(line.replace(b"TAG", command.tag.encode()) + b"\r\n" for line in lines))
        await link.ok(command)
        return True

    return hook


def refuses(text: str, status: str = "NO", *, only: bytes = b"") -> Hook:
    """A hook that refuses a command whose text holds `only`."""

    async def hook(link: Link, command: Command) -> bool:
        if only not in command.text:
            return False
        await link.ok(command, text, status)
        return True

    return hook


async def mirrored_in_full(rig: Rig, server: FakeServer, folder: str = "INBOX") -> None:
    """The sync succeeds and nothing is missing, set aside or made up."""
    result = (await rig.sync())[folder]
    assert result.quarantined == 0
    assert rig.raw(folder) == {uid: mail.raw for uid, mail in server.boxes[folder].messages.items()}


# Listings of messages


@pytest.mark.parametrize(
    "line",
    [
        b"* SEARCH",
        b'* ESEARCH (TAG "TAG") UID',
        b"* SEARCH 2 4",
        b'* ESEARCH (TAG "TAG") UID ALL 1:4294967295',
        b'* ESEARCH (TAG "TAG") UID ALL 1:900',
        b"* SEARCH 1 2 x 4 5",
        b"* OK nothing to say",
    ],
)
async def test_a_first_sync_believes_no_search_that_contradicts_exists(line: bytes, tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        server.capabilities += " ESEARCH"
        server.hooks["UID SEARCH"] = says(line)
        await mirrored_in_full(rig, server)


@pytest.mark.parametrize("line", [b"* SEARCH 5 4 3 2 1", b'* ESEARCH (TAG "TAG") ALL 1:5', b"* ESEARCH UID ALL 1,2:5"])
async def test_an_extended_search_may_be_answered_in_older_ways(line: bytes, tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        server.capabilities += " ESEARCH"
        server.hooks["UID SEARCH"] = says(line)
        await mirrored_in_full(rig, server)
        assert all(b"BODY" in command.text for _, command in server.commands if command.verb == "UID FETCH")


async def test_a_server_that_knows_no_extended_search_is_asked_plainly_from_then_on(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5), "Sent": box(3)}) as server:
        with Rig(tmp_path, server.port, options={"max_connections": 2}) as rig:
            server.capabilities += " ESEARCH"
            server.hooks["UID SEARCH"] = refuses("what?", "BAD", only=b"RETURN")
            await mirrored_in_full(rig, server)
        texts = [command.text for _, command in server.commands if command.verb == "UID SEARCH"]
        assert texts[0].startswith(b"RETURN")
        assert not [text for text in texts[1:] if b"RETURN" in text]


async def test_a_listing_with_gaps_removes_nothing(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()
        server.hooks["UID FETCH"] = says(b"* 1 FETCH (UID 1 FLAGS ())", b"* 4 FETCH (UID 4 FLAGS (\\Seen))")
        result = (await rig.sync())["INBOX"]
        assert (result.new, result.changed, result.deleted) == (0, 1, 0)
        assert rig.uids("INBOX") == [1, 2, 3, 4, 5]


async def test_a_small_removal_from_a_complete_answer_is_carried_out(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()
        del server.boxes["INBOX"].messages[2]
        before = server.verbs().count("UID SEARCH")
        assert (await rig.sync())["INBOX"].deleted == 1
        assert rig.uids("INBOX") == [1, 3, 4, 5]
        assert server.verbs().count("UID SEARCH") == before  # no doubt, no second question
        kept = rig.execute("SELECT uid, uidvalidity, reason, content_id IS NOT NULL FROM removed_messages")
        assert kept == [(2, 1, "expunged", 1)]


async def test_a_mass_disappearance_is_asked_about_again(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(200)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()
        whole = server.boxes["INBOX"].messages
        server.boxes["INBOX"].messages = {uid: whole[uid] for uid in range(1, 11)}
        server.hooks["UID SEARCH"] = says(b"* SEARCH " + b" ".join(b"%d" % uid for uid in whole))
        result = await rig.try_sync()
        assert not result.ok
        assert result.exit_code == 1
        assert "nothing was removed" in (result.folders[0].error or "")
        assert result.folders[0].deleted == 0
        assert len(rig.uids("INBOX")) == 200
        del server.hooks["UID SEARCH"]
        assert (await rig.sync())["INBOX"].deleted == 190  # now both answers agree
        assert rig.uids("INBOX") == list(range(1, 11))
        assert rig.execute("SELECT count(*) FROM removed_messages") == [(190,)]


async def test_an_emptied_folder_is_looked_at_twice(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(100)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()
        messages, server.boxes["INBOX"].messages = server.boxes["INBOX"].messages, {}
        # Servers refuse 1:* in an empty folder, so it must not be asked.
        server.hooks["UID FETCH"] = refuses("no such message", "BAD")
        opened = []

        async def flicker(link: Link, command: Command) -> bool:
            opened.append(command)
            if len(opened) == 2:
                server.boxes["INBOX"].messages = messages  # it was a passing confusion
            return False

        server.hooks["EXAMINE"] = flicker
        result = await rig.try_sync()
        assert len(rig.uids("INBOX")) == 100, result
        server.boxes["INBOX"].messages = {}
        assert (await rig.sync())["INBOX"].deleted == 100
        assert rig.uids("INBOX") == []


async def test_mail_that_the_server_counts_and_never_lists_is_said(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        server.boxes["INBOX"].exists = 8
        result = await rig.try_sync()
        assert rig.uids("INBOX") == [1, 2, 3, 4, 5]
        assert not result.ok
        assert "5 of 8" in (result.folders[0].error or "")


# UIDVALIDITY


async def test_a_folder_without_uidvalidity_is_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(2), "Odd": box(2, uidvalidity=0)}) as server, Rig(tmp_path, server.port) as rig:
        result = await rig.try_sync()
        assert {one.name: bool(one.error) for one in result.folders} == {"INBOX": False, "Odd": True}
        assert "UIDVALIDITY" in (next(one.error for one in result.folders if one.error) or "")
        assert (result.ok, result.exit_code) == (False, 1)
        assert rig.uids("INBOX") == [1, 2]
        assert rig.uids("Odd") == []


async def test_a_new_uidvalidity_starts_over_and_keeps_the_content(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(60)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()
        server.bad[7] = "omit"
        server.boxes["INBOX"].messages[61] = server.boxes["INBOX"].messages.pop(7)
        server.bad[61] = "omit"
        assert (await rig.sync())["INBOX"].quarantined == 1
        server.boxes["INBOX"].uidvalidity = 2
        server.bad.clear()
        result = (await rig.sync())["INBOX"]
        assert (result.strategy, result.uidvalidity, result.new, result.deleted) == ("uidvalidity_reset", 2, 60, 60)
        assert rig.execute("SELECT count(*) FROM contents") == [(60,)]
        assert rig.execute("SELECT count(*) FROM quarantine WHERE resolved_at IS NULL") == [(0,)]
        assert (await rig.sync())["INBOX"].strategy == "scan"


async def test_a_uidvalidity_that_flaps_changes_nothing(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()

        async def flap(link: Link, command: Command) -> bool:
            server.boxes["INBOX"].uidvalidity += 1
            return False

        server.hooks["EXAMINE"] = flap
        result = await rig.try_sync()
        assert "two different UIDVALIDITY" in (result.folders[0].error or "")
        assert rig.uids("INBOX") == [1, 2, 3, 4, 5]
        assert rig.folders()["INBOX"].uidvalidity == 1


# Folders


async def test_a_server_that_lists_no_folders_is_not_believed(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5), "Sent": box(2)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()
        server.hooks["LIST"] = says()
        result = await rig.try_sync()
        assert (result.ok, result.exit_code) == (False, 1)
        assert "no folders at all" in (result.error or "")
        assert rig.uids("INBOX") == [1, 2, 3, 4, 5]
        assert set(rig.folders()) == {"INBOX", "Sent"}


@pytest.mark.parametrize(
    ("answer", "stays"),
    [
        ("", True),
        ("NO [UNAVAILABLE] try later", True),
        ("NO [SERVERBUG] oops", True),
        ("NO [NOPERM] not yours", True),
        ("NO [INUSE] locked", True),
        ("NO [NONEXISTENT] no such folder", False),
        ("NO Mailbox doesn't exist: Sent", False),
    ],
)
async def test_a_folder_missing_from_the_list_is_asked_for_by_name(answer: str, stays: bool, tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5), "Sent": box(2, size=7)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()
        server.hooks["LIST"] = says(b'* LIST () "/" INBOX')
        if answer:
            status, _, text = answer.partition(" ")
            server.hooks["STATUS"] = refuses(text, status, only=b"Sent")
        await rig.sync()
        assert ("Sent" in rig.folders()) == stays
        assert rig.uids("Sent") == ([1, 2] if stays else [])
        assert rig.execute("SELECT count(*) FROM removed_messages") == [(0 if stays else 2,)]
        assert rig.execute("SELECT count(*) FROM contents") == [(7,)]
        if not stays:
            del server.hooks["LIST"], server.hooks["STATUS"]
            assert (await rig.sync())["Sent"].strategy == "first"
            assert rig.uids("Sent") == [1, 2]


async def test_a_folder_that_cannot_be_opened_fails_alone(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(2), "Locked": box(2), "Sent": box(2)}) as server, Rig(tmp_path, server.port) as rig:
        server.hooks["EXAMINE"] = refuses("[NOPERM] not yours\x1b[31m", only=b"Locked")
        result = await rig.try_sync()
        errors = {one.name: one.error for one in result.folders if one.error}
        assert list(errors) == ["Locked"]
        assert "refused EXAMINE" in (errors["Locked"] or "")
        assert "\x1b" not in (errors["Locked"] or "")
        assert result.exit_code == 1
        assert rig.uids("INBOX") == rig.uids("Sent") == [1, 2]
        assert rig.execute("SELECT error IS NULL FROM folders WHERE name = 'Locked'") == [(0,)]
        server.hooks.clear()
        await rig.sync()
        assert rig.execute("SELECT error FROM folders WHERE name = 'Locked'") == [(None,)]


async def test_folders_that_hold_no_messages_are_left_out(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(1), "a": Box()}) as server, Rig(tmp_path, server.port) as rig:
        server.hooks["LIST"] = says(
            b'* LIST (\\Noselect) "/" Top',
            b'* LIST (\\NonExistent) "/" Gone',
            b'* LIST () "/" INBOX',
            b"* LIST () NIL a",
        )
        assert set(await rig.sync()) == {"INBOX", "a"}
        assert not [c for _, c in server.commands if c.verb == "STATUS" and c.args[0] in (b"Top", b"Gone")]


async def test_a_folder_that_seemed_emptied_while_it_was_opened_still_gets_what_came(tmp_path: Path) -> None:
    with ModelServer("plain") as server, Rig(tmp_path, server.port) as rig:
        for number in range(5):
            server.mail.append("INBOX", letter(number))
        await rig.sync()
        server.mail.append("INBOX", letter(5))
        twisted("UID FETCH", before(b"* 1 EXPUNGE\r\n" * 6), times=1)(server)
        result = (await rig.sync())["INBOX"]
        assert (result.new, result.deleted) == (1, 0)


async def test_list_with_status_fills_in_what_the_server_left_out(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(1), "a": box(2), "b": box(3)}) as server, Rig(tmp_path, server.port) as rig:
        server.capabilities += " LIST-STATUS"
        names = [b"INBOX", b"a", b"b"]
        server.hooks["LIST"] = says(
            *(b'* LIST () "/" ' + name for name in names), b"* STATUS a (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 1 UNSEEN 2)"
        )
        assert {name: one.new for name, one in (await rig.sync()).items()} == {"INBOX": 1, "a": 2, "b": 3}
        assert [c.args[0] for _, c in server.commands if c.verb == "STATUS"] == [b"INBOX", b"b"]


async def test_a_refused_extended_list_is_asked_plainly(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(1), "a": box(2)}) as server, Rig(tmp_path, server.port) as rig:
        server.capabilities += " LIST-STATUS SPECIAL-USE"
        server.hooks["LIST"] = refuses("what?", "BAD", only=b"RETURN")
        assert {name: one.new for name, one in (await rig.sync()).items()} == {"INBOX": 1, "a": 2}
