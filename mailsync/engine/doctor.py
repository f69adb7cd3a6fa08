"""The doctor: everything around mailsync that must be right before a sync can be, looked at without changing any of it.

      machine (clock, disk, files, TLS)  \\
      configuration, keyring              >  threads with one deadline -> Report -> cli
      each account's server and secret   /

Nobody signs in, no secret is shown, nobody is asked to unlock anything. What does not answer in time is a check that
warned, so the whole ends within `SECONDS` even without a network.
"""

from __future__ import annotations

import asyncio
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from mailsync.accounts import command, keyrings
from mailsync.accounts.credentials import credential_for
from mailsync.accounts.vault import Vault, credential
from mailsync.config.models import AccountConfig, Config
from mailsync.config.paths import exposed
from mailsync.engine import machine
from mailsync.engine.health import ORDER, OVERALL, Check, Overall
from mailsync.errors import ConfigError, MailsyncError, SecretsUnavailable
from mailsync.imap.connect import Endpoint, certificate_ends, connect
from mailsync.privacy import environment
from mailsync.record import record
from mailsync.text import safe_text

SECONDS = 12.0
"""For everything together; what takes longer is told as such."""
SERVER_SECONDS = 10.0
KEYRING_SECONDS = 5.0
PROVIDER_SECONDS = 5.0

Work = Callable[[], Iterable[Check]]


@record(frozen=True)
class Report:
    """Every check, in the order in which they are to be read: the machine first, then each account."""

    checks: tuple[Check, ...]

    @property
    def status(self) -> Overall:
        return OVERALL[min((check.status for check in self.checks), key=ORDER.index, default="warn")]

    def as_dict(self) -> dict[str, object]:
        """The `doctor` document: that of `health` without its numbers."""
        return {"status": self.status, "checks": [check.as_dict() for check in self.checks]}


class Doctor:
    """Examines one configuration and data directory; `read` gives the configuration or raises ConfigError."""

    def __init__(self, config_path: Path, data_dir: Path, read: Callable[[], Config]) -> None:
        self._config_path = config_path
        self._data_dir = data_dir
        self._read = read
        self._keyring = threading.Event()
        """Set as soon as it is known whether the keyring can be asked."""
        self._keyring_problem: SecretsUnavailable | None = None
        self.config_error: ConfigError | None = None
        """What is wrong with the configuration, once `examine` has run."""

    def examine(self) -> Report:
        """Look at everything. Blocks for up to SECONDS."""
        config = Config()
        try:
            config = self._read()
            first = list(self._configuration(config))
        except ConfigError as error:
            self.config_error = error
            first = [Check("config", "fail", str(error), error.hint)]
        now = time.time()
        works: list[tuple[str, str, Work]] = [
            ("program", "", machine.program),
            ("core_dumps", "", machine.cores),
            ("data_dir", "", lambda: machine.files(self._data_dir)),
            ("disk", "", lambda: machine.disk(self._data_dir)),
            ("database", "", lambda: machine.database(self._data_dir, now)),
            ("clock", "", lambda: machine.clock(self._data_dir, now)),
            ("clock", "", lambda: self._provider_clock(config)),
            ("tls", "", machine.tls),
            ("keyring", "", lambda: self._keyring_works(config)),
        ]
        for name, account in config.accounts.items():
            works.append(("server", name, partial(_server, name, account)))
            works.append(("secret", name, partial(self._secret, name, account, config)))
        return Report((*first, *_all(works, SECONDS)))

    # -- what concerns all accounts ----------------------------------------------------------------------------

    def _configuration(self, config: Config) -> Iterable[Check]:
        path = self._config_path
        if not path.exists():
            yield Check("config", "warn", f"none at {path}", "mailsync account add")
            return
        count = len(config.accounts)
        detail = f"{path}, {count} {'account' if count == 1 else 'accounts'}"
        if path.stat().st_mode & 0o022:
            yield Check("config", "warn", f"{path} is writable by others", f"chmod go-w {path}")
        elif (found := exposed(path)) is not None:
            yield Check("config", "warn", found[0], found[1])
        elif not count:
            yield Check("config", "warn", detail, "mailsync account add")
        else:
            yield Check("config", "pass", detail)

    def _keyring_works(self, config: Config) -> Iterable[Check]:
        needed = [name for name, account in config.accounts.items() if _asks_vault(name, account)]
        try:
            if config.general.secrets == "file":
                folder = self._data_dir / "secrets"
                yield Check("keyring", "pass", f'not used: general.secrets = "file", secrets are in {folder}')
                return
            try:
                found = keyrings.look(KEYRING_SECONDS)
                if found.locked:
                    raise SecretsUnavailable("the keyring is locked", hint=f"unlock it, {keyrings.WAYS}")
            except SecretsUnavailable as error:
                self._keyring_problem = error
                unused = "" if needed or not config.accounts else "; no account needs it"
                yield Check("keyring", "fail" if needed else "warn", f"{error}{unused}", error.hint)
            else:
                locked = ", unlocked" if found.locked is False else ""
                yield Check("keyring", "pass", f"{found.name}{locked}")
        finally:
            self._keyring.set()

    def _provider_clock(self, config: Config) -> Iterable[Check]:
        """The clock beside that of an OAuth2 provider: tokens are refused by it."""
        urls = {_provider_url(account): account for account in config.accounts.values() if account.auth == "oauth2"}
        for url, account in urls.items():
            if not url:
                continue
            from mailsync.accounts.oauth.http import session, told

            try:
                with session(account.tls_ca_file) as client, told(url):
                    answer = client.head(url, timeout=PROVIDER_SECONDS)
            except MailsyncError as error:
                yield Check("provider", "warn", str(error), error.hint)
                continue
            ahead = machine.difference(answer.headers.get("date", ""), time.time())
            if ahead is not None:
                yield machine.compared(safe_text(urlsplit(url).hostname or "", 100), ahead)

    # -- one account -------------------------------------------------------------------------------------------

    def _secret(self, name: str, account: AccountConfig, config: Config) -> Iterable[Check]:
        """Whether there is something to sign in with; it is fetched, and dropped."""
        vault = Vault(self._data_dir / "secrets", config.general.secrets)
        if _asks_vault(name, account) and vault.kind == "keyring":
            self._keyring.wait()
            if (problem := self._keyring_problem) is not None:
                yield Check("secret", "fail", str(problem), "see what is said of the keyring", name)
                return
        try:
            yield _oauth(name, account, vault) if account.auth == "oauth2" else _password(name, account, vault)
        except MailsyncError as error:
            yield Check("secret", "fail", str(error).removeprefix(f"{name}: "), error.hint, name)


def _asks_vault(name: str, account: AccountConfig) -> bool:
    if account.auth == "oauth2":
        return not account.oauth_command
    return not (account.password_command or environment.password(name) or credential(name))


def _password(name: str, account: AccountConfig, vault: Vault) -> Check:
    credential_for(name, account, vault)
    if account.password_command:
        where = "password_command prints one"
    elif environment.password(name):
        where = f"in {environment.variable(name)}"
    elif credential(name):
        where = f"the systemd credential mailsync.{name}"
    else:
        where = "in the keyring" if vault.kind == "keyring" else f"in a file below {vault.folder}"
    return Check("secret", "pass", f"a password: {where}", account=name)


def _oauth(name: str, account: AccountConfig, vault: Vault) -> Check:
    if account.oauth_command:
        credential_for(name, account, vault)
        return Check("secret", "pass", "an access token: oauth_command prints one", account=name)
    from mailsync.accounts.oauth.logout import state

    if account.oauth.client_secret_command:
        command.first_line(name, "oauth.client_secret_command", account.oauth.client_secret_command)
    found = state(name, account, vault, time.time())
    if found.problem:
        return Check("secret", "fail", found.problem.removeprefix(f"{name}: "), found.hint, name)
    renews = "renews itself" if found.refreshable else "is fetched when it is needed"
    return Check("secret", "pass", f"signed in by OAuth2, the access token {renews}", account=name)


def _provider_url(account: AccountConfig) -> str:
    from mailsync.accounts.oauth.presets import MICROSOFT_HOSTS, PRESETS, is_microsoft

    oauth = account.oauth
    if account.oauth_command:
        return ""
    if named := oauth.token_endpoint or oauth.issuer:
        return named
    if is_microsoft(account):
        return f"https://{MICROSOFT_HOSTS[0]}/"
    return PRESETS[account.provider].token if account.provider in PRESETS else ""


def _server(name: str, account: AccountConfig) -> Iterable[Check]:
    """Name, connection, TLS and greeting; nobody signs in."""
    host, start = account.host, time.monotonic()
    try:
        # Here and not in the event loop, whose threads would be waited for at the end.
        addresses = {entry[4][0] for entry in socket.getaddrinfo(host, account.port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        hint = "check the host name, and the network: does the name resolve elsewhere?"
        yield Check("server", "fail", f"no address for {host}", hint, name)
        return
    endpoint = Endpoint(host, account.port, account.security, account.tls_ca_file, account.allow_insecure)
    try:
        yield asyncio.run(_greeted(name, endpoint, sorted(map(str, addresses)), start))
    except MailsyncError as error:
        yield Check("server", "fail", str(error), error.hint, name)


async def _greeted(name: str, endpoint: Endpoint, addresses: list[str], start: float) -> Check:
    protocol, greeting = await connect(endpoint, SERVER_SECONDS)
    took = machine.elapsed(start)
    assert protocol.transport is not None
    tls: ssl.SSLObject | None = protocol.transport.get_extra_info("ssl_object")
    ends = certificate_ends(protocol)
    protocol.transport.abort()
    how = (tls.version() or "TLS") if tls is not None else "not encrypted"
    more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
    detail = f"{endpoint} ({addresses[0]}{more}), {how}, {took}: {safe_text(greeting.text, 80)}"
    days = (ends - time.time()) / 86400 if ends is not None else None
    if days is not None and days < 14:
        return Check(
            "server", "warn", f"{detail}; its certificate ends in {days:.0f} days", "ask who runs it to renew it", name
        )
    return Check("server", "pass", detail, account=name)


# -- all of it, in time ----------------------------------------------------------------------------------------------


def _all(works: list[tuple[str, str, Work]], seconds: float) -> Iterable[Check]:
    """The checks of every work in its place; of those that are not done in `seconds`, one that says so.

    Each has a thread that nobody waits for at the end of the process: a name server or a keyring may hang.
    """
    done: queue.SimpleQueue[tuple[int, list[Check]]] = queue.SimpleQueue()

    def run(number: int, name: str, account: str, work: Work) -> None:
        try:
            checks = list(work())
        except Exception as error:
            checks = [Check(name, "fail", f"it could not be checked ({type(error).__name__})", "", account)]
        done.put((number, checks))

    for number, (name, account, work) in enumerate(works):
        threading.Thread(target=run, args=(number, name, account, work), name=f"doctor-{name}", daemon=True).start()
    found: dict[int, list[Check]] = {}
    deadline = time.monotonic() + seconds
    while len(found) < len(works):
        try:
            number, checks = done.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        found[number] = checks
    command.stop_all()
    for number, (name, account, _) in enumerate(works):
        hint = "try it alone: mailsync account check" if account else "try again"
        late = Check(name, "fail" if name == "server" else "warn", f"no answer within {seconds:g} s", hint, account)
        yield from found.get(number, [late])
