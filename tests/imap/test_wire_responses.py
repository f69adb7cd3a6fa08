"""Untagged data other than FETCH: what each means, and what servers make of it."""

from __future__ import annotations

import time

import pytest

from mailsync.imap.responses import (
    Capability,
    Enabled,
    ESearch,
    Flags,
    ListEntry,
    Namespace,
    Other,
    Response,
    Search,
    ServerId,
    StatusEntry,
    Unparsed,
    Vanished,
)
from mailsync.imap.uidset import UidSet
from tests.imap.test_wire import one, parse


@pytest.mark.parametrize(
    ("line", "attributes", "delimiter", "raw_name"),
    [
        (b'() "/" INBOX', set(), "/", b"INBOX"),
        (b'(\\noselect \\HASCHILDREN \\Custom) "." "a b"', {"\\Noselect", "\\HasChildren", "\\Custom"}, ".", b"a b"),
        (b'() NIL nil', set(), None, b"nil"),
        (b'() "\\\\" "Other\\\\x"', set(), "\\", b"Other\\x"),
        (b'() "\\" "Other"', set(), "\\", b"Other"),
        (b'() "" ~foo', set(), None, b"~foo"),
        (b'() "/" "quote\\"d"', set(), "/", b'quote"d'),
        (b'() "/" "quote"d"', set(), "/", b'quote"d'),
        (b'() "/" 2024', set(), "/", b"2024"),
        (b'() "." INBOX.[Airmail].Snooze', set(), ".", b"INBOX.[Airmail].Snooze"),
        (b'() "/" a\x07b\tc', set(), "/", b"a\x07b\tc"),
        (b'() "/" two words  ', set(), "/", b"two words"),
        (b'() {1}\r\n/ {3}\r\na"b', set(), "/", b'a"b'),
        (b'() "/" ""', set(), "/", b""),
        (b'() "/" Entw&APw-rfe', set(), "/", b"Entw&APw-rfe"),
        (b'() "/" "\xc3\xbc"', set(), "/", b"\xc3\xbc"),
    ],
)  # fmt: skip
def test_folders(line: bytes, attributes: set[str], delimiter: str | None, raw_name: bytes) -> None:
    for kind in ("LIST", "LSUB", "XLIST"):
        response = one(b"* " + kind.encode() + b" " + line + b"\r\n")
        assert response == ListEntry(frozenset(attributes), delimiter, raw_name, (), kind)


def test_names_are_decoded_for_people() -> None:
    folder = one(b'* LIST () "/" "Entw&APw-rfe &- &Jjo-"\r\n')
    status = one(b'* STATUS "&U,BTFw-" (MESSAGES 1)\r\n')
    assert isinstance(folder, ListEntry)
    assert isinstance(status, StatusEntry)
    assert (folder.name, status.name) == ("Entwürfe & ☺", "台北")


@pytest.mark.parametrize("end", [b'("CHILDINFO" ("SUBSCRIBED"))', b"(OLDNAME (x))", b"((("])
def test_extended_list_data(end: bytes) -> None:
    for name in (b'"foo"', b"foo"):
        response = one(b'* LIST (\\HasChildren) "/" ' + name + b" " + end + b"\r\n")
        assert isinstance(response, ListEntry)
        assert response.raw_name == b"foo"


@pytest.mark.parametrize(
    "line", [b"", b"INBOX", b"(", b'() "/"', b'() "/" ', b"() ( ) INBOX", b'"x" "/" y', b'() "/" (']
)
def test_folders_without_sense(line: bytes) -> None:
    assert isinstance(one(b"* LIST " + line + b"\r\n"), Unparsed)


@pytest.mark.parametrize(
    ("line", "raw_name", "items", "strings"),
    [
        (b"x (MESSAGES 3 UIDNEXT 0 UIDVALIDITY 0 ) ", b"x", {"MESSAGES": 3, "UIDNEXT": 0, "UIDVALIDITY": 0}, {}),
        (b'"a b" (messages 3 HIGHESTMODSEQ 9007199254740993)', b"a b",
         {"MESSAGES": 3, "HIGHESTMODSEQ": 9007199254740993}, {}),
        (b"a b (MESSAGES -1 SIZE 9.3e+06)", b"a b", {"SIZE": 9_300_000}, {}),
        (b"{3}\r\na b (MAILBOXID (F22) APPENDLIMIT NIL)", b"a b", {}, {"MAILBOXID": "F22"}),
        (b"x (MAILBOXID (007) UNSEEN 2)", b"x", {"UNSEEN": 2}, {"MAILBOXID": "007"}),
        (b"[Gmail]/\xc5\xa0 (UNSEEN 1 UNSEEN)", b"[Gmail]/\xc5\xa0", {"UNSEEN": 1}, {}),
        (b'"" ()', b"", {}, {}),
    ],
)  # fmt: skip
def test_status(line: bytes, raw_name: bytes, items: dict[str, int], strings: dict[str, str]) -> None:
    assert one(b"* STATUS " + line + b"\r\n") == StatusEntry(raw_name, items, strings)


@pytest.mark.parametrize("line", [b"", b"INBOX", b"INBOX (", b"INBOX 5", b"(MESSAGES 3)"])
def test_status_without_sense(line: bytes) -> None:
    assert isinstance(one(b"* STATUS " + line + b"\r\n"), Unparsed)


@pytest.mark.parametrize(
    ("line", "uids", "modseq"),
    [
        (b"* SEARCH", "", None),
        (b"* SEARCH ", "", None),
        (b"* search 9 2 3  2 ", "2:3,9", None),
        (b"* SEARCH 2 5 (MODSEQ 917162500)", "2,5", 917162500),
        (b"* SEARCH (MODSEQ 0)", "", None),
    ],
)
def test_search(line: bytes, uids: str, modseq: int | None) -> None:
    assert one(line + b"\r\n") == Search(UidSet.parse(uids), modseq)


@pytest.mark.parametrize(
    "word", [b"x", b"0", b"-1", b"4294967296", b"1_0", b"+5", b"1:3", b"(", b"1 (MODSEQ x)", b"9" * 5000]
)
def test_a_search_with_one_strange_word_is_no_answer(word: bytes) -> None:
    response = one(b"* SEARCH 1 2 " + word + b" 3\r\n")
    assert isinstance(response, Unparsed)
    assert "message numbers" in response.reason


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b'(TAG "A283") ALL 2,10:11', ESearch("A283", all=UidSet.parse("2,10:11"))),
        (b'(TAG "A1") UID COUNT 0', ESearch("A1", True, count=0)),
        (b"(TAG A1) uid MIN 7 MAX 3800 MODSEQ 5", ESearch("A1", True, min=7, max=3800, modseq=5)),
        (b"ALL 43", ESearch(all=UidSet.parse("43"))),
        (b"", ESearch()),
        (b'(TAG "A2") UID PARTIAL (-1:-100 200:250,252:300)',
         ESearch("A2", True, partial=UidSet.parse("200:250,252:300"), partial_range="-1:-100")),
        (b'(TAG "A2") UID PARTIAL (1:500 NIL)', ESearch("A2", True, partial=UidSet(), partial_range="1:500")),
        (b'(TAG "A2" MAILBOX "x" UIDVALIDITY 1) UID ALL 1', ESearch("A2", True, all=UidSet.parse("1"))),
        (b'(TAG "A2") UID ADDTO (1 32768:32769)', ESearch("A2", True, extra={"ADDTO": ((1, "32768:32769"),)[0]})),
    ],
)  # fmt: skip
def test_esearch(line: bytes, answer: ESearch) -> None:
    assert one(b"* ESEARCH " + line + b"\r\n") == answer


@pytest.mark.parametrize(
    "line", [b'(TAG "A', b"UID ALL x", b"UID ALL", b"MIN -1", b"ALL (1)", b"PARTIAL 5", b'"x"', b"(A"]
)
def test_esearch_without_sense(line: bytes) -> None:
    assert isinstance(one(b"* ESEARCH " + line + b"\r\n"), Unparsed)


def test_vanished() -> None:
    huge = one(b"* VANISHED (EARLIER) 1:26183,26185,30000:4294967295\r\n")
    assert isinstance(huge, Vanished)
    assert huge.earlier
    assert huge.uids.ranges == ((1, 26183), (26185, 26185), (30000, 4294967295))
    assert one(b"* VANISHED 405,407,410:420\r\n") == Vanished(False, UidSet.parse("405,407,410:420"))
    for line in (b"", b"(EARLIER)", b"(EARLIER) x", b"1 2", b"(LATER) 1"):
        assert isinstance(one(b"* VANISHED " + line + b"\r\n"), Unparsed)


def test_lists_of_words() -> None:
    assert parse(
        b"* CAPABILITY IMAP4rev1 auth=PLAIN \r\n* ENABLED\r\n* enabled condstore\r\n* FLAGS (a \\B [c])\r\n"
    ) == [
        Capability(frozenset({"IMAP4REV1", "AUTH=PLAIN"})),
        Enabled(frozenset()),
        Enabled(frozenset({"CONDSTORE"})),
        Flags(("a", "\\B", "[c]")),
    ]


def test_id() -> None:
    assert parse(b'* ID NIL\r\n* ID ("Name" "Dovecot" "os" NIL)\r\n* ID ()\r\n* ID x\r\n')[:3] == [
        ServerId({}),
        ServerId({"name": "Dovecot", "os": None}),
        ServerId({}),
    ]


def test_namespace() -> None:
    line = b'* NAMESPACE (("" "/")("#mh/" NIL "X-PARAM" ("a" "b"))) NIL ((inbox. "."))\r\n'
    assert one(line) == Namespace(((b"", "/"), (b"#mh/", None)), (), ((b"inbox.", "."),))
    assert isinstance(one(b'* NAMESPACE (("" "/")) NIL\r\n'), Unparsed)


@pytest.mark.parametrize(
    ("line", "response"),
    [
        (b'* QUOTA "" (STORAGE 10 512)', Other("QUOTA", (b"", ("STORAGE", 10, 512)))),
        (b"* 86 NOOP froopy", Other("NOOP", (86, "froopy"))),
        (b"* EXISTS 42", Other("EXISTS", (42,))),
        (b"* SORT 5 3 4 ", Other("SORT", (5, 3, 4))),
        (b"* METADATA x (/a {3}\r\nb c)", Other("METADATA", ("x", ("/a", b"b c")))),
        (b"* untagged", Other("UNTAGGED", ())),
    ],
)
def test_what_is_not_for_us_is_kept(line: bytes, response: Response) -> None:
    assert one(line + b"\r\n") == response


def test_a_search_answer_of_a_hundred_thousand_messages_is_quick() -> None:
    line = b"* SEARCH " + b" ".join(b"%d" % uid for uid in range(1, 200_001, 2)) + b"\r\n"
    start = time.process_time()
    response = one(line)
    assert time.process_time() - start < 1
    assert isinstance(response, Search)
    assert len(response.uids) == 100_000


def test_a_search_answer_of_megabytes_is_within_limits() -> None:
    uids = range(1_000_000_000, 1_000_400_000, 2)
    line = b"* SEARCH " + b" ".join(b"%d" % uid for uid in uids) + b"\r\n"
    assert len(line) > 2 << 20
    response = parse(*(line[at : at + 65536] for at in range(0, len(line), 65536)))[0]
    assert isinstance(response, Search)
    assert len(response.uids) == len(uids)
