"""Address lists and lists of message ids out of header fields (RFC 5322 sections 3.4 and 3.6.4), as they are sent.

Not `email.utils`: it recurses into comments, and loses what one wrong character is in.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from mailsync.pipeline.words import decode_words

ADDRESSES = 10_000
"""Addresses of one field: a header of full size holds so many at most."""

# An encoded word is one token, since many senders leave parentheses and commas in it.
_WORDS = r"""=\?[^?\s]{1,60}\?[bBqQ]\?[^?\s"]*+\?=|%s[(<>,;:"]|(?:(?!=\?)[^"(<>,;:]|=(?=\?))[^"(<>,;:=]*+"""
_TOKEN = re.compile(_WORDS % r'"(?:[^"\\]|\\.)*+"|', re.DOTALL)
_UNQUOTED = re.compile(_WORDS % "", re.DOTALL)
# What almost every field has, at a tenth of the time: mailboxes whose name is quoted, or encoded words and plain ones.
_USUAL = re.compile(
    r"""\s*+(?:(?:"([^"\\]*+)"\s*+|((?:[^"(<>,;:@=\\]++|=\?[^?\s"(<>,;:@=\\]{1,60}\?[bBqQ]\?[^?\s"(<>,;:@\\]*+\?=)*+))"""
    r"""<([^\s<>"(),;:@]+@[^\s<>"(),;:@]+)>|([^\s<>"(),;:@=?\\]++@[^\s<>"(),;:@=?\\]++))\s*+(?:,|\Z)"""
)
_IN_COMMENT = re.compile(r"[()]|(?:[^()\\]|\\.)++|\\", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ID = re.compile(r"<([^<>]*+)>")
_BLANKS = re.compile(r"\s+")
_AROUND_DOT = re.compile(r" *+\. *+")


class Address(NamedTuple):
    """One mailbox; either part may be empty, but not both."""

    name: str
    addr: str

    def __str__(self) -> str:
        return f"{self.name} <{self.addr}>" if self.name and self.addr else self.name or self.addr


def addresses(value: str) -> tuple[Address, ...]:
    """The mailboxes of an unfolded field whose encoded words are not decoded yet; members of groups are among them."""
    found: list[Address] = []
    at, end = 0, len(value)
    while at < end and len(found) < ADDRESSES:
        usual = _USUAL.match(value, at)
        if usual is None:
            return tuple(_List(value).run())
        at = usual.end()
        quoted, plain, addr, bare = usual.groups()
        name = quoted or plain or ""
        if name:
            name = decode_words(name) if "=?" in name else name
            name = " ".join(name.split()) if "  " in name or not name.isprintable() else name.strip()
        found.append(Address(name, addr or bare))
    return tuple(found)


def identifiers(value: str) -> tuple[str, ...]:
    """Message ids with their angle brackets; without any brackets the words, if each has an @: else it is a sentence,
    and tells of a person ("ann@example.org's message of Tue")."""
    if not value:
        return ()
    found = ["<" + "".join(text.split()) + ">" for text in _ID.findall(value) if not text.isspace() and text]
    if found:
        return tuple(found)
    words = value.split()
    return tuple(f"<{word}>" for word in words) if all("@" in word.strip("<>@") for word in words) else ()


class _List:
    """One pass over a field."""

    def __init__(self, value: str) -> None:
        self.value = value
        self.at = 0
        self.comments_close = True
        self.token = _TOKEN
        self.found: list[Address] = []
        self.ended = 0
        """Mailboxes, the empty ones too: a field of nothing else takes long."""
        self.clear()

    def clear(self) -> None:
        self.phrase: list[tuple[str, bool]] = []
        """Text and whether it was quoted."""
        self.comment = ""
        self.angle: list[str] | None = None
        self.inside = False
        self.named = 0
        """How much of the phrase stood before the address in angle brackets."""

    def run(self) -> list[Address]:
        grouped = False
        while self.at < len(self.value) and len(self.found) < ADDRESSES and self.ended < 2 * ADDRESSES:
            match = self.token.match(self.value, self.at)
            if match is None:
                self.at += 1
                continue
            token = match.group()
            self.at = match.end()
            if token == '"':
                self.token = _UNQUOTED  # looking for its end at each quote again would take quadratic time
            if token == "(":
                self.read_comment()
            elif self.inside and token == ">":
                self.inside = False
            elif token == "<":
                if self.angle is not None:
                    # A comma is missing: what stands behind the last address names the next one.
                    self.phrase, behind = self.phrase[: self.named], self.phrase[self.named :]
                    self.flush()
                    self.phrase = behind
                self.named = len(self.phrase)
                self.angle, self.inside = [], True
            elif token == "," and not (self.inside and self.angle and self.angle[0].lstrip()[:1] == "@"):
                self.flush()
            elif token == ";":
                self.flush()
                grouped = False
            elif token == ":" and not self.inside and not grouped and not any("@" in text for text, _ in self.phrase):
                self.clear()  # what stood before is the name of a group
                grouped = True
            elif self.inside and self.angle is not None:
                self.angle.append(token)
            elif token != ">" and (self.phrase or not token.isspace()):
                quoted = token[0] == '"' and len(token) > 1
                self.phrase.append((token[1:-1] if quoted else token, quoted))
        self.flush()
        return self.found

    def read_comment(self) -> None:
        depth, at = 1, self.at
        while self.comments_close and (match := _IN_COMMENT.match(self.value, at)) is not None:
            at = match.end()
            depth += {"(": 1, ")": -1}.get(match.group(), 0)
            if not depth:
                self.comment = self.value[self.at : at - 1]
                self.at = at
                return
        # The same for comments.
        self.comments_close = False
        if not self.inside:
            self.phrase.append(("(", False))

    def flush(self) -> None:
        self.ended += 1
        name, addr = "".join(text for text, _ in self.phrase), ""
        if self.angle is not None:
            addr = _BLANKS.sub("", "".join(self.angle))
            if addr[:1] == "@" and ":" in addr:
                addr = addr.rpartition(":")[2]
            name = name if any(quoted for _, quoted in self.phrase) else name.replace('"', "")
        elif any("@" in text for text, quoted in self.phrase if not quoted):
            name, addr = self.bare()
        elif len(self.phrase) == 1 and "@" in name and " " not in name.strip():
            name, addr = "", name.strip()  # an address in quotes
        text = name
        if any(quoted for _, quoted in self.phrase):
            text = _ESCAPED.sub(r"\1", text)
        text = decode_words(text) if "=?" in text else text
        text = _BLANKS.sub(" ", text).strip()
        if self.comment and addr and not text:
            text = _ESCAPED.sub(r"\1", self.comment).strip()
            text = decode_words(text) if "=?" in text else text
        if text or addr:
            self.found.append(Address(text, addr))
        self.clear()

    def bare(self) -> tuple[str, str]:
        """Name and address of a mailbox without angle brackets."""
        whole = "".join(f'"{text}"' if quoted else text for text, quoted in self.phrase).strip()
        local, at, domain = whole.partition("@")
        whole = local + at + _AROUND_DOT.sub(".", domain)
        if len(self.phrase) > 1 and self.phrase[0][1] and self.phrase[1][0][:1] == "@":
            return "", whole
        words = whole.split()
        number = next((number for number, word in enumerate(words) if "@" in word), 0)
        if len(words) > 1 and words[number] != "@" and words[number].strip("@") == words[number]:
            return " ".join(words[:number] + words[number + 1 :]).replace('"', ""), words[number]
        return "", "".join(words)
