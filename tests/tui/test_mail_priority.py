"""The mail pane by priority: what comes first, why, and how it follows what happens."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from mailsync.tui.screens.mail import MailScreen
from tests.store.filled import understand
from tests.tui import samples, triage_samples
from tests.tui.correspondence import GRACE, configured, message
from tests.tui.driving import mail_screen, settle, until
from tests.tui.prepared import MINUTE, Builder
from tests.tui.test_contrast import faint
from tests.tui.test_mail_search import search
from tests.tui.test_snapshots import Compare, pressing, sizes

Act = Callable[[Pilot[None], MailScreen], Awaitable[None]]


def drive(builder: Builder, config: str, act: Act, *, size: tuple[int, int] = (150, 36)) -> None:
    async def run() -> None:
        app = samples.app(builder, config_path=config)
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            await pilot.press("2")
            await settle(pilot)
            await act(pilot, mail_screen(app))

    asyncio.run(run())


@pytest.fixture
def config(builder: Builder, tmp_path: Path) -> str:
    triage_samples.scored(builder)
    return configured(tmp_path)


def shown(screen: MailScreen) -> list[str]:
    """The lines of the list that are in view."""
    rows = screen.messages
    return [
        "".join(part.text for part in strip) for index in rows.visible_rows() for strip in rows.draw_row(index, 120)
    ]


def test_what_was_written_to_the_person_comes_first_and_says_why(builder: Builder, config: str) -> None:
    async def act(pilot: Pilot[None], screen: MailScreen) -> None:
        await pilot.press("j", "j", "j")
        await settle(pilot)
        stood = screen.messages.message_id
        await pilot.press("o")
        await settle(pilot)
        first, why, *others = shown(screen)
        assert "0.98" in first
        assert "The engine drawings" in first
        assert why.strip().startswith("addressed to you · ")
        assert "it asks something" in why
        assert not any("Tides" in line for line in others[:8])
        assert screen.messages.score is not None
        assert screen.reading.why.text.startswith(f"Priority {screen.messages.score.score:.2f}")
        assert "+1.5\u00a0addressed to you" in screen.reading.why.text
        assert not faint(screen)
        for _ in range(screen.messages.count):
            if screen.messages.message_id != stood:
                await pilot.press("j")
        await pilot.press("o")
        await settle(pilot)
        assert (screen.messages.cursor, screen.messages.message_id) == (3, stood)
        assert not screen.reading.why.display

    drive(builder, config, act)


def test_a_score_follows_what_happens(builder: Builder, config: str) -> None:
    """An answer takes a message down; new mail comes in at its place once it is scored."""

    async def act(pilot: Pilot[None], screen: MailScreen) -> None:
        await pilot.press("o")
        await settle(pilot)
        await pilot.press("j")
        await settle(pilot)
        invoice = screen.messages.message_id

        def answer(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE messages SET flags = 3 WHERE id = ?", (invoice,))

        builder.store.write(answer).result()
        await until(pilot, lambda: screen.messages.cursor > 1)
        assert screen.messages.message_id == invoice  # the cursor went down with it
        await until(pilot, lambda: "you answered it already" in screen.reading.why.text)
        with builder.store.read() as connection:
            inbox = connection.execute("SELECT id FROM folders WHERE name = 'INBOX' ORDER BY id").fetchone()[0]
        late = message(60, "By tonight?", GRACE, MINUTE, body="Dear Ada, can you answer me by tonight?\r\n")
        builder.fill(inbox, [late], first_uid=900)
        builder.read_envelopes()
        understand(builder.store)
        await until(pilot, lambda: "1 message not scored yet" in screen.messages.note)
        triage_samples.score(builder)
        await until(pilot, lambda: "By tonight?" in shown(screen)[0] and not screen.messages.note)

    drive(builder, config, act)


def test_a_search_and_a_folder_are_ordered_alike(builder: Builder, config: str) -> None:
    async def act(pilot: Pilot[None], screen: MailScreen) -> None:
        await search(pilot, "is:unread engine", "enter", "o")
        await settle(pilot)
        lines = shown(screen)
        assert ["The engine drawings" in lines[0], "The harbour engine" in lines[2], len(lines)] == [True, True, 4]
        await pilot.press("escape")
        await settle(pilot)
        assert screen.messages.count > 10
        assert "The harbour engine" not in "".join(shown(screen))  # it is in another account's INBOX
        screen.show_folder(next(one.id for one in screen.vitals.snapshot.folders if one.name == "Sent"))
        await settle(pilot)
        assert screen.messages.count == 0
        assert screen.messages._notice == "nothing here wants your attention"

    drive(builder, config, act)


@sizes((60, 20))
def test_priority(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    triage_samples.scored(builder)
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing("2", "o"))


def test_the_reasons_above_a_message(builder: Builder, snap_compare: Compare) -> None:
    triage_samples.scored(builder)
    assert snap_compare(samples.app(builder), terminal_size=(80, 24), run_before=pressing("2", "o", "enter"))
