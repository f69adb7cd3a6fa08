"""The model server is honest: the other client, which shares no code with it or with mailsync, finds what it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.fake import letter
from tests.servers.imap_client import ImapClient
from tests.servers.model import CLASSES
from tests.servers.model_server import ModelServer
from tests.sync.rig import Rig, differences, truth


def client_of(server: ModelServer) -> ImapClient:
    return ImapClient(server.port, "alice", "secret")


def test_another_client_sees_what_the_oracle_says() -> None:
    with ModelServer("full") as server:
        mail = server.mail
        mail.create("Ärger")
        for number in range(5):
            mail.append("INBOX", letter(number), ["\\Seen", "$Label1"] if number % 2 else [])
        mail.move("INBOX", [1, 2], "Ärger")
        mail.copy("INBOX", [3], "Ärger")
        mail.store("INBOX", [4], ["\\Flagged"])
        mail.expunge("INBOX", [5])
        mail.rename("Ärger", "Archive/Ärger")
        mail.new_uidvalidity("INBOX")
        with client_of(server) as client:
            assert differences(truth(client), mail.truth()) == []
            assert list(client.folders()) == ["INBOX", "Archive/Ärger"]


@pytest.mark.parametrize("kind", CLASSES)
async def test_a_mirror_of_every_class(kind: str, tmp_path: Path) -> None:
    with ModelServer(kind, view=1000) as server, Rig(tmp_path, server.port) as rig:
        folder = "[Gmail]/All Mail" if kind == "gmail" else "INBOX"
        for number in range(10):
            server.mail.append(folder, letter(number))
        await rig.sync(folder)
        server.mail.expunge(folder, [3])
        server.mail.store(folder, [4], ["\\Seen"])
        server.mail.append(folder, letter(11))
        await rig.sync(folder)
        held, there = rig.mirrored(), server.mail.truth()
        assert differences({folder: held[folder]}, {folder: there[folder]}) == []


def test_what_a_server_tells_since_a_modseq() -> None:
    with ModelServer("full") as server:
        for number in range(6):
            server.mail.append("INBOX", letter(number))
        with client_of(server) as client:
            client.command("ENABLE QRESYNC")
            validity, modseq = server.mail.folders["INBOX"].uidvalidity, server.mail.folders["INBOX"].modseq
            server.mail.expunge("INBOX", [2, 3])
            server.mail.store("INBOX", [5], ["\\Seen"])
            told = client.command(f'EXAMINE "INBOX" (QRESYNC ({validity} {modseq}))')
            assert b"* VANISHED (EARLIER) 2:3" in told
            assert [line for line in told if b"FETCH" in line] == [
                b"* 3 FETCH (UID 5 FLAGS (\\Seen) MODSEQ (%d))" % (modseq + 3)
            ]
            found = client.command("UID SEARCH RETURN (ALL COUNT MIN MAX) UNSEEN UID 1:4")
            assert any(line.endswith(b" UID MIN 1 MAX 4 COUNT 2 ALL 1,4") for line in found)
            assert b"* SEARCH 5" in client.command("UID SEARCH SEEN NOT KEYWORD x OR LARGER 5 SUBJECT 9")
            server.mail.expunge("INBOX", [1])
            assert b"* VANISHED 1" in client.command("NOOP")


def test_gmail_labels_are_folders() -> None:
    with ModelServer("gmail") as server:
        server.mail.create("Work")
        server.mail.append("INBOX", letter(1), labels=["Work"])
        assert [len(one.messages) for one in server.mail.folders.values()] == [1, 1, 0, 0, 1]
        server.mail.expunge("Work", [1])
        with client_of(server) as client:
            client.command('EXAMINE "[Gmail]/All Mail"')
            told = client.command("UID FETCH 1:* (X-GM-LABELS X-GM-MSGID)")
            assert any(b'X-GM-LABELS ("\\\\Inbox")' in line for line in told)
            assert not server.mail.folders["Work"].messages


def test_yahoo_shows_a_window_until_uidonly() -> None:
    with ModelServer("yahoo", view=3, limit=4) as server:
        for number in range(10):
            server.mail.append("INBOX", letter(number))
        with client_of(server) as client:
            assert b"* 3 EXISTS" in client.command("EXAMINE INBOX")
            client.command("UNSELECT" if "UNSELECT" in server.capabilities else "CLOSE")
            client.command("ENABLE UIDONLY")
            assert b"* 10 EXISTS" in client.command("EXAMINE INBOX")
            assert [line.split()[1] for line in client.command("UID FETCH 1:* (UID)") if b"UIDFETCH" in line] == [
                b"7",
                b"8",
                b"9",
                b"10",
            ]
            assert len([line for line in client.command("UID FETCH 1:* (UID) (PARTIAL 1:2)") if b"FETCH" in line]) == 2
