"""Selections on a real Dovecot, with its full capabilities and as plain IMAP4rev1."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailsync.sync import scope
from tests.servers.dovecot import PLAIN_IMAP4REV1, Dovecot
from tests.servers.fake import letter
from tests.sync.rig import Rig, assert_equal

NOW = datetime.now(UTC)


@pytest.mark.parametrize("capability", [None, PLAIN_IMAP4REV1], ids=["full", "plain"])
async def test_selections_come_and_go(
    capability: str | None, start_dovecot: Callable[..., Dovecot], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope, "FEW", 3)
    server = start_dovecot(capability=capability)
    with server.client() as client:
        for number in range(1, 21):
            raw = b"Message-ID: <%d@x>\r\nFrom: %s@x\r\n" % (number, b"ann" if number % 2 else b"bob")
            when = NOW - timedelta(days=number * 2, minutes=number)
            client.append("INBOX", raw + letter(number, 200 * number), ["\\Seen"] * (number % 3 == 0), when)
        steps: list[tuple[dict[str, Any], list[int]]] = [
            ({"newer_than": "20d", "skip_query": "from:bob", "max_size": "1kB"}, [1, 3, 5, 7, 9]),
            ({"newer_than": "30d", "skip_query": "from:bob"}, [1, 3, 5, 7, 9, 11, 13]),
            ({"skip_query": "-(from:bob larger:3k)"}, [16, 18, 20]),
            ({"max_size": "100B"}, list(range(1, 21))),
        ]
        for messages, expected in steps:
            with Rig(tmp_path, server.port, options={"messages": messages}) as rig:
                before = rig.uids("INBOX")
                told = (await rig.sync(dry_run=True))["INBOX"]
                assert rig.uids("INBOX") == before
                done = (await rig.sync())["INBOX"]
                assert (told.new, told.withheld, told.outside) == (done.new, done.withheld, done.outside), messages
                assert rig.uids("INBOX") == expected
                assert (await rig.verify("INBOX")).ok
                again = (await rig.sync())["INBOX"]
                assert (again.new, again.changed, again.deleted) == (0, 0, 0)
        with Rig(tmp_path, server.port) as rig:
            await rig.sync()
            assert_equal(rig, client)
