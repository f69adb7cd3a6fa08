"""What a message carries beside its text: a list of it, and each taken out of the message's bytes again. Pure."""

from __future__ import annotations

from mailsync.pipeline.mime import ParsedMessage

Row = tuple[int, str, str, int, bytes, int, int, str]
"""Number from 1, name, type, size in bytes, SHA-256, start and end in the message, encoding: builtins, for a pipe."""

_ENCODINGS = ("base64", "quoted-printable")


def rows(raw: bytes, parsed: ParsedMessage) -> list[Row]:
    """The attachments of a message, `parsed` from `raw`, in order."""
    return [
        (
            number,
            one.name,
            one.type,
            one.size,
            bytes.fromhex(one.sha256),
            one.start,
            one.end,
            one.encoding if one.encoding in _ENCODINGS else "",
        )
        for number, one in enumerate(parsed.attachments, 1)
    ]
