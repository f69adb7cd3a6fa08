"""What is to change about a message: where actions take it, and the difference of two places. Pure.

What a row changes is that difference, laid over the message as it is now: flags that somebody else gives or takes are
left alone, and undoing takes back what was changed, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mailsync.config.actions import Action, as_keyword
from mailsync.model import FLAG_NAMES, Flag
from mailsync.record import record, replace
from mailsync.store.cleanup_places import Copy, Place

_FLAGS = {"mark_read": (Flag.SEEN, True), "mark_unread": (Flag.SEEN, False)} | {
    "flag": (Flag.FLAGGED, True),
    "unflag": (Flag.FLAGGED, False),
}
INBOX_LABEL = "\\Inbox"


@record(frozen=True)
class Means:
    """What an open folder and its server have for actions.

    `permanent` are the flags and keywords that the folder keeps, in lower case, None where the server does not tell;
    `folders` the raw names of the folders that actions go to, by the action as it is written; `removes` whether single
    messages can be taken away (UIDPLUS), `moves` whether they can be moved (MOVE, or UIDPLUS).
    """

    gmail: bool
    permanent: frozenset[str] | None
    special_use: str
    folders: Mapping[str, bytes]
    removes: bool
    moves: bool

    def keeps(self, name: str) -> bool:
        """The folder keeps this flag or keyword."""
        if self.permanent is None:
            return name.startswith("\\")
        return name.lower() in self.permanent or (not name.startswith("\\") and "\\*" in self.permanent)

    def keyword(self, action: Action) -> str | None:
        """The keyword that a label is here; None where it is something else."""
        word = as_keyword(action.name)
        return word if not self.gmail and word is not None and self.keeps(word) else None

    @property
    def shows_all(self) -> bool:
        """The folder is Gmail's All Mail: what is in it goes to the archive and to folders by its labels."""
        return self.gmail and self.special_use == "\\All"


@record(frozen=True)
class Change:
    """What has to be done to a message where it is; `move` is the raw name of the folder that it goes to."""

    give: tuple[str, ...] = ()
    take: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    unlabel: tuple[str, ...] = ()
    copy: tuple[bytes, ...] = ()
    uncopy: tuple[Copy, ...] = ()
    move: bytes | None = None
    expunge: bool = False

    @property
    def nothing(self) -> bool:
        return self == Change()

    @property
    def folders(self) -> frozenset[bytes]:
        """Where messages will be put."""
        return frozenset(self.copy) | (frozenset() if self.move is None else frozenset([self.move]))


# -- where actions take a message ------------------------------------------------------------------------------


def needs_folder(action: Action, means: Means) -> bool:
    """The action puts messages into a folder."""
    if action.verb == "label":
        return not means.gmail and means.keyword(action) is None
    if action.verb in ("archive", "move"):
        return not means.shows_all
    return action.verb == "trash"


def refusal(actions: Iterable[Action], means: Means) -> str:
    """Why these actions cannot be carried out in this folder, "" where they can."""
    for action in actions:
        if action.verb in _FLAGS and not means.keeps(FLAG_NAMES[_FLAGS[action.verb][0]]):
            return f"{action}: the folder does not keep that flag"
        if action.verb == "unlabel" and not means.gmail and means.keyword(action) is None:
            return f"{action}: labels are folders on this server; what is in one is cleaned up there"
        if needs_folder(action, means) and str(action) not in means.folders:
            return f"{action}: the server has no such folder; name one with move:FOLDER"
        if action.verb == "label" and needs_folder(action, means) and not means.removes:
            return f"{action}: the server keeps no keywords, and could not take a copy back (no UIDPLUS)"
        if action.goes_away and action.verb != "expunge" and needs_folder(action, means) and not means.moves:
            return f"{action}: the server can neither move messages (MOVE) nor take single ones away (UIDPLUS)"
        if action.verb == "expunge" and not means.removes:
            return "expunge: the server cannot take single messages away (no UIDPLUS)"
        if action.verb == "expunge" and means.gmail and means.special_use not in ("\\Trash", "\\Junk"):
            return "expunge: Gmail does that in its Trash only; use trash"
    return ""


def wanted(actions: Iterable[Action], now: Place, means: Means) -> Place | None:
    """Where a message belongs after these actions, of which `refusal` had nothing to say; None for nowhere."""
    for action in actions:
        match action.verb:
            case "expunge":
                return None
            case "label" | "unlabel":
                now = _labelled(action, now, means)
            case "archive" | "move" if means.shows_all:
                labels = set(now.labels or ()) - {INBOX_LABEL}
                now = replace(now, labels=_sorted(labels | ({action.name} if action.verb == "move" else set())))
            case "archive" | "move" | "trash":
                now = moved(now, means.folders[str(action)])
            case verb:
                bit, given = _FLAGS[verb]
                now = replace(now, flags=now.flags | bit if given else now.flags & ~bit)
    return now


def _labelled(action: Action, now: Place, means: Means) -> Place:
    given = action.verb == "label"
    if means.gmail:
        labels = set(now.labels or ())
        return replace(now, labels=_sorted(labels | {action.name} if given else labels - {action.name}))
    word = means.keyword(action)
    if word is None:
        folder = means.folders[str(action)]
        there = folder == now.folder or any(copy.folder == folder for copy in now.copies)
        return now if there else replace(now, copies=(*now.copies, Copy(folder)))
    others = [one for one in now.keywords if one.lower() != word.lower()]
    if given and len(others) < len(now.keywords):
        return now
    return replace(now, keywords=_sorted([*others, *([word] if given else [])]))


def moved(now: Place, folder: bytes) -> Place:
    """The message in that folder: where it is not there yet, under no UID that is known."""
    copies = tuple(one for one in now.copies if one.folder != folder or one.uid is not None)
    return now if now.folder == folder else replace(now, folder=folder, uidvalidity=None, uid=None, copies=copies)


# -- the difference of two places ------------------------------------------------------------------------------


def difference(before: Place, after: Place | None) -> Change:
    """What takes a message from one place to the other."""
    if after is None:
        return Change(expunge=True)
    bits = [(name, bool(before.flags & bit), bool(after.flags & bit)) for bit, name in FLAG_NAMES.items()]
    had, has = _by_lower(before.keywords), _by_lower(after.keywords)
    labels = set(before.labels or ()), set(after.labels or ())
    copies = {one.folder for one in before.copies}
    kept = {one.folder for one in after.copies}
    return Change(
        give=tuple([name for name, old, new in bits if new > old] + [has[key] for key in has.keys() - had.keys()]),
        take=tuple([name for name, old, new in bits if new < old] + [had[key] for key in had.keys() - has.keys()]),
        label=_sorted(labels[1] - labels[0]) if after.labels is not None else (),
        unlabel=_sorted(labels[0] - labels[1]) if after.labels is not None else (),
        copy=tuple(one.folder for one in after.copies if one.folder not in copies),
        uncopy=tuple(one for one in before.copies if one.folder not in kept),
        move=after.folder if after.folder != before.folder else None,
    )


def shifted(now: Place, change: Change) -> Place | None:
    """Where a message will be when the change is laid over what it is now."""
    if change.expunge:
        return None
    given, taken = _bits(change.give), _bits(change.take)
    gone = {name.lower() for name in change.take}
    words = _by_lower(now.keywords) | _by_lower([name for name in change.give if not name.startswith("\\")])
    labels = now.labels
    if labels is not None:
        labels = _sorted((set(labels) | set(change.label)) - set(change.unlabel))
    copies = [one for one in now.copies if one not in change.uncopy] + [Copy(folder) for folder in change.copy]
    place = replace(
        now,
        flags=(now.flags | given) & ~taken,
        keywords=_sorted(word for key, word in words.items() if key not in gone),
        labels=labels,
        copies=tuple(copies),
    )
    return place if change.move is None else moved(place, change.move)


def made(before: Place, now: Place, change: Change) -> Place:
    """The place that a change has led to so far, by what can be seen of the message in its folder."""
    had, has = _names(before), _names(now)
    labels = set(now.labels or ())
    seen = Change(
        give=tuple(name for name in change.give if name.lower() in has - had),
        take=tuple(name for name in change.take if name.lower() in had - has),
        label=tuple(name for name in change.label if name in labels),
        unlabel=tuple(name for name in change.unlabel if name not in labels),
    )
    place = shifted(before, seen)
    assert place is not None
    return place


def _names(place: Place) -> set[str]:
    flags = {name.lower() for bit, name in FLAG_NAMES.items() if place.flags & bit}
    return flags | {name.lower() for name in place.keywords}


def _bits(names: Sequence[str]) -> int:
    return sum(bit for bit, name in FLAG_NAMES.items() if name in names)


def _by_lower(names: Iterable[str]) -> dict[str, str]:
    return {name.lower(): name for name in names}


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))
