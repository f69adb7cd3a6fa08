from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable

import pytest

from mailsync.cli import progress
from mailsync.store import folders
from mailsync.store.database import Store
from tests.cli.conftest import CommandLine


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        return True

    @property
    def plain(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())


@pytest.fixture
def attach(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """To be called in the test itself: between set-up and test, pytest puts its own streams back."""

    def attached() -> Terminal:
        fake = Terminal()
        for name, value in (("TERM", "xterm"), ("COLUMNS", "120"), ("LINES", "40")):
            monkeypatch.setenv(name, value)
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(sys, "stderr", fake)
        return fake

    return attached


def test_elsewhere_than_on_a_terminal_there_is_none(mirrored: CommandLine) -> None:
    store = Store.open(mirrored.data)
    try:
        with progress.mirroring(store) as tick, progress.bar("exporting", 5) as bar:
            tick()
            bar.advance(5)
    finally:
        store.close()
    assert mirrored("export", "eml", str(mirrored.folder / "out")).err == ""


def test_folders_that_are_synced_have_a_bar(
    mirrored: CommandLine, attach: Callable[[], Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = attach()
    monkeypatch.setattr(progress, "EACH_SECONDS", 0.0)
    store = Store.open(mirrored.data)
    try:
        with progress.mirroring(store, ["work"]) as tick:
            tick()
            store.write(lambda connection: folders.start_sync(connection, 1, 7, 40, "scan")).result()
            tick()
            store.write(lambda connection: folders.start_sync(connection, 2, 7, 2, "scan")).result()
            store.write(lambda connection: folders.fail_sync(connection, 1, "x", "")).result()
            tick()
    finally:
        store.close()
    assert "all folders" in terminal.plain
    assert re.search(r"work / INBOX .* 3/40 ", terminal.plain)
    assert re.search(r"work / Ünïcode/子 .* 1/2 ", terminal.plain)


def test_an_export_has_a_bar(mirrored: CommandLine, attach: Callable[[], Terminal]) -> None:
    terminal = attach()
    result = mirrored("export", "eml", str(mirrored.folder / "out"), "--json")
    assert (result.code, result.json["written"]) == (0, 5)
    assert re.search(r"exporting .* 5/5 ", terminal.plain)
