"""The helpers themselves: what they start serves what was put in, byte for byte, and nothing of it survives."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.servers.dovecot import PLAIN_IMAP4REV1, Dovecot
from tests.servers.imap_client import ImapClient, Refused, decode_name, encode_name
from tests.servers.process import HOST, group_members
from tests.servers.proxy import FaultProxy, Faults
from tests.servers.pymap_server import Pymap

AWKWARD = ["Ünïcode/子", "a.b", 'quote"d', "back\\slash", "*star", "%pct", "&amp"]
WHEN = datetime(2024, 2, 29, 23, 59, 58, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))


def message(number: int) -> bytes:
    return b"Subject: number %d\r\n\r\nbody %d with \xff\xfe bytes\r\n" % (number, number)


MESSAGES = [(message(number), ["\\Seen", "$Label"], WHEN) for number in range(20)]


@pytest.mark.parametrize("name", AWKWARD)
def test_names_survive_modified_utf7(name: str) -> None:
    assert decode_name(encode_name(name)) == name


@pytest.mark.parametrize("mail_format", ["mdbox", "maildir"])
def test_dovecot_from_start_to_end(mail_format: str, start_dovecot: Callable[..., Dovecot]) -> None:
    server = start_dovecot({"a": "x y", "b": 'q"w'}, mail_format=mail_format, special_use={"Out": "\\Sent"})
    uids = server.fill("a", "INBOX", MESSAGES)
    group = server.pid
    assert group_members(group)
    server.stop()
    assert not group_members(group)
    server.start()
    with server.client("a") as client:
        stored = client.fetch_all("INBOX")
        assert [stored[uid].raw for uid in uids] == [raw for raw, _, _ in MESSAGES]
        assert {one.flags for one in stored.values()} == {frozenset({"\\Seen", "$Label"})}
        assert {one.internaldate for one in stored.values()} == {WHEN}
        assert all(one.size == len(one.raw) for one in stored.values())
        assert "\\Sent" in client.folders()["Out"]
    with server.client("b") as client:
        assert client.uids("INBOX") == []
    group = server.pid
    server.close()
    assert not group_members(group)
    assert not server.directory.exists()


@pytest.mark.parametrize("mail_format", ["mdbox", "sdbox", "maildir"])
def test_dovecot_takes_awkward_folder_names(mail_format: str, start_dovecot: Callable[..., Dovecot]) -> None:
    server = start_dovecot(mail_format=mail_format)
    for name in AWKWARD:
        server.fill("alice", name, MESSAGES[:1])
    with server.client() as client:
        assert set(AWKWARD) <= set(client.folders())
        assert [client.uids(name) for name in AWKWARD] == [[1]] * len(AWKWARD)


def test_dovecot_speaks_tls_that_only_its_own_authority_vouches_for(dovecot: Dovecot, fresh_user: str) -> None:
    password = dovecot.users[fresh_user]
    for port, starttls in ((dovecot.tls_port, False), (dovecot.port, True)):
        with ImapClient(port, fresh_user, password, ca_file=dovecot.ca_file, starttls=starttls) as client:
            assert "IMAP4rev1" in client.capabilities()


def test_dovecot_can_be_made_plain(start_dovecot: Callable[..., Dovecot]) -> None:
    server = start_dovecot(capability=PLAIN_IMAP4REV1)
    with server.client() as client:
        assert client.capabilities() == set(PLAIN_IMAP4REV1.split())
        assert client.append_many("INBOX", MESSAGES) == list(range(1, 21))


def test_dovecot_can_compress_and_renumber(start_dovecot: Callable[..., Dovecot]) -> None:
    server = start_dovecot(compress=True)
    server.fill("alice", "INBOX", MESSAGES[:1])
    server.doveadm("mailbox", "update", "-u", "alice", "--uid-validity", "1234567", "INBOX")
    with server.client() as client:
        assert "COMPRESS=DEFLATE" in client.capabilities()
        assert client.status("INBOX") == {"MESSAGES": 1, "UNSEEN": 0, "UIDNEXT": 2, "UIDVALIDITY": 1234567}


def test_a_wrong_password_is_refused_at_once(dovecot: Dovecot) -> None:
    before = datetime.now(UTC)
    with pytest.raises(Exception, match="AUTHENTICATIONFAILED"):
        ImapClient(dovecot.port, "user1", "wrong")
    assert datetime.now(UTC) - before < timedelta(seconds=1)


def test_the_other_client_changes_mailboxes(dovecot: Dovecot, fresh_user: str) -> None:
    uids = dovecot.fill(fresh_user, "Projects", MESSAGES)
    with dovecot.client(fresh_user) as client:
        client.store("Projects", uids[:1], "-FLAGS", "\\Seen")
        client.expunge("Projects", uids[1:3])
        client.rename("Projects", "Öther/Projects")
        assert client.status("Öther/Projects")["UNSEEN"] == 1
        assert client.uids("Öther/Projects") == [uids[0], *uids[3:]]
        client.delete("Öther/Projects")
        assert "Öther/Projects" not in client.folders()
        with pytest.raises(Refused):
            client.append("Öther/Projects", b"Subject: nowhere\r\n\r\n")


def test_pymap_from_start_to_end(pymap: Pymap) -> None:
    uids = pymap.fill("Ünïcode/子", MESSAGES)
    with pymap.client() as client:
        stored = client.fetch_all("Ünïcode/子")
        assert [stored[uid].raw for uid in uids] == [raw for raw, _, _ in MESSAGES]
        assert {one.internaldate for one in stored.values()} == {WHEN}
    group = pymap.pid
    pymap.stop()
    assert not group_members(group)


def read_all(port: int, want: int) -> bytes:
    with socket.create_connection((HOST, port), 2.0) as sock:
        sock.settimeout(0.3)
        got = b""
        try:
            while len(got) < want and (data := sock.recv(4096)):
                got += data
        except TimeoutError:
            got += b"|stalled"
        return got


def test_the_proxy_passes_cuts_stalls_dribbles_and_refuses(dovecot: Dovecot, fresh_user: str) -> None:
    with FaultProxy(dovecot.port) as proxy:
        with ImapClient(proxy.port, fresh_user, dovecot.users[fresh_user]) as client:
            assert client.uids("INBOX") == []
            proxy.faults = Faults(piece=1, latency=0.0001)
            assert client.status("INBOX")["MESSAGES"] == 0
            proxy.drop_all()
            with pytest.raises(Exception, match=r"socket error|EOF|hung up|Broken pipe|reset"):
                client.command("NOOP")
        proxy.faults = Faults(cut_after=4)
        assert read_all(proxy.port, 100) == b"* OK"
        proxy.faults = Faults(stall_after=4)
        assert read_all(proxy.port, 100) == b"* OK|stalled"
        proxy.faults = Faults(refuse=True)
        assert read_all(proxy.port, 100) == b""
        assert proxy.connections == 4
