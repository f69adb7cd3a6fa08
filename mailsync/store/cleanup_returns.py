"""Messages of an undo that the server has lost: where the mirror sees them now, and the list that puts them back.

Such a list is one of `store.restores`, part of the job of the undo and of its approval. Its own journal tells what was
sent; what became of its messages is taken over from there.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence

from mailsync.record import replace
from mailsync.store import cleanup_runs, restores
from mailsync.store.cleanup_places import pack, unpack
from mailsync.store.cleanup_runs import PLACED, Result, Row, Run
from mailsync.store.restorable import Candidate
from mailsync.store.restores import Frozen, Source
from mailsync.text import safe_text

PUT_BACK = "put on the server once more"


def relocate(connection: sqlite3.Connection, run_id: int, account_id: int, rows: Sequence[Row]) -> int:
    """Rows whose messages the mirror has in the folder where they were left, under another UID, know that from now on;
    how many. Somebody has taken them out of it and put them back."""
    found: list[Row] = []
    for row in rows:
        if row.before is None:
            continue
        place = connection.execute(
            """SELECT m.uid, f.uidvalidity FROM messages m JOIN folders f ON f.id = m.folder_id
               WHERE m.id = ? AND f.account_id = ? AND f.raw_name = ? AND f.gone_at IS NULL""",
            (row.message_id, account_id, row.before.folder),
        ).fetchone()
        if place is not None and (place[0], place[1]) != (row.before.uid, row.before.uidvalidity):
            found.append(replace(row, before=replace(row.before, uid=place[0], uidvalidity=place[1])))
    known = [row for row in found if row.before is not None and row.before.uidvalidity is not None]
    place_ends(connection, run_id, known)
    return len(known)


def elsewhere(connection: sqlite3.Connection, run: Run, account_id: int, rows: Sequence[Row]) -> dict[int, str]:
    """Why messages that were not found where they were left are not put back, by number of the row: somebody has put
    them somewhere else since, or another clean-up has, or they had not been moved at all."""
    found: dict[int, str] = {}
    for row in rows:
        place = connection.execute(
            """SELECT f.raw_name, f.name FROM messages m JOIN folders f ON f.id = m.folder_id
               WHERE m.id = ? AND f.account_id = ? AND f.gone_at IS NULL""",
            (row.message_id, account_id),
        ).fetchone()
        ends = {one.folder for one in (row.before, row.after) if one is not None}
        other = _taken_by(connection, run, row.message_id)
        if place is not None and place[0] not in ends:
            found[row.number] = f"it is in {safe_text(place[1], 80)} now"
        elif other is not None:
            found[row.number] = f"clean-up {other} has taken it since: undo that first"
        elif row.before is not None and row.after is not None and row.before.folder == row.after.folder:
            found[row.number] = "it is not there any more"
    return found


def _taken_by(connection: sqlite3.Connection, run: Run, message_id: int) -> int | None:
    """The clean-up that has moved a message after the run which is taken back, and was not taken back itself."""
    row = connection.execute(
        """SELECT r.cleanup_id, r.undoes IS NULL OR u.undoes IS NOT NULL FROM cleanup_items i
           JOIN cleanup_runs r ON r.cleanup_id = i.cleanup_id LEFT JOIN cleanup_runs u ON u.id = r.undoes
           JOIN cleanup_journal j ON j.run_id = r.id AND j.item = i.number AND j.state = 'done'
               AND j.after ->> 'folder' IS NOT j.before ->> 'folder'
           WHERE i.message_id = ? AND i.cleanup_id <> ? AND r.id > ? ORDER BY r.id DESC LIMIT 1""",
        (message_id, run.cleanup_id, run.undoes or 0),
    ).fetchone()
    return int(row[0]) if row is not None and row[1] else None


def named(connection: sqlite3.Connection, run_id: int) -> set[bytes]:
    """Raw names of the folders that rows which wait are about."""
    rows = connection.execute(
        """SELECT before ->> 'folder' FROM cleanup_journal WHERE run_id = ?1 AND state = 'waiting'
           UNION SELECT after ->> 'folder' FROM cleanup_journal WHERE run_id = ?1 AND state = 'waiting'""",
        (run_id,),
    )
    return {row[0].encode("latin-1") for row in rows if row[0] is not None}


def uids(connection: sqlite3.Connection, run_id: int, folder: bytes, uidvalidity: int | None) -> list[int]:
    """UIDs in a folder (raw name) by which rows without a result know their messages."""
    rows = connection.execute(
        """SELECT before ->> 'uid' FROM cleanup_journal WHERE run_id = ? AND state IN ('waiting', 'begun')
           AND before ->> 'folder' = ? AND before ->> 'uidvalidity' = ? AND before ->> 'uid' IS NOT NULL""",
        (run_id, folder.decode("latin-1"), uidvalidity),
    )
    return [row[0] for row in rows]


def follow(connection: sqlite3.Connection, run_id: int, account_id: int, names: Iterable[bytes]) -> None:
    """Rows of a run that wait and name folders which are not there any more (raw names): folders that were renamed are
    the same folders. What was frozen tells which they are, or messages do that have kept their UIDs."""
    frozen = dict(
        connection.execute(
            """SELECT c.raw_name, f.raw_name FROM cleanup_runs r JOIN cleanup_folders c ON c.cleanup_id = r.cleanup_id
               JOIN folders f ON f.id = c.folder_id WHERE r.id = ? AND f.gone_at IS NULL""",
            (run_id,),
        ).fetchall()
    )
    for name in names:
        old = name.decode("latin-1")
        known = connection.execute(
            """SELECT f.raw_name FROM cleanup_runs r
               JOIN cleanup_journal j ON j.run_id = r.id AND j.state = 'waiting' AND j.before ->> 'folder' = ?
               JOIN cleanup_items i ON i.cleanup_id = r.cleanup_id AND i.number = j.item
               JOIN messages m ON m.id = i.message_id AND m.uid = j.before ->> 'uid'
               JOIN folders f ON f.id = m.folder_id AND f.account_id = ? AND f.gone_at IS NULL
                   AND f.uidvalidity = j.before ->> 'uidvalidity'
               WHERE r.id = ? LIMIT 1""",
            (old, account_id, run_id),
        ).fetchone()
        new = known[0] if known is not None else frozen.get(name)
        if new is not None and new != name:
            for end in ("before", "after"):
                connection.execute(
                    f"""UPDATE cleanup_journal SET {end} = json_set({end}, '$.folder', ?) WHERE run_id = ?
                        AND state = 'waiting' AND {end} ->> 'folder' = ?""",
                    (new.decode("latin-1"), run_id, old),
                )


def place_ends(connection: sqlite3.Connection, run_id: int, rows: Sequence[Row]) -> None:
    """Rows that wait have these ends."""
    connection.executemany(
        f"""UPDATE cleanup_journal SET before = ?, after = ? WHERE run_id = {run_id:d} AND number = ?
            AND state = 'waiting'""",
        [(pack(row.before), pack(row.after), row.number) for row in rows],
    )


def freeze(connection: sqlite3.Connection, run: Run, rows: Sequence[tuple[Row, str]], job_id: int, at: float) -> Frozen:
    """The list of rows, each with the name of the folder that it belongs to: approved as part of the run."""
    chosen: dict[str, list[Candidate]] = defaultdict(list)
    for row, name in rows:
        assert row.after is not None
        keywords = " ".join(row.after.keywords)
        facts = (row.digest, row.size, row.after.flags, keywords, row.after.internaldate)
        chosen[name].append(Candidate(row.message_id, 0, *facts, None))
    sources = [(Source(run.account, name, "", "", ""), messages) for name, messages in chosen.items()]
    frozen = restores.freeze(connection, run.account, sources, at)
    connection.execute(
        "UPDATE restores SET job_id = ?, approved_by = ? WHERE id = ?", (job_id, run.approved_by, frozen.id)
    )
    return frozen


def begun(connection: sqlite3.Connection, job_id: int) -> list[tuple[Frozen, bool]]:
    """The lists that a job has made, and whether it has come to the end of each."""
    found = connection.execute(
        "SELECT id, finished_at IS NOT NULL FROM restores WHERE job_id = ? ORDER BY id", (job_id,)
    ).fetchall()
    return [(restores.get(connection, row[0]), bool(row[1])) for row in found]


def same_ids(connection: sqlite3.Connection, run_id: int) -> int:
    """Give messages that a run has put somewhere the ids by which its list names them, where the mirror has taken them
    for others with the same bytes, or for new ones; how many."""
    changed = 0
    for raw_name in cleanup_runs.touched(connection, run_id):
        rows = connection.execute(
            """SELECT i.message_id, m.folder_id, m.uid FROM cleanup_runs r JOIN cleanups l ON l.id = r.cleanup_id
               JOIN folders f ON f.account_id = l.account_id AND f.raw_name = ?2 AND f.gone_at IS NULL
               JOIN cleanup_journal j ON j.run_id = r.id AND j.state = 'done' AND j.after ->> 'folder' = ?3
                   AND j.after ->> 'uidvalidity' = f.uidvalidity
               JOIN cleanup_items i ON i.cleanup_id = r.cleanup_id AND i.number = j.item
               JOIN messages m ON m.folder_id = f.id AND m.uid = j.after ->> 'uid'
               JOIN contents c ON c.id = m.content_id AND c.digest = i.digest
               WHERE r.id = ?1 AND m.id <> i.message_id""",
            (run_id, raw_name, raw_name.decode("latin-1")),
        ).fetchall()
        for wanted, folder_id, uid in rows:
            _take_id(connection, wanted, folder_id, uid)
        changed += len(rows)
    return changed


def _take_id(connection: sqlite3.Connection, wanted: int, folder_id: int, uid: int) -> None:
    """The message with that UID has the id `wanted` from now on; one that has it gets that of the message."""
    here = "folder_id = ? AND uid = ?"
    given = connection.execute(f"SELECT id FROM messages WHERE {here}", (folder_id, uid)).fetchone()[0]
    connection.execute(
        f"""UPDATE messages SET created_at =
                coalesce((SELECT created_at FROM removed_messages WHERE id = ?), created_at) WHERE {here}""",
        (wanted, folder_id, uid),
    )
    connection.execute("DELETE FROM removed_messages WHERE id = ?", (wanted,))
    # message_labels refer to ids; what they refer to is whole again at the end of the transaction.
    connection.execute("PRAGMA defer_foreign_keys = 1")
    for old, new in ((wanted, -wanted), (given, wanted), (-wanted, given)):
        connection.execute("UPDATE message_labels SET message_id = ? WHERE message_id = ?", (new, old))
        connection.execute("UPDATE messages SET id = ? WHERE id = ?", (new, old))


def outcomes(
    connection: sqlite3.Connection, run_id: int, restore_id: int, after: int, limit: int = 1000
) -> tuple[int | None, list[Result]]:
    """What a list has made of rows of the run that have no result yet: a page of its items, by number, that come
    `after` one. Gives the last of these, None when there are no more."""
    found = connection.execute(
        """SELECT i.number, i.state, i.uidvalidity, i.uid, i.reason, f.raw_name, j.number, j.before, j.after
           FROM restore_items i
           CROSS JOIN restore_folders f ON f.restore_id = i.restore_id AND f.number = i.folder
           CROSS JOIN cleanup_runs r ON r.id = ?1
           CROSS JOIN cleanup_items c INDEXED BY cleanup_items_by_message
               ON c.message_id = i.message_id AND c.cleanup_id = r.cleanup_id
           CROSS JOIN cleanup_journal j INDEXED BY cleanup_journal_by_item ON j.item = c.number AND j.run_id = r.id
           WHERE i.restore_id = ?2 AND i.number > ?3 AND i.state IN ('restored', 'present', 'failed')
             AND j.state IN ('waiting', 'begun') AND j.step = 0 AND j.after IS NOT NULL ORDER BY i.number LIMIT ?4""",
        (run_id, restore_id, after, limit),
    ).fetchall()
    results: list[Result] = []
    for _, state, uidvalidity, uid, reason, raw_name, number, before, end in found:
        here, there = unpack(before), unpack(end)
        if state == "failed" or there is None:
            results.append(Result(number, "failed", here, here, reason))
            continue
        there = replace(there, folder=raw_name, uidvalidity=uidvalidity if uid is not None else None, uid=uid)
        if state == "restored" and there.labels:
            results.append(Result(number, "begun", here, there, step=PLACED))
            continue
        told = PUT_BACK if state == "restored" else "it was there already"
        results.append(Result(number, "done", here, there, f"{told}, {reason}" if reason else told))
    return found[-1][0] if found else None, results


def unlabelled(connection: sqlite3.Connection, run_id: int) -> dict[tuple[bytes, int | None], list[Row]]:
    """Rows whose messages were put on the server once more, and lack their labels, by folder and UIDVALIDITY."""
    found: dict[tuple[bytes, int | None], list[Row]] = defaultdict(list)
    for row in cleanup_runs.rows(connection, run_id, ("begun",), limit=-1):
        if row.step == PLACED and not row.targets and row.after is not None:
            found[row.after.folder, row.after.uidvalidity].append(row)
    return found
