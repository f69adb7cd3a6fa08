"""The models of config.toml: every table and key, its type, its default and what it means.

A loaded configuration is complete and frozen: providers have filled hosts, a missing user name is the address, an
account without its own `sync_interval` has the general one. Keys of features that this version lacks are accepted at
their off value only; anything else is an error, never silently ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mailsync.config import overrides, units
from mailsync.config.providers import PRESETS, Provider, Security


def _duration(value: Any) -> Any:
    return units.duration(value) if isinstance(value, str) else _number(value, "a duration", '"5m"')


def _size(value: Any) -> Any:
    return None if value == "" else units.size(value) if isinstance(value, str) else _number(value, "a size", '"50MB"')


def _age(value: Any) -> Any:
    return None if value == "" else _duration(value)


def _auto(value: Any) -> Any:
    return None if value == "auto" else value


def _number(value: Any, what: str, example: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise ValueError(f"must be {what} such as {example}")
    return value


Duration = Annotated[float, BeforeValidator(_duration)]
"""Seconds; written as "1h30m", or as a number of seconds."""
Interval = Annotated[Duration, Field(ge=1)]
Age = Annotated[float | None, BeforeValidator(_age)]
Size = Annotated[int | None, BeforeValidator(_size)]
Text = Annotated[str, Field(max_length=1000)]
Names = Annotated[list[Text] | None, BeforeValidator(_auto)]
Every = Annotated[Annotated[float, Field(ge=1)] | None, BeforeValidator(_age)]
Allowance = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_size)]
Count = Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_auto)]
Weight = Annotated[float, Field(ge=-100, le=100)]
Known = Literal["auto"] | bool
"""A belief about a server: "auto" is what is known of it."""


class Table(BaseModel):
    """A table of config.toml."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, defer_build=True)


class GeneralConfig(Table):
    """`[general]`"""

    sync_interval: Interval = 300.0
    """Seconds between two scheduled syncs of an account."""
    secrets: Literal["keyring", "file"] = "keyring"
    """Where passwords and tokens are kept: the keyring, or files only the user can read in the data directory."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """Of log lines on stderr: JSON, or words for people; "auto" are words on a terminal. The file is JSON always."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """From which level on there are lines; -v and -vv win."""
    workers: Annotated[int, Field(ge=1, le=16)] = 3
    """Jobs that run at a time."""


class StoreConfig(Table):
    """`[store]`"""

    keep_deleted: Duration = 30 * 86400.0
    """Seconds for which the content of messages that are gone from the server is kept."""


class PipelineConfig(Table):
    """`[pipeline]`"""

    elements: Literal["builtin", "unstructured"] = "builtin"
    """Who makes the elements of a message: mailsync, or the package `unstructured` where it is installed."""


class FoldersConfig(Table):
    """`[accounts.NAME.folders]`: see `selection.is_selected`."""

    include: list[Text] = ["*"]
    """Folders to mirror: names, globs (`*` crosses hierarchies) or special uses such as "\\\\Sent"."""
    exclude: list[Text] = []
    """Folders to leave out, in the same forms; wins over `include`."""


class MessagesConfig(Table):
    """`[accounts.NAME.messages]`"""

    newer_than: Age = None
    """Seconds; older messages are not mirrored, by INTERNALDATE. None: all. What grows older stays."""
    max_size: Size = None
    """Bytes; larger ones are listed but not fetched before someone shows them. None: no limit."""
    skip_query: Text = ""
    """Messages that match when they are first seen are not mirrored: a query in the language of `search`."""


class QuirksConfig(Table):
    """`[accounts.NAME.quirks]`: what is known of the server and found by asking it, overridden key by key."""

    disable: list[Text] = []
    """Capabilities not to be used though the server announces them, more than are known."""
    enable: list[Text] = []
    """Capabilities to be used though they are known, or were found, not to work."""
    pipeline: Count = None
    """Commands that may wait for their answers at a time."""
    reidle: Every = None
    """Seconds after which IDLE is begun anew."""
    poll: Every = None
    """Seconds between two questions where nothing is pushed."""
    poll_by: Literal["auto", "NOOP", "STATUS", "EXAMINE"] = "auto"
    """What shows news where nothing is pushed."""
    select_not_examine: Known = "auto"
    """UIDVALIDITY is stable for SELECT only."""
    honest_size: Known = "auto"
    """RFC822.SIZE is the number of bytes there are."""
    trust_modseq: Known = "auto"
    """MODSEQ means what RFC 7162 says."""
    window: Known = "auto"
    """The server shows only a part of a folder."""
    fixed_uidvalidity: Known = "auto"
    """UIDVALIDITY never changes, whatever happens."""
    uidonly: Known = "auto"
    """ENABLE UIDONLY where it is offered."""
    keywords_searchable: Known = "auto"
    """SEARCH KEYWORD is understood."""
    connections: Count = None
    """The most connections the server allows; `max_connections` is what we take of them."""
    daily_bytes: Allowance = None
    """The most bytes to receive on a UTC day; syncs stop a twentieth below it, and a tenth comes hour by hour."""
    skip: Names = None
    """Folders and special uses not mirrored unless `include` names them."""
    strip_headers: Names = None
    """Header fields that the server adds to messages: left out of comparisons."""

    def given(self) -> dict[str, Any]:
        """The keys that say something, with their values: what `imap.quirks.override` takes."""
        return overrides.given(self)


class OAuthConfig(Table):
    """`[accounts.NAME.oauth]`, for `auth = "oauth2"`. Providers that are known need `client_id` alone."""

    client_id: Text = ""
    """The application's id at the provider."""
    client_secret_command: list[Text] = []
    """A command that prints the application's secret, for providers that give one."""
    issuer: Text = ""
    """An OpenID provider whose metadata names the endpoints (OpenID Connect Discovery 1.0, RFC 8414)."""
    authorization_endpoint: Text = ""
    """Where a person signs in; wins over what the issuer says."""
    token_endpoint: Text = ""
    """Where tokens are fetched; wins over what the issuer says."""
    device_authorization_endpoint: Text = ""
    """Where a sign-in on another device begins (RFC 8628); wins over what the issuer says."""
    redirect_uri: Text = ""
    """The loopback address registered at a provider that insists on one; "" is a new port and path each time."""
    scopes: list[Text] = []
    """What is asked for; [] is what the provider needs for IMAP."""
    tenant: Text = ""
    """Microsoft: the directory to sign in to; "" is any account, work or personal."""
    grant: Literal["authorization_code", "client_credentials"] = "authorization_code"
    """A person's sign-in, or the application's own (RFC 6749 section 4.4)."""


class AccountConfig(Table):
    """`[accounts.NAME]`: one mailbox on one server."""

    email: Text = ""
    """The address; names the account on screens, and is the user name unless `username` is set."""
    aliases: list[Text] = []
    """Other addresses that are also me."""
    names: list[Text] = []
    """How people address me in text."""
    provider: Provider = "imap"
    """Fills host, port and security where they are absent; "imap" fills nothing."""
    host: Text = ""
    """The server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 993
    """993, or 143 where `security` is not "tls"."""
    security: Security = "tls"
    """"tls" from the first byte, "starttls" (mandatory, never optional), or "none"."""
    allow_insecure: bool = False
    """Allows `security = "none"` to a host that is not this machine: the password travels in the clear."""
    tls_ca_file: Text = ""
    """A PEM file with the certificates of a private authority; absolute once loaded. "" trusts the system's."""
    username: Text = ""
    """Who signs in."""
    auth: Literal["password", "oauth2"] = "password"
    """How to sign in."""
    password_command: list[Text] = []
    """Prints the password as its first line; run without a shell."""
    oauth_command: list[Text] = []
    """Prints an access token as its first line, for `auth = "oauth2"`; mailsync then keeps no token itself."""
    max_connections: Annotated[int, Field(ge=1, le=100)] = 4
    """Connections to the server at a time, the monitoring one included."""
    compress: Literal["auto"] | bool = "auto"
    """COMPRESS=DEFLATE: by the measured line, always, never."""
    watch: list[Text] = ["INBOX"]
    """Folders whose changes are to show at once: names, globs or special uses."""
    sync_interval: Interval = 300.0
    """Seconds between two scheduled syncs; the general one if absent."""
    folders: FoldersConfig = Field(default_factory=FoldersConfig)
    """What is mirrored."""
    messages: MessagesConfig = Field(default_factory=MessagesConfig)
    """What is left out."""
    quirks: QuirksConfig = Field(default_factory=QuirksConfig)
    """What the server does otherwise than it says."""
    oauth: OAuthConfig = Field(default_factory=OAuthConfig)
    """For `auth = "oauth2"`."""

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        name = data.get("provider")
        preset = PRESETS.get(name) if isinstance(name, str) else None
        email = data.get("email")
        if preset is not None:
            if "host" not in data:
                domain = email.rpartition("@")[2].lower() if isinstance(email, str) else ""
                data["host"] = preset.by_domain.get(domain, preset.host)
                data.setdefault("security", preset.security)
                data.setdefault("port", preset.port if data["security"] == preset.security else None)
            if preset.local_part and not data.get("username") and isinstance(email, str):
                data["username"] = email.rpartition("@")[0]
            if not preset.password and data.get("host") == preset.host:
                data.setdefault("auth", "oauth2")
        if data.get("port", ...) in (None, ...):
            data["port"] = 993 if data.get("security", "tls") == "tls" else 143
        if not data.get("username") and isinstance(email, str):
            data["username"] = email
        return data


class RuleConfig(Table):
    """`[cleanup.rules.NAME]`: a rule of the user's own, or what is different of one that mailsync comes with."""

    query: Annotated[str, Field(max_length=10_000)] = ""
    """What it finds, in the language of `search`."""
    actions: list[Text] = []
    """What is done, see `config.actions`; [] is what the shipped rule does, or a label."""
    title: Text = ""
    """What a person reads; "" is its name."""
    enabled: bool = True
    """Whether a scan asks it."""


class CleanupConfig(Table):
    """`[cleanup]`: what a scan may propose. What it never does is in `cleanup.guard`, and nothing here loosens it."""

    keep_important: Duration = 365 * 86400.0
    """Seconds for which receipts, invoices, tickets and security codes are spared; 30 days at least."""
    max_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Of a folder of more than 200 messages; an approval of more has to say so."""
    undo_for: Duration = 90 * 86400.0
    """Seconds for which contents that an undo may need are kept, whatever `store.keep_deleted` says."""
    rules: dict[str, RuleConfig] = {}
    """By name."""


class WeightsConfig(Table):
    """`[triage.weights]`: points that each reason gives a message, or takes from it. 0 leaves the reason out."""

    base: Weight = -1.0
    """Where every message begins: a score of 0.27."""
    to: Weight = 1.5
    """An address of yours is in To."""
    cc: Weight = 0.5
    """One is in Cc or Bcc, and none in To."""
    name: Weight = 0.8
    """It calls you by one of your `names`."""
    question: Weight = 0.8
    """It asks something, and was not sent in bulk."""
    deadline: Weight = 0.6
    """It speaks of a deadline, and was not sent in bulk."""
    urgent: Weight = 0.3
    """Its sender calls it urgent, and it was not sent in bulk."""
    calendar: Weight = 0.4
    """It is an invitation, or the answer to one."""
    important: Weight = 0.3
    """A receipt, an invoice, a ticket or a code."""
    known: Weight = 1.2
    """You have written to its author: half of it after one message, more after more."""
    conversation: Weight = 0.8
    """You have written in its conversation before it."""
    unread: Weight = 0.5
    """Nobody has read it."""
    flagged: Weight = 1.2
    """You flagged it."""
    answered: Weight = -2.0
    """You have answered it."""
    archived: Weight = -1.0
    """You have put it into the archive."""
    list: Weight = -0.8
    """It came by a mailing list."""
    bulk: Weight = -1.5
    """It went to many at once."""
    automatic: Weight = -1.2
    """A program wrote it."""
    promotion: Weight = -0.8
    """It is an offer sent in bulk."""
    notification: Weight = -0.3
    """It is a notice that a program sent."""
    many: Weight = -0.5
    """More than ten addresses are in To and Cc."""
    age: Weight = -0.4
    """For each doubling of its age, from a day on."""
    answers: Weight = 2.0
    """Learned: the share of what comes from them, or by the list, that you answer."""
    ignores: Weight = -2.0
    """Learned: the share that you put away or delete unread."""


class TriageConfig(Table):
    """`[triage]`: what puts a message before others."""

    learn: bool = True
    """Whether what you answer and what you put away unread counts; it is counted in the mirror, and told nobody."""
    weights: WeightsConfig = Field(default_factory=WeightsConfig)
    """Of the reasons."""


class HttpConfig(Table):
    """`[http]`. Not in this version."""

    listen: Text = ""
    """Address and port; "" is off."""
    token_command: list[Text] = []
    """A command that prints the bearer token."""


class Config(Table):
    """The whole of config.toml."""

    general: GeneralConfig = Field(default_factory=GeneralConfig)
    accounts: dict[str, AccountConfig] = {}
    """By name, in the order of the file."""
    store: StoreConfig = Field(default_factory=StoreConfig)
    pipeline: PipelineConfig = Field(default_factory=PipelineConfig)
    """What is made of messages."""
    searches: dict[str, Annotated[str, Field(max_length=10_000)]] = {}
    """`[searches]`: queries in the language of `search` by the name they are asked for with, as `@name`."""
    cleanup: CleanupConfig = Field(default_factory=CleanupConfig)
    """What may be cleared away."""
    triage: TriageConfig = Field(default_factory=TriageConfig)
    """What comes first."""
    http: HttpConfig = Field(default_factory=HttpConfig)
    sinks: list[dict[str, Any]] = []
    """Not in this version."""

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        general, accounts = data.get("general"), data.get("accounts")
        if isinstance(general, dict) and isinstance(accounts, dict) and "sync_interval" in general:
            interval = {"sync_interval": general["sync_interval"]}
            accounts = {
                name: interval | account if isinstance(account, dict) else account for name, account in accounts.items()
            }
            return data | {"accounts": accounts}
        return data
