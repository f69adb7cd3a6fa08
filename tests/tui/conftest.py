"""Fixtures of the screen tests: one time zone, one size on disk, no colours or animations from outside."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mailsync.store import health
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
