from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsync.errors import ConsentMissing
from mailsync.privacy import consent, log, mishaps


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    log.close()


def test_nothing_is_loaded_or_written_before_it_is_configured() -> None:
    code = "import sys; from mailsync.privacy import log; log.get_logger('x').error('y')"
    code += "; print('structlog' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("False\n", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_its_fields_in_order() -> None:
    stream = io.StringIO()
    log.configure("info", stderr=stream)
    log.get_logger("engine").info("sync_finished", seconds=1.5, account="work", new=12)
    log.get_logger("engine").debug("too_fine")
    log.get_logger("engine").info("stopped", ok=True, failed=None)
    line, other = lines(stream)
    assert str(line.pop("timestamp")).endswith("Z")
    assert list(line.items()) == [
        ("level", "info"),
        ("logger", "engine"),
        ("event", "sync_finished"),
        ("account", "work"),
        ("seconds", 1.5),
        ("new", 12),
    ]
    assert (other["ok"], other["failed"]) == (True, None)


@pytest.mark.parametrize(
    ("style", "stream", "no_color", "words", "colours"),
    [
        ("auto", io.StringIO, "", False, False),
        ("auto", Terminal, "", True, True),
        ("auto", Terminal, "1", True, False),
        ("json", Terminal, "", False, False),
        ("console", io.StringIO, "", True, False),
    ],
)
def test_words_for_people_json_for_programs(
    style: log.Format,
    stream: type[io.StringIO],
    no_color: str,
    words: bool,
    colours: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    shown = stream()
    log.configure("info", stderr=shown, folder=tmp_path, style=style)
    log.get_logger("sync").warning("folder_failed", account="work", exc_info=ValueError("geheim"))
    text = shown.getvalue()
    assert text.count("\n") == 1
    assert text.startswith("{") is not words
    assert ("\x1b" in text) is colours
    for part in ("folder_failed", "work", "ValueError", "unknown:0"):
        assert part in text
    assert "geheim" not in text
    assert json.loads((tmp_path / log.FILE_NAME).read_text())["error"] == "ValueError"


def test_texts_that_could_be_private_are_replaced() -> None:
    stream = io.StringIO()
    log.configure("debug", stderr=stream)
    logger = log.get_logger("sync")
    logger.info("x", folder="Geheim", subject="Hallo", email="me@example.com")
    logger.info("x", account="me@example.com", kind="line\nbreak", place="\x1b[31m", error="geheim halten")
    logger.error("x", error=ValueError("Geheim"), detail=["Geheim"])
    logger.error("Hallo, Geheim")
    text = stream.getvalue()
    for private in ("Geheim", "geheim", "Hallo", "example", "\x1b", "break"):
        assert private not in text
    assert '"folder": "[6 characters]"' in text
    assert '"error": "ValueError"' in text
    assert text.count("\n") == 4


def test_other_libraries_cannot_tell_what_they_saw() -> None:
    stream, other = io.StringIO(), io.StringIO()
    root = logging.getLogger()
    careless = logging.StreamHandler(other)
    careless.setFormatter(logging.Formatter("%(name)s %(message)s %(exc_text)s"))
    before = root.level
    root.addHandler(careless)
    root.setLevel(logging.DEBUG)  # as a variable of the environment or a site's start-up file could
    try:
        log.configure("debug", stderr=stream)
        logging.getLogger("json.decoder").warning("LOGIN me %s", "geheim")
        logging.getLogger("json.decoder").debug("LOGIN me %s", "geheim")
        logging.getLogger("geheim").error("x")
        logging.getLogger("mailsync.privacy").error("geheim")
        try:
            raise KeyError("geheim")
        except KeyError:
            logging.getLogger("asyncio").exception("Task failed: geheim")
    finally:
        root.removeHandler(careless)
        root.setLevel(before)
    assert other.getvalue().count("library_warning") == 5
    assert "LOGIN" not in other.getvalue()
    assert "Task" not in other.getvalue()
    told = lines(stream)
    assert "geheim" not in stream.getvalue()
    assert [line["logger"] for line in told] == ["json.decoder", "library", "mailsync.privacy", "asyncio"]
    assert {line["event"] for line in told} == {"library_warning"}
    assert told[3]["error"] == "KeyError"
    assert re.fullmatch(r"tests\.privacy\.test_log:\d+", str(told[3]["place"]))


def test_what_nobody_catches_is_told_by_type_and_place(tmp_path: Path) -> None:
    code = """
import asyncio, gc, sys, threading
from pathlib import Path
from mailsync.privacy import log, mishaps
from mailsync.errors import NotFound
def fail(): raise NotFound("geheim")
class Odd:
    def __del__(self): fail()
def everywhere():
    thread = threading.Thread(target=fail); thread.start(); thread.join()
    Odd()
    async def task():
        running = asyncio.create_task(asyncio.to_thread(fail))
        await asyncio.sleep(0.1)
        del running; gc.collect()
    asyncio.run(task())
mishaps.watch()
log.silence_libraries()
everywhere()
log.configure("debug", folder=Path(sys.argv[1]))
everywhere()
raise KeyError("geheim") from NotFound("geheim")
"""
    run = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr == "error: unexpected NotFound at __main__:6\n" * 2
    written = (tmp_path / log.FILE_NAME).read_text()
    assert "geheim" not in written
    told = [json.loads(line) for line in written.splitlines()]
    assert [(line["event"], line["logger"], line["error"]) for line in told] == [
        ("unexpected_error", "process", "NotFound"),
        ("unexpected_error", "process", "NotFound"),
        ("library_warning", "asyncio", "NotFound"),
        ("unexpected_error", "process", "KeyError"),
    ]
    assert {line["place"] for line in told} == {"__main__:6", "__main__:22"}


def test_a_traceback_without_what_errors_say() -> None:
    try:
        try:
            raise ValueError("geheim")
        except ValueError as cause:
            raise ExceptionGroup("geheim", [KeyError("geheim")]) from cause
    except ExceptionGroup as error:
        told, place = mishaps.outline(error), mishaps.place(error)
    assert place.startswith("tests.privacy.test_log:")
    places = [told.index(f"builtins.{name}\n") for name in ("ValueError", "ExceptionGroup", "KeyError")]
    assert places == sorted(places)
    assert told.count("Traceback (most recent call last)") == 3
    quoted = [line for line in told.splitlines() if "geheim" in line]
    assert all(line.startswith("    ") for line in quoted)  # the source of this test


def test_the_file_is_private_and_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "FILE_BYTES", 2000)
    log.configure("info", folder=tmp_path / "data")
    for number in range(200):
        log.get_logger("engine").info("tick", number=number)
    log.close()
    files = sorted((tmp_path / "data").iterdir())
    assert [path.name for path in files] == ["mailsync.log", "mailsync.log.1", "mailsync.log.2", "mailsync.log.3"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert '"number": 199' in files[0].read_text()
    assert all(path.stat().st_size <= 2000 for path in files)


def test_after_closing_nothing_is_written() -> None:
    stream = io.StringIO()
    log.configure("info", stderr=stream)
    log.close()
    log.get_logger("x").error("y")
    assert stream.getvalue() == ""


def test_required_scopes() -> None:
    assert consent.missing([]) == ["mailbox_access", "email_read"]
    assert consent.missing(consent.SCOPES) == []
    consent.require("work", ["email_read", "mailbox_access"])
    with pytest.raises(ConsentMissing, match="consent is missing: email_read") as caught:
        consent.require("work", ["mailbox_access"])
    assert caught.value.hint == "run: mailsync consent grant work email_read"
    assert caught.value.exit_code == 3
