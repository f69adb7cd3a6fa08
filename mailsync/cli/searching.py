"""What `mailsync search` does: understand the query, ask the store, print. Without the argument parser, see `shortcut`.

A search is over in milliseconds, so that all it loads is loaded where it is needed.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mailsync.cli import output
from mailsync.cli.context import Context
from mailsync.errors import QueryError, UsageError
from mailsync.text import safe_text

if TYPE_CHECKING:
    from mailsync.query.tree import Query
    from mailsync.store.search import Hit, Search

LIMIT = 50
_MOST = 2**60
"""More than any mirror holds; SQLite's integers end at 2**63."""
_SAVED = re.compile(r"\s*@([A-Za-z0-9_-]+)(?=\s|$)")
_SHOWN_AROUND = 60
"""Characters of a query before and behind the column that is pointed at."""
_BOLD, _DIM, _PLAIN = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def search(
    shared: Context,
    words: Sequence[str],
    *,
    limit: int = LIMIT,
    offset: int = 0,
    sort: str = "date",
    saved: bool = False,
    as_json: bool = False,
) -> int:
    """Search for the words, which together are one query. No results are no failure."""
    if saved:
        return _list(shared.config.searches, as_json=as_json)
    if limit < 1 or offset < 0:
        raise UsageError("--limit counts from 1, --offset from 0")
    if sort not in ("date", "relevance"):
        raise UsageError(f'--sort is date or relevance, not "{sort}"')
    if not words:
        raise UsageError("there is nothing to look for", hint='such as: mailsync search "from:ann invoice"')
    limit, offset = min(limit, _MOST), min(offset, _MOST)
    text = " ".join(words)
    with pointing(text):
        _search(shared, text, understood(shared, text), limit, offset, sort == "relevance", as_json=as_json)
    return 0


@contextlib.contextmanager
def pointing(text: str) -> Iterator[None]:
    """What is wrong with the query `text` is pointed at on stderr, before the error is told."""
    try:
        yield
    except QueryError as error:
        _point(text, error.column)
        raise


def understood(shared: Context, text: str) -> Query:
    """The tree of a query, or of a saved one (`@name`), which more words may narrow. Raises QueryError, UsageError."""
    from mailsync.query.parse import parse

    found = _SAVED.match(text)
    if found is None:
        return parse(text)
    known = shared.config.searches
    if found[1] not in known:
        names = ", ".join(f"@{name}" for name in known) or "none; [searches] in config.toml has them"
        raise UsageError(f"no search is saved as @{found[1]}", hint=f"saved: {names}")
    query = parse(known[found[1]])
    if not text[found.end() :].strip():
        return query
    from mailsync.query.tree import And

    return And((query, parse(" " * found.end() + text[found.end() :])))  # columns are those of the whole text


def addresses(shared: Context, query: Query) -> dict[str, list[str]]:
    """By account, the addresses that are mine: only where the query asks for them is the configuration read."""
    from mailsync.query.tree import And, Is, Not, Or

    def asks(part: Query) -> bool:
        if isinstance(part, And | Or):
            return any(map(asks, part.parts))
        return asks(part.part) if isinstance(part, Not) else isinstance(part, Is) and part.state == "direct"

    if not asks(query):
        return {}
    known = shared.config.accounts
    return {name: [one for one in (account.email, *account.aliases) if one] for name, account in known.items()}


def _search(
    shared: Context, text: str, query: Query, limit: int, offset: int, relevance: bool, *, as_json: bool
) -> None:
    from mailsync.model import utc_now
    from mailsync.store import search as searches

    mine = addresses(shared, query)
    store = shared.store()
    started = time.perf_counter()
    with store.read() as connection:
        asked = searches.Search(connection, query, today=utc_now().date(), addresses=mine)
        if asked.closed and not asked.folders:
            from mailsync.privacy.consent import EMAIL_READ
            from mailsync.store import consents

            consents.require(connection, asked.closed[0], [EMAIL_READ])
        found = searches.hits(connection, asked.page(limit, offset, relevance=relevance))
        snippets = searches.snippets(connection, found, query)
        if not as_json:
            _print(found, snippets, query)
            sys.stdout.flush()  # counting takes its time where there are millions
        whole = len(found) < limit and (found or not offset)
        total = offset + len(found) if whole else asked.count()
        seconds = time.perf_counter() - started
        waiting = searches.waiting(connection)
    if as_json:
        told = [_document(hit, snippet) for hit, snippet in zip(found, snippets, strict=True)]
        head = {"query": text, "total": total, "seconds": round(seconds, 4)}
        output.emit(head | {"messages": told, "unknown": asked.unknown, "not_indexed": waiting})
        return
    _tell(asked, len(found), total, seconds, offset)
    if asked.closed:
        output.note(f"not searched, since email_read is not granted: {', '.join(asked.closed)}")
    if waiting:
        verb = "is" if waiting == 1 else "are"
        output.note(f"{output.count(waiting, 'message')} {verb} not indexed yet: the next `mailsync sync` goes on")


def _document(hit: Hit, snippet: str) -> dict[str, Any]:
    from mailsync.model import flag_names, iso
    from mailsync.store import threads
    from mailsync.store.search import END, START

    return {
        "id": str(hit.id),
        "account": hit.account,
        "folder": hit.folder,
        "uid": hit.uid,
        "date": iso(hit.date) if hit.date else None,
        "from": hit.sender,
        "to": hit.to,
        "subject": hit.subject,
        "snippet": snippet.replace(START, "").replace(END, ""),
        "flags": flag_names(hit.flags, hit.keywords),
        "size": hit.size,
        "thread_id": threads.name(hit.thread_id),
        "attachments": [
            {"name": one.name, "type": one.type, "size": one.size, "sha256": one.sha256} for one in hit.attachments
        ],
    }


# -- for people ------------------------------------------------------------------------------------------------------


def _print(found: Sequence[Hit], snippets: Sequence[str], query: Query) -> None:
    """A line a hit, and its snippet below."""
    from mailsync.cli.terminal import styled
    from mailsync.model import Flag
    from mailsync.query.highlight import marked, terms

    bold, dim, plain = (_BOLD, _DIM, _PLAIN) if styled(sys.stdout) else ("", "", "")
    wanted = terms(query)
    lines = []
    for hit, snippet in zip(found, snippets, strict=True):
        state = "".join(mark for bit, mark in ((Flag.FLAGGED, "!"), (Flag.ANSWERED, "r")) if hit.flags & bit)
        state += "" if hit.flags & Flag.SEEN else "*"
        place = safe_text(f"{hit.account}/{hit.folder}", 60)
        sender = _shown(marked(hit.sender, wanted, "from"), bold, plain)
        subject = _shown(marked(hit.subject, wanted, "subject"), bold, plain) or "(no subject)"
        when = output.when(hit.date)[:16] if hit.date else "-"
        lines.append(f"{hit.id}  {when}  {sender}  {subject}  {dim}[{place}{' ' * bool(state)}{state}]{plain}")
        files = ", ".join(safe_text(one.name, 60) for one in hit.attachments if one.name)
        if files:
            lines.append(f"    {dim}attached: {files}{plain}")
        if snippet:
            lines.append(f"    {_shown(snippet, bold, plain)}")
    if lines:
        print("\n".join(lines))


def _shown(text: str, bold: str, plain: str) -> str:
    """A marked text made harmless, with its marks as the terminal has them."""
    from mailsync.store.search import END, START

    pieces = re.split(f"([{START}{END}])", text)
    styles = {START: bold, END: plain}
    return "".join(styles[piece] if piece in styles else safe_text(piece) for piece in pieces)


def _tell(asked: Search, shown: int, total: int, seconds: float, offset: int) -> None:
    for line in asked.unknown:
        output.note(line)
    if not total:
        output.note("no message matches")
    elif shown < total:
        first = f"{offset + 1:,} to {offset + shown:,} of " if shown else "none of "
        more = f"; --offset {offset + shown} shows more" if offset + shown < total else ""
        output.note(f"{first}{output.count(total, 'message')}, {seconds * 1000:,.0f} ms{more}")
    else:
        output.note(f"{output.count(total, 'message')}, {seconds * 1000:,.0f} ms")


def _point(text: str, column: int) -> None:
    """The query on stderr, and below it a caret at the column that is wrong."""
    begin = max(0, column - 1 - _SHOWN_AROUND)
    before, behind = safe_text(text[begin : column - 1]), safe_text(text[column - 1 : column - 1 + _SHOWN_AROUND])
    more = "…" * bool(begin)
    print(f"  {more}{before}{behind}\n  {' ' * output.width(more + before)}^", file=sys.stderr)


def _list(saved: Mapping[str, str], *, as_json: bool) -> int:
    if as_json:
        output.emit({"searches": [{"name": name, "query": query} for name, query in saved.items()]})
    elif saved:
        output.table([(f"@{name}", query) for name, query in saved.items()])
    else:
        output.note('no search is saved: write name = "query" below [searches] in config.toml')
    return 0
