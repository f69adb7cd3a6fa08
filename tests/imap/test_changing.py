"""The verbs that change a server: what is sent, what is understood, and that nothing else can send them."""

from __future__ import annotations

import ast
import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.errors import CommandRefused, ConsentMissing, Throttled, Unreachable
from mailsync.imap import session as session_module
from mailsync.imap.changing import append as appending
from mailsync.imap.changing.append import Appended, Letter, append, append_limit, can_be_sent, date_time
from mailsync.imap.changing.create import create
from mailsync.imap.changing.select import select
from mailsync.imap.connect import Endpoint
from mailsync.imap.session import Session
from mailsync.privacy import readonly
from mailsync.privacy.secret import Password
from tests.servers.imap_client import parse_date
from tests.servers.model_server import ModelServer
from tests.servers.scripted import Command, Link

PACKAGE = Path(__file__).resolve().parents[2] / "mailsync"
CHANGING = PACKAGE / "imap" / "changing"
VERBS = re.compile(r"(UID )?(APPEND|CREATE|SELECT|STORE|EXPUNGE|MOVE|COPY|DELETE|RENAME|SUBSCRIBE|UNSUBSCRIBE|CLOSE)\b")
KNOWN = {("imap/mailboxes.py", "SELECT"), ("imap/parse.py", "EXPUNGE")}
"""SELECT of what is `writing`, or of a server whose UIDVALIDITY holds for nothing else; and a word that servers say."""


def test_no_other_module_knows_a_verb_that_changes_a_server() -> None:
    found = set()
    for path in PACKAGE.rglob("*.py"):
        if CHANGING in path.parents or PACKAGE / "imap" not in path.parents:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                if VERBS.fullmatch(text.strip()):
                    found.add((str(path.relative_to(PACKAGE)), text.strip()))
    assert found == KNOWN


def test_two_modules_may_change_a_server() -> None:
    importers = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if re.search(r"imap\.changing|\bimport changing", path.read_text("utf-8")) and CHANGING not in path.parents
    }
    importers -= {"privacy/readonly.py", "imap/mailboxes.py"}  # they tell of it
    assert importers == {"sync/putting.py", "cleanup/acting.py"}


@pytest.fixture
def server() -> object:
    with ModelServer("plain") as one:
        yield one


@pytest.fixture
async def session(server: ModelServer) -> AsyncIterator[Session]:
    one = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
    yield one
    one.close()


def letters(count: int, size: int = 50) -> list[Letter]:
    return [
        Letter(b"Subject: %d\r\n\r\n%s\r\n" % (number, b"x" * size), ("\\Seen",), number) for number in range(count)
    ]


async def test_many_messages_are_on_their_way_at_once(server: ModelServer, session: Session) -> None:
    told: dict[int, Appended] = {}
    await append(session, b"INBOX", letters(40), told)
    assert [told[number].uid for number in range(40)] == list(range(1, 41))
    held = server.mail.folders["INBOX"].messages
    assert [(held[number + 1].raw, held[number + 1].flags) for number in range(40)] == [
        (one.raw, frozenset(one.flags)) for one in letters(40)
    ]
    assert [int(one.date.timestamp()) for one in held.values()] == list(range(40))


@pytest.mark.parametrize(
    ("capabilities", "size", "waits"),
    [
        ("LITERAL+", 100, False),
        ("LITERAL+", 3 << 20, True),
        ("LITERAL-", 4000, False),
        ("LITERAL-", 4100, True),
        ("", 10, True),
    ],
)
async def test_a_literal_waits_where_it_has_to(
    server: ModelServer, session: Session, capabilities: str, size: int, waits: bool
) -> None:
    session.capabilities = frozenset({"IMAP4REV1", capabilities})
    told: dict[int, Appended] = {}
    await append(session, b"INBOX", letters(3, size), told)
    assert all(told[number].accepted for number in range(3))
    sent = [command.text for _, command in server.commands if command.verb == "APPEND"]
    assert [b"+}" not in text for text in sent] == [waits] * 3


async def test_what_is_refused_before_it_is_sent_is_not_sent(server: ModelServer, session: Session) -> None:
    session.capabilities = frozenset({"IMAP4REV1"})
    received = 0

    async def script(link: Link) -> None:
        nonlocal received
        while True:
            line = await link.line()
            received += 1
            await link.send(line.split(b" ")[0] + b" NO [TOOBIG] not that one\r\n")

    server.script = script
    other = await _bare(server)
    told: dict[int, Appended] = {}
    await append(other, b"INBOX", letters(2), told)
    assert told == {number: Appended(False, code="TOOBIG", why="[TOOBIG] not that one") for number in range(2)}
    assert received == 2
    other.close()


async def _bare(server: ModelServer) -> Session:
    """A session whose server follows a script from the sign-in on."""
    script = server.script
    server.script = None
    server.greeting = b"* OK ready\r\n"
    one = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))

    async def hook(link: Link, command: Command) -> bool:
        assert script is not None
        await link.ok(command)
        await script(link)
        return True

    server.hooks["NOOP"] = hook
    await one.noop()
    one.capabilities = frozenset({"IMAP4REV1"})
    return one


async def test_a_plea_to_slow_down_is_raised_when_all_is_answered(server: ModelServer, session: Session) -> None:
    seen = 0

    async def hook(link: Link, command: Command) -> bool:
        nonlocal seen
        seen += 1
        if seen == 3:
            await link.ok(command, "[THROTTLED] try again in 7 seconds", "NO")
        return seen == 3

    server.hooks["APPEND"] = hook
    told: dict[int, Appended] = {}
    with pytest.raises(Throttled) as raised:
        await append(session, b"INBOX", letters(10), told)
    assert raised.value.resume_after == 7
    assert sorted(told) == [0, 1, *range(3, 10)]
    assert session.closed is None


async def test_names_that_no_quoted_string_holds(server: ModelServer, session: Session) -> None:
    session.capabilities = frozenset({"IMAP4REV1"})
    server.mail.create("Ü")
    told: dict[int, Appended] = {}
    await append(session, "Ü".encode(), letters(2), told)  # as a server with UTF8=ACCEPT would name it
    assert [one.accepted for one in told.values()] == [True, True]


async def test_the_limit_that_a_server_announces(session: Session) -> None:
    assert await append_limit(session, b"INBOX") is None
    session.advertised = frozenset({"APPENDLIMIT=35651584"})
    assert await append_limit(session, b"INBOX") == 35651584


async def test_making_and_opening_folders(server: ModelServer, session: Session) -> None:
    assert await create(session, b"New")
    box = await select(session, b"New")
    assert box.permanent_flags is not None
    assert "\\*" in box.permanent_flags

    async def there(link: Link, command: Command) -> bool:
        await link.ok(command, "[ALREADYEXISTS] it is", "NO")
        return True

    async def only(link: Link, command: Command) -> bool:
        await link.ok(command, "[READ-ONLY] look at it", "OK")
        return True

    server.hooks |= {"CREATE": there, "SELECT": only}
    assert not await create(session, b"New")
    with pytest.raises(CommandRefused, match="read-only"):
        await select(session, b"New")


async def test_nothing_is_changed_where_changes_are_forbidden(server: ModelServer, session: Session) -> None:
    readonly.forbid(True)
    try:
        for change in (append(session, b"INBOX", letters(1), {}), create(session, b"New"), select(session, b"INBOX")):
            with pytest.raises(ConsentMissing, match="--read-only"):
                await change
    finally:
        readonly.forbid(False)
    assert not {"APPEND", "CREATE", "SELECT"} & set(server.verbs())


@given(st.integers(-(2**40), 2**40))
def test_dates_are_read_back(seconds: int) -> None:
    text = date_time(seconds).decode()
    if text:
        assert int(parse_date(text.strip('"')).timestamp()) == seconds
    else:
        years = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)]
        assert not years[0].timestamp() <= seconds <= years[1].timestamp()


@pytest.mark.parametrize(
    ("flag", "sound"),
    [("\\Seen", True), ("$Label1", True), ("a b", False), ("x)", False), ("\\", False), ("", False), ("a\r\nb", False)],
)
def test_only_flags_are_sent(flag: str, sound: bool) -> None:
    assert can_be_sent(flag) is sound


BIG = Letter(b"Subject: big\r\n\r\n" + b"x" * (24 << 20))


async def test_a_line_that_takes_nothing_is_given_up(
    server: ModelServer, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(appending, "STALL_SECONDS", 0.2)

    async def script(link: Link) -> None:
        await link.line()
        await link.send(b"+ go ahead\r\n")
        await asyncio.sleep(0.6)

    server.script = script
    other = await _bare(server)
    with pytest.raises(Unreachable, match="has taken nothing"):
        await append(other, b"INBOX", [BIG], {})
    assert other.closed is not None


async def test_a_slow_line_is_no_silent_one(
    server: ModelServer, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "SILENCE_SECONDS", 0.3)

    async def script(link: Link) -> None:
        tag = (await link.line()).split(b" ")[0]
        await link.send(b"+ go ahead\r\n")
        left = len(BIG.raw)
        while left:
            left -= len(await link._reader.read(min(left, 1 << 20)))
            await asyncio.sleep(0.02)
        await link.line()
        await link.send(tag + b" OK [APPENDUID 1 5] taken\r\n")

    server.script = script
    other = await _bare(server)
    told: dict[int, Appended] = {}
    started = time.monotonic()
    await append(other, b"INBOX", [BIG], told)
    assert time.monotonic() - started > 0.4
    assert told == {0: Appended(True, 1, 5)}
    other.close()
