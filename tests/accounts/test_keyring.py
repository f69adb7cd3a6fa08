"""The vault on a real Secret Service: unlocked, locked, with a prompt that nobody sees, and none at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers.process import wait_until
from tests.servers.secret_service import SecretService, python

VAULT = """
import sys
from pathlib import Path
from mailsync.accounts import keyrings
from mailsync.accounts.vault import Vault
from mailsync.errors import SecretsUnavailable

def refused(ask):
    try:
        print("not refused:", ask())
    except SecretsUnavailable as error:
        print(error, "|", error.hint)

vault = Vault(Path({folder!r}))
"""
READ = "refused(lambda: vault.password('work'))"


@pytest.fixture(scope="module")
def service() -> Iterator[SecretService]:
    """A desktop session whose keyring is unlocked."""
    with SecretService() as running:
        yield running


def code(folder: Path, *lines: str) -> str:
    return VAULT.format(folder=str(folder)) + "\n".join(lines)


def test_an_unlocked_keyring_keeps_what_one_process_stores_for_the_next(service: SecretService, tmp_path: Path) -> None:
    stores = service.python(
        code(
            tmp_path,
            "print(keyrings.look(5))",
            "vault.store_password('work', ' gehéim')",
            "vault.store_token('work', b'x' * 100_000)",
        )
    )
    assert (stores.stdout, stores.stderr) == ("Found(name='SecretService Keyring', locked=False)\n", "")
    reads = service.python(code(tmp_path, "print(vault.password('work'), vault.token('work') == b'x' * 100_000)"))
    assert reads.stdout == " gehéim True\n"
    by_keyring = service.python("import keyring; print(keyring.get_password('mailsync', 'work'))")
    assert by_keyring.stdout == " gehéim\n"
    service.python("import keyring; keyring.set_password('mailsync', 'play', 'by hand')")
    forgets = service.python(
        code(tmp_path, "print(vault.password('play'))", "vault.forget('work')", "print(vault.password('work'))")
    )
    assert forgets.stdout == "by hand\nNone\n"
    assert not service.prompted


def test_processes_that_come_first_at_once_make_one_key(service: SecretService, tmp_path: Path) -> None:
    service.python("from mailsync.accounts import keyrings; keyrings.remove('token-key')")
    names = ["a", "b", "c"]
    with ThreadPoolExecutor() as pool:
        stores = [code(tmp_path, f"vault.store_token({name!r}, b{name!r})") for name in names]
        assert [run.stderr for run in pool.map(service.python, stores)] == ["", "", ""]
    reads = service.python(code(tmp_path, *[f"print(vault.token({name!r}))" for name in names]))
    assert reads.stdout == "b'a'\nb'b'\nb'c'\n"


def test_a_locked_keyring_is_told_at_once_and_looked_at_without_a_prompt(tmp_path: Path) -> None:
    with SecretService() as service:
        service.python(code(tmp_path, "vault.store_password('work', 'geheim')", "vault.store_token('work', b'x')"))
        service.lock()
        looks = service.python(code(tmp_path, "print(keyrings.look(5))"))
        assert looks.stdout == "Found(name='SecretService Keyring', locked=True)\n"
        assert not service.prompted
        start = time.monotonic()
        reads = service.python(
            code(tmp_path, READ, "refused(lambda: vault.token('work'))", "refused(lambda: vault.forget('work'))")
        )
        assert time.monotonic() - start < 10
        assert [line.partition(" | ")[0] for line in reads.stdout.splitlines()] == ["the keyring is locked"] * 3
        assert 'general.secrets = "file"' in reads.stdout
        assert service.prompted


def test_a_prompt_that_nobody_sees_is_not_waited_for(tmp_path: Path) -> None:
    with SecretService("hangs") as service:
        service.lock()
        found = "keyrings.look(30)"  # what is slow on a busy machine: loading the library, finding the service
        reads = service.python(code(tmp_path, found, "keyrings.SECONDS = 1.0", READ))
        assert reads.stdout.startswith(
            "the keyring did not answer within 1 s | it may wait for its password in a window"
        )
        wait_until(lambda: service.prompted, 10, "the prompt")


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("", "this machine has no usable keyring | start one (GNOME Keyring, KWallet, KeePassXC), or use"),
        ("keyring.backends.fail.Keyring", "this machine has no usable keyring (PYTHON_KEYRING_BACKEND=keyring.b"),
        ("keyring.backends.null.Keyring", "this machine has no usable keyring (PYTHON_KEYRING_BACKEND=keyring.b"),
        ("keyrings.alt.file.PlaintextKeyring", "PYTHON_KEYRING_BACKEND=keyrings.alt.file.PlaintextKeyring cannot be"),
    ],
)
def test_none_at_all(tmp_path: Path, backend: str, words: str) -> None:
    variables = {"HOME": str(tmp_path)} | ({"PYTHON_KEYRING_BACKEND": backend} if backend else {})
    lines = [READ, "refused(lambda: vault.store_password('work', 'geheim'))"]
    told = python(code(tmp_path / "secrets", *lines, "print('keyring' in sys.modules)"), variables)
    assert told.stderr == ""
    first, second, _ = told.stdout.splitlines()
    assert first == second
    assert first.startswith(words)
    assert not (tmp_path / "secrets").exists()


def test_a_keyring_that_appears_is_found(service: SecretService, tmp_path: Path) -> None:
    address = service.variables["DBUS_SESSION_BUS_ADDRESS"]
    lines = [READ, "import os", f"os.environ['DBUS_SESSION_BUS_ADDRESS'] = {address!r}", READ]
    told = python(code(tmp_path, *lines), {"HOME": str(tmp_path)})
    first, second = told.stdout.splitlines()
    assert first.startswith("this machine has no usable keyring")
    assert second == "not refused: None"


def test_nothing_of_it_is_loaded_at_the_start() -> None:
    told = python(
        "import sys, mailsync.engine.engine, mailsync.accounts.vault, mailsync.accounts.credentials\n"
        "print([m for m in ('keyring', 'secretstorage', 'cryptography', 'ctypes') if m in sys.modules])",
        {},
    )
    assert told.stdout == "[]\n"
