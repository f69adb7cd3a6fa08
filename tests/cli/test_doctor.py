"""`doctor`: the environment of real servers, broken keyrings, wrong files; quick, whatever hangs."""

from __future__ import annotations

import os
import socket
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import keyring
import keyring.core
import pytest

from mailsync.accounts import keyrings
from mailsync.accounts.vault import Vault
from mailsync.engine import doctor, machine
from mailsync.store import inspection, schema
from tests.accounts.test_vault import Ring
from tests.cli.conftest import CommandLine, Result
from tests.servers.dovecot import Dovecot


def found(result: Result) -> dict[tuple[str, str | None], tuple[str, str, str | None]]:
    """`{(name, account): (status, detail, hint)}`."""
    return {(one["name"], one["account"]): (one["status"], one["detail"], one["hint"]) for one in result.json["checks"]}


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    """A machine with a keyring that works."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    made = Ring()
    monkeypatch.setattr(keyring.core, "_keyring_backend", made)
    monkeypatch.setattr(keyring.core, "init_backend", lambda: None)
    return made


def account(name: str, port: int, more: str = "", security: str = "none") -> str:
    where = f'host = "127.0.0.1"\nport = {port}\nsecurity = "{security}"\n{more}\n'
    return f'[accounts.{name}]\nemail = "me@example.com"\n{where}'


def test_all_is_well(cli: CommandLine, dovecot: Dovecot, ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    command = f"password_command = ['{sys.executable}', '-c', 'print(\"geheim\")']"
    ring.set_password("mailsync", "kept", "geheim")
    monkeypatch.setenv("MAILSYNC_PASSWORD_GIVEN", "geheim")
    cli.configure(
        account("asked", dovecot.port, command)
        + account("kept", dovecot.port, f'tls_ca_file = "{dovecot.ca_file}"', "starttls")
        + account("given", dovecot.tls_port, f'tls_ca_file = "{dovecot.ca_file}"', "tls")
    )
    cli("consent", "list")
    result = cli("doctor", "--json")
    assert (result.code, result.err) == (0, "")
    checks = found(result)
    assert {"pass"} == {status for (name, _), (status, _, _) in checks.items() if name != "clock"}
    assert checks["secret", "asked"][1] == "a password: password_command prints one"
    assert checks["secret", "kept"][1] == "a password: in the keyring"
    assert checks["secret", "given"][1] == "a password: in MAILSYNC_PASSWORD_GIVEN"
    assert "not encrypted" in checks["server", "asked"][1]
    for name in ("kept", "given"):
        assert "TLSv1.3" in checks["server", name][1]
    assert "Dovecot" in checks["server", "kept"][1]
    assert "geheim" not in result.out
    assert not cli.data.exists()
    text = cli("doctor")
    assert text.code == 0
    assert "pass  kept   server" in text.out


def test_without_anything(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.config.unlink()
    checks = found(cli("doctor", "--json"))
    assert checks["config", None] == ("fail", f"no configuration at {cli.config}", checks["config", None][2])
    assert cli("doctor").code == 2
    assert checks["data_dir", None][0] == "pass"


def test_a_wrong_configuration_stops_nothing_else(cli: CommandLine) -> None:
    cli.configure("[accounts.work]\nhost = 7\n")
    result = cli("doctor", "--json")
    assert result.code == 2
    checks = found(result)
    assert checks["config", None][0] == "fail"
    assert ":2: accounts.work.host: must be a text" in checks["config", None][1]
    assert checks["tls", None][0] == checks["authorities", None][0] == "pass"


def test_a_machine_without_keyring(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setattr(keyring.core, "_keyring_backend", keyring.core.load_env())
    cli.configure(account("work", 1))
    result = cli("doctor", "--json")
    assert result.code == 1
    checks = found(result)
    status, detail, hint = checks["keyring", None]
    assert (status, detail.partition(" (")[0]) == ("fail", "this machine has no usable keyring")
    assert "password_command" in (hint or "")
    assert checks["secret", "work"][:2] == ("fail", detail)
    assert "refused the connection" in checks["server", "work"][1]
    monkeypatch.setenv("MAILSYNC_PASSWORD_WORK", "geheim")
    checks = found(cli("doctor", "--json"))
    assert (checks["keyring", None][0], checks["secret", "work"][0]) == ("warn", "pass")
    assert checks["keyring", None][1].endswith("no account needs it")
    monkeypatch.delenv("MAILSYNC_PASSWORD_WORK")
    cli.configure('[general]\nsecrets = "file"\n' + account("work", 1))
    checks = found(cli("doctor", "--json"))
    assert (checks["keyring", None][0], checks["secret", "work"][1]) == ("pass", "no password is known")


def test_what_hangs_is_told_in_time(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "SECONDS", 1.0)
    answer = threading.Event()
    monkeypatch.setattr(keyrings, "_usable", lambda: [answer.wait(9)])
    with socket.create_server(("127.0.0.1", 0)) as server:  # nobody accepts
        port = server.getsockname()[1]
        cli.configure(account("slow", port, "password_command = ['sleep', '60']") + account("work", port))
        start = time.monotonic()
        checks = found(cli("doctor", "--json"))
    answer.set()
    assert time.monotonic() - start < 5
    for place in (("server", "slow"), ("secret", "slow"), ("secret", "work"), ("keyring", None)):
        assert checks[place][1] == "no answer within 1 s"
    assert checks["server", "work"][0] == "fail"


def test_accounts_that_nobody_signed_in(cli: CommandLine) -> None:
    oauth = 'auth = "oauth2"\n[accounts.work.oauth]\nclient_id = "x"\nissuer = "http://127.0.0.1:1"\n'
    cli.configure(account("work", 1, oauth))
    checks = found(cli("doctor", "--json"))
    assert checks["secret", "work"] == ("fail", "nobody has signed in yet", "run: mailsync auth login work")
    assert checks["provider", None] == ("warn", "cannot reach 127.0.0.1", checks["provider", None][2])


def test_the_clock_of_a_provider(cli: CommandLine) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as provider:  # answers 501, with a date
        threading.Thread(target=provider.serve_forever, daemon=True).start()
        issuer = f'[accounts.work.oauth]\nclient_id = "x"\nissuer = "http://127.0.0.1:{provider.server_port}"\n'
        cli.configure(account("work", 1, f'auth = "oauth2"\n{issuer}'))
        document = cli("doctor", "--json").json
        provider.shutdown()
    clocks = [check["detail"] for check in document["checks"] if check["name"] == "clock"]
    assert "agrees with 127.0.0.1" in clocks


@pytest.mark.parametrize(("mode", "status"), [(0o755, "warn"), (0o777, "fail"), (0o1777, "warn")])
def test_folders_and_files_open_to_others(mirrored: CommandLine, mode: int, status: str) -> None:
    mirrored.data.chmod(mode)
    (mirrored.data / "mailsync.db").chmod(0o644)
    mirrored.config.chmod(0o666)
    checks = found(mirrored("doctor", "--json"))
    assert checks["data_dir", None][0] == status
    assert checks["files", None][:2] == ("fail", checks["files", None][1])
    assert "mailsync.db" in checks["files", None][1]
    assert checks["config", None][0] == "warn"


def test_the_database_is_read_and_not_touched(mirrored: CommandLine) -> None:
    path = mirrored.data / "mailsync.db"
    before = path.read_bytes()
    assert found(mirrored("doctor", "--json"))["database", None] == (
        "pass",
        f"schema {schema.VERSION} of {schema.VERSION}, read through without a fault",
        None,
    )
    change(path, f"PRAGMA user_version = {schema.VERSION - 1}")
    assert found(mirrored("doctor", "--json"))["database", None][0] == "warn"
    change(path, f"PRAGMA user_version = {schema.VERSION + 1}")
    assert "newer mailsync" in found(mirrored("doctor", "--json"))["database", None][1]
    change(path, f"PRAGMA user_version = {schema.VERSION}")
    assert path.read_bytes()[100:] == before[100:]
    damaged = bytearray(before)
    page = int.from_bytes(before[16:18], "big")
    damaged[page:] = b"\x55" * (len(before) - page)  # all pages but the first
    path.write_bytes(damaged)
    result = mirrored("doctor", "--json")
    assert (result.code, found(result)["database", None][0]) == (1, "fail")


def change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


def test_time_that_does_not_suffice(mirrored: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "STEPS", 1)
    (check,) = machine.database(mirrored.data, time.time(), seconds=-1.0)
    assert (check.status, "as far as" in check.detail) == ("warn", True)


def test_a_clock_that_is_wrong(mirrored: CommandLine) -> None:
    ahead = time.time() + 3600
    change(mirrored.data / "mailsync.db", f"UPDATE accounts SET state_since = {ahead}")
    os.utime(mirrored.data / "mailsync.db", (ahead, ahead))
    checks = list(machine.clock(mirrored.data, time.time())) + list(machine.database(mirrored.data, time.time()))
    told: list[Any] = [check.detail for check in checks if check.name == "clock" and check.status == "fail"]
    assert told == ["59 min behind the newest file of mailsync", "59 min behind what is on record in the database"]
    off = machine.difference("Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0 + 400)
    assert off == 400
    assert [machine.compared("h", seconds).status for seconds in (5.0, -100.0, off)] == ["pass", "warn", "fail"]
    assert machine.difference("yesterday", 0.0) is None


def test_authorities_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    told = {check.name: check for check in machine.tls()}["authorities"]
    assert (told.status, "SSL_CERT_FILE names" in told.detail) == ("fail", True)
    (tmp_path / "none.pem").touch()
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "empty"))
    (tmp_path / "empty").mkdir()
    told = {check.name: check for check in machine.tls()}["authorities"]
    assert told.status == "fail"


def test_a_locked_keyring_is_told_without_a_prompt(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyrings, "_locked", lambda backend: True)
    cli.configure(account("work", 1))
    Vault(cli.data / "secrets", "keyring").store_password("work", "geheim")
    checks = found(cli("doctor", "--json"))
    assert checks["keyring", None][:2] == checks["secret", "work"][:2] == ("fail", "the keyring is locked")
