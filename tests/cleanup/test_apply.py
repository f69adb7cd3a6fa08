"""Approved lists are carried out on real servers: what is on them, and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailsync.config.actions import DEFAULT_LABEL
from tests.cleanup import undoing
from tests.cleanup.applying import applied
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import Message
from tests.servers.model_server import ModelServer
from tests.servers.pymap_server import Pymap
from tests.sync.rig import Held, Rig, Truth, assert_equal, truth

COUNT = 250


def letters(count: int, seed: int = 0) -> list[Message]:
    """Every fifth without a Message-ID, every seventh the same as the one before."""
    made: list[Message] = []
    for number in range(count):
        name = b"" if number % 5 == 0 else b"Message-ID: <%d.%d@shop.test>\r\n" % (seed, number - (number % 7 == 0))
        body = b"hello %d\r\n" % (number - (number % 7 == 0)) * (number % 50)
        flags = [(), ("\\Seen",), ("\\Seen", "$Label1")][number % 3]
        when = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        made.append((b"From: news@shop.test\r\nSubject: sale\r\n%s\r\n%s" % (name, body), flags, when))
    return made


def even(uid: int) -> bool:
    return uid % 2 == 0


def contents(held: Truth) -> dict[str, Counter[Held]]:
    """What is in each folder that has anything, as often as it is there."""
    return {name: Counter(messages.values()) for name, (_, messages) in held.items() if messages}


def expected(
    before: Truth, folder: str, target: str | None, give: Sequence[str] = (), take: Sequence[str] = ()
) -> dict[str, Counter[Held]]:
    """What has to be in each folder when the messages with even UIDs of one have changed, and gone to `target`."""
    after = {name: dict(messages) for name, (_, messages) in before.items()}
    moved: list[Held] = []
    for uid in filter(even, before[folder][1]):
        one = after[folder].pop(uid)
        moved.append(Held(one.raw, (one.flags | set(give)) - set(take), one.internaldate))
    found = {name: Counter(messages.values()) for name, messages in after.items()}
    if target is not None:
        found[target] = found.get(target, Counter()) + Counter(moved)
    return {name: those for name, those in found.items() if those}


CASES: list[tuple[list[str], str | None, list[str], list[str]]] = [
    (["mark_read", "label", "move:Old/Stuff"], "Old/Stuff", ["\\Seen", DEFAULT_LABEL], []),
    (["mark_unread", "unlabel:$Label1", "trash"], "Bin", [], ["\\Seen", "$Label1"]),
    (["archive"], "Archive", [], []),
    (["flag", "label:two words"], "INBOX", ["\\Flagged", "two_words"], []),
    (["expunge"], None, [], []),
]


@pytest.mark.parametrize("capability", [None, "IMAP4rev1 LITERAL+ UIDPLUS SPECIAL-USE"], ids=["MOVE", "UIDPLUS"])
async def test_on_dovecot(capability: str | None, start_dovecot: Callable[..., Dovecot], tmp_path: Path) -> None:
    """Every action, where messages can be moved, and where a copy is made and the message taken away."""
    users = {f"user{number}": "secret" for number in range(len(CASES))}
    server = start_dovecot(users, special_use={"Bin": "\\Trash", "Archive": "\\Archive"}, capability=capability)
    for user, (actions, target, give, take) in zip(users, CASES, strict=True):
        server.fill(user, "INBOX", letters(COUNT))
        server.fill(user, "Archive", letters(9))
        with Rig(tmp_path / user, server.port, user) as rig, server.client(user) as client:
            await rig.sync()
            undoing.consent(rig)
            before = truth(client)
            assert await applied(rig, ["INBOX"], actions, where=even) == {"done": COUNT // 2}
            assert contents(truth(client)) == expected(before, "INBOX", target, give, take)
            await rig.sync()
            assert_equal(rig, client)


async def test_on_pymap(pymap: Pymap, tmp_path: Path) -> None:
    """It keeps no keywords: a label is a copy in a folder of its name."""
    with pymap.client() as client:
        client.append_many(
            "INBOX", [(raw, [one for one in flags if one[0] == "\\"], at) for raw, flags, at in letters(60)]
        )
        with Rig(tmp_path, pymap.port, pymap.user, pymap.password) as rig:
            await rig.sync()
            undoing.consent(rig)
            before = truth(client)
            assert await applied(rig, ["INBOX"], ["mark_read", "label", "move:Old"], where=even) == {"done": 30}
            after = expected(before, "INBOX", "Old", ["\\Seen"])
            assert contents(truth(client)) == after | {DEFAULT_LABEL: after["Old"]}
            await rig.sync()
            assert_equal(rig, client)


@pytest.mark.parametrize(
    ("actions", "labels", "folder"),
    [
        (["mark_read", "label", "archive"], {DEFAULT_LABEL, "Work"}, "[Gmail]/All Mail"),
        (["move:Old stuff", "unlabel:Work"], {"Old stuff"}, "[Gmail]/All Mail"),
        (["trash"], {"\\Inbox", "Work"}, "[Gmail]/Trash"),
    ],
)
async def test_on_gmail(actions: list[str], labels: set[str], folder: str, tmp_path: Path) -> None:
    """Its All Mail is mirrored: what leaves the inbox there loses a label, and only the Trash is another folder."""
    with ModelServer("gmail") as server, Rig(tmp_path, server.port) as rig:
        for raw, flags, at in letters(30):
            server.mail.append("INBOX", raw, flags, at, ["Work"])
        await rig.sync("[Gmail]/All Mail")
        undoing.consent(rig)
        assert await applied(rig, ["[Gmail]/All Mail"], actions, where=even) == {"done": 15}
        changed = [one for one in server.mail.folders[folder].messages.values() if one.labels == labels]
        assert len(changed) == 15
        assert all("\\Seen" in one.flags for one in changed) or "mark_read" not in actions
        left = [one for one in server.mail.folders["[Gmail]/All Mail"].messages.values() if one not in changed]
        assert [one.labels for one in left] == [frozenset({"\\Inbox", "Work"})] * 15
        assert [one.raw for one in left] == [raw for raw, _, _ in letters(30)[::2]]
