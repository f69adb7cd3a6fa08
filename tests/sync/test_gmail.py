"""Gmail: one copy of each message, labels as labels, kept right by CHANGEDSINCE."""

from __future__ import annotations

from pathlib import Path

from mailsync.store import labels
from tests.servers.fake import letter
from tests.servers.model_server import ModelServer
from tests.sync.rig import Rig


def kept(rig: Rig) -> dict[int, set[str]]:
    """Labels by UID of All Mail."""
    found: dict[int, set[str]] = {}
    for uid, name in rig.execute(
        """SELECT m.uid, l.name FROM messages m JOIN folders f ON f.id = m.folder_id
           LEFT JOIN message_labels ml ON ml.message_id = m.id LEFT JOIN labels l ON l.id = ml.label_id
           WHERE f.special_use = '\\All'"""
    ):
        found.setdefault(uid, set()).update({name} if name else ())
    return found


def told(server: ModelServer) -> dict[int, set[str]]:
    return {uid: set(mail.labels) for uid, mail in server.mail.folders["[Gmail]/All Mail"].messages.items()}


def virtual(rig: Rig) -> list[tuple[str, int, int]]:
    with rig.store.read() as connection:
        return labels.virtual(connection, rig.mirror.account_id)


async def test_labels_follow_the_server(tmp_path: Path) -> None:
    with ModelServer("gmail") as server, Rig(tmp_path, server.port) as rig:
        mail = server.mail
        mail.create("Größe/a+b")
        mail.append("INBOX", letter(1), labels=["\\Important"])
        mail.append("INBOX", letter(2), ["\\Seen"])
        mail.append("Größe/a+b", letter(3))
        mail.append("[Gmail]/All Mail", letter(4))
        first = (await rig.sync())["[Gmail]/All Mail"]
        assert (first.new, first.changed) == (4, 0)
        assert kept(rig) == told(server) != {}
        assert virtual(rig) == [("INBOX", 2, 1), ("Größe/a+b", 1, 1), ("Important", 1, 1)]

        everything = mail.folders["[Gmail]/All Mail"].messages
        identity = everything[2].identity
        mail.label(identity, add=["Größe/a+b", "new"], remove=["\\Inbox"])
        mail.store("[Gmail]/All Mail", [1], ["\\Seen"])
        mail.append("INBOX", letter(5))
        server.commands.clear()
        result = (await rig.sync())["[Gmail]/All Mail"]
        assert (result.strategy, result.new, result.changed) == ("condstore", 1, 2)
        assert kept(rig) == told(server)
        assert virtual(rig) == [("INBOX", 2, 1), ("Größe/a+b", 2, 1), ("Important", 1, 0), ("new", 1, 0)]
        asked = [command.text for _, command in server.commands if b"LABELS" in command.text]
        assert asked
        assert all(b"CHANGEDSINCE" in text for text in asked)

        mail.label(identity, remove=["new"])
        assert (await rig.sync())["[Gmail]/All Mail"].changed == 1
        assert kept(rig) == told(server)
        assert "new" not in {name for name, _, _ in virtual(rig)}


async def test_what_goes_to_the_trash_keeps_its_id_and_is_not_fetched_again(tmp_path: Path) -> None:
    with ModelServer("gmail") as server, Rig(tmp_path, server.port) as rig:
        server.mail.append("INBOX", letter(1))
        await rig.sync()
        before = rig.execute("SELECT id, emailid, threadid FROM messages")
        assert all(before[0])
        server.forget_bodies()
        server.mail.move("[Gmail]/All Mail", [1], "[Gmail]/Trash")
        await rig.sync()
        assert rig.execute("SELECT id, emailid, threadid FROM messages") == before
        assert rig.uids("[Gmail]/Trash") == [1]
        assert not server.bodies
        assert [name for name, _, _ in virtual(rig)] == ["INBOX"]
