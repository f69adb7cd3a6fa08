"""Where a message of a clean-up is or belongs, and in which state: one end of a row of the journal, as JSON.

A row takes its message from `before` to `after`; to undo it is to swap both. None is nowhere: the `after` of what was
expunged, the `before` of what has to be appended again. What a row changes is the difference of both, so flags that
somebody else gives or takes meanwhile are left alone. Once a row has its result, `after` is what came of it.
"""

from __future__ import annotations

import json

from mailsync.record import record


@record(frozen=True)
class Copy:
    """A copy that stands for a label, in a folder with that raw name; `uid` is None before the server has told it."""

    folder: bytes
    uidvalidity: int | None = None
    uid: int | None = None


@record(frozen=True)
class Place:
    """A message in the folder with that raw name. UIDVALIDITY and UID are None where it has still to come there.

    `flags` are the bits of `model.Flag`, `keywords` and `labels` (of Gmail; None elsewhere) those that it has, sorted;
    `internaldate` is in Unix seconds. `copies` are those in other folders that a clean-up has made of it.
    """

    folder: bytes
    uidvalidity: int | None
    uid: int | None
    flags: int
    keywords: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None
    internaldate: int | None = None
    copies: tuple[Copy, ...] = ()


def pack(place: Place | None) -> str | None:
    """As it is stored; raw names as Latin-1, byte for byte."""
    if place is None:
        return None
    return json.dumps(
        {
            "folder": place.folder.decode("latin-1"),
            "uidvalidity": place.uidvalidity,
            "uid": place.uid,
            "flags": place.flags,
            "keywords": place.keywords,
            "labels": place.labels,
            "internaldate": place.internaldate,
            "copies": [(one.folder.decode("latin-1"), one.uidvalidity, one.uid) for one in place.copies],
        },
        separators=(",", ":"),
    )


def unpack(text: str | None) -> Place | None:
    """The inverse of `pack`."""
    if text is None:
        return None
    told = json.loads(text)
    labels = told["labels"]
    return Place(
        told["folder"].encode("latin-1"),
        told["uidvalidity"],
        told["uid"],
        told["flags"],
        tuple(told["keywords"]),
        None if labels is None else tuple(labels),
        told["internaldate"],
        tuple(Copy(folder.encode("latin-1"), validity, uid) for folder, validity, uid in told["copies"]),
    )
