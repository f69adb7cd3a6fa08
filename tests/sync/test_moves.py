"""Mail that was moved or copied on the server is not asked for again, and whatever only looks like it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.model_server import ModelServer
from tests.servers.scripted import Command, Link
from tests.sync.rig import Rig

KINDS = ["full", "condstore", "plain", "objectid"]
WHEN = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)


def letter(number: int, *, to: str = "a") -> bytes:
    return b"Delivered-To: %s\r\nMessage-ID: <%d@x>\r\nSubject: %d\r\n\r\n%s\r\n" % (
        to.encode(),
        number,
        number,
        b"z" * (500 + number),
    )


def ids(rig: Rig) -> dict[bytes, list[int]]:
    """`messages.id` by the digest of the content."""
    found: dict[bytes, list[int]] = {}
    for digest, number in rig.execute(
        "SELECT c.digest, m.id FROM messages m JOIN contents c ON c.id = m.content_id ORDER BY m.id"
    ):
        found.setdefault(digest, []).append(number)
    return found


async def settled(rig: Rig, server: ModelServer, *folders: str) -> None:
    for folder in folders:
        verdict = await rig.verify(folder)
        assert verdict.ok, verdict
        assert verdict.local_count == len(server.mail.folders[folder].messages)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", [("INBOX", "Archive"), ("Archive", "INBOX")], ids=["left-first", "arrived-first"])
async def test_a_move_costs_no_body_and_no_id(kind: str, order: tuple[str, str], tmp_path: Path) -> None:
    with ModelServer(kind) as server, Rig(tmp_path, server.port) as rig:
        server.mail.create("Archive")
        uids = [server.mail.append("INBOX", letter(number)) for number in range(60)]
        await rig.sync()
        before = ids(rig)
        server.forget_bodies()
        server.mail.move("INBOX", uids[10:40], "Archive")
        moved = {name: (await rig.sync(name))[name] for name in order}
        assert (moved["Archive"].new, moved["Archive"].bytes, moved["INBOX"].deleted) == (30, 0, 30)
        assert not server.bodies
        assert ids(rig) == before
        assert rig.execute("SELECT count(*) FROM removed_messages") == [(0,)]
        await settled(rig, server, "INBOX", "Archive")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_copy_refers_to_the_content_that_is_here(kind: str, tmp_path: Path) -> None:
    with ModelServer(kind) as server, Rig(tmp_path, server.port) as rig:
        uids = [server.mail.append("INBOX", letter(number)) for number in range(20)]
        await rig.sync()
        before = ids(rig)
        server.forget_bodies()
        server.mail.create("Archive")
        server.mail.create("Later")  # a folder that comes later, too
        server.mail.copy("INBOX", uids, "Later")
        result = (await rig.sync())["Later"]
        assert (result.strategy, result.new, result.bytes) == ("first", 20, 0)
        assert not server.bodies
        after = ids(rig)
        assert all(after[digest][0] == number[0] and len(after[digest]) == 2 for digest, number in before.items())
        await settled(rig, server, "INBOX", "Later")
        # The original goes later: what was a copy stays one.
        server.mail.expunge("INBOX", uids[:10])
        server.mail.move("INBOX", uids[10:], "Archive")
        await rig.sync()
        gone = {row_ids[0] for row_ids in after.values()} - {row_ids[0] for row_ids in ids(rig).values()}
        assert len(gone) == 10
        for digest, row_ids in ids(rig).items():
            assert row_ids == [one for one in after[digest] if one not in gone]
        await settled(rig, server, "INBOX", "Later", "Archive")


@pytest.mark.parametrize("kind", KINDS)
async def test_what_moves_while_a_sync_goes_on_keeps_its_id(kind: str, tmp_path: Path) -> None:
    """INBOX is looked at, then a message leaves it, then the folder is looked at that it has come to."""
    with ModelServer(kind) as server, Rig(tmp_path, server.port, options={"max_connections": 1}) as rig:
        server.mail.create("Archive")
        uids = [server.mail.append("INBOX", letter(number)) for number in range(8)]
        await rig.sync()
        before = ids(rig)
        server.mail.copy("INBOX", uids[:1], "Archive")
        seen: list[str] = []

        async def move(link: Link, command: Command) -> bool:
            del link
            seen.append(command.verb)
            server.hooks.clear()
            server.mail.move("INBOX", uids[1:3], "Archive")
            return False

        server.hooks["EXAMINE"] = move
        results = await rig.sync()
        assert seen
        assert (results["Archive"].new, results["INBOX"].deleted) == (3, 2)
        after = ids(rig)
        copied = next(digest for digest, row_ids in after.items() if len(row_ids) == 2)
        assert after.pop(copied)[0] == before.pop(copied)[0]
        assert after == before
        await settled(rig, server, "INBOX", "Archive")


async def test_ids_go_with_the_mail_on_a_dovecot(start_dovecot: Callable[..., Dovecot], tmp_path: Path) -> None:
    """Copied in one sync, its original moved away in the next: the id goes with what moved."""
    server = start_dovecot()
    with server.client() as client, Rig(tmp_path, server.port, options={"max_connections": 1}) as rig:
        for name in ("Archive", "Later", "Work"):
            client.create(name)
        uid = client.append("Archive", letter(1), when=WHEN)
        moving = client.append("Archive", letter(2), when=WHEN)
        await rig.sync()
        ((original,), (other,)) = ids(rig).values()
        client.command("SELECT Archive")
        client.command(f"UID COPY {uid} Later")
        await rig.sync()
        client.command(f"UID MOVE {uid},{moving} Work")
        await rig.sync()
        where = dict(rig.execute("SELECT m.id, f.name FROM messages m JOIN folders f ON f.id = m.folder_id"))
        assert (where.pop(original), where.pop(other)) == ("Work", "Work")
        assert list(where.values()) == ["Later"]


async def test_mail_delivered_twice_in_one_second_is_no_copy(tmp_path: Path) -> None:
    """Same Message-ID, date and size, another Delivered-To: the complete header tells, and nothing is believed."""
    with ModelServer("full") as server, Rig(tmp_path, server.port) as rig:
        server.mail.create("Alias")
        for number in range(9):
            server.mail.append("INBOX", letter(number, to="a"), date=WHEN)
        await rig.sync()
        for number in range(9):
            server.mail.append("Alias", letter(number, to="a" if number else "b"), date=WHEN)
        server.forget_bodies()
        result = (await rig.sync())["Alias"]
        assert result.new == 9
        assert len(server.bodies) == 9
        await settled(rig, server, "INBOX", "Alias")
        assert "other headers" in rig.execute("SELECT detail FROM activity WHERE type = 'doubt'")[0][0]


async def test_what_has_no_message_id_is_downloaded_and_keeps_its_id(tmp_path: Path) -> None:
    with ModelServer("condstore") as server, Rig(tmp_path, server.port) as rig:
        server.mail.create("Archive")
        uids = [server.mail.append("INBOX", b"Subject: %d\r\n\r\nno name\r\n" % number) for number in range(5)]
        await rig.sync()
        before = ids(rig)
        server.mail.move("INBOX", uids, "Archive")
        results = await rig.sync()
        assert (results["Archive"].new, results["Archive"].bytes > 0) == (5, True)
        assert ids(rig) == before


async def test_a_first_sync_does_not_look_for_moves(tmp_path: Path) -> None:
    """A new account knows nothing: a look at metadata would be for nothing. What is in two folders, was copied."""
    with ModelServer("full") as server, Rig(tmp_path, server.port) as rig:
        server.mail.create("Archive")
        uids = [server.mail.append("Archive", letter(number)) for number in range(20)]
        server.mail.copy("Archive", uids[:5], "INBOX")
        await rig.sync()
        assert not [one for _, one in server.commands if b"HEADER" in one.text or one.verb == "STATUS"]
        inbox = "SELECT uid, id FROM messages WHERE folder_id = (SELECT id FROM folders WHERE name = 'INBOX')"
        copies = rig.execute(inbox)
        assert len(copies) == 5
        server.mail.expunge("Archive", uids[:5])
        await rig.sync()
        assert rig.execute(inbox) == copies


@pytest.mark.parametrize("kind", ["objectid", "gmail"])
async def test_the_names_of_messages_are_stored(kind: str, tmp_path: Path) -> None:
    with ModelServer(kind) as server, Rig(tmp_path, server.port) as rig:
        folder = "[Gmail]/All Mail" if kind == "gmail" else "INBOX"
        for number in range(3):
            server.mail.append(folder, letter(number))
        await rig.sync()
        named = rig.execute("SELECT count(DISTINCT emailid), count(threadid) FROM messages")
        assert named == [(3, 3)]
