"""The vault: what is stored comes back, only to its owner, whatever happens in between."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keyring
import keyring.core
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null

from mailsync.accounts import keyrings
from mailsync.accounts.vault import Kind, Vault
from mailsync.errors import SecretsUnavailable


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = -1  # the library must never choose it

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.secrets[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.secrets[service, username]


class Deaf(Ring):
    """Keeps nothing and does not say so."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


def made(kind: Any) -> KeyringBackend:
    """An instance of a class of the library, which does not type its constructors."""
    found: KeyringBackend = kind()
    return found


Plain = type("PlaintextKeyring", (Ring,), {"__module__": "keyrings.alt.file"})


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ring]:
    """What the machine's keyring is, for the length of a test."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    before = keyring.core._keyring_backend
    made = Ring()
    keyring.set_keyring(made)
    yield made
    keyring.core._keyring_backend = before


def refusal(vault: Vault) -> SecretsUnavailable:
    with pytest.raises(SecretsUnavailable) as caught:
        vault.password("work")
    assert (caught.value.exit_code, caught.value.retry) == (3, "backoff")
    for way in ("password_command", "MAILSYNC_PASSWORD_<NAME>", "systemd credential", 'general.secrets = "file"'):
        assert way in caught.value.hint
    return caught.value


@pytest.mark.parametrize("kind", ["keyring", "file"])
def test_what_is_stored_comes_back_until_it_is_forgotten(tmp_path: Path, kind: Kind) -> None:
    folder = tmp_path / "data" / "secrets"
    vault = Vault(folder, kind)
    assert (vault.password("work"), vault.token("work"), vault.token_changed("work")) == (None, None, None)
    vault.forget("work")
    assert not folder.exists()
    vault.store_password("work", " gehéim 子\n")
    before = time.time() - 1
    vault.store_token("work", b"\0token" * 10_000)
    with vault.lock("work"):
        again = Vault(folder, kind)
        assert (again.password("work"), again.token("work")) == (" gehéim 子\n", b"\0token" * 10_000)
        assert before < (again.token_changed("work") or 0) <= time.time()
    assert vault.password("other") is None
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / ".work.token.k1lled").touch(0o600)
    vault.forget("work")
    assert (again.password("work"), again.token("work")) == (None, None)
    assert not list(folder.glob("*work*"))


def test_with_a_keyring_the_disk_knows_no_secret(tmp_path: Path, ring: Ring) -> None:
    vault = Vault(tmp_path)
    vault.store_password("work", "geheim")
    vault.store_token("work", b"refresh-token")
    assert {user for _, user in ring.secrets} == {"work", "token-key"}
    assert not any(b"geheim" in path.read_bytes() or b"refresh" in path.read_bytes() for path in tmp_path.iterdir())
    assert not (tmp_path / "work.password").exists()


def test_a_token_whose_key_is_gone_is_an_error_and_a_new_sign_in_heals_it(tmp_path: Path, ring: Ring) -> None:
    daemon = Vault(tmp_path)
    daemon.store_token("work", b"old")
    del ring.secrets["mailsync", "token-key"]
    with pytest.raises(SecretsUnavailable, match="cannot be decrypted") as caught:
        Vault(tmp_path).token("work")
    assert "mailsync auth login work" in caught.value.hint
    Vault(tmp_path).store_token("work", b"new")
    assert daemon.token("work") == b"new"  # though it still holds the old key
    ring.secrets["mailsync", "token-key"] = "no key"
    with pytest.raises(SecretsUnavailable, match="is damaged"):
        Vault(tmp_path).token("work")


def test_systemd_may_hold_the_key_so_that_no_keyring_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring.set_keyring(made(fail.Keyring))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "mailsync.token-key").write_bytes(os.urandom(32))
    Vault(tmp_path / "secrets").store_token("work", b"token")
    assert Vault(tmp_path / "secrets").token("work") == b"token"
    (tmp_path / "mailsync.token-key").write_bytes(b"short")
    with pytest.raises(SecretsUnavailable, match="shorter than 32 bytes"):
        Vault(tmp_path / "secrets").token("work")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    vault = Vault(tmp_path, "file")
    vault.store_password("work", "geheim")
    (tmp_path / "work.password").chmod(mode)
    with pytest.raises(SecretsUnavailable, match="is open to others") as caught:
        vault.password("work")
    assert "chmod 600" in caught.value.hint
    assert "geheim" not in f"{caught.value}{caught.value.hint}"


def test_a_link_or_a_pipe_is_no_secret(tmp_path: Path) -> None:
    vault = Vault(tmp_path, "file")
    (tmp_path / "elsewhere").write_text("geheim")
    (tmp_path / "work.password").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "play.password", 0o600)
    with pytest.raises(SecretsUnavailable, match="symbolic links"):
        vault.password("work")
    with pytest.raises(SecretsUnavailable, match="no regular file"):
        vault.password("play")


def test_a_folder_open_to_others_is_closed_and_names_stay_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    Vault(folder, "file").store_password("../../evil", "geheim")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in folder.iterdir()] == ["..%2F..%2Fevil.password"]


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (made(fail.Keyring), "no usable keyring"),
        (made(null.Keyring), "no usable keyring"),
        (Plain(), "keyrings.alt.file.PlaintextKeyring would keep secrets in plain files"),
        (type("Mine", (Plain,), {"__module__": "mine"})(), "would keep secrets in plain files"),
    ],
)
def test_what_is_no_keyring_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: KeyringBackend, words: str
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", f"{type(backend).__module__}.{type(backend).__name__}")
    monkeypatch.setattr(keyring.core, "init_backend", lambda: None)
    keyring.set_keyring(backend)
    vault = Vault(tmp_path)
    error = refusal(vault)
    assert words in str(error)
    assert "PYTHON_KEYRING_BACKEND=" in str(error)
    with pytest.raises(SecretsUnavailable):
        vault.store_password("work", "geheim")
    with pytest.raises(SecretsUnavailable):
        vault.store_token("work", b"geheim")
    assert not getattr(backend, "secrets", {})
    assert not any(path.stat().st_size for path in tmp_path.iterdir())


def test_of_a_chain_only_the_keyrings_are_asked(tmp_path: Path, ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    class ReadOnly(Ring):
        def set_password(self, service: str, username: str, password: str) -> None:
            raise NotImplementedError

    plain, reading = Plain(), ReadOnly()
    plain.secrets["mailsync", "play"] = "plain"
    reading.secrets["mailsync", "other"] = "found"
    chained: list[Ring] = [plain, reading, ring]
    monkeypatch.setattr(chainer.ChainerBackend, "backends", chained)
    keyring.set_keyring(made(chainer.ChainerBackend))
    vault = Vault(tmp_path)
    vault.store_password("work", "geheim")
    assert (vault.password("work"), vault.password("other"), vault.password("play")) == ("geheim", "found", None)
    assert len(plain.secrets) == len(reading.secrets) == 1
    chained[1:] = []
    assert "plain files" in str(refusal(vault))


def test_a_keyring_that_keeps_nothing_is_found_out(tmp_path: Path) -> None:
    keyring.set_keyring(Deaf())
    with pytest.raises(SecretsUnavailable, match="did not keep"):
        Vault(tmp_path).store_password("work", "geheim")


def test_a_keyring_that_hangs_is_left_alone_and_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, asked = threading.Event(), []

    class Slow(Ring):
        def get_password(self, service: str, username: str) -> str | None:
            asked.append(username)
            answer.wait(10)
            return "geheim"

    keyring.set_keyring(Slow())
    monkeypatch.setattr(keyrings, "SECONDS", 0.1)
    vault = Vault(tmp_path)
    for _ in range(3):
        assert "did not answer within 0.1 s" in str(refusal(vault))
    assert asked == ["work"]  # one prompt, not three
    monkeypatch.setattr(keyrings, "SECONDS", 5)
    threading.Timer(0.05, answer.set).start()
    assert vault.password("work") == "geheim"  # as soon as the prompt was answered


@pytest.mark.parametrize("error", [RuntimeError("geheim"), keyring.errors.KeyringLocked("geheim")])
def test_the_words_of_a_backend_are_not_passed_on(tmp_path: Path, error: Exception) -> None:
    class Broken(Ring):
        def get_password(self, service: str, username: str) -> str | None:
            raise error

    keyring.set_keyring(Broken())
    found = refusal(Vault(tmp_path))
    assert "geheim" not in f"{found}{found.hint}{found.__cause__}"
    assert found.__suppress_context__


# -- several processes -----------------------------------------------------------------------------------------------

COUNT = """
for _ in range(20):
    with vault.lock("work"):
        vault.store_token("work", b"%d" % (int(vault.token("work") or 0) + 1))
"""
STORE_FOR_EVER = """
for number in range(1 << 30):
    vault.store_token("work", b"%d:" % number + bytes([number % 256]) * 100_000)
    print(number, flush=True)
"""


def process(folder: Path, code: str) -> subprocess.Popen[bytes]:
    """Another process that works on the vault in `folder`."""
    start = "import sys\nfrom pathlib import Path\nfrom mailsync.accounts.vault import Vault\n"
    start += "vault = Vault(Path(sys.argv[1]), 'file')"
    return subprocess.Popen([sys.executable, "-c", start + code, str(folder)], stdout=subprocess.PIPE)


def test_processes_take_turns(tmp_path: Path) -> None:
    workers = [process(tmp_path, COUNT) for _ in range(4)]
    for worker in workers:
        worker.communicate(timeout=30)
    assert Vault(tmp_path, "file").token("work") == b"80"


def test_a_lock_that_is_held_times_out_and_one_whose_file_was_removed_does_not_count(tmp_path: Path) -> None:
    vault, other = Vault(tmp_path, "file"), Vault(tmp_path, "file")
    with vault.lock("work"):
        with pytest.raises(SecretsUnavailable, match="another process"), other.lock("work", 0.05):
            pass
        with other.lock("play", 0.05):
            pass
        other.forget("work")
        with other.lock("work", 0.05):
            pass
    with other.lock("work", 0.05):
        pass


def test_killed_while_it_stores_the_old_or_the_new_is_there(tmp_path: Path) -> None:
    for round_ in range(3):
        with process(tmp_path, STORE_FOR_EVER) as worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            time.sleep(0.002 * round_)
            worker.kill()
        number, _, filling = (Vault(tmp_path, "file").token("work") or b"").partition(b":")
        assert filling == bytes([int(number) % 256]) * 100_000
    with Vault(tmp_path, "file").lock("work", 0.05):  # a dead holder holds nothing
        pass
