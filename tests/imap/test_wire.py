"""Framing: where a response ends, whatever the server puts into it and however the bytes are cut."""

from __future__ import annotations

import time

import pytest

from mailsync.imap.responses import (
    Code,
    Condition,
    Continuation,
    Exists,
    Expunge,
    Fetch,
    ListEntry,
    Response,
    Search,
    Tagged,
    Unparsed,
)
from mailsync.imap.uidset import UidSet
from mailsync.imap.wire import Limits, WireError, WireParser


def parse(*chunks: bytes) -> list[Response]:
    parser = WireParser()
    responses = [response for chunk in chunks for response in parser.feed(chunk)]
    parser.close()
    return responses


def one(data: bytes) -> Response:
    (response,) = parse(data)
    return response


def test_several_responses_in_one_segment() -> None:
    assert parse(b"* 3 EXISTS\r\n* 2 EXPUNGE\r\n* 2 EXISTS\r\nA1 OK done\r\n") == [
        Exists(3),
        Expunge(2),
        Exists(2),
        Tagged("A1", "OK", None, "done"),
    ]


def test_one_response_over_a_thousand_segments() -> None:
    body = bytes(range(256)) * 40
    data = b"* 1 FETCH (UID 7 BODY[] {%d}\r\n%s FLAGS (\\Seen))\r\n" % (len(body), body)
    step = len(data) // 1000
    chunks = [data[at : at + step] for at in range(0, len(data), step)]
    assert len(chunks) >= 1000
    assert parse(*chunks) == [Fetch(1, 7, ("\\Seen",), body=body, has_body=True)]


def test_a_thousand_flag_lines_in_one_read() -> None:
    lines = b"".join(b"* %d FETCH (FLAGS (\\Seen))\r\n" % number for number in range(1, 50_001))
    responses = WireParser().feed(lines)
    assert len(responses) == 50_000
    assert responses[-1] == Fetch(50_000, flags=("\\Seen",))


@pytest.mark.parametrize(
    "line",
    [
        b"* OK see {5}",
        b"A1 NO try {5}",
        b"A1 BAD {5}",
        b"+ go on {5}",
        b"* BYE bye {5}",
        b"* NO [ALERT] {5}",
        b"junk {5}",
    ],
)
def test_text_that_ends_like_a_literal_is_text(line: bytes) -> None:
    first, second = parse(line + b"\r\n* 1 EXISTS\r\n")
    assert not isinstance(first, Exists)
    assert second == Exists(1)


def test_a_quoted_string_that_ends_like_a_literal() -> None:
    entry, exists = parse(b'* LIST () "/" "a {5}"\r\n* 1 EXISTS\r\n')
    assert isinstance(entry, ListEntry)
    assert entry.raw_name == b"a {5}"
    assert exists == Exists(1)


def test_quoted_strings_with_parentheses_and_asterisks() -> None:
    response = one(b'* 1 FETCH (ENVELOPE (NIL "a* b ((( * 5 EXISTS" NIL) UID 9)\r\n')
    assert response == Fetch(1, 9, extra={"ENVELOPE": (None, b"a* b ((( * 5 EXISTS", None)})


@pytest.mark.parametrize("marker", [b"{4}", b"{4+}", b"~{4}", b"~{4+}", b"{04}"])
def test_literals_of_every_kind(marker: bytes) -> None:
    for end in (b"\r\n", b"\n"):
        entry = one(b'* LIST () "/" ' + marker + end + b"a\r\nb" + end)
        assert isinstance(entry, ListEntry)
        assert entry.raw_name == b"a\r\nb"


def test_literals_wherever_a_string_may_be() -> None:
    identity, status, fetch = parse(
        b"* ID ({4}\r\nname {5}\r\nx (y) NIL NIL)\r\n"
        b"* STATUS {3}\r\nfoo (MESSAGES 1)\r\n"
        b"* 2 FETCH (ENVELOPE ({2}\r\n\r\n {0}\r\n {1}\r\n() UID 4 BODY[HEADER.FIELDS ({4}\r\nDate)] {3}\r\nD:\n)\r\n"
    )
    assert "x (y)" in str(identity)
    assert "foo" in str(status)
    assert fetch == Fetch(
        2, 4, sections={"BODY[HEADER.FIELDS (DATE)]": b"D:\n"}, extra={"ENVELOPE": (b"\r\n", b"", b"(")}
    )


def test_what_looks_like_a_response_inside_a_literal_is_content() -> None:
    body = b"* 5 EXPUNGE\r\nA1 OK done\r\n* BYE\r\n"
    assert parse(b"* 1 FETCH (BODY[] {%d}\r\n%s)\r\n" % (len(body), body)) == [Fetch(1, body=body, has_body=True)]


def test_bare_line_feeds_and_leading_nuls_and_trailing_spaces() -> None:
    assert parse(b"\0\0* 3 EXISTS\n\0A1 OK  fine  \n* SEARCH 4 5  \r\n") == [
        Exists(3),
        Tagged("A1", "OK", None, "fine"),
        Search(UidSet.parse("4:5")),
    ]


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        (b"* OK", None, ""),
        (b"* OK ", None, ""),
        (b"* OK [UIDNEXT 5]", Code("UIDNEXT", (5,), b"5"), ""),
        (b"* OK [HIGHESTMODSEQ 9223372036854775807] ", Code("HIGHESTMODSEQ", (2**63 - 1,), b"9223372036854775807"), ""),
        (b"* OK [READ-ONLY] [Gmail]/Sent", Code("READ-ONLY"), "[Gmail]/Sent"),
        (b"* OK[ALERT] now", Code("ALERT"), "now"),
        (b"[COPYUID 55 31 6]", Code("COPYUID", (55, 31, 6), b"55 31 6"), ""),
        (b"* OK [UNAVAI", None, "[UNAVAI"),
        (b'* OK [Error="Wrong: x" Proxy=Y] done', None, '[Error="Wrong: x" Proxy=Y] done'),
        (b"* OK [XFOO see bar[baz] busy", Code("XFOO", ("see", "bar[baz"), b"see bar[baz"), "busy"),
        (b"* OK [BADCHARSET (utf-8 \"a]b\")] x", Code("BADCHARSET", (("utf-8", b"a]b"),), b'(utf-8 "a]b")'), "x"),
        (b"* ok \xc3\xa9 \xff", None, "Ã© ÿ"),
    ],
)  # fmt: skip
def test_status_lines(line: bytes, code: Code | None, text: str) -> None:
    assert one(line + b"\r\n") == Condition("OK", code, text)


def test_flags_with_brackets_in_a_response_code() -> None:
    response = one(b"* OK [PERMANENTFLAGS (de:hacking $label [css3-page] \\*)] Flags permitted.\r\n")
    assert isinstance(response, Condition)
    assert response.code is not None
    assert response.code.words() == ("de:hacking", "$label", "[css3-page]", "\\*")
    assert response.text == "Flags permitted."


@pytest.mark.parametrize(
    ("raw", "number"),
    [(b"0", 0), (b"-1", None), (b"9.3e+06", 9_300_000), (b'"7"', 7), (b"x", None), (b"", None), (b"1" * 30, None)],
)
def test_numbers_as_servers_write_them(raw: bytes, number: int | None) -> None:
    response = one(b"* OK [UIDNEXT " + raw + b"] x\r\n")
    assert isinstance(response, Condition)
    assert response.code is not None
    assert response.code.number() == number


def test_codes_that_carry_sets() -> None:
    response = one(b"A1 OK [COPYUID 38505 304,319:320 3956:3958] Done\r\n")
    assert isinstance(response, Tagged)
    assert response.code is not None
    assert response.code.uid_set(1) == UidSet.parse("304,319:320")
    with pytest.raises(ValueError, match="COPYUID"):
        response.code.uid_set(3)


def test_continuations() -> None:
    assert parse(b"+\r\n", b"+ \r\n", b"+ VXNlcg==\r\n", b"+OK\r\n") == [
        Continuation(b""),
        Continuation(b""),
        Continuation(b"VXNlcg=="),
        Continuation(b"OK"),
    ]


def test_lines_that_are_no_imap_do_not_stop_the_rest() -> None:
    responses = parse(b"Server Unavailable. 15\r\n\r\n* 1\r\n* %atom\r\n* SEARCH 1 x\r\n\xff\xfe\r\nA1 OK x\r\n")
    assert [type(response) for response in responses] == [Unparsed] * 6 + [Tagged]
    assert all(response.reason for response in responses if isinstance(response, Unparsed))


def test_what_is_not_understood_is_shown_in_part() -> None:
    response = one(b"x" * 5000 + b"\r\n")
    assert response == Unparsed(b"x" * 200, "no IMAP response")


def test_pending_counts_what_is_held() -> None:
    parser = WireParser()
    assert parser.pending == 0
    parser.feed(b"* 1 FET")
    assert parser.pending == 7
    parser.feed(b"CH (BODY[] {10}\r\nabc")
    assert parser.pending == len(b"* 1 FETCH (BODY[] ") + 3
    parser.feed(b"defghij)\r\n* 5 EXISTS\r\n")
    assert parser.pending == 0
    parser.close()


@pytest.mark.parametrize("data", [b"* OK", b"* 1 FETCH (BODY[] {10}\r\n", b"* 1 FETCH (BODY[] {3}\r\nabc", b"\0"])
def test_the_end_inside_a_response_is_an_error(data: bytes) -> None:
    parser = WireParser()
    assert parser.feed(data) == []
    with pytest.raises(WireError, match="inside a response"):
        parser.close()


def test_any_bytes_like_object_will_do() -> None:
    data = b"* 1 FETCH (UID 5 BODY[] {3}\r\nabc)\r\n"
    assert WireParser().feed(memoryview(data)) == WireParser().feed(bytearray(data)) == parse(data)


def cost(lines: int) -> float:
    data = b"".join(b"* %d FETCH (UID %d FLAGS (\\Seen $Junk))\r\n" % (n, n + 5) for n in range(1, lines + 1))
    best = 9.0
    for _ in range(3):
        start = time.process_time()
        assert len(WireParser().feed(data)) == lines
        best = min(best, time.process_time() - start)
    return best


def test_work_grows_with_the_lines_and_not_with_their_square() -> None:
    assert cost(80_000) < 8 * 3 * cost(10_000)


def test_a_literal_in_single_bytes_is_not_scanned_again_and_again() -> None:
    parser = WireParser(Limits())
    parser.feed(b"* 1 FETCH (BODY[] {200000}\r\n")
    start = time.process_time()
    for _ in range(200_000):
        parser.feed(b"x")
    (response,) = parser.feed(b")\r\n")
    assert isinstance(response, Fetch)
    assert response.body == b"x" * 200_000
    assert time.process_time() - start < 5
