"""What Microsoft's error numbers (AADSTS...) mean to a person.

What is to be done follows from the OAuth error alone, as Microsoft wants it: numbers change. They choose the words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mailsync.accounts.oauth.flow import TEMPORARY, Refused
from mailsync.accounts.oauth.loopback import word
from mailsync.accounts.oauth.token import HELP, WHY, Reason
from mailsync.errors import SignInFailed, Unreachable

_REASONS: dict[Reason, tuple[int, ...]] = {
    "expired": (70008, 700084),
    "unused": (700082,),
    "password": (50055, 50132, 50133, 50144, 50173),
    "policy": (16000, 50058, 50072, 50074, 50076, 50078, 50079, 50158, 70043, 70044),
    "consent": (65001, 65004, 90094, 90095, 90099),
    "blocked": (50005, 50097, 50131, 53000, 53001, 53002, 53003, 53004, 53011, 530003, 530032, 530036),
    "licence": (500011, 500014, 650052),
    "disabled": (50034, 50053, 50057, 51004),
}
_BY_CODE = {code: reason for reason, codes in _REASONS.items() for code in codes}

_DESKTOP = (
    "App registration > Authentication: add the platform Mobile and desktop applications with http://localhost, and "
    "allow public client flows"
)
_SETUP: dict[tuple[int, ...], tuple[str, str]] = {
    (700016, 70001): (
        "this directory does not know the application",
        "check client_id; an application of one organisation needs oauth.tenant; one for all of them, the right "
        "Supported account types",
    ),
    (90002, 900023): ("there is no such directory", "check oauth.tenant: its id or a domain of it"),
    (50194, 9002331): (
        "the application is not for every kind of account",
        "set oauth.tenant to the directory's id (for personal accounts alone: consumers)",
    ),
    (7000218, 700025, 9002326, 9002327): ("the application is not registered as one for desktops", _DESKTOP),
    (7000215, 7000222): (
        "the application's secret is wrong or has expired",
        "make a new one; client_secret_command prints its value, not its id",
    ),
    (7000112, 7000229, 501051): (
        "the application is not allowed in this organisation",
        "an administrator grants it consent, and enables it (Enterprise applications)",
    ),
    (70011, 650057, 65005): (
        "the application does not ask for this permission",
        "App registration > API permissions: add IMAP.AccessAsUser.All, and check oauth.scopes",
    ),
    (50020, 90072, 500208): (
        "the account is not of this directory",
        "set oauth.tenant to the account's own, or leave it out",
    ),
    (50105,): ("the organisation has not given the application to this person", "ask its administrator to assign it"),
}
_SETUP_BY_CODE = {code: words for codes, words in _SETUP.items() for code in codes}
_SAME_AS = {"authorization_declined": "access_denied", "code_expired": "expired_token"}
"""Errors of the device code that have a name in RFC 8628."""
_BUSY = frozenset({50196, 90033, 90055})


def refused(given: Mapping[str, Any]) -> Refused | Unreachable:
    """The error for an answer of the token or device endpoint that holds no tokens; its words for people stay out."""
    error = word(str(given.get("error")))
    codes = _codes(given)
    if error in TEMPORARY or _BUSY.intersection(codes):
        return Unreachable(f"Microsoft cannot answer now ({error})", hint="try again later")
    return _refused(_SAME_AS.get(error, error), codes)


def refusal(error: str, description: str) -> SignInFailed:
    """The error for a no that came with the browser."""
    return _refused(word(error), _codes({"error_description": description}))


def _refused(error: str, codes: list[int]) -> Refused:
    number = f" (AADSTS{codes[0]})" if codes else ""
    for code in codes:
        if reason := _BY_CODE.get(code):
            hint = HELP.get(reason, "sign in again")
            return Refused(f"Microsoft refused: {WHY[reason]} (AADSTS{code})", error, reason=reason, hint=hint)
        if words := _SETUP_BY_CODE.get(code):
            return Refused(f"Microsoft refused: {words[0]} (AADSTS{code})", error, hint=words[1])
    if error == "access_denied":
        return Refused(f"the sign-in was refused{number}", error, hint="sign in again and allow access")
    look = f"https://login.microsoftonline.com/error?code={codes[0]} explains it" if codes else "sign in again"
    reason = "policy" if error in ("interaction_required", "login_required") else ""
    return Refused(
        f"Microsoft refused: {error}{number}",
        error,
        reason="consent" if error == "consent_required" else reason,
        hint=look,
    )


def _codes(given: Mapping[str, Any]) -> list[int]:
    """The numbers of an error, the one that matters first."""
    listed = given.get("error_codes")
    numbers = [one for one in listed if type(one) is int and one > 0] if isinstance(listed, list) else []
    description = given.get("error_description")
    if not numbers and isinstance(description, str):
        numbers = [int(found) for found in re.findall(r"AADSTS(\d{4,8})\b", description[:2000], re.ASCII)]
    return numbers[:5]
