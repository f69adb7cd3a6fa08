"""Runs commands in children of its own, forked when all is imported: `python -m tests.sync.lied_to SILENCE`.

Reads requests as JSON lines, [{"args": [...], "out": path}, ...], runs those of a line side by side, and answers with
[{"code", "megabytes", "seconds"}, ...]: how each ended, its peak of memory and its time. A line is taken for dead after
SILENCE seconds here, not a minute, and is tried twice; other limits are as much smaller.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

import mailsync.cli.syncing
import mailsync.engine.engine  # noqa: F401  imported before the fork, so that no child has to
from mailsync.cli.run import run
from mailsync.imap import connect, mailboxes, protocol, session
from mailsync.sync import account

LONGEST = 60
"""Seconds; a command that takes longer is killed, and its code is -14."""


def child(request: dict[str, Any]) -> None:
    signal.alarm(LONGEST)
    out = os.open(request["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    code = 99
    try:
        code = run(request["args"])
    finally:
        os._exit(code)


def main() -> None:
    silence = float(sys.argv[1])
    session.SILENCE_SECONDS = silence
    session.DRIP_SILENCES = 2
    protocol.PATIENCE = 20_000
    vars(mailboxes)["PATIENCE"] = 20_000
    account.LOSSES = 2
    connect.connect.__defaults__ = (3 * silence,)
    for line in sys.stdin:
        started = time.monotonic()
        children = []
        for request in json.loads(line):
            pid = os.fork()
            if pid == 0:
                child(request)
            children.append(pid)
        ended = {}
        for _ in children:
            pid, status, usage = os.wait4(-1, 0)
            seconds = time.monotonic() - started
            code = os.waitstatus_to_exitcode(status)
            ended[pid] = {"code": code, "megabytes": usage.ru_maxrss / 1024, "seconds": seconds}
        print(json.dumps([ended[pid] for pid in children]), flush=True)


if __name__ == "__main__":
    main()
