"""How an account gets in: tokens that are refused, renewed, or end; and when nothing is tried any more."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mailsync.errors import CredentialMissing, LoginNeeded, MailsyncError, SecretsUnavailable, SignInFailed, Unreachable
from mailsync.privacy.secret import Bearer, Credential
from mailsync.store import audit
from mailsync.sync import download, folder
from tests.servers.fake import Command, FakeServer, Link, box
from tests.sync.rig import ACCOUNT, Rig


class TokenServer(FakeServer):
    """Signs in whoever brings one of `valid`; says why not otherwise."""

    def __init__(self, count: int = 5, size: int = 100) -> None:
        super().__init__({"INBOX": box(count, size=size)})
        self.capabilities = "IMAP4rev1 SASL-IR AUTH=OAUTHBEARER"
        self.valid = {"good"}
        self.status = "invalid_token"
        self.brought: list[str] = []
        self.hooks["AUTHENTICATE"] = self._token

    async def _token(self, link: Link, command: Command) -> bool:
        found = re.search(rb"auth=Bearer ([^\x01]+)", base64.b64decode(command.args[1]))
        assert found is not None
        self.brought.append(found[1].decode())
        if self.brought[-1] in self.valid:
            await link.ok(command)
            return True
        await link.send(b"+ ", base64.b64encode(b'{"status":"%s"}' % self.status.encode()), b"\r\n")
        assert await link.line() == b"AQ=="
        await link.ok(command, "[AUTHENTICATIONFAILED] no", "NO")
        return True


class Source:
    """Where the rig's tokens come from: the next of `tokens` each time one is to be renewed, `trouble` in its place."""

    def __init__(self, *tokens: str, seconds: float | None = None, trouble: type[MailsyncError] | None = None) -> None:
        self.tokens = list(tokens)
        self.asked: list[bool] = []
        self.seconds = seconds
        self.trouble = trouble

    def __call__(self, renew: bool) -> Credential:
        self.asked.append(renew)
        if renew and len(self.tokens) > 1:
            self.tokens.pop(0)
        elif renew and self.trouble is not None:
            raise self.trouble(hint="do something")
        return Bearer(self.tokens[0], None if self.seconds is None else time.time() + self.seconds)


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with TokenServer() as running:
        yield running


def rig_for(directory: Path, server: FakeServer, source: Callable[[bool], Credential], **options: Any) -> Rig:
    options = {"auth": "oauth2", "oauth": {"client_id": "x", "issuer": "https://login.example.org"}} | options
    made = Rig(directory, server.port, options=options, credential=source)
    return made


def told(rig: Rig) -> tuple[str, str]:
    state, hint = rig.execute("SELECT state, state_hint FROM accounts")[0]
    return state, hint


def audited(rig: Rig) -> list[tuple[str, str]]:
    with rig.store.read() as connection:
        rows = audit.listing(connection, account=ACCOUNT)
    return [(row.action, row.outcome) for row in rows if row.action.startswith("sign_in")]


async def test_a_refused_token_is_renewed_once(server: TokenServer, tmp_path: Path) -> None:
    source = Source("old", "good")
    with rig_for(tmp_path, server, source) as rig:
        assert (await rig.sync())["INBOX"].new == 5
        assert server.brought == ["old", "good"]
        assert source.asked == [False, False, True]
        (await rig.mirror.connect()).close()
        assert server.brought == ["old", "good", "good"]
        assert audited(rig) == [("sign_in", "ok")]


async def test_a_token_that_stays_refused_ends_it_until_somebody_signs_in(server: TokenServer, tmp_path: Path) -> None:
    source = Source("old", "new")
    with rig_for(tmp_path, server, source) as rig:
        stored_at = 1.0
        rig.mirror._access._changed = lambda: stored_at
        for _ in range(3):
            assert (await rig.try_sync(scheduled=True)).exit_code == 3
            with pytest.raises(LoginNeeded, match="invalid_token"):
                await rig.mirror.connect()
        assert server.brought == ["old", "new"]
        state, hint = told(rig)
        assert state == "needs_login"
        assert f"mailsync auth login {ACCOUNT}" in hint
        await rig.mirror.set_state("watching")  # a watch that ends late
        assert told(rig)[0] == "needs_login"
        assert not await rig.mirror.heal()
        source.tokens, stored_at = ["good"], 2.0
        assert await rig.mirror.heal()
        assert told(rig)[0] == "disconnected"
        await rig.sync(scheduled=True)
        assert server.brought == ["old", "new", "good"]
        assert audited(rig) == [("sign_in_failed", "LoginNeeded"), ("sign_in", "ok")]


async def test_a_person_may_have_it_tried_again(server: TokenServer, tmp_path: Path) -> None:
    """But what was refused is not shown to the server once more."""
    source = Source("old", "new", trouble=LoginNeeded)
    with rig_for(tmp_path, server, source) as rig:
        for _ in range(3):
            assert (await rig.try_sync()).exit_code == 3
        assert server.brought == ["old", "new"]
        assert told(rig) == ("needs_login", "do something")
        assert [outcome for _, outcome in audited(rig)] == ["LoginNeeded"] * 3


async def test_a_command_that_prints_the_same_token_again(server: TokenServer, tmp_path: Path) -> None:
    with rig_for(tmp_path, server, Source("old"), oauth_command=["print-token"]) as rig:
        assert (await rig.try_sync()).exit_code == 3
        assert server.brought == ["old"]
        assert "oauth_command" in told(rig)[1]


async def test_a_command_that_fails_is_run_again_later(server: TokenServer, tmp_path: Path) -> None:
    """It may want the network as much as we do; the server is not troubled by it."""
    here = False

    def command(renew: bool) -> Credential:
        if here:
            return Bearer("good")
        raise CredentialMissing("oauth_command exited with 1")

    with rig_for(tmp_path, server, command, oauth_command=["print-token"]) as rig:
        await rig.try_sync(scheduled=True)
        assert told(rig)[0] == "backing_off"
        rig.clock, here = 400.0, True
        await rig.sync(scheduled=True)
        assert server.brought == ["good"]


async def test_a_scope_that_is_missing_is_not_mended_by_another_token(server: TokenServer, tmp_path: Path) -> None:
    server.status = "insufficient_scope"
    source = Source("old", "good")
    with rig_for(tmp_path, server, source) as rig:
        assert (await rig.try_sync()).exit_code == 3
        assert server.brought == ["old"]
        assert source.asked == [False]
        assert "allow access to mail" in told(rig)[1]


@pytest.mark.parametrize("trouble", [Unreachable, SecretsUnavailable])
async def test_trouble_that_passes_is_waited_for(
    server: TokenServer, tmp_path: Path, trouble: type[MailsyncError]
) -> None:
    """Nobody has to ask; and the token that was refused is not tried again meanwhile."""
    source = Source("old", trouble=trouble)
    with rig_for(tmp_path, server, source) as rig:
        await rig.try_sync(scheduled=True)
        assert told(rig)[0] == "backing_off"
        rig.clock += 400
        await rig.try_sync(scheduled=True)
        assert told(rig)[0] == "backing_off"
        assert server.brought == ["old"]
        rig.clock += 400
        source.tokens = ["old", "good"]
        await rig.sync(scheduled=True)
        assert server.brought == ["old", "good"]


async def test_a_mailbox_that_is_missing_is_no_matter_of_passwords(tmp_path: Path) -> None:
    async def nowhere(link: Link, command: Command) -> bool:
        await link.ok(command, "User is authenticated but not connected.", "BAD")
        return True

    with FakeServer({"INBOX": box(1)}) as server, Rig(tmp_path, server.port, options={"provider": "gmail"}) as rig:
        server.hooks["LIST"] = nowhere
        assert (await rig.try_sync()).exit_code == 3
        state, hint = told(rig)
        assert state == "needs_login"
        assert "licence" in hint
        with pytest.raises(SignInFailed, match="no mailbox"):
            await rig.mirror.connect()
        assert len(server.logins) == 1
        server.hooks.clear()
        await rig.sync()


# Tokens that end


async def test_a_sync_outlives_its_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is on its way is taken, then the rest comes over another connection, and nothing twice."""
    monkeypatch.setattr(download, "BATCH_BYTES", 20_000)
    monkeypatch.setattr(download, "PIECE", 4)
    monkeypatch.setattr(folder, "SMALL", 10)
    source = Source("good", seconds=1000.0)
    with TokenServer(60, size=5_000) as server, rig_for(tmp_path, server, source, max_connections=1) as rig:

        async def later(link: Link, command: Command) -> bool:
            if len(server.bodies) > 20 and len(server.brought) == 1:
                rig.clock, source.seconds = 945.0, 2000.0
            return False

        server.hooks["UID FETCH"] = later
        assert (await rig.sync())["INBOX"].new == 60
        assert server.brought == ["good", "good"]
        assert set(server.bodies.values()) == {1}
        asked = [(number, one.verb) for number, one in server.commands if one.verb in ("UID FETCH", "LOGOUT")]
        assert asked.index((0, "LOGOUT")) < asked.index((1, "UID FETCH"))
        assert asked.count((1, "UID FETCH")) >= 7  # of 15
        assert rig.execute("SELECT count(*) FROM activity WHERE type = 'error'") == [(0,)]


async def test_idle_connections_are_not_used_past_their_time(server: TokenServer, tmp_path: Path) -> None:
    source = Source("good", seconds=1000.0)
    with rig_for(tmp_path, server, source) as rig:
        rig.mirror.pool.keep = 2000.0
        async with rig.mirror.pool.session() as first:
            pass
        rig.clock = 930.0
        async with rig.mirror.pool.session() as again:
            assert again is first
        rig.clock, source.seconds = 941.0, 3000.0
        async with rig.mirror.pool.session() as second:
            assert second is not first
            assert first.closed is not None
        await rig.mirror.close()


async def test_short_lives_do_not_end_in_signing_in_all_the_time(server: TokenServer, tmp_path: Path) -> None:
    for seconds, used in ((3600.0, 3540.0), (100.0, 80.0), (3.0, 5.0), (-100.0, 5.0)):
        with rig_for(tmp_path / str(seconds), server, Source("good", seconds=seconds)) as rig:
            session = await rig.mirror.connect()
            assert session.remaining(rig.mirror.now()) == pytest.approx(used, abs=0.5)
            session.close()
            await asyncio.sleep(0)
