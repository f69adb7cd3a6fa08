"""notmuch and mu, asked in a process that has their index open."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

Asked = list[tuple[str, str]]
"""Name and query of each question. DATES, ATTACHED, FILE, UNREAD and FLAGGED stand for what each program calls so."""
_SPOKEN = {
    "notmuch": {"ATTACHED": "tag:attachment", "FILE": "attachment:", "UNREAD": "tag:unread", "FLAGGED": "tag:flagged"},
    "mu": {"ATTACHED": "flag:attach", "FILE": "file:", "UNREAD": "flag:unread", "FLAGGED": "flag:flagged"},
}
_PYTHON = "/usr/bin/python3"
"""Debian's, which has the bindings (python3-notmuch2)."""
_NOTMUCH = """
import json, sys, time, notmuch2
asked, repeats, page = json.load(sys.stdin)
times = {}
with notmuch2.Database(mode=notmuch2.Database.MODE.READ_ONLY) as database:
    for name, query in asked:
        each = []
        for _ in range(repeats + 1):
            started = time.perf_counter()
            for number, one in enumerate(database.messages(query, sort=database.SORT.NEWEST_FIRST)):
                if number == page:
                    break
                one.header("From"), one.header("Subject"), one.date, list(one.tags)
            each.append((time.perf_counter() - started) * 1000)
        times[name] = each[1:]
print(json.dumps(times))
"""


def notmuch(folder: Path, asked: Asked, repeats: int, page: int) -> dict[str, list[float]] | None:
    """Milliseconds of each time a query is asked, by its name; None without notmuch or its bindings."""
    if (
        not shutil.which("notmuch")
        or subprocess.run([_PYTHON, "-c", "import notmuch2"], capture_output=True).returncode
    ):
        return None
    settings = folder / "notmuch-config"
    settings.write_text(
        f"[database]\npath={folder / 'mail'}\n[user]\nname=x\nprimary_email=me@example.com\n[new]\ntags=\n"
        "[maildir]\nsynchronize_flags=true\n"
    )
    environment = os.environ | {"NOTMUCH_CONFIG": str(settings)}
    _timed("notmuch new", ["notmuch", "new", "--quiet"], environment)
    told = subprocess.run(
        [_PYTHON, "-c", _NOTMUCH],
        input=json.dumps([_spoken("notmuch", asked), repeats, page]),
        env=environment | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    times: dict[str, list[float]] = json.loads(told.stdout)
    return times


def mu(folder: Path, asked: Asked, repeats: int, page: int) -> dict[str, list[float]] | None:
    """The same of mu's server, from the command to the end of the last message."""
    if not shutil.which("mu"):
        return None
    home = f"--muhome={folder / 'mu'}"
    subprocess.run(["mu", "init", home, f"--maildir={folder / 'mail'}"], check=True, capture_output=True)
    _timed("mu index", ["mu", "index", home, "--quiet"], dict(os.environ))
    with subprocess.Popen(["mu", "server", home], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        times = {}
        for name, query in _spoken("mu", asked):
            quoted = query.replace('"', '\\"')
            command = (
                f'(find :query "{quoted}" :threads nil :sortfield :date :descending t :maxnum {page} :skip-dups nil'
                f" :include-related nil)\n"
            )
            each = []
            for _ in range(repeats + 1):
                started = time.perf_counter()
                server.stdin.write(command.encode())
                server.stdin.flush()
                _until_found(server.stdout.fileno())
                each.append((time.perf_counter() - started) * 1000)
            times[name] = each[1:]
        server.stdin.write(b"(quit)\n")
        server.stdin.flush()
        server.stdout.read()
    return times


def _until_found(stream: int) -> None:
    """Read until the server tells how many it found, which comes last; RuntimeError when it complains."""
    data = b""
    while b":found" not in data[-4000:]:
        part = os.read(stream, 1 << 20)
        data += part
        if not part or b"(:error" in data[-4000:]:
            raise RuntimeError(data[-2000:].decode("utf-8", "replace"))


def _spoken(program: str, asked: Asked) -> Asked:
    said = []
    for name, query in asked:
        for ours, theirs in _SPOKEN[program].items():
            query = query.replace(ours, theirs)
        said.append((name, re.sub(r"DATES (\S+) (\S+)", r"date:\1..\2", query)))
    return said


def _timed(what: str, command: list[str], environment: dict[str, str]) -> None:
    started = time.perf_counter()
    subprocess.run(command, check=True, env=environment, capture_output=True)
    print(f"  {what}: {time.perf_counter() - started:.0f} s", flush=True)
