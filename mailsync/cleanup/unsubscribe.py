"""How a list is left, as a message of it says (RFC 2369, RFC 8058), and what speaks for that being true. Pure.

One click is offered where the message names one https address, says that a POST to it is all there is to do, and has a
signature that covers both fields (RFC 8058 section 4). Signatures are not verified here, since their keys are long
gone from DNS for most mail; what the receiving server found when it came (RFC 8601) is told, and a signature that it
found wrong offers nothing.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from mailsync.pipeline import headers
from mailsync.pipeline.words import decode_words
from mailsync.record import record

ONE_CLICK = "list-unsubscribe=one-click"
LONGEST = 4096
"""Characters of an address that is used."""
ADDRESSES = 10
"""Addresses of a field that are kept."""
_ADDRESS = re.compile(r"<([^<>]*)>")
_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*([^;]*)")
_PARENTHESIS = re.compile(r"([()])")
_DKIM = re.compile(r"^\s*dkim\s*=\s*([a-z]+)", re.IGNORECASE)
_SIGNED = re.compile(r"header\.(?:d|i)\s*=\s*\"?(?:[^\s;\"@]*@)?([^\s;\"]+)", re.IGNORECASE)
_HOST = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.(?!-)[A-Za-z0-9-]{1,63})*\.?\Z")
_SAFE = "/?:@!$&'()*+,;=%-._~[]"
_SIGNS = frozenset({"list-unsubscribe", "list-unsubscribe-post"})


@record(frozen=True)
class Target:
    """Where a POST goes: over TLS to that port of that host. `request` is path and query, ASCII."""

    host: str
    port: int
    request: str


@record(frozen=True)
class Offer:
    """How a list is left. `post` is the address that one click is sent to, "" where that is not offered, and `why_not`
    says why. `pages` are addresses for a browser, `mails` (mailto:) for a mail; in the order of preference.

    `signer` is the domain whose signature covers the fields, `found` what the server `found_by` says of it: "pass",
    "fail" or another word of RFC 8601, "" where it says nothing.
    """

    post: str
    why_not: str
    pages: tuple[str, ...]
    mails: tuple[str, ...]
    list_id: str
    signer: str
    found: str
    found_by: str


def offer(raw: bytes) -> Offer | None:
    """What a message offers; None where it says nothing of leaving."""
    fields = headers.told([(name, value[: headers.FIELD]) for name, value in headers.fields(headers.block(raw))])
    named = [_plain(value) for name, value in fields if name.lower() == "list-unsubscribe"]
    if not named:
        return None
    addresses = ["".join(one.split()) for value in named for one in _ADDRESS.findall(value)][:ADDRESSES]
    pages = tuple(one for one in addresses if one.lower().startswith(("https://", "http://")))
    mails = tuple(one for one in addresses if one.lower().startswith("mailto:"))
    signer = next((domain for domain, signed in _signatures(fields) if signed >= _SIGNS), "")
    found_by, found = _found(fields, signer)
    secure = [one for one in pages if one.lower().startswith("https://")]
    posts = [_plain(value).strip().lower() for name, value in fields if name.lower() == "list-unsubscribe-post"]
    if posts != [ONE_CLICK]:
        why_not = "it does not offer one click"
    elif len(named) > 1 or len(secure) > 1:
        why_not = "it names more than one place"
    elif not secure:
        why_not = "it names no https address"
    elif not signer:
        why_not = "no signature covers what it offers"
    elif found not in ("", "pass"):
        why_not = f"its signature did not pass ({found}), says {found_by}"
    else:
        why_not = _unusable(secure[0])
    list_id = next((_plain(value) for name, value in fields if name.lower() == "list-id"), "")
    inside = _ADDRESS.findall(list_id)
    named_list = (inside[-1] if inside else list_id).strip().lower()
    return Offer(secure[0] if not why_not else "", why_not, pages, mails, named_list, signer, found, found_by)


def target(address: str) -> Target:
    """Where an https address leads. ValueError, with a reason for people, for one that is not to be used."""
    if len(address) > LONGEST or any(ord(char) <= 32 or ord(char) == 127 for char in address):
        raise ValueError("its address is no address")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or 443
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
        request = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    except (ValueError, UnicodeError):
        raise ValueError("its address is no address") from None
    if parts.scheme != "https":
        raise ValueError("its address is not https")
    if parts.username is not None or parts.password is not None:
        raise ValueError("its address has a user name in it")
    if not (_HOST.match(ascii_host) or (":" in ascii_host and "%" not in ascii_host)):
        raise ValueError("its address names no host")
    return Target(ascii_host.lower(), port, request)


def _unusable(address: str) -> str:
    try:
        target(address)
    except ValueError as error:
        return str(error)
    return ""


def _plain(value: str) -> str:
    return decode_words(value) if "=?" in value else value


def _signatures(fields: list[tuple[str, str]]) -> list[tuple[str, frozenset[str]]]:
    """The domain of each DKIM signature (RFC 6376 section 3.5), and the fields that it covers, in lower case."""
    found = []
    for name, value in fields:
        if name.lower() == "dkim-signature":
            tags = {key.lower(): text.strip() for key, text in _TAG.findall(value)}
            covered = frozenset(one.strip().lower() for one in tags.get("h", "").split(":"))
            if tags.get("d") and tags.get("b"):
                found.append(("".join(tags["d"].split()).lower(), covered))
    return found


def _found(fields: list[tuple[str, str]], signer: str) -> tuple[str, str]:
    """Who looked at the signatures last, and what of this one. Of several such fields the first is the newest; older
    ones anybody may have written (RFC 8601 section 5)."""
    told = next((value for name, value in fields if name.lower() == "authentication-results"), "")
    if not told or not signer:
        return "", ""
    server, *results = _without_comments(told).split(";")
    words = []
    for one in results:
        word, of = _DKIM.match(one), _SIGNED.search(one)
        if word and of and of.group(1).strip(".").lower() == signer:
            words.append(word.group(1).lower())
    found = "pass" if "pass" in words else words[0] if words else ""
    return (server.split() or [""])[0] if found else "", found


def _without_comments(text: str) -> str:
    """The text without its comments (RFC 5322 section 3.2.2); as it is where one of them never ends."""
    kept, depth = [], 0
    for piece in _PARENTHESIS.split(text):
        if piece == "(":
            depth += 1
        elif piece == ")" and depth:
            depth -= 1
        elif not depth:
            kept.append(piece)
    return text if depth else " ".join(kept)
