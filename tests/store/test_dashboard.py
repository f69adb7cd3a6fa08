"""The dashboard's one reading."""

from __future__ import annotations

from pathlib import Path

from mailsync.store import dashboard, jobs
from mailsync.store.database import Store
from tests.tui import samples
from tests.tui.prepared import NOW, Builder


def read(builder: Builder) -> dashboard.Snapshot:
    with builder.store.read() as connection:
        return dashboard.read(connection)


def test_an_empty_store(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    with store.read() as connection:
        assert dashboard.read(connection) == dashboard.Snapshot()
    store.close()


def test_a_first_sync(tmp_path: Path) -> None:
    builder = Builder(tmp_path)
    samples.first_sync(builder)
    snapshot = read(builder)
    assert [(each.name, each.state, each.sync_wanted) for each in snapshot.accounts] == [
        ("archive", "syncing", False),
        ("office", "needs_consent", False),
    ]
    by_name = {folder.name: folder for folder in snapshot.folders}
    assert by_name["INBOX"].remaining == 120 - 38
    assert by_name["Sent"].remaining == 0
    assert by_name["Lists/waiting"].remaining == 2500
    assert (snapshot.messages, snapshot.remaining) == (67, 82 + 3980 + 2500)
    assert [entry.folder for entry in snapshot.activity] == ["Lists/compilers", "Sent"], "newest first"
    builder.store.write(lambda c: jobs.insert(c, "sync", NOW, account="office")).result()
    assert [each.sync_wanted for each in read(builder).accounts] == [False, True]
    builder.store.close()


def test_a_finished_folder_has_nothing_to_go(tmp_path: Path) -> None:
    """A filter may keep messages out for good: the server's count alone promises nothing."""
    builder = Builder(tmp_path)
    account = builder.account("home", "ada@example.org")
    builder.folder(account, "INBOX", samples.inbox()[:3], server=50)
    assert read(builder).folders[0].remaining == 0
    builder.store.close()


def test_folders_that_are_gone_are_not_there(tmp_path: Path) -> None:
    builder = Builder(tmp_path)
    samples.broken(builder)
    before = read(builder)
    gone = before.folders[0].id
    builder.store.write(lambda c: c.execute("UPDATE folders SET gone_at = 1 WHERE id = ?", (gone,))).result()
    assert [folder.id for folder in read(builder).folders] == [folder.id for folder in before.folders[1:]]
    assert before.quarantined == 1
    builder.store.close()
