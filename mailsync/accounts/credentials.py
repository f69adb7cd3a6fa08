"""What an account signs in with, and where that comes from.

password   password_command                      the only source asked where it is set
           MAILSYNC_PASSWORD_<NAME>              for containers
           $CREDENTIALS_DIRECTORY/mailsync.NAME  for services (systemd.exec(5))
           the vault                             keyring, or private files where asked for
oauth2     oauth_command                         the only source asked where it is set
           the tokens of `mailsync auth login`   renewed when they end
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailsync.accounts import command
from mailsync.accounts.keyrings import SERVICE
from mailsync.accounts.vault import Vault, credential
from mailsync.errors import CredentialMissing, SecretsUnavailable
from mailsync.privacy import environment
from mailsync.privacy.secret import Bearer, Credential, Password

if TYPE_CHECKING:
    from mailsync.config.models import AccountConfig


def credential_for(
    name: str, account: AccountConfig, vault: Vault, *, quiet: bool = False, renew: bool = False
) -> Credential:
    """The password or access token of the account `name`.

    `renew`: the server has just refused the last token, so another one is needed. `quiet` keeps the stderr of commands
    off a screen that a dashboard owns. Blocks, for up to a minute: call it in a thread. Raises CredentialMissing where
    there is none, its subclass SecretsUnavailable where that cannot be told, and for tokens what the broker raises.
    """
    if account.auth == "oauth2":
        if account.oauth_command:
            return Bearer(command.first_line(name, "oauth_command", account.oauth_command, quiet=quiet))
        from mailsync.accounts.oauth.broker import access_token

        return access_token(name, account, vault, renew=renew)
    if account.password_command:
        return Password(command.first_line(name, "password_command", account.password_command, quiet=quiet))
    found = environment.password(name) or _from_systemd(name) or _from_vault(name, vault)
    if found:
        return Password(found)
    raise CredentialMissing(f"{name}: no password is known", hint=ways(name, vault))


def ways(name: str, vault: Vault) -> str:
    """The hint for an account without a password."""
    kept = (
        f"run: keyring set {SERVICE} {name}"
        if vault.kind == "keyring"
        else f"write it to {vault.folder / name}.password (chmod 600)"
    )
    return f"set password_command in [accounts.{name}], or {environment.variable(name)} in the environment, or {kept}"


def _from_systemd(name: str) -> str | None:
    data = credential(name)
    if data is None:
        return None
    try:
        return data.partition(b"\n")[0].rstrip(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        raise CredentialMissing(
            f"{name}: the systemd credential mailsync.{name} is not UTF-8", hint="it holds the password as text"
        ) from None


def _from_vault(name: str, vault: Vault) -> str | None:
    try:
        found = vault.password(name)
    except SecretsUnavailable as error:
        raise SecretsUnavailable(f"{name}: {error}", hint=error.hint) from None
    return None if found is None else found.partition("\n")[0].rstrip("\r")  # a file written by hand ends with a line
