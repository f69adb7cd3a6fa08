"""Law 3: kill it anywhere. Six moments each here, fifty in the soak."""

from __future__ import annotations

from pathlib import Path

from tests.engine import driver
from tests.engine.kills import Killer, change, fill
from tests.servers.dovecot import Dovecot

COUNT = 2000
TIMES = 6


def test_a_first_sync_killed_anywhere(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    fill(dovecot, fresh_user, COUNT)
    Killer(dovecot, fresh_user, tmp_path, None, seed=1).many(TIMES)


def test_a_delta_sync_killed_anywhere(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    fill(dovecot, fresh_user, COUNT)
    before = tmp_path / "before"
    driver.finish(driver.start("sync", before, dovecot.port, fresh_user, dovecot.users[fresh_user]))
    change(dovecot, fresh_user)
    Killer(dovecot, fresh_user, tmp_path, before, seed=2).many(TIMES)
