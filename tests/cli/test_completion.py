from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.cli.conftest import CommandLine


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("mailsync consent grant w", ["work"]),
        ("mailsync consent grant ", ["home", "work"]),
        ("mailsync sync h", ["home"]),
        ("mailsync consent grant work email", ["email_read"]),
        ("mailsync sta", ["status"]),
        ("mailsync export m", ["maildir", "mbox"]),
        ("mailsync export mbox out --account h", ["home"]),
        ("mailsync account remove h", ["home"]),
        ("mailsync account add --provider web", ["webde"]),
        ("mailsync account add --consent mailbox_", ["mailbox_access", "mailbox_modify"]),
        ("mailsync account add --security st", ["starttls"]),
    ],
)
def test_the_shell_completes_names(cli: CommandLine, words: str, expected: list[str]) -> None:
    cli.configure("[accounts.work]\n[accounts.home]\n")
    assert completed(cli, words) == expected


def test_a_wrong_configuration_completes_nothing_quietly(cli: CommandLine) -> None:
    for text in ("[accounts", "accounts = 3", ""):
        cli.configure(text)
        assert completed(cli, "mailsync sync ") == []


def completed(cli: CommandLine, words: str) -> list[str]:
    variables = os.environ | {
        "_MAILSYNC_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - (not words.endswith(" "))),
        "MAILSYNC_CONFIG": str(cli.config),
    }
    run = subprocess.run([sys.executable, "-m", "mailsync"], env=variables, capture_output=True, text=True, check=False)
    assert run.stderr == ""
    return sorted(line for line in run.stdout.split() if line)
