"""A running engine takes another configuration without a restart."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsync.config.models import Config
from mailsync.engine.engine import Engine
from mailsync.errors import ConfigError
from mailsync.privacy.consent import SCOPES
from mailsync.store import consents, jobs
from mailsync.store.database import Store
from mailsync.store.lock import owner
from tests.servers.fake import FakeServer, box
from tests.servers.process import wait_until


class Running:
    """An engine whose configuration is `config`, or wrong where that is None."""

    def __init__(self, store: Store, config: Config) -> None:
        self.store = store
        self.config: Config | None = config
        self.engine = Engine(config, store, store.path.parent, monitors=False, read_config=self.read)

    def read(self) -> Config:
        if self.config is None:
            raise ConfigError("config.toml:1: wrong", hint="make it right")
        return self.config

    def ask(self) -> jobs.Job:
        """Ask for a reload, and wait for its end."""
        number = self.store.write(lambda connection: jobs.insert(connection, "reload", time.time())).result()

        def job() -> jobs.Job:
            with self.store.read() as connection:
                found = jobs.get(connection, number)
            assert found is not None
            return found

        wait_until(lambda: job().status not in ("pending", "running"), 10, "the end of the job")
        return job()

    def messages(self, account: str) -> int:
        with self.store.read() as connection:
            return int(
                connection.execute(
                    """SELECT count(*) FROM messages JOIN folders ON folders.id = folder_id
                       JOIN accounts ON accounts.id = account_id WHERE accounts.name = ?""",
                    (account,),
                ).fetchone()[0]
            )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path)

    def grant(connection: sqlite3.Connection) -> None:
        for name in ("work", "home"):
            consents.grant(connection, name, SCOPES, 1.0)

    store.write(grant).result()
    yield store
    store.close()


def test_accounts_come_and_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORK", "HOME"):
        monkeypatch.setenv(f"MAILSYNC_PASSWORD_{name}", "secret")
    with FakeServer({"INBOX": box(5)}) as work, FakeServer({"INBOX": box(3)}) as home:

        def config(**servers: FakeServer) -> Config:
            account = {"email": "alice", "host": "127.0.0.1", "security": "none"}
            return Config.model_validate(
                {"accounts": {name: account | {"port": server.port} for name, server in servers.items()}}
            )

        running = Running(store, config(work=work))
        running.engine.start()
        try:
            wait_until(lambda: running.messages("work") == 5, 10, "the first account")
            running.config = config(work=work, home=home)
            assert running.ask().status == "completed"
            wait_until(lambda: running.messages("home") == 3, 10, "the account that came")

            running.config = None
            refused = running.ask()
            assert (refused.status, refused.error, refused.error_hint) == (
                "failed",
                "config.toml:1: wrong",
                "make it right",
            )
            running.config = config()
            assert running.ask().status == "completed"
            logins = len(home.logins)
            for _ in range(3):
                assert running.ask().status == "completed"
            assert owner(store.path.parent) is not None
            assert len(home.logins) == logins
        finally:
            running.engine.stop()
        assert not running.engine.running
        assert owner(store.path.parent) is None
