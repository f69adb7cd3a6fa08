"""Paths for folders: safe and distinct on every file system, the same each time, and readable where that can be.

A component of a folder name keeps letters, digits and harmless signs; any other byte of its UTF-8 is `%` and two hex
digits, as are a dot or blank where it would mean something, and the first letter of `cur`, `new`, `tmp` and of the
names that Windows keeps for devices. What is longer than LONGEST bytes, or would be the same as an earlier name to a
file system that ignores case or composition, ends in `%~` and a digest of the component.
"""

from __future__ import annotations

import hashlib
import json
import string
import unicodedata
from collections.abc import Iterable
from typing import Any

from mailsync.errors import UsageError

FOLDERS = "folders.json"
LONGEST = 180
"""Bytes of a component; with a digest and an ending it stays under 200."""
_KEPT = frozenset(string.ascii_letters + string.digits + " #&'()+,-.=@[]_{}")
DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³")]
)
"""Names that Windows keeps, with any ending."""
_MAILDIR = frozenset(["cur", "new", "tmp"])
_Place = tuple[tuple[str, ...], bool]


def encoded(component: str) -> str:
    """One component of a folder name as a file name."""
    # Decomposed letters stay apart from composed ones, which some file systems make of them.
    composed = unicodedata.is_normalized("NFC", component)
    signs = [char if _is_kept(char, composed) else _percent(char) for char in component]
    if not signs:
        return "%"
    if component[0] in " .-" or _is_reserved(component):
        signs[0] = _percent(component[0])
    if component[-1] in " .":
        signs[-1] = _percent(component[-1])
    if sum(len(sign.encode()) for sign in signs) <= LONGEST:
        return "".join(signs)
    length = 0
    for count, sign in enumerate(signs):
        length += len(sign.encode())
        if length > LONGEST:
            del signs[count:]
            break
    return "".join(signs) + _digest(component)


def _is_kept(char: str, composed: bool) -> bool:
    return char in _KEPT or (composed and not char.isascii() and unicodedata.category(char)[0] in "LMNPS")


def _is_reserved(component: str) -> bool:
    return component.casefold() in _MAILDIR or component.split(".")[0].rstrip(" ").upper() in DEVICES


def _percent(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def _digest(component: str) -> str:
    return "%~" + hashlib.sha256(component.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def folded(path: str) -> str:
    """Equal for paths that are the same to a file system that ignores case or composition."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


class Names:
    """The path of each folder: account, then the components, the last one with `ending`.

    What was given stays given: the folder that came second is the one with a digest, whatever becomes of the first.
    `taken` are names of DEST that no account can have.
    """

    def __init__(self, ending: str = "", taken: Iterable[str] = ()) -> None:
        self._ending = ending
        self._places: dict[str, _Place] = {folded(name): ((), True) for name in taken}
        self._given: dict[tuple[str, str], tuple[str, str]] = {}

    @property
    def paths(self) -> dict[tuple[str, str], str]:
        """The paths given so far, by account and folder."""
        return {folder: path for folder, (_, path) in self._given.items()}

    def path(self, account: str, name: str, delimiter: str) -> str:
        """The path of a folder, relative to DEST."""
        if (account, name) not in self._given:
            components = _components(account, name, delimiter)
            path = ""
            for depth, component in enumerate(components, 1):
                path = self._free(path, component, (components[:depth], depth == len(components)))
            self._given[account, name] = delimiter, path
        return self._given[account, name][1]

    def document(self, form: str) -> bytes:
        """The content of folders.json."""
        rows = [
            {"account": account, "folder": name, "delimiter": delimiter, "path": path}
            for (account, name), (delimiter, path) in sorted(self._given.items())
        ]
        return json.dumps({"form": form, "folders": rows}, indent=1).encode() + b"\n"

    def remember(self, rows: Iterable[Any]) -> None:
        """Take over what an earlier export gave: the `folders` of its document, as far as they could be ours."""
        for row in rows:
            try:
                account, name, delimiter, path = (row[key] for key in ("account", "folder", "delimiter", "path"))
                components = _components(account, name, delimiter)
                parts = path.split("/")
            except (TypeError, KeyError, AttributeError, ValueError):
                continue
            if len(parts) == len(components) and self._could_be(components, parts):
                self._given[account, name] = delimiter, path

    def _could_be(self, components: tuple[str, ...], parts: list[str]) -> bool:
        wanted = []
        for depth, part in enumerate(parts, 1):
            place = components[:depth], depth == len(parts)
            if part not in self._spellings(components[depth - 1], place):
                return False
            wanted.append((folded("/".join(parts[:depth])), self._kind(place)))
        if any(self._places.get(folded, place) != place for folded, place in wanted):
            return False
        self._places.update(wanted)
        return True

    def _free(self, above: str, component: str, place: _Place) -> str:
        for spelling in self._spellings(component, place):
            path = f"{above}/{spelling}".lstrip("/")
            if self._places.setdefault(folded(path), self._kind(place)) == self._kind(place):
                return path
        raise UsageError(f"no file name can be found for the folder {component}", hint="export it to another directory")

    def _spellings(self, component: str, place: _Place) -> list[str]:
        plain, digest = encoded(component), _digest(component)
        ending = self._ending if place[1] else ""
        return [f"{stem}{ending}" for stem in (plain, plain.removesuffix(digest) + digest)]

    def _kind(self, place: _Place) -> _Place:
        # A Maildir is the folder of those below it as well; a file is not.
        return place[0], place[1] and bool(self._ending)


def _components(account: str, name: str, delimiter: str) -> tuple[str, ...]:
    return (account, *(name.split(delimiter) if delimiter else (name,)))
