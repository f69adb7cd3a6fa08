"""`[searches]`: queries by name, checked when the configuration is read, changed without disturbing what is around."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailsync.config.edit import with_values
from mailsync.config.load import check_config
from mailsync.errors import ConfigError

FILE = Path("config.toml")


def test_they_are_kept_in_their_order() -> None:
    text = '[searches]\nbills = "invoice OR (from:shop has:attachment)"\nall-unread = "is:unread"\n'
    assert [*check_config(FILE, text.encode()).searches] == ["bills", "all-unread"]
    assert check_config(FILE, b"").searches == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('x = "is:nothing"', 'config.toml:2: searches.x: column 4: is: does not know "nothing"'),
        ('x = ""', "config.toml:2: searches.x: column 1: the query ends where something is expected"),
        ('"a b" = "c"', 'config.toml:2: searches."a b": not a name for a search'),
        ("x = 5", "config.toml:2: searches.x: must be a text in quotes"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_column(line: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_config(FILE, f"[searches]\n{line}\n".encode())
    assert str(error.value) == said


def test_one_is_added_and_changed_beside_comments() -> None:
    before = '# mine\n[searches] # by name\nbills = "invoice" # money\n\n[general]\nsync_interval = "1m"\n'
    after = with_values(before, ("searches",), {"todo": "is:flagged"})
    assert after.startswith('# mine\n[searches] # by name\nbills = "invoice" # money\n')
    assert check_config(FILE, after.encode()).searches == {"bills": "invoice", "todo": "is:flagged"}
    assert with_values("", ("searches",), {"todo": 'a "b"'}) == '[searches]\ntodo = "a \\"b\\""\n'
