"""Every way a run can end."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import mailsync
from mailsync.cli import output, status
from mailsync.cli.context import Context
from mailsync.errors import Unreachable
from mailsync.store.database import Store
from tests.cli.conftest import CommandLine

PROGRAM = [sys.executable, "-m", "mailsync"]


def ends_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(shared: Context) -> None:
        raise error

    monkeypatch.setattr(status, "read", fail)


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (Unreachable("no\x1b way", hint="wait"), 4, ["error: no\ufffd way", "hint: wait"]),
        (KeyboardInterrupt(), 130, []),
        (BrokenPipeError(), 1, []),
        (OSError(28, "No space", "/x"), 1, ["error: /x: No space", "hint: make room on that disk, then run it again"]),
        (OSError(5, "I/O error", "/x"), 1, ["error: /x: I/O error"]),
        (sqlite3.DatabaseError("malformed"), 1, ["error: the database cannot be read: malformed"]),
        (ZeroDivisionError("secret"), 1, ["error: unexpected ZeroDivisionError"]),
    ],
)
def test_errors(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, lines: list[str]
) -> None:
    ends_with(error, monkeypatch)
    result = cli("status")
    assert result.code == code
    assert result.raw == b""
    assert result.err.splitlines()[: len(lines)] == lines
    assert len(result.err.splitlines()) <= 2
    assert "Traceback" not in result.err
    assert "secret" not in result.err


def test_a_traceback_only_when_asked_for(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    ends_with(Unreachable("no way"), monkeypatch)
    assert "Traceback" in cli("-v", "status").err


@pytest.mark.parametrize(
    "arguments",
    [["frob"], ["--frob"], ["status", "--frob"], ["status", "extra"], ["--config"], ["consent"], ["db", "x"]],
)
def test_wrong_usage_is_2(cli: CommandLine, arguments: list[str]) -> None:
    result = cli(*arguments)
    assert (result.code, result.raw) == (2, b"")
    assert result.err


def test_a_wrong_choice_is_told_in_plain_words(cli: CommandLine) -> None:
    told = cli("search", "--sort", "size", "x").err.splitlines()
    assert told[0] == "error: invalid value for '--sort': 'size' is not one of 'date', 'relevance'"


def test_a_wrong_configuration_is_2_with_line_and_nearest_key(cli: CommandLine) -> None:
    cli.configure('[accounts.work]\nhots = "x"\n')
    result = cli("status")
    assert result.code == 2
    assert f"error: {cli.config}:2: unknown key accounts.work.hots; did you mean host?\n" in result.err
    cli.config.unlink()
    assert cli("status").code == 2


def test_no_accounts_says_how_to_write_one(cli: CommandLine) -> None:
    cli.configure("")
    result = cli("sync")
    assert result.code == 2
    assert "[accounts.work]" in result.err


def test_a_newer_database_is_refused(mirrored: CommandLine) -> None:
    store = Store.open(mirrored.data)
    store.close()
    with sqlite3.connect(mirrored.data / "mailsync.db") as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    result = mirrored("status")
    assert result.code == 2
    assert "schema 999" in result.err


def test_the_version(cli: CommandLine) -> None:
    assert cli("--version").out == f"mailsync {mailsync.__version__}\n"


def test_the_environment_names_the_files(cli: CommandLine, tmp_path: Path) -> None:
    variables = {"MAILSYNC_CONFIG": str(cli.config), "MAILSYNC_DATA_DIR": str(tmp_path / "d"), "PATH": "/usr/bin:/bin"}
    run = subprocess.run([*PROGRAM, "db", "path"], env=variables, capture_output=True, text=True, check=True)
    assert run.stdout == f"{tmp_path}/d/mailsync.db\n"


def test_nobody_reads_the_output(mirrored: CommandLine) -> None:
    command = [*PROGRAM, "--config", str(mirrored.config), "--data-dir", str(mirrored.data), "status", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_start_up_is_lean() -> None:
    code = "import sys, mailsync.cli, mailsync.cli.app; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    heavy = {
        "asyncio",
        "rich",
        "structlog",
        "keyring",
        "pydantic",
        "zstandard",
        "platformdirs",
        "ssl",
        "mailsync.engine",
    }
    assert not heavy & loaded


def test_start_up_is_quick(mirrored: CommandLine) -> None:
    best = 9.0
    for _ in range(5):
        start = children_seconds()
        subprocess.run(
            [*PROGRAM, "--data-dir", str(mirrored.data), "show", "1", "--raw"], capture_output=True, check=True
        )
        best = min(best, children_seconds() - start)
    assert best < 1.0, f"{best:.2f} s; 0.25 s on an idle machine"


def children_seconds() -> float:
    """Of the processor, used by processes that have ended: unlike time on the wall it is the same on a busy machine."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_columns(capsys: pytest.CaptureFixture[str]) -> None:
    output.table([["a", "1"], ["子", "22"], ["ü\x1b", "3"]], right=(1,))
    assert capsys.readouterr().out == "a    1\n子  22\nü\ufffd   3\n"
    assert [output.size(n) for n in (0, 999, 1500, 123_456, 999_999, 5e12)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "123 kB",
        "1.0 MB",
        "5000 GB",
    ]
