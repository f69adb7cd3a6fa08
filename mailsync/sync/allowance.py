"""What an account may still receive today, and what is said when that is spent."""

from __future__ import annotations

from collections.abc import Callable

from mailsync.errors import BudgetSpent
from mailsync.store import traffic
from mailsync.store.database import Store
from mailsync.sync.backoff import moment
from mailsync.sync.budget import Budget, Progress, amount, estimated_rest, forecast


class Allowance:
    """The bytes of one account's day. `daily()` is its limit, None without one; `received()` what today has brought."""

    def __init__(
        self,
        store: Store,
        account_id: int,
        daily: Callable[[], int | None],
        received: Callable[[], int],
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._account_id = account_id
        self._daily = daily
        self._received = received
        self._now = now

    @property
    def spent(self) -> bool:
        """Syncs have to stop for now."""
        return Budget(self._daily()).spent(self._received(), self._now())

    @property
    def exhausted(self) -> bool:
        """Nothing at all is left of the day, not even what is kept for push."""
        daily = self._daily()
        return daily is not None and self._received() >= daily

    def left(self) -> int | None:
        """Bytes that syncs may still receive for now; None without a limit."""
        allowed = Budget(self._daily()).until(self._now())
        return None if allowed is None else max(0, allowed - self._received())

    async def error(self) -> BudgetSpent:
        """What to raise when it is spent: how far the mirror is, and when the rest comes."""
        at, budget, received = self._now(), Budget(self._daily()), self._received()
        standing, oldest = await self._store.aread(lambda connection: traffic.standing(connection, self._account_id))
        rest = sum(estimated_rest(f.server_messages, f.messages, f.bytes, f.server_bytes) for f in standing)
        progress = Progress(oldest, rest, sum(folder.messages for folder in standing))
        resumes = budget.resumes_at(received, at)
        return BudgetSpent(
            f"{amount(received)} were received today, of {amount(budget.daily or 0)} at most; "
            f"{forecast(budget, progress, at)}; "
            f"resumes at {moment(resumes, at)}",
            hint="quirks.daily_bytes of the account sets how much a day may carry",
            resume_after=resumes - at,
        )
