"""`quarantine`: messages that failed at a stage, set aside so that the rest goes on.

      failed -> waits, longer each time -> tried again -> closed (`resolved_at`), or waits again
                     `-> tried too often: only a person or another version of the stage tries it again
                     `-> discarded by a person: stays as it is, is not tried and not counted any more

An entry is about one message in one folder at one stage. At the stage `fetch` its bytes could not be had, and a sync
tries it again. At the stages of the pipeline it has its bytes, and what is tried is the content: all entries of one
content at one stage fail and recover together, wherever its messages are.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence

FETCH = "fetch"
ENVELOPE = "envelope"
PARSE = "parse"
STAGES = {FETCH: "its bytes could not be had", ENVELOPE: "its headers were not read", PARSE: "it was not parsed"}
"""Every stage with what failing there means."""

FIRST_SECONDS = 60.0
LONGEST_SECONDS = 3 * 86400.0
SPREAD = 0.2
"""Each wait is shorter by up to this share, so that what failed together does not come back together."""
ATTEMPTS = 10
"""After so many a stage of the pipeline gives up by itself: 17 hours after the first. A server may be repaired without
anyone telling, so what it did not give is asked for as long as it is there."""


def wait(attempts: int, chance: float) -> float:
    """Seconds from a failed attempt to the next, when it was the one of this number; `chance` in [0, 1)."""
    return min(FIRST_SECONDS * 2.0 ** min(attempts - 1, 30), LONGEST_SECONDS) * (1.0 - SPREAD * chance)


def next_attempt(stage: str, attempts: int, at: float, key: int) -> float | None:
    """When to try again (Unix seconds) what failed at `at` for the time of this number; None for not by itself.

    `key` tells entries apart: those of one key have the same chance, and come back together.
    """
    if stage != FETCH and attempts >= ATTEMPTS:
        return None
    return at + wait(attempts, (key * 2_654_435_761 + attempts * 40_503) % 2**32 / 2**32)


# -- a message whose bytes the server does not give -------------------------------------------------------------------


def add(
    connection: sqlite3.Connection,
    account_id: int,
    folder_id: int,
    uidvalidity: int,
    uids: Iterable[int],
    stage: str,
    error: str,
    at: float,
) -> None:
    """Set messages aside, or count one more attempt on those already here."""
    newest = _newest(connection)
    rows = [(uid, 1 + _attempts(connection, _OF_MESSAGE, (folder_id, uidvalidity, uid, stage))) for uid in uids]
    connection.executemany(
        f"""INSERT INTO quarantine (account_id, folder_id, uidvalidity, uid, stage, error, created_at,
                                    last_attempt_at, attempts, next_attempt_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9) {_AGAIN}""",
        (
            (
                account_id,
                folder_id,
                uidvalidity,
                uid,
                stage,
                error,
                at,
                tries,
                next_attempt(stage, tries, at, folder_id),
            )
            for uid, tries in rows
        ),
    )
    _note(connection, newest, at)


_AGAIN = """ON CONFLICT (folder_id, uidvalidity, uid, stage) WHERE resolved_at IS NULL
DO UPDATE SET attempts = excluded.attempts, last_attempt_at = excluded.last_attempt_at, error = excluded.error,
              version = excluded.version, next_attempt_at = excluded.next_attempt_at"""
_OF_MESSAGE = "folder_id = ? AND uidvalidity = ? AND uid = ? AND stage = ? AND resolved_at IS NULL"
_OF_CONTENT = "content_id = ? AND stage = ? AND resolved_at IS NULL"
_OPEN = "resolved_at IS NULL AND NOT discarded"


def _attempts(connection: sqlite3.Connection, where: str, values: tuple[object, ...]) -> int:
    found = connection.execute(f"SELECT coalesce(max(attempts), 0) FROM quarantine WHERE {where}", values)
    return int(found.fetchone()[0])


_DUE = f"stage = 'fetch' AND {_OPEN} AND coalesce(next_attempt_at, 0) <= ?"


def uids_due(connection: sqlite3.Connection, folder_id: int, at: float) -> frozenset[int]:
    """UIDs of a folder whose failed fetch should be tried again at that moment."""
    rows = connection.execute(f"SELECT uid FROM quarantine WHERE folder_id = ? AND {_DUE}", (folder_id, at))
    return frozenset(row[0] for row in rows)


def folders_due(connection: sqlite3.Connection, account_id: int, at: float) -> frozenset[int]:
    """The folders of an account that have a message which `uids_due` would give."""
    rows = connection.execute(
        f"SELECT DISTINCT folder_id FROM quarantine WHERE account_id = ? AND {_DUE}", (account_id, at)
    )
    return frozenset(row[0] for row in rows)


def fetched(connection: sqlite3.Connection, folder_id: int, uids: Sequence[int], at: float) -> None:
    """The bytes of messages that may be set aside have come."""
    rows = connection.execute(
        "SELECT id, uid FROM quarantine WHERE folder_id = ? AND stage = 'fetch' AND resolved_at IS NULL", (folder_id,)
    ).fetchall()
    here = set(uids) if rows else ()
    _close(connection, [row[0] for row in rows if row[1] in here], at)


# -- a content that a stage of the pipeline cannot digest: for the runner, in its transactions ------------------------


def failed(
    connection: sqlite3.Connection,
    failures: Iterable[tuple[int, str]],
    version: int,
    at: float,
    stage: str = PARSE,
) -> None:
    """Set contents aside that this version of a stage failed at, as (content id, why), or count one more attempt.

    `why` is text of our own, such as the name of an error: nothing that a message says.
    """
    newest = _newest(connection)
    for content_id, error in failures:
        tries = 1 + _attempts(connection, _OF_CONTENT, (content_id, stage))
        values = (content_id, stage, error, at, version, tries, next_attempt(stage, tries, at, content_id))
        present = connection.execute(
            f"""INSERT INTO quarantine ({_FAILED})
                SELECT f.account_id, f.id, f.uidvalidity, m.uid, m.content_id, ?2, ?3, ?4, ?4, ?5, ?6, ?7, NULL
                FROM messages m JOIN folders f ON f.id = m.folder_id WHERE m.content_id = ?1 {_AGAIN}""",
            values,
        )
        if (
            not present.rowcount
        ):  # kept after its deletion: known to have failed when it comes back, and closed till then
            connection.execute(
                f"""INSERT INTO quarantine ({_FAILED})
                    SELECT f.account_id, f.id, r.uidvalidity, r.uid, r.content_id, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?4
                    FROM removed_messages r JOIN folders f ON f.id = r.folder_id WHERE r.content_id = ?1 LIMIT 1""",
                values,
            )
        connection.execute(  # also those whose message has left since, or they would be due for ever
            """UPDATE quarantine SET error = ?3, last_attempt_at = ?4, version = ?5, attempts = ?6, next_attempt_at = ?7
               WHERE content_id = ?1 AND stage = ?2 AND resolved_at IS NULL""",
            values,
        )
    _note(connection, newest, at)


_FAILED = """account_id, folder_id, uidvalidity, uid, content_id, stage, error, created_at, last_attempt_at, version,
attempts, next_attempt_at, resolved_at"""


def recovered(connection: sqlite3.Connection, content_ids: Iterable[int], at: float, stage: str = PARSE) -> None:
    """Contents went through a stage; those that were set aside there are so no more. Any others may be among them."""
    rows = connection.execute(
        "SELECT id, content_id FROM quarantine WHERE content_id IS NOT NULL AND stage = ? AND resolved_at IS NULL",
        (stage,),
    ).fetchall()
    well = set(content_ids) if rows else ()
    _close(connection, [row[0] for row in rows if row[1] in well], at)


def due(connection: sqlite3.Connection, version: int, at: float, limit: int, stage: str = PARSE) -> list[int]:
    """Up to `limit` contents, ascending, that this version of a stage should try again at that moment.

    What another version failed at is due at once. Each of them goes on record as `failed` or `recovered`.
    """
    rows = connection.execute(
        f"""SELECT DISTINCT content_id FROM quarantine WHERE content_id IS NOT NULL AND stage = ? AND {_OPEN}
            AND (version <> ? OR next_attempt_at <= ?) ORDER BY content_id LIMIT ?""",
        (stage, version, at, limit),
    )
    return [row[0] for row in rows]


def next_due(connection: sqlite3.Connection, version: int, stage: str = PARSE) -> float | None:
    """The moment from which on `due` gives something, 0 for now; None where nothing waits."""
    found = connection.execute(
        f"""SELECT min(iif(version <> ?, 0.0, next_attempt_at)) FROM quarantine
            WHERE content_id IS NOT NULL AND stage = ? AND {_OPEN}""",
        (version, stage),
    ).fetchone()[0]
    return None if found is None else float(found)


def discarded(connection: sqlite3.Connection, stage: str = PARSE) -> frozenset[int]:
    """Contents that a stage leaves out, also when it goes over all of them anew."""
    rows = connection.execute(
        """SELECT DISTINCT content_id FROM quarantine
           WHERE content_id IS NOT NULL AND stage = ? AND resolved_at IS NULL AND discarded""",
        (stage,),
    )
    return frozenset(row[0] for row in rows)


# -- what a person decides --------------------------------------------------------------------------------------------


def ask(connection: sqlite3.Connection, ids: Iterable[int] | None, at: float) -> list[int]:
    """Have entries tried again from that moment on, also discarded ones; None for all that are not discarded.

    Those that are open, with the entries of the same contents: that is one thing that is tried.
    """
    if ids is None:
        chosen = [row[0] for row in connection.execute(f"SELECT id FROM quarantine WHERE {_OPEN} ORDER BY id")]
    else:
        chosen = _with_siblings(connection, ids)
    connection.executemany(
        "UPDATE quarantine SET next_attempt_at = ?, discarded = 0 WHERE id = ?", ((at, one) for one in chosen)
    )
    return chosen


def discard(connection: sqlite3.Connection, ids: Iterable[int], at: float) -> list[int]:
    """Try these entries, and those of the same content, no more and do not count them; those that were open.

    The messages stay in the mirror as they are.
    """
    chosen = _with_siblings(connection, ids)
    fresh = [one for one in chosen if not connection.execute(f"SELECT {_DISCARDED}", (one,)).fetchone()[0]]
    connection.executemany(
        "UPDATE quarantine SET discarded = 1, next_attempt_at = NULL WHERE id = ?", ((one,) for one in fresh)
    )
    _put_on_record(connection, "discarded", _counted(connection, fresh), at)
    return chosen


_DISCARDED = "(SELECT discarded FROM quarantine WHERE id = ?)"


def _with_siblings(connection: sqlite3.Connection, ids: Iterable[int]) -> list[int]:
    """Open entries among `ids`, with the others of their contents at the same stages."""
    found: set[int] = set()
    for one in ids:
        found.update(
            row[0]
            for row in connection.execute(
                """SELECT s.id FROM quarantine q JOIN quarantine s ON s.id = q.id
                       OR (s.content_id = q.content_id AND s.stage = q.stage AND s.resolved_at IS NULL)
                   WHERE q.id = ? AND q.resolved_at IS NULL""",
                (one,),
            )
        )
    return sorted(found)


# -- what becomes of the messages -------------------------------------------------------------------------------------


def arrived(connection: sqlite3.Connection, folder_id: int) -> None:
    """Rows that a folder gained just now (temp.chosen holds their UIDs) may be of contents that were set aside."""
    if connection.execute("SELECT 1 FROM quarantine WHERE content_id IS NOT NULL LIMIT 1").fetchone() is None:
        return
    connection.execute(
        """INSERT INTO quarantine (account_id, folder_id, uidvalidity, uid, content_id, stage, error, attempts,
                                   created_at, last_attempt_at, version, next_attempt_at, discarded)
           SELECT f.account_id, f.id, f.uidvalidity, m.uid, q.content_id, q.stage, q.error, q.attempts,
                  q.created_at, q.last_attempt_at, q.version, q.next_attempt_at, q.discarded
           FROM temp.chosen c JOIN messages m ON m.folder_id = ?1 AND m.uid = c.uid
           JOIN folders f ON f.id = m.folder_id JOIN quarantine q ON q.content_id = m.content_id
           WHERE q.id = (SELECT max(n.id) FROM quarantine n WHERE n.content_id = q.content_id AND n.stage = q.stage)
             AND (q.resolved_at IS NULL OR NOT iif(q.stage = 'envelope',
                      EXISTS (SELECT 1 FROM envelopes e WHERE e.content_id = q.content_id),
                      EXISTS (SELECT 1 FROM documents d WHERE d.content_id = q.content_id)))
           ON CONFLICT DO NOTHING""",
        (folder_id,),
    )


def settle(connection: sqlite3.Connection, folder_id: int, at: float) -> None:
    """Close the entries of messages that are no longer in the folder."""
    connection.execute(
        """UPDATE quarantine SET resolved_at = ? WHERE folder_id = ? AND resolved_at IS NULL AND NOT EXISTS (
               SELECT 1 FROM messages m WHERE m.folder_id = quarantine.folder_id AND m.uid = quarantine.uid)""",
        (at, folder_id),
    )


def rekey(connection: sqlite3.Connection, folder_id: int, uidvalidity: int, at: float) -> None:
    """The folder's messages have new UIDs under `uidvalidity`: entries follow their content, the others are closed."""
    connection.execute(
        """UPDATE OR IGNORE quarantine SET uid = m.uid, uidvalidity = ?1 FROM messages m
           WHERE quarantine.folder_id = ?2 AND resolved_at IS NULL AND m.folder_id = ?2
             AND m.content_id = quarantine.content_id""",
        (uidvalidity, folder_id),
    )
    connection.execute(
        """UPDATE quarantine SET resolved_at = ?1
           WHERE folder_id = ?2 AND resolved_at IS NULL AND uidvalidity IS NOT ?3""",
        (at, folder_id, uidvalidity),
    )


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many messages are set aside at present, without the discarded, by account name."""
    from mailsync.store import onestep

    rows = onestep.rows(
        connection,
        2,
        f"SELECT a.name, count(*) FROM quarantine JOIN accounts a ON a.id = account_id WHERE {_OPEN} GROUP BY a.name",
    )
    return dict(rows)


def count(connection: sqlite3.Connection) -> int:
    """How many messages are set aside at present, without the discarded."""
    return int(connection.execute(f"SELECT count(*) FROM quarantine WHERE {_OPEN}").fetchone()[0])


def forget(connection: sqlite3.Connection, content_ids: Iterable[int]) -> None:
    """Closed entries hold no content back that would be deleted now."""
    connection.executemany(
        "DELETE FROM quarantine WHERE content_id = ? AND resolved_at IS NOT NULL", ((one,) for one in content_ids)
    )


# -- on record --------------------------------------------------------------------------------------------------------


def _close(connection: sqlite3.Connection, ids: Sequence[int], at: float) -> None:
    """Entries whose message went through in the end."""
    connection.executemany("UPDATE quarantine SET resolved_at = ? WHERE id = ?", ((at, one) for one in ids))
    _put_on_record(connection, "released", _counted(connection, ids), at)


def _newest(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM quarantine").fetchone()[0])


def _note(connection: sqlite3.Connection, newest: int, at: float) -> None:
    """Put on record what was set aside for the first time: the entries after `newest` that are open."""
    _put_on_record(connection, "quarantined", _numbers(connection, "q.id > ? AND q.resolved_at IS NULL", newest), at)


def _counted(connection: sqlite3.Connection, ids: Iterable[int]) -> Counter[tuple[str, str]]:
    return sum((_numbers(connection, "q.id = ?", one) for one in ids), Counter())


def _numbers(connection: sqlite3.Connection, where: str, value: int) -> Counter[tuple[str, str]]:
    rows = connection.execute(
        f"""SELECT a.name, q.stage, count(*) FROM quarantine q JOIN accounts a ON a.id = q.account_id
            WHERE {where} GROUP BY 1, 2""",
        (value,),
    )
    return Counter({(row[0], row[1]): row[2] for row in rows})


_TOLD = {"quarantined": "set aside", "released": "not set aside any more", "discarded": "not tried any more"}


def _put_on_record(connection: sqlite3.Connection, action: str, counted: Counter[tuple[str, str]], at: float) -> None:
    """What happened to entries, in the audit trail and for whoever looks on: numbers, by account and stage."""
    from mailsync.store import activity, audit

    for (account, stage), number in sorted(counted.items()):
        audit.record(connection, action, at=at, account=account, count=number, stage=stage)
        activity.add(connection, at, account, "", action, count=number, detail=f"{_TOLD[action]} ({stage})")
