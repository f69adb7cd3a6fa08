"""The storms of tests/sync at length: many seeds, three kinds of Dovecot, pymap."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.pymap_server import Pymap
from tests.sync.rig import Rig
from tests.sync.test_classes import CLASSES, ten_rounds
from tests.sync.test_storm import weather

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("kind", CLASSES)
async def test_dovecot(kind: str, start_dovecot: Callable[..., Dovecot], tmp_path: Path) -> None:
    capability, looked, _ = CLASSES[kind]
    users = {f"user{seed}": "secret" for seed in range(1000, 1040)}
    server = start_dovecot(users, capability=capability)
    for seed, user in enumerate(users, 1000):
        with Rig(tmp_path / user, server.port, user) as rig, server.client(user) as client:
            await weather(rig, client, seed, looked=looked, rounds=25)


async def test_pymap(pymap: Pymap, tmp_path: Path) -> None:
    with Rig(tmp_path, pymap.port) as rig, pymap.client() as client:
        await weather(rig, client, 7, looked="scan", rounds=40, emailids=True)


@pytest.mark.parametrize("kind", CLASSES)
async def test_script_on_dovecot(kind: str, start_dovecot: Callable[..., Dovecot], tmp_path: Path) -> None:
    capability, changed, untouched = CLASSES[kind]
    users = {f"user{seed}": "secret" for seed in range(2000, 2004)}
    server = start_dovecot(users, capability=capability)
    for seed, user in enumerate(users, 2000):
        with server.client(user) as client:
            await ten_rounds(tmp_path / user, server.port, client, seed, changed, untouched, user=user, rounds=40)


async def test_script_on_pymap(pymap: Pymap, tmp_path: Path) -> None:
    with pymap.client() as client:
        await ten_rounds(tmp_path, pymap.port, client, 13, "scan", "scan", rounds=80)
