"""Servers that lie: whatever they say, the command ends, and says so, and nothing that was mirrored is lost.

Each lie is told to a mirror made in honest times, with news on the server that it has to ask about; beside it, an
honest account has news too.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fake import letter
from tests.servers.lies_told import LIES
from tests.servers.model_server import ModelServer

ROOT = Path(__file__).resolve().parents[2]
SILENCE = 1.0
COUNT = 60
MEGABYTES = 400
SECONDS = 30
ACCOUNT = """[accounts.{name}]
email = "{name}@example.org"
username = "{name}"
host = "127.0.0.1"
port = {port}
{more}
"""
PLAIN = 'security = "none"'


@dataclass
class Ending:
    """How a command ended, what it printed, and what it took."""

    code: int
    text: str
    megabytes: float
    seconds: float


class Lied:
    """The process that forks commands."""

    def __init__(self, work: Path) -> None:
        self._out = work / "out"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.sync.lied_to", str(SILENCE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"MAILSYNC_PASSWORD_LIAR": "secret", "MAILSYNC_PASSWORD_HONEST": "secret"},
        )

    def __call__(self, *commands: tuple[Path, str]) -> list[Ending]:
        """Run commands side by side, each on the configuration and data of a folder."""
        requests: list[dict[str, Any]] = []
        for number, (folder, words) in enumerate(commands):
            where = ["--config", str(folder / "config.toml"), "--data-dir", str(folder / "data")]
            requests.append({"args": [*where, *words.split()], "out": f"{self._out}{number}"})
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(requests), file=self._process.stdin, flush=True)
        answers: list[dict[str, Any]] = json.loads(self._process.stdout.readline())
        texts = [Path(request["out"]).read_text("utf-8") for request in requests]
        return [Ending(text=text, **answer) for text, answer in zip(texts, answers, strict=True)]

    def close(self) -> None:
        self._process.communicate(timeout=10)


@pytest.fixture(scope="module")
def lied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lied]:
    lied = Lied(tmp_path_factory.mktemp("lied"))
    yield lied
    lied.close()


def configure(folder: Path, liar: int, honest: int, more: str = "") -> None:
    config = folder / "config.toml"
    more = more if "security" in more else f"{PLAIN}\n{more}"
    config.write_text(
        ACCOUNT.format(name="liar", port=liar, more=more) + ACCOUNT.format(name="honest", port=honest, more=PLAIN)
    )
    config.chmod(0o600)


def fill(server: ModelServer, count: int = COUNT) -> None:
    server.mail.create("Archive")
    for number in range(count):
        server.mail.append("INBOX" if number % 4 else "Archive", letter(number, 400), ["\\Seen"] if number % 2 else [])


@pytest.fixture(scope="module")
def mirrored(lied: Lied, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By class of server: a folder with a configuration and the mirrors of two accounts, made in honest times."""
    made = {}
    for kind in {lie.kind for lie in LIES.values()}:
        folder = made[kind] = tmp_path_factory.mktemp(kind)
        with ModelServer(kind) as one, ModelServer("full") as other:
            fill(one)
            fill(other, 5)
            configure(folder, one.port, other.port)
            for words in ("consent grant liar --all", "consent grant honest --all", "sync"):
                [ending] = lied((folder, words))
                assert ending.code == 0, ending.text
    return made


def rows(folder: Path) -> set[tuple[str, bytes, bytes]]:
    """Folder, digest and stored bytes of every message that is there and was not removed."""
    connection = sqlite3.connect(folder / "data" / "mailsync.db")
    try:
        return set(
            connection.execute(
                """SELECT f.name, c.digest, c.body FROM messages m JOIN folders f ON f.id = m.folder_id
                   JOIN accounts a ON a.id = f.account_id JOIN contents c ON c.id = m.content_id
                   WHERE a.name = 'liar' AND f.gone_at IS NULL"""
            )
        )
    finally:
        connection.close()


@pytest.mark.parametrize("name", LIES)
def test_lie(name: str, lied: Lied, mirrored: dict[str, Path], tmp_path: Path) -> None:
    lie = LIES[name]
    folders = [tmp_path / "alone", tmp_path / "beside"]
    for folder in folders:
        shutil.copytree(mirrored[lie.kind], folder)
    before = rows(folders[0])
    assert len(before) == COUNT
    with ModelServer(lie.kind) as server, ModelServer("full") as honest:
        fill(server)
        fill(honest, 6)
        server.mail.append("INBOX", letter(1000, 400))
        server.mail.store("INBOX", [1], ["\\Flagged"])
        lie.tell(server)
        for folder in folders:
            configure(folder, server.port, honest.port, lie.config)
        alone, beside = lied((folders[0], "sync liar --json"), (folders[1], "sync --json"))
    for ending in (alone, beside):
        assert ending.seconds < SECONDS, ending
        assert ending.megabytes < MEGABYTES, ending
        assert "Traceback" not in ending.text
        assert "\x1b" not in ending.text
    assert alone.code == lie.code, alone.text
    document = json.JSONDecoder().raw_decode(beside.text[beside.text.index("{") :])[0]
    [other] = [account for account in document["accounts"] if account["name"] == "honest"]
    assert (other["ok"], sum(one["new"] for one in other["folders"])) == (True, 1)
    for folder in folders:
        assert before <= rows(folder)
    assert len(server.logins) < 20
