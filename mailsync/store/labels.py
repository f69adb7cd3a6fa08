"""`labels` and `message_labels`: what Gmail calls a folder, kept as what it is; each label counts its messages."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from mailsync.store import onestep

NAMES = {
    "\\Inbox": "INBOX",
    "\\Sent": "Sent",
    "\\Draft": "Drafts",
    "\\Starred": "Starred",
    "\\Important": "Important",
}
"""Names for people of the labels that every account has."""


def assign(
    connection: sqlite3.Connection, account_id: int, folder_id: int, labels: Mapping[int, tuple[str, ...]]
) -> int:
    """Give messages of a folder, by UID, exactly these labels; returns how many had others. UIDs without a row count
    for nothing."""
    _told(connection, labels)
    connection.execute(
        f"""INSERT INTO labels (account_id, name) SELECT DISTINCT {account_id:d}, label FROM temp.told_labels
            WHERE label IS NOT NULL ON CONFLICT DO NOTHING"""
    )
    connection.execute("DELETE FROM temp.wanted_labels")
    connection.execute(
        """INSERT OR IGNORE INTO temp.wanted_labels SELECT m.id, l.id FROM temp.told_labels t
           JOIN messages m ON m.folder_id = ?1 AND m.uid = t.uid
           JOIN labels l ON l.account_id = ?2 AND l.name = t.label""",
        (folder_id, account_id),
    )
    theirs = "message_id IN (SELECT m.id FROM temp.told_labels t JOIN messages m ON m.folder_id = ?1 AND m.uid = t.uid)"
    changed = connection.execute(
        f"""SELECT count(DISTINCT message_id) FROM (
                SELECT * FROM (SELECT message_id, label_id FROM message_labels WHERE {theirs}
                               EXCEPT SELECT message_id, label_id FROM temp.wanted_labels)
                UNION ALL
                SELECT * FROM (SELECT message_id, label_id FROM temp.wanted_labels
                               EXCEPT SELECT message_id, label_id FROM message_labels))""",
        (folder_id,),
    ).fetchone()[0]
    if changed:
        connection.execute(
            f"""DELETE FROM message_labels WHERE {theirs}
                AND (message_id, label_id) NOT IN (SELECT message_id, label_id FROM temp.wanted_labels)""",
            (folder_id,),
        )
        connection.execute(
            """INSERT INTO message_labels (message_id, label_id)
               SELECT message_id, label_id FROM temp.wanted_labels WHERE 1 ON CONFLICT DO NOTHING"""
        )
    connection.execute("DELETE FROM temp.told_labels")
    connection.execute("DELETE FROM temp.wanted_labels")
    return int(changed)


def _told(connection: sqlite3.Connection, labels: Mapping[int, tuple[str, ...]]) -> None:
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS told_labels (uid INTEGER, label TEXT)")
    connection.execute(
        """CREATE TEMP TABLE IF NOT EXISTS wanted_labels (message_id INTEGER, label_id INTEGER,
                                                          PRIMARY KEY (message_id, label_id)) WITHOUT ROWID"""
    )
    connection.execute("DELETE FROM temp.told_labels")
    connection.executemany(
        "INSERT INTO temp.told_labels VALUES (?, ?)",
        ((uid, name) for uid, names in labels.items() for name in names or (None,)),
    )


def recount(connection: sqlite3.Connection, account_id: int) -> None:
    """Count every label's messages anew; labels that no message has are forgotten."""
    connection.execute(
        """DELETE FROM labels WHERE account_id = ?
           AND NOT EXISTS (SELECT 1 FROM message_labels WHERE label_id = labels.id)""",
        (account_id,),
    )
    connection.execute(
        """UPDATE labels SET (messages, unread) = (
               SELECT count(*), coalesce(sum(m.flags & 1 = 0), 0) FROM message_labels ml
               JOIN messages m ON m.id = ml.message_id WHERE ml.label_id = labels.id)
           WHERE account_id = ?""",
        (account_id,),
    )


def of_message(connection: sqlite3.Connection, message_id: int) -> list[str]:
    """The labels of one message, as the server names them."""
    rows = connection.execute(
        """SELECT l.name FROM message_labels ml JOIN labels l ON l.id = ml.label_id
           WHERE ml.message_id = ? ORDER BY l.name""",
        (message_id,),
    )
    return [row[0] for row in rows]


def virtual(connection: sqlite3.Connection, account_id: int) -> list[tuple[str, int, int]]:
    """An account's labels as folders: (name for people, messages, unread), INBOX first. Costs by labels only."""
    found = onestep.rows(connection, 3, "SELECT name, messages, unread FROM labels WHERE account_id = ?", (account_id,))
    named = [(NAMES.get(name, name), messages, unread) for name, messages, unread in found]
    return sorted(named, key=lambda one: (one[0] != "INBOX", one[0]))
