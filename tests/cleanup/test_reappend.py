"""What an undo finds nowhere on the server is put there once more: once, as it was, and only where nobody has it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from mailsync.cleanup.reappend import Reappending
from mailsync.errors import MailsyncError
from mailsync.store.cleanup_runs import Row, Run
from mailsync.sync import putting
from tests.cleanup import undoing
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import ImapClient, Message
from tests.sync.rig import Held, Rig, assert_equal, truth

FLAGS = [(), ("\\Seen",), ("\\Seen", "\\Flagged", "$Label1"), ("Work",)]


def letters(count: int) -> list[Message]:
    """Each second one is there twice, with its date; every fifth has no Message-ID."""
    made: list[Message] = []
    for number in range(count):
        twin = number - number % 4 // 3
        name = b"" if twin % 5 == 0 else b"Message-ID: <%d@example.org>\r\n" % twin
        raw = b"Subject: %d\r\n%s\r\n%s\r\n" % (twin, name, b"x" * twin)
        made.append((raw, FLAGS[twin % 4], datetime(2011, 5, 1, tzinfo=UTC) + timedelta(hours=twin)))
    return made


def contents(client: ImapClient) -> dict[str, Counter[Held]]:
    return {name: Counter(messages.values()) for name, (_, messages) in truth(client).items()}


def expunged(rig: Rig, client: ImapClient, uids: list[int]) -> tuple[Run, int, list[Row]]:
    """A clean-up that has expunged these of the INBOX, and the undo of it: the run, its job, its rows."""
    items = undoing.listed(rig, ["INBOX"], lambda uid: uid in uids)
    one = undoing.proposed(rig, ["INBOX"], ["expunge"], items)
    undoing.applied_by_hand(rig, undoing.approved(rig, one), lambda item: None)
    client.expunge("INBOX", uids)
    return undoing.undo_of(rig, one.id)


async def allowed() -> None:
    """Nobody has anything against it."""


def became(rig: Rig, run: Run) -> Counter[str]:
    return Counter(
        f"{state}: {reason}"
        for state, reason in rig.execute("SELECT state, reason FROM cleanup_journal WHERE run_id = ?", run.id)
    )


async def test_expunged_messages_come_back(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    """Also the one of two equal messages, while the other stayed; under the ids that they had."""
    dovecot.fill(fresh_user, "INBOX", letters(60))
    with (
        Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig,
        dovecot.client(fresh_user) as client,
    ):
        await rig.sync()
        undoing.consent(rig)
        before, ids = contents(client), set(rig.execute("SELECT id FROM messages"))
        run, job_id, rows = expunged(rig, client, [uid for uid in rig.uids("INBOX") if uid % 4 != 3])
        assert len(rows) == 45
        await rig.sync()
        again = Reappending(rig.mirror, run, job_id, lambda: False, allowed)
        await again.put_back(rows)
        assert became(rig, run) == {"done: put on the server once more": 45}
        assert contents(client) == before
        await rig.sync()
        assert_equal(rig, client)
        assert set(rig.execute("SELECT id FROM messages")) == ids
        uids = rig.execute("SELECT json_extract(after, '$.uid') FROM cleanup_journal WHERE run_id = ?", run.id)
        assert {row[0] for row in uids} < set(client.uids("INBOX"))
        assert rig.execute("SELECT processed, failed FROM jobs WHERE id = ?", job_id) == [(45, 0)]


async def test_what_somebody_has_put_elsewhere_stays_there(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    dovecot.fill(fresh_user, "INBOX", letters(12))
    with (
        Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig,
        dovecot.client(fresh_user) as client,
    ):
        client.create("Kept")
        await rig.sync()
        undoing.consent(rig)
        moved, back, gone = rig.uids("INBOX")[4:7]
        stored = client.fetch_all("INBOX")
        run, job_id, rows = expunged(rig, client, [moved, back, gone])
        for uid, folder in ((moved, "Kept"), (back, "INBOX")):
            client.append(folder, stored[uid].raw, (), stored[uid].internaldate)
        await rig.sync()
        await Reappending(rig.mirror, run, job_id, lambda: False, allowed).put_back(rows)
        assert became(rig, run) == {
            "skipped: it is in Kept now": 1,
            "done: it was there already": 1,
            "done: put on the server once more": 1,
        }
        assert len(client.uids("INBOX")) == 11


async def test_stopped_in_the_middle_it_goes_on(
    dovecot: Dovecot, fresh_user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off after a few batches, with answers that never came; what was begun is not sent a second time."""
    monkeypatch.setattr(putting, "BATCH_MESSAGES", 10)
    dovecot.fill(fresh_user, "INBOX", letters(60))
    with (
        Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig,
        dovecot.client(fresh_user) as client,
    ):
        await rig.sync()
        undoing.consent(rig)
        before = contents(client)
        run, job_id, rows = expunged(rig, client, rig.uids("INBOX"))
        calls = iter([False] * 4 + [True] * 9)
        with pytest.raises(MailsyncError):
            await Reappending(rig.mirror, run, job_id, partial(next, calls), allowed).put_back(rows)
        settled = sum(became(rig, run).values()) - became(rig, run)["waiting: "]
        assert 0 < settled < 60
        rig.execute("UPDATE restore_items SET state = 'begun', uid = NULL WHERE state = 'restored' AND number % 3 = 0")
        rig.execute("UPDATE cleanup_journal SET state = 'waiting' WHERE run_id = ? AND number % 3 = 0", run.id)
        await Reappending(rig.mirror, run, job_id, lambda: False, allowed).resume()
        assert contents(client) == before
        assert became(rig, run) == {"done: put on the server once more": 60}
