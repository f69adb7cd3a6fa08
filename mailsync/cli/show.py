"""`mailsync show`: one message, as it is or made readable."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailsync.cli import context, output
from mailsync.cli.arguments import AsJson
from mailsync.cli.context import Context
from mailsync.errors import MessageFailed, NotFound, UsageError
from mailsync.text import safe_block

if TYPE_CHECKING:
    from mailsync.pipeline.mime import ParsedMessage
    from mailsync.store.attachments import Attachment
    from mailsync.store.duplicates import Duplicates, Place
    from mailsync.store.reading import StoredMessage

_SHOWN = ("from", "to", "cc", "date", "subject")
_LARGEST_ID = 2**63 - 1


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync show 4711 --raw > message.eml")(show)


def show(
    ctx: typer.Context,
    message_id: Annotated[str, typer.Argument(metavar="ID", help="A message's id, as other commands print it.")],
    raw: Annotated[bool, typer.Option("--raw", help="Exactly the mirrored bytes.")] = False,
    headers: Annotated[bool, typer.Option("--headers", help="Every header field, decoded.")] = False,
    text: Annotated[bool, typer.Option("--text", help="The text alone.")] = False,
    html: Annotated[bool, typer.Option("--html", help="The HTML part as it is.")] = False,
    structure: Annotated[bool, typer.Option("--structure", help="The tree of its MIME parts.")] = False,
    elements: Annotated[
        bool, typer.Option("--elements", help="Its text in typed pieces, and its relations to others.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """One message: the usual headers, the attachments and the text, or what an option asks for.

    It is reading, so it needs email_read; --raw too, although attachments lie in those bytes: they are not taken out.
    """
    if sum((raw, headers, text, html, structure, elements)) > 1:
        told = "--raw, --headers, --text, --html, --structure and --elements exclude each other"
        raise UsageError(told, hint="use one of them")
    if as_json and (raw or headers or text or html):
        raise UsageError(
            "--json holds the headers and the text", hint="use it alone, or with --structure or --elements"
        )
    shared = context.of(ctx)
    message, content = load(shared, message_id)
    if raw:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    from mailsync.pipeline.mime import parse

    parsed = parse(content)
    if structure:
        _structure(message, content, parsed, as_json)
    elif elements:
        _elements(shared, message, content, parsed, as_json)
    elif as_json:
        output.emit(document(message, content, parsed, _duplicates(shared, message)))
    elif headers:
        for name, value in parsed.headers:
            output.say(f"{name}: {value}")
    elif text:
        _block(parsed.text)
    elif html:
        if not parsed.html:
            raise NotFound(f"message {message_id} has no HTML part", hint="try --text")
        if sys.stdout.isatty():
            _block(parsed.html)
        else:
            sys.stdout.write(parsed.html)
    else:
        _print(message, content, parsed, _duplicates(shared, message))


def load(shared: Context, message_id: str) -> tuple[StoredMessage, bytes]:
    """A message and its bytes, which are fetched now if they were left on the server for their size.

    NotFound for no such message, ConsentMissing unless its account's mail may be read, MessageFailed for one whose
    bytes cannot be had.
    """
    from mailsync.privacy.consent import EMAIL_READ
    from mailsync.store import consents, reading

    message = find(shared, message_id)
    with shared.store().read() as connection:
        consents.require(connection, message.account, [EMAIL_READ])
        content = reading.raw(connection, message)
    if content is None:
        raise NotFound(f"no message {message_id}")
    return message, content


def unknown(message_id: str) -> NotFound:
    """The error for an id that no message has."""
    from mailsync.store import threads

    if threads.number(message_id):
        return NotFound(f"{message_id} is a thread, not a message", hint=f"its messages: mailsync thread {message_id}")
    return NotFound(f"no message {message_id}", hint="`mailsync search` prints the ids of messages")


def find(shared: Context, message_id: str) -> StoredMessage:
    """A message whose bytes are here, or are fetched now; raises as `load`."""
    from mailsync.privacy.consent import EMAIL_READ
    from mailsync.store import consents, reading, selection

    number = int(message_id) if message_id.isascii() and message_id.isdecimal() and len(message_id) < 20 else 0
    number = number if number <= _LARGEST_ID else 0
    store = shared.store()
    with store.read() as connection:
        message = reading.find(connection, number) if number else None
        if message is not None:
            consents.require(connection, message.account, [EMAIL_READ])
        withheld = selection.find_withheld(connection, number) is not None
    if withheld:
        _fetch(shared, number)
        with store.read() as connection:
            message = reading.find(connection, number)
            if message is not None:
                consents.require(connection, message.account, [EMAIL_READ])
    if message is None:
        raise unknown(message_id)
    if message.content_id is None:
        why = f": {message.problem}" if message.problem else ""
        raise MessageFailed(
            f"message {message_id} could not be fetched yet{why}",
            hint="the next sync tries again; UID and flags are known",
        )
    return message


def _fetch(shared: Context, number: int) -> None:
    """Ask the engine for the bytes of a message that was too large for the mirror."""
    from mailsync.engine.ask import ask

    output.note(f"message {number} is larger than max_size: fetching it")
    shared.start_log()
    job = ask(shared.config, shared.store(), shared.data_dir, "fetch", {"message": number})
    if job.status != "completed":
        raise MessageFailed(
            f"message {number} is larger than max_size, and could not be fetched now: {job.error}",
            hint=job.error_hint or "try again when the account can be reached",
        )


def _duplicates(shared: Context, message: StoredMessage) -> Duplicates:
    from mailsync.store import duplicates

    with shared.store().read() as connection:
        return duplicates.of(connection, message.id)


def _structure(message: StoredMessage, content: bytes, parsed: ParsedMessage, as_json: bool) -> None:
    from mailsync.pipeline import attachments, structure

    nodes = structure.nodes(content, attachments.rows(content, parsed))
    if as_json:
        parts = [structure.document(node) for node in nodes]
        output.emit({"id": str(message.id), "cut": parsed.cut, "parts": parts})
        return
    for line in structure.lines(nodes):
        output.say(line)
    _say_cut(parsed)


def _elements(shared: Context, message: StoredMessage, content: bytes, parsed: ParsedMessage, as_json: bool) -> None:
    from mailsync.pipeline import attachments, elements
    from mailsync.store import threads

    builder = shared.config.pipeline.elements
    rows = attachments.rows(content, parsed)
    found = elements.build(content, parsed, rows, builder)
    with shared.store().read() as connection:
        thread = threads.of_message(connection, message.id)
    digest = (message.digest or b"").hex()
    triples = elements.relations(parsed, rows, found, digest, threads.name(thread) if thread else None)
    if as_json:
        output.emit(
            {
                "id": str(message.id),
                "builder": builder,
                "elements": [
                    {"type": one.type, "element_id": one.id, "text": one.text, "metadata": one.metadata}
                    for one in found
                ],
                "relations": [triple._asdict() for triple in triples],
            }
        )
        return
    for one in found:
        output.say(f"{one.type} {one.id}  {one.metadata.get('attribution', '')}".rstrip())
        for line in (one.text or "(unnamed)").split("\n"):
            output.say(f"    {line}")
    for triple in triples:
        output.say(f"{triple.predicate} {triple.object}")


def document(message: StoredMessage, content: bytes, parsed: ParsedMessage, duplicates: Duplicates) -> dict[str, Any]:
    """The `show --json` document."""
    from mailsync.model import flag_names, iso
    from mailsync.pipeline import attachments, calendars
    from mailsync.store.attachments import Attachment

    fields = {name.lower(): value for name, value in reversed(parsed.headers)}
    authors = parsed.people.get("from", ())
    return {
        "id": str(message.id),
        "account": message.account,
        "folder": message.folder,
        "uidvalidity": message.uidvalidity,
        "uid": message.uid,
        "flags": flag_names(message.flags, message.keywords),
        "internaldate": iso(message.internaldate),
        "size": len(content),
        "sha256": message.digest.hex() if message.digest else None,
        "subject": parsed.subject,
        "from": str(authors[0]) if authors else "",
        "to": fields.get("to", ""),
        "cc": fields.get("cc", ""),
        "people": {
            name: [{"name": one.name, "address": one.addr} for one in found] for name, found in parsed.people.items()
        },
        "date": iso(parsed.date),
        "message_id": parsed.message_id,
        "in_reply_to": list(parsed.in_reply_to),
        "references": list(parsed.references),
        "headers": [{"name": name, "value": value} for name, value in parsed.headers],
        "text": parsed.text,
        "attachments": [entry(Attachment(*row)) for row in attachments.rows(content, parsed)],
        "calendar": [
            {name: getattr(event, name) for name in event.__match_args__} | {"when": event.when}
            for event in calendars.events(content, parsed.attachments)
        ],
        "holds": parsed.holds,
        "cut": parsed.cut,
        "copies": [_place(one) for one in duplicates.copies],
        "versions": [_place(one) | {"size": one.size, "sha256": one.digest.hex()} for one in duplicates.versions],
        "removed_at": iso(message.removed_at),
    }


def entry(one: Attachment) -> dict[str, Any]:
    """An element of `attachments` in a JSON document; `within` is the number of the TNEF part that a file is in."""
    from mailsync.pipeline.attachments import WITHIN

    _, within, place = one.encoding.partition(WITHIN)
    return {
        "number": one.number,
        "name": one.name,
        "type": one.type,
        "size": one.size,
        "sha256": one.digest.hex(),
        "within": one.number - int(place) if within else None,
    }


def _place(one: Place) -> dict[str, Any]:
    return {"id": str(one.id), "account": one.account, "folder": one.folder, "uid": one.uid}


def _print(message: StoredMessage, content: bytes, parsed: ParsedMessage, duplicates: Duplicates) -> None:
    from mailsync.model import flag_names, iso
    from mailsync.pipeline import attachments, calendars

    output.say(f"[{message.id}] {message.account} / {message.folder}, UID {message.uid}")
    flags = " ".join(flag_names(message.flags, message.keywords))
    output.say(f"Received: {iso(message.internaldate) or '-'}{'  ' + flags if flags else ''}")
    if message.removed_at is not None:
        output.say(f"Gone from the server: {iso(message.removed_at)}")
    for wanted in _SHOWN:
        for name, value in parsed.headers:
            if name.lower() == wanted:
                output.say(f"{name}: {value}")
                break
    for one in duplicates.copies:
        output.say(f"Also in: {one.account} / {one.folder}, UID {one.uid} [{one.id}]")
    for one in duplicates.versions:
        output.say(f"Another version: [{one.id}] {one.account} / {one.folder}, UID {one.uid}, {output.size(one.size)}")
    for _, name, kind, size, digest, *_ in attachments.rows(content, parsed):
        output.say(f"Attachment: {name or '(unnamed)'}  {kind}  {output.size(size)}  sha256 {digest.hex()}")
    for event in calendars.events(content, parsed.attachments):
        told = (f"{event.method.lower()}: {event.summary}", event.when, event.location, event.organizer, event.repeats)
        output.say(f"Calendar {'; '.join(text for text in told if text)}")
    if parsed.holds:
        output.say(f"Holds: {', '.join(parsed.holds)}")
    _say_cut(parsed)
    print()
    _block(parsed.text)


def _say_cut(parsed: ParsedMessage) -> None:
    if parsed.cut:
        output.say(f"Cut, for its {' and '.join(parsed.cut)}: --raw has all of it")


def _block(text: str) -> None:
    sys.stdout.write(safe_block(text))
    if text and not text.endswith("\n"):
        sys.stdout.write("\n")
