from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mailsync.config.lines import Path, key_lines, line_of

DOCUMENT = '''\
# comment with [brackets] and "quotes
a = 1
b.c = """
[not.a.table]
d = 1
"""
"quoted \\u0041.key" = 'lite"ral'

[table]   # comment
x = [ 1, [2,
  3], { y = "}" , z.w = '#' } ]
[table.sub."with.dot"]
  k = 2024-01-01 10:00:00
[[list]]
n = 1
[list.inner]
m = 1
[[list]]
n = 2
[list.inner]
m = 2
'''


def paths(value: Any, at: Path = ()) -> set[Path]:
    """Every path in a parsed document."""
    found = {at} if at else set()
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found.union(*(paths(inner, (*at, key)) for key, inner in items))


def test_lines_of_a_document_with_everything() -> None:
    lines = key_lines(DOCUMENT)
    expected: dict[Path, int] = {
        ("a",): 2,
        ("b", "c"): 3,
        ("quoted A.key",): 7,
        ("table",): 9,
        ("table", "x"): 10,
        ("table", "x", 1, 1): 11,
        ("table", "x", 2, "z", "w"): 11,
        ("table", "sub", "with.dot", "k"): 13,
        ("list", 0, "n"): 15,
        ("list", 0, "inner", "m"): 17,
        ("list", 1, "inner", "m"): 21,
    }
    assert {path: lines[path] for path in expected} == expected
    assert set(lines) == paths(tomllib.loads(DOCUMENT))


def test_the_nearest_table_stands_in_for_what_is_missing() -> None:
    lines = key_lines(DOCUMENT)
    assert line_of(lines, ("table", "nothing", "here")) == 9
    assert line_of(lines, ("nothing",)) is None


_keys = st.sampled_from(["a", "b-1", '"x y"', "'l.t'", '"\\""'])
_values = st.recursive(
    st.sampled_from(
        ["1", "true", '"te#xt"', "'[x]'", '"""\n"two""\n"""', "'''\n''\n'''", "1979-05-27T07:32:00Z", '""', '"""x"""""']
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: "[ # c\n" + ",\n".join(items) + "\n]"),
    max_leaves=5,
)


@given(st.dictionaries(_keys, _values, max_size=4), st.dictionaries(_keys, _values, max_size=4))
def test_every_path_has_its_line(root: dict[str, str], table: dict[str, str]) -> None:
    text = "".join(f"{key} = {value}\n" for key, value in root.items())
    text += "\n[ t . u ]\n" + "".join(f"{key}= {value} # c\n" for key, value in table.items())
    lines = key_lines(text)
    assert set(lines) == paths(tomllib.loads(text))
    written = text.split("\n")
    for key in root:
        assert written[lines[(next(iter(tomllib.loads(f"{key} = 1"))),)] - 1].startswith(key)
