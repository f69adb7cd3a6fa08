"""A person signs in: in a browser on this machine, by an address pasted from another one, or with a device code."""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from mailsync.accounts.oauth import device
from mailsync.accounts.oauth.broker import kept
from mailsync.accounts.oauth.client import AnyClient, client_for
from mailsync.accounts.oauth.flow import Answer, Attempt
from mailsync.accounts.oauth.loopback import Expected, Listener, NotOurs, code_in
from mailsync.accounts.oauth.presets import PRESETS
from mailsync.errors import Interrupted, MailsyncError, SignInFailed, UsageError
from mailsync.text import safe_text

if TYPE_CHECKING:
    from mailsync.accounts.vault import Vault
    from mailsync.config.models import AccountConfig

SECONDS = 300.0
BROWSER_SECONDS = 5.0
"""A browser that is started takes less; one that runs in the terminal would take all the time there is."""


class Prompt(Protocol):
    """How a front end speaks with the person; called from the thread of `Login.run`."""

    def visit(self, url: str, opened: bool) -> None:
        """Show the sign-in page's address; `opened` when a browser shows it already."""

    def code(self, user_code: str, url: str, seconds: float) -> None:
        """Show a code, the page to enter it at, and for how long it works."""

    def note(self, text: str) -> None:
        """Say something about what was pasted; the sign-in goes on."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A sign-in that is stored."""

    subject: str = field(repr=False)
    """Who signed in, as the provider says; "" where it does not."""
    expires_at: float | None
    refreshable: bool
    """Whether it goes on without a person after `expires_at`."""
    scopes: tuple[str, ...]


class Login:
    """One sign-in of the account `name`. `seconds` is how long a browser is waited for."""

    def __init__(
        self,
        name: str,
        account: AccountConfig,
        vault: Vault,
        prompt: Prompt,
        *,
        device_code: bool = False,
        browser: bool = True,
        seconds: float = SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._account = account
        self._vault = vault
        self._prompt = prompt
        self._device_code = device_code
        self._browser = browser
        self._seconds = seconds
        self._now = now
        self._cancelled = threading.Event()
        self._lock = threading.Lock()
        self._waiting: tuple[asyncio.AbstractEventLoop, asyncio.Future[str], Expected] | None = None

    def run(self) -> Signed:
        """Sign in and store the tokens; blocks until the person is done: call it in a thread.

        Raises SignInFailed when they said no, did nothing in time or are somebody else, Interrupted after `cancel`,
        UsageError where this way of signing in does not exist, and what a provider's answer deserves.
        """
        self._check()
        with client_for(self._name, self._account) as client:
            if self._account.oauth.grant == "client_credentials":
                began, answer = self._now(), client.own(self._now())
            elif self._device_code:
                answer = self._on_device(client)
                began = self._now()
            else:
                attempt, code = asyncio.run(self._in_browser(client))
                began = self._now()
                answer = client.exchange(attempt, code, began)
            self._prove(client, answer)
            tokens = kept(client, self._account, answer, began)
        with self._vault.lock(self._name):
            self._vault.store_token(self._name, tokens.dump())
        alone = bool(tokens.refresh) or self._account.oauth.grant == "client_credentials"
        return Signed(tokens.subject, tokens.expires_at, alone, tokens.scopes)

    def paste(self, text: str) -> None:
        """Take the address that the browser ended at, from any thread. What it cannot be is told by `Prompt.note`."""
        text = "".join(unicodedata.normalize("NFKC", text).split())
        with self._lock:
            if not text or self._waiting is None:
                return
            loop, future, expected = self._waiting
            try:
                if "://" not in text:
                    raise NotOurs(f"paste the whole address from the browser, beginning with {expected.redirect_uri}")
                outcome: str | SignInFailed = code_in(text, expected)
            except NotOurs as error:
                self._prompt.note(f"not the address that is waited for: {safe_text(str(error))}")
                return
            except SignInFailed as error:
                outcome = error
            loop.call_soon_threadsafe(_finish, future, outcome)

    def cancel(self) -> None:
        """Give up, from any thread: `run` raises Interrupted soon."""
        self._cancelled.set()
        with self._lock:
            if self._waiting is not None:
                loop, future, _ = self._waiting
                loop.call_soon_threadsafe(_finish, future, _given_up())

    def _check(self) -> None:
        account, name = self._account, self._name
        if account.auth != "oauth2":
            raise UsageError(f"{name} signs in with a password", hint=f'set auth = "oauth2" in [accounts.{name}]')
        if account.oauth_command:
            raise UsageError(
                f"{name}: oauth_command gives the tokens", hint=f"remove it from [accounts.{name}] to sign in here"
            )
        preset = PRESETS.get(account.provider)
        if self._device_code and preset is not None and not account.oauth.device_authorization_endpoint:
            raise UsageError(
                preset.no_device,
                hint=f"without a browser here: mailsync auth login {name} --no-browser; open the address on another "
                "machine and paste the one where it ends, or sign in through ssh -L",
            )

    def _on_device(self, client: AnyClient) -> Answer:
        begun = client.device()
        self._prompt.code(begun.user_code, begun.url, begun.seconds)
        return device.wait_for(client, begun, self._cancelled.wait, self._now)

    async def _in_browser(self, client: AnyClient) -> tuple[Attempt, str]:
        registered = self._account.oauth.redirect_uri or client.provider.redirect_uri
        async with Listener(registered) as listener:
            attempt = client.authorization(listener.redirect_uri, self._account.username)
            future = listener.expect(attempt.expected)
            with self._lock:
                self._waiting = asyncio.get_running_loop(), future, attempt.expected
            try:
                if self._cancelled.is_set():
                    raise _given_up()
                opened = self._browser and await asyncio.to_thread(open_browser, attempt.url)
                self._prompt.visit(attempt.url, opened)
                async with asyncio.timeout(self._seconds):
                    return attempt, await future
            except TimeoutError:
                raise SignInFailed(
                    f"nobody signed in within {self._seconds:g} s",
                    hint="run it again; if the page complained about the redirect address, register "
                    f"{registered or 'http://127.0.0.1/callback'} there and set it as redirect_uri",
                ) from None
            finally:
                with self._lock:
                    self._waiting = None

    def _prove(self, client: AnyClient, answer: Answer) -> None:
        """Refuse what the person did not mean: another account, or an account without its mail."""
        # What came is not revoked: Google would end every sign-in of that person at this application, also wanted ones.
        preset = client.provider.preset
        if not is_account(answer.claims, self._account):
            raise SignInFailed(
                f"{self._name}: somebody else is signed in there than this account",
                hint="sign in as the account's own address (a private window of the browser asks anew), or name the "
                f"other one in aliases of [accounts.{self._name}]",
            )
        asked, given = client.provider.scopes, answer.scopes
        if preset is not None and given is not None and preset.mail_scope in asked and preset.mail_scope not in given:
            raise SignInFailed(
                f"{self._name}: signed in, but mail was not allowed", hint="sign in again and tick every box"
            )


def is_account(claims: Mapping[str, Any], account: AccountConfig) -> bool:
    """Whether an ID token speaks of the configured person, or of nobody: then the mail server's sign-in proves it."""
    ours = {_person(text) for text in (account.username, account.email, *account.aliases) if text}
    named = [value for key in ("email", "preferred_username", "upn") if isinstance(value := claims.get(key), str)]
    if any(_person(value) in ours for value in named):
        return True
    return not any("@" in value for value in named)


def _person(address: str) -> str:
    """An address in a form to compare; Gmail sees neither dots nor its two domains apart."""
    local, _, domain = address.strip().casefold().rpartition("@")
    if domain in ("gmail.com", "googlemail.com"):
        return f"{local.partition('+')[0].replace('.', '')}@gmail.com"
    return f"{local}@{domain}"


def open_browser(url: str) -> bool:
    """Show an address in the person's browser; False where there is none, or none with a window of its own."""
    if sys.platform.startswith("linux") and not any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))):
        return False
    opened: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def run() -> None:
        import webbrowser

        try:
            opened.put(webbrowser.open(url))
        except Exception:
            opened.put(False)

    threading.Thread(target=run, name="mailsync-browser", daemon=True).start()
    try:
        return opened.get(timeout=BROWSER_SECONDS)
    except queue.Empty:
        return False


def _given_up() -> Interrupted:
    return Interrupted("the sign-in was cancelled", hint="nothing has changed")


def _finish(future: asyncio.Future[str], outcome: str | MailsyncError) -> None:
    if future.done():
        return
    if isinstance(outcome, str):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
