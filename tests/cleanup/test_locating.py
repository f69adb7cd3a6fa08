"""Messages of an undo are found where they are, whatever has become of their folder since."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailsync.cleanup.locating import Locating
from mailsync.store.cleanup_places import Place
from mailsync.store.cleanups import Item
from tests.cleanup import undoing
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import ImapClient, Message, quoted
from tests.sync.rig import Rig

COUNT = 12
CHOSEN = range(1, COUNT + 1).__contains__


def letters() -> list[Message]:
    """Two are the same; a third has no Message-ID."""
    made: list[Message] = []
    for number in [*range(COUNT - 1), 1]:
        name = b"" if number % 3 == 0 else b"Message-ID: <%d@example.org>\r\n" % number
        raw = b"Subject: %d\r\n%s\r\n%s\r\n" % (number, name, b"y" * number)
        made.append((raw, (), datetime(2012, 1, 1 + number, tzinfo=UTC)))
    return made


def nothing(client: ImapClient) -> None:
    del client


def renamed(client: ImapClient) -> None:
    client.rename("Old", "Kept")


def other_uidvalidity(client: ImapClient) -> None:
    """The folder was made anew, with other messages and one of these fewer."""
    stored = list(client.fetch_all("Old").values())
    client.delete("Old")
    client.create("Old")
    client.append("Old", b"Subject: other\r\n\r\n")
    client.append_many("Old", [(one.raw, (), one.internaldate) for one in stored[1:]])


def deleted(client: ImapClient) -> None:
    client.delete("Old")


def origin_renamed(client: ImapClient) -> None:
    client.rename("Lists/Shop", "Lists/Offers")


@pytest.mark.parametrize(
    ("happen", "folder", "origin", "lost"),
    [
        (nothing, b"Old", b"Lists/Shop", 0),
        (renamed, b"Kept", b"Lists/Shop", 0),
        (other_uidvalidity, b"Old", b"Lists/Shop", 1),
        (deleted, b"", b"", COUNT),
        (origin_renamed, b"Old", b"Lists/Offers", 0),
    ],
)
async def test_found_where_they_are(
    dovecot: Dovecot,
    fresh_user: str,
    tmp_path: Path,
    happen: Callable[[ImapClient], None],
    folder: bytes,
    origin: bytes,
    lost: int,
) -> None:
    stay: list[Message] = [(b"Subject: stays %d\r\n\r\n" % number, (), None) for number in range(3)]
    dovecot.fill(fresh_user, "Lists/Shop", [*letters(), *stay])
    with (
        Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig,
        dovecot.client(fresh_user) as client,
    ):
        client.create("Old")
        await rig.sync()
        undoing.consent(rig)
        one = undoing.proposed(rig, ["Lists/Shop"], ["move:Old"], undoing.listed(rig, ["Lists/Shop"], CHOSEN))
        client.command(f"SELECT {quoted('Lists/Shop')}")
        client.command(f"UID MOVE 1:{COUNT} Old")
        validity, uids = client.status("Old")["UIDVALIDITY"], client.uids("Old")

        def after(item: Item) -> Place:
            return Place(b"Old", validity, uids[item.number], 0, (), None, item.internaldate)

        undoing.applied_by_hand(rig, undoing.approved(rig, one), after)
        await rig.sync()
        run, _, rows = undoing.undo_of(rig, one.id)
        assert len(rows) == COUNT
        happen(client)

        async def resync() -> None:
            await rig.sync()

        async with rig.mirror.pool.session() as session:
            await Locating(rig.mirror, run.id, resync).run(session)
        await rig.mirror.pool.close()
        names = [quoted(name).strip('"').encode() for name in client.folders()]
        with rig.store.read() as connection:
            rows = undoing.waiting(connection, run.id)
        found = [row for row in rows if row.before and row.before.uid and row.before.folder in names]
        assert len(rows) - len(found) == lost
        ends = [(row.before, row.after) for row in found]
        assert {(here.folder, there.folder) for here, there in ends if here and there} == (
            {(folder, origin)} if found else set()
        )
        if found:
            stored = client.fetch_all(folder.decode())
            raws = [raw for raw, _, _ in letters()]
            assert [stored[here.uid or 0].raw for here, _ in ends if here] == [raws[row.item] for row in found]
