"""The audit trail beside real work: what of it is on record, that it is whole, and that it tells nothing private."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailsync.engine.ask import ask
from mailsync.engine.engine import Engine
from mailsync.store import audit, consents, quarantine
from mailsync.store.database import Store
from mailsync.sync import monitor
from tests.engine import driver
from tests.engine.test_consent import held, state, until
from tests.servers.dovecot import Dovecot
from tests.servers.fake import letter
from tests.servers.imap_client import Message
from tests.sync.rig import ACCOUNT, Rig
from tests.sync.storm import Storm

SUBJECT, TEXT, SENDER, FOLDER = "Zwetschgenknoedel", "Marillenknoedel", "nobody@leak.example", "Geheimordner"
SECRET: Message = (
    f"From: Some One <{SENDER}>\r\nMessage-ID: <1@leak.example>\r\nSubject: {SUBJECT}\r\n\r\n{TEXT}\r\n".encode(),
    ("$Geheimwort",),
    None,
)


def syncs(rig: Rig) -> list[tuple[str, dict[str, Any]]]:
    with rig.store.read() as connection:
        return [(row.outcome, json.loads(row.detail)) for row in audit.listing(connection, action="sync", limit=999)]


async def test_which_syncs_are_on_record(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    dovecot.fill(fresh_user, "INBOX", [SECRET])
    with (
        Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig,
        dovecot.client(fresh_user) as client,
    ):

        async def scheduled() -> int:
            rig.clock += 600.0
            await rig.try_sync(scheduled=True)
            return len(syncs(rig))

        assert await scheduled() == 1  # the first
        outcome, first = syncs(rig)[0]
        assert (outcome, first["new"], first["bytes"], first["scheduled"]) == ("ok", 1, len(SECRET[0]), True)
        assert first["strategy_first"] == first["folders"] > 0
        assert await scheduled() == 1  # nothing had changed
        await rig.sync()
        assert len(syncs(rig)) == 2  # somebody asked
        assert syncs(rig)[1][1]["certificates"] == first["certificates"]
        client.append("INBOX", letter(2))
        assert await scheduled() == 3
        assert syncs(rig)[2][1]["certificates"] != first["certificates"]
        await rig.sync(dry_run=True)
        assert len(syncs(rig)) == 3

        rig.password = "wrong"
        await rig.mirror.pool.close()
        assert [await scheduled() for _ in range(3)] == [4, 4, 4]  # not once more for each attempt
        rig.password = dovecot.users[fresh_user]
        await rig.sync()
        assert [outcome for outcome, _ in syncs(rig)] == ["ok", "ok", "ok", "SignInFailed", "ok"]


def test_a_storm_with_two_processes_writing(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    """A daemon that syncs and is pushed to, beside someone who grants, revokes and asks."""
    dovecot.fill(fresh_user, FOLDER, [SECRET])
    dovecot.fill(fresh_user, "INBOX", [SECRET, (letter(1), (), None)])
    process = driver.start("serve", tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user])
    config = driver.config_for(dovecot.port, fresh_user)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "serving\n"
        with Rig(tmp_path, dovecot.port, fresh_user) as rig, dovecot.client(fresh_user) as client:
            storm = Storm(client, random.Random(4))
            for _ in range(4):
                storm.blow(8)
                for change in (consents.grant, consents.revoke):
                    rig.store.write(lambda c, how=change: how(c, ACCOUNT, ["attachment_access"], 5.0)).result()  # type: ignore[misc]
                job = ask(config, rig.store, tmp_path, "sync", {})
                assert job.status == "completed", job.error
            rig.store.write(lambda c: quarantine.add(c, 1, 1, 1, [999], "fetch", f"{SUBJECT} {FOLDER}", 5.0)).result()
            os.killpg(process.pid, signal.SIGTERM)
            assert process.wait(20) == 0
            with rig.store.read() as connection:
                verdict = audit.verify(connection)
                rows = audit.listing(connection, limit=9999)
                names = [row[0] for row in connection.execute("SELECT name FROM folders")]
        assert (verdict.broken, verdict.rows) == (0, len(rows))
        counted = {row.action: sum(other.action == row.action for other in rows) for row in rows}
        assert counted["consent_revoked"] == 4
        assert counted["sync"] >= 4
        assert counted["sign_in"] == counted["quarantined"] == 1
        told = "\n".join(str(tuple(row)) for row in rows)
        private = [SUBJECT, TEXT, SENDER, "leak.example", "Geheimwort", f"{fresh_user}@example.org", *names]
        assert [word for word in private if word in told] == []
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_a_purge_in_a_running_engine_and_what_is_left_in_the_file(
    start_dovecot: Callable[..., Dovecot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "LOOK_SECONDS", 0.1)
    server = start_dovecot()
    server.fill("alice", FOLDER, [SECRET])
    server.fill("alice", "INBOX", [(letter(number), (), None) for number in range(50)])
    with Rig(tmp_path, server.port) as rig:
        monkeypatch.setenv(f"MAILSYNC_PASSWORD_{ACCOUNT.upper()}", rig.password)
        config = driver.config_for(server.port, "alice")
        engine = Engine(config, rig.store, tmp_path)
        engine.start()
        try:
            until(lambda: held(rig) == 51 and rig.execute("SELECT count(*) FROM envelopes") == [(51,)])
            until(lambda: state(rig) == "watching")
            assert all(word in on_disk(rig.store) for word in (SUBJECT, FOLDER, "Geheimwort"))
            job = ask(config, rig.store, tmp_path, "purge", {"accounts": [ACCOUNT]})
            assert job.status == "completed", job.error
            assert job.result is not None
            assert job.result["overwritten"]
            assert job.result["accounts"][0]["messages"] == 51
            left = on_disk(rig.store)
            assert [word for word in (SUBJECT, FOLDER, SENDER, "leak.example", "Geheimwort") if word in left] == []
            until(lambda: state(rig) == "needs_consent")
            time.sleep(0.3)
            assert held(rig) == 0
            rig.store.write(lambda c: consents.grant(c, ACCOUNT, ["email_read"], time.time())).result()
            until(lambda: held(rig) == 51)
        finally:
            engine.stop()


def on_disk(store: Store) -> str:
    files = [store.path, store.path.with_name(store.path.name + "-wal")]
    return "".join(path.read_bytes().decode("latin-1") for path in files if path.exists())
