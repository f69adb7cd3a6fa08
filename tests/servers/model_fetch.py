"""FETCH on a model folder: items, partial bodies, CHANGEDSINCE and VANISHED (RFC 7162), PARTIAL (RFC 9394)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tests.servers.imap_client import encode_name
from tests.servers.model import ModelMail

_COMMAND = re.compile(
    rb"(?P<uids>[0-9:*,]+) (?P<items>\((?:[^()]|\([^()]*\))*\)|\S+)(?: \((?P<modifiers>[^)]*)\))?", re.IGNORECASE
)
_ITEM = re.compile(rb"(BODY(?:\.PEEK)?)\[([^\]]*)\](?:<(\d+)\.(\d+)>)?|([A-Z0-9][A-Z0-9.-]*)", re.IGNORECASE)
_PLAIN = ("UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE")


@dataclass(slots=True)
class Item:
    """One thing to tell of each message; `section` and `part` (start, length) only with BODY."""

    name: str
    section: str = ""
    part: tuple[int, int] | None = None


@dataclass(slots=True)
class Question:
    """A parsed UID FETCH."""

    uids: str
    items: list[Item] = field(default_factory=list)
    changed_since: int | None = None
    vanished: bool = False
    partial: str | None = None

    @property
    def has_body(self) -> bool:
        return any(item.name == "BODY" and not item.section for item in self.items)


def parse(text: bytes, offered: frozenset[str]) -> Question:
    """What a UID FETCH asks; ValueError for anything the server does not offer."""
    match = _COMMAND.fullmatch(text)
    if match is None:
        raise ValueError("not a FETCH")
    question = Question(match["uids"].decode())
    allowed = {*_PLAIN}
    allowed |= {"MODSEQ"} if "CONDSTORE" in offered else set()
    allowed |= {"EMAILID", "THREADID"} if "OBJECTID" in offered else set()
    allowed |= {"X-GM-MSGID", "X-GM-THRID", "X-GM-LABELS"} if "X-GM-EXT-1" in offered else set()
    for found in _ITEM.finditer(match["items"]):
        if found[5] is None:
            part = (int(found[3]), int(found[4])) if found[3] else None
            question.items.append(Item("BODY", found[2].decode().upper(), part))
        elif (name := found[5].decode().upper()) in allowed:
            question.items.append(Item(name))
        else:
            raise ValueError(f"unknown item {name}")
    words = (match["modifiers"] or b"").decode().upper().split()
    while words:
        word = words.pop(0)
        if word == "CHANGEDSINCE" and "CONDSTORE" in offered:
            question.changed_since = int(words.pop(0))
            if question.changed_since < 1:
                raise ValueError("CHANGEDSINCE 0")
            question.items.append(Item("MODSEQ"))
        elif word == "VANISHED" and "QRESYNC" in offered:
            question.vanished = True
        elif word == "PARTIAL" and "PARTIAL" in offered:
            question.partial = words.pop(0)
        else:
            raise ValueError(f"unknown modifier {word}")
    return question


def told(uid: int, mail: ModelMail, items: list[Item], own_label: str = "") -> bytes:
    """The attributes of one message, in parentheses. `own_label` is that of the folder, which Gmail leaves out."""
    parts: dict[str, bytes] = {"UID": b"UID %d" % uid}
    for item in items:
        match item.name:
            case "FLAGS":
                part = f"FLAGS ({' '.join(sorted(mail.flags))})".encode()
            case "INTERNALDATE":
                part = b'INTERNALDATE "%s"' % mail.date.strftime("%d-%b-%Y %H:%M:%S %z").encode()
            case "RFC822.SIZE":
                part = b"RFC822.SIZE %d" % len(mail.raw)
            case "MODSEQ":
                part = b"MODSEQ (%d)" % mail.modseq
            case "EMAILID":
                part = b"EMAILID (M%d)" % mail.identity
            case "THREADID":
                part = b"THREADID (T%d)" % mail.identity
            case "X-GM-MSGID":
                part = b"X-GM-MSGID %d" % mail.identity
            case "X-GM-THRID":
                part = b"X-GM-THRID %d" % mail.identity
            case "X-GM-LABELS":
                names = sorted(mail.labels - {own_label})
                part = f"X-GM-LABELS ({' '.join(_label(name) for name in names)})".encode()
            case "BODY":
                part = _body(mail.raw, item)
            case _:
                continue
        parts[f"{item.name} {item.section}"] = part
    return b"(" + b" ".join(parts.values()) + b")"


def _label(name: str) -> str:
    escaped = re.sub(r'(["\\])', r"\\\1", encode_name(name))
    return f'"{escaped}"'


def _body(raw: bytes, item: Item) -> bytes:
    section, data = item.section, raw
    header = raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    if section == "HEADER":
        data = header
    elif section.startswith("HEADER.FIELDS"):
        names = set(re.findall(r"[A-Z0-9-]+", section.partition("(")[2]))
        lines = re.findall(rb"[^\r\n]+\r\n(?:[ \t][^\r\n]*\r\n)*", header)
        data = b"".join(line for line in lines if line.partition(b":")[0].decode("latin-1").upper() in names) + b"\r\n"
    elif section:
        raise ValueError(f"no such section {section}")
    origin = ""
    if item.part is not None:
        start, length = item.part
        data, origin = data[start : start + length], f"<{start}>"
    return f"BODY[{section}]{origin} {{{len(data)}}}\r\n".encode() + data
