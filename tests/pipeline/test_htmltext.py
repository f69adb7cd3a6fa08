from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.pipeline.htmltext import html_to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("  \n ", ""),
        ("plain", "plain\n"),
        ("a  b\n c", "a b c\n"),
        ("<p>one</p><p>two</p>", "one\n\ntwo\n"),
        ("one<br>two<BR/>three", "one\ntwo\nthree\n"),
        ("<div>a</div><div>b</div>", "a\n\nb\n"),
        ("<ul><li>a<li>b</ul>c", "- a\n- b\n\nc\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</table>", "a b\n\nc\n"),
        ("a<hr>b", "a\n\n----\n\nb\n"),
        ("<pre>a\n  b</pre>", "a\n  b\n"),
        ('<img alt="a logo"><img src=x>', "a logo\n"),
        ('<a href="https://example.com/?track=me">click</a>', "click\n"),
        ("<title>t</title><style>p{}</style>x<script>alert('</p>')</script>", "x\n"),
        ("<head><title>t</title><meta></head><body>x", "x\n"),
        ("&lt;b&gt; &amp;amp; &eacute; &#x263a; &nbsp;|", "<b> &amp; é ☺ |\n"),
        ("a <!-- <b>hidden</b> --> b", "a b\n"),
        ("a <!-- never closed > b", "a b\n"),
        ("1 < 2 > 1", "1 < 2 > 1\n"),
        ("a <b title='x>y'>c</b>", "a c\n"),
        ("a <b title='x>c", "a c\n"),
        ("a <unclosed", "a\n"),
        ("<!DOCTYPE html><?xml v?>x", "x\n"),
        ("<p>a</p>\n\n\n\n<p>b</p>", "a\n\nb\n"),
        ("<script>never closed", "never closed\n"),
    ],
)
def test_what_is_read(html: str, text: str) -> None:
    assert html_to_text(html) == text


@given(
    st.lists(st.sampled_from(["<", ">", "<!--", "-->", "<p", "</p>", '"', "'", "<pre>", "&amp", "a", " ", "\n", "/"]))
)
def test_anything_is_read(pieces: list[str]) -> None:
    text = html_to_text("".join(pieces))
    assert "\n\n\n" not in text or "<pre>" in pieces
    assert not text or text.endswith("\n")
