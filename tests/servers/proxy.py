"""A hostile line: a TCP proxy on loopback that cuts, stalls, delays or dribbles what a server says."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self

from tests.servers.process import HOST

CHUNK = 65536


@dataclass(slots=True)
class Faults:
    """What goes wrong; may be changed while connections are open. Byte counts are of the server's bytes, each
    connection's own, from its first."""

    cut_after: int | None = None
    """Close the connection after that many bytes."""
    stall_after: int | None = None
    """Say nothing more after that many bytes, yet keep the connection."""
    latency: float = 0.0
    """Seconds before each piece of the server's answer is handed on."""
    piece: int = CHUNK
    """Hand on at most that many bytes at once (1 dribbles)."""
    refuse: bool = False
    """Close new connections at once."""
    reset: bool = False
    """A cut is a reset (RST), not an orderly end."""
    half_close: bool = False
    """A cut ends only what the server says: the client may speak on, and nobody answers."""
    lives: int | None = None
    """Only so many connections from now are cut or stall; later ones are sound."""


class FaultProxy:
    """A context manager; clients connect to `port`, the proxy to `target`.

    `turns` has for each connection what the client said in each of its turns: it is a new one when the server has been
    heard since the last. With some latency that is a round trip each; another one is TCP's, with the greeting.
    """

    host = HOST

    def __init__(self, target: int, faults: Faults | None = None) -> None:
        self.target = target
        self.faults = faults or Faults()
        self.connections = 0
        self.bytes_from_server = 0
        self.turns: list[list[bytes]] = []
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._spawn(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def drop_all(self) -> None:
        """Close every connection that is open now."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for sock in sockets:
            _hang_up(sock)

    def close(self) -> None:
        self._closing.set()
        _hang_up(self._listener)
        self.drop_all()
        for thread in self._threads:
            thread.join(5.0)

    def _spawn(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.faults.refuse:
                client.close()
                continue
            try:
                server = socket.create_connection((HOST, self.target), 5.0)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._sockets += [client, server]
            turns: list[bytes] = []
            heard = threading.Event()
            heard.set()
            self.turns.append(turns)
            self._spawn(self._pump_up, client, server, turns, heard)
            faults = self.faults
            if faults.lives is not None:
                faults.lives -= 1
            self._spawn(self._pump_down, server, client, heard, faults.lives is not None and faults.lives < 0)

    def _pump_up(
        self, client: socket.socket, server: socket.socket, turns: list[bytes], heard: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(CHUNK):
                if heard.is_set():
                    heard.clear()
                    turns.append(b"")
                turns[-1] = (turns[-1] + data)[:CHUNK]
                server.sendall(data)
        _hang_up(server)

    def _pump_down(self, server: socket.socket, client: socket.socket, heard: threading.Event, sound: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := server.recv(CHUNK):
                while data:
                    faults = replace(self.faults, cut_after=None, stall_after=None) if sound else self.faults
                    if faults.latency and self._closing.wait(faults.latency):
                        break
                    room = _room(faults, passed)
                    if room == 0 and faults.cut_after is not None and passed >= faults.cut_after:
                        if faults.half_close:
                            client.shutdown(socket.SHUT_WR)
                            return
                        if faults.reset:
                            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                            client.shutdown(socket.SHUT_RD)  # so that nobody reads it any more
                            self._closing.wait(0.01)
                            client.close()
                        raise ConnectionAbortedError
                    if room == 0:
                        if self._closing.wait(0.02):
                            break
                        continue
                    piece, data = data[:room], data[room:]
                    heard.set()
                    client.sendall(piece)
                    passed += len(piece)
                    self.bytes_from_server += len(piece)
        _hang_up(client)
        _hang_up(server)


def _room(faults: Faults, passed: int) -> int:
    """How many bytes may pass now; 0 at a fault."""
    limits = [limit - passed for limit in (faults.cut_after, faults.stall_after) if limit is not None]
    return max(0, min([faults.piece, *limits]))


def _hang_up(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
