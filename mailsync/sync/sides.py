"""Both sides of a reset, a folder as it is on the server now and as it was mirrored: flat, 30 bytes a message."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from mailsync.store import identities
from mailsync.sync import identity
from mailsync.sync.moves import Shown


@dataclass(slots=True)
class Theirs:
    """The folder as it is now: parallel sequences, in order of UID once `settle` was called.

    `named`: the server has EMAILIDs.
    """

    named: bool
    uids: array[int] = field(default_factory=lambda: array("I"))
    keys: array[int] = field(default_factory=lambda: array("q"))
    names: array[int] = field(default_factory=lambda: array("q"))
    """Empty where the server has no EMAILIDs."""
    _flags: array[int] = field(default_factory=lambda: array("B"))
    _keywords: array[int] = field(default_factory=lambda: array("I"))
    _combinations: dict[str, int] = field(default_factory=dict)
    _texts: list[str] = field(default_factory=list)
    _identifiers: bytearray = field(default_factory=bytearray)
    _ends: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, shown: Iterable[Shown]) -> None:
        """What the server tells, in any order."""
        for one in shown:
            self.uids.append(one.uid)
            self._flags.append(one.flags)
            self._keywords.append(self._combination(one.keywords))
            self.keys.append(identity.key(one.internaldate, one.size, one.mark))
            if self.named:
                self.names.append(identity.emailid_key(one.emailid or ""))
                self._identifiers += f"{one.emailid or ''}\0{one.threadid or ''}".encode("utf-8", "surrogateescape")
                self._ends.append(len(self._identifiers))

    def _combination(self, keywords: str) -> int:
        number = self._combinations.get(keywords)
        if number is None:
            number = self._combinations[keywords] = len(self._texts)
            self._texts.append(keywords)
        return number

    def settle(self) -> None:
        """Bring them into order; of what was told twice, the last counts."""
        uids = self.uids
        if all(uids[at - 1] < uids[at] for at in range(1, len(uids))):
            return
        told = {uid: at for at, uid in enumerate(uids)}
        order = array("I", (told[uid] for uid in sorted(told)))
        if self.named:
            identifiers, ends = bytearray(), array("Q")
            for at in order:
                identifiers += self._raw_identifiers(at)
                ends.append(len(identifiers))
            self._identifiers, self._ends = identifiers, ends
            self.names = array("q", (self.names[at] for at in order))
        self.uids = array("I", (uids[at] for at in order))
        self.keys = array("q", (self.keys[at] for at in order))
        self._flags = array("B", (self._flags[at] for at in order))
        self._keywords = array("I", (self._keywords[at] for at in order))

    def state(self, at: int) -> tuple[int, str]:
        """System flag bits and keywords of the message at this index."""
        return self._flags[at], self._texts[self._keywords[at]]

    def identifiers(self, at: int) -> tuple[str | None, str | None]:
        """EMAILID and THREADID of the message at this index."""
        if not self.named:
            return None, None
        emailid, _, threadid = self._raw_identifiers(at).decode("utf-8", "surrogateescape").partition("\0")
        return emailid or None, threadid or None

    def _raw_identifiers(self, at: int) -> bytes:
        return bytes(self._identifiers[self._ends[at - 1] if at else 0 : self._ends[at]])


@dataclass(slots=True)
class Ours:
    """The rows that have their bytes, in order of their old UIDs: parallel arrays. `named` as with `Theirs`."""

    named: bool
    rows: array[int] = field(default_factory=lambda: array("q"))
    uids: array[int] = field(default_factory=lambda: array("I"))
    contents: array[int] = field(default_factory=lambda: array("q"))
    keys: array[int] = field(default_factory=lambda: array("q"))
    names: array[int] = field(default_factory=lambda: array("q"))

    def add(self, row: identities.Row, key: int) -> None:
        self.rows.append(row.id)
        self.uids.append(row.uid)
        self.contents.append(row.content)
        self.keys.append(key)
        if self.named:
            self.names.append(identity.emailid_key(row.emailid))

    def forget(self) -> None:
        """Let the rows go, once what is to be done with them is known."""
        for column in (self.rows, self.uids, self.contents):
            del column[:]


@dataclass(slots=True)
class Likeness:
    """Which of theirs each of ours is: `here` are indexes into ours, ascending, `there` those of theirs beside them."""

    there: array[int] = field(default_factory=lambda: array("I"))
    here: array[int] = field(default_factory=lambda: array("I"))

    def __len__(self) -> int:
        return len(self.here)


def compare(theirs: Theirs, ours: Ours) -> Likeness:
    """What is the same in both: by EMAILID, and of the rest by date, size and Message-ID; the keys are gone then."""
    partner = array("i", [-1]) * len(ours.rows)
    if theirs.named:
        for there, here in zip(*identity.join(theirs.names, ours.names, ours.contents), strict=True):
            partner[here] = there
            theirs.keys[there] = ours.keys[here] = 0
    for there, here in zip(*identity.join(theirs.keys, ours.keys, ours.contents), strict=True):
        partner[here] = there
    for keys in (theirs.names, theirs.keys, ours.names, ours.keys):
        del keys[:]
    known = array("I", (at for at, other in enumerate(partner) if other >= 0))
    return Likeness(array("I", (partner[at] for at in known)), known)
