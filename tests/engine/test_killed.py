"""SIGKILL at a few random moments; `tests/soak` does it at fifty."""

from __future__ import annotations

from pathlib import Path

from tests.engine.killing import delta_syncs, first_syncs
from tests.servers.dovecot import Dovecot

MOMENTS = 6


def test_a_first_sync_killed_anywhere(tmp_path: Path, dovecot: Dovecot, fresh_user: str) -> None:
    assert first_syncs(tmp_path, dovecot, fresh_user, MOMENTS, seed=11) >= 1


def test_a_delta_sync_killed_anywhere(tmp_path: Path, dovecot: Dovecot, fresh_user: str) -> None:
    assert delta_syncs(tmp_path, dovecot, fresh_user, MOMENTS, seed=12) >= 1
