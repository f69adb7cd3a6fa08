"""Records do what dataclasses do."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from typing import Any

import pytest

from mailsync.record import record, replace


class Plain:
    """A thing."""

    number: int
    text: str = "x"
    words: list[str] = field(default_factory=list)
    secret: str = field(default="hidden", repr=False)
    place: int = field(default=1, compare=False)
    noted: int = field(default=7, init=False)
    found: list[int] = field(default_factory=list, init=False)
    late: int = field(init=False)

    def __post_init__(self) -> None:
        self.set_late(self.number + 1)

    def set_late(self, value: int) -> None:
        object.__setattr__(self, "late", value)


def copied() -> type[Plain]:
    """`Plain` before any decorator has seen it."""
    inside = {name: value for name, value in vars(Plain).items() if name not in ("__dict__", "__weakref__")}
    return type("Plain", (), inside)


def pair(frozen: bool) -> tuple[type[Any], type[Any]]:
    """The same class made by the standard decorator and by ours."""
    return dataclasses.dataclass(frozen=frozen, slots=True)(copied()), record(frozen=frozen)(copied())


@pytest.mark.parametrize("frozen", [False, True])
def test_a_record_is_made_compared_hashed_and_shown_as_a_dataclass(frozen: bool) -> None:
    standard, ours = pair(frozen)
    made: list[Callable[[type[Any]], Any]] = [
        lambda cls: cls(1),
        lambda cls: cls(1, "y", ["a"], "s"),
        lambda cls: cls(number=2, words=["b"]),
    ]
    for make in made:
        one, other = make(standard), make(ours)
        assert repr(one) == repr(other)
        assert "hidden" not in repr(other)
        for name in ("number", "text", "words", "secret", "noted", "found", "late"):
            assert getattr(one, name) == getattr(other, name)
        assert other == make(ours)
        assert ours(1, place=2) == ours(1, place=3)
        assert other != ours(9)
        assert other != one
        assert not hasattr(other, "__dict__")
    assert ours(1).words is not ours(1).words
    assert standard.__match_args__ == ours.__match_args__
    assert list(inspect.signature(standard).parameters) == list(inspect.signature(ours).parameters)
    wrongs: list[Callable[[type[Any]], Any]] = [
        lambda cls: cls(),
        lambda cls: cls(1, noted=3),
        lambda cls: cls(1, other=3),
    ]
    for wrong in wrongs:
        for cls in (standard, ours):
            with pytest.raises(TypeError):
                wrong(cls)


def test_a_frozen_record_cannot_be_changed_and_is_hashed_by_its_values() -> None:
    @record(frozen=True)
    class Point:
        """A point."""

        x: int
        y: int = 0

    with pytest.raises(FrozenInstanceError):
        Point(1).x = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del Point(1).x
    assert {Point(1), Point(1, 0), Point(2)} == {Point(2), Point(1)}
    assert replace(Point(1, 5), x=3) == Point(3, 5)


def test_one_that_can_be_changed_has_no_hash_and_a_base_gives_its_fields_first() -> None:
    @record
    class Base:
        """A base."""

        x: int

        def __post_init__(self) -> None:
            self.x += 1

    @record
    class More(Base):
        """More of it."""

        y: int = 2

    assert (More(1).x, More(1).y, More(1, 5).y, Base(4).x) == (2, 2, 5, 5)
    match More(1, 5):
        case More(x, y):
            assert (x, y) == (2, 5)
    with pytest.raises(TypeError):
        hash(Base(1))
