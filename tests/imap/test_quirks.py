"""Quirks: who is recognised by what, what is made of several, what a user may set."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.imap.quirks import DATA, UNKNOWN, Quirks, combine, match, override


def matched(host: str = "mail.example.org", greeting: str = "", name: str = "", *capabilities: str) -> Quirks:
    return match(host, greeting, {"name": name} if name else {}, frozenset(capabilities))


def names(quirks: Quirks) -> list[str]:
    return [name for name, _ in quirks.names]


@pytest.mark.parametrize(
    ("quirks", "expected"),
    [
        (matched("imap.gmail.com"), ["gmail"]),
        (matched("proxy.example.org", "", "", "X-GM-EXT-1"), ["gmail"]),
        (matched("outlook.office365.com"), ["microsoft"]),
        (matched("mail.firm.example", "The Microsoft Exchange IMAP4 service is ready."), ["microsoft"]),
        (matched("IMAP.Mail.Yahoo.COM."), ["yahoo"]),
        (matched("export.imap.aol.com"), ["yahoo"]),
        (matched("x", "", "", "XYMHIGHESTMODSEQ"), ["yahoo"]),
        (matched("p02-imap.mail.me.com"), ["icloud"]),
        (matched("imappro.zoho.eu"), ["zoho"]),
        (matched("imap.gmx.net"), ["gmx"]),
        (matched("imap.web.de"), ["gmx"]),
        (matched("127.0.0.1", "Proton Mail Bridge 3 ready"), ["proton-bridge"]),
        (matched("127.0.0.1", "", "gluon"), ["proton-bridge"]),
        (matched("x", "Courier-IMAP ready."), ["courier"]),
        (matched("localhost", "[DAVMAIL] DavMail 6 IMAP4rev1 ready"), ["davmail"]),
        (matched("x", "hMailServer 5"), ["hmailserver"]),
        (matched("imap.strato.de"), ["strato"]),
        (matched("imap.163.com"), ["coremail"]),
        (matched("imap.naver.com"), ["naver"]),
        (matched("imap.rambler.ru"), ["rambler"]),
        (matched("imap.yandex.ru"), ["yandex"]),
        (matched("x", "", "Stalwart IMAP4rev2"), ["stalwart"]),
        (matched("x", "", "Dovecot"), ["dovecot"]),
        (matched("imap.fastmail.com", "x Cyrus IMAP 3.13 ready"), ["cyrus", "fastmail"]),
        (matched("x", "", "Zimbra"), ["zimbra"]),
        (matched("some.com"), []),  # which ends like me.com
        (matched("gmail.com.evil.example"), []),
        (matched("x", "", "", "XAPPLEPUSHSERVICE"), []),  # Fastmail and Dovecot may have it too
        (matched(), []),
    ],
)
def test_who_is_who(quirks: Quirks, expected: list[str]) -> None:
    assert names(quirks) == expected


def test_every_row_says_why_and_can_match() -> None:
    for row in DATA:
        assert row.why
        assert row.hosts or row.greeting or row.ids or row.marker
        assert not set(row.sets) - set(Quirks.__dataclass_fields__)
    assert len({row.name for row in DATA}) == len(DATA)


def test_what_matters_most() -> None:
    assert matched("imap.mail.me.com").disable == {"QRESYNC"}
    assert matched("imap.mail.yahoo.com").window
    assert matched("imap.mail.yahoo.com").uidonly
    assert not matched("outlook.office365.com").keywords_searchable
    assert matched("x", "", "", "IMAP4REV2").disable == {"IMAP4REV2"}
    assert "\\All" in matched("x", "", "gluon").skip
    assert matched("imap.gmail.com").daily_bytes == 2_500_000_000


LIMITS = st.none() | st.integers(1, 50)
SOME = st.builds(
    Quirks,
    disable=st.frozensets(st.sampled_from(["IDLE", "QRESYNC"])),
    pipeline=st.integers(1, 25),
    honest_size=st.booleans(),
    window=st.booleans(),
    connections=LIMITS,
    poll_by=st.just("NOOP"),
    names=st.lists(st.tuples(st.sampled_from("abc"), st.just("because")), max_size=2, unique=True).map(tuple),
)


@given(SOME, SOME)
def test_two_at_once(one: Quirks, other: Quirks) -> None:
    both = combine(one, other)
    assert combine(one, UNKNOWN) == one == combine(UNKNOWN, one)
    assert combine(one, one) == one
    assert replace(both, names=()) == replace(combine(other, one), names=())
    assert both.disable == one.disable | other.disable
    assert both.honest_size is (one.honest_size and other.honest_size)
    assert both.window is (one.window or other.window)
    known = [limit for limit in (one.connections, other.connections) if limit is not None]
    assert both.connections == (min(known) if known else None)


def test_a_user_has_the_last_word() -> None:
    known = matched("imap.mail.me.com")
    changed = override(known, {"enable": ["qresync"], "disable": ["idle"], "pipeline": 3, "window": True, "skip": []})
    assert (changed.disable, changed.pipeline, changed.window) == (frozenset({"IDLE"}), 3, True)
    assert names(changed) == ["icloud", "yours"]
    assert override(known, {}) == known
    assert override(UNKNOWN, {"reidle": 60}).reidle == 60.0


@pytest.mark.parametrize(
    "settings",
    [{"pipelne": 3}, {"pipeline": 0}, {"pipeline": True}, {"pipeline": "3"}, {"window": 1}, {"disable": "IDLE"},
     {"disable": [3]}, {"poll_by": "POP3"}, {"names": []}, {"connections": -1}],
)  # fmt: skip
def test_what_a_user_cannot_set(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        override(UNKNOWN, settings)
