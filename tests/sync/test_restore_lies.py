"""Servers that lie, refuse or hang up while messages are put back: every message is there once in the end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailsync.store import consents
from mailsync.sync import present, putting, restore
from tests.servers.lies import offering, refused, without
from tests.servers.model_server import ModelServer
from tests.servers.proxy import FaultProxy, Faults
from tests.servers.scripted import Command, Link
from tests.sync import restoring
from tests.sync.restoring import restored
from tests.sync.rig import ACCOUNT, Held, Rig

COUNT = 60
FLAGS: tuple[list[str], ...] = ([], ["\\Seen"], ["\\Flagged", "$Label1"], ["\\Seen", "\\Answered", "Work"])


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "PAUSE_SECONDS", 0.0)


def letter(number: int) -> bytes:
    """The first of five has no Message-ID, the second the same as another with other bytes."""
    name = b"" if number % 5 == 0 else b"Message-ID: <%d@example.org>\r\n" % (number - (number % 5 == 1))
    return b"Subject: %d\r\n%s\r\n%s\r\n" % (number, name, random.Random(number).randbytes(number * 20).hex().encode())


def fill(server: ModelServer) -> None:
    """Two folders, and in one of them a message twice."""
    server.mail.create("Lists/Dev")
    for number in range(COUNT):
        folder = "INBOX" if number % 2 else "Lists/Dev"
        date = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC) + timedelta(days=number)
        server.mail.append(folder, letter(number), FLAGS[number % 4], date)
    server.mail.append("INBOX", letter(3), [], datetime(2001, 2, 9, tzinfo=UTC))


def contents(server: ModelServer) -> dict[str, Counter[Held]]:
    """What is in each folder, as often as it is there."""
    return {name: Counter(messages.values()) for name, (_, messages) in server.mail.truth().items()}


async def emptied(server: ModelServer, rig: Rig) -> dict[str, Counter[Held]]:
    """Mirror everything, then have it go from the server; what was there."""
    fill(server)
    await rig.sync()
    restoring.consent(rig)
    before = contents(server)
    server.mail.expunge("INBOX", list(server.mail.folders["INBOX"].messages))
    server.mail.delete("Lists/Dev")
    return before


Tell = Callable[[ModelServer], None]


def nothing(server: ModelServer) -> None:
    del server


def once(verb: str, act: Callable[[ModelServer, Link, Command], bool], *, times: int = 1, at: int = 7) -> Tell:
    """From the `at`-th command of this verb on, `act` comes first, so many times; True when it has hung up."""

    def tell(server: ModelServer) -> None:
        seen = 0

        async def hook(link: Link, command: Command) -> bool:
            nonlocal seen
            seen += 1
            if not at <= seen < at + times:
                return False
            if act(server, link, command):
                raise ConnectionError
            return True

        server.hooks[verb] = hook

    return tell


def takes_and_hangs_up(server: ModelServer, link: Link, command: Command) -> bool:
    server._append(command)
    del link
    return True


def hangs_up(server: ModelServer, link: Link, command: Command) -> bool:
    del server, link, command
    return True


def says(answer: str) -> Callable[[ModelServer, Link, Command], bool]:
    def act(server: ModelServer, link: Link, command: Command) -> bool:
        del server
        link.say(f"{command.tag} {answer}\r\n".encode())
        return False

    return act


def tears(server: ModelServer) -> None:
    """Hang up in the middle of the tenth literal."""
    seen = 0

    async def hook(link: Link, command: Command) -> bool:
        nonlocal seen
        del command
        whole = link._reader.readexactly

        async def half(length: int) -> bytes:
            nonlocal seen
            seen += 1
            if seen == 10:
                await whole(length // 2)
                raise ConnectionError
            return await whole(length)

        link._reader.readexactly = half  # type: ignore[method-assign, assignment]
        return False

    server.hooks["SELECT"] = hook


def tells_uids(code: str) -> Tell:
    """Another APPENDUID than the true one, for every message."""

    def tell(server: ModelServer) -> None:
        async def hook(link: Link, command: Command) -> bool:
            server._append(command)
            await link.ok(command, f"[{code}] taken")
            return True

        server.hooks["APPEND"] = hook

    return tell


HARMLESS: dict[str, Tell] = {
    "honest": nothing,
    "no UIDPLUS": without("UIDPLUS"),
    "MULTIAPPEND": offering("MULTIAPPEND"),
    "MULTIAPPEND, no UIDPLUS": offering("MULTIAPPEND", without("UIDPLUS")),
    "MULTIAPPEND, OK lost": offering("MULTIAPPEND", once("APPEND", takes_and_hangs_up, at=1)),
    "MULTIAPPEND, refused as a whole": offering("MULTIAPPEND", once("APPEND", says("NO one of them"), at=1)),
    "MULTIAPPEND, misunderstood": offering("MULTIAPPEND", once("APPEND", says("BAD what"), at=1)),
    "no LITERAL+": without("LITERAL+"),
    "neither": without("LITERAL+ UIDPLUS ESEARCH"),
    "LITERAL-": lambda server: setattr(server, "capabilities", server.capabilities.replace("LITERAL+", "LITERAL-")),
    "wrong UIDVALIDITY": tells_uids("APPENDUID 1 7"),
    "one UID for all": tells_uids("APPENDUID 1004 77"),
    "largest UID": tells_uids("APPENDUID 1004 4294967295"),
    "no UID at all": tells_uids("APPENDUID nonsense"),
    "OK lost": once("APPEND", takes_and_hangs_up),
    "OK lost three times": once("APPEND", takes_and_hangs_up, times=3),
    "OK lost, no UIDPLUS": lambda server: [without("UIDPLUS")(server), once("APPEND", takes_and_hangs_up)(server)][0],
    "hung up": once("APPEND", hangs_up, times=2),
    "torn literal": tears,
}


@pytest.mark.parametrize("name", HARMLESS)
async def test_each_message_is_there_once(name: str, tmp_path: Path) -> None:
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        before = await emptied(server, rig)
        HARMLESS[name](server)
        await rig.mirror.close()
        assert await restored(rig) == (COUNT + 1, 0, 0)
        assert contents(server) == before
        server.hooks.clear()
        assert await restored(rig) == (0, COUNT + 1, 0)
        await rig.sync()
        assert await restored(rig, removed=0.0) == (0, 0, 0)
        assert contents(server) == before


async def test_a_server_that_keeps_half_of_what_it_refuses(tmp_path: Path) -> None:
    """It may not (RFC 3502); nothing is doubled all the same."""
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        before = await emptied(server, rig)

        def half(server: ModelServer, link: Link, command: Command) -> bool:
            whole = server.mail.append
            left = [10]

            def some(*values: Any, **more: Any) -> int:
                left[0] -= 1
                return whole(*values, **more) if left[0] >= 0 else 1

            server.mail.append = some  # type: ignore[method-assign]
            server._append(command)
            server.mail.append = whole  # type: ignore[method-assign]
            link.say(command.tag.encode() + b" NO not all of them\r\n")
            return False

        offering("MULTIAPPEND", once("APPEND", half, at=1))(server)
        await rig.mirror.close()
        assert await restored(rig) == (COUNT + 1, 0, 0)
        assert contents(server) == before


async def test_a_line_that_is_cut_again_and_again(tmp_path: Path) -> None:
    with ModelServer() as server, FaultProxy(server.port) as proxy, Rig(tmp_path, proxy.port) as rig:
        before = await emptied(server, rig)
        await rig.mirror.close()
        dice = random.Random(5)
        total = 0
        for _ in range(8):
            proxy.faults = Faults(cut_after=dice.randrange(1200, 4000), reset=dice.random() < 0.5)
            total += (await restored(rig))[0]
        proxy.faults = Faults()
        assert (await restored(rig))[2] == 0
        assert contents(server) == before


async def test_what_is_refused_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    answers = {5: "[OVERQUOTA] full", 9: "[TOOBIG] too big", 11: "no, this one not"}
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        before = await emptied(server, rig)
        seen = 0

        async def hook(link: Link, command: Command) -> bool:
            nonlocal seen
            seen += 1
            if seen in answers:
                await link.ok(command, answers[seen], "NO")
                return True
            return False

        server.hooks["APPEND"] = hook
        outcome = await restoring.outcome(rig)
        assert [one["reason"] for one in outcome.document["failures"]] == list(answers.values())
        assert (outcome.document["restored"], outcome.document["failed"], outcome.ok) == (COUNT - 2, 3, False)
        server.hooks.clear()
        assert await restored(rig) == (3, COUNT - 2, 0)
        assert contents(server) == before


async def test_what_is_too_large_is_not_sent(tmp_path: Path) -> None:
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        await emptied(server, rig)
        offering("APPENDLIMIT=1000")(server)
        await rig.mirror.close()
        outcome = await restoring.outcome(rig)
        assert {one["reason"] for one in outcome.document["failures"]} == {
            "the server takes messages of at most 1,000 bytes"
        }
        sent = [command for _, command in server.commands if command.verb == "APPEND"]
        assert len(sent) == outcome.document["restored"] == COUNT + 1 - outcome.document["failed"]


async def test_a_message_that_costs_connections_is_left_out(tmp_path: Path) -> None:
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        await emptied(server, rig)

        async def hook(link: Link, command: Command) -> bool:
            if b"Subject: 8\r\n" in command.literals[-1]:
                raise ConnectionError
            return False

        server.hooks["APPEND"] = hook
        outcome = await restoring.outcome(rig)
        assert [one["reason"] for one in outcome.document["failures"]] == [
            "the server closes the connection on this message"
        ]
        assert outcome.document["restored"] == COUNT


async def test_a_server_that_takes_a_message_for_commands_is_left_at_once(tmp_path: Path) -> None:
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        before = await emptied(server, rig)

        async def hook(link: Link, command: Command) -> bool:
            if b"+}" in command.text:
                await link.ok(command, "what is {10+}?", "BAD")
                return True
            return False

        server.hooks["APPEND"] = hook
        assert await restored(rig) == (COUNT + 1, 0, 0)
        assert contents(server) == before
        bad = [command for _, command in server.commands if command.verb == "APPEND" and b"+}" in command.text]
        assert len({number for number, command in server.commands if command.verb == "APPEND"}) == 2
        assert 0 < len(bad) <= 25


async def test_a_folder_that_goes_meanwhile_is_made_again(tmp_path: Path) -> None:
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        await emptied(server, rig)
        once("APPEND", says("NO [TRYCREATE] gone"), at=COUNT // 2 + 4)(server)
        made = 0

        async def create(link: Link, command: Command) -> bool:
            nonlocal made
            made += 1
            if made > 1:
                await link.ok(command, "[ALREADYEXISTS] it is there", "NO")
            return made > 1

        server.hooks["CREATE"] = create
        assert await restored(rig) == (COUNT + 1, 0, 0)
        assert made == 2


async def test_a_server_that_finds_nothing_is_not_believed(tmp_path: Path) -> None:
    with ModelServer("plain") as server, Rig(tmp_path, server.port) as rig:
        fill(server)
        await rig.sync()
        restoring.consent(rig)
        before = contents(server)
        refused("UID SEARCH", "OK nothing")(server)
        outcome = await restoring.outcome(rig)
        assert outcome.document["failed"] == COUNT + 1
        assert contents(server) == before


@pytest.mark.parametrize("sought", [{1, 5, 7}, set(range(40))])
async def test_in_a_large_folder_the_server_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sought: set[int]
) -> None:
    """What is there is found by Message-ID, or by date: another account has the messages already, but for some."""
    monkeypatch.setattr(present, "ALL", 0)
    monkeypatch.setattr(present, "EACH", 0)
    with ModelServer() as server, ModelServer() as other, Rig(tmp_path, server.port) as rig:
        for number in range(40):
            server.mail.append("INBOX", letter(number), [], datetime(2001, 2, 3, tzinfo=UTC) + timedelta(days=number))
        await rig.sync()
        target = restoring.another(rig, other.port, "bob", "secret")
        for one in server.mail.folders["INBOX"].messages.values():
            other.mail.append("INBOX", one.raw, one.flags, one.date)
        other.mail.expunge("INBOX", [uid for uid in range(1, 41) if uid - 1 in sought])
        count = len(sought)
        assert await restored(rig, to=target, account=ACCOUNT) == (count, 40 - count, 0)
        assert await restored(rig, to=target, account=ACCOUNT) == (0, 40, 0)
        assert contents(other) == contents(server)
        if count < 40:
            assert sum(b"HEADER MESSAGE-ID" in one.text for _, one in other.commands) > 20


async def test_a_plea_to_slow_down_ends_it(tmp_path: Path) -> None:
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        before = await emptied(server, rig)
        once("APPEND", says("NO [THROTTLED] too many requests"))(server)
        outcome = await restoring.outcome(rig)
        assert (outcome.ok, outcome.document["exit_code"]) == (False, 4)
        rig.mirror.backoff.proved()
        assert (await restored(rig))[2] == 0
        assert contents(server) == before


async def test_consent_is_asked_for_before_each_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(putting, "BATCH_MESSAGES", 10)
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        await emptied(server, rig)

        def revoke(server: ModelServer, link: Link, command: Command) -> bool:
            rig.store.write(lambda c: consents.revoke(c, ACCOUNT, ["mailbox_modify"], 2.0)).result()
            link.say(command.tag.encode() + b" OK taken\r\n")
            return False

        once("APPEND", revoke, at=3)(server)
        outcome = await restoring.outcome(rig)
        assert (outcome.ok, outcome.document["exit_code"]) == (False, 3)
        assert server.verbs().count("APPEND") == 10
