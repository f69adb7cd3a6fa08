"""`account check`: what a server is and how it is treated, or why it cannot be used."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.conftest import CommandLine
from tests.servers.dovecot import CONDSTORE_ONLY, PLAIN_IMAP4REV1, Dovecot
from tests.servers.fake import Command, FakeServer, Link, box, letter


def configure(cli: CommandLine, port: int, user: str, more: str = "") -> None:
    cli.configure(
        f'[accounts.work]\nemail = "{user}@example.org"\nusername = "{user}"\nhost = "127.0.0.1"\nport = {port}\n'
        f'security = "none"\n{more}'
    )
    assert cli("consent", "grant", "work", "--all").code == 0


def test_a_server_with_everything(
    cli: CommandLine, dovecot: Dovecot, fresh_user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", dovecot.users[fresh_user])
    configure(cli, dovecot.port, fresh_user, '[accounts.work.folders]\nexclude = ["Other", "Nowhere"]\n')
    with dovecot.client(fresh_user) as client:
        client.create("Other")
        client.append("INBOX", letter(1))
    assert cli("sync").code == 0
    result = cli("account", "check", "work", "--json")
    assert (result.code, result.err) == (0, "")
    document = result.json
    assert (document["ok"], document["account"], document["error"]) == (True, "work", None)
    assert document["server"]["name"].startswith("Dovecot")
    assert {"IDLE", "QRESYNC"} <= set(document["server"]["capabilities"])
    assert (document["strategy"], document["why"]) == ("qresync", "the server tells what changed and what is gone")
    assert document["push"] in ("notify", "idle")
    assert 0 < document["latency"]["round_trip"] < document["latency"]["connect"] < 5
    assert [(one["name"], one["selected"], one["messages"], one["strategy"]) for one in document["folders"]] == [
        ("INBOX", True, 1, "unchanged"),
        ("Other", False, 0, None),
    ]
    assert [one["name"] for one in document["quirks"]] == ["dovecot"]
    assert {one["name"]: one["value"].split(":")[0] for one in document["probed"]} == dict.fromkeys(
        ("search", "qresync", "idle"), "ok"
    )
    assert document["compress"] == {"setting": "auto", "on": False, "why": document["compress"]["why"]}
    assert document["connections"] == {"configured": 4, "allowed": 4, "monitors": 1}
    assert document["problems"] == [
        {"detail": 'folders.exclude: "Nowhere" is no folder here', "hint": "the folders above show what there is"}
    ]
    told = cli("account", "check", "work").out
    assert "strategy      qresync: the server tells" in told
    assert "problem: folders.exclude" in told


@pytest.mark.parametrize(
    ("capability", "strategy", "why"),
    [
        (CONDSTORE_ONLY, "condstore", "counting tells what is gone; the server offers no QRESYNC"),
        (PLAIN_IMAP4REV1, "scan", "compared as sets; the server offers no CONDSTORE"),
    ],
)
def test_lesser_servers(
    cli: CommandLine,
    start_dovecot: Callable[..., Dovecot],
    monkeypatch: pytest.MonkeyPatch,
    capability: str,
    strategy: str,
    why: str,
) -> None:
    server = start_dovecot(capability=capability)
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "secret")
    configure(cli, server.port, "alice")
    document = cli("account", "check", "work", "--json").json
    assert document["strategy"] == strategy
    assert document["why"].endswith(why)
    poll = [one for one in document["problems"] if "cannot push" in one["detail"]]
    assert bool(poll) == ("IDLE" not in capability)
    assert all(one["hint"] for one in document["problems"])


def test_what_a_user_overrides_is_told_as_such(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "secret")
    with FakeServer({"INBOX": box(3)}) as server:
        server.capabilities += " CONDSTORE ENABLE QRESYNC"
        configure(cli, server.port, "alice", '[accounts.work.quirks]\ndisable = ["CONDSTORE", "QRESYNC"]\n')
        document = cli("account", "check", "work", "--json").json
        assert document["strategy"] == "scan"
        assert "not used because of yours (disable = ['CONDSTORE', 'QRESYNC'])" in document["why"]
        assert document["server"]["not_used"] == ["CONDSTORE", "QRESYNC"]


def test_an_account_that_does_not_work_ends_with_its_exit_code(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def throttle(link: Link, command: Command) -> bool:
        await link.ok(command, "[LIMIT] wait 90 seconds", "NO")
        return True

    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "wrong")
    assert cli("account", "check", "work").code == 3  # no consent yet
    assert cli("account", "check", "play").code == 2
    with FakeServer({"INBOX": box(3)}) as server:
        configure(cli, server.port, "alice")
        result = cli("account", "check", "work", "--json")
        assert (result.code, result.json["ok"]) == (3, False)
        assert "refused the sign-in" in result.json["error"]
        assert result.json["hint"] in result.err
        server.hooks["LOGIN"] = throttle
        result = cli("account", "check", "work")
        assert (result.code, result.out) == (4, "")
        logins = server.verbs().count("LOGIN")
        result = cli("account", "check", "work")
        assert (result.code, server.verbs().count("LOGIN")) == (4, logins)
        assert "resumes at" in result.err
