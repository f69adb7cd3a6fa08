"""Ten minutes of damaged mail, or MAILSYNC_FUZZ_SECONDS of it: nothing may fail but by ParseFailed, take 2 s or 200 MB.

A message that did is left in the test's folder. MAILSYNC_SEED gives others.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.corpus import iter_bulk, iter_torture
from tests.pipeline.damage import Watch, damaged
from tests.pipeline.test_hostile import PIECES

pytestmark = pytest.mark.soak
SECONDS = float(os.environ.get("MAILSYNC_FUZZ_SECONDS", "600"))
SEED = int(os.environ.get("MAILSYNC_SEED", "1"))


@pytest.mark.usefixtures("corpus")
def test_damaged_mail(tmp_path: Path) -> None:
    messages = [raw for _, raw in iter_torture()] + [raw for _, raw in list(iter_bulk())[::4]]
    watch = Watch()
    end = time.monotonic() + 0.8 * SECONDS
    for raw in damaged(messages, SEED):
        if time.monotonic() > end:
            break
        (tmp_path / "culprit.eml").write_bytes(raw)
        watch.parse(raw)
    print(f"seed {SEED}: {watch}")
    assert watch.count > SECONDS


NAMES = "Subject From To Date References Content-Type Content-Disposition Content-Transfer-Encoding Message-ID X"
FIELDS = st.sampled_from(NAMES.encode().split())
VALUES = st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=8).map(b"".join)
HEADS = st.lists(st.tuples(FIELDS, VALUES).map(b": ".join), max_size=5).map(b"\r\n".join)
LEAVES = st.tuples(HEADS, st.binary(max_size=60) | VALUES).map(b"\r\n\r\n".join)


def _joined(parts: list[bytes], kind: bytes, boundary: bytes, end: bytes) -> bytes:
    inside = b"".join(end + b"--" + boundary + end + part for part in parts)
    return (
        b"Content-Type: multipart/" + kind + b"; boundary=" + boundary + end + inside + end + b"--" + boundary + b"--"
    )


TREES = st.recursive(
    LEAVES,
    lambda parts: st.builds(
        _joined,
        st.lists(parts, max_size=4),
        st.sampled_from([b"mixed", b"alternative", b"related", b"digest", b"signed"]),
        st.sampled_from([b"a", b"aa", b"b", b'"b c"']),
        st.sampled_from([b"\r\n", b"\n", b"\r"]),
    ),
    max_leaves=12,
)


def test_made_mail() -> None:
    watch = Watch()
    end = time.monotonic() + 0.2 * SECONDS
    number = SEED
    while time.monotonic() < end:
        # A thousand at a time, since each run remembers what it has tried.
        @seed(number)
        @settings(max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(TREES)
        def parsed(raw: bytes) -> None:
            watch.parse(raw)

        parsed()
        number += 1
    print(f"seeds {SEED} to {number - 1}: {watch}")
    assert watch.count > SECONDS
