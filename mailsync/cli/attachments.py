"""`mailsync attachments`: what a message carries, and a way to save it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mailsync.cli import context, output, show
from mailsync.cli.arguments import AsJson
from mailsync.errors import NotFound


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync attachments 4711 --save ~/Downloads --number 2")(attachments)


def attachments(
    ctx: typer.Context,
    message_id: Annotated[str, typer.Argument(metavar="ID", help="A message's id, as other commands print it.")],
    save: Annotated[Path | None, typer.Option("--save", metavar="DIR", help="Write them to this directory.")] = None,
    number: Annotated[
        list[int] | None, typer.Option("--number", metavar="N", help="Only this one; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The attachments of a message: number, name, type, size and SHA-256; files within a winmail.dat, too.

    --save makes the directory if it is not there, and writes what is not in it yet, under names that are harmless; no
    file is overwritten or opened. It needs attachment_access; the list needs email_read.
    """
    shared = context.of(ctx)
    message = show.find(shared, message_id)
    store = shared.store()
    from mailsync.export.attachments import listed
    from mailsync.export.attachments import save as save_to

    with store.read() as connection:
        found = listed(connection, message)
    wanted = number or [one.number for one in found]
    for one in wanted:
        if one not in [each.number for each in found]:
            raise NotFound(f"message {message_id} has no attachment {one}", hint="without --number it lists them")
    dest = save.expanduser() if save else None
    saved = save_to(store, message.id, dest, wanted) if dest and wanted else []
    if as_json:
        output.emit(
            {
                "id": str(message.id),
                "attachments": [show.entry(one) for one in found if one.number in wanted],
                "dir": str(dest) if dest else None,
                "saved": [
                    {
                        "number": one.number,
                        "file": one.name,
                        "size": one.size,
                        "sha256": one.sha256,
                        "written": one.written,
                    }
                    for one in saved
                ],
            }
        )
        return
    if dest is None:
        rows = [
            (str(one.number), one.name or "(unnamed)", one.type, output.size(one.size), one.digest.hex())
            for one in found
            if one.number in wanted
        ]
        output.table(rows, right=(0, 3))
    for one_saved in saved:
        known = "" if one_saved.written else ", already there"
        output.say(f"{dest}/{one_saved.name}  {output.size(one_saved.size)}{known}")
    if not found:
        output.note(f"message {message_id} has no attachments")
