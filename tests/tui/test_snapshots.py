"""How the screens look: compared with pictures that a person has looked at.

After a wanted change: `pytest tests/tui --snapshot-update`, then look at what changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui import health_samples, samples
from tests.tui.driving import settle
from tests.tui.prepared import Builder

SIZES = [(80, 24), (160, 48)]
Compare = Callable[..., bool]


def pressing(*keys: str) -> Callable[[Pilot[None]], Any]:
    """What to do before the picture is taken: each key, and the wait for what it causes."""

    async def run(pilot: Pilot[None]) -> None:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)

    return run


def sizes(*more: tuple[int, int]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("size", [*SIZES, *more], ids=lambda size: f"{size[0]}x{size[1]}")


@sizes((60, 20))
def test_empty(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    app = samples.app(builder, viewer_of=None)
    assert snap_compare(app, terminal_size=size, run_before=pressing())


def test_mail_without_any_account(builder: Builder, snap_compare: Compare) -> None:
    app = samples.app(builder, viewer_of=None)
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("2"))


@sizes((60, 20))
def test_first_sync(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    samples.first_sync(builder)
    app = samples.app(builder, syncing=True)
    assert snap_compare(app, terminal_size=size, run_before=pressing())


@sizes()
def test_one_account_without_consent(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    samples.first_sync(builder)
    app = samples.app(builder, syncing=True)
    assert snap_compare(app, terminal_size=size, run_before=pressing("down", "down"))


@sizes((60, 20))
def test_troubles(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    samples.broken(builder)
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing())


@sizes()
def test_all_quiet(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    samples.quiet(builder)
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing("j"))


@sizes((60, 20))
def test_mail(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    samples.quiet(builder)
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing("2"))


@sizes((60, 20))
def test_hostile_message(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    samples.quiet(builder)
    keys: Sequence[str] = ("2", "j", "j", "j", "enter")
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing(*keys))


@sizes()
def test_labels(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    samples.labelled(builder)
    keys = ("2", "escape", "j", "enter", "enter")
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing(*keys))


def test_message_with_all_headers(builder: Builder, snap_compare: Compare) -> None:
    samples.quiet(builder)
    assert snap_compare(samples.app(builder), terminal_size=(80, 24), run_before=pressing("2", "enter", "h"))


def test_message_raw(builder: Builder, snap_compare: Compare) -> None:
    samples.quiet(builder)
    keys = ("2", "j", "j", "j", "enter", "r")
    assert snap_compare(samples.app(builder), terminal_size=(80, 24), run_before=pressing(*keys))


def test_quarantined_message(builder: Builder, snap_compare: Compare) -> None:
    samples.broken(builder)
    assert snap_compare(
        samples.app(builder), terminal_size=(80, 24), run_before=pressing("2", "shift+tab", "end", "enter", "enter")
    )


@sizes((60, 20))
def test_message_left_on_the_server(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    samples.quiet(builder)
    builder.withheld(1, 900, 61_203_117, age=60.0)
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing("2", "enter"))


@sizes((60, 20))
def test_folder_tree(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    samples.quiet(builder)
    keys = ("2", "escape", "end", "left", "left", "left")
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing(*keys))


@sizes((60, 20))
def test_health(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    health_samples.well(builder)
    assert snap_compare(health_samples.app(builder), terminal_size=size, run_before=pressing("3"))


@sizes()
def test_unhealthy(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    health_samples.troubled(builder)
    assert snap_compare(health_samples.app(builder), terminal_size=size, run_before=pressing("3", "j", "l", "l"))


@pytest.mark.parametrize("tabs", [2, 3], ids=["connections", "log"])
def test_health_where_there_is_room_for_two(builder: Builder, snap_compare: Compare, tabs: int) -> None:
    health_samples.well(builder)
    app = health_samples.app(builder)
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("3", *["tab"] * tabs))


@sizes()
def test_health_of_nothing(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    app = health_samples.app(builder, viewer_of=None)
    assert snap_compare(app, terminal_size=size, run_before=pressing("3"))


@sizes()
def test_help(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    samples.quiet(builder)
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing("2", "question_mark"))


def test_help_without_an_engine(builder: Builder, snap_compare: Compare) -> None:
    samples.quiet(builder)
    app = samples.app(builder, viewer_of=None)
    assert snap_compare(app, terminal_size=(80, 36), run_before=pressing("question_mark"))


def test_command_palette(builder: Builder, snap_compare: Compare) -> None:
    samples.quiet(builder)

    async def run(pilot: Pilot[None]) -> None:
        await pressing("2", "ctrl+p")(pilot)
        await pilot.press(*"led")
        await settle(pilot)
        await pilot.pause(0.3)
        pilot.app.screen.query_one("CommandInput").cursor_blink = False  # type: ignore[attr-defined]
        await pilot.pause()

    assert snap_compare(samples.app(builder), terminal_size=(100, 30), run_before=run)


def test_without_colours(builder: Builder, snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    samples.broken(builder)
    assert snap_compare(samples.app(builder), terminal_size=(80, 24), run_before=pressing())
