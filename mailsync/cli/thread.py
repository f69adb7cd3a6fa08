"""`mailsync thread`: a conversation as the tree of its messages, wherever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailsync.cli import context, output
from mailsync.cli.arguments import AsJson
from mailsync.errors import NotFound
from mailsync.text import safe_text

if TYPE_CHECKING:
    import sqlite3

    from mailsync.pipeline.threads import Placed
    from mailsync.store.threads import Member

_DEEPEST = 12
"""Levels that are indented; below them a tree goes straight down."""
_SENDER, _SUBJECT = 24, 60
"""Characters at most."""


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync thread 4711")(thread)


def thread(
    ctx: typer.Context,
    message_id: Annotated[
        str, typer.Argument(metavar="ID", help="A message's id, as other commands print it, or a thread's: t12.")
    ],
    as_json: AsJson = False,
) -> None:
    """All messages of a conversation, each below the one it answers, in whatever folder or account.

    A message in several folders stands once, with the id of its first. It needs email_read; messages of accounts that
    lack it are left out.
    """
    from mailsync.pipeline.threads import Leaf, base_subject, tree
    from mailsync.store import threads

    with context.of(ctx).store().read() as connection:
        number, asked = _find(connection, message_id)
        members = _readable(connection, threads.messages(connection, number), asked)
        if not members:
            raise NotFound(
                f"no thread {message_id}",
                hint="`mailsync search --json` tells the threads of messages; or give the id of a message",
            )
    lines = tree([Leaf(one.message_id, one.references, one.subject, one.date) for one in members])
    first = members[next(line.number for line in lines if line.number is not None)]
    subject = base_subject(first.subject)[0] or first.subject
    if as_json:
        output.emit(
            {
                "thread_id": threads.name(number),
                "subject": subject,
                "messages": [_entry(members, line) for line in lines if line.number is not None],
            }
        )
        return
    output.say(f"[{threads.name(number)}] {subject or '(no subject)'}")
    output.table((_row(members, line, subject) for line in lines), right=(0,))


def _find(connection: sqlite3.Connection, named: str) -> tuple[int, str]:
    """The thread, and the account of the message that was named, empty if it was a thread."""
    from mailsync.store import reading, threads

    if thread_id := threads.number(named):
        return thread_id, ""
    digits = int(named) if named.isascii() and named.isdecimal() and len(named) < 19 else 0
    message = reading.find(connection, digits) if digits else None
    if message is None:
        raise NotFound(f"no message {named}", hint="`mailsync search` prints the ids of messages")
    found = threads.of_message(connection, digits)
    if found is None:
        raise NotFound(
            f"message {named} is in no thread yet", hint="`mailsync sync` reads what is new; `mailsync show` has it"
        )
    return found, message.account


def _readable(connection: sqlite3.Connection, members: list[Member], asked: str) -> list[Member]:
    """Those of accounts whose mail may be read; ConsentMissing for the one that was asked for, or when none
    of any is left."""
    from mailsync.privacy.consent import EMAIL_READ
    from mailsync.record import replace
    from mailsync.store import consents

    if asked:
        consents.require(connection, asked, [EMAIL_READ])
    allowed = set(consents.allowing(connection, EMAIL_READ))
    found = []
    for member in members:
        copies = tuple(copy for copy in member.copies if copy.account in allowed)
        if copies:
            found.append(replace(member, copies=copies))
        elif not asked and member.copies:
            asked = member.copies[0].account
    if not found and asked:
        consents.require(connection, asked, [EMAIL_READ])
    return found


def _entry(members: list[Member], line: Placed) -> dict[str, Any]:
    """An element of `messages` in the document."""
    from mailsync.model import flag_names, iso

    assert line.number is not None
    member = members[line.number]
    first = member.copies[0]
    return {
        "id": str(first.id),
        "account": first.account,
        "folder": first.folder,
        "uid": first.uid,
        "date": iso(member.date or None),
        "from": _sender(member, full=True),
        "subject": member.subject,
        "flags": flag_names(first.flags, first.keywords),
        "depth": line.depth,
        "parent": str(members[line.parent].copies[0].id) if line.parent is not None else None,
        "message_id": member.message_id,
        "copies": [str(copy.id) for copy in member.copies[1:]],
        "removed_at": iso(first.removed_at),
    }


def _row(members: list[Member], line: Placed, subject: str) -> tuple[str, ...]:
    """The cells of a line: id, date, who, within which tree, where, and what else is to be told."""
    from mailsync.model import flag_names
    from mailsync.pipeline.threads import base_subject

    indent = "  " * min(line.depth, _DEEPEST)
    if line.number is None:
        return "", "", f"{indent}(not here)", "", ""
    member = members[line.number]
    first = member.copies[0]
    told = [*flag_names(first.flags, first.keywords)]
    if len(member.copies) > 1:
        told.append(f"+{len(member.copies) - 1} more")
    if first.removed_at is not None:
        told.append("gone from the server")
    if base_subject(member.subject)[0].casefold() != subject.casefold():
        told.append(f"“{safe_text(member.subject, _SUBJECT)}”")
    return (
        str(first.id),
        output.when(member.date or None)[:16],
        indent + safe_text(_sender(member), _SENDER),
        f"{first.account} / {first.folder}",
        "  ".join(told),
    )


def _sender(member: Member, *, full: bool = False) -> str:
    if full and member.from_name and member.from_addr:
        return f"{member.from_name} <{member.from_addr}>"
    return member.from_name or member.from_addr or ("" if full else "(nobody)")
