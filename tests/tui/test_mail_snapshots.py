"""How the mail pane looks while somebody searches, and with its threads and tabs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tui import samples
from tests.tui.correspondence import configured, correspondence
from tests.tui.prepared import Builder
from tests.tui.test_snapshots import pressing

Compare = Callable[..., bool]


@pytest.mark.parametrize(
    ("size", "keys"),
    [
        ((150, 36), ("2", "slash", *"tide harbour", "enter", "n", "n")),
        ((80, 24), ("2", "slash", *"tide fro:x")),
        ((150, 36), ("2", "t", "enter", "j", "j")),
        ((80, 24), ("2", "enter", "a")),
    ],
    ids=["found", "error", "threads", "attachments"],
)
def test_mail_pane(
    builder: Builder,
    snap_compare: Compare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    keys: tuple[str, ...],
) -> None:
    monkeypatch.setattr("mailsync.tui.gathering.clock", lambda: 7.0)
    correspondence(builder)
    app = samples.app(builder, config_path=configured(tmp_path))
    assert snap_compare(app, terminal_size=size, run_before=pressing(*keys))
