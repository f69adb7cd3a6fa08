"""Other processes that ask for a token, also such as are killed at it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Protocol

from mailsync.accounts.vault import Vault

ROOT = Path(__file__).resolve().parents[3]
CHILD = """
import json, os, signal, sys, time
from pathlib import Path
from mailsync.accounts.oauth.broker import access_token
from mailsync.accounts.vault import Vault
from mailsync.config.models import AccountConfig, OAuthConfig

settings, oauth, folder, ahead, killed = json.loads(sys.argv[1])

class Killed(Vault):
    def store_token(self, name, data):
        if killed == "after":
            super().store_token(name, data)
        os.kill(os.getpid(), signal.SIGKILL)

vault = (Killed if killed else Vault)(Path(folder), "file")
print("ready", flush=True)
sys.stdin.readline()
account = AccountConfig(**settings, oauth=OAuthConfig(**oauth))
print(access_token("work", account, vault, now=lambda: time.time() + ahead).token)
"""


class Asker(Protocol):
    """An account and its vault."""

    @property
    def settings(self) -> dict[str, Any]: ...
    @property
    def oauth(self) -> dict[str, Any]: ...
    @property
    def vault(self) -> Vault: ...


def child(house: Asker, ahead: float, killed: str = "") -> subprocess.Popen[str]:
    """Another process that is about to ask for a token, with a clock that is `ahead`; it begins at a line on stdin."""
    given = [house.settings, house.oauth, str(house.vault.folder), ahead, killed]
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, json.dumps(given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process
