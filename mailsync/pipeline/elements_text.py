"""Lines of text as typed pieces: titles, paragraphs, list items, tables, addresses. Pure.

What HTML says beyond its text comes in as MARKS within it (`elements_html`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

HEADINGS = "\ue001\ue002\ue003\ue004\ue005\ue006"
"""In front of a heading, by its level."""
CELL = "\ue007"
"""In front of a cell of a table."""
LINKS = 0xF0000
"""The first of the characters that stand behind a link's text, in the order of the links."""
LINKS_AT_MOST = 5000
MARKS = re.compile(f"[{HEADINGS}{CELL}{chr(LINKS)}-{chr(LINKS + LINKS_AT_MOST)}]")
_LINK = re.compile(f"[{chr(LINKS)}-{chr(LINKS + LINKS_AT_MOST)}]")

_URL = re.compile(rf"https?://[^\s<>\"'\]|\\^`{{}}{chr(LINKS)}-{chr(LINKS + LINKS_AT_MOST)}]+")
_BEHIND_URL = ".,;:!?)*"
_BULLET = re.compile(r"([ \t]*)(?:[-*+•‣◦▪·–—]|\(?\d{1,3}[.)]|\(?[A-Za-z]\))[ \t\u00a0]+(?=\S)")
_BREAKS = re.compile(
    r"[ \t]*(?:(?:[-*+•‣◦▪·–—]|\(?\d{1,3}[.)]|\(?[A-Za-z]\))[ \t\u00a0]+\S|([-=_*~#])\1{2,}[ \t]*$)"
    rf"|[{HEADINGS}{CELL}]"
)
"""What ends a paragraph without a blank line."""
_STOPS = frozenset((*HEADINGS, CELL))
_MAY_BE_CELLS = re.compile(rf"[\t|{CELL}]")
_RULE = re.compile(r"[ \t]*([-=_*~#])\1{2,}[ \t]*$")
_HEADING = re.compile(r"(#{1,6}) +(\S.*?)[ #]*$")
_CAPITALS = re.compile(r"[^a-zß-öø-ÿ]*[A-ZÀ-ÖØ-Þ]{2}[^a-zß-öø-ÿ]*[^\s.,;:!?]")
_ADDRESS = re.compile(
    r"(?:mailto:)?[<(\[]?([\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9.-]{1,250}\.[A-Za-z]{2,63})[>)\]]?[.,;]?$"
)
_CODE = re.compile(r"diff --git |Index: \S|--- \S|@@ -\d|#!/")
_CODE_BEGINS = frozenset("dI-@#")
TITLE = 80
"""Characters of a line that may be a title."""
_WRAPPED = 45
"""Characters from which on a line is taken to go on in the next."""
_CELL_LENGTH = 120
"""Characters of a cell, on average, beyond which a table holds the layout of a page."""


class Piece(NamedTuple):
    """A piece of text and what is known of it beside; `kind` is the type of the element that it becomes."""

    kind: str
    text: str
    facts: dict[str, Any]


def pieces(lines: list[str], links: list[str]) -> Iterator[Piece]:
    """The pieces of what an author wrote, in order; `links` are those that marks in it refer to."""
    group: list[str] = []
    for at, line in enumerate(lines):
        if line[:1] in _CODE_BEGINS and _CODE.match(line) and _is_code(lines, at):
            yield from _group(group, links)
            yield plain("NarrativeText", lines[at:], links, preformatted=True)
            return
        if line and not line.isspace():
            group.append(line)
        elif group:
            yield from _group(group, links)
            group = []
    yield from _group(group, links)


def plain(kind: str, lines: list[str], links: list[str], **facts: Any) -> Piece:
    """Lines as they are, as one piece."""
    text = "\n".join(lines)
    urls = _urls(text, links)
    text = MARKS.sub("", text) if not text.isascii() else text
    return Piece(kind, text.strip("\n"), facts | ({"urls": urls} if urls else {}))


def _is_code(lines: list[str], at: int) -> bool:
    """A patch begins here: what it begins with alone may be a sentence, or a rule."""
    ahead = lines[at : at + 6]
    return any(line.startswith(("+++ ", "@@ -", "index ", "new file mode", "====")) for line in ahead)


def _group(lines: list[str], links: list[str]) -> Iterator[Piece]:
    """The pieces of lines without a blank one between."""
    at = 0
    while at < len(lines):
        line = lines[at]
        if _MAY_BE_CELLS.search(line) and (end := _table_end(lines, at)) > at:
            yield _table(lines[at:end], links)
            at = end
        elif (found := _title(lines, at)) is not None:
            text, level, at = found
            yield _piece("Title", [text], links, level=level)
        elif (match := _BULLET.match(line)) is not None:
            end = at + 1
            while end < len(lines) and not _BULLET.match(lines[end]) and lines[end][:1] not in _STOPS:
                end += 1
            texts = [line[match.end() :], *lines[at + 1 : end]]
            yield _piece("ListItem", texts, links, depth=min(9, len(match[1].expandtabs(4)) // 2))
            at = end
        elif _RULE.match(line):
            at += 1
        else:
            end = at + 1
            while end < len(lines) and not _BREAKS.match(lines[end]):
                if lines[end][0] == "|" != lines[end - 1][0]:
                    break  # maybe a table
                end += 1
            yield from _prose(lines[at:end], links)
            at = end


def _prose(lines: list[str], links: list[str]) -> Iterator[Piece]:
    if len(lines) == 1 and (address := _ADDRESS.match(MARKS.sub("", lines[0]).strip())) is not None:
        yield _piece("EmailAddress", [address[1]], links)
    else:
        yield _piece("NarrativeText", lines, links)


def _piece(kind: str, lines: list[str], links: list[str], **facts: Any) -> Piece:
    """Lines that a program wrapped are one, those that a person did are kept."""
    wrapped = all(len(line) >= _WRAPPED for line in lines[:-1])
    text = (" " if wrapped else "\n").join(map(str.strip, lines))
    urls = _urls(text, links)
    if not text.isascii():
        text = MARKS.sub("", text).strip()
    return Piece(kind, text, facts | ({"urls": urls} if urls else {}))


def _title(lines: list[str], at: int) -> tuple[str, int, int] | None:
    """Text and level of a title that begins here, and the line behind it."""
    line = lines[at]
    if line[0] in HEADINGS:
        end = at + 1
        while end < len(lines) and len(lines) - at <= 3 and lines[end][:1] not in _STOPS:
            end += 1
        return " ".join(lines[at:end]), HEADINGS.index(line[0]) + 1, end
    if len(line) > TITLE or line[0] in " \t|":
        return None
    if (match := _HEADING.match(line)) is not None:
        return match[2], len(match[1]), at + 1
    if at + 1 < len(lines) and (rule := _RULE.match(lines[at + 1])) is not None and rule[1] in "=-~":
        return (line, 1 if rule[1] == "=" else 2, at + 2) if not _RULE.match(line) and not _BULLET.match(line) else None
    if len(lines) == 1 and len(line) > 5 and _CAPITALS.fullmatch(line.strip()):
        return line, 2, at + 1
    return None


def _table_end(lines: list[str], at: int) -> int:
    """Behind the table that begins here; `at` where none does."""
    separator = CELL if CELL in lines[at] else "|" if lines[at].count("|") >= 2 or "\t" not in lines[at] else "\t"
    if separator not in lines[at].strip("| "):
        return at
    end = at
    width = 0
    count = length = 0
    while end < len(lines):
        line = lines[end]
        if separator != CELL and _is_ruled(line) and end > at:
            end += 1
            continue
        cells = _cells(line, separator)
        filled = sum(bool(cell) for cell in cells)
        if filled < 2 or (width and len(cells) != width):
            break
        width, count, length = len(cells), count + 1, length + len(line)
        end += 1
    return end if count >= 2 and length <= _CELL_LENGTH * width * count else at


def _is_ruled(line: str) -> bool:
    return not line.strip("|-+=: ")


def _cells(line: str, separator: str) -> list[str]:
    if separator == CELL:
        return [_LINK.sub("", cell).strip() for cell in line.split(CELL)[1:]] if line[:1] == CELL else []
    line = line.strip()
    if separator == "|":
        line = line.removeprefix("|").removesuffix("|")
    return [cell.strip() for cell in line.split(separator)]


def _table(lines: list[str], links: list[str]) -> Piece:
    separator = CELL if CELL in lines[0] else "|" if lines[0].count("|") >= 2 or "\t" not in lines[0] else "\t"
    cells = [_cells(line, separator) for line in lines if separator == CELL or not _is_ruled(line)]
    urls = _urls("\n".join(lines), links)
    text = "\n".join("\t".join(row) for row in cells)
    return Piece("Table", text, {"cells": cells} | ({"urls": urls} if urls else {}))


def _urls(text: str, links: list[str]) -> list[str]:
    """Where a text leads, each once and in order."""
    found = [url.rstrip(_BEHIND_URL) for url in _URL.findall(text)] if "://" in text else []
    if links and not text.isascii():
        found += [links[ord(mark) - LINKS] for mark in _LINK.findall(text) if ord(mark) - LINKS < len(links)]
    return list(dict.fromkeys(found))
