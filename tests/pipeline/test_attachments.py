"""Attachments as they are listed and taken out again: of every message of the corpus, and of TNEF streams."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mailsync.pipeline import attachments, mime, tnef
from mailsync.pipeline.words import decode_base64
from tests.corpus import iter_bulk, iter_torture, torture_dir


def portions(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """The data in pieces of these sizes, then the rest."""
    at = 0
    for size in sizes:
        yield data[at : at + size]
        at += size
    yield data[at:]


def test_every_attachment_of_the_corpus_is_taken_out_again(corpus: Path) -> None:
    counted = {"message": 0, "attachment": 0, "within TNEF": 0}
    for name, raw in (*iter_torture(), *iter_bulk()):
        counted["message"] += 1
        parsed = mime.parse(raw)
        rows = attachments.rows(raw, parsed)
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
        outer = [row for row in rows if attachments.WITHIN not in row[7]]
        assert [(row[2], row[3], row[4].hex()) for row in outer] == [
            (one.type, one.size, one.sha256) for one in parsed.attachments
        ]
        for number, _, _, size, digest, start, end, encoding in rows:
            counted["attachment" if attachments.WITHIN not in encoding else "within TNEF"] += 1
            taken = b"".join(attachments.taken_out(portions(raw[start:end], [1000, 4096, 65536]), encoding))
            assert (len(taken), hashlib.sha256(taken).digest()) == (size, digest), f"{name}, {number}"
    print(f"\n{counted}")
    assert counted["attachment"] > 1500
    assert counted["within TNEF"] > 10


@given(st.binary(max_size=80) | st.text("QUJD=\r\n !", max_size=80).map(str.encode), st.lists(st.integers(0, 9)))
def test_in_pieces_as_in_one(data: bytes, sizes: list[int]) -> None:
    import binascii

    for encoding, whole in (("", data), ("base64", decode_base64(data)), ("quoted-printable", binascii.a2b_qp(data))):
        assert b"".join(attachments.taken_out(portions(data, sizes), encoding)) == whole


def test_a_message_within_is_named_by_its_subject() -> None:
    inner = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= a/b\r\n\r\nhello\r\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(
        b"--b\r\nContent-Type: message/rfc822%s\r\n\r\n%s\r\n" % (extra, body)
        for extra, body in ((b"", inner), (b"; name=x", inner), (b"", b"From: a\r\n\r\n"))
    )
    rows = attachments.rows(raw, mime.parse(raw))
    assert [row[1] for row in rows] == ["Grüße a-b.eml", "x", "message.eml"]


def test_streams_give_what_other_decoders_found(corpus: Path) -> None:
    """Theirs wrote texts with the line ends of their disk, and one object with what says its kind before it."""
    told, equal, theirs_differ = 0, 0, []
    for expected in sorted((torture_dir() / "tnef").glob("*.extracted.json")):
        found = tnef.files(expected.with_name(expected.name.replace(".extracted.json", ".tnef")).read_bytes())
        wanted = json.loads(expected.read_text("utf-8"))
        assert sorted(one.name for one in found) == sorted(one["name"] for one in wanted)
        by_name = {one.name: one.data for one in found}
        for one in wanted:
            told += 1
            data = by_name[one["name"]]
            forms = [hashlib.sha256(form).hexdigest() for form in (data, data.replace(b"\r\n", b"\n"))]
            equal += one["sha256"] in forms
            if one["sha256"] not in forms:
                theirs_differ.append((one["name"], one["bytes"] - len(data)))
    print(f"\nfiles within TNEF: {equal} of {told} equal")
    assert theirs_differ == [("Untitled_Attachment", 16)]


def test_names_in_the_stream_s_own_character_set(corpus: Path) -> None:
    (stream,) = (torture_dir() / "tnef").glob("*umlaut.tnef")
    assert "UmlautAnhang-äüö.txt" in [one.name for one in tnef.files(stream.read_bytes())]


def test_text_and_files_of_a_stream() -> None:
    text = rb"{\rtf1\ansi\ansicpg1252\pard hello world}" + b"\r\n"
    assert tnef.files(_stream()) == [
        tnef.File("name.txt", "", b"content"),
        tnef.File("message.rtf", "text/rtf", text),
    ]
    assert tnef.files(b"x" + _stream()) == []


@given(st.data())
def test_a_damaged_stream_is_no_error(data: st.DataObject) -> None:
    stream = bytearray(_stream())
    for _ in range(data.draw(st.integers(1, 6))):
        stream[data.draw(st.integers(6, len(stream) - 1))] = data.draw(st.integers(0, 255))
    found = tnef.files(bytes(stream[: data.draw(st.integers(6, len(stream)))]))
    assert sum(len(one.data) for one in found) < 10 * len(stream)


def test_hostile_streams_take_no_longer() -> None:
    def number(value: int) -> bytes:
        return value.to_bytes(4, "little")

    many = number(1) + b"\x02\x11\x01\x10" + number(5_000_000) + bytes(20_000_000)
    rtf = bytes(4) + number(16 << 20) + b"LZFu" + bytes(4) + (b"\xff" + b"\x0c\xd0" * 8) * 1_000_000
    for attributes in (
        [number(0x00069003) + number(len(many)) + many],
        [
            number(0x00069003)
            + number(len(rtf) + 16)
            + number(1)
            + b"\x02\x01\x09\x10"
            + number(1)
            + number(len(rtf))
            + rtf
        ],
        [number(0x00069002) + number(0)] * 1_000_000,
        [number(0x00069003) + number(4) + bytes(4)] * 1_000_000,
    ):
        stream = tnef.SIGNATURE + b"\1\0" + b"".join(b"\1" + one + b"\0\0" for one in attributes)
        start = time.thread_time()
        found = tnef.files(stream)
        assert time.thread_time() - start < 2
        assert len(found) <= tnef.FILES + 1


# The example of MS-OXRTFCP section 3.1.1.
_HELLO = "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"


def _stream() -> bytes:
    """A stream with a text in compressed RTF, and a file whose name and content are properties."""

    def attribute(level: int, name: int, data: bytes) -> bytes:
        return (
            bytes([level])
            + name.to_bytes(4, "little")
            + len(data).to_bytes(4, "little")
            + data
            + (sum(data) & 0xFFFF).to_bytes(2, "little")
        )

    def binary(name: int, data: bytes) -> bytes:
        size = len(data).to_bytes(4, "little")
        return b"\x02\x01" + name.to_bytes(2, "little") + b"\1\0\0\0" + size + data + bytes(-len(data) % 4)

    rtf = bytes.fromhex(_HELLO)
    wide = "name.txt\0".encode("utf-16-le")
    name = b"\x1f\x00\x07\x37\1\0\0\0" + len(wide).to_bytes(4, "little") + wide + bytes(-len(wide) % 4)
    return (
        tnef.SIGNATURE
        + b"\1\0"
        + attribute(1, 0x00069003, b"\1\0\0\0" + binary(0x1009, rtf))
        + attribute(2, 0x00069002, bytes(14))
        + attribute(2, 0x00069005, b"\2\0\0\0" + name + binary(0x3701, b"content"))
    )
