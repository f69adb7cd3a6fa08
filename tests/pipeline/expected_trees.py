"""The same of parsers that tell the tree of a message, and of tables of single headers: see `expected`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from mailsync.pipeline import headers
from mailsync.pipeline.addresses import Address
from mailsync.pipeline.bodies import bodies
from mailsync.pipeline.mime import ParsedMessage, parse
from mailsync.pipeline.parts import Part, decoded, structure
from mailsync.pipeline.words import decode_bytes
from tests.corpus import torture_dir
from tests.pipeline.expected import Compared, Document, load, squeezed

_EVENT = re.compile(r'<(/?)(message|(?:text|binary)-body)(?: name="([^"]*)")?/?>')


def compared() -> Iterator[Compared]:
    """Every field that a source has an expected value of."""
    yield from _vectors(torture_dir() / "vectors")
    for path in sorted((torture_dir() / "mime4j").rglob("*_decoded.xml")):
        message = path.with_name(path.name.replace("_decoded.xml", ".msg.eml"))
        if message.exists():
            yield from _mime4j(message, path)
    for path in sorted((torture_dir() / "mime-tools").rglob("*.msg.eml")):
        yield from _mime_tools(path, path.with_name(path.name.replace(".msg.eml", ".ref")))
    for path in sorted((torture_dir() / "mailcore2").rglob("*.expected")):
        message = path.with_suffix(".eml")
        text = path.read_text(encoding="utf-8")
        if message.exists() and text.startswith("{"):
            yield from _mailcore(message.stem, message.read_bytes(), json.loads(text))
    for path in sorted((torture_dir() / "james").rglob("*.json")):
        yield from _james(path.stem, path.with_suffix(".eml").read_bytes(), load(path))

    base = torture_dir() / "stalwart-server" / "jmap" / "email_get"
    for path in sorted(base.glob("*.eml")):
        yield from _jmap(path.stem, path.read_bytes(), load(path.with_suffix(".json")))
    for path in sorted((torture_dir() / "wildduck").glob("*.json")):
        message = path.with_name(path.name.partition(".")[0] + ".eml")
        raw = message.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        told = [(part.type, part.end - part.start) for part in structure(raw).leaves]
        yield Compared("wildduck parts", message.stem, list(_wildduck_leaves(load(path))), told)


def _vectors(folder: Path) -> Iterator[Compared]:
    for number, one in enumerate(load(folder / "stalwart-mail-parser" / "unstructured.json")):
        ours = headers.text_of(headers.block(one["header"].rstrip("\n").encode())[1:])
        yield Compared("vector unstructured", str(number), squeezed(one["expected"]), squeezed(ours))
    for number, one in enumerate(load(folder / "stalwart-mail-parser" / "content_type.json")):
        wanted, values = one["expected"] or {}, dict(map(tuple, (one["expected"] or {}).get("attributes") or ()))
        kind = f"{wanted.get('c_type')}/{wanted.get('c_subtype')}".lower() if wanted.get("c_subtype") else "text/plain"
        part = structure(b"Content-Type: " + one["header"].encode().rstrip() + b"\r\n\r\n").root
        if not kind.startswith("multipart/"):  # without its parts it is a text
            theirs = (kind, squeezed(values.get("name")), values.get("charset", ""))
            told = (part.type, squeezed(part.name), part.charset)
            yield Compared("vector content_type", str(number), theirs, told)
    text = (folder / "angus-mail" / "paramdatanostrict").read_text().partition("\nFrom ")[2].partition("\n")[2]
    for number, one in enumerate(re.split(r"(?m)^(?=Content-Type:)", text)[1:]):
        head, _, wanted = one.partition("Expect:")
        values = dict(line.strip().split("=", 1) for line in wanted.split("Comment:")[0].splitlines() if "=" in line)
        if "name" in values:
            name = structure(head.encode() + b"\n").root.name
            yield Compared("vector parameters", str(number), squeezed(values["name"]), squeezed(name))
    for path in sorted((folder / "gmime-charset").glob("*.txt")):
        language, charset, _ = path.name.split(".")
        utf8 = path.with_name(f"{language}.utf-8.txt")
        if utf8.exists():
            text = decode_bytes(path.read_bytes(), charset)
            yield Compared("vector charset", path.stem, squeezed(utf8.read_text(encoding="utf-8")), squeezed(text))


def _mime4j(path: Path, described: Path) -> Iterator[Compared]:
    """Of a message within the message only that it is one."""
    theirs: list[str | None] = []
    depth = 0
    for end, tag, name in _EVENT.findall(described.read_text(encoding="latin-1")):
        if tag == "message":
            depth += -1 if end else 1
            if depth == 2 and not end:
                theirs.append(None)
        elif depth == 1:
            theirs.append(name)
    raw = path.read_bytes()
    ours = structure(raw).leaves
    message = path.name.removesuffix(".msg.eml")
    yield Compared("mime4j parts", message, len(theirs), len(ours))
    for wanted, part in zip(theirs, ours if len(ours) == len(theirs) else [], strict=False):
        if wanted is not None and (file := path.with_name(wanted)).exists():
            told = decoded(raw, part)
            yield Compared("mime4j content", message, b"".join(file.read_bytes().split()), b"".join(told.split()))


def _mime_tools(path: Path, reference: Path) -> Iterator[Compared]:
    # Perl's own notation of a hash.
    text = re.sub(r"\\x\{(\w+)\}", lambda found: chr(int(found[1], 16)), reference.read_text(encoding="latin-1"))
    text = re.sub(r"\\([@$])", r"\1", text).replace("=>", ":")
    text = re.sub(r"qq\{([^}]*)\}", r'"\1"', text)
    wanted: Document = json.loads(re.sub(r",(\s*})", r"\1", text))
    raw = path.read_bytes()
    message = path.name.removesuffix(".msg.eml")
    ours = dict(_numbered(raw, structure(raw).root, "Part"))
    # Of what is taken apart the parts.
    theirs = {name: one for name, one in wanted.items() if name[:5] == "Part_" and f"{name}_1" not in wanted}
    if theirs:
        yield Compared("mime-tools parts", message, sorted(theirs), sorted(ours))
    for name in sorted(set(theirs) & set(ours)):
        one, (told, content) = theirs[name], ours[name]
        yield Compared("mime-tools type", message, one["Type"].lower(), told.type)
        yield Compared("mime-tools name", message, one.get("Filename", ""), told.name)
        yield Compared("mime-tools size", message, one["Size"], len(content))


def _numbered(raw: bytes, part: Part, name: str) -> Iterator[tuple[str, tuple[Part, bytes]]]:
    for number, child in enumerate(part.children, 1):
        if child.children:
            yield from _numbered(raw, child, f"{name}_{number}")
        elif child.type == "message/rfc822":
            inner = decoded(raw, child)
            root = structure(inner).root
            if root.children:
                yield from _numbered(inner, root, f"{name}_{number}_1")
            else:
                yield f"{name}_{number}_1", (root, decoded(inner, root))
        else:
            yield f"{name}_{number}", (child, decoded(raw, child))


def _mailcore(message: str, raw: bytes, expected: Document) -> Iterator[Compared]:
    ours, wanted = parse(raw), expected["header"]
    yield Compared("mailcore2 subject", message, squeezed(wanted.get("subject")), squeezed(ours.subject))
    for name, field in (("from", "from"), ("to", "to"), ("cc", "cc"), ("replyTo", "reply-to"), ("sender", "sender")):
        if name in wanted:
            people = _mailcore_people(wanted[name])
            told = list(ours.people.get(field, ()))
            yield Compared("mailcore2 people", message, people, told[: len(people)] if field == "from" else told)
    # Where it finds none it takes the begin of 2001.
    seconds = None if wanted["date"] == "978307200" else int(wanted["date"])
    yield Compared("mailcore2 date", message, seconds, ours.date)
    if ours.message_id:
        yield Compared("mailcore2 message_id", message, f"<{wanted['messageID']}>", ours.message_id)
    for name, ids in (("references", ours.references), ("inReplyTo", ours.in_reply_to)):
        if name in wanted:
            listed = [f"<{one}>" for one in _listed(wanted[name])]
            yield Compared(f"mailcore2 {name}", message, listed, list(ids))
    told_parts = [(part.type, part.name) for part in structure(raw).leaves]
    yield Compared("mailcore2 parts", message, list(_mailcore_leaves(expected["mainPart"])), told_parts)


def _mailcore_people(value: Any) -> list[Address]:
    return [Address(" ".join(one.get("displayName", "").split()), one.get("mailbox", "")) for one in _listed(value)]


def _listed(value: Any) -> list[Any]:
    if isinstance(value, dict) and value["class"] == "mailcore::Array":
        value = value.get("items", [])
    return value if isinstance(value, list) else [value]


def _mailcore_leaves(part: Document) -> Iterator[tuple[str, str]]:
    if "parts" in part:
        for one in part["parts"].get("items", ()):
            yield from _mailcore_leaves(one)
    else:
        message = part["partType"] == "message"
        yield "message/rfc822" if message else part["mimeType"].lower(), part.get("filename", "")


def _james(message: str, raw: bytes, expected: Document) -> Iterator[Compared]:
    ours: ParsedMessage = parse(raw)
    for name in ("from", "to", "cc", "bcc"):
        people = [Address(" ".join((one["name"] or "").split()), one["address"]) for one in expected[name]]
        yield Compared("james people", message, people, list(ours.people.get(name, ())))
    yield Compared("james message_id", message, expected["mimeMessageID"] or "", ours.message_id)
    if expected["subject"]:
        # Its last word is an address's; the first is the subject.
        yield Compared("james subject", message, squeezed(expected["subject"][0]), squeezed(ours.subject))
    files = [(f"{one['mediaType']}/{one['subtype']}", one["fileName"] or "") for one in expected["attachments"]]
    yield Compared("james attachments", message, files, [(one.type, one.name) for one in ours.attachments])
    plain = squeezed(expected.get("textBody"))
    if plain and not ours.html:
        yield Compared("james text", message, plain, squeezed(ours.text))


def _jmap(message: str, raw: bytes, expected: Document) -> Iterator[Compared]:
    """An Email object of RFC 8621 section 4.1."""
    ours = parse(raw)
    for name in ("from", "to", "cc", "bcc"):
        if expected.get(name):
            people = [Address(" ".join((one["name"] or "").split()), one["email"]) for one in expected[name]]
            yield Compared("jmap people", message, people, list(ours.people.get(name, ())))
    yield Compared("jmap subject", message, expected["subject"], ours.subject)
    yield Compared("jmap sentAt", message, int(datetime.fromisoformat(expected["sentAt"]).timestamp()), ours.date)
    yield Compared("jmap messageId", message, [f"<{one}>" for one in expected["messageId"]], [ours.message_id])
    listed = tuple(f"<{one}>" for one in expected.get("references") or ())
    yield Compared("jmap references", message, listed, ours.references)
    flat = bodies(raw, structure(raw))
    for field, parts in (("textBody", flat.text), ("htmlBody", flat.html), ("attachments", flat.attachments)):
        wanted = [(one["type"], one["size"], one.get("name") or "") for one in expected[field]]
        told = [(part.type, len(decoded(raw, part)), part.name) for part in parts]
        yield Compared(f"jmap {field}", message, wanted, told)


def _wildduck_leaves(part: Document) -> Iterator[tuple[str, int]]:
    if part.get("childNodes"):
        for one in part["childNodes"]:
            yield from _wildduck_leaves(one)
    else:
        kind = part["parsedHeader"].get("content-type") or {"value": "text/plain"}
        yield kind["value"].lower(), part["size"]
