"""After an undo everything is as it was: folders, flags, keywords, dates, bytes, and the ids of mailsync."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mailsync.cleanup import carrying
from mailsync.store import jobs
from tests.cleanup import applying, undoing, undone
from tests.cleanup.test_apply import even, letters
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import ImapClient
from tests.servers.model_server import ModelServer
from tests.servers.pymap_server import Pymap
from tests.sync.rig import Held, Rig, assert_equal, truth

COUNT = 120
SMALL = 40
USES = {"Bin": "\\Trash", "Archive": "\\Archive"}
CASES: list[list[str]] = [
    ["mark_read", "label", "move:Old/Stuff"],
    ["mark_unread", "unlabel:$Label1", "trash"],
    ["flag", "archive"],
    ["mark_read", "label:two words"],
    ["expunge"],
]
MOVE, UIDPLUS = None, "IMAP4rev1 LITERAL+ UIDPLUS SPECIAL-USE"


def in_order(client: ImapClient) -> dict[str, list[Held]]:
    """What is in each folder that has anything, in the order of the UIDs."""
    return {
        name: [messages[uid] for uid in sorted(messages)] for name, (_, messages) in truth(client).items() if messages
    }


def contents(client: ImapClient) -> dict[str, Counter[Held]]:
    return {name: Counter(messages) for name, messages in in_order(client).items()}


def ids(rig: Rig) -> set[tuple[int, str, bytes]]:
    """mailsync's ids, with folder and content."""
    return set(
        rig.execute(
            """SELECT m.id, f.name, c.digest FROM messages m JOIN folders f ON f.id = m.folder_id
               JOIN contents c ON c.id = m.content_id"""
        )
    )


@pytest.mark.parametrize("capability", [MOVE, UIDPLUS], ids=["MOVE", "UIDPLUS"])
async def test_there_and_back_again(
    capability: str | None, start_dovecot: Callable[..., Dovecot], tmp_path: Path
) -> None:
    """Every action is undone, done again and undone again; the messages come back in the order that they had."""
    users = {f"user{number}": "secret" for number in range(len(CASES))}
    server = start_dovecot(users, special_use=USES, capability=capability)
    for user, actions in zip(users, CASES, strict=True):
        server.fill(user, "INBOX", letters(COUNT))
        server.fill(user, "Archive", letters(9))
        with (
            Rig(tmp_path / user, server.port, user, options={"folders": {"exclude": ["\\Trash"]}}) as rig,
            server.client(user) as client,
        ):
            await rig.sync()
            undoing.consent(rig)
            before, known = contents(client), ids(rig)
            assert await applying.applied(rig, ["INBOX"], actions) == {"done": COUNT}
            after = contents(client)
            assert after != before
            assert await undone.undone(rig, 1) == {"done": COUNT}
            assert (contents(client), undone.state(rig, 1)) == (before, "undone")
            assert in_order(client)["INBOX"] == [
                Held(raw, frozenset(flags), int(when.timestamp()) if when else None)
                for raw, flags, when in letters(COUNT)
            ]
            assert ids(rig) == known
            typed = f"EXPUNGE {COUNT}" if "expunge" in actions else ""
            assert await undone.undone(rig, 1, again=True, typed=typed) == {"done": COUNT}
            assert (contents(client), undone.state(rig, 1)) == (after, "completed")
            assert await undone.undone(rig, 1) == {"done": COUNT}
            assert (contents(client), undone.state(rig, 1), ids(rig)) == (before, "undone", known)


async def test_in_part_while_others_are_at_work(start_dovecot: Callable[..., Dovecot], tmp_path: Path) -> None:
    """What was flagged since stays flagged, what was moved since stays where it is, what was expunged comes back, what
    somebody has moved back is there once."""
    server = start_dovecot({"alice": "secret"}, special_use=USES)
    server.fill("alice", "INBOX", letters(60))
    with Rig(tmp_path, server.port, "alice") as rig, server.client("alice") as client:
        client.create("Kept")
        await rig.sync()
        undoing.consent(rig)
        before = in_order(client)["INBOX"]
        assert await applying.applied(rig, ["INBOX"], ["mark_read", "trash"], where=even) == {"done": 30}
        ids_of = [row[0] for row in rig.execute("SELECT message_id FROM cleanup_items ORDER BY number")]
        assert await undone.undone(rig, 1, messages=ids_of[:10]) == {"done": 10}
        assert undone.state(rig, 1) == "part_undone"
        uids = client.uids("Bin")
        assert len(uids) == 20
        client.store("Bin", uids[:3], "+FLAGS", "\\Flagged")
        client.expunge("Bin", uids[3:6])
        client.command("SELECT Bin")
        client.command(f"UID MOVE {uids[6]}:{uids[8]} Kept")
        client.command(f"UID MOVE {uids[9]}:{uids[11]} INBOX")
        counts = await undone.undone(rig, 1)
        assert (counts, undone.state(rig, 1)) == ({"done": 17, "skipped": 3}, "part_undone")
        reasons = Counter(
            row[0] for row in rig.execute("SELECT reason FROM cleanup_journal WHERE run_id = 3 AND reason <> ''")
        )
        assert reasons == {
            "it is in Kept now": 3,
            "put on the server once more": 3,
            "it was there already": 3,
        }
        held = truth(client)
        assert len(held["Kept"][1]) == 3
        assert not held["Bin"][1]
        now = Counter(held["INBOX"][1].values())
        kept = Counter(Held(one.raw, frozenset(), one.internaldate) for one in held["Kept"][1].values())
        flagged = [one for one in now.elements() if "\\Flagged" in one.flags]
        assert len(flagged) == 3
        assert now.total() == 57
        plain = Counter(Held(one.raw, frozenset(), one.internaldate) for one in now.elements())
        assert plain + kept == Counter(Held(one.raw, frozenset(), one.internaldate) for one in before)
        await rig.sync()
        assert_equal(rig, client)


async def test_what_is_done_again_is_judged_again(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    """What was flagged or is gone since is left alone, and nothing is put back for it."""
    dovecot.fill(fresh_user, "INBOX", letters(20))
    with (
        Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig,
        dovecot.client(fresh_user) as client,
    ):
        await rig.sync()
        undoing.consent(rig)
        await applying.applied(rig, ["INBOX"], ["move:Old"])
        assert await undone.undone(rig, 1) == {"done": 20}
        uids = client.uids("INBOX")
        client.store("INBOX", uids[:2], "+FLAGS", "\\Flagged")
        client.expunge("INBOX", uids[5:8])
        assert await undone.undone(rig, 1, again=True) == {"done": 15, "skipped": 2, "gone": 3}
        assert (client.uids("INBOX"), len(client.uids("Old"))) == (uids[:2], 15)
        assert await undone.undone(rig, 1) == {"done": 15}
        assert (len(client.uids("INBOX")), undone.state(rig, 1)) == (17, "undone")


async def test_one_clean_up_after_another(start_dovecot: Callable[..., Dovecot], tmp_path: Path) -> None:
    """What a later one has taken is its own to bring back; after that the earlier one is undone where it is."""
    server = start_dovecot({"alice": "secret"}, special_use=USES)
    server.fill("alice", "INBOX", letters(30))
    trash = {"folders": {"exclude": ["\\Trash"]}}
    with Rig(tmp_path, server.port, "alice", options=trash) as rig, server.client("alice") as client:
        await rig.sync()
        undoing.consent(rig)
        before, known = contents(client), ids(rig)
        await applying.applied(rig, ["INBOX"], ["label", "archive"], where=even)
        after = contents(client)
        await applying.applied(rig, ["Archive"], ["trash"], where=lambda uid: uid <= 10)
        client.expunge("Archive", client.uids("Archive")[-1:])
        assert await undone.undone(rig, 1, messages=[2, 4]) == {"skipped": 2}
        reasons = {row[0] for row in rig.execute("SELECT reason FROM cleanup_journal WHERE run_id = 3")}
        assert reasons == {"clean-up 2 has taken it since: undo that first"}
        assert await undone.undone(rig, 2) == {"done": 10}
        assert sum(contents(client)["Archive"].values()) == sum(after["Archive"].values()) - 1
        assert await undone.undone(rig, 1) == {"done": 15}
        assert (contents(client), undone.state(rig, 1), ids(rig)) == (before, "undone", known)


async def test_what_was_only_marked_and_is_gone_stays_gone(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    dovecot.fill(fresh_user, "INBOX", letters(10))
    with (
        Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig,
        dovecot.client(fresh_user) as client,
    ):
        await rig.sync()
        undoing.consent(rig)
        await applying.applied(rig, ["INBOX"], ["label"])
        client.expunge("INBOX", client.uids("INBOX")[:3])
        assert await undone.undone(rig, 1) == {"done": 7, "skipped": 3}
        assert len(client.uids("INBOX")) == 7


async def test_cancelled_in_the_middle(
    dovecot: Dovecot, fresh_user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was taken back stays so, and the rest can be taken back later."""
    monkeypatch.setattr(carrying, "BATCH", 10)
    dovecot.fill(fresh_user, "INBOX", letters(COUNT))
    with (
        Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig,
        dovecot.client(fresh_user) as client,
    ):
        await rig.sync()
        undoing.consent(rig)
        before = contents(client)
        await applying.applied(rig, ["INBOX"], ["mark_read", "move:Old"])
        job = undone.approved(rig, 1)
        times = 0

        def stopping() -> bool:
            nonlocal times
            times += 1
            if times == 5:
                rig.store.write(lambda c: jobs.request_cancel(c, job.id, time.time())).result()
            return times >= 5

        outcome = await undone.carried_out(rig, job, stopping=stopping)
        taken_back = outcome.document["results"]["done"]
        assert (outcome.ok, undone.state(rig, 1), rig.execute("SELECT status FROM jobs WHERE id = ?", job.id)) == (
            False,
            "part_undone",
            [("cancelled",)],
        )
        assert 0 < taken_back == len(client.uids("INBOX")) < COUNT
        assert await undone.undone(rig, 1) == {"done": COUNT - taken_back}
        assert (contents(client), undone.state(rig, 1)) == (before, "undone")


async def test_on_pymap(pymap: Pymap, tmp_path: Path) -> None:
    with pymap.client() as client:
        plain = [(raw, [one for one in flags if one[0] == "\\"], when) for raw, flags, when in letters(SMALL)]
        client.append_many("INBOX", plain)
        with Rig(tmp_path, pymap.port, pymap.user, pymap.password) as rig:
            await rig.sync()
            undoing.consent(rig)
            before, known = in_order(client), ids(rig)
            for number, actions in enumerate((["mark_read", "label", "move:Old"], ["expunge"]), 1):
                half = frozenset(rig.uids("INBOX")[::2])
                assert await applying.applied(rig, ["INBOX"], actions, where=half.__contains__) == {"done": SMALL // 2}
                assert contents(client)["INBOX"].total() == SMALL // 2
                assert await undone.undone(rig, number) == {"done": SMALL // 2}
                assert contents(client) == {"INBOX": Counter(before["INBOX"])}
                assert ids(rig) == known


ALL_MAIL, TRASH = "[Gmail]/All Mail", "[Gmail]/Trash"


@pytest.mark.parametrize("emptied", [False, True], ids=["moved back", "put back"])
async def test_labels_of_gmail(emptied: bool, tmp_path: Path) -> None:
    """Also of what was in a Trash that has been emptied: an APPEND cannot carry them."""
    with ModelServer("gmail") as server, Rig(tmp_path, server.port) as rig:
        for number, (raw, flags, when) in enumerate(letters(30)):
            given = [("\\Inbox",), ("\\Inbox", "Work"), (), ("Work", "two words")][number % 4]
            server.mail.append(ALL_MAIL, raw, flags, when, given)

        def held() -> Counter[tuple[bytes, frozenset[str], frozenset[str], object]]:
            messages = server.mail.folders[ALL_MAIL].messages.values()
            return Counter((one.raw, one.flags, one.labels, one.date) for one in messages)

        await rig.sync()
        undoing.consent(rig)
        before, known = held(), ids(rig)
        assert await applying.applied(rig, [ALL_MAIL], ["mark_read", "label", "trash"]) == {"done": 30}
        assert not held()
        if emptied:
            server.mail.expunge(TRASH, list(server.mail.folders[TRASH].messages))
        assert await undone.undone(rig, 1) == {"done": 30}
        assert held() == before
        assert ids(rig) == known
        reasons = Counter(row[0] for row in rig.execute("SELECT reason FROM cleanup_journal WHERE run_id = 2"))
        assert reasons == {"put on the server once more" if emptied else "": 30}
