"""Yahoo: the whole folder by UIDONLY where it is offered; else a window, below which nothing is taken for gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mailsync.sync.verify import verify_folder
from tests.servers.fake import letter
from tests.servers.model_server import ModelServer
from tests.sync.rig import ACCOUNT, Rig, differences

COUNT = 100


def filled(server: ModelServer) -> None:
    for number in range(1, COUNT + 1):
        server.mail.append("INBOX", letter(number))


async def test_with_uidonly_the_whole_folder_is_mirrored_in_pieces_the_server_allows(tmp_path: Path) -> None:
    options: dict[str, Any] = {"quirks": {"uidonly": True, "window": True}}
    with ModelServer("yahoo") as server, Rig(tmp_path, server.port, options=options) as rig:
        filled(server)
        assert (await rig.sync())["INBOX"].new == COUNT
        assert not differences(rig.mirrored(), server.mail.truth())
        server.mail.expunge("INBOX", [1, 50])
        server.mail.store("INBOX", [2, 99], ["\\Seen"])
        filled(server)
        await rig.sync()
        assert not differences(rig.mirrored(), server.mail.truth())
        assert max(server.bodies.values()) == 1
        async with rig.mirror.pool.session() as session:
            assert (await verify_folder(rig.store, session, ACCOUNT, rig.folders()["INBOX"], deep=True)).ok
        await rig.mirror.pool.close()


@pytest.mark.parametrize("quirks", [{"window": True}, {"window": True, "uidonly": True}])
async def test_mail_below_the_window_is_not_gone(quirks: dict[str, Any], tmp_path: Path) -> None:
    with ModelServer("yahoo", view=25) as server, Rig(tmp_path, server.port, options={"quirks": quirks}) as rig:
        server.capabilities = server.capabilities.replace(" UIDONLY", "")
        for number in range(1, 31):
            server.mail.append("INBOX", letter(number))
        assert (await rig.sync())["INBOX"].new == 25
        for number in range(31, 41):  # the window moves on
            server.mail.append("INBOX", letter(number))
        server.mail.expunge("INBOX", [35])
        result = (await rig.sync())["INBOX"]
        assert result.deleted == 0
        assert rig.uids("INBOX") == [uid for uid in range(6, 41) if uid != 35]
        server.mail.expunge("INBOX", [38])
        await rig.sync()
        assert 38 not in rig.uids("INBOX")
        assert 6 in rig.uids("INBOX")
