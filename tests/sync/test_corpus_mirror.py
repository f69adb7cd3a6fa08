"""Everything in the corpus through real servers into the mirror and out again: byte for byte, flag for flag."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.corpus import iter_bulk, iter_torture
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import ImapClient, Message
from tests.servers.pymap_server import Pymap
from tests.sync.rig import Rig, assert_equal

AWKWARD = ["Ünïcode/子", "a.b", 'quote"d', "back\\slash", "*star", "%pct", "&amp"]
FLAGS: list[tuple[str, ...]] = [
    (),
    ("\\Seen",),
    ("\\Seen", "\\Answered"),
    ("\\Flagged", "$Important"),
    ("\\Draft", "\\Deleted", "\\Seen"),
    ("NonJunk", "$Forwarded", "zażółć".encode().hex()),
    ("\\Seen", "\\Flagged", "$Label1", "$MDNSent"),
]


def with_flags_and_dates(messages: Iterator[tuple[str, bytes]]) -> list[Message]:
    """Each with flags, keywords and a date of its own: several zones, before 1970, after 2038."""
    made: list[Message] = []
    for number, (_, raw) in enumerate(messages):
        zone = timezone(timedelta(minutes=(number * 45) % 1500 - 720))
        when = datetime(1999, 12, 31, 23, 59, 30, tzinfo=zone) + timedelta(days=number * 3, seconds=number)
        made.append((raw, FLAGS[number % len(FLAGS)], when))
    return made


def spread(messages: list[Message]) -> dict[str, list[Message]]:
    """Half into the INBOX, the rest evenly into the awkward folders."""
    rest = messages[1::2]
    return {"INBOX": messages[::2]} | {name: rest[at :: len(AWKWARD)] for at, name in enumerate(AWKWARD)}


async def mirror_and_compare(directory: Path, port: int, user: str, password: str, client: ImapClient) -> int:
    """One sync, then everything compared; gives the number of messages."""
    with Rig(directory, port, user, password) as rig:
        results = await rig.sync()
        server = assert_equal(rig, client)
        total = sum(len(messages) for _, messages in server.values())
        assert sum(result.new for result in results.values()) == total
        assert sum(result.quarantined for result in results.values()) == 0
        assert {result.strategy for name, result in results.items() if server[name][1]} == {"first"}
        assert set(AWKWARD) <= set(results)
        again = await rig.sync()
        assert [(one.new, one.changed, one.deleted, one.bytes) for one in again.values()] == [(0, 0, 0, 0)] * len(again)
        verdict = await rig.verify("INBOX")
        assert verdict.ok, verdict
        return total


@pytest.mark.usefixtures("corpus")
async def test_the_whole_corpus_through_dovecot(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    """Dovecot takes all of it. It would refuse a message without a byte, of which the corpus has none, and it stores
    NUL as 0x80 (seven messages) and LF as CRLF: what it serves is what counts."""
    everything = with_flags_and_dates(iter_bulk()) + with_flags_and_dates(iter_torture())
    assert len(everything) == 4105 + 1260
    assert sum(not raw for raw, _, _ in everything) == 0
    assert sum(b"\0" in raw for raw, _, _ in everything) == 7
    for name, messages in spread(everything).items():
        dovecot.fill(fresh_user, name, messages)
    with dovecot.client(fresh_user) as client:
        total = await mirror_and_compare(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user], client)
    assert total == len(everything)


@pytest.mark.usefixtures("corpus")
async def test_the_torture_set_through_pymap(pymap: Pymap, tmp_path: Path) -> None:
    """pymap keeps NUL and bare line ends, so what went in comes out, but for the last line end of messages without a
    blank line behind the header: ten of them."""
    everything = with_flags_and_dates(iter_torture())
    assert len(everything) == 1260
    for name, messages in spread(everything).items():
        pymap.fill(name, messages)
    with pymap.client() as client:
        total = await mirror_and_compare(tmp_path, pymap.port, pymap.user, pymap.password, client)
        served = {one.raw for name in ("INBOX", *AWKWARD) for one in client.fetch_all(name).values()}
    assert total == len(everything)
    changed = {raw for raw, _, _ in everything} - served
    assert len(changed) == 10
    assert {raw.removesuffix(b"\n") for raw in changed} <= served
