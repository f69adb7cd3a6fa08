"""Messages go back on real servers: each once, with bytes, flags and dates as they were, under the ids they had."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from mailsync.errors import ConsentMissing
from mailsync.privacy import readonly
from mailsync.store import audit, consents
from tests.corpus import iter_bulk, iter_torture
from tests.servers.dovecot import Dovecot
from tests.servers.imap_client import ImapClient, Message
from tests.servers.pymap_server import Pymap
from tests.sync import restoring
from tests.sync.restoring import restored
from tests.sync.rig import ACCOUNT, Held, Rig, Truth, assert_equal, truth
from tests.sync.test_corpus_mirror import spread, with_flags_and_dates

Contents = dict[str, Counter[Held]]
UNKEPT = frozenset({"$Important", "NonJunk", "$Forwarded", "$Label1", "$MDNSent", "zażółć".encode().hex()})
"""Keywords of the torture set: pymap says in PERMANENTFLAGS that it keeps none."""


def as_restored(held: Truth, without: frozenset[str] = frozenset()) -> Contents:
    """What has to be in each folder: \\Deleted is not restored."""
    dropped = {"\\Deleted"} | without
    return {
        name: Counter(Held(one.raw, one.flags - dropped, one.internaldate) for one in messages.values())
        for name, (_, messages) in held.items()
        if messages
    }


def changed(before: Contents, after: Contents, like: Callable[[bytes], bytes]) -> int:
    """How many messages have other bytes than before; but for these both are the same where bytes are alike."""

    def alike(contents: Contents) -> Contents:
        return {
            name: Counter(Held(like(one.raw), one.flags, one.internaldate) for one in messages.elements())
            for name, messages in contents.items()
        }

    assert alike(before) == alike(after)
    return sum(sum((after[name] - before[name]).values()) for name in before)


def emptied(client: ImapClient) -> None:
    """Every folder goes, and what is in the INBOX."""
    for name in client.folders():
        if name != "INBOX":
            client.delete(name)
    client.expunge("INBOX", client.uids("INBOX"))


def ids(rig: Rig) -> set[tuple[str, int]]:
    return set(rig.execute("SELECT f.name, m.id FROM messages m JOIN folders f ON f.id = m.folder_id"))


def torture() -> list[Message]:
    return with_flags_and_dates(iter_torture())


def all_of_it() -> list[Message]:
    return with_flags_and_dates(iter_bulk()) + torture()


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize("letters", [torture, pytest.param(all_of_it, marks=pytest.mark.soak)])
async def test_everything_goes_back(
    dovecot: Dovecot, fresh_user: str, tmp_path: Path, letters: Callable[[], list[Message]]
) -> None:
    """Dovecot drops a CR at the very end of a message, whoever appends it: 26 of the torture set have one."""
    everything = letters()
    for name, messages in spread(everything).items():
        dovecot.fill(fresh_user, name, messages)
    count = len(everything)
    with (
        Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig,
        dovecot.client(fresh_user) as client,
    ):
        await rig.sync()
        restoring.consent(rig)
        before, known = as_restored(rig.mirrored()), ids(rig)
        assert await restored(rig) == (0, count, 0)
        emptied(client)
        assert await restored(rig) == (count, 0, 0)
        altered = changed(before, as_restored(truth(client)), lambda raw: raw.rstrip(b"\r\n"))
        assert altered == 26
        assert await restored(rig) == (0, count, 0)
        await rig.sync()
        assert_equal(rig, client)
        assert len(known - ids(rig)) <= altered
        assert await restored(rig) == (0, count, 0)
        with rig.store.read() as connection:
            assert audit.verify(connection).broken == 0
            actions = Counter(row.action for row in audit.listing(connection, limit=10_000))
        assert actions["restore_approved"] == actions["restore_ended"] == 4
        assert actions["restored"] > 7


@pytest.mark.usefixtures("corpus")
async def test_to_another_server(dovecot: Dovecot, fresh_user: str, pymap: Pymap, tmp_path: Path) -> None:
    """pymap keeps NUL and bare line ends, but for the last line end where no blank line ends the header."""
    everything = torture()[::4]
    for name, messages in spread(everything).items():
        dovecot.fill(fresh_user, name, messages)
    with Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig, pymap.client() as client:
        await rig.sync()
        target = restoring.another(rig, pymap.port, pymap.user, pymap.password)
        before = as_restored(rig.mirrored(), UNKEPT)
        assert await restored(rig, to=target, account=ACCOUNT) == (len(everything), 0, 0)
        assert changed(before, as_restored(truth(client)), lambda raw: raw.rstrip(b"\r\n")) <= 5
        assert await restored(rig, to=target, account=ACCOUNT) == (0, len(everything), 0)
        left_out = rig.execute("SELECT count(*) FROM restore_items WHERE reason LIKE 'without %'")
        assert left_out[0][0] == sum(bool(UNKEPT & set(flags)) for _, flags, _ in everything)


async def test_what_was_deleted_comes_back(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    """Of a folder that holds other versions of the same messages, and copies of them."""
    letters: list[Message] = [
        (b"Message-ID: <%d@example.org>\r\nSubject: %d\r\n\r\nx\r\n" % (number // 2, number), ("\\Seen",), None)
        for number in range(20)
    ]
    dovecot.fill(fresh_user, "Lists/Dev", [*letters, letters[3]])
    with (
        Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig,
        dovecot.client(fresh_user) as client,
    ):
        await rig.sync()
        restoring.consent(rig)
        before = as_restored(rig.mirrored())
        client.expunge("Lists/Dev", [1, 4, 9, 21])
        assert await restored(rig, removed=0.0) == (0, 0, 0)  # nobody knows that yet
        await rig.sync()
        dry = await restoring.outcome(rig, removed=0.0, approved=False)
        assert (dry.document["left"], len(client.uids("Lists/Dev"))) == (4, 17)
        assert await restored(rig, removed=0.0, into="Found/Again") == (4, 0, 0)
        assert await restored(rig, removed=0.0) == (4, 0, 0)
        assert await restored(rig, removed=0.0) == (0, 4, 0)
        client.delete("Found/Again")
        client.delete("Found") if "Found" in client.folders() else None
        await rig.sync()
        assert as_restored(rig.mirrored()) == before
        assert await restored(rig, removed=0.0, pattern="Lists/*") == (0, 0, 0)
        client.expunge("Lists/Dev", client.uids("Lists/Dev")[-4:])
        await rig.sync()
        assert await restored(rig, removed=0.0, pattern="Lists/*") == (4, 0, 0)
        await rig.sync()
        assert as_restored(rig.mirrored()) == before


async def test_only_with_consent_and_never_under_read_only(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    dovecot.fill(fresh_user, "INBOX", [(b"Subject: 1\r\n\r\n", (), None)])
    with (
        Rig(tmp_path, dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig,
        dovecot.client(fresh_user) as client,
    ):
        await rig.sync()
        client.expunge("INBOX", client.uids("INBOX"))
        outcome = await restoring.outcome(rig)
        assert (outcome.document["exit_code"], client.uids("INBOX")) == (3, [])
        assert "mailbox_modify" in (outcome.hint or "")
        restoring.consent(rig)
        outcome = await restoring.outcome(rig, approved=False)
        assert (outcome.ok, outcome.document["left"], client.uids("INBOX")) == (True, 1, [])
        readonly.forbid(True)
        try:
            outcome = await restoring.outcome(rig)
        finally:
            readonly.forbid(False)
        assert (outcome.document["exit_code"], client.uids("INBOX")) == (3, [])
        job = restoring.submitted(rig, restoring.frozen(rig, rig.mirror))
        rig.execute("UPDATE restore_items SET flags = 4")  # not what was approved
        outcome = await restoring.carried_out(rig, rig.mirror, job)
        assert (outcome.ok, client.uids("INBOX")) == (False, [])
        assert "not the one that was approved" in (outcome.error or "")
        rig.store.write(lambda connection: consents.revoke(connection, ACCOUNT, ["email_read"], 2.0)).result()
        with pytest.raises(ConsentMissing, match="email_read"):
            await restoring.outcome(rig)
