"""The IMAP corpus as streams: what servers said in the recordings, scripts and test programs of other projects.

Each reader turns one source's notation into the bytes a server would send. Where the notation is a pattern (James) or
a template (imaptest), the simplest text that it matches is used. The folder isync holds tables of two-way syncs and no
replies at all; ruby-net-imap has a reader of its own.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Case:
    """A stream of replies. `cut` tells that it was lifted out of its context and may end in the middle."""

    name: str
    data: bytes
    cut: bool = False


def crlf(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def mailkit(folder: Path) -> Iterator[Case]:
    """Recorded replies, stored with LF; their literals are counted with CRLF."""
    for path in sorted(folder.rglob("*.txt")):
        yield Case(str(path.relative_to(folder)), crlf(path.read_bytes()))


def james(folder: Path) -> Iterator[Case]:
    """`S:` lines are regular expressions; each session of a script is a stream of its own."""
    for path in sorted(folder.rglob("*.test")):
        sessions: dict[str, list[bytes]] = {}
        session = ""
        for line in path.read_text("utf-8").splitlines():
            if line.startswith("SESSION:"):
                session = line[8:].strip()
            elif line == "S:" or line.startswith("S: "):
                sessions.setdefault(session, []).append(sample(line[3:]).encode())
        for session, lines in sessions.items():
            yield Case(f"{path.relative_to(folder)}:{session}", b"".join(line + b"\r\n" for line in lines))


def sample(pattern: str) -> str:
    """The simplest text a regular expression matches, as far as the scripts use them."""
    text, _ = _alternatives(pattern, 0)
    return text


def _alternatives(pattern: str, pos: int) -> tuple[str, int]:
    """The text of the first alternative, and where the closing parenthesis or the end is."""
    first: str | None = None
    text = ""
    while pos < len(pattern) and pattern[pos] != ")":
        if pattern[pos] == "|":
            first = text if first is None else first
            text = ""
            pos += 1
            continue
        piece, pos = _piece(pattern, pos)
        times, end = _times(pattern, pos)
        anything = pattern[pos - 1 : pos + 1] == ".*" or pattern[pos - 3 : pos + 1] == "(.)*"
        text += "1" if anything else piece * times
        pos = end
    return text if first is None else first, pos


def _piece(pattern: str, pos: int) -> tuple[str, int]:
    char = pattern[pos]
    if char == "\\" and pos + 1 < len(pattern):
        known = {"d": "1", "w": "x", "s": " ", "S": "S", "r": "\r", "n": "\n"}
        return known.get(pattern[pos + 1], pattern[pos + 1]), pos + 2
    if char == "(":
        start = pos + 3 if pattern.startswith("(?:", pos) else pos + 1
        text, end = _alternatives(pattern, start)
        return text, end + 1
    if char == "[":
        end = pattern.index("]", pos + 2)
        inside = pattern[pos + 1 : end]
        return ("x" if inside[0] == "^" else inside[1] if inside[0] == "\\" else inside[0]), end + 1
    return ("1" if char == "." else "" if char in "^$" else char), pos + 1


def _times(pattern: str, pos: int) -> tuple[int, int]:
    if pattern.startswith("?", pos) and pattern[pos - 1].isalpha():
        return 1, pos  # a question mark that a script forgot to escape: its literals count it
    if pos < len(pattern) and pattern[pos] in "*+?":
        end = pos + 2 if pattern.startswith("?", pos + 1) else pos + 1
        return (1 if pattern[pos] == "+" else 0), end
    count = re.compile(r"(?<! )\{(\d+)(?:,\d*)?\}").match(pattern, pos)  # after a space, it is a literal's size
    return (int(count[1]), count.end()) if count else (1, pos)


_DIRECTIVE = re.compile(r"\$![a-z]+(?:=[^\s)]*)?\s*")
_VARIABLE = re.compile(r"\$\{(?:case:)?([^}]*)\}|\$([A-Za-z_0-9]*)")
_BLOCK = re.compile(r"\{\{\{\n(.*?)\}\}\}", re.DOTALL)


def imaptest(folder: Path) -> Iterator[Case]:
    """`* ...` lines are templates with variables; `{{{ ... }}}` is a literal."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix in (".mbox", ".md"):
            continue
        text = path.read_text("utf-8", "surrogateescape")
        blocks: list[bytes] = []

        def keep(block: re.Match[str], blocks: list[bytes] = blocks) -> str:
            blocks.append(crlf(block[1].encode("utf-8", "surrogateescape")))
            return f"\x01{len(blocks) - 1}\x02"

        stream = b""
        for line in _BLOCK.sub(keep, text).splitlines():
            if line.startswith("* "):
                stream += _filled(line, blocks) + b"\r\n"
        if stream:
            yield Case(str(path.relative_to(folder)), stream)


def _filled(line: str, blocks: list[bytes]) -> bytes:
    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2] or ""
        if found[0].startswith("${case:"):
            return name
        if name.endswith("sep"):
            return '"/"' if line.startswith(("* list", "* lsub")) and found.start() < 20 else "/"
        if name.startswith(("uid", "modseq", "size", "n")) or name.isdigit() or found.start() == 2:
            return "7"
        return "x" if name else "NIL"

    raw = _VARIABLE.sub(value, _DIRECTIVE.sub("", line)).encode("utf-8", "surrogateescape")
    for number, block in enumerate(blocks):
        raw = raw.replace(b"\x01%d\x02" % number, b"{%d}\r\n%s" % (len(block), block))
    return raw


def stalwart(folder: Path) -> Iterator[Case]:
    """Items of FETCH answers, one after the other, some of them printed over many lines."""
    for path in sorted(folder.glob("*.imap")):
        raw = path.read_bytes()
        pos = count = 0
        stream = b""
        while found := _ITEM.search(raw, pos):
            count += 1
            name = found[1].replace(b" UTF8=ACCEPT", b"")
            if found[2]:
                end = found.end() + int(found[2])
                value = b"{%s}\r\n%s" % (found[2], raw[found.end() : end])
            else:
                end = raw.find(b"\n" + (b")" if found[3] == b"(" else b""), found.start(3))
                end = len(raw) if end < 0 else end + (2 if found[3] == b"(" else 0)
                value = re.sub(rb"\s*\n\s*", b"", raw[found.start(3) : end]).strip()
            stream += b"* %d FETCH (%s %s)\r\n" % (count, name, value)
            pos = end
        yield Case(path.name, stream)


_ITEM = re.compile(
    rb"^((?:BODYSTRUCTURE|BODY|BINARY\.SIZE|BINARY)(?:\[[^\]\n]*\])?(?:<[0-9]+>)?(?: UTF8=ACCEPT)?) "
    rb"(?:~?\{([0-9]+)\}\r?\n|([^\s]))",
    re.MULTILINE,
)


def horde(folder: Path) -> Iterator[Case]:
    raw = base64.b64decode((folder / "clientsort.txt").read_bytes())
    yield Case("clientsort.txt", crlf(raw.rstrip() + b"\n"))
    yield Case("clientsort.decoded.txt", crlf((folder / "clientsort.decoded.txt").read_bytes().rstrip() + b"\n"))


def roundcube(folder: Path) -> Iterator[Case]:
    yield Case("imap_thread.txt", crlf((folder / "imap_thread.txt").read_bytes().rstrip() + b"\n"))


_WHOLE = re.compile(r"[*+]|\S+ (?:OK|NO|BAD|BYE|PREAUTH)\b")


def inline(path: Path) -> Iterator[Case]:
    """Strings out of test programs: a reply, a part of one, or a value, which becomes an item of a FETCH."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            entry = json.loads(line)
            text: str = entry["text"]
            if text.startswith("\n"):
                text = re.sub(r"\s*\n\s*", " ", text).strip()
            if "imaplib style" in entry.get("note", ""):
                text = _from_imaplib(text)
            if re.match(r"\d+ (?:FETCH )?\(", text):
                text = "* " + re.sub(r"^(\d+) (?:FETCH )?", r"\1 FETCH ", text)
            elif re.match(r"\([^()]*\) (?:\"[^\"]*\"|NIL) \S", text) and text.startswith("(\\"):
                text = "* LIST " + text
            elif not _WHOLE.match(text):
                text = f"* 1 FETCH (X-VALUE ({text.strip()}))"
            data = text.encode()
            yield Case(f"line {number} {entry['test'][:60]}", data if data.endswith(b"\r\n") else data + b"\r\n", True)


def _from_imaplib(text: str) -> str:
    """imaplib hands out a line that announces a literal, then the literal, then the next line; here LF joins them."""
    wire = ""
    while marker := re.search(r"\{(\d+)\}\n", text):
        start = marker.end()
        end = start + int(marker[1])
        wire += text[: start - 1].replace("\n", " ") + "\r\n" + text[start:end]
        text = text[end:].removeprefix("\n")
    return wire + text.replace("\n", " ")


def transcripts(path: Path) -> Iterator[Case]:
    """Dialogues: what the server said in each, as one stream. Pieces made at run time are not in them."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            entry = json.loads(line)
            said = [text for side, text in entry["transcript"] if side == "S"]
            if path.name.startswith("pymap"):  # what a pattern of the test would match was left out between pieces
                stream = "\n".join(said).replace("\r\n\n", "\r\n").replace("\r\n", "\0").replace("\n", "1")
                stream = stream.replace("\0", "\r\n")
            else:
                stream = "".join(text if text.endswith("\n") else text + "\r\n" for text in said)
            if stream:
                yield Case(f"line {number} {entry['test'][:60]}", stream.encode(), True)


SOURCES: dict[str, Callable[[Path], Iterator[Case]]] = {
    "mailkit": mailkit,
    "james-mpt": james,
    "dovecot-imaptest": imaptest,
    "stalwart-imap-fetch": stalwart,
    "horde-imap-client": horde,
    "roundcube": roundcube,
}


def every_source(folder: Path) -> Iterator[tuple[str, list[Case]]]:
    """Name and streams of each source but ruby-net-imap, which has a reader of its own."""
    for name, reader in SOURCES.items():
        yield name, list(reader(folder / name))
    for path in sorted((folder / "vectors").glob("*-inline.jsonl")):
        yield path.stem, list(inline(path))
    for path in sorted((folder / "vectors").glob("*-t*.jsonl")):
        yield path.stem, list(transcripts(path))
