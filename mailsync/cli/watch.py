"""`mailsync watch`: the monitors in the foreground, a line per change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from mailsync.cli import context
from mailsync.cli.arguments import Accounts, AsJson
from mailsync.cli.context import Context
from mailsync.cli.output import emit_line, note, say, size
from mailsync.cli.syncing import Folders
from mailsync.model import iso
from mailsync.store import activity, watching
from mailsync.store.activity import Entry
from mailsync.text import safe_text

if TYPE_CHECKING:
    from mailsync.config.models import Config
    from mailsync.store.database import Store

POLL_SECONDS = 0.05
SINGLE = 50
"""Arrivals up to this many are told one by one, more as one line."""
HEADER_SECONDS = 1.0
"""How long a line waits for the header of a new message to be read."""
NAMED = 3
"""Folders up to this many are named, more are counted."""
WAYS = {"notify": "NOTIFY", "idle": "IDLE", "poll": "polling"}


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: mailsync watch work --json")(watch)


def watch(ctx: typer.Context, names: Accounts = None, folder: Folders = None, as_json: AsJson = False) -> None:
    """Tell every change as it happens, until interrupted. Polls where the server cannot push."""
    shared = context.of(ctx)
    chosen = shared.accounts(names or [])
    config = _narrowed(shared.config, list(chosen), folder or [])
    store = shared.store(create=True)
    shared.start_log()
    with store.read() as connection:
        seq = activity.last_seq(connection)
    engine = _embedded(shared, config, store)
    ways: dict[str, str] = {}
    try:
        for entries in _changes(store, seq, engine):
            for account in chosen:
                _tell_ways(store, account, ways, as_json=as_json)
            for entry in entries:
                if entry.account in chosen and (not folder or entry.folder in folder):
                    _tell(store, entry, as_json=as_json)
    finally:
        if engine is not None:
            engine.stop()


def _narrowed(config: Config, names: list[str], folders: list[str]) -> Config:
    """The configuration with only the accounts and watched folders asked for."""
    accounts = {
        name: account.model_copy(update={"watch": folders}) if folders else account
        for name, account in config.accounts.items()
        if name in names
    }
    return config.model_copy(update={"accounts": accounts})


def _embedded(shared: Context, config: Config, store: Store) -> Any:
    from mailsync.engine.engine import Engine
    from mailsync.errors import OwnedElsewhere

    engine = Engine(config, store, shared.data_dir)
    try:
        engine.start()
    except OwnedElsewhere as error:
        note(f"watching along: {error}")
        return None
    return engine


def _changes(store: Store, seq: int, engine: Any) -> Iterator[list[Entry]]:
    """After each change of the store, what happened (which may be nothing to tell of)."""
    version = -1
    while engine is None or engine.running:
        current = store.data_version()
        if current == version:
            time.sleep(POLL_SECONDS)
            continue
        version = current
        with store.read() as connection:
            found = activity.after(connection, seq)
        if found:
            seq, version = found[-1].seq, -1
        yield found


def _tell_ways(store: Store, account: str, known: dict[str, str], *, as_json: bool) -> None:
    """A line when an account is watched otherwise than `known` says, which is brought up to date."""
    with store.read() as connection:
        ways = watching.ways(connection, account)
    detail = ", ".join(f"{_named(names)} by {WAYS[way]}" for way, names in ways.items())
    if detail == known.get(account, ""):
        return
    known[account] = detail
    at, count = iso(time.time()), sum(map(len, ways.values()))
    if as_json:
        document: dict[str, Any] = {"at": at, "account": account, "folder": "", "type": "watching", "count": count}
        emit_line(document | {"bytes": 0, "uids": "", "detail": detail, "ways": ways})
    else:
        say(f"{at}  {account}  watching  {detail or 'nothing for now'}")


def _named(names: list[str]) -> str:
    return ", ".join(safe_text(name) for name in names) if len(names) <= NAMED else f"{len(names):,} folders"


def _tell(store: Store, entry: Entry, *, as_json: bool) -> None:
    document: dict[str, Any] = {
        "at": iso(entry.at),
        "account": entry.account,
        "folder": entry.folder,
        "type": entry.type,
        "count": entry.count,
        "bytes": entry.bytes,
        "uids": entry.uids,
        "detail": entry.detail,
    }
    arrived = _arrived(store, entry) if entry.type == "new" and entry.count <= SINGLE else []
    where = f"{document['at']}  {entry.account}  {entry.folder}"
    for message in arrived:
        if as_json:
            one = {"count": 1, "bytes": message.size, "uids": str(message.uid), "id": message.id}
            emit_line(document | one | {"from": message.from_addr, "subject": message.subject})
        else:
            sender = safe_text(message.from_name or message.from_addr or "", 30)
            say(f"{where}  new  {sender}: {safe_text(message.subject or '(no subject)', 80)}")
    if arrived:
        return
    if as_json:
        emit_line(document)
        return
    what = f"{entry.count:,} " if entry.count else ""
    extent = f" ({size(entry.bytes)})" if entry.bytes else ""
    say(f"{where}  {entry.type}  {what}{entry.uids if len(entry.uids) < 60 else ''}{extent} {entry.detail}")


def _arrived(store: Store, entry: Entry) -> list[watching.Arrived]:
    """The new messages of an entry, with their headers if these are read soon enough."""
    uids = [uid for part in entry.uids.split(",") if part for uid in _range(part)]
    deadline = time.monotonic() + HEADER_SECONDS
    while True:
        with store.read() as connection:
            found = watching.messages(connection, entry, uids)
        if all(message.subject is not None for message in found) or time.monotonic() > deadline:
            return found
        time.sleep(POLL_SECONDS)


def _range(part: str) -> range:
    first, _, last = part.partition(":")
    return range(int(first), int(last or first) + 1)
