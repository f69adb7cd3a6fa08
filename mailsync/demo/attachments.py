"""Small, valid files made of a few words: PDF, PNG, CSV, ICS and plain text."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple


class File(NamedTuple):
    """An attachment: its name, MIME type and bytes."""

    name: str
    maintype: str
    subtype: str
    content: bytes


def make(name: str, text: str, when: datetime) -> File:
    """The file that the ending of `name` asks for. `when` dates an invitation; `text` is its words, line by line."""
    maintype, subtype, build = KINDS[name.rpartition(".")[2]]
    return File(name, maintype, subtype, build(text, when))


def pdf(text: str, _: datetime | None = None) -> bytes:
    """One A5 page with the lines of `text` in Helvetica (Latin-1 only; other characters become `?`)."""
    drawn = b"BT /F1 11 Tf 36 540 Td 16 TL\n"
    for line in text.splitlines():
        escaped = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        drawn += b"(" + escaped.encode("latin-1", "replace") + b") Tj T*\n"
    drawn += b"ET"
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 420 595] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, start)
    return bytes(out)


def png(text: str, _: datetime | None = None, *, width: int = 96, height: int = 64) -> bytes:
    """A picture whose bands of colour follow from `text`."""
    seed = zlib.crc32(text.encode())
    colours = [((seed >> shift) & 0xFF, (seed >> (shift + 3)) & 0xFF, 0x60 + (shift * 9) % 0x90) for shift in range(8)]
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            rows += bytes(colours[(x // 12 + y // 16 + (x * y) // 640) % len(colours)])

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(rows), 9))
        + chunk(b"IEND", b"")
    )


def table(text: str, _: datetime | None = None) -> bytes:
    """CSV; the text has its cells separated by `|`."""
    rows = [",".join(cell.strip() for cell in line.split("|")) for line in text.splitlines()]
    return ("\r\n".join(rows) + "\r\n").encode("utf-8-sig")


def invitation(text: str, when: datetime) -> bytes:
    """An iCalendar event of an hour, three days after `when` at ten: summary and place on the first two lines."""
    summary, _, place = text.partition("\n")
    start = (when + timedelta(days=3)).replace(hour=10, minute=0, second=0)
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//mailsync//sample mail//EN",
        "METHOD:REQUEST",
        "BEGIN:VEVENT",
        f"UID:{zlib.crc32(text.encode()):08x}-{start:%Y%m%d}@example.com",
        f"DTSTAMP:{when:%Y%m%dT%H%M%SZ}",
        f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
        f"DTEND:{start + timedelta(hours=1):%Y%m%dT%H%M%SZ}",
        f"SUMMARY:{summary}",
        f"LOCATION:{place.strip()}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return ("\r\n".join(lines) + "\r\n").encode()


def words(text: str, _: datetime | None = None) -> bytes:
    return text.encode() + b"\n"


KINDS: dict[str, tuple[str, str, Callable[[str, datetime], bytes]]] = {
    "pdf": ("application", "pdf", pdf),
    "png": ("image", "png", png),
    "csv": ("text", "csv", table),
    "ics": ("text", "calendar", invitation),
    "txt": ("text", "plain", words),
    "log": ("text", "plain", words),
}
