"""What a connection is doing, as an explicit machine: a move that is not drawn here is a mistake of ours and raises.

disconnected -> connecting -> authenticated <-> selected
                                 |    ^          |   ^
                                 v    |          v   |
                                 idle-'          idle'

from anywhere: error (it broke), disconnected (we closed it); from those two no way leads back, a session is not
used twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

ConnectionState: TypeAlias = Literal["disconnected", "connecting", "authenticated", "selected", "idle", "error"]

MOVES: dict[ConnectionState, frozenset[ConnectionState]] = {
    "disconnected": frozenset({"connecting"}),
    "connecting": frozenset({"authenticated", "error", "disconnected"}),
    "authenticated": frozenset({"authenticated", "selected", "idle", "error", "disconnected"}),
    "selected": frozenset({"authenticated", "selected", "idle", "error", "disconnected"}),
    "idle": frozenset({"authenticated", "selected", "error", "disconnected"}),
    "error": frozenset(),
}


class States:
    """The state of one connection; `told(state)` is called after each move to another one."""

    def __init__(self, told: Callable[[ConnectionState], None] = lambda state: None) -> None:
        self.now: ConnectionState = "disconnected"
        self._over = False
        self._told = told

    def move(self, to: ConnectionState) -> None:
        """RuntimeError when no such move is drawn above."""
        if self._over or to not in MOVES[self.now]:
            raise RuntimeError(f"a connection that is {self.now} cannot become {to}")
        if to != self.now:
            self._enter(to)

    def end(self, to: Literal["error", "disconnected"]) -> None:
        """The connection is over; the first reason given stays. One that never began stays disconnected."""
        if self._over or self.now in ("disconnected", "error"):
            return
        self._over = True
        self._enter(to)

    def _enter(self, to: ConnectionState) -> None:
        self.now = to
        self._told(to)
