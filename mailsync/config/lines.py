"""Where in a TOML document each key stands: to say where an error is, and to take something out of it.

Works on documents that `tomllib` has accepted, so it checks nothing itself (TOML 1.0).
"""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]
Statement = tuple[Path, int, int]
"""A header, or a key with its value: its path, and from where to where it goes, in characters."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_STRING = re.compile(
    r'"""(?:[^\\"]|\\.|"(?!""))*"{3,5}' + r"|'''(?:[^']|'(?!''))*'{3,5}" + r'|"(?:[^"\\\n]|\\.)*"' + r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\r\n]+")


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.statements: list[Statement] = []

    def skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match.group()

    def peek(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def note(self, path: Path) -> None:
        line = self.text.count("\n", 0, self.at) + 1
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def key(self) -> Path:
        parts: list[str | int] = []
        while True:
            self.skip(_SPACE)
            part = self.skip(_KEY)
            parts.append(tomllib.loads(f"x = {part}")["x"] if part[:1] in ("'", '"') else part)
            self.skip(_SPACE)
            if not self.peek("."):
                return tuple(parts)
            self.at += 1

    def pair(self, table: Path) -> Path:
        before = self.at
        path = table + self.key()
        after, self.at = self.at, before
        self.note(path)
        self.at = after + 1  # the equals sign
        self.skip(_SPACE)
        self.value(path)
        return path

    def value(self, path: Path) -> None:
        if self.peek("["):
            self.items(path, "]")
        elif self.peek("{"):
            self.items(path, "}")
        elif not self.skip(_STRING):
            self.skip(_SCALAR)

    def items(self, path: Path, end: str) -> None:
        self.at += 1
        index = 0
        while True:
            self.skip(_BLANK)
            if self.peek(end) or self.at >= len(self.text):
                self.at += 1
                return
            if self.peek(","):
                self.at += 1
            elif end == "}":
                self.pair(path)
            else:
                self.note((*path, index))
                self.value((*path, index))
                index += 1

    def document(self) -> None:
        table: Path = ()
        counts: dict[Path, int] = {}
        while True:
            self.skip(_BLANK)
            if self.at >= len(self.text):
                return
            before = self.at
            if not self.peek("["):
                path = self.pair(table)
                self.statements.append((path, before, self.at))
                continue
            repeated = self.peek("[[")
            self.at += 2 if repeated else 1
            table = self.key()
            # A header below an array of tables speaks of that array's newest element.
            full: Path = ()
            for number, part in enumerate(table):
                full = (*full, part)
                if repeated and number == len(table) - 1:
                    counts[full] = counts.get(full, -1) + 1
                if full in counts:
                    full = (*full, counts[full])
            table = full
            after, self.at = self.at, before
            self.note(table)
            self.at = after + (2 if repeated else 1)
            self.statements.append((table, before, self.at))


def key_lines(text: str) -> dict[Path, int]:
    """Line numbers, from 1, of every key, table and array element; a path is keys and indexes from the root."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def statements(text: str) -> list[Statement]:
    """Every header, and every key with its value outside of inline tables, in their order."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.statements


def line_of(lines: dict[Path, int], path: Path) -> int | None:
    """The line of `path`, or of the nearest table around it."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return None
