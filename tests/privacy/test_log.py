from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsync.errors import ConsentMissing
from mailsync.privacy import consent, log


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    log.close()


def test_nothing_is_loaded_or_written_before_it_is_configured() -> None:
    code = "import sys; from mailsync.privacy import log; log.get_logger('x').error('y')"
    code += "; print('structlog' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("False\n", "")


def test_a_line_has_its_fields_in_order() -> None:
    stream = io.StringIO()
    log.configure("info", stderr=stream)
    log.get_logger("engine").info("sync_finished", seconds=1.5, account="work", new=12)
    log.get_logger("engine").debug("too_fine")
    log.get_logger("engine").info("stopped", ok=True, failed=None)
    line, other = stream.getvalue().splitlines(keepends=True)
    assert other.endswith(" logger=engine event=stopped ok=true failed=\n")
    assert line.endswith(" level=info logger=engine event=sync_finished account=work seconds=1.5 new=12\n")
    assert line.startswith("timestamp=2")


def test_texts_that_could_be_private_are_replaced() -> None:
    stream = io.StringIO()
    log.configure("debug", stderr=stream)
    logger = log.get_logger("sync")
    logger.info("x", folder="Geheim", subject="Hallo", email="me@example.com")
    logger.info("x", account="me@example.com", reason="line\nbreak", stage="\x1b[31m")
    logger.error("x", error=ValueError("Geheim"), detail=["Geheim"])
    text = stream.getvalue()
    for private in ("Geheim", "Hallo", "example", "\x1b", "break"):
        assert private not in text
    assert 'folder="[6 characters]"' in text
    assert "error=ValueError" in text
    assert text.count("\n") == 3


def test_other_libraries_cannot_tell_what_they_saw() -> None:
    stream = io.StringIO()
    log.configure("debug", stderr=stream)
    logging.getLogger("aioimaplib").warning("LOGIN me %s", "geheim")
    logging.getLogger("aioimaplib").debug("LOGIN me %s", "geheim")
    try:
        raise KeyError("geheim")
    except KeyError:
        logging.getLogger("asyncio").exception("Task failed: geheim")
    text = stream.getvalue()
    assert "geheim" not in text
    assert text.count("event=library_warning") == 2
    assert "logger=asyncio" in text
    assert "error=KeyError" in text


def test_the_file_is_private_and_rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "FILE_BYTES", 2000)
    log.configure("info", folder=tmp_path / "data")
    for number in range(200):
        log.get_logger("engine").info("tick", number=number)
    log.close()
    files = sorted((tmp_path / "data").iterdir())
    assert [path.name for path in files] == ["mailsync.log", "mailsync.log.1", "mailsync.log.2", "mailsync.log.3"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert "number=199" in files[0].read_text()
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
