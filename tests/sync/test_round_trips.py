"""What a sync of nothing new costs on the wire, counted in turns of the conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.servers.dovecot import PLAIN_IMAP4REV1, Dovecot
from tests.servers.fake import letter
from tests.servers.proxy import FaultProxy, Faults
from tests.sync.rig import Rig, assert_equal

FOLDERS = 200
FEW_FOLDERS = 6
MANY = 130


async def test_a_no_op_on_200_folders_takes_five_round_trips_from_connect_to_logout(
    dovecot: Dovecot, fresh_user: str, tmp_path: Path
) -> None:
    """With TCP's own. An answer that comes in two pieces with a command of ours between them counts twice."""
    with dovecot.client(fresh_user) as client:
        for number in range(FOLDERS):
            client.create(f"box{number:03}")
        client.append("INBOX", letter(1))
        client.append("box007", letter(2))
    with FaultProxy(dovecot.port) as proxy, Rig(tmp_path, proxy.port, fresh_user, dovecot.users[fresh_user]) as rig:
        assert len(await rig.sync()) == FOLDERS + 1
        proxy.faults = Faults(latency=0.02)
        await rig.sync()  # takes note of how long the line has become
        proxy.turns.clear()
        results = await rig.sync()
        assert {result.strategy for result in results.values()} == {"unchanged"}
        assert len(results) == FOLDERS + 1
        (turns,) = proxy.turns
        for _ in range(500):  # the sync does not wait for its goodbye to arrive
            if any(b"LOGOUT" in said for said in turns):
                break
            await asyncio.sleep(0.01)
        assert any(b"LOGOUT" in said for said in turns)
        assert 1 + len(turns) <= 5, turns


async def test_a_small_folder_without_modseq_takes_one_round_trip(
    start_dovecot: Callable[..., Dovecot], tmp_path: Path
) -> None:
    """EXAMINE and all flags at once."""
    server = start_dovecot(capability=PLAIN_IMAP4REV1)
    user = next(iter(server.users))
    with server.client(user) as client:
        for number in range(FEW_FOLDERS):
            client.create(f"box{number}")
            client.append(f"box{number}", letter(number))
    with FaultProxy(server.port) as proxy, Rig(tmp_path, proxy.port, user, server.users[user]) as rig:
        await rig.sync()
        with server.client(user) as client:
            client.store("box1", [1], "+FLAGS", "\\Flagged")
            client.expunge("box2", [1])
        proxy.faults = Faults(latency=0.02)  # else the second command of a round trip may follow the first one's answer
        proxy.turns.clear()
        results = await rig.sync()
        assert (results["box1"].changed, results["box2"].deleted) == (1, 1)
        assert {result.strategy for name, result in results.items() if name != "INBOX"} == {"scan"}
        opening = [turn for turns in proxy.turns for turn in turns if b"EXAMINE" in turn and b"UID FETCH 1:*" in turn]
        assert len(opening) == FEW_FOLDERS - 1, proxy.turns  # not what STATUS says is empty
        proxy.turns.clear()
        await rig.sync()
        assert sum(turn.count(b"UID FETCH") for turns in proxy.turns for turn in turns) == FEW_FOLDERS - 1


async def test_a_large_folder_without_modseq_takes_six_round_trips_from_connect_to_logout(
    start_dovecot: Callable[..., Dovecot], tmp_path: Path
) -> None:
    """Sign-in, LIST with STATUS, EXAMINE with the searches, LOGOUT. What was guessed wrong is asked for again."""
    server = start_dovecot(capability=PLAIN_IMAP4REV1)
    user = next(iter(server.users))
    server.fill(user, "INBOX", [(letter(number), (), None) for number in range(MANY)])
    with server.client(user) as client:
        client.store("INBOX", list(range(1, MANY, 3)), "+FLAGS", "\\Flagged")
        client.create("later")
    with FaultProxy(server.port) as proxy, Rig(tmp_path, proxy.port, user, server.users[user]) as rig:
        await rig.sync()
        proxy.faults = Faults(latency=0.02)
        await rig.sync()  # takes note of how long the line has become
        proxy.turns.clear()
        results = await rig.sync()
        assert results["INBOX"].strategy == "scan"
        (turns,) = proxy.turns
        assert 2 + len(turns) <= 6, turns
        assert b"UID SEARCH FLAGGED" in next(turn for turn in turns if b"EXAMINE" in turn)
        with server.client(user) as client:
            client.store("INBOX", [2, 5], "+FLAGS", "$Work")  # a keyword that nobody could foresee
            client.store("INBOX", [1], "-FLAGS", "\\Flagged")
            client.expunge("INBOX", [9, 40])
            client.append("INBOX", letter(MANY))
            client.delete("later")
        result = (await rig.sync())["INBOX"]
        assert (result.new, result.changed, result.deleted) == (1, 3, 2)
        with server.client(user) as client:
            assert_equal(rig, client)
