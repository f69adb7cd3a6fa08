"""HTML mail as plain text, for a terminal: no markup, no remote content, links shown by their text only.

Not `html.parser`: mail holds unclosed comments and tags by the thousand on purpose, and its versions differ in how much
time they take over them. Here the text is cut at its tags by one pattern, each of which becomes what stands for it, and
searches are not repeated once they failed: linear whatever the HTML.

What a browser hides is left out (the lines meant for a list of messages, with their padding), table cells are two
blanks apart, items keep their number and depth, quoted mail is marked by ">" as in plain text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import unescape
from itertools import repeat

# A quote that is never closed ends with its tag. Possessive, so that nothing is looked at twice for one tag, and a
# quote is searched for its end once: the next tag begins behind it, or behind the place where there was no end.
_TAG = re.compile(
    r"""<(/?[A-Za-z][A-Za-z0-9:-]*+)"""
    r"""([^<>"']*+(?:(?:"(?:[^"<>]*+"|[^"]{0,2000}+")|'(?:[^'<>]*+'|[^']{0,2000}+'))[^<>"']*+)*+)[^<>]*+>?"""
)
_SILENT = ("script", "style", "title", "head", "template", "svg", "textarea", "select")
"""Elements whose content is not text of the message."""
_SKIPPED = re.compile(rf"<(?:!--|[!?]|({'|'.join(_SILENT)})(?=[\s/>]))", re.IGNORECASE)
# One by one, and with a word in front that is soon found to be absent.
_HIDING = {
    word: re.compile(rf"{word}\s*+:\s*+{value}")
    for word, value in (
        ("display", "none"),
        ("DISPLAY", "none"),
        ("visibility", "hidden"),
        ("max-height", r"0(?![0-9]|\.0*+[1-9])"),
    )
}
_VOID = frozenset({"img", "br", "hr", "input"})
_NAMES = "div span p a font center table tbody tr td th ul ol li b i u em strong small section h1 h2 h3 h4 h5 h6 o:p"
_HIDDEN = _VOID | frozenset(_NAMES.split())
"""Elements that are looked at whether they are hidden."""
_ALT = re.compile(r"""\salt\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"']++))""", re.IGNORECASE)
_NO_BORDER = re.compile(r"border\s*+:\s*+(?:none|0)", re.IGNORECASE)

# Marks that stand in the text until it is in lines. In hostile text they misplace a blank, and no more.
_BLANK, _CELL, _DEPTH, _ITEM, _LABEL, _QUOTE, _UNQUOTE, _KEPT = "\2", "\b", "\4", "\5", "\6", "\16", "\17", "\20"
_LINE, _PARAGRAPH = "\n", f"\n{_BLANK}\n"
_LINES = ("tr", "dt", "dd", "div", "section", "article", "header", "footer", "center", "form", "figure", "figcaption")
_PARAGRAPHS = ("p", "h1", "h2", "h3", "h4", "h5", "h6", "dl", "table", "address")
_BETWEEN = {
    slash + name: stands
    for names, stands in ((_LINES, _LINE), (_PARAGRAPHS, _PARAGRAPH))
    for name in names
    for slash in ("", "/")
}
# A line end that ends an empty line is a blank one; where a line ends anyway it is nothing.
_BETWEEN |= {"br": f" {_BLANK}\n", "hr": f"{_PARAGRAPH}----{_PARAGRAPH}", "td": _CELL, "th": _CELL}
_COUNTED = frozenset({"img", "li", "ul", "/ul", "ol", "/ol", "blockquote", "/blockquote", "pre", "/pre"})
"""Tags that mean something by their attributes, or by what they stand in."""

_LINE_START = re.compile(rf"\n[\s{_CELL}]++")
_CELLS = re.compile(rf"{_CELL}[ {_CELL}]*+")
_TO_ITEM = re.compile(rf"{_LABEL}\n(?:{_BLANK}\n)*+(?![{_ITEM}{_QUOTE}])")
_BLANKS = re.compile(rf"\n(?:{_BLANK}\n)++")
_EMPTY = re.compile(r"\n{3,}")
_NOTHING = "\u200b\u034f\u2060\ufeff\xad"
"""Characters without width that part words, or fill up a preview."""
DEEPEST = 8
"""Levels of quotes and lists that are shown."""
UNCLOSED = 5
"""Hidden elements without an end, which are shown; after so many, all are, since each look goes over the whole text."""


def html_to_text(html: str) -> str:
    """Readable text: paragraphs parted by a blank line, list items dashed, images by their alternative text."""
    html = _heard(html)
    seen = _seen(html)
    # Where everything is hidden, a style sheet would have shown it.
    return _told(seen) or (_told(html) if seen is not html else "")


def _told(html: str) -> str:
    as_written = "<pre" in html or "<PRE" in html
    if not as_written:
        html = html.replace("\n", " ")
    pieces = _TAG.split(html)
    names = [*map(str.lower, pieces[1::3])]
    stands = [*map(_BETWEEN.get, names, repeat(""))]
    texts = pieces[::3]
    if not _COUNTED.isdisjoint(names):
        _count(names, pieces[2::3], texts, stands, as_written)
    pieces = ["\n"] * (2 * len(texts))
    pieces[1::2] = texts
    pieces[2::2] = stands
    return _laid_out("".join(pieces))


def _heard(html: str) -> str:
    """Without comments, declarations and silent elements."""
    absent: set[str] = set()
    kept: list[str] = []
    last = 0
    match = _SKIPPED.search(html)
    while match is not None:
        left = match.start()
        kept.append(html[last:left])
        end = -1
        if match.group() == "<!--" and "-->" not in absent:
            end = html.find("-->", left + 2) + 3
            if end < 3:
                absent.add("-->")
        elif match[1] and (name := match[1].lower()) not in absent:
            found = _closing(name).search(html, match.end())
            if found is None:
                absent.add(name)
            else:
                end = found.end() if found.group()[1] == "/" else found.start()
        if end < 3:
            # What is never closed ends with its tag; otherwise the rest of the mail would be gone.
            end = (html.find(">", left) + 1) or len(html)
        last = end
        match = _SKIPPED.search(html, last)
    kept.append(html[last:])
    return "".join(kept)


def _seen(html: str) -> str:
    """Without the elements that their own style hides; the same string if there are none."""
    places = [match.start() for word, found in _HIDING.items() if word in html for match in found.finditer(html)]
    kept: list[str] = []
    last = looked = unclosed = 0
    for at in sorted(places):
        left = html.rfind("<", looked, at)
        looked = max(looked, at)
        tag = _TAG.match(html, left) if left >= last and unclosed < UNCLOSED else None
        if tag is None or tag.end() <= at or (name := tag[1].lower()) not in _HIDDEN:
            continue
        end = tag.end() if name in _VOID else _element_end(html, name, tag.end())
        if end is None:
            unclosed += 1
            continue
        kept.append(html[last:left])
        last = looked = end
    if not last:
        return html
    kept.append(html[last:])
    return "".join(kept)


# Made when they are needed: importing this would take 5 ms longer.
@lru_cache
def _closing(name: str) -> re.Pattern[str]:
    # Many a head is never closed, and a mail that is quoted within has one, too.
    return re.compile(rf"</{name}\s*+>" + (r"|<body(?=[\s>])" if name == "head" else ""), re.IGNORECASE)


@lru_cache
def _tags(name: str) -> re.Pattern[str]:
    return re.compile(rf"<(/?){name}(?=[\s/>])[^>]*+>?", re.IGNORECASE)


def _element_end(html: str, name: str, at: int) -> int | None:
    """Behind the end tag of the element whose content begins at `at`; None if it is never closed."""
    depth = 1
    for match in _tags(name).finditer(html, at):
        depth += -1 if match[1] else 1
        if not depth:
            return match.end()
    return None


def _count(names: list[str], attributes: list[str], texts: list[str], stands: list[str], as_written: bool) -> None:
    """Put in what stands for the tags of _COUNTED; `texts[n]` is in front of `names[n]`."""
    lists: list[int] = []
    """Of each open list the number of its last item, -1 where they have none."""
    quotes: list[bool] = []
    pre = 0
    for at, name in enumerate(names):
        if pre:
            lines = texts[at].expandtabs().replace(" ", _KEPT).split("\n")
            texts[at] = f" {_BLANK}\n".join(lines)
        elif as_written:
            texts[at] = texts[at].replace("\n", " ")
        if name not in _COUNTED:
            continue
        if name == "img":
            alt = _ALT.search(attributes[at])
            stands[at] = next(filter(None, alt.groups()), "") if alt else ""
        elif name == "li":
            label = "-"
            if lists and lists[-1] >= 0:
                lists[-1] += 1
                label = f"{lists[-1]}."
            stands[at] = f"\n{_ITEM}{_DEPTH * (min(len(lists), DEEPEST) - 1)}{label}{_LABEL} "
        elif name in ("ul", "ol"):
            stands[at] = _LINE if lists else _PARAGRAPH
            lists.append(0 if name == "ol" else -1)
        elif name in ("/ul", "/ol"):
            if lists:
                lists.pop()
            stands[at] = _LINE if lists else f"\n{_ITEM}{_BLANK}\n"
        elif name == "blockquote":
            # Mail programs indent by quotes, too, that have no border then.
            quotes.append("border-left" in attributes[at] or not _NO_BORDER.search(attributes[at]))
            stands[at] = f"{_PARAGRAPH}{_QUOTE}\n" if quotes[-1] else _PARAGRAPH
        elif name == "/blockquote":
            stands[at] = f"\n{_UNQUOTE}{_PARAGRAPH}" if quotes and quotes.pop() else _PARAGRAPH
        else:
            stands[at] = _PARAGRAPH
            pre = max(0, pre + (1 if name == "pre" else -1))
    if as_written:
        texts[-1] = texts[-1].replace("\n", " ")


def _laid_out(text: str) -> str:
    """Text with marks as lines; it begins with a line end."""
    if "&" in text:
        text = unescape(text.replace("&nbsp;", " "))
    if not text.isascii():
        for nothing in _NOTHING:
            if nothing in text:
                text = text.replace(nothing, "")
        text = text.replace("\u200c\xa0", " ").replace("\u200c ", " ")
    text = _LINE_START.sub("\n", text)
    text = "\n".join([" ".join(words) for words in map(str.split, text.split("\n")) if words])
    text = text.replace(f" {_BLANK}", "")
    if _CELL in text:
        text = _CELLS.sub("  ", text.replace(f" {_CELL}", _CELL)).replace("  \n", "\n")
    if _LABEL in text:
        text = _TO_ITEM.sub(" ", text)
        text = text.replace(_LABEL, "").replace(_DEPTH, "  ")
    text = text.replace(_ITEM, "")
    text = _quoted(text) if _QUOTE in text else _BLANKS.sub("\n\n", f"\n{text}\n")
    if _KEPT in text:
        text = "\n".join([line.rstrip() for line in text.replace(_KEPT, " ").split("\n")])
    if "\n\n\n" in text:
        text = _EMPTY.sub("\n\n", text)
    text = text.strip("\n").rstrip()
    return text + "\n" if text else ""


def _quoted(text: str) -> str:
    """Lines with the marks of quotes carried out, and those of blank lines."""
    lines: list[str] = []
    depth = 0
    before, blank = "", False
    for line in text.split("\n"):
        if line in (_QUOTE, _UNQUOTE):
            depth = max(0, depth + (1 if line == _QUOTE else -1))
        elif line == _BLANK:
            blank = True
        else:
            mark = ">" * min(depth, DEEPEST)
            if blank:
                lines.append(min(before, mark))
            lines.append(f"{mark} {line}" if mark else line)
            before, blank = mark, False
    return "\n".join(lines)
