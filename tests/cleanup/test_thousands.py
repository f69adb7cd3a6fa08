"""Thousands of messages are cleared away and brought back: flags, folders, dates, bytes and ids are as they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cleanup import applying, undoing, undone
from tests.cleanup.test_undo import contents, ids, in_order
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import ImapClient, Message
from tests.servers.pymap_server import Pymap
from tests.sync.rig import Rig, assert_equal

SHARES = {"INBOX": 0.5, "Lists/Dev": 0.3, "Offers": 0.2}
FLAGS = [("\\Seen",), (), ("\\Seen", "Work"), ("\\Seen", "$Label1", "zażółć".encode().hex()), ("$Forwarded",)]
ACTIONS = {
    "INBOX": ["mark_read", "label", "move:Old/2020"],
    "Lists/Dev": ["flag", "label:Later"],
    "Offers": ["expunge"],
}


def letters(folder: str, count: int) -> Iterable[Message]:
    """Small ones and larger ones; some without a Message-ID, some twice, many of one second."""
    for number in range(count):
        twin = number - number % 50 // 49
        name = b"" if twin % 11 == 0 else f"Message-ID: <{folder}.{twin}@example.org>\r\n".encode()
        head = f"From: news{number % 9}@shop.test\r\nSubject: =?utf-8?q?Angebot_{twin}?=\r\n".encode()
        body = b"Guten Tag,\r\n\r\n" + b"viel zu lesen %d\r\n" % twin * (twin % 40) + b"\r\n"
        when = datetime(2019, 3, 1, tzinfo=UTC) + timedelta(minutes=twin // 7)
        yield head + name + b"\r\n" + body, FLAGS[twin % 5], when


async def there_and_back(rig: Rig, client: ImapClient, count: int) -> None:
    await rig.sync()
    undoing.consent(rig)
    before, known = in_order(client), ids(rig)
    assert sum(map(len, before.values())) == count
    for number, (folder, actions) in enumerate(ACTIONS.items(), 1):
        assert await applying.applied(rig, [folder], actions) == {"done": round(count * SHARES[folder])}
        assert undone.state(rig, number) == "completed"
    assert contents(client).keys().isdisjoint({"INBOX", "Offers"})
    for number in range(1, len(ACTIONS) + 1):
        await undone.undone(rig, number)
        assert undone.state(rig, number) == "undone"
    now = in_order(client)
    assert {name: Counter(messages) for name, messages in now.items()} == {
        name: Counter(messages) for name, messages in before.items()
    }
    assert now["INBOX"] == before["INBOX"], "in the order that they had"
    assert ids(rig) == known
    assert_equal(rig, client)


@pytest.mark.parametrize("count", [1000, pytest.param(5000, marks=pytest.mark.soak)])
async def test_on_dovecot(count: int, dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    for folder, share in SHARES.items():
        dovecot.fill(fresh_user, folder, letters(folder, round(count * share)))
    with (
        Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig,
        dovecot.client(fresh_user) as client,
    ):
        await there_and_back(rig, client, count)


@pytest.mark.soak
async def test_on_pymap(pymap: Pymap, tmp_path: Path) -> None:
    """It keeps no keywords, so every label is a copy in a folder."""
    count = 5000
    with pymap.client() as client:
        for folder, share in SHARES.items():
            if folder != "INBOX":
                client.create(folder)
            some = letters(folder, round(count * share))
            plain = [(raw, [one for one in flags if one[0] == "\\"], when) for raw, flags, when in some]
            client.append_many(folder, plain)
        with Rig(tmp_path, pymap.port, pymap.user, pymap.password) as rig:
            await there_and_back(rig, client, count)
