"""Where log lines go: a private rotated file, and a stand-in for what other libraries log."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path


class PrivateFile(RotatingFileHandler):
    """A log file nobody else may read, rotated at `size` bytes with `count` old files kept."""

    def __init__(self, path: Path, size: int, count: int) -> None:
        super().__init__(path, maxBytes=size, backupCount=count, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        os.fchmod(descriptor, 0o600)
        return os.fdopen(descriptor, "a", encoding=self.encoding)


class ForeignRecords(logging.Handler):
    """Tells `report(origin, exception type)` of other libraries' warnings, and drops their text."""

    def __init__(self, report: Callable[[str, str | None], None]) -> None:
        super().__init__(logging.WARNING)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        self._report(record.name, kind.__name__ if kind else None)
