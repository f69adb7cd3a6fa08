"""The quarantine pane: what its keys ask for, what it notices, and what it never shows."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable

import pytest
from textual.pilot import Pilot

from mailsync.errors import ParseFailed
from mailsync.pipeline import glance
from mailsync.privacy.consent import EMAIL_READ
from mailsync.store import asides, consents, quarantine
from mailsync.tui.app import MailsyncApp
from mailsync.tui.aside import DUMPED, SHOWN, Glimpse, View, body
from mailsync.tui.screens.confirm import ConfirmScreen
from mailsync.tui.screens.quarantine import QuarantineScreen
from tests.tui import aside_samples, samples
from tests.tui.driving import settle, until
from tests.tui.prepared import NOW, Builder

Act = Callable[[Pilot[None], QuarantineScreen], Awaitable[None]]


def drive(builder: Builder, act: Act, *, size: tuple[int, int] = (140, 40), viewer_of: int | None = 1) -> MailsyncApp:
    app = samples.app(builder, viewer_of=viewer_of)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            await pilot.press("4")
            await settle(pilot)
            assert isinstance(app.pane, QuarantineScreen)
            await act(pilot, app.pane)

    asyncio.run(run())
    return app


def shown(screen: QuarantineScreen) -> str:
    return screen.detail.text


def asked(builder: Builder) -> list[tuple[str, str]]:
    with builder.store.read() as connection:
        return [tuple(row) for row in connection.execute("SELECT kind, params FROM jobs ORDER BY id")]


def test_trying_again_asks_the_engine(builder: Builder) -> None:
    aside_samples.troubled(builder)

    async def act(pilot: Pilot[None], screen: QuarantineScreen) -> None:
        await pilot.press("j", "t")
        await until(pilot, lambda: asked(builder) == [("quarantine_retry", '{"entries": [2]}')])
        await pilot.press("T")
        await until(pilot, lambda: asked(builder)[1:] == [("quarantine_retry", "{}")])
        builder.store.write(lambda c: quarantine.recovered(c, range(1, 10_000), NOW)).result()  # as the engine does
        await until(pilot, lambda: screen.entries.count == 1)
        assert screen.entries.selected is not None
        assert screen.entries.selected.stage == "fetch"
        assert "the server answered FETCH 900" in shown(screen)

    drive(builder, act)


def test_without_an_engine_nothing_is_tried(builder: Builder) -> None:
    aside_samples.troubled(builder)

    async def act(pilot: Pilot[None], screen: QuarantineScreen) -> None:
        assert screen.check_action("retry", ()) is None
        await pilot.press("t", "T")
        await settle(pilot)
        assert asked(builder) == []
        assert screen.check_action("discard", ()) is True

    drive(builder, act, viewer_of=None)


def test_discarding_is_asked_for_twice(builder: Builder) -> None:
    aside_samples.troubled(builder)

    async def act(pilot: Pilot[None], screen: QuarantineScreen) -> None:
        app = screen.app
        for answer, left in (("n", 3), ("escape", 3), ("y", 2)):
            await pilot.press("d")
            await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            await pilot.press(answer)
            await until(pilot, lambda: app.screen is screen)
            await until(pilot, lambda left=left: screen.entries.count == left)  # type: ignore[misc]
        await until(pilot, lambda: screen.vitals.snapshot.quarantined == 2)

    drive(builder, act)
    with builder.store.read() as connection:
        assert [one.stage for one in asides.listing(connection, discarded=True)] == ["fetch"]


def test_a_message_is_not_shown_without_consent(builder: Builder) -> None:
    aside_samples.troubled(builder)

    async def act(pilot: Pilot[None], screen: QuarantineScreen) -> None:
        await pilot.press("j")
        await settle(pilot)
        assert "A word of many letters" in shown(screen)
        assert not any(char in shown(screen) for char in "\x1b\x07\u202e")
        builder.store.write(lambda c: consents.revoke(c, "home", [EMAIL_READ], NOW)).result()
        await until(pilot, lambda: "Not shown: email_read is not granted to home" in shown(screen))
        await pilot.press("v")
        assert "A word of many letters" not in shown(screen)
        assert "it took more than two seconds" in shown(screen)

    drive(builder, act)


def test_what_cannot_be_parsed_here_either_still_shows_its_bytes(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside_samples.troubled(builder)

    def fail(raw: bytes) -> None:
        raise ParseFailed("time", "given up after 5 s")

    monkeypatch.setattr(glance, "glance", fail)

    async def act(pilot: Pilot[None], screen: QuarantineScreen) -> None:
        await pilot.press("j")
        await settle(pilot)
        assert "(time: given up after 5 s); press v to see its bytes" in shown(screen).replace("\n", " ")
        await pilot.press("v")
        assert "A word of many letters" in shown(screen)
        await pilot.press("v")
        assert "00000000  " in shown(screen)

    drive(builder, act)


def test_a_mirror_that_cannot_be_read_says_so(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise sqlite3.DatabaseError("malformed\x1b")

    monkeypatch.setattr(asides, "listing", fail)

    async def act(pilot: Pilot[None], screen: QuarantineScreen) -> None:
        assert screen.entries._notice == "the mirror cannot be read: malformed\ufffd"

    drive(builder, act)


def test_a_tiny_terminal_shows_one_part(builder: Builder) -> None:
    aside_samples.troubled(builder)

    async def act(pilot: Pilot[None], screen: QuarantineScreen) -> None:
        assert (screen.entries.display, screen.detail.display) == (True, False)
        await pilot.press("enter")
        await settle(pilot)
        assert screen.detail.has_focus
        assert (screen.entries.display, screen.detail.display) == (False, True)
        builder.store.write(lambda c: quarantine.discard(c, [one.id for one in asides.listing(c)], NOW)).result()
        await until(pilot, lambda: screen.entries.has_focus)
        assert "Nothing is set aside." in screen.entries._notice

    drive(builder, act, size=(60, 20))


@pytest.mark.parametrize("piece", [b"\x1b[2J \xe2\x80\xae", b"\n", b"\xe6\x97\xa5", b"<b>"])
def test_views_are_bounded(piece: bytes) -> None:
    huge = piece * (1 << 18)
    glimpse = Glimpse(huge[:SHOWN], len(huge), None, "no")
    views: tuple[tuple[View, int], ...] = (("raw", 2 * SHOWN), ("hex", DUMPED * 7))
    for view, most in views:
        laid = body(glimpse, view, 40)
        text = "\n".join("".join(text for text, _ in line) for line in laid)
        assert len(text) < most
        assert "Cut here" in text
        assert "\x1b" not in text
        assert "\u202e" not in text
