"""A line to a server on which everything that a client says is kept, and told apart into commands."""

from __future__ import annotations

import contextlib
import re
import socket
import threading

from tests.servers.proxy import CHUNK, FaultProxy, _hang_up

_LITERAL = re.compile(rb"\{(\d+)\+?\}\r\n$")
_READ_ONLY = re.compile(
    rb"(CAPABILITY|NOOP|LOGOUT|NAMESPACE|UNSELECT|IDLE|DONE|ID .*|LOGIN .*|AUTHENTICATE .*|ENABLE [A-Z0-9=+ -]+|LIST .*"
    rb"|STATUS .*|EXAMINE .*|NOTIFY .*|(UID )?SEARCH .*|UID FETCH [0-9:,*$]+ .*)",
    re.DOTALL,
)
_FETCHED = re.compile(
    rb"UID|FLAGS|INTERNALDATE|RFC822\.SIZE|MODSEQ|ENVELOPE|BODYSTRUCTURE|BODY\.PEEK\[[^]]*\](<[0-9.]+>)?|EMAILID|X-GM-[A-Z]+"
    rb"|\(CHANGEDSINCE [0-9]+( VANISHED)?\)|[() ]"
)
CHANGE = re.compile(rb"(?:UID )?(STORE|COPY|MOVE|EXPUNGE) ([0-9:,]+)")


def is_reading(command: bytes) -> bool:
    """Whether a command (without its tag) leaves the server as it is: nothing that is not known to do so."""
    if _READ_ONLY.fullmatch(command) is None:
        return False
    if command.startswith(b"UID FETCH"):
        return not _FETCHED.sub(b"", command.split(b" ", 3)[3])
    return True


class Recorder(FaultProxy):
    """A context manager; clients connect to `port`, it to `target`."""

    def __init__(self, target: int) -> None:
        self._said: list[bytearray] = []
        super().__init__(target)

    def commands(self) -> list[bytes]:
        """Every command so far, of each connection in its order: without tags, with literals."""
        return [command for said in list(self._said) for command in _commands(bytes(said))]

    def _pump_up(
        self, client: socket.socket, server: socket.socket, turns: list[bytes], heard: threading.Event
    ) -> None:
        said = bytearray()
        self._said.append(said)
        with contextlib.suppress(OSError):
            while data := client.recv(CHUNK):
                said += data
                server.sendall(data)
        _hang_up(server)


def _commands(said: bytes) -> list[bytes]:
    found = []
    while said:
        line, said = _line(said)
        while announced := _LITERAL.search(line):
            size = int(announced[1])
            literal, said = said[:size], said[size:]
            rest, said = _line(said)
            line += literal + rest
        line = line.removesuffix(b"\r\n")
        tag, _, command = line.partition(b" ")
        found.append(command if command else tag)
    return found


def _line(said: bytes) -> tuple[bytes, bytes]:
    line, end, rest = said.partition(b"\r\n")
    return line + end, rest
