"""A process that carries out one job, to be killed: `python -m tests.cleanup.driver DIR PORT USER PASSWORD JOB BATCH`.

It goes on with a job that another one had; exit code 0 when the outcome is a good one.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

from mailsync.cleanup import carrying
from mailsync.store import jobs
from tests.cleanup import undone
from tests.cleanup.applying import carried_out
from tests.engine.driver import ROOT
from tests.sync.rig import Rig


def start(directory: Path, port: int, user: str, password: str, job: int, batch: int) -> subprocess.Popen[bytes]:
    """This driver as the leader of a process group of its own."""
    arguments = [str(directory), str(port), user, password, str(job), str(batch)]
    command = [sys.executable, "-m", "tests.cleanup.driver", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)


async def main(directory: str, port: str, user: str, password: str, job: str, batch: str) -> int:
    carrying.BATCH = int(batch)  # type: ignore[attr-defined]  # as if it were defined there
    with Rig(Path(directory), int(port), user, password) as rig:
        rig.store.write(lambda connection: jobs.requeue(connection, int(job), time.time())).result()
        with rig.store.read() as connection:
            known = jobs.get(connection, int(job))
        assert known is not None
        work = undone.carried_out if known.kind == "undo" else carried_out
        return 0 if (await work(rig, known)).ok else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
