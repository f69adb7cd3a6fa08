"""Servers that lie, refuse or hang up while a list is carried out: nothing is lost, doubled or touched that is not on
it, and what became of each message is told."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailsync.cleanup import carrying, execution
from mailsync.imap.uidset import UidSet
from mailsync.jobs.queue import Outcome
from mailsync.store import cleanups, consents
from mailsync.store.jobs import Job
from tests.cleanup import undoing
from tests.cleanup.applying import carried_out, chosen, states, told
from tests.cleanup.test_apply import contents, even, expected, letters
from tests.servers import model_changes
from tests.servers.lies import sub, twisted, without
from tests.servers.model_server import ModelServer
from tests.servers.proxy import FaultProxy, Faults
from tests.servers.scripted import Command, Link
from tests.sync.rig import ACCOUNT, Rig, Truth

COUNT = 60
LISTED = COUNT // 2
BATCH = 10
Act = Callable[[ModelServer, Link, Command], bool]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "BATCH", BATCH)
    monkeypatch.setattr(execution, "PAUSE_SECONDS", 0.0)


@dataclass
class Scene:
    """A server with messages in its INBOX, its mirror, and the approved job of a list of every other one."""

    server: ModelServer
    rig: Rig
    job: Job
    before: Truth

    async def run(self, **options: object) -> Outcome:
        outcome = await carried_out(self.rig, self.job, **options)  # type: ignore[arg-type]
        self.check_commands()
        return outcome

    def check_commands(self) -> None:
        """Of the INBOX only what is on the list was ever named in a command that changes anything."""
        opened: dict[int, bytes] = {}
        for link, command in self.server.commands:
            assert len(command.text) < 8000
            if command.verb in ("SELECT", "EXAMINE"):
                opened[link] = command.args[0]
            elif command.verb in model_changes.VERBS and opened[link] == b"INBOX":
                assert all(map(even, UidSet.parse(command.args[0])))
            assert command.verb not in ("EXPUNGE", "CLOSE", "STORE", "MOVE", "COPY", "DELETE", "RENAME")

    @property
    def cleanup(self) -> cleanups.Cleanup:
        with self.rig.store.read() as connection:
            return cleanups.get(connection, int(self.job.params["cleanup"]), 0.0)

    def now(self) -> Truth:
        return self.server.mail.truth()


async def scene(server: ModelServer, rig: Rig, actions: list[str] | None = None, **more: bool) -> Scene:
    for raw, flags, at in letters(COUNT):
        server.mail.append("INBOX", raw, flags, at)
    server.mail.append("INBOX", *letters(1)[0])
    server.mail.create("Old")
    for raw, flags, at in letters(4):
        server.mail.append("Old", raw, flags, at)
    await rig.sync()
    undoing.consent(rig)
    before = server.mail.truth()
    return Scene(server, rig, chosen(rig, ["INBOX"], actions or ["mark_read", "move:Old"], even, **more), before)


def hook(server: ModelServer, verb: str, act: Act, *, at: int = 1, times: int = 1) -> None:
    """From the `at`-th command of this verb on, `act` answers in its place, so many times; False leaves it to the
    server."""
    seen = 0

    async def told(link: Link, command: Command) -> bool:
        nonlocal seen
        seen += 1
        return at <= seen < at + times and act(server, link, command)

    server.hooks[verb] = told


def says(text: str) -> Act:
    def act(server: ModelServer, link: Link, command: Command) -> bool:
        del server
        link.say(f"{command.tag} {text}\r\n".encode())
        return True

    return act


def done(server: ModelServer, link: Link, command: Command) -> bytes:
    """Carry a command out; what an honest server would tell of it."""
    opened = server.client(link).opened
    assert opened is not None
    return model_changes.change(server.mail, opened.folder, command, silent=False)[0]


def hangs_up(server: ModelServer, link: Link, command: Command) -> bool:
    raise ConnectionError


def does_and_hangs_up(server: ModelServer, link: Link, command: Command) -> bool:
    done(server, link, command)
    raise ConnectionError


def moves_half(answer: str, *, tells: bool) -> Act:
    """Half of the messages are moved, then it stops."""

    def act(server: ModelServer, link: Link, command: Command) -> bool:
        uids = list(UidSet.parse(command.args[0]))
        half = ",".join(map(str, uids[: len(uids) // 2])).encode()
        text = command.text.replace(command.args[0], half, 1)
        lines = done(server, link, Command(command.tag, command.verb, [half, command.args[1]], text))
        if not answer:
            raise ConnectionError
        link.say((lines if tells else b"") + f"{command.tag} {answer}\r\n".encode())
        return True

    return act


def at(verb: str, act: Act, at: int = 1, times: int = 1, *, lacks: str = "") -> Callable[[ModelServer], None]:
    """A server on which `act` is hooked; it lacks a capability."""

    def tell(server: ModelServer) -> None:
        without(lacks)(server)
        hook(server, verb, act, at=at, times=times)

    return tell


HARMLESS = {
    "half moved, NO": at("UID MOVE", moves_half("NO enough", tells=False), 2),
    "half moved and told, NO": at("UID MOVE", moves_half("NO enough", tells=True), 2),
    "half moved, OK": at("UID MOVE", moves_half("OK done", tells=True), 2),
    "half moved, silently, OK": at("UID MOVE", moves_half("OK done", tells=False)),
    "half moved, hung up": at("UID MOVE", moves_half("", tells=False), 2, 2),
    "OK lost": at("UID MOVE", does_and_hangs_up, 1, 2),
    "hung up at MOVE": at("UID MOVE", hangs_up, 1, 2),
    "hung up at STORE": at("UID STORE", hangs_up, 2, 2),
    "MOVE is not known": at("UID MOVE", says("BAD what is MOVE?"), 1, 99),
    "OK of COPY lost": at("UID COPY", does_and_hangs_up, lacks="MOVE"),
    "OK of EXPUNGE lost": at("UID EXPUNGE", does_and_hangs_up, lacks="MOVE"),
    "COPY refused once": at("UID COPY", says("NO [EXPUNGEISSUED] some are gone"), lacks="MOVE"),
    "target gone": at("UID MOVE", says("NO [TRYCREATE] no such folder")),
}


@pytest.mark.parametrize("name", HARMLESS)
async def test_each_message_arrives_once(name: str, tmp_path: Path) -> None:
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        one = await scene(server, rig)
        HARMLESS[name](server)

        async def create(link: Link, command: Command) -> bool:
            await link.ok(command, "[ALREADYEXISTS] it is there", "NO")
            return True

        server.hooks["CREATE"] = create
        await rig.mirror.close()
        outcome = await one.run()
        assert outcome.ok, outcome.error
        assert outcome.document["results"] == {"done": LISTED}
        assert contents(one.now()) == expected(one.before, "INBOX", "Old", ["\\Seen"])
        assert one.cleanup.state == "completed"


def code(text: str) -> Callable[[ModelServer], None]:
    """COPYUID, twisted: `V` stands for the UIDVALIDITY, `S` and `T` for the sets that an honest server tells."""

    def tell(server: ModelServer) -> None:
        def act(server: ModelServer, link: Link, command: Command) -> bool:
            lines = done(server, link, command).decode()
            validity, source, target = lines.split("[COPYUID ")[1].split("]")[0].split()
            put = text.replace("V", validity).replace("S", source).replace("T", target)
            link.say(f"* OK [COPYUID {put}] moved\r\n{command.tag} OK done\r\n".encode())
            return True

        hook(server, "UID MOVE", act, at=2)

    return tell


CONTRADICTIONS = {
    "another UIDVALIDITY": code("77 S T"),
    "one too many there": code("V S T,900"),
    "not asked for": code("V S,1 T,900"),
    "too large a set": code("V S 1:4294967295"),
    "UIDs of others": code("V S 1:10"),
    "twice the same": code("V 22,22 900,901"),
    "no sets": code("V S none"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
async def test_a_contradiction_stops_it(name: str, tmp_path: Path) -> None:
    """What was moved is found by looking; the rest is not touched, and can be carried out later."""
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        one = await scene(server, rig)
        CONTRADICTIONS[name](server)
        outcome = await one.run()
        assert not outcome.ok
        assert "COPYUID" in (outcome.error or "")
        assert outcome.document["results"] == {"done": 2 * BATCH, "waiting": LISTED - 2 * BATCH}
        assert (one.cleanup.state, one.cleanup.run and one.cleanup.run.stopped) == ("interrupted", outcome.error)
        moved = [uid for uid, (state, _) in told(rig, one.job).items() if state == "done"]
        assert moved == [uid for uid in range(2, 4 * BATCH + 1) if even(uid)]
        assert one.now()["INBOX"][1].keys() == one.before["INBOX"][1].keys() - set(moved)
        assert sum(contents(one.now())["Old"].values()) == 4 + len(moved)


async def test_another_uidvalidity_stops_it(tmp_path: Path) -> None:
    """Before it begins, and in the middle, when the folder is made anew."""
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        one = await scene(server, rig)

        def renews(server: ModelServer, link: Link, command: Command) -> bool:
            server.mail.new_uidvalidity("INBOX")
            raise ConnectionError

        hook(server, "UID MOVE", renews, at=2)
        outcome = await one.run(syncs=False)
        assert not outcome.ok
        assert "UIDVALIDITY" in (outcome.error or "")
        assert Counter(states(rig, one.job)) == {"done": BATCH, "gone": BATCH, "waiting": LISTED - 2 * BATCH}
        assert len(one.now()["INBOX"][1]) == len(one.before["INBOX"][1]) - BATCH


async def test_what_the_server_cannot_do_is_not_tried(tmp_path: Path) -> None:
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        one = await scene(server, rig)
        server.capabilities = server.capabilities.replace(" MOVE", "").replace(" UIDPLUS", "")
        await rig.mirror.close()
        outcome = await one.run()
        assert outcome.document["results"] == {"failed": LISTED}
        assert set(told(rig, one.job).values()) == {
            ("failed", "move:Old: the server can neither move messages (MOVE) nor take single ones away (UIDPLUS)")
        }
        assert one.now() == one.before


async def test_what_is_refused_is_told(tmp_path: Path) -> None:
    """A batch that is refused as a whole is not tried again and again."""
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        one = await scene(server, rig, ["move:Old"])
        hook(server, "UID MOVE", says("NO [OVERQUOTA] full"), at=2, times=99)
        outcome = await one.run()
        assert outcome.document["results"] == {"done": BATCH, "failed": LISTED - BATCH}
        assert {why for state, why in told(rig, one.job).values() if state == "failed"} == {"[OVERQUOTA] full"}
        assert server.verbs().count("UID MOVE") == 3


async def test_what_cannot_be_expunged_is_not_left_marked(tmp_path: Path) -> None:
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        one = await scene(server, rig, ["mark_read", "expunge"])
        hook(server, "UID EXPUNGE", says("NO [NOPERM] never"), times=99)
        outcome = await one.run()
        assert outcome.document["results"] == {"failed": LISTED}
        assert set(told(rig, one.job).values()) == {("failed", "the server refused UID EXPUNGE: never")}
        assert one.now() == one.before


async def test_the_breaker_stops_at_another_mailbox(tmp_path: Path) -> None:
    """Under the UIDs of the list there are other messages."""
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        one = await scene(server, rig)
        for uid, mail in server.mail.folders["INBOX"].messages.items():
            if uid > 20 and even(uid):
                mail.raw = mail.raw.replace(b"Message-ID: <", b"Message-ID: <other") + b"."
        outcome = await one.run(syncs=False)
        assert "are not those on the list" in (outcome.error or "")
        assert outcome.document["results"] == {"done": BATCH, "skipped": BATCH, "waiting": LISTED - 2 * BATCH}
        assert len(one.now()["INBOX"][1]) == len(one.before["INBOX"][1]) - BATCH


async def test_the_breaker_stops_what_nobody_said_is_meant(tmp_path: Path) -> None:
    """The folder has become smaller since the approval."""
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        for number in range(400):
            server.mail.append("INBOX", b"Subject: %d\r\n\r\n" % number)
        one = await scene(server, rig, large=False)
        server.mail.expunge("INBOX", [uid for uid in range(1, 401) if not even(uid)])
        outcome = await one.run(syncs=False, share=0.5)
        assert "of INBOX: more than 50% of it, and nobody has said that it is meant" in (outcome.error or "")
        assert set(states(rig, one.job)) == {"waiting"}
        assert "UID MOVE" not in server.verbs()


async def test_what_is_not_shown_is_not_taken_for_gone(tmp_path: Path) -> None:
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        one = await scene(server, rig)
        hidden = b"\\* \\d+ FETCH \\(UID (14|16) [^\r]*\r\n(Message-ID[^\r]*\r\n)?\r\n\\)\r\n"
        twisted("UID FETCH", sub(hidden, b""))(server)
        outcome = await one.run(syncs=False)
        assert outcome.document["results"] == {"done": LISTED - 2, "failed": 2}
        assert told(rig, one.job)[14] == ("failed", "the server does not show it")
        assert {14, 16} <= one.now()["INBOX"][1].keys()


async def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        server.mail.create("Lists")
        for raw, flags, at in letters(6):
            server.mail.append("Lists", raw, flags, at)
        await rig.sync()
        undoing.consent(rig)
        job = chosen(rig, ["Lists"], ["move:Old"])
        server.mail.delete("Lists")
        outcome = await carried_out(rig, job, syncs=False)
        assert outcome.document["results"] == {"skipped": 6}
        assert set(told(rig, job).values()) == {("skipped", "the folder Lists is not there any more")}


async def test_a_line_that_is_cut_again_and_again(tmp_path: Path) -> None:
    with ModelServer() as server, FaultProxy(server.port) as proxy, Rig(tmp_path, proxy.port) as rig:
        one = await scene(server, rig)
        await rig.mirror.close()
        dice = random.Random(3)
        for _ in range(20):
            proxy.faults = Faults(cut_after=dice.randrange(900, 5000), reset=dice.random() < 0.5)
            if (await one.run(syncs=False)).ok:
                break
        proxy.faults = Faults()
        rig.mirror.backoff.proved()
        outcome = await one.run(syncs=False)
        assert outcome.document["results"] == {"done": LISTED}
        assert contents(one.now()) == expected(one.before, "INBOX", "Old", ["\\Seen"])


async def test_consent_is_asked_for_before_each_batch(tmp_path: Path) -> None:
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        one = await scene(server, rig)

        def revoke(server: ModelServer, link: Link, command: Command) -> bool:
            rig.store.write(lambda c: consents.revoke(c, ACCOUNT, ["mailbox_modify"], 2.0)).result()
            return False

        hook(server, "UID MOVE", revoke, at=2)
        outcome = await one.run()
        assert (outcome.ok, outcome.document["exit_code"]) == (False, 3)
        assert outcome.document["results"] == {"done": 2 * BATCH, "waiting": LISTED - 2 * BATCH}


async def test_a_plea_to_slow_down_ends_it(tmp_path: Path) -> None:
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        one = await scene(server, rig)
        hook(server, "UID MOVE", says("NO [THROTTLED] too many requests"), at=2)
        outcome = await one.run(syncs=False)
        assert (outcome.document["exit_code"], outcome.passing) == (4, True)
        rig.mirror.backoff.proved()
        assert (await one.run()).document["results"] == {"done": LISTED}
        assert contents(one.now()) == expected(one.before, "INBOX", "Old", ["\\Seen"])


async def test_only_what_was_approved_of_is_carried_out(tmp_path: Path) -> None:
    """A list or a journal that was altered after the approval leads to no command at all."""
    with ModelServer() as server, Rig(tmp_path, server.port) as rig:
        one = await scene(server, rig)
        for alter, restore, why in (
            ("cleanup_items SET uid = uid + 1", "cleanup_items SET uid = uid - 1", "not the one that was approved"),
            ("cleanup_journal SET item = number + 1", "cleanup_journal SET item = number", "journal altered"),
            ("cleanup_journal SET item = 0", "cleanup_journal SET item = number", "journal altered"),
            ("cleanup_runs SET approved_by = ''", "cleanup_runs SET approved_by = 'me'", "nobody has approved"),
        ):
            rig.execute(f"UPDATE {alter}")
            outcome = await one.run(syncs=False)
            assert why in (outcome.error or "")
            rig.execute(f"UPDATE {restore}")
        assert {"SELECT", *model_changes.VERBS}.isdisjoint(server.verbs())
        assert (await one.run()).document["results"] == {"done": LISTED}
