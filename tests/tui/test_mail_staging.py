"""Marking messages in the mail pane, and proposing them, or all of a list, for a clean-up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from mailsync.privacy import readonly
from mailsync.store import cleanup_drafts, jobs
from mailsync.store.cleanups import SELECTION
from mailsync.tui.screens.mail import MailScreen
from mailsync.tui.screens.staging import ACTIONS, StagingScreen
from mailsync.tui.widgets.fields import Picker
from mailsync.tui.widgets.marking import MarkingList
from tests.tui import samples
from tests.tui.correspondence import configured, correspondence
from tests.tui.driving import mail_screen, settle, until
from tests.tui.prepared import NOW, Builder

Act = Callable[[Pilot[None], MailScreen], Awaitable[None]]
Drive = Callable[[Act], None]


@pytest.fixture
def at_mail(builder: Builder, tmp_path: Path) -> Drive:
    """Run `act` in the mail pane of mail that is understood, at 140x40."""
    correspondence(builder)

    def run(act: Act) -> None:
        app = samples.app(builder, config_path=configured(tmp_path))

        async def go() -> None:
            async with app.run_test(size=(140, 40), notifications=True) as pilot:
                await settle(pilot)
                await pilot.press("2")
                await settle(pilot)
                await act(pilot, mail_screen(app))

        asyncio.run(go())

    return run


def test_before_anything_is_mirrored_nothing_is_marked(builder: Builder) -> None:
    """The status below the list is drawn before there is a folder to list."""
    assert MarkingList(builder.store, lambda: NOW).marked == frozenset()


def staged(builder: Builder) -> list[tuple[list[int] | None, dict[str, Any]]]:
    """What was asked to be proposed: messages, and the draft for them."""
    with builder.store.read() as connection:
        asked = connection.execute("SELECT params FROM jobs WHERE kind = 'cleanup_scan' ORDER BY id").fetchall()
        found = []
        for (params,) in asked:
            for one in json.loads(params)["drafts"]:
                row = connection.execute(
                    """SELECT c.rule, c.title, c.query, c.actions, a.name FROM cleanups c
                       JOIN accounts a ON a.id = c.account_id WHERE c.id = ?""",
                    (one["draft"],),
                ).fetchone()
                told = dict(zip(("rule", "title", "query", "actions", "account"), row, strict=True))
                found.append((one["messages"], told))
    return found


async def propose(pilot: Pilot[None], *keys: str) -> list[str]:
    """Press d and keys in the dialog; gives what could be picked."""
    await pilot.press("d")
    await until(pilot, lambda: isinstance(pilot.app.screen, StagingScreen))
    words = pilot.app.screen.query_one(Picker)._words
    await pilot.press(*keys)
    return words


def test_what_is_marked_is_proposed(builder: Builder, at_mail: Drive) -> None:
    async def act(pilot: Pilot[None], mail: MailScreen) -> None:
        wanted = [mail.messages._ids[0], mail.messages._ids[2]]
        await pilot.press("space", "j", "space", "space", "k", "space")
        assert len(mail.messages.marked) == 2
        assert "2 marked" in mail.query_one("ListStatus").render_line(0).text
        assert await propose(pilot, "escape") == ["2 marked", "all 19 here"]
        assert staged(builder) == []
        await propose(pilot, "down", "down", "enter")
        await until(pilot, lambda: len(staged(builder)) == 1)
        [(messages, draft)] = staged(builder)
        assert sorted(messages or []) == sorted(wanted)
        assert (draft["rule"], draft["account"]) == (SELECTION, "home")
        assert json.loads(draft["actions"]) == list(ACTIONS[2][2]) == ["trash"]
        assert not mail.messages.marked

    at_mail(act)


def test_a_folded_thread_stands_for_its_messages_in_the_list(builder: Builder, at_mail: Drive) -> None:
    async def act(pilot: Pilot[None], mail: MailScreen) -> None:
        await pilot.press("t")
        await settle(pilot)
        assert await propose(pilot, "enter") == ["this thread", "all 19 here"]
        await until(pilot, lambda: len(staged(builder)) == 1)
        [(messages, _)] = staged(builder)
        with builder.store.read() as connection:
            chosen = ", ".join(map(str, messages or []))
            rows = connection.execute(
                f"""SELECT e.subject, f.name FROM messages m JOIN folders f ON f.id = m.folder_id
                    JOIN envelopes e ON e.content_id = m.content_id WHERE m.id IN ({chosen})"""
            ).fetchall()
        assert [(row[0].removeprefix("Re: "), row[1]) for row in rows] == [("Tide tables for the harbour", "INBOX")] * 3

    at_mail(act)


def test_all_that_a_search_finds_is_proposed_by_its_query(builder: Builder, at_mail: Drive) -> None:
    async def act(pilot: Pilot[None], mail: MailScreen) -> None:
        await pilot.press("slash", *"notice", "enter")
        await settle(pilot)
        assert await propose(pilot, "enter") == ["this message", "all 12 found"]
        await until(pilot, lambda: len(staged(builder)) == 2)
        assert [(messages, one["query"], one["account"]) for messages, one in staged(builder)] == [
            (None, "notice", "home"),
            (None, "notice", "office"),
        ]
        builder.store.write(lambda c: c.execute("DELETE FROM jobs")).result()
        await pilot.press("slash", "ctrl+o", "ctrl+o", "enter")
        await settle(pilot)
        await propose(pilot, "enter")
        await until(pilot, lambda: len(staged(builder)) == 1)
        [(messages, draft)] = staged(builder)
        assert len(messages or []) == 12, "of a folder each is named"
        assert draft["title"] == "notice of home / INBOX"

    at_mail(act)


def test_the_end_of_a_look_is_told(builder: Builder, at_mail: Drive) -> None:
    async def act(pilot: Pilot[None], mail: MailScreen) -> None:
        await propose(pilot, "enter")
        await until(pilot, lambda: len(staged(builder)) == 1)
        result = {"cleanups": ["7"], "protected": {"addressed to you": 3, "flagged": 1}}

        def finish(connection: Any) -> None:
            job = jobs.claim(connection, NOW)
            assert job is not None
            jobs.finish(connection, job.id, "completed", NOW, result=result)
            cleanup_drafts.freeze(connection, 1, (), NOW)

        builder.store.write(finish).result()
        told = "1 new proposal: 5 shows them\n4 messages spared: addressed to you (3); flagged (1)"
        await until(pilot, lambda: told in "".join(str(one.render()) for one in pilot.app.screen.query("Toast")))

    at_mail(act)


@pytest.fixture
def read_only() -> Iterator[None]:
    readonly.forbid(True)
    yield
    readonly.forbid(False)


def test_read_only_proposes_nothing(builder: Builder, at_mail: Drive, read_only: None) -> None:
    async def act(pilot: Pilot[None], mail: MailScreen) -> None:
        await pilot.press("space", "d")
        await settle(pilot)
        assert pilot.app.screen is mail
        assert "d" not in mail.active_bindings

    at_mail(act)
