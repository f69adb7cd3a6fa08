"""Nothing private reaches the log: every error path is fed with secrets and mail, and what was logged is searched."""

from __future__ import annotations

import io
import json
import logging
import quopri
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from mailsync.accounts import keyrings
from mailsync.accounts.oauth.token import Tokens
from mailsync.accounts.vault import Vault
from mailsync.config.models import Config
from mailsync.engine.engine import Engine
from mailsync.engine.handlers import Handlers
from mailsync.errors import ConfigError
from mailsync.pipeline.runner import Runner
from mailsync.privacy import log
from mailsync.privacy.consent import SCOPES
from mailsync.store import consents, jobs
from mailsync.store.database import Store
from mailsync.sync import account, monitor
from tests.cli.leaks import forms
from tests.engine.hostile import Hostile
from tests.servers.fake import Box, Mail
from tests.servers.imap_client import encode_name
from tests.servers.process import HOST, wait_until

ROOT = Path(__file__).resolve().parents[2]
CREDENTIALS = {
    "password": 'Passwort+42/"ßx\\end=',
    "access token": "ya29.Zugriff-0123456789_abcdef",
    "refresh token": "1//Erneuerung-9876543210-xyz",
    "client secret": "Anwendung-Geheimnis.4711~Q",
}
MAIL = {
    "address": "vertraulich.person@privat.example",
    "subject": "Kündigung zum Quartal 4711",
    "folder": "Scheidung/Anwälte intern",
    "body": "Das Ergebnis der Untersuchung liegt vor",
    "file name": "Gehälter 2026 (geheim).xlsx",
}
PRIVATE = CREDENTIALS | MAIL
SAYS = " ".join(PRIVATE.values())
VERBS = ("CAPABILITY", "ID", "LIST", "EXAMINE", "UID SEARCH", "UID FETCH", "IDLE")
USERS = ["fine", "NO LOGIN", "BAD LOGIN", "BYE LOGIN", "junk LOGIN", "ALERT *"]
USERS += [f"{how} {verb}" for verb in VERBS for how in ("NO", "BAD")]
USERS += [f"{how} {verb}" for verb in ("LIST", "EXAMINE", "UID FETCH") for how in ("BYE", "junk")]
LETTER = (
    """From: <{address}>
Subject: {subject}
Content-Type: multipart/mixed; boundary=b

--b

{body}
--b
Content-Disposition: attachment; filename="{file name}"

x""".format_map(PRIVATE)
    .replace("\n", "\r\n")
    .encode()
)


def found(told: str | bytes) -> set[str]:
    """The names of what is private and occurs in `told`, however it is written."""
    data = told.encode("utf-8", "surrogateescape") if isinstance(told, str) else told
    shown = set()
    for name, text in PRIVATE.items():
        ways = forms(text) | {quopri.encodestring(text.encode(), quotetabs=True), encode_name(text).encode()}
        ways |= {json.dumps(encode_name(text))[1:-1].encode(), text.encode("latin-1")}
        shown |= {name for way in ways if way.lower() in data.lower()}
    return shown


class Provider(BaseHTTPRequestHandler):
    """A token endpoint that refuses, with all it was given and more."""

    def do_POST(self) -> None:
        said = json.dumps({"error": "invalid_grant", "error_description": SAYS}).encode()
        self.send_response(400)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: stderr is what is tested."""


@pytest.fixture(scope="module")
def provider() -> Iterator[int]:
    with ThreadingHTTPServer((HOST, 0), Provider) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[int, int]]:
    """Ports of one that takes LOGIN and XOAUTH2, and of one that takes PLAIN and OAUTHBEARER."""
    Hostile.says = SAYS.encode()
    boxes = {name: Box({uid: Mail(LETTER + b"%d" % uid) for uid in (1, 2, 3)}) for name in ("INBOX", MAIL["folder"])}
    with Hostile(boxes) as one, Hostile(boxes) as other:
        one.capabilities += " AUTH=XOAUTH2"
        other.capabilities += " AUTH=PLAIN AUTH=OAUTHBEARER SASL-IR"
        for server in (one, other):
            server.bad = {2: "nil", 3: "omit"}
        yield one.port, other.port


def accounts(servers: tuple[int, int], provider: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Tables of config.toml: each user at one of the servers, each way to sign in, each place of secrets."""
    kept = folder / "kept"
    kept.mkdir()
    (kept / "password").write_text(PRIVATE["password"])
    (kept / "token").write_text(PRIVATE["access token"])
    (kept / "client").write_text(PRIVATE["client secret"])
    (kept / "fails").write_text(f"#!/bin/sh\ncat {kept}/password {kept}/token | tee /dev/stderr\nexit 3\n")
    (kept / "fails").chmod(0o700)
    (kept / "mailsync.token-key").write_bytes(bytes(32))
    base = {"email": MAIL["address"], "host": HOST, "security": "none", "sync_interval": 60}
    plain = base | {"password_command": ["cat", str(kept / "password")]}
    token = base | {"auth": "oauth2", "oauth_command": ["cat", str(kept / "token")]}
    endpoint = f"http://{HOST}:{provider}/token"
    oauth: dict[str, Any] = {"client_id": "mailsync", "token_endpoint": endpoint, "authorization_endpoint": endpoint}
    oauth |= {"client_secret_command": ["cat", str(kept / "client")]}
    tables = {f"a{n}": plain | {"username": user, "port": servers[n % 2]} for n, user in enumerate(USERS)}
    for number, port in enumerate(servers):
        tables[f"p{number}"] = plain | {"username": "NO LOGIN", "port": port}
        tables[f"t{number}"] = token | {"username": "NO LOGIN", "port": port}
        tables[f"u{number}"] = token | {"username": "NO EXAMINE", "port": port}
    tables["fails"] = base | {"port": servers[0], "password_command": [str(kept / "fails")]}
    tables["keyring"] = base | {"port": servers[0]}
    tables["renewal"] = base | {"port": servers[0], "auth": "oauth2", "oauth": oauth}
    return tables


def prepare(folder: Path, names: list[str], provider: int) -> Store:
    """A store in which all is allowed, and a sign-in of `renewal` that has to be renewed."""
    store = Store.open(folder)
    for name in names:
        store.write(partial(consents.grant, account=name, scopes=SCOPES, at=1.0)).result()
    tokens = Tokens(
        access=PRIVATE["access token"],
        refresh=PRIVATE["refresh token"],
        expires_at=time.time() - 10,
        scopes=("imap",),
        subject=PRIVATE["address"],
        obtained_at=1.0,
        refresh_obtained_at=1.0,
        client_id="mailsync",
        issuer="",
        token_endpoint=f"http://{HOST}:{provider}/token",
    )
    Vault(folder / "secrets").store_token("renewal", tokens.dump())
    return store


def events(written: Path) -> dict[str, set[str]]:
    """The events in a log, with the accounts they are about."""
    seen: dict[str, set[str]] = {}
    for line in written.read_text("utf-8").splitlines():
        entry = json.loads(line)
        seen.setdefault(entry["event"], set()).add(entry.get("account", ""))
    return seen


@pytest.fixture
def logged(
    servers: tuple[int, int], provider: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[Path, str]]]:
    """Has an engine meet all of it, or some accounts: gives the log file, and all else that was logged."""
    tables = accounts(servers, provider, tmp_path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "kept"))
    monkeypatch.setattr(monitor, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(account, "LOSSES", 1)
    monkeypatch.setattr(keyrings, "_usable", fail)
    table, step = Handlers.table, Runner.step
    monkeypatch.setattr(Handlers, "table", lambda self: table(self) | {"crash": crash})
    steps = iter([sqlite3.DatabaseError(SAYS)])

    def broken_once(self: Runner) -> int:
        for error in steps:
            raise error
        return step(self)

    monkeypatch.setattr(Runner, "step", broken_once)
    root, careless, console = logging.getLogger(), io.StringIO(), io.StringIO()
    handler = logging.StreamHandler(careless)
    level = root.level

    def run(*names: str) -> tuple[Path, str]:
        folder = tmp_path / "data"
        chosen = {name: table for name, table in tables.items() if not names or name in names}
        store = prepare(folder, list(chosen), provider)
        log.configure("debug", stderr=console, folder=folder, style="console")
        engine = Engine(Config.model_validate({"accounts": chosen}), store, folder, quiet=True, read_config=fail)
        engine.start()
        try:
            asked = [
                store.write(partial(jobs.insert, kind=kind, at=time.time(), params={"accounts": ["u0"]})).result()
                for kind in ("verify", "check", "crash", "reload")
            ]
            wait_until(lambda: ended(store, asked), 60, "the jobs")
            wait_until(
                lambda: set(chosen) <= events(folder / log.FILE_NAME).get("sync_finished", set()), 60, "every sync"
            )
        finally:
            engine.stop()
            store.close()
            log.close()
        return folder / log.FILE_NAME, console.getvalue() + careless.getvalue()

    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield run
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def fail(*arguments: object) -> Any:
    raise ConfigError(SAYS)


async def crash(job: object, stopping: object) -> Any:
    raise ValueError(SAYS) from KeyError(SAYS)


def ended(store: Store, asked: list[int]) -> bool:
    with store.read() as connection:
        return all((job := jobs.get(connection, one)) and job.status in ("completed", "failed") for one in asked)


def test_no_error_is_told_by_its_words(
    logged: Callable[..., tuple[Path, str]], capfd: pytest.CaptureFixture[str]
) -> None:
    written, told = logged()
    seen = events(written)
    assert {"job_failed", "pipeline_failed", "sync_failed", "folder_failed", "messages_quarantined"} <= set(seen)
    for name in ("a1", "a2", "a3", "p0", "p1", "t0", "t1", "fails", "keyring", "renewal"):
        assert name in seen["sync_failed"]
    assert {f"a{USERS.index(f'{how} EXAMINE')}" for how in ("NO", "BAD")} <= seen["folder_failed"]
    captured = capfd.readouterr()
    assert found(written.read_bytes()) == set()
    assert found(told) == set()
    assert found(captured.out + captured.err) == set()
    assert "sync_failed" in told
    assert all(shown.stat().st_mode & 0o077 == 0 for shown in written.parent.glob("mailsync.log*"))


def test_a_log_that_tells_what_errors_say_would_be_found_out(
    logged: Callable[..., tuple[Path, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "error_name", str)
    monkeypatch.setattr(log, "TEXT_FIELDS", dict(log.TEXT_FIELDS) | {"error": ".*"})
    written, told = logged("u0", "renewal")
    assert found(written.read_bytes()) == set(PRIVATE)
    assert found(told) == set(PRIVATE)


def test_commands_and_a_daemon_tell_no_secrets(
    servers: tuple[int, int], provider: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "kept"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    every = accounts(servers, provider, tmp_path)
    tables = {name: every[name] for name in ("p0", "t1", "u0", "fails", "renewal")}
    config, data = tmp_path / "config.toml", tmp_path / "data"
    right = tomlkit.dumps({"accounts": tables})
    config.write_text(right)
    prepare(data, list(tables), provider).close()
    command = [sys.executable, "-m", "mailsync", "-vv", "--config", str(config), "--data-dir", str(data)]

    def shown(*arguments: str, code: int) -> str:
        run = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        assert run.returncode == code, run.stderr
        return run.stdout + run.stderr

    written = data / log.FILE_NAME

    def has(event: str, names: set[str]) -> bool:
        assert daemon.poll() is None
        return written.exists() and names <= events(written).get(event, set())

    daemon = subprocess.Popen([*command, "--daemon"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: has("sync_finished", set(tables)), 60, "a sync of each account")
        config.write_text(f"passwort = {json.dumps(PRIVATE['password'])}\n{right}")
        daemon.send_signal(signal.SIGHUP)
        wait_until(lambda: has("config_not_reloaded", {""}), 30, "a refused configuration")
    finally:
        daemon.terminate()
        out, err = daemon.communicate(timeout=30)
    assert found(out + err + written.read_bytes()) == set()
    assert [line for line in err.splitlines() if line[:1] != b"{"] == [b"mailsync: serving, pid %d" % daemon.pid]
    assert found(shown("sync", code=2)) == set()
    config.write_text(f"{right}\npassword = {json.dumps(PRIVATE['password'])[:-1]}")
    assert found(shown("sync", code=2)) == set()
    config.write_text(right)
    # Whoever runs a command is told what a server says, but nothing that it was told in confidence.
    assert "access token" not in found(shown("sync", "u0", code=1))
    assert "password" not in found(shown("account", "check", "p0", code=3))
    (data / "mailsync.db").write_bytes(SAYS.encode() * 1000)
    broken = shown("sync", code=1)
    assert "Traceback (most recent call last)" in broken
    assert found(broken) == set()
