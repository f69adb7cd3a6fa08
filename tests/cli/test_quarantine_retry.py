"""The whole way of a message that really fails: synced, set aside, listed, tried again, found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mailsync.config.load import load_config
from mailsync.engine.engine import Engine
from mailsync.pipeline import envelope
from mailsync.pipeline.envelope import Envelope
from mailsync.pipeline.pool import Pool
from mailsync.store.database import Store
from tests.cli.conftest import CommandLine
from tests.cli.test_quarantine import ACCOUNT, trail
from tests.pipeline.poison import ENTRY, poisoned
from tests.servers.fake import Box, FakeServer, Mail, box

BITTER = b"Subject: bitter pill\r\n\r\nswallowed\r\n"


@pytest.fixture(autouse=True)
def _allowed(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "secret")
    assert cli("consent", "grant", "work", "--all").code == 0


def with_poison(*poison: bytes) -> Box:
    """A folder of six messages, the last of them these."""
    made = box(6)
    for uid, raw in enumerate(poison, 7 - len(poison)):
        made.messages[uid] = Mail(raw)
    return made


@pytest.fixture
def poisonous(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Workers die of poison until this is called."""
    defaults = Pool.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "entry", ENTRY)
    return monkeypatch.undo


def test_what_kills_a_parser_is_set_aside_and_found_once_that_is_cured(
    cli: CommandLine, poisonous: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeServer({"INBOX": with_poison(poisoned("crash", 1), poisoned("hang", 2))}) as server:
        cli.configure(ACCOUNT.format(server.port))
        assert cli("sync").code == 0
        assert cli("search", "bitter", "--json").json["total"] == 0
        found = {one["uid"]: one for one in cli("quarantine", "list", "--json").json["entries"]}
        assert {uid: one["error"] for uid, one in found.items()} == {
            5: "its parser ended (-11)",
            6: "it took more than two seconds",
        }
        again = cli("quarantine", "retry", found[5]["id"])
        assert (again.code, again.out.partition("; next ")[0]) == (
            1,
            f"[{found[5]['id']}] work / INBOX, UID 5: failed again (its parser ended (-11))",
        )
        assert cli("quarantine", "discard", found[6]["id"], "--yes").code == 0

        poisonous()
        monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "secret")
        done = cli("quarantine", "retry", "--all")
        assert (done.code, done.out) == (0, f"[{found[5]['id']}] work / INBOX, UID 5: went through\n")
        assert cli("search", "bitter", "--json").json["total"] == 1  # the other one is left alone
        assert cli("sync").code == 0
        assert cli("search", "bitter", "--json").json["total"] == 1
        assert cli("quarantine", "retry", found[6]["id"]).code == 0
        assert cli("search", "bitter", "--json").json["total"] == 2
    assert cli("health", "--json").json["metrics"]["quarantined"] == 0
    assert len(trail(cli, "released")) == 2


def test_what_fails_in_the_list_is_tried_again_by_an_engine_that_runs(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = envelope.envelope

    def fails(head: bytes) -> Envelope:
        if b"bitter pill" in head:
            raise ValueError("the words of a message")
        return real(head)

    with FakeServer({"INBOX": with_poison(BITTER)}) as server:
        cli.configure(ACCOUNT.format(server.port))
        with monkeypatch.context() as poison:
            poison.setattr(envelope, "envelope", fails)
            assert cli("sync").code == 0
        (entry,) = cli("quarantine", "list", "--stage", "envelope", "--json").json["entries"]
        assert (entry["uid"], entry["error"]) == (6, "ValueError")

        store = Store.open(cli.data)
        engine = Engine(load_config(cli.config), store, cli.data, monitors=False)
        engine.start()
        try:
            done = cli("quarantine", "retry", entry["id"], "--json")
            assert (done.code, done.json["ok"]) == (0, True)
            with store.read() as connection:
                assert connection.execute("SELECT subject FROM mail WHERE uid = 6").fetchone()[0] == "bitter pill"
        finally:
            engine.stop()
            store.close()
