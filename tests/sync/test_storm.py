"""Rounds of changes by another client, a sync after each: mirror = server, and the report is exact."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from mailsync.model import Strategy
from tests.servers.dovecot import CONDSTORE_ONLY, PLAIN_IMAP4REV1, Dovecot
from tests.servers.imap_client import ImapClient
from tests.servers.pymap_server import Pymap
from tests.sync.rig import Rig, Truth, assert_equal
from tests.sync.storm import Storm, expected, told

CHANGES = 14


async def weather(rig: Rig, client: ImapClient, seed: int, *, modseq: bool, rounds: int) -> None:
    """Storm and sync in turns; everything is compared after each."""
    strategies: set[Strategy | None] = set()
    storm = Storm(client, random.Random(seed))
    before: Truth = {}
    deleted = 0
    seen: set[bytes] = set()
    for number in range(rounds):
        if number != rounds - 1:  # the last round changes nothing
            storm.blow(CHANGES)
        results = await rig.sync()
        after = assert_equal(rig, client)
        assert results.keys() == after.keys()
        for name, result in results.items():
            idle = name not in storm.touched
            # What changed there and back again may be looked at in vain; what nobody touched only without MODSEQ.
            looked = bool(after[name][1]) and not modseq if idle else result.strategy == "scan"
            assert told(result) == told(expected(before, after, name, looked=looked))
        strategies |= {result.strategy for result in results.values()}
        deleted += sum(result.deleted for result in results.values())
        deleted += sum(len(messages) for name, (_, messages) in before.items() if name not in after)
        seen |= {one.raw for _, messages in after.values() for one in messages.values()}
        before = after
        storm.calm()
    if rounds >= 10:
        assert strategies == {"first", "scan", "unchanged", "uidvalidity_reset"}
    # What is gone from the server is kept aside, each distinct message once.
    assert rig.execute("SELECT count(*) FROM removed_messages") == [(deleted,)]
    assert rig.execute("SELECT count(*) FROM contents") == [(len(seen),)]
    for name in before:
        verdict = await rig.verify(name)
        assert verdict.ok, verdict
        assert verdict.server_count == verdict.local_count == len(before[name][1])


@pytest.mark.parametrize("capability", [None, CONDSTORE_ONLY, PLAIN_IMAP4REV1], ids=["full", "condstore", "plain"])
async def test_dovecot(capability: str | None, start_dovecot: Callable[..., Dovecot], tmp_path: Path) -> None:
    server = start_dovecot(capability=capability)
    with Rig(tmp_path, server.port) as rig, server.client() as client:
        await weather(rig, client, 1, modseq=capability != PLAIN_IMAP4REV1, rounds=20)


async def test_pymap(pymap: Pymap, tmp_path: Path) -> None:
    with Rig(tmp_path, pymap.port) as rig, pymap.client() as client:
        await weather(rig, client, 2, modseq=False, rounds=6)
