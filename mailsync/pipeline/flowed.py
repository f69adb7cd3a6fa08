"""Text that was wrapped to be unwrapped again: format=flowed (RFC 3676)."""

from __future__ import annotations


def unwrap(text: str, delsp: bool = False) -> str:
    """Paragraphs as one line each, without space-stuffing; `delsp`: the blank that marks a wrapped line goes, too.

    A line flows into the next only at the same depth of quoting, a signature's separator and an empty quote never do
    (section 4.5 has the first two; senders break the third).
    """
    lines: list[str] = []
    pieces: list[str] = []
    depth = 0
    for line in text.split("\n"):
        rest = line.lstrip(">")
        level = len(line) - len(rest)
        quoted = rest
        if rest[:1] == " ":
            rest = rest[1:]
        separator = rest == "-- "
        if pieces and (level != depth or separator):
            lines.append("".join(pieces))
            pieces = []
        depth = level
        flows = rest[-1:] == " " and not separator and not (level and not rest.strip())
        # What stood before a quote stays as it was written: "> > text" is no second level.
        start = ">" * level + (" " if level and quoted[:1] == " " else "") if not pieces else ""
        pieces.append(start + (rest[:-1] if flows and delsp else rest))
        if not flows:
            lines.append("".join(pieces))
            pieces = []
    if pieces:
        lines.append("".join(pieces))
    return "\n".join(lines)
