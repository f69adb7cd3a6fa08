"""A long line: a TCP proxy in a process of its own that delays every byte by half a round trip each way.

It limits nothing else, neither throughput nor the number of connections, and costs no CPU of the programs that are
measured. It counts what passes: bytes, connections, and round trips as the longest chain of "spoke because it had
heard", which starts with two for TCP's handshake and the greeting.

`python -m tests.benchmarks.line` shows what it really adds and what it costs.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self, cast

import uvloop

from tests.servers.process import HOST

OPENING = 2
"""Round trips until a client has a greeting: SYN and its answer; ACK and the server's first words."""


@dataclass(slots=True)
class Passed:
    """What passed since the last `take`: bytes by direction, connections, the longest chain of round trips, and the
    CPU seconds that the proxy itself used."""

    down: int = 0
    up: int = 0
    connections: int = 0
    round_trips: int = 0
    cpu: float = 0.0


class Line:
    """A context manager; clients connect to `port`, the proxy to `target`. `round_trip` is in seconds."""

    def __init__(self, target: int, round_trip: float) -> None:
        self._round_trip = round_trip
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.line", str(target), str(round_trip)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.port = int(self._read())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()  # its input ends, and so does it

    def take(self) -> Passed:
        """What passed since the last call, with what is still on its way: nobody waits for the answer to a goodbye."""
        assert self._process.stdin is not None
        time.sleep(2 * self._round_trip)
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Passed(**json.loads(self._read()))

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the proxy of the long line ended")
        return line


class _Proxy:
    """The other process."""

    def __init__(self, target: int, round_trip: float) -> None:
        self.target = target
        self.half = round_trip / 2
        self.passed = Passed()
        self.heard = 0
        """The longest chain that has reached the client on any connection."""
        self._cpu = time.process_time()

    def take(self) -> str:
        now = time.process_time()
        self.passed.cpu, self._cpu = round(now - self._cpu, 4), now
        text = json.dumps(asdict(self.passed))
        self.passed, self.heard = Passed(), 0
        return text

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Client(self), HOST, 0, backlog=512)
        print(server.sockets[0].getsockname()[1], flush=True)
        done = asyncio.Event()

        def control() -> None:
            for _ in sys.stdin:
                loop.call_soon_threadsafe(lambda: print(self.take(), flush=True))
            loop.call_soon_threadsafe(done.set)

        threading.Thread(target=control, daemon=True).start()
        await done.wait()


class _End(asyncio.Protocol):
    """One end of a connection; what it reads leaves by `other` after the delay, in order."""

    def __init__(self, proxy: _Proxy) -> None:
        self.proxy = proxy
        self.other: _End
        self.transport: asyncio.Transport | None = None
        self.chain = 0
        """The longest chain that was written to this end."""
        self._waiting: deque[tuple[float, bytes, int]] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=1 << 30)

    def send_later(self, data: bytes, chain: int) -> None:
        """Write `data` in half a round trip; empty bytes close."""
        loop = asyncio.get_running_loop()
        self._waiting.append((loop.time() + self.proxy.half, data, chain))
        if len(self._waiting) == 1:
            loop.call_at(self._waiting[0][0], self._send)

    def _send(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time() + 0.0005
        parts = []
        closes = False
        while self._waiting and self._waiting[0][0] <= now:
            _, data, chain = self._waiting.popleft()
            parts.append(data)
            closes = closes or not data
            self.chain = max(self.chain, chain)
        if self.transport is not None:
            if joined := b"".join(parts):
                self.transport.write(joined)
            if closes:
                self.transport.close()
        self.sent()
        if self._waiting:
            loop.call_at(self._waiting[0][0], self._send)

    def sent(self) -> None:
        """Something was written to this end."""

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.other.send_later(b"", 0)


class _Client(_End):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        proxy = self.proxy
        proxy.passed.connections += 1
        self.other = _Server(proxy)
        self.other.other = self
        self.other.chain = proxy.heard + OPENING
        loop = asyncio.get_running_loop()
        # SYN, its answer and ACK pass before a server accepts.
        loop.call_later(3 * proxy.half, lambda: tasks.add(loop.create_task(self._connect())))

    async def _connect(self) -> None:
        try:
            there, _ = await asyncio.get_running_loop().create_connection(lambda: self.other, HOST, self.proxy.target)
        except OSError:
            if self.transport is not None:
                self.transport.close()
            return
        if self.transport is None:
            there.close()

    def data_received(self, data: bytes) -> None:
        chain = self.chain + 1
        passed = self.proxy.passed
        passed.up += len(data)
        passed.round_trips = max(passed.round_trips, chain)
        self.other.send_later(data, chain)

    def sent(self) -> None:
        self.proxy.heard = max(self.proxy.heard, self.chain)


class _Server(_End):
    def data_received(self, data: bytes) -> None:
        self.proxy.passed.down += len(data)
        self.other.send_later(data, self.chain)


tasks: set[asyncio.Task[None]] = set()


def main(round_trip: float = 0.04, megabytes: int = 100) -> None:
    """Measure the line itself against an echo: delay added, throughput, CPU."""
    with socket.create_server((HOST, 0)) as listener:

        def serve() -> None:
            while True:
                sock, _ = listener.accept()
                with sock:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    sock.sendall(b"*")
                    while asked := sock.recv(64):
                        if asked == b"n":
                            sock.sendall(asked)
                        else:
                            for _ in range(megabytes):
                                sock.sendall(bytes(1_000_000))

        threading.Thread(target=serve, daemon=True).start()
        direct = int(listener.getsockname()[1])
        with Line(direct, round_trip) as line:
            for name, port in (("direct", direct), ("the line", line.port)):
                started = time.perf_counter()
                with socket.create_connection((HOST, port)) as sock:
                    sock.recv(1)
                    opened = time.perf_counter() - started
                    times = []
                    for _ in range(25):
                        started = time.perf_counter()
                        sock.sendall(b"n")
                        sock.recv(1)
                        times.append(time.perf_counter() - started)
                    started = time.perf_counter()
                    sock.sendall(b"all")
                    left = megabytes * 1_000_000
                    while left:
                        left -= len(sock.recv(1 << 20))
                    seconds = time.perf_counter() - started
                median, worst = statistics.median(times) * 1000, max(times) * 1000
                print(
                    f"{name:9} greeting after {opened * 1000:6.1f} ms; round trip {median:6.2f} ms (worst {worst:.2f});"
                    f" {megabytes} MB in {seconds:.2f} s"
                )
            print(line.take())


if __name__ == "__main__":
    if len(sys.argv) == 3:
        uvloop.run(_Proxy(int(sys.argv[1]), float(sys.argv[2])).run())
    else:
        main()
