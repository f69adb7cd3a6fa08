"""Law 3 at length: fifty moments of a first sync and of a delta sync."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine import driver
from tests.engine.kills import Killer, change, fill
from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.soak
COUNT = 4000
TIMES = 50


def test_a_first_sync_killed_fifty_times(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    fill(dovecot, fresh_user, COUNT)
    Killer(dovecot, fresh_user, tmp_path, None, seed=11).many(TIMES)


def test_a_delta_sync_killed_fifty_times(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    fill(dovecot, fresh_user, COUNT)
    before = tmp_path / "before"
    driver.finish(driver.start("sync", before, dovecot.port, fresh_user, dovecot.users[fresh_user]))
    change(dovecot, fresh_user)
    Killer(dovecot, fresh_user, tmp_path, before, seed=12).many(TIMES)
