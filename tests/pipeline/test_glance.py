"""A message parsed by a child process is the message parsed here, or says why not."""

from __future__ import annotations

import sys

import pytest

from mailsync.errors import ParseFailed
from mailsync.pipeline.glance import glance
from mailsync.pipeline.mime import parse
from tests.cli.mirror import FIRST

REPLY = (
    b"From: Ada <a@example.org>, b@example.org\r\nTo: c@x\r\nIn-Reply-To: <1@x>\r\nReferences: <0@x> <1@x>\r\n"
    b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nplain \xf0\x9f\x8c\x8a\r\n--b\r\n"
    b"Content-Type: text/html\r\n\r\n<p>rich\r\n--b--\r\n"
)


@pytest.mark.parametrize("raw", [FIRST, REPLY, b"", bytes(range(256))], ids=["attached", "reply", "empty", "bytes"])
def test_what_crosses_the_pipe_is_the_message(raw: bytes) -> None:
    assert glance(raw) == parse(raw)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("import os; os.abort()", "crash: the process that read it ended with -6"),
        ("import time; time.sleep(60)", "time: given up after 0 s"),
        ("raise SystemExit(3)", "crash: the process that read it ended with 3"),
        (
            "from mailsync.pipeline import glance; from mailsync.errors import ParseFailed\n"
            "def parse(raw, seconds): raise ParseFailed('structure', 'MemoryError')\n"
            "glance.parse = parse; glance.child()",
            "structure: MemoryError",
        ),
    ],
    ids=["crash", "hang", "exit", "refused"],
)
def test_what_becomes_of_the_child_is_told(script: str, told: str) -> None:
    seconds = 0.3 if "sleep" in script else 20.0
    with pytest.raises(ParseFailed, match=told):
        glance(FIRST, seconds=seconds, command=[sys.executable, "-P", "-c", script])
