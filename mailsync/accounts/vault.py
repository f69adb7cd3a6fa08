"""Where the secrets are that mailsync itself keeps: passwords and OAuth tokens, in the keyring or in private files.

    keyring   password   service "mailsync", user NAME          (so `keyring set mailsync work` works, too)
              token      NAME.token, encrypted; its key is in the keyring (user "token-key"), since keyrings limit sizes
    file      password   NAME.password, 0600                    only with general.secrets = "file"
              token      NAME.token, 0600

Nothing falls back from one to the other. Everything here blocks: call it in a thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mailsync.accounts import keyrings
from mailsync.errors import SecretsUnavailable
from mailsync.privacy.files import Exposed, private_folder, read_private, write_private
from mailsync.privacy.hardening import seal

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

Kind = Literal["keyring", "file"]

KEY_NAME = "token-key"
"""What the key of the tokens is called in the keyring, and as a systemd credential. No account may be called so."""
CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
CREDENTIAL_BYTES = 1 << 20
KEY_BYTES = 32
LOCK_PAUSE_SECONDS = 0.02


class Vault:
    """The secrets in `folder` and in the keyring; nothing is opened before it is asked for. Thread-safe.

    Every method may raise SecretsUnavailable.
    """

    def __init__(self, folder: Path, kind: Kind = "keyring") -> None:
        self.folder = folder
        self.kind: Kind = kind
        self._key: bytes | None = None
        seal()

    def password(self, name: str) -> str | None:
        """The password stored for an account, None without one."""
        if self.kind == "keyring":
            return keyrings.get(name)
        data = self._read(name, "password")
        if data is None:
            return None
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            path = self._path(name, "password")
            raise SecretsUnavailable(f"{path} is not UTF-8", hint="store the password again") from None

    def store_password(self, name: str, text: str) -> None:
        """Keep an account's password."""
        if self.kind == "keyring":
            keyrings.put(name, text)
        else:
            self._write(name, "password", text.encode("utf-8"))

    def token(self, name: str) -> bytes | None:
        """The tokens stored for an account, None without any.

        Tokens whose key is gone are an error and not None, so that nobody takes them for absent and overwrites them.
        """
        data = self._read(name, "token")
        if data is None or self.kind == "file":
            return data
        from cryptography.fernet import InvalidToken

        for attempt in range(2):
            cipher = self._cipher(make=False)
            try:
                if cipher is not None:
                    return cipher.decrypt(data)
            except InvalidToken:
                if attempt == 0:
                    self._key = None  # the key may be another one since: ask the keyring again
                    continue
            break
        raise SecretsUnavailable(
            f"{name}: the stored tokens cannot be decrypted: their key is not in this keyring",
            hint=f"unlock the keyring that they were stored with, or sign in again: mailsync auth login {name}",
        )

    def store_token(self, name: str, data: bytes) -> None:
        """Keep an account's tokens: whole or not at all, on disk when this returns."""
        if self.kind == "keyring":
            cipher = self._cipher(make=True)
            assert cipher is not None
            data = cipher.encrypt(data)
        self._write(name, "token", data)

    def token_changed(self, name: str) -> float | None:
        """When the tokens were stored last (Unix seconds), None without any: cheap, nothing is decrypted."""
        try:
            return self._path(name, "token").stat().st_mtime
        except OSError:
            return None

    def forget(self, name: str) -> None:
        """Remove an account's password and tokens."""
        try:
            for suffix in ("password", "token", "lock"):
                path = self._path(name, suffix)
                path.unlink(missing_ok=True)
                for draft in self.folder.glob(f".{path.name}.*"):  # of a process that was killed while it wrote
                    draft.unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from None
        if self.kind == "keyring":
            keyrings.remove(name)

    @contextlib.contextmanager
    def lock(self, name: str, seconds: float = 60.0) -> Iterator[None]:
        """Be the only one, of all threads and processes, to work on an account's tokens.

        The kernel takes the lock from a process that dies.
        """
        descriptor = self._locked(name, time.monotonic() + seconds)
        if descriptor is None:
            raise SecretsUnavailable(
                f"{name}: another process has been renewing the tokens for {seconds:g} s", hint="try again"
            )
        try:
            yield
        finally:
            os.close(descriptor)

    # -- files -------------------------------------------------------------------------------------------------

    def _path(self, name: str, suffix: str) -> Path:
        from urllib.parse import quote

        return self.folder / f"{quote(name, safe='')}.{suffix}"

    def _read(self, name: str, suffix: str) -> bytes | None:
        path = self._path(name, suffix)
        try:
            return read_private(path)
        except Exposed as error:
            hint = f"make it yours alone: chmod 600 {path}; others may have read it: change what it opens"
            raise SecretsUnavailable(str(error), hint=hint) from None
        except OSError as error:
            raise self._unusable(error) from None

    def _write(self, name: str, suffix: str, data: bytes) -> None:
        try:
            private_folder(self.folder)
            write_private(self._path(name, suffix), data)
        except OSError as error:
            raise self._unusable(error) from None

    def _locked(self, name: str, deadline: float) -> int | None:
        """A descriptor that holds the lock, None when it is not to be had before `deadline`."""
        path = self._path(name, "lock")
        try:
            private_folder(self.folder)
            while True:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    with contextlib.suppress(FileNotFoundError):
                        # `forget` may have removed the file between its opening and the lock.
                        if path.stat().st_ino == os.fstat(descriptor).st_ino:
                            return descriptor
                except BlockingIOError:
                    pass
                except BaseException:
                    os.close(descriptor)
                    raise
                os.close(descriptor)
                if time.monotonic() > deadline:
                    return None
                time.sleep(LOCK_PAUSE_SECONDS)
        except OSError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> SecretsUnavailable:
        reason = error.strerror or type(error).__name__
        return SecretsUnavailable(f"cannot use {self.folder}: {reason}", hint="check its permissions and the disk")

    # -- the key of the tokens ---------------------------------------------------------------------------------

    def _cipher(self, *, make: bool) -> Fernet | None:
        """What encrypts the tokens; None when there is no key yet and none is to be made."""
        from cryptography.fernet import Fernet

        if self._key is None:
            self._key = _given_key() or self._kept_key(make=make)
        return None if self._key is None else Fernet(self._key)

    def _kept_key(self, *, make: bool) -> bytes | None:
        from cryptography.fernet import Fernet

        key = keyrings.get(KEY_NAME)
        if key is None and make:
            with self.lock(KEY_NAME):  # of two processes only one makes it
                key = keyrings.get(KEY_NAME)
                if key is None:
                    key = Fernet.generate_key().decode("ascii")
                    keyrings.put(KEY_NAME, key)
        if key is None:
            return None
        try:
            Fernet(key)
        except ValueError:
            hint = f"remove it: keyring del {keyrings.SERVICE} {KEY_NAME}; then sign in again"
            raise SecretsUnavailable("the key of the tokens in the keyring is damaged", hint=hint) from None
        return key.encode("ascii")


def credential(name: str) -> bytes | None:
    """What systemd hands this service as the credential `mailsync.NAME` (systemd.exec(5)), None without one."""
    folder = os.environ.get(CREDENTIALS_VARIABLE)
    if not folder:
        return None
    try:
        with (Path(folder) / f"mailsync.{name}").open("rb") as file:
            return file.read(CREDENTIAL_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecretsUnavailable(
            f"the systemd credential mailsync.{name} cannot be read: {error.strerror or type(error).__name__}",
            hint=f"check LoadCredential=mailsync.{name} of the service",
        ) from None


def _given_key() -> bytes | None:
    """The key of the tokens where systemd hands one over: any 32 random bytes or more."""
    data = credential(KEY_NAME)
    if data is None:
        return None
    if len(data) < KEY_BYTES:
        raise SecretsUnavailable(
            f"the systemd credential mailsync.{KEY_NAME} is shorter than {KEY_BYTES} bytes",
            hint=f"make it of {KEY_BYTES} random bytes",
        )
    from base64 import urlsafe_b64encode
    from hashlib import sha256

    return urlsafe_b64encode(sha256(data).digest())
