"""Who is who without a UID: what is joined is the same on both sides, and what might be another is left alone."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.imap.responses import Fetch
from mailsync.sync import identity
from mailsync.sync.identity import Candidate, Match, choose, join, key, mark, same_header, sample, without


def test_a_message_id_is_the_same_however_it_is_folded() -> None:
    shown = mark(b"Message-ID: <a@b>\r\n\r\n")
    assert shown
    assert mark(b"Subject: x\r\nmessage-id :\r\n\t<a@b>\r\nTo: y\r\n\r\nbody") == shown
    assert mark(b"Message-Id: <a@b>\n\nbody") == shown
    assert mark(b"Message-ID: <a@B>\r\n\r\n") != shown


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"Subject: x\r\n\r\nMessage-ID: <a@b>\r\n\r\n",
        b"Message-ID: \r\nTo: x\r\n\r\n",
        b"Message-ID: <a@b>\r\nMessage-ID: <c@d>\r\n\r\n",
        b"X-Message-ID: <a@b>\r\n\r\n",
        b"Subject: y\r\n Message-ID: <a@b>\r\n\r\n",
    ],
)
def test_what_has_no_message_id_of_its_own_has_no_identity(message: bytes) -> None:
    assert mark(message) == 0
    assert key(1, 2, mark(message)) == 0


def test_every_part_counts() -> None:
    keys = {key(date, size, number) for date in (1, 2) for size in (1, 2, None) for number in (1, 2)}
    assert len(keys) == 12
    assert key(None, 1, 1) == 0
    assert identity.emailid_key("") == 0 != identity.emailid_key("M1")


KEYS = st.lists(st.integers(0, 6), max_size=12)


@given(KEYS, KEYS, st.data(), st.sampled_from([2, 20_000]))
def test_joined_is_what_is_unambiguous(theirs: list[int], ours: list[int], data: st.DataObject, part: int) -> None:
    contents = [data.draw(st.integers(1, 2)) for _ in ours]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(identity, "PART", part)
        pairs = list(zip(*join(theirs, ours, contents), strict=True))
    assert len({there for there, _ in pairs}) == len({here for _, here in pairs}) == len(pairs)
    assert all(theirs[there] == ours[here] != 0 for there, here in pairs)
    left, right = Counter(theirs), Counter(ours)
    for value in set(theirs) - {0}:
        held = {contents[at] for at, own in enumerate(ours) if own == value}
        joined = sum(theirs[there] == value for there, _ in pairs)
        assert joined == (left[value] if left[value] == right[value] and len(held) == 1 else 0)


def one(row: int, content: int = 7, *, gone: bool = True, named: bool = False, number: int = 5) -> Candidate:
    return Candidate(0, row, content, gone, named, number)


def test_what_an_arrival_is() -> None:
    assert choose([5], [one(1), one(3), one(2)]) == [Match(0, 3, 7, False)]  # the latest of those that are gone
    assert choose([5], [one(1, gone=False)]) == [Match(0, None, 7, False)]  # a copy gets an id of its own
    assert choose([5], [one(1), one(2, gone=False)]) == [Match(0, 1, 7, False)]
    assert choose([5], [one(1), one(2, content=8)]) == []  # two contents: who knows
    assert choose([6], [one(1)]) == []
    assert choose([0], [one(1, number=0)]) == []
    assert choose([0], [one(1, named=True)]) == [Match(0, 1, 7, True)]
    assert choose([5], [one(1, content=8), one(2, named=True)]) == [Match(0, 2, 7, True)]  # EMAILID knows better


def test_an_id_is_given_once() -> None:
    twice = [one(1), Candidate(1, 1, 7, True, False, 5)]
    assert choose([5, 5], twice) == [Match(0, 1, 7, False), Match(1, None, 7, False)]


@given(st.integers(1, 50_000))
def test_at_least_one_is_verified_and_never_very_many(count: int) -> None:
    chosen = sample(count, random.Random(1))
    assert 1 <= len(chosen) <= min(identity.MOST, 1 + count // 40)
    assert chosen == sorted(set(chosen))
    assert chosen[-1] < count


def test_headers_are_compared_byte_by_byte() -> None:
    message = b"From: a\r\nTo: b\r\n\r\nbody\r\n\r\nmore"
    assert same_header(b"From: a\r\nTo: b\r\n\r\n", message)
    assert not same_header(b"From: a\r\n\r\n", message)
    assert not same_header(b"From: a\r\nTo: c\r\n\r\n", message)
    assert not same_header(b"\r\n", message)
    stamped = b"From: a\r\nX-Pm-Gluon-Id: 12\r\n 34\r\nTo: b\r\n\r\n"
    assert not same_header(stamped, message)
    assert same_header(stamped, message, frozenset({"x-pm-gluon-id"}))


def test_what_a_server_adds_is_left_out_of_the_header_only() -> None:
    message = b"X-Odd: 1\r\nA: b\r\nx-odd: 2\r\n\r\nX-Odd: 3\r\n"
    assert without(message, frozenset({"x-odd"})) == b"A: b\r\n\r\nX-Odd: 3\r\n"
    assert without(message, frozenset()) == message


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"EMAILID": ("M1",), "THREADID": ("T1",)}, ("M1", "T1")),
        ({"EMAILID": ("M1",), "THREADID": None}, ("M1", None)),
        ({"X-GM-MSGID": 1278455344230334865, "X-GM-THRID": 12}, ("1278455344230334865", "12")),
        ({"EMAILID": ("a", "b")}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_names_of_messages(extra: dict[str, object], expected: tuple[str | None, str | None]) -> None:
    answer = Fetch(1, uid=1, extra=extra)  # type: ignore[arg-type]
    assert (identity.emailid(answer), identity.threadid(answer)) == expected
