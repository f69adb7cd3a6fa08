"""What a server can say, typed: the values `WireParser.feed` gives, in the order they came (RFC 3501 section 7).

Generic values: `str` is an atom, `bytes` a string or literal, `int` a number, `None` NIL, a tuple a list.
Octets become text as UTF-8, or as Latin-1 when they are not UTF-8, so text never holds a lone surrogate.
Nothing here is made safe for a terminal: `safe_text()` does that where it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any, TypeAlias

from mailsync.imap.names import decode_name
from mailsync.imap.uidset import UidSet
from mailsync.record import record

Value: TypeAlias = "str | bytes | int | tuple[Value, ...] | None"

MAX_NUMBER = 2**63 - 1  # number64 and mod-sequence-value of RFC 7162 and RFC 9051; also what SQLite holds

NOTHING: Mapping[str, Any] = MappingProxyType({})

_LOOSE_NUMBER = re.compile(r"[0-9]{1,19}(?:\.[0-9]{0,19})?(?:[eE]\+?[0-9]{1,2})?")


def as_text(raw: bytes) -> str:
    """UTF-8, or Latin-1 when it is not."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def as_number(value: Value) -> int | None:
    """A number from 0 to 2**63 - 1, also when a server wrote it as `9.3e+06` or in quotes; None for all else."""
    if isinstance(value, bytes):
        value = as_text(value)
    if isinstance(value, str):
        if not _LOOSE_NUMBER.fullmatch(value):
            return None
        value = int(value) if value.isdigit() else int(float(value))
    if isinstance(value, int) and 0 <= value <= MAX_NUMBER:
        return value
    return None


@record
class Code:
    """A response code, the `[UIDNEXT 5]` of a status line (RFC 3501 section 7.1, RFC 5530)."""

    name: str  # upper case
    args: tuple[Value, ...] = ()  # empty when they are no IMAP values: `raw` still has them
    raw: bytes = b""  # between the name and the closing bracket, without outer spaces

    def number(self) -> int | None:
        """The first argument as a number (UIDNEXT, UIDVALIDITY, HIGHESTMODSEQ, UNSEEN), None when it is not one."""
        return as_number(self.args[0]) if self.args else None

    def words(self) -> tuple[str, ...]:
        """The arguments as text, or those of the list that is the only argument (CAPABILITY, PERMANENTFLAGS)."""
        args = self.args[0] if len(self.args) == 1 and isinstance(self.args[0], tuple) else self.args
        return tuple(word for word in map(_word, args) if word is not None)

    def uid_set(self, at: int) -> UidSet:
        """The argument `at` as a set of UIDs (COPYUID, APPENDUID, MODIFIED); ValueError when it is none."""
        value = _word(self.args[at]) if at < len(self.args) else None
        if value is None:
            raise ValueError(f"no set of UIDs in the response code {self.name}")
        return UidSet.parse(value)


def _word(value: Value) -> str | None:
    if isinstance(value, bytes):
        return as_text(value)
    if isinstance(value, tuple) or value is None:
        return None
    return str(value)


@record
class Continuation:
    """`+ text`: the server waits for more of a command."""

    text: bytes


@record
class Tagged:
    """`A1 OK [READ-WRITE] done`: a command is complete."""

    tag: str
    status: str  # OK, NO or BAD
    code: Code | None
    text: str


@record
class Condition:
    """`* OK [UIDVALIDITY 3] ...`: an untagged status, or a response code that stands alone on its line."""

    status: str  # OK, NO, BAD, BYE or PREAUTH
    code: Code | None
    text: str


@record
class Exists:
    """`* 23 EXISTS`: how many messages the selected folder has."""

    count: int


@record
class Recent:
    """`* 5 RECENT`."""

    count: int


@record
class Expunge:
    """`* 44 EXPUNGE`: the message with this sequence number is gone."""

    seq: int


@record
class Fetch:
    """What the server says of one message, asked or not (RFC 3501 section 7.4.2; UIDFETCH of RFC 9586: seq is 0).

    An item that was not sent is None; `has_body` tells a body that was sent as NIL or without a value from one
    that was not sent. Names of sections and extra items are upper case, without quotes and without `.PEEK`.
    """

    seq: int
    uid: int | None = None
    flags: tuple[str, ...] | None = None
    internaldate: bytes | None = None
    size: int | None = None  # RFC822.SIZE in bytes, as announced
    modseq: int | None = None  # None also for the 0 and -1 some servers send
    body: bytes | None = None  # all of the message: BODY[] or RFC822
    has_body: bool = False
    sections: Mapping[str, bytes | None] = field(default_factory=lambda: NOTHING)  # "BODY[HEADER]", "BODY[]<0>"
    extra: Mapping[str, Value] = field(default_factory=lambda: NOTHING)  # "EMAILID", "X-GM-LABELS", "ENVELOPE"
    problems: tuple[str, ...] = ()  # what had to be left out of a malformed answer, and why

    def section(self, prefix: str) -> bytes | None:
        """The value of the first section whose name starts so, such as `BODY[HEADER`, or None."""
        for name, value in self.sections.items():
            if name.startswith(prefix):
                return value
        return None


@record
class ListEntry:
    """A folder: LIST, LSUB or XLIST (RFC 3501 section 7.2.2, RFC 5258)."""

    attributes: frozenset[str]  # those of the RFCs in the spelling of the RFCs: \Noselect, \HasNoChildren, \Sent
    delimiter: str | None
    raw_name: bytes  # unquoted; this is what must be sent back
    extended: tuple[Value, ...] = ()
    kind: str = "LIST"

    @property
    def name(self) -> str:
        """The name to show, decoded from modified UTF-7."""
        return decode_name(self.raw_name)


@record
class StatusEntry:
    """`* STATUS name (MESSAGES 3 ...)`. An item that is negative or no number is left out."""

    raw_name: bytes
    items: dict[str, int]
    strings: dict[str, str]  # MAILBOXID

    @property
    def name(self) -> str:
        """The name to show, decoded from modified UTF-7."""
        return decode_name(self.raw_name)


@record
class Search:
    """`* SEARCH 2 3 6`: UIDs or sequence numbers, as was asked."""

    uids: UidSet
    modseq: int | None = None


@record
class ESearch:
    """`* ESEARCH (TAG "A1") UID ALL 1:5` (RFC 4731, RFC 9394). `all` is None when it was not sent."""

    tag: str | None = None
    uid: bool = False
    all: UidSet | None = None
    min: int | None = None
    max: int | None = None
    count: int | None = None
    modseq: int | None = None
    partial: UidSet | None = None
    partial_range: str | None = None  # as asked, `1:500` or `-1:-100`
    extra: Mapping[str, Value] = field(default_factory=lambda: NOTHING)


@record
class Flags:
    """`* FLAGS (...)`: the flags this folder knows."""

    names: tuple[str, ...]


@record
class Capability:
    """`* CAPABILITY ...`, upper case."""

    names: frozenset[str]


@record
class Enabled:
    """`* ENABLED ...`, upper case (RFC 5161)."""

    names: frozenset[str]


@record
class Vanished:
    """`* VANISHED [(EARLIER)] 1:5` (RFC 7162 section 3.2.10). May name UIDs that never were."""

    earlier: bool
    uids: UidSet


@record
class ServerId:
    """`* ID (...)` with lower case field names; empty for NIL (RFC 2971)."""

    fields: dict[str, str | None]


@record
class Namespace:
    """`* NAMESPACE ...`: (raw prefix, delimiter) pairs (RFC 2342)."""

    personal: tuple[tuple[bytes, str | None], ...]
    other: tuple[tuple[bytes, str | None], ...]
    shared: tuple[tuple[bytes, str | None], ...]


@record
class Other:
    """An untagged answer this program has no use for; a number before the name comes first in `values`."""

    name: str  # upper case
    values: tuple[Value, ...]


@record
class Unparsed:
    """A line that is no IMAP or not understood; the stream goes on after it."""

    line: bytes  # its first 200 bytes
    reason: str


Response: TypeAlias = (
    Continuation
    | Tagged
    | Condition
    | Exists
    | Recent
    | Expunge
    | Fetch
    | ListEntry
    | StatusEntry
    | Search
    | ESearch
    | Flags
    | Capability
    | Enabled
    | Vanished
    | ServerId
    | Namespace
    | Other
    | Unparsed
)
