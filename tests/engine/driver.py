"""A process that runs the engine, to be killed: `python -m tests.engine.driver sync|serve DIR PORT USER BATCH`.

The password is taken from the environment, more options of the account from `DIR/options.json` where that exists. It
says `ready` when the engine is about to start; `sync` then prints the document of one sync, and `serve` runs the daemon
until a signal ends it, with schedules and a monitor, and says `serving`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mailsync.config.models import Config
from mailsync.daemon.service import serve
from mailsync.engine.ask import ask
from mailsync.errors import ConfigError
from mailsync.store import consents
from mailsync.store.database import Store
from mailsync.sync import download
from tests.sync.rig import ACCOUNT, SCOPES

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = "options.json"
BATCH = 100_000
"""Raw bytes a transaction: many commits, so that there are many moments between two."""


def config_for(port: int, user: str, **options: Any) -> Config:
    """A configuration with the one account `work`."""
    account = {"email": f"{user}@example.org", "username": user, "host": "127.0.0.1", "port": port, "security": "none"}
    return Config.model_validate({"accounts": {ACCOUNT: account | options}})


def start(mode: str, directory: Path, port: int, user: str, password: str) -> subprocess.Popen[str]:
    """This driver as the leader of a process group of its own; returns when it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.engine.driver", mode, str(directory), str(port), user, str(BATCH)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {f"MAILSYNC_PASSWORD_{ACCOUNT.upper()}": password},
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a sync; its document."""
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    document: dict[str, Any] = json.loads(out)
    return document


def main() -> None:
    mode, directory, port, user, batch = sys.argv[1:]
    download.BATCH_BYTES = int(batch)

    def read_config() -> Config:
        options = Path(directory) / OPTIONS
        try:
            return config_for(int(port), user, **(json.loads(options.read_text()) if options.exists() else {}))
        except ValueError as error:
            raise ConfigError("wrong") from error

    store = Store.open(Path(directory))
    store.write(lambda connection: consents.grant(connection, ACCOUNT, SCOPES, time.time())).result()
    print("ready", flush=True)
    try:
        if mode == "sync":
            job = ask(read_config(), store, Path(directory), "sync", {})
            print(json.dumps(job.result))
        else:
            serve(read_config, store, Path(directory), ready=lambda: print("serving", flush=True))
    finally:
        store.close()


if __name__ == "__main__":
    main()
