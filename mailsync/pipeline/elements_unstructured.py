"""The pieces of a message as the package `unstructured` finds them, where that was chosen. It opens no attachment.

It would tell its makers of each use, and fetch its model of English from the network while a message waits: the first
is turned off here, and without the model it is not chosen (`config.checks`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from html import unescape
from io import BytesIO
from typing import Any

from mailsync.errors import ParseFailed
from mailsync.pipeline.elements_text import Piece
from mailsync.pipeline.mime import ParsedMessage

_QUIET = ("DO_NOT_TRACK", "SCARF_NO_ANALYTICS", "UNSTRUCTURED_DISABLE_NOTICE")
_ROW = re.compile(r"<tr(?=[\s>])[^<>]*>(.*?)</tr>", re.DOTALL | re.IGNORECASE)
_CELL = re.compile(r"<t[dh](?=[\s/>])[^<>]*>(.*?)(?=</?t[dhr]|\Z)", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def pieces(raw: bytes, _: ParsedMessage) -> Iterator[Piece]:
    """The pieces of the text of a message; ParseFailed where the package fails on it."""
    os.environ.update(dict.fromkeys(_QUIET, "1"))
    from unstructured.partition.email import partition_email

    try:
        # An empty language: the one it would guess takes most of the time, and nobody asked for it.
        found = partition_email(file=BytesIO(raw), process_attachments=False, languages=[""])
    except Exception as error:  # what a hostile message provokes concerns that message only
        raise ParseFailed("elements", type(error).__name__) from error
    for one in found:
        if one.text:
            yield Piece(one.category, one.text, dict(_facts(one.metadata)))


def _facts(metadata: Any) -> Iterator[tuple[str, Any]]:
    if urls := list(dict.fromkeys(metadata.link_urls or ())):
        yield "urls", urls
    if metadata.category_depth is not None:
        yield "depth", metadata.category_depth
    if metadata.text_as_html:
        rows = [
            [unescape(_TAG.sub("", cell)).strip() for cell in _CELL.findall(row)]
            for row in _ROW.findall(metadata.text_as_html)
        ]
        yield "cells", rows
