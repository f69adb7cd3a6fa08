"""Which messages of a list a person is shown for all of them. Pure, and the same for the same list.

A fifth are those that the rule is least sure of. The rest is spread over lists and senders, as many of each as its
share comes to, one at least, and within each over time, from the oldest to the newest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

SIZE = 50
UNSURE = 10


class Drawn(NamedTuple):
    """A message of a list: its number, its list or sender, its date in Unix seconds, how sure the rule is of it."""

    number: int
    group: str
    date: int
    confidence: float


def sample(messages: Iterable[Drawn], size: int = SIZE) -> list[int]:
    """The numbers of `size` messages, ascending; all where there are no more."""
    every = list(messages)
    if len(every) <= size:
        return sorted(one.number for one in every)
    unsure = min(UNSURE, size // 2)
    chosen = {one.number for one in sorted(every, key=lambda one: (one.confidence, one.number))[:unsure]}
    groups: dict[str, list[Drawn]] = {}
    for one in every:
        if one.number not in chosen:
            groups.setdefault(one.group, []).append(one)
    largest = sorted(groups.values(), key=lambda group: (-len(group), group[0].number))
    for group, count in zip(largest, _shares([len(group) for group in largest], size - len(chosen)), strict=False):
        chosen |= {one.number for one in _spread(sorted(group, key=lambda one: (one.date, one.number)), count)}
    return sorted(chosen)


def _shares(sizes: Sequence[int], places: int) -> list[int]:
    """How many places each group has: one for each of the largest, the others by size."""
    shares = [1] * min(len(sizes), places)
    left = places - len(shares)
    whole = sum(sizes[: len(shares)])
    for number, size in enumerate(sizes[: len(shares)]):
        shares[number] += min(left * size // whole, size - 1)
    for number, size in enumerate(sizes[: len(shares)]):
        more = min(size - shares[number], places - sum(shares))
        shares[number] += more
    return shares


def _spread(group: Sequence[Drawn], count: int) -> list[Drawn]:
    """So many of a group, as far apart as may be, the first and the last among them."""
    if count == 1:
        return [group[len(group) // 2]]
    return [group[at * (len(group) - 1) // (count - 1)] for at in range(count)]
