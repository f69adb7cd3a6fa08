"""The keyring of the desktop: asked with a time-out, and only where it really is one.

The `keyring` library takes what a machine has: Secret Service (GNOME Keyring, KWallet, KeePassXC) on Linux, Keychain
on macOS. It also takes backends that keep nothing, and some that keep secrets in plain files; those are refused here
by name, alone or in a chain, so that a secret never silently ends in the clear.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from mailsync.errors import SecretsUnavailable
from mailsync.text import safe_text

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

SERVICE = "mailsync"
SECONDS = 15.0
"""A keyring without a desktop session may wait on D-Bus for ever, a locked one on a prompt that nobody sees."""
BACKEND_VARIABLE = "PYTHON_KEYRING_BACKEND"
WAYS = (
    "or use password_command, MAILSYNC_PASSWORD_<NAME> in a container, a systemd credential mailsync.NAME, "
    'or general.secrets = "file"'
)
_LOCKED = {"KeyringLocked", "LockedException", "PromptDismissedException"}

_turn = threading.Lock()
"""One question at a time: a prompt that nobody answers must not be followed by more of them."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the library would use: `name` as "SecretService Keyring"; `locked` is None where it cannot be known."""

    name: str
    locked: bool | None


def get(user: str) -> str | None:
    """The secret stored for `user`, None without one. Blocks up to SECONDS; raises SecretsUnavailable."""

    def ask() -> str | None:
        return next((found for each in _usable() if (found := each.get_password(SERVICE, user)) is not None), None)

    return _call(ask)


def put(user: str, secret: str) -> None:
    """Store a secret for `user`; proven by reading it back. Raises SecretsUnavailable."""

    def ask() -> bool:
        for each in _usable():
            try:
                each.set_password(SERVICE, user, secret)
            except NotImplementedError:  # a backend that can only read
                continue
            return each.get_password(SERVICE, user) == secret
        return False

    if not _call(ask):
        raise SecretsUnavailable("the keyring did not keep what was stored", hint=f"check the keyring, {WAYS}")


def remove(user: str) -> None:
    """Remove what is stored for `user`, if anything. Raises SecretsUnavailable."""

    def ask() -> None:
        for each in _usable():
            if each.get_password(SERVICE, user) is not None:
                each.delete_password(SERVICE, user)

    _call(ask)


def look(seconds: float) -> Found:
    """Which keyring there is, and whether it is locked; nobody is asked to unlock it. Raises SecretsUnavailable."""

    def ask() -> Found:
        backends = _usable()
        return Found(" + ".join(_called(each) for each in backends), _locked(backends[0]))

    return _call(ask, seconds)


def _call(question: Callable[[], T], seconds: float | None = None) -> T:
    """The answer of `question()`, run in a thread of its own that is left alone when it hangs."""
    seconds = SECONDS if seconds is None else seconds
    answer: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            answer.put((question(), None))
        except Exception as error:
            answer.put((None, error))
        finally:
            _turn.release()

    silent = SecretsUnavailable(
        f"the keyring did not answer within {seconds:g} s",
        hint=f"it may wait for its password in a window that nobody sees: unlock it, {WAYS}",
    )
    if not _turn.acquire(timeout=seconds):
        raise silent
    threading.Thread(target=run, name="mailsync-keyring", daemon=True).start()
    try:
        result, error = answer.get(timeout=seconds)
    except queue.Empty:
        raise silent from None
    if error is not None:
        raise _explained(error) from None
    return result  # type: ignore[return-value]  # the thread put one of the two


def _usable() -> list[KeyringBackend]:
    """The backends to ask, in order. Raises SecretsUnavailable when there is none that keeps secrets secret."""
    from keyring.backends.chainer import ChainerBackend

    chosen = _chosen()
    backends: list[KeyringBackend] = list(chosen.backends) if isinstance(chosen, ChainerBackend) else [chosen]
    usable = [each for each in backends if not _refused(each)]
    if usable:
        return usable
    named = os.environ.get(BACKEND_VARIABLE, "")
    by = f" ({BACKEND_VARIABLE}={safe_text(named, 80)})" if named else ""
    plain = [each for each in backends if _refused(each) == "plain"]
    if plain:
        raise SecretsUnavailable(
            f"the keyring backend {_path(plain[0])} would keep secrets in plain files{by}",
            hint=f"use the desktop's keyring: unset {BACKEND_VARIABLE} and keyringrc.cfg, {WAYS}",
        )
    hint = f"unset {BACKEND_VARIABLE}" if named else "start one (GNOME Keyring, KWallet, KeePassXC)"
    raise SecretsUnavailable(f"this machine has no usable keyring{by}", hint=f"{hint}, {WAYS}")


def _chosen() -> KeyringBackend:
    """What the library takes; where that was nothing, a desktop session may have begun since."""
    import keyring
    from keyring.backend import get_all_keyring

    if type(keyring.get_keyring()).__module__ == "keyring.backends.fail":
        vars(get_all_keyring).pop("saved_result", None)  # the library looks once in a process
        keyring.core.init_backend()
    return keyring.get_keyring()


def _refused(backend: KeyringBackend) -> str:
    """Why a backend is not used: it keeps nothing ("none"), or keeps it for everyone to read ("plain")."""
    modules = [kind.__module__ for kind in type(backend).__mro__]
    if any(module in ("keyring.backends.fail", "keyring.backends.null") for module in modules):
        return "none"
    return "plain" if any(module == "keyrings.alt" or module.startswith("keyrings.alt.") for module in modules) else ""


def _path(backend: KeyringBackend) -> str:
    return f"{type(backend).__module__}.{type(backend).__qualname__}"


def _called(backend: KeyringBackend) -> str:
    return safe_text(str(backend.name), 60)


def _locked(backend: KeyringBackend) -> bool | None:
    """Whether a Secret Service's default collection is locked; nothing tells it of the others."""
    if type(backend).__module__ != "keyring.backends.SecretService":
        return None
    import secretstorage

    connection = secretstorage.dbus_init()
    try:
        return bool(secretstorage.Collection(connection, "/org/freedesktop/secrets/aliases/default").is_locked())
    except secretstorage.exceptions.ItemNotFoundException:
        return None  # there is none yet: the first secret makes it
    finally:
        connection.close()


def _explained(error: Exception) -> SecretsUnavailable:
    """What went wrong, without the words of the library: those may name what was asked for."""
    if isinstance(error, SecretsUnavailable):
        return error
    kind = type(error).__name__
    if kind == "InitError" and type(error.__cause__).__name__ == "PromptDismissedException":
        return SecretsUnavailable(
            "the keyring was never set up, and nobody chose a password for it when it asked",
            hint=f"open the desktop's keyring program once, {WAYS}",
        )
    if kind in _LOCKED:
        return SecretsUnavailable("the keyring is locked", hint=f"unlock it, {WAYS}")
    if kind == "NoKeyringError":
        return SecretsUnavailable("this machine has no usable keyring", hint=f"start one, {WAYS}")
    if isinstance(error, ImportError | AttributeError) and (named := os.environ.get(BACKEND_VARIABLE)):
        return SecretsUnavailable(
            f"{BACKEND_VARIABLE}={safe_text(named, 80)} cannot be loaded", hint=f"unset {BACKEND_VARIABLE}, {WAYS}"
        )
    return SecretsUnavailable(f"the keyring failed ({kind})", hint=f"try: keyring set {SERVICE} test, {WAYS}")
