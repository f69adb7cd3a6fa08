"""First sync of 60 folders of 50 messages (about 7 kB each) over a line of 40 ms, against mbsync, interleaved, medians.

mbsync runs without COMPRESS and with it, since one or the other suits a line; its better median counts.

`python -m tests.benchmarks.first_many [rounds]`.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import islice
from pathlib import Path

from tests.benchmarks.line import Line
from tests.benchmarks.mailbox import messages
from tests.benchmarks.rivals import PASSWORD, Mailsync, Mbsync, Run, median
from tests.servers.dovecot import Dovecot

FOLDERS, EACH = 60, 50
ROUND_TRIP = 0.04


def fill(server: Dovecot) -> int:
    """The folders; returns the raw bytes of their messages."""
    stream = messages(FOLDERS * EACH, seed=5)
    raw = 0
    with server.client() as client:
        for number in range(FOLDERS):
            batch = list(islice(stream, EACH))
            raw += sum(len(message[0]) for message in batch)
            client.create(f"Folder {number:02}")
            client.append_many(f"Folder {number:02}", batch)
    return raw


def main(rounds: int = 3) -> None:
    runs: dict[str, list[Run]] = {"mailsync": [], "mbsync": [], "mbsync, COMPRESS": []}
    with Dovecot({"alice": PASSWORD}, compress=True) as server, Line(server.port, ROUND_TRIP) as line:
        raw = fill(server)
        for _ in range(rounds):
            for name, taken in runs.items():
                with tempfile.TemporaryDirectory(prefix="mailsync-bench-") as place:
                    folder = Path(place) / "state"
                    if name == "mailsync":
                        mirror = Mailsync(folder, ("alice",))
                        mirror.command(line.port)  # grants consent before the clock runs
                        run = mirror.sync(line.port)
                        assert run.document["totals"]["new"] == FOLDERS * EACH, run.document["totals"]
                    else:
                        rival = Mbsync(folder, "alice", compress="COMPRESS" in name)
                        run = rival.sync(line.port)
                        assert rival.count() == FOLDERS * EACH, rival.count()
                run.passed = line.take()
                taken.append(run)
    best = min(median(taken, "seconds") for name, taken in runs.items() if name != "mailsync")
    print(f"{FOLDERS} folders of {EACH} messages, {raw / 1e6:.1f} MB raw, {ROUND_TRIP * 1000:.0f} ms round trip")
    print(f"{'':20}{'seconds':>9}{'CPU s':>8}{'MB down':>9}{'round trips':>13}{'connections':>13}")
    for name, taken in runs.items():
        print(
            f"{name:20}{median(taken, 'seconds'):9.2f}{median(taken, 'cpu'):8.2f}{median(taken, 'down') / 1e6:9.1f}"
            f"{median(taken, 'round_trips'):13.0f}{median(taken, 'connections'):13.0f}"
        )
    print(f"mailsync is {best / median(runs['mailsync'], 'seconds'):.1f} times as fast (aim: 2.5)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
