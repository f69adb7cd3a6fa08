"""INTERNALDATE against the standard library."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.sync import internaldate

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES),  # noqa: DTZ001  # hypothesis adds zones
    st.booleans(),
    st.booleans(),
)
def test_every_date_is_its_instant(moment: datetime, padded: bool, shouting: bool) -> None:
    text = moment.strftime(f"%d-%b-{moment.year:04d} %H:%M:%S %z")
    if padded and text.startswith("0"):
        text = " " + text[1:]  # date-day-fixed of RFC 3501 section 9
    raw = text.encode()
    assert internaldate.parse(raw.upper() if shouting else raw) == int(moment.replace(microsecond=0).timestamp())


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"",
        b"17-Jul-1996",
        b"17-Jul-1996 02:44:25",
        b"17-Jul-1996 02:44:25 GMT",
        b"32-Jul-1996 02:44:25 +0000",
        b"17-Foo-1996 02:44:25 +0000",
        b"17-Jul-0000 02:44:25 +0000",
        b"17-Jul-99999999999999999999 02:44:25 +0000",
        b"x-y-z a:b:c d",
        b"\xff\xfe \x00 \x00",
    ],
)
def test_what_is_no_date_is_none(raw: bytes | None) -> None:
    assert internaldate.parse(raw) is None


@given(st.binary(max_size=40))
def test_nothing_a_server_says_raises(raw: bytes) -> None:
    assert isinstance(internaldate.parse(raw), int | None)
