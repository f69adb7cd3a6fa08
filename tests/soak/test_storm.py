"""The storm of tests/sync at length: many seeds, three kinds of Dovecot, pymap."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.dovecot import CONDSTORE_ONLY, PLAIN_IMAP4REV1, Dovecot
from tests.servers.pymap_server import Pymap
from tests.sync.rig import Rig
from tests.sync.test_storm import weather

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("capability", [None, CONDSTORE_ONLY, PLAIN_IMAP4REV1], ids=["full", "condstore", "plain"])
async def test_dovecot(capability: str | None, start_dovecot: Callable[..., Dovecot], tmp_path: Path) -> None:
    users = {f"user{seed}": "secret" for seed in range(1000, 1040)}
    server = start_dovecot(users, capability=capability)
    for seed, user in enumerate(users, 1000):
        with Rig(tmp_path / user, server.port, user) as rig, server.client(user) as client:
            await weather(rig, client, seed, modseq=capability != PLAIN_IMAP4REV1, rounds=25)


async def test_pymap(pymap: Pymap, tmp_path: Path) -> None:
    with Rig(tmp_path, pymap.port) as rig, pymap.client() as client:
        await weather(rig, client, 7, modseq=False, rounds=40)
