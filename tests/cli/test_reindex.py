"""`mailsync db reindex`: all that is made of messages is made anew, out of the mirror alone."""

from __future__ import annotations

from contextlib import closing

from mailsync.engine.engine import Engine
from mailsync.store import documents
from mailsync.store.database import Store
from tests.cli.conftest import CommandLine
from tests.engine.driver import config_for


def indexed(cli: CommandLine) -> dict[int, str]:
    """The subject of each document, by its content."""
    with closing(Store.open(cli.data)) as store, store.read() as connection:
        content_of = dict(connection.execute("SELECT id, content_id FROM documents").fetchall())
        return {content_of[number]: text[0] for number, text in documents.texts(connection, content_of).items()}


def test_it_makes_everything_anew(mirrored: CommandLine) -> None:
    assert indexed(mirrored) == {}
    assert mirrored("status", "--json").json["index"] == {"done": 0, "total": 4}
    assert "search: 0 of 4 messages indexed" in mirrored("status").out
    document = mirrored("db", "reindex", "--json").json
    assert (document["ok"], document["done"], document["total"]) == (True, 4, 4)
    assert mirrored("status", "--json").json["index"] == {"done": 4, "total": 4}
    assert "search:" not in mirrored("status").out
    made = indexed(mirrored)
    assert made[1] == "Grüße\x1b[31m"
    with closing(Store.open(mirrored.data)) as store:
        store.write(lambda connection: connection.execute("DELETE FROM documents WHERE content_id < 3")).result()
    run = mirrored("db", "reindex")
    assert run.code == 0
    assert "4 messages indexed anew" in run.out
    assert indexed(mirrored) == made


def test_an_engine_that_runs_elsewhere_does_it(mirrored: CommandLine) -> None:
    with closing(Store.open(mirrored.data)) as store:
        engine = Engine(config_for(1, "me", sync_interval="1h"), store, mirrored.data, monitors=False)
        engine.start()
        try:
            document = mirrored("db", "reindex", "--json").json
        finally:
            engine.stop()
    assert (document["ok"], document["done"], document["total"]) == (True, 4, 4)
    assert len(indexed(mirrored)) == 4


def test_there_must_be_something(cli: CommandLine) -> None:
    run = cli("db", "reindex")
    assert run.code == 1
    assert "mailsync sync" in run.err
