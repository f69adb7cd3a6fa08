"""Which messages are mirrored: newer_than, max_size and skip_query, on servers that are honest and on others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailsync.imap.uidset import UidSet
from mailsync.sync import scope
from tests.servers.fake import letter
from tests.servers.model_server import ModelServer
from tests.servers.scripted import Command, Hook, Link
from tests.sync.rig import Rig

NOW = datetime.now(UTC)
KINDS = ["full", "condstore", "plain"]


def limits(**messages: Any) -> dict[str, Any]:
    return {"messages": messages}


def filled(server: ModelServer, *days: int) -> None:
    """INBOX gets a letter of so many days ago for each, 100 bytes and 100 more for each day."""
    for number, ago in enumerate(days, 1):
        raw = b"Message-ID: <%d@x>\r\n" % number + letter(number, 100 + 100 * ago)
        server.mail.append("INBOX", raw, date=NOW - timedelta(days=ago))


def outside(rig: Rig) -> list[int]:
    return list(UidSet.parse(rig.folders()["INBOX"].outside))


def withheld(rig: Rig) -> list[int]:
    return [row[0] for row in rig.execute("SELECT uid FROM messages WHERE withheld <> '' ORDER BY uid")]


async def checked(rig: Rig) -> None:
    """Nothing is left to do, and verify agrees."""
    result = (await rig.sync())["INBOX"]
    assert (result.new, result.changed, result.deleted) == (0, 0, 0)
    assert (await rig.verify("INBOX", deep=False)).ok


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("few", [50, 2], ids=["looked at", "searched"])
async def test_only_newer_mail(kind: str, few: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "FEW", few)
    with ModelServer(kind) as server:
        filled(server, 40, 31, 29, 1, 35)
        with Rig(tmp_path, server.port, options=limits(newer_than="30d")) as rig:
            assert (await rig.sync())["INBOX"].new == 2
            assert (rig.uids("INBOX"), outside(rig)) == ([3, 4], [1, 2, 5])
            assert sum(server.bodies.values()) == 2
            await checked(rig)
            server.mail.expunge("INBOX", [2, 4])
            filled(server, 33, 2)
            await rig.sync()
            assert (rig.uids("INBOX"), outside(rig)) == ([3, 7], [1, 5, 6])
            rig.clock = 10 * 86_400.0  # what grows older stays
            await checked(rig)
            assert rig.uids("INBOX") == [3, 7]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_changed_selection_fetches_what_it_adds_and_keeps_what_it_drops(kind: str, tmp_path: Path) -> None:
    with ModelServer(kind) as server:
        filled(server, 40, 31, 29, 1)
        with Rig(tmp_path, server.port, options=limits(newer_than="30d")) as rig:
            await rig.sync()
            first = rig.execute("SELECT uid, id FROM messages ORDER BY uid")
        server.forget_bodies()
        with Rig(tmp_path, server.port, options=limits(newer_than="35d")) as rig:
            assert (await rig.sync())["INBOX"].new == 1
            assert rig.uids("INBOX") == [2, 3, 4]
            assert sum(server.bodies.values()) == 1
        with Rig(tmp_path, server.port, options=limits(newer_than="5d")) as rig:
            told = (await rig.sync(dry_run=True))["INBOX"]
            assert (told.new, told.deleted, rig.uids("INBOX")) == (0, 2, [2, 3, 4])
            await rig.sync()
            assert (rig.uids("INBOX"), outside(rig)) == ([4], [1, 2, 3])
            removed = rig.execute("SELECT uid, reason FROM removed_messages ORDER BY uid")
            assert removed == [(2, "not selected"), (3, "not selected")]
            await checked(rig)
        server.mail.store("INBOX", [3], ["\\Flagged"])
        server.forget_bodies()
        with Rig(tmp_path, server.port) as rig:
            await rig.sync()
            assert (rig.uids("INBOX"), outside(rig)) == ([1, 2, 3, 4], [])
            assert sum(server.bodies.values()) == 1
            assert rig.execute("SELECT uid, id FROM messages WHERE uid > 2 ORDER BY uid") == first
            await checked(rig)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("few", [50, 2], ids=["looked at", "searched"])
async def test_large_mail_is_listed(kind: str, few: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scope, "FEW", few)
    with ModelServer(kind) as server:
        filled(server, 1, 9, 2, 8)
        server.mail.store("INBOX", [2], ["\\Seen"])
        with Rig(tmp_path, server.port, options=limits(max_size="500B")) as rig:
            told = (await rig.sync(dry_run=True))["INBOX"]
            assert (told.new, told.withheld, rig.folders()) == (2, 2, {})
            await rig.sync()
            assert (rig.uids("INBOX"), withheld(rig)) == ([1, 2, 3, 4], [2, 4])
            assert rig.execute("SELECT flags, size > 1000 FROM messages WHERE uid = 2") == [(1, 1)]
            assert sum(server.bodies.values()) == 2
            assert told.bytes == rig.execute("SELECT sum(size) FROM contents")[0][0]
            server.mail.store("INBOX", [4], ["\\Seen"])
            assert (await rig.sync())["INBOX"].changed == 1
            await checked(rig)
        with Rig(tmp_path, server.port, options=limits(max_size="1kB")) as rig:
            await rig.sync()
            assert withheld(rig) == [2]
            await checked(rig)
        with Rig(tmp_path, server.port, options=limits(max_size="100B")) as rig:
            await rig.sync()
            assert withheld(rig) == [2]  # bytes that are there stay
            await checked(rig)
        assert sum(server.bodies.values()) == 3


@pytest.mark.parametrize("kind", KINDS)
async def test_a_query_leaves_mail_out(kind: str, tmp_path: Path) -> None:
    with ModelServer(kind) as server:
        filled(server, 1, 9, 2)
        with Rig(tmp_path, server.port, options=limits(skip_query="subject:2 OR larger:2M")) as rig:
            await rig.sync()
            assert (rig.uids("INBOX"), outside(rig)) == ([1, 3], [2])
            filled(server, 1, 1)
            await rig.sync()
            assert (rig.uids("INBOX"), outside(rig)) == ([1, 3, 4], [2, 5])
            await checked(rig)
        with Rig(tmp_path, server.port, options=limits(skip_query="subject:1")) as rig:
            await rig.sync()
            assert (rig.uids("INBOX"), outside(rig)) == ([2, 3, 5], [1, 4])
            await checked(rig)


@pytest.mark.parametrize(
    ("query", "words"), [("(a", "column 1: this parenthesis"), ("subject:Größe", "ASCII"), ("filename:x", "filename:")]
)
async def test_a_query_that_cannot_be_asked_is_said(query: str, words: str, tmp_path: Path) -> None:
    with ModelServer("plain") as server, Rig(tmp_path, server.port, options=limits(skip_query=query)) as rig:
        filled(server, 1)
        result = await rig.try_sync()
        assert result.exit_code == 2
        assert "accounts.work.messages.skip_query: column" in (result.error or "")
        assert words in (result.error or "")


async def test_what_is_pushed_is_sorted_too(tmp_path: Path) -> None:
    with ModelServer("full") as server:
        filled(server, 1)
        with Rig(tmp_path, server.port, options=limits(newer_than="30d", max_size="500B")) as rig:
            await rig.sync()
            folder = rig.folders()["INBOX"]
            async with rig.mirror.pool.session() as session:
                await session.examine(folder.raw_name)
                filled(server, 40, 9, 2)
                await session.noop()
                await rig.mirror.task(folder).arrivals(session)
            await rig.mirror.pool.close()
            assert (rig.uids("INBOX"), outside(rig), withheld(rig)) == ([1, 3, 4], [2], [3])
            assert sum(server.bodies.values()) == 2
            await checked(rig)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_new_uidvalidity_is_sorted_anew_and_costs_nothing(kind: str, tmp_path: Path) -> None:
    with ModelServer(kind) as server:
        filled(server, 40, 1, 9, 2)
        with Rig(tmp_path, server.port, options=limits(newer_than="30d", max_size="500B")) as rig:
            await rig.sync()
            server.mail.expunge("INBOX", [2])
            server.mail.new_uidvalidity("INBOX")
            server.forget_bodies()
            assert (await rig.sync())["INBOX"].strategy == "uidvalidity_reset"
            assert (rig.uids("INBOX"), outside(rig), withheld(rig)) == ([2, 3], [1], [2])
            assert set(server.bodies.values()) <= {1}  # the sample
            await checked(rig)


# Servers that lie


def answers(uids: str, *, to: bytes) -> Hook:
    """A hook that answers a search which holds `to` with these."""

    async def hook(link: Link, command: Command) -> bool:
        if to not in command.text:
            return False
        await link.send(f"* SEARCH {uids}\r\n".encode())
        await link.ok(command)
        return True

    return hook


@pytest.mark.parametrize("lie", ["", "1 2 3 4", "1 2"], ids=["nothing", "everything", "the wrong ones"])
async def test_a_search_that_lies_about_dates_is_found_out(
    lie: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope, "FEW", 2)
    with ModelServer("plain") as server, Rig(tmp_path, server.port, options=limits(newer_than="30d")) as rig:
        server.hooks["UID SEARCH"] = answers(lie, to=b"SINCE")
        filled(server, 40, 31, 29, 1)
        await rig.sync()
        assert (rig.uids("INBOX"), outside(rig)) == ([3, 4], [1, 2])


async def test_a_search_that_calls_small_mail_large_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope, "FEW", 2)
    with ModelServer("plain") as server, Rig(tmp_path, server.port, options=limits(max_size="500B")) as rig:
        server.hooks["UID SEARCH"] = answers("1 2 3 4", to=b"LARGER")
        filled(server, 1, 9, 2, 8)
        await rig.sync()
        assert withheld(rig) == [2, 4]


async def test_a_search_that_matches_everything_leaves_nothing_out(tmp_path: Path) -> None:
    with ModelServer("plain") as server, Rig(tmp_path, server.port, options=limits(skip_query="subject:1")) as rig:
        server.hooks["UID SEARCH"] = answers("1 2 3", to=b"SUBJECT")
        filled(server, 1, 9, 2)
        result = await rig.try_sync()
        assert "contradict" in (result.folders[0].error or "")
        assert outside(rig) == []


# Interrupted


async def listed_and_left(server: ModelServer, directory: Path) -> None:
    """A mirror of three messages: the first left outside, the third too large."""
    filled(server, 40, 1, 9)
    with Rig(directory, server.port, options=limits(newer_than="30d", max_size="500B")) as rig:
        await rig.sync()
        assert (rig.uids("INBOX"), outside(rig), withheld(rig)) == ([2, 3], [1], [3])


async def test_a_new_selection_that_was_cut_short_is_carried_out_by_the_next_sync(tmp_path: Path) -> None:
    stopped: list[bytes] = []

    async def stop(link: Link, command: Command) -> bool:
        stopped.append(command.text)
        return False

    with ModelServer("condstore") as server:
        await listed_and_left(server, tmp_path)
        with Rig(tmp_path, server.port) as rig:
            server.hooks["UID FETCH"] = stop
            assert (await rig.try_sync(stopping=lambda: bool(stopped))).exit_code == 130
            assert (outside(rig), withheld(rig)) == ([], [3])
            assert (await rig.sync())["INBOX"].new == 2  # one has had a row before
            assert (set(rig.raw("INBOX")), withheld(rig)) == ({1, 2, 3}, [])
            await checked(rig)


async def test_what_a_new_selection_wants_and_cannot_have_is_tried_again(tmp_path: Path) -> None:
    async def refuse(link: Link, command: Command) -> bool:
        if b"BODY.PEEK[]" in command.text:
            await link.ok(command, "not now", "NO")
            return True
        return False

    with ModelServer("condstore") as server:
        await listed_and_left(server, tmp_path)
        with Rig(tmp_path, server.port) as rig:
            server.hooks["UID FETCH"] = refuse
            assert (await rig.sync())["INBOX"].quarantined == 2
            assert (rig.uids("INBOX"), withheld(rig)) == ([1, 2, 3], [])
            del server.hooks["UID FETCH"]
            rig.clock = 86_400.0
            await rig.sync()
            assert rig.raw("INBOX") == {uid: mail.raw for uid, mail in server.mail.folders["INBOX"].messages.items()}
            await checked(rig)
