"""A clean-up of 10,000 newsletters, marked read and moved to the Trash over a line with 40 ms of round trip (Dovecot).

    apply    an approved list, as the job carries it out: all its checks, the guard and the journal included
    naive    a client that does it one by one: FETCH, STORE, MOVE and a wait for each; reckoned from some of them
    blind    the same without a look at the message first

`python -m tests.benchmarks.cleanup [messages]`
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailsync.cleanup.sparing import Sparing
from mailsync.config.models import Config
from mailsync.engine import applying
from tests.benchmarks.line import Line
from tests.cleanup import undoing
from tests.cleanup.applying import chosen, claimed
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import ImapClient, Message
from tests.store.filled import fill
from tests.sync.rig import Rig

COUNT = 10_000
BESIDE = 0.25
"""As many again, of those on the list, are in the folder and not on it."""
ROUND_TRIP = 0.04
MEASURED = 150
"""Messages that the clients which do one by one are given."""
USER, PASSWORD = "alice", "secret"
CONFIG = {"accounts": {"work": {"email": "me@example.net", "names": ["Max Example"], "host": "mail.example"}}}


def letters(count: int) -> Iterator[Message]:
    """Newsletters of some kilobytes."""
    dice = random.Random(1)
    words = [f"{dice.randrange(10**6):x}" for _ in range(5000)]
    for number in range(count):
        shop = number % 97
        body = " ".join(dice.choices(words, k=dice.randrange(200, 1200)))
        head = (
            f"From: Shop {shop} <news@shop{shop}.example>\r\nTo: readers@shop{shop}.example\r\n"
            f"Subject: Sale {number}\r\nDate: Tue, 01 Jan 2019 10:00:00 +0000\r\n"
            f"Message-ID: <{number}@shop{shop}.example>\r\nList-Id: <news.shop{shop}.example>\r\nList-Unsubscribe: <https://shop{shop}.example/leave>\r\n"
        )
        when = datetime(2019, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
        yield f"{head}\r\n{body}\r\n".encode(), [], when


async def applied(directory: Path, server: Dovecot, line: Line, count: int) -> tuple[float, float, int]:
    """Seconds, those of them that this process used a processor, and round trips."""
    with Rig(directory, server.port, USER, PASSWORD) as rig:
        await rig.sync()
        await rig.mirror.close()
        undoing.consent(rig)
        fill(rig.store, [])
        job = claimed(rig, chosen(rig, ["INBOX"], ["mark_read", "trash"], lambda uid: uid <= count))
        rig.mirror.config = rig.mirror.config.model_copy(update={"port": line.port})
        judge = Sparing(Config.model_validate(CONFIG), time.time(), int(job.params["run"]))
        line.take()
        started, used = time.perf_counter(), time.process_time()

        async def resync(names: Sequence[str]) -> None:
            del names  # what a sync costs is measured elsewhere

        outcome = await applying.applied(rig.mirror, job, lambda: False, judge, 1.0, resync)
        seconds, used = time.perf_counter() - started, time.process_time() - used
        assert outcome.document["results"] == {"done": count}, outcome
        return seconds, used, line.take().round_trips


def one_by_one(line: Line, act: Callable[[ImapClient, int], None]) -> float:
    """Seconds a message."""
    with ImapClient(line.port, USER, PASSWORD) as client:
        client.command("SELECT INBOX")
        uids = [int(uid) for uid in client.command("UID SEARCH ALL")[0].split()[2:]][:MEASURED]
        started = time.perf_counter()
        for uid in uids:
            act(client, uid)
        return (time.perf_counter() - started) / len(uids)


def naive(client: ImapClient, uid: int) -> None:
    client.command(f"UID FETCH {uid} (FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
    blind(client, uid)


def blind(client: ImapClient, uid: int) -> None:
    client.command(f"UID STORE {uid} +FLAGS.SILENT (\\Seen)")
    client.command(f"UID MOVE {uid} Trash")


def main(arguments: Sequence[str] = ()) -> None:
    count = next((int(one) for one in arguments if one.isdecimal()), COUNT)
    server = Dovecot({USER: PASSWORD}, special_use={"Trash": "\\Trash"})
    with server, Line(server.port, ROUND_TRIP) as line, tempfile.TemporaryDirectory(prefix="mailsync-bench-") as name:
        server.fill(USER, "INBOX", letters(count + max(int(BESIDE * count), 2 * MEASURED)))
        seconds, used, trips = asyncio.run(applied(Path(name), server, line, count))
        each = 1000 * used / count
        print(f"apply  {seconds:8.1f} s  {trips} round trips, {each:.2f} ms of processor a message", flush=True)
        for label, act in (("naive", naive), ("blind", blind)):
            whole = one_by_one(line, act) * count
            print(f"{label}  {whole:8.1f} s  {whole / seconds:.0f} times as long", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
