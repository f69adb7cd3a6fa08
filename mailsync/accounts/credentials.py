"""The password of an account: from its command, else the environment, else the keyring."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import threading

from mailsync.config.models import AccountConfig
from mailsync.errors import CredentialMissing
from mailsync.text import safe_text

COMMAND_SECONDS = 30.0
"""Long enough to touch a hardware key, short enough to notice a prompt nobody sees."""
KEYRING_SECONDS = 15.0
"""A keyring without a desktop session may wait on D-Bus for ever."""
KEYRING_SERVICE = "mailsync"


def password_for(name: str, account: AccountConfig, *, quiet: bool = False) -> str:
    """The password of the account `name`.

    A `password_command` that is configured is the only source asked. Blocks up to COMMAND_SECONDS; call it in a thread.
    `quiet` keeps the command's stderr off a screen that a dashboard owns. Raises CredentialMissing.
    """
    if account.password_command:
        return _from_command(name, account.password_command, quiet)
    password = os.environ.get(variable(name)) or _from_keyring(name)
    if password:
        return password
    raise CredentialMissing(f"{name}: no password is known", hint=_ways(name))


def variable(name: str) -> str:
    """The environment variable that may hold an account's password: MAILSYNC_PASSWORD_<NAME>."""
    return "MAILSYNC_PASSWORD_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def _ways(name: str) -> str:
    return (
        f"set password_command in [accounts.{name}], or {variable(name)} in the environment, "
        f"or run: keyring set {KEYRING_SERVICE} {name}"
    )


def _from_command(name: str, command: list[str], quiet: bool) -> str:
    program = safe_text(command[0], 80)
    hint = f"try it in a terminal; its first line of output is the password ([accounts.{name}] password_command)"
    try:
        run = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        # Without the cause: it holds what the command printed so far.
        raise CredentialMissing(
            f"{name}: password_command {program} did not end within {COMMAND_SECONDS:g} s", hint=hint
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "cannot be run"
        raise CredentialMissing(f"{name}: password_command {program}: {reason}", hint=hint) from None
    if run.returncode != 0:
        how = f"exited with {run.returncode}" if run.returncode > 0 else f"was killed by signal {-run.returncode}"
        raise CredentialMissing(f"{name}: password_command {program} {how}", hint=hint)
    try:
        password = run.stdout.partition(b"\n")[0].rstrip(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        raise CredentialMissing(f"{name}: password_command {program} printed no UTF-8", hint=hint) from None
    if not password:
        raise CredentialMissing(f"{name}: password_command {program} printed no password", hint=hint)
    return password


def _from_keyring(name: str) -> str | None:
    answer: queue.SimpleQueue[str | Exception | None] = queue.SimpleQueue()

    def ask() -> None:
        try:
            import keyring

            answer.put(keyring.get_password(KEYRING_SERVICE, name))
        except Exception as error:
            answer.put(error)

    threading.Thread(target=ask, name="mailsync-keyring", daemon=True).start()
    try:
        result = answer.get(timeout=KEYRING_SECONDS)
    except queue.Empty:
        raise CredentialMissing(
            f"{name}: the keyring did not answer within {KEYRING_SECONDS:g} s", hint=_ways(name)
        ) from None
    if not isinstance(result, Exception):
        return result
    kind = type(result).__name__
    if kind == "KeyringLocked":
        raise CredentialMissing(f"{name}: the keyring is locked", hint=f"unlock it, or {_ways(name)}")
    if kind == "NoKeyringError":
        raise CredentialMissing(
            f"{name}: no password is known, and this machine has no usable keyring", hint=_ways(name)
        )
    raise CredentialMissing(f"{name}: the keyring failed ({kind})", hint=_ways(name))
