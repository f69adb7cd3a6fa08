"""A look at a message that may crash or hang whatever reads it: it is parsed by a child process with a life of seconds.

What is set aside was set aside for a reason, and is shown all the same. The child gets the bytes, gives a record taken
apart to builtins, which is all that crosses the pipe, and has no more memory and time than an ordinary message needs.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mailsync.errors import ParseFailed
from mailsync.pipeline.addresses import Address
from mailsync.pipeline.mime import Attachment, ParsedMessage, parse

SECONDS = 5.0
MEMORY = 1 << 30
"""Bytes of address space: some copies of a large message."""
CHILD = (sys.executable, "-P", "-c", "from mailsync.pipeline.glance import child; child()")


def glance(raw: bytes, *, seconds: float = SECONDS, command: Sequence[str] = CHILD) -> ParsedMessage:
    """The message, parsed elsewhere; ParseFailed when that does not work. Blocks for so long at most."""
    here = str(Path(__file__).resolve().parents[2])
    around = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))}
    try:
        done = subprocess.run(command, input=raw, capture_output=True, timeout=seconds, env=around, check=False)
    except subprocess.TimeoutExpired:
        raise ParseFailed("time", f"given up after {seconds:.0f} s") from None
    except OSError as error:
        raise ParseFailed("start", type(error).__name__) from error
    if done.returncode:
        raise ParseFailed("crash", f"the process that read it ended with {done.returncode}")
    failure, fields = marshal.loads(done.stdout)
    if failure:
        raise ParseFailed(*failure)
    people = {name: tuple(Address(*one) for one in found) for name, found in fields["people"].items()}
    attachments = [Attachment(**one) for one in fields["attachments"]]
    return ParsedMessage(**(fields | {"people": people, "attachments": attachments}))


def child() -> None:
    """What the child process does."""
    import resource

    with contextlib.suppress(ValueError, OSError):  # some systems know no such limit; time is limited everywhere
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        found = parse(sys.stdin.buffer.read(), seconds=SECONDS)
    except ParseFailed as error:
        answer: tuple[Any, Any] = ((error.stage, error.reason), None)
    else:
        fields = {name: getattr(found, name) for name in ParsedMessage.__match_args__}
        fields["people"] = {name: [tuple(one) for one in people] for name, people in found.people.items()}
        names = Attachment.__match_args__
        fields["attachments"] = [{name: getattr(one, name) for name in names} for one in found.attachments]
        answer = (None, fields)
    sys.stdout.buffer.write(marshal.dumps(answer))
