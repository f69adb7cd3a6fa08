"""The guard against letters that are put together at random, each addressed to the user by one way or the other."""

from __future__ import annotations

import unicodedata
from email.header import Header

from hypothesis import given, settings
from hypothesis import strategies as st

from mailsync.cleanup import guard
from mailsync.cleanup.guard import never
from tests.cleanup.letters import LIST_POST, NEWSLETTER, facts, known, letter, multipart

WORDS = [
    "offers",
    "news",
    "sale",
    "weekly",
    "digest",
    "build",
    "release",
    "patch",
    "meeting",
    "agenda",
    "thanks",
    "regards",
]
STRANGERS = [
    "ann@far.test",
    "Bob <bob@far.test>",
    '"Doe, Eve" <eve@x.test>',
    "team: c@far.test, d@far.test;",
    "x@y.test",
]
EXTENSIONS = st.sampled_from(["", "+news", "+a+b", "-list", "=x", "+" + "n" * 40])
TEXTS = st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)


def cased(draw: st.DrawFn, text: str) -> str:
    return "".join(draw(st.sampled_from([one, one.upper(), one.lower()])) if one.isascii() else one for one in text)


@st.composite
def own_addresses(draw: st.DrawFn) -> str:
    """One of the user's addresses, as somebody may write it."""
    kind = draw(st.sampled_from(["plain", "gmail", "unicode", "subdomain"]))
    extension = draw(EXTENSIONS)
    if kind == "gmail":
        letters = "maxexample"
        local = "".join(one + draw(st.sampled_from(["", "."])) for one in letters[:-1]) + letters[-1]
        address = f"{local}{extension}@{draw(st.sampled_from(['gmail.com', 'googlemail.com']))}"
    elif kind == "unicode":
        domain = draw(st.sampled_from(["müller.example", "xn--mller-kva.example", "mu\u0308ller.example"]))
        address = f"jürgen{extension}@{domain}"
    elif kind == "subdomain":
        address = "shop@max.example.com"
    else:
        address = draw(st.sampled_from(["max{}@example.com", "m.example{}@firm.test"])).format(extension)
    return cased(draw, address)


@st.composite
def mailboxes(draw: st.DrawFn, address: str) -> str:
    form = draw(
        st.sampled_from(
            [
                "{}",
                "<{}>",
                "Somebody <{}>",
                '"Some, Body" <{}>',
                "{} (some body)",
                "readers: {};",
                Header("Žofie Ünal, Dr.", "utf-8").encode() + " <{}>",
                "Somebody\n\t<{}>",
                "Somebody <{}",
            ]
        )
    )
    return form.format(address)


@settings(max_examples=300)
@given(data=st.data())
def test_whoever_is_named_in_a_field_is_spared(data: st.DataObject) -> None:
    base = data.draw(st.sampled_from([NEWSLETTER, LIST_POST]))
    field = data.draw(st.sampled_from(["To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Apparently-To"]))
    mine = data.draw(mailboxes(data.draw(own_addresses())))
    others = data.draw(st.lists(st.sampled_from(STRANGERS), max_size=4))
    at = data.draw(st.integers(0, len(others)))
    listed = ",\n ".join([*others[:at], mine, *others[at:]])
    headers = dict(data.draw(st.permutations([*(base | {field: listed}).items()])))
    raw = letter(headers, data.draw(TEXTS), encoding=data.draw(st.sampled_from(["8bit", "base64", "quoted-printable"])))
    assert never(facts(raw), known()) in (guard.TO, guard.CC, guard.BCC), listed


@st.composite
def own_names(draw: st.DrawFn) -> str:
    """A name of the user, as somebody may write it."""
    name = draw(
        st.sampled_from(["Max", "Max Example", "Example, Max", "Jürgen Øster", "Juergen Oester", "jurgen oster"])
    )
    name = draw(st.sampled_from([name, name.upper(), name.lower(), name.title()]))
    name = unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), name)
    blank = draw(st.sampled_from([" ", "\n", "  ", "\u00a0", "_"]))
    return name.replace(" ", blank)


SURROUNDED = st.sampled_from(
    ["Hi {},", "{}:", "@{} ", "*{}*", "({})", "dear {}!", "> {} said", "– {} –", "{}’s", '"{}"', "x\n{}\ny"]
)


@settings(max_examples=300)
@given(
    text=st.tuples(TEXTS, SURROUNDED, own_names(), TEXTS),
    form=st.sampled_from(["plain", "html", "alternative", "attached", "subject"]),
    encoding=st.sampled_from(["8bit", "base64", "quoted-printable"]),
    charset=st.sampled_from(["utf-8", "utf-16"]),
    alone=st.booleans(),
)
def test_whoever_is_called_by_name_is_spared(
    text: tuple[str, str, str, str], form: str, encoding: str, charset: str, alone: bool
) -> None:
    before, around, name, behind = text
    told = f"{before} {around.format(name)} {behind}"
    headers = LIST_POST if alone else NEWSLETTER
    html = f"<html><body><p>{told.replace(chr(10), '<br>')}</p></body></html>"
    match form:
        case "plain":
            encoding = "base64" if charset == "utf-16" else encoding
            raw = letter(headers, told, encoding=encoding, charset=charset)
        case "html":
            raw = letter(headers, html, type="text/html", encoding=encoding)
        case "alternative":
            raw = multipart(headers, ("text/plain", "See"), ("text/html; charset=utf-8", html), kind="alternative")
        case "attached":
            raw = multipart(headers, ("text/plain", "See"), ("text/x-note; name=a.note", told))
        case _:
            raw = letter(headers | {"Subject": " ".join(told.split())})
    assert never(facts(raw), known()) == (None if alone else guard.NAMED), told


@settings(max_examples=150)
@given(text=TEXTS, subject=TEXTS, alone=st.booleans(), encoding=st.sampled_from(["8bit", "base64"]))
def test_what_is_for_everybody_is_not(text: str, subject: str, alone: bool, encoding: str) -> None:
    raw = letter((LIST_POST if alone else NEWSLETTER) | {"Subject": subject}, text, encoding=encoding)
    assert never(facts(raw), known()) is None


@settings(max_examples=200)
@given(raw=st.binary(max_size=2000) | st.text(max_size=500).map(lambda text: letter(NEWSLETTER | {"X": "y"}, text)))
def test_whatever_the_bytes_there_is_an_answer(raw: bytes) -> None:
    assert never(facts(raw), known()) in (None, *guard.REASONS)
