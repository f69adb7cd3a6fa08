"""The mail corpus: real and nasty messages that live outside this repository (they are other people's mail).

The folder is named by MAILSYNC_CORPUS, or stands beside the repository as `shared/corpus`. Tests that need it take
the `corpus` fixture: without the folder they fail where CI=true, and are skipped with the reason anywhere else.
"""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MISSING = "the mail corpus is not here: set MAILSYNC_CORPUS to its folder (it holds bulk/, torture/ and imap/)"


def corpus_dir() -> Path | None:
    """The corpus's folder, or None where there is none."""
    named = os.environ.get("MAILSYNC_CORPUS")
    folder = Path(named) if named else ROOT.parent / "shared" / "corpus"
    return folder if (folder / "torture" / "index.jsonl").is_file() else None


def _folder() -> Path:
    folder = corpus_dir()
    if folder is None:
        raise FileNotFoundError(MISSING)
    return folder


def iter_bulk() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every ordinary message, archive by archive (about 4,100, 50 MB)."""
    for archive in sorted((_folder() / "bulk").glob("*.tar.gz")):
        with tarfile.open(archive, "r:gz") as members:
            for member in members:
                if member.isfile() and member.name.endswith(".eml") and (file := members.extractfile(member)):
                    yield member.name, file.read()


def iter_torture(*, mboxes: bool = False) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every nasty message (about 1,260, 22 MB); with `mboxes` the mbox files too, as they are."""
    base = _folder() / "torture"
    with (base / "index.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            if entry["kind"] == "eml" or mboxes:
                yield entry["path"], (base / entry["path"]).read_bytes()


def torture_dir() -> Path:
    """The folder of nasty messages and of the values their sources expect of them."""
    return _folder() / "torture"


def imap_dir() -> Path:
    """The folder of server replies and transcripts."""
    return _folder() / "imap"
