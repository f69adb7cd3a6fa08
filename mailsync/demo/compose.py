"""Letters to bytes, as today's mail programs write them, and the same bytes for the same letter."""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape

from mailsync.demo.attachments import File


@dataclass(slots=True)
class Letter:
    """One message before it is bytes. `when` is aware, in the sender's zone; `key` makes its Message-ID."""

    key: str
    sender: Address
    to: Sequence[Address]
    subject: str
    when: datetime
    text: str
    cc: Sequence[Address] = ()
    html: str = ""
    answers: Sequence[str] = ()
    """Message-IDs of the thread so far, oldest first."""
    attachments: Sequence[File] = ()
    picture: bytes = b""
    """A PNG shown inside the HTML as cid:picture."""
    headers: Sequence[tuple[str, str]] = ()
    charset: str = "utf-8"
    flowed: bool = False
    message_id: str = field(init=False)

    def __post_init__(self) -> None:
        token = hashlib.sha256(f"{self.key} {self.when:%Y%m%d}".encode()).hexdigest()
        self.message_id = f"<{token[:24]}@{self.sender.domain}>"


def compose(letter: Letter) -> bytes:
    """The message with CRLF line ends."""
    message = EmailMessage(policy=SMTP)
    message["From"] = letter.sender
    if letter.to:
        message["To"] = list(letter.to)
    if letter.cc:
        message["Cc"] = list(letter.cc)
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.when)
    message["Message-ID"] = letter.message_id
    if letter.answers:
        message["In-Reply-To"] = letter.answers[-1]
        message["References"] = " ".join(letter.answers)
    for name, value in letter.headers:
        message[name] = value
    text = flow(letter.text) if letter.flowed else letter.text
    message.set_content(text.rstrip("\n") + "\n", charset=_charset(text, letter.charset))
    if letter.flowed:
        message.set_param("format", "flowed")
    if letter.html:
        message.add_alternative(letter.html, subtype="html")
        if letter.picture:
            # The HTML part becomes multipart/related with the picture beside it.
            part = message.get_payload(1)
            assert isinstance(part, EmailMessage)
            part.add_related(
                letter.picture, "image", "png", cid="<picture>", filename="header.png", disposition="inline"
            )
    for file in letter.attachments:
        if file.maintype == "text":
            # A calendar part without the method of its event is not taken for an invitation (RFC 6047 section 2.4).
            method = {"method": "REQUEST"} if file.subtype == "calendar" else None
            message.add_attachment(file.content.decode(), subtype=file.subtype, filename=file.name, params=method)
        else:
            message.add_attachment(file.content, maintype=file.maintype, subtype=file.subtype, filename=file.name)
    _fix_boundaries(message, letter.message_id)
    return bytes(message)


def _charset(text: str, wanted: str) -> str:
    """The wanted charset, or UTF-8 for a text it cannot write, as mail programs do."""
    try:
        text.encode(wanted)
    except UnicodeEncodeError:
        return "utf-8"
    return wanted


def flow(text: str) -> str:
    """Format a text as format=flowed (RFC 3676): paragraphs wrapped at 72, with a space before each soft break."""
    lines = []
    for paragraph in text.split("\n"):
        if paragraph.startswith(">") or len(paragraph) <= 72 or paragraph == "-- ":
            lines.append(paragraph if paragraph == "-- " else paragraph.rstrip(" "))
            continue
        wrapped = textwrap.wrap(paragraph, 72, break_long_words=False)
        lines += [line + " " for line in wrapped[:-1]] + wrapped[-1:]
    return "\n".join(lines)


def quote(text: str, who: str, when: datetime) -> str:
    """What a reply shows of the message it answers: the first lines, without signature."""
    body = text.partition("\n-- \n")[0].strip().split("\n")
    shown = [line for line in body if not line.startswith(">") and not line.endswith(" wrote:")]
    shown = "\n".join(shown).strip().split("\n")
    kept = shown[:8] + (["[…]"] if len(shown) > 8 else [])
    return f"On {when:%Y-%m-%d %H:%M}, {who} wrote:\n" + "\n".join(f"> {line}".rstrip() for line in kept)


def page(title: str, intro: str, items: Sequence[tuple[str, str]], colour: str, *, picture: bool, leave: str) -> str:
    """A newsletter's HTML: tables and inline styles, as they are."""
    rows = "".join(
        f'<tr><td style="padding:16px 24px"><h2 style="color:{colour};margin:0 0 6px">{escape(head)}</h2>'
        f'<p style="margin:0;line-height:1.5">{escape(body)}</p></td></tr>\n'
        for head, body in items
    )
    image = '<img src="cid:picture" alt="" width="560" style="display:block">' if picture else ""
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{escape(title)}</title></head>\n'
        f'<body style="margin:0;background:#f4f4f0;font-family:Georgia,serif">{image}\n'
        f'<table role="presentation" width="560" align="center" style="background:#fff">\n'
        f'<tr><td style="padding:24px;background:{colour};color:#fff"><h1 style="margin:0">{escape(title)}</h1>'
        f"<p>{escape(intro)}</p></td></tr>\n{rows}"
        f'<tr><td style="padding:24px;font-size:12px;color:#888"><a href="{leave}">Unsubscribe</a></td></tr>\n'
        "</table></body></html>\n"
    )


def _fix_boundaries(message: EmailMessage, key: str) -> None:
    """Boundaries from the Message-ID: the ones the library draws are random."""
    for number, part in enumerate(message.walk()):
        if part.is_multipart():
            token = hashlib.sha256(f"{key} {number}".encode()).hexdigest()[:24]
            part.set_boundary(f"=_{token}")
