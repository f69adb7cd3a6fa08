"""One folder over one session: what is asked for, and what is not, when little or nothing has changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mailsync.imap.session import Session
from mailsync.privacy.secret import Password
from mailsync.sync.folder import BUSY_SCAN_SECONDS, HANDFUL, FolderSync
from mailsync.sync.questions import WINDOW
from tests.servers.model_server import ModelServer
from tests.servers.scripted import Command, Hook, Link
from tests.sync.rig import ACCOUNT, Rig
from tests.sync.test_moves import ids, letter


def asked(server: ModelServer, verb: str) -> list[bytes]:
    return [command.text for _, command in server.commands if command.verb == verb]


@asynccontextmanager
async def opened(rig: Rig) -> AsyncIterator[tuple[Session, FolderSync]]:
    """INBOX, synced on a session that stays, and a task for it."""
    await rig.sync()
    session = await Session.open(rig.mirror.endpoint(), rig.user, Password(rig.password))
    try:
        await FolderSync(rig.store, ACCOUNT, rig.mirror.account_id, rig.folders()["INBOX"]).run(session)
        yield session, FolderSync(rig.store, ACCOUNT, rig.mirror.account_id, rig.folders()["INBOX"])
    finally:
        await session.logout()


async def verified(rig: Rig, folder: str = "INBOX") -> None:
    await rig.sync()
    verdict = await rig.verify(folder)
    assert verdict.ok, verdict


# The first sync of small folders


@pytest.mark.parametrize("kind", ["full", "plain", "objectid"])
async def test_small_folders_come_in_the_round_trip_that_opens_them(kind: str, tmp_path: Path) -> None:
    with ModelServer(kind) as server, Rig(tmp_path, server.port) as rig:
        for name in ("a", "b", "c"):
            server.mail.create(name)
            for number in range(5):
                server.mail.append(name, letter(number) + name.encode(), ["\\Seen", "$Label1"])
        results = await rig.sync()
        assert {name: (one.strategy, one.new) for name, one in results.items() if name != "INBOX"} == dict.fromkeys(
            ("a", "b", "c"), ("first", 5)
        )
        bodies = [text for text in asked(server, "UID FETCH") if b"BODY.PEEK[]" in text]
        assert [text.split()[0] for text in bodies] == [b"1:*"] * 3
        for name in ("a", "b", "c"):
            await verified(rig, name)


async def test_what_does_not_come_with_the_opening_is_asked_for_by_name(tmp_path: Path) -> None:
    with ModelServer("full") as server, Rig(tmp_path, server.port) as rig:
        for number in range(20):
            server.mail.append("INBOX", letter(number))

        async def half(link: Link, command: Command) -> bool:
            """Some of the messages are left out of the first answer."""
            del server.hooks["UID FETCH"]
            box = server.mail.folders["INBOX"]
            hidden = {uid: box.messages.pop(uid) for uid in (3, 4, 11)}
            await server.answer(link, command)
            box.messages = dict(sorted((box.messages | hidden).items()))
            return True

        server.hooks["UID FETCH"] = half
        assert (await rig.sync())["INBOX"].new == 20
        assert rig.execute("SELECT count(*) FROM quarantine") == [(0,)]
        await verified(rig)


# Scheduled syncs without CONDSTORE


async def test_a_scheduled_sync_looks_at_recent_flags_and_seldom_at_all(tmp_path: Path) -> None:
    with ModelServer("plain") as server, Rig(tmp_path, server.port) as rig:
        count = WINDOW + 60
        for number in range(count):
            server.mail.append("INBOX", b"Subject: %d\r\n\r\n" % number)
        await rig.sync()
        server.mail.store("INBOX", [5, count], ["\\Flagged"])
        server.mail.expunge("INBOX", [7, count - 1])
        server.mail.append("INBOX", b"Subject: new\r\n\r\n")
        before = len(asked(server, "UID FETCH"))
        result = (await rig.sync(scheduled=True))["INBOX"]
        # UIDs are exact at every sync; of the flags those of the newest.
        assert (result.strategy, result.new, result.changed, result.deleted) == ("scan", 1, 1, 2)
        assert not [text for text in asked(server, "UID FETCH")[before:] if text.startswith(b"1:*")]
        server.mail.append("INBOX", b"Subject: newer\r\n\r\n")
        rig.clock = BUSY_SCAN_SECONDS + 1
        assert (await rig.sync(scheduled=True))["INBOX"].changed == 1
        server.mail.store("INBOX", [6], ["\\Flagged"])
        rig.clock = 0.0
        assert (await rig.sync())["INBOX"].changed == 1  # a person gets all of them
        await verified(rig)


async def test_the_reason_for_a_strategy_is_kept(tmp_path: Path) -> None:
    with ModelServer("plain") as server, Rig(tmp_path, server.port) as rig:
        server.mail.append("INBOX", letter(1))
        await rig.sync()
        await rig.sync()
        assert rig.execute("SELECT strategy, why FROM folders") == [("scan", "the server offers no CONDSTORE")]


# Pushes


@pytest.mark.parametrize("kind", ["full", "condstore", "plain"])
async def test_pushed_changes_are_carried_out(kind: str, tmp_path: Path) -> None:
    with ModelServer(kind) as server, Rig(tmp_path, server.port) as rig:
        uids = [server.mail.append("INBOX", letter(number)) for number in range(80)]
        async with opened(rig) as (session, task):
            before = len(server.commands)
            server.mail.store("INBOX", uids[:3], ["\\Seen", "$Label1"])
            if kind == "full":
                server.mail.expunge("INBOX", uids[5:9])
            for number in range(HANDFUL):
                server.mail.append("INBOX", letter(100 + number))
            await session.noop()
            result = await task.pushed(session)
            gone = 4 if kind == "full" else 0
            assert (result.new, result.changed, result.deleted) == (HANDFUL, 3, gone)
            # No rescan: the only question is for the bytes of what is new.
            assert [one.verb for _, one in server.commands[before:]] == ["NOOP", "UID FETCH"]
            server.mail.expunge("INBOX", uids[20:22])  # EXPUNGE by number, or VANISHED
            await session.noop()
            task = FolderSync(rig.store, ACCOUNT, rig.mirror.account_id, rig.folders()["INBOX"])
            assert (await task.pushed(session)).deleted == 2
        await verified(rig)


async def test_a_pushed_mass_disappearance_is_asked_about(tmp_path: Path) -> None:
    with ModelServer("full") as server, Rig(tmp_path, server.port) as rig:
        for number in range(120):
            server.mail.append("INBOX", letter(number))
        async with opened(rig) as (session, task):
            assert session.mailbox is not None
            box = session.mailbox
            server.hooks["NOOP"] = _says(b"* VANISHED 1:4294967295\r\n")
            await session.noop()
            assert box.vanished_now
            result = await task.pushed(session)
            assert result.deleted == 0
        assert len(rig.uids("INBOX")) == 120
        await verified(rig)


async def test_many_pushed_arrivals_are_looked_at_first(tmp_path: Path) -> None:
    """What another folder lost to this one is not downloaded, though it came by a push."""
    with ModelServer("condstore") as server, Rig(tmp_path, server.port) as rig:
        server.mail.create("Other")
        uids = [server.mail.append("Other", letter(number)) for number in range(10)]
        await rig.sync()
        before = ids(rig)
        async with opened(rig) as (session, task):
            server.forget_bodies()
            server.mail.move("Other", uids, "INBOX")
            await session.noop()
            result = await task.arrivals(session)
            assert (result.new, result.bytes) == (10, 0)
            assert not server.bodies
        await rig.sync()
        assert ids(rig) == before
        await verified(rig)


def _says(line: bytes) -> Hook:
    async def hook(link: Link, command: Command) -> bool:
        await link.send(line)
        await link.ok(command)
        return True

    return hook
