"""The chain of the audit trail: any change of its rows is found, and where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.privacy import audit
from mailsync.privacy.audit import Break, Chain, Row


def chained(count: int) -> list[Row]:
    rows: list[Row] = []
    for seq in range(1, count + 1):
        previous = rows[-1].hash if rows else audit.GENESIS
        row = Row(seq, 1e9 + seq, "me", "sync", "work", "", "ok", audit.detail({"new": seq}), previous, "")
        rows.append(row._replace(hash=audit.digest(row)))
    return rows


def breaks(rows: list[Row], issued: int) -> list[Break]:
    chain = Chain()
    found = [one for row in rows for one in chain.follow(row)]
    return found + list(chain.end(issued))


ROWS = chained(7)


def test_a_row_is_hashed_as_documented() -> None:
    import hashlib

    row = Row(1, 1.5, "me", "sync", "büro", "", "ok", '{"new":1}', audit.GENESIS, "")
    line = b'[1,1.5,"me","sync","b\\u00fcro","","ok","{\\"new\\":1}","' + b"0" * 64 + b'"]'
    assert audit.digest(row) == hashlib.sha256(line).hexdigest()
    assert breaks(ROWS, 7) == []


@given(st.integers(1, 7), st.sampled_from([name for name in Row._fields if name != "seq"]))
def test_one_altered_field_is_found_in_its_row(seq: int, name: str) -> None:
    rows = list(ROWS)
    values = rows[seq - 1]._asdict()
    values[name] = values[name] + 1 if name == "at" else values[name][:-1] + "~"
    rows[seq - 1] = Row(**values)
    assert breaks(rows, 7) == [Break(seq, "altered")]


@given(st.integers(1, 6))
def test_a_row_that_was_written_anew_with_a_hash_of_its_own_does_not_fit_the_next(seq: int) -> None:
    rows = list(ROWS)
    forged = rows[seq - 1]._replace(detail='{"new":0}')
    rows[seq - 1] = forged._replace(hash=audit.digest(forged))
    assert breaks(rows, 7) == [Break(seq, "replaced")]


@given(st.integers(1, 7), st.integers(1, 3))
def test_missing_rows_are_found_also_the_first_and_the_last(seq: int, count: int) -> None:
    rows = [row for row in ROWS if not seq <= row.seq < seq + count]
    assert breaks(rows, 7) == [Break(seq, "missing", min(count, 8 - seq))]
    assert breaks([], 0) == [Break(1, "missing")]


@given(st.integers(1, 6))
def test_two_rows_that_changed_places_are_found(seq: int) -> None:
    rows = list(ROWS)
    one, other = rows[seq - 1], rows[seq]
    rows[seq - 1], rows[seq] = other._replace(seq=one.seq), one._replace(seq=other.seq)
    assert breaks(rows, 7) == [Break(seq, "altered"), Break(seq + 1, "altered")]


@given(st.integers(1, 7))
def test_an_inserted_row_is_found_though_the_later_ones_made_room(seq: int) -> None:
    moved = [row._replace(seq=row.seq + 1) for row in ROWS[seq - 1 :]]
    rows = [*ROWS[: seq - 1], ROWS[seq - 1]._replace(actor="them"), *moved]
    assert breaks(rows, 8)[0] == Break(seq, "altered")
    assert breaks([ROWS[0]._replace(seq=0), *ROWS], 7)[0] == Break(0, "inserted")


def test_a_counter_set_back_is_found() -> None:
    assert breaks(ROWS, 5) == [Break(7, "counter")]


@pytest.mark.parametrize("text", ["me@example.org", "Re: the harbour", "INBOX/Work", "Grüße", "x" * 81, "a\n"])
def test_other_peoples_words_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="nothing else"):
        audit.detail({"strategy": text})


def test_an_address_has_one_digest_for_each_key() -> None:
    one = audit.pseudonym(b"k" * 32, "Me@Example.org ")
    assert one == audit.pseudonym(b"k" * 32, "me@example.org")
    assert one.startswith("addr:")
    assert one != audit.pseudonym(b"l" * 32, "me@example.org")
