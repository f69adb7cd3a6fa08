from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.pipeline.addresses import identifiers
from mailsync.pipeline.threads import PEOPLE, REFERENCES, Keys, Leaf, base_subject, keys, references, tree

MARCH = 1_741_000_000


@pytest.mark.parametrize(
    ("subject", "base", "reply"),
    [
        ("Lunch", "Lunch", False),
        ("Re: Lunch", "Lunch", True),
        ("RE:Lunch", "Lunch", True),
        ("re  :\t Lunch", "Lunch", True),
        ("Re: Re: AW: Lunch", "Lunch", True),
        ("Re[2]: Lunch", "Lunch", True),
        ("Re (3): Lunch", "Lunch", True),
        ("Re^4: Lunch", "Lunch", True),
        ("Fwd: Lunch", "Lunch", False),
        ("Fwd: Re: Lunch (fwd)", "Lunch", False),
        ("Re: Fwd: Lunch", "Lunch", True),
        ("[fwd: Re: Lunch]", "Lunch", False),
        ("[a-list] Re: [a-list] Lunch", "Lunch", True),
        ("Re [a-list]: Lunch", "Lunch", True),
        ("【お知らせ】Re: 会議", "会議", True),
        ("[a-list]", "[a-list]", False),
        ("Re: [#4711] Printer", "[#4711] Printer", True),
        ("Res: Almoço", "Almoço", True),
        ("R: Pranzo", "Pranzo", True),
        ("RIF: Pranzo", "Pranzo", True),
        ("TR: Repas", "Repas", False),
        ("WG: Essen", "Essen", False),
        ("Antwort: Essen", "Essen", True),
        ("Antw: Eten", "Eten", True),
        ("Odp: Obiad", "Obiad", True),
        ("SV: VS: Mat", "Mat", True),
        ("Vá: Ebéd", "Ebéd", True),
        ("Va\u0301: Ebéd", "Ebéd", True),
        ("YNT: İLT: Yemek", "Yemek", True),
        ("ENC: Almoço", "Almoço", False),
        ("ΑΠ: Γεύμα", "Γεύμα", True),
        ("НА: Обед", "Обед", True),
        ("回复：午餐", "午餐", True),
        ("答复: 转发: 午餐", "午餐", True),
        ("Ｒｅ：Lunch", "Lunch", True),
        ("Trả lời: Ăn trưa", "Ăn trưa", True),
        ("Reference: a book", "Reference: a book", False),
        ("Re:", "", True),
        ("[fwd:]", "", False),
        ("", "", False),
    ],
)
def test_base_subject(subject: str, base: str, reply: bool) -> None:
    assert base_subject(subject) == (base, reply)


@given(st.lists(st.sampled_from(["Re:", "[fwd:", "]", "[x]", "(fwd)", " ", "Aw[2]:", "a", "：", "【", "】", "\0"])))
def test_a_base_subject_has_nothing_to_take_away(pieces: list[str]) -> None:
    base, _ = base_subject("".join(pieces))
    assert base_subject(base)[0] == base


@pytest.mark.parametrize("piece", ["[fwd:", "re:", "[a]", "[", "(fwd)", "re[", "【", "ＲＥ：", "\ufdfa", " re :"])
def test_a_subject_of_a_megabyte_costs_no_more_than_a_short_one(piece: str) -> None:
    started = time.thread_time()
    base_subject(piece * (1_000_000 // len(piece)))
    assert time.thread_time() - started < 0.05


def of(
    own: str = "",
    named: Sequence[str] = (),
    subject: str = "Lunch",
    sender: str = "ann@example.org",
    to: Sequence[str] = ("bob@example.org",),
    date: int | None = MARCH,
) -> Keys:
    return keys(own, references(own, named, [sender, *to]), subject, [sender], to, date)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("<1@example.org>", ("<1@example.org>",)),
        ("1@example.org 2@example.org", ("<1@example.org>", "<2@example.org>")),
        ("ann@example.org's message of Tue, 27 Aug", ()),
        ("Message from Ann <ann@example.org> of Tue <1@example.org>", ("<1@example.org>",)),
    ],
)
def test_a_person_is_no_message(field: str, expected: tuple[str, ...]) -> None:
    assert references("<2@example.net>", identifiers(field), ["ann@example.org"]) == expected


def joined(one: Keys, other: Keys) -> bool:
    """By their subjects."""
    demanded = [{key ^ 1 for key in each.subjects if key & 1} for each in (one, other)]
    return bool(demanded[0].intersection(other.subjects) or demanded[1].intersection(one.subjects))


BACK = {"subject": "Re: Lunch", "sender": "bob@example.org", "to": ("ann@example.org",)}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"subject": "AW: [team] lunch"}, True),
        ({"date": MARCH + 20 * 86400}, True),
        ({"date": MARCH - 20 * 86400}, True),
        ({"date": MARCH + 61 * 86400}, False),
        ({"date": None}, False),
        ({"to": ("eve@example.org", "Ann@Example.org ")}, True),
        ({"to": ("eve@example.org",)}, False),
        ({"subject": "Lunch"}, False),
        ({"subject": "Fwd: Lunch"}, False),
        ({"subject": "Re: Brunch"}, False),
        ({"named": ("<1@example.org>",)}, False),
        ({"named": ("<ann@example.org>",)}, True),
        ({"own": "<1@example.org>", "named": ("<1@example.org>",)}, True),
    ],
)
def test_a_lone_reply_is_joined_to_what_it_answers(change: dict[str, object], expected: bool) -> None:
    assert joined(of(), of(**{**BACK, **change})) is expected  # type: ignore[arg-type]


def test_a_short_subject_joins_nothing() -> None:
    assert not joined(of(subject="Hi"), of(**{**BACK, "subject": "Re: Hi"}))  # type: ignore[arg-type]
    assert joined(of(subject="午餐"), of(**{**BACK, "subject": "回复：午餐"}))  # type: ignore[arg-type]


def test_what_a_hostile_message_brings_is_bounded() -> None:
    crowd = [f"{number}@example.org" for number in range(10_000)]
    found = of("<" + "x" * 1_000_000 + ">", [f"<{one}>" for one in crowd])
    assert len(found.references) == REFERENCES
    assert keys("", [f"<{crowd[0]}>"], "", [], [], None).references[0] in found.references  # where it began
    assert len(keys("", (), "Re: Lunch", crowd, crowd, MARCH).subjects) <= 4 * PEOPLE
    assert all(0 < key < 1 << 63 for key in (found.own, *found.references, *found.subjects))


def drawn(messages: Sequence[Leaf]) -> list[str]:
    """The tree, in message ids."""
    return [
        "  " * line.depth + (messages[line.number].message_id if line.number is not None else "-")
        for line in tree(messages)
    ]


def leaf(own: str, references: str = "", date: int = 0, subject: str = "Lunch") -> Leaf:
    return Leaf(own, references.split(), subject, date)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([leaf("c", "a b", 3), leaf("d", "a", 4), leaf("a", "", 1), leaf("b", "a", 2)], ["a", "  b", "    c", "  d"]),
        # b is missing; what it would be below is known from c.
        ([leaf("a", "", 1), leaf("c", "a b", 3), leaf("e", "b", 2)], ["a", "  e", "  c"]),
        # Nothing above them is here: two answers to one message stay together.
        ([leaf("c", "a", 3), leaf("b", "a", 2)], ["-", "  b", "  c"]),
        ([leaf("c", "a b", 3)], ["c"]),
        # Cycles: nobody answers the future.
        ([leaf("a", "b", 1), leaf("b", "a", 2)], ["a", "  b"]),
        ([leaf("a", "a", 1)], ["a"]),
        ([leaf("a", "c", 1), leaf("b", "a", 2), leaf("c", "b", 3)], ["a", "  b", "    c"]),
        # What a message says of itself precedes what others say of it.
        ([leaf("a", "", 1), leaf("b", "", 2), leaf("c", "a", 3), leaf("d", "b c", 4)], ["a", "  c", "    d", "b"]),
        # One Message-ID, two messages.
        ([leaf("a", "", 1), leaf("b", "a", 2), leaf("b", "a", 3), leaf("c", "b", 4)], ["a", "  b", "    c", "  b"]),
        # Replies to nothing.
        ([leaf("b", "", 2, "Re: Lunch"), leaf("a", "", 1), leaf("c", "", 3, "Other")], ["a", "  b", "c"]),
        ([leaf("b", "x", 2, "AW: lunch"), leaf("", "", 1)], ["", "  b"]),
        ([], []),
    ],
)
def test_trees(messages: list[Leaf], expected: list[str]) -> None:
    assert drawn(messages) == expected


@given(
    st.lists(
        st.builds(
            leaf,
            st.sampled_from(["", "a", "b", "c", "d"]),
            st.lists(st.sampled_from("abcdef"), max_size=4).map(" ".join),
            st.integers(0, 4),
            st.sampled_from(["Lunch", "Re: Lunch", "Other"]),
        ),
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_every_message_stands_once_below_its_parent_in_any_order(messages: list[Leaf], random: object) -> None:
    lines = tree(messages)
    assert sorted(line.number for line in lines if line.number is not None) == list(range(len(messages)))
    path: list[int | None] = []
    for line in lines:
        assert line.depth <= len(path)
        del path[line.depth :]
        assert line.parent == (path[-1] if path else None)
        path.append(line.number)
    unlike = list({one.date: one for one in messages if one.message_id}.values())  # ties go by position
    shuffled = unlike[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert drawn(unlike) == drawn(shuffled)


def test_a_thread_as_deep_as_it_is_long() -> None:
    names = [f"<{number}>" for number in range(20_000)]
    messages = [Leaf(name, names[max(0, at - 5) : at], "Re: Lunch", at) for at, name in enumerate(names)]
    started = time.thread_time()
    assert tree(messages)[-1].depth == len(names) - 1
    assert time.thread_time() - started < 5
