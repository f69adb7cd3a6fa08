"""Which lines of a message its author wrote, which are quoted from another, which are the signature. Pure.

Mail programs mark quotes by ">", by a line that says who wrote what follows, or by the header of the other message, in
the language of whoever uses them; what stands behind the last two goes on to the end. A signature begins at "--"
(RFC 3676 section 4.3), at the line a telephone adds, at a list's footer, or where somebody takes leave.
"""

from __future__ import annotations

import re
from typing import Literal

from mailsync.pipeline import quote_words as words
from mailsync.record import record

Origin = Literal["own", "quote", "signature"]


def _any_of(phrases: str) -> str:
    return "|".join(map(re.escape, phrases.split("|")))


def _first(text: str) -> str:
    found = _FIRST.match(text)
    return found[1] if found else ""


def _first_words(*phrases: str) -> frozenset[str]:
    return frozenset(_first(phrase) for one in phrases for phrase in one.split("|"))


_FIRST = re.compile(r"[ \t*]*+([^\s*:：,.!]*+)")

"""The first word of a line: whatever begins in none of the ways below is told by it, and most lines are."""
_QUOTED = re.compile(r" {0,2}>|[A-Z]{1,3}>(?: |$)")
_MARK = re.compile(r" {0,2}(?:[A-Z]{1,3})?> ?")
_SEPARATOR = re.compile(r"--[ \u00a0]?$")
_RULE = re.compile(r"[ \t]*(?:_{10,}|-{10,}|={10,}|\*{10,})[ \t]*$")
_FOOTER = re.compile(r"https?://|\bmailing list\b|\bunsubscribe\b|@\w", re.IGNORECASE)
FOOTER = 12
"""Lines of what a list puts below."""
ATTRIBUTION = 4
"""Lines that say who wrote what follows: programs fold them."""
_BLANKS = 2
"""Lines between them and the quote."""
_LONGEST = 300
"""Characters of a line that introduces something."""

_SAYS_WHO = re.compile(rf"(?:{_any_of(words.WROTE)})[^.!?\n]{{0,120}}[:：]$", re.IGNORECASE)
_DATED = re.compile(r"\d{1,2}:\d{2}|\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\b(?:19|20)\d\d\b|\d年")
_BEGINNINGS = _first_words(words.BEGINS)
_ANNOUNCED = re.compile(
    rf"[ \t>*]*(?:[-_=*]{{2,}}[ \t]*)?(?:{_any_of(words.ANNOUNCED)})[ \t]*(?::|[-_=*]{{2,}})?[ \t]*$", re.IGNORECASE
)
_ANNOUNCEMENTS = _first_words(words.ANNOUNCED)
_AUTHORS = _first_words(words.AUTHOR)
_FIELDS = _AUTHORS | _first_words(words.FIELDS)
_FIELD = re.compile(rf"[ \t]*\*?(?:{_any_of(words.FIELDS)})\*?[ \u00a0]?[:：]", re.IGNORECASE)
_HEADER = 8
"""Lines of a header that are looked at."""
_TELEPHONE = re.compile(rf"[ \t]*(?:{_any_of(words.TELEPHONE)})[^,.!?]{{0,60}}\.?[ \t]*$", re.IGNORECASE)
_TELEPHONES = _first_words(words.TELEPHONE)
_DASHED_NAME = re.compile(r"[-–—]{1,2}[A-Z][\w.]+(?: [A-Z][\w.]+){0,3}[ \t]*$")
_LEAVE = re.compile(rf"[ \t]*(?:{_any_of(words.LEAVE)})[ \t]*[,.!–-]*[ \t]*$", re.IGNORECASE)
_LEAVES = _first_words(words.LEAVE)
_STARTS = _BEGINNINGS | _ANNOUNCEMENTS | _FIELDS | _TELEPHONES | _LEAVES
DASHED = 30
"""Lines below "--" that cannot be a signature."""
SIGNED = 8
"""Lines below a leave-taking that may be a signature, each of LINE characters at most."""
LINE = 70


@record(frozen=True)
class Segment:
    """Lines of one origin; those of a quote without the mark of its outermost level."""

    origin: Origin
    lines: list[str]
    attribution: str = ""
    """Of a quote: the line that says who wrote it, or announces it; empty where there is none."""


def segments(text: str) -> list[Segment]:
    """The text in order, cut where its origin changes. Blank lines around a segment are left out."""
    return _Reader(text.split("\n")).run()


class _Reader:
    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.found: list[Segment] = []
        self.origin: Origin = "own"
        self.kept: list[str] = []

    def run(self) -> list[Segment]:
        lines, kept, at = self.lines, self.kept, 0
        while at < len(lines):
            line = lines[at]
            if ">" in line[:4] and _QUOTED.match(line):
                at = self.marked(at)
                kept = self.kept
                continue
            if line and len(line) < _LONGEST:
                word = _first(line).lower()
                if line[0] in "-_=*–—":
                    word = word.lstrip("-_=*–—")
                    sign = True
                else:
                    sign = word[:1].isdigit()
                if sign or word in _STARTS:
                    end = self.whole_message(at, word)
                    if end is not None:
                        self.quote_the_rest(at, end)
                        return self.found
                    if self.signs(at, word):
                        self.turn("signature")
                        kept = self.kept
            kept.append(line)
            at += 1
        self.turn("own")
        return self.found

    def marked(self, at: int) -> int:
        """Take in a quote by its marks; behind it."""
        attribution = self.attribution()
        self.turn("own")
        lines, start = self.lines, at
        while at < len(lines) and _QUOTED.match(lines[at]):
            at += 1
            # A blank line between two marked ones belongs to them.
            if at + 1 < len(lines) and not lines[at].strip() and _QUOTED.match(lines[at + 1]):
                at += 1
        self.add("quote", [_MARK.sub("", line, count=1) for line in lines[start:at]], attribution)
        return at

    def attribution(self) -> str:
        """Take the lines that say who wrote what follows off what was kept."""
        last = len(self.kept)
        while last and len(self.kept) - last <= _BLANKS and not self.kept[last - 1].strip():
            last -= 1
        if not last or not _ends(self.kept[last - 1]):
            return ""
        best: list[str] = []
        for count in range(1, ATTRIBUTION + 1):
            told = self.kept[max(0, last - count) : last]
            if len(told) < count or not told[0].strip() or len(told[0]) > _LONGEST:
                break
            joined = _joined(told)
            begins = _begins(told[0])
            if (_DATED.search(joined) and (begins or "@" in joined)) or (not best and _SAYS_WHO.search(joined)):
                best = told
            if begins and best:
                break
        del self.kept[last - len(best) : last]
        return _joined(best)

    def whole_message(self, at: int, word: str) -> int | None:
        """Where another message begins that goes on to the end, if it is introduced here."""
        line = self.lines[at]
        if (word in _ANNOUNCEMENTS or (not word and line[0] in "-_=*")) and _ANNOUNCED.match(line):
            return at + 1
        if word in _FIELDS and (":" in line or "：" in line) and self.header_begins(at, word):
            return at
        if word in _BEGINNINGS or word[:1].isdigit():
            for end in range(at + 1, min(at + ATTRIBUTION, len(self.lines)) + 1):
                last = self.lines[end - 1]
                if not last.strip() or len(last) > _LONGEST:
                    break
                if _ends(last):
                    joined = _joined(self.lines[at:end])
                    below = next((one for one in self.lines[end : end + _BLANKS + 1] if one.strip()), "")
                    if _SAYS_WHO.search(joined) and _DATED.search(joined) and not _QUOTED.match(below):
                        return end
                    break
        return None

    def header_begins(self, at: int, word: str) -> bool:
        """The header of another message is here: its author, and two other fields."""
        header = self.lines[at : at + _HEADER]
        if word not in _AUTHORS and not (_FIELD.match(header[0]) and any(map(_is_author, header))):
            return False
        return sum(bool(_FIELD.match(one)) for one in header) >= 2

    def quote_the_rest(self, at: int, end: int) -> None:
        """What is left is another message; its lines from `at` to `end` introduce it."""
        while self.kept and not self.kept[-1].strip(" \t-_=*"):
            self.kept.pop()  # a rule above it
        self.turn("own")
        self.add("quote", self.lines[end:], _joined(self.lines[at:end]))

    def signs(self, at: int, word: str) -> bool:
        """A signature begins at this line."""
        line = self.lines[at]
        if self.origin == "signature":
            return False
        if line[0] in "-_=*–—":
            if _SEPARATOR.match(line):
                # Without its blank it may part anything.
                return line != "--" or sum(map(bool, self.lines[at + 1 : at + 2 * DASHED])) < DASHED
            if _RULE.match(line):
                rest = self.lines[at + 1 : at + 2 + 2 * FOOTER]
                below = [one for one in rest if one.strip()]
                to_the_end = at + 1 + len(rest) == len(self.lines)
                return to_the_end and 0 < len(below) <= FOOTER and any(_FOOTER.search(one) for one in below)
            return bool(_DASHED_NAME.match(line)) and self.ends(at + 1)
        if len(line) > LINE:
            return False
        if word in _TELEPHONES and _TELEPHONE.match(line):
            return True
        return word in _LEAVES and bool(_LEAVE.match(line)) and self.leaves(at)

    def ends(self, at: int) -> bool:
        """Nothing more is said from this line on, but for what is quoted and what a list puts below."""
        for line in self.lines[at : at + 5]:
            if line.strip():
                if _RULE.match(line) or _SEPARATOR.match(line) or _QUOTED.match(line):
                    return True
                return _begins(line) and bool(_DATED.search(line))
        return at + 5 >= len(self.lines)

    def leaves(self, at: int) -> bool:
        """What stands below is short, and there is something."""
        below: list[str] = []
        for line in self.lines[at + 1 : at + 2 + 2 * SIGNED]:
            if (
                _QUOTED.match(line)
                or _SEPARATOR.match(line)
                or _RULE.match(line)
                or _ends(line)
                or _is_author(line)
                or (line[:1] in "-_=*BbFf" and _ANNOUNCED.match(line))
            ):
                break
            if line.strip():
                below.append(line)
        return 0 < len(below) <= SIGNED and all(len(line) <= LINE for line in below)

    def turn(self, origin: Origin) -> None:
        """Lines of another origin follow."""
        self.add(self.origin, self.kept, "")
        self.kept, self.origin = [], origin

    def add(self, origin: Origin, lines: list[str], attribution: str) -> None:
        start, end = 0, len(lines)
        while start < end and not lines[start].strip():
            start += 1
        while end > start and not lines[end - 1].strip():
            end -= 1
        if start < end or attribution:
            self.found.append(Segment(origin, lines[start:end], attribution))


def _joined(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def _ends(line: str) -> bool:
    return line.rstrip()[-1:] in (":", "：") if line else False


def _is_author(line: str) -> bool:
    word = _first(line).lower()
    return word in _AUTHORS and line.lstrip(" \t*")[len(word) :].lstrip("* \u00a0")[:1] in (":", "：")


def _begins(line: str) -> bool:
    word = _first(line).lower()
    return word in _BEGINNINGS or word[:1].isdigit()
