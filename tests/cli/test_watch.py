"""`watch` in a process of its own: how it watches, then a line per change."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailsync.store import consents
from mailsync.store.database import Store
from tests.servers.dovecot import CONDSTORE_ONLY, Dovecot
from tests.servers.fake import letter
from tests.sync.rig import SCOPES


@pytest.mark.parametrize(("capability", "way"), [(None, "notify"), (CONDSTORE_ONLY, "idle")])
def test_the_way_and_then_a_line_per_change(
    start_dovecot: Callable[..., Dovecot], tmp_path: Path, capability: str | None, way: str
) -> None:
    server = start_dovecot(capability=capability)
    server.fill("alice", "INBOX", [(letter(1), (), None)])
    config = tmp_path / "config.toml"
    config.write_text(
        f'[accounts.work]\nemail = "alice@example.org"\nusername = "alice"\nhost = "127.0.0.1"\nport = {server.port}\n'
        'security = "none"\n'
    )
    config.chmod(0o600)
    data = tmp_path / "data"
    store = Store.open(data)
    store.write(lambda connection: consents.grant(connection, "work", SCOPES, time.time())).result()
    store.close()
    watch = subprocess.Popen(
        [sys.executable, "-m", "mailsync", "--config", str(config), "--data-dir", str(data), "watch", "--json"],
        stdout=subprocess.PIPE,
        env=os.environ | {"MAILSYNC_PASSWORD_WORK": "secret"},
    )
    try:
        first = read_until(watch, "watching")
        assert first["ways"] == {way: ["INBOX"]}
        assert first["detail"] == f"INBOX by {way.upper()}"
        with server.client() as client:
            client.append("INBOX", letter(2))
            assert read_until(watch, "new")["subject"] == "2"
            client.store("INBOX", [1], "+FLAGS", "\\Seen")
            assert read_until(watch, "flags")["uids"] == "1"
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=30)
    finally:
        watch.kill()
        watch.communicate()
    assert watch.returncode == 130


def read_until(watch: subprocess.Popen[bytes], kind: str) -> dict[str, Any]:
    """The next line of that type."""
    assert watch.stdout is not None
    for line in watch.stdout:
        document: dict[str, Any] = json.loads(line)
        if document["type"] == kind and document.get("subject") != "1":
            return document
    raise AssertionError("the watch ended")
