"""Messages for tests of the guard, and the user they may be addressed to."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256

from mailsync.cleanup.guard import Facts, Ties, spelled
from mailsync.pipeline.addressing import Identity

NOW = 1_760_000_000.0
ME = Identity(
    frozenset({"max@example.com", "m.example+old@firm.test", "Max.Example@gmail.com", "jürgen@müller.example"}),
    ("Max Example", "Max", "Jürgen Øster", "田中太郎"),
)
NEWSLETTER = {
    "From": "Weekly <news@shop.test>",
    "To": "readers@shop.test",
    "Subject": "What is new",
    "Date": "Wed, 01 Feb 2023 10:00:00 +0000",
    "Message-ID": "<one@shop.test>",
    "List-Id": "Readers <weekly.shop.test>",
    "List-Unsubscribe": "<https://shop.test/leave>",
}
"""Nothing in it is for anybody in particular."""
LIST_POST = NEWSLETTER | {
    "From": "Ann <ann@far.test>",
    "To": "dev@lists.test",
    "List-Id": "Developers <dev.lists.test>",
    "List-Post": "<mailto:dev@lists.test>",
}


def known(
    written_to: Collection[str] = (),
    wrote: Collection[str] = (),
    answered: Collection[str] = (),
    me: Identity = ME,
    important: float = 365 * 86400.0,
) -> Ties:
    """Whom the user deals with; `wrote` and `answered` are Message-IDs."""

    def is_ours(asked: Collection[str]) -> bool:
        return not set(asked).isdisjoint(wrote)

    return Ties(me, spelled(written_to), is_ours, lambda asked: asked in answered, important, NOW)


def letter(
    headers: Mapping[str, str | Sequence[str]],
    body: str = "Hello, all of you.\n",
    *,
    type: str = "text/plain",
    encoding: str = "8bit",
    charset: str = "utf-8",
) -> bytes:
    """A message; a field may stand more than once."""
    lines = []
    for name, value in headers.items():
        lines += [f"{name}: {one}" for one in ([value] if isinstance(value, str) else value)]
    content = body.encode(charset)
    if encoding == "base64":
        content = base64.encodebytes(content)
    elif encoding == "quoted-printable":
        content = quopri.encodestring(content)
    head = "\n".join([*lines, f"Content-Type: {type}; charset={charset}", f"Content-Transfer-Encoding: {encoding}"])
    return head.encode() + b"\n\n" + content


def multipart(headers: Mapping[str, str], *parts: tuple[str, str], kind: str = "mixed", cut: str = "cut") -> bytes:
    """A message of parts: content type and content each."""
    lines = [f"{name}: {value}" for name, value in headers.items()]
    lines += [f'Content-Type: multipart/{kind}; boundary="{cut}"', ""]
    for type_, content in parts:
        lines += [f"--{cut}", f"Content-Type: {type_}", "", content]
    return "\n".join([*lines, f"--{cut}--", ""]).encode()


def facts(raw: bytes, flags: int = 1, *, keywords: str = "", special_use: str = "", doubt: str = "") -> Facts:
    """A message as it is in the mirror."""
    return Facts(raw, sha256(raw).digest(), flags, keywords, special_use=special_use, doubt=doubt)
