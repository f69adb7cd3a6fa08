"""Mail that belongs together: threads over several folders, attachments, an answer that stands in two folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.store.filled import understand
from tests.tui.prepared import DAY, HOUR, MINUTE, Builder, Letter, letter

ADA, GRACE, OLEH = "Ada Lovelace <ada@example.org>", "Grace Hopper <grace@example.net>", "Олег <oleh@example.org>"
PORT = "Port <port@example.org>"
CONFIG = '[searches]\nwith-files = "has:attachment"\nharbour = "tide OR harbour"\n'
BOUNDARY = 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n'


def message(
    number: int,
    subject: str,
    sender: str,
    age: float,
    *flags: str,
    answers: Sequence[int] = (),
    to: str = ADA,
    body: str = "Hello,\r\n\r\nsee you soon.\r\n",
    files: Sequence[tuple[str, str, str]] = (),
    html: str = "",
) -> Letter:
    """Message `number`, which answers others; `files` are (name, type, text)."""
    references = " ".join(f"<{one}@example.org>" for one in answers)
    headers = f"References: {references}\r\nIn-Reply-To: {references.split()[-1]}\r\n" if answers else ""
    made = letter(subject, sender, age, *flags, body=body, headers=headers, to=to)
    head, _, text = made.raw.decode("utf-8", "surrogateescape").partition("\r\n\r\n")
    lines = [line for line in head.split("\r\n") if not line.startswith("Message-ID:")]
    lines.append(f"Message-ID: <{number}@example.org>")
    if not files and not html:
        return Letter("\r\n".join([*lines, "", text]).encode("utf-8", "surrogateescape"), age, flags)
    lines = [line for line in lines if not line.startswith(("MIME-Version", "Content-Type"))]
    parts = [("text/plain; charset=utf-8", "", text)]
    if html:
        parts.append(("text/html; charset=utf-8", "", html))
    parts += [(kind, f'Content-Disposition: attachment; filename="{name}"\r\n', what) for name, kind, what in files]
    told = "".join(f"--b\r\nContent-Type: {kind}\r\n{more}\r\n{what}\r\n" for kind, more, what in parts)
    raw = "\r\n".join(lines) + f"\r\n{BOUNDARY}\r\n{told}--b--\r\n"
    return Letter(raw.encode("utf-8", "surrogateescape"), age, flags)


TIDES = (
    "Dear Ada,\r\n\r\nthe tide tables for the harbour are attached: the high tide of Saturday is at six, "
    "so the ferry waits in the harbour until eight.\r\n\r\n> Do you have the tides for March?\r\n\r\nGrace\r\n"
)
FILES = (
    ("tide-tables-march.pdf", "application/pdf", "%PDF-1.4 " + "tide " * 400),
    ("../../harbour \x1b[2Jplan.png", "image/png", "picture " * 90),
    ("潮汐表.csv", "text/csv", "day,high,low\r\n1,06:00,12:10\r\n"),
)


def inbox() -> list[Letter]:
    """Newest first: two threads, and messages that stand alone."""
    html = "<h1>Tides</h1><p>The <b>harbour</b> opens at six &amp; closes at ten.</p><script>alert(1)</script>"
    return [
        message(4, "Re: Tide tables for the harbour", GRACE, 5 * MINUTE, answers=(1, 2, 3), body=TIDES, files=FILES),
        message(10, "Lunch on Friday?", OLEH, 40 * MINUTE, html=html),
        message(3, "Re: Tide tables for the harbour", OLEH, 3 * HOUR, "\\Seen", answers=(1, 2)),
        message(11, "Weekly report", "Reports <reports@example.org>", 9 * HOUR, "\\Seen"),
        message(21, "Re: Compilers, again", GRACE, DAY, "\\Seen", "\\Flagged", answers=(20,)),
        message(1, "Tide tables for the harbour", GRACE, 2 * DAY, "\\Seen", "\\Answered"),
        message(12, "請求書をお送りします", "森 由紀 <yuki@example.jp>", 4 * DAY, "\\Seen"),
        *(
            message(30 + n, f"Harbour notice {n}", "Port <port@example.org>", (9 + n) * DAY, "\\Seen")
            for n in range(12)
        ),
    ]


def sent() -> list[Letter]:
    return [
        message(2, "Re: Tide tables for the harbour", ADA, DAY, "\\Seen", answers=(1,), to=GRACE),
        message(20, "Compilers, again", ADA, 3 * DAY, "\\Seen", to=GRACE),
    ]


def correspondence(builder: Builder) -> None:
    """Two accounts whose mail is understood: indexed, threaded, its attachments listed."""
    home = builder.account("home", "ada@example.org")
    builder.folder(home, "INBOX", inbox(), watch="idle")
    builder.folder(home, "Sent", sent(), use="\\Sent")
    builder.folder(home, "Archive", inbox()[3:4], use="\\Archive")
    office = builder.account("office", "a.lovelace@engine.example.com")
    builder.folder(office, "INBOX", [letter("The harbour engine", "Charles <cb@example.com>", HOUR)])
    understand(builder.store)


def configured(folder: Path) -> str:
    """A configuration with searches in it; its path."""
    path = folder / "config.toml"
    path.write_text(CONFIG, "utf-8")
    return str(path)
