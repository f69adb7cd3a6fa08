"""What a clean-up never touches: every way in which a message can be addressed to somebody, and what else protects."""

from __future__ import annotations

import pytest

from mailsync.cleanup import guard
from mailsync.cleanup.guard import never
from mailsync.model import Flag
from mailsync.pipeline.addressing import Identity
from tests.cleanup.letters import LIST_POST, ME, NEWSLETTER, NOW, facts, known, letter, multipart

FORWARDED = """For you to see.

---------- Forwarded message ---------
From: Ann <ann@far.test>
Date: Mon, 2 Jan 2023
Subject: Lunch
To: Bob <bob@far.test>,
{to}

Shall we?
"""


def test_what_is_addressed_to_nobody_may_be_proposed() -> None:
    assert never(facts(letter(NEWSLETTER)), known()) is None
    assert never(facts(letter(LIST_POST)), known()) is None


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("To", "max@example.com", guard.TO),
        ("To", "MAX@Example.COM", guard.TO),
        ("TO ", "Max <max@example.com>", guard.TO),
        ("To", '"Example, Max" <max@example.com>, b@far.test', guard.TO),
        ("To", "friends: a@far.test, max@example.com;", guard.TO),
        ("To", "b@far.test (for max@example.com)", guard.TO),
        ("To", '"max@example.com" <reader-5@shop.test>', guard.TO),
        ("To", "a@far.test max@example.com", guard.TO),
        ("To", "<max@example.com", guard.TO),
        ("To", "<@relay.test:max@example.com>", guard.TO),
        ("To", '"max"@example.com', guard.TO),
        ("To", "max @ example . com", guard.TO),
        ("To", "max@example.com.", guard.TO),
        ("To", "=?utf-8?q?max=40example=2Ecom?=", guard.TO),
        ("To", "=?utf-8?b?TWF4?= <max@example.com>", guard.TO),
        ("To", ", ".join(f"reader{number}@shop.test" for number in range(500)) + ", max@example.com", guard.TO),
        ("To", ["readers@shop.test", "max@example.com"], guard.TO),
        ("To", "max+shop@example.com", guard.TO),
        ("To", "max-shop@example.com", guard.TO),
        ("To", "shop@max.example.com", guard.TO),
        ("To", "max%example.com@relay.test", guard.TO),
        ("To", "m.example@firm.test", guard.TO),
        ("To", "m.example+new@firm.test", guard.TO),
        ("To", "maxexample@gmail.com", guard.TO),
        ("To", "m.a.x.example+x@googlemail.com", guard.TO),
        ("To", "jürgen@müller.example", guard.TO),
        ("To", "JÜRGEN@xn--mller-kva.example", guard.TO),
        ("To", "ju\u0308rgen@mu\u0308ller.example", guard.TO),
        ("Cc", "max@example.com", guard.CC),
        ("CC", "a@far.test,\n\tmax@example.com", guard.CC),
        ("Bcc", "m.example+old@firm.test", guard.BCC),
        ("Resent-To", "max@example.com", guard.TO),
        ("Resent-Cc", "max@example.com", guard.CC),
        ("Resent-Bcc", "max@example.com", guard.BCC),
        ("Apparently-To", "max@example.com", guard.TO),
        ("X-Cc", "max@example.com", guard.CC),
        ("Mail-Followup-To", "dev@lists.test, max@example.com", guard.CC),
        ("To", "Max Example <someone@elsewhere.test>", guard.TO),
        ("Cc", '"EXAMPLE, Max" <dev@lists.test>', guard.CC),
        ("X-GitHub-Reason", "review_requested", guard.TO),
        ("X-GitLab-NotificationReason", "mentioned", guard.CC),
    ],
)
def test_an_address_of_the_user_in_any_form(field: str, value: str | list[str], reason: str) -> None:
    headers = NEWSLETTER | {field: value}
    assert never(facts(letter(headers)), known()) == reason
    # Through a list that shows only itself, too: there it is the user who stands beside the list.
    listed = {name: value for name, value in LIST_POST.items() if name.lower() != field.lower().strip()}
    assert never(facts(letter(listed | {field: value})), known()) == reason


@pytest.mark.parametrize(
    "address",
    ["maxim@example.com", "amax@example.com", "max@example.org", "max@example.com.test", "max.example@firm.test"],
)
def test_addresses_of_others(address: str) -> None:
    assert never(facts(letter(NEWSLETTER | {"To": address})), known()) is None


def test_a_whole_domain_may_be_mine() -> None:
    me = known(me=Identity(frozenset({"@example.com"})))
    assert never(facts(letter(NEWSLETTER | {"To": "anything@example.com"})), me) == guard.TO
    assert never(facts(letter(NEWSLETTER | {"To": "anything@example.org"})), me) is None


def test_a_blind_copy() -> None:
    """To an alias, which nothing in the message tells but how it was delivered."""
    private = {name: value for name, value in NEWSLETTER.items() if not name.startswith("List-")}
    for to in ("ann@far.test", "undisclosed-recipients:;", ""):
        for more in ({}, {"Delivered-To": "m.example@firm.test"}, {"X-Original-To": "max@example.com"}):
            assert never(facts(letter(private | {"To": to} | more)), known()) == guard.HIDDEN


def test_what_a_program_sends_is_no_letter() -> None:
    private = {name: value for name, value in NEWSLETTER.items() if not name.startswith("List-")}
    for sender in ("no-reply@shop.test", "shop+noreply@shop.test", "notifications@shop.test", "Newsletter@shop.test"):
        assert never(facts(letter(private | {"From": f"Shop <{sender}>"})), known()) is None
    for sender in ("reply@shop.test", "noreplying@shop.test", "ann@noreply.test"):
        assert never(facts(letter(private | {"From": f"Shop <{sender}>"})), known()) == guard.HIDDEN
    marked = private | {"Auto-Submitted": "auto-generated", "From": "root@shop.test"}
    assert never(facts(letter(marked)), known()) is None
    assert never(facts(letter(marked | {"Auto-Submitted": "auto-replied"})), known()) == guard.HIDDEN


@pytest.mark.parametrize(
    "text",
    [
        "Hi Max,\nare you there?",
        "hi max!",
        "HI MAX",
        "Dear Mr. Example, Max",
        "a\nb @max: c",
        "*Max*, _Max_",
        "> Max said so",
        "Lieber Max",
        "M\xadax, see",
        "Ｍａｘ",
        "Hallo Juergen Oester",
        "jurgen oster",
        "JÜRGEN\nØSTER",
        "Ju\u0308rgen Øster",
        "田中太郎さん、こんにちは",
        "Write to max@example.com, please",
        "-- \nMax Example",
    ],
)
def test_a_name_in_the_text(text: str) -> None:
    for encoding in ("8bit", "base64", "quoted-printable"):
        assert never(facts(letter(NEWSLETTER, text, encoding=encoding)), known()) == guard.NAMED
    headers = NEWSLETTER | {"Subject": " ".join(text.split())}
    assert never(facts(letter(headers)), known()) == guard.NAMED
    assert never(facts(letter(LIST_POST, text)), known()) is None
    beside = LIST_POST | {"Cc": "bob@far.test"}
    assert never(facts(letter(beside, text)), known()) == guard.NAMED


@pytest.mark.parametrize(
    "text",
    ["Hi Eva,", "Dear Ms. Example-Nowak", "Liebe Frau Nowak", "Chère Mme Nowak:", "hello eva", "Здравствуйте, Eva!"],
)
def test_part_of_a_name_behind_a_greeting(text: str) -> None:
    eva = known(me=Identity(frozenset({"eva@example.com"}), ("Eva Example Nowak",)))
    assert never(facts(letter(NEWSLETTER, text)), eva) == guard.NAMED
    assert never(facts(letter(NEWSLETTER, "Eva said that Nowak is not the example")), eva) is None


@pytest.mark.parametrize("text", ["Maximum", "Climax", "Maxi-Cosi", "max2", "Østers and Jürgens"])
def test_what_is_no_name(text: str) -> None:
    assert never(facts(letter(NEWSLETTER, text)), known()) is None


@pytest.mark.parametrize(
    "html",
    [
        "<p>Hi Max,</p>",
        "<p>Hi<br>Max</p>",
        "<p>Hi <b>M</b>ax,</p>",
        "<div style='display:none'>Max, look at this</div><p>Offers</p>",
        "<img src=x alt='Hi Max'>",
        "<p>J&uuml;rgen &#216;ster</p>",
        "<!-- --><p>Hi&nbsp;Max</p>",
        "<style>p {color: red}<p>Hi Max</p>",
    ],
)
def test_a_name_in_html(html: str) -> None:
    assert never(facts(letter(NEWSLETTER, html, type="text/html")), known()) == guard.NAMED
    both = multipart(NEWSLETTER, ("text/plain", "Read this in a browser."), ("text/html", html), kind="alternative")
    assert never(facts(both), known()) == guard.NAMED


def test_styles_and_scripts_name_nobody() -> None:
    html = "<style>p {max-width: 3em}</style><script>max(1)</script><p style='max-width: 3em' class=max>Offers</p>"
    assert never(facts(letter(NEWSLETTER, html, type="text/html")), known()) is None


def test_a_name_in_an_attached_text() -> None:
    for type_ in ("text/markdown; name=a.md", "text/x-patch", "text/html; name=a.html", "text/enriched"):
        raw = multipart(NEWSLETTER, ("text/plain", "See below."), (type_, "Hi Max"))
        assert never(facts(raw), known()) == guard.NAMED
    assert never(facts(letter(NEWSLETTER, "Hi Max", type="text/enriched")), known()) == guard.NAMED


def test_forwarded_mail() -> None:
    """Within the text, as an attachment, and attached to what is attached: also where a list shows itself alone."""
    mine = "From: ann@far.test\nTo: Max <max@example.com>\nSubject: Lunch\n\nShall we?\n"
    other = mine.replace("max@example.com", "bob@far.test").replace("Max", "Bob")
    deep = f"Content-Type: multipart/mixed; boundary=in\n\n--in\nContent-Type: message/rfc822\n\n{mine}\n--in--\n"
    for headers in (NEWSLETTER, LIST_POST):
        told = FORWARDED.format(to="Max <max@example.com>")
        assert never(facts(letter(headers, told)), known()) in (guard.HOLDS, guard.NAMED)
        assert never(facts(letter(headers, FORWARDED.format(to="Eve <eve@far.test>"))), known()) is None
        for inside, reason in ((mine, guard.HOLDS), (deep, guard.HOLDS), (other, None)):
            raw = multipart(headers, ("text/plain", "See below."), ("message/rfc822", inside))
            assert never(facts(raw), known()) == reason
        digest = multipart(headers, ("message/rfc822", other), ("message/rfc822", mine), kind="digest")
        assert never(facts(digest), known()) == guard.HOLDS


def test_an_invitation() -> None:
    calendar = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nATTENDEE;CN=M:mailto:\n max@example.com\nEND:VEVENT\nEND:VCALENDAR"
    for headers in (NEWSLETTER, LIST_POST):
        raw = multipart(headers, ("text/plain", "Come"), ("text/calendar", calendar))
        assert never(facts(raw), known()) == guard.NAMED


def test_an_answer_to_what_the_user_wrote() -> None:
    me = known(wrote=["<mine@example.com>"])
    for field in ("In-Reply-To", "References"):
        answer = LIST_POST | {field: "<other@far.test> <mine@example.com> <third@far.test>"}
        assert never(facts(letter(answer)), me) == guard.REPLY
        assert never(facts(letter(answer)), known()) is None
    quoted = "On Mon, 2 Jan 2023 at 10:00, Max Example <max@example.com> wrote:\n> Shall we?\nYes.\n"
    assert never(facts(letter(LIST_POST, quoted)), known()) == guard.REPLY


def test_what_the_user_answered_without_a_flag() -> None:
    assert never(facts(letter(LIST_POST)), known(answered=["<one@shop.test>"])) == guard.ANSWERED
    assert never(facts(letter(LIST_POST)), known(answered=["<two@shop.test>"])) is None


@pytest.mark.parametrize("field", ["From", "Sender", "Reply-To", "X-Original-From"])
def test_who_it_is_from(field: str) -> None:
    someone = LIST_POST | {field: "Ann <Ann+lists@far.test>"}
    for address in ("ann+lists@far.test", "ann@far.test", "Ann+home@far.test"):
        assert never(facts(letter(someone)), known([address])) == guard.CORRESPONDENT
    assert never(facts(letter(someone)), known(["eve@far.test"])) is None
    assert never(facts(letter(LIST_POST | {field: "max@example.com"})), known()) == guard.WRITTEN
    # The list itself is nobody: who posted there once would keep all of it.
    assert (
        never(facts(letter(LIST_POST | {field: "dev@lists.test", "From": "a@b.test"})), known(["dev@lists.test"]))
        is None
    )


@pytest.mark.parametrize(
    ("flags", "more", "reason"),
    [
        (Flag.FLAGGED | Flag.SEEN, {}, guard.FLAGGED),
        (Flag.ANSWERED, {}, guard.ANSWERED),
        (Flag.DRAFT, {}, guard.DRAFT),
        (Flag.SEEN, {"keywords": "$Forwarded work"}, guard.FORWARDED),
        (Flag.SEEN, {"special_use": "\\Drafts"}, guard.DRAFT),
        (Flag.SEEN, {"special_use": "\\Sent"}, guard.WRITTEN),
        (Flag.SEEN, {"doubt": "it is in quarantine"}, guard.DOUBTFUL),
    ],
)
def test_its_state(flags: int, more: dict[str, str], reason: str) -> None:
    assert never(facts(letter(NEWSLETTER), flags, **more), known()) == reason


@pytest.mark.parametrize(
    "subject",
    ["Your receipt", "Rechnung 4711", "Your e-ticket to Oslo", "Your verification code is 123456", "请查收发票"],
)
def test_what_may_still_be_needed(subject: str) -> None:
    """By the later of two dates, and for 30 days whatever is configured."""
    raw = letter(NEWSLETTER | {"Subject": subject})
    old, young = known(), known(important=3 * 365 * 86400.0)
    assert never(facts(raw), old) is None
    assert never(facts(raw), young) == guard.VALUABLE
    undated = letter({name: value for name, value in NEWSLETTER.items() if name != "Date"} | {"Subject": subject})
    assert never(facts(undated), old) == guard.VALUABLE
    received = guard.Facts(raw, facts(raw).digest, 1, internaldate=int(NOW - 29 * 86400))
    assert never(received, known(important=0.0)) == guard.VALUABLE


def test_what_is_not_safe_in_the_mirror() -> None:
    raw = letter(NEWSLETTER)
    assert never(guard.Facts(None, None, 1), known()) == guard.NOT_MIRRORED
    assert never(guard.Facts(raw, facts(raw + b"x").digest, 1), known()) == guard.NOT_MIRRORED


def test_what_is_not_read_wholly() -> None:
    long = letter(NEWSLETTER, "word " * 300_000)
    many = letter(NEWSLETTER | {"X-A": ["b"] * 1200})
    nested = b"To: a@far.test\n\nx"
    for level in range(8):
        nested = multipart(NEWSLETTER, ("message/rfc822", nested.decode()), cut=f"cut{level}")
    attached = multipart(NEWSLETTER, ("text/plain", "See"), ("text/x-log; name=a.log", "line\n" * 300_000))
    for raw in (long, many, nested):
        assert never(facts(raw), known()) == guard.UNREADABLE
    assert never(facts(attached), known()) == guard.NAMED
    sealed = letter(NEWSLETTER, "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n")
    smime = multipart(NEWSLETTER, ("application/pkcs7-mime; smime-type=signed-data; name=smime.p7m", "AAAA"))
    assert {never(facts(raw), known()) for raw in (sealed, smime)} == {guard.SEALED}


def test_it_holds_without_names_too() -> None:
    me = known(me=Identity(ME.addresses))
    assert never(facts(letter(NEWSLETTER | {"Cc": "max@example.com"})), me) == guard.CC
    assert never(facts(letter(NEWSLETTER, "Hi Max")), me) is None
