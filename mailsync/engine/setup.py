"""Making an account, and taking it away: what `account add` and `remove` are made of, on every face.

    find -> probing.reach -> draft -> (OAuth2 login) -> probing.sign_in -> consent, asked by the face -> commit -> tell
    remove -> tell (-> a job of kind "purge")

Each step blocks and is fit for a thread. Nothing is written before `commit`, and when that fails half-way, secrets,
config.toml and the store are as they were.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailsync.accounts.address import Address
from mailsync.accounts.discover import Candidate, Sources, discover, guesses
from mailsync.accounts.racing import run
from mailsync.accounts.vault import KEY_NAME, Vault
from mailsync.config.checks import NAME
from mailsync.config.models import AccountConfig, Config
from mailsync.config.providers import PRESETS
from mailsync.engine.signing import vault_of
from mailsync.errors import MailsyncError, SecretsUnavailable, UsageError
from mailsync.privacy import environment
from mailsync.privacy.consent import SCOPES
from mailsync.privacy.secret import Credential, Password
from mailsync.record import record
from mailsync.store import audit, consents, jobs, purge
from mailsync.store.database import Store
from mailsync.store.lock import owner

if TYPE_CHECKING:
    from mailsync.config.edit import File

TELL_SECONDS = 10.0
"""How long a running engine may take to read its configuration."""


@record(frozen=True)
class Draft:
    """An account that is not written yet. `table` is what goes into config.toml; `general` changes `[general]`."""

    name: str
    table: Mapping[str, Any]
    general: Mapping[str, Any]
    account: AccountConfig
    vault: Vault = field(repr=False)


@record(frozen=True)
class Removed:
    """What a removal found: in config.toml, and among the accounts that the store knows."""

    configured: bool
    stored: bool
    secret_left: SecretsUnavailable | None
    """Why its password and tokens may still be where they were; None when they are gone."""


def find(address: Address, sources: Sources | None = None) -> list[Candidate]:
    """Servers for an address, the most trustworthy first; guesses where nobody names any. Blocks for some seconds."""
    return run(discover(address, sources)) or guesses(address.domain)


def suggested(address: Address, provider: str, taken: Iterable[str]) -> str:
    """A name for an account that nobody has yet: "gmail", else the domain's first word; more where that is taken."""
    first = provider if provider != "imap" else address.domain.split(".")[0]
    names = [_slug(first), _slug(f"{first}-{address.local}")]
    names += [f"{names[0]}-{number}" for number in range(2, 1000)]
    used = {name.lower() for name in taken}
    return next(name for name in names if name and name not in used)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")[:40] or "mail"


def table_of(address: Address, candidate: Candidate, given: Mapping[str, Any]) -> dict[str, Any]:
    """The table of config.toml for an account: what differs from what its provider fills in, and what was `given`.

    `given` are keys of `[accounts.NAME]`, with `oauth` as a table; empty values are left out.
    """
    preset = PRESETS.get(candidate.provider)
    table: dict[str, Any] = {"email": address.text}
    if preset is not None:
        table["provider"] = candidate.provider
    expected = AccountConfig.model_validate(table)
    for key, value in (("host", candidate.host), ("port", candidate.port), ("security", candidate.security)):
        usual = getattr(expected, key) if preset is not None or key != "host" else ""
        if value != usual:
            table[key] = value
    if candidate.username and candidate.username != expected.username:
        table["username"] = candidate.username
    auth = given.get("auth") or candidate.auth
    if auth != expected.auth:
        table["auth"] = auth
    table |= {key: value for key, value in given.items() if value and key not in ("oauth", "auth", "username")}
    if given.get("username") and given["username"] != expected.username:
        table["username"] = given["username"]
    oauth = {key: value for key, value in given.get("oauth", {}).items() if value}
    return table | ({"oauth": oauth} if oauth else {})


def draft(
    config_path: Path, data_dir: Path, name: str, table: Mapping[str, Any], general: Mapping[str, Any] | None = None
) -> Draft:
    """The account as it would be. Raises UsageError for a name that is none, ConfigError for one that is taken and for
    what would not be a valid configuration."""
    if not NAME.fullmatch(name) or name == KEY_NAME:
        raise UsageError(f"{name!r} is no name for an account", hint=f"letters, digits, - and _ only: {_slug(name)}")
    from mailsync.config.edit import glance

    file = glance(config_path)
    config = file.check(_written(file, name, table, general or {}))
    return Draft(name, table, general or {}, config.accounts[name], vault_of(config, data_dir))


def _written(file: File, name: str, table: Mapping[str, Any], general: Mapping[str, Any]) -> str:
    from mailsync.config.edit import with_account, with_values

    text = with_values(file.text, ("general",), general) if general else file.text
    return with_account(text, name, table)


def commit(
    config_path: Path, made: Draft, credential: Credential | None, scopes: Sequence[str], store: Callable[[], Store]
) -> Config:
    """Store the password where `credential` is one to be kept, write config.toml, record consent: all or nothing.

    Returns the new configuration. `store` opens the database when everything else is done.
    """
    from mailsync.config.edit import editing

    name, vault = made.name, made.vault
    with editing(config_path) as file, contextlib.ExitStack() as undo:
        text = _written(file, name, made.table, made.general)
        file.check(text)
        if isinstance(credential, Password):
            before = vault.password(name)
            undo.callback(_put_back, vault, name, before)
            vault.store_password(name, credential.text)
        undo.callback(file.restore)
        config = file.write(text)
        at, address = time.time(), made.account.email

        def write(connection: sqlite3.Connection) -> None:
            consents.grant(connection, name, scopes, at)
            # What was allowed to an earlier account of this name was not allowed to this one.
            consents.revoke(connection, name, [scope for scope in SCOPES if scope not in scopes], at)
            audit.record(connection, "account_added", at=at, account=name, address=address)

        store().write(write, durable=True).result()
        undo.pop_all()
    return config


def _put_back(vault: Vault, name: str, before: str | None) -> None:
    if before is None:
        vault.forget(name)
    else:
        vault.store_password(name, before)


def remove(config_path: Path, data_dir: Path, name: str, store: Callable[[], Store] | None) -> Removed:
    """Take an account out of config.toml, with all it was allowed and its secrets. What was mirrored stays.

    `store` opens the database, None where there is none. Raises UsageError for an account that nobody knows.
    """
    from mailsync.config.edit import editing, without_account
    from mailsync.config.load import load_config

    stored = store is not None and _is_stored(store(), name)
    with editing(config_path) as file, contextlib.ExitStack() as undo:
        table = file.account(name)
        configured = table is not None
        if not configured and not stored:
            raise UsageError(f"nobody knows an account {name}", hint="run: mailsync account list")
        if configured:
            undo.callback(file.restore)
            config = file.write(without_account(file.text, name))
        else:
            config = load_config(config_path, missing_ok=True)
        at = time.time()

        def write(connection: sqlite3.Connection) -> None:
            consents.revoke(connection, name, list(SCOPES), at)
            if configured:
                audit.record(connection, "account_removed", at=at, account=name)

        if store is not None:
            store().write(write, durable=True).result()
        undo.pop_all()
    if (table or {}).keys() & {"password_command", "oauth_command"} or environment.password(name):
        return Removed(configured, stored, None)  # mailsync kept none, and there may be no keyring at all
    try:
        vault_of(config, data_dir).forget(name)
    except SecretsUnavailable as error:
        return Removed(configured, stored, error)
    return Removed(configured, stored, None)


def _is_stored(store: Store, name: str) -> bool:
    with store.read() as connection:
        return purge.mirrored(connection, name) is not None or bool(consents.granted(connection, name))


def tell(store: Store, data_dir: Path) -> bool:
    """Have a running engine take config.toml as it is now; False when none runs, or one that serves a single command.

    Raises MailsyncError when it will not, or does not answer in time.
    """
    if owner(data_dir) is None:
        return False
    number = store.write(
        lambda connection: jobs.insert(connection, "reload", time.time(), priority=20, max_attempts=3)
    ).result()
    deadline = time.monotonic() + TELL_SECONDS
    while time.monotonic() < deadline:
        with store.read() as connection:
            job = jobs.get(connection, number)
        if job is not None and job.status not in ("pending", "running"):
            if job.status == "completed":
                return bool((job.result or {}).get("reloaded"))
            raise MailsyncError(
                f"the running engine did not take the new configuration: {job.error}", hint=job.error_hint
            )
        if owner(data_dir) is None:
            return False
        time.sleep(0.02)
    raise MailsyncError("the running engine did not answer", hint="it takes config.toml on SIGHUP, or when restarted")
