"""The connections of one account: how it signs in, what it may use, and the state that screens show of it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from mailsync.config.models import AccountConfig
from mailsync.config.providers import PRESETS
from mailsync.errors import ConsentMissing, MailsyncError, SignInFailed
from mailsync.imap.connect import Endpoint
from mailsync.imap.pool import Pool
from mailsync.imap.session import Session
from mailsync.model import AccountState
from mailsync.privacy import consent
from mailsync.store import accounts, consents
from mailsync.store.database import Store


@dataclass(slots=True)
class AccountConnection:
    """One account of the configuration, as far as its server is concerned.

    `password` is asked for at each connection and may raise CredentialMissing; it runs in a worker thread.
    """

    store: Store
    name: str
    account_id: int
    config: AccountConfig
    password: Callable[[], str]
    now: Callable[[], float] = time.time
    resting: AccountState = "disconnected"
    """The state between syncs: `watching` while a monitor has a connection."""
    syncing: bool = field(default=False, init=False)
    pool: Pool = field(init=False)
    watchers: int = field(init=False)
    """Connections that are kept for monitors."""
    _sign_in: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _refusal: SignInFailed | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        # The ceiling is the provider's: what monitors hold, syncs cannot have. One folder of `watch`, one connection.
        most = self.config.max_connections
        self.watchers = min(len(self.config.watch), most // 2)
        self.pool = Pool(self.connect, most - self.watchers)

    def forget_refusal(self) -> None:
        """A person asks: a password that was refused is tried once more."""
        self._refusal = None

    async def connect(self) -> Session:
        """A signed-in session; the account's state follows what happens. One sign-in at a time.

        A refused password is not tried again, whoever asks, before a person asks for a sync.
        """
        async with self._sign_in:
            if self._refusal is not None:
                raise self._refusal
            try:
                return await self._connect()
            except SignInFailed as error:
                self._refusal = error
                raise

    async def _connect(self) -> Session:
        await self.check_consent()
        announces = self.resting == "disconnected" and not self.syncing
        if announces:
            await self.set_state("connecting")
        try:
            password = await asyncio.to_thread(self.password)
            session = await Session.open(self.endpoint(), self.config.username or self.config.email, password)
        except MailsyncError as error:
            preset = PRESETS.get(self.config.provider)
            if type(error) is SignInFailed and preset is not None and preset.hint:
                error.hint = preset.hint
            if not self.syncing:  # else the sync goes on with fewer connections, or says itself how it ended
                await self.note_failure(error)
            raise
        server = " ".join(value for key, value in session.server_id.items() if key in ("name", "version") and value)

        def write(connection: sqlite3.Connection) -> None:
            accounts.set_server(connection, self.name, server or session.greeting.text[:200], session.capabilities)
            if announces:
                accounts.set_state(connection, self.name, "authenticated", self.now())

        await self.store.awrite(write)
        return session

    def endpoint(self) -> Endpoint:
        config = self.config
        return Endpoint(config.host, config.port, config.security, str(config.tls_ca_file or ""))

    async def check_consent(self) -> None:
        """ConsentMissing unless the person allowed to open the mailbox and to read mail."""
        granted = await self.store.aread(lambda connection: consents.granted(connection, self.name))
        try:
            consent.require(self.name, granted)
        except ConsentMissing as error:
            await self.note_failure(error)
            raise

    async def set_state(self, state: AccountState, detail: str = "", hint: str = "") -> None:
        await self.store.awrite(lambda c: accounts.set_state(c, self.name, state, self.now(), detail, hint))

    async def note_failure(self, error: MailsyncError) -> None:
        """The account's state after a failure that concerns all of it."""
        state: AccountState = "error"
        if isinstance(error, ConsentMissing):
            state = "needs_consent"
        elif error.exit_code == 3:
            state = "needs_login"
        elif error.retry == "backoff":
            state = "backing_off"
        await self.set_state(state, str(error), error.hint)
