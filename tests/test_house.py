"""The laws of the house that no linter knows: room sizes, where SQL lives, what a start-up may load."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mailsync"
LINES_AT_MOST = 400
SQL = re.compile(
    r"^\s*(select\b.+\bfrom|insert\s+(or\s+\w+\s+)?into|update\s+\w+\s+set|delete\s+from|"
    r"create\s+(unique\s+)?(table|index|view|trigger)|alter\s+table|drop\s+(table|index|view)|pragma\s+\w+)\b",
    re.IGNORECASE | re.DOTALL,
)
SQL_CALLS = {"execute", "executemany", "executescript"}


def sources(*folders: Path) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.rglob("*.py"))


def packages() -> list[Path]:
    return [path.parent for path in sources(PACKAGE) if path.name == "__init__.py"]


def test_no_room_is_too_fat() -> None:
    fat = {
        str(path.relative_to(ROOT)): lines
        for path in sources(PACKAGE, ROOT / "tests")
        if (lines := len(path.read_text("utf-8").splitlines())) > LINES_AT_MOST
    }
    assert not fat, f"over {LINES_AT_MOST} lines, asking to be two files: {fat}"


def docstrings(tree: ast.Module) -> set[int]:
    """The identities of the string nodes that are docstrings."""
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }


def sql_in(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each statement written, or handed to a cursor, in a source."""
    tree = ast.parse(source)
    skip = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skip:
            if SQL.search(node.value):
                yield node.lineno, node.value.strip()[:60]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SQL_CALLS:
            yield node.lineno, f".{node.func.attr}()"


def test_sql_is_written_only_in_the_store() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in sources(PACKAGE)
        if PACKAGE / "store" not in path.parents
        for line, text in sql_in(path.read_text("utf-8"))
    ]
    assert not found, "SQL outside mailsync/store:\n" + "\n".join(found)


def test_the_sql_search_finds_sql() -> None:
    assert list(sql_in('"""select this from that"""\nx = "select a folder"\n')) == []
    assert sorted(line for line, _ in sql_in('a = "SELECT id FROM t"\nb = f"insert into {a}"\nc.execute(a)\n')) == [
        1,
        2,
        3,
    ]


@pytest.mark.parametrize("package", packages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_package_says_what_it_is(package: Path) -> None:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text("utf-8")))
    assert text, "a package's docstring says what lives here, what must not, who may import it"


def test_every_folder_of_sources_is_a_package() -> None:
    folders = {path.parent for path in sources(PACKAGE)}
    assert folders == set(packages())


def loaded_by(module: str) -> set[str]:
    """The names of all modules that importing one module loads, in an interpreter of its own."""
    code = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_the_daemon_loads_no_dashboard() -> None:
    assert "textual" not in loaded_by("mailsync.daemon")


def test_the_command_line_starts_lean() -> None:
    heavy = {"textual", "apscheduler", "sqlite_utils", "keyring", "tomlkit", "pymap"}
    assert not heavy & loaded_by("mailsync.cli")
