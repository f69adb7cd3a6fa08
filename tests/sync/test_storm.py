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
from tests.sync.storm import Letter, Storm, expected, letter_of, told

CHANGES = 14


async def weather(
    rig: Rig, client: ImapClient, seed: int, *, looked: Strategy, rounds: int, emailids: bool = False
) -> None:
    """Storm and sync in turns; everything is compared after each. `looked` is how changes are found."""
    strategies: set[Strategy | None] = set()
    storm = Storm(client, random.Random(seed))
    before: Truth = {}
    known: set[Letter] = set()
    ids: dict[bytes, int] = {}
    for number in range(rounds):
        rig.clock += 21_600.0  # a folder that is made anew six times a day would be left alone
        if number != rounds - 1:  # the last round changes nothing
            storm.blow(CHANGES)
        results = await rig.sync()
        after = assert_equal(rig, client)
        assert results.keys() == after.keys()
        # Under another name it is the same folder, unless hardly anything is left in it to tell; then it looks new,
        # or like another folder under a name that is known.
        followed = {
            old: new
            for old, new in storm.renamed.items()
            if old in before and results[new].strategy not in ("first", "uidvalidity_reset")
        }
        before = {
            followed.get(name, name): one
            for name, one in before.items()
            if name in followed or name not in followed.values()
        }
        for name, result in results.items():
            idle = name not in storm.touched
            # What changed there and back again may be looked at in vain; what nobody touched only without MODSEQ.
            looks = bool(after[name][1]) and looked == "scan" if idle else result.strategy != "unchanged"
            foretold = expected(before, after, name, known, looked if looks else "unchanged")
            assert told(result) == told(foretold)
            # With EMAILID even a letter without a Message-ID is recognised where it was moved to.
            assert result.bytes <= foretold.bytes if emailids else result.bytes == foretold.bytes
        strategies |= {result.strategy for result in results.values()}
        known |= {letter_of(one) for _, messages in after.values() for one in messages.values()}
        # A letter keeps its id wherever it goes and whatever becomes of its folder.
        rows = rig.execute("SELECT c.digest, m.id FROM messages m JOIN contents c ON c.id = m.content_id")
        now = dict(rows)
        assert {digest: ids.get(digest, number) for digest, number in now.items()} == now
        ids |= now
        before = after
        storm.calm()
    if rounds >= 10:
        assert strategies == {"first", looked, "unchanged", "uidvalidity_reset"}
    # What is gone from the server is kept aside, each letter once.
    assert rig.execute("SELECT count(*) FROM removed_messages") == [(len(ids) - len(now),)]
    assert rig.execute("SELECT count(*) FROM contents") == [(len(ids),)]
    for name in before:
        verdict = await rig.verify(name)
        assert verdict.ok, verdict
        assert verdict.server_count == verdict.local_count == len(before[name][1])


@pytest.mark.parametrize(
    ("capability", "looked"),
    [(None, "qresync"), (CONDSTORE_ONLY, "condstore"), (PLAIN_IMAP4REV1, "scan")],
    ids=["full", "condstore", "plain"],
)
async def test_dovecot(
    capability: str | None, looked: Strategy, start_dovecot: Callable[..., Dovecot], tmp_path: Path
) -> None:
    server = start_dovecot(capability=capability)
    with Rig(tmp_path, server.port) as rig, server.client() as client:
        await weather(rig, client, 1, looked=looked, rounds=20)


async def test_pymap(pymap: Pymap, tmp_path: Path) -> None:
    with Rig(tmp_path, pymap.port) as rig, pymap.client() as client:
        await weather(rig, client, 2, looked="scan", rounds=6, emailids=True)
