"""What the screens for accounts do outside the screen: the steps of `engine.setup`, each in one call.

Every call blocks and is made from a thread of its own. Nothing is kept here: what one step found is handed to the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailsync.errors import MailsyncError, SignInFailed, Unreachable
from mailsync.record import record
from mailsync.store import consents
from mailsync.store.database import Store
from mailsync.tui import asking

if TYPE_CHECKING:
    from mailsync.accounts.address import Address
    from mailsync.accounts.discover import Candidate
    from mailsync.accounts.oauth.login import Login, Prompt
    from mailsync.accounts.vault import Vault
    from mailsync.config.models import AccountConfig, Config
    from mailsync.engine.probing import Answer, Welcome
    from mailsync.engine.setup import Draft
    from mailsync.privacy.secret import Credential

Listed = list[tuple[str, str, float]]
"""(name, address, seconds between two scheduled syncs) of each account of config.toml."""


@record(frozen=True)
class Found:
    """What is known of an address's server: all that was named, and what answers; `problem` is why nothing does."""

    candidates: Sequence[Candidate]
    answer: Answer | None
    problem: MailsyncError | None = None


@record(frozen=True)
class Added:
    """An account that is written. `secret` says where what it signs in with is kept; `told` is False without an
    engine, and `problem` why a running one has not taken it."""

    name: str
    secret: str
    told: bool
    problem: MailsyncError | None
    accounts: Listed = field(repr=False)


@record(frozen=True)
class Known:
    """An account that is there. `source` is where its secret comes from, as `accounts.whereabouts` names it."""

    name: str
    account: AccountConfig
    vault: Vault = field(repr=False)
    source: str


class Entrance:
    """The way in for accounts of one configuration and one store."""

    def __init__(self, config_path: Path, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._config_path = config_path
        self._store = store
        self._data_dir = store.path.parent
        self._clock = clock

    @property
    def secrets_folder(self) -> Path:
        """Where secrets that are kept in files are."""
        from mailsync.engine.signing import FOLDER

        return self._data_dir / FOLDER

    # -- adding ---------------------------------------------------------------------------------------------------

    def find(self, address: Address) -> Found:
        """The servers of an address, and the best one that answers."""
        from mailsync.engine import probing, setup

        candidates = setup.find(address)
        try:
            return Found(candidates, probing.reach(candidates))
        except MailsyncError as error:
            guessed = isinstance(error, Unreachable) and candidates[0].source.endswith(" answers")
            if guessed:
                hint = "type its name as your provider tells it"
                error = Unreachable(f"no server was found for {address.domain}", hint=hint)
            return Found([] if guessed else candidates, None, error)

    def reach(self, candidates: Sequence[Candidate], ca_file: str = "") -> Answer:
        """Look at servers that a person chose or named. Raises what kept the most telling of them."""
        from mailsync.engine import probing

        try:
            return probing.reach(candidates, ca_file)
        except Unreachable as error:
            error.hint = "check the network, the name and the port"
            raise

    def suggest(self, address: Address, provider: str) -> str:
        """A name for the account that is free."""
        from mailsync.engine import setup

        return setup.suggested(address, provider, self._config().accounts)

    def draft(
        self, name: str, address: Address, found: Candidate, given: Mapping[str, Any], *, files: bool = False
    ) -> Draft:
        """The account as it would be; with `files`, secrets are kept in files from now on. Raises ConfigError."""
        from mailsync.engine import setup

        table = setup.table_of(address, found, given)
        return setup.draft(self._config_path, self._data_dir, name, table, {"secrets": "file"} if files else {})

    def try_password(self, made: Draft, credential: Credential) -> Welcome:
        """Sign in once, after making sure that the password can be kept. Raises SecretsUnavailable, SignInFailed..."""
        made.vault.password(made.name)
        return self._sign_in(made.account, credential)

    def try_token(self, made: Draft) -> Welcome:
        """Sign in once with the tokens that a login has just stored."""
        from mailsync.accounts.credentials import credential_for

        return self._sign_in(made.account, credential_for(made.name, made.account, made.vault))

    def login(self, one: Draft | Known, prompt: Prompt, *, device_code: bool) -> Login:
        """A sign-in at the account's provider, to be run. Raises SecretsUnavailable where tokens cannot be kept."""
        from mailsync.accounts.oauth.login import Login

        one.vault.password(one.name)
        return Login(one.name, one.account, one.vault, prompt, device_code=device_code)

    def forget(self, made: Draft | Known) -> None:
        """Leave no token of an account that is not made after all."""
        made.vault.forget(made.name)

    def commit(self, made: Draft, credential: Credential | None, scopes: Sequence[str]) -> Added:
        """Write the account and tell a running engine, which begins to mirror it."""
        from mailsync.accounts.whereabouts import secret_of
        from mailsync.engine import setup

        config = setup.commit(self._config_path, made, credential, scopes, lambda: self._store)
        told, problem = self._tell()
        secret = secret_of(made.name, made.account, made.vault)
        return Added(made.name, secret, told, problem, _listed(config))

    # -- accounts that are there ----------------------------------------------------------------------------------

    def known(self, name: str) -> Known:
        """What there is to know of an account. Raises ConfigError when it is not in config.toml."""
        from mailsync.accounts.whereabouts import secret_of
        from mailsync.engine.signing import vault_of
        from mailsync.errors import ConfigError

        config = self._config()
        if name not in config.accounts:
            raise ConfigError(f"{name} is not in {self._config_path}", hint="only its mail is here")
        account = config.accounts[name]
        vault = vault_of(config, self._data_dir)
        return Known(name, account, vault, secret_of(name, account, vault))

    def granted(self, name: str) -> frozenset[str]:
        """The scopes that an account is allowed at present."""
        with self._store.read() as connection:
            return consents.granted(connection, name)

    def new_password(self, known: Known, credential: Credential) -> None:
        """Try a new password, keep it, and have the engine go on. Raises SignInFailed, SecretsUnavailable..."""
        from mailsync.privacy.secret import Password

        known.vault.password(known.name)
        try:
            self._sign_in(known.account, credential)
        except SignInFailed as error:
            self.refused(known, error)
            raise
        if isinstance(credential, Password):
            known.vault.store_password(known.name, credential.text)
        self.signed_in(known)

    def signed_in(self, known: Known) -> None:
        """Record a sign-in that is stored; a running engine syncs the account at once."""
        from mailsync.engine import signing

        address = known.account.email or known.account.username
        signing.signed_in(self._store, self._data_dir, known.name, address, self._clock())

    def refused(self, known: Known, error: SignInFailed) -> None:
        """Record a sign-in that came to nothing."""
        from mailsync.engine import signing

        address = known.account.email or known.account.username
        signing.refused(self._store, known.name, address, error, self._clock())

    def retry(self, name: str) -> None:
        """Have the engine try an account again, with what its command or the environment gives."""
        asking.for_sync(self._store, [name], self._clock())

    def allow(self, name: str, scopes: Sequence[str]) -> None:
        """Allow an account these scopes and no others, and have the engine go on with what that allows."""
        from mailsync.privacy.consent import SCOPES

        at = self._clock()
        others = [scope for scope in SCOPES if scope not in scopes]

        def write(connection: Any) -> None:
            consents.grant(connection, name, scopes, at)
            consents.revoke(connection, name, others, at)

        self._store.write(write, durable=True).result()
        asking.for_sync(self._store, [name], at)

    def remove(self, name: str, *, purge: bool) -> Listed:
        """Take an account out of the configuration, with `purge` also its mail off this disk."""
        from mailsync.engine import setup

        removed = setup.remove(self._config_path, self._data_dir, name, lambda: self._store)
        _, problem = self._tell()
        if purge:
            self._purge(name)
        for error in (removed.secret_left, problem):
            if error is not None:
                raise error
        return _listed(self._config())

    def _purge(self, name: str) -> None:
        from mailsync.engine.ask import ask

        job = ask(self._config(), self._store, self._data_dir, "purge", {"accounts": [name]})
        if job.status != "completed":
            hint = job.error_hint or f"run: mailsync account remove {name} --purge"
            raise MailsyncError(f"{name} was not purged to its end: {job.error or job.status}", hint=hint)

    # -- shared ---------------------------------------------------------------------------------------------------

    def _config(self) -> Config:
        from mailsync.config.load import load_config

        return load_config(self._config_path, missing_ok=True)

    def _sign_in(self, account: AccountConfig, credential: Credential) -> Welcome:
        from mailsync.config.providers import PRESETS
        from mailsync.engine import probing

        try:
            return probing.sign_in(account, credential)
        except SignInFailed as error:
            preset = PRESETS.get(account.provider)
            if type(error) is SignInFailed and preset is not None and preset.hint:
                error.hint = preset.hint
            raise

    def _tell(self) -> tuple[bool, MailsyncError | None]:
        from mailsync.engine import setup

        try:
            return setup.tell(self._store, self._data_dir), None
        except MailsyncError as error:  # the account is written all the same
            return False, error


def _listed(config: Config) -> Listed:
    return [(name, account.email, account.sync_interval) for name, account in config.accounts.items()]
