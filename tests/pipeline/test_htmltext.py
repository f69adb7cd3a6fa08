from __future__ import annotations

import pytest
from hypothesis import example, given
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
        ("<div>a</div><div>b</div>", "a\nb\n"),
        ("<div>a</div><div><br></div><div>b<br></div><div>c</div>", "a\n\nb\nc\n"),
        ("a<br><br><br>b<br><p>c", "a\n\nb\n\nc\n"),
        ("<ul><li>a<li>b</ul>c", "- a\n- b\n\nc\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</table>", "a  b\nc\n"),
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
        ("<head><style>x</style><body>a</body><html><head></head><body>b", "ab\n"),
        ("a <b title='x<y>' class=\"<\">c</b>", "a c\n"),
        ("<PRE>a  b\n\n\n\n\tc <b>d</b>\n</PRE>e\nf", "a  b\n\n        c d\n\ne f\n"),
        ("<ol><li>a<ul><li>b</ul><li><p>c</p><li></ol><p>d", "1. a\n  - b\n2. c\n\n3.\n\nd\n"),
        ("Persian \u0645\u06cc\u200c\u0634, news\u00adletter", "Persian \u0645\u06cc\u200c\u0634, newsletter\n"),
    ],
)
def test_what_is_read(html: str, text: str) -> None:
    assert html_to_text(html) == text


NEWSLETTER = """
<body><div style="display:none;max-height:0">Only in the preview<div>too</div>&zwnj;&nbsp;&zwnj;</div>
<div>&#847;&zwnj;&nbsp;&#8199;&#847; &zwnj;&nbsp;</div>
<table width="100%"><tr><td><table><tr><td><img src="logo.png" alt="Example Shop"></td></tr></table></td></tr>
<tr><td style="padding:0 8px"><h1>Thank you</h1>
<p>Your order is on
its way. <a href="https://example.com/?track=1">Follow it</a></p>
<table><tr><th>Number</th><th>What</th><th></th><th>Price</th></tr>
<tr><td>2</td><td>Blue <b>shirt</b></td><td>&nbsp;</td><td align=right>40.00</td></tr></table>
<img width=1 height=1 src="https://example.com/seen"><span style="VISIBILITY: hidden">x</span></td></tr></table>
<!--[if mso]><p>Outlook</p><![endif]--><p style="font-size:10px">Leave us</p></body>"""


def test_a_newsletter() -> None:
    assert html_to_text(NEWSLETTER) == (
        "Example Shop\n\nThank you\n\nYour order is on its way. Follow it\n\n"
        "Number  What  Price\n2  Blue shirt  40.00\n\nx\n\nLeave us\n"
    )


def test_a_reply_is_quoted_as_in_plain_text() -> None:
    html = (
        "<div>Yes.<br></div><blockquote type=cite><p>Really?</p><p>Sure?</p><blockquote>deeper<br>still</blockquote>"
        "</blockquote><blockquote style='margin-left:40px; border:none'>indented</blockquote>end"
    )
    assert html_to_text(html) == ("Yes.\n\n> Really?\n>\n> Sure?\n>\n>> deeper\n>> still\n\nindented\n\nend\n")


def test_what_is_hidden() -> None:
    assert html_to_text("a<p style='display: none'>b<p>c") == "a\n\nb\n\nc\n"  # never closed
    assert html_to_text("<div style='display:none'>all of it</div>") == "all of it\n"
    assert html_to_text("a<img style='display:none' alt=b>c<p style=max-height:0.5em>d</p>") == "ac\n\nd\n"
    assert html_to_text("write display:none <b>in CSS</b>") == "write display:none in CSS\n"


PIECES = [
    "<",
    ">",
    "<!--",
    "-->",
    "<p",
    "</p>",
    '"',
    "'",
    "<pre>",
    "&amp",
    "a",
    "/",
    "<li>",
    "<ol>",
    "</ol>",
    "<blockquote>",
    "</blockquote>",
    "<br>",
    "<td>",
    "</div>",
]


@example(["<", "</p>", "\5", "<li>"])
@given(st.lists(st.sampled_from([*PIECES, " ", "\n", "<div style=display:none>", *"\2\4\5\6\b\16\17\20\u200c\xa0"])))
def test_anything_is_read(pieces: list[str]) -> None:
    text = html_to_text("".join(pieces))
    assert "\n\n\n" not in text
    assert not text or text.endswith("\n")
