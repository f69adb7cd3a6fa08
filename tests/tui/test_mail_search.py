"""Searching in the mail pane: what is typed, what is found, what is marked, and what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input
from textual.widgets._toast import Toast

from mailsync.tui.completion import complete
from mailsync.tui.drawing import Line
from mailsync.tui.screens.mail import MailScreen
from mailsync.tui.screens.prompt import PromptScreen
from mailsync.tui.searches import Searches
from tests.store.filled import understand
from tests.tui import samples
from tests.tui.correspondence import configured, correspondence, message
from tests.tui.driving import mail_screen, settle, until
from tests.tui.prepared import Builder

Act = Callable[[Pilot[None], MailScreen], Awaitable[None]]
Drive = Callable[[Act], None]


@pytest.fixture
def at_mail(builder: Builder, tmp_path: Path) -> Drive:
    """Run `act` at the mail pane over mail that belongs together."""
    correspondence(builder)
    path = configured(tmp_path)

    def drive(act: Act) -> None:
        async def run() -> None:
            app = samples.app(builder, config_path=path)
            async with app.run_test(size=(150, 36), notifications=True) as pilot:
                await settle(pilot)
                await pilot.press("2")
                await settle(pilot)
                await act(pilot, mail_screen(app))

        asyncio.run(run())

    return drive


async def search(pilot: Pilot[None], text: str, *keys: str) -> None:
    """Open the line, empty it, write, and wait for what it finds.

    All at once: on a busy machine typing takes long enough for what is half written to be looked for.
    """
    await pilot.press("slash", "ctrl+u")
    line = pilot.app.focused
    assert isinstance(line, Input)
    line.insert_text_at_cursor(text)
    await pilot.press(*keys)
    await settle(pilot)


def listed(mail: MailScreen) -> list[str]:
    """The lines of the list."""
    rows = mail.messages
    return ["".join(strip.text for strip in rows.draw_row(index, 90)) for index in range(rows.count)]


def told(mail: MailScreen) -> list[str]:
    """The search line and what is said below it, as wide as they are."""
    below = mail.search.told
    lines = [below.render_line(y).text for y in range(below.size.height)]
    return [f"   {mail.search.text}", *(line.rstrip() for line in lines)]


def test_what_is_found_is_marked_and_escape_leads_back(at_mail: Drive) -> None:
    async def act(pilot: Pilot[None], mail: MailScreen) -> None:
        await pilot.press("j", "j", "j")
        await settle(pilot)
        before = mail.messages.message_id
        await search(pilot, "TIDE harbour", "enter")
        assert len(listed(mail)) == 4
        assert all("Tide tables for the harbour" in line for line in listed(mail))
        marked = [
            segment.text for segment in mail.messages.draw_row(0, 90)[0] if segment.style and segment.style.underline
        ]
        assert marked == ["Tide", "harbour"]
        assert "1/4 · " in mail.query_one("ListStatus").render_line(0).text
        await pilot.press("enter")
        await settle(pilot)
        pane = mail.reading
        assert str(pane.border_subtitle) == "8 matches"
        await pilot.press("n", "n", "N")
        assert str(pane.border_subtitle) == "1 of 8 matches"
        await pilot.press("N")
        assert str(pane.border_subtitle) == "8 of 8 matches"
        assert mail.reader.render_line(mail.reader._found[7][0] - mail.reader.scroll_offset.y)._segments
        await pilot.press("escape", "escape")
        await settle(pilot)
        assert (mail.messages.count, mail.messages.message_id, mail.search.display) == (19, before, False)
        assert not any(ink == "match" for line in mail.reader._laid for _, ink in line)

    at_mail(act)


def test_an_error_stands_below_its_column_and_the_list_stays(at_mail: Drive) -> None:
    async def act(pilot: Pilot[None], mail: MailScreen) -> None:
        await search(pilot, "tide fro:x")
        line, *below = told(mail)
        assert below[0].index("^") == line.index("fro:x")
        assert 'there is no field "fro"; did you mean from: ?' in " ".join(below)
        assert mail.messages.count == 19
        await search(pilot, "tide ++", "enter")
        line, *below = told(mail)
        assert below[0].index("^") == line.index("++")
        await search(pilot, "zebra", "enter")
        assert "^" not in "".join(told(mail))
        assert any("nothing found" in mail.messages.render_line(y).text for y in range(mail.messages.size.height))
        await pilot.press("n")
        assert not mail.reading.has_focus_within

    at_mail(act)


def test_completion_history_and_where(at_mail: Drive) -> None:
    async def act(pilot: Pilot[None], mail: MailScreen) -> None:
        await search(pilot, "fol")
        assert "folder:" in told(mail)[1]
        await pilot.press("tab", "a", "r", "tab")
        assert mail.search.text == "folder:Archive "
        await settle(pilot)
        assert [line.split()[0] for line in listed(mail)] == ["Reports"]
        await pilot.press("enter")
        await search(pilot, "harbour", "enter")
        assert mail.messages.count == 18
        await pilot.press("slash", "up", "up")
        assert mail.search.text == "folder:Archive"
        await pilot.press("down")
        await settle(pilot)
        assert mail.search.text == "harbour"
        await pilot.press("ctrl+o")
        await settle(pilot)
        assert mail.messages.count == 17, "not the one of the other account"
        await pilot.press("ctrl+o", "enter")
        await settle(pilot)
        assert mail.messages.count == 16, "nor the one that was sent"
        assert "found in home / INBOX" in mail.query_one("ListStatus").render_line(0).text

    at_mail(act)


def test_what_arrives_is_found_and_the_cursor_stays(builder: Builder, at_mail: Drive) -> None:
    async def act(pilot: Pilot[None], mail: MailScreen) -> None:
        await search(pilot, "tide OR zebra", "enter", "j")
        here = mail.messages.message_id
        new = message(90, "A zebra at the quay", "Eve <eve@example.com>", 10)

        def arrive() -> None:
            builder.fill(1, [new], 900)
            builder.read_envelopes()
            understand(builder.store)

        await asyncio.to_thread(arrive)
        await until(pilot, lambda: mail.messages.count == 5)
        await settle(pilot)
        assert "zebra" in listed(mail)[0]
        assert (mail.messages.cursor, mail.messages.message_id) == (2, here)

    at_mail(act)


def test_a_search_is_kept_by_a_name(at_mail: Drive, tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], mail: MailScreen) -> None:
        app = pilot.app
        await search(pilot, "from:grace tide", "enter", "ctrl+s")
        assert isinstance(app.screen, PromptScreen)
        await pilot.press(*"a/b", "enter")
        await until(pilot, lambda: bool(app.screen.query(Toast)))
        assert "not a name for a search" in str(app.screen.query_one(Toast).render())
        await pilot.press("ctrl+s", *"my tides", "enter")
        await until(pilot, lambda: len(mail.folders._searches) == 3)
        assert [(one.name, one.unread) for one in Searches(tmp_path / "config.toml").read().searches][2:] == [
            ("my-tides", None)
        ]
        await pilot.press("escape")
        await settle(pilot)
        await pilot.press("shift+tab", "home", "j", "j", "j")
        await settle(pilot)
        assert mail.folders.selected is not None
        assert mail.folders.selected.label == "my-tides"
        assert mail.search.text == "from:grace tide"
        assert mail.messages.count == 2
        assert mail.folders.has_focus
        await until(pilot, lambda: mail.folders._searches[0].unread == 1)

    at_mail(act)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("fr", "from:"),
        ("(-la", "(-label:"),
        ("x is:unr", "x is:unread "),
        ("folder:sent", 'folder:"Sent Items" '),
        ('folder:"it', 'folder:"Sent Items" '),
        ("before:", "before:1d "),
        ("account:", "account:home "),
        ("tide", None),
        ("", None),
        ("subject:x", None),
        ('"fr', None),
    ],
)
def test_what_may_stand_at_the_cursor(typed: str, expected: str | None) -> None:
    found = complete(typed, len(typed), {"folder": ["INBOX", "Sent Items"], "account": ["home"]})
    assert (found.applied(typed)[0] if found else None) == expected


def test_marks_end_where_the_text_is_cut() -> None:
    from rich.style import Style

    line = Line(lambda name: Style(bold=name == "match"))
    line.add_marked("漢字 a tide of tides", "plain", 10, lambda text: [(text.index("tide"), text.index("tide") + 4)])
    assert "".join(segment.text for segment in line.segments) == "漢字 a ti…"
    assert [segment.text for segment in line.segments if segment.style and segment.style.bold] == ["ti"]
    assert line.width == 10
