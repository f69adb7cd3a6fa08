"""What a person decides on clean-ups at the screens, as wishes: see `tui.asking`. Each asks the store, which refuses
what may not be; nothing here goes around an approval."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mailsync.store import cleanup_decisions, cleanup_undo, jobs
from mailsync.store.cleanup_undo import Planned
from mailsync.store.cleanups import Cleanup
from mailsync.store.database import Store
from mailsync.tui import wording
from mailsync.tui.asking import PRIORITY, Wish

if TYPE_CHECKING:
    from mailsync.config.models import Config


def scan() -> Wish:
    """A look through the mirror for what may go, of every account."""

    def carry_out(store: Store, now: float) -> tuple[str, int | None]:
        job = store.write(lambda c: jobs.insert(c, "cleanup_scan", now, priority=PRIORITY)).result()
        return "Looking for what may go", job

    return carry_out


def approve(config: Config, one: Cleanup, typed: str, *, large: bool) -> Wish:
    """The list as it was shown, carried out; `large`: it was told that it is more than is usual."""

    def carry_out(store: Store, now: float) -> tuple[str, int | None]:
        from mailsync.cleanup import approval

        write = partial(approval.approve, config=config, cleanup_id=one.id, shown=one.hash, at=now)
        job = store.write(lambda c: write(c, large=large, typed=typed), durable=True).result()
        return f"Approved: {wording.messages(one.messages)}", job

    return carry_out


def stage(find: Callable[[sqlite3.Connection], Sequence[int]], actions: Sequence[str], title: str) -> Wish:
    """A proposal of the messages (ids of mailsync) that `find` gives."""

    def carry_out(store: Store, now: float) -> tuple[str, int | None]:
        from mailsync.cleanup import staging

        job = store.write(lambda c: staging.stage(c, actions, now, messages=find(c), title=title)).result()
        return "Looking which of them may go", job

    return carry_out


def stage_found(query: str, accounts: Sequence[str], actions: Sequence[str]) -> Wish:
    """A proposal of all that a query finds in accounts."""

    def carry_out(store: Store, now: float) -> tuple[str, int | None]:
        from mailsync.cleanup import staging

        job = store.write(
            lambda c: staging.stage(c, actions, now, query=query, accounts=accounts, title=query)
        ).result()
        return "Looking which of them may go", job

    return carry_out


def reject(one: Cleanup) -> Wish:
    """Nothing of a proposal."""

    def carry_out(store: Store, now: float) -> tuple[str, int | None]:
        store.write(lambda connection: cleanup_decisions.reject(connection, one.id, now), durable=True).result()
        return f"Rejected: {one.title}", None

    return carry_out


def take_back(planned: Planned, typed: str) -> Wish:
    """What a clean-up did, undone as it was shown."""

    def carry_out(store: Store, now: float) -> tuple[str, int | None]:
        job = store.write(lambda c: cleanup_undo.approve(c, planned, now, typed=typed), durable=True).result()
        word = "Doing it again" if planned.again else "Taking back"
        return f"{word}: {wording.messages(planned.messages)}", job

    return carry_out


def leave(sender: str, approve: Callable[[sqlite3.Connection, float], int]) -> Wish:
    """The one request that takes a person off a list; `approve` gives its job."""

    def carry_out(store: Store, now: float) -> tuple[str, int | None]:
        return f"Leaving {sender}", store.write(lambda c: approve(c, now), durable=True).result()

    return carry_out


def keep(one: Cleanup, *, senders: Collection[str] = (), messages: Collection[int] = (), out: bool) -> Wish:
    """Leave senders or messages (ids of mailsync) out of a proposal, or take them in again."""
    change = cleanup_decisions.exclude if out else cleanup_decisions.include

    def carry_out(store: Store, now: float) -> tuple[str, int | None]:
        left = store.write(lambda c: change(c, one.id, now, senders=senders, messages=messages)).result()
        return f"{wording.messages(left.messages)} on the list", None

    return carry_out


def keep_only(one: Cleanup, sender: str) -> Wish:
    """Nothing on a list but what is from one sender."""

    def carry_out(store: Store, now: float) -> tuple[str, int | None]:
        store.write(lambda c: cleanup_decisions.exclude(c, one.id, now, but=[sender])).result()
        return f"Only {sender} is on the list", None

    return carry_out
