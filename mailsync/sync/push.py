"""The push ladder, decided purely: how each folder is watched, when to act on what was told, and how far to trust it.

    NOTIFY (RFC 5465)   every mirrored folder, on one connection
    IDLE (RFC 2177)     the folders of `watch`, a connection each
    NOOP                the same, asked now and then
    STATUS              what is left of `watch`, and folders whose push was found unreliable

No clock, no socket, no store: times are arguments, in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

WINDOW_SECONDS = 0.2
"""What follows an action within this time, and then each other within it, is gathered."""
GATHER_SECONDS = 1.0
"""Longest time that anything waits in a gathering."""
GRACE_SECONDS = 10.0
"""A sync may be quicker than push by this much (servers hold notices back) before it is a miss."""
MISSES = 3
MISSED_SHARE = 0.2
"""Push is unreliable from so many misses on when they are more than this share of all arrivals counted."""
AGAIN_SECONDS = 24 * 3600.0
"""An unreliable folder is given another chance after this time."""
COUNTED_SECONDS = 7 * 24 * 3600.0
"""Counts start over after this time, so that a good past does not hide a bad present."""
JUMP_SECONDS = 20.0
"""Clocks that part by more than this, or a sleep that lasts so much longer than asked: the machine slept."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mirrored folder: `wanted` when the account's `watch` selects it, `unreliable` by `Tally.unreliable`."""

    name: str
    wanted: bool
    unreliable: bool = False


@dataclass(frozen=True, slots=True)
class Ladder:
    """Which folders are watched on which rung."""

    notify: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    noop: tuple[str, ...] = ()
    status: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offers:
    """What the server can do: `noop` is False where NOOP is known to show nothing new."""

    notify: bool = False
    idle: bool = False
    noop: bool = True


def choose(candidates: Sequence[Candidate], offers: Offers, connections: int) -> Ladder:
    """The rung of each folder, given the connections that watching may hold. NOTIFY needs one for all folders."""
    wanted = [one.name for one in candidates if one.wanted]
    if not wanted or connections < 1:
        return Ladder()
    trusted = tuple(one.name for one in candidates if not one.unreliable)
    if offers.notify and trusted:
        return Ladder(notify=trusted, status=tuple(one.name for one in candidates if one.unreliable))
    held = tuple(name for name in trusted if name in wanted)[:connections]
    rest = tuple(name for name in wanted if name not in held)
    if offers.idle and held:
        return Ladder(idle=held, status=rest)
    if offers.noop and held:
        return Ladder(noop=held, status=rest)
    return Ladder(status=tuple(wanted))


def rest(last: float, waited: float) -> float:
    """Seconds to stay away from IDLE after an action, given the last such rest and how long IDLE had waited.

    Whatever comes after a quiet time is heard at once. While one event follows another within the window, the server
    gathers them during longer and longer rests and tells all of them when IDLE begins again.
    """
    if waited >= WINDOW_SECONDS:
        return 0.0
    return min(max(2 * last, WINDOW_SECONDS), GATHER_SECONDS)


@dataclass(slots=True)
class _Waiting:
    first: float
    due: float


class Gathering:
    """When to act on what is told of folders.

    What comes to a folder that was quiet is acted on at once: one new message must not wait. What follows within
    `window` is gathered until the folder has been quiet for as long, yet nothing waits longer than `most`. While an
    action on a folder is under way everything that is told of it waits for `done`.
    """

    def __init__(self, window: float = WINDOW_SECONDS, most: float = GATHER_SECONDS) -> None:
        self._window = window
        self._most = most
        self._waiting: dict[str, _Waiting] = {}
        self._busy: set[str] = set()
        self._acted: dict[str, float] = {}

    def note(self, name: str, now: float) -> None:
        """Something was told of the folder."""
        waiting = self._waiting.get(name)
        if waiting is not None:
            waiting.due = min(now + self._window, waiting.first + self._most)
            return
        acted = self._acted.get(name)
        quiet = acted is None or now - acted >= self._window
        self._waiting[name] = _Waiting(now, now if quiet and name not in self._busy else now + self._window)

    def take(self, now: float) -> list[str]:
        """The folders to act on now; tell `done` after each."""
        due = [name for name, one in self._waiting.items() if one.due <= now and name not in self._busy]
        for name in due:
            del self._waiting[name]
            self._busy.add(name)
        return due

    def done(self, name: str, now: float) -> None:
        """The action on the folder has ended."""
        self._busy.discard(name)
        self._acted[name] = now

    def seconds(self, now: float) -> float | None:
        """Until `take` gives something, None when nothing waits for time alone."""
        due = [one.due for name, one in self._waiting.items() if name not in self._busy]
        return max(0.0, min(due) - now) if due else None


@dataclass(frozen=True, slots=True)
class Tally:
    """Arrivals in a folder that push told of, and that a sync found although push should have; since when."""

    pushed: int = 0
    missed: int = 0
    since: float | None = None

    @property
    def unreliable(self) -> bool:
        return self.missed >= MISSES and self.missed > MISSED_SHARE * (self.pushed + self.missed)

    def expired(self, now: float) -> bool:
        """True when the counts should start over."""
        return self.since is not None and now - self.since > (AGAIN_SECONDS if self.unreliable else COUNTED_SECONDS)

    def __str__(self) -> str:
        return f"push missed {self.missed:,} of {self.pushed + self.missed:,}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Arrivals found by a sync that push told of as well (`pushed`) or not (`missed`)."""

    name: str
    pushed: int
    missed: int


@dataclass(slots=True)
class _Found:
    name: str
    count: int
    at: float


@dataclass(slots=True)
class Ledger:
    """Holds what syncs found against what push told.

    A sync that runs just when a message arrives finds it before the server's notice comes, or while the notice waits
    for the folder: only what push does not tell within the grace is a miss.
    """

    grace: float = GRACE_SECONDS
    _since: dict[str, float] = field(default_factory=dict)
    _told: dict[str, float] = field(default_factory=dict)
    _found: list[_Found] = field(default_factory=list)
    _settled: list[Verdict] = field(default_factory=list)

    def watch(self, names: Iterable[str], now: float) -> None:
        """From now on push is to tell of arrivals in these folders and in no others."""
        self._since = {name: self._since.get(name, now) for name in names}

    def told(self, name: str, now: float) -> None:
        """Push told of arrivals in the folder."""
        self._told[name] = now
        self._settle(lambda one: Verdict(one.name, one.count, 0) if one.name == name else None)

    def found(self, name: str, count: int, began: float, now: float) -> None:
        """A sync that `began` then found arrivals in the folder. Those from before it was watched are no matter."""
        since = self._since.get(name)
        if not count or since is None or since >= began:
            return
        if self._told.get(name, float("-inf")) >= began - self.grace:
            self._settled.append(Verdict(name, count, 0))
        else:
            self._found.append(_Found(name, count, now))

    def verdicts(self, now: float) -> list[Verdict]:
        """What is decided by now and was not given before."""
        self._settle(lambda one: Verdict(one.name, 0, one.count) if now - one.at > self.grace else None)
        settled, self._settled = self._settled, []
        # What a folder that is watched no more did not tell is no miss.
        return [one for one in settled if one.pushed or one.name in self._since]

    def _settle(self, judge: Callable[[_Found], Verdict | None]) -> None:
        for one in list(self._found):
            verdict = judge(one)
            if verdict is not None:
                self._found.remove(one)
                self._settled.append(verdict)


def jumped(asked: float, monotonic: float, wall: float) -> bool:
    """True when the machine slept: `asked` seconds of sleep took so long by the two clocks.

    The monotonic clock may stand still meanwhile (Linux) or go on (macOS). A wall clock that is set back tells nothing.
    """
    return wall - monotonic > JUMP_SECONDS or monotonic - asked > JUMP_SECONDS
