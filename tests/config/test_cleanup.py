"""`[cleanup]`: what may be wanted of a clean-up, and that nothing of it reaches what protects."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailsync.cleanup import rules
from mailsync.config.cleanup_rules import SHIPPED
from mailsync.config.load import load_config
from mailsync.config.models import Config
from mailsync.errors import ConfigError

ACCOUNT = '[accounts.work]\nemail = "me@example.com"\nhost = "imap.example.com"\n'


def load(folder: Path, text: str) -> Config:
    path = folder / "config.toml"
    path.write_text(ACCOUNT + text, "utf-8")
    return load_config(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[cleanup]\nkeep_important = 0\n", "must be 30 days at least"),
        ('[cleanup]\nkeep_important = "29d"\n', "must be 30 days at least"),
        ("[cleanup]\nmax_share = 0\n", "max_share"),
        ("[cleanup]\nkeep_flagged = false\n", "keep_flagged"),
        ("[cleanup.rules.mine]\nenabled = true\n", "is missing"),
        ('[cleanup.rules.mine]\nquery = "from:("\n', "cleanup.rules.mine.query"),
        ('[cleanup.rules.mine]\nquery = "a"\nactions = ["fly"]\n', "no action"),
        ('[cleanup.rules.mine]\nquery = "a"\nactions = ["archive", "trash"]\n', "one place"),
        ('[cleanup.rules.newsletters]\nactions = ["expunge"]\n', "rules of your own"),
        ('[cleanup.rules.duplicates]\nquery = "older:1y"\n', "duplicates takes none"),
        ('[cleanup.rules.selection]\nquery = "a"\n', "not a name"),
        ('[cleanup.rules."a b"]\nquery = "a"\n', "not a name"),
    ],
)
def test_what_is_no_rule(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert said in str(caught.value)


def test_rules_in_their_order(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        '[cleanup.rules.mine]\nquery = "from:shop"\n'
        '[cleanup.rules.newsletters]\nquery = "older:2y"\n'
        "[cleanup.rules.senders]\nenabled = false\n",
    )
    wanted = rules.wanted(config)
    assert [one.name for one in wanted] == ["mine", *(one.name for one in SHIPPED if one.name != "senders")]
    by_name = {one.name: one for one in wanted}
    assert [str(one) for one in by_name["mine"].actions] == ["label"]
    assert (by_name["newsletters"].text, by_name["newsletters"].kind) == ("older:2y", "newsletters")
    assert not any(str(action) == "expunge" for one in rules.wanted(Config()) for action in one.actions)


def test_a_rule_does_not_look_where_messages_would_go() -> None:
    by_name = {one.name: one for one in rules.wanted(Config())}
    assert by_name["newsletters"].looks_into("Archive", "\\Archive")
    assert not by_name["newsletters"].looks_into("Trash", "\\Trash")
    assert not by_name["senders"].looks_into("Archive", "\\Archive")
    assert not by_name["senders"].looks_into("Sent", "\\Sent")
