"""What known servers do otherwise than they say, as data: each row says how it is recognised, why, and what to do.

A row matches by host suffix, by a word of the greeting, by the name in the ID answer or by a marker capability; all
rows that match are combined, the more careful value wins. What a user sets is applied last (`override`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Quirks:
    """How to treat one server. The defaults are right for a server of which nothing is known."""

    disable: frozenset[str] = frozenset()
    """Capabilities (upper case) not to be used though they are announced."""
    pipeline: int = 25
    """Commands that may wait for their answer at a time; more break the parser of Exchange (around 50)."""
    reidle: float = 570.0
    """Seconds after which IDLE is begun anew (RFC 2177 allows 29 minutes, routers less)."""
    poll: float = 120.0
    """Seconds between two questions where nothing is pushed."""
    poll_by: str = "NOOP"
    """What shows news where nothing is pushed: NOOP, STATUS or EXAMINE."""
    select_not_examine: bool = False
    """The server keeps its UIDVALIDITY stable only for SELECT."""
    honest_size: bool = True
    """RFC822.SIZE is the number of bytes that BODY[] has."""
    trust_modseq: bool = True
    """HIGHESTMODSEQ and MODSEQ mean what RFC 7162 says."""
    window: bool = False
    """The server shows a part of a folder: a message below the smallest UID shown is not gone."""
    fixed_uidvalidity: bool = False
    """UIDVALIDITY never changes, whatever happens: identity has to be checked by samples."""
    uidonly: bool = False
    """ENABLE UIDONLY (RFC 9586) where it is offered: only so the whole folder is shown."""
    keywords_searchable: bool = True
    """SEARCH KEYWORD is understood."""
    connections: int | None = None
    """The most connections the server allows to one account, as far as is known."""
    daily_bytes: int | None = None
    """The most bytes to receive in a day before the server locks the account."""
    skip: frozenset[str] = frozenset()
    """Special uses (with a backslash) and folder names not mirrored unless a user asks for them."""
    strip_headers: frozenset[str] = frozenset()
    """Header fields (lower case) the server adds to what was stored: left out of comparisons."""
    names: tuple[tuple[str, str], ...] = ()
    """What matched and why it is so: (name, one line)."""


UNKNOWN: Final = Quirks()
"""Nothing is known of the server."""


@dataclass(frozen=True, slots=True)
class Row:
    """One known server: any one of the marks is enough."""

    name: str
    why: str
    sets: Mapping[str, Any]
    hosts: tuple[str, ...] = ()
    """Ends of host names: `me.com` is `imap.mail.me.com` and not `some.com`."""
    greeting: tuple[str, ...] = ()
    """Parts of the greeting's text, lower case."""
    ids: tuple[str, ...] = ()
    """Beginnings of the ID answer's name or vendor, lower case."""
    marker: str = ""
    """A capability that only this server has."""

    def matches(self, host: str, greeting: str, names: tuple[str, ...], capabilities: frozenset[str]) -> bool:
        return (
            any(host == end or host.endswith("." + end) for end in self.hosts)
            or any(part in greeting for part in self.greeting)
            or any(name.startswith(begin) for name in names for begin in self.ids)
            or self.marker in capabilities
        )


DATA: tuple[Row, ...] = (
    Row(
        "rev2",
        "some answer SEARCH with nothing once it is enabled, and a mirror needs nothing of it",
        {"disable": {"IMAP4REV2"}},
        marker="IMAP4REV2",
    ),
    Row(
        "gmail",
        "15 connections, 2,500 MB a day, and a session of an hour or a day",
        {"connections": 15, "daily_bytes": 2500 * MEGABYTE},
        hosts=("gmail.com", "googlemail.com", "imap.google.com"),
        marker="X-GM-EXT-1",
    ),
    Row(
        "microsoft",
        "it rewrites messages, tells the size as stored, cannot search keywords, throttles, and finds nothing in the "
        "IMAP4rev2 that some tenants announce",
        {
            "disable": {"ESEARCH", "IMAP4REV2"},
            "honest_size": False,
            "keywords_searchable": False,
            "connections": 4,
        },
        hosts=("outlook.com", "office365.com", "office.com", "hotmail.com", "partner.outlook.cn", "live.com"),
        greeting=("microsoft exchange",),
        ids=("microsoft",),
    ),
    Row(
        "yahoo",
        "without UIDONLY it shows about 10,000 messages of a folder; IDLE has to be begun anew every 3 minutes",
        {"uidonly": True, "window": True, "reidle": 170.0},
        hosts=("yahoo.com", "aol.com"),
        marker="XYMHIGHESTMODSEQ",
    ),
    Row(
        "icloud",
        "QRESYNC is announced and makes messages disappear: ENABLE is answered without ENABLED, VANISHED is malformed",
        {"disable": {"QRESYNC"}},
        hosts=("me.com", "icloud.com", "mac.com"),
    ),
    Row(
        "zoho",
        "MODSEQ is -1, and unusual activity blocks the account for a while",
        {"trust_modseq": False, "disable": {"CONDSTORE", "QRESYNC"}},
        hosts=("zoho.com", "zoho.eu", "zoho.in", "zohomail.com", "zoho.com.au"),
        ids=("zoho",),
    ),
    Row(
        "gmx",
        "it drops silent connections before other servers do",
        {"reidle": 240.0},
        hosts=(
            "gmx.net",
            "gmx.com",
            "gmx.de",
            "web.de",
            "mail.com",
            "1und1.de",
            "ionos.de",
            "ionos.com",
            "kundenserver.de",
        ),
        ids=("nemesis",),
    ),
    Row(
        "proton-bridge",
        "unknown syntax ends the connection, a new UIDVALIDITY comes with every refresh, a header is added to each "
        "message, and All Mail holds everything a second time",
        {
            "pipeline": 5,
            "skip": {"\\All", "All Mail"},
            "strip_headers": {"x-pm-gluon-id"},
        },
        greeting=("proton", "gluon"),
        ids=("gluon", "proton"),
        marker="XSTOP=PROTON",
    ),
    Row(
        "courier",
        "UIDVALIDITY is stable only for SELECT, and four connections an address are all",
        {"select_not_examine": True, "connections": 4},
        greeting=("courier-imap",),
        ids=("courier",),
    ),
    Row(
        "davmail",
        "UIDVALIDITY is always 1, old mail may be hidden by folderSizeLimit, sizes are those of Exchange",
        {"fixed_uidvalidity": True, "window": True, "honest_size": False, "pipeline": 10},
        greeting=("davmail",),
        ids=("davmail",),
    ),
    Row(
        "hmailserver",
        "nothing beyond IMAP4rev1 can be relied on",
        {"disable": {"ENABLE", "CONDSTORE", "QRESYNC", "ESEARCH"}},
        greeting=("hmailserver",),
        ids=("hmailserver",),
    ),
    Row(
        "strato",
        "it takes ENABLE IMAP4rev2 without announcing it and then finds nothing; LIST with SPECIAL-USE comes empty",
        {"disable": {"IMAP4REV2", "SPECIAL-USE"}},
        hosts=("strato.de", "strato.com"),
    ),
    Row(
        "coremail",
        "IDLE tells nothing; STATUS shows what NOOP does not",
        {"disable": {"IDLE"}, "poll": 55.0, "poll_by": "STATUS"},
        hosts=("163.com", "126.com", "yeah.net", "188.com"),
        greeting=("coremail",),
        ids=("coremail",),
    ),
    Row(
        "naver",
        "only opening the folder again shows what is new",
        {"disable": {"IDLE"}, "poll_by": "EXAMINE"},
        hosts=("naver.com",),
    ),
    Row(
        "rambler",
        "IDLE goes dead after a minute",
        {"reidle": 55.0},
        hosts=("rambler.ru",),
    ),
    Row(
        "yandex",
        "it drops IDLE as it pleases and leaves out the value of BODY",
        {"reidle": 240.0},
        hosts=("yandex.ru", "yandex.com", "yandex.net", "ya.ru"),
    ),
    Row(
        "stalwart",
        "16 connections and 2,000 requests a minute",
        {"connections": 16},
        greeting=("stalwart",),
        ids=("stalwart",),
    ),
    Row(
        "dovecot",
        "ten connections of one user from one address, unless its operator allows more",
        {"connections": 10},
        greeting=("dovecot",),
        ids=("dovecot",),
    ),
    Row(
        "cyrus",
        "VANISHED (EARLIER) may name far more than the folder ever held",
        {},
        greeting=("cyrus imap",),
        ids=("cyrus",),
    ),
    Row(
        "fastmail",
        "a Cyrus with everything switched on: nothing to avoid is known",
        {},
        hosts=("fastmail.com", "messagingengine.com"),
    ),
    Row(
        "zimbra",
        "one SELECT tells EXISTS several times; the last one holds",
        {},
        greeting=("zimbra",),
        ids=("zimbra",),
    ),
)


def match(host: str, greeting_text: str, server_id: Mapping[str, str | None], capabilities: frozenset[str]) -> Quirks:
    """The quirks of all rows that recognise this server; `capabilities` in upper case, `server_id` as ID answered."""
    names = tuple((server_id.get(key) or "").lower() for key in ("name", "vendor"))
    lower_host, greeting = host.lower().rstrip("."), greeting_text.lower()
    found = [row for row in DATA if row.matches(lower_host, greeting, names, capabilities)]
    quirks = UNKNOWN
    for row in found:
        given: dict[str, Any] = {
            key: frozenset(value) if isinstance(value, set) else value for key, value in row.sets.items()
        }
        quirks = combine(quirks, Quirks(**given, names=((row.name, row.why),)))
    return quirks


def combine(one: Quirks, other: Quirks) -> Quirks:
    """Both at once: sets are joined, of two numbers the smaller counts, of two beliefs the less trusting one."""
    merged: dict[str, Any] = {}
    for item in fields(Quirks):
        a, b, usual = getattr(one, item.name), getattr(other, item.name), getattr(UNKNOWN, item.name)
        if isinstance(usual, frozenset):
            merged[item.name] = a | b
        elif item.name == "names":
            merged[item.name] = tuple(dict.fromkeys((*a, *b)))
        elif isinstance(usual, bool | str):
            merged[item.name] = b if a == usual else a
        else:
            merged[item.name] = min((value for value in (a, b) if value is not None), default=None)
    return Quirks(**merged)


def override(quirks: Quirks, settings: Mapping[str, Any]) -> Quirks:
    """`quirks` with what a user has set: names of fields, and `enable`, a list of capabilities to trust after all.

    `disable` is added to what is there; every other value replaces. ValueError names a key or value that is wrong.
    """
    changed: dict[str, Any] = {}
    for key, value in settings.items():
        usual = getattr(UNKNOWN, key, None)
        if key == "enable":
            continue
        if key == "names" or key not in Quirks.__dataclass_fields__:
            known = ", ".join(sorted({*Quirks.__dataclass_fields__, "enable"} - {"names"}))
            raise ValueError(f"no such quirk: {key}; there are {known}")
        if isinstance(usual, frozenset):
            if isinstance(value, str) or not all(isinstance(word, str) for word in value):
                raise ValueError(f"{key} is a list of names")
            changed[key] = frozenset(_cased(key, word) for word in value)
        elif isinstance(usual, bool) or isinstance(value, bool):
            if not (isinstance(usual, bool) and isinstance(value, bool)):
                raise ValueError(f"{key} is {'true or false' if isinstance(usual, bool) else 'not true or false'}")
            changed[key] = value
        elif key == "poll_by":
            if value not in ("NOOP", "STATUS", "EXAMINE"):
                raise ValueError("poll_by is NOOP, STATUS or EXAMINE")
            changed[key] = value
        elif isinstance(value, int | float) and value > 0:
            changed[key] = float(value) if isinstance(usual, float) else int(value)
        else:
            raise ValueError(f"{key} is a number above 0")
    enable = frozenset(str(word).upper() for word in settings.get("enable", ()))
    changed["disable"] = (quirks.disable | changed.get("disable", frozenset())) - enable
    if settings:
        words = ", ".join(f"{key} = {value}" for key, value in sorted(settings.items()))
        changed["names"] = (*quirks.names, ("yours", words))
    return replace(quirks, **changed)


def _cased(key: str, word: str) -> str:
    return word.upper() if key == "disable" else word.lower() if key == "strip_headers" else word
