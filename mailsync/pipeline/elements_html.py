"""HTML as the text that a person reads, with MARKS of `elements_text` for what text alone does not tell. Pure."""

from __future__ import annotations

import re
from html import unescape

from mailsync.pipeline.elements_text import CELL, HEADINGS, LINKS, LINKS_AT_MOST, MARKS
from mailsync.pipeline.htmltext import html_to_text

# What ends at the next tag whether it is closed or not: linear whatever the HTML.
_TAG = re.compile(r"<(?:(h[1-6])|(t[dh])|(a)|(/a)|(div|td|table|p))(?=[\s>])([^<>]*)>", re.IGNORECASE)
_HREF = re.compile(r"""\shref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""", re.IGNORECASE)
_SIGNATURE = re.compile(
    r"""\s(?:class|id)\s*=\s*["']?[^"'>]*(?:gmail_signature|moz-signature|(?<![\w-])signature(?![\w-])|"""
    r"""ms-outlook-mobile-signature|applemailsignature|protonmail_signature_block(?!-))""",
    re.IGNORECASE,
)
# A cell of one paragraph, as word processors write them, is a cell all the same.
_WITHIN_CELL = re.compile(r"(<t[dh](?=[\s>])[^<>]*>)\s*<(?:p|div)(?=[\s>])[^<>]*>", re.IGNORECASE)
_END_WITHIN_CELL = re.compile(r"</(?:p|div)>\s*(</t[dh]>)", re.IGNORECASE)


def marked_text(html: str) -> tuple[str, list[str]]:
    """Text with marks, and the links that those of them refer to. A signature begins with a line of "--"."""
    links: list[str] = []
    opened: list[int] = []

    def mark(match: re.Match[str]) -> str:
        tag: str = match.group()
        heading, cell, link, closed, _, attributes = match.groups()
        if heading:
            return tag + HEADINGS[int(heading[1]) - 1]
        if cell:
            return tag + CELL
        if link:
            href = _HREF.search(attributes)
            url = unescape(next(filter(None, href.groups()), "")).strip() if href else ""
            if url.lower().startswith(("http://", "https://", "mailto:")) and len(links) < LINKS_AT_MOST:
                opened.append(len(links))
                links.append(url)
            return tag
        if closed:
            return f"{chr(LINKS + opened.pop())}{tag}" if opened else tag
        return f"<div>--</div>{tag}" if _SIGNATURE.search(attributes) else tag

    if not html.isascii():
        html = MARKS.sub("", html)
    if "<td" in html or "<TD" in html:
        html = _END_WITHIN_CELL.sub(r"\1", _WITHIN_CELL.sub(r"\1", html))
    return html_to_text(_TAG.sub(mark, html)), links
