"""A hostile line before every class of server, for first syncs and for the news of a mirror: nothing is lost, nothing
that was committed comes twice, and no sync hangs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailsync.imap import session
from mailsync.sync import account
from tests.servers.fake import letter
from tests.servers.model import CLASSES
from tests.servers.model_server import ModelServer
from tests.servers.proxy import FaultProxy, Faults
from tests.sync.rig import Rig, counters_are_exact, differences

COUNT = 60
SECONDS = 25.0
CUTS = (1, 350, 900, 2000, 6000, 19_000)
"""Bytes of an answer: from the greeting to the last message."""
FOLDERS = {"gmail": "[Gmail]/All Mail"}


@dataclass
class Scene:
    """A mirror behind a hostile line. Other connections than the faulty ones are sound."""

    server: ModelServer
    proxy: FaultProxy
    rig: Rig
    folder: str

    def fill(self, first: int, count: int) -> None:
        for number in range(first, first + count):
            self.server.mail.append(self.folder, letter(number, 500), ["\\Seen"] if number % 3 else ["$Label1"])

    def news(self, number: int) -> None:
        """Arrivals, flags, expunges, and a move."""
        uids = sorted(self.server.mail.folders[self.folder].messages)
        self.fill(1000 * (number + 1), 8)
        self.server.mail.store(self.folder, uids[1:6], ["\\Flagged", "\\Answered"])
        self.server.mail.expunge(self.folder, uids[7:9])
        if self.folder == "INBOX":
            self.server.mail.move(self.folder, uids[10:12], "Archive")

    def held(self) -> set[tuple[int, int]]:
        rows = self.rig.execute(
            """SELECT f.uidvalidity, m.uid FROM messages m JOIN folders f ON f.id = m.folder_id
               WHERE m.content_id IS NOT NULL"""
        )
        return {(row[0], row[1]) for row in rows}

    async def sync(self) -> bool:
        """One sync that may fail, in bounded time; what was committed before it is not asked for."""
        before = self.held()
        self.server.forget_bodies()
        result = await asyncio.wait_for(self.rig.try_sync(), SECONDS)
        again = {(validity, uid) for _, validity, uid in self.server.bodies} & before
        assert not again
        assert result.ok or result.exit_code in (1, 4), result.error
        return result.ok

    async def recovered(self) -> None:
        """Without faults all is equal."""
        self.proxy.faults = Faults()
        assert await self.sync()
        there, here = self.server.mail.truth(), self.rig.mirrored()
        if self.folder != "INBOX":  # Gmail's other folders are views of this one
            there, here = ({self.folder: one[self.folder]} for one in (there, here))
        assert differences(here, there) == []
        with self.rig.store.read() as connection:
            assert counters_are_exact(connection)
            assert not connection.execute("SELECT 1 FROM quarantine").fetchall()


@pytest.fixture(params=CLASSES)
def scene(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(session, "SILENCE_SECONDS", 1.0)
    monkeypatch.setattr("mailsync.imap.connect.connect.__defaults__", (2.0,))
    monkeypatch.setattr(account, "LOSSES", 2)
    kind = request.param
    with ModelServer(kind) as server, FaultProxy(server.port) as proxy, Rig(tmp_path, proxy.port) as rig:
        scene = Scene(server, proxy, rig, FOLDERS.get(kind, "INBOX"))
        server.mail.create("Archive")
        yield scene


async def first_sync_cut(scene: Scene, cuts: Sequence[int]) -> None:
    """Each try is cut a little later than the one before: what came is kept, and in the end all is there."""
    scene.fill(0, COUNT)
    for number, after in enumerate(cuts):
        scene.proxy.faults = Faults(cut_after=after, reset=number % 3 == 1, half_close=number % 3 == 2, lives=3)
        await scene.sync()
    await scene.recovered()


async def news_cut(scene: Scene, cuts: Sequence[int]) -> None:
    """The same for what is new in a mirror."""
    scene.fill(0, COUNT)
    assert await scene.sync()
    for number, after in enumerate(cuts):
        scene.news(number)
        scene.proxy.faults = Faults(cut_after=after, reset=number % 3 == 0, half_close=number % 3 == 1, lives=2)
        await scene.sync()
    await scene.recovered()


async def test_first_sync_cut_and_cut_again(scene: Scene) -> None:
    await first_sync_cut(scene, CUTS)


async def test_news_cut_and_cut_again(scene: Scene) -> None:
    await news_cut(scene, CUTS)


async def test_a_line_that_stalls(scene: Scene) -> None:
    scene.fill(0, COUNT)
    for number, after in enumerate((500, 5000)):
        scene.proxy.faults = Faults(stall_after=after, lives=1)
        await scene.sync()
        scene.proxy.drop_all()
        scene.news(number)
    await scene.recovered()


async def test_dribble_and_a_long_line(scene: Scene) -> None:
    """A byte at a time, and 200 ms for every answer: slow is not dead."""
    scene.fill(0, 12)
    scene.proxy.faults = Faults(piece=1)
    assert await scene.sync()
    scene.news(0)
    scene.proxy.faults = Faults(latency=0.2)
    assert await scene.sync()
    await scene.recovered()
