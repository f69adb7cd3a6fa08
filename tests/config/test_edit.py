"""Changes to config.toml: what was there stays byte for byte, and nothing half done is ever written."""

from __future__ import annotations

import multiprocessing
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.config.edit import editing, with_account, with_values, without_account
from mailsync.config.load import load_config
from mailsync.errors import ConfigError

NEW = {"email": "me@new.example", "host": "imap.new.example", "oauth": {"client_id": 'a"b'}}
FULL = """\
# my own file, with   odd blanks

[general]   # the rest
sync_interval="5m"          # often

[accounts.work]# glued
email  = 'me@example.com'
host = "imap.example.com"
watch = [
  "INBOX",   # the important one
  "Sent"]
# password_command = ["pass"]

[accounts.work.folders]
exclude = ["\\\\Junk"]   # "quotes" and # marks

# what follows is about the store
[store]
keep_deleted = "30d"

# home, sweet home
[accounts.home]
email = "home@example.org"
host = "imap.example.org"

[accounts.work.messages]    # out of its place
newer_than = "2y"
# the end"""


@pytest.mark.parametrize("text", ["", FULL, FULL + "\n", FULL + "\n\n", "\ufeff" + FULL, "[general]\n"], ids=range(6))
@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_an_addition_is_an_addition(text: str, line: str) -> None:
    text = text.replace("\n", line)
    added = with_account(text, "new", NEW)
    assert added.startswith(text)
    assert added.endswith("\n")
    assert "\r\n" not in text or "\n" not in added.replace("\r\n", "")
    assert tomllib.loads(added.removeprefix("\ufeff").replace("\r\n", "\n"))["accounts"]["new"] == NEW
    assert without_account(added, "new").rstrip() == text.rstrip()


def test_how_an_account_looks() -> None:
    assert with_account("# mine", "new", NEW).removeprefix("# mine") == (
        "\n\n[accounts.new]\n"
        'email = "me@new.example"\nhost = "imap.new.example"\n\n[accounts.new.oauth]\nclient_id = "a\\"b"\n'
    )


def test_a_removal_takes_the_account_with_all_its_tables_and_no_other_comment() -> None:
    left = without_account(FULL, "work")
    assert (
        left
        == FULL[: FULL.index("[accounts.work]")]
        + FULL[FULL.index("# what follows") : FULL.index("[accounts.work.messages]")]
        + "# the end"
    )
    home = without_account(FULL, "home")
    assert "# home, sweet home\n" in home
    assert "home@" not in home


@pytest.mark.parametrize(
    "text",
    [
        '[accounts]\nwork = {host = "a"}  # inline\nhome = {host = "b"}\n',
        'accounts.work.host = "a"\naccounts.home.host = "b"\n',
        '[accounts]\nwork.host = "a" # dotted\n\nhome.host = "b"\n[store]\n',
        '["accounts".work]\nhost = """\n[accounts.home]\n"""\n[accounts.home]\nhost = "b"\n',
    ],
)
def test_other_ways_to_write_accounts(text: str) -> None:
    left = without_account(text, "work")
    assert "work" not in left
    assert tomllib.loads(left)["accounts"] == {"home": tomllib.loads(text)["accounts"]["home"]}
    assert with_account(text, "new", NEW).startswith(text)


def test_what_cannot_be_done_without_harm_is_refused() -> None:
    inline = 'accounts = {work = {host = "a"}}\n'
    with pytest.raises(ConfigError, match=r"cannot add \[accounts\.new\]"):
        with_account(inline, "new", NEW)
    with pytest.raises(ConfigError, match="cannot remove"):
        without_account(inline, "work")
    with pytest.raises(ConfigError, match="there is an account work already"):
        with_account(FULL, "work", NEW)
    with pytest.raises(ConfigError, match="there is no account new"):
        without_account(FULL, "new")


def test_a_value_is_changed_where_it_stands() -> None:
    assert with_values(FULL, ("general",), {"sync_interval": "9m", "secrets": "file"}) == FULL.replace(
        'sync_interval="5m"          # often\n', 'sync_interval="9m"          # often\nsecrets = "file"\n'
    )
    assert with_values("# mine\n", ("general",), {"secrets": "file"}) == '# mine\n\n[general]\nsecrets = "file"\n'


@given(st.lists(st.sampled_from(FULL.splitlines(keepends=True)), max_size=20).map("".join))
def test_whatever_is_toml_comes_back(text: str) -> None:
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    added = with_account(text, "new", NEW)
    assert added.startswith(text)
    for name in before.get("accounts", {}):
        added = without_account(added, name)
    assert tomllib.loads(added)["accounts"] == {"new": NEW}
    changed = tomllib.loads(with_values(text, ("general",), {"secrets": "file"}))
    assert changed.pop("general") == before.get("general", {}) | {"secrets": "file"}
    assert changed == {key: value for key, value in before.items() if key != "general"}


def test_toml_that_tomlkit_does_not_take_is_left_alone() -> None:
    for text in ("[[y.a]]\n[b.d.x]\n[[y.a.c]]\n", "y = 3\n", "[[y]]\n"):
        try:
            changed = with_values(text, ("y",), {"z": 1})
        except ConfigError:
            continue
        assert tomllib.loads(changed)["y"]["z"] == 1


def test_a_file_that_was_not_there_is_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "mailsync" / "config.toml"
    with editing(path) as file:
        config = file.write(with_account(file.text, "new", {"email": "a@b.example", "host": "c.example"}))
    assert config == load_config(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["config.toml"]
    with editing(path) as file:
        file.write(without_account(file.text, "new"))
        file.restore()
    assert load_config(path) == config


def test_a_link_and_a_mode_stay(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "mailsync.toml"
    real.parent.mkdir()
    real.write_text(FULL)
    real.chmod(0o640)
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    with editing(link) as file:
        file.write(with_account(file.text, "new", {"email": "a@b.example", "host": "c.example"}))
    assert link.is_symlink()
    assert real.read_text().startswith(FULL)
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_what_would_be_no_configuration_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(FULL)
    path.chmod(0o666)
    with editing(path) as file:
        with pytest.raises(ConfigError, match=r"accounts\.new\.host is missing"):
            file.write(with_account(file.text, "new", {"email": "a@b.example"}))
        table = {"email": "a@b.example", "host": "c.example", "password_command": ["pass"]}
        with pytest.raises(ConfigError, match="writable by others"):
            file.write(with_account(file.text, "new", table))
    assert path.read_text() == FULL
    assert list(tmp_path.iterdir()) == [path]


def _add(path: Path, number: int) -> None:
    with editing(path) as file:
        file.write(with_account(file.text, f"a{number}", {"email": "a@b.example", "host": "c.example"}))


def test_two_editors_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(FULL)
    context = multiprocessing.get_context("fork")
    editors = [context.Process(target=_add, args=(path, number)) for number in range(6)]
    for editor in editors:
        editor.start()
    for editor in editors:
        editor.join()
    assert set(load_config(path).accounts) == {"work", "home", *(f"a{number}" for number in range(6))}
