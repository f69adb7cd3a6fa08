"""`verify` is silent about a good mirror and finds every kind of damage in a bad one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailsync.store import folders
from tests.servers.dovecot import Dovecot
from tests.servers.fake import FakeServer, box, letter
from tests.servers.model_server import ModelServer
from tests.sync.rig import Rig

WHEN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
COUNT = 12


@pytest.fixture
def inbox(dovecot: Dovecot, fresh_user: str) -> tuple[Dovecot, str, list[int]]:
    messages = [(letter(number), ["\\Seen"] if number % 2 else ["$Label1"], WHEN) for number in range(COUNT)]
    return dovecot, fresh_user, dovecot.fill(fresh_user, "INBOX", messages)


async def test_damage_is_found(inbox: tuple[Dovecot, str, list[int]], tmp_path: Path) -> None:
    server, user, uids = inbox
    with Rig(tmp_path, server.port, user, server.users[user]) as rig:
        await rig.sync()
        good = await rig.verify("INBOX")
        assert good.ok
        assert good.server_count == good.local_count == COUNT

        message = "(SELECT id FROM messages WHERE uid = ?)"
        rig.execute(f"DELETE FROM messages WHERE id = {message}", uids[0])
        rig.execute(f"UPDATE messages SET uid = 999 WHERE id = {message}", uids[1])
        rig.execute(f"UPDATE messages SET flags = flags | 16 WHERE id = {message}", uids[2])
        rig.execute(f"UPDATE messages SET keywords = 'other' WHERE id = {message}", uids[3])
        content = "(SELECT content_id FROM messages WHERE uid = ?)"
        torn = "CAST(substr(body, 1, length(body) - 1) || x'79' AS BLOB)"
        rig.execute(f"UPDATE contents SET body = {torn} WHERE id = {content}", uids[4])
        rig.execute(f"UPDATE contents SET body = substr(body, 1, length(body) / 2) WHERE id = {content}", uids[8])
        rig.execute(f"UPDATE messages SET content_id = content_id + 1 WHERE id = {message}", uids[5])
        rig.execute(f"UPDATE messages SET content_id = NULL WHERE id = {message}", uids[7])

        bad = await rig.verify("INBOX")
        assert not bad.ok
        assert bad.missing == [uids[0], uids[1], uids[7]]
        assert bad.extra == [999]
        assert bad.flags_differ == [uids[2], uids[3]]
        assert bad.content_differs == [uids[4], uids[5], uids[8]]
        assert (bad.server_count, bad.local_count) == (COUNT, COUNT - 1)
        shallow = await rig.verify("INBOX", deep=False)
        assert shallow.content_differs == []
        assert shallow.missing == bad.missing


async def test_a_full_sync_repairs_what_verify_found(inbox: tuple[Dovecot, str, list[int]], tmp_path: Path) -> None:
    server, user, uids = inbox
    with Rig(tmp_path, server.port, user, server.users[user]) as rig:
        await rig.sync()
        rig.execute("DELETE FROM messages WHERE uid = ?", uids[0])
        rig.execute("UPDATE messages SET flags = 31 WHERE uid = ?", uids[2])
        rig.execute("INSERT INTO messages (folder_id, uid, created_at) SELECT folder_id, 999, 0 FROM messages LIMIT 1")
        assert not (await rig.verify("INBOX")).ok
        result = (await rig.sync(full=True))["INBOX"]
        assert (result.new, result.changed, result.deleted) == (1, 1, 1)
        assert (await rig.verify("INBOX")).ok


async def test_another_uidvalidity_is_said(inbox: tuple[Dovecot, str, list[int]], tmp_path: Path) -> None:
    server, user, _ = inbox
    with Rig(tmp_path, server.port, user, server.users[user]) as rig:
        await rig.sync()
        server.doveadm("mailbox", "update", "-u", user, "--uid-validity", "1234567", "INBOX")
        verdict = await rig.verify("INBOX")
        assert not verdict.ok
        assert "UIDVALIDITY is 1234567" in (verdict.error or "")


async def test_a_server_that_lists_too_little_proves_nothing(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()
        server.boxes["INBOX"].exists = 6
        assert "listed 5 of 6" in ((await rig.verify("INBOX")).error or "")
        server.boxes["INBOX"].exists = None
        server.bad[3] = "omit"
        verdict = await rig.verify("INBOX")
        assert verdict.content_differs == []
        assert "not give the bytes of 1 messages" in (verdict.error or "")


async def test_what_is_not_here_on_purpose_is_explained(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(5)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()
        rig.execute("UPDATE messages SET withheld = 'too large', content_id = NULL WHERE uid = 2")
        rig.execute("DELETE FROM messages WHERE uid = 3")
        assert (await rig.verify("INBOX")).missing == [3]
        rig.execute("UPDATE folders SET outside = '3', messages = 4")
        verdict = await rig.verify("INBOX")
        assert verdict.ok
        assert [(one["kind"], one["uids"]) for one in verdict.explained] == [("withheld", "2"), ("outside", "3")]
        assert (verdict.server_count, verdict.local_count, server.bodies[2]) == (5, 4, 1)


async def test_a_folder_is_held_against_its_certificate(tmp_path: Path) -> None:
    """Content that changed places under the mirror's hands shows without a download."""

    def certified() -> list[tuple[object, ...]]:
        return rig.execute("SELECT at > 0, messages, verified_at IS NOT NULL, deep FROM certificates")

    with FakeServer({"INBOX": box(3)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()
        assert certified() == [(1, 3, 0, 0)]
        assert (await rig.verify("INBOX", deep=False)).certificate == "matches"
        assert certified() == [(1, 3, 1, 0)]
        assert (await rig.verify("INBOX")).ok
        assert certified() == [(1, 3, 1, 1)]
        rig.execute("UPDATE messages SET content_id = (SELECT min(id) FROM contents)")
        verdict = await rig.verify("INBOX", deep=False)
        assert not verdict.ok
        assert "not what its certificate says" in (verdict.error or "")


async def test_nothing_is_proven_before_a_first_sync_has_ended(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(0)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()
        assert (await rig.verify("INBOX")).ok
        rig.execute("UPDATE folders SET first_sync_at = NULL")
        assert "has not ended" in ((await rig.verify("INBOX")).error or "")


async def test_the_certificate_follows_the_syncs(tmp_path: Path) -> None:
    """One that still holds is only dated anew, and a lost one is made again though nothing changed."""
    with ModelServer("full") as server, Rig(tmp_path, server.port) as rig:
        for number in range(4):
            server.mail.append("INBOX", letter(number))
        await rig.sync()
        query = "SELECT uids_digest, contents_digest, highestmodseq, at FROM certificates"
        [first] = rig.execute(query)
        rig.clock = 60.0
        await rig.sync()
        [again] = rig.execute(query)
        assert again[:3] == first[:3]
        assert again[3] > first[3] + 59
        server.mail.store("INBOX", [1], ["\\Seen"])
        await rig.sync()
        [flagged] = rig.execute(query)
        assert flagged[:2] == first[:2]
        assert flagged[2] > first[2]
        server.mail.expunge("INBOX", [2])
        await rig.sync()
        [less] = rig.execute(query)
        assert less[0] != first[0]
        assert (await rig.verify("INBOX", deep=False)).certificate == "matches"
        rig.execute("DELETE FROM certificates")
        await rig.sync()
        assert [row[:3] for row in rig.execute(query)] == [less[:3]]


async def test_the_document(tmp_path: Path) -> None:
    with FakeServer({"INBOX": box(2)}) as server, Rig(tmp_path, server.port) as rig:
        await rig.sync()
        document = (await rig.verify("INBOX")).as_dict()
        assert {
            key: document[key]
            for key in ("account", "name", "server_count", "local_count", "missing", "extra", "flags_differ", "ok")
        } == {
            "account": "work",
            "name": "INBOX",
            "server_count": 2,
            "local_count": 2,
            "missing": [],
            "extra": [],
            "flags_differ": [],
            "ok": True,
        }
        assert isinstance(rig.folders()["INBOX"], folders.Folder)
