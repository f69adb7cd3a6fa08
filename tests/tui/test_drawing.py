"""Lines of exactly so many cells, whatever the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from mailsync.tui.drawing import Column, Line, clean, cut, fit, layout, wrap

TEXT = st.text(
    alphabet=st.one_of(st.characters(), st.sampled_from("\x1b\x07\x9b\u202e\u200b日本👨\u200d👩❤\ufe0fé\u0301"))
)
WIDTH = st.integers(1, 60)


@given(TEXT, WIDTH, st.sampled_from(["left", "right"]))
def test_fit_is_exact(text: str, width: int, align: str) -> None:
    fitted = fit(text, width, align)  # type: ignore[arg-type]
    assert cell_len(fitted) == width


@given(TEXT)
def test_nothing_that_a_terminal_obeys_passes(text: str) -> None:
    drawn = Line(lambda ink: Style()).add(text).add(text, "plain", 20).strip(200).text
    assert not any(char < " " or "\x7f" <= char <= "\x9f" or char in "\u202e\u200b\u2028" for char in drawn)


@given(TEXT, WIDTH)
def test_cut_never_exceeds(text: str, width: int) -> None:
    assert cell_len(cut(clean(text), width)) <= width


@given(TEXT, st.integers(2, 60))
def test_wrap_keeps_every_character(text: str, width: int) -> None:
    line = clean(text)
    folded = wrap(line, width)
    assert "".join(folded).replace(" ", "") == line.replace(" ", "")
    assert all(cell_len(part) <= width or len(part) == 1 for part in folded)


def test_wrap_breaks_at_blanks_and_inside_addresses() -> None:
    assert wrap("the quick brown fox", 10) == ["the quick", "brown fox"]
    assert wrap("https://example.org/a/long/path", 12) == ["https://exam", "ple.org/a/lo", "ng/path"]
    assert wrap("日本語の件名", 4) == ["日本", "語の", "件名"]


def test_a_cut_text_says_so() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("日本語", 4) == "日…"
    assert fit("日本語", 4) == "日… "


@given(st.integers(0, 200))
def test_columns_have_room(width: int) -> None:
    columns = [
        Column("a", "", 10, keep=100, share=True),
        Column("b", "", 8, keep=50),
        Column("c", "", 6, keep=10),
        Column("d", "", 4, keep=70),
    ]
    chosen = layout(columns, width)
    total = sum(cells for _, cells in chosen) + 2 * (len(chosen) - 1)
    assert total == max(width, 10) if total > 10 or width >= 10 else len(chosen) == 1


def test_the_least_important_column_goes_first() -> None:
    columns = [Column("a", "", 10), Column("b", "", 10, keep=1), Column("c", "", 10, keep=2)]
    assert [column.key for column, _ in layout(columns, 34)] == ["a", "b", "c"]
    assert [column.key for column, _ in layout(columns, 33)] == ["a", "c"]
    assert [column.key for column, _ in layout(columns, 15)] == ["a"]


def test_joined_emoji_are_taken_apart() -> None:
    assert clean("👨\u200d👩\u200d👧 ❤\ufe0f") == "👨👩👧 ❤"
    assert clean("نامه\u200cای") == "نامه\u200cای", "a joiner that letters need stays"
