"""FETCH: items in any order and any shape; a malformed one never takes the others with it."""

from __future__ import annotations

import pytest

from mailsync.imap.responses import Fetch
from tests.imap.test_wire import one


def fetch(items: bytes) -> Fetch:
    response = one(b"* 1 FETCH (" + items + b")\r\n")
    assert isinstance(response, Fetch)
    return response


def test_items_in_any_order() -> None:
    expected = Fetch(1, 5, ("\\Seen", "$x"), b" 1-Jul-2020 00:00:00 +0000", 3, 99, b"abc", True)
    head = b'UID 5 FLAGS (\\Seen $x) INTERNALDATE " 1-Jul-2020 00:00:00 +0000" RFC822.SIZE 3 MODSEQ (99)'
    assert fetch(head + b" BODY[] {3}\r\nabc") == expected
    assert fetch(b"BODY[] {3}\r\nabc " + head) == expected
    assert fetch(b"UID 5 BODY[] {3}\r\nabc " + head[6:]) == expected
    assert fetch(head.lower().replace(b"jul", b"Jul").replace(b"seen", b"Seen") + b' body[] "abc" ') == expected
    assert fetch(b"RFC822 {3}\r\nabc " + head) == expected


def test_a_uidfetch_has_no_sequence_number() -> None:
    assert one(b"* 25997 UIDFETCH (FLAGS (\\Flagged))\r\n") == Fetch(0, 25997, ("\\Flagged",))


def test_unsolicited_flags_have_no_uid() -> None:
    assert one(b"* 12 FETCH (FLAGS (\\Deleted))\r\n") == Fetch(12, flags=("\\Deleted",))


@pytest.mark.parametrize(
    ("items", "has_body", "body"),
    [
        (b"UID 1", False, None),
        (b"UID 1 BODY[] NIL", True, None),
        (b"BODY[] nil UID 1", True, None),
        (b'UID 1 BODY[] ""', True, b""),
        (b"UID 1 BODY[] {0}\r\n", True, b""),
        (b"UID 1 BODY[] ", True, None),
        (b"BODY[] UID 1", True, None),
        (b"BODY.PEEK[] {1}\r\nx UID 1", True, b"x"),
        (b"RFC822[] {1}\r\nx UID 1", True, b"x"),
        (b"UID 1 BODY[]  {1}\r\nx", True, b"x"),
        (b"UID 1 BODY[] ~{1}\r\n\0", True, b"\0"),
        (b'UID 1 BODY[] "a \\"b\\" \\\\ c" FLAGS (x)', True, b'a "b" \\ c'),
    ],
)
def test_a_body_that_is_there_or_not(items: bytes, has_body: bool, body: bytes | None) -> None:
    response = fetch(items)
    assert (response.uid, response.body, response.has_body, response.problems) == (1, body, has_body, ())


def test_a_body_whose_quotes_were_not_escaped_is_not_cut_short_but_missing() -> None:
    response = fetch(b'UID 1 BODY[] "a "b" c" FLAGS (x)')
    assert (response.uid, response.body, response.has_body) == (1, None, True)
    assert "BODY[]: a string that comes apart" in response.problems


def test_sections_by_their_canonical_name() -> None:
    response = fetch(
        b'BODY[HEADER.FIELDS ("date"  From)] {4}\r\nD: \n BODY[]<0> {2}\r\nab BODY[1]<5.10> NIL '
        b"BODY.PEEK[2.MIME] {1}\r\nm RFC822.HEADER {1}\r\nh BINARY[1] ~{1}\r\nb BINARY.SIZE[1] 5 UID 1"
    )
    assert response == Fetch(
        1,
        1,
        sections={
            "BODY[HEADER.FIELDS (DATE FROM)]": b"D: \n",
            "BODY[]<0>": b"ab",
            "BODY[1]<5>": None,
            "BODY[2.MIME]": b"m",
            "RFC822.HEADER": b"h",
            "BINARY[1]": b"b",
        },
        extra={"BINARY.SIZE[1]": 5},
    )
    assert response.section("BODY[HEADER") == b"D: \n"
    assert response.section("BODY[9") is None


def test_flags_that_are_no_atoms() -> None:
    assert fetch(b"FLAGS ([css3-page] OIB-Seen-[Gmail]/All NIL 007 $a \\*)").flags == (
        "[css3-page]", "OIB-Seen-[Gmail]/All", "NIL", "007", "$a", "\\*"
    )  # fmt: skip
    assert fetch(b'FLAGS ("a b" c)').flags == ("a b", "c")
    assert fetch(b"FLAGS ()").flags == ()
    assert fetch(b"FLAGS NIL").flags == ()
    assert fetch(b"FLAGS (caf\xc3\xa9 x\xff)").flags == ("café", "xÿ")
    assert len(fetch(b"FLAGS (" + b"flag " * 1000 + b")").flags or ()) == 1000


def test_gmails_items() -> None:
    response = fetch(
        b"X-GM-THRID 1266894439832287888 X-GM-MSGID 1278455344230334865 "
        b'X-GM-LABELS (\\Inbox \\Sent +plus "Muy Importante" &AP8- {2}\r\n()) MODSEQ (12) UID 4'
    )
    assert response.extra == {
        "X-GM-THRID": 1266894439832287888,
        "X-GM-MSGID": 1278455344230334865,
        "X-GM-LABELS": ("\\Inbox", "\\Sent", "+plus", b"Muy Importante", "&AP8-", b"()"),
    }
    assert (response.uid, response.modseq) == (4, 12)


def test_object_ids() -> None:
    response = fetch(b"EMAILID (M6d95) THREADID NIL UID 1")
    assert response.extra == {"EMAILID": ("M6d95",), "THREADID": None}
    response = fetch(b"EMAILID (007) THREADID (NIL) UID 1")  # an identifier is no number, nor is this one nothing
    assert response.extra == {"EMAILID": ("007",), "THREADID": ("NIL",)}
    response = fetch(b"THREADID (T1) UID 1 EMAILID (M1) BODY[] {3}\r\nabc")
    assert (response.extra, response.body) == ({"EMAILID": ("M1",), "THREADID": ("T1",)}, b"abc")


@pytest.mark.parametrize(
    ("items", "size", "modseq"),
    [
        (b"RFC822.SIZE 9.3e+06 MODSEQ (-1)", 9_300_000, None),
        (b"RFC822.SIZE -1 MODSEQ (0)", None, None),
        (b"RFC822.SIZE NIL MODSEQ -1", None, None),
        (b"RFC822.SIZE 12345678901234 MODSEQ (9223372036854775807)", 12345678901234, 2**63 - 1),
        (b"RFC822.SIZE 99999999999999999999 MODSEQ (9223372036854775808)", None, None),
        (b'RFC822.SIZE "5" MODSEQ 7', 5, 7),
    ],
)
def test_numbers_out_of_the_ordinary(items: bytes, size: int | None, modseq: int | None) -> None:
    response = fetch(b"UID 3 " + items)
    assert (response.uid, response.size, response.modseq) == (3, size, modseq)


@pytest.mark.parametrize("uid", [b"0", b"4294967296", b"-5", b"NIL", b"x", b"99999999999999"])
def test_a_uid_out_of_range_is_none(uid: bytes) -> None:
    response = fetch(b"FLAGS (a) UID " + uid)
    assert response.uid is None
    assert response.flags == ("a",)
    assert "a UID out of range" in response.problems


def test_dominos_extra_parentheses() -> None:
    response = fetch(b'UID 14935 (ENVELOPE (NIL NIL)) BODYSTRUCTURE ("TEXT" "PLAIN" NIL)')
    assert response.uid == 14935
    assert response.extra == {"ENVELOPE": (None, None), "BODYSTRUCTURE": (b"TEXT", b"PLAIN", None)}
    assert not response.problems


@pytest.mark.parametrize(
    "structure",
    [
        b'BODYSTRUCTURE (("text" "plain"',  # never closed
        b'BODYSTRUCTURE ("text" ("a") "b"))))',  # closed too often
        b'BODYSTRUCTURE (("a" "b" ("c" "d") NIL',
        b'ENVELOPE (NIL "a "quoted" word" ((NIL NIL "x"y" "z"))',
        b'ENVELOPE (NIL "=?UTF-8?Q?"Dummy=C3=ADa_Algo"?=" NIL)',
        b'ENVELOPE ("unclosed)',
        b"BODYSTRUCTURE " + b"(" * 200 + b")" * 200,
        b"BODYSTRUCTURE ",
        b"ENVELOPE NIL",
    ],
)
def test_a_malformed_structure_leaves_the_other_items(structure: bytes) -> None:
    response = fetch(b"UID 5 " + structure + b" FLAGS (\\Seen) RFC822.SIZE 77")
    assert (response.uid, response.flags, response.size) == (5, ("\\Seen",), 77)


def test_nesting_is_limited_without_recursion() -> None:
    response = fetch(b"UID 5 BODYSTRUCTURE " + b"(" * 100_000 + b")" * 100_000)
    assert response.extra == {"BODYSTRUCTURE": None}
    assert response.problems == ("BODYSTRUCTURE: nested more than 50 deep",)
    assert fetch(b"BODYSTRUCTURE " + b"(" * 50 + b"1" + b")" * 50).problems == ()


def test_a_uid_that_came_out_of_a_broken_string_is_not_believed() -> None:
    # The subject is the sender's: `x") UID 666 BODY[] "gotcha` and a server that escapes nothing.
    response = fetch(b'UID 5 ENVELOPE (NIL "x") UID 666 BODY[] "gotcha" NIL))')
    assert response.uid is None
    assert "several UIDs" in response.problems
    assert fetch(b"UID 5 UID 6").uid is None
    assert fetch(b"UID 5 BODY[] {0}\r\n UID 6").uid is None
    assert fetch(b"BODY[] {0}\r\n UID 5 UID 6").uid is None
    assert fetch(b"UID 5 BODY[] {0}\r\n UID 5").uid == 5


def test_of_several_bodies_none_is_believed() -> None:
    response = fetch(b'UID 5 BODY[] {4}\r\nreal ENVELOPE (NIL "x") BODY[] "gotcha" NIL))')
    assert (response.uid, response.body, response.has_body) == (5, None, True)
    assert "several bodies" in response.problems
    assert fetch(b"UID 5 BODY[] {1}\r\nx RFC822 {1}\r\nx").body == b"x"


def test_problems_are_few_even_when_all_is_wrong() -> None:
    assert len(fetch(b'"a" ' * 1000).problems) <= 9


@pytest.mark.parametrize(
    "items", [b"", b"UID 5)", b"]", b"{3}xyz", b"\\*x", b"3* 4", b"BODY[", b"BODY[]<", b'"', b"UID"]
)
def test_nonsense_is_survived(items: bytes) -> None:
    fetch(items)
