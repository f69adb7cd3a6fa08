"""`folders`: what the server lists, the checkpoint of each folder, and its counters."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mailsync.record import record


@record(frozen=True)
class Folder:
    """A folder as stored. `raw_name` is the name on the wire; the checkpoint fields are None before a first sync."""

    id: int
    name: str
    raw_name: bytes
    delimiter: str
    special_use: str
    uidvalidity: int | None
    uidnext: int | None
    highestmodseq: int | None
    messages: int
    first_sync_at: float | None
    last_sync_at: float | None
    full_scan_at: float | None = None
    """When all flags were last compared on a server that cannot tell which have changed."""
    outside: str = ""
    """UIDs on the server that are deliberately not mirrored, as IMAP set text."""
    selection: str = ""
    """The fingerprint of the selection of messages that `outside` was made under."""
    resets: int = 0
    reset_at: float | None = None
    """New UIDVALIDITY values followed, and since when they are counted."""
    mailboxid: str = ""


@record(frozen=True)
class Checkpoint:
    """The server's numbers that a finished sync covers (of the EXAMINE that preceded its questions)."""

    uidvalidity: int
    uidnext: int | None
    highestmodseq: int | None
    messages: int


_COLUMNS = (
    "id, name, raw_name, delimiter, special_use, uidvalidity, uidnext, highestmodseq, messages, "
    "first_sync_at, last_sync_at, full_scan_at, outside, selection, resets, reset_at, mailboxid"
)


def present(connection: sqlite3.Connection, account_id: int) -> dict[str, Folder]:
    """The folders that exist on the server as far as we know, by name."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM folders WHERE account_id = ? AND gone_at IS NULL ORDER BY name", (account_id,)
    )
    return {row["name"]: Folder(*row) for row in rows}


def get(connection: sqlite3.Connection, folder_id: int) -> Folder:
    return Folder(*connection.execute(f"SELECT {_COLUMNS} FROM folders WHERE id = ?", (folder_id,)).fetchone())


def upsert(
    connection: sqlite3.Connection,
    account_id: int,
    listed: Sequence[tuple[str, bytes, str, str, int | None, int | None]],
) -> None:
    """Note listed folders: (name, raw name, delimiter, special use, server's message count, server's bytes)."""
    connection.executemany(
        f"""INSERT INTO folders (account_id, name, raw_name, delimiter, special_use, server_messages, server_bytes)
            VALUES ({account_id:d}, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (account_id, name) DO UPDATE SET raw_name = excluded.raw_name, delimiter = excluded.delimiter,
                special_use = excluded.special_use, gone_at = NULL,
                server_messages = coalesce(excluded.server_messages, server_messages),
                server_bytes = coalesce(excluded.server_bytes, server_bytes)""",
        listed,
    )


def start_sync(
    connection: sqlite3.Connection,
    folder_id: int,
    uidvalidity: int,
    server_messages: int,
    strategy: str,
    why: str = "",
) -> None:
    """A sync begins under this UIDVALIDITY: rows committed from here on belong to it. `why` this strategy, a clause."""
    connection.execute(
        """UPDATE folders SET uidvalidity = ?, server_messages = ?, strategy = ?, why = ?, syncing = 1, error = NULL,
                  error_hint = NULL WHERE id = ?""",
        (uidvalidity, server_messages, strategy, why, folder_id),
    )


def finish_sync(
    connection: sqlite3.Connection,
    folder_id: int,
    checkpoint: Checkpoint,
    strategy: str,
    at: float,
    *,
    why: str = "",
    full_scan: bool = False,
    mailboxid: str = "",
) -> None:
    """A sync is complete: the checkpoint lands in the same transaction as the last rows it covers.

    `full_scan` tells that all flags were compared one by one.
    """
    connection.execute(
        """UPDATE folders SET uidvalidity = :uidvalidity, uidnext = :uidnext, highestmodseq = :modseq,
                  server_messages = :messages, strategy = :strategy, why = :why, last_sync_at = :at,
                  first_sync_at = coalesce(first_sync_at, :at), full_scan_at = iif(:full, :at, full_scan_at),
                  mailboxid = coalesce(nullif(:mailboxid, ''), mailboxid),
                  syncing = 0, error = NULL, error_hint = NULL WHERE id = :id""",
        {
            "uidvalidity": checkpoint.uidvalidity,
            "uidnext": checkpoint.uidnext,
            "modseq": checkpoint.highestmodseq,
            "messages": checkpoint.messages,
            "strategy": strategy,
            "why": why,
            "at": at,
            "full": full_scan,
            "mailboxid": mailboxid,
            "id": folder_id,
        },
    )


def note_outside(connection: sqlite3.Connection, folder_id: int, outside: str) -> None:
    """Of the messages that are deliberately not mirrored these are left."""
    connection.execute("UPDATE folders SET outside = ? WHERE id = ?", (outside, folder_id))


def note_unchanged(connection: sqlite3.Connection, folder_ids: Sequence[int], at: float) -> None:
    """These folders were found to be as their checkpoints say."""
    connection.executemany(
        """UPDATE folders SET last_sync_at = ?, strategy = 'unchanged', why = 'STATUS proves it', syncing = 0,
                  error = NULL, error_hint = NULL WHERE id = ?""",
        [(at, folder_id) for folder_id in folder_ids],
    )


def stop_sync(connection: sqlite3.Connection, folder_id: int) -> None:
    """A sync was ended before its end, by who asked for it."""
    connection.execute("UPDATE folders SET syncing = 0 WHERE id = ?", (folder_id,))


def fail_sync(connection: sqlite3.Connection, folder_id: int, error: str, hint: str) -> None:
    connection.execute(
        "UPDATE folders SET syncing = 0, error = ?, error_hint = ? WHERE id = ?", (error, hint, folder_id)
    )


def set_watch(connection: sqlite3.Connection, folder_id: int, watch: str) -> None:
    """How changes of this folder are learned of: 'idle', 'poll' or '' (schedule only)."""
    connection.execute("UPDATE folders SET watch = ? WHERE id = ?", (watch, folder_id))


def set_next_sync(connection: sqlite3.Connection, account_id: int, at: float | None) -> None:
    connection.execute("UPDATE folders SET next_sync_at = ? WHERE account_id = ? AND gone_at IS NULL", (at, account_id))


def mark_gone(connection: sqlite3.Connection, folder_id: int, at: float) -> None:
    """The folder is gone from the server, or no longer selected; its rows were removed before this."""
    connection.execute(
        """UPDATE folders SET gone_at = ?, uidvalidity = NULL, uidnext = NULL, highestmodseq = NULL, syncing = 0,
                  error = NULL, error_hint = NULL, first_sync_at = NULL WHERE id = ?""",
        (at, folder_id),
    )


def restart(connection: sqlite3.Connection, folder_id: int, uidvalidity: int, resets: int, reset_at: float) -> None:
    """The folder starts over under a new UIDVALIDITY; its rows were given new UIDs or removed in this transaction.

    It was the `resets`-th time since `reset_at`. UIDs left outside are not known any more.
    """
    connection.execute(
        """UPDATE folders SET uidvalidity = ?, uidnext = NULL, highestmodseq = NULL, first_sync_at = NULL,
                  outside = '', full_scan_at = NULL, resets = ?, reset_at = ? WHERE id = ?""",
        (uidvalidity, resets, reset_at, folder_id),
    )


def next_uid(connection: sqlite3.Connection, folder_id: int) -> int:
    """The lowest UID that a message not yet seen can have: above every row and not below the stored UIDNEXT."""
    row = connection.execute(
        """SELECT max(coalesce(uidnext, 1), coalesce((SELECT max(uid) FROM messages WHERE folder_id = f.id), 0) + 1)
           FROM folders f WHERE id = ?""",
        (folder_id,),
    ).fetchone()
    return int(row[0])


def note_arrivals(connection: sqlite3.Connection, folder_id: int, uidnext: int, server_messages: int) -> None:
    """New messages up to `uidnext` were stored outside a full sync: only those are proven, so MODSEQ stays."""
    connection.execute(
        "UPDATE folders SET uidnext = max(coalesce(uidnext, 0), ?), server_messages = ? WHERE id = ?",
        (uidnext, server_messages, folder_id),
    )


def remaining(connection: sqlite3.Connection, account_ids: Sequence[int]) -> int:
    """Messages still to come in the syncs of these accounts, as far as the servers' counts tell."""
    marks = ", ".join("?" * len(account_ids))
    row = connection.execute(
        f"""SELECT coalesce(sum(max(0, server_messages - messages)), 0) FROM folders WHERE account_id IN ({marks})
            AND gone_at IS NULL AND server_messages IS NOT NULL AND (syncing OR first_sync_at IS NULL)""",
        list(account_ids),
    ).fetchone()
    return int(row[0])


def held(connection: sqlite3.Connection, account_ids: Sequence[int], names: Sequence[str]) -> int:
    """Messages that the folders of these names, or all folders, of these accounts hold."""
    accounts, only = ", ".join("?" * len(account_ids)), ", ".join("?" * len(names))
    row = connection.execute(
        f"""SELECT coalesce(sum(messages), 0) FROM folders WHERE account_id IN ({accounts}) AND gone_at IS NULL
            {f"AND name IN ({only})" if names else ""}""",
        [*account_ids, *names],
    ).fetchone()
    return int(row[0])


def unfinished(connection: sqlite3.Connection, account_id: int) -> bool:
    """True while the account has never been mirrored whole: no folder, or one whose first sync has yet to end."""
    row = connection.execute(
        """SELECT count(*), sum(first_sync_at IS NULL AND error IS NULL) FROM folders
           WHERE account_id = ? AND gone_at IS NULL""",
        (account_id,),
    ).fetchone()
    return not row[0] or bool(row[1])
