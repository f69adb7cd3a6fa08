"""One file a message, named by its id, all in one directory."""

from __future__ import annotations

from typing import Any

from mailsync.export.chosen import Chosen, Messages
from mailsync.export.index import Index
from mailsync.export.tree import Tree, holds, replace

COUNTED = ()
"""What is told beside the counters of every form."""


def export(tree: Tree, messages: Messages, folders: list[Chosen], *, everything: bool) -> None:
    """Write what is new or differs. Files of messages that are gone stay, but leave the index."""

    def find(entry: dict[str, Any]) -> str | None:
        name = f"{int(entry['id'])}.eml"
        return name if (tree.path / name).is_file() else None

    with Index(tree.path, folders if messages.only is None else [], find, everything=everything) as index:
        for message, content in messages.by_id(folders):
            # The id is a number of our own: no text of a server or a message becomes part of a path.
            name = f"{message.id}.eml"
            outcome = messages.outcomes[message.account]
            folder = tree.folder("")
            if holds(folder, name, content):
                outcome.unchanged += 1
            else:
                replace(folder, name, content)
                outcome.written += 1
                outcome.bytes += len(content)
            index.add(message, name)
