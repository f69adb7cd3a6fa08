"""What other libraries log: origin and type are kept, what is said is dropped before anybody hears it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

from mailsync.privacy.mishaps import place_of


def bare_record(
    name: str, level: int, path: str, line: int, message: object, arguments: object, error: Any, *rest: Any, **more: Any
) -> logging.LogRecord:
    """A record without what it says: its text, the arguments and the error are dropped, but for type and place."""
    del message, arguments, rest, more
    record = logging.LogRecord(name, level, path, line, "library_warning", (), None)
    if error and error[0] is not None:
        record.error, record.place = error[0].__name__, place_of(error[2])
    return record


class ForeignRecords(logging.Handler):
    """Tells `report(origin, type of the exception, its place)` of other libraries' warnings."""

    def __init__(self, report: Callable[[str, str | None, str | None], None]) -> None:
        super().__init__(logging.WARNING)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        # A name that is no module's may be made of anything.
        origin = next((one for one in (record.name, record.name.partition(".")[0]) if one in sys.modules), "library")
        self._report(origin, getattr(record, "error", None), getattr(record, "place", None))
