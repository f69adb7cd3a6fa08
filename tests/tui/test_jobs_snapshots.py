"""How the jobs pane looks: see tests/tui/test_snapshots.py."""

from __future__ import annotations

import pytest

from tests.tui import job_samples, samples
from tests.tui.prepared import Builder
from tests.tui.test_snapshots import Compare, pressing, sizes


@sizes((60, 20))
def test_jobs(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    job_samples.busy(builder)
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing("6"))


@pytest.mark.parametrize("downs", [1, 5, 8], ids=["cancelling", "tried again later", "failed"])
def test_one_job(builder: Builder, snap_compare: Compare, downs: int) -> None:
    job_samples.busy(builder)
    app = samples.app(builder)
    assert snap_compare(app, terminal_size=(140, 30), run_before=pressing("6", *"j" * downs))


def test_one_job_where_there_is_room_for_nothing_else(builder: Builder, snap_compare: Compare) -> None:
    job_samples.busy(builder)
    assert snap_compare(samples.app(builder), terminal_size=(60, 20), run_before=pressing("6", "enter"))


def test_what_failed(builder: Builder, snap_compare: Compare) -> None:
    job_samples.busy(builder)
    app = samples.app(builder, viewer_of=None)
    assert snap_compare(app, terminal_size=(80, 24), run_before=pressing("6", "f", "f"))


def test_no_jobs(builder: Builder, snap_compare: Compare) -> None:
    samples.quiet(builder)
    assert snap_compare(samples.app(builder), terminal_size=(80, 24), run_before=pressing("6"))
