"""Every place that logs says only what it may: the calls are read from the source, so none escapes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import mailsync
from mailsync.privacy import log

PACKAGE = Path(mailsync.__file__).parent
METHODS = {"debug", "info", "warning", "error"}
NUMBERS = {"ok", "folders", "messages", "lists"}
"""Fields whose values are numbers; another one belongs here once it is known to be one."""
TEXTS = {
    "account": {"name", "self.name", "self._account", "mirror.name", "self._mirror.name"},
    "kind": {"kind"},
    "exc_info": {"error"},
}
"""What may be given for a text: the name of an account in config.toml, the kind of a job, an exception."""
GATE = ("privacy/log.py", "privacy/logfile.py", "privacy/foreign.py", "privacy/mishaps.py")
"""What redacts, and is tested by what it does."""
BACKSTAGE = {"logging", "structlog", "traceback"}
"""Ways around it."""
SPEAKS = ("cli", "demo")
"""What is there to print for people; the demo server is a process of its own."""
SILENCES = {"accounts/oauth/microsoft.py": ["logging is for the log itself"]}
"""It only switches a library's own log off."""


def faults(source: str, *, speaks: bool = False) -> Iterator[str]:
    """What is wrong with the log calls of a module; `speaks`: it may print."""
    tree = ast.parse(source)
    if not speaks:
        prints = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "print"]
        yield from (f"line {node.lineno}: it prints" for node in prints)
    loggers = set()
    made = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else {node.module or ""}
            yield from (f"{name} is for the log itself" for name in names if name.partition(".")[0] in BACKSTAGE)
        if isinstance(node, ast.Assign) and _is_get_logger(node.value):
            loggers |= {ast.unparse(target) for target in node.targets}
            made.add(node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            base = node.func.value
            if _is_get_logger(base) or ast.unparse(base) in loggers:
                made.add(base)
                yield from _call(node, node.func.attr)
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in loggers | {"get_logger"}]
    known = {child for node in made for child in ast.walk(node)}
    stored = [node for node in used if isinstance(node.ctx, ast.Store)]
    yield from (
        f"line {node.lineno}: a logger goes astray" for node in used if node not in known and node not in stored
    )


def _is_get_logger(node: ast.AST) -> bool:
    called = isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "get_logger"
    return called and all(isinstance(argument, ast.Constant) for argument in node.args)  # type: ignore[attr-defined]


def _call(node: ast.Call, method: str) -> Iterator[str]:
    where = f"line {node.lineno}: {ast.unparse(node)}"
    event = node.args[0] if node.args else None
    if method not in METHODS or len(node.args) != 1:
        yield f"{where}: not a plain event"
    elif not isinstance(event, ast.Constant) or not re.fullmatch(log.TEXT_FIELDS["event"], str(event.value)):
        yield f"{where}: the event is no fixed word"
    for given in node.keywords:
        if given.arg in TEXTS:
            if ast.unparse(given.value) not in TEXTS[given.arg]:
                yield f"{where}: {given.arg} may be anything"
        elif given.arg not in NUMBERS:
            yield f"{where}: unknown field {given.arg}"


def test_every_call_says_only_what_it_may() -> None:
    sources = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    found = {
        path: wrong
        for path, source in sources.items()
        if path not in GATE and (wrong := list(faults(source, speaks=path.startswith(SPEAKS))))
    }
    assert found == SILENCES
    assert sum("get_logger(" in source for source in sources.values()) > 5
    assert set(log.TEXT_FIELDS) - {"logger", "event", "error", "place"} == set(TEXTS) - {"exc_info"}


@pytest.mark.parametrize(
    "line",
    [
        "log.info(f'synced {folder}')",
        "log.info('synced ' + folder)",
        "log.info('x', subject=subject)",
        "log.info('x', account=password)",
        "log.info('x', kind=str(error))",
        "log.info('x', error=str(error))",
        "log.info('x', exc_info=f'{error}')",
        "log.info('x', **fields)",
        "log.info('x', folder)",
        "log.info(*fields)",
        "log.critical('x')",
        "tell(log)",
        "say = log.info",
        "other = log",
        "get_logger('x').info(folder)",
        "get_logger(folder).info('x')",
        "make = get_logger",
        "import logging",
        "import logging.handlers",
        "from structlog import get_logger as g",
        "import traceback",
        "print(subject)",
    ],
)
def test_a_call_that_says_more_is_found(line: str) -> None:
    good = "log = get_logger('x')\nlog.info('it_went_well', account=mirror.name, ok=True)\n"
    assert list(faults(good)) == []
    assert len(list(faults(f"{good}{line}\n"))) == 1
