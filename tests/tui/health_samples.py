"""The prepared stores of the health pane: as an engine would have left them, with connections, findings and a log."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime

from mailsync.privacy.consent import SCOPES
from mailsync.privacy.log import FILE_NAME
from mailsync.store import accounts, connections, consents, probes, traffic
from mailsync.tui.app import MailsyncApp
from tests.tui import samples
from tests.tui.prepared import DAY, HOUR, MINUTE, NOW, Builder

CAPABILITIES = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT THREAD=REFERENCES MULTIAPPEND UNSELECT CHILDREN NAMESPACE "
    "UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS "
    "BINARY MOVE SNIPPET=FUZZY PREVIEW STATUS=SIZE SAVEDATE LITERAL+ NOTIFY SPECIAL-USE COMPRESS=DEFLATE"
)
HOME, OFFICE = {"account": "home"}, {"account": "office"}
UPGRADED = (
    f"timestamp={datetime.fromtimestamp(NOW - 3 * HOUR, UTC):%FT%TZ} level=info logger=engine event=engine_started"
)
"""A line of a version that wrote logfmt."""
LINES: tuple[tuple[float, dict[str, object]], ...] = (
    (2 * HOUR, {"level": "info", "logger": "engine", "event": "sync_finished", **HOME, "ok": True, "folders": 6}),
    (HOUR, {"level": "warning", "logger": "pool", "event": "connection_refused", **OFFICE, "connections": 2}),
    (30 * MINUTE, {"level": "error", "logger": "sync", "event": "folder_failed", **HOME, "error": "FolderDoubt"}),
    (
        10 * MINUTE,
        {"level": "info", "logger": "push", "event": "push_missed", **OFFICE, "folder": "[5 characters]", "missed": 1},
    ),
    (5 * MINUTE, {"level": "info", "logger": "engine", "event": "sync_finished", **OFFICE, "ok": True, "folders": 2}),
    (MINUTE, {"level": "info", "logger": "engine", "event": "sync_finished", **HOME, "ok": True, "folders": 6}),
)


def log(builder: Builder) -> None:
    """A log as an engine writes it."""
    lines = [
        json.dumps({"timestamp": f"{datetime.fromtimestamp(NOW - age, UTC):%FT%TZ}"} | rest) for age, rest in LINES
    ]
    (builder.store.path.parent / FILE_NAME).write_text("\n".join([UPGRADED, *lines, ""]), "utf-8")


def consented(builder: Builder, *names: str) -> None:
    for name in names:
        builder.store.write(lambda c, name=name: consents.grant(c, name, SCOPES, NOW - DAY)).result()  # type: ignore[misc]


def connected(connection: sqlite3.Connection) -> None:
    """What an engine says of its servers and connections."""
    accounts.set_server(connection, "home", "Dovecot (Debian) 2.3.19", CAPABILITIES.split())
    accounts.set_line(connection, "home", "not compressed: 0.3 ms away, 92 MB/s")
    accounts.set_server(connection, "office", "Microsoft.Exchange \x1b[2J ready", ["IMAP4rev1", "IDLE", "UIDPLUS"])
    quirks = [["microsoft", "it rewrites messages, tells the size as stored, and searches no keywords"]]
    probes.put(connection, 2, {"quirks": json.dumps(quirks)}, NOW - DAY, NOW + DAY)
    probes.put(connection, 1, {"tls_not_after": str(NOW + 61.5 * DAY)}, NOW - DAY, NOW + DAY)
    probes.put(connection, 2, {"tls_not_after": str(NOW + 6.5 * DAY)}, NOW - DAY, NOW + DAY)
    traffic.add(connection, 1, NOW, 12_481_003)
    for account, purpose, state, folder, age, received in (
        ("home", "watch", "idle", "INBOX", 3 * HOUR, 88_213),
        ("home", "sync", "selected", "ящик/архив/2023", 4.0, 12_392_790),
        ("office", "watch", "idle", "INBOX", 10 * MINUTE, 4_032),
    ):
        row = connections.add(connection, account, purpose, "connecting", NOW - age)
        connections.note(
            connection,
            row,
            NOW - age,
            purpose=purpose,
            state=state,
            folder=folder,
            compressed=account == "office",
            received=received,
        )


def well(builder: Builder) -> None:
    """Two accounts in good order, but for push that misses some and a certificate that will end."""
    samples.quiet(builder)
    consented(builder, "home", "office")
    builder.store.write(connected).result()
    builder.store.write(lambda c: c.execute("UPDATE folders SET pushed = 37 WHERE watch <> ''")).result()
    builder.store.write(lambda c: c.execute("UPDATE folders SET missed = 3 WHERE watch = 'poll'")).result()
    log(builder)


def troubled(builder: Builder) -> None:
    """Every kind of trouble at once."""
    samples.broken(builder)
    consented(builder, "home", "lists")
    builder.store.write(lambda c: consents.revoke(c, "office", SCOPES, NOW)).result()
    log(builder)


def app(builder: Builder, *, viewer_of: int | None = 1) -> MailsyncApp:
    """The application with the accounts of the store in its configuration."""
    with builder.store.read() as connection:
        named = [(row[0], row[1]) for row in connection.execute("SELECT name, email FROM accounts ORDER BY position")]
    return samples.app(builder, accounts=named, viewer_of=viewer_of)
