"""Every command line of whole sessions, as a server hears it: without an approval nothing but reading reaches it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from mailsync.config.load import load_config
from mailsync.engine.engine import Engine
from mailsync.engine.handlers import Handlers
from mailsync.imap.uidset import UidSet
from mailsync.store import jobs
from mailsync.store.database import Store
from mailsync.store.job_kinds import CHANGING, KINDS
from mailsync.tui.app import MailsyncApp
from tests.cli.conftest import CommandLine
from tests.cli.proposals import propose
from tests.cli.test_cleanup_whole import LETTERS, TO_THE_USER, letters
from tests.servers.dovecot import Dovecot
from tests.servers.recorder import CHANGE, Recorder, is_reading
from tests.tui.driving import settle, until


@pytest.mark.parametrize(
    ("command", "reads"),
    [
        (b"UID FETCH 1:* (UID FLAGS)", True),
        (b"UID FETCH 1,3:5 (UID BODY.PEEK[HEADER.FIELDS (Message-ID)]) (CHANGEDSINCE 5 VANISHED)", True),
        (b"UID FETCH 1 (UID BODY[])", False),
        (b"UID FETCH 1 RFC822", False),
        (b"UID FETCH 1 (RFC822.SIZE RFC822.TEXT)", False),
        (b"EXAMINE INBOX", True),
        (b"SELECT INBOX", False),
        (b"UID STORE 1 +FLAGS (\\Seen)", False),
        (b"CLOSE", False),
        (b"EXPUNGE", False),
        (b"CREATE x", False),
    ],
)
def test_what_is_reading(command: bytes, reads: bool) -> None:
    assert is_reading(command) is reads


@pytest.fixture
def server(start_dovecot: Callable[..., Dovecot]) -> Dovecot:
    made = start_dovecot({"alice": "secret"}, special_use={"Archive": "\\Archive", "Trash": "\\Trash"})
    made.fill("alice", "INBOX", [*letters(), (TO_THE_USER, ("\\Seen",), None)])
    made.fill("alice", "Lists/Dev", letters()[:10])
    return made


@pytest.fixture
def line(cli: CommandLine, server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """What lies between mailsync, which may do everything with the account, and the server."""
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "secret")
    with Recorder(server.port) as recorder:
        cli.configure(
            '[accounts.work]\nemail = "max@friend.example"\nhost = "127.0.0.1"\nsecurity = "none"\nwatch = ["INBOX"]\n'
            f'port = {recorder.port}\nusername = "alice"\ncompress = false\n[cleanup.rules.old]\n'
            'query = "older:1y"\nactions = ["mark_read", "label", "archive"]\n'
        )
        cli("consent", "grant", "work", "--all")
        yield recorder


def changes(line: Recorder) -> list[bytes]:
    return [command for command in line.commands() if not is_reading(command)]


def at_the_command_line(cli: CommandLine, folder: Path) -> None:
    """Every command but those that approve of something."""
    for words in (
        ("account", "check", "work"),
        ("sync", "--dry-run"),
        ("sync",),
        ("sync", "--full"),
        ("verify", "--deep"),
        ("doctor",),
        ("health", "--all"),
        ("status",),
        ("search", "cheap"),
        ("show", "1"),
        ("thread", "1"),
        ("attachments", "1"),
        ("triage", "--top", "10"),
        ("quarantine", "retry", "--all"),
        ("db", "reindex"),
        ("export", "maildir", str(folder / "out")),
        ("restore", "--dry-run"),
        ("cleanup", "scan"),
        ("cleanup", "list"),
        ("cleanup", "show", "1", "--all"),
        ("cleanup", "unsubscribe", "list"),
        ("cleanup", "approve", "1"),
        ("cleanup", "approve", "1", "--yes", "--hash", "0" * 64),
        ("cleanup", "undo", "1", "--yes"),
        ("jobs", "list"),
        ("jobs", "retry", "1"),
        ("audit", "verify"),
    ):
        cli(*words)
    assert len(cli("cleanup", "list", "--json").json["cleanups"]) == 1


def in_the_dashboard(cli: CommandLine, server: Dovecot) -> None:
    """An engine that watches while another client is at work, and somebody in every pane who says no in the end."""
    store = Store.open(cli.data)
    engine = Engine(load_config(cli.config), store, cli.data, quiet=True)
    app = MailsyncApp(store, engine=engine, config_path=str(cli.config))

    def mirrored() -> list[Any]:
        with store.read() as connection:
            return [tuple(row) for row in connection.execute("SELECT subject, flags FROM mail WHERE subject = 'new'")]

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.vitals.can_sync)
        await until(pilot, lambda: app.vitals.snapshot.accounts[0].state == "watching")
        with server.client() as client:
            uid = client.append("INBOX", b"Subject: new\r\n\r\nnews\r\n")
            await until(pilot, lambda: bool(mirrored()))
            client.store("INBOX", [uid], "+FLAGS", "\\Flagged")
            await until(pilot, lambda: mirrored()[0][1] != 0)
            client.expunge("INBOX", [uid])
        for pane in ("2", "3", "4", "6", "5"):
            await pilot.press(pane)
            await settle(pilot)
        for key in ("c", "a", "escape", "a", "enter", "u", "l"):
            await pilot.press(key)
            await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        for key in ("enter", "d", "enter", "5", "r", "escape", "6", "t", "s"):
            await pilot.press(key)
            await settle(pilot)

    async def run() -> None:
        async with app.run_test(size=(120, 40)) as pilot:
            await act(pilot)

    try:
        asyncio.run(run())
    finally:
        engine.stop()
        store.close()


def test_without_an_approval_the_server_is_only_read(
    cli: CommandLine, server: Dovecot, line: Recorder, tmp_path: Path
) -> None:
    with server.client() as client:
        before = {name: client.fetch_all(name) for name in ("INBOX", "Lists/Dev")}
    at_the_command_line(cli, tmp_path)
    in_the_dashboard(cli, server)
    heard = {command.split(b" ")[0] for command in line.commands()}
    assert {b"LIST", b"EXAMINE", b"UID", b"ID"} <= heard  # it was really listened to
    assert heard & {b"IDLE", b"NOTIFY"}
    assert changes(line) == []
    with server.client() as client:
        assert {name: client.fetch_all(name) for name in ("INBOX", "Lists/Dev")} == before
    assert not [one for one in cli("audit", "list", "--json").json["entries"] if one["action"].endswith("_approved")]
    assert not [one for one in cli("jobs", "list", "--json").json["jobs"] if one["approved_by"]]


def test_an_approval_covers_its_list_and_nothing_else(cli: CommandLine, server: Dovecot, line: Recorder) -> None:
    cli("sync")
    one = propose(cli.data, [2, 3, 5, 8], ["mark_read", "flag", "archive"])
    listed = {item["uid"] for item in cli("cleanup", "show", "1", "--all", "--json").json["items"]}
    assert cli("cleanup", "approve", "1", "--yes", "--hash", one.hash).code == 0
    told = changes(line)
    assert {command for command in told if not CHANGE.match(command)} <= {b"SELECT INBOX", b'SELECT "INBOX"'}
    touched = [UidSet.parse(found[2].decode()) for command in told if (found := CHANGE.match(command))]
    assert {uid for uids in touched for uid in uids} == listed
    assert len(listed) == 4
    known = len(told)
    assert cli("sync").code == cli("verify", "--deep").code == 0
    assert len(changes(line)) == known  # it is over


@pytest.mark.parametrize("kind", sorted(set(CHANGING) - {"unsubscribe"}))
def test_a_job_that_nobody_approved_of_changes_nothing(
    cli: CommandLine, server: Dovecot, line: Recorder, kind: str
) -> None:
    """As if a part of the program had put it into the queue by itself, for a list that is there and looks right."""
    cli("sync")
    one = propose(cli.data, [2, 3, 5, 8], ["archive"])
    cli("restore", "--dry-run")
    store = Store.open(cli.data)
    engine = Engine(load_config(cli.config), store, cli.data, schedules=False, monitors=False)

    def forge(connection: Any) -> int:
        (restore, digest) = connection.execute("SELECT id, hash FROM restores ORDER BY id DESC").fetchone()
        if kind == "restore":
            params = {"restore": restore, "hash": digest, "dry_run": False}
        else:
            run = connection.execute(
                """INSERT INTO cleanup_runs (cleanup_id, kind, approved_by, hash, created_at)
                   VALUES (?, ?, '', ?, 1) RETURNING id""",
                (one.id, "undo" if kind == "undo" else "apply", one.hash),
            ).fetchone()[0]
            connection.execute(
                """INSERT INTO cleanup_journal (run_id, number, item)
                   SELECT ?, number, number FROM cleanup_items WHERE cleanup_id = ?""",
                (run, one.id),
            )
            params = {"cleanup": one.id, "run": run, "hash": one.hash}
        return jobs.insert(connection, kind, time.time(), account="work", params=params)

    engine.start()
    try:
        number = store.write(forge).result()
        deadline = time.monotonic() + 20
        while (job := store.write(lambda connection: jobs.get(connection, number)).result()) and not job.ended:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert job is not None
        assert job.status == "failed"
        assert job.error is not None
        assert "internal error" not in job.error
    finally:
        engine.stop()
        store.close()
    assert changes(line) == []
    with server.client() as client:
        assert len(client.fetch_all("INBOX")) == LETTERS + 1


def test_every_kind_of_job_is_one_that_somebody_carries_out(cli: CommandLine) -> None:
    store = Store.open(cli.data)
    try:
        handlers = Handlers(store, {}, load_config(cli.config), time.time, lambda: False).table()
    finally:
        store.close()
    assert handlers.keys() == {name for name, kind in KINDS.items() if not kind.here}
