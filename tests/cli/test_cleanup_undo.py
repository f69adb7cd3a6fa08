"""`mailsync cleanup undo`: asked for, in part, done again, and what it says where it cannot be."""

from __future__ import annotations

import pytest

from mailsync.cli import terminal
from tests.cli.conftest import CommandLine
from tests.cli.proposals import propose
from tests.cli.test_cleanup_whole import server
from tests.servers.dovecot import Dovecot

__all__ = ["server"]


def approved(cli: CommandLine, *actions: str) -> None:
    one = propose(cli.data, range(1, 11), list(actions))
    expunge = ("--expunge", "10") if "expunge" in actions else ()
    assert cli("cleanup", "approve", "1", "--yes", "--hash", one.hash, *expunge).code == 0


def test_asked_and_answered(cli: CommandLine, server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> None:
    result = cli("cleanup", "undo", "1", "--yes")
    assert (result.code, result.err.splitlines()[0]) == (1, "error: there is no clean-up 1")
    approved(cli, "archive")
    asked: list[str] = []

    def confirm(question: str, *, default: bool) -> bool:
        asked.append(question)
        return len(asked) > 1

    result = cli("cleanup", "undo", "1")
    assert (result.code, result.err.splitlines()[0]) == (2, "error: somebody has to approve of it")
    monkeypatch.setattr(terminal, "is_there", lambda: True)
    monkeypatch.setattr(terminal, "confirm", confirm)
    result = cli("cleanup", "undo", "1", "--message", "3", "--message", "4")
    assert (result.code, asked) == (1, ["take this back for 2 messages?"])
    assert "2  in Archive, back to INBOX" in result.err
    assert "nothing was changed" in result.err
    assert cli("cleanup", "undo", "1", "--message", "3", "--message", "4").code == 0
    result = cli("cleanup", "undo", "1", "--message", "3")
    assert (result.code, result.err.splitlines()[0]) == (2, "error: nothing of clean-up 1 is there to be undone")
    result = cli("--read-only", "cleanup", "undo", "1", "--yes")
    assert (result.code, result.err.splitlines()[0]) == (2, "error: --read-only: nothing is decided on")
    cli("consent", "revoke", "work", "mailbox_modify")
    assert cli("cleanup", "undo", "1", "--yes").code == 3
    with server.client() as client:
        assert len(client.uids("Archive")) == 8


def test_done_again_what_is_expunged_is_typed(
    cli: CommandLine, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved(cli, "expunge")
    told = cli("cleanup", "undo", "1", "--yes", "--json").json
    assert (told["ok"], told["state"], told["run"]["results"]["done"]) == (True, "undone", 10)
    result = cli("cleanup", "undo", "1", "--again", "--yes")
    assert (result.code, result.err.splitlines()[0]) == (2, "error: --yes wants to know which list")
    result = cli("cleanup", "undo", "1", "--again", "--yes", "--hash", "01234567")
    assert (result.code, result.err.splitlines()[0]) == (2, "error: this is not the hash of the list as it is now")
    shown = cli("cleanup", "show", "1", "--json").json["hash"]
    result = cli("cleanup", "undo", "1", "--again", "--yes", "--hash", shown[:8])
    assert (result.code, result.err.splitlines()[0]) == (2, "error: what leaves the server for good has to be typed")
    monkeypatch.setattr(terminal, "is_there", lambda: True)
    monkeypatch.setattr(terminal, "ask", lambda question: "expunge 10")
    assert cli("cleanup", "undo", "1", "--again").code == 1
    with server.client() as client:
        assert len(client.uids("INBOX")) == 31
        monkeypatch.setattr(terminal, "ask", lambda question: "EXPUNGE 10")
        result = cli("cleanup", "undo", "1", "--again")
        assert (result.code, "cleanup undo 1 takes it back" in result.err) == (0, True)
        assert len(client.uids("INBOX")) == 21
    assert "cleanup undo 1 --again does it again" in cli("cleanup", "undo", "1", "--yes").err
