"""`[accounts.NAME.quirks]`: every quirk can be overridden, and only what is written overrides."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from mailsync.config.load import load_config
from mailsync.config.models import QuirksConfig
from mailsync.errors import ConfigError
from mailsync.imap.quirks import Quirks, override

ACCOUNT = '[accounts.work]\nemail = "me@example.com"\nhost = "imap.example.com"\n[accounts.work.quirks]\n'


def loaded(folder: Path, text: str) -> QuirksConfig:
    path = folder / "config.toml"
    path.write_text(ACCOUNT + text, "utf-8")
    return load_config(path).accounts["work"].quirks


def test_every_quirk_has_its_key() -> None:
    assert set(QuirksConfig.model_fields) == {field.name for field in fields(Quirks)} - {"names"} | {"enable"}


def test_only_what_is_written_overrides(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").given() == {}
    text = 'disable = ["qresync"]\nreidle = "5m"\ndaily_bytes = "2GB"\nskip = []\nwindow = false\nuidonly = "auto"\n'
    given = loaded(tmp_path, text).given()
    assert given == {"disable": ["qresync"], "reidle": 300, "daily_bytes": 2 * 10**9, "skip": [], "window": False}
    known = Quirks(disable=frozenset({"IDLE"}), skip=frozenset({"\\All"}), window=True, poll=55.0)
    changed = override(known, given)
    assert changed.disable == {"IDLE", "QRESYNC"}
    assert (changed.skip, changed.window, changed.reidle) == (frozenset(), False, 300.0)
    assert (changed.daily_bytes, changed.poll) == (2 * 10**9, 55.0)
    assert override(known, loaded(tmp_path, 'enable = ["IDLE"]').given()).disable == frozenset()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("reidle = 0", "at least 1"),
        ("pipeline = 0", "at least 1"),
        ("daily_bytes = 0", "at least 1"),
        ('honest_size = "no"', '"auto", true or false'),
        ('skip = "\\\\All"', "a list such as"),
        ('poll_by = "noop"', '"NOOP"'),
        ("reidel = 5", "did you mean reidle?"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml:5: .*quirks\.") as caught:
        loaded(tmp_path, line)
    assert said in str(caught.value)
