"""`mailsync sync` without the argument parser is the command that the parser would have run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mailsync.cli import asking, run, shortcut
from mailsync.cli.context import Context
from tests.cli.conftest import CommandLine

PLAIN = [
    "sync",
    "sync work",
    "sync work home",
    "sync --json work --full home",
    "sync --folder INBOX --folder=Sent work",
    "sync --dry-run --folder a=b",
    "--config c.toml sync",
    "--config=c.toml --data-dir d sync --json",
    "--data-dir=d -v sync",
    "-vv --verbose sync work",
    "--read-only --config c --config=d sync",
    "sync sync",
    "sync --json --json",
    "sync work --config x",
]
NOT_PLAIN = [
    "",
    "status",
    "sync --help",
    "sync -h",
    "--help sync",
    "sync --jso",
    "sync --folder",
    "sync --folder -x",
    "sync --folder=",
    "--config",
    "--config sync",
    "--daemon sync",
    "--version sync",
    "sync -- work",
    "sync -v",
    "sync --full=1",
    "--config= sync",
    "-vx sync",
    "verify",
]


def asked(words: list[str], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `asking.sync` is given; empty where the line ends otherwise."""
    seen: list[Any] = []

    def note(shared: Context, names: Any, folders: Any, **flags: bool) -> int:
        options = (shared.config_option, shared.data_dir_option, shared.verbose, shared.read_only)
        seen.append((options, list(names), list(folders), flags))
        return 7

    monkeypatch.setattr(asking, "sync", note)
    assert run.run(words) == (7 if seen else 2)
    return seen


@pytest.mark.parametrize("variables", [{}, {"MAILSYNC_CONFIG": "/e/c", "MAILSYNC_DATA_DIR": ""}])
@pytest.mark.parametrize("line", PLAIN)
def test_a_plain_line_means_what_the_parser_makes_of_it(
    line: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MAILSYNC_CONFIG", "MAILSYNC_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    wrong = "--config x" in line
    assert (shortcut.plain(line.split(), Context()) is None) is wrong
    quick = asked(line.split(), monkeypatch)
    monkeypatch.setattr(shortcut, "plain", lambda words, shared: None)
    assert asked(line.split(), monkeypatch) == quick
    assert bool(quick) is not wrong


@pytest.mark.parametrize("line", NOT_PLAIN)
def test_all_else_is_left_to_the_parser(line: str) -> None:
    shared = Context()
    assert shortcut.plain(line.split(), shared) is None
    assert shared == Context()


def test_a_shell_that_completes_is_answered_by_the_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(shortcut.COMPLETION_VARIABLE, "complete_bash")
    assert shortcut.plain(["sync"], Context()) is None


HEAVY = ("pydantic", "typer", "rich", "sqlite_utils", "keyring", "httpx", "msal", "authlib", "tomlkit", "structlog")


def test_the_second_sync_loads_nothing_heavy(cli: CommandLine, tmp_path: Path) -> None:
    cli.configure('[accounts.work]\nemail = "me@example.com"\nhost = "127.0.0.1"\nport = 1\nsecurity = "none"\n')
    cli("consent", "grant", "work", "--all")
    program = (
        "import sys; from mailsync.cli.run import run; code = run(sys.argv[1:]);"
        f"print(code, *sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    line = [sys.executable, "-c", program, "--config", str(cli.config), "--data-dir", str(cli.data), "sync"]
    for _ in range(2):
        told = subprocess.run(line, capture_output=True, text=True, check=True, cwd=tmp_path, env=secrets())
    assert told.stdout == "4\n", told


def secrets() -> dict[str, str]:
    return os.environ | {"MAILSYNC_PASSWORD_WORK": "secret", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
