"""FETCH responses: a regular expression for the shapes that fill a sync, and a tolerant reading for all others.

Both readings agree on every response that the first accepts. A malformed item never takes the others with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from mailsync.imap.responses import NOTHING, Fetch, Value, as_number, as_text
from mailsync.imap.tokens import Kind, Scanner, atom_value, read_value
from mailsync.imap.uidset import MAX_UID

_FLAGS = rb'FLAGS \(([^()"{\r\n]{0,1000})\)'
_ITEM = (
    rb"UID ([0-9]{1,10})|" + _FLAGS + rb'|INTERNALDATE "([^"\\\r\n]{1,40})"|'
    rb"RFC822\.SIZE ([0-9]{1,18})|MODSEQ \(([0-9]{1,18})\)"
)
# What a literal may be, as the last item but flags, dates and numbers: the message, its header, its Message-ID.
_TEXT = rb"BODY\[(HEADER(?:\.FIELDS \(MESSAGE-ID\))?)?\] \{([0-9]{1,10})\}\r\n"
# At most one UID: with two, the tolerant reading believes neither.
_USUAL = re.compile(
    rb"\* ([0-9]{1,10}) FETCH \((?:(?(2)(?!UID )|)(?:" + _ITEM + rb")(?: |(?=\)))){0,8}(?:\)\r\n|" + _TEXT + rb")"
)
_TAIL = re.compile(rb"(?: (?(1)(?!UID )|)(?:" + _ITEM + rb")){0,8}\)\r\n")
_SECTIONS = {
    b"HEADER": "BODY[HEADER]",
    b"HEADER.FIELDS (MESSAGE-ID)": "BODY[HEADER.FIELDS (MESSAGE-ID)]",
}
LONGEST_USUAL = 20_000  # octets that one match can have at most, its literal apart

# The same with what names a message and its thread for good, and Gmail's labels.
_ID = rb"\(([A-Za-z0-9_-]{1,255})\)"
_LABEL = rb'(?:[^()"{\0\t\r\n ]{1,1000}|"(?:[^"\\\r\n]|\\["\\]){0,1000}")'
_NAMED = re.compile(
    rb"\* ([0-9]{1,10}) FETCH \((?:(?(2)(?!UID )|)(?:"
    + _ITEM
    + rb"|EMAILID " + _ID + rb"|THREADID (?:" + _ID + rb"|(NIL))|X-GM-MSGID ([0-9]{1,19})|X-GM-THRID ([0-9]{1,19})"
    + rb"|X-GM-LABELS \(((?:" + _LABEL + rb"(?: " + _LABEL + rb"){0,15})?)\)"
    + rb")(?: |(?=\)))){0,12}(?:\)\r\n|" + _TEXT + rb")"
)  # fmt: skip

# At the level of items: one of the usual ones, or a parenthesis, or a name with the bracket of its section.
_NEXT = re.compile(
    rb"[ \t\0]*+(?:(?:" + _ITEM + rb")(?=[ )]|\Z)|([()])|([A-Za-z][A-Za-z0-9._/-]*+)(\[)?)", re.IGNORECASE
)
_PARENTHESIS = 6
_SECTION_END = re.compile(rb"([^\]]*+)\](?:<([0-9]*+)[0-9.]*+>)?")  # some repeat the length: <0.500>
_NAMES = frozenset({"EMAILID", "THREADID", "X-GM-LABELS"})
_STRUCTURES = frozenset({"ENVELOPE", "BODY", "BODYSTRUCTURE"})

# What cannot stand unquoted inside an ENVELOPE or BODYSTRUCTURE, where all is strings, numbers and NIL.
_KNOWN = re.compile(
    rb"(?:UID|FLAGS|INTERNALDATE|RFC822(?:\.[A-Z]+)?|MODSEQ|ENVELOPE|BODYSTRUCTURE|EMAILID|THREADID|SAVEDATE|PREVIEW|"
    rb"X-GM-(?:MSGID|THRID|LABELS))(?=[ )]|\Z)|(?:BODY|BINARY)(?:\.[A-Z]+)?\[",
    re.IGNORECASE,
)

# A name without a value, as Yandex and Domino send: what follows is the next item or the end.
_NO_VALUE = re.compile(rb"[ \t\0]*+(?:\)|" + _KNOWN.pattern + rb")", re.IGNORECASE)

_AFTER_TEXT = re.compile(_NO_VALUE.pattern + rb"|[ \t\0]*+\Z", re.IGNORECASE)

# A literal that is a section of a message: the only kind that may be large.
_BODY_LITERAL = re.compile(
    rb"(?:(?:BODY|BINARY)(?:\.PEEK)?\[[^\[\]]*+\](?:<[0-9.]*+>)?|RFC822(?:\.HEADER|\.TEXT)?(?:\[\])?) *+\Z",
    re.IGNORECASE,
)
_FETCH_LINE = re.compile(rb"\*[ \t]+[0-9]+[ \t]+(?:UID)?FETCH\b", re.IGNORECASE)


def is_fetch(line: bytes) -> bool:
    """This is the first line of a FETCH or UIDFETCH response."""
    return _FETCH_LINE.match(line) is not None


def announces_body(line: bytes) -> bool:
    """The literal after this line (given without its `{n}`) is a section of a message."""
    return _BODY_LITERAL.search(line, max(0, len(line) - 10_000)) is not None


@lru_cache(maxsize=4096)
def flag_names(raw: bytes) -> tuple[str, ...]:
    """The flags between the parentheses. A mailbox has few combinations: remembered, they cost nothing."""
    return tuple(map(as_text, raw.split()))


def read_usual(data: bytes, pos: int, give: Callable[[Fetch], None], literal_limit: int) -> int:
    """Read complete FETCH responses of the usual shape from `pos`; gives each to `give`, returns where it stopped."""
    match = _USUAL.match
    while True:
        found = match(data, pos)
        if found is None:
            named = _read_named(data, pos, literal_limit)
            if named is None:
                break
            give(named[0])
            pos = named[1]
            continue
        seq, uid, flags, date, size, modseq, section, length = found.groups()
        end = found.end()
        body: bytes | None = None
        if length is not None:
            start = end
            end += int(length)
            if end - start > literal_limit:
                break
            if data.startswith(b")\r\n", end):
                body = data[start:end]
                end += 3
            else:
                tail = _TAIL.match(data, end)
                if tail is None:
                    break
                uid2, flags2, date2, size2, modseq2 = tail.groups()
                if uid is None:
                    uid = uid2
                elif uid2 is not None:
                    break
                flags = flags if flags2 is None else flags2
                date, size, modseq = date2 or date, size2 or size, modseq2 or modseq
                body = data[start:end]
                end = tail.end()
        number = None
        if uid is not None:
            number = int(uid)
            if not 0 < number <= MAX_UID:
                break
        give(
            Fetch(
                int(seq),
                number,
                None if flags is None else flag_names(flags),
                date,
                None if size is None else int(size),
                None if modseq is None else int(modseq) or None,
                body if section is None else None,
                body is not None and section is None,
                NOTHING if section is None else {_SECTIONS[section]: body},
                NOTHING,
                (),
            )
        )
        pos = end
    return pos


def _read_named(data: bytes, pos: int, literal_limit: int) -> tuple[Fetch, int] | None:
    """A response with identifiers or labels, and where it ends; None when it is not one of the simple ones."""
    found = _NAMED.match(data, pos)
    if found is None:
        return None
    seq, uid, flags, date, size, modseq, emailid, threadid, nil, msgid, thrid, names, section, length = found.groups()
    end = found.end()
    body: bytes | None = None
    if length is not None:
        start, end = end, end + int(length)
        if end - start > literal_limit or not data.startswith(b")\r\n", end):
            return None
        body = data[start:end]
        end += 3
    number = None if uid is None else int(uid)
    if number is not None and not 0 < number <= MAX_UID:
        return None
    extra: dict[str, Value] = {}
    if emailid is not None:
        extra["EMAILID"] = (emailid.decode("ascii"),)
    if threadid is not None or nil is not None:
        if threadid is not None and nil is not None:
            return None
        extra["THREADID"] = None if threadid is None else (threadid.decode("ascii"),)
    if msgid is not None:
        extra["X-GM-MSGID"] = int(msgid)
    if thrid is not None:
        extra["X-GM-THRID"] = int(thrid)
    if names is not None:
        extra["X-GM-LABELS"] = _label_names(names)
    fetch = Fetch(
        int(seq),
        number,
        None if flags is None else flag_names(flags),
        date,
        None if size is None else int(size),
        None if modseq is None else int(modseq) or None,
        body if section is None else None,
        body is not None and section is None,
        NOTHING if section is None else {_SECTIONS[section]: body},
        extra or NOTHING,
    )
    return fetch, end


@lru_cache(maxsize=4096)
def _label_names(raw: bytes) -> Value:
    """The labels between the parentheses; as with flags there are few combinations."""
    return read_value(Scanner((b"(" + raw + b")",)), 2, None, as_text)[0]


def read_fetch(seq: int, scanner: Scanner, depth: int) -> Fetch:
    """Read one FETCH response item by item, whatever its shape."""
    return _Reader(seq, scanner, depth).read()


class _Reader:
    """One FETCH response in the making."""

    __slots__ = ("_depth", "_extra", "_fetch", "_problems", "_scanner", "_sections", "_uids")

    def __init__(self, seq: int, scanner: Scanner, depth: int) -> None:
        self._fetch = Fetch(seq)
        self._scanner = scanner
        self._depth = depth
        self._sections: dict[str, bytes | None] = {}
        self._extra: dict[str, Value] = {}
        self._problems: list[str] = []
        self._uids: set[int | None] = set()

    def read(self) -> Fetch:
        fetch, scanner = self._fetch, self._scanner
        level = 0
        while True:
            found = _NEXT.match(scanner.line, scanner.pos)
            if found is None:
                kind, _ = scanner.next()
                if kind is Kind.END:
                    break
                self._note("a string without a name" if kind is Kind.STRING else "no item name")
                continue
            scanner.pos = found.end()
            group = found.lastindex or 0
            if group < _PARENTHESIS:
                self._usual_item(group, found[group])
            elif group == _PARENTHESIS:  # also the odd ones that Domino puts round single items
                level += 1 if found[group] == b"(" else -1
            else:
                label = found[_PARENTHESIS + 1].decode("ascii").upper()
                self._item(_section_name(label, scanner) if found[_PARENTHESIS + 2] else label)
        if level:
            self._note("parentheses do not balance")
        if len(self._uids) > 1:
            fetch.uid = None  # strings that came apart may hold what looks like a UID: none of them can be believed
            self._note("several UIDs")
        if self._sections:
            fetch.sections = self._sections
        if self._extra:
            fetch.extra = self._extra
        fetch.problems = tuple(self._problems)
        return fetch

    def _note(self, problem: str) -> None:
        if len(self._problems) < 8:  # one malformed answer needs no more explanation than that
            self._problems.append(problem)

    def _usual_item(self, group: int, raw: bytes) -> None:
        if group == 1:
            self._set_uid(int(raw))
        elif group == 2:
            self._fetch.flags = flag_names(raw)
        elif group == 3:
            self._fetch.internaldate = raw
        elif group == 4:
            self._fetch.size = int(raw)
        else:
            self._fetch.modseq = int(raw) or None

    def _set_uid(self, uid: int | None) -> None:
        if uid is None or not 0 < uid <= MAX_UID:
            self._note("a UID out of range")
            uid = None
        self._uids.add(uid)
        self._fetch.uid = uid

    def _set_body(self, value: Value) -> None:
        fetch = self._fetch
        body = value if isinstance(value, bytes) else None
        if value is not None and body is None:
            self._note("a body that is no string")
        if fetch.has_body and body != fetch.body:
            self._note("several bodies")  # as with UIDs: one of them may be what the sender wrote into a subject
            body = None
        fetch.has_body = True
        fetch.body = body

    def _item(self, label: str) -> None:
        """The value of the item `label`, and where it belongs."""
        fetch, scanner = self._fetch, self._scanner
        is_text = label.endswith(("]", ">")) or label in ("RFC822", "RFC822.HEADER", "RFC822.TEXT")
        value: Value = None
        problem = ""
        if not _NO_VALUE.match(scanner.line, scanner.pos):
            stop = _KNOWN if label in _STRUCTURES else None
            # These are names, also those that look like a number.
            atom = as_text if label in _NAMES else atom_value
            value, problem = read_value(scanner, self._depth, stop, atom)
            value = None if atom is as_text and value == "NIL" else value
        elif not is_text:
            problem = "a value is missing"
        if is_text and isinstance(value, bytes) and scanner.pos and not _AFTER_TEXT.match(scanner.line, scanner.pos):
            # A quoted string that does not end where an item ends: quotes in it were not escaped, it was cut short.
            value, problem = None, "a string that comes apart"
        if problem:
            self._note(f"{label[:60]}: {problem}")
        if label in ("BODY[]", "RFC822", "RFC822[]"):
            self._set_body(value)
        elif label == "UID":
            self._set_uid(as_number(value))
        elif label == "FLAGS":
            fetch.flags = _flags(value)
        elif label == "INTERNALDATE":
            fetch.internaldate = value if isinstance(value, bytes) else None
        elif label == "RFC822.SIZE":
            fetch.size = as_number(value)
        elif label == "MODSEQ":
            fetch.modseq = as_number(value[0] if isinstance(value, tuple) and value else value) or None
        elif is_text and (value is None or isinstance(value, bytes)):
            self._sections[label] = value
        else:
            self._extra[label] = value


def _section_name(label: str, scanner: Scanner) -> str:
    """`BODY[HEADER.FIELDS (DATE FROM)]<0>`, from behind the bracket; a field name may itself be a literal."""
    parts: list[str] = []
    origin = ""
    while True:
        end = _SECTION_END.match(scanner.line, scanner.pos)
        if end:
            parts.append(as_text(end[1]))
            scanner.pos = end.end()
            origin = f"<{end[2].decode()}>" if end[2] is not None else ""
            break
        parts.append(as_text(scanner.line[scanner.pos :]))
        scanner.pos = len(scanner.line)
        kind, raw = scanner.next()
        if kind is Kind.END:
            break
        parts.append(as_text(raw))
    inside = " ".join("".join(parts).replace('"', "").split()).upper()
    return f"{label.removesuffix('.PEEK')}[{inside}]{origin}"


def _flags(value: Value) -> tuple[str, ...]:
    words = value if isinstance(value, tuple) else () if value is None else (value,)
    return tuple("NIL" if word is None else as_text(word) if isinstance(word, bytes) else str(word) for word in words)
