"""UID SEARCH and UID FETCH where servers answer otherwise than asked: forms, tags, limits, windows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from mailsync.errors import MailsyncError
from mailsync.imap.connect import Endpoint
from mailsync.imap.gmail import labels
from mailsync.imap.quirks import Quirks
from mailsync.imap.session import Session
from mailsync.imap.uidset import EMPTY, UidSet
from mailsync.privacy.secret import Password
from tests.servers.dovecot import Dovecot
from tests.servers.fake import Command, FakeServer, Hook, Link, box
from tests.servers.pymap_server import Pymap


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer({"INBOX": box(5)}) as running:
        running.capabilities = "IMAP4rev1 ESEARCH"
        yield running


@pytest.fixture
async def session(server: FakeServer) -> AsyncIterator[Session]:
    opened = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
    await opened.examine(b"INBOX")
    yield opened
    opened.close()


def answers(text: str, tagged: str = "OK done") -> Hook:
    """What is said to a command; `<tag>` stands for its tag."""

    async def hook(link: Link, command: Command) -> bool:
        await link.send(text.replace("<tag>", command.tag).encode(), f"{command.tag} {tagged}\r\n".encode())
        return True

    return hook


def asked(server: FakeServer, verb: str = "UID SEARCH") -> list[str]:
    return [command.text.decode() for _, command in server.commands if command.verb == verb]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('* ESEARCH (TAG "<tag>") UID ALL 2,4:5\r\n', "2,4:5"),
        ('* ESEARCH (TAG "<tag>") ALL 2\r\n', "2"),  # Purelymail leaves out UID
        ("* ESEARCH UID ALL 2\r\n", "2"),
        ("* SEARCH 2 4 5\r\n", "2,4:5"),  # iCloud answers so what was asked with RETURN
        ("* SEARCH 2\r\n* SEARCH 4 5\r\n", "2,4:5"),
        ('* ESEARCH (TAG "<tag>") UID\r\n', ""),
        ("* SEARCH\r\n", ""),
        ("", ""),
        ('* ESEARCH (TAG "other") UID ALL 1:5\r\n', ""),  # nobody asked for that
    ],
)
async def test_forms_of_an_answer(server: FakeServer, session: Session, text: str, found: str) -> None:
    server.hooks["UID SEARCH"] = answers(text)
    assert await session.search("UNSEEN") == UidSet.parse(found)
    assert asked(server) == ["RETURN (ALL) UNSEEN"]
    session.capabilities -= {"ESEARCH"}
    assert await session.search("UNSEEN") == UidSet.parse(found)
    assert asked(server)[1:] == ["UNSEEN"]


async def test_a_server_without_the_extension_it_announces(server: FakeServer, session: Session) -> None:
    async def strict(link: Link, command: Command) -> bool:
        if b"RETURN" not in command.text:
            return False
        await link.ok(command, "Command Argument Error. 11", "BAD")
        return True

    server.hooks["UID SEARCH"] = strict
    assert await session.search_many(["ALL", "ALL", "ALL"]) == [UidSet([(1, 5)])] * 3
    assert await session.search() == UidSet([(1, 5)])
    assert asked(server) == ["RETURN (ALL) ALL"] * 3 + ["ALL"] * 4
    assert await session.count("ALL") is None


async def test_criteria_that_are_bad_in_any_form_say_nothing_of_the_extension(
    server: FakeServer, session: Session
) -> None:
    server.hooks["UID SEARCH"] = answers("", "BAD Command Argument Error. 11")
    with pytest.raises(MailsyncError, match="Argument Error"):
        await session.search("KEYWORD $Junk")
    assert asked(server) == ["RETURN (ALL) KEYWORD $Junk", "KEYWORD $Junk"]
    assert "ESEARCH" in session.capabilities


@pytest.mark.parametrize("extended", [True, False])
async def test_several_questions_at_once(server: FakeServer, session: Session, extended: bool) -> None:
    """Told apart by tag, also when the answers come in another order; by their order where there is no tag."""
    session.quirks = Quirks(pipeline=3)
    most = 0

    async def hold(link: Link, command: Command) -> bool:
        nonlocal most
        held = [command]
        while link.unread_lines() or len(held) < (3 if len(asked(server)) < 4 else 1):
            held.append(await link.command())
        most = max(most, len(held))
        for one in reversed(held) if extended else held:
            number = one.text.split()[-1].decode()
            text = f'* ESEARCH (TAG "{one.tag}") UID ALL {number}\r\n' if extended else f"* SEARCH {number}\r\n"
            await link.send(text.encode())
            if not extended:
                await link.ok(one)
        for one in held if extended else ():
            await link.ok(one)
        return True

    if not extended:
        session.capabilities -= {"ESEARCH"}
    server.hooks["UID SEARCH"] = hold
    found = await session.search_many([f"UID {number}" for number in range(1, 5)])
    assert found == [UidSet([(number, number)]) for number in range(1, 5)]
    assert most == 3


async def test_within(server: FakeServer, session: Session) -> None:
    async def echo(link: Link, command: Command) -> bool:
        _, _, rest = command.text.decode().partition("UID ")
        await link.send(f"* SEARCH {rest.split()[0].split(',')[0].split(':')[0]}\r\n".encode())
        await link.ok(command)
        return True

    assert await session.search("SEEN", within=EMPTY) == EMPTY
    assert asked(server) == []
    server.hooks["UID SEARCH"] = echo
    scattered = UidSet.from_uids(range(1, 5001, 2))
    found = await session.search("SEEN", within=scattered)
    texts = asked(server)
    assert len(texts) == len(found) > 1
    assert all(len(text) < 8192 and text.startswith("RETURN (ALL) UID ") for text in texts)
    assert all(text.endswith(" SEEN") for text in texts)


@pytest.mark.parametrize(
    ("text", "number"),
    [('* ESEARCH (TAG "<tag>") UID COUNT 17\r\n', 17), ("* SEARCH 1 2 9\r\n", 3), ('* ESEARCH (TAG "<tag>")\r\n', 0)],
)
async def test_counting(server: FakeServer, session: Session, text: str, number: int) -> None:
    server.hooks["UID SEARCH"] = answers(text)
    assert await session.count("UNSEEN") == number
    assert asked(server) == ["RETURN (COUNT) UNSEEN"]


async def test_the_newest(server: FakeServer, session: Session) -> None:
    assert await session.newest(400) is None
    session.capabilities |= {"PARTIAL"}
    server.hooks["UID SEARCH"] = answers('* ESEARCH (TAG "<tag>") UID PARTIAL (-1:-400 200:599)\r\n')
    assert await session.newest(400) == UidSet([(200, 599)])
    assert asked(server) == ["RETURN (PARTIAL -1:-400) ALL"]
    server.hooks["UID SEARCH"] = answers("", "BAD PARTIAL?")
    assert await session.newest(400) is None
    assert "PARTIAL" not in session.capabilities


def no_charset(server: FakeServer) -> bool:
    return not any(b"CHARSET" in command.text.upper() for _, command in server.commands)


async def test_no_charset_and_nothing_but_ascii(server: FakeServer, session: Session) -> None:
    with pytest.raises(UnicodeEncodeError):
        await session.search("SUBJECT ä")
    await session.search("ALL")
    assert no_charset(server)
    assert session.closed is None


# MESSAGELIMIT (RFC 9738): the server works from the top down and says how far it came


def limited(limit: int, *, refuses: bool = False) -> Hook:
    async def hook(link: Link, command: Command) -> bool:
        words = command.text.decode()
        where = words.split()[0] if command.verb == "UID FETCH" else words.partition("UID ")[2].split(" ")[0]
        uids = sorted(set(UidSet.parse(where or "1:9") & UidSet([(1, 9)])), reverse=True)
        some = uids[:limit]
        tail = ""
        if len(uids) > limit and refuses:
            await link.ok(command, f"[MESSAGELIMIT {limit}] too many", "NO")
            return True
        if len(uids) > limit:
            tail = f"[MESSAGELIMIT {limit} {some[-1]}] "
        if command.verb == "UID SEARCH":
            await link.send(f"* SEARCH {' '.join(map(str, some))}\r\n".encode())
        for uid in some if command.verb == "UID FETCH" else ():
            await link.send(f"* {uid} UIDFETCH (FLAGS ())\r\n".encode())
        await link.ok(command, tail + "done")
        return True

    return hook


async def test_all_of_a_folder_in_spite_of_a_limit(server: FakeServer, session: Session) -> None:
    server.hooks["UID SEARCH"] = server.hooks["UID FETCH"] = limited(4)
    assert await session.search() == UidSet([(1, 9)])
    assert asked(server) == ["RETURN (ALL) ALL", "RETURN (ALL) UID 1:5 ALL", "RETURN (ALL) UID 1:1 ALL"]


@pytest.mark.parametrize("refuses", [True, False])
async def test_a_fetch_in_spite_of_a_limit(server: FakeServer, session: Session, refuses: bool) -> None:
    server.hooks["UID FETCH"] = limited(4, refuses=refuses)
    stream = session.fetch([UidSet([(1, 9)])], "UID FLAGS", 1000)
    found = [one.uid async for batch in stream for one in batch]
    assert sorted(uid or 0 for uid in found) == list(range(1, 10))
    assert stream.refusals == []
    assert len(asked(server, "UID FETCH")) == 1 + 3 if refuses else 3


@pytest.mark.parametrize(
    "said", ["[MESSAGELIMIT 4 9] ok", "[MESSAGELIMIT 4 99] ok", "[MESSAGELIMIT] ok", "[MESSAGELIMIT 0] x"]
)
async def test_a_limit_that_makes_no_sense_ends(server: FakeServer, session: Session, said: str) -> None:
    server.hooks["UID FETCH"] = answers("* 9 UIDFETCH (FLAGS ())\r\n", f"OK {said}")
    assert [one.uid async for batch in session.fetch([UidSet([(1, 9)])], "UID FLAGS", 1000) for one in batch]
    assert len(asked(server, "UID FETCH")) <= 2


# Modifiers


async def test_what_changed_since(server: FakeServer, session: Session) -> None:
    server.hooks["UID FETCH"] = answers("* VANISHED (EARLIER) 3:4\r\n* 1 FETCH (UID 1 FLAGS () MODSEQ (9))\r\n")
    stream = session.fetch(["1:*"], "UID FLAGS", 1000, changed_since=7, vanished=True)
    assert [one.uid async for batch in stream for one in batch] == [1]
    assert stream.vanished == UidSet([(3, 4)])
    stream = session.fetch(["1:*"], "UID FLAGS", 1000, changed_since=7)
    async for _ in stream:
        continue
    assert asked(server, "UID FETCH") == [
        "1:* (UID FLAGS) (CHANGEDSINCE 7 VANISHED)",
        "1:* (UID FLAGS) (CHANGEDSINCE 7)",
    ]


async def test_labels(server: FakeServer, session: Session) -> None:
    server.hooks["UID FETCH"] = answers(
        '* 1 FETCH (X-GM-LABELS (\\Inbox "\\\\Sent" +plus "Muy Importante" &AOk-t&AOk- 2024 007 NIL) UID 1)\r\n'
        "* 2 FETCH (UID 2 X-GM-LABELS ())\r\n* 3 FETCH (UID 3)\r\n"
    )
    found = [labels(one) async for batch in session.fetch(["1:3"], "UID X-GM-LABELS", 1000) for one in batch]
    expected = ("\\Inbox", "\\Sent", "+plus", "Muy Importante", "été", "2024", "007", "NIL")
    assert found == [expected, (), None]


# Real servers


async def test_dovecot_and_pymap(dovecot: Dovecot, fresh_user: str, pymap: Pymap) -> None:
    mail = [(b"Subject: %d\r\n\r\n" % number, ["\\Seen"] if number % 2 else [], None) for number in range(1, 10)]
    dovecot.fill(fresh_user, "INBOX", mail)
    with pymap.client() as client:
        client.append_many("INBOX", mail)
    for port, user, password in (
        (dovecot.port, fresh_user, dovecot.users[fresh_user]),
        (pymap.port, pymap.user, pymap.password),
    ):
        session = await Session.open(Endpoint("127.0.0.1", port, "none"), user, Password(password))
        box = await session.examine(b"INBOX")
        everything = await session.search()
        assert len(everything) == box.exists == 9
        seen, unseen = await session.search_many(["SEEN", "UNSEEN"])
        assert (len(seen), seen | unseen, seen & unseen) == (5, everything, EMPTY)
        assert await session.search("SEEN", within=unseen) == EMPTY
        assert await session.count("SEEN") == (5 if session.offers("ESEARCH") else None)
        await session.logout()


async def test_dovecot_tells_what_changed_and_vanished(dovecot: Dovecot, fresh_user: str) -> None:
    dovecot.fill(fresh_user, "INBOX", [(b"Subject: %d\r\n\r\n" % number, (), None) for number in range(1, 10)])
    session = await Session.open(
        Endpoint("127.0.0.1", dovecot.port, "none"), fresh_user, Password(dovecot.users[fresh_user])
    )
    modseq = (await session.examine(b"INBOX")).highestmodseq
    with dovecot.client(fresh_user) as other:
        other.store("INBOX", [3], "+FLAGS", "\\Flagged")
        other.expunge("INBOX", [5])
    await session.examine(b"INBOX")  # else VANISHED is a push and not (EARLIER)
    stream = session.fetch(["1:*"], "UID FLAGS", 1000, changed_since=modseq, vanished=True)
    assert [(one.uid, "\\Flagged" in (one.flags or ())) async for batch in stream for one in batch] == [(3, True)]
    assert stream.vanished == UidSet([(5, 5)])
    await session.logout()


async def test_a_session_without_sequence_numbers(server: FakeServer, session: Session) -> None:
    """UIDONLY (RFC 9586): UIDFETCH instead of FETCH, VANISHED instead of EXPUNGE, and it counts."""
    session.enabled = frozenset({"UIDONLY"})
    server.hooks["UID FETCH"] = answers(
        "* 25001 UIDFETCH (FLAGS (\\Seen) BODY[] {5}\r\nfirst)\r\n* VANISHED 25003:25004\r\n"
        "* 25002 UIDFETCH (BODY[] {6}\r\nsecond FLAGS ())\r\n"
    )
    stream = session.fetch([UidSet([(25001, 25004)])], "FLAGS BODY.PEEK[]", 1000)
    found = [(one.uid, one.flags, one.body) async for batch in stream for one in batch]
    assert found == [(25001, ("\\Seen",), b"first"), (25002, (), b"second")]
    assert session.mailbox is not None
    assert (session.mailbox.exists, session.mailbox.vanished_now) == (3, UidSet([(25003, 25004)]))
