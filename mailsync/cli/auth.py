"""`mailsync auth`: signing in and out at an OAuth2 provider, and what there is to know of it."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qs, urlsplit

import typer

from mailsync.cli import context
from mailsync.cli.arguments import Account, AsJson
from mailsync.cli.output import emit, note, say, table, when
from mailsync.errors import SignInFailed, UsageError

if TYPE_CHECKING:
    from mailsync.accounts.oauth.login import Login, Signed
    from mailsync.accounts.oauth.logout import State

LOOK_SECONDS = 0.1
READ_BYTES = 64 * 1024

app = typer.Typer(
    name="auth",
    help="Sign-in at the provider, for accounts with OAuth2.",
    epilog="Example: mailsync auth login work",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(epilog="Example: mailsync auth login work --no-browser")
def login(
    ctx: typer.Context,
    name: Account,
    device_code: Annotated[
        bool, typer.Option("--device-code", help="Sign in on another device, with a short code to enter there.")
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Start no browser: print the address, and take the one it ends at.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Sign in at the provider; the tokens are kept where general.secrets says, and renewed from then on.

    Without a browser on this machine, open the address on another one and paste the address where it ends.
    """
    from mailsync.accounts.oauth.login import Login
    from mailsync.engine import signing

    shared = context.of(ctx)
    account = shared.accounts([name])[name]
    shared.start_log()
    vault = signing.vault_of(shared.config, shared.data_dir)
    work = Login(name, account, vault, Terminal(), device_code=device_code, browser=not no_browser)
    store = shared.store(create=True)
    try:
        signed = run_login(work)
    except SignInFailed as error:
        signing.refused(store, name, account.email or account.username, error, time.time())
        raise
    signing.signed_in(store, shared.data_dir, name, account.email or account.username, time.time())
    _tell_signed(name, signed, as_json)


@app.command(epilog="Example: mailsync auth status --json")
def status(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Every account with OAuth2: who is signed in, until when, and what is wrong. The provider is not asked.

    The exit code is 3 when an account needs a sign-in.
    """
    from mailsync.accounts.oauth.logout import state
    from mailsync.engine import signing

    shared = context.of(ctx)
    vault = signing.vault_of(shared.config, shared.data_dir)
    states = {
        name: state(name, account, vault, time.time())
        for name, account in shared.accounts().items()
        if account.auth == "oauth2"
    }
    if as_json:
        emit({"accounts": [_document(name, found) for name, found in states.items()]})
    elif not states:
        note("no account signs in with OAuth2")
    else:
        for name, found in states.items():
            _tell_state(name, found)
    raise typer.Exit(0 if all(found.signed_in for found in states.values()) else SignInFailed.exit_code)


@app.command(epilog="Example: mailsync auth logout work")
def logout(ctx: typer.Context, name: Account, as_json: AsJson = False) -> None:
    """Forget the tokens, and have the provider end them where it can; what is mirrored stays.

    Google ends the sign-ins of the same application on other machines, too.
    """
    from mailsync.accounts.oauth.logout import sign_out
    from mailsync.engine import signing

    shared = context.of(ctx)
    account = shared.accounts([name])[name]
    if account.auth != "oauth2":
        raise UsageError(f"{name} signs in with a password", hint="there are no tokens to forget")
    revoked = sign_out(name, account, signing.vault_of(shared.config, shared.data_dir))
    address = account.email or account.username
    signing.signed_out(shared.store(create=True), name, address, time.time(), revoked=revoked == "revoked")
    if as_json:
        emit({"name": name, "signed_in": False, "provider": revoked})
        return
    say(f"{name}: signed out" if revoked != "nothing" else f"{name}: nobody was signed in")
    if revoked in ("failed", "not offered"):
        why = "could not be asked to" if revoked == "failed" else "has no way to"
        note(f"the provider {why} end the tokens: take access back in its settings")


class Terminal:
    """A `Prompt` on stderr: what a program reads from stdout stays a document."""

    def visit(self, url: str, opened: bool) -> None:
        note("sign in with your browser; if none has opened, go to" if opened else "open this address in a browser:")
        note(url)
        back = urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0])
        note(f"on another machine it ends at an address that begins with http://{back.netloc}/ and cannot be shown:")
        note(f"paste that address here; or run there, before: ssh -N -L {back.port}:127.0.0.1:{back.port} THIS-MACHINE")

    def code(self, user_code: str, url: str, seconds: float) -> None:
        note(f"go to {url}")
        note(f"and enter {user_code} (within {max(int(seconds // 60), 1)} min)")

    def note(self, text: str) -> None:
        note(text)


def run_login(work: Login) -> Signed:
    """The sign-in in a thread of its own, and what is pasted meanwhile in this one."""
    outcome: list[Signed | BaseException] = []

    def run() -> None:
        try:
            outcome.append(work.run())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, name="mailsync-login", daemon=True)
    thread.start()
    lines = _Lines()
    try:
        while thread.is_alive():
            for line in lines.wait(LOOK_SECONDS):
                work.paste(line)
    except KeyboardInterrupt:
        work.cancel()
        thread.join()
        raise
    (result,) = outcome
    if isinstance(result, BaseException):
        raise result
    return result


class _Lines:
    """Lines of stdin as they come. Nothing ever waits in a read: a thread that does could not be left at the end."""

    def __init__(self) -> None:
        self._rest = b""
        self._descriptor: int | None = None
        if sys.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._descriptor = sys.stdin.fileno()

    def wait(self, seconds: float) -> list[str]:
        """The lines that are there, waiting at most so long for one."""
        if self._descriptor is None:
            time.sleep(seconds)
            return []
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return []
        data = os.read(self._descriptor, READ_BYTES)
        if not data:
            self._descriptor = None
        *lines, rest = (self._rest + (data or b"\n")).split(b"\n")
        self._rest = rest[-READ_BYTES:]
        return [line.decode("utf-8", "replace") for line in lines]


def _tell_signed(name: str, signed: Signed, as_json: bool) -> None:
    from mailsync.model import iso

    if as_json:
        emit(
            {
                "name": name,
                "signed_in": True,
                "subject": signed.subject,
                "expires_at": iso(signed.expires_at),
                "refreshable": signed.refreshable,
                "scopes": list(signed.scopes),
            }
        )
        return
    say(f"{name}: signed in as {signed.subject}" if signed.subject else f"{name}: signed in")
    if not signed.refreshable and signed.expires_at is not None:
        note(f"the provider gave nothing to renew it with: sign in again before {when(signed.expires_at)}")


def _tell_state(name: str, found: State) -> None:
    if found.problem:
        say(f"{name}: not signed in")
        say(f"  problem: {found.problem}")
        say(f"  hint: {found.hint}")
        return
    say(f"{name}: signed in as {found.subject}" if found.subject else f"{name}: signed in")
    rows = []
    if found.signed_in_at is not None:
        rows = [
            ("since", when(found.signed_in_at)),
            ("token", f"from {when(found.renewed_at)} to {when(found.expires_at)}"),
            ("renews itself", "yes" if found.refreshable else "no"),
            ("scopes", " ".join(found.scopes) or "-"),
        ]
    table(rows, indent="  ")


def _document(name: str, found: State) -> dict[str, Any]:
    from mailsync.model import iso

    return {
        "name": name,
        "signed_in": found.signed_in,
        "subject": found.subject,
        "signed_in_at": iso(found.signed_in_at),
        "renewed_at": iso(found.renewed_at),
        "expires_at": iso(found.expires_at),
        "refreshable": found.refreshable,
        "scopes": list(found.scopes),
        "problem": found.problem or None,
        "hint": found.hint or None,
    }
