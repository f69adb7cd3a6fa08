"""A process that ends between two steps, without one: everything that it would still do raises.

A step is a transaction, before it and after its commit; a command, before it is sent; an answer that has come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from mailsync.imap.protocol import Pending, Protocol
from mailsync.imap.responses import Tagged
from mailsync.store.database import Store

T = TypeVar("T")


class Killed(Exception):
    """The process is no more."""


@dataclass
class Steps:
    """Ends at step `last`, counted from 1; `taken` counts them."""

    last: int
    taken: int = 0
    lines: list[Protocol] = field(default_factory=list)

    def step(self) -> None:
        self.taken += 1
        if self.taken >= self.last:
            raise Killed


@contextmanager
def killed_at(patch: pytest.MonkeyPatch, last: int) -> Iterator[Steps]:
    """What happens inside ends at that step; connections are cut in the end."""
    steps = Steps(last)
    awrite, write, finish = Store.awrite, Protocol.write, Protocol.finish

    async def committed(self: Store, function: Callable[..., T], **options: Any) -> T:
        steps.step()
        result = await awrite(self, function, **options)
        steps.step()
        return result

    def sent(self: Protocol, data: bytes) -> None:
        if self not in steps.lines:
            steps.lines.append(self)
        steps.step()
        write(self, data)

    async def answered(self: Protocol, pending: Pending) -> Tagged:
        answer = await finish(self, pending)
        steps.step()
        return answer

    with patch.context() as inside:
        inside.setattr(Store, "awrite", committed)
        inside.setattr(Protocol, "write", sent)
        inside.setattr(Protocol, "finish", answered)
        yield steps
    for line in steps.lines:
        if line.transport is not None:
            line.transport.abort()
