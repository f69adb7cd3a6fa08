"""A worker that some messages harm: what `X-Poison:` names happens while they are parsed."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from mailsync.pipeline import limits, worker
from mailsync.pipeline.index import Digested, digest

ENTRY = "from tests.pipeline.poison import main; main()"
SECONDS = 0.3
"""Of processor time for a message, so that tests need not wait."""


def poisoned(kind: str, number: int = 0) -> bytes:
    return b"Subject: poisoned %d\r\nMessage-ID: <p%d@x>\r\nX-Poison: %s\r\n\r\nbitter\r\n" % (
        number,
        number,
        kind.encode(),
    )


def main() -> None:
    limits.CPU_SECONDS = SECONDS
    worker.main(_understand)


def _understand(raw: bytes) -> Digested:
    kind = raw.partition(b"X-Poison: ")[2].partition(b"\r\n")[0]
    if kind == b"hang":
        while True:
            pass
    elif kind == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif kind == b"memory":
        bytearray(250 << 20)
    elif kind == b"silence":
        time.sleep(600)
    elif kind == b"error":
        raise KeyError("the words of a message")
    elif kind.startswith(b"once ") and not Path(kind[5:].decode()).exists():
        Path(kind[5:].decode()).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == b"unstorable":
        return digest(raw)._replace(attachments=[(1, "\ud800", "", 0, b"", 0, 0, "")])
    elif kind == b"huge":
        return digest(raw)._replace(date=1 << 70)
    return digest(raw)
