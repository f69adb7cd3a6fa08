"""`account add` for mailboxes that open for access tokens: a real OpenID provider, and a Dovecot that asks it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from mailsync.accounts.oauth import login
from tests.cli.conftest import CommandLine
from tests.servers.dovecot_oauth import TokenDovecot
from tests.servers.oidc import Browser, Oidc

PERSON = "added@example.com"
CONFIG = '[general]\nsecrets = "file"  # no desktop\n'


@pytest.fixture
def server(oidc: Oidc) -> Iterator[TokenDovecot]:
    oidc.make_user(PERSON)
    with TokenDovecot(oidc) as running:
        yield running


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Put a person at the desktop's browser who allows access, or not."""

    def sit_down(allow: bool) -> None:
        def visit(url: str) -> None:
            with Browser() as one:
                one.get(one.sign_in(url, PERSON, "secret", allow=allow))

        def opened(url: str) -> bool:
            threading.Thread(target=visit, args=(url,), daemon=True).start()
            return True

        monkeypatch.setattr(login, "open_browser", opened)

    return sit_down


def test_a_mailbox_for_tokens(
    cli: CommandLine, oidc: Oidc, server: TokenDovecot, browser: Callable[[bool], None]
) -> None:
    cli.configure(CONFIG)
    flags = ["--email", PERSON, "--host", "localhost", "--port", str(server.tls_port), "--auth", "oauth2"]
    flags += ["--tls-ca-file", str(server.ca_file), "--consent", "mailbox_access,email_read", "--json"]
    flags += ["--issuer", oidc.issuer, "--client-secret-command", f"echo {oidc.client_secret}"]
    missing = cli("account", "add", "work", *flags)
    assert (missing.code, "--client-id is missing" in missing.err) == (2, True)
    flags += ["--client-id", oidc.client_id]

    browser(False)
    refused = cli("account", "add", "work", *flags)
    assert (refused.code, cli.config.read_text()) == (3, CONFIG), refused.err
    assert not (cli.data / "secrets" / "work.token").exists()

    browser(True)
    added = cli("account", "add", "work", *flags)
    assert added.code == 0, added.err
    assert (added.json["secret"], added.json["folders"], added.json["auth"]) == ("tokens", 1, "oauth2")
    assert cli.config.read_text().startswith(CONFIG)
    assert f'issuer = "{oidc.issuer}"' in cli.config.read_text()
    assert cli("sync").code == 0
    assert cli("account", "list", "--json").json["accounts"][0]["secret"] == "tokens"

    assert cli("account", "remove", "work", "--yes", "--purge").code == 0
    assert cli.config.read_text() == CONFIG
    assert not (cli.data / "secrets" / "work.token").exists()
