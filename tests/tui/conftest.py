"""Fixtures of the screen tests: one time zone, one size on disk, no colours or animations from outside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mailsync.store import health, lock
from tests.tui import samples
from tests.tui.driving import settle
from tests.tui.entrances import World, entrance, known_servers
from tests.tui.hands import Act, Drive, Hands
from tests.tui.prepared import Builder


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a screen shows depends on the store and the clock only."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("mailsync.tui.app._disk", lambda store: 81_204_224)
    monkeypatch.setattr("mailsync.store.health.room", lambda folder: 412_000_000_000)
    monkeypatch.setattr("mailsync.store.health.wal_bytes", lambda path: 4_204_224)
    read = health.read
    monkeypatch.setattr(
        "mailsync.store.health.read", lambda c, now: replace(read(c, now), page_bytes=77_000_000, free_bytes=24_576)
    )
    monkeypatch.setattr("mailsync.store.audit._actor", lambda: "ada")
    monkeypatch.setattr("textual.constants.TEXTUAL_ANIMATIONS", "none", raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def builder(tmp_path: Path) -> Iterator[Builder]:
    """An empty store to fill."""
    made = Builder(tmp_path / "data")
    yield made
    made.store.close()


@pytest.fixture
def world() -> Iterator[World]:
    made = known_servers()
    yield made
    made.waits.set()


@pytest.fixture
def drive(builder: Builder, tmp_path: Path, world: World) -> Drive:
    """Run `act` at an application of 80x24 whose way in leads to `world`."""

    def run(act: Act, *, config: str = '[general]\nsecrets = "file"\n', size: tuple[int, int] = (80, 24)) -> None:
        app = samples.app(builder, entrance=entrance(tmp_path, builder.store, world, config))

        async def go() -> None:
            async with app.run_test(size=size) as pilot:
                await settle(pilot)
                await act(Hands(pilot, app))

        asyncio.run(go())

    return run


@pytest.fixture
def owned(builder: Builder, tmp_path: Path) -> Iterator[None]:
    """An engine seems to run on the store: somebody holds its lock."""
    held = lock.EngineLock(tmp_path / "data")
    held.acquire()
    yield
    held.release()
