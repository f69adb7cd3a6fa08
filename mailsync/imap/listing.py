"""Responses that carry mailbox names: LIST, LSUB, XLIST, STATUS and NAMESPACE.

A name may be an atom, a quoted string or a literal; what servers send beyond that (spaces, control characters and
brackets unquoted, a delimiter of `"\\"` with its backslash unescaped) is read as it was meant.
"""

from __future__ import annotations

import re

from mailsync.imap.responses import ListEntry, Namespace, StatusEntry, Value, as_number, as_text
from mailsync.imap.tokens import Kind, Malformed, Scanner, read_value

_SPELLING = {
    name.lower(): name
    for name in (
        "\\Noselect", "\\Noinferiors", "\\Marked", "\\Unmarked",  # RFC 3501
        "\\NonExistent", "\\Subscribed", "\\Remote", "\\HasChildren", "\\HasNoChildren",  # RFC 5258
        "\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash", "\\Important",  # RFC 6154, 8457
    )
}  # fmt: skip

_ATTRIBUTES = re.compile(rb"[ \t]*+\(([^()\"]*+)\)")
_DELIMITER = re.compile(rb'[ \t]*+(?:"(?:\\(["\\])|([^"]?))"|(NIL))(?=[ \t]|\Z)', re.IGNORECASE)
_NAME_END = re.compile(rb"[ \t]*+(?:\(|\Z)")


def read_list_entry(kind: str, scanner: Scanner, depth: int) -> ListEntry:
    """`(\\HasNoChildren) "/" name [(extended data)]`, RFC 3501 section 7.2.2 and RFC 5258 section 6."""
    found = _ATTRIBUTES.match(scanner.line, scanner.pos)
    if found is None:
        raise Malformed("no list of attributes")
    attributes = frozenset(_SPELLING.get(word.lower(), word) for word in map(as_text, found[1].split()))
    scanner.pos = found.end()
    delimiter = _delimiter(scanner)
    raw_name = _name(scanner)
    extended: tuple[Value, ...] = ()
    if not scanner.at_end():
        value, problem = read_value(scanner, depth)
        if isinstance(value, tuple) and not problem:
            extended = value
    return ListEntry(attributes, delimiter, raw_name, extended, kind)


def _delimiter(scanner: Scanner) -> str | None:
    found = _DELIMITER.match(scanner.line, scanner.pos)
    if found:
        scanner.pos = found.end()
        return as_text(found[1] or found[2] or b"") or None
    kind, raw = scanner.next()
    if kind not in (Kind.ATOM, Kind.STRING) or not raw:
        raise Malformed("no hierarchy delimiter")
    return as_text(raw)


def _name(scanner: Scanner) -> bytes:
    """A mailbox name; an unquoted one goes to the end of the line, or to the parenthesis of what is said about it."""
    mark = scanner.mark()
    kind, raw = scanner.next()
    if kind is Kind.STRING:
        return raw
    if kind is not Kind.ATOM:
        raise Malformed("a mailbox name is missing")
    if not _NAME_END.match(scanner.line, scanner.pos):
        scanner.go_back(mark)
        end = scanner.line.find(b" (", scanner.pos + 1)
        raw = scanner.line[scanner.pos : end if end > 0 else None].strip(b" ")
        scanner.pos = end if end > 0 else len(scanner.line)
    return raw


def read_status(scanner: Scanner, depth: int) -> StatusEntry:
    """`name (MESSAGES 3 UIDNEXT 5 ...)`, RFC 3501 section 7.2.4."""
    raw_name = _name(scanner)
    value, problem = read_value(scanner, depth, atom=as_text)  # an identifier may look like a number
    if problem or not isinstance(value, tuple):
        raise Malformed(problem or "no list of status items")
    items: dict[str, int] = {}
    strings: dict[str, str] = {}
    for key, what in zip(value[::2], value[1::2], strict=False):
        name = as_text(key).upper() if isinstance(key, bytes) else str(key).upper()
        single = what[0] if isinstance(what, tuple) and len(what) == 1 else what
        number = as_number(what)
        if number is not None:
            items[name] = number
        elif isinstance(single, bytes):
            strings[name] = as_text(single)
        elif isinstance(single, str) and single != "NIL" and (isinstance(what, tuple) or single[0].isalpha()):
            strings[name] = single
    return StatusEntry(raw_name, items, strings)


def read_namespace(scanner: Scanner, depth: int) -> Namespace:
    """Three times NIL or `(("prefix" "/") ...)`, RFC 2342 section 5."""
    found: list[tuple[tuple[bytes, str | None], ...]] = []
    for _ in range(3):
        value, problem = read_value(scanner, depth)
        if problem or not (value is None or isinstance(value, tuple)):
            raise Malformed(problem or "no list of namespaces")
        found.append(tuple(_namespace(entry) for entry in value or ()))
    return Namespace(found[0], found[1], found[2])


def _namespace(entry: Value) -> tuple[bytes, str | None]:
    if not isinstance(entry, tuple) or len(entry) < 2:
        raise Malformed("no namespace")
    prefix, delimiter = entry[0], entry[1]
    raw = prefix if isinstance(prefix, bytes) else b"" if prefix is None else str(prefix).encode()
    if isinstance(delimiter, bytes):
        delimiter = as_text(delimiter)
    return raw, str(delimiter) if delimiter else None
