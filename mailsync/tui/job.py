"""A job of the queue in words and lines: how it stands, what it was asked for, what happened to it. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mailsync.privacy import readonly
from mailsync.store.job_kinds import CHANGING, KINDS, SYNCS
from mailsync.store.jobs import Event, Job
from mailsync.tui import rates, states, wording
from mailsync.tui.drawing import clean, wrap

Piece = tuple[str, str]
"""(text, ink)."""
LEAST = 24
"""Cells that are laid out for where there are fewer."""
LABEL = 10
"""Cells of the labels before the values."""
BAR = 24
"""Cells of a progress bar at most."""
EVENTS = 200
"""Events that are laid out, the newest."""
_INKS = {"failed": "bad", "completed": "good", "started": "accent", "cancelled": "warning", "retrying": "warning"}
_MOMENTS = frozenset({"due", "at"})
"""Data of events that are Unix seconds."""


def look(job: Job) -> states.Look:
    """The look of a job's status; of one that was asked to stop and has not yet, its own."""
    return states.of(states.JOBS, "cancelling" if job.status == "running" and job.cancel_requested else job.status)


def repeatable(job: Job) -> bool:
    """Whether it can be put into the queue again: not what a command does itself, nor with `--read-only` a change."""
    kind = KINDS.get(job.kind)
    if kind is None or kind.here or (kind.changes and readonly.forbidden()):
        return False
    return job.status in ("failed", "cancelled")


def name(kind: str) -> str:
    """A kind of job in the words of a list."""
    return kind.replace("_", " ")


def title(job: Job) -> str:
    """What a job does, and to which account."""
    does = KINDS[job.kind].text if job.kind in KINDS else name(job.kind)
    return f"{does}: {job.account}" if job.account else does


def done(job: Job) -> str:
    """How many messages of how many; empty for a job that counts none."""
    if job.total and job.status in ("running", "pending"):
        return f"{wording.count(job.processed)} / {wording.count(job.total)}" if job.processed else ""
    return wording.messages(job.processed) if job.processed else ""


def before(job: Job, running: Sequence[Job]) -> Job | None:
    """The running job that one which waits cannot run beside: it changes, or syncs, the same account."""
    beside = next((kinds for kinds in (CHANGING, SYNCS) if job.kind in kinds), ())
    if job.status != "pending" or not beside:
        return None
    return next((one for one in running if one.kind in beside and one.account == job.account), None)


def age(job: Job, now: float) -> str:
    """For how long it waits or runs, when it is tried again, or when it ended; at most 9 characters."""
    if job.status == "pending" and job.not_before > now:
        return wording.until(job.not_before, now)
    if job.status == "pending":
        return wording.span(max(0.0, now - job.created_at))
    if job.status == "running":
        return wording.span(max(0.0, now - (job.started_at or now)))
    return wording.list_date(job.finished_at, now)


def head(job: Job, width: int, now: float, left: float | None) -> list[list[Piece]]:
    """How a job stands, in `width` cells; `left` are the seconds that it may still take, None where nobody knows."""
    width = max(width, LEAST)
    return [*_standing(job, width, left), *_facts(job, width, now), []]


def body(events: Sequence[Event], width: int) -> list[list[Piece]]:
    """What happened to a job in `width` cells: `events` in their order, the newest of them at the top."""
    width = max(width, LEAST)
    lines: list[list[Piece]] = [[("Events ", "strong"), ("─" * (width - 7), "rule")]]
    for event in reversed(events[-EVENTS:]):
        lines += _event(event, width)
    if len(events) > EVENTS:
        lines.append([(f"and {wording.count(len(events) - EVENTS)} before", "muted")])
    return lines


def _standing(job: Job, width: int, left: float | None) -> Iterator[list[Piece]]:
    style = look(job)
    yield from ([(part, "strong")] for part in wrap(clean(title(job)), width))
    yield [(f"{style.glyph} {style.word}", style.ink)]
    if job.total and job.status in ("pending", "running"):
        bar = rates.bar(job.processed, job.total, min(BAR, width - 6))
        yield [(bar[0], "accent"), (bar[1], "rule"), (f" {wording.percent(job.processed, job.total)}", "plain")]
        rest = f" · {wording.eta(left)} to go" if left is not None and job.status == "running" else ""
        told = f"{wording.count(job.processed)} of {wording.messages(job.total)}{rest}"
        yield from ([(part, "plain")] for part in wrap(told, width))
    if job.error:
        for number, part in enumerate(wrap(clean(job.error), width - 2)):
            yield [("✕ " if number == 0 else "  ", "bad"), (part, "strong")]
    if job.error_hint:
        for number, part in enumerate(wrap(clean(job.error_hint), width - 2)):
            yield [("→ " if number == 0 else "  ", "accent"), (part, "plain")]
    yield []


def _facts(job: Job, width: int, now: float) -> Iterator[list[Piece]]:
    planned = ", by the schedule" if job.params.get("scheduled") else ""
    asked = f"{wording.full_date(job.created_at)}, {wording.ago(job.created_at, now)}{planned}"
    yield from _field("Asked for", asked, width)
    if job.approved_by:
        yield from _field("Approved", f"by {job.approved_by}", width)
    if job.status == "pending":
        if job.not_before > now:
            yield from _field("Next try", wording.until(job.not_before, now), width)
        yield from _field("Priority", f"{job.priority}; a higher one goes first", width)
    if job.started_at is not None and job.status != "pending":
        end = job.finished_at if job.finished_at is not None else now
        took = wording.span(max(0.0, end - job.started_at))
        told = "runs for" if job.status == "running" else "took"
        yield from _field("Started", f"{wording.clock_time(job.started_at)}, {told} {took}", width)
    if job.finished_at is not None:
        yield from _field("Ended", f"{wording.full_date(job.finished_at)}, {wording.ago(job.finished_at, now)}", width)
    if job.attempt > 1 or (job.attempt and job.backoff):
        # Without a back-off the number is a bound for restarts, and tells nobody anything.
        most = f" of {job.max_attempts:,}" if job.backoff else ""
        yield from _field("Attempt", f"{job.attempt:,}{most}", width)
    if job.processed or job.failed:
        failed = f", {wording.count(job.failed)} failed" if job.failed else ""
        yield from _field("Messages", f"{wording.count(job.processed)} done{failed}", width)


def _field(label: str, value: str, width: int) -> Iterator[list[Piece]]:
    for number, part in enumerate(wrap(clean(value), max(12, width - LABEL))):
        yield [((label if number == 0 else "").ljust(LABEL), "muted"), (part, "plain")]


def _event(event: Event, width: int) -> Iterator[list[Piece]]:
    told = _progress(event.data) if event.type == "progress" else " · ".join(_data(event.data))
    when, what = f"{wording.clock_time(event.at)}  ", clean(name(event.type))
    lines = wrap(clean(told), max(12, width - len(when)))
    room = width - len(when) - len(what) - 2
    if told and len(lines) == 1 and len(lines[0]) <= room:
        yield [(when, "muted"), (what, _INKS.get(event.type, "plain")), ("  ", "plain"), (lines[0], "muted")]
        return
    yield [(when, "muted"), (what, _INKS.get(event.type, "plain"))]
    if told:
        yield from ([(" " * len(when), "plain"), (part, "muted")] for part in lines)


def _progress(data: Mapping[str, Any]) -> str:
    of = f" of {_value(data['total'])}" if data.get("total") else ""
    failed = f", {_value(data['failed'])} failed" if data.get("failed") else ""
    return f"{_value(data.get('processed', 0))}{of}{failed}"


def _data(data: Mapping[str, Any]) -> Iterator[str]:
    for key, value in data.items():
        if key in _MOMENTS and isinstance(value, int | float):
            yield f"{name(key)} {wording.clock_time(value)}"
        elif value is not None:
            yield f"{name(key)} {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return wording.count(value)
    if isinstance(value, float):
        return f"{value:,.1f}"
    return value[:400] if isinstance(value, str) else json.dumps(value, ensure_ascii=False)[:400]
