"""A configuration that is remembered is the one that was checked, and is forgotten with anything it depended on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mailsync.cli.settings import FILE_NAME, KEPT, Table, settings
from mailsync.config.load import load_config
from mailsync.errors import ConfigError

TEXT = """
[general]
sync_interval = "10m"
[accounts.work]
email = "me@example.com"
host = "imap.example.com"
password_command = ["pass", "work"]
[accounts.work.quirks]
pipeline = 3
disable = ["QRESYNC"]
skip = []
[accounts.home]
email = "me@gmail.com"
provider = "gmail"
auth = "password"
[accounts.home.messages]
newer_than = "2y"
"""


class Place:
    """A configuration and a data directory."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o700)
        self.path, self.data = folder / "config.toml", folder / "data"
        self.data.mkdir()
        self.write(TEXT)

    def write(self, text: str) -> None:
        self.path.write_text(text, "utf-8")
        self.path.chmod(0o600)

    def remembered(self) -> bool:
        """The next look was remembered, and says what checking says."""
        config = settings(self.path, self.data, missing_ok=False)
        assert config == load_config(self.path)
        return isinstance(config, Table)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_the_second_look_is_remembered_and_equal(place: Place) -> None:
    assert [place.remembered() for _ in range(3)] == [False, True, True]
    config = settings(place.path, place.data, missing_ok=False)
    assert config.accounts["work"].quirks.given() == {"pipeline": 3, "disable": ["QRESYNC"], "skip": []}
    assert list(config.accounts) == ["work", "home"]
    assert config.accounts["home"].host == "imap.gmail.com"
    assert (place.data / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_another_text_is_checked_anew(place: Place) -> None:
    assert not place.remembered()
    for number in range(1, KEPT + 1):
        place.write(TEXT.replace("10m", f"1{number}m"))
        assert [place.remembered(), place.remembered()] == [False, True]
    place.write(TEXT.replace("10m", "11m"))
    assert place.remembered()
    place.write(TEXT)  # the oldest one was forgotten
    assert not place.remembered()
    place.write(TEXT.replace("10m", "wrong"))
    with pytest.raises(ConfigError):
        settings(place.path, place.data, missing_ok=False)
    place.write(TEXT)
    place.path.chmod(0o660)
    with pytest.raises(ConfigError, match="writable by others"):
        settings(place.path, place.data, missing_ok=False)


def test_a_private_authority_that_is_gone_is_told_as_ever(place: Place) -> None:
    ca = place.data / "ca.pem"
    ca.touch()
    place.write(TEXT.replace("[accounts.work.quirks]", 'tls_ca_file = "data/ca.pem"\n[accounts.work.quirks]'))
    assert [place.remembered(), place.remembered()] == [False, True]
    ca.unlink()
    with pytest.raises(ConfigError, match="no such file"):
        settings(place.path, place.data, missing_ok=False)


def test_what_others_could_have_written_is_not_believed(place: Place) -> None:
    assert [place.remembered(), place.remembered()] == [False, True]
    memory = place.data / FILE_NAME
    memory.chmod(0o620)
    assert not place.remembered()
    assert place.remembered()
    elsewhere = place.data / "elsewhere"
    os.rename(memory, elsewhere)  # noqa: PTH104
    memory.symlink_to(elsewhere)
    assert not place.remembered()


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"3", b'{"key": 1}', b"\xff"])
def test_a_broken_memory_is_none(place: Place, text: bytes) -> None:
    assert not place.remembered()
    (place.data / FILE_NAME).write_bytes(text)
    assert [place.remembered(), place.remembered()] == [False, True]


def test_a_configuration_that_is_not_there(place: Place) -> None:
    place.path.unlink()
    with pytest.raises(ConfigError, match="no configuration"):
        settings(place.path, place.data, missing_ok=False)
    assert settings(place.path, place.data, missing_ok=True).accounts == {}
