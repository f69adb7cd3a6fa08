"""`mailsync account add`: from an address to an account that syncs, by questions or by flags."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

from mailsync.cli import terminal
from mailsync.cli.context import Context
from mailsync.cli.finding import Finding
from mailsync.cli.output import count, note
from mailsync.cli.wishes import Wishes, missing
from mailsync.errors import CredentialMissing, MailsyncError, SecretsUnavailable, SignInFailed, UsageError

if TYPE_CHECKING:
    from mailsync.accounts.address import Address
    from mailsync.accounts.discover import Candidate
    from mailsync.engine.probing import Answer, Welcome
    from mailsync.engine.setup import Draft
    from mailsync.privacy.secret import Credential

ATTEMPTS = 3
"""Passwords that a person may try; servers lock out whoever keeps trying."""
PASSWORD_BYTES = 4096


class Adding:
    """One account on its way. `run` asks for what is missing, or says which flag it is."""

    def __init__(self, shared: Context, wishes: Wishes) -> None:
        self._shared = shared
        self._wishes = wishes
        self._asks = terminal.is_there() and not wishes.password_stdin
        self._password = ""

    def run(self) -> dict[str, Any]:
        """Add the account; the document that tells of it."""
        from mailsync.config.load import load_config
        from mailsync.engine import setup

        wishes, shared = self._wishes, self._shared
        if "@" in wishes.name and not wishes.email:
            wishes.email, wishes.name = wishes.name, ""
        config = load_config(shared.config_path, missing_ok=True)
        if wishes.name in config.accounts:
            raise UsageError(f"there is an account {wishes.name} already", hint="take another name, or remove it first")
        scopes = self._scopes_given()
        if wishes.password_stdin:
            self._password = _first_line()
        finding = Finding(wishes, self._asks)
        address = finding.address()
        found, answer = finding.server(address)
        name = self._name(address, found, list(config.accounts))
        made = self._draft(name, address, found, answer)
        credential, kept, made = self._credential(made)
        try:
            welcome, credential, kept = self._sign_in(made, credential, kept)
            if scopes is None:
                scopes = self._ask_scopes()
            setup.commit(
                shared.config_path, made, credential if kept else None, scopes, lambda: shared.store(create=True)
            )
        except BaseException:
            if made.account.auth == "oauth2" and not made.account.oauth_command:
                made.vault.forget(made.name)
            raise
        return self._document(made, found, welcome, scopes)

    # -- what is asked, in this order ------------------------------------------------------------------------------

    def _scopes_given(self) -> list[str] | None:
        from mailsync.privacy.consent import SCOPES

        scopes = [scope for given in self._wishes.consent for scope in given.split(",") if scope]
        if scopes in (["all"], ["none"]):
            return list(SCOPES) if scopes == ["all"] else []
        for scope in scopes:
            if scope not in SCOPES:
                raise UsageError(f"no scope {scope}", hint=f"known: {', '.join(SCOPES)}; or all, or none")
        if not scopes and not self._asks:
            raise missing("--consent", f"some of {', '.join(SCOPES)}, or all, or none")
        return scopes or None

    def _name(self, address: Address, found: Candidate, taken: list[str]) -> str:
        from mailsync.config.checks import NAME
        from mailsync.engine import setup

        suggestion = setup.suggested(address, found.provider, taken)
        if self._wishes.name or not self._asks:
            return self._wishes.name or suggestion

        def read(name: str) -> str:
            if not NAME.fullmatch(name) or name in taken:
                raise UsageError(f"{name[:80]!r} is taken" if name in taken else "letters, digits, - and _ only")
            return name

        return terminal.ask_until("A name for this account", read, suggestion)

    def _draft(self, name: str, address: Address, found: Candidate, answer: Answer | None) -> Draft:
        from mailsync.config.providers import OAUTH_PROVIDERS
        from mailsync.engine import setup

        wishes = self._wishes
        tokens_only = answer is not None and answer.takes_token and not answer.takes_password
        auth = wishes.auth or ("oauth2" if tokens_only else found.auth)
        given: dict[str, Any] = {
            "auth": auth,
            "username": wishes.username,
            "tls_ca_file": wishes.tls_ca_file,
            "password_command": _words("--password-command", wishes.password_command),
        }
        if auth == "oauth2":
            client_id, issuer = wishes.client_id, wishes.issuer
            if found.provider not in OAUTH_PROVIDERS and not issuer:
                if not self._asks:
                    raise missing("--issuer", "the https address of the OpenID provider")
                issuer = terminal.ask("The OpenID provider (https://...)")
            if not client_id:
                if not self._asks:
                    raise missing("--client-id", "the id of your application at the provider")
                client_id = terminal.ask("The client id of your application at the provider")
                if not wishes.client_secret_command and found.provider in ("gmail", "imap"):
                    wishes.client_secret_command = terminal.ask("A command that prints its secret, if it has one")
            given["oauth"] = {
                "client_id": client_id,
                "client_secret_command": _words("--client-secret-command", wishes.client_secret_command),
                "issuer": issuer,
                "tenant": wishes.tenant,
            }
        table = setup.table_of(address, found, given)
        return setup.draft(self._shared.config_path, self._shared.data_dir, name, table, self._general())

    def _general(self) -> dict[str, str]:
        return {"secrets": self._wishes.secrets} if self._wishes.secrets else {}

    # -- who signs in ----------------------------------------------------------------------------------------------

    def _credential(self, made: Draft) -> tuple[Credential | None, bool, Draft]:
        """What to sign in with, and whether it is to be kept; None where it is asked for, or nobody signs in."""
        from mailsync.accounts.credentials import credential_for
        from mailsync.privacy.secret import Password

        account = made.account
        if account.auth == "oauth2" or account.password_command:
            signs_in = not self._wishes.no_check and account.auth == "password"
            return (credential_for(made.name, account, made.vault) if signs_in else None), False, made
        try:
            if self._password:
                made.vault.password(made.name)  # where it is to be kept is usable, before anyone is asked anything
                return Password(self._password), True, made
            return credential_for(made.name, account, made.vault), False, made
        except SecretsUnavailable as error:
            if not self._asks or made.general:
                error.hint = f"{error.hint}; here that is --secrets file"
                raise
            terminal.complain(error)
            where = self._shared.data_dir / "secrets"
            if not terminal.confirm(
                f"Keep passwords in files only you can read, not encrypted, in {where}?", default=False
            ):
                raise
            self._wishes.secrets = "file"
            from mailsync.engine import setup

            made = setup.draft(self._shared.config_path, self._shared.data_dir, made.name, made.table, self._general())
            return self._credential(made)
        except CredentialMissing as error:
            if not self._asks:
                raise missing("--password-stdin", f"the password of {account.username}") from error
            return None, True, made

    def _sign_in(
        self, made: Draft, credential: Credential | None, kept: bool
    ) -> tuple[Welcome | None, Credential | None, bool]:
        from mailsync.accounts.credentials import credential_for
        from mailsync.engine import probing

        account, wishes = made.account, self._wishes
        if account.auth == "oauth2":
            if wishes.no_check:
                return None, None, False
            from mailsync.accounts.oauth.login import Login
            from mailsync.cli.auth import Terminal, run_login

            browser = not wishes.no_browser
            run_login(
                Login(made.name, account, made.vault, Terminal(), device_code=wishes.device_code, browser=browser)
            )
            credential = credential_for(made.name, account, made.vault)
        for left in reversed(range(ATTEMPTS)):
            if credential is None and kept:
                credential = self._ask_password(made)
            if wishes.no_check or credential is None:
                return None, credential, kept
            try:
                welcome = probing.sign_in(account, credential)
            except SignInFailed as error:
                # One that was found somewhere is asked for again; one that was given stands.
                found = not self._password and account.auth == "password" and not account.password_command
                if not left or not self._asks or not found:
                    raise self._advised(error, made) from error
                terminal.complain(self._advised(error, made))
                credential, kept = None, True
            else:
                note(f"  signed in: {welcome.server}, {count(welcome.folders, 'folder')}")
                return welcome, credential, kept
        raise AssertionError("the last attempt returns or raises")

    def _advised(self, error: SignInFailed, made: Draft) -> SignInFailed:
        from mailsync.config.providers import PRESETS

        preset = PRESETS.get(made.account.provider)
        if type(error) is SignInFailed and preset is not None and preset.hint:
            error.hint = preset.hint
        return error

    def _ask_password(self, made: Draft) -> Credential:
        from mailsync.accounts import entered
        from mailsync.privacy.secret import Password

        while True:
            written = terminal.ask_secret(f"Password of {made.account.username} (it is not shown)")
            password, told = entered.password(written, made.account.provider)
            if told:
                note(f"  {told}")
            if password:
                return Password(password)

    def _ask_scopes(self) -> list[str]:
        from mailsync.privacy.consent import MAILBOX_MODIFY, SCOPES

        note("May mailsync, with this account,")
        return [
            scope for scope, words in SCOPES.items() if terminal.confirm(f"  {words}?", default=scope != MAILBOX_MODIFY)
        ]

    # -- afterwards ------------------------------------------------------------------------------------------------

    def _document(self, made: Draft, found: Candidate, welcome: Welcome | None, scopes: list[str]) -> dict[str, Any]:
        from mailsync.accounts.whereabouts import secret_of
        from mailsync.engine import setup

        shared, account = self._shared, made.account
        engine = "none"
        try:
            if setup.tell(shared.store(), shared.data_dir):
                engine = "told"
        except MailsyncError as error:  # the account is there all the same
            engine = "not told"
            terminal.complain(error)
        return {
            "ok": True,
            "name": made.name,
            "email": account.email,
            "provider": account.provider,
            "host": account.host,
            "port": account.port,
            "security": account.security,
            "username": account.username,
            "auth": account.auth,
            "found": found.source,
            "checked": welcome is not None,
            "server": welcome.server if welcome else None,
            "folders": welcome.folders if welcome else None,
            "consent": scopes,
            "secret": secret_of(made.name, account, made.vault),
            "config": str(shared.config_path),
            "engine": engine,
        }


def _words(flag: str, command: str) -> list[str]:
    """A command as words: it is run without a shell."""
    try:
        return shlex.split(command)
    except ValueError as error:
        raise UsageError(
            f"{flag}: {str(error).lower()}", hint="as a shell would read it: 'pass show mail/work'"
        ) from None


def _first_line() -> str:
    line = sys.stdin.buffer.readline(PASSWORD_BYTES)
    try:
        password = line.rstrip(b"\r\n").decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("the password on stdin is not UTF-8") from None
    if not password:
        raise UsageError("there is no password on stdin", hint="its first line is taken: pass show mail/work | ...")
    return password
