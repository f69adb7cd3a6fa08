"""One complete response, as the wire parser framed it, to its typed value (RFC 3501 section 7 and its extensions).

Whatever is not understood becomes `Unparsed` with the reason; nothing is guessed where a guess could lose mail: a
SEARCH answer with one strange word in it is no answer at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from mailsync.imap import responses as r
from mailsync.imap.fetch import read_fetch
from mailsync.imap.listing import read_list_entry, read_namespace, read_status
from mailsync.imap.responses import Code, Response, Value, as_number, as_text
from mailsync.imap.tokens import Kind, Malformed, Scanner, read_value, read_values
from mailsync.imap.uidset import UidSet

_TAGGED = re.compile(rb"([^ \t\0-\x1f()\"{%*+\\]{1,200})[ \t]+(OK|NO|BAD)(?:[ \t]+|\Z|(?=\[))", re.IGNORECASE)
_CONDITION = re.compile(rb"\*[ \t]+(OK|NO|BAD|BYE|PREAUTH)(?:[ \t]+|\Z|(?=\[))", re.IGNORECASE)
_UNTAGGED = re.compile(rb"\*[ \t]+(?:([0-9]{1,19})[ \t]+)?([A-Za-z][A-Za-z0-9_.+/-]*+)(?=[ \t(\[]|\Z)")

_CODE_NAME = re.compile(rb"\[([A-Za-z][A-Za-z0-9._/+-]*+)(?=[ \]])")
_CODE_PART = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]()"]')
_MODSEQ = re.compile(rb"\([ ]*MODSEQ[ ]+([0-9]{1,19})[ ]*\)[ ]*\Z", re.IGNORECASE)

# ESEARCH: the results we know are read fast however long the line. Others are not worth stopping the program for.
RESULTS = 32
LONGEST_RESULT = 1 << 20

SHOWN = 200  # bytes of a line that could not be understood


def parse_response(pieces: Sequence[bytes], depth: int) -> Response:
    """The response of a line, or of a line, a literal, a line, ... Never raises."""
    line = pieces[0]
    try:
        if line.startswith(b"*"):
            return _untagged(pieces, depth)
        if line.startswith(b"+"):
            return r.Continuation(line[1:].strip(b" \t"))
        tagged = _TAGGED.match(line)
        if tagged:
            code, text = read_text(line[tagged.end() :], depth)
            return r.Tagged(as_text(tagged[1]), tagged[2].decode().upper(), code, text)
        if line.startswith(b"["):  # Exchange: a response code without its `* OK`
            code, text = read_text(line, depth)
            if code is not None:
                return r.Condition("OK", code, text)
        raise Malformed("no IMAP response" if line.strip() else "an empty line")
    except Malformed as problem:
        return r.Unparsed(line[:SHOWN], str(problem))


def _untagged(pieces: Sequence[bytes], depth: int) -> Response:
    line = pieces[0]
    condition = _CONDITION.match(line)
    if condition:
        code, text = read_text(line[condition.end() :], depth)
        return r.Condition(condition[1].decode().upper(), code, text)
    found = _UNTAGGED.match(line)
    if found is None:
        raise Malformed("no response name")
    name = found[2].decode("ascii").upper()
    scanner = Scanner(pieces, found.end())
    if found[1] is not None:
        number = as_number(int(found[1]))
        if number is None:
            raise Malformed("a number out of range")
        return _numbered(number, name, scanner, depth)
    reader = _READERS.get(name)
    if reader is None:
        return r.Other(name, read_values(scanner, depth))
    return reader(scanner, depth)


def _numbered(number: int, name: str, scanner: Scanner, depth: int) -> Response:
    if name == "FETCH":
        return read_fetch(number, scanner, depth)
    if name == "UIDFETCH":  # RFC 9586: the number is the UID
        fetch = read_fetch(0, scanner, depth)
        if fetch.uid is None:
            fetch.uid = number
        elif fetch.uid != number:
            raise Malformed("two UIDs")
        return fetch
    if name == "EXISTS":
        return r.Exists(number)
    if name == "RECENT":
        return r.Recent(number)
    if name == "EXPUNGE":
        return r.Expunge(number)
    return r.Other(name, (number, *read_values(scanner, depth)))


def read_text(raw: bytes, depth: int) -> tuple[Code | None, str]:
    """`resp-text`: a response code, when there is one that makes sense, and the text for people."""
    raw = raw.strip(b" \t")
    name = _CODE_NAME.match(raw)
    if name is None:
        return None, as_text(raw)
    end = _code_end(raw, name.end())
    if end < 0:
        return None, as_text(raw)
    inside = raw[name.end() : end].strip(b" ")
    try:
        args = read_values(Scanner((inside,)), depth)
    except Malformed:
        args = ()
    return Code(name[1].decode("ascii").upper(), args, inside), as_text(raw[end + 1 :].strip(b" \t"))


def _code_end(raw: bytes, pos: int) -> int:
    """Where the bracket of a code closes; flags and URLs inside may have brackets of their own."""
    level = 0
    first = -1
    for part in _CODE_PART.finditer(raw, pos):
        if part[0] == b"[":
            level += 1
        elif part[0] == b"]":
            if first < 0:
                first = part.start()
            if level == 0:
                return part.start()
            level -= 1
    return first  # brackets that do not pair: the first that closes is the best guess


def _search(scanner: Scanner, depth: int) -> Response:
    rest = scanner.rest()
    modseq = None
    found = _MODSEQ.search(rest, max(0, len(rest) - 60))
    if found:
        modseq = as_number(int(found[1])) or None
        rest = rest[: found.start()]
    return r.Search(_uid_set(UidSet.from_words, rest), modseq)


def _uid_set(read: Callable[[bytes], UidSet], raw: bytes) -> UidSet:
    try:
        return read(raw)
    except ValueError as problem:
        raise Malformed(str(problem)) from None


def _esearch(scanner: Scanner, depth: int) -> Response:
    answer = r.ESearch()
    extra: dict[str, Value] = {}
    kind, raw = scanner.next()
    if kind is Kind.OPEN:
        answer.tag = _correlator(scanner)
        kind, raw = scanner.next()
    results = 0
    while kind is Kind.ATOM:
        results += 1
        if results > RESULTS:
            raise Malformed("a search answer with too many results")
        name = raw.decode("ascii", "replace").upper()
        if name == "UID":
            answer.uid = True
        elif name == "ALL":
            answer.all = _uid_set(UidSet.parse, _atom(scanner))
        elif name in ("MIN", "MAX", "COUNT", "MODSEQ"):
            value = as_number(_atom(scanner))
            if value is None:
                raise Malformed(f"no number for {name}")
            setattr(answer, name.lower(), value)
        elif len(scanner.line) > LONGEST_RESULT:
            raise Malformed("a search result of too many bytes")
        elif name == "PARTIAL":
            _partial(answer, scanner, depth)
        else:
            extra[name], problem = read_value(scanner, depth)
            if problem:
                raise Malformed(problem)
        kind, raw = scanner.next()
    if kind is not Kind.END:
        raise Malformed("no search result")
    if extra:
        answer.extra = extra
    return answer


def _correlator(scanner: Scanner) -> str | None:
    """`TAG "A1")`, from behind the parenthesis; a MULTISEARCH answer (RFC 7377) has more pairs in it."""
    tag = None
    for _ in range(RESULTS):
        kind, key = scanner.next()
        if kind is Kind.CLOSE:
            return tag
        kind, value = scanner.next()
        if kind not in (Kind.ATOM, Kind.STRING):
            raise Malformed("no search correlator")
        if key.upper() == b"TAG":
            tag = as_text(value)
    raise Malformed("a search correlator with too much in it")


def _partial(answer: r.ESearch, scanner: Scanner, depth: int) -> None:
    """`(1:500 200:699)`: RFC 9394 section 3.1; NIL when that window is empty."""
    value, problem = read_value(scanner, depth)
    if problem or not isinstance(value, tuple) or len(value) != 2:
        raise Malformed("no partial result")
    window, found = value
    answer.partial_range = str(window)
    answer.partial = UidSet() if found is None else _uid_set(UidSet.parse, str(found).encode())


def _atom(scanner: Scanner) -> bytes:
    kind, raw = scanner.next()
    if kind is not Kind.ATOM:
        raise Malformed("a value is missing")
    return raw


def _vanished(scanner: Scanner, depth: int) -> Response:
    rest = scanner.rest()
    earlier = rest[:9].upper() == b"(EARLIER)"
    uids = _uid_set(UidSet.parse, rest[9:] if earlier else rest)
    if not uids:
        raise Malformed("no UIDs have vanished")
    return r.Vanished(earlier, uids)


def _words(scanner: Scanner) -> frozenset[str]:
    return frozenset(as_text(word).upper() for word in scanner.rest().split())


def _flags(scanner: Scanner, depth: int) -> Response:
    rest = scanner.rest()
    if not (rest.startswith(b"(") and rest.endswith(b")")):
        raise Malformed("no list of flags")
    return r.Flags(tuple(map(as_text, rest[1:-1].split())))


def _server_id(scanner: Scanner, depth: int) -> Response:
    value, problem = read_value(scanner, depth)
    if problem or not (value is None or isinstance(value, tuple)):
        raise Malformed(problem or "no list of fields")
    fields: dict[str, str | None] = {}
    words = [as_text(word) if isinstance(word, bytes) else word for word in value or ()]
    for key, word in zip(words[::2], words[1::2], strict=False):
        fields[str(key).lower()] = None if word is None else str(word)
    return r.ServerId(fields)


_READERS: dict[str, Callable[[Scanner, int], Response]] = {
    "SEARCH": _search,
    "ESEARCH": _esearch,
    "VANISHED": _vanished,
    "FLAGS": _flags,
    "CAPABILITY": lambda scanner, depth: r.Capability(_words(scanner)),
    "ENABLED": lambda scanner, depth: r.Enabled(_words(scanner)),
    "ID": _server_id,
    "LIST": lambda scanner, depth: read_list_entry("LIST", scanner, depth),
    "LSUB": lambda scanner, depth: read_list_entry("LSUB", scanner, depth),
    "XLIST": lambda scanner, depth: read_list_entry("XLIST", scanner, depth),
    "STATUS": read_status,
    "NAMESPACE": read_namespace,
}
