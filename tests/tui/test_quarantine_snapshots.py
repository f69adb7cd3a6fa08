"""How the quarantine pane looks: see tests/tui/test_snapshots.py."""

from __future__ import annotations

import pytest

from tests.tui import aside_samples, samples
from tests.tui.prepared import Builder
from tests.tui.test_snapshots import Compare, pressing, sizes


@sizes((60, 20))
def test_quarantine(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    aside_samples.troubled(builder)
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing("4", "j"))


@sizes()
def test_nothing_set_aside(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    samples.quiet(builder)
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing("4"))


@pytest.mark.parametrize("keys", [("v",), ("v", "v")], ids=["raw", "hex"])
def test_the_bytes_of_one(builder: Builder, snap_compare: Compare, keys: tuple[str, ...]) -> None:
    aside_samples.troubled(builder)
    app = samples.app(builder)
    assert snap_compare(app, terminal_size=(140, 36), run_before=pressing("4", "j", "j", *keys))


def test_what_a_server_does_not_give(builder: Builder, snap_compare: Compare) -> None:
    aside_samples.troubled(builder)
    assert snap_compare(samples.app(builder), terminal_size=(80, 24), run_before=pressing("4", "tab"))


def test_discarding_asks(builder: Builder, snap_compare: Compare) -> None:
    aside_samples.troubled(builder)
    assert snap_compare(samples.app(builder), terminal_size=(80, 24), run_before=pressing("4", "j", "d"))
