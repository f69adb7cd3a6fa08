"""Text as the index of words takes it in, and the words it makes of it.

`tokens` is the pure equal of FTS5's `unicode61 remove_diacritics 2`, which keeps together everything between blanks
and punctuation. Chinese, Japanese, Thai and others put no blanks between words, so that `indexable` puts each of
their characters apart: a word of several is then found as the phrase of its characters. Korean is among them, since
its particles are joined to the words.
"""

from __future__ import annotations

import re
from functools import cache
from unicodedata import normalize

from mailsync.query.unicode61 import Folding

_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    "\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff"  # radicals, kana, Bopomofo
    "\u3400-\u4dbf\u4e00-\ua4cf\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"  # ideographs, Yi, Hangul
)
_JOINERS = "\u00ad\u200c\u200d\u2060\ufeff"
_VARIANTS = "\u1100-\u11ff\ufb00-\ufbff\ufe70-\ufefe\uff00-\uffef\U0001d400-\U0001d7ff"
_MARKS = "\u0300-\u036f\u3099\u309a"
_HARMLESS = bytes({*range(0xC0), 0xC2, *range(0xC3, 0xCC), *range(0xCE, 0xE0), 0xE2})
"""UTF-8 of ASCII, Latin, Greek, Cyrillic, Hebrew, Arabic and of punctuation and symbols."""
# Compiled when first needed, since sets of so many characters take a while and Latin text needs none of them.
# No more marks at a time: putting a long row of them in order takes Python the square of its length.
_MARKED = f".?[{_MARKS}]{{1,8}}"
_RUN = f"[{_ALONE}]+"
_BLANK = f"(?<=[{_ALONE}]) (?=[{_ALONE}])"


def indexable(text: str) -> str:
    """`text` as it goes to the index, and a query's words with it.

    Invisible characters within words go, presentation forms and full-width letters become ordinary ones, characters of
    scripts without blanks stand apart, and what UTF-8 cannot hold is replaced. Nothing of it concerns Latin text, for
    which this costs a glance.
    """
    if text.isascii() or not _unusual(text):
        return text
    text = _compiled(f"[{_JOINERS}]").sub("", text)
    text = _compiled(f"[{_VARIANTS}]+").sub(_normal, text)
    if _compiled(f"[{_MARKS}]").search(text):
        text = _compiled(_MARKED).sub(_normal, text)
    text = _compiled("[\ud800-\udfff]").sub("\ufffd", text)
    return _compiled(_RUN).sub(lambda found: f" {' '.join(found[0])} ", text)


def _unusual(text: str) -> bool:
    if text.encode("utf-8", "surrogatepass").translate(None, _HARMLESS):
        return True
    return any(joiner in text for joiner in _JOINERS)


def _normal(found: re.Match[str]) -> str:
    return normalize("NFKC", found[0])


def readable(text: str) -> str:
    """Indexed text as people write it: no blanks within scripts that have none."""
    return text if text.isascii() or not _unusual(text) else _compiled(_BLANK).sub("", text)


def tokens(text: str) -> list[str]:
    """The words that the index has of `indexable` text, in their order."""
    return text.translate(_folding()).split()


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@cache
def _folding() -> Folding:
    return Folding()
