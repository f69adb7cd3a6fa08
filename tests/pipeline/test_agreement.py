"""Where we differ from other parsers on the corpus, and who is right; `pytest -rP` prints the rate for each field."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from tests.pipeline import expected, expected_trees

# Reason: the fields with the messages that differ for it. Every difference is here, and nothing else.
WHY: dict[str, dict[str, str]] = {
    "we: a comment is the name only where there is no other (RFC 8621 section 4.1.2.3)": {
        "vector address": "5 6 7 8 16 38",
    },
    "we: a comment is the name where there is no other (the same); they take none": {
        "mailcore2 people": "101 11 116 117 118 126 133 134 142 143 17 18 23 24 26 31 32 35 4 42 43 45 48 51 66 68 7 "
        "84 87 91",
    },
    "either: an address without a domain is none (RFC 5322 section 3.4); we take it for a name": {
        "mailcore2 people": "100 140 33 34 50 8 88 90",
        "james people": "james-3901",
    },
    "either: of repeated fields they take the last (RFC 8621 section 4.1.3); to us all recipients count, of others the "
    "first, as the list shows it": {"jmap people": "headers", "jmap references": "headers"},
    "we: a year of two digits from 50 on is of the last century (RFC 5322 section 4.3)": {
        "mailcore2 date": "100 101 113 128 149 151 2 20 31 34 36 37 42 43 5 50 51 62 7 8 86 9 91",
    },
    "we: a list's tag in brackets is part of the subject; they make an address of it": {
        "james subject": "mail pgpSignedMail spamMail",
    },
    "we: all plain parts of a mixed message are its text (RFC 8621 section 4.1.4)": {
        "james text": "spamMail",
        "james attachments": "spamMail",
    },
    "either: what is no type has parameters none the less": {"vector content_type": "27 38 39 40 43"},
    "either: a type with two slashes; we take what stands before the second": {"vector content_type": "46 47"},
    "we: what is no type is plain text (RFC 2045 section 5.2); they make up one": {"mailcore2 parts": "134 135 29"},
    "we: they do not look for the name of an attached message": {"mailcore2 parts": "116 117"},
    "we: a multipart without its delimiters is read as text; nothing of it is shown by theirs": {
        "mime4j parts": "badbound missing-boundary missing-inner-boundary missing-inner-start-boundary multipartnopart",
    },
    "they: a boundary may be as long as a line, with blanks at its end, which RFC 2046 section 5.1.1 forbids": {
        "mime4j parts": "very-long-boundary very-very-long-boundary weird-boundary",
    },
    "they by the letter of RFC 2046 section 5.1.1: text behind a delimiter; but boundaries begin like one another": {
        "mime4j content": "ending-boundaries",
    },
    "either: letters behind a delimiter that is damaged, as if they were base64": {"mime4j content": "multi-frag"},
    "we: a file name of any length is the sender's; saving shortens it": {"mime-tools name": "multi-2evil"},
    "they count a line end less": {"mime-tools size": "multi-weirdspace"},
    "either: uuencoded text is no MIME, and they take it apart; a message that is a message within itself": {
        "mime-tools parts": "re-fwd uu-zeegee",
    },
    "they: the file in UTF-8 has characters that Big5 lacks": {"vector charset": "chinese.big5"},
    "we: bytes that are UTF-8 are read as such, whatever is declared": {
        "mikel text": "content_transfer_encoding_7-bit",
        "mikel html": "content_transfer_encoding_7-bit",
    },
    "we: a header goes on behind a line that is none": {
        "mikel subject": "example13",
        "mikel people": "example13",
        "mikel text": "example13",
    },
    "either: one who hides the recipients": {"mikel people": "missing_body"},
    "we: the word with the @ is the address, the others are the name": {"mikel people": "mix_caps_content_type"},
    "we: routes and blanks around dots are no part of an address (RFC 5322 section 4.4)": {"vector address": "10 11"},
    "either: a second line that is not folded; the test is of a header cut too late": {
        "vector address": "21",
        "vector unstructured": "3 9",
    },
    "either: no message ids by the grammar": {"vector id": "4 5"},
    "we: before 1971 and after 2099 a clock was not set; they give a date": {
        "vector date": "1 2 3",
        "mikel date": "raw_email_bad_time example04",
    },
    "we: more numbers than a date has; they take the first": {"vector date": "5"},
    "either: EST5EDT is no zone of RFC 5322; we take it for EST": {"vector date": "16"},
    "we: raw Latin-1 is read as such, they give U+FFFD": {
        "stalwart people": "legacy/010 legacy/017 legacy/022",
        "stalwart subject": "legacy/010 legacy/022",
        "stalwart content": "legacy/033",
    },
    "we: NUL and half a character become U+FFFD, since databases refuse them": {"stalwart content": "thirdparty/000"},
    "we: a delimiter begins a line (RFC 2046 section 5.1.1)": {"stalwart content": "thirdparty/005"},
    "we: images in both bodies are in no other list (RFC 8621 section 4.1.4)": {
        "stalwart attachments": "legacy/035 legacy/037 legacy/048 rfc/000",
        "stalwart text_body": "rfc/000",
        "stalwart html_body": "rfc/000",
    },
    "we: a plain part that says nothing does not hide the HTML": {"stalwart text_body": "thirdparty/011"},
    "we: they stop at the outer multipart's delimiter within an inner one, or take what follows for preamble": {
        "stalwart parts": "malformed/000 malformed/009 malformed/012 malformed/020 malformed/021",
    },
    "we: the parts after the first attached message are lost in theirs": {"stalwart parts": "thirdparty/015"},
    "either: boundaries that begin like one another, are never used, or are the same at two levels": {
        "stalwart parts": "malformed/003 malformed/016",
        "mailcore2 parts": "2",
        "stalwart content": "malformed/001 malformed/004 malformed/005",
        "stalwart text_body": "malformed/001 malformed/004 malformed/008",
        "stalwart html_body": "malformed/001 malformed/004 malformed/008",
        "stalwart attachments": "malformed/001 malformed/004 malformed/008",
    },
    "they: a delimiter ends a header that lacks its blank line": {"stalwart parts": "malformed/007"},
    "either: one inline image and no text; the section puts it into both bodies": {
        "stalwart attachments": "malformed/017",
    },
    "we: they write another character set into the HTML": {
        "imap_tools html": "attachment_inline2 base raw_email_with_illegal_boundary "
        "raw_email_with_quoted_illegal_boundary",
        "mikel html": "content_transfer_encoding_with_semi_colon raw_email_bad_time content_transfer_encoding_empty",
    },
    "we: texts of an attached message are not this message's; they join them": {
        "imap_tools text": "attachment_2_base64 attachment_8bit multipart_report_multiple_status",
        "imap_tools html": "attachment_8bit multipart_report_multiple_status",
        "imap_tools attachments": "multipart_report_multiple_status",
        "james attachments": "recursiveMail",
    },
    "we: no part is lost": {
        "imap_tools attachments": "raw_email11",
        "mikel attachments": "missing_content_disposition",
        "mailcore2 parts": "empty-multipart.txt",
    },
    "we: the only text of a message is its text, with a Content-ID or without": {
        "imap_tools attachments": "text_with_content_id",
    },
    "we: the address is what stands in angle brackets, whatever stands before": {
        "imap_tools people": "raw_email11 raw_email_with_at_display_name",
    },
}


@pytest.mark.usefixtures("corpus")
def test_every_difference_is_explained() -> None:
    total: Counter[str] = Counter()
    same: Counter[str] = Counter()
    differing = set()
    for one in itertools.chain(expected.compared(), expected_trees.compared()):
        total[one.field] += 1
        if one.theirs == one.ours:
            same[one.field] += 1
        else:
            differing.add((one.field, one.message))
    for field, count in total.items():
        print(f"{field:24} {same[field]:4} of {count:4}  {100 * same[field] / count:5.1f} %")
    explained = [(field, name) for lists in WHY.values() for field, names in lists.items() for name in names.split()]
    assert len(explained) == len(set(explained))
    assert differing == set(explained)
    assert sum(total.values()) > 1000
