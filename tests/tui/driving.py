"""Waiting for a screen to be done with what it was told."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual.pilot import Pilot

from mailsync.tui.app import MailsyncApp
from mailsync.tui.screens.health import HealthScreen
from mailsync.tui.screens.jobs import JobsScreen
from mailsync.tui.screens.mail import MailScreen
from mailsync.tui.screens.quarantine import QuarantineScreen
from mailsync.tui.screens.wizard import Wizard

PATIENCE = 10.0
"""Seconds; only a broken test waits so long."""


def mail_screen(app: MailsyncApp) -> MailScreen:
    """The mail screen, which must be the present one."""
    assert isinstance(app.pane, MailScreen)
    return app.pane


def busy(app: MailsyncApp) -> bool:
    """True while something is being read for the screen."""
    if not app.vitals.loaded or app._looking or any(not worker.is_finished for worker in app.workers):
        return True
    if isinstance(app.screen, Wizard) and app.screen.at_work:
        return True
    pane = app.pane
    if isinstance(pane, HealthScreen):
        return pane.examining
    if isinstance(pane, QuarantineScreen | JobsScreen):
        return pane.reading
    if not isinstance(pane, MailScreen):
        return False
    rows = pane.messages
    return pane.following or rows._reading or rows.loading_list or rows.changing or pane.search.waiting


async def until(pilot: Pilot[None], condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Let the application run until `condition` holds, so many seconds at most."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        await pilot.pause(0.01)


async def settle(pilot: Pilot[None]) -> None:
    """Let the application finish its readings, and the cursor be followed."""
    app = pilot.app
    assert isinstance(app, MailsyncApp)
    await pilot.pause()
    await until(pilot, lambda: not busy(app))
    await pilot.pause()
    await until(pilot, lambda: not busy(app))
    await pilot.pause()
