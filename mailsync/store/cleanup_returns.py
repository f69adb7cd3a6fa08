"""Messages of an undo that the server has lost: where the mirror sees them now, and the list that puts them back.

Such a list is one of `store.restores`, part of the job of the undo and of its approval. Its own journal tells what was
sent; what became of its messages is taken over from there.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence

from mailsync.record import replace
from mailsync.store import cleanup_runs, restores
from mailsync.store.cleanup_places import Place, pack
from mailsync.store.cleanup_runs import Result, Row, Run
from mailsync.store.restorable import Candidate
from mailsync.store.restores import Frozen, Source


def elsewhere(connection: sqlite3.Connection, account_id: int, rows: Sequence[Row]) -> dict[int, str]:
    """The folder, by number of the row, of messages that the mirror has somewhere else than they were left or belong:
    somebody has put them there since."""
    found: dict[int, str] = {}
    for row in rows:
        place = connection.execute(
            """SELECT f.raw_name, f.name FROM messages m JOIN folders f ON f.id = m.folder_id
               WHERE m.id = ? AND f.account_id = ? AND f.gone_at IS NULL""",
            (row.message_id, account_id),
        ).fetchone()
        ends = {one.folder for one in (row.before, row.after) if one is not None}
        if place is not None and place[0] not in ends:
            found[row.number] = place[1]
    return found


def follow(connection: sqlite3.Connection, run_id: int, account_id: int, names: Sequence[bytes]) -> None:
    """Rows of a run that wait and name folders which are not there any more (raw names): folders that were renamed are
    the same folders. What was frozen tells which they are, or messages do that have kept their UIDs."""
    renamed = dict(
        connection.execute(
            """SELECT c.raw_name, f.raw_name FROM cleanup_runs r JOIN cleanup_folders c ON c.cleanup_id = r.cleanup_id
               JOIN folders f ON f.id = c.folder_id WHERE r.id = ? AND f.gone_at IS NULL""",
            (run_id,),
        ).fetchall()
    )
    rows = cleanup_runs.rows(connection, run_id, ("waiting",), limit=-1)
    for row in rows:
        here = row.before
        if here is not None and here.folder in names and renamed.get(here.folder, here.folder) == here.folder:
            found = connection.execute(
                """SELECT f.raw_name FROM messages m JOIN folders f ON f.id = m.folder_id WHERE m.id = ?
                   AND f.account_id = ? AND f.uidvalidity = ? AND m.uid = ? AND f.gone_at IS NULL""",
                (row.message_id, account_id, here.uidvalidity, here.uid),
            ).fetchone()
            if found is not None:
                renamed[here.folder] = found[0]

    def today(end: Place | None) -> Place | None:
        known = end is not None and end.folder in names and end.folder in renamed
        return replace(end, folder=renamed[end.folder]) if known and end is not None else end

    changed = [replace(row, before=today(row.before), after=today(row.after)) for row in rows]
    place(connection, run_id, [new for new, old in zip(changed, rows, strict=True) if new != old])


def place(connection: sqlite3.Connection, run_id: int, rows: Sequence[Row]) -> None:
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


def begun(connection: sqlite3.Connection, job_id: int) -> list[Frozen]:
    """The lists that a job has not come to the end of."""
    found = connection.execute(
        "SELECT id FROM restores WHERE job_id = ? AND finished_at IS NULL ORDER BY id", (job_id,)
    ).fetchall()
    return [restores.get(connection, row[0]) for row in found]


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


def outcomes(connection: sqlite3.Connection, restore_id: int, rows: Sequence[Row]) -> list[Result]:
    """What the list made of those rows that it is about and has come to."""
    known = {
        found[0]: found[1:]
        for found in connection.execute(
            """SELECT i.message_id, i.state, i.uidvalidity, i.uid, i.reason, f.raw_name FROM restore_items i
               JOIN restore_folders f ON f.restore_id = i.restore_id AND f.number = i.folder
               WHERE i.restore_id = ? AND i.state IN ('restored', 'present', 'failed')""",
            (restore_id,),
        )
    }
    results: list[Result] = []
    for row in rows:
        if row.message_id not in known or row.after is None:
            continue
        state, uidvalidity, uid, reason, raw_name = known[row.message_id]
        if state == "failed":
            results.append(Result(row.number, "failed", row.before, row.before, reason))
            continue
        after = replace(row.after, folder=raw_name, uidvalidity=uidvalidity, uid=uid)
        told = "put on the server once more" if state == "restored" else "it was there already"
        results.append(Result(row.number, "done", row.before, after, f"{told}, {reason}" if reason else told))
    return results
