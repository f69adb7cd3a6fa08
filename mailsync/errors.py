"""The error tree: every failure says what happened, what to try, who absorbs it and when to try again.

    MailsyncError                    exit 1, engine,  never
     |- UsageError                   exit 2           the command line is wrong
     |   |- ConfigError              exit 2           config.toml is wrong (file, line, key)
     |   `- QueryError               exit 2           a query cannot be understood, or not be asked of a server (column)
     |- NotFound                     exit 1           no such message, folder or account row
     |- StoreError                   exit 1           the database file cannot be used
     |   |- NewerSchema              exit 2           written by a newer mailsync
     |   `- OwnedElsewhere           exit 1           another process runs the engine on this data directory
     |- ConsentMissing               exit 3, account  the person has not allowed this
     |- SignInFailed                 exit 3, account  the server refused the credentials
     |   |- LoginNeeded              exit 3, account  an OAuth2 sign-in is over: a person has to sign in again
     |   `- CredentialMissing        exit 3, account  there is no password to try
     |       `- SecretsUnavailable   exit 3, account, backoff   the keyring or the files of secrets cannot be used
     |- CertificateUntrusted         exit 2, account  TLS identity cannot be verified
     |- InsecureConnection           exit 2, account  credentials would travel in the clear
     |- Unreachable                  exit 4, account, backoff   DNS, refused, timed out
     |   |- ConnectionLost           exit 4, account, backoff   it worked and then it stopped
     |   `- Throttled                exit 4, account, backoff   the server asks us to slow down
    |       `- BudgetSpent          exit 4, account, backoff   the bytes that a day may carry are used up
     |- ProtocolError                exit 1, account, backoff   an answer that cannot be understood or exceeds a limit
     |- CommandRefused               exit 1, folder,  backoff   tagged NO or BAD
     |- FolderDoubt                  exit 1, folder,  backoff   the answer would remove too much to be believed
     |- Interrupted                  exit 130, account, now     asked to stop before the end; what is done is kept
     `- MessageFailed                exit 1, message, backoff   one message could not be fetched or stored
         `- ParseFailed              exit 1, message            a message cannot be made readable; its bytes are there

`scope` says who absorbs a failure, so one bad message never stops a folder, nor a folder an account.
"""

from __future__ import annotations

from typing import ClassVar, Literal

Scope = Literal["message", "folder", "account", "engine"]
Retry = Literal["never", "backoff", "now"]


class MailsyncError(Exception):
    """Something failed."""

    exit_code: ClassVar[int] = 1
    scope: Scope = "engine"
    retry: Retry = "never"
    hint: str = ""

    def __init__(
        self,
        message: str = "",
        *,
        hint: str | None = None,
        scope: Scope | None = None,
        retry: Retry | None = None,
    ) -> None:
        super().__init__(message or (type(self).__doc__ or type(self).__name__).splitlines()[0])
        if hint is not None:
            self.hint = hint
        if scope is not None:
            self.scope = scope
        if retry is not None:
            self.retry = retry


class UsageError(MailsyncError):
    """The command line is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """The configuration is wrong."""


class QueryError(UsageError):
    """The query is wrong.

    `column` counts its characters from 1 and is told with the message.
    """

    def __init__(self, message: str, column: int, *, hint: str | None = None, scope: Scope | None = None) -> None:
        super().__init__(f"column {column}: {message}", hint=hint, scope=scope)
        self.column = column


class NotFound(MailsyncError):
    """There is no such thing here."""


class StoreError(MailsyncError):
    """The database cannot be used."""


class NewerSchema(StoreError):
    """The database was written by a newer mailsync."""

    exit_code = 2


class OwnedElsewhere(StoreError):
    """Another process runs the engine on this data directory."""


class ConsentMissing(MailsyncError):
    """Consent is missing."""

    exit_code = 3
    scope: Scope = "account"


class SignInFailed(MailsyncError):
    """The server refused the user name or password."""

    exit_code = 3
    scope: Scope = "account"


class LoginNeeded(SignInFailed):
    """Somebody has to sign in again."""


class CredentialMissing(SignInFailed):
    """No password is known for this account."""


class SecretsUnavailable(CredentialMissing):
    """The place where secrets are kept cannot be used."""

    # A keyring is unlocked, a desktop session begins: nobody has to ask for another try.
    retry: Retry = "backoff"


class CertificateUntrusted(MailsyncError):
    """The server's certificate cannot be verified."""

    exit_code = 2
    scope: Scope = "account"


class InsecureConnection(MailsyncError):
    """The connection would not be encrypted."""

    exit_code = 2
    scope: Scope = "account"


class Unreachable(MailsyncError):
    """The server cannot be reached."""

    exit_code = 4
    scope: Scope = "account"
    retry: Retry = "backoff"


class ConnectionLost(Unreachable):
    """The connection to the server was lost."""


class Throttled(Unreachable):
    """The server asks us to slow down."""

    resume_after: float | None
    """Seconds from now that it asks for, None when it does not say."""

    def __init__(self, message: str = "", *, hint: str | None = None, resume_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.resume_after = resume_after


class BudgetSpent(Throttled):
    """The bytes that a day may carry are used up."""


class ProtocolError(MailsyncError):
    """The server sent an answer that cannot be understood."""

    scope: Scope = "account"
    retry: Retry = "backoff"


class CommandRefused(MailsyncError):
    """The server refused a command."""

    scope: Scope = "folder"
    retry: Retry = "backoff"


class FolderDoubt(MailsyncError):
    """The server's answer would remove more than can be believed."""

    scope: Scope = "folder"
    retry: Retry = "backoff"


class Interrupted(MailsyncError):
    """Stopped before it was complete."""

    exit_code = 130
    scope: Scope = "account"
    retry: Retry = "now"
    hint = "run it again: what was committed is kept"


class MessageFailed(MailsyncError):
    """One message could not be fetched or stored."""

    scope: Scope = "message"
    retry: Retry = "backoff"


class ParseFailed(MessageFailed):
    """This message cannot be made readable.

    `stage` says where: "size", "structure", "headers", "bodies", "attachments" or "time", and "start" or "crash" for
    a process that should have read it.
    """

    retry: Retry = "never"
    hint = "its bytes are whole: show --raw and export eml give them"

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(f"this message cannot be made readable ({stage}: {reason})")
        self.stage = stage
        self.reason = reason
