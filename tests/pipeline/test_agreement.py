"""Where we differ from other parsers on the corpus, and who is right; `pytest -rP` prints the rate for each field."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.pipeline.expected import compared

# Reason: the fields with the messages that differ for it. Every difference is here, and nothing else.
WHY: dict[str, dict[str, str]] = {
    "we: a comment is the name only where there is no other (RFC 8621 section 4.1.2.3)": {
        "vector address": "5 6 7 8 16 38",
    },
    "we: routes and blanks around dots are no part of an address (RFC 5322 section 4.4)": {"vector address": "10 11"},
    "either: a second line that is not folded; the test is of a header cut too late": {"vector address": "21"},
    "either: no message ids by the grammar": {"vector id": "4 5"},
    "we: before 1971 a clock was not set; they give a date": {"vector date": "1 2 3"},
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
    },
    "we: texts of an attached message are not this message's; they join them": {
        "imap_tools text": "attachment_2_base64 attachment_8bit multipart_report_multiple_status",
        "imap_tools html": "attachment_8bit multipart_report_multiple_status",
        "imap_tools attachments": "multipart_report_multiple_status",
    },
    "we: no part is lost": {"imap_tools attachments": "raw_email11"},
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
    for one in compared():
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
