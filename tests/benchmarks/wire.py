"""How fast the wire parser reads: `python -m tests.benchmarks.wire` prints a table.

FETCH streams are made of the corpus's ordinary messages where it is at hand (as Dovecot, Gmail and servers with other
habits put them on the wire), and of generated ones of about 7 kB where it is not.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from mailsync.imap.wire import WireParser
from tests.corpus import corpus_dir, iter_bulk

STREAM = 60_000_000  # bytes of each FETCH stream
SEGMENTS = (16_384, 65_536, 262_144)  # a TLS record, what uvloop reads, what asyncio reads
ROUNDS = 5  # the best of so many counts

Shape = Callable[[int, bytes], bytes]

SHAPES: dict[str, Shape] = {
    "usual, body last": lambda n, body: (
        b'* %d FETCH (UID %d FLAGS (\\Seen $Junk) INTERNALDATE "17-Jul-1996 02:44:25 -0700" '
        b"RFC822.SIZE %d BODY[] {%d}\r\n%s)\r\n" % (n, n + 100, len(body), len(body), body)
    ),
    "usual, body first": lambda n, body: (
        b"* %d FETCH (BODY[] {%d}\r\n%s UID %d FLAGS (\\Seen))\r\n" % (n, len(body), body, n + 100)
    ),
    "with Gmail's items": lambda n, body: (
        b'* %d FETCH (X-GM-MSGID 1278455344230334865 X-GM-LABELS (\\Inbox "a b") UID %d FLAGS (\\Seen) BODY[] {%d}\r\n'
        b"%s)\r\n" % (n, n + 100, len(body), body)
    ),
}


def messages() -> list[bytes]:
    """Messages to fetch, with CRLF line ends, 7 kB on average."""
    if corpus_dir() is not None:
        found = [raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for _, raw in iter_bulk()]
        return [raw for raw in found if len(raw) < 100_000]
    dice = random.Random(1)
    line = b"The quick brown fox jumps over the lazy dog (and * over {5} other things).\r\n"
    return [line * max(1, int(dice.lognormvariate(4.2, 0.8))) for _ in range(2000)]


def stream(shape: Shape, bodies: list[bytes]) -> tuple[bytes, int]:
    parts: list[bytes] = []
    size = 0
    while size < STREAM:
        parts.append(shape(len(parts) + 1, bodies[len(parts) % len(bodies)]))
        size += len(parts[-1])
    return b"".join(parts), len(parts)


def seconds(segments: list[bytes], expected: int) -> float:
    """The best time to parse these segments."""
    best = float("inf")
    for _ in range(ROUNDS):
        parser = WireParser()
        found = 0
        start = time.perf_counter()
        for segment in segments:
            found += len(parser.feed(segment))
        best = min(best, time.perf_counter() - start)
        assert found == expected
    return best


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def main() -> None:
    bodies = messages()
    print(f"{'FETCH stream':24}{'mean size':>12}{'segment':>12}{'MB/s':>10}{'messages/s':>14}")
    for name, shape in SHAPES.items():
        data, count = stream(shape, bodies)
        for size in SEGMENTS:
            taken = seconds(cut(data, size), count)
            print(
                f"{name:24}{len(data) // count:>12,}{size:>12,}{len(data) / taken / 1e6:>10,.0f}{count / taken:>14,.0f}"
            )
    print(f"\n{'lines in one read':24}{'lines':>12}{'seconds':>12}{'us/line':>10}")
    for count in (10_000, 50_000, 100_000):
        lines = b"".join(b"* %d FETCH (UID %d FLAGS (\\Seen))\r\n" % (n, n + 5) for n in range(1, count + 1))
        taken = seconds([lines], count)
        print(f"{'FETCH (UID FLAGS)':24}{count:>12,}{taken:>12.3f}{taken / count * 1e6:>10.2f}")
    sets = {
        "SEARCH, every other UID": b"* SEARCH " + b" ".join(b"%d" % uid for uid in range(1, 200_001, 2)),
        "SEARCH, all UIDs": b"* SEARCH " + b" ".join(b"%d" % uid for uid in range(1, 100_001)),
        "ESEARCH, 100,000 ranges": b"* ESEARCH UID ALL "
        + b",".join(b"%d:%d" % (u, u + 2) for u in range(1, 400_001, 4)),
    }
    print(f"\n{'one long line':24}{'bytes':>12}{'seconds':>12}")
    for name, line in sets.items():
        print(f"{name:24}{len(line):>12,}{seconds([line + bytes((13, 10))], 1):>12.3f}")


if __name__ == "__main__":
    main()
