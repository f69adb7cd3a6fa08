"""How an account gets in: its credential, a token that is renewed once, a refusal that stands, and what lifts it.

    credential -> session
               -> token refused -> another token, once -> session
                                                       -> LoginNeeded: nothing more is tried
    a refusal stands until a person asks, or has signed in elsewhere: `auth login` in another process

The audit trail gets the first sign-in and the first after each refusal, and each refusal; connections that come and go
between them are no news.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from mailsync.errors import CredentialMissing, LoginNeeded, MailsyncError, SignInFailed
from mailsync.imap.auth import TokenRefused
from mailsync.imap.session import Session
from mailsync.privacy.secret import Bearer, Credential
from mailsync.store import audit
from mailsync.store.database import Store

if TYPE_CHECKING:
    from mailsync.config.models import AccountConfig

SPARE_SECONDS = 60.0
"""A session is given up so long before its token ends; for short-lived tokens, a fifth of what they live."""

LEAST_SECONDS = 5.0
"""But it is used for so long at least, whatever a provider says: nobody signs in all the time."""


class Access:
    """The way in of one account. `credential(renew)` blocks; `changed()` tells when its tokens were stored last."""

    def __init__(
        self,
        store: Store,
        name: str,
        config: AccountConfig,
        credential: Callable[[bool], Credential],
        changed: Callable[[], float | None],
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._name = name
        self._config = config
        self._credential = credential
        self._changed = changed
        self._now = now
        self._refused = ""
        """The token that the server refused last."""
        self._stored_at: float | None = None
        """When the tokens had been stored that were of no use."""
        self._told = False
        """The audit trail knows that this account gets in."""
        self.refusal: SignInFailed | None = None
        """Why nothing is tried."""

    async def open(self, connect: Callable[[Credential], Awaitable[Session]]) -> Session:
        """A session by `connect`. Raises what it does, LoginNeeded for a token, and what `credential` raises."""
        try:
            session = await self._open(connect)
        except SignInFailed as error:
            if error.retry == "never":
                await self._refuse(error)
            raise
        if not self._told:
            self._told = True
            try:
                await self._audit("sign_in")
            except BaseException:
                session.close()  # nobody else knows of it yet
                raise
        return session

    def stand(self, error: MailsyncError) -> None:
        """Nothing is tried from now on: also where a sign-in worked, and led nowhere."""
        if self.refusal is None and isinstance(error, SignInFailed):
            self.refusal, self._told = error, False

    def lift(self) -> None:
        """A person wants it tried."""
        self.refusal = None

    def lifted(self) -> bool:
        """True when a refusal stood, and someone has signed in since."""
        if self.refusal is None or self._changed() == self._stored_at:
            return False
        self.refusal = None
        return True

    async def _open(self, connect: Callable[[Credential], Awaitable[Session]]) -> Session:
        refused: TokenRefused | None = None
        while True:
            credential = await self._ask(renew=False)
            if self._was_refused(credential):
                credential = await self._ask(renew=True)
                if refused is not None and self._was_refused(credential):  # a command prints what it printed before
                    raise self._login_needed(refused)
            try:
                session = await connect(credential)
            except TokenRefused as error:
                assert isinstance(credential, Bearer)
                self._refused = credential.token
                if refused is not None or not error.renewable:
                    raise self._login_needed(error) from None
                refused = error
                continue
            self._refused = ""
            if isinstance(credential, Bearer) and credential.expires_at is not None:
                at, left = self._now(), credential.expires_at - self._now()
                session.retires_at = at + max(left - min(SPARE_SECONDS, left / 5), LEAST_SECONDS)
            return session

    async def _ask(self, *, renew: bool) -> Credential:
        try:
            return await asyncio.to_thread(self._credential, renew)
        except CredentialMissing as error:
            if self._config.oauth_command:  # it asks a provider: a network that is down is no refusal
                error.retry = "backoff"
            raise
        finally:
            # Behind what a renewal has stored: that is no sign-in of a person's.
            self._stored_at = self._changed()

    def _was_refused(self, credential: Credential) -> bool:
        return isinstance(credential, Bearer) and credential.token == self._refused

    def _login_needed(self, error: TokenRefused) -> LoginNeeded:
        if self._config.oauth_command:
            hint = f"try oauth_command of [accounts.{self._name}] in a terminal: the server refuses what it prints"
        elif self._config.oauth.grant == "client_credentials":
            hint = "allow the application IMAP and this mailbox at the provider, then: mailsync sync"
        elif error.renewable:
            hint = f"run: mailsync auth login {self._name}; is IMAP switched on for {self._config.username}?"
        else:
            hint = f"run: mailsync auth login {self._name}, and allow access to mail there"
        return LoginNeeded(str(error), hint=hint)

    async def _refuse(self, error: SignInFailed) -> None:
        self.stand(error)
        await self._audit("sign_in_failed", type(error).__name__)

    async def _audit(self, action: str, outcome: str = "ok") -> None:
        at, name, address = self._now(), self._name, self._config.email or self._config.username
        await self._store.awrite(
            lambda c: audit.record(c, action, at=at, account=name, address=address, outcome=outcome)
        )
