"""What a configuration must fulfil beyond the shape of each key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mailsync.config.providers import OAUTH_PROVIDERS, PRESETS
from mailsync.record import record

if TYPE_CHECKING:
    from mailsync.config.models import AccountConfig, CleanupConfig, Config

NAME = re.compile(r"[A-Za-z0-9_-]+")
TOKEN_KEY = "token-key"
"""How the vault calls its own key among the secrets of accounts."""
LEAST_IMPORTANT_SECONDS = 30 * 86400.0
"""For so long receipts and the like are spared whatever is wanted."""
SELECTION = "selection"
"""How the proposals are called that a person put together."""
UNSUPPORTED = "is not supported by this version"


@record(frozen=True)
class Problem:
    """Something wrong at a path of keys: `before`, the dotted path and `message` make one sentence."""

    path: tuple[str | int, ...]
    message: str
    hint: str = ""
    before: str = ""


def problems(config: Config) -> Iterator[Problem]:
    """Everything wrong with a configuration whose keys are well formed."""
    for name, account in config.accounts.items():
        for problem in _account(account):
            yield Problem(("accounts", name, *problem.path), problem.message, problem.hint)
        if not NAME.fullmatch(name):
            yield Problem(
                ("accounts", name), ": not an account name", "names are made of letters, digits, - and _ only"
            )
        if name == TOKEN_KEY:
            yield Problem(("accounts", name), ": not an account name", "in the keyring, the key of tokens is called so")
    yield from _searches(config)
    yield from _cleanup(config.cleanup)
    if config.pipeline.elements == "unstructured":
        yield from _unstructured()
    for key in _set_keys(config.http):
        yield Problem(("http", key), f": the HTTP interface {UNSUPPORTED}")
    if config.sinks:
        yield Problem(("sinks",), f": delivery to other systems {UNSUPPORTED}")


def _searches(config: Config) -> Iterator[Problem]:
    if not config.searches:
        return
    from mailsync.errors import QueryError
    from mailsync.query.parse import parse

    for name, query in config.searches.items():
        if not NAME.fullmatch(name):
            hint = "names are made of letters, digits, - and _ only"
            yield Problem(("searches", name), ": not a name for a search", hint)
        try:
            parse(query)
        except QueryError as error:
            yield Problem(("searches", name), f": {error}", error.hint)


def _cleanup(cleanup: CleanupConfig) -> Iterator[Problem]:
    if cleanup.keep_important < LEAST_IMPORTANT_SECONDS:
        yield Problem(
            ("cleanup", "keep_important"), ": must be 30 days at least", "receipts and codes are never all proposed"
        )
    if not cleanup.rules:
        return
    from mailsync.config import actions
    from mailsync.config.cleanup_rules import SHIPPED, UNASKED
    from mailsync.errors import QueryError
    from mailsync.query.parse import parse

    shipped = {one.name for one in SHIPPED}
    for name, rule in cleanup.rules.items():
        path = ("cleanup", "rules", name)
        if not NAME.fullmatch(name) or name == SELECTION:
            hint = f'names are made of letters, digits, - and _ only, and none is "{SELECTION}"'
            yield Problem(path, ": not a name for a rule", hint)
        if rule.query and name in UNASKED:
            yield Problem((*path, "query"), f": {name} takes none", "enabled and actions can be changed")
        if not rule.query and name not in shipped:
            yield Problem((*path, "query"), " is missing", f"mailsync comes with {', '.join(sorted(shipped))}")
        try:
            if rule.query:
                parse(rule.query)
        except QueryError as error:
            yield Problem((*path, "query"), f": {error}", error.hint)
        try:
            wanted = actions.parse_all(rule.actions) if rule.actions else ()
        except ValueError as error:
            yield Problem((*path, "actions"), f": {error}")
        else:
            if name in shipped and any(one.verb == "expunge" for one in wanted):
                yield Problem((*path, "actions"), ": expunge is for rules of your own", "use trash")


def _unstructured() -> Iterator[Problem]:
    from importlib.util import find_spec

    where = ("pipeline", "elements")
    if lacking := [name for name in ("unstructured", "dateutil") if find_spec(name) is None]:
        hint = "run: pip install 'mailsync[unstructured]', or leave elements out"
        yield Problem(where, f": the package {' and '.join(lacking)} is not installed", hint)
    elif find_spec("en_core_web_sm") is None:
        hint = "run: python -m spacy download en_core_web_sm; mailsync fetches nothing from the network for a message"
        yield Problem(where, ": unstructured lacks its model of English", hint)


def _account(account: AccountConfig) -> Iterator[Problem]:
    preset = PRESETS.get(account.provider)
    if preset is not None and not preset.password and account.host == preset.host and account.auth == "password":
        yield Problem(
            ("auth",), f": {account.provider} accepts no password any more", 'use auth = "oauth2", or leave auth out'
        )
    if account.auth == "oauth2":
        yield from _oauth(account)
    else:
        for key in _set_keys(account.oauth):
            yield Problem(("oauth", key), ' is for auth = "oauth2"', 'set auth = "oauth2", or leave it out')
        if account.oauth_command:
            yield Problem(("oauth_command",), ' is for auth = "oauth2"', 'set auth = "oauth2", or leave it out')
    if not account.host:
        yield Problem(("host",), " is missing", 'set host = "imap.example.com", or a provider')
    elif not re.fullmatch(r"[^\s/@\x00-\x1f\x7f]+", account.host) or len(account.host) > 253:
        yield Problem(("host",), ": not a host name or address", 'a name alone: no "imap://", no port')
    if not account.username:
        yield Problem(("email",), " is missing", 'set email = "me@example.com", or username')
    if account.security == "none" and not account.allow_insecure and not is_loopback(account.host):
        yield Problem(
            ("security",),
            ': "none" is for this machine only; the password would travel in the clear',
            'use "tls" or "starttls"; allow_insecure = true if you really mean it',
        )
    if account.tls_ca_file and not Path(account.tls_ca_file).is_file():
        yield Problem(("tls_ca_file",), f": no such file: {account.tls_ca_file}")


def _oauth(account: AccountConfig) -> Iterator[Problem]:
    oauth = account.oauth
    if account.password_command:
        yield Problem(("password_command",), ': auth is "oauth2"', "use oauth_command, or run: mailsync auth login")
    if account.oauth_command:
        return
    if not oauth.client_id:
        yield Problem(("oauth", "client_id"), " is missing", "register a desktop application at the provider")
    known = account.provider in OAUTH_PROVIDERS
    if not known and not oauth.issuer and not oauth.token_endpoint:
        yield Problem(("oauth", "issuer"), " is missing", 'set issuer = "https://login.example.com", or the endpoints')
    for key in ("issuer", "authorization_endpoint", "token_endpoint", "device_authorization_endpoint"):
        url = getattr(oauth, key)
        if url and not _is_private(url):
            yield Problem(("oauth", key), ": must be an https:// address", "a token would travel in the clear")
    if oauth.redirect_uri and not _is_redirect_uri(oauth.redirect_uri):
        yield Problem(("oauth", "redirect_uri"), ": must be an address of this machine", "as http://127.0.0.1/callback")
    if oauth.grant == "client_credentials" and not oauth.client_secret_command:
        yield Problem(("oauth", "client_secret_command"), " is missing", 'grant = "client_credentials" needs it')


def _is_redirect_uri(url: str) -> bool:
    """True for where a browser on this machine may be sent with the answer of a sign-in."""
    try:
        parts = urlsplit(url)
        plain = parts.port != 0 and not (parts.query or parts.fragment or parts.username or re.search(r"\s", url))
    except ValueError:
        return False
    return plain and parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost")


def _is_private(url: str) -> bool:
    """True for https, and for http to this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    )


def _set_keys(table: object) -> Iterator[str]:
    """Keys of a table that say something else than their default."""
    for key, default in vars(type(table)()).items():
        if getattr(table, key) != default:
            yield key


def is_loopback(host: str) -> bool:
    """True for names and addresses that cannot leave this machine (RFC 6761 section 6.3, RFC 1122, RFC 4291)."""
    if host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost"):
        return True
    import ipaddress

    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
