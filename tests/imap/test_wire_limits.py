"""Limits: a server cannot make us hold more than we allow, and is told apart for a stated reason."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from mailsync.errors import ProtocolError
from mailsync.imap.limits import MIB, Limits
from mailsync.imap.responses import Exists, Fetch, Unparsed
from mailsync.imap.wire import WireError, WireParser

SMALL = Limits(line=100, set_line=200, literal=50, small_literal=20, structure=150, response=180, literals=5, depth=3)


def refused(data: bytes, limits: Limits = SMALL) -> str:
    """The reason, the same whether the bytes come at once or one by one."""
    reasons: set[str] = set()
    for chunks in ([data], [data[at : at + 1] for at in range(len(data))]):
        parser = WireParser(limits)
        try:
            for chunk in chunks:
                parser.feed(chunk)
        except WireError as error:
            reasons.add(str(error))
        else:
            pytest.fail("it was not refused")
    (reason,) = reasons
    return reason


def test_a_wire_error_is_a_protocol_error() -> None:
    assert issubclass(WireError, ProtocolError)


def test_lines() -> None:
    assert refused(b"x" * 102) == "a line longer than 100 bytes"
    assert refused(b"* OK " + b"x" * 200 + b"\r\n") == "a line longer than 100 bytes"
    assert refused(b"* 1 FETCH (BODY[] {1}\r\nx" + b" " * 200 + b")\r\n") == "a line longer than 100 bytes"
    assert len(WireParser(SMALL).feed(b"* OK " + b"x" * 95 + b"\r\n")) == 1


def test_sets_of_uids_may_have_longer_lines() -> None:
    for name in (b"SEARCH", b"VANISHED", b"ESEARCH UID ALL"):
        (response,) = WireParser(SMALL).feed(b"* " + name + b" " + b"1" * 9 + b" " * 150 + b"\r\n")
        assert not isinstance(response, Unparsed)
        assert refused(b"* " + name + b" " + b"1" * 202) == "a line longer than 200 bytes"


def test_literals() -> None:
    assert refused(b"* 1 FETCH (BODY[] {51}\r\n") == "a literal of 51 bytes where 50 are allowed"
    assert refused(b"* 1 FETCH (ENVELOPE ({21}\r\n") == "a literal of 21 bytes where 20 are allowed"
    assert refused(b'* LIST () "/" {21}\r\n') == "a literal of 21 bytes where 20 are allowed"
    assert refused(b"* LIST BODY[] {21}\r\n") == "a literal of 21 bytes where 20 are allowed"
    assert "99999999999999999999 bytes" in refused(b"* 1 FETCH (BODY[] {99999999999999999999}\r\n")


@pytest.mark.parametrize(
    "item",
    [b"BODY[]", b"BODY[]<0>", b"BODY[HEADER.FIELDS (A B)]", b"BINARY[1]", b"RFC822", b"RFC822.TEXT", b"body.peek[]"],
)
def test_any_section_may_be_large(item: bytes) -> None:
    parser = WireParser(SMALL)
    (response,) = parser.feed(b"* 1 FETCH (" + item + b" {50}\r\n" + b"x" * 50 + b")\r\n")
    assert isinstance(response, Fetch)
    assert not response.problems


def test_the_usual_shape_has_the_same_limit() -> None:
    limits = Limits(literal=50)
    assert refused(b"* 1 FETCH (UID 1 BODY[] {51}\r\n" + b"x" * 51 + b")\r\n", limits).startswith("a literal of 51")


def test_whole_responses() -> None:
    bodies = b"* 1 FETCH (" + b"".join(b" BODY[%d] {50}\r\n" % part + b"x" * 50 for part in range(9)) + b")\r\n"
    assert refused(bodies) == "a response of more than 180 bytes"
    names = b"* 1 FETCH (ENVELOPE (" + b"".join(b" {20}\r\n" + b"x" * 20 for _ in range(9)) + b"))\r\n"
    assert refused(names, Limits(structure=150)) == "a response with more than 150 bytes besides message text"
    empty = b"* 1 FETCH (ENVELOPE (" + b" {0}\r\n" * 6 + b"))\r\n"
    assert refused(empty) == "a response with more than 5 literals"


def test_what_came_before_is_not_lost() -> None:
    parser = WireParser(SMALL)
    with pytest.raises(WireError) as caught:
        parser.feed(b"* 1 EXISTS\r\n* 2 EXISTS\r\n" + b"x" * 200)
    assert caught.value.responses == [Exists(1), Exists(2)]


def test_after_an_error_there_is_nothing_more() -> None:
    parser = WireParser(SMALL)
    for _ in range(2):
        with pytest.raises(WireError, match="longer than 100"):
            parser.feed(b"x" * 200)
    with pytest.raises(WireError) as caught:
        parser.feed(b"\r\n* 1 EXISTS\r\n")
    assert caught.value.responses == []
    parser.close()


def test_memory_is_taken_on_receipt_and_not_on_announcement() -> None:
    tracemalloc.start()
    parser = WireParser()
    parser.feed(b"* 1 FETCH (BODY[] {%d}\r\nabc" % (200 * MIB))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MIB


def test_a_large_body_is_held_about_once() -> None:
    size = 32 * MIB
    segment = b"x" * 65536
    parser = WireParser()
    tracemalloc.start()
    parser.feed(b"* 1 FETCH (UID 1 BODY[] {%d}\r\n" % size)
    for _ in range(size // len(segment)):
        parser.feed(segment)
    (response,) = parser.feed(b")\r\n")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(response, Fetch)
    assert response.body is not None
    assert len(response.body) == size
    assert peak < 1.4 * size


@pytest.mark.parametrize(
    ("head", "unit"),
    [
        (b"* X ", b'"a '),
        (b"* X ", b"a "),
        (b"* X ", b"() "),
        (b"* X ", b"("),
        (b"* X (", b'"" '),
        (b"* X (", b'"\\"'),
        (b"* X (", b'"\\'),
        (b"* 1 FETCH (", b'"a '),
        (b"* 1 FETCH (", b"UID 5 "),
        (b"* 1 FETCH (", b"BODY["),
        (b"* 1 FETCH (", b"X {1"),
        (b"* 1 FETCH (ENVELOPE (", b'"a '),
        (b"* 1 FETCH (ENVELOPE (", b"NIL("),
        (b"* OK [X ", b'"a['),
        (b"* OK [X ", b"a]["),
        (b'* LIST () "/" ', b"a ("),
        (b'* LIST () "/" ', b'"'),
        (b"* STATUS a (", b"A 1 "),
        (b"* NAMESPACE ", b"("),
        (b"* ESEARCH (", b"A 1 "),
        (b"* ESEARCH ", b"A (1) "),
        (b"* ESEARCH ", b"ALL 1 "),
        (b"* ID (", b'"a" '),
        (b"* SEARCH ", b"1 "),
        (b"* VANISHED ", b"1,"),
        (b"", b"{1}"),
        (b"", b"\0"),
        (b"A OK ", b"["),
    ],
)
def test_a_hostile_line_of_the_greatest_length_is_not_quadratic(head: bytes, unit: bytes) -> None:
    line = head + unit * ((MIB - len(head)) // len(unit)) + b"\r\n"
    start = time.process_time()
    (response,) = WireParser().feed(line)
    assert response is not None
    assert time.process_time() - start < 10  # it is about one second; quadratic work would take minutes
