"""Where the secret of an account is, without opening it: nothing is unlocked, run or decrypted."""

from __future__ import annotations

import os
from pathlib import Path

from mailsync.accounts.vault import CREDENTIALS_VARIABLE, Vault
from mailsync.config.models import AccountConfig
from mailsync.errors import SecretsUnavailable
from mailsync.privacy import environment


def secret_of(name: str, account: AccountConfig, vault: Vault) -> str:
    """The source that is asked first: "password_command", "oauth_command", "environment", "systemd", "keyring" or
    "file", "tokens" for OAuth2, and "none" where it can be told that there is none."""
    if account.auth == "oauth2":
        if account.oauth_command:
            return "oauth_command"
        return "tokens" if vault.token_changed(name) is not None else "none"
    if account.password_command:
        return "password_command"
    if environment.password(name):
        return "environment"
    folder = os.environ.get(CREDENTIALS_VARIABLE)
    if folder and (Path(folder) / f"mailsync.{name}").exists():
        return "systemd"
    if vault.kind == "keyring":
        return "keyring"
    try:
        return "file" if vault.password(name) is not None else "none"
    except SecretsUnavailable:
        return "file"
