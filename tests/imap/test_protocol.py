"""One connection against a scripted server: greetings, tags, cuts, cancellation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from mailsync.errors import ConnectionLost, MailsyncError, ProtocolError, Throttled, Unreachable
from mailsync.imap import protocol
from mailsync.imap.connect import Endpoint, connect
from mailsync.imap.protocol import AUTH, Client, Pending, Protocol
from mailsync.imap.responses import Exists, Other, Response, Tagged
from mailsync.imap.wire import WireError
from tests.servers.fake import FakeServer, Link, box


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"INBOX": box(3)}) as running:
        yield running


async def dial(server: FakeServer, seconds: float = 5.0) -> Protocol:
    return (await connect(Endpoint("127.0.0.1", server.port, "none"), seconds))[0]


def collect(into: list[Response]) -> Callable[[Response], bool]:
    def accept(response: Response) -> bool:
        into.append(response)
        return True

    return accept


def says(server: FakeServer, *parts: bytes, cut: bool = True) -> None:
    """The server sends these bytes at once and hangs up, or falls silent."""

    async def script(link: Link) -> None:
        await link.send(*parts)
        if cut:
            await asyncio.sleep(0.05)
            link.cut()
        else:
            await link.closed()

    server.script = script


# Greetings


@pytest.mark.parametrize(
    ("greeting", "kind", "words"),
    [
        (b"* BYE too many of you\x1b]0;owned\x07\r\n", Throttled, "turned us away: too many"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", ProtocolError, "does not speak IMAP"),
        (b"220 mail.example.org ESMTP\r\n", ProtocolError, "does not speak IMAP"),
        (b"+OK POP3 ready\r\n", ProtocolError, "does not speak IMAP"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ProtocolError, "does not speak IMAP"),
        (b"* 5 EXISTS\r\n", ProtocolError, "did not greet"),
        (b"A1 OK hello\r\n", ProtocolError, "not sent"),
        (b"\x15\x03\x01\x00\x02\x02\x46" * 200_000, WireError, "a line longer"),
        (b"", ConnectionLost, "closed the connection"),
        (b"* OK half a gree", ConnectionLost, "closed the connection"),
    ],
    ids=["bye", "ssh", "smtp", "pop3", "http", "data", "tagged", "endless", "nothing", "half"],
)
async def test_greetings_that_are_none(
    server: FakeServer, greeting: bytes, kind: type[MailsyncError], words: str
) -> None:
    says(server, greeting)
    started = time.monotonic()
    with pytest.raises(kind, match=words) as caught:
        await dial(server)
    assert type(caught.value) is kind
    assert "\x1b" not in str(caught.value)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("sent", [b"", b"* OK not the end of the li"])
async def test_a_server_that_never_greets(server: FakeServer, sent: bytes) -> None:
    says(server, sent, cut=False)
    with pytest.raises(Unreachable, match="did not answer in time") as caught:
        await dial(server, 0.2)
    assert caught.value.exit_code == 4


async def test_an_odd_greeting_is_a_greeting(server: FakeServer) -> None:
    server.greeting = b"\0\0* ok   [CAPABILITY IMAP4rev1 IDLE]\r\n"
    one = await dial(server)
    assert one.state == "NONAUTH"
    one.fail(ConnectionLost("enough"))


# Tags


async def test_each_command_has_its_own_answer_in_whatever_order(server: FakeServer) -> None:
    async def script(link: Link) -> None:
        await link.send(b"* PREAUTH hello\r\n")
        first, second, third = [(await link.line()).split()[0] for _ in range(3)]
        await link.send(b"* FIRST\r\n", third, b" NO three\r\n", first, b" OK one\r\n", second, b" BAD two\r\n")
        await link.closed()

    server.script = script
    one = await dial(server)
    assert one.state == AUTH
    commands = [one.begin("NOOP") for _ in range(3)]
    answers = [await one.finish(command) for command in commands]
    assert [(answer.status, answer.text) for answer in answers] == [("OK", "one"), ("BAD", "two"), ("NO", "three")]
    one.fail(ConnectionLost("enough"))


async def test_an_answer_to_nothing_ends_the_connection(server: FakeServer) -> None:
    async def script(link: Link) -> None:
        await link.send(b"* PREAUTH hello\r\n")
        await link.line()
        await link.send(b"ZZZ9 OK done\r\n")
        await link.closed()

    server.script = script
    one = await dial(server)
    command = one.begin("NOOP")
    with pytest.raises(ProtocolError, match="not sent"):
        await one.finish(command)
    assert isinstance(one.closed, ProtocolError)
    with pytest.raises(ProtocolError, match="not sent"):
        one.begin("NOOP")
    await one.wait_closed()


async def test_data_goes_to_the_oldest_command_that_wants_it_then_to_the_listener(server: FakeServer) -> None:
    async def script(link: Link) -> None:
        await link.send(b"* PREAUTH hello\r\n")
        first, second = [(await link.line()).split()[0] for _ in range(2)]
        await link.send(b"* 1 EXISTS\r\n* XYZ 7\r\n", first, b" OK\r\n* 2 EXISTS\r\n", second, b" OK\r\n* 3 EXISTS\r\n")
        await link.closed()

    server.script = script
    one = await dial(server)
    mine: list[Response] = []
    yours: list[Response] = []
    rest: list[Response] = []
    one.listener = rest.append
    commands = [one.begin("NOOP", accept=lambda r: isinstance(r, Exists) and collect(mine)(r))]
    commands.append(one.begin("NOOP", accept=lambda r: isinstance(r, Exists) and collect(yours)(r)))
    for command in commands:
        await one.finish(command)
    await asyncio.sleep(0.05)
    assert mine == [Exists(1)]
    assert yours == [Exists(2)]
    assert rest == [Other("XYZ", (7,)), Exists(3)]
    one.fail(ConnectionLost("enough"))


# Ends


@pytest.mark.parametrize(
    "tail",
    [b"", b"* 1 EXISTS\r\n", b"* 1 FETCH (UID 1 BODY[] {500}\r\nhalf of it", b"* 1 FETCH (UID", b"A"],
)
async def test_a_cut_fails_everything_that_waits(server: FakeServer, tail: bytes) -> None:
    async def script(link: Link) -> None:
        await link.send(b"* PREAUTH hello\r\n")
        for _ in range(3):
            await link.line()
        await link.send(tail)
        await asyncio.sleep(0.02)
        link.cut()

    server.script = script
    one = await dial(server)
    commands = [one.begin("NOOP") for _ in range(3)]
    for command in commands:
        with pytest.raises(ConnectionLost):
            await asyncio.wait_for(one.finish(command), 5)
    with pytest.raises(ConnectionLost):
        one.begin("NOOP")
    await asyncio.wait_for(one.wait_closed(), 5)


async def test_a_cancelled_command_leaves_no_half_used_connection(server: FakeServer) -> None:
    async def script(link: Link) -> None:
        await link.send(b"* PREAUTH hello\r\n")
        await link.line()
        await link.send(b"* 1 FETCH (UID 1 BODY[] {100000}\r\n")
        await link.closed()

    server.script = script
    one = await dial(server)
    other = one.begin("NOOP")
    task = asyncio.create_task(one.finish(one.begin("NOOP")))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert isinstance(one.closed, ConnectionLost)
    with pytest.raises(ConnectionLost):
        await one.finish(other)
    await asyncio.wait_for(one.wait_closed(), 5)


async def test_the_first_reason_stays_the_reason(server: FakeServer) -> None:
    one = await dial(server)
    one.fail(Unreachable("first"))
    one.fail(ConnectionLost("second"))
    await one.wait_closed()
    assert str(one.closed) == "first"


async def test_noise_between_answers_is_borne_for_a_while(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "UNPARSED_LIMIT", 50)

    async def script(link: Link) -> None:
        await link.send(b"* PREAUTH hello\r\n")
        for lines in (50, 51):
            tag = (await link.line()).split()[0]
            await link.send(b"Server Unavailable. 15\r\n" * lines, tag, b" OK done\r\n")
        await link.closed()

    server.script = script
    one = await dial(server)
    assert isinstance(await one.finish(one.begin("NOOP")), Tagged)
    with pytest.raises(ProtocolError, match="does not speak IMAP"):
        await one.finish(one.begin("NOOP"))


async def test_what_came_before_a_limit_was_exceeded_is_still_told(server: FakeServer) -> None:
    async def script(link: Link) -> None:
        await link.send(b"* PREAUTH hello\r\n")
        await link.line()
        await link.send(b"* 7 EXISTS\r\n* 1 FETCH (UID 1 BODY[] {99999999999}\r\n")
        await link.closed()

    server.script = script
    one = await dial(server)
    told: list[Response] = []
    with pytest.raises(ProtocolError, match="99999999999"):
        await one.finish(one.begin("NOOP", accept=collect(told)))
    assert told == [Exists(7)]


async def test_a_command_that_the_state_does_not_allow_is_not_sent(server: FakeServer) -> None:
    one = await dial(server)
    with pytest.raises(ProtocolError, match="not possible"):
        one.begin("UID FETCH", b"UID FETCH 1 (FLAGS)")
    assert one.closed is None
    assert server.commands == []
    one.fail(ConnectionLost("enough"))


async def test_a_continuation_that_nobody_awaits_is_ignored(server: FakeServer) -> None:
    async def script(link: Link) -> None:
        await link.send(b"* PREAUTH hello\r\n+ go on\r\n")
        tag = (await link.line()).split()[0]
        await link.send(b"+ go on\r\n", tag, b" OK\r\n")
        await link.closed()

    server.script = script
    one = await dial(server)
    command: Pending = one.begin("NOOP")
    assert (await one.finish(command)).status == "OK"
    one.fail(ConnectionLost("enough"))


async def test_the_verbs_of_the_library_run_over_our_path(server: FakeServer) -> None:
    client = Client("127.0.0.1", server.port, None)
    await client.connected(5)
    assert (await client.noop()).result == "OK"
    assert (await client.logout()).result == "OK"
    assert server.verbs() == ["NOOP", "LOGOUT"]
    client.protocol.fail(ConnectionLost("enough"))
