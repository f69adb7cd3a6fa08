"""A prepared store with clean-ups in every state, as rules, people and an engine would have left them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mailsync.privacy.consent import SCOPES
from mailsync.store import cleanup_decisions, cleanup_drafts, cleanup_runs, cleanup_undo, cleanups, consents, jobs
from mailsync.store.cleanup_places import Place
from mailsync.store.cleanups import Folder, Item
from tests.tui import samples
from tests.tui.prepared import DAY, HOUR, MINUTE, NOW, Builder, Letter, letter

NEWS = (
    ("Harbour Weekly <news@harbour.example>", "Tides of the week", 24),
    ("Погода <pogoda@example.org>", "Прогноз на неделю", 9),
    ("Pottery Post <post@pottery.example>", "Glazes, kilns and [bold]offers[/]", 5),
    ("Eve\x1b[1m <eve@example.com>", "\x1b[2Jwin \u202egnp.exe", 1),
)
ONE_CLICK = (
    "List-Id: Harbour Weekly <weekly.harbour.example>\r\n"
    "List-Unsubscribe: <https://harbour.example/leave?who=ada>, <mailto:leave@harbour.example>\r\n"
    "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; d=harbour.example; s=x; h=from:list-unsubscribe:list-unsubscribe-post; "
    "bh=eA==; b=eA==\r\n"
    "Authentication-Results: mx.example.org; dkim=pass header.d=harbour.example\r\n"
)
BY_MAIL = "List-Unsubscribe: <mailto:stop@pottery.example>\r\n"
LEAVING = {"harbour": ONE_CLICK, "pottery": BY_MAIL}
REASONS = ("sent to a list (List-Id)", "says how to unsubscribe", "older than a year", "never flagged or answered")


def newsletters() -> list[Letter]:
    """Mail that went to many, newest first by sender."""
    seen = ("\\Seen",)
    return [
        letter(
            f"{subject} {n}",
            sender,
            (380 + 7 * n) * DAY,
            *(seen if n % 3 else ()),
            to="list@list.example",
            headers="".join(headers for name, headers in LEAVING.items() if name in sender),
        )
        for sender, subject, count in NEWS
        for n in range(count)
    ]


def mirrored(builder: Builder) -> int:
    """Two accounts; the mail of the first is what is cleared away. Gives the id of its INBOX."""
    home = builder.account("home", "ada@example.org")
    inbox = builder.folder(home, "INBOX", [*samples.inbox(), *newsletters()], watch="idle")
    builder.folder(home, "Archive", [], use="\\Archive")
    office = builder.account("office", "a.lovelace@engine.example.com")
    builder.folder(office, "INBOX", samples.inbox()[:9])
    builder.store.write(lambda c: consents.grant(c, "home", SCOPES, NOW - DAY)).result()
    return inbox


def propose(
    builder: Builder,
    folder_id: int,
    like: str,
    title: str,
    actions: Sequence[str],
    *,
    age: float = HOUR,
    rule: str = "newsletters",
    query: str = "",
) -> int:
    """A proposal of the messages of a folder whose sender is like this (SQL); its id."""

    def write(connection: sqlite3.Connection) -> int:
        place = connection.execute(
            """SELECT f.id, f.name, f.raw_name, f.special_use, f.uidvalidity, f.messages, a.name FROM folders f
               JOIN accounts a ON a.id = f.account_id WHERE f.id = ?""",
            (folder_id,),
        ).fetchone()
        rows = connection.execute(
            """SELECT m.id, m.uid, m.size, m.flags, m.internaldate, e.from_addr, e.subject, c.digest
               FROM messages m JOIN envelopes e ON e.content_id = m.content_id JOIN contents c ON c.id = m.content_id
               WHERE m.folder_id = ? AND e.from_addr LIKE ? ORDER BY m.uid""",
            (folder_id, like),
        ).fetchall()
        draft = cleanup_drafts.draft(connection, place[6], rule, title, actions, NOW - age, query)
        folder = Folder(0, place[0], place[1], bytes(place[2] or b""), place[3], place[4] or 1, place[5])
        items = [
            Item(
                *(number, 0, row[0], row[1], f"<{row[0]}@x>", bytes(row[7]), row[2], row[3], "", row[4], row[4]),
                *(row[5], "list.example", row[6], 0.99 - (number % 7) / 20, REASONS[: 2 + number % 3]),
            )
            for number, row in enumerate(rows)
        ]
        cleanup_drafts.add(connection, draft, [folder], items)
        cleanup_drafts.freeze(connection, draft, range(0, len(items), 3), NOW - age)
        return draft

    return builder.store.write(write).result()


def approve(builder: Builder, cleanup_id: int, age: float = 20 * MINUTE) -> int:
    """Approve of a proposal; the id of its run."""

    def write(connection: sqlite3.Connection) -> int:
        one = cleanups.get(connection, cleanup_id, NOW - age)
        cleanup_decisions.approve(connection, cleanup_id, one.hash, NOW - age)
        return cleanups.runs(connection, cleanup_id)[-1].id

    return builder.store.write(write).result()


def carry_out(builder: Builder, run_id: int, part: float = 1.0, *, stopped: str = "", over: bool = True) -> None:
    """What an engine would have noted of a run: a share of it is done, with one message left alone and one gone."""

    def write(connection: sqlite3.Connection) -> None:
        cleanup_runs.start(connection, run_id)
        rows = cleanup_runs.rows(connection, run_id, ("waiting",))
        rows = rows[: int(part * len(rows))]
        results = []
        for number, row in enumerate(rows):
            before = Place(row.folder, row.uidvalidity, row.uid, 0)
            after = Place(b"Archive", 1, number + 1, 0)
            if number == 3:
                results.append(cleanup_runs.Result(row.number, "skipped", None, None, "flagged since"))
            elif number == 5:
                results.append(cleanup_runs.Result(row.number, "gone", None, None, "it is not there any more"))
            else:
                results.append(cleanup_runs.Result(row.number, "done", before, after))
        cleanup_runs.settle(connection, run_id, results, NOW - 10 * MINUTE)
        job = cleanup_runs.get(connection, run_id).job_id
        if over and job is not None:
            cleanup_runs.finish(connection, run_id, NOW - 10 * MINUTE, stopped)
            connection.execute("UPDATE jobs SET status = 'completed', finished_at = ? WHERE id = ?", (NOW, job))

    builder.store.write(write).result()


def taken_back(builder: Builder, cleanup_id: int) -> None:
    """An undo of all of it, carried out."""

    def write(connection: sqlite3.Connection) -> None:
        cleanup_undo.approve(connection, cleanup_undo.plan(connection, cleanup_id, NOW - 5 * MINUTE), NOW - 5 * MINUTE)
        run = cleanups.runs(connection, cleanup_id)[-1].id
        cleanup_runs.start(connection, run)
        rows = cleanup_runs.rows(connection, run, ("waiting",))
        done = [cleanup_runs.Result(row.number, "done", row.before, row.after) for row in rows]
        cleanup_runs.settle(connection, run, done, NOW - 4 * MINUTE)
        cleanup_runs.finish(connection, run, NOW - 4 * MINUTE)
        cleanup_undo.settle(connection, cleanup_id)
        connection.execute("UPDATE jobs SET status = 'completed', finished_at = ?", (NOW,))

    builder.store.write(write).result()


def proposed(builder: Builder) -> int:
    """One proposal of newsletters that waits for a decision, and a smaller one; the id of the first."""
    inbox = mirrored(builder)
    propose(builder, inbox, "reports@%", "Notifications, read and old", ["mark_read", "trash"], rule="notifications")
    first = propose(builder, inbox, "%harbour%", "placeholder", ["archive"])
    builder.store.write(lambda c: cleanup_drafts.supersede(c, "home", "newsletters")).result()
    assert first
    return propose(builder, inbox, "%o%", "Newsletters older than a year", ["label:Secretary/Auto-Cleaned", "archive"])


def every_state(builder: Builder) -> None:
    """What waits, what goes on, what is over."""
    inbox = mirrored(builder)
    done = propose(builder, inbox, "pogoda@%", "Old weather", ["archive"], age=3 * DAY, rule="weather")
    carry_out(builder, approve(builder, done, 2 * DAY))
    undone = propose(builder, inbox, "post@%", "Old pottery", ["trash"], age=2 * DAY, rule="pottery")
    carry_out(builder, approve(builder, undone, DAY))
    taken_back(builder, undone)
    rejected = propose(builder, inbox, "eve@%", "Eve \x1b[31m", ["trash"], age=2 * DAY, rule="eve")
    builder.store.write(lambda c: cleanup_decisions.reject(c, rejected, NOW - DAY)).result()
    halted = propose(builder, inbox, "yuki@%", "Bills", ["mark_read"], age=DAY, rule="bills")
    carry_out(builder, approve(builder, halted), 0.0, stopped="the server's UIDVALIDITY of INBOX has changed")
    going = propose(builder, inbox, "news@%", "Newsletters older than a year", ["label", "archive"])
    carry_out(builder, approve(builder, going), 0.6, over=False)
    builder.store.write(lambda c: jobs.claim(c, NOW - 5 * MINUTE, "4711")).result()
    propose(builder, inbox, "reports@%", "Notifications, read and old", ["mark_read", "trash"], rule="notifications")
