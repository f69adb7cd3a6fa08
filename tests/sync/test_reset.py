"""A new UIDVALIDITY costs metadata and a sample; a server that plays with it costs nothing that is here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mailsync.imap.session import Session
from mailsync.privacy.secret import Password
from mailsync.sync import guard
from mailsync.sync.folder import FolderSync
from tests.servers.model import ModelMail
from tests.servers.model_server import ModelServer
from tests.sync.rig import ACCOUNT, Rig
from tests.sync.test_moves import ids, letter

DAY = 86_400.0


@pytest.mark.parametrize("kind", ["full", "condstore", "plain", "objectid"])
async def test_rows_get_their_new_uids_in_place(kind: str, tmp_path: Path) -> None:
    with ModelServer(kind) as server, Rig(tmp_path, server.port) as rig:
        box = server.mail.folders["INBOX"]
        uids = [server.mail.append("INBOX", letter(number), ["\\Seen"]) for number in range(150)]
        await rig.sync()
        before = ids(rig)
        server.mail.expunge("INBOX", uids[:7])
        server.mail.new_uidvalidity("INBOX")
        box = server.mail.folders["INBOX"]
        fresh = server.mail.append("INBOX", letter(999))
        server.mail.store("INBOX", [min(box.messages)], ["$Label1"])
        server.forget_bodies()
        result = (await rig.sync())["INBOX"]
        assert (result.strategy, result.new, result.deleted, result.changed) == ("uidvalidity_reset", 1, 7, 1)
        assert result.bytes == len(letter(999))
        assert len(server.bodies) <= 1 + 3  # what is new, and two in a hundred
        assert ("INBOX", box.uidvalidity, fresh) in server.bodies
        after = ids(rig)
        assert {digest: after[digest] for digest in after.keys() & before.keys()} == {
            digest: before[digest] for digest in after.keys() & before.keys()
        }
        assert len(after.keys() & before.keys()) == 143
        verdict = await rig.verify("INBOX")
        assert verdict.ok, verdict
        assert (await rig.sync())["INBOX"].strategy in ("unchanged", "scan")


async def test_a_sample_that_contradicts_brings_everything_anew(tmp_path: Path) -> None:
    """Equal Message-ID, date and size with other bytes: nothing of it is believed."""
    with ModelServer("full") as server, Rig(tmp_path, server.port) as rig:
        for number in range(40):
            server.mail.append("INBOX", letter(number))
        await rig.sync()
        server.mail.new_uidvalidity("INBOX")
        for mail in server.mail.folders["INBOX"].messages.values():
            mail.raw = mail.raw.replace(b"z", b"y")
        result = (await rig.sync())["INBOX"]
        assert (result.strategy, result.new, result.deleted) == ("uidvalidity_reset", 40, 40)
        verdict = await rig.verify("INBOX")
        assert verdict.ok, verdict
        assert rig.execute("SELECT count(*) FROM removed_messages WHERE reason = 'uidvalidity'") == [(40,)]
        assert "other bytes" in rig.execute("SELECT detail FROM activity WHERE type = 'doubt'")[0][0]


async def test_after_five_a_day_the_folder_is_left_alone(tmp_path: Path) -> None:
    with ModelServer("full") as server, Rig(tmp_path, server.port) as rig:
        for number in range(3):
            server.mail.append("INBOX", letter(number))
        await rig.sync()
        before = ids(rig)
        for _ in range(guard.RESETS):
            server.mail.new_uidvalidity("INBOX")
            assert (await rig.sync())["INBOX"].strategy == "uidvalidity_reset"
        server.mail.new_uidvalidity("INBOX")
        result = await rig.try_sync()
        assert "5 times within a day" in (result.folders[0].error or "")
        assert ids(rig) == before
        rig.clock = DAY + 1
        assert (await rig.sync())["INBOX"].strategy == "uidvalidity_reset"
        assert ids(rig) == before


async def test_a_uidvalidity_that_goes_down_is_asked_about_once_more(tmp_path: Path) -> None:
    with ModelServer("plain") as server, Rig(tmp_path, server.port) as rig:
        for number in range(3):
            server.mail.append("INBOX", letter(number))
        server.mail.folders["INBOX"].uidvalidity = 900
        await rig.sync()
        before = ids(rig)
        server.mail.folders["INBOX"].uidvalidity = 800
        assert (await rig.sync())["INBOX"].strategy == "uidvalidity_reset"
        assert ids(rig) == before
        assert "went down from 900 to 800" in rig.execute("SELECT detail FROM activity WHERE type = 'doubt'")[0][0]


async def test_where_uidvalidity_never_changes_a_sample_tells(tmp_path: Path) -> None:
    """DavMail: UIDVALIDITY is 1 for ever, and a new profile gives all UIDs to other messages."""
    with ModelServer("plain") as server, Rig(tmp_path, server.port) as rig:
        for number in range(30):
            server.mail.append("INBOX", letter(number))
        await rig.sync()
        before = ids(rig)
        box = server.mail.folders["INBOX"]
        others: list[ModelMail] = list(box.messages.values())
        box.messages = dict(zip(box.messages, reversed(others), strict=True))
        session = await Session.open(rig.mirror.endpoint(), rig.user, Password(rig.password))
        session.quirks = replace(session.quirks, fixed_uidvalidity=True)
        task = FolderSync(rig.store, ACCOUNT, rig.mirror.account_id, rig.folders()["INBOX"])
        assert (await task.run(session)).strategy == "uidvalidity_reset"
        await session.logout()
        assert ids(rig) == before
        await rig.sync()
        verdict = await rig.verify("INBOX")
        assert verdict.ok, verdict


async def test_a_dry_run_tells_and_changes_nothing(tmp_path: Path) -> None:
    with ModelServer("full") as server, Rig(tmp_path, server.port) as rig:
        uids = [server.mail.append("INBOX", letter(number)) for number in range(10)]
        await rig.sync()
        rows = rig.execute("SELECT * FROM messages")
        server.mail.expunge("INBOX", uids[:2])
        server.mail.new_uidvalidity("INBOX")
        server.mail.append("INBOX", letter(99))
        result = (await rig.sync(dry_run=True))["INBOX"]
        assert (result.strategy, result.new, result.deleted) == ("uidvalidity_reset", 1, 2)
        assert rig.execute("SELECT * FROM messages") == rows
