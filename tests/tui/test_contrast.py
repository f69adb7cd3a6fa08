"""Every text that is drawn stands out from its ground: 4.5:1 as WCAG 2 asks for (SC 1.4.3), in the default theme."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

from rich.color import Color as RichColor
from textual.color import Color
from textual.screen import Screen

from mailsync.tui.screens.wizard import Wizard
from mailsync.tui.widgets.steps_server import HandStep
from tests.tui import cleanup_samples, samples
from tests.tui.driving import settle, until
from tests.tui.entrances import entrance, known_servers
from tests.tui.prepared import Builder

ENOUGH = 4.5
DRAWN = re.compile(r"^[\s─━╸│╭╮╰╯┌┐└┘▁▂▃▄▅▆▇█▌▍▎▏▊▋▉▔▕┃]*$")
"""Frames, bars and charts: what they tell stands beside them in words."""


def faint(screen: Screen[Any]) -> set[tuple[str, float]]:
    """The texts on a screen with too little contrast, and how much they have."""
    found = set()
    for strip in screen._compositor.render_strips():
        for segment in strip:
            style = segment.style
            if style is None or DRAWN.match(segment.text) or style.color is None or style.bgcolor is None:
                continue
            ratio = contrast(style.color, style.bgcolor)
            if ratio < ENOUGH and not style.dim:
                found.add((segment.text.strip(), round(ratio, 2)))
    return found


def contrast(one: RichColor, other: RichColor) -> float:
    light, dark = sorted((luminance(Color.from_rich_color(color)) for color in (one, other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: Color) -> float:
    """Relative luminance, WCAG 2."""
    parts = [value / 255 for value in color.rgb]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_text_of_a_dialog_can_be_read(builder: Builder, tmp_path: Path) -> None:
    """At 80x24 it fills the screen: nothing of what it covers, dimmed on purpose, is looked at."""

    found: set[tuple[str, float]] = set()

    async def run() -> None:
        way = entrance(tmp_path, builder.store, known_servers())
        app = samples.app(builder, entrance=way)
        async with app.run_test(size=(80, 24)) as pilot:
            await settle(pilot)
            for keys in (
                ("a",),
                ("x", "enter"),
                ("ctrl+u", *"a@gmial.com", "enter"),
                ("down", "enter"),
                ("end", "enter"),
            ):
                await pilot.press(*keys)
                await until(pilot, lambda: isinstance(app.screen, Wizard) and not app.screen.at_work)
                await pilot.pause()
                found.update(faint(app.screen))
            assert isinstance(app.screen, Wizard)
            assert isinstance(app.screen.step, HandStep)

    asyncio.run(run())
    assert not found


def test_every_text_can_be_read(builder: Builder) -> None:
    samples.first_sync(builder)
    samples.broken(builder)
    found: set[tuple[str, float]] = set()

    async def run() -> None:
        app = samples.app(builder, syncing=True)
        async with app.run_test(size=(160, 48)) as pilot:
            await settle(pilot)
            found.update(faint(app.screen))
            for keys in (("tab",), ("2",), ("j", "enter"), ("tab",), ("4",), ("v",)):
                await pilot.press(*keys)
                await settle(pilot)
                found.update(faint(app.screen))

    asyncio.run(run())
    assert not found


def test_every_text_of_a_clean_up_can_be_read(builder: Builder) -> None:
    cleanup_samples.every_state(builder)
    found: set[tuple[str, float]] = set()

    async def run() -> None:
        app = samples.app(builder)
        async with app.run_test(size=(160, 48)) as pilot:
            await settle(pilot)
            for keys in (("5",), ("j",), ("j", "tab", "enter", "x"), ("v",)):
                await pilot.press(*keys)
                await settle(pilot)
                found.update(faint(app.screen))

    asyncio.run(run())
    assert not found
