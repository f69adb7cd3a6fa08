"""The order and nesting of folders."""

from __future__ import annotations

from mailsync.store.dashboard import Folder
from mailsync.tui.tree import flatten, ordered, special_word


def folder(name: str, *, use: str = "", unread: int = 0, delimiter: str = "/", account: str = "a") -> Folder:
    return Folder(
        hash((account, name)), account, name, delimiter, use, 0, unread, 0, 0, 0, None, None, None, "", False, "", ""
    )


def shown(folders: list[Folder], closed: set[tuple[str, ...]] | None = None) -> list[str]:
    nodes = flatten(["a"], folders, closed or set())
    return ["  " * node.depth + node.label + (f" {node.unread}" if node.unread else "") for node in nodes]


def test_inbox_then_special_uses_then_names() -> None:
    folders = [
        folder("Zoo"),
        folder("Bin", use="\\Trash"),
        folder("alpha"),
        folder("Gesendet", use="\\Sent"),
        folder("inbox"),
        folder("Spam", use="\\Junk"),
        folder("Old", use="\\Archive"),
        folder("Drafts", use="\\Drafts"),
    ]
    names = ["inbox", "Drafts", "Gesendet", "Old", "Spam", "Bin", "alpha", "Zoo"]
    assert shown(folders) == ["a", *("  " + name for name in names)]
    assert [each.name for each in ordered(folders)] == names
    assert special_word(folders[1]) == "trash"


def test_each_folder_nests_by_its_own_delimiter() -> None:
    folders = [
        folder("x/y", unread=1),
        folder("x.y", delimiter="."),
        folder("x/y/z", unread=2),
        folder("flat/name", delimiter=""),
    ]
    assert shown(folders) == ["a", "  flat/name", "  x", "    y 1", "      z 2", "  x.y"]


def test_a_name_with_empty_parts_is_one_line() -> None:
    assert shown([folder("/a//b/"), folder("//")]) == ["a", "  //", "  /a//b/"]


def test_what_is_closed_tells_the_unread_below() -> None:
    folders = [folder("INBOX", unread=3), folder("x", unread=1), folder("x/y", unread=2), folder("x/y/z", unread=4)]
    assert shown(folders, {("a", "x")}) == ["a", "  INBOX 3", "  x 7"]
    assert shown(folders, {("a",)}) == ["a 10"]


def test_a_name_nested_thousands_deep() -> None:
    deep = folder("/".join("d" * 1000), unread=1)
    nodes = flatten(["a"], [deep], ())
    assert len(nodes) == 1001
    assert flatten(["a"], [deep], {("a",)})[0].unread == 1


def test_accounts_without_folders_have_a_line() -> None:
    assert [node.key for node in flatten(["a", "b"], [folder("INBOX", account="b")], ())] == [
        ("a",),
        ("b",),
        ("b", "INBOX"),
    ]
