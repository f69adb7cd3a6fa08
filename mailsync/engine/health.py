"""Health: pure checks over one reading of the store, each with pass, warn or fail, what was found and what to try.

      facts (store.health) + plans (config) + surroundings (disk, engine) -> Report -> cli, dashboard, HTTP

A check that could not be made is left out, never passed: `pass` always means that something was looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mailsync.privacy import consent
from mailsync.store import schema
from mailsync.store.health import Account, Facts, Folder
from mailsync.store.probes import CERTIFICATE, THROTTLED
from mailsync.text import size, span

Status = Literal["pass", "warn", "fail"]
Overall = Literal["healthy", "degraded", "unhealthy"]
OVERALL: dict[Status, Overall] = {"pass": "healthy", "warn": "degraded", "fail": "unhealthy"}
ORDER: tuple[Status, ...] = ("fail", "warn", "pass")

LATE_INTERVALS, LOST_INTERVALS = 2, 10
"""A folder that was not synced for so many intervals of its account warns, or fails."""
GRACE_SECONDS = 60.0
"""Added to both: a sync takes time itself, and an interval may be a second."""
CONNECTING_SECONDS = 60.0
PUSH_SHARE = 0.05
"""Push that misses this share of the arrivals is not to be relied on."""
TLS_DAYS = 14
DISK_FAILS = 256 << 20
"""Bytes. The write-ahead log alone may grow to 128 MB."""
DISK_WARNS = 1 << 30
DISK_SHARE = 10
"""Free space below one in so many of the database's size warns."""
WAL_WARNS = 512 << 20


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `account` and `folder` are empty for what concerns all; `hint` is what to try."""

    name: str
    status: Status
    detail: str
    hint: str = ""
    account: str = ""
    folder: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "account": self.account or None,
            "folder": self.folder or None,
            "status": self.status,
            "detail": self.detail,
            "hint": self.hint or None,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What the configuration says of an account: its name, and the seconds between two scheduled syncs."""

    name: str
    interval: float


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the store does not hold. `engine` is the pid of the process that runs the engine, None when nobody does.

    `free_bytes` of the disk, None where that is not known; `damage` is SQLite's first complaint about the file, "" for
    none, None where it was not asked.
    """

    engine: int | None
    free_bytes: int | None
    wal_bytes: int
    damage: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Every check, the worst first, and the numbers beside them."""

    checks: tuple[Check, ...]
    metrics: dict[str, int]

    @property
    def status(self) -> Overall:
        return OVERALL[min((check.status for check in self.checks), key=ORDER.index, default="warn")]

    def count(self, status: Status) -> int:
        """How many checks came out like this."""
        return sum(check.status == status for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """The `health` document."""
        return {
            "status": self.status,
            "checks": [check.as_dict() for check in self.checks],
            "metrics": dict(self.metrics),
        }


def examine(facts: Facts, plans: Sequence[Plan], around: Surroundings, now: float) -> Report:
    """Check everything at `now` (Unix seconds). Accounts that the configuration no longer names are not judged."""
    checks = [*_engine(plans, around), _disk(facts, around), *_database(facts, around)]
    known = {account.name: account for account in facts.accounts}
    folders: dict[str, list[Folder]] = {}
    for folder in facts.folders:
        folders.setdefault(folder.account, []).append(folder)
    for plan in plans:
        mine = folders.get(plan.name, [])
        checks += _account(facts, plan, known.get(plan.name), mine, running=around.engine is not None, now=now)
    ranked = sorted((check for check in checks if check), key=lambda check: ORDER.index(check.status))
    return Report(tuple(ranked), metrics(facts, plans))


def unreadable(problem: str, hint: str) -> Report:
    """The report when there is a database and it cannot be read."""
    return Report((Check("database", "fail", problem, hint),), metrics(Facts(), ()))


def metrics(facts: Facts, plans: Sequence[Plan]) -> dict[str, int]:
    """The numbers of the `health` document, over the accounts of the configuration."""
    named = {plan.name for plan in plans}
    folders = [folder for folder in facts.folders if folder.account in named]
    errors = sum(bool(account.error) for account in facts.accounts if account.name in named)
    return {
        "mailboxes": len(named),
        "folders": len(folders),
        "messages": sum(folder.messages for folder in folders),
        "sync_errors": errors + sum(bool(folder.error) for folder in folders),
        "quarantined": sum(number for name, number in facts.quarantined.items() if name in named),
        "active_jobs": facts.active_jobs,
        "folders_pending_first_sync": sum(folder.first_sync_at is None for folder in folders),
    }


# -- what concerns all accounts --------------------------------------------------------------------------------------


def _engine(plans: Sequence[Plan], around: Surroundings) -> Iterator[Check]:
    if not plans:
        yield Check("accounts", "warn", "no accounts: there is nothing to check", "mailsync demo shows how it looks")
    if around.engine is not None:
        yield Check("engine", "pass", f"process {around.engine} runs it")
    elif plans:
        detail = "no engine runs: nothing is synced on schedule, nothing is watched"
        yield Check("engine", "warn", detail, "start mailsync, or mailsync --daemon")


def _disk(facts: Facts, around: Surroundings) -> Check | None:
    free = around.free_bytes
    if free is None:
        return None
    coming = sum(folder.remaining_bytes for folder in facts.folders)
    detail = f"{size(free)} free, the database takes {size(facts.page_bytes + around.wal_bytes)}"
    hint = "make room, or keep the mirror elsewhere: --data-dir"
    if free < DISK_FAILS:
        return Check("disk", "fail", detail, hint)
    if free < coming:
        return Check("disk", "warn", f"{detail}, {size(coming)} of mail is still to come", hint)
    if free < max(DISK_WARNS, facts.page_bytes // DISK_SHARE):
        return Check("disk", "warn", detail, hint)
    return Check("disk", "pass", detail)


def _database(facts: Facts, around: Surroundings) -> Iterator[Check]:
    if around.damage:
        detail = f"the file is damaged: {around.damage}"
        yield Check("database", "fail", detail, "keep a copy of it, then mirror into a new --data-dir")
    elif around.wal_bytes > WAL_WARNS:
        detail = f"its write-ahead log has grown to {size(around.wal_bytes)}"
        yield Check("database", "warn", detail, "another program keeps a transaction open on it: end that one")
    elif facts.schema_version:
        read = ", read through without a fault" if around.damage is not None else ""
        current = "" if facts.schema_version == schema.VERSION else f" of {schema.VERSION}"
        unused = f", {size(facts.free_bytes)} of it unused" if facts.free_bytes else ""
        detail = f"{size(facts.page_bytes)}{unused}, schema {facts.schema_version}{current}{read}"
        yield Check("database", "pass", detail)


# -- one account -----------------------------------------------------------------------------------------------------


def _account(
    facts: Facts, plan: Plan, account: Account | None, folders: Sequence[Folder], *, running: bool, now: float
) -> Iterator[Check]:
    name = plan.name
    missing = consent.missing(facts.granted.get(name, ()))
    if missing:
        # Without it nothing is tried, so that whatever else could be said would be of the past.
        hint = f"mailsync consent grant {name} {' '.join(missing)}"
        yield Check("consent", "fail", f"not given: {', '.join(missing)}", hint, name)
        return
    given = [scope for scope in consent.SCOPES if scope in facts.granted[name]]
    yield Check("consent", "pass", f"given: {', '.join(given)}", account=name)
    if account is None:
        yield Check("connection", "warn", "never connected", f"mailsync sync {name}", name)
        return
    connection = list(_connection(facts, account, running=running, now=now))
    yield from connection
    yield from _tls(facts, name, now)
    if not any(check.status != "pass" for check in connection):
        yield from _last_sync(account, folders, now)
    yield from _first_sync(account, folders)
    yield from _folders(plan, folders, running=running, now=now)
    yield from _push(name, folders)
    if folders:
        number = facts.quarantined.get(name, 0)
        hint = f"mailsync quarantine list --account {name}"
        yield (
            Check("quarantine", "warn", f"{_messages(number)} set aside", hint, name)
            if number
            else Check("quarantine", "pass", "nothing set aside", account=name)
        )


def _connection(facts: Facts, account: Account, *, running: bool, now: float) -> Iterator[Check]:
    """How the account is connected, and whether it was let in. States that wait for a person outlive the engine."""
    name, what, hint = account.name, account.state_detail or account.error, account.state_hint or account.error_hint
    if account.state == "needs_login":
        yield Check("sign_in", "fail", what or "the server wants a sign-in", hint or _look(name), name)
        return
    if account.state == "error":
        yield Check("connection", "fail", what or "something failed", hint or _look(name), name)
        return
    if account.last_sync_at is not None or account.capabilities:
        yield Check("sign_in", "pass", "the server accepted it", account=name)
    waits = account.resumes_at - now if account.resumes_at is not None else 0.0
    if not running and waits <= 0:
        return
    since = now - account.state_since if account.state_since is not None else 0.0
    if account.state in ("backing_off", "paused") or waits > 0:
        asked = next((each.value for each in facts.probes if (each.account, each.name) == (name, THROTTLED)), "")
        told = what or asked or ("paused" if account.state == "paused" else "backing off")
        resumes = f"; goes on in {span(waits)}" if waits > 0 and " at " not in told else ""
        yield Check("connection", "warn", told + resumes, hint, name)
    elif account.state == "connecting" and since > CONNECTING_SECONDS:
        yield Check("connection", "warn", f"has been connecting for {span(since)}", hint or _look(name), name)
    elif account.state == "disconnected":
        if account.last_sync_at is not None:
            yield Check("connection", "pass", "none is needed between two syncs", account=name)
        else:
            yield Check("connection", "warn", "not connected yet", account.error_hint or _look(name), name)
    else:
        number = sum(connection.account == name for connection in facts.connections)
        lines = f"{number} open, " if number else ""
        yield Check("connection", "pass", f"{lines}{account.state.replace('_', ' ')}", account=name)


def _tls(facts: Facts, name: str, now: float) -> Iterator[Check]:
    for probe in facts.probes:
        if (probe.account, probe.name) != (name, CERTIFICATE):
            continue
        try:
            left = (float(probe.value) - now) / 86400
        except ValueError:
            return
        hint = "ask whoever runs the server to renew it"
        if left <= 0:
            yield Check("certificate", "fail", "the server's has ended", hint, name)
        elif left < TLS_DAYS:
            yield Check("certificate", "warn", f"the server's ends in {_days(left)}", hint, name)
        else:
            yield Check("certificate", "pass", f"the server's ends in {_days(left)}", account=name)


def _last_sync(account: Account, folders: Iterable[Folder], now: float) -> Iterator[Check]:
    name = account.name
    if account.error and account.error not in {folder.error for folder in folders}:
        yield Check("last_sync", "warn", account.error, account.error_hint or _look(name), name)
    elif account.last_sync_at is None:
        yield Check("last_sync", "warn", "no sync has been completed yet", f"mailsync sync {name}", name)
    elif not account.error:
        yield Check("last_sync", "pass", f"completed {span(now - account.last_sync_at)} ago", account=name)


def _first_sync(account: Account, folders: Sequence[Folder]) -> Iterator[Check]:
    pending = [folder for folder in folders if folder.first_sync_at is None]
    hint = "" if any(folder.syncing for folder in folders) else f"mailsync sync {account.name}"
    if not folders:
        yield Check("first_sync", "warn", "no folder is mirrored yet", hint, account.name)
    elif pending:
        coming = sum(max(0, (folder.server_messages or 0) - folder.messages) for folder in pending)
        rest = f", {_messages(coming)} to come" if coming else ""
        detail = f"{len(pending)} of {_count(len(folders), 'folder')} not mirrored completely yet{rest}"
        yield Check("first_sync", "warn", detail, hint, account.name, pending[0].name if len(pending) == 1 else "")
    else:
        yield Check("first_sync", "pass", f"{_count(len(folders), 'folder')} mirrored", account=account.name)


def _folders(plan: Plan, folders: Sequence[Folder], *, running: bool, now: float) -> Iterator[Check]:
    """Folders that failed, then those that were not synced as often as the schedule says."""
    late = {folder.id: _lateness(plan, folder, now) for folder in folders if folder.last_sync_at is not None}
    for folder in folders:
        if folder.error:
            status: Status = "fail" if late.get(folder.id, "fail") == "fail" else "warn"
            hint = folder.error_hint or f"mailsync sync {plan.name}"
            yield Check("folder", status, folder.error, hint, plan.name, folder.name)
    synced = [folder for folder in folders if folder.id in late and not folder.error]
    behind = [folder for folder in synced if late[folder.id] != "pass"]
    hint = f"mailsync sync {plan.name}" if running else f"start mailsync, or: mailsync sync {plan.name}"
    if len(behind) > 1 and len(behind) == len(synced):
        newest = max(behind, key=lambda folder: folder.last_sync_at or 0.0)
        detail = f"none of {_count(len(synced), 'folder')} was synced for {_since(newest, now)}"
        yield Check("schedule", late[newest.id], f"{detail}, due every {span(plan.interval)}", hint, plan.name)
        return
    for folder in behind:
        detail = f"not synced for {_since(folder, now)}, due every {span(plan.interval)}"
        yield Check("schedule", late[folder.id], detail, hint, plan.name, folder.name)
    if synced and not behind:
        oldest = min(synced, key=lambda folder: folder.last_sync_at or 0.0)
        detail = f"all within {_since(oldest, now)}, due every {span(plan.interval)}"
        yield Check("schedule", "pass", detail, account=plan.name)


def _lateness(plan: Plan, folder: Folder, now: float) -> Status:
    age = now - (folder.last_sync_at or 0.0) - GRACE_SECONDS
    return (
        "fail" if age > LOST_INTERVALS * plan.interval else "warn" if age > LATE_INTERVALS * plan.interval else "pass"
    )


def _push(name: str, folders: Iterable[Folder]) -> Iterator[Check]:
    counted = [folder for folder in folders if folder.pushed + folder.missed]
    unreliable = [folder for folder in counted if folder.missed > PUSH_SHARE * (folder.pushed + folder.missed)]
    for folder in unreliable:
        detail = f"push missed {folder.missed:,} of {folder.pushed + folder.missed:,}"
        hint = "what push misses comes with the next sync; a shorter sync_interval brings it sooner"
        yield Check("push", "warn", detail, hint, name, folder.name)
    if counted and not unreliable:
        missed = sum(folder.missed for folder in counted)
        total = sum(folder.pushed for folder in counted) + missed
        told = f"missed {missed:,} of {total:,}" if missed else f"told of all {total:,}"
        yield Check("push", "pass", f"{told} arrivals", account=name)


def _look(name: str) -> str:
    return f"mailsync account check {name}"


def _since(folder: Folder, now: float) -> str:
    return span(max(0.0, now - (folder.last_sync_at or 0.0)))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _messages(number: int) -> str:
    return _count(number, "message")


def _days(days: float) -> str:
    return _count(int(days), "day")
