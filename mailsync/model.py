"""Plain data that several floors speak of: states, strategies, flags, and the documents a sync produces."""

from __future__ import annotations

from dataclasses import field
from datetime import UTC, datetime
from enum import IntFlag
from typing import Any, Literal

from mailsync.record import record

AccountState = Literal[
    "disconnected",
    "connecting",
    "authenticated",
    "syncing",
    "watching",
    "backing_off",
    "needs_login",
    "needs_consent",
    "paused",
    "error",
]
Strategy = Literal["first", "qresync", "condstore", "scan", "uidvalidity_reset", "unchanged"]
JobStatus = Literal["pending", "running", "completed", "failed", "cancelled"]


class Flag(IntFlag):
    """The system flags of RFC 3501 section 2.3.2 as bits; `\\Recent` is never kept (removed in RFC 9051)."""

    SEEN = 1
    ANSWERED = 2
    FLAGGED = 4
    DELETED = 8
    DRAFT = 16


FLAG_NAMES: dict[Flag, str] = {
    Flag.SEEN: "\\Seen",
    Flag.ANSWERED: "\\Answered",
    Flag.FLAGGED: "\\Flagged",
    Flag.DELETED: "\\Deleted",
    Flag.DRAFT: "\\Draft",
}
_BITS = {name.lower(): int(bit) for bit, name in FLAG_NAMES.items()}  # plain: an IntFlag is slow to bind and to test


def split_flags(names: tuple[str, ...] | list[str]) -> tuple[int, str]:
    """IMAP flag names as (system flag bits, keywords sorted and joined by one space)."""
    bits = 0
    keywords = []
    for name in names:
        bit = _BITS.get(name.lower())
        if bit is not None:
            bits |= bit
        elif name.lower() != "\\recent":
            keywords.append(name)
    return bits, " ".join(sorted(set(keywords))) if keywords else ""


def flag_names(bits: int, keywords: str) -> list[str]:
    """The inverse of `split_flags`: system flags in their usual spelling, then keywords."""
    return [name for bit, name in FLAG_NAMES.items() if bits & bit] + keywords.split()


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)


def iso(moment: datetime | float | None) -> str | None:
    """ISO 8601 in UTC with Z and whole seconds, from a datetime or Unix seconds; None stays None."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        try:
            moment = datetime.fromtimestamp(moment, UTC)
        except (OverflowError, OSError, ValueError):
            return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@record
class FolderResult:
    """What one sync did to one folder; `as_dict` is an element of `folders` in the `sync` document."""

    name: str
    uidvalidity: int | None = None
    new: int = 0
    changed: int = 0
    deleted: int = 0
    bytes: int = 0
    seconds: float = 0.0
    strategy: Strategy | None = None
    error: str | None = None
    quarantined: int = 0
    withheld: int = 0
    """Of the messages seen for the first time: listed without their bytes, being too large."""
    outside: int = 0
    """Of the messages seen for the first time: not selected, left on the server."""

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "uidvalidity": self.uidvalidity,
            "new": self.new,
            "changed": self.changed,
            "deleted": self.deleted,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "strategy": self.strategy,
            "error": self.error,
            "quarantined": self.quarantined,
            "withheld": self.withheld,
            "outside": self.outside,
        }


@record
class AccountResult:
    """What one sync did to one account."""

    name: str
    folders: list[FolderResult] = field(default_factory=list)
    error: str | None = None
    hint: str = ""
    exit_code: int = 0
    cut: list[FolderResult] = field(default_factory=list)
    """What is under way, and in the end what the failure of the account cut short; no part of the document."""

    @property
    def ok(self) -> bool:
        return self.error is None and all(folder.error is None for folder in self.folders)

    @property
    def done(self) -> int:
        """Messages that were new, changed or deleted, so far."""
        return sum(one.new + one.changed + one.deleted for one in (*self.folders, *self.cut))

    @property
    def quarantined(self) -> int:
        """Messages that were set aside, so far."""
        return sum(one.quarantined for one in (*self.folders, *self.cut))

    def as_dict(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "name": self.name,
            "ok": self.ok,
            "error": self.error,
            "folders": [folder.as_dict() for folder in self.folders],
        }
        if self.hint:
            document["hint"] = self.hint
        return document


def sync_document(accounts: list[AccountResult], seconds: float) -> dict[str, Any]:
    """The `sync` document of the outward contract."""
    folders = [folder for account in accounts for folder in account.folders]
    return {
        "ok": all(account.ok for account in accounts),
        "accounts": [account.as_dict() for account in accounts],
        "totals": {
            "new": sum(folder.new for folder in folders),
            "changed": sum(folder.changed for folder in folders),
            "deleted": sum(folder.deleted for folder in folders),
            "bytes": sum(folder.bytes for folder in folders),
            "quarantined": sum(folder.quarantined for folder in folders),
            "seconds": round(seconds, 3),
        },
    }
