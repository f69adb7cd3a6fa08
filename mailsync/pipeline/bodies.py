"""Which parts of a message are its text, which are beside it: the flat view of RFC 8621 section 4.1.4."""

from __future__ import annotations

from mailsync.pipeline.parts import Part, Structure, decoded
from mailsync.record import record

_MEDIA = ("image/", "audio/", "video/")
_BLANK = 1000
"""Bytes, encoded, beyond which a plain part says something whatever it holds."""


@record(frozen=True)
class Bodies:
    """The three lists of the section; a part can be in more than one."""

    text: list[Part]
    """What is read where plain text is preferred; HTML and media where they stand alone."""
    html: list[Part]
    """What is read where HTML is preferred."""
    attachments: list[Part]


def is_text(part: Part) -> bool:
    return part.type in ("text/plain", "text/html")


def bodies(raw: bytes, structure: Structure) -> Bodies:
    """The flat view. Two departures: a plain part that says nothing does not hide the HTML beside it, and a text that
    the section leaves in none of the lists counts as an attachment."""
    text: list[Part] = []
    html: list[Part] = []
    attachments: list[Part] = []
    root = structure.root
    if is_text(root) and root.disposition != "attachment" and not root.sealed:
        return Bodies([root], [root], attachments)
    _walk(raw, [root], "mixed", False, text, html, attachments)
    return Bodies(text, html, attachments)


def _walk(
    raw: bytes,
    parts: list[Part],
    kind: str,
    inside: bool,
    text: list[Part] | None,
    html: list[Part] | None,
    attachments: list[Part],
) -> None:
    """`kind` is the subtype of the multipart whose parts these are, `inside` whether an alternative is around it.

    It calls itself, and structures are 50 levels deep at most.
    """
    texts = len(text) if text is not None else -1
    htmls = len(html) if html is not None else -1
    for number, part in enumerate(parts):
        media = part.type.startswith(_MEDIA)
        if part.children:
            subtype = part.type.partition("/")[2]
            _walk(raw, part.children, subtype, inside or subtype == "alternative", text, html, attachments)
        elif (
            part.disposition == "attachment"
            or part.sealed
            or not (media or is_text(part))
            or (number and (kind == "related" or (part.name and not media)))
        ):
            attachments.append(part)
        elif kind == "alternative":
            wanted = {"text/plain": text, "text/html": html}.get(part.type)
            (attachments if wanted is None else wanted).append(part)
        else:
            if inside and part.type == "text/plain":
                html = None
            elif inside and part.type == "text/html":
                text = None
            for wanted in (text, html):
                if wanted is not None:
                    wanted.append(part)
            if (text is None and html is None) or (media and (text is None or html is None)):
                attachments.append(part)
    if kind == "alternative" and text is not None and html is not None:
        if len(html) > htmls and all(_is_blank(raw, part) for part in text[texts:]):
            text[texts:] = html[htmls:]
        elif len(text) > texts and len(html) == htmls:
            html.extend(text[texts:])


def _is_blank(raw: bytes, part: Part) -> bool:
    return part.type == "text/plain" and part.end - part.start <= _BLANK and not decoded(raw, part).strip()
