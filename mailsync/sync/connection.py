"""The connections of one account: how it signs in, what it may use, when it waits, and the state screens show of it.

    connect() -> a person's no? -> a pause? -> the day's bytes? -> consent -> sign in -> what is learned is kept

One sign-in at a time. A failure that concerns the account begins a pause (`backoff`) that schedules and monitors
share; a pause that the server asked for outlives the engine.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from mailsync.config.checks import is_loopback
from mailsync.config.providers import PRESETS
from mailsync.errors import BudgetSpent, ConsentMissing, Interrupted, MailsyncError, SignInFailed, Throttled
from mailsync.imap import quirks, throttle
from mailsync.imap.connect import Endpoint
from mailsync.imap.pool import Pool
from mailsync.imap.quirks import Quirks
from mailsync.imap.session import Session
from mailsync.model import AccountState
from mailsync.privacy.secret import Credential
from mailsync.record import record
from mailsync.store import accounts, consents, folders, probes
from mailsync.store.database import Store
from mailsync.sync import line
from mailsync.sync.access import Access
from mailsync.sync.allowance import Allowance
from mailsync.sync.backoff import Backoff, moment
from mailsync.sync.knowledge import CEILING_SECONDS, LINE_SECONDS, PROBE_SECONDS, PROBED, Knowledge
from mailsync.sync.meter import Meter

if TYPE_CHECKING:
    from mailsync.config.models import AccountConfig

PROVEN_SECONDS = 30.0
"""A connection that lasted so long was no mere sign-in."""
WAIT_SECONDS = 5.0
"""How often someone who waits for the end of a pause looks whether it was cut short."""


@record
class AccountConnection:
    """One account of the configuration, as far as its server is concerned.

    `credential(renew)` is asked for at each connection and may raise CredentialMissing; it runs in a worker thread.
    `renew`: the server has just refused the token that it gave. `token_changed()` is when tokens were stored last.
    """

    store: Store
    name: str
    account_id: int
    config: AccountConfig
    credential: Callable[[bool], Credential]
    now: Callable[[], float] = time.time
    keep: float = 0.0
    """Seconds for which connections that nobody uses are kept; 0 logs out at once."""
    retry: Callable[[float], None] = lambda at: None
    """Is told when a sync that failed should be tried again (Unix seconds)."""
    resting: AccountState = "disconnected"
    """The state between syncs: `watching` while a monitor has a connection."""
    token_changed: Callable[[], float | None] = lambda: None
    give_way: Callable[[], Awaitable[bool]] | None = field(default=None, init=False)
    """Has a monitor let go of its connections; False when it had none."""
    syncing: bool = field(default=False, init=False)
    discovering: Sequence[bytes] | None = field(default=None, init=False)
    """The folders are wanted next: whoever connects asks for them in a round trip of the sign-in, and for STATUS of
    those that have these raw names where LIST does not tell it."""
    mail: Store = field(init=False)
    """`store` for what comes out of the mailbox: nothing is written without consent at that very moment."""
    pool: Pool = field(init=False)
    backoff: Backoff = field(default_factory=Backoff, init=False)
    meter: Meter = field(init=False)
    allowance: Allowance = field(init=False)
    knowledge: Knowledge = field(init=False)
    quirks: Quirks = field(init=False)
    """Of the server as far as it is known: by its host before the first connection."""
    _sign_in: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _probing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _access: Access = field(init=False)
    _noted: MailsyncError | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.mail = self.store.guarded(lambda connection: consents.require(connection, self.name))
        self.quirks = quirks.override(quirks.match(self.config.host, "", {}, frozenset()), self.config.quirks.given())
        self.knowledge = Knowledge(self.store, self.name, self.account_id, self.now)
        self._access = Access(self.store, self.name, self.config, self.credential, self.token_changed, self.now)
        self.meter = Meter(self.store, self.name, self.account_id, self.now, self._prove)
        self.allowance = Allowance(
            self.store, self.account_id, lambda: self.quirks.daily_bytes, lambda: self.meter.received_today, self.now
        )
        self.pool = Pool(lambda: self.connect("sync"), self.allowed - self.watchers, keep=self.keep, now=self.now)

    # -- how many connections ----------------------------------------------------------------------------------

    @property
    def allowed(self) -> int:
        """Connections at a time: as configured, or as few as the server is known or was found to allow."""
        known = (self.config.max_connections, self.quirks.connections, self.knowledge.ceiling)
        return min(number for number in known if number is not None)

    @property
    def watchers(self) -> int:
        """Connections that are kept for monitors: what they hold, syncs cannot have. One folder, one connection."""
        return min(len(self.config.watch), self.allowed // 2)

    def _allow(self, count: int, error: Throttled) -> None:
        """The server turned one more away while it had `count` of ours."""
        if count < self.allowed:
            seconds = CEILING_SECONDS if throttle.about_connections(str(error)) else CEILING_SECONDS / 24
            self.knowledge.note({"connections": f"{count} at a time: {error}"}, seconds)
            self.pool.limit(max(1, self.allowed - self.watchers))

    # -- connecting --------------------------------------------------------------------------------------------

    async def begin(self, *, asked: bool, purpose: str = "sync") -> None:
        """Work begins; `asked` for by a person, who may try at once what a schedule has to wait for.

        Raises ConsentMissing, Throttled for a pause that binds, BudgetSpent, or the refusal of a password.
        """
        await self._load()
        await self.check_consent()
        if asked:
            self._access.lift()
            self.backoff.asked(self.now())
        await self._gate(purpose)
        self.meter.burst()

    async def end(self) -> None:
        """A sync is over: connections rest, and what the line carried is remembered."""
        await self.pool.rest()
        self.meter.count()
        known, rate = self.knowledge.line, self.meter.gauge.rate
        if rate is not None:
            known = line.Line(known.round_trip, rate, self.meter.compressed)
            self.knowledge.note({"line": known.dump()}, LINE_SECONDS)

    async def close(self) -> None:
        """Log out of what is idle."""
        await self.pool.close()
        self.meter.count()

    async def connect(self, purpose: str = "watch") -> Session:
        """A signed-in session; the account's state follows what happens. One sign-in at a time.

        A refused credential is not tried again, whoever asks, before a person asks for a sync or has signed in
        elsewhere; nothing is tried during a pause.
        """
        async with self._sign_in:
            await self._load()
            await self._gate(purpose)
            try:
                return await self._connect(purpose)
            except Throttled as error:
                if self.meter.open:
                    self._allow(self.meter.open, error)
                raise

    @contextlib.asynccontextmanager
    async def worker(self) -> AsyncIterator[Session]:
        """A session of the pool to carry messages: compressed where the line is worth it."""
        async with self.pool.session() as session:
            if not session.compressed and self.compression(session).on:
                await session.compress()
            yield session

    async def probe(self) -> dict[str, str]:
        """Ask the server what it really does, where that is not known; on a connection of the pool. Its failure is
        none of the sync's, and means: another time. Returns what was found now."""
        missing = [name for name in PROBED if self.knowledge.value(name) is None]
        found: dict[str, str] = {}
        if not missing or self._probing.locked():
            return found
        from mailsync.sync.probe import probe  # once a month

        async with self._probing:
            present = await self.store.aread(lambda connection: folders.present(connection, self.account_id))
            with contextlib.suppress(MailsyncError):
                async with self.pool.session() as session:
                    found = await probe(session, present.values(), missing)
            self.knowledge.note(found, PROBE_SECONDS)
        if any(" off: " in value for value in found.values()):
            await self.pool.close()  # what is open still believes in it
        return found

    async def until_resumed(self) -> None:
        """Wait for the end of the account's pause; returns at once when there is none."""
        while self.backoff.waits(self.now()):
            assert self.backoff.resumes_at is not None
            await asyncio.sleep(min(max(self.backoff.resumes_at - self.now(), 0.05), WAIT_SECONDS))

    async def _load(self) -> None:
        if self.knowledge.loaded:
            return
        await self.knowledge.load()
        self.meter.load(self.knowledge.received_today)
        if (pause := self.knowledge.throttled) is not None:
            at, until = self.now(), pause.expires_at
            self.backoff.failed(at, pause.value, until - at)
            await self.store.awrite(
                lambda c: accounts.set_state(c, self.name, "backing_off", at, pause.value, resumes_at=until)
            )
        self.pool.limit(max(1, self.allowed - self.watchers))

    async def _gate(self, purpose: str) -> None:
        """Raise what stands in the way of a connection."""
        at = self.now()
        self._access.lifted()
        if self._access.refusal is not None:
            raise self._access.refusal
        if self.allowance.spent if purpose == "sync" else self.allowance.exhausted:
            raise await self.allowance.error()
        if self.backoff.waits(at) and (self.backoff.stated or not self.syncing):
            assert self.backoff.resumes_at is not None
            error = Throttled(
                f"{self.backoff.why}; resumes at {moment(self.backoff.resumes_at, at)}",
                hint="nothing was tried: the server asked for this pause" if self.backoff.stated else None,
                resume_after=self.backoff.resumes_at - at,
            )
            self._noted = error  # it says nothing new
            raise error

    async def _connect(self, purpose: str) -> Session:
        await self.check_consent()
        announces = self.resting == "disconnected" and not self.syncing
        if announces:
            self._announce("connecting")
        try:
            session = await self._signed_in(purpose)
            try:
                self.meter.opened(session, purpose)
                await self._met(session)
            except BaseException:
                session.close()  # nobody else knows of it yet
                raise
        except MailsyncError as error:
            preset = PRESETS.get(self.config.provider)
            if type(error) is SignInFailed and self.config.auth == "password" and preset is not None and preset.hint:
                error.hint = preset.hint
            if not self.syncing:  # else the sync goes on with fewer connections, or says itself how it ended
                await self.note_failure(error)
            raise
        if announces:
            self._announce("authenticated")
        return session

    async def _signed_in(self, purpose: str) -> Session:
        """Where the server turns a sync away while nobody but monitors has a connection, they give way to it."""
        try:
            return await self._access.open(self._open)
        except Throttled as error:
            watched = self.meter.open and not self.meter.busy and throttle.about_connections(str(error))
            if purpose != "sync" or self.give_way is None or not watched:
                raise
            self._allow(self.meter.open, error)
            if not await self.give_way():
                raise
        return await self._access.open(self._open)

    async def _open(self, credential: Credential) -> Session:
        return await Session.open(
            self.endpoint(),
            self.config.username or self.config.email,
            credential,
            quirks=self.knowledge.quirks,
            overrides=self.config.quirks.given(),
            on_state=self.meter.changed,
            lists=self.discovering,
        )

    async def heal(self) -> bool:
        """True when someone has signed in since the account was refused: it waits for nobody any more."""
        if not self._access.lifted():
            return False
        await self.set_state(self.resting)
        return True

    async def _met(self, session: Session) -> None:
        """Keep what a sign-in tells of the server."""
        known = self.knowledge
        self.quirks = session.quirks
        known.met(session)
        if known.line.differs(session.round_trip):
            await session.measure()
        if known.line.differs(session.round_trip):
            measured = line.Line(session.round_trip, known.line.rate, known.line.compressed)
            known.note({"line": measured.dump()}, LINE_SECONDS)
        choice = self.compression(session)
        words = " ".join(value for key, value in session.server_id.items() if key in ("name", "version") and value)
        known.describe(words or session.greeting.text[:200], session.advertised, str(choice))
        if self.config.compress is True and choice.on:
            await session.compress()

    def compression(self, session: Session) -> line.Choice:
        """Whether a connection is worth compressing, by what is known of the line now."""
        rate = self.meter.gauge.rate
        known = self.knowledge.line
        if rate is not None:
            known = line.Line(known.round_trip, rate, self.meter.compressed)
        return line.choose(
            self.config.compress,
            offered="COMPRESS=DEFLATE" in session.capabilities,
            local=is_loopback(self.config.host),
            line=known,
        )

    def endpoint(self) -> Endpoint:
        config = self.config
        return Endpoint(config.host, config.port, config.security, str(config.tls_ca_file or ""), config.allow_insecure)

    async def check_consent(self) -> None:
        """ConsentMissing unless the person allowed to open the mailbox and to read mail."""
        try:
            await self.store.aread(lambda connection: consents.require(connection, self.name))
        except ConsentMissing as error:
            await self.note_failure(error)
            raise

    # -- states ------------------------------------------------------------------------------------------------

    def _announce(self, state: AccountState) -> None:
        """A state that something else follows within moments: nobody waits for its row."""
        at = self.now()
        self.store.write(lambda connection: accounts.set_state(connection, self.name, state, at))

    async def set_state(self, state: AccountState, detail: str = "", hint: str = "") -> None:
        at = self.now()
        if state in ("watching", "disconnected") and isinstance(self._noted, BudgetSpent) and self.allowance.spent:
            return  # push goes on in what the day has left; that syncs wait is what counts
        if state in ("watching", "disconnected") and self._access.refusal is not None:
            return  # it still waits for a person
        await self.store.awrite(lambda c: accounts.set_state(c, self.name, state, at, detail, hint))

    async def note_failure(self, error: MailsyncError) -> None:
        """The account's state after a failure that concerns all of it, and the pause that it begins."""
        if error is self._noted or isinstance(error, Interrupted):
            return
        self._noted = error
        at = self.now()
        state: AccountState = "error"
        detail = str(error)
        resumes: float | None = None
        if isinstance(error, ConsentMissing):
            state = "needs_consent"
            await self.pool.close()
        elif error.exit_code == 3 and error.retry == "never":
            state = "needs_login"
            self._access.stand(error)
        elif isinstance(error, BudgetSpent):
            state, resumes = "backing_off", float(round(at + (error.resume_after or 0)))
        elif error.retry == "backoff":
            state = "backing_off"
            resumes = self.backoff.failed(at, detail, error.resume_after if isinstance(error, Throttled) else None)
            detail = f"{detail}; next try at {moment(resumes, at)}"
            if self.backoff.stated:
                self.knowledge.note({probes.THROTTLED: str(error)}, resumes - at)
        await self.store.awrite(
            lambda c: accounts.set_state(c, self.name, state, at, detail, error.hint, resumes_at=resumes)
        )

    def ended(self, error: MailsyncError | None) -> str | None:
        """What a sync that ended so says of itself; one that went well proves that the account works."""
        if error is None:
            self.backoff.proved()
            self.knowledge.forget(probes.THROTTLED)
            return None
        at = self.now()
        if isinstance(error, BudgetSpent):
            self.retry(at + (error.resume_after or 0))
            return str(error)
        if not self.backoff.waits(at):
            return str(error)
        assert self.backoff.resumes_at is not None
        self.retry(self.backoff.resumes_at)
        told = self.backoff.stated and "resumes at" not in str(error)
        return f"{error}; resumes at {moment(self.backoff.resumes_at, at)}" if told else str(error)

    def _prove(self) -> None:
        """Called with each count of bytes."""
        opened = self.meter.oldest_opened_at
        if self.backoff.failures and opened is not None and self.now() - opened > PROVEN_SECONDS:
            self.backoff.proved()
