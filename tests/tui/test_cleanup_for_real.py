"""The clean-up pane over an engine and a server: looked for, approved, carried out, taken back, all by keys."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot

from mailsync.config.load import load_config
from mailsync.demo.server import DemoServer, write_demo_config
from mailsync.engine.engine import Engine
from mailsync.privacy.consent import SCOPES
from mailsync.store import cleanups, consents, search
from mailsync.store.cleanups import Cleanup
from mailsync.store.database import Store
from mailsync.tui.app import MailsyncApp
from mailsync.tui.screens.approval import ApprovalScreen
from mailsync.tui.screens.cleanup import CleanupScreen
from tests.tui import driving

ACCOUNT = "studio"
PATIENCE = 60.0
"""Seconds; a server, an engine and its parsers start meanwhile, on a machine that may have other work."""
until = partial(driving.until, patience=PATIENCE)


def folders(store: Store) -> dict[str, int]:
    with store.read() as connection:
        rows = connection.execute("SELECT name, messages FROM folders WHERE messages > 0").fetchall()
    return {row[0]: row[1] for row in rows}


def listed(store: Store) -> Sequence[Cleanup]:
    with store.read() as connection:
        return cleanups.listing(connection, time.time())


def mirrored(store: Store) -> bool:
    """The first sync is over, and all of it can be found."""
    with store.read() as connection:
        found = connection.execute("SELECT 1 FROM jobs WHERE status = 'completed'").fetchone()
        return found is not None and not search.waiting(connection)


async def decide(pilot: Pilot[None], key: str, state: str) -> None:
    """Press a key once the pane shows a clean-up in this state, and say yes to what is asked."""

    def shown() -> bool:
        pane = pilot.app.screen
        return isinstance(pane, CleanupScreen) and (one := pane.listed.selected) is not None and one.state == state

    await until(pilot, shown)
    while not isinstance(pilot.app.screen, ApprovalScreen):  # what has just ended may still be synced
        await pilot.press(key)
        with contextlib.suppress(AssertionError):
            await until(pilot, lambda: isinstance(pilot.app.screen, ApprovalScreen), patience=2.0)
    await pilot.press("tab", "enter")


def test_newsletters_go_and_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(tmp_path / "data")
    with DemoServer(arrivals=None) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        path = write_demo_config(tmp_path, server)
        config = load_config(path)
        config = config.model_copy(update={"accounts": {ACCOUNT: config.accounts[ACCOUNT]}})
        store.write(lambda c: consents.grant(c, ACCOUNT, SCOPES, time.time())).result()
        engine = Engine(config, store, tmp_path / "data", monitors=False, quiet=True)
        app = MailsyncApp(store, accounts=[(ACCOUNT, "")], engine=engine, config_path=str(path))

        async def run() -> None:
            async with app.run_test(size=(140, 40)) as pilot:
                await until(pilot, lambda: mirrored(store))
                before = folders(store)
                await pilot.press("5", "c")
                await until(pilot, lambda: [one.state for one in listed(store)] == ["proposed"])
                [one] = listed(store)
                await decide(pilot, "a", "proposed")
                await until(pilot, lambda: listed(store)[0].state == "completed")
                trash = before.get("Trash", 0) + one.messages
                await until(pilot, lambda: folders(store)["Newsletters"] == before["Newsletters"] - one.messages)
                assert folders(store).get("Trash", trash) == trash
                await decide(pilot, "u", "completed")
                await until(pilot, lambda: listed(store)[0].state == "undone")
                await until(pilot, lambda: folders(store) == before)

        asyncio.run(run())
        engine.stop()
    store.close()
