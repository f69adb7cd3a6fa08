"""Every server reply in the corpus goes through the wire parser: parsed, or refused for a stated reason.

A report of counts is printed at the end of the run of this file.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailsync.imap.responses import Fetch, Other, Response, Unparsed
from mailsync.imap.uidset import UidSet
from mailsync.imap.wire import WireError, WireParser
from tests.imap import recorded, ruby_expected, ruby_yaml
from tests.imap.recorded import Case

# Why whole streams (not cut out of a test program) have something in them that is not parsed.
EXPLAINED = {
    ("mailkit", "headers.1+unsolicited-info.txt"): "a line break between a literal and the closing parenthesis",
    ("james-mpt", "AuthenticatePlain"): "the script leaves the flags to a wildcard",
    ("james-mpt", "SearchOptionAggregations"): "the script leaves the items to a wildcard",
    ("james-mpt", "MetadataWithBinaryData"): "a quoted string that goes on over line breaks, which RFC 3501 forbids",
    ("james-mpt", "InboxDeleteMessages"): "the script says `OK` without a tag",
    ("james-mpt", "Rename"): "the script leaves a tagged answer to a wildcard",
    ("dovecot-imaptest", "urlauth2"): "the template leaves a body to a variable, which we fill with an atom",
}


@dataclass(slots=True)
class Count:
    streams: int = 0
    responses: int = 0
    unparsed: int = 0
    malformed: int = 0  # FETCH responses with something left out
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


COUNTS: dict[str, Count] = {}


def outcome(chunks: list[bytes]) -> tuple[list[Response], str]:
    """All responses of a stream, and why it was not followed to its end (nothing: it was)."""
    parser = WireParser()
    responses: list[Response] = []
    try:
        for chunk in chunks:
            responses += parser.feed(chunk)
        parser.close()
    except WireError as error:
        return responses + error.responses, str(error)
    return responses, ""


def cut(data: bytes, seed: int) -> list[bytes]:
    """One byte a segment for short streams, and segments of random sizes for long ones."""
    if len(data) <= 2000:
        return [data[at : at + 1] for at in range(len(data))]
    dice = random.Random(seed)
    marks = sorted(dice.sample(range(len(data)), len(data) // 40))
    return [data[low:high] for low, high in zip([0, *marks], [*marks, len(data)], strict=True)]


@pytest.fixture(scope="module", autouse=True)
def report(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if not COUNTS:
        return
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("\n\nThe IMAP corpus through the wire parser")
        print(f"{'source':32}{'streams':>8}{'responses':>10}{'unparsed':>10}{'malformed':>10}{'refused':>9}")
        for name, one in COUNTS.items():
            row = f"{one.streams:>8}{one.responses:>10}{one.unparsed:>10}{one.malformed:>10}{one.refused:>9}"
            print(f"{name:32}{row}")
            for reason, times in one.reasons.most_common():
                print(f"    {times} x {reason}")


def tally(source: str, case: Case, count: Count) -> bool:
    """Feed one stream whole and in pieces; tells whether all of it was understood."""
    responses, refusal = outcome([case.data])
    assert outcome(cut(case.data, len(case.data))) == (responses, refusal), f"{source} {case.name}: the cuts matter"
    count.streams += 1
    count.responses += len(responses)
    reasons = [f"refused: {_kind(refusal)}"] if refusal else []
    count.refused += bool(refusal)
    for response in responses:
        if isinstance(response, Unparsed):
            count.unparsed += 1
            reasons.append(f"unparsed: {_kind(response.reason)}")
        elif isinstance(response, Fetch) and response.problems:
            count.malformed += 1
            reasons += [f"malformed: {_kind(problem)}" for problem in response.problems]
    count.reasons.update(reasons)
    return not reasons


def _kind(reason: str) -> str:
    """A reason without what is particular to the case."""
    if "inside a response" in reason:
        return "the stream ended inside a response"
    return reason.partition(": ")[0] if reason.startswith("not a ") else reason.rpartition(": ")[2]


def test_every_reply_is_parsed_or_refused_for_a_reason(corpus: Path) -> None:
    odd: list[str] = []
    explained: set[tuple[str, str]] = set()
    streams = 0
    for source, cases in recorded.every_source(corpus / "imap"):
        assert cases, f"nothing found in {source}"
        count = COUNTS.setdefault(source, Count())
        for case in cases:
            streams += 1
            if tally(source, case, count) or case.cut:
                continue
            why = [key for key in EXPLAINED if key[0] == source and key[1] in case.name]
            explained.update(why)
            if not why:
                odd.append(f"{source} {case.name}")
    assert not odd, f"not parsed and not explained: {odd}"
    assert streams > 900


DIFFERENCES: dict[str, Callable[[tuple[object, ...], tuple[object, ...]], bool]] = {
    "order: that library names user and rights before the mailbox of an ACL": lambda theirs, ours: (
        theirs[0] == ours[0] == "ACL" and sorted(_words(theirs)) == sorted(_words(ours))
    ),
    "NOOP is no response: that library ignores it, here it is an Other with its words": lambda theirs, ours: (
        theirs[0] == ours[0] == "NOOP" and "".join(_words(theirs)).replace(" ", "") in ("", "".join(_words(ours)))
    ),
    "spelling: that library writes capabilities in capitals and flags with a capital letter": lambda theirs, ours: (
        str(theirs).casefold() == str(ours).casefold()
    ),
    "that library keeps only the STORAGE resource of QUOTA and not its name": lambda theirs, ours: (
        theirs[0] == ours[0] == "QUOTA" and _words(theirs) == [word for word in _words(ours) if word != "STORAGE"]
    ),
    "that library turns the window of PARTIAL round, here it stays as it was asked": lambda theirs, ours: (
        "'PARTIAL': ['-100:-1'" in str(theirs) and str(ours) == str(theirs).replace("-100:-1", "-1:-100")
    ),
}


def _words(parse: tuple[object, ...]) -> list[str]:
    return [word for word in ruby_expected.flat(list(parse)[1:]) if word is not None]


def test_ruby_net_imap_expects_the_same(corpus: Path) -> None:
    count = COUNTS.setdefault("ruby-net-imap", Count())
    agreed = 0
    for path in sorted((corpus / "imap" / "ruby-net-imap").glob("*.yml")):
        for name, entry in ruby_yaml.load(path.read_text("utf-8"))[":tests"].items():
            case = Case(name, entry[":response"].encode())
            tally("ruby-net-imap", case, count)
            (response,) = WireParser().feed(case.data)
            if entry.get(":test_type") == ":assert_parse_failure":
                # An item it does not know makes that library refuse the response; here it is kept.
                assert isinstance(response, Fetch)
                assert response.extra
                count.reasons["differs: an unknown FETCH item is kept, that library refuses the response"] += 1
                continue
            theirs = ruby_expected.canonical(ruby_expected.expected(entry[":expected"]))
            ours = ruby_expected.canonical(ruby_expected.ours(response))
            if theirs == ours:
                agreed += 1
                continue
            reasons = [reason for reason, applies in DIFFERENCES.items() if applies(theirs, ours)]
            assert reasons, f"{path.name} {name}: {ours} instead of {theirs}"
            count.reasons[f"differs: {reasons[0]}"] += 1
    count.reasons["agrees with the expected parse"] = agreed
    assert agreed >= 0.9 * count.streams


def test_horde_expects_the_same(corpus: Path) -> None:
    stored, decoded = (outcome([case.data])[0] for case in recorded.horde(corpus / "imap" / "horde-imap-client"))
    assert stored == decoded
    for number, response in enumerate(stored, 1):
        assert isinstance(response, Fetch)
        assert (response.seq, response.uid) == (number, number)
        envelope = response.extra["ENVELOPE"]
        assert isinstance(envelope, tuple)
        assert len(envelope) == 10
        assert isinstance(envelope[1], bytes)
    first = stored[0]
    assert isinstance(first, Fetch)
    assert first.size == 38751
    assert first.internaldate == b"01-Aug-2014 07:30:00 -0700"


def test_roundcubes_thread_keeps_every_number(corpus: Path) -> None:
    (case,) = recorded.roundcube(corpus / "imap" / "roundcube")
    ((response,), refusal) = outcome([case.data])
    assert not refusal
    assert isinstance(response, Other)
    numbers = case.data.decode().replace("(", " ").replace(")", " ").split()[2:]
    assert ruby_expected.flat(response.values) == numbers


def test_stalwarts_sections_have_their_sizes(corpus: Path) -> None:
    sections = 0
    for case in recorded.stalwart(corpus / "imap" / "stalwart-imap-fetch"):
        responses, refusal = outcome([case.data])
        assert not refusal
        for response in responses:
            assert isinstance(response, Fetch)
            assert not response.problems, case.name
            sections += len(response.sections) + response.has_body
    assert sections > 100


def test_angus_mails_uid_sets(corpus: Path) -> None:
    blocks = (corpus / "imap" / "angus-mail" / "uiddata").read_text("ascii").split("\nTEST ")[1:]
    count = COUNTS.setdefault("angus-mail", Count(streams=len(blocks)))
    for block in blocks:
        lines = dict(line.partition(" ")[::2] for line in ("TEST " + block).splitlines() if line)
        if lines["DATA"] == "EMPTY":
            assert not UidSet.parse("")
            continue
        found = UidSet.parse(lines["DATA"])
        if "MAX" in lines:
            highest, _, text = lines["MAX"].partition(" ")
            found = found.intersection(UidSet([(1, int(highest))]))
            assert str(found) == UidSet.parse(text or lines["DATA"]).__str__()
        assert " ".join(map(str, found)) == lines["EXPECT"], lines["TEST"]
    count.reasons["agrees with the expected set"] = len(blocks)
