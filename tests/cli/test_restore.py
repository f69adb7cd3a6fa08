"""`mailsync restore`: what is shown, asked, refused and told; the rest is tested where it is done."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from mailsync.cli import terminal
from mailsync.store import consents, messages, restores
from mailsync.store.database import Store
from tests.cli.conftest import CommandLine
from tests.cli.mirror import CONTENT, FIRST
from tests.servers.model_server import ModelServer


@pytest.fixture
def server(mirrored: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """The server of the account `work`, of which everything is gone but the INBOX."""
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "secret")
    with ModelServer() as one:
        mirrored.configure(
            '[accounts.work]\nemail = "me@example.com"\nhost = "127.0.0.1"\nsecurity = "none"\n'
            f'port = {one.port}\nusername = "alice"\n'
        )
        yield one


def held(server: ModelServer) -> dict[str, list[tuple[bytes, list[str], int]]]:
    return {
        name: [(one.raw, sorted(one.flags), one.internaldate or 0) for one in found.values()]
        for name, (_, found) in server.mail.truth().items()
    }


def test_all_of_it(mirrored: CommandLine, server: ModelServer) -> None:
    dry = mirrored("restore", "--dry-run", "--json").json
    assert (dry["messages"], dry["restored"], dry["present"], dry["left"]) == (5, 0, 0, 5)
    assert "CREATE" not in server.verbs()
    result = mirrored("restore", "--yes", "--json")
    assert result.code == 1  # one has no byte
    document = result.json
    assert (document["restored"], document["failed"], document["approved_by"]) == (4, 1, dry_approver(mirrored))
    assert document["failures"] == [
        {"id": "3", "folder": "INBOX", "reason": "a message without a byte cannot be put on a server"}
    ]
    assert document["list"] == dry["list"]
    assert [one["target"] for one in document["folders"]] == ["*star", "INBOX", "Ünïcode/子"]
    on_server = held(server)
    assert on_server["INBOX"][0] == (FIRST, ["$Work", "\\Flagged", "\\Seen"], 1741079470)
    assert on_server["Ünïcode/子"] == [(FIRST, [], 1741079471)]
    assert on_server["*star"] == [(CONTENT["*star"][0][0], [], 1)]
    again = mirrored("restore", "--yes", "--json", "--folder", "Ünï*").json
    assert (again["messages"], again["restored"], again["present"], again["ok"]) == (1, 0, 1, True)


def dry_approver(mirrored: CommandLine) -> str:
    entries = mirrored("audit", "list", "--action", "restore_approved", "--json").json["entries"]
    return str(entries[-1]["actor"])


def test_a_person_sees_the_list_and_decides(
    mirrored: CommandLine, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(question: str, *, default: bool, yes: bool) -> bool:
        asked.append(question)
        assert not default
        return yes

    monkeypatch.setattr(terminal, "is_there", lambda: True)
    monkeypatch.setattr(terminal, "confirm", partial(answer, yes=False))
    result = mirrored("restore", "--folder", "Ünï*")
    assert (result.code, asked) == (1, ["put 1 message into account work?"])
    assert "1 message (" in result.err
    assert "2025-03-04" in result.err
    assert "work Ünïcode/子: 1" in result.err
    assert "\x1b" not in result.err
    assert "APPEND" not in server.verbs()
    store = Store.open(mirrored.data)
    with store.read() as connection:
        assert connection.execute("SELECT count(*) FROM restores").fetchone()[0] == 0
    store.close()
    monkeypatch.setattr(terminal, "confirm", partial(answer, yes=True))
    result = mirrored("restore", "--folder", "Ünï*", "--into", "Back")
    assert (result.code, result.out) == (0, "1 message restored to work, 0 already there, 0 failed\n")
    assert held(server)["Back"] == [(FIRST, [], 1741079471)]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("restore",), 2, "somebody has to approve of the list"),
        (("--read-only", "restore", "--yes"), 2, "--read-only"),
        (("restore", "--yes", "--to", "nobody"), 2, "no account nobody"),
        (("restore", "--yes", "--since", "2d"), 2, "--since is about when messages were removed"),
        (("restore", "--yes", "--folder", "Nowhere"), 1, "no mirrored folder matches Nowhere"),
    ],
)
def test_what_is_refused(
    mirrored: CommandLine, server: ModelServer, words: tuple[str, ...], code: int, told: str
) -> None:
    result = mirrored(*words)
    assert result.code == code
    assert told in result.err
    assert not server.verbs()


def test_without_consent_to_change_the_mailbox(mirrored: CommandLine, server: ModelServer) -> None:
    mirrored("consent", "revoke", "work", "mailbox_modify")
    result = mirrored("restore", "--yes")
    assert (result.code, server.verbs()) == (3, [])
    assert "hint: run: mailsync consent grant work mailbox_modify" in result.err


def test_what_was_removed(mirrored: CommandLine, server: ModelServer) -> None:
    store = Store.open(mirrored.data)
    store.write(lambda connection: messages.remove(connection, 2, None, 1e9, "gone")).result()
    store.close()
    for words in (("--removed", "--since", "2d"), ("--removed", "2d"), ("--removed=2d",)):
        nothing = mirrored("restore", "--yes", *words)
        assert (nothing.code, nothing.out) == (0, "nothing to restore: no message fits\n")
    empty = mirrored("restore", "--yes", "--removed", "2d", "--json").json
    done = mirrored("restore", "--yes", "--removed", "--json").json
    assert (empty["messages"], empty["job"], empty["folders"], done["restored"]) == (0, None, [], 1)
    assert empty.keys() == done.keys()
    assert [len(one) for one in held(server).values()] == [0, 1]


def test_a_list_goes_with_the_account(mirrored: CommandLine, server: ModelServer) -> None:
    mirrored("restore", "--yes", "--folder", "Ünï*")
    assert server.verbs().count("APPEND") == 1
    assert mirrored("consent", "revoke", "work", "email_read", "--purge").code == 0
    store = Store.open(mirrored.data)
    with store.read() as connection:
        for table in ("restores", "restore_folders", "restore_items"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
    store.close()


def test_an_approved_list_goes_on_with_the_next_engine(mirrored: CommandLine, server: ModelServer) -> None:
    """As after a kill: the job was claimed, and its engine is no more."""
    from mailsync.engine import restoring
    from mailsync.engine.restoring import Wish

    store = Store.open(mirrored.data)
    frozen = store.write(
        partial(restoring.freeze, configured=[("work", "me@example.com")], wish=Wish("work", "work", "Ünï*"))
    ).result()
    store.write(partial(restores.submit, frozen=frozen, at=1.0, approved=True)).result()
    store.write(lambda connection: connection.execute("UPDATE jobs SET status = 'running', attempt = 1")).result()
    with store.read() as connection:
        assert consents.granted(connection, "work")
    store.close()
    result = mirrored("restore", "--yes", "--folder", "Ünï*", "--json")
    assert (result.code, result.json["restored"]) == (0, 1)
    assert server.verbs().count("APPEND") == 1


def test_what_a_query_finds(mirrored: CommandLine, server: ModelServer) -> None:
    assert mirrored("db", "reindex").code == 0
    document = mirrored("restore", "--dry-run", "--query", "subject:star", "--json").json
    assert [(one["name"], one["messages"]) for one in document["folders"]] == [("*star", 1)]
    assert mirrored("restore", "--dry-run", "--query", "subject:(").code == 2
    assert mirrored("restore", "--dry-run", "--query", "star", "--removed").code == 2
    del server
