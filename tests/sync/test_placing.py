"""Where messages of a folder go on another server."""

from __future__ import annotations

import pytest

from mailsync.store.restores import Source
from mailsync.sync.placing import Existing, Target, parents, place, shared_prefix


def target(*folders: str, delimiter: str | None = "/", prefix: str = "", sent: str = "") -> Target:
    existing = [Existing(name, name.encode(), "\\Sent" if name == sent else "") for name in folders]
    return Target(existing, delimiter, prefix)


def source(name: str, delimiter: str = "/", *, prefix: str = "", use: str = "", wish: str = "") -> Source:
    return Source("work", name, delimiter, prefix, use, wish)


@pytest.mark.parametrize(
    ("one", "there", "name"),
    [
        (source("INBOX"), target("INBOX"), "INBOX"),
        (source("Inbox"), target("INBOX"), "INBOX"),
        (source("inbox"), target(prefix="INBOX.", delimiter="."), "INBOX"),
        (source("Inbox/Work"), target("INBOX"), "INBOX/Work"),
        (source("Lists/Dev"), target("INBOX", delimiter="."), "Lists.Dev"),
        (source("Lists/v1.0"), target("INBOX", delimiter="."), "Lists.v1_0"),
        (source("Lists/Dev"), target("INBOX", delimiter=None), "Lists_Dev"),
        (source("a//b"), target("INBOX"), "a/_/b"),
        (source("INBOX.Old.2001", ".", prefix="INBOX."), target("INBOX"), "Old/2001"),
        (source("Old/2001"), target("INBOX", delimiter=".", prefix="INBOX."), "INBOX.Old.2001"),
        (source("Sent", use="\\Sent"), target("INBOX", "Gesendet", sent="Gesendet"), "Gesendet"),
        (source("Sent", use="\\Sent"), target("INBOX", "Gesendet"), "Sent"),
        (source("Archive", wish="Back/Here"), target("INBOX"), "Back/Here"),
        (source("Archive", wish="inbox"), target("INBOX"), "INBOX"),
        (source("Archive", wish="\\Sent"), target("INBOX", "Gesendet", sent="Gesendet"), "Gesendet"),
        (source("u\u0308ber"), target("INBOX", "über"), "über"),
    ],
)
def test_on_another_account(one: Source, there: Target, name: str) -> None:
    found, raw = place(one, there, same=False)
    assert found == name
    assert raw == (name.encode() if name in {folder.name for folder in there.folders} else None)


def test_on_its_own_account_a_folder_has_its_own_name() -> None:
    there = target("INBOX", "Gesendet", sent="Gesendet")
    assert place(source("INBOX/Work", prefix="INBOX/"), there, same=True) == ("INBOX/Work", None)
    assert place(source("Sent", use="\\Sent"), there, same=True) == ("Gesendet", b"Gesendet")
    assert place(source("Sent", use="\\Sent"), target("Sent", "Gesendet", sent="Gesendet"), same=True)[0] == "Sent"


def test_what_all_folders_begin_with() -> None:
    assert shared_prefix(["INBOX", "INBOX.Sent", "INBOX.a.b"], ".") == "INBOX."
    assert shared_prefix(["INBOX", "Inbox.Sent", "Inbox.a"], ".") == "Inbox."
    assert shared_prefix(["INBOX", "INBOX.Sent", "Other"], ".") == ""
    assert shared_prefix(["INBOX"], ".") == ""
    assert shared_prefix(["INBOX", "INBOXES"], ".") == ""


def test_the_folders_above() -> None:
    assert parents("a/b/c", "/") == ["a", "a/b"]
    assert parents("a", "/") == []
    assert parents("a/b", None) == []
