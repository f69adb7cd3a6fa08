"""`make screenshots`: draws `screenshots/*.svg` from the demo's mail, mirrored for real, at a fixed moment.

The demo's server, the engine, the store and the screens are the ones of `mailsync demo`; only the clock stands still,
no new mail arrives, and sizes that depend on how writes and reads fell together are fixed (`steady`), so that the same
code draws the same pictures.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailsync.cleanup.scan import scan
from mailsync.config.load import load_config
from mailsync.demo.server import DemoServer, write_demo_config
from mailsync.engine.engine import Engine
from mailsync.model import AccountState
from mailsync.pipeline import versions
from mailsync.pipeline.scorer import Scorer
from mailsync.privacy.consent import SCOPES
from mailsync.privacy.log import FILE_NAME
from mailsync.store import accounts, connections, consents, folders, health, jobs, quarantine
from mailsync.store.database import Store
from mailsync.tui import app as app_module
from mailsync.tui import gathering
from mailsync.tui.app import MailsyncApp
from tests.store.filled import understand
from tests.tui.driving import settle
from tests.tui.entrances import entrance, known_servers

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
DATABASE_BYTES = 925_696
WAL_BYTES = 4_874_304
FREE_BYTES = 412_000_000_000
RECEIVED_BYTES = 251_500
FOLDER = Path(__file__).resolve().parents[2] / "screenshots"
SHOTS: tuple[tuple[str, tuple[int, int], tuple[str, ...]], ...] = (
    ("dashboard", (150, 42), ()),
    ("mail", (150, 42), ("2", "tab", "j")),
    ("search", (150, 42), ("2", "slash", *"harbour OR lighthouse", "enter", "j", "j", "n")),
    ("threads", (150, 42), ("2", "slash", *"lighthouse", "enter", "t", "enter", "j", "j")),
    ("health", (150, 42), ("3", "j", "j", "j", "j")),
    ("narrow", (80, 24), ()),
    ("help", (110, 36), ("question_mark",)),
    ("account-add", (100, 30), ("a", *"ada@example.org", "enter")),
    ("priority", (150, 42), ("2", "o")),
    ("jobs", (150, 42), ("6",)),
    ("cleanup", (150, 42), ("5", "enter", "right", "j")),
    ("quarantine", (150, 42), ("4", "j")),
)


def mirror(store: Store, folder: Path, server: DemoServer) -> list[tuple[str, str]]:
    """Sync the demo's accounts one after the other; gives their names and addresses."""
    config = load_config(write_demo_config(folder, server))
    single = {name: account.model_copy(update={"max_connections": 1}) for name, account in config.accounts.items()}
    config = config.model_copy(update={"accounts": single})
    moment = NOW.timestamp()
    engine = Engine(config, store, folder, schedules=False, monitors=False, now=lambda: moment)
    engine.start()
    try:
        for name in config.accounts:
            store.write(lambda c, name=name: consents.grant(c, name, SCOPES, moment)).result()  # type: ignore[misc]
            job = store.write(lambda c, name=name: jobs.insert(c, "sync", moment, account=name)).result()  # type: ignore[misc]
            while True:
                with store.read() as connection:
                    found = jobs.get(connection, job)
                if found is not None and found.status not in ("pending", "running"):
                    break
                time.sleep(0.02)
            if found.status != "completed":
                raise SystemExit(f"{name}: {found.error}")
    finally:
        engine.stop()
    return [(name, account.email) for name, account in config.accounts.items()]


def as_watching(store: Store, names: list[tuple[str, str]]) -> None:
    """The state a running engine is in some minutes later."""
    watching: AccountState = "watching"
    for name, _ in names:
        store.write(
            lambda c, name=name: accounts.set_state(c, name, watching, NOW.timestamp())  # type: ignore[misc]
        ).result()
        with store.read() as connection:
            present = folders.present(connection, accounts.id_of(connection, name))
        inbox = present["INBOX"].id
        store.write(lambda c, inbox=inbox: folders.set_watch(c, inbox, "idle")).result()  # type: ignore[misc]
        store.write(lambda c, name=name: connected(c, name)).result()  # type: ignore[misc]
    at = NOW - timedelta(seconds=30)
    told: list[dict[str, object]] = [{"event": "engine_started"}]
    told += [{"event": "sync_finished", "account": name, "ok": True} for name, _ in names]
    with (store.path.parent / FILE_NAME).open("w", encoding="utf-8") as file:
        for one in told:
            stamp = {"timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}", "level": "info", "logger": "engine"}
            file.write(json.dumps(stamp | one) + "\n")
            at += timedelta(seconds=3)


def set_aside(connection: sqlite3.Connection) -> None:
    """Three messages that failed: one that the server does not give, one that is tried again, one no more by itself."""
    at = NOW.timestamp() - 86400
    rows = connection.execute(
        """SELECT m.folder_id, m.uid, m.content_id, f.account_id, f.uidvalidity FROM messages m
           JOIN folders f ON f.id = m.folder_id ORDER BY m.id LIMIT 9"""
    ).fetchall()
    for _ in range(3):
        quarantine.failed(connection, [(rows[4][2], "it took more than two seconds")], versions.INDEX, at + 86300)
    for hour in range(quarantine.ATTEMPTS):
        quarantine.failed(connection, [(rows[8][2], "its parser ended (-11)")], versions.INDEX, at + 3600 * hour)
    folder, uid, _, account, uidvalidity = rows[0]
    told = "the server answered OK and gave nothing for this message"
    quarantine.add(connection, account, folder, uidvalidity, [uid], quarantine.FETCH, told, at + 86400)


def queued(connection: sqlite3.Connection) -> None:
    """A clean-up that somebody approved of at work, jobs that wait, and one that failed."""
    home, *others = [row[0] for row in connection.execute("SELECT name FROM accounts ORDER BY id")]
    at = NOW.timestamp()

    def taken(kind: str, account: str, age: float) -> int:
        job = jobs.insert(connection, kind, at - age, account=account, priority=jobs.ASKED)
        jobs.take(connection, job, at - age + 0.02, "4711")
        return job

    refused = taken("verify", others[0], 1500)
    hint = "is the server up, and the port right?"
    jobs.finish(connection, refused, "failed", at - 1480, error="connection refused", hint=hint)
    scan = taken("cleanup_scan", home, 700)
    jobs.progress(connection, scan, 80_412, 0, at - 600, total=80_412)
    jobs.finish(connection, scan, "completed", at - 599)
    cleaning = taken("cleanup_apply", home, 60)
    jobs.approve(connection, cleaning, "ada", 12_840)
    for second in range(0, 60, 6):
        jobs.progress(connection, cleaning, 150 * second, 0, at - 59 + second)
    jobs.insert(connection, "undo", at - 20, account=home, priority=jobs.ASKED)
    jobs.insert(connection, "backfill", at - 15, account=others[0], priority=jobs.BACKGROUND)


PREPARED = {"jobs": queued, "quarantine": set_aside}
"""What is done to the mirror before a picture: the last ones, since the others show one in good order."""


def connected(connection: sqlite3.Connection, name: str) -> None:
    """One connection that watches, and one that has just synced."""
    for purpose, state, folder, received in (("watch", "idle", "INBOX", 4_213), ("sync", "selected", "Sent", 182_344)):
        row = connections.add(connection, name, purpose, "connecting", NOW.timestamp())
        connections.note(
            connection,
            row,
            NOW.timestamp(),
            purpose=purpose,
            state=state,
            folder=folder,
            compressed=False,
            received=received,
        )


class Running:
    """An engine that has done its work and watches."""

    running = True

    def start(self) -> None:
        """It runs."""

    def stop(self) -> None:
        """It ended with its mirror."""


def steady() -> None:
    """Sizes on disk and on the line as in any other drawing."""
    read = health.read

    def fixed(connection: sqlite3.Connection, now: float) -> health.Facts:
        facts = read(connection, now)
        received = dict.fromkeys(facts.received_today, RECEIVED_BYTES)
        return replace(facts, page_bytes=DATABASE_BYTES, free_bytes=0, received_today=received)

    health.read = fixed
    health.room = lambda folder: FREE_BYTES
    health.wal_bytes = lambda path: WAL_BYTES
    gathering.clock = lambda: 0.0
    app_module._disk = lambda store: DATABASE_BYTES + WAL_BYTES


async def draw(store: Store, names: list[tuple[str, str]]) -> None:
    moment = NOW.timestamp() + 95
    for name, size, keys in SHOTS:
        if name in PREPARED:
            store.write(PREPARED[name]).result()
        way = entrance(store.path.parent, store, known_servers())
        app = MailsyncApp(
            store,
            accounts=names,
            engine=Running(),
            config_path=str(store.path.parents[1] / "config.toml"),
            entrance=way,
            pid=4711,
            clock=lambda: moment,
        )
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            for key in keys:
                await pilot.press(key)
                await settle(pilot)
            svg = app.export_screenshot(title="mailsync")
        (FOLDER / f"{name}.svg").write_text("".join(f"{line.rstrip()}\n" for line in svg.splitlines()), "utf-8")


def main() -> None:
    os.environ["TZ"] = "UTC"
    time.tzset()
    FOLDER.mkdir(exist_ok=True)
    steady()
    with tempfile.TemporaryDirectory(prefix="mailsync-screenshots-") as folder:
        with DemoServer(now=NOW, arrivals=None) as server:
            os.environ.update(server.environment)
            store = Store.open(Path(folder) / "data")
            names = mirror(store, Path(folder), server)
            config = load_config(Path(folder) / "config.toml")
        understand(store)  # what the engine had not come to
        scorer = Scorer(store, config)
        while scorer.step():
            pass
        for name, _ in names:
            scan(store, config, name, NOW.timestamp())
        as_watching(store, names)
        asyncio.run(draw(store, names))
        store.close()
    print(f"drew {', '.join(name for name, _, _ in SHOTS)} into {FOLDER.name}/", file=sys.stderr)


if __name__ == "__main__":
    main()
