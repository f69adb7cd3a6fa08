"""Every command has help with an example, and is documented; so is every key of the configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mailsync.cli.app import app
from tests.cli.conftest import CommandLine

README = Path(__file__).resolve().parents[2] / "README.md"
GLOBAL = {"--install-completion", "--show-completion", "--help", "--json"}


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group with its path."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, (*path, name))


TREE = list(commands(typer.main.get_command(app)))
LEAVES = [(path, command) for path, command in TREE if path and not hasattr(command, "commands")]


def flags(command: Any) -> set[str]:
    return {flag for parameter in command.params for flag in parameter.opts if flag.startswith("--")}


def test_the_commands_of_this_version() -> None:
    assert sorted(" ".join(path) for path, _ in LEAVES) == [
        "account add",
        "account check",
        "account list",
        "account remove",
        "attachments",
        "audit list",
        "audit verify",
        "auth login",
        "auth logout",
        "auth status",
        "cleanup approve",
        "cleanup list",
        "cleanup reject",
        "cleanup scan",
        "cleanup show",
        "cleanup undo",
        "cleanup unsubscribe",
        "consent grant",
        "consent list",
        "consent revoke",
        "db path",
        "db reindex",
        "db stats",
        "demo",
        "doctor",
        "export eml",
        "export maildir",
        "export mbox",
        "health",
        "jobs cancel",
        "jobs follow",
        "jobs list",
        "jobs retry",
        "jobs show",
        "quarantine discard",
        "quarantine list",
        "quarantine retry",
        "quarantine show",
        "restore",
        "search",
        "show",
        "status",
        "sync",
        "thread",
        "triage",
        "verify",
        "watch",
    ]


@pytest.mark.parametrize("path", [path for path, _ in TREE], ids=" ".join)
def test_help_has_an_example(cli: CommandLine, path: tuple[str, ...]) -> None:
    result = cli(*path, "--help")
    assert result.code == 0
    assert "Example: mailsync" in result.out or "$(mailsync" in result.out
    assert "Usage: mailsync" in result.out


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])
def test_every_command_takes_json(path: tuple[str, ...], command: Any) -> None:
    assert "--json" in flags(command)
    assert all(parameter.help for parameter in command.params if hasattr(parameter, "help")), path


def readme() -> str:
    if not README.exists():
        pytest.skip("README.md is not written yet")
    return README.read_text("utf-8")


def test_every_command_and_option_is_in_the_readme() -> None:
    text = readme()
    missing = []
    for path, command in TREE:
        # One line may tell of several commands of a group: `mailsync consent list` / `grant NAME`.
        lines = [line for line in text.splitlines() if " ".join(["mailsync", *path[:1]]) in line]
        if not any(re.search(rf"\b{path[-1]}\b", line) for line in lines if path) and path:
            missing.append(" ".join(["mailsync", *path]))
        missing += [
            " ".join(["mailsync", *path, parameter.opts[-1]])
            for parameter in command.params
            if parameter.opts[0].startswith("-") and not GLOBAL & set(parameter.opts)
            if not any(re.search(rf"(?<![\w-]){flag}(?![\w-])", text) for flag in parameter.opts)
        ]
    assert not missing


def test_every_configuration_key_is_documented() -> None:
    # The example is the reference: tests/config/test_example.py holds it against the models, key by key.
    assert "[config.example.toml](config.example.toml) shows every key" in readme()
