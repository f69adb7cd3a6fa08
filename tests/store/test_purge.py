"""A purge leaves nothing of an account in the file, harms no other account, and may be killed at any moment."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsync.errors import Interrupted, StoreError
from mailsync.store import (
    accounts,
    activity,
    audit,
    certificates,
    cleanup_drafts,
    consents,
    contents,
    envelopes,
    folders,
    jobs,
    labels,
    messages,
    probes,
    purge,
    quarantine,
    traffic,
)
from mailsync.store.cleanups import Folder, Item
from mailsync.store.database import Store
from tests.sync.rig import counters_are_exact

SHARED = b"Subject: to both\r\n\r\n" + bytes(range(256)) * 8
SECRET = "Zwetschgenknoedel"


def letters(account: str, count: int) -> list[bytes]:
    """Mail with boilerplate of the account's own, which a dictionary is made of."""
    dice = random.Random(account)
    words = [bytes(dice.choices(b"abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(200)]
    own = b"X-Boilerplate: " + account.encode() + SECRET.encode() * 2 + b"\r\n"
    return [
        b"Subject: %s %d %s\r\n" % (account.encode(), number, SECRET.encode())
        + own
        + b"\r\n"
        + b" ".join(dice.choices(words, k=150))
        for number in range(count)
    ]


def fill(store: Store, account: str, bodies: list[bytes]) -> None:
    """A folder with these messages and all that the store keeps of an account; the last fifty were removed."""
    packed = store.codec.pack([*bodies, SHARED])

    def write(connection: sqlite3.Connection) -> None:
        account_id = accounts.ensure(connection, [(account, f"{account}@example.org")])[account]
        consents.grant(connection, account, ["mailbox_access", "email_read"], 1.0)
        folders.upsert(connection, account_id, [(f"{account}-folder", b"raw", "/", "", None, None)])
        folder = folders.present(connection, account_id)[f"{account}-folder"].id
        count = len(bodies) + 1
        uids = list(range(1, count + 1))
        arrivals = messages.Arrivals(uids, [0] * count, [""] * count, [1] * count, [None] * count, packed)
        folders.start_sync(connection, folder, 7, count, "first")
        messages.add(connection, folder, arrivals, 1.0)
        folders.finish_sync(connection, folder, folders.Checkpoint(7, count + 1, None, count), "first", 2.0)
        rows = connection.execute("SELECT content_id FROM messages WHERE folder_id = ?", (folder,)).fetchall()
        subject = f"{account} {SECRET}"
        envelopes.add(connection, [(row[0], 1, "<id>", subject, account, "a@b", "", "", False) for row in rows])
        messages.remove(connection, folder, uids[-51:-1], 3.0, "expunged")
        certificate = certificates.draft(connection, folder)
        assert certificate is not None
        certificates.put(connection, certificate, 3.0)
        labels.assign(connection, account_id, folder, {1: (f"{account}-label",)})
        traffic.add(connection, account_id, 1.0, 5)
        probes.put(connection, account_id, {"idle": account}, 1.0, 9e9)
        activity.add(connection, 1.0, account, f"{account}-folder", "new", detail=SECRET)
        quarantine.failed(connection, [(rows[3][0], f"{account} {SECRET}")], 1, 1.0)
        cleanup = cleanup_drafts.draft(connection, account, "newsletters", f"{account} {SECRET}", ["archive"], 1.0)
        inbox = Folder(0, folder, f"{account}-folder", b"raw", "", 7, count)
        facts = (1, "<1@list>", packed.digests[0], 100, 1, "", 1, 1, "a@list", "", subject, 0.9, (SECRET,))
        cleanup_drafts.add(connection, cleanup, [inbox], [Item(0, 0, rows[0][0], *facts)])
        cleanup_drafts.freeze(connection, cleanup, [0], 1.0)
        connection.execute(
            """INSERT INTO unsubscribes (account_id, message_id, digest, sender, list_id, address, evidence,
                                         approved_by, created_at) VALUES (?, ?, x'00', ?, '', ?, '{}', 'me', 1)""",
            (account_id, rows[0][0], f"{account}@list.example", f"https://list.example/{SECRET}"),
        )
        connection.execute("INSERT INTO origins (name) VALUES (?)", (f"{account} {SECRET}",))
        connection.execute("INSERT INTO correspondents VALUES (?, 1, 1)", (f"{account} {SECRET}",))
        for of in (account, None):
            number = jobs.insert(connection, "sync", 1.0, account=of, params={"folders": [f"{account}-folder"]})
            told = [{"name": name, "folders": [{"name": f"{name}-folder"}]} for name in ("work", "home")]
            result = {"ok": False, "accounts": [one for one in told if of in (None, one["name"])]}
            jobs.finish(connection, number, "failed", 2.0, result=result, error=f"{account}-folder: {SECRET}")

    store.write(write).result()
    if packed.dictionary:
        store.codec.saved()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path)
    fill(opened, "work", letters("work", 650))
    fill(opened, "home", letters("home", 100))
    yield opened
    opened.close()


def held(store: Store, account: str) -> set[bytes]:
    with store.read() as connection:
        rows = connection.execute(
            """SELECT content_id FROM messages m JOIN folders f ON f.id = m.folder_id JOIN accounts a
               ON a.id = f.account_id WHERE a.name = ? ORDER BY uid""",
            (account,),
        ).fetchall()
        return {contents.load(connection, row[0]) or b"" for row in rows}


def traces(store: Store, account: str) -> list[bytes]:
    """What only the mail of an account, and what is known of it, has put into the file."""
    with store.read() as connection:
        rows = connection.execute(
            """SELECT digest, substr(body, 20, 24) FROM contents WHERE id IN (SELECT content_id FROM messages m
               JOIN folders f ON f.id = m.folder_id JOIN accounts a ON a.id = f.account_id WHERE a.name = ?)
               AND digest <> (SELECT digest FROM contents WHERE size = ? AND body NOT NULL LIMIT 1)""",
            (account, len(SHARED)),
        ).fetchall()
        (dictionary,) = connection.execute("SELECT data FROM dictionaries").fetchone()
    return [
        *(value for row in rows for value in row),
        f"{account}-folder".encode(),
        f"{account}-label".encode(),
        f"{account} {SECRET}".encode(),
        f"{account}{SECRET}".encode(),
        dictionary[-64:],
    ]


def on_disk(store: Store) -> bytes:
    files = [store.path, *store.path.parent.glob("mailsync.db-wal"), *store.path.parent.glob("*.bak")]
    return b"".join(path.read_bytes() for path in files)


def purged(store: Store, account: str, *, keep: bool = True) -> dict[str, int]:
    return dict(purge.run(store, account, 9.0, keep=keep, stopping=lambda: False))


def test_nothing_of_the_account_is_left_and_the_other_has_all_it_had(store: Store) -> None:
    others = held(store, "home")
    sought = traces(store, "work")
    (store.path.parent / "mailsync.db.v2.bak").write_bytes(sought[-2])
    assert sum(trace in on_disk(store) for trace in sought) > 1000
    counts = purged(store, "work")
    assert purge.reclaim(store.path)
    assert (counts["messages"], counts["removed"], counts["folders"]) == (601, 50, 1)
    assert counts["contents"] == 650  # not the one that the other account has, too
    left = on_disk(store)
    assert [trace for trace in sought if trace in left] == []
    assert held(store, "home") == others
    with store.read() as connection:
        assert counters_are_exact(connection)
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("SELECT count(*) FROM contents").fetchone()[0] == 101
        assert consents.granted(connection, "work") == {"mailbox_access"}
        of_home = [
            json.loads(row[0]) for row in connection.execute("SELECT result FROM jobs WHERE result LIKE '%home%'")
        ]
        assert all(one["accounts"][0]["folders"] == [{"name": "home-folder"}] for one in of_home)
        assert len(of_home) == 3
        rows = audit.listing(connection, action="purged")
        assert [(row.account, row.outcome) for row in rows] == [("work", "begun"), ("work", "ok")]
        assert json.loads(rows[1].detail) == counts
        assert audit.verify(connection).broken == 0
    assert purged(store, "work") == {}  # again, there is nothing to do


def test_an_account_that_is_configured_no_more_leaves_no_row(store: Store) -> None:
    purged(store, "work", keep=False)
    with store.read() as connection:
        assert [row[0] for row in connection.execute("SELECT name FROM accounts")] == ["home"]
        assert {one.account for one in consents.listing(connection)} == {"home"}
    purged(store, "home", keep=False)
    with store.read() as connection:
        assert connection.execute("SELECT count(*) FROM contents").fetchone()[0] == 0
        assert connection.execute("SELECT count(*) FROM dictionaries").fetchone()[0] == 0
    fill(store, "work", letters("work", 700))  # and everything begins anew
    assert len(held(store, "work")) == 651


def test_it_is_stopped_between_any_two_batches_and_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "ROWS", 60)
    others, times = held(store, "home"), 0
    while True:
        asked = iter([False, False, True])
        try:
            purge.run(store, "work", 9.0, keep=True, stopping=lambda asked=asked: next(asked))  # type: ignore[misc]
            break
        except Interrupted:
            times += 1
            with store.read() as connection:
                assert counters_are_exact(connection)
        if times > 4:
            asked_no_more = dict(purge.run(store, "work", 9.0, keep=True, stopping=lambda: False))
            assert asked_no_more["folders"] == 1
            break
    assert times > 3
    assert (held(store, "work"), held(store, "home")) == (set(), others)


def test_killed_in_the_middle_and_run_again(store: Store) -> None:
    code = """if True:
        import sys
        from pathlib import Path
        from mailsync.store import purge
        from mailsync.store.database import Store
        purge.ROWS = 20
        purge.run(Store.open(Path(sys.argv[1])), "work", 9.0, keep=True, stopping=lambda: False)"""
    process = subprocess.Popen([sys.executable, "-c", code, str(store.path.parent)])
    with contextlib.closing(sqlite3.connect(store.path)) as connection:
        while connection.execute("SELECT count(*) FROM messages").fetchone()[0] > 600:
            assert process.poll() is None
            time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    others = held(store, "home")
    sought = traces(store, "work")
    purged(store, "work")
    assert purge.reclaim(store.path)
    left = on_disk(store)
    assert [trace for trace in sought if trace in left] == []
    assert held(store, "home") == others
    with store.read() as connection:
        outcomes = [row.outcome for row in audit.listing(connection, action="purged")]
        assert outcomes == ["begun", "begun", "ok"]


def test_what_was_packed_before_is_refused_and_not_stored_unreadable(store: Store) -> None:
    packed = store.codec.pack([b"on its way %d" % number for number in range(3)])
    assert packed.needs
    purged(store, "work")
    with pytest.raises(StoreError, match="dictionary"):
        store.write(lambda connection: contents.add(connection, packed)).result()
    again = store.codec.pack([b"on its way"])
    store.write(lambda connection: contents.add(connection, again)).result()


def test_a_reader_that_holds_the_wal_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(purge, "BUSY_SECONDS", 0.0)
    with store.read() as connection:
        connection.execute("SELECT count(*) FROM messages").fetchone()
        purged(store, "work")
        assert not purge.reclaim(store.path)
    assert purge.reclaim(store.path)
