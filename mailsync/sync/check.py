"""What `account check` tells: the server as it is, how mailsync treats it and why, and a hint for each problem."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from mailsync.config.selection import is_selected
from mailsync.errors import MailsyncError
from mailsync.imap.session import Listed, Session
from mailsync.model import iso
from mailsync.sync.account import AccountMirror
from mailsync.sync.budget import amount
from mailsync.sync.discover import Discovery
from mailsync.sync.knowledge import PROBED
from mailsync.sync.plan import Modseq, Numbers, decide
from mailsync.sync.specialuse import special_uses

Document = dict[str, Any]


async def check(mirror: AccountMirror) -> Document:
    """Sign in, look, log out. Nothing of the mirror changes; what is learned of the server is kept.

    Raises what keeps the account from working: SignInFailed, ConsentMissing, Unreachable ...
    """
    await mirror.begin(asked=True, purpose="check")
    started = time.monotonic()
    session = await mirror.connect("check")
    connected = time.monotonic() - started
    try:
        listed = await session.list_folders()
        chosen, problem = await _chosen(mirror, session)
        await mirror.probe()
        choice = mirror.compression(session)
        problems = [*problem, *_problems(mirror, session, listed, chosen)]
        strategy, why = strategy_of(session)
        return {
            "server": _server(session),
            "latency": {"connect": round(connected, 6), "round_trip": round(session.round_trip, 6)},
            "strategy": strategy,
            "why": why,
            "push": _push(session),
            "folders": _folders(session, listed, chosen),
            "quirks": [{"name": name, "why": why} for name, why in session.quirks.names],
            "probed": _probed(mirror),
            "compress": {"setting": mirror.config.compress, "on": choice.on, "why": choice.why},
            "connections": {
                "configured": mirror.config.max_connections,
                "allowed": mirror.allowed,
                "monitors": mirror.watchers,
            },
            "budget": {"daily": mirror.quirks.daily_bytes, "received_today": mirror.meter.received_today},
            "problems": problems,
        }
    finally:
        await session.logout()


def strategy_of(session: Session) -> tuple[str, str]:
    """How a folder that changed is synced on this server, and why so."""
    if "QRESYNC" in session.enabled:
        return "qresync", "the server tells what changed and what is gone"
    missing = _without(session, "QRESYNC")
    if session.offers("CONDSTORE"):
        return "condstore", f"the server tells what changed, and counting tells what is gone; {missing}"
    return "scan", f"flags and UIDs are compared as sets; {_without(session, 'CONDSTORE')}"


def _without(session: Session, name: str) -> str:
    if name not in session.advertised:
        return f"the server offers no {name}"
    reasons = [f"{quirk} ({why})" for quirk, why in session.quirks.names if quirk != "rev2"]
    if name in session.quirks.disable:
        return f"{name} is not used because of {', '.join(reasons)}"
    return f"{name} is announced and was not enabled"


def _server(session: Session) -> Document:
    endpoint = session.endpoint
    return {
        "name": " ".join(value for key, value in session.server_id.items() if key in ("name", "version") and value),
        "host": endpoint.host,
        "port": endpoint.port,
        "security": endpoint.security,
        "greeting": session.greeting.text[:200],
        "capabilities": sorted(session.advertised),
        "not_used": sorted(session.advertised - session.capabilities),
        "enabled": sorted(session.enabled),
    }


def _push(session: Session) -> str:
    if session.offers("NOTIFY"):
        return "notify"
    return "idle" if session.offers("IDLE") else "poll"


async def _chosen(mirror: AccountMirror, session: Session) -> tuple[dict[str, Document], list[Document]]:
    """The folders that are mirrored, with the strategy of their next sync; and what is wrong with the selection."""
    discovery = Discovery(mirror.store, mirror.name, mirror.account_id, mirror.config, mirror.now)
    try:
        found = await discovery.refresh(session, (), dry_run=True)
    except MailsyncError as error:
        if session.closed is not None:
            raise
        return {}, [_problem(str(error), error.hint)]
    modseq: Modseq = ""
    if session.offers("CONDSTORE"):
        modseq = "qresync" if "QRESYNC" in session.enabled else "condstore"
    chosen = {}
    for one in found.chosen:
        row = one.folder
        stored = Numbers(row.uidvalidity, row.uidnext, row.highestmodseq, row.messages)
        complete = row.first_sync_at is not None and row.uidnext is not None
        # Without STATUS the numbers come with EXAMINE.
        choice = decide(stored, one.numbers or stored, complete=complete, held=row.messages, modseq=modseq)
        chosen[row.name] = {"strategy": choice.strategy, "why": choice.why}
    return chosen, []


def _folders(session: Session, listed: Sequence[Listed], chosen: dict[str, Document]) -> list[Document]:
    uses = special_uses(list(listed), {}, told="SPECIAL-USE" in session.capabilities)
    return [
        {
            "name": item.entry.name,
            "special_use": uses[item.entry.name],
            "messages": item.status.get("MESSAGES"),
            "unread": item.status.get("UNSEEN"),
            "selected": item.entry.name in chosen,
            **chosen.get(item.entry.name, {"strategy": None, "why": None}),
        }
        for item in sorted(listed, key=lambda item: (item.entry.name.upper() != "INBOX", item.entry.name))
    ]


def _probed(mirror: AccountMirror) -> list[Document]:
    findings = mirror.knowledge.findings
    return [
        {
            "name": name,
            "value": findings[name].value,
            "learned_at": iso(findings[name].learned_at),
            "expires_at": iso(findings[name].expires_at),
        }
        for name in PROBED
        if mirror.knowledge.value(name) is not None
    ]


def _problem(detail: str, hint: str) -> Document:
    return {"detail": detail, "hint": hint}


def _problems(
    mirror: AccountMirror, session: Session, listed: Sequence[Listed], chosen: dict[str, Document]
) -> list[Document]:
    config, found = mirror.config, []
    for name in PROBED:
        value = mirror.knowledge.value(name) or ""
        if not value.startswith("ok"):
            hint = "run this again when there is mail" if not value else f"mailsync does without; {_OVERRIDE}"
            found.append(_problem(f"{name}: {value or 'could not be tried'}", hint))
    if mirror.allowed < config.max_connections:
        told = (mirror.knowledge.value("connections") or "").partition(": ")[2] or "known of this kind of server"
        found.append(
            _problem(
                f"{mirror.allowed} of {config.max_connections} connections are allowed: {told}",
                f"max_connections = {mirror.allowed}, or close other mail programs",
            )
        )
    uses = special_uses(list(listed), {}, told="SPECIAL-USE" in session.capabilities)
    rules = {"watch": config.watch}
    rules |= {"folders.include": config.folders.include, "folders.exclude": config.folders.exclude}
    for key, patterns in rules.items():
        idle = [one for one in patterns if not any(is_selected(name, use, [one], ()) for name, use in uses.items())]
        found += [_problem(f'{key}: "{one}" is no folder here', "the folders above show what there is") for one in idle]
    unwatched = [name for name in uses if name not in chosen and is_selected(name, uses[name], config.watch, ())]
    if chosen:
        found += [_problem(f"{name} is in watch and not mirrored", "see folders and watch") for name in unwatched]
    if _push(session) == "poll":
        found.append(
            _problem(
                f"the server cannot push: it is asked every {session.quirks.poll:.0f} seconds",
                "quirks.poll sets how often",
            )
        )
    if config.compress is True and not session.compressed:
        found.append(_problem("compress is on, and the server does not compress", 'compress = "auto"'))
    if mirror.allowance.spent:
        daily = amount(mirror.quirks.daily_bytes or 0)
        hint = "syncs go on with the newest mail every hour, with the rest tomorrow (UTC)"
        found.append(_problem(f"today's bytes are used up for now, of {daily}", hint))
    return found


_OVERRIDE = "quirks.enable and quirks.disable override it"


async def checked(mirror: AccountMirror) -> tuple[Document, MailsyncError | None]:
    """The document of `check`, whatever came of it, and what went wrong."""
    document: Document = {"ok": True, "account": mirror.name, "error": None, "hint": None}
    try:
        document |= await check(mirror)
        failure = None
    except MailsyncError as error:
        failure = error
        await mirror.note_failure(error)
        document |= {"ok": False, "error": str(error), "hint": error.hint or None, "problems": []}
    finally:
        with contextlib.suppress(MailsyncError):
            await mirror.end()
    if failure is None:
        await mirror.set_state(mirror.resting)
    return document, failure
