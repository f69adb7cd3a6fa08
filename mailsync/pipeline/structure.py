"""The parts of a message as a tree for people: what each is, how it was sent, and what nobody looked into. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mailsync.pipeline import kinds
from mailsync.pipeline.attachments import ENCODINGS, WITHIN, Row
from mailsync.pipeline.parts import PARTS, Part, decoded
from mailsync.pipeline.parts import structure as taken_apart
from mailsync.record import record
from mailsync.text import size as sized

MESSAGES = 10
"""Messages within messages that are taken apart, one in the other; each is copied."""
WORD = 60
"""Characters of a charset or an encoding: real ones are shorter."""


@record(frozen=True)
class Node:
    """A part, a message within the message or a file within TNEF; texts are the sender's."""

    depth: int
    """Of the tree; 0 is the message itself."""
    section: str
    """The part's number as IMAP counts (RFC 9051 section 6.4.5.1); empty for the message, and within TNEF."""
    type: str
    parts: int
    """Directly below it."""
    size: int
    """Bytes, decoded; of what has parts, as sent."""
    sent: int
    """Bytes as sent."""
    encoding: str
    charset: str
    disposition: str
    name: str
    holds: str
    """What was recognised, of kinds.NAMES."""
    attachment: int | None
    """Its number in the list of attachments; those of a message within the message are not in that list."""
    cut: str
    """Why nobody looked into it: "depth", "parts"; else empty."""


def nodes(raw: bytes, rows: Sequence[Row] = ()) -> list[Node]:
    """Every part of a message, each before those within it; PARTS at most. `rows` are its attachments."""
    listed: dict[tuple[int, int], int] = {}
    within: dict[tuple[int, int], list[Row]] = {}
    for row in rows:
        if WITHIN in row[7]:
            within.setdefault((row[5], row[6]), []).append(row)
        else:
            listed[row[5], row[6]] = row[0]
    found: list[Node] = []
    lined = raw if raw.find(b"\n") >= 0 else raw.replace(b"\r", b"\n")  # as when it is parsed
    whole = taken_apart(lined)
    # What stands before a part's number, and the messages around it.
    waiting: list[tuple[bytes, Part, int, str, int]] = [(lined, whole.root, 0, "" if whole.root.children else "1", 0)]
    while waiting and len(found) < PARTS:
        data, part, depth, section, around = waiting.pop()
        place = (part.start, part.end) if not around else (-1, -1)
        inner = _message(data, part) if around < MESSAGES else None
        below = [(data, child, around) for child in part.children]
        cut = "depth" if part.sealed or (inner is None and part.type in kinds.MESSAGES) else ""
        if inner is not None:
            root = taken_apart(inner).root
            below = [(inner, child, around + 1) for child in root.children or [root]]
        files = within.get(place, ())
        found.append(
            Node(
                depth,
                section,
                part.type,
                len(below) + len(files),
                part.end - part.start if part.children else len(decoded(data, part)),
                part.end - part.start,
                part.encoding[:WORD],
                part.charset[:WORD],
                part.disposition[:WORD],
                part.name,
                kinds.kind_of(data, part) if not part.children else "",
                listed.get(place),
                cut,
            )
        )
        found += [_file(row, depth + 1) for row in files]
        waiting += [
            (*one[:2], depth + 1, f"{section}.{number}".lstrip("."), one[2])
            for number, one in reversed(list(enumerate(below, 1)))
        ]
    if waiting or whole.cut == ["parts"]:
        found[-1] = _cut_after(found[-1])
    return found


def lines(found: Sequence[Node]) -> list[str]:
    """The tree, a line a node; what senders wrote in it is not made harmless yet."""
    told = []
    last = _are_last(found)
    open_levels: list[bool] = []
    for node, is_last in zip(found, last, strict=True):
        del open_levels[max(0, node.depth - 1) :]
        branch = "".join("   " if closed else "│  " for closed in open_levels)
        if node.depth:
            branch += "└─ " if is_last else "├─ "
            open_levels.append(is_last)
        told.append(branch + " ".join(filter(None, [node.section, node.type, *_facts(node)])))
    return told


def document(node: Node) -> dict[str, Any]:
    """A node for JSON."""
    return {name: getattr(node, name) for name in Node.__match_args__}


def _message(data: bytes, part: Part) -> bytes | None:
    """The message that a part is; None if it is none, or cannot be had."""
    if part.type not in kinds.MESSAGES or part.children or part.encoding not in (*ENCODINGS, "7bit", "8bit", "binary"):
        return None
    return decoded(data, part)


def _file(row: Row, depth: int) -> Node:
    return Node(depth, "", row[2], 0, row[3], row[3], "", "", "", row[1], "", row[0], "")


def _cut_after(node: Node) -> Node:
    values = document(node) | {"cut": "parts"}
    return Node(**values)


def _facts(node: Node) -> list[str]:
    words = [node.charset, node.encoding, node.disposition, node.holds if node.holds != "message" else ""]
    if node.parts:
        words.append("1 part" if node.parts == 1 else f"{node.parts} parts")
    if node.type in kinds.MESSAGES or not node.parts:
        words.append(sized(node.size))
    facts = [", ".join(word for word in words if word)]
    if node.name:
        facts.append(f'"{node.name}"')
    if node.attachment is not None:
        facts.append(f"[attachment {node.attachment}]")
    if node.cut:
        facts.append("[more within, too deep]" if node.cut == "depth" else "[more parts follow]")
    return facts


def _are_last(found: Sequence[Node]) -> list[bool]:
    """Whether no other node of the same parent follows."""
    last = []
    followed: set[int] = set()
    for node in reversed(found):
        last.append(node.depth not in followed)
        followed = {depth for depth in followed if depth < node.depth} | {node.depth}
    return last[::-1]
