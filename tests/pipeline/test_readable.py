from __future__ import annotations

import email
import email.policy
import time
from email.message import EmailMessage
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.pipeline.mime import Attachment, envelope, readable
from mailsync.pipeline.parts import leaves
from tests.corpus import iter_bulk, iter_torture


def made() -> EmailMessage:
    """A message with everything: plain beside HTML, an inline image, attachments."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["Subject"] = "Grüße"
    message["From"] = "a@b.example"
    message.set_content("Plain ünï\n")
    message.add_alternative("<p>Html</p><img src='cid:x'>", subtype="html")
    part = message.get_payload(1)
    assert isinstance(part, EmailMessage)
    part.add_related(b"png", "image", "png", cid="<x>")
    message.add_attachment(b"%PDF" * 30, maintype="application", subtype="pdf", filename="Übersicht.pdf")
    message.add_attachment("text", filename="notes.txt")
    return message


def test_a_message_with_everything() -> None:
    parsed = readable(made().as_bytes())
    assert parsed.text == "Plain ünï\n"
    assert parsed.html.strip() == "<p>Html</p><img src='cid:x'>"
    assert parsed.attachments == [
        Attachment("", "image/png", 3),
        Attachment("Übersicht.pdf", "application/pdf", 120),
        Attachment("notes.txt", "text/plain", 6),
    ]
    assert ("Subject", "Grüße") in parsed.headers


def multipart(kind: str, *parts: str) -> bytes:
    text = f'Content-Type: multipart/{kind}; boundary="b"\r\n\r\npreamble\r\n'
    return (text + "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\nepilogue\r\n").encode()


def test_html_is_read_where_there_is_no_plain_text_beside() -> None:
    html = "Content-Type: text/html\r\n\r\n<b>bold</b> &amp; more"
    assert readable(multipart("alternative", "\r\nplain", html)).text == "plain\n"
    assert readable(multipart("alternative", "\r\n \r\n", html)).text == "bold & more\n"
    assert readable(multipart("mixed", html, "\r\n-- \r\nlist footer")).text == "bold & more\n\n-- \nlist footer\n"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Content-Disposition: attachment; filename=a.txt", "a.txt"),
        ('Content-Disposition: attachment; filename="a \\"b\\".txt"', 'a "b".txt'),
        ("Content-Disposition: attachment; filename*=utf-8''%C3%BC.txt", "ü.txt"),
        ('Content-Disposition: attachment; filename*0=a; filename*1="b"; filename*2*=%63', "abc"),
        ("Content-Disposition: attachment;\r\n filename*0*=utf-8''%C3;\r\n filename*1*=%BC", "ü"),
        ('Content-Type: text/plain; name="=?utf-8?q?=C3=BC?="', "ü"),
        ('Content-Disposition: attachment; filename="../../etc/passwd"', "../../etc/passwd"),
        ('Content-Disposition: attachment; filename="open', "open"),
        ("Content-Disposition: attachment; filename*=nonsense", "nonsense"),
    ],
)
def test_attachment_names(header: str, name: str) -> None:
    assert [found.name for found in readable(multipart("mixed", header + "\r\n\r\nx")).attachments] == [name]


def test_boundaries() -> None:
    # One boundary is the beginning of the other; a delimiter ends in blanks; a line only looks like one.
    inner = "Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb  \r\n\r\none\r\n--bbc\r\n --bb\r\n--bb--\r\n"
    raw = multipart("mixed", inner, "\r\ntwo")
    assert [raw[part.start : part.end] for part in leaves(raw)] == [b"one\r\n--bbc\r\n --bb", b"two"]
    assert readable(multipart("mixed", "\r\nlast").partition(b"\r\n--b--")[0]).text == "last\n"
    assert readable(b"Content-Type: multipart/mixed\r\n\r\nno boundary").text == "no boundary\n"
    assert readable(b"Content-Type: multipart/mixed; boundary=x\r\n\r\nnever").text == "never\n"


def test_a_part_ends_before_the_line_end_of_the_delimiter() -> None:
    for end in ("\n", "\r\n"):
        raw = f"Content-Type: multipart/mixed; boundary=b{end}{end}--b{end}{end}--b{end}{end}x{end}{end}--b--".encode()
        assert [raw[part.start : part.end] for part in leaves(raw)] == [b"", b"x" + end.encode()]


def test_messages_within_are_attachments() -> None:
    parsed = readable(multipart("mixed", "\r\nsee below", "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny"))
    assert parsed.attachments == [Attachment("", "message/rfc822", 15)]
    assert [part.type for part in leaves(multipart("digest", "\r\nSubject: x\r\n\r\ny"))] == ["message/rfc822"]


def test_transfer_encodings() -> None:
    for encoding, body in (("BASE64", "w7w="), ("quoted-printable", "=C3=BC=\r\n"), ("8bit", "ü"), ("x-what", "ü")):
        raw = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}"
        assert readable(raw.encode()).text.strip() == "ü"


@cache
def hostile() -> list[bytes]:
    """Messages made to take for ever."""
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (number, number) for number in range(20_000)
    )
    same = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 20_000
    many = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 200_000
    nearly = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + (b"--b" + b" " * 50) * 100_000
    parameters = b"Content-Type: text/plain" + b';a="' * 500_000
    pieces = b"Content-Type: text/plain" + b"".join(b";a*%d*=%%41" % number for number in range(100_000))
    html = b"Content-Type: text/html\r\n\r\n"
    units = [
        b"<!--",
        b"<script>",
        b"<a '",
        b"<a '>",
        b'<a "\'>"',
        b"&",
        b"<",
        b"</",
        b"<p>",
        b"<pre>",
        b"<style></style",
    ]
    return [
        *(nested, same, many, nearly, parameters, pieces),
        *(html + unit * (3_000_000 // len(unit)) for unit in units),
        b"Content-Transfer-Encoding: base64\r\n\r\n" + b"A=" * 2_000_000,
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=\r\n" * 1_000_000,
        b"X: y\r\n " * 500_000,
        b": \r\n" * 500_000,
    ]


@pytest.mark.parametrize("number", range(len(hostile())))
def test_hostile_messages_are_read_in_bounded_time(number: int) -> None:
    raw = hostile()[number]
    start = time.process_time()
    readable(raw)
    envelope(raw)
    assert time.process_time() - start < 5


def test_limits_of_depth_and_parts() -> None:
    assert len(leaves(hostile()[2])) == 1000
    (part,) = leaves(hostile()[0])
    assert part.type == "text/plain"


@given(st.lists(st.sampled_from([b"--b", b"--b--", b"\r\n", b"\n", b"Content-Type: ", b"multipart/mixed; boundary=b"])))
def test_any_arrangement_of_boundaries_is_read(pieces: list[bytes]) -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(pieces)
    readable(raw)
    last = 0
    for part in leaves(raw):
        assert last <= part.start <= part.end <= len(raw)
        last = part.end


@given(st.binary(max_size=400))
def test_any_bytes_are_read(noise: bytes) -> None:
    for kind in (b"text/html", b"multipart/mixed; boundary=" + noise[:3], noise):
        parsed = readable(b"Content-Type: " + kind + b"\r\n\r\n" + noise)
        parsed.text.encode("utf-8")
        parsed.html.encode("utf-8")


@pytest.mark.usefixtures("corpus")
def test_every_nasty_message_is_read_quickly() -> None:
    count = 0
    for name, raw in iter_torture(mboxes=True):
        start = time.process_time()
        parsed, found = readable(raw), envelope(raw)
        assert time.process_time() - start < 2, name
        "".join([parsed.text, parsed.html, *found[1:7], *(x for pair in parsed.headers for x in pair)]).encode("utf-8")
        count += 1
    assert count > 1200


@pytest.mark.usefixtures("corpus")
def test_ordinary_messages_read_as_the_standard_library_reads_them() -> None:
    count = differing = 0
    for number, (_, raw) in enumerate(iter_bulk()):
        if number % 5:
            continue
        expected = plain_text(raw)
        if expected is None:
            continue
        count += 1
        differing += "".join(readable(raw).text.split()) != "".join(expected.split())
    assert count > 400
    assert differing <= count / 100, f"{differing} of {count}"


def plain_text(raw: bytes) -> str | None:
    """The plain text parts by the standard library; None where there is no UTF-8 or ASCII text, or HTML only."""
    message = email.message_from_bytes(raw)
    texts = []
    for part in message.walk():
        kind = part.get_content_type()
        if kind.startswith("message/") or (kind == "text/html" and not part.get_filename()):
            return None
        if (
            part.is_multipart()
            or kind != "text/plain"
            or part.get_filename()
            or "attach" in str(part.get_all("content-disposition"))
        ):
            continue
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        try:
            texts.append(payload.decode("utf-8"))
        except UnicodeDecodeError:
            return None
        if part.get_content_charset("us-ascii") not in ("us-ascii", "utf-8", "iso-8859-1") or not texts[-1].isascii():
            return None
    return "\n".join(texts) if texts else None
