"""The scopes a person can grant an account, in plain words."""

from __future__ import annotations

from collections.abc import Iterable

from mailsync.errors import ConsentMissing

MAILBOX_ACCESS = "mailbox_access"
EMAIL_READ = "email_read"
ATTACHMENT_ACCESS = "attachment_access"
MAILBOX_MODIFY = "mailbox_modify"

SCOPES: dict[str, str] = {
    MAILBOX_ACCESS: "sign in to the mail server and list folders",
    EMAIL_READ: "read messages and keep a copy of them on this disk",
    ATTACHMENT_ACCESS: "take attachments out of messages and save or index them",
    MAILBOX_MODIFY: "change the mailbox on the server, each change only after an approval of its own",
}
"""Every scope with what it allows mailsync to do."""

REQUIRED = (MAILBOX_ACCESS, EMAIL_READ)
"""Without these an account is not synced."""

FOR_ATTACHMENTS = (EMAIL_READ, ATTACHMENT_ACCESS)
"""Without these nothing takes attachments out of messages."""


def missing(granted: Iterable[str], scopes: Iterable[str] = REQUIRED) -> list[str]:
    """Those of `scopes` that are not among `granted`."""
    held = set(granted)
    return [scope for scope in scopes if scope not in held]


def require(account: str, granted: Iterable[str], scopes: Iterable[str] = REQUIRED) -> None:
    """Raises ConsentMissing, with the command that grants it, unless `scopes` are granted."""
    lacking = missing(granted, scopes)
    if lacking:
        raise ConsentMissing(
            f"consent is missing: {', '.join(lacking)}",
            hint=how_to_grant(account, lacking),
        )


def how_to_grant(account: str, scopes: Iterable[str]) -> str:
    """The hint for whoever lacks them."""
    return f"run: mailsync consent grant {account} {' '.join(scopes)}"
