"""Elements: their types, from text and from HTML; ids that stay; relations; and the package that can make them."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.errors import ParseFailed
from mailsync.pipeline import attachments, elements, mime
from mailsync.pipeline.elements import Element, Relation
from mailsync.pipeline.elements_text import CELL, HEADINGS, LINKS, MARKS
from mailsync.pipeline.quotes import segments
from tests.corpus import iter_bulk, iter_torture

TEXT = b"""From: Max <max@example.org>
To: Anna <ANNA@example.org>, b@example.org
Cc: c@example.org
Subject: The plan
Message-ID: <2@example.org>
In-Reply-To: <1@example.org>
References: <0@example.org> <1@example.org>
List-Id: Plans <plans.example.org>

Hi Anna,

this is a paragraph that was wrapped by a program at some width, so it
goes on in the next line. See https://example.org/plan?a=1.

WHAT TO BUY

Two things:
- bread, which is not wrapped by
  hand
  - rolls
2) butter

| what  | how many |
|-------|----------|
| bread | 2        |
| rolls | 10       |

Short line
another one

sales@example.org

--\x20
Max Example
https://max.example.org

On 1.2.2025 at 10:00 Anna wrote:
> What do we need?
"""


def of(raw: bytes, builder: elements.Builder = "builtin") -> list[Element]:
    parsed = mime.parse(raw)
    return elements.build(raw, parsed, attachments.rows(raw, parsed), builder)


def html(body: str) -> list[tuple[str, str, dict[str, Any]]]:
    raw = b"Content-Type: text/html; charset=utf-8\n\n" + body.encode()
    return [(one.type, one.text, facts(one)) for one in of(raw)]


def facts(one: Element) -> dict[str, Any]:
    return {name: value for name, value in one.metadata.items() if name not in ("message_id", "position")}


def test_plain_text() -> None:
    found = of(TEXT)
    assert [(one.type, one.text, facts(one)) for one in found] == [
        ("Title", "The plan", {"level": 1, "role": "subject"}),
        ("NarrativeText", "Hi Anna,", {}),
        (
            "NarrativeText",
            "this is a paragraph that was wrapped by a program at some width, so it goes on in the next line. "
            "See https://example.org/plan?a=1.",
            {"urls": ["https://example.org/plan?a=1"]},
        ),
        ("Title", "WHAT TO BUY", {"level": 2}),
        ("NarrativeText", "Two things:", {}),
        ("ListItem", "bread, which is not wrapped by\nhand", {"depth": 0}),
        ("ListItem", "rolls", {"depth": 1}),
        ("ListItem", "butter", {"depth": 0}),
        (
            "Table",
            "what\thow many\nbread\t2\nrolls\t10",
            {"cells": [["what", "how many"], ["bread", "2"], ["rolls", "10"]]},
        ),
        ("NarrativeText", "Short line\nanother one", {}),
        ("EmailAddress", "sales@example.org", {}),
        ("Signature", "-- \nMax Example\nhttps://max.example.org", {"urls": ["https://max.example.org"]}),
        ("QuotedReply", "What do we need?", {"attribution": "On 1.2.2025 at 10:00 Anna wrote:"}),
    ]
    assert [one.metadata["position"] for one in found] == list(range(len(found)))
    assert {one.metadata["message_id"] for one in found} == {"<2@example.org>"}


def test_html() -> None:
    found = html(
        "<h2>Plan <a href='https://a.example/?x=1&amp;y=2'>A</a></h2><p>One<br>two <a href=mailto:m@x.org>me</a></p>"
        "<ul><li>bread</li><li>rolls <a href='javascript:alert(1)'>!</a></li></ul>"
        "<table><tr><th>what</th><th>how many</th></tr><tr><td><p>bread</p></td><td>2</td></tr></table>"
        "<table><tr><td>only layout</td></tr></table>"
        "<div class='gmail_signature'>Max</div>"
        "<div>On 1.2.2025 10:00, Anna &lt;<a href='mailto:a@x.org'>a@x.org</a>&gt; wrote:</div>"
        "<blockquote>Hi</blockquote>"
    )
    assert found == [
        ("Title", "Plan A", {"level": 2, "urls": ["https://a.example/?x=1&y=2"]}),
        ("NarrativeText", "One\ntwo me", {"urls": ["mailto:m@x.org"]}),
        ("ListItem", "bread", {"depth": 0}),
        ("ListItem", "rolls !", {"depth": 0}),
        ("Table", "what\thow many\nbread\t2", {"cells": [["what", "how many"], ["bread", "2"]]}),
        ("NarrativeText", "only layout", {}),
        ("Signature", "--\nMax", {}),
        ("QuotedReply", "Hi", {"attribution": "On 1.2.2025 10:00, Anna <a@x.org> wrote:"}),
    ]


def test_a_patch_keeps_its_lines() -> None:
    raw = (
        b"Subject: p\n\nwhy\n---\n a | 1 +\n\ndiff --git a/a b/a\nindex 1..2\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n"
        b"-x\n+y\n\n z\n-- \n2.40\n"
    )
    one = next(one for one in of(raw) if one.metadata.get("preformatted"))
    assert one.text.startswith("diff --git a/a b/a\nindex")
    assert one.text.endswith("+y\n\n z")


def test_ids_stay_whatever_is_found_around_them() -> None:
    first = {one.text: one.id for one in of(TEXT)}
    identity = hashlib.sha256(TEXT).hexdigest()
    assert first["Hi Anna,"] == hashlib.sha256(f"{identity}\0\0HiAnna,\0{1}".encode()).hexdigest()[:32]
    again = of(b"Subject: x\n\nsame\n\nsame\n\nother\n")
    assert len({one.id for one in again}) == 4
    assert {one.id for one in of(TEXT + b" ")}.isdisjoint(first.values())


def test_relations() -> None:
    parsed = mime.parse(TEXT)
    this = "mid:2@example.org"
    told = elements.relations(parsed, [], of(TEXT), "00", "t7")
    assert told == [
        Relation(this, predicate, thing)
        for predicate, thing in (
            ("sent_by", "mailto:max@example.org"),
            ("sent_to", "mailto:anna@example.org"),
            ("sent_to", "mailto:b@example.org"),
            ("copied_to", "mailto:c@example.org"),
            ("replies_to", "mid:1@example.org"),
            ("refers_to", "mid:0@example.org"),
            ("in_thread", "thread:t7"),
            ("mentions_list", "list:plans.example.org"),
            ("links_to", "https://example.org/plan?a=1"),
            ("mentions", "mailto:sales@example.org"),
            ("links_to", "https://max.example.org"),
        )
    ]


def test_attachments_are_elements_and_relations() -> None:
    raw = b"Content-Type: a/b; name=x.bin\nContent-Disposition: attachment\n\nxyz"
    parsed = mime.parse(raw)
    rows = attachments.rows(raw, parsed)
    (one,) = elements.build(raw, parsed, rows)
    digest = hashlib.sha256(b"xyz").hexdigest()
    assert (one.type, one.text) == ("Attachment", "x.bin")
    assert facts(one) == {"number": 1, "content_type": "a/b", "size": 3, "sha256": digest}
    assert elements.relations(parsed, rows, [one], "00") == [
        Relation("urn:sha256:00", "has_attachment", f"urn:sha256:{digest}")
    ]


def test_every_message_of_the_corpus(corpus: Path) -> None:
    counted: dict[str, int] = {}
    costs = []
    for number, (name, raw) in enumerate((*iter_torture(), *iter_bulk())):
        if number % 3:
            continue
        parsed = mime.parse(raw)
        rows = attachments.rows(raw, parsed)
        start = time.thread_time()
        found = elements.build(raw, parsed, rows)
        costs.append(time.thread_time() - start)
        assert len({one.id for one in found}) == len(found), name
        assert all(one.text or one.type == "Attachment" for one in found), name
        assert not any(MARKS.search(f"{one.text}{one.metadata}") for one in found), name
        for one in found:
            counted[one.type] = counted.get(one.type, 0) + 1
        if number % 9 == 0:
            told = "".join(one.attribution + "".join(one.lines) for one in segments(parsed.text))
            assert bare(told) == bare(parsed.text), name
    costs.sort()
    print(f"\n{counted}; median {costs[len(costs) // 2] * 1000:.2f} ms, worst {costs[-1] * 1000:.0f} ms")
    assert set(counted) == {
        "Title", "NarrativeText", "ListItem", "Table", "EmailAddress", "QuotedReply", "Signature", "Attachment",
    }  # fmt: skip
    assert costs[-1] < 2


def bare(text: str) -> list[str]:
    """The letters, in whatever order: what introduces a quote stands apart from it; marks of quotes may be letters."""
    return sorted(char for char in text if char.islower())


TAGS = [
    "<h1>",
    "</h1>",
    "<td>",
    "<tr>",
    "<table>",
    "<a href='http://x'>",
    "</a>",
    "<li>",
    "<div id=Signature>",
    "<",
    "|",
]


@given(st.lists(st.sampled_from([*TAGS, HEADINGS, CELL, chr(LINKS), "\n", "> "]) | st.text(max_size=5)))
def test_anything_is_some_elements(parts: list[str]) -> None:
    for _, text, told in html("".join(parts)):
        assert text
        assert not MARKS.search(f"{text}{told}")


def test_hostile_text_takes_no_longer() -> None:
    for unit in ("<a href=", "<td><p", "<div class='", "</a>", "a\n", "| ", "\nFrom:", "\nregards\na", "a@b.c "):
        raw = b"Content-Type: text/html\n\n" + (unit * (100_000 // len(unit))).encode()
        for one in (raw, raw.replace(b"html", b"plain", 1)):
            start = time.thread_time()
            of(one)
            assert time.thread_time() - start < 2, unit


def test_the_package_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a stand-in: the package itself is larger than everything else here together."""
    asked: list[tuple[bytes, dict[str, Any]]] = []

    def partition_email(*, file: Any, **options: Any) -> list[Any]:
        asked.append((file.read(), options))
        if b"bad" in asked[-1][0]:
            raise RuntimeError("secret")
        told = SimpleNamespace(link_urls=["http://x", "http://x"], category_depth=1, text_as_html=None)
        cells = "<table><tr><td>a &amp; b</td><td/></tr><tr><td><b>c</b></td><td>d</td></tr></table>"
        table = SimpleNamespace(link_urls=None, category_depth=None, text_as_html=cells)
        return [
            SimpleNamespace(category="UncategorizedText", text="Hi", metadata=told),
            SimpleNamespace(category="Table", text="a b c d", metadata=table),
            SimpleNamespace(category="PageBreak", text="", metadata=table),
        ]

    module = ModuleType("unstructured.partition.email")
    module.partition_email = partition_email  # type: ignore[attr-defined]
    for name in ("unstructured", "unstructured.partition"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "unstructured.partition.email", module)
    for name in ("DO_NOT_TRACK", "SCARF_NO_ANALYTICS", "UNSTRUCTURED_DISABLE_NOTICE"):
        monkeypatch.setenv(name, "")
    found = of(b"Subject: s\n\nHi", "unstructured")
    assert [(one.type, one.text, facts(one)) for one in found] == [
        ("Title", "s", {"level": 1, "role": "subject"}),
        ("UncategorizedText", "Hi", {"urls": ["http://x"], "depth": 1}),
        ("Table", "a b c d", {"cells": [["a & b", ""], ["c", "d"]]}),
    ]
    assert asked == [(b"Subject: s\n\nHi", {"process_attachments": False, "languages": [""]})]
    assert os.environ["DO_NOT_TRACK"] == os.environ["SCARF_NO_ANALYTICS"] == "1"
    with pytest.raises(ParseFailed, match=r"elements: RuntimeError"):
        of(b"Subject: s\n\nbad", "unstructured")
