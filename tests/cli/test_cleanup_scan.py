"""`mailsync cleanup scan`: what is told of proposals, of what was spared, and of what could not be looked at."""

from __future__ import annotations

from mailsync.store.database import Store
from tests.cleanup.letters import NEWSLETTER, letter
from tests.cli.conftest import CommandLine
from tests.cli.mirror import make
from tests.store.filled import fill

CONFIG = (
    '[accounts.work]\nemail = "max@example.com"\nhost = "127.0.0.1"\nport = 9\nsecurity = "none"\n'
    '[accounts.other]\nemail = "other@example.com"\nhost = "127.0.0.1"\nport = 9\nsecurity = "none"\n'
)
KEPT = "addressed to you"


def prepared(cli: CommandLine, *, indexed: bool = True) -> None:
    cli.configure(CONFIG)
    mine = letter(NEWSLETTER | {"To": "Max <max@example.com>"})
    make(cli.data, content={"INBOX": [(letter(NEWSLETTER), ["\\Seen"], 1675245600), (mine, [], 1675245600)]})
    if indexed:
        store = Store.open(cli.data)
        fill(store, [])
        store.close()


def test_what_is_proposed_and_what_is_spared(cli: CommandLine) -> None:
    prepared(cli)
    told = cli("cleanup", "scan")
    assert told.code == 0
    assert "Newsletters and list mail" in told.out
    assert "spared 1 message:" in told.err
    assert KEPT in told.err
    document = cli("cleanup", "scan", "work", "--json").json
    (one,) = document["cleanups"]
    assert (one["account"], one["rule"], one["state"], one["messages"]) == ("work", "newsletters", "proposed", 1)
    assert (document["looked_at"], document["protected"], document["not_indexed"]) == (2, {KEPT: 1}, 0)
    assert document["seconds"] > 0
    (same,) = cli("cleanup", "list", "--json").json["cleanups"]
    assert same == one
    shown = cli("cleanup", "show", one["id"], "--json").json
    assert shown["sample"][0]["reasons"][0] == "it says how to unsubscribe"


def test_what_is_not_indexed_is_told(cli: CommandLine) -> None:
    prepared(cli, indexed=False)
    told = cli("cleanup", "scan")
    assert told.code == 0
    assert "not indexed yet, so not looked at: 2 of the stored messages" in told.err
    assert cli("cleanup", "scan", "--json").json["cleanups"] == []


def test_what_an_older_index_has_not_noticed_is_told(cli: CommandLine) -> None:
    prepared(cli)
    store = Store.open(cli.data)
    store.write(lambda c: c.execute("UPDATE documents SET version = version - 1, features = 0")).result()
    store.write(lambda c: c.execute("UPDATE cursors SET name = 'index:1' WHERE name LIKE 'index:%'")).result()
    store.close()
    assert cli("cleanup", "scan", "--json").json["not_indexed"] == 2


def test_what_cannot_be_scanned(cli: CommandLine) -> None:
    prepared(cli)
    assert cli("cleanup", "scan", "nobody").code == 2
    refused = cli("cleanup", "scan", "other")
    assert (refused.code, "mailsync consent grant other" in refused.err) == (3, True)
    cli("consent", "grant", "other", "--all")
    missing = cli("cleanup", "scan", "other")
    assert (missing.code, "nothing of other is mirrored" in missing.err) == (1, True)
    cli("consent", "revoke", "work", "email_read")
    assert cli("cleanup", "scan", "work").code == 3
    assert cli("cleanup", "list", "--json").json["cleanups"] == []
