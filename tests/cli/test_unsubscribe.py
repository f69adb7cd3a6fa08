"""`mailsync cleanup unsubscribe`: who can be left, and leaving: approved, on record, one request, its answer noted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailsync.cleanup import oneclick
from mailsync.cli import terminal
from mailsync.store import cleanup_decisions, consents
from mailsync.store.database import Store
from tests.cli.conftest import CommandLine
from tests.cli.proposals import propose
from tests.servers.https_server import HttpsServer
from tests.store.filled import Letter, fill

SAID = {"/u": b"HTTP/1.1 200 OK\r\n\r\n", "/gone": b"HTTP/1.1 410 Gone\r\n\r\n"}
PASSED = "Authentication-Results: mx.home.example; dkim=pass header.d=shop.example\r\n"
SIGNED = "DKIM-Signature: v=1; d=shop.example; h=from:list-unsubscribe:list-unsubscribe-post; b=AA==\r\n"
POST = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"


def letter(number: int, sender: str, way: str, *fields: str, day: int = 1) -> bytes:
    return (
        f"{''.join(fields)}From: {sender}\r\nTo: list@shop.example\r\nSubject: {number}\r\n"
        f"Message-ID: <{number}@shop.example>\r\nDate: Tue, {day:02} Mar 2022 10:00:00 +0000\r\n"
        f"List-Unsubscribe: <{way}>\r\n\r\nSale {number}\r\n"
    ).encode()


@pytest.fixture
def server(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpsServer]:
    """An HTTPS server that mail tells to ask, and the mirror of that mail."""
    with HttpsServer(cli.folder, SAID) as one:
        monkeypatch.setenv("SSL_CERT_FILE", str(cli.folder / "ca.pem"))
        monkeypatch.setattr(oneclick, "is_public", lambda address: True)
        where = f"https://127.0.0.1:{one.port}"
        store = Store.open(cli.data)
        fill(
            store,
            [
                letter(1, "News@shop.example", "mailto:old@shop.example"),
                letter(2, "news@shop.example", f"{where}/u?id=2", PASSED, SIGNED, POST, day=3),
                Letter(letter(3, "news@shop.example", f"{where}/u?id=3", SIGNED, POST, day=2), flags=1),
                letter(4, "gone@shop.example", f"{where}/gone", SIGNED, POST),
                letter(5, "web@shop.example", "http://web.example/leave"),
                letter(6, "ann@list.example", "mailto:leave@list.example", "List-Id: <talk.list.example>\r\n"),
                letter(7, "bob@list.example", "mailto:leave@list.example", "List-Id: <talk.list.example>\r\n", day=9),
                b"From: max@friend.example\r\nTo: me@example.com\r\nSubject: Lunch?\r\n\r\nHi\r\n",
                Letter(letter(8, "spam@shop.example", f"{where}/u", SIGNED, POST), folder="Junk"),
            ],
        )
        store.write(lambda c: consents.grant(c, "work", cleanup_decisions.SCOPES, 1.0)).result()
        junk = "UPDATE folders SET uidvalidity = 7, special_use = iif(name = 'Junk', '\\Junk', '')"
        store.write(lambda c: c.execute(junk)).result()
        store.close()
        yield one


def test_who_can_be_left_by_which_evidence(cli: CommandLine, server: HttpsServer) -> None:
    lists = cli("cleanup", "unsubscribe", "--json").json["lists"]
    assert [(one["from"], one["list"], one["messages"], one["unread"], one["id"]) for one in lists] == [
        ("news@shop.example", None, 3, 2, "2"),
        ("bob@list.example", "talk.list.example", 2, 2, "7"),
        ("gone@shop.example", None, 1, 1, "4"),
        ("web@shop.example", None, 1, 1, "5"),
    ]
    newest = lists[0]
    assert (newest["one_click"], newest["url"]) == (True, f"https://127.0.0.1:{server.port}/u?id=2")
    assert (newest["last"], newest["why_not"], newest["unsubscribed"]) == ("2022-03-03T10:00:00Z", None, None)
    assert newest["evidence"] == {
        "signed_by": "shop.example",
        "covers": ["List-Unsubscribe", "List-Unsubscribe-Post"],
        "dkim": "pass",
        "checked_by": "mx.home.example",
    }
    assert (lists[3]["one_click"], lists[3]["pages"]) == (False, ["http://web.example/leave"])
    shown = cli("cleanup", "unsubscribe", "list").out
    assert "signed by shop.example, pass says mx.home.example" in shown
    assert "it does not offer one click" in shown
    assert server.asked == []


def test_a_proposal_tells_how_its_senders_are_left(cli: CommandLine, server: HttpsServer) -> None:
    propose(cli.data, [1, 2, 3, 5])
    senders = {one["sender"]: one["unsubscribe"] for one in cli("cleanup", "show", "1", "--json").json["senders"]}
    assert (senders["news@shop.example"]["message"], senders["news@shop.example"]["one_click"]) == ("2", True)
    assert senders["news@shop.example"]["evidence"]["signed_by"] == "shop.example"
    assert (senders["web@shop.example"]["one_click"], senders["web@shop.example"]["evidence"]["signed_by"]) == (
        False,
        None,
    )
    shown = cli("cleanup", "show", "1").out
    assert "(signed by shop.example, pass says mx.home.example: mailsync cleanup unsubscribe 2)" in shown
    assert shown.count("cleanup unsubscribe") == 1


def test_a_list_is_left_by_one_request_and_that_is_on_record(cli: CommandLine, server: HttpsServer) -> None:
    left = cli("cleanup", "unsubscribe", "2", "--yes", "--json").json
    assert left == {"ok": True, "job": "1", "detail": "127.0.0.1 said yes (HTTP 200)", "error": None}
    (asked,) = server.asked
    assert asked.startswith(b"POST /u?id=2 HTTP/1.1\r\n")
    now = cli("cleanup", "unsubscribe", "--json").json["lists"][0]["unsubscribed"]
    assert (now["state"], now["detail"], now["job"]) == ("done", "127.0.0.1 said yes (HTTP 200)", "1")
    entries = cli("audit", "list", "--json").json["entries"]
    told = [(one["action"], one["outcome"]) for one in entries if one["action"].startswith("unsubscribe")]
    assert told == [("unsubscribe_approved", "ok"), ("unsubscribed", "ok")]
    (job,) = [one for one in cli("jobs", "list", "--json").json["jobs"] if one["kind"] == "unsubscribe"]
    assert job["approved_by"] == now["approved_by"] == entries[-1]["actor"]


def test_a_list_that_does_not_let_go(cli: CommandLine, server: HttpsServer) -> None:
    result = cli("cleanup", "unsubscribe", "4", "--yes")
    assert (result.code, "127.0.0.1 answers with HTTP 410" in result.err) == (1, True)
    now = {one["id"]: one["unsubscribed"] for one in cli("cleanup", "unsubscribe", "--json").json["lists"]}
    assert (now["4"]["state"], now["4"]["detail"]) == ("failed", "127.0.0.1 answers with HTTP 410")


def test_one_that_never_began_may_be_tried_again(cli: CommandLine, server: HttpsServer) -> None:
    words = ("cleanup", "unsubscribe", "2", "--yes", "--no-wait", "--json")
    assert cli(*words).json["job"] == "1"
    assert "this is under way" in cli(*words).err
    cli("jobs", "cancel", "1")
    now = cli("cleanup", "unsubscribe", "--json").json["lists"][0]["unsubscribed"]
    assert (now["state"], now["detail"]) == ("failed", "the job was cancelled")
    assert server.asked == []
    cli("jobs", "retry", "1")
    assert cli("cleanup", "unsubscribe", "--json").json["lists"][0]["unsubscribed"]["state"] == "done"
    assert len(server.asked) == 1


def test_nobody_is_asked_without_an_approval(
    cli: CommandLine, server: HttpsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*words: str) -> tuple[int, str]:
        result = cli(*words[:-1], "cleanup", "unsubscribe", words[-1], *(["--yes"] if words[:-1] else []))
        return result.code, result.err

    assert refused("2") == (2, "error: somebody has to approve of it\nhint: run this in a terminal, or give --yes\n")
    assert refused("--read-only", "2")[0] == 2
    assert "open it yourself: http://web.example/leave" in cli("cleanup", "unsubscribe", "5", "--yes").err
    assert "write to leave@list.example" in cli("cleanup", "unsubscribe", "7", "--yes").err
    assert "says nothing of leaving" in cli("cleanup", "unsubscribe", "8", "--yes").err
    assert "this is junk" in cli("cleanup", "unsubscribe", "9", "--yes").err
    assert "there is no message 99" in cli("cleanup", "unsubscribe", "99", "--yes").err
    monkeypatch.setattr(terminal, "is_there", lambda: True)
    monkeypatch.setattr(terminal, "confirm", lambda question, *, default: default)
    asked = cli("cleanup", "unsubscribe", "2")
    assert (asked.code, f"one request to https://127.0.0.1:{server.port}/u?id=2" in asked.err) == (1, True)
    cli("consent", "revoke", "work", "mailbox_modify")
    assert cli("cleanup", "unsubscribe", "2", "--yes").code == 3
    assert server.asked == []
    assert cli("jobs", "list", "--json").json["jobs"] == []


def test_an_account_that_may_not_be_read_is_left_out(cli: CommandLine, server: HttpsServer) -> None:
    cli.configure(cli.config.read_text("utf-8") + '\n[accounts.home]\nemail = "me@home.example"\nhost = "h.example"\n')
    told = cli("cleanup", "unsubscribe")
    assert (told.code, told.err) == (0, "left out, since email_read is not granted: home\n")
    assert told.out.count("\n") == 4
    assert cli("cleanup", "unsubscribe", "--account", "home").code == 3
    cli("consent", "revoke", "work", "email_read")
    assert cli("cleanup", "unsubscribe", "--json").code == 3
    assert server.asked == []
