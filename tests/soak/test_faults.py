"""Lines that are cut after many numbers of bytes, before every class of server."""

from __future__ import annotations

import pytest

from tests.sync.test_fault_classes import Scene, first_sync_cut, news_cut, scene

__all__ = ["scene"]

pytestmark = pytest.mark.soak
FIRST = range(1, 36_000, 450)
NEWS = range(1, 6000, 97)


async def test_first_syncs(scene: Scene) -> None:
    await first_sync_cut(scene, FIRST)


async def test_news(scene: Scene) -> None:
    await news_cut(scene, NEWS)
