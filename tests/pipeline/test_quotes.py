"""Who wrote which line: by marks, by what introduces a quote in many languages, and by how people sign."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.pipeline import mime, quotes
from tests.corpus import torture_dir


def of(text: str) -> list[tuple[str, str, str]]:
    return [(one.origin, "\n".join(one.lines), one.attribution) for one in quotes.segments(text)]


@pytest.mark.parametrize(
    "line",
    [
        "On Mon, Apr 2, 2012 at 6:26 PM, Megan One <m@example.com> wrote:",
        "On Mon, 2 Apr 2012 18:26:00 +0200\nMegan One <m@example.com> wrote:",
        "Am 02.04.2012 um 18:26 schrieb Megan One:",
        "Le 2 avr. 2012 à 18:26, Megan One <m@example.com> a écrit :",
        "El lun., 2 abr. 2012 a las 18:26, Megan (<m@example.com>) escribió:",
        "Em seg., 2 de abr. de 2012 às 18:26, Megan escreveu:",
        "Il giorno lun 2 apr 2012 alle ore 18:26 Megan ha scritto:",
        "Op ma 2 apr. 2012 om 18:26 schreef Megan:",
        "Den mån 2 apr. 2012 kl 18:26 skrev Megan <m@example.com>:",
        "W dniu 02.04.2012 o 18:26, Megan pisze:",
        "2 апреля 2012 г., 18:26 пользователь Megan <m@example.com> написал:",
        "2012年4月2日(月) 18:26 Megan <m@example.com>:",
        "Megan wrote:",
    ],
)
def test_what_introduces_a_quote(line: str) -> None:
    told = [("own", "Hello", ""), ("quote", "Hi\n> deeper", " ".join(line.split()))]
    assert of(f"Hello\n\n{line}\n\n> Hi\n> > deeper\n") == told


@pytest.mark.parametrize(
    "line",
    [
        "-----Original Message-----",
        "Begin forwarded message:",
        "---------- Forwarded message ---------",
        "-------- Weitergeleitete Nachricht --------",
        "----- Mensaje original -----",
    ],
)
def test_what_introduces_another_message(line: str) -> None:
    text = "Hello\n\n" + line + "\nFrom: Megan\nSubject: x\n\nHi\n-- \nMegan\n"
    assert of(text) == [("own", "Hello", ""), ("quote", "From: Megan\nSubject: x\n\nHi\n-- \nMegan", line)]


def test_the_header_of_another_message() -> None:
    header = "Von: Megan\nGesendet: Montag, 2. April 2012 18:26\nAn: Max\nBetreff: AW: Test"
    text = f"Hallo\n\n________________________________\n{header}\n\nHi\n"
    assert of(text) == [("own", "Hallo", ""), ("quote", f"{header}\n\nHi", "")]
    late = "Date: Mon, 2 Apr 2012 18:26:00 +0200\nSubject: Test\nFrom: m@example.com"
    assert of(f"Hallo\n\n----\n\n{late}\n\nHi\n") == [("own", "Hallo", ""), ("quote", f"{late}\n\nHi", "")]
    assert of("From: the beginning\nwe knew\nthat it works\n")[0][0] == "own"


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nMax\nhttps://example.org",
        "Sent from my iPhone",
        "Gesendet von meinem iPhone",
        "Mit freundlichen Grüßen\n\nMax Example\nExample AG",
        "Best regards,\nMax",
        "-Max Example",
        "_______________________________________________\nlist mailing list\nlist@example.org",
    ],
)
def test_signatures(signature: str) -> None:
    before = "This is what there is to say about it today.\nIt goes on."
    assert of(f"{before}\n\n{signature}\n") == [("own", before, ""), ("signature", signature, "")]
    replied = of(f"{before}\n\n{signature}\n\nOn 1.2.2012 at 10:00 Megan wrote:\n> Hi\n")
    if not signature.startswith("___"):
        assert [origin for origin, _, _ in replied] == ["own", "signature", "quote"]


def test_what_is_no_signature_and_no_quote() -> None:
    for text in (
        "Thanks, that is what I needed to know.\nIt works.",
        "Best\nof all worlds is the one in which we live, as somebody said who had seen none of the others, I suppose.",
        "Sent from my desk, this is more comfortable.",
        "On the other hand, he wrote:\nnothing",
        "a -- b\n--verbose is an option",
        "x > y\nif a > b",
        "one\n--\n" + "two\n" * 30,
    ):
        assert [one.origin for one in quotes.segments(text)] == ["own"], text


def test_answers_between_the_lines() -> None:
    text = "On 1.2.2012, Max wrote:\n> one?\n\nYes.\n\n> two?\n>\n> three?\nNo.\n"
    assert of(text) == [
        ("quote", "one?", "On 1.2.2012, Max wrote:"),
        ("own", "Yes.", ""),
        ("quote", "two?\n\nthree?", ""),
        ("own", "No.", ""),
    ]


def test_replies_of_well_known_programs(corpus: Path) -> None:
    """The corpus has eight; what their authors wrote is "Hello" in each."""
    agreed = []
    for path in sorted((torture_dir() / "talon" / "standard_replies").iterdir()):
        parsed = mime.parse(path.read_bytes())
        own = [line for one in quotes.segments(parsed.text) if one.origin == "own" for line in one.lines]
        if " ".join(own).strip() == "Hello":
            agreed.append(path.stem)
    print(f"\nreplies told from quotes: {len(agreed)} of 8")
    assert len(agreed) == 8


LINES = [
    "> a",
    ">> b",
    "",
    " ",
    "-- ",
    "On 1.2.2012, Max wrote:",
    "a:",
    "From: x",
    "To: y",
    "Subject: z",
    "____________",
]


@given(st.lists(st.sampled_from(LINES) | st.text(max_size=12)))
def test_anything_is_some_segments(lines: list[str]) -> None:
    for one in quotes.segments("\n".join(lines)):
        assert one.attribution or (one.lines[0].strip() and one.lines[-1].strip())
