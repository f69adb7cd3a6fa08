"""Flags as FETCH tells them, gathered into sets: a folder's answers cost six bytes a message, not an object each."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import field

from mailsync.imap.responses import Fetch
from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.model import split_flags
from mailsync.record import record
from mailsync.sync.plan import FlagState


@record
class Told:
    """What FETCH told of flags: all UIDs, and those with flags by state."""

    uids: UidSet = EMPTY
    states: dict[FlagState, UidSet] = field(default_factory=dict)


class Telling:
    """Gathers FETCH answers at six bytes a message; what is told twice counts as it was told last."""

    def __init__(self) -> None:
        self._uids = array("I")
        self._kinds = array("H")
        self._names: dict[tuple[str, ...] | None, int] = {}
        self._states: list[FlagState | None] = []

    def add(self, answers: Iterable[Fetch]) -> None:
        for answer in answers:
            if answer.uid is None:
                continue
            kind = self._names.get(answer.flags)
            if kind is None:
                state = None if answer.flags is None else split_flags(answer.flags)
                if state not in self._states:
                    self._states.append(state)
                kind = self._names[answer.flags] = self._states.index(state)
            self._uids.append(answer.uid)
            self._kinds.append(kind)

    def told(self) -> Told:
        uids, kinds = self._uids, self._kinds
        everything = UidSet.from_uids(uids)
        if len(everything) != len(uids):
            last = dict(zip(uids, kinds, strict=True))
            uids, kinds = array("I", last), array("H", last.values())
        groups: list[array[int]] = [array("I") for _ in self._states]
        for uid, kind in zip(uids, kinds, strict=True):
            groups[kind].append(uid)
        states = {
            state: UidSet.from_uids(group)
            for state, group in zip(self._states, groups, strict=True)
            if state is not None and group
        }
        return Told(everything, states)
