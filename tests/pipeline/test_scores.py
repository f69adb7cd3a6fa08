"""The score of a message: pure, in 0..1, the sum of its reasons; who comes before whom."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.config.models import WeightsConfig
from mailsync.pipeline import features as f
from mailsync.pipeline import scores
from mailsync.pipeline.scores import Habits, Moving, Score

WEIGHTS = WeightsConfig().model_dump()
SEEN = 1


def scored(noticed: int = 0, known: int = 0, now: Moving | None = None, weights: scores.Weights = WEIGHTS) -> Score:
    reasons = [
        *scores.settled(noticed, known, weights),
        *scores.moving(now or Moving(flags=0, age=0.5), weights),
    ]
    return scores.score(reasons, weights)


HABITS = st.builds(
    lambda messages, answered, ignored: Habits(messages, min(answered, messages), min(ignored, messages)),
    *[st.integers(0, 20)] * 3,
)
MOVING = st.builds(
    Moving,
    flags=st.integers(0, 7),
    age=st.floats(-10, 10_000),
    archived=st.booleans(),
    written=st.integers(0, 1000),
    takes_part=st.booleans(),
    answered=st.booleans(),
    habits=st.none() | HABITS,
)
BITS = st.integers(0, (1 << len(f.NAMES)) - 1)


@given(BITS, st.integers(0, 31), MOVING)
def test_it_is_the_sum_of_its_reasons(noticed: int, known: int, now: Moving) -> None:
    found = scored(noticed, known, now)
    assert found == scored(noticed, known, now)
    assert 0 <= found.score <= 1
    assert 0 <= found.confidence < 1
    total = WEIGHTS["base"] + sum(reason.weight for reason in found.reasons)
    assert found.score == pytest.approx(1 / (1 + math.exp(-total)), abs=0.02)  # weights are told with two digits
    assert all(reason.text and reason.name in WEIGHTS for reason in found.reasons)
    assert [*found.reasons] == sorted(found.reasons, key=lambda one: -abs(one.weight))
    assert len({reason.name for reason in found.reasons}) == len(found.reasons)


@given(BITS, st.integers(0, 31), MOVING, st.sampled_from([*WEIGHTS]))
def test_a_reason_without_weight_is_left_out(noticed: int, known: int, now: Moving, name: str) -> None:
    found = scored(noticed, known, now, WEIGHTS | {name: 0.0})
    assert name not in {reason.name for reason in found.reasons}


@given(st.floats(0.01, 0.99))
def test_the_points_for_a_score(wanted: float) -> None:
    wanted = round(wanted, 2)
    least = scores.points_for(wanted, WEIGHTS)
    for given_points, reached in ((least + 1e-6, True), (least - 1e-6, False)):
        found = scores.score([scores.Reason("to", "", given_points)], WEIGHTS)
        assert (found.score >= wanted) == reached


def test_who_comes_before_whom() -> None:
    old = Moving(flags=SEEN, age=400)
    friend = Moving(flags=0, age=0.2, written=9, habits=Habits(9, 7, 0))
    shop = Moving(flags=0, age=0.2, habits=Habits(20, 0, 18))
    in_order = [
        scored(f.QUESTION | f.DEADLINE, scores.TO, friend),
        scored(f.QUESTION, scores.TO),
        scored(0, scores.TO),
        scored(f.LIST | f.BULK | f.REPLY | f.QUESTION, scores.NAMED),
        scored(f.LIST | f.BULK | f.REPLY | f.QUESTION),
        scored(f.LIST | f.BULK),
        scored(0, scores.CC, old),
        scored(f.LIST | f.BULK | f.PROMOTION | f.AUTOMATIC, scores.TO, shop),
        scored(f.LIST | f.BULK | f.PROMOTION | f.AUTOMATIC, 0, old),
    ]
    assert all(before.score > after.score for before, after in pairwise(in_order)), [one.score for one in in_order]
    assert in_order[0].score > 0.9
    assert in_order[-2].score < 0.1


def test_what_bulk_mail_asks_is_no_question() -> None:
    assert scored(f.QUESTION | f.BULK, scores.TO) == scored(f.BULK, scores.TO)
    assert scored(f.DEADLINE | f.AUTOMATIC) == scored(f.AUTOMATIC)
    discussion = f.LIST | f.BULK | f.REPLY
    assert scored(f.QUESTION | discussion, scores.NAMED).score > scored(discussion, scores.NAMED).score
    assert scored(f.QUESTION | discussion) == scored(discussion)


def test_reasons_can_be_read() -> None:
    now = Moving(flags=2, age=22, written=12, takes_part=True, archived=True, habits=Habits(9, 7, 1))
    found = scored(f.QUESTION | f.INVOICE, scores.TO, now)
    assert {reason.name: reason.text for reason in found.reasons} == {
        "to": "addressed to you",
        "question": "it asks something",
        "important": "an invoice",
        "unread": "unread",
        "answered": "you answered it already",
        "conversation": "you wrote before it in its conversation",
        "archived": "it is in the archive",
        "known": "you have written to them 12 times",
        "answers": "you answer most of theirs (7 of 9)",
        "ignores": "you put few of theirs away unread (1 of 9)",
        "age": "3 weeks old",
    }


def test_little_is_learned_from_few() -> None:
    assert scored(0, 0, Moving(flags=0, age=1, habits=Habits(2, 2, 0))) == scored(0, 0, Moving(flags=0, age=1))


@given(st.floats(0, 5000), st.floats(0, 5000))
def test_of_two_the_older_has_no_higher_score(one: float, other: float) -> None:
    older, newer = (scored(0, scores.TO, Moving(flags=0, age=age)) for age in (max(one, other), min(one, other)))
    assert older.score <= newer.score


def test_confidence_is_high_where_reasons_agree_and_low_where_they_do_not() -> None:
    agreed = scored(f.QUESTION | f.DEADLINE, scores.TO | scores.NAMED)
    divided = scored(f.BULK | f.AUTOMATIC, scores.TO | scores.NAMED)
    assert agreed.confidence > 0.7 > 0.3 > divided.confidence
