"""The message list over 1,000,000 messages: how long until it can be used, what a cursor move costs, what it holds.

    first    from choosing the folder until its newest messages can be seen
    load     and until its whole list is known
    move     the work from a key to the finished drawing, CPU time; what a terminal adds, key_to_paint measures
    page     the same for a screenful, with its lines read in the background
    jump     the same to a place whose lines are not read yet
    lines    from that jump until its lines are read
    arrival  from the commit of a new message until the list shows it, the cursor where it was
    threads  from the key that folds threads until those at the top can be seen
    folded   and until all are known
    open     from the key that opens a thread until its messages can be seen; move and page as before, among threads

`python -m tests.benchmarks.message_list [messages]`
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from mailsync.store.database import Store
from mailsync.tui.app import MailsyncApp
from mailsync.tui.screens.mail import MailScreen
from mailsync.tui.widgets.message_list import MessageList

MESSAGES = 1_000_000
MOVES = 200
START = 1_500_000_000


def build(data_dir: Path, count: int) -> None:
    """A store of one folder with `count` messages, written by SQL in one go."""
    Store.open(data_dir).close()
    with contextlib.closing(sqlite3.connect(data_dir / "mailsync.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute(
            "INSERT INTO accounts (id, name, email, state) VALUES (1, 'big', 'a@example.org', 'watching')"
        )
        connection.execute(
            """INSERT INTO folders (id, account_id, name, raw_name, delimiter, uidvalidity, messages, server_messages,
                                    first_sync_at, last_sync_at)
               VALUES (1, 1, 'INBOX', x'494E424F58', '/', 1, ?1, ?1, 1, 1)""",
            (count,),
        )
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        connection.execute(
            f"{numbers} INSERT INTO contents (id, digest, size, body) SELECT i, CAST(i AS BLOB), 1000, x'00' FROM n",
            (count,),
        )
        # Dates nearly in the order of ids, as in a mailbox that some of its mail was moved into.
        connection.execute(
            f"""{numbers} INSERT INTO messages (id, folder_id, uid, content_id, flags, internaldate, size, created_at)
                SELECT i, 1, i, i, i % 7 <> 0, {START} + i * 300 + i % 17 * 1000, 1000 + i % 90000, 0 FROM n""",
            (count,),
        )
        connection.execute(
            f"""{numbers} INSERT INTO envelopes
                SELECT i, {START} + i * 300, '<' || i || '@example.org>', 'Subject number ' || i || ', 件名 and more',
                       'Sender ' || i % 997, 'sender' || i % 997 || '@example.org', '', '', i % 5 = 0 FROM n""",
            (count,),
        )
        # Three messages a thread, some near each other and some years apart.
        connection.execute(
            f"""{numbers} INSERT INTO documents (id, content_id, thread_id, version)
                SELECT ({START} + i * 300) << 8, i, i * 7919 % (?1 / 3) + 1, 1 FROM n""",
            (count,),
        )
        connection.execute("INSERT INTO threads (id, messages) SELECT thread_id, count(*) FROM documents GROUP BY 1")
        connection.execute("COMMIT")


def arrive(connection: sqlite3.Connection) -> None:
    """One new message at the top."""
    connection.execute(
        """INSERT INTO messages (folder_id, uid, flags, internaldate, size, created_at)
           SELECT 1, max(uid) + 1, 0, max(internaldate) + 60, 1000, 0 FROM messages"""
    )
    connection.execute("UPDATE folders SET messages = messages + 1, unread = unread + 1 WHERE id = 1")


async def until(condition: Callable[[], bool]) -> None:
    """Wait in small steps."""
    while not condition():  # noqa: ASYNC110 - what is waited for knows nothing of this program
        await asyncio.sleep(0.001)


async def timed(pilot: Pilot[None], act: Callable[[], object]) -> float:
    """Milliseconds of work (CPU of the screen's thread) for the act and for drawing what follows from it."""
    screen = pilot.app.screen
    started = time.thread_time()
    act()
    spent = time.thread_time() - started
    while not screen._dirty_widgets:  # noqa: ASYNC110 - looked at before the screen's own timer does
        await asyncio.sleep(0)
    started = time.thread_time()
    screen._on_timer_update()
    return (spent + time.thread_time() - started) * 1000


def report(name: str, values: list[float]) -> None:
    ordered = sorted(values)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    print(f"{name:<9} p50 {statistics.median(ordered):8.2f} ms   p95 {p95:8.2f} ms   max {ordered[-1]:8.2f} ms")


async def measure(store: Store) -> None:
    """Open the mail screen on the big folder and drive it."""
    app = MailsyncApp(store, viewer_of=1)
    async with app.run_test(size=(160, 48)) as pilot:
        await until(lambda: app.vitals.loaded)
        gc.freeze()  # as the application does on a real terminal
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await app.switch_mode("mail")
        screen = app.screen
        assert isinstance(screen, MailScreen)
        rows = screen.messages
        await until(lambda: rows.count > 0 and not rows.loading_list and not rows._reading)
        await pilot.pause(0.3)
        first, load = [], []
        for _ in range(5):
            started = time.perf_counter()
            rows.show_folder(1)
            await until(lambda: rows.count > 0)
            first.append((time.perf_counter() - started) * 1000)
            await until(lambda: not rows.loading_list)
            load.append((time.perf_counter() - started) * 1000)
            await until(lambda: not rows._reading)
            await pilot.pause(0.3)
        report("first", first)
        report("load", load)
        print(f"          {rows.count:,} rows")
        moves = []
        for _ in range(MOVES):
            moves.append(await timed(pilot, rows.action_cursor_down))
            await asyncio.sleep(0.02)
        report("move", moves)
        moves = []
        for _ in range(MOVES):
            moves.append(await timed(pilot, rows.action_page_down))
            await asyncio.sleep(0.02)
        report("page", moves)
        await jumps(pilot, rows)
        await arrivals(pilot, store, rows)
        await threads(pilot, rows)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        held = rows._ids.itemsize * len(rows._ids) / 1e6
        print(f"memory    {grown / 1024:8.0f} MiB more at the peak than before, {held:.0f} MB of them ids")


async def jumps(pilot: Pilot[None], rows: MessageList) -> None:
    """To places all over the list: the key, then the lines."""
    drawn, arrived = [], []
    for step in range(40):
        started = time.perf_counter()
        place = (step * 7919 * 131) % rows.count
        drawn.append(await timed(pilot, lambda at=place: setattr(rows, "cursor", at)))  # type: ignore[misc]
        await until(lambda: all(rows.row_arrived(index) for index in rows.visible_rows()))
        arrived.append((time.perf_counter() - started) * 1000)
    report("jump", drawn)
    report("lines", arrived)


async def arrivals(pilot: Pilot[None], store: Store, rows: MessageList) -> None:
    """New mail at the top while the cursor is far below."""
    seconds = []
    for _ in range(10):
        count, here = rows.count, rows.message_id
        await asyncio.to_thread(lambda: store.write(arrive).result())
        started = time.perf_counter()
        await until(lambda before=count: rows.count == before + 1)  # type: ignore[misc]
        seconds.append((time.perf_counter() - started) * 1000)
        assert rows.message_id == here, "the cursor left its message"
        await pilot.pause(0.3)
    report("arrival", seconds)


async def threads(pilot: Pilot[None], rows: MessageList) -> None:
    """Fold the threads, move among them, open some."""
    seen, folded, opened, moves, pages = [], [], [], [], []
    for _ in range(5):
        rows.cursor = 0
        await pilot.pause(0.3)
        started = time.perf_counter()
        rows.action_threads()
        await until(lambda: not rows.changing)
        seen.append((time.perf_counter() - started) * 1000)
        await until(lambda: not rows._reading)
        folded.append((time.perf_counter() - started) * 1000)
        await pilot.pause(0.3)
        rows.action_threads()
        await until(lambda: not rows.changing and not rows._reading)
    rows.action_threads()
    await until(lambda: not rows.changing and not rows._reading)
    for _ in range(MOVES):
        moves.append(await timed(pilot, rows.action_cursor_down))
        await asyncio.sleep(0.02)
    for _ in range(MOVES // 4):
        pages.append(await timed(pilot, rows.action_page_down))
        await asyncio.sleep(0.02)
    for _ in range(10):
        await until(lambda: not rows._reading and rows._ids[rows.cursor] in rows._rows)
        started = time.perf_counter()
        rows.action_choose()
        await until(lambda: not rows.changing)
        opened.append((time.perf_counter() - started) * 1000)
        rows.cursor += 1 + len(rows._view.open) * 4
    report("threads", seen)
    report("folded", folded)
    report("move", moves)
    report("page", pages)
    report("open", opened)


def main() -> None:
    """Build the store, measure, print."""
    count = int(sys.argv[1].replace(",", "")) if len(sys.argv) > 1 and sys.argv[1][:1].isdigit() else MESSAGES
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        build(Path(folder), count)
        print(f"built     {time.perf_counter() - started:8.1f} s for {count:,} messages")
        store = Store.open(Path(folder))
        try:
            asyncio.run(measure(store))
        finally:
            store.close()


if __name__ == "__main__":
    main()
