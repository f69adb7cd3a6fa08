from __future__ import annotations

import base64
import email
import email.policy
import hashlib
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.pipeline.addresses import Address, addresses
from mailsync.pipeline.bodies import bodies
from mailsync.pipeline.flowed import unwrap
from mailsync.pipeline.mime import carries_attachments, parse
from mailsync.pipeline.parts import Part, decoded, structure
from tests.corpus import iter_bulk, torture_dir


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
    parsed = parse(made().as_bytes())
    assert parsed.text == "Plain ünï\n"
    assert parsed.html.strip() == "<p>Html</p><img src='cid:x'>"
    assert files(made().as_bytes()) == [
        ("", "image/png", b"png"),
        ("Übersicht.pdf", "application/pdf", b"%PDF" * 30),
        ("notes.txt", "text/plain", b"text\r\n"),
    ]
    assert ("Subject", "Grüße") in parsed.headers


def leaves(raw: bytes) -> list[Part]:
    return structure(raw).leaves


def files(raw: bytes) -> list[tuple[str, str, bytes]]:
    """Name, type and content of what is attached, taken out by what is told of it."""
    taken = []
    for one in parse(raw).attachments:
        data = decoded(raw, one)
        assert (one.size, one.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        taken.append((one.name, one.type, data))
    return taken


def multipart(kind: str, *parts: str) -> bytes:
    text = f'Content-Type: multipart/{kind}; boundary="b"\r\n\r\npreamble\r\n'
    return (text + "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\nepilogue\r\n").encode()


def test_html_is_read_where_there_is_no_plain_text_beside() -> None:
    html = "Content-Type: text/html\r\n\r\n<b>bold</b> &amp; more"
    assert parse(multipart("alternative", "\r\nplain", html)).text == "plain\n"
    assert parse(multipart("alternative", "\r\n \r\n", html)).text == "bold & more\n"
    assert parse(multipart("mixed", html, "\r\n-- \r\nlist footer")).text == "bold & more\n\n-- \nlist footer\n"


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
    assert [found.name for found in parse(multipart("mixed", header + "\r\n\r\nx")).attachments] == [name]


def test_boundaries() -> None:
    # One boundary is the beginning of the other; a delimiter ends in blanks; a line only looks like one.
    inner = "Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb  \r\n\r\none\r\n--bbc\r\n --bb\r\n--bb--\r\n"
    raw = multipart("mixed", inner, "\r\ntwo")
    assert [raw[part.start : part.end] for part in leaves(raw)] == [b"one\r\n--bbc\r\n --bb", b"two"]
    assert parse(multipart("mixed", "\r\nlast").partition(b"\r\n--b--")[0]).text == "last\n"
    assert parse(b"Content-Type: multipart/mixed\r\n\r\nno boundary").text == "no boundary\n"
    assert parse(b"Content-Type: multipart/mixed; boundary=x\r\n\r\nnever").text == "never\n"


def test_a_part_ends_before_the_line_end_of_the_delimiter() -> None:
    for end in ("\n", "\r\n"):
        raw = f"Content-Type: multipart/mixed; boundary=b{end}{end}--b{end}{end}--b{end}{end}x{end}{end}--b--".encode()
        assert [raw[part.start : part.end] for part in leaves(raw)] == [b"", b"x" + end.encode()]


def test_messages_within_are_attachments() -> None:
    raw = multipart("mixed", "\r\nsee below", "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ny")
    assert files(raw) == [("", "message/rfc822", b"Subject: x\r\n\r\ny")]
    assert [part.type for part in leaves(multipart("digest", "\r\nSubject: x\r\n\r\ny"))] == ["message/rfc822"]


def test_the_flat_view() -> None:
    """RFC 8621 section 4.1.4, by its own example, with a name for each part."""
    text, html, image = "Content-Type: text/plain", "Content-Type: text/html", "Content-Type: image/jpeg"
    inline, away = "Content-Disposition: inline", "Content-Disposition: attachment"

    def inner(kind: str, boundary: str, *parts: str) -> str:
        return (
            f"Content-Type: multipart/{kind}; boundary={boundary}\r\n\r\n"
            + "".join(f"--{boundary}\r\n{part}\r\n" for part in (*parts, "")[:-1])
            + f"--{boundary}--\r\n"
        )

    related = inner("related", "3", f"{html}\r\n\r\nE", f"{image}\r\n\r\nF")
    alternative = inner(
        "alternative",
        "2",
        inner(
            "mixed",
            "m",
            *(
                f"{text}\r\n{inline}\r\n\r\nB",
                f"{image}\r\n{inline}\r\n\r\nC",
                f"{text}\r\n{inline}\r\n\r\nD",
            ),
        ),
        related,
    )
    raw = multipart(
        "mixed",
        f"{text}\r\n{inline}\r\n\r\nA",
        inner(
            "mixed",
            "1",
            alternative,
            f"{image}\r\n{away}\r\n\r\nG",
            "Content-Type: application/x-excel\r\n\r\nH",
            "Content-Type: message/rfc822\r\n\r\nJ",
        ),
        f"{text}\r\n{inline}\r\n\r\nK",
    )
    found = bodies(raw, structure(raw))
    lists = [b"".join(raw[one.start : one.end] for one in parts) for parts in (found.text, found.html)]
    assert lists == [b"ABCDK", b"AEK"]
    assert b"".join(raw[one.start : one.end] for one in found.attachments) == b"CFGHJ"
    assert parse(raw).text == "A\n\nB\n\nD\n\nK\n"
    assert [one.type for one in parse(raw).attachments][:2] == ["image/jpeg", "image/jpeg"]


def test_a_text_with_a_file_name_is_read_and_listed() -> None:
    raw = b"Content-Type: text/plain; name=a.txt\r\n\r\nhello\r\n"
    assert (parse(raw).text, files(raw)) == ("hello\n", [("a.txt", "text/plain", b"hello\r\n")])
    assert carries_attachments(raw)


def test_flowed_text_is_unwrapped() -> None:
    head = b"Content-Type: text/plain; format=Flowed\r\n\r\n"
    body = b"one \r\ntwo\r\n> three \r\n> four\r\n>> five \r\n> six \r\n\r\n> \r\n From\r\n-- \r\nme\r\n"
    assert parse(head + body).text == "one two\n> three four\n>> five \n> six \n\n> \nFrom\n-- \nme\n"
    assert parse(head.replace(b"\r\n", b"; delsp=yes\r\n", 1) + b"o \r\nne\r\n").text == "one\n"


@pytest.mark.usefixtures("corpus")
def test_flowed_text_as_roundcube_unwraps_it() -> None:
    folder = torture_dir() / "vectors" / "roundcube-flowed"
    wrapped, wanted = ((folder / name).read_text() for name in ("format-flowed.txt", "format-flowed-unfolded.txt"))
    assert unwrap(wrapped) == wanted


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1", "pgp-encrypted"),
        ("\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nx", "pgp-encrypted"),
        ("\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\nx", "pgp-signed"),
        ("Content-Type: application/x-pkcs7-signature\r\n\r\nx", "smime-signed"),
        ("Content-Type: application/pkcs7-mime\r\n\r\n0\x11*\N{LATIN SMALL LETTER O WITH STROKE}", ""),
        ("Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR", "calendar"),
        (
            "Content-Type: application/octet-stream; name=Winmail.dat\r\n"
            "Content-Transfer-Encoding: base64\r\n\r\neJ8+Ig==",
            "tnef",
        ),
        ('Content-Type: application/octet-stream; name="Winmail.dat"\r\n\r\nno', ""),
        ("Content-Type: message/delivery-status\r\n\r\nx: y", "report"),
        ("\r\n> -----BEGIN PGP MESSAGE-----", ""),
    ],
)
def test_what_is_recognised(part: str, name: str) -> None:
    assert parse(multipart("mixed", part)).holds == ([name] if name else [])


def test_envelopes_of_s_mime_are_told_apart_by_their_content() -> None:
    for number, name in (("02", "smime-signed"), ("03", "smime-encrypted")):
        data = base64.b64encode(bytes.fromhex("308006092a864886f70d0107" + number)).decode()
        part = f"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n{data}"
        assert parse(multipart("mixed", part)).holds == [name]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("A B <a@b>, c@d (E F)", ["A B <a@b>", "E F <c@d>"]),
        ('"B, A" <a@b>; "x y"@d', ["B, A <a@b>", '"x y"@d']),
        ("Team: A <a@b>, c@d;, e@f", ["A <a@b>", "c@d", "e@f"]),
        ("undisclosed-recipients:;", []),
        ("=?utf-8?q?=C3=BC,_(x)?= <a@b>", ["ü, (x) <a@b>"]),
        ("<@r.example:a@b>, A <a (very) @ b . c>", ["a@b", "A <a@b.c>"]),
        ('"open <a@b>', ["open <a@b>"]),
        ("(open <a@b>", ["(open <a@b>"]),
        ("A H=?utf-8?q?=C3=B6?=hn <a@b>", ["A Höhn <a@b>"]),
        ("A <a@b", ["A <a@b>"]),
        ("A <a@b> C <d@e>", ["A <a@b>", "C <d@e>"]),
    ],
)
def test_people(value: str, wanted: list[str]) -> None:
    parsed = parse(f"To: {value}\r\n\r\n".encode())
    assert [str(one) for one in parsed.people.get("to", ())] == wanted


NAMES = [
    "",
    "A B ",
    '"B, A" ',
    '" c"',
    "=?utf-8?q?=C3=BC_x?= ",
    "=?utf-8?q?=C3=BC?= =?utf-8?q?y?= z ",
    " \t",
    "ü  v ",
    "a",
]


@given(st.lists(st.sampled_from([f"{name}<{n}@b.example>" for n, name in enumerate(NAMES)] + ["c@d", " e@f.g "])))
def test_the_quick_way_to_people_is_the_long_one(people: list[str]) -> None:
    value = ",".join(people)
    # The last one takes the long way for all of them.
    assert addresses(value + ", x;") == (*addresses(value), Address("x", ""))


def test_recipients_that_stand_twice_are_one_list_and_the_first_author_counts() -> None:
    people = parse(b"From: a@b\nTo: c@d\nFrom: e@f\nTo: g@h\n\n").people
    assert [[one.addr for one in people[name]] for name in ("from", "to")] == [["a@b"], ["c@d", "g@h"]]


def test_wrong_character_sets_are_found_out() -> None:
    def text(charset: str, data: bytes) -> str:
        return parse(f"Content-Type: text/plain; charset={charset}\r\n\r\n".encode() + data).text.strip()

    assert text("iso-8859-1", "Grüße".encode()) == "Grüße"
    assert text("utf-8", "Grüße".encode("cp1252")) == "Grüße"
    assert text("gb2312", "联通".encode("gb2312")) == "联通"  # it is UTF-8 as well
    assert text("big5", "中文".encode()) == "中文"
    assert text("big5", "¡@(¤j¸ÉªwÄÑ±M½æ)".encode()) == "¡@(¤j¸ÉªwÄÑ±M½æ)"
    assert text("shift_jis", "①髙".encode("cp932")) == "①髙"
    assert text("utf-16le", "Ü".encode("utf-16le")) == "Ü"
    raw = b"Subject: " + "Кот".encode("koi8-r") + b"\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\nx"
    assert parse(raw).subject == "Кот"


def test_both_kinds_of_line_end_in_one_header() -> None:
    assert parse(b"Subject: a\r\nTo: b@c\n\nbody\r\n\r\nmore").text == "body\n\nmore\n"


def test_absurd_dates_are_none() -> None:
    for date in ("Thu, 1 Jan 1970 00:00:00 +0000", "Mon, 4 Mar 2525 10:00:00 +0000", "32 Jan 2020 10:00 +0000", "soon"):
        assert parse(f"Date: {date}\r\n\r\n".encode()).date is None


def test_a_type_with_blanks_in_it() -> None:
    assert parse(b"Content-Type: image / PNG; name=a\r\n\r\nx").attachments[0].type == "image/png"


def test_transfer_encodings() -> None:
    for encoding, body in (
        ("BASE64", "w7w="),
        ("quoted-printable", "=C3=BC=\r\n"),
        ("quoted printable; x (y)", "=C3=BC"),
        ("8bit", "ü"),
        ("x-what", "ü"),
    ):
        raw = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}"
        assert parse(raw.encode()).text.strip() == "ü"


@given(st.lists(st.sampled_from([b"--b", b"--b--", b"\r\n", b"\n", b"Content-Type: ", b"multipart/mixed; boundary=b"])))
def test_any_arrangement_of_boundaries_is_read(pieces: list[bytes]) -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(pieces)
    parse(raw)
    last = 0
    for part in leaves(raw):
        assert last <= part.start <= part.end <= len(raw)
        last = part.end


@given(st.binary(max_size=400))
def test_any_bytes_are_read(noise: bytes) -> None:
    for kind in (b"text/html", b"multipart/mixed; boundary=" + noise[:3], noise):
        parsed = parse(b"Content-Type: " + kind + b"\r\n\r\n" + noise)
        parsed.text.encode("utf-8")
        parsed.html.encode("utf-8")


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
        differing += _letters(parse(raw).text) != _letters(expected)
    assert count > 400
    assert differing <= count / 100, f"{differing} of {count}"


def _letters(text: str) -> str:
    """Without what unwrapping takes away."""
    return "".join(text.replace(">", "").split())


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
