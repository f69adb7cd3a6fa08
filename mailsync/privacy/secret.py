"""What an account signs in with. A secret is shown by nothing: not in a repr, not in a log, not in an error."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Password:
    """A password, an app password included."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bearer:
    """An OAuth2 access token (RFC 6750) and when it ends, in Unix seconds; None where nobody says."""

    token: str = field(repr=False)
    expires_at: float | None = None


Credential = Password | Bearer
