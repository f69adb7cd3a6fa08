"""What other parsers make of the corpus's messages, field by field, beside what we make of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from mailsync.pipeline import headers
from mailsync.pipeline.addresses import Address, addresses, identifiers
from mailsync.pipeline.bodies import bodies
from mailsync.pipeline.dates import unix_seconds
from mailsync.pipeline.mime import parse
from mailsync.pipeline.parts import Part, decoded, structure
from mailsync.pipeline.words import decode_bytes
from tests.corpus import torture_dir

Document = dict[str, Any]


class Compared(NamedTuple):
    field: str
    message: str
    theirs: object
    ours: object


def compared() -> Iterator[Compared]:
    """Every field that a source has an expected value of."""
    yield from _vectors(torture_dir() / "vectors" / "stalwart-mail-parser")
    base = torture_dir() / "stalwart-mail-parser"
    for path in sorted(base.rglob("*.eml")):
        message, raw = str(path.relative_to(base).with_suffix("")), path.read_bytes()
        yield from _stalwart(message, raw, load(path.with_suffix(".json")))
        # The parse of the same message with the other line ends.
        other = path.with_suffix(".crlf.json")
        if other.exists() and b"\r" not in raw:
            yield from _stalwart(message, raw.replace(b"\n", b"\r\n"), load(other))
    base = torture_dir() / "imap_tools"
    for path in sorted(base.rglob("*.eml")):
        yield from _imap_tools("imap_tools", path.stem, path.read_bytes(), load(path.with_suffix(".json")))
    # Messages of another project, and what imap_tools makes of them.
    for path in sorted((torture_dir() / "mikel-mail").rglob("*.json")):
        yield from _imap_tools("mikel", path.stem, path.with_suffix(".eml").read_bytes(), load(path))


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def squeezed(text: str | None) -> str:
    return "".join((text or "").split())


def _vectors(folder: Path) -> Iterator[Compared]:
    for number, one in enumerate(load(folder / "address.json")):
        # Some hold the header's end, too.
        value = headers.unfolded(one["header"].partition("\n\n")[0])
        yield Compared("vector address", str(number), _people(one["expected"]), list(addresses(value)))
    for number, one in enumerate(load(folder / "id.json")):
        wanted = [one["expected"]] if isinstance(one["expected"], str) else one["expected"] or []
        ours = list(identifiers(headers.unfolded(one["header"])))
        yield Compared("vector id", str(number), [f"<{text}>" for text in wanted], ours)
    for number, one in enumerate(load(folder / "date.json")):
        ours_date = unix_seconds(headers.unfolded(one["header"]))
        yield Compared("vector date", str(number), _seconds(one["expected"]), ours_date)


def _people(value: Document | None) -> list[Address]:
    if value is None:
        return []
    if "List" in value:
        members = value["List"]
    else:
        groups = value["Group"] if isinstance(value["Group"], list) else [value["Group"]]
        members = [member for group in groups for member in group["addresses"]]
    return [Address(" ".join((one["name"] or "").split()), one["address"] or "") for one in members]


def _seconds(value: Document | None) -> int | None:
    if value is None:
        return None
    try:
        local = _utc([value[name] for name in ("year", "month", "day", "hour", "minute", "second")])
    except ValueError:
        return None
    zone: int = value["tz_hour"] * 3600 + value["tz_minute"] * 60
    return local + (zone if value["tz_before_gmt"] else -zone)


def _utc(clock: list[int]) -> int:
    year, month, day, *rest = clock
    hour, minute, second = (*rest, 0, 0)[:3]
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())


def _stalwart(message: str, raw: bytes, expected: Document) -> Iterator[Compared]:
    ours, found = parse(raw), structure(raw)
    flat = bodies(raw, found)
    fields: dict[str, Document] = {}
    for one in expected["parts"][0]["headers"]:
        if isinstance(one["name"], str) and isinstance(one["value"], dict):
            fields.setdefault(one["name"], one["value"])
    for name in ("from", "to", "cc", "reply_to"):
        if name in fields:
            people = list(ours.people.get(name.replace("_", "-"), ()))
            yield Compared("stalwart people", message, _people(fields[name].get("Address")), people)
    if "subject" in fields:
        yield Compared("stalwart subject", message, squeezed(fields["subject"].get("Text")), squeezed(ours.subject))
    if "date" in fields:
        yield Compared("stalwart date", message, _seconds(fields["date"].get("DateTime")), ours.date)
    if "message_id" in fields:
        yield Compared("stalwart message_id", message, f"<{fields['message_id'].get('Text')}>", ours.message_id)
    theirs = [part for part in expected["parts"] if "Multipart" not in _body(part)]
    yield Compared("stalwart parts", message, len(theirs), len(found.leaves))
    if len(theirs) != len(found.leaves):
        return
    lists: list[tuple[str, list[Part]]] = [
        ("text_body", flat.text),
        ("html_body", flat.html),
        ("attachments", flat.attachments),
    ]
    for name, parts in lists:
        wanted = [next(n for n, one in enumerate(theirs) if one is expected["parts"][at]) for at in expected[name]]
        known = {id(part): number for number, part in enumerate(found.leaves)}
        yield Compared(f"stalwart {name}", message, wanted, [known[id(part)] for part in parts])
    for one, part in zip(theirs, found.leaves, strict=True):
        text = _body(one).get("Text", _body(one).get("Html"))
        if text is not None and part.type.startswith("text/"):
            told = decode_bytes(decoded(raw, part), part.charset)
            yield Compared("stalwart content", message, squeezed(text), squeezed(told))


def _body(part: Document) -> Document:
    return part["body"] if isinstance(part["body"], dict) else {}


def _imap_tools(source: str, message: str, raw: bytes, expected: Document) -> Iterator[Compared]:
    ours = parse(raw)
    yield Compared(f"{source} subject", message, squeezed(expected["subject"]), squeezed(ours.subject))
    for name in ("from", "to", "cc", "bcc", "reply_to"):
        listed = expected[f"{name}_values"] or []
        listed = [listed] if isinstance(listed, dict) else listed
        wanted = [Address(" ".join(one["name"].split()), one["email"]) for one in listed]
        people = list(ours.people.get(name.replace("_", "-"), ()))
        yield Compared(f"{source} people", message, wanted, people[:1] if name == "from" else people)
    clock, zone = expected["date"]["datetime"], expected["date"].get("tzinfo") or {}
    seconds: int | None = None
    if clock[0] > 1900:
        away = (zone.get("timezone") or [{}])[0]
        away = away.get("seconds", 0) + 86400 * away.get("days", 0)
        seconds = _utc(clock) - away
    yield Compared(f"{source} date", message, seconds, ours.date)
    plain = ours.text if expected["text"] or not ours.html else ""
    yield Compared(f"{source} text", message, squeezed(expected["text"]), squeezed(plain))
    yield Compared(f"{source} html", message, squeezed(expected["html"]), squeezed(ours.html))
    wanted_files = [
        (one["filename"], one["content_type"], len(base64.b64decode(one["payload"]["base64"])))
        for one in expected["attachments"]
    ]
    files = [(one.name, one.type, one.size) for one in ours.attachments]
    yield Compared(f"{source} attachments", message, wanted_files, files)
