"""What a message holds that text does not tell: signatures, encryption, calendars, TNEF. Recognised, not opened."""

from __future__ import annotations

import re

from mailsync.pipeline.parts import Part, Structure, decoded

NAMES = (
    "pgp-encrypted",
    "pgp-signed",
    "smime-encrypted",
    "smime-signed",
    "calendar",
    "message",
    "report",
    "tnef",
)

_BY_TYPE = {
    "application/pgp-encrypted": "pgp-encrypted",
    "application/pgp-signature": "pgp-signed",
    "application/pkcs7-signature": "smime-signed",
    "application/x-pkcs7-signature": "smime-signed",
    "text/calendar": "calendar",
    "application/ics": "calendar",
    "message/rfc822": "message",
    "message/global": "message",
    "message/delivery-status": "report",
    "message/disposition-notification": "report",
    "message/feedback-report": "report",
}
MESSAGES = ("message/rfc822", "message/global")
"""Types of a message within the message."""
_CMS = ("application/pkcs7-mime", "application/x-pkcs7-mime")
# Object identifiers in DER (RFC 5652 sections 5 and 6, RFC 5083): they stand within the first bytes of the content.
_SIGNED = bytes.fromhex("2a864886f70d010702")
_SEALED = (bytes.fromhex("2a864886f70d010703"), bytes.fromhex("2a864886f70d0109100117"))
_TNEF_TYPES = ("application/ms-tnef", "application/vnd.ms-tnef")
_TNEF_SIGNATURE = b"\x78\x9f\x3e\x22"
# RFC 4880 section 6.2 and 7: armour within a text.
_ARMOUR = re.compile(r"^-----BEGIN PGP (SIGNED )?MESSAGE-----[ \t]*$", re.MULTILINE)


def recognised(raw: bytes, found: Structure, text: str) -> list[str]:
    """The names of what is there, in the order of NAMES; `text` is the message's text."""
    held = {kind_of(raw, part) for part in found.leaves}
    if "-----BEGIN PGP " in text:
        held |= {"pgp-signed" if match[1] else "pgp-encrypted" for match in _ARMOUR.finditer(text)}
    return [name for name in NAMES if name in held] if held != {""} else []


def may_be_tnef(kind: str, name: str) -> bool:
    """Type or name of a part say so; its first bytes are the proof."""
    return kind in _TNEF_TYPES or name.lower() == "winmail.dat"


def may_be_calendar(kind: str, name: str) -> bool:
    """Type or name of a part say so."""
    return _BY_TYPE.get(kind) == "calendar" or (kind == "application/octet-stream" and name.lower().endswith(".ics"))


def kind_of(raw: bytes, part: Part) -> str:
    """What one part is, of NAMES; empty for what is none of these."""
    name = part.name.lower()
    if part.type in _CMS or (part.type == "application/octet-stream" and name.endswith((".p7m", ".p7s"))):
        start = decoded(raw, part, limit=64)[:64]
        if _SIGNED in start:
            return "smime-signed"
        return "smime-encrypted" if any(identifier in start for identifier in _SEALED) else ""
    if may_be_tnef(part.type, part.name):
        return "tnef" if decoded(raw, part, limit=8).startswith(_TNEF_SIGNATURE) else ""
    if may_be_calendar(part.type, name):
        return "calendar"
    return _BY_TYPE.get(part.type, "")
