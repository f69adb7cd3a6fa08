"""What servers say when they want to be left alone, in seconds; and where it ends up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from mailsync.errors import CommandRefused, Throttled
from mailsync.imap.connect import Endpoint
from mailsync.imap.session import Session
from mailsync.imap.throttle import LONGEST_SECONDS, hint
from mailsync.imap.uidset import UidSet
from mailsync.privacy.secret import Password
from tests.servers.fake import Command, FakeServer, Link, box


@pytest.mark.parametrize(
    ("text", "code", "seconds"),
    [
        ("Request is throttled. Suggested Backoff Time: 92415 milliseconds", None, 92.415),
        ("Request is throttled. Suggested Backoff Time: 299961 milliseconds", "UNAVAILABLE", 299.961),
        ("Suggested backoff time: 30 seconds", None, 30.0),
        ("Suggested Backoff Time: 999999999999 milliseconds", None, LONGEST_SECONDS),
        ("Request is throttled.", None, 60.0),
        ("Account exceeded command or bandwidth limits. (Failure)", "OVERQUOTA", 900.0),
        ("Account exceeded command or bandwidth limits. (Failure)", None, 900.0),
        ("Too many simultaneous connections. (Failure)", None, 60.0),
        ("Too many requests, try again in 5 minutes", "LIMIT", 300.0),
        ("slow down", "LIMIT", 60.0),
        ("LDAP is away", "unavailable", 60.0),
        ("locked", "INUSE", 10.0),
        ("no such folder", "NONEXISTENT", None),
        ("no such folder, try again in 5 minutes", None, None),
        ("", None, None),
    ],
)
def test_words_and_codes(text: str, code: str | None, seconds: float | None) -> None:
    assert hint(text, code) == seconds


@pytest.mark.parametrize("verb", ["UID SEARCH", "UID FETCH", "EXAMINE", "LIST"])
async def test_a_refusal_that_is_a_plea_is_about_the_account(verb: str) -> None:
    async def throttle(link: Link, command: Command) -> bool:
        await link.ok(command, "Request is throttled. Suggested Backoff Time: 1500 milliseconds", "BAD")
        return True

    with FakeServer({"INBOX": box(3)}) as server:
        session = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
        await session.examine(b"INBOX")
        server.hooks[verb] = throttle

        async def fetch() -> None:
            async for _ in session.fetch([UidSet([(1, 3)])], "UID FLAGS", 1000):
                continue

        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "LIST": session.list_folders,
            "UID SEARCH": session.search,
            "UID FETCH": fetch,
        }
        session.capabilities |= {"CONDSTORE", "ESEARCH", "LIST-STATUS"}
        with pytest.raises(Throttled) as caught:
            await (calls[verb]() if verb in calls else session.examine(b"INBOX"))
        assert server.verbs().count(verb) == (2 if verb == "EXAMINE" else 1)
        assert caught.value.resume_after == 1.5
        assert caught.value.scope == "account"
        session.close()


async def test_one_folder_that_is_unavailable_is_not_the_account() -> None:
    async def away(link: Link, command: Command) -> bool:
        await link.ok(command, "[UNAVAILABLE] UID FETCH Server error", "NO")
        return True

    with FakeServer({"INBOX": box(3)}) as server:
        server.hooks["UID FETCH"] = away
        session = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
        await session.examine(b"INBOX")
        stream = session.fetch([UidSet([(1, 3)])], "UID FLAGS", 1000)
        assert [batch async for batch in stream] == []
        assert stream.refusals == ["UID FETCH Server error"]
        server.hooks["EXAMINE"] = away
        with pytest.raises(CommandRefused):
            await session.examine(b"INBOX")
        session.close()


@pytest.mark.parametrize("where", ["greeting", "command"])
async def test_a_goodbye_with_a_reason_to_wait(where: str) -> None:
    said = b"* BYE [OVERQUOTA] Account exceeded command or bandwidth limits\r\n"

    async def bye(link: Link, command: Command) -> bool:
        await link.send(said)
        return True

    with FakeServer({"INBOX": box(1)}) as server:
        if where == "greeting":
            server.greeting = said
        server.hooks["NOOP"] = bye

        async def live() -> None:
            session = await Session.open(Endpoint("127.0.0.1", server.port, "none"), "alice", Password("secret"))
            await session.noop()

        with pytest.raises(Throttled) as caught:
            await live()
        assert caught.value.resume_after == 900.0
