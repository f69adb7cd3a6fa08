"""The clean-up pane: what its keys decide, what it asks before, and what it never does by itself."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets._toast import Toast

from mailsync.privacy import readonly
from mailsync.privacy.consent import EMAIL_READ, MAILBOX_MODIFY
from mailsync.store import cleanup_decisions, cleanups, consents, jobs
from mailsync.store.cleanups import Cleanup
from mailsync.tui.app import MailsyncApp
from mailsync.tui.screens.account_known import PermissionsScreen
from mailsync.tui.screens.approval import ApprovalScreen
from mailsync.tui.screens.cleanup import CleanupScreen
from mailsync.tui.screens.confirm import ConfirmScreen
from mailsync.tui.screens.peek import PeekScreen
from mailsync.tui.widgets.proposal_view import WhyLines
from mailsync.tui.widgets.prose import Prose
from tests.tui import cleanup_samples, samples
from tests.tui.driving import settle, until
from tests.tui.prepared import NOW, Builder

Act = Callable[[Pilot[None], CleanupScreen], Awaitable[None]]


def drive(builder: Builder, act: Act, *, size: tuple[int, int] = (140, 40), **options: Any) -> MailsyncApp:
    app = samples.app(builder, **options)

    async def run() -> None:
        async with app.run_test(size=size, notifications=True) as pilot:
            await settle(pilot)
            await pilot.press("5")
            await settle(pilot)
            assert isinstance(app.pane, CleanupScreen)
            await act(pilot, app.pane)

    asyncio.run(run())
    return app


def state(builder: Builder, cleanup_id: int) -> Cleanup:
    with builder.store.read() as connection:
        return cleanups.get(connection, cleanup_id, NOW)


def asked(builder: Builder) -> list[tuple[str, str | None]]:
    with builder.store.read() as connection:
        return [tuple(row) for row in connection.execute("SELECT kind, approved_by FROM jobs ORDER BY id")]


def question(app: object) -> str:
    assert isinstance(app, MailsyncApp)
    assert isinstance(app.screen, ApprovalScreen)
    return app.screen.query_one(Prose).text


def told(app: object) -> str:
    assert isinstance(app, MailsyncApp)
    return "".join(str(toast.render()) for toast in app.screen.query(Toast))


async def asks(pilot: Pilot[None], key: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, ApprovalScreen))
    await pilot.pause()


def test_approval_begins_at_cancel(builder: Builder) -> None:
    first = cleanup_samples.proposed(builder)

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        await asks(pilot, "a")
        assert "73 messages of home" in question(pilot.app)
        assert "INBOX: 73 of 77" in question(pilot.app)
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        await asks(pilot, "a")
        await pilot.press("escape")
        assert (state(builder, first).state, asked(builder)) == ("proposed", [])
        await asks(pilot, "a")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: state(builder, first).state == "approved")
        [(kind, approver)] = asked(builder)
        assert (kind, approver) == ("cleanup_apply", state(builder, first).decided_by)
        await until(pilot, lambda: "approved" in screen.proposal.standing.text)

    drive(builder, act)


def test_what_is_left_out_is_not_approved(builder: Builder) -> None:
    first = cleanup_samples.proposed(builder)

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        whole = state(builder, first)
        await pilot.press("tab", "x", "j", "enter")
        await until(pilot, lambda: state(builder, first).messages == 73 - 30)
        await settle(pilot)
        await pilot.press("j", "space")
        await until(pilot, lambda: state(builder, first).messages == 73 - 30 - 1)
        await settle(pilot)
        assert state(builder, first).hash != whole.hash
        assert "31 left out" in screen.proposal.standing.text
        await pilot.press("space")
        await until(pilot, lambda: state(builder, first).messages == 73 - 30)
        await pilot.press("o")
        await until(pilot, lambda: state(builder, first).messages == 24)
        await settle(pilot)
        await asks(pilot, "a")
        assert "24 messages of home" in question(pilot.app)
        assert "49 messages left out" in question(pilot.app)

    drive(builder, act)


def test_a_list_that_changes_under_the_question_is_not_approved(builder: Builder) -> None:
    first = cleanup_samples.proposed(builder)

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        await asks(pilot, "a")
        change = lambda c: cleanup_decisions.exclude(c, first, NOW, senders=["reports@example.org"])  # noqa: E731
        builder.store.write(change).result()
        await pilot.press("tab", "enter")
        await until(pilot, lambda: bool(pilot.app.screen.query(Toast)))
        assert (state(builder, first).state, asked(builder)) == ("proposed", [])

    drive(builder, act)


@pytest.mark.parametrize(
    ("actions", "told", "typed"),
    [
        (["expunge"], "leave the server for good", "EXPUNGE 73"),
        (["archive"], "73 of the 300 messages of INBOX: more than 10% of it", "73"),
    ],
)
def test_what_is_beyond_the_usual_has_to_be_typed(
    builder: Builder, tmp_path: Path, actions: list[str], told: str, typed: str
) -> None:
    one = cleanup_samples.propose(builder, cleanup_samples.mirrored(builder), "%o%", "All of it", actions)
    builder.store.write(lambda c: c.execute("UPDATE cleanup_folders SET messages = 300")).result()
    config = tmp_path / "config.toml"
    config.write_text("[cleanup]\nmax_share = 0.1\n", "utf-8")

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        await asks(pilot, "a")
        assert told in question(pilot.app)
        await pilot.press("tab", "enter", *typed[:-1], "enter")
        assert isinstance(pilot.app.screen, ApprovalScreen)
        await pilot.press(typed[-1], "enter", "enter")
        await until(pilot, lambda: state(builder, one).state == "approved")

    drive(builder, act, config_path=str(config))
    assert state(builder, one).large


def test_rejecting_is_asked_for(builder: Builder) -> None:
    first = cleanup_samples.proposed(builder)

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        for answer, left in (("n", "proposed"), ("y", "rejected")):
            await pilot.press("r")
            await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
            await pilot.press(answer)
            await until(pilot, lambda left=left: state(builder, first).state == left)  # type: ignore[misc]
        await until(pilot, lambda: screen.listed.selected is not None and screen.listed.selected.id != first)
        assert screen.listed.cursor == 0

    drive(builder, act)


def test_undoing_all_a_part_and_again(builder: Builder) -> None:
    inbox = cleanup_samples.mirrored(builder)
    one = cleanup_samples.propose(builder, inbox, "%@%.example", "Old news", ["archive"])
    cleanup_samples.carry_out(builder, cleanup_samples.approve(builder, one))

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        whole = state(builder, one).messages - 2
        await asks(pilot, "u")
        assert f"{whole} in Archive, back to INBOX" in question(pilot.app)
        await pilot.press("escape", "tab")
        await settle(pilot)
        await asks(pilot, "u")
        assert "of news@harbour.example" in question(pilot.app)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: state(builder, one).state == "undoing")

    drive(builder, act)
    builder.store.write(lambda c: c.execute("DELETE FROM cleanup_runs WHERE kind = 'undo'")).result()
    builder.store.write(lambda c: c.execute("DELETE FROM jobs")).result()
    cleanup_samples.taken_back(builder, one)

    async def again(pilot: Pilot[None], screen: CleanupScreen) -> None:
        await asks(pilot, "u")
        assert "once more" in question(pilot.app)

    drive(builder, again)


def test_a_run_is_seen_and_stopped(builder: Builder) -> None:
    inbox = cleanup_samples.mirrored(builder)
    one = cleanup_samples.propose(builder, inbox, "news@%", "Old news", ["archive"])
    run = cleanup_samples.approve(builder, one)
    cleanup_samples.carry_out(builder, run, 0.25, over=False)

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        assert "6 of 24" in screen.proposal.standing.text
        assert "1 left alone" in screen.proposal.standing.text
        cleanup_samples.carry_out(builder, run, 0.5, over=False)
        await until(pilot, lambda: "15 of 24" in screen.proposal.standing.text)
        await pilot.press("r")
        with builder.store.read() as connection:
            wanted = "SELECT status, cancel_requested FROM jobs WHERE kind = 'cleanup_apply'"
            await until(pilot, lambda: connection.execute(wanted).fetchone()[:] != ("pending", 0))

    drive(builder, act)


def test_what_became_of_a_message_is_told_and_it_can_be_read(builder: Builder) -> None:
    inbox = cleanup_samples.mirrored(builder)
    one = cleanup_samples.propose(builder, inbox, "pogoda@%", "Old weather", ["archive"])
    cleanup_samples.carry_out(builder, cleanup_samples.approve(builder, one))

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        await pilot.press("enter", "right", "j", "j", "j", "j")
        await settle(pilot)
        why = screen.query_one("#why", WhyLines).text
        assert "left alone: flagged since" in why
        assert "sent to a list" in why
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, PeekScreen))
        peek = pilot.app.screen
        assert isinstance(peek, PeekScreen)
        await until(pilot, lambda: peek.reading.reader.document is not None)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
        await pilot.press("v")
        assert screen.manifest.sampled
        assert screen.manifest.count == 3
        await pilot.press("escape")
        await until(pilot, lambda: screen.listed.has_focus)

    drive(builder, act)


def test_without_the_consent_to_modify_it_is_asked_for_first(builder: Builder) -> None:
    first = cleanup_samples.proposed(builder)
    builder.store.write(lambda c: consents.revoke(c, "home", [MAILBOX_MODIFY], NOW)).result()

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        assert "mailbox_modify is not granted to home" in screen.proposal.standing.text
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, PermissionsScreen))
        assert (state(builder, first).state, asked(builder)) == ("proposed", [])

    drive(builder, act)


def test_a_list_is_left_by_one_click_once_somebody_approves(builder: Builder) -> None:
    cleanup_samples.proposed(builder)

    def why(screen: CleanupScreen) -> str:
        return " ".join(screen.query_one("#why", WhyLines).text.split())

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        await pilot.press("tab", "j")
        await until(
            pilot, lambda: "one click (l), signed by harbour.example (pass, says mx.example.org)" in why(screen)
        )
        await asks(pilot, "l")
        assert "https://harbour.example/leave?who=ada" in question(pilot.app)
        await pilot.press("escape")
        assert asked(builder) == []
        await asks(pilot, "l")
        await pilot.press("tab", "enter")
        await until(pilot, lambda: [kind for kind, _ in asked(builder)] == ["unsubscribe"])
        await pilot.press("j", "j")
        await until(pilot, lambda: "Can be left by mail" in why(screen))
        await pilot.press("l")
        await until(pilot, lambda: "stop@pottery.example" in told(pilot.app))

    drive(builder, act)


def test_nothing_of_a_list_is_shown_without_consent_to_read(builder: Builder) -> None:
    cleanup_samples.proposed(builder)

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        assert screen.manifest.count
        builder.store.write(lambda c: consents.revoke(c, "home", [EMAIL_READ], NOW)).result()
        await until(pilot, lambda: not screen.manifest.count)
        assert screen.manifest._notice == "Not shown: email_read is not granted."
        assert "email_read is not granted to home" in screen.proposal.standing.text
        shown = "".join(screen.proposal.standing.text + screen.query_one("#why", WhyLines).text)
        assert "harbour" not in shown
        builder.store.write(lambda c: consents.grant(c, "home", [EMAIL_READ], NOW)).result()
        await until(pilot, lambda: bool(screen.manifest.count))

    drive(builder, act)


def test_what_was_interrupted_goes_on(builder: Builder) -> None:
    one = cleanup_samples.propose(builder, cleanup_samples.mirrored(builder), "news@%", "Old news", ["archive"])
    cleanup_samples.approve(builder, one)

    def stop(connection: sqlite3.Connection) -> None:
        job = jobs.claim(connection, NOW)
        assert job is not None
        jobs.finish(connection, job.id, "failed", NOW, error="the line was cut")

    builder.store.write(stop).result()

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        assert "the line was cut" in screen.proposal.standing.text
        await pilot.press("t")
        await until(pilot, lambda: state(builder, one).state == "approved")

    drive(builder, act)


@pytest.fixture
def read_only() -> Iterator[None]:
    readonly.forbid(True)
    yield
    readonly.forbid(False)


def test_read_only_hides_every_decision(builder: Builder, read_only: None) -> None:
    first = cleanup_samples.proposed(builder)

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        for key in "arucpx":
            await pilot.press(key)
        await pilot.press("enter", "x", "o", "a")
        await settle(pilot)
        assert pilot.app.screen is screen
        assert not set("arucpxo") & set(screen.active_bindings)
        assert "--read-only" in screen.proposal.standing.text
        one = state(builder, first)
        assert (one.state, one.excluded, asked(builder)) == ("proposed", 0, [])

    drive(builder, act)


def test_looking_is_a_job_and_needs_an_engine(builder: Builder) -> None:
    samples.quiet(builder)

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        assert "Nothing is proposed." in screen.listed._notice
        await pilot.press("c")
        await until(pilot, lambda: asked(builder) == [("cleanup_scan", None)])
        job = builder.store.write(lambda c: jobs.claim(c, NOW)).result()
        assert job is not None
        builder.store.write(lambda c: jobs.progress(c, job.id, 40, 0, NOW, total=90)).result()
        await until(pilot, lambda: "looking, 40 of 90 messages" in str(screen.listed.border_subtitle))
        await pilot.press("c")
        builder.store.write(lambda c: jobs.finish(c, job.id, "completed", NOW, result={})).result()
        await until(pilot, lambda: not str(screen.listed.border_subtitle))
        assert len(asked(builder)) == 1

    drive(builder, act)

    async def idle(pilot: Pilot[None], screen: CleanupScreen) -> None:
        assert screen.check_action("scan", ()) is None

    drive(builder, idle, viewer_of=None)


def test_a_mirror_that_cannot_be_read_says_so(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise sqlite3.DatabaseError("malformed\x1b")

    monkeypatch.setattr(cleanups, "listing", fail)

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        assert screen.listed._notice == "the mirror cannot be read: malformed\ufffd"

    drive(builder, act)


def test_a_tiny_terminal_shows_one_part(builder: Builder) -> None:
    cleanup_samples.proposed(builder)

    async def act(pilot: Pilot[None], screen: CleanupScreen) -> None:
        assert (screen.listed.display, screen.proposal.display) == (True, False)
        await pilot.press("enter")
        await settle(pilot)
        assert screen.manifest.has_focus
        assert (screen.listed.display, screen.proposal.display) == (False, True)

    drive(builder, act, size=(60, 20))
