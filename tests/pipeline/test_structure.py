from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from mailsync.pipeline import attachments, mime, parts, structure
from tests.corpus import iter_torture, torture_dir


def of(raw: bytes) -> list[structure.Node]:
    return structure.nodes(raw, attachments.rows(raw, mime.parse(raw)))


def test_a_tree_with_a_message_and_a_winmail_dat_in_it(corpus: Path) -> None:
    inner = (torture_dir() / "geary" / "basic-multipart-tnef.eml").read_bytes()
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: text/plain; charset=utf-8; format=flowed\r\n\r\nhello\r\n"
        b"--x\r\nContent-Type: message/rfc822\r\n\r\n" + inner.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    )
    told = structure.lines(of(raw))
    assert told[0] == "multipart/mixed 2 parts"
    assert told[1] == "├─ 1 text/plain utf-8, 5 B"
    assert told[2].startswith("└─ 2 message/rfc822 2 parts, ")
    assert told[2].endswith(" kB [attachment 1]")
    assert told[3] == "   ├─ 2.1 text/plain us-ascii, 80 B"
    assert told[4].startswith("   └─ 2.2 application/vnd.ms-tnef base64, attachment, tnef, ")
    assert structure.lines(of(inner))[2:] == [
        '└─ 2 application/vnd.ms-tnef base64, attachment, tnef, 3 parts "winmail.dat" [attachment 1]',
        '   ├─ application/octet-stream 2.9 kB "zappa_av1.jpg" [attachment 2]',
        '   ├─ application/octet-stream 85.8 kB "bookmark.htm" [attachment 3]',
        '   └─ text/rtf 443 B "message.rtf" [attachment 4]',
    ]


def test_every_attachment_is_somewhere_in_the_tree(corpus: Path) -> None:
    for name, raw in iter_torture():
        rows = attachments.rows(raw, mime.parse(raw))
        found = structure.nodes(raw, rows)
        assert sorted(node.attachment for node in found if node.attachment) == [row[0] for row in rows], name
        assert len(structure.lines(found)) == len(found) <= parts.PARTS + 20
        sizes = {row[0]: row[3] for row in rows}
        assert all(node.size == sizes[node.attachment] for node in found if node.attachment), name
        assert found[0].depth == 0
        assert all(later.depth <= node.depth + 1 for node, later in pairwise(found)), name


def test_what_is_too_deep_or_too_much_is_said() -> None:
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(60))
    assert of(deep)[-1].cut == "depth"
    letters = b"Content-Type: message/rfc822\n\n" * 15
    assert [node.cut for node in of(letters)][-1] == "depth"
    assert len(of(letters)) == structure.MESSAGES + 1
    many = of(b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 2000)
    assert (len(many), many[-1].cut, many[0].cut) == (parts.PARTS, "parts", "")


def test_line_ends_that_are_carriage_returns(corpus: Path) -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\r\r--b\r\rtext\r--b\rContent-Type: a/b\r\rx\r--b--\r"
    assert [(node.section, node.type, node.size) for node in of(raw)] == [
        ("", "multipart/mixed", 41),
        ("1", "text/plain", 4),
        ("2", "a/b", 1),
    ]
