"""Commands on a mirror of a selection: the preview, mail that is only listed, labels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import CommandLine
from tests.servers.fake import letter
from tests.servers.model_server import ModelServer


def account(server: ModelServer, more: str = "") -> str:
    return f'[accounts.work]\nemail = "alice"\nhost = "127.0.0.1"\nport = {server.port}\nsecurity = "none"\n{more}'


@pytest.fixture(autouse=True)
def _allowed(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "secret")
    assert cli("consent", "grant", "work", "--all").code == 0


def test_the_preview_changes_nothing_and_what_is_too_large_is_fetched_when_it_is_shown(cli: CommandLine) -> None:
    with ModelServer("condstore") as server:
        cli.configure(account(server, '[accounts.work.messages]\nmax_size = "1kB"\nnewer_than = "30d"\n'))
        now = datetime.now(UTC)
        large = letter(2, 5000)
        server.mail.append("INBOX", letter(1), date=now)
        server.mail.append("INBOX", large, date=now)
        server.mail.append("INBOX", letter(3), date=now - timedelta(days=40))
        preview = cli("sync", "--dry-run")
        assert "would be 1 new (116 B)" in preview.out
        assert (
            "INBOX: 1 new, 0 changed, 0 deleted, 1 too large, listed only, 1 not selected (116 B)  [first]"
            in preview.out
        )
        assert cli("status", "--json").json["accounts"][0]["folders"] == []
        assert cli("sync").code == 0
        (row,) = cli("status", "--json").json["accounts"][0]["folders"]
        assert (row["messages"], row["virtual"], row["certificate"]["messages"]) == (2, False, 2)
        server.forget_bodies()
        assert sorted(cli("show", number, "--raw").raw for number in ("1", "2")) == sorted([large, letter(1)])
        assert sum(server.bodies.values()) == 1
        assert cli("verify", "--json").json["ok"]


def test_what_is_too_large_and_gone_is_said(cli: CommandLine) -> None:
    with ModelServer("plain") as server:
        cli.configure(account(server, 'messages.max_size = "1kB"\n'))
        server.mail.append("INBOX", letter(1, 5000))
        assert cli("sync").code == 0
        server.mail.expunge("INBOX", [1])
        gone = cli("show", "1")
        assert (gone.code, gone.raw) == (1, b"")
        assert "not on the server any more" in gone.err
    away = cli("show", "1")
    assert away.code == 1
    assert "could not be fetched now" in away.err


def test_labels_are_folders_that_count_nothing_twice(cli: CommandLine) -> None:
    with ModelServer("gmail") as server:
        cli.configure(account(server))
        server.mail.append("INBOX", letter(1))
        assert cli("sync").code == 0
        folders = cli("status", "--json").json["accounts"][0]["folders"]
        assert [(one["name"], one["messages"], one["unread"]) for one in folders if one["virtual"]] == [("INBOX", 1, 1)]
        assert {one["name"] for one in folders if not one["virtual"]} >= {"[Gmail]/All Mail", "[Gmail]/Trash"}
        assert "1 message," in cli("status").out
