"""When an engine indexes: before a single sync ends, beside the mirror where it stays, and not at all for nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mailsync.store import consents, documents, scores
from mailsync.store.database import Store
from tests.engine import driver
from tests.engine.kills import letters
from tests.servers.dovecot import Dovecot

CODE = """if True:
    import sys
    from mailsync.cli.run import run
    if sys.argv[1] == "broken":
        sys.executable = "/bin/false"
    elif sys.argv[1] == "defect":
        from mailsync.pipeline import scorer
        scorer.Scorer.step = lambda self: 1 // 0
    elif sys.argv[1]:
        from mailsync.pipeline import indexer
        indexer.BATCH = int(sys.argv[1])
    code = run(sys.argv[2:])
    print(" ".join(name for name in sys.modules if name.startswith("mailsync.pipeline.")))
    sys.exit(code)
"""


class Line:
    """The command line in processes of their own, on a mailbox of `count` messages."""

    def __init__(self, dovecot: Dovecot, user: str, folder: Path, count: int) -> None:
        dovecot.fill(user, "INBOX", letters(count, 1))
        self.data = folder / "data"
        self._config = folder / "config.toml"
        self._config.write_text(
            f'[accounts.work]\nemail = "{user}@example.org"\nusername = "{user}"\nhost = "127.0.0.1"\n'
            f'port = {dovecot.port}\nsecurity = "none"\n'
        )
        self._password = dovecot.users[user]
        with closing(Store.open(self.data)) as store:
            store.write(lambda c: consents.grant(c, "work", ["mailbox_access", "email_read"], 1.0)).result()

    def start(self, *arguments: str, batch: str = "") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                CODE,
                batch,
                "--config",
                str(self._config),
                "--data-dir",
                str(self.data),
                *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=driver.ROOT,
            env=os.environ | {"MAILSYNC_PASSWORD_WORK": self._password, "PYTHONPATH": str(driver.ROOT)},
        )

    def run(self, *arguments: str) -> set[str]:
        """To its end; which modules of the pipeline it has loaded."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return {name.rpartition(".")[2] for name in out.splitlines()[-1].split()}

    def progress(self) -> tuple[int, int]:
        with closing(Store.open(self.data)) as store, store.read() as connection:
            return documents.progress(connection)


def scored(data: Path) -> tuple[int, int]:
    """Documents with their points, and those that wait for them."""
    with closing(Store.open(data)) as store, store.read() as connection:
        return connection.execute("SELECT count(*) FROM scores").fetchone()[0], scores.left(connection)


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def test_a_sync_ends_when_all_is_found_and_the_next_loads_no_parser(
    dovecot: Dovecot, fresh_user: str, tmp_path: Path
) -> None:
    line = Line(dovecot, fresh_user, tmp_path, 150)
    assert {"indexer", "pool"} <= line.run("sync")
    assert line.progress() == (150, 150)
    assert scored(line.data) == (150, 0)
    assert not line.run("sync") & {"indexer", "pool", "mime", "index", "envelope", "scorer", "addressing", "features"}
    line.run("db", "reindex")
    assert line.progress() == (150, 150)
    assert scored(line.data) == (150, 0)
    dovecot.fill(fresh_user, "INBOX", letters(2, 9))
    assert "mime" not in line.run("sync")  # that is for the worker
    assert line.progress() == scored(line.data)[:1] * 2 == (152, 152)


def test_an_interrupt_leaves_the_rest_for_the_next_time(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    line = Line(dovecot, fresh_user, tmp_path, 300)
    with line.start("sync", batch="5") as process:
        until(lambda: line.progress()[0] > 0, "the first messages to be indexed")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    done, total = line.progress()
    assert 0 < done < total == 300
    line.run("sync")
    assert line.progress() == (300, 300)


def test_what_cannot_be_indexed_is_told_and_made_up_for(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    line = Line(dovecot, fresh_user, tmp_path, 40)
    with line.start("sync", batch="broken") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "40 new" in out
    assert "not all of it is indexed" in err
    assert line.progress() == (0, 40)
    line.run("sync")
    assert line.progress() == (40, 40)


def test_a_defect_in_the_last_stage_costs_that_stage_alone(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    line = Line(dovecot, fresh_user, tmp_path, 10)
    with line.start("-v", "sync", batch="defect") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "10 new" in out
    assert "pipeline_failed" in err
    assert "ZeroDivisionError" in err
    assert line.progress() == (10, 10)
    assert scored(line.data) == (0, 10)
    line.run("sync")
    assert scored(line.data) == (10, 0)


def test_an_engine_that_stays_indexes_behind_the_mirror(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    dovecot.fill(fresh_user, "INBOX", letters(250, 1))
    process = driver.start("serve", tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user])

    def indexed(count: int) -> bool:
        with closing(Store.open(tmp_path)) as store, store.read() as connection:
            done = documents.progress(connection) == (count, count)
        return done and scored(tmp_path) == (count, 0)

    with process:
        until(lambda: indexed(250), "the first messages to be indexed")
        dovecot.fill(fresh_user, "INBOX", letters(3, 2))
        until(lambda: indexed(253), "the arrivals to be indexed")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
