"""`mailsync cleanup` against a real server: approved, carried out, explained message by message, undone."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mailsync.config.actions import DEFAULT_LABEL
from tests.cli.conftest import CommandLine
from tests.cli.proposals import propose
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Message

LETTERS = 30
TO_THE_USER = (
    b"From: news@shop.example\r\nTo: Max@Friend.example\r\nSubject: For you\r\nList-Id: <news.shop.example>\r\n"
    b"Date: Sun, 01 Mar 2020 10:00:00 +0000\r\n\r\nYours.\r\n"
)


def letters() -> list[Message]:
    """Newsletters, each on its own day."""
    return [
        (
            b"From: News <news@shop.example>\r\nTo: readers@shop.example\r\nSubject: Sale %d\r\n"
            b"List-Id: <news.shop.example>\r\nList-Unsubscribe: <https://shop.example/leave>\r\n"
            b"Message-ID: <%d@shop.example>\r\nDate: %02d Mar 2020 10:00:00 +0000\r\n\r\nAll is cheap.\r\n"
            % (number, number, number),
            ("\\Seen",) if number % 2 else (),
            datetime(2020, 3, number, 10, tzinfo=UTC),
        )
        for number in range(1, LETTERS + 1)
    ]


@pytest.fixture
def server(cli: CommandLine, start_dovecot: Callable[..., Dovecot], monkeypatch: pytest.MonkeyPatch) -> Dovecot:
    """A server with a mailbox that is mirrored, of an account that may be changed."""
    server = start_dovecot({"alice": "secret"}, special_use={"Archive": "\\Archive"})
    server.fill("alice", "INBOX", [*letters(), (TO_THE_USER, ("\\Seen",), None)])
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "secret")
    cli.configure(
        '[accounts.work]\nemail = "max@friend.example"\nhost = "127.0.0.1"\nsecurity = "none"\n'
        f'port = {server.port}\nusername = "alice"\n[cleanup.rules.old]\n'
        'query = "older:1y"\nactions = ["mark_read", "label", "archive"]\n'
    )
    cli("consent", "grant", "work", "--all")
    assert cli("sync").code == 0
    return server


def test_a_list_there_and_back(cli: CommandLine, server: Dovecot) -> None:
    with server.client() as client:
        before = client.fetch_all("INBOX")
        scanned = cli("cleanup", "scan", "--json").json
        (one,) = scanned["cleanups"]
        assert (one["rule"], one["messages"], scanned["protected"]) == ("old", LETTERS, {"addressed to you": 1})
        client.store("INBOX", [3], "+FLAGS", "\\Flagged")
        client.expunge("INBOX", [5])
        words = ("--yes", "--hash", one["hash"], "--without", "7", "--json")
        done = cli("cleanup", "approve", "1", *words).json
        results = {state: count for state, count in done["run"]["results"].items() if count}
        assert (done["ok"], done["state"], results) == (True, "completed", {"done": 27, "gone": 1, "skipped": 1})
        archived = client.fetch_all("Archive")
        assert len(archived) == 27
        assert all({"\\Seen", DEFAULT_LABEL} <= set(stored.flags) for stored in archived.values())
        told = {item["id"]: item for item in cli("cleanup", "show", "1", "--all", "--json").json["items"]}
        assert (told["3"]["state"], told["3"]["reason"]) == ("skipped", "flagged")
        assert (told["5"]["state"], told["7"]["state"]) == ("gone", None)
        assert (told["8"]["state"], told["8"]["run"]) == ("done", "apply")
        assert cli("verify", "--json").json["ok"], "the mirror has seen it"
        assert cli("show", "8", "--json").json["folder"] == "Archive"
        back = cli("cleanup", "undo", "1", "--yes", "--json").json
        assert (back["state"], back["run"]["kind"]) == ("undone", "undo")
        after = client.fetch_all("INBOX")
    flagged = dataclasses.replace(before[3], flags=before[3].flags | {"\\Flagged"})
    assert Counter(after.values()) == Counter(flagged if uid == 3 else before[uid] for uid in before if uid != 5)
    assert cli("show", "8", "--json").json["folder"] == "INBOX"


def test_what_could_not_be_done_is_told(cli: CommandLine, server: Dovecot) -> None:
    one = propose(cli.data, range(1, 6), ["trash"])
    result = cli("cleanup", "approve", "1", "--yes", "--hash", one.hash)
    assert result.code == 1
    assert result.out == "Newsletters: 5 failed\n"
    assert "error: 5 messages failed (trash: the server has no such folder" in result.err
    told = cli("cleanup", "show", "1", "--json").json
    assert [(why["state"], why["messages"]) for why in told["reasons"]] == [("failed", 5)]
    with server.client() as client:
        assert len(client.fetch_all("INBOX")) == LETTERS + 1
