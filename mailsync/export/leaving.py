"""One export from its start to its row in the audit trail."""

from __future__ import annotations

import json
import sqlite3
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from mailsync.errors import UsageError
from mailsync.export import eml, index, maildir, mbox
from mailsync.export.chosen import Chosen, Messages, Outcome
from mailsync.export.names import FOLDERS, Names
from mailsync.export.tree import Tree, holds, replace
from mailsync.store import audit
from mailsync.store.database import Store

Form = Literal["eml", "maildir", "mbox"]


def run(
    store: Store,
    form: Form,
    dest: Path,
    folders: list[Chosen],
    advance: Callable[[int], None],
    *,
    everything: bool,
    only: array[int] | None = None,
) -> dict[str, Outcome]:
    """Export to `dest`; gives what was done, by account. That is on record, also where it failed in the middle.

    `everything` says that `folders` are all there are; of `only` (message ids, ascending) others stay where and as
    earlier exports left them. Raises Busy while another export is written there, UsageError
    when one of another form was, ConsentMissing, mbox.Altered, OSError.
    """
    outcomes = {folder.account: Outcome() for folder in folders}
    with Tree(dest) as tree:
        document = _earlier(dest, form)
        ended = "ok"
        try:
            _write(tree, form, document, Messages(store, outcomes, advance, only), folders, everything=everything)
        except BaseException as error:
            ended = type(error).__name__
            raise
        finally:
            store.write(lambda connection: _record(connection, form, outcomes, ended)).result()
    return outcomes


def counted(form: Form) -> tuple[str, ...]:
    """The counters of an outcome that mean something for this form, beside those of every one."""
    return {"eml": eml.COUNTED, "maildir": maildir.COUNTED, "mbox": mbox.COUNTED}[form]


def _write(
    tree: Tree, form: Form, document: dict[str, Any], messages: Messages, folders: list[Chosen], *, everything: bool
) -> None:
    if form == "eml":
        eml.export(tree, messages, folders, everything=everything)
        return
    ending = maildir.ENDING if form == "maildir" else mbox.ENDING
    names = Names(ending, taken=(FOLDERS, index.INDEX))
    names.remember(document.get("folders", ()))
    for folder in sorted(folders, key=lambda folder: folder.id):
        names.path(folder.account, folder.name, folder.delimiter)
    root, text = tree.folder(""), names.document(form)
    if not holds(root, FOLDERS, text):
        replace(root, FOLDERS, text)
    if form == "maildir":
        maildir.export(tree, messages, folders, names, everything=everything)
    else:
        mbox.export(tree, messages, folders, names)


def _earlier(dest: Path, form: Form) -> dict[str, Any]:
    """The content of folders.json; UsageError when the directory holds an export of another form."""
    try:
        document = json.loads((dest / FOLDERS).read_bytes())
        found = document["form"] if isinstance(document["folders"], list) else None
    except FileNotFoundError:
        document, found = {}, "eml" if (dest / index.INDEX).exists() else form
    except (ValueError, TypeError, KeyError):
        document, found = {}, None
    if found != form:
        what = f"an export as {found}" if found in ("eml", "maildir", "mbox") else f"a {FOLDERS} of something else"
        raise UsageError(f"{dest} holds {what}", hint="name another directory")
    return document if isinstance(document, dict) else {}


def _record(connection: sqlite3.Connection, form: Form, outcomes: dict[str, Outcome], ended: str) -> None:
    for account, one in outcomes.items():
        audit.record(
            connection,
            "exported",
            at=time.time(),
            account=account,
            outcome=ended,
            form=form,
            messages=one.written + one.renamed + one.unchanged,
            written=one.written,
            bytes=one.bytes,
            withheld=one.withheld,
        )
