"""Whatever a generator can think of: the same responses for every segmentation, and no error but `WireError`."""

from __future__ import annotations

import random
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from mailsync.imap.limits import Limits
from mailsync.imap.responses import Fetch, Response
from mailsync.imap.wire import WireError, WireParser

LITTLE = Limits(line=300, set_line=400, literal=200, small_literal=60, structure=500, response=700, literals=6, depth=4)


def outcome(chunks: list[bytes], limits: Limits) -> tuple[list[Response], str]:
    parser = WireParser(limits)
    responses: list[Response] = []
    try:
        for chunk in chunks:
            responses += parser.feed(chunk)
            assert parser.pending >= 0
        parser.close()
    except WireError as error:
        return responses + error.responses, str(error)
    return responses, ""


def cut(data: bytes, marks: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(mark % (len(data) + 1) for mark in marks)})
    return [data[low:high] for low, high in pairwise(marks)]


def agree(data: bytes, marks: list[int]) -> None:
    for limits in (Limits(), LITTLE):
        whole = outcome([data], limits)
        assert outcome(cut(data, marks), limits) == whole
        assert outcome([data[at : at + 1] for at in range(len(data))], limits) == whole


octets = st.binary(max_size=120)
numbers = st.one_of(st.integers(0, 2**64).map(str), st.sampled_from(["0", "-1", "9.3e+06", "NIL", ""])).map(str.encode)
atoms = st.sampled_from(
    [
        b"NIL",
        b"a",
        b"\\Seen",
        b"[x]",
        b"$y",
        b"UID",
        b"FLAGS",
        b"BODY[]",
        b"BODY[HEADER.FIELDS (A B)]",
        b"x]y",
        b"\xc3\xa9",
    ]
)


@st.composite
def strings(draw: st.DrawFn) -> bytes:
    """A quoted string, well or badly made, or a literal of one of the four kinds."""
    content = draw(octets)
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return (
            b'"' + content.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\r", b"").replace(b"\n", b"") + b'"'
        )
    if kind == 1:
        return b'"' + content + b'"'
    tilde, plus = draw(st.sampled_from([(b"", b""), (b"~", b""), (b"", b"+"), (b"~", b"+")]))
    return tilde + b"{%d" % len(content) + plus + draw(st.sampled_from([b"}\r\n", b"}\n"])) + content


values = st.recursive(
    st.one_of(atoms, numbers, strings()),
    lambda inner: st.lists(inner, max_size=5).map(lambda parts: b"(" + b" ".join(parts) + b")"),
    max_leaves=12,
)
names = st.one_of(
    atoms,
    values,
    st.sampled_from([b"NIL", b"(NIL)", b"()", b"(M6d-_9)", b"(007)", b"18446744073709551615", b'(\\Inbox "\\\\Sent" a)',
                     b'("a b" "c\\"d" +e)', b"(a  b)", b"(2024 &AOk-t&AOk-)", b'("a"b)', b'(a"b)']),
)  # fmt: skip
TEXTS = [b"BODY[]", b"BODY[HEADER]", b"BODY[HEADER.FIELDS (MESSAGE-ID)]"]
items = st.one_of(
    st.tuples(st.sampled_from([b"EMAILID ", b"THREADID ", b"X-GM-MSGID ", b"X-GM-THRID ", b"X-GM-LABELS "]), names).map(
        b"".join
    ),
    numbers.map(lambda number: b"UID " + number),
    st.lists(atoms, max_size=4).map(lambda flags: b"FLAGS (" + b" ".join(flags) + b")"),
    st.just(b'INTERNALDATE " 1-Jul-2020 00:00:00 +0000"'),
    numbers.map(lambda number: b"RFC822.SIZE " + number),
    numbers.map(lambda number: b"MODSEQ (" + number + b")"),
    st.tuples(st.sampled_from(TEXTS), strings()).map(b" ".join),
    st.tuples(atoms, values).map(lambda pair: pair[0] + b" " + pair[1]),
    values.map(lambda value: b"ENVELOPE " + value),
)
fetches = st.tuples(st.integers(0, 99), st.lists(items, max_size=6)).map(
    lambda made: b"* %d FETCH (" % made[0] + b" ".join(made[1]) + b")"
)
others = st.tuples(
    st.sampled_from(
        [b"* OK ", b"* NO [", b"A1 OK [X ", b"+ ", b"* LIST () ", b'* LIST () "/" ', b"* STATUS ", b"* SEARCH ",
         b"* ESEARCH ", b"* VANISHED ", b"* VANISHED (EARLIER) ", b"* ID ", b"* NAMESPACE ", b"* FLAGS ",
         b"* CAPABILITY ", b"* 5 EXISTS ", b"* 7 UIDFETCH ", b"* X ", b"[", b"", b"\0* OK "]
    ),
    values,
).map(b"".join)  # fmt: skip
streams = st.lists(
    st.tuples(st.one_of(fetches, others), st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b""])).map(b"".join),
    max_size=6,
).map(b"".join)


@given(streams, st.lists(st.integers(0, 10_000), max_size=8))
@settings(max_examples=150, deadline=None)
def test_generated_streams_whatever_the_cuts(data: bytes, marks: list[int]) -> None:
    agree(data, marks)


@given(st.lists(st.sampled_from(list(b'*+()[]{}"\\ ~<>,:.%\r\n\0A1OKUIDFETCHBODY\xff')), max_size=200).map(bytes))
@settings(max_examples=150, deadline=None)
def test_garbage_of_what_matters(data: bytes) -> None:
    agree(b"* 1 FETCH (" + data, [3, 50])
    agree(data, [3, 50])


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_garbage(data: bytes) -> None:
    agree(data, [7])


usual = st.tuples(
    st.integers(0, 2**32 + 1),
    st.lists(st.sampled_from(["\\Seen", "$Junk", "a]b", "é"]), max_size=3),
    st.integers(-1, 2**65),
    st.integers(-1, 2**65),
    st.one_of(st.none(), st.tuples(st.sampled_from(TEXTS), octets)),
    st.booleans(),
    st.randoms(use_true_random=False),
)
Text = tuple[bytes, bytes]


def text_of(one: Fetch) -> Text | None:
    """What the response has of the text of its message, under its name."""
    assert not (one.has_body and one.sections)
    texts = {b"BODY[]": one.body} if one.has_body else {name.encode(): text for name, text in one.sections.items()}
    return next(((name, text) for name, text in texts.items() if text is not None), None)


@given(st.lists(usual, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_the_usual_fetch_responses_at_every_split_point(
    made: list[tuple[int, list[str], int, int, Text | None, bool, random.Random]],
) -> None:
    data = b""
    expected: list[tuple[int | None, tuple[str, ...], int | None, int | None, Text | None]] = []
    for uid, flags, size, modseq, text, named, shuffle in made:
        parts = [
            b"UID %d" % uid,
            b"FLAGS (" + " ".join(flags).encode() + b")",
            b"RFC822.SIZE %d" % size,
            b"MODSEQ (%d)" % modseq,
        ]
        if text is not None:
            parts.append(b"%s {%d}\r\n%s" % (text[0], len(text[1]), text[1]))
        if named:
            parts.append(b"EMAILID (M1)")
        shuffle.shuffle(parts)
        data += b"* 1 FETCH (" + b" ".join(parts) + b")\r\n"
        expected.append(
            (
                uid if 0 < uid < 2**32 else None,
                tuple(flags),
                size if 0 <= size < 2**63 else None,
                modseq if 0 < modseq < 2**63 else None,
                text,
            )
        )
    whole, refusal = outcome([data], Limits())
    assert not refusal
    read = [(one.uid, one.flags, one.size, one.modseq, text_of(one)) for one in whole if isinstance(one, Fetch)]
    assert read == expected
    for at in range(0, len(data), max(1, len(data) // 200)):
        assert outcome([data[:at], data[at:]], Limits()) == (whole, "")
