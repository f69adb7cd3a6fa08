from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailsync.privacy import log
from mailsync.privacy.logfile import PrivateFile
from mailsync.privacy.logtail import LINE_CHARS, Entry, LogTail, parse


def events(tail: LogTail) -> list[str]:
    return [entry.event for entry in tail.read()]


def test_a_line_comes_back_as_it_was_written(tmp_path: Path) -> None:
    log.configure(folder=tmp_path)
    try:
        log.get_logger("engine").warning("sync_failed", account="work", new=12, reason="gone = lost", ok=False)
    finally:
        log.close()
    (entry,) = LogTail(tmp_path).read()
    assert entry.at is not None
    assert entry.at > 1e9
    assert (entry.level, entry.logger, entry.event, entry.account) == ("warning", "engine", "sync_failed", "work")
    assert entry.rest == 'new=12 reason="[11 characters]" ok=false'


def test_a_line_of_an_older_version() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()
    line = 'timestamp=2026-01-02T03:04:05Z level=error logger=sync event=x account=a ok=true folder="[5 characters]"'
    assert parse(line) == Entry(at, "error", "sync", "x", "a", 'ok=true folder="[5 characters]"')
    assert parse('event="two \\"words\\"" timestamp=never level=error') == Entry(
        None, "error", "", 'two "words"', "", ""
    )


@pytest.mark.parametrize(
    "line", ["Traceback: x", '{"event":', '{"level": "info"}', "[" * 3000, '{"event": 1e999', "{}"]
)
def test_what_is_no_line_of_ours(line: str) -> None:
    assert parse(f"{line}\n") == Entry(None, "info", "", line[:LINE_CHARS], "", "")


def test_only_what_was_added_through_rotations(tmp_path: Path) -> None:
    tail = LogTail(tmp_path)
    assert tail.read() == []
    path = tmp_path / log.FILE_NAME
    path.write_text("event=a\nevent=b\nevent=unfin")
    assert events(tail) == ["a", "b"]
    with path.open("a") as file:
        file.write("ished\nevent=c\n")
    assert events(tail) == ["unfinished", "c"]
    assert events(tail) == []
    with path.open("a") as file:
        file.write("event=d\n")
    path.rename(tmp_path / f"{log.FILE_NAME}.1")
    path.write_text("event=e\n")
    assert events(tail) == ["d", "e"]
    path.write_text("")
    assert events(tail) == []
    path.write_text("event=f\n")
    assert events(tail) == ["f"]
    path.unlink()
    assert events(tail) == []
    assert events(LogTail(tmp_path)) == []


def test_of_a_long_log_the_newest_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailsync.privacy.logtail.FIRST_BYTES", 40)
    path = tmp_path / log.FILE_NAME
    path.write_text("".join(f"event={number:03}\n" for number in range(100)))
    tail = LogTail(tmp_path)
    assert events(tail) == ["096", "097", "098", "099"]
    with path.open("a") as file:
        file.writelines(f"event={number:03}\n" for number in range(100, 200))
    assert events(tail) == ["196", "197", "198", "199"]
    path.rename(tmp_path / f"{log.FILE_NAME}.1")
    path.write_text("event=200\n")
    assert events(LogTail(tmp_path)) == ["197", "198", "199", "200"]


def test_the_handler_rotates_as_the_tail_expects(tmp_path: Path) -> None:
    import logging

    handler = PrivateFile(tmp_path / log.FILE_NAME, 30, 1)
    tail = LogTail(tmp_path)
    seen = []
    for number in range(6):
        handler.emit(logging.LogRecord("x", 20, "", 0, f"event={number}", (), None))
        seen += events(tail)
    handler.close()
    assert seen == [str(number) for number in range(6)]
