"""Threads in the message list, and the tabs of the reading pane with its attachments."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets._toast import Toast

from mailsync.store import consents
from mailsync.tui.screens.mail import MailScreen
from mailsync.tui.screens.prompt import PromptScreen
from mailsync.tui.widgets.reading_pane import TABS
from tests.store.filled import understand
from tests.tui import samples
from tests.tui.correspondence import correspondence, message
from tests.tui.driving import mail_screen, settle, until
from tests.tui.prepared import NOW, Builder

Act = Callable[[Pilot[None], MailScreen], Awaitable[None]]
Drive = Callable[[Act], None]


@pytest.fixture
def at_mail(builder: Builder) -> Drive:
    """Run `act` at the mail pane over mail that belongs together."""
    correspondence(builder)

    def drive(act: Act) -> None:
        async def run() -> None:
            app = samples.app(builder)
            async with app.run_test(size=(150, 36), notifications=True) as pilot:
                await settle(pilot)
                await pilot.press("2")
                await settle(pilot)
                await act(pilot, mail_screen(app))

        asyncio.run(run())

    return drive


def listed(mail: MailScreen) -> list[str]:
    """The lines of the list, without what fills them up."""
    rows = mail.messages
    drawn = ("".join(strip.text for strip in rows.draw_row(index, 100)) for index in range(rows.count))
    return [" ".join(line.split()) for line in drawn]


def test_threads_are_lines_that_open_into_their_messages(at_mail: Drive) -> None:
    async def act(pilot: Pilot[None], mail: MailScreen) -> None:
        rows = mail.messages
        await pilot.press("j", "j", "t")
        await settle(pilot)
        assert rows.count == 17
        assert rows.cursor == 0, "on the thread of the message it was on"
        assert listed(mail)[0].startswith("▸ • @ Grace, Ada, Олег 4 Re: Tide tables")
        assert listed(mail)[3].startswith("▸ ★ Ada, Grace 2 Re: Compilers, again")
        assert listed(mail)[2].startswith("Reports Weekly report"), "not twice, for it is in the archive as well"
        await pilot.press("enter")
        await settle(pilot)
        assert rows.cursor == 0
        assert [line[:42] for line in listed(mail)[:5]] == [
            "▾ • @ Grace, Ada, Олег 4 Re: Tide tables f",
            "↩ Grace Hopper Tide tables for the harbour",
            "Ada Lovelace Sent · Re: Tide tables for th",
            "Олег Re: Tide tables for the harbour 343 B",
            "• @ Grace Hopper Re: Tide tables for the h",
        ]
        await pilot.press("j", "j", "j", "t")
        await settle(pilot)
        assert (rows.count, rows.cursor) == (19, 2), "the message under the cursor, among all of them again"
        await pilot.press("t", "right", "j", "j", "left")
        await settle(pilot)
        assert (rows.count, rows.cursor) == (17, 0)

    at_mail(act)


def test_what_arrives_in_a_thread_moves_it_with_its_cursor(builder: Builder, at_mail: Drive) -> None:
    async def act(pilot: Pilot[None], mail: MailScreen) -> None:
        rows = mail.messages
        await pilot.press("t")
        await settle(pilot)
        await pilot.press("j", "j", "j", "right")
        await settle(pilot)
        answer = message(22, "Re: Compilers, again", "Joan <joan@example.com>", 1, answers=(20, 21))

        def arrive() -> None:
            builder.fill(1, [answer], 900)
            builder.read_envelopes()
            understand(builder.store)

        await asyncio.to_thread(arrive)
        await until(pilot, lambda: listed(mail)[0].startswith("▾ •★ Ada, Grace, Joan 3 "))
        await settle(pilot)
        assert rows.cursor == 0
        assert [line.split()[0] for line in listed(mail)[1:4]] == ["Ada", "★", "•"]
        await pilot.press("G")
        await settle(pilot)
        assert rows.count == 20

    at_mail(act)


def test_every_view_of_a_message(at_mail: Drive) -> None:
    async def act(pilot: Pilot[None], mail: MailScreen) -> None:
        def shown() -> str:
            return "\n".join("".join(text for text, _ in line) for line in mail.reader._laid)

        await pilot.press("enter")
        await settle(pilot)
        seen = {}
        for tab in TABS:
            assert mail.reading.tab == tab
            seen[tab] = shown()
            await pilot.press("right")
            await settle(pilot)
        assert "the ferry waits" in seen["text"]
        assert seen["html"].endswith("This message has no HTML.")
        assert "References: <1@example.org> <2@example.org> <3@example.org>" in " ".join(seen["headers"].split())
        assert "Content-Type: multipart/mixed" in seen["raw"]
        assert "├─ 2 application/pdf attachment" in seen["structure"]
        await pilot.press("escape", "j", "enter", "right")
        await settle(pilot)
        assert "The harbour opens at six & closes at ten." in shown()
        assert "alert" not in shown()
        await pilot.press("escape", "j", "j", "enter")
        await settle(pilot)
        assert "Also in  home / Archive" in shown()

    at_mail(act)


def test_attachments_are_saved_where_that_is_allowed(builder: Builder, at_mail: Drive, tmp_path: Path) -> None:
    async def act(pilot: Pilot[None], mail: MailScreen) -> None:
        app, folder = pilot.app, tmp_path / "saved"
        await pilot.press("enter", "a")
        await settle(pilot)
        files = mail.reading.attachments
        assert app.focused is files
        assert files.count == 3
        hint = "attachment_access is not granted to home; run: mailsync consent grant home attachment_access"
        assert hint in mail.reading.lacking.text
        await pilot.press("s")
        await until(pilot, lambda: bool(app.screen.query(Toast)))
        assert hint in str(app.screen.query_one(Toast).render())
        await asyncio.to_thread(
            lambda: builder.store.write(lambda c: consents.grant(c, "home", ["attachment_access"], NOW)).result()
        )
        await until(pilot, lambda: not files.lacking)
        await pilot.press("j", "s")
        assert isinstance(app.screen, PromptScreen)
        await pilot.press("ctrl+u", *str(folder), "enter")
        await until(pilot, lambda: folder.exists() and len(list(folder.glob("[!.]*"))) == 1)
        await settle(pilot)
        await pilot.press("S", "enter")
        await until(pilot, lambda: len(list(folder.glob("[!.]*"))) == 3)
        await settle(pilot)
        names = sorted(path.name for path in folder.iterdir())
        assert "tide-tables-march.pdf" in names
        assert all("/" not in name and "\x1b" not in name and not name.startswith(".") for name in names)
        assert (folder / "tide-tables-march.pdf").read_bytes().startswith(b"%PDF-1.4 tide")
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(mail.focused, type(mail.messages))

    at_mail(act)
