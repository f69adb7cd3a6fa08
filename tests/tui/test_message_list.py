"""The message list over 5,000 messages: what it reads, what it keeps, where its cursor stays."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from mailsync.store import messages
from mailsync.store.codec import Codec
from mailsync.tui.app import MailsyncApp
from mailsync.tui.gathering import PAGE
from mailsync.tui.sources import FolderSource
from mailsync.tui.widgets.message_list import KEPT, MessageList
from tests.tui import samples
from tests.tui.driving import mail_screen, settle, until
from tests.tui.prepared import NOW, Builder, letter

COUNT = 5000
Act = Callable[[Pilot[None], MessageList], Awaitable[None]]


def put(connection: sqlite3.Connection, first: int, count: int, newest: float, step: int = 60) -> None:
    """Read messages with envelopes, each older than the last."""
    numbers = range(first, first + count)
    body = Codec(None).pack([b"Hello"]).frames[0]
    connection.executemany(
        "INSERT INTO contents (id, digest, size, body) VALUES (?, ?, 5, ?)",
        [(number, number.to_bytes(32, "big"), body) for number in numbers],
    )
    connection.executemany(
        """INSERT INTO messages (id, folder_id, uid, content_id, flags, internaldate, size, created_at)
           VALUES (?1, 1, ?1, ?1, 1, ?2, 1000, 0)""",
        [(number, int(newest) - step * (number - first)) for number in numbers],
    )
    connection.executemany(
        "INSERT INTO envelopes VALUES (?1, 0, '', 'Subject ' || ?1, 'Sender', 's@example.org', '', '', 0)",
        [(number,) for number in numbers],
    )
    messages.recount(connection, 1)


@pytest.fixture
def long(builder: Builder) -> Builder:
    """One folder (id 1) of COUNT messages with the ids 1..COUNT, newest first."""
    account = builder.account("big", "ada@example.org")
    assert builder.folder(account, "INBOX") == 1
    builder.store.write(lambda connection: put(connection, 1, COUNT, NOW - 10)).result()
    return builder


def drive(builder: Builder, act: Act, size: tuple[int, int] = (120, 30)) -> None:
    """Run `act` on the message list of the mail screen."""

    async def run() -> None:
        app = samples.app(builder)
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            await pilot.press("2")
            rows = mail_screen(app).messages
            await until(pilot, lambda: rows.count > 0 and not rows.loading_list and not rows._reading)
            await act(pilot, rows)

    asyncio.run(run())


def at(rows: MessageList, index: int) -> str:
    """The text of a line of the list, as it is drawn."""
    return "".join(strip.text for strip in rows.draw_row(index, 100))


def on_screen(rows: MessageList) -> list[str]:
    return ["".join(segment.text for segment in rows.render_line(y)) for y in range(rows.size.height)]


async def changed(pilot: Pilot[None], builder: Builder, write: Callable[[sqlite3.Connection], object]) -> None:
    """Commit something and let the screen take notice."""
    await asyncio.to_thread(lambda: builder.store.write(write).result())
    app = pilot.app
    assert isinstance(app, MailsyncApp)
    rows = mail_screen(app).messages
    version = builder.store.data_version()
    await until(pilot, lambda: app._version == version and not app._changed)
    await until(pilot, lambda: not rows._reading and not rows._dirty)
    await pilot.pause()


def test_pages_are_read_where_one_looks(long: Builder) -> None:
    async def act(pilot: Pilot[None], rows: MessageList) -> None:
        assert rows.count == COUNT
        assert rows.message_id == 1
        assert "Subject 1 " in at(rows, 0)
        assert len(rows._rows) <= 2 * PAGE
        assert "Subject" not in at(rows, 3000)
        await pilot.press("end")
        await settle(pilot)
        assert rows.message_id == COUNT
        assert f"Subject {COUNT} " in at(rows, COUNT - 1)
        assert "Subject 3000 " not in at(rows, 2999)
        for step in range(30):
            rows.cursor = step * 170
            await until(pilot, lambda: not rows._reading)
        await settle(pilot)
        assert len(rows._rows) <= KEPT
        assert all("Subject" in at(rows, index) for index in rows.visible_rows())

    drive(long, act)


def test_keys_move_the_cursor_and_the_status(long: Builder) -> None:
    async def act(pilot: Pilot[None], rows: MessageList) -> None:
        def status() -> str:
            return rows.screen.query_one("ListStatus").render_line(0).text

        await pilot.press("j", "down", "k")
        assert (rows.cursor, rows.message_id) == (1, 2)
        assert "2/5,000" in status()
        await pilot.press("pagedown")
        assert rows.cursor == 1 + rows.size.height - 1
        await pilot.press("G")
        assert "5,000/5,000" in status()
        await pilot.press("j", "home")
        assert rows.cursor == 0
        assert rows.scroll_offset.y == 0

    drive(long, act)


def test_new_mail_at_the_top_while_reading_below(long: Builder) -> None:
    async def act(pilot: Pilot[None], rows: MessageList) -> None:
        rows.cursor = 1000
        await settle(pilot)
        before, line = rows.message_id, rows.cursor - rows.scroll_offset.y
        screen = on_screen(rows)
        await changed(pilot, long, lambda c: put(c, 9000, 3, NOW, 1))
        assert (rows.message_id, rows.cursor) == (before, 1003)
        assert rows.cursor - rows.scroll_offset.y == line, "the view stays on its lines"
        assert on_screen(rows) == screen
        assert list(rows._ids[:4]) == [9000, 9001, 9002, 1]

    drive(long, act)


def test_new_mail_at_the_top_while_looking_at_the_top(long: Builder) -> None:
    async def act(pilot: Pilot[None], rows: MessageList) -> None:
        await changed(pilot, long, lambda c: put(c, 9000, 2, NOW, 1))
        assert (rows.cursor, rows.message_id, rows.scroll_offset.y) == (2, 1, 0)
        assert "Subject 9000 " in on_screen(rows)[0]
        await changed(pilot, long, lambda c: put(c, 9100, 100, NOW + 7000, 1))
        assert rows.message_id == 1
        assert rows.cursor in rows.visible_rows()

    drive(long, act)


def test_old_mail_arrives_below(long: Builder) -> None:
    async def act(pilot: Pilot[None], rows: MessageList) -> None:
        rows.cursor = COUNT - 1
        await settle(pilot)
        await changed(pilot, long, lambda c: put(c, 9000, 500, NOW - 86400 * 100))
        assert (rows.count, rows.cursor, rows.message_id) == (COUNT + 500, COUNT - 1, COUNT)
        await pilot.press("j")
        await settle(pilot)
        assert rows.message_id == 9000
        assert "Subject 9000 " in at(rows, COUNT)

    drive(long, act)


def test_removed_messages_leave_and_the_cursor_stays(long: Builder) -> None:
    async def act(pilot: Pilot[None], rows: MessageList) -> None:
        rows.cursor = 50
        await settle(pilot)
        await changed(pilot, long, lambda c: messages.remove(c, 1, [2, 3, 60], 0.0, "expunged"))
        assert (rows.count, rows.cursor, rows.message_id) == (COUNT - 3, 48, 51)
        await changed(pilot, long, lambda c: messages.remove(c, 1, [51], 0.0, "expunged"))
        assert (rows.cursor, rows.message_id) == (48, 52), "the next one takes its place"
        await changed(pilot, long, lambda c: messages.remove(c, 1, None, 0.0, "expunged"))
        assert (rows.count, rows.cursor, rows.message_id) == (0, 0, None)
        assert any("no messages in this folder" in line for line in on_screen(rows))

    drive(long, act)


def test_flags_and_envelopes_change_in_place(long: Builder) -> None:
    async def act(pilot: Pilot[None], rows: MessageList) -> None:
        assert "•" not in at(rows, 2)
        await changed(pilot, long, lambda c: messages.set_flags(c, 1, [(3, 4, "")]))
        assert "•★" in at(rows, 2)
        assert "•★" in on_screen(rows)[2]

        def forget(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM envelopes WHERE content_id = 3")
            connection.execute("UPDATE messages SET flags = 1 WHERE id = 3")

        await changed(pilot, long, forget)
        assert "…" in at(rows, 2)
        assert "Subject" not in at(rows, 2)

    drive(long, act)


def test_another_folder_starts_at_its_top(long: Builder) -> None:
    sent = letter("Hello", "me@example.org", 60, to="Grace <grace@example.net>")
    with long.store.read() as connection:
        account = connection.execute("SELECT id FROM accounts").fetchone()[0]
    long.folder(account, "Sent", [sent], use="\\Sent")

    async def act(pilot: Pilot[None], rows: MessageList) -> None:
        rows.cursor = 4000
        await settle(pilot)
        await pilot.press("escape", "down", "enter")
        await settle(pilot)
        assert (rows.count, rows.cursor, rows.scroll_offset.y) == (1, 0, 0)
        assert "→ Grace" in at(rows, 0)
        assert rows.has_focus

    drive(long, act)


def test_a_list_is_shown_at_a_message(long: Builder) -> None:
    async def act(pilot: Pilot[None], rows: MessageList) -> None:
        rows.show_source(FolderSource(1), 3000)
        await settle(pilot)
        assert (rows.count, rows.cursor, rows.message_id) == (COUNT, 2999, 3000)
        assert 2999 in rows.visible_rows()
        assert "Subject 3000 " in at(rows, 2999)
        await pilot.press("t")
        await settle(pilot)
        assert (rows.count, rows.message_id) == (COUNT, 3000), "nobody has understood these yet: no threads"
        rows.show_source(FolderSource(1), COUNT + 1)
        await settle(pilot)
        assert (rows.count, rows.cursor) == (COUNT, 0)

    drive(long, act)


def test_a_click_chooses_and_opens(long: Builder) -> None:
    async def act(pilot: Pilot[None], rows: MessageList) -> None:
        await pilot.click(rows, offset=(10, 5))
        await settle(pilot)
        assert rows.cursor == 5
        await pilot.click(rows, offset=(10, 5))
        await settle(pilot)
        assert mail_screen(pilot.app).reader.message_id == 6  # type: ignore[arg-type]
        assert mail_screen(pilot.app).view == "reader"  # type: ignore[arg-type]

    drive(long, act)
