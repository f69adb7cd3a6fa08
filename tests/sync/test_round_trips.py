"""What a sync of nothing new costs on the wire, counted in turns of the conversation."""

from __future__ import annotations

from pathlib import Path

from tests.servers.dovecot import Dovecot
from tests.servers.fake import letter
from tests.servers.proxy import FaultProxy, Faults
from tests.sync.rig import Rig

FOLDERS = 200


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
        assert 1 + len(turns) <= 5, turns
        assert any(b"LOGOUT" in said for said in turns)
