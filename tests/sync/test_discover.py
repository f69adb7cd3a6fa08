"""Folders that are renamed, vanish, come back, or are not wanted any more: their mail stays what it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mailsync.imap.responses import ListEntry
from mailsync.imap.session import Listed
from mailsync.sync.discover import Discovery
from mailsync.sync.specialuse import special_uses
from tests.servers.dovecot import CONDSTORE_ONLY, Dovecot
from tests.servers.fake import letter
from tests.servers.model_server import ModelServer
from tests.servers.scripted import Command, Link
from tests.sync.rig import ACCOUNT, Rig, differences

KINDS = ["full", "condstore", "plain", "objectid"]


def filled(server: ModelServer, *names: str, count: int = 4) -> None:
    """These folders with letters that all differ."""
    for number, name in enumerate(names):
        if name not in server.mail.folders:
            server.mail.create(name)
        for at in range(count):
            server.mail.append(name, b"Message-ID: <%d.%d@x>\r\n" % (number, at) + letter(100 * number + at))


def ids(rig: Rig, folder: str) -> list[tuple[object, ...]]:
    return rig.execute(
        "SELECT f.id, m.id, m.uid FROM messages m JOIN folders f ON f.id = m.folder_id WHERE f.name = ? ORDER BY m.uid",
        folder,
    )


@pytest.mark.parametrize("capability", [None, CONDSTORE_ONLY], ids=["unselect", "plain"])
async def test_a_folder_that_is_open_when_it_goes(
    start_dovecot: Callable[..., Dovecot], tmp_path: Path, capability: str | None
) -> None:
    """Dovecot answers STATUS of an open folder as if it still were there."""
    server = start_dovecot(capability=capability)
    server.fill("alice", "Work", [(letter(1), (), None)])
    with Rig(tmp_path, server.port) as rig, server.client() as client:
        await rig.sync()
        async with rig.mirror.pool.session() as session:
            await session.examine(b"Work")
            client.delete("Work")
            assert await session.status(b"Work") is not None
            discovery = Discovery(rig.store, ACCOUNT, rig.mirror.account_id, rig.mirror.config, rig.mirror.now)
            found = await discovery.refresh(session, (), dry_run=False)
        await rig.mirror.close()
        assert [folder.name for folder in found.leaving] == ["Work"]
        assert rig.folders().keys() == {"INBOX"}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_renamed_folder_keeps_its_row_ids_and_content(kind: str, tmp_path: Path) -> None:
    with ModelServer(kind) as server, Rig(tmp_path, server.port) as rig:
        filled(server, "Old", "Old/Deep", "INBOX")
        await rig.sync()
        before = ids(rig, "Old"), ids(rig, "Old/Deep")
        server.forget_bodies()
        server.mail.rename("Old", "New & better")
        server.mail.rename("Old/Deep", "New & better/Deep")
        server.mail.append("New & better", letter(999))
        told = await rig.sync(dry_run=True)
        assert (told["New & better"].new, told["New & better"].deleted, told["New & better/Deep"].new) == (1, 0, 0)
        assert told.keys() == {"INBOX", "New & better", "New & better/Deep"}
        assert rig.folders().keys() == {"INBOX", "Old", "Old/Deep"}
        result = await rig.sync()
        assert result["New & better"].new == 1
        assert sum(server.bodies.values()) == 1
        assert (ids(rig, "New & better")[:4], ids(rig, "New & better/Deep")) == before
        assert not differences(rig.mirrored(), server.mail.truth())
        assert rig.execute("SELECT count(*) FROM removed_messages") == [(0,)]


@pytest.mark.parametrize("kind", KINDS)
async def test_folders_that_trade_names_are_told_apart(kind: str, tmp_path: Path) -> None:
    with ModelServer(kind) as server, Rig(tmp_path, server.port) as rig:
        filled(server, "A", "B", "C")
        await rig.sync()
        a, b = ids(rig, "A"), ids(rig, "B")
        server.forget_bodies()
        server.mail.delete("C")
        server.mail.rename("B", "C")
        server.mail.rename("A", "B")
        server.mail.create("A")
        await rig.sync()
        assert (ids(rig, "B"), ids(rig, "C"), ids(rig, "A")) == (a, b, [])
        assert not server.bodies
        assert not differences(rig.mirrored(), server.mail.truth())
        assert rig.execute("SELECT count(*), reason FROM removed_messages") == [(4, "folder gone")]


async def test_a_folder_with_the_numbers_but_not_the_mail_of_another_is_a_new_one(tmp_path: Path) -> None:
    with ModelServer("plain") as server, Rig(tmp_path, server.port) as rig:
        filled(server, "Old")
        await rig.sync()
        uidvalidity = server.mail.folders["Old"].uidvalidity
        server.mail.delete("Old")
        filled(server, "Other", count=5)
        server.mail.folders["Other"].uidvalidity = uidvalidity
        for mail in server.mail.folders["Other"].messages.values():
            mail.raw = mail.raw.replace(b"<0", b"<9")
        result = await rig.sync()
        assert (result["Other"].strategy, result["Other"].new) == ("first", 5)
        assert rig.execute("SELECT count(*), reason FROM removed_messages") == [(4, "folder gone")]


async def test_many_folders_that_vanish_at_once_are_believed_gone_the_second_time(tmp_path: Path) -> None:
    with ModelServer("full") as server, Rig(tmp_path, server.port) as rig:
        names = [f"F{number}" for number in range(5)]
        filled(server, *names)
        await rig.sync()
        for name in names:
            server.mail.delete(name)
        result = await rig.try_sync()
        assert result.exit_code == 1
        assert sorted(one.name for one in result.folders if one.error and "4 others" in one.error) == names
        assert rig.folders().keys() == {"INBOX", *names}
        await rig.sync()
        assert rig.folders().keys() == {"INBOX"}
        assert rig.execute("SELECT count(*) FROM removed_messages WHERE content_id IS NOT NULL") == [(20,)]


async def test_what_is_deselected_leaves_and_comes_back_without_a_download(tmp_path: Path) -> None:
    with ModelServer("condstore") as server:
        filled(server, "INBOX", "Spam")
        with Rig(tmp_path, server.port) as rig:
            await rig.sync()
            before = ids(rig, "Spam")
        with Rig(tmp_path, server.port, options={"folders": {"exclude": ["Spam"]}}) as rig:
            told = await rig.sync(dry_run=True)
            assert (told["Spam"].deleted, set(rig.folders())) == (4, {"INBOX", "Spam"})
            await rig.sync()
            assert rig.folders().keys() == {"INBOX"}
            assert rig.execute("SELECT count(*), reason FROM removed_messages") == [(4, "not selected")]
        server.forget_bodies()
        server.mail.store("Spam", [2], ["\\Flagged"])
        server.mail.expunge("Spam", [3])
        with Rig(tmp_path, server.port) as rig:
            await rig.sync()
            assert not server.bodies
            assert ids(rig, "Spam") == [one for one in before if one[2] != 3]
            assert not differences(rig.mirrored(), server.mail.truth())


async def test_a_configuration_that_selects_nothing_removes_nothing(tmp_path: Path) -> None:
    with ModelServer("full") as server:
        filled(server, "INBOX")
        with Rig(tmp_path, server.port) as rig:
            await rig.sync()
        with Rig(tmp_path, server.port, options={"folders": {"include": ["INBXO"]}}) as rig:
            result = await rig.try_sync()
            assert "selects none" in (result.error or "")
            assert len(ids(rig, "INBOX")) == 4


async def test_a_special_use_that_one_list_leaves_out_is_still_known(tmp_path: Path) -> None:
    with ModelServer("full") as server, Rig(tmp_path, server.port, options={"folders": {"exclude": ["\\Junk"]}}) as rig:
        server.mail.create("Bulk", "\\Junk")
        server.mail.create("Sent", "\\Sent")
        await rig.sync()
        assert rig.folders().keys() == {"INBOX", "Sent"}
        server.mail.folders["Sent"].special_use = ""
        await rig.sync()
        assert rig.folders()["Sent"].special_use == "\\Sent"


@pytest.mark.parametrize(("include", "there"), [(["*"], False), (["*", "All Mail"], True)])
async def test_what_a_server_shows_twice_is_left_out_unless_it_is_named(
    include: list[str], there: bool, tmp_path: Path
) -> None:
    options = {"folders": {"include": include}, "quirks": {"skip": ["\\All", "All Mail"]}}
    with ModelServer("plain") as server, Rig(tmp_path, server.port, options=options) as rig:
        server.mail.create("All Mail")
        await rig.sync()
        assert ("All Mail" in rig.folders()) is there


async def test_a_gmail_is_mirrored_once(tmp_path: Path) -> None:
    with ModelServer("gmail") as server, Rig(tmp_path, server.port) as rig:
        server.mail.create("Work")
        server.mail.append("INBOX", letter(1))
        server.mail.append("Work", letter(2))
        server.mail.append("[Gmail]/Spam", letter(3))
        await rig.sync()
        assert rig.folders().keys() == {"[Gmail]/All Mail", "[Gmail]/Spam", "[Gmail]/Trash"}
        assert sum(server.bodies.values()) == 3


async def test_a_gmail_without_all_mail_is_mirrored_folder_by_folder_and_stored_once(tmp_path: Path) -> None:
    async def hidden(link: Link, command: Command) -> bool:
        for name in server.mail.folders:
            if "All Mail" not in name:
                await link.send(b'* LIST () "/" "%s"\r\n' % name.encode())
        await link.ok(command)
        return True

    with ModelServer("gmail") as server, Rig(tmp_path, server.port) as rig:
        server.hooks["LIST"] = hidden
        server.mail.create("Work")
        server.mail.append("INBOX", letter(1), labels=["Work"])
        await rig.sync()
        assert rig.uids("INBOX") == rig.uids("Work") == [1]
        assert rig.execute("SELECT count(*) FROM contents") == [(1,)]


@pytest.mark.parametrize(
    ("names", "told", "expected"),
    [
        (["INBOX", "Gesendete Elemente", "Entwürfe"], False, {"Gesendete Elemente": "\\Sent", "Entwürfe": "\\Drafts"}),
        (["INBOX.Trash", "INBOX.sent"], False, {"INBOX.Trash": "\\Trash", "INBOX.sent": "\\Sent"}),
        (["Trash", "Deleted Items", "Work.Trash"], False, {"Trash": "\\Trash"}),
        (["Trash", "Sent"], True, {}),
    ],
)
def test_what_names_say_where_the_server_says_nothing(names: list[str], told: bool, expected: dict[str, str]) -> None:
    from mailsync.imap.names import encode_name

    listed = [Listed(ListEntry(frozenset(), ".", encode_name(name))) for name in names]
    assert {name: use for name, use in special_uses(listed, {}, told=told).items() if use} == expected
