"""The folder tree: accounts, then nested folders by each folder's own delimiter, the special ones first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mailsync.store.dashboard import Folder
from mailsync.tui.searches import Saved

SPECIAL_ORDER = ("\\inbox", "\\flagged", "\\drafts", "\\sent", "\\archive", "\\all", "\\important", "\\junk", "\\trash")
SEARCHES = ("",)
"""The key of the line above the saved searches, which no account can have."""
_MARKS = {
    "\\sent": "sent",
    "\\drafts": "drafts",
    "\\archive": "archive",
    "\\all": "all mail",
    "\\junk": "junk",
    "\\trash": "trash",
    "\\flagged": "flagged",
    "\\important": "important",
}


@dataclass(frozen=True, slots=True)
class Node:
    """A line of the tree. `folder` is None for an account and for a name that only has children."""

    key: tuple[str, ...]
    """(account, part, part...): what the person opens and closes, stable across readings."""
    label: str
    depth: int
    folder: Folder | None
    has_children: bool
    open: bool
    unread: int
    """Of the folder itself, and of all below it where the line is closed; of a search, of what it finds."""
    search: str = ""
    """The query of a saved search."""

    @property
    def account(self) -> str | None:
        """The account that the line belongs to."""
        return self.key[0] or None


@dataclass(slots=True)
class _Branch:
    folder: Folder | None = None
    children: dict[str, _Branch] = field(default_factory=dict)


def special_word(folder: Folder) -> str:
    """The special use of a folder as a word, empty for an ordinary one."""
    return _MARKS.get(folder.special_use.lower(), "")


def rank(folder: Folder | None, name: str) -> int:
    """Where a folder stands among its siblings: INBOX, the special uses in their usual order, the others."""
    use = "\\inbox" if name.upper() == "INBOX" else folder.special_use.lower() if folder else ""
    return SPECIAL_ORDER.index(use) if use in SPECIAL_ORDER else len(SPECIAL_ORDER)


def parts(folder: Folder) -> list[str]:
    """The path of a folder; a name with empty parts is not split, so that every folder has a line of its own."""
    path = folder.name.split(folder.delimiter) if folder.delimiter else [folder.name]
    return path if all(path) else [folder.name]


def ordered(folders: Iterable[Folder]) -> list[Folder]:
    """Folders of one account as a flat list in the order of the tree's first level."""
    return sorted(folders, key=lambda folder: (rank(folder, folder.name), folder.name.casefold()))


def kept(searches: Sequence[Saved], closed: Collection[tuple[str, ...]]) -> list[Node]:
    """The lines of the saved searches, below one for all of them; nothing where there are none."""
    if not searches:
        return []
    is_open = SEARCHES not in closed
    lines = [Node((*SEARCHES, one.name), one.name, 1, None, False, True, one.unread or 0, one.text) for one in searches]
    unread = 0 if is_open else sum(line.unread for line in lines)
    return [Node(SEARCHES, "Searches", 0, None, True, is_open, unread), *(lines if is_open else ())]


def flatten(accounts: Iterable[str], folders: Iterable[Folder], closed: Collection[tuple[str, ...]]) -> list[Node]:
    """The visible lines from top to bottom; below a node whose key is in `closed` nothing shows."""
    roots = {name: _Branch() for name in accounts}
    for folder in folders:
        root = branch = roots.get(folder.account)
        if root is None or branch is None:
            continue
        for part in parts(folder):
            branch = branch.children.setdefault(part, _Branch())
        if branch.folder is not None:
            # Namespaces with different delimiters can have two folders on one path ("x/y" and "x.y").
            branch = root.children.setdefault(folder.name, _Branch())
        branch.folder = folder
    return [node for name, root in roots.items() for node in _lines((name,), root, closed)]


def _lines(key: tuple[str, ...], branch: _Branch, closed: Collection[tuple[str, ...]]) -> Iterator[Node]:
    # Not recursive: a server may nest names as deeply as a name is long.
    waiting = [(key, branch)]
    while waiting:
        key, branch = waiting.pop()
        is_open = key not in closed
        own = branch.folder.unread if branch.folder else 0
        yield Node(
            key,
            key[-1],
            len(key) - 1,
            branch.folder,
            bool(branch.children),
            is_open,
            own if is_open else _all_unread(branch),
        )
        if is_open:
            children = sorted(branch.children.items(), key=_place, reverse=True)
            waiting.extend(((*key, name), child) for name, child in children)


def _place(item: tuple[str, _Branch]) -> tuple[int, str]:
    name, branch = item
    return rank(branch.folder, name), name.casefold()


def _all_unread(branch: _Branch) -> int:
    total, waiting = 0, [branch]
    while waiting:
        branch = waiting.pop()
        total += branch.folder.unread if branch.folder else 0
        waiting.extend(branch.children.values())
    return total
