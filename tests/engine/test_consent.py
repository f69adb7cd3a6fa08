"""Consent taken back while the engine works, and given again: on a real server, by another process."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mailsync.engine.engine import Engine
from mailsync.errors import ConsentMissing
from mailsync.store import audit, consents
from mailsync.store.selection import Withheld
from mailsync.sync import download, monitor, ondemand
from mailsync.sync.verify import verify_folder
from tests.engine import driver
from tests.engine.kills import letters
from tests.servers.dovecot import Dovecot
from tests.servers.fake import letter
from tests.sync.rig import ACCOUNT, SCOPES, Rig, assert_equal

Change = Callable[..., None]


def elsewhere(rig: Rig, change: Change, scopes: list[str]) -> None:
    """Another process grants or revokes."""
    with contextlib.closing(sqlite3.connect(rig.store.path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        change(connection, ACCOUNT, scopes, time.time())
        connection.execute("COMMIT")


def state(rig: Rig) -> str:
    return str(rig.execute("SELECT state FROM accounts")[0][0])


def held(rig: Rig) -> int:
    return int(rig.execute("SELECT count(*) FROM messages")[0][0])


def sessions(server: Dovecot) -> int:
    """How many there are on the server; one is the other client's."""
    return server.doveadm("who", "-1", "alice").count("imap")


def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_a_revoke_in_the_middle_of_a_sync_is_the_end_of_it(
    dovecot: Dovecot, fresh_user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "BATCH_BYTES", 100_000)
    dovecot.fill(fresh_user, "INBOX", letters(600, 1))
    with Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig:
        first: list[int] = []

        def revoke_after_the_first_batch() -> None:
            with contextlib.closing(sqlite3.connect(rig.store.path)) as connection:
                count = connection.execute("SELECT count(*) FROM messages").fetchone()[0]
            if count and not first:
                first.append(count)
                elsewhere(rig, consents.revoke, ["email_read"])

        rig.store.subscribe(revoke_after_the_first_batch)
        result = await rig.try_sync()
        assert (result.exit_code, result.error) == (3, "consent is missing: email_read")
        assert held(rig) == first[0] < 600  # not one batch more
        assert state(rig) == "needs_consent"
        assert rig.mirror.meter.open == 0
        signed_in = len(rig.execute("SELECT 1 FROM connections"))

        assert (await rig.try_sync(dry_run=True)).exit_code == 3
        assert (await rig.try_sync(scheduled=True)).exit_code == 3
        with pytest.raises(ConsentMissing):
            await ondemand.fetch_withheld(rig.mirror, 1, Withheld(ACCOUNT, 1, 1, 1))
        assert len(rig.execute("SELECT 1 FROM connections")) == signed_in  # nothing knocked at the server
        assert held(rig) == first[0]

        elsewhere(rig, consents.grant, ["email_read"])
        await rig.sync()
        with dovecot.client(fresh_user) as client:
            assert_equal(rig, client)
        with rig.store.read() as connection:
            trail = [(row.action, row.outcome, json.loads(row.detail)) for row in audit.listing(connection)]
        syncs = [(outcome, detail["new"]) for action, outcome, detail in trail if action == "sync"]
        assert syncs == [("ConsentMissing", first[0]), ("ok", 600 - first[0])]
        assert ("consent_revoked", "ok", {"email_read": True}) in trail


async def test_nothing_is_compared_with_the_server_any_more(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    dovecot.fill(fresh_user, "INBOX", letters(5, 1))
    with Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig:
        await rig.sync()
        session = await rig.mirror.connect()
        elsewhere(rig, consents.revoke, ["email_read"])
        with pytest.raises(ConsentMissing):
            await verify_folder(rig.store, session, ACCOUNT, rig.folders()["INBOX"], deep=True)
        session.close()


def test_a_daemon_lets_go_of_the_account_and_takes_it_up_again(
    start_dovecot: Callable[..., Dovecot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor, "LOOK_SECONDS", 0.1)
    server = start_dovecot()
    server.fill("alice", "INBOX", [(letter(1), (), None)])
    with Rig(tmp_path, server.port) as rig, server.client() as client:
        monkeypatch.setenv(f"MAILSYNC_PASSWORD_{ACCOUNT.upper()}", rig.password)
        engine = Engine(driver.config_for(server.port, "alice"), rig.store, tmp_path)
        engine.start()
        try:
            until(lambda: state(rig) == "watching" and held(rig) == 1)
            for scopes in (["email_read"], ["mailbox_access"]):
                before = held(rig)
                elsewhere(rig, consents.revoke, scopes)
                until(lambda: state(rig) == "needs_consent" and sessions(server) == 1)
                assert rig.execute("SELECT state_hint FROM accounts") == [
                    (f"run: mailsync consent grant {ACCOUNT} {scopes[0]}",)
                ]
                client.append("INBOX", letter(before + 1))
                time.sleep(0.5)
                assert held(rig) == before
                assert sessions(server) == 1
                elsewhere(rig, consents.grant, SCOPES)
                until(lambda before=before: held(rig) == before + 1, 5.0)  # type: ignore[misc]
                until(lambda: state(rig) == "watching", 5.0)
                client.append("INBOX", letter(before + 2))
                until(lambda before=before: held(rig) == before + 2, 5.0)  # type: ignore[misc]
        finally:
            engine.stop()
