"""A command line with a configuration and a data directory of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mailsync.cli.run import run
from tests.cli import mirror


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    code: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


class CommandLine:
    """Runs commands in this process, on `config` and `data`."""

    def __init__(self, folder: Path, capture: pytest.CaptureFixture[bytes]) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.data = folder / "data"
        self._capture = capture
        self.configure('[accounts.work]\nemail = "me@example.com"\nhost = "127.0.0.1"\nsecurity = "none"\n')

    def configure(self, text: str) -> None:
        self.config.write_text(text, "utf-8")
        self.config.chmod(0o600)

    def __call__(self, *arguments: str) -> Result:
        code = run(["--config", str(self.config), "--data-dir", str(self.data), *arguments])
        captured = self._capture.readouterr()
        return Result(code, captured.out, captured.err.decode("utf-8"))


@pytest.fixture
def cli(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    for variable in ("MAILSYNC_CONFIG", "MAILSYNC_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    return CommandLine(tmp_path, capsysbinary)


@pytest.fixture
def mirrored(cli: CommandLine) -> CommandLine:
    mirror.make(cli.data)
    return cli
