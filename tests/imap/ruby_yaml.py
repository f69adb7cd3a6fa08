"""A reader for the YAML that ruby-net-imap keeps its expected parses in; only for what those files use.

Block mappings and sequences, plain and quoted scalars over several lines, `|` blocks, anchors and aliases, `? ` keys.
A value with a `!ruby/...` tag becomes `{"!": tag, ...}` or, around a scalar, `{"!": tag, "value": ...}`.
"""

from __future__ import annotations

import re
from typing import Any

_TAG = re.compile(r"!ruby/\S+(?: (?=\S)| *$)")
_KEY = re.compile(r"""("(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'#?&*!|>\[{][^#]*?|:\w+):(?= |$)""")
_ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", " ": " ", '"': '"', "\\": "\\", "/": "/", "e": "\x1b"}


def load(text: str) -> dict[str, Any]:
    lines = [line for line in text.splitlines() if line != "---"]
    reader = _Reader(lines)
    found = reader.block(0)
    assert isinstance(found, dict)
    return found


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.at = 0
        self.anchors: dict[str, Any] = {}

    def _skip(self) -> None:
        while self.at < len(self.lines) and re.match(r"\s*(#|$)", self.lines[self.at]):
            self.at += 1

    def _indent(self) -> int:
        self._skip()
        if self.at >= len(self.lines):
            return -1
        line = self.lines[self.at]
        return len(line) - len(line.lstrip(" "))

    def block(self, indent: int) -> Any:
        """The mapping or sequence whose lines begin at `indent` or deeper."""
        depth = self._indent()
        if depth < indent:
            return None
        text = self.lines[self.at][depth:]
        if text.startswith("- "):
            return self._sequence(depth)
        if text.startswith("? ") or _KEY.match(text):
            return self._mapping(depth)
        return self.value(text, depth)

    def _sequence(self, depth: int) -> list[Any]:
        items: list[Any] = []
        while self._indent() == depth and self.lines[self.at][depth:].startswith("- "):
            rest = self.lines[self.at][depth + 2 :]
            if rest.startswith("- ") or (_KEY.match(rest) and not rest.startswith(('"', "!"))):
                self.lines[self.at] = " " * (depth + 2) + rest
                items.append(self.block(depth + 2))
            else:
                items.append(self.value(rest, depth + 1))
        return items

    def _mapping(self, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        while self._indent() == depth:
            text = self.lines[self.at][depth:]
            if text.startswith("? "):
                key = self.value(text[2:], depth + 1)
                line = self.lines[self.at][depth:]
                assert line.startswith(": ")
                found[key] = self.value(line[2:], depth + 1)
                continue
            match = _KEY.match(text)
            if match is None:
                break
            key = _scalar(match[1])
            found[key] = self.value(text[match.end() :].strip(), depth + 1)
        return found

    def value(self, text: str, indent: int) -> Any:
        """A value that begins with `text` on the present line; what belongs to it is indented by `indent`."""
        tag = anchor = ""
        while True:
            text = text.strip()
            if found := _TAG.match(text):
                tag, text = found[0].strip(), text[found.end() :]
            elif found := re.match(r"&(\S+)\s*", text):
                anchor, text = found[1], text[found.end() :]
            else:
                break
        if not text or text.startswith("#"):
            self.at += 1
            depth = self._indent()
            dash = depth == indent - 1 and self.lines[self.at][depth:].startswith("- ")
            result = self.block(indent - 1 if dash else indent)
        elif text.startswith("*"):
            self.at += 1
            result = self.anchors[text[1:]]
        elif text.startswith("|"):
            result = self._literal(indent)
        else:
            result = self._flow(text, indent)
        if tag:
            result = {"!": tag, **result} if isinstance(result, dict) else {"!": tag, "value": result}
        if anchor:
            self.anchors[anchor] = result
        return result

    def _literal(self, indent: int) -> str:
        self.at += 1
        start = self.at
        while self.at < len(self.lines) and (
            not self.lines[self.at].strip() or self.lines[self.at].startswith(" " * indent)
        ):
            self.at += 1
        return "\n".join(line.strip() for line in self.lines[start : self.at]) + "\n"

    def _flow(self, text: str, indent: int) -> Any:
        """A scalar, with the lines it goes on for; a line break in it is a space."""
        pieces = [text]
        self.at += 1
        quote = text[0] if text[0] in "\"'" else ""
        while self.at < len(self.lines) and not (quote and _closed(" ".join(pieces), quote)):
            line = self.lines[self.at]
            if not quote and (not line.strip() or len(line) - len(line.lstrip(" ")) < indent):
                break
            pieces.append(line.strip())
            self.at += 1
        joined = pieces[0]
        for piece in pieces[1:]:
            joined = joined[:-1] + piece.removeprefix("\\") if joined.endswith("\\") else f"{joined} {piece}"
        return _scalar(joined)


def _closed(text: str, quote: str) -> bool:
    if quote == "'":
        return len(text) > 1 and text.endswith("'")
    return re.fullmatch(r'"(?:[^"\\]|\\.)*"', text) is not None


def _scalar(text: str) -> Any:
    text = text.strip()
    if text.startswith('"'):
        return re.sub(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|(.))", _unescape, text[1:-1])
    if text.startswith("'"):
        return text[1:-1].replace("''", "'")
    known: dict[str, Any] = {"[]": [], "{}": {}, "true": True, "false": False, "": None, "null": None, "~": None}
    if text in known:
        return known[text]
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def _unescape(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    return chr(int(code, 16)) if code else _ESCAPES[found[3]]
