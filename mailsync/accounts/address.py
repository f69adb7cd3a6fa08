"""A mail address as people paste it: `Max <me@example.com>`, `mailto:`, full-width characters, a dot too many.

What is meant is taken where there is no doubt about it; where there is, the error says what is wrong in plain words.
"""

from __future__ import annotations

import re
import unicodedata

from mailsync.config.providers import PRESETS
from mailsync.errors import UsageError
from mailsync.record import record
from mailsync.text import safe_text

LONGEST = 320
"""Characters: 64 before the @, 255 behind it (RFC 5321 section 4.5.3.1)."""
EXAMPLE = "an address looks like me@example.com"

_ANGLE = re.compile(r"<([^<>]*@[^<>]*)>")
_AROUND = " \t\r\n\"'<>()[]{},;:.`\u00b4\u2018\u2019\u201c\u201d\u00ab\u00bb\u3002\u3001"
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_LOCAL = re.compile(r"[^\s@\x00-\x1f\x7f\"(),:;<>\[\]\\]+")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBERS = re.compile(r"[0-9.]+")

KNOWN_DOMAINS = frozenset(domain for preset in PRESETS.values() for domain in preset.domains)
_REAL = frozenset({"email.com"})
"""Domains that are near a well-known one, and well known themselves."""
_TYPO_LENGTH = 5
"""Names this short have too many real neighbours for a letter's difference to mean anything."""
_TYPO_ENDINGS = frozenset({"con", "cm", "cmo", "co", "comm", "coom", "om", "ocm", "vom", "xom", "cim", "cpm", "c0m"})
"""What `com` becomes under a hurried hand."""


@record(frozen=True)
class Address:
    """An address: `text` as it is shown and sent, `domain` in lower case and A-labels (RFC 5890), as DNS wants it."""

    text: str
    local: str
    domain: str
    tidied: bool = False
    """It was not written so."""
    meant: str = ""
    """The address that was probably meant, where the domain looks like a slip."""


def parse(written: str) -> Address:
    """The address that was meant. Raises UsageError, in plain words, where that cannot be told."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", written[: 4 * LONGEST])).strip()
    if len(framed := _ANGLE.findall(text)) == 1:
        text = framed[0]
    text = re.sub(r"^\s*mailto:/*", "", text, flags=re.IGNORECASE).partition("?")[0].strip(_AROUND)
    text = re.sub(r"\s*(?:@|\(at\)|\[at\])\s*", "@", text, flags=re.IGNORECASE)
    text = text.replace("\u3002", ".")
    shown = safe_text(text, 80)
    if not text:
        raise UsageError("there is no address", hint=EXAMPLE)
    if "@" not in text:
        raise UsageError(f"{shown} has no domain: what stands behind the @ is missing", hint=EXAMPLE)
    local, _, domain = text.rpartition("@")
    if "@" in local:
        raise UsageError(f"{shown}: more than one @", hint=f"one account, one address; {EXAMPLE}")
    if not local:
        raise UsageError(f"{shown} has no name before the @", hint=EXAMPLE)
    if not domain:
        raise UsageError(f"{shown} has no domain: what stands behind the @ is missing", hint=EXAMPLE)
    if re.search(r"\s", text):
        raise UsageError(f"there is a blank within {shown}", hint=EXAMPLE)
    if not _LOCAL.fullmatch(local) or len(local) > 64 or safe_text(local) != local:
        raise UsageError(f"{shown}: what stands before the @ is no name of a mailbox", hint=EXAMPLE)
    domain = re.sub(r"\.{2,}", ".", domain.lower())
    if local.isupper() and domain != text.rpartition("@")[2]:
        local = local.lower()  # the caps lock was on
    ascii_domain = to_ascii(domain)
    result = f"{local}@{domain}"
    meant = _probably(ascii_domain)
    return Address(result, local, ascii_domain, result != written, f"{local}@{meant}" if meant else "")


def to_ascii(domain: str) -> str:
    """A domain or host name in lower case and A-labels. Raises UsageError for what is none."""
    domain = domain.strip(".").lower()
    if not domain.isascii():
        import idna

        try:
            domain = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise UsageError(f"{safe_text(domain, 80)} is not the name of a domain", hint=EXAMPLE) from None
    labels = domain.split(".")
    if len(domain) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or _NUMBERS.fullmatch(domain):
        raise UsageError(f"{safe_text(domain, 80)} is not the name of a domain", hint=EXAMPLE)
    return domain


def _probably(domain: str) -> str:
    """The well-known domain that `domain` is a slip of, "" for none."""
    if domain in KNOWN_DOMAINS | _REAL:
        return ""
    name, _, ending = domain.partition(".")
    if ending in _TYPO_ENDINGS and f"{name}.com" in KNOWN_DOMAINS:
        return f"{name}.com"
    for known in sorted(KNOWN_DOMAINS):
        known_name, _, known_ending = known.partition(".")
        same_ending = ending == known_ending or (ending in _TYPO_ENDINGS and known_ending == "com")
        if same_ending and len(known_name) >= _TYPO_LENGTH and one_apart(name, known_name):
            return known
    return domain.replace("com", ".com") if domain.replace("com", ".com") in KNOWN_DOMAINS else ""


def one_apart(one: str, other: str) -> bool:
    """True when a letter more, less or other, or two neighbours swapped, make one text the other."""
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    one, other = one[start:], other[start:]
    if len(one) == len(other):
        return one[1:] == other[1:] or (one[:2] == other[1::-1] and one[2:] == other[2:])
    return one[1:] == other if len(one) > len(other) else one == other[1:]
