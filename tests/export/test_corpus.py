"""Everything in the corpus, mirrored from a real server, as Maildir and mbox: byte for byte, flag for flag."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mailsync.export import leaving
from mailsync.export.chosen import choose
from mailsync.privacy.consent import SCOPES
from mailsync.store import consents
from tests.corpus import iter_bulk, iter_torture
from tests.export.reading_back import assert_maildir_holds, assert_mbox_holds
from tests.servers.dovecot import Dovecot
from tests.sync.rig import Rig, Truth, truth
from tests.sync.test_corpus_mirror import spread, with_flags_and_dates


@pytest.mark.usefixtures("corpus")
async def test_the_whole_corpus_leaves_as_it_came(dovecot: Dovecot, fresh_user: str, tmp_path: Path) -> None:
    everything = with_flags_and_dates(iter_bulk()) + with_flags_and_dates(iter_torture())
    for name, messages in spread(everything).items():
        dovecot.fill(fresh_user, name, messages)
    with Rig(tmp_path / "data", dovecot.port, fresh_user, dovecot.users[fresh_user]) as rig:
        await rig.sync()
        rig.store.write(lambda connection: consents.grant(connection, "work", SCOPES, 1.0)).result()
        with dovecot.client(fresh_user) as client:
            on_server = truth(client)
        folders = list(choose(rig.store, None, None))
        checks: dict[leaving.Form, Callable[[Path, Truth], None]] = {
            "maildir": assert_maildir_holds,
            "mbox": assert_mbox_holds,
        }
        for form, check in checks.items():
            dest = tmp_path / form
            for written in (len(everything), 0):
                steps: list[int] = []
                outcome = leaving.run(rig.store, form, dest, folders, steps.append, everything=True)["work"]
                assert (outcome.written, outcome.unchanged) == (written, len(everything) - written)
                assert (outcome.renamed, outcome.gone, sum(steps)) == (0, 0, len(everything))
            check(dest, on_server)
