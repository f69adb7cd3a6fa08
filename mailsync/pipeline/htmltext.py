"""HTML mail as plain text, for a terminal: no markup, no remote content, links shown by their text only.

Not `html.parser`: mail holds unclosed comments and tags by the thousand on purpose, and its versions differ in how much
time they take over them. This scanner goes over the text once.
"""

from __future__ import annotations

import re
from html import unescape

_NAME = re.compile(r"/?[A-Za-z][A-Za-z0-9:-]*")
_SPACE = re.compile(r"[ \t\r\n\f\xa0\u200b\u200c\u034f]+")
# Possessive: a quote that is never closed is found out once, not once for every way to divide what stands before it.
_TAG_END = re.compile(r"""(?:[^>"']++|"[^"]*+"|'[^']*+')*+>""")
_ALT = re.compile(r"""\salt\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""", re.IGNORECASE)

_SILENT = frozenset({"script", "style", "title", "head", "template", "svg", "textarea", "select"})
"""Elements whose content is not text of the message. `head` matters where a `title` is not closed."""
_BREAKS = ("br", "tr", "dt", "dd", "option", "div", "section", "article", "header", "footer", "center")
_PARAGRAPHS = (
    "p",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "dl",
    "table",
    "blockquote",
    "pre",
    "form",
    "address",
)
_BETWEEN = dict.fromkeys(_BREAKS, "\n") | dict.fromkeys(_PARAGRAPHS, "\n\n") | {"hr": "\n\n----\n\n"}
"""What stands for the begin and the end of an element."""
TAG = 64 * 1024
"""Characters within which a tag must close; otherwise quotes count for nothing and it ends at the next `>`."""
TOLERATED = 50
"""Tags that do not close; after so many, quotes are not looked at any more, since each look costs TAG characters."""


def html_to_text(html: str) -> str:
    """Readable text: paragraphs parted by a blank line, list items dashed, images by their alternative text."""
    return _tidy("".join(_Scanner(html).run()))


class _Scanner:
    def __init__(self, html: str) -> None:
        self.html = html
        self.at = 0
        self.pre = 0
        self.out: list[str] = []
        self.absent: set[str] = set()
        """Patterns that were looked for to the end of the text in vain: never again."""
        self.unclosed = 0

    def run(self) -> list[str]:
        html = self.html
        while True:
            left = html.find("<", self.at)
            self.text(html[self.at :] if left < 0 else html[self.at : left])
            if left < 0:
                return self.out
            if html.startswith("<!--", left):
                # An unclosed comment ends at its first `>`; otherwise the rest of the mail would be gone.
                self.at = self.behind("-->", left + 2) or self.behind(">", left) or len(html)
            elif html.startswith(("<!", "<?"), left):
                self.at = self.behind(">", left) or len(html)
            elif (name := _NAME.match(html, left + 1)) is not None:
                self.at = self.tag_end(name.end())
                self.element(name.group().lower(), html[name.end() : self.at - 1])
            else:
                self.out.append("<")
                self.at = left + 1

    def tag_end(self, at: int) -> int:
        if self.unclosed < TOLERATED:
            match = _TAG_END.match(self.html, at, at + TAG)
            if match is not None:
                return match.end()
            self.unclosed += 1
        return self.behind(">", at) or len(self.html)

    def text(self, text: str) -> None:
        if "&" in text:
            text = unescape(text)
        if not self.pre:
            text = _SPACE.sub(" ", text)
            if text[:1] == " " and (not self.out or self.out[-1][-1] in " \n"):
                text = text[1:]
        if text:
            self.out.append(text)

    def element(self, tag: str, attributes: str) -> None:
        name = tag.lstrip("/")
        if tag in _SILENT:
            self.at = self.behind(rf"</{tag}\s*>", self.at) or self.at
        elif name in _BETWEEN:
            self.out.append(_BETWEEN[name])
        elif name in ("td", "th"):
            self.text(" ")
        elif tag == "li":
            self.out.append("\n- ")
        elif tag == "img":
            alt = _ALT.search(attributes)
            self.text(next(filter(None, alt.groups()), "") if alt else "")
        if name == "pre":
            self.pre = max(0, self.pre + (1 if tag == name else -1))

    def behind(self, pattern: str, at: int) -> int | None:
        """Behind the next match, None if there is none."""
        if pattern in self.absent:
            return None
        match = re.compile(pattern, re.IGNORECASE).search(self.html, at)
        if match is None:
            self.absent.add(pattern)
        return match.end() if match else None


def _tidy(text: str) -> str:
    """Without blanks at line ends, and with one blank line at most between two others."""
    lines: list[str] = []
    for line in text.split("\n"):
        line = line.rstrip()
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).rstrip("\n") + "\n" if lines else ""
