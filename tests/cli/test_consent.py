from __future__ import annotations

import pytest

from tests.cli.conftest import CommandLine

REQUIRED = ["mailbox_access", "email_read"]
ALL = [*REQUIRED, "attachment_access", "mailbox_modify"]


def test_grant_revoke_list(cli: CommandLine) -> None:
    assert cli("consent", "list", "--json").json["accounts"][0]["missing"] == REQUIRED
    assert cli("consent", "grant", "work", "email_read", "--json").json["granted"] == ["email_read"]
    assert cli("consent", "grant", "work", "--all", "--json").json["granted"] == ALL
    document = cli("consent", "revoke", "work", "mailbox_access", "--json").json
    assert (document["granted"], document["missing"]) == (ALL[1:], ["mailbox_access"])
    scope = document["scopes"][0]
    assert (scope["scope"], scope["granted"], scope["required"]) == ("mailbox_access", False, True)
    assert scope["granted_at"].endswith("Z")
    assert scope["revoked_at"].endswith("Z")
    assert cli("consent", "revoke", "work", "--all", "--json").json["granted"] == []
    assert cli("consent", "grant", "work", "mailbox_access", "--json").json["scopes"][0]["revoked_at"] is None
    text = cli("consent", "list").out
    assert "yes  mailbox_access" in text
    assert "not synced without: email_read" in text


def test_in_words(cli: CommandLine) -> None:
    assert cli("consent", "grant", "work", "--all").out == f"work: granted {', '.join(ALL)}\n"
    assert cli("consent", "revoke", "work", "email_read").out.endswith("work: not synced without email_read\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grant", "work"], "no scope is named"),
        (["grant", "work", "everything"], "no scope everything"),
        (["grant", "nope", "--all"], "no account nope"),
        (["revoke", "nope", "--all"], "no account nope"),
        (["grant"], "missing argument 'NAME'"),
    ],
)
def test_wrong_usage(cli: CommandLine, arguments: list[str], words: str) -> None:
    result = cli("consent", *arguments)
    assert (result.code, result.raw) == (2, b"")
    assert result.err.startswith(f"error: {words}")
    assert result.err.splitlines()[1].startswith("hint: ")


def test_consent_can_be_taken_back_after_the_account_left_the_configuration(cli: CommandLine) -> None:
    cli("consent", "grant", "work", "--all")
    cli.configure("")
    assert cli("consent", "revoke", "work", "--all").code == 0
    assert cli("consent", "grant", "work", "--all").code == 2
