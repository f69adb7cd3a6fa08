"""Messages made to take for ever, or to break something: bounded time, bounded memory, and no way to fail but one."""

from __future__ import annotations

import base64
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.errors import ParseFailed
from mailsync.pipeline import mime
from mailsync.pipeline.envelope import envelope
from mailsync.pipeline.headers import BLOCK
from mailsync.pipeline.mime import ParsedMessage, carries_attachments, parse
from tests.corpus import iter_bulk, iter_torture

MIXED = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
FLOWED = b"Content-Type: text/plain; format=flowed\r\n\r\n"
BASE64 = b"Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n"


def nested(kind: bytes, count: int) -> bytes:
    return b"".join(
        b"Content-Type: multipart/%b; boundary=%d\r\n\r\n--%d\r\n" % (kind, number, number) for number in range(count)
    )


def field(name: bytes, unit: bytes) -> bytes:
    """As much of it as is looked at."""
    return name + b": " + unit * (BLOCK // len(unit)) + b"\r\n\r\n"


def within(kind: bytes, unit: bytes) -> bytes:
    return b"Content-Type: " + kind + b"\r\n\r\n" + unit * (1_500_000 // len(unit))


HTML = (b"<!--", b"<script>", b"<a '", b"<a '>", b'<a "\'>"', b"&", b"<", b"</", b"<p>", b"<pre>", b"<style></style")
PEOPLE = (b"(", b"()", b'"', b"<", b"a@b,", b"\\", b'"\\', b" ", b"=?", b"=?a?q?", b"@ ", b"(\\a", b"a:", b"a ", b". @")
HOSTILE: dict[str, bytes] = {
    "10,000 levels": nested(b"mixed", 10_000),
    "10,000 levels of related": nested(b"related", 10_000),
    "10,000 levels of alternative": nested(b"alternative", 10_000),
    "one boundary for all levels": (MIXED + b"--b\r\n") * 20_000,
    "100,000 parts": MIXED + b"--b\r\n\r\nx\r\n" * 100_000,
    "100,000 blank alternatives": MIXED.replace(b"mixed", b"alternative") + b"--b\r\n\r\n \r\n" * 100_000,
    "nearly delimiters": MIXED + b"--b\r\n" + (b"--b" + b" " * 50) * 100_000,
    "a million fields": b"X: y\r\n" * 1_000_000,
    "a million folds": b"X: y\r\n " + b"\r\n " * 1_000_000,
    "no fields": b": \r\n" * 500_000,
    "parameters": b"Content-Type: text/plain" + b';a="' * 500_000,
    "pieces of parameters": b"Content-Type: text/plain" + b"".join(b";a*%d*=%%41" % n for n in range(100_000)),
    "a million long base64": BASE64 + b"QUJD\r\n" * 1_000_000,
    "broken base64": BASE64 + b"A=" * 2_000_000,
    "soft line ends": within(b"text/plain\r\nContent-Transfer-Encoding: quoted-printable", b"=\r\n"),
    "utf-7": within(b"text/plain; charset=utf-7", b"+AAA"),
    "HTML in 1,000 parts": MIXED
    + b"".join(b"--b\r\nContent-Type: text/html\r\n\r\n" + b"<a '" * 300 for _ in range(1000)),
    "armour": within(b"text/plain", b"-----BEGIN PGP "),
    "armour and blanks": b"\r\n-----BEGIN PGP MESSAGE-----" + b" \t" * 500_000 + b"x",
    "carriage returns": MIXED.replace(b"\r\n", b"\r") + b"--b\r\rx\r" * 100_000,
    "encoded words": field(b"Subject", b"=?utf-8?q?=C3=BC?= "),
    "open encoded words": field(b"Subject", b"=?utf-8?q?"),
    "openings of encoded words": field(b"Subject", b"=?"),
    "message ids": field(b"References", b"<a "),
    "a date": field(b"Date", b"1 ("),
    **{f"flowed {unit!r}": FLOWED + unit * 500_000 for unit in (b"> ", b">", b"a \r\n", b"> a \r\n", b">\r\n>> \r\n")},
    **{f"HTML {unit!r}": within(b"text/html", unit) for unit in HTML},
    **{f"people {unit!r}": field(b"To", unit) for unit in PEOPLE},
    "lists of people": b"To: (((((((((((<,\r\n" * 14_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_bounded_time(name: str) -> None:
    raw = HOSTILE[name]
    start = time.process_time()
    checked(raw)
    envelope(raw)
    assert time.process_time() - start < 5


def test_limits_are_told() -> None:
    assert parse(HOSTILE["10,000 levels"]).cut == ["depth"]
    assert parse(HOSTILE["100,000 parts"]).cut == ["parts"]
    start = time.process_time()
    assert parse(b"Subject: " + b"x" * 50_000_000).cut == ["header", "text"]
    assert time.process_time() - start < 2
    assert len(parse(HOSTILE["a million fields"]).headers) == 1000
    below = checked(b"X: y\r\n" * 1001 + MIXED + b"--b\r\nContent-Type: image/png\r\n\r\nx")
    assert (len(below.attachments), below.cut) == (1, ["header"])
    assert len(parse(b"\r\n" + b"x" * (mime.SHOWN + 9)).text) == mime.SHOWN + 1


def test_what_cannot_be_read_says_at_which_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(99))
    with pytest.raises(ParseFailed) as late:
        parse(MIXED + b"--b\r\n\r\nx", seconds=3, clock=lambda: next(ticks))
    assert late.value.stage == "time"
    monkeypatch.setattr(mime, "LARGEST", 3)
    with pytest.raises(ParseFailed) as large:
        parse(b"1234")
    assert large.value.stage == "size"
    monkeypatch.undo()
    monkeypatch.setattr(mime, "bodies", None)
    with pytest.raises(ParseFailed) as broken:
        parse(b"1234")
    assert (broken.value.stage, broken.value.scope, broken.value.retry) == ("bodies", "message", "never")


@pytest.mark.usefixtures("corpus")
def test_every_message_of_the_corpus_is_parsed() -> None:
    """Half of the ordinary ones, since the nasty ones are the test."""
    messages = [*iter_torture(mboxes=True), *list(iter_bulk())[::2]]
    assert len(messages) > 3300
    for name, raw in messages:
        start = time.process_time()
        parsed = checked(raw)
        assert time.process_time() - start < 2, name
        assert not set(parsed.cut) - {"parts"}, name


@pytest.mark.usefixtures("corpus")
def test_memory() -> None:
    """The largest of the corpus, an attachment of 60 MB, and the worst for each byte of their own; in kB, of the whole
    process."""
    raw = max((raw for _, raw in iter_torture(mboxes=True)), key=len)
    large = BASE64 + base64.b64encode(bytes(60_000_000))
    code = (
        "import re, sys; from mailsync.pipeline.mime import parse; parse(sys.stdin.buffer.read())\n"
        "print(re.search(r'VmHWM:\\s*(\\d+) kB', open('/proc/self/status').read())[1])"
    )
    for message in (raw, large, HOSTILE["a million fields"], HOSTILE["broken base64"], HOSTILE["HTML b'<p>'"]):
        done = subprocess.run([sys.executable, "-c", code], input=message, capture_output=True, check=True)
        assert int(done.stdout) < 100_000 + len(message) // 1000


PIECES = (
    *(b"--b", b"--b--", b"\r\n", b"\n", b"\r", b" ", b"Content-Type: ", b"multipart/mixed; boundary=b", b"text/html"),
    *(b"Content-Transfer-Encoding: base64\r\n", b"Content-Disposition: attachment; filename*0*=utf-8''%C3"),
    *(b"To: ", b"<a@b>", b'"', b"(", b")", b",", b":", b";", b"=?utf-8?q?=C3?=", b"; charset=utf-16", b"\0", b"\xfc"),
    *(b"message/rfc822", b"multipart/alternative; boundary=b", b"Date: ", b"1 Jan 2020 10:00 +", b"References: <"),
    *(b"> ", b"; format=flowed"),
)


@given(st.lists(st.sampled_from(PIECES)), st.binary(max_size=100))
def test_any_arrangement_is_parsed(pieces: list[bytes], noise: bytes) -> None:
    checked(b"".join(pieces) + noise)
    checked(MIXED + b"".join(pieces))


def checked(raw: bytes) -> ParsedMessage:
    """Parsed; every text can be stored, and the gate of attachments tells what is listed."""
    parsed = parse(raw)
    people = [text for found in parsed.people.values() for one in found for text in one]
    names = [text for one in parsed.attachments for text in (one.name, one.type)]
    texts = [parsed.subject, parsed.message_id, parsed.text, parsed.html, *people, *names]
    texts += [text for pair in parsed.headers for text in pair] + [*parsed.references, *parsed.in_reply_to]
    "".join(texts).encode("utf-8")
    assert not any("\0" in text for text in texts)
    assert carries_attachments(raw) == bool(parsed.attachments or {"depth", "parts"} & set(parsed.cut))
    return parsed
