"""SIGKILL at fifty random moments of a first sync and of a delta sync."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.killing import delta_syncs, first_syncs
from tests.servers.dovecot import Dovecot

MOMENTS = 50
pytestmark = pytest.mark.soak


def test_a_first_sync_killed_anywhere(tmp_path: Path, dovecot: Dovecot, fresh_user: str) -> None:
    killed = first_syncs(tmp_path, dovecot, fresh_user, MOMENTS, seed=1)
    print(f"first sync: killed at {killed} of {MOMENTS} moments")
    assert killed >= MOMENTS // 3


def test_a_delta_sync_killed_anywhere(tmp_path: Path, dovecot: Dovecot, fresh_user: str) -> None:
    killed = delta_syncs(tmp_path, dovecot, fresh_user, MOMENTS, seed=2)
    print(f"delta sync: killed at {killed} of {MOMENTS} moments")
    assert killed >= MOMENTS // 3
