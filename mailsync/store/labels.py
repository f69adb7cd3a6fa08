"""`labels` and `message_labels`: what Gmail calls a folder, kept as what it is.

Triggers keep the counters of each label exact, whatever happens to its messages.
"""

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
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS told_labels (uid INTEGER, label TEXT)")
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS labelled (id INTEGER PRIMARY KEY)")
    connection.execute(
        """CREATE TEMP TABLE IF NOT EXISTS wanted_labels (message_id INTEGER, label_id INTEGER,
                                                          PRIMARY KEY (message_id, label_id)) WITHOUT ROWID"""
    )
    for table in ("told_labels", "labelled", "wanted_labels"):
        connection.execute(f"DELETE FROM temp.{table}")
    connection.executemany(
        "INSERT INTO temp.told_labels VALUES (?, ?)",
        ((uid, name) for uid, names in labels.items() for name in names or (None,)),
    )
    connection.execute(
        f"""INSERT INTO labels (account_id, name) SELECT DISTINCT {account_id:d}, label FROM temp.told_labels
            WHERE label IS NOT NULL ON CONFLICT DO NOTHING"""
    )
    connection.execute(
        """INSERT OR IGNORE INTO temp.labelled SELECT m.id FROM temp.told_labels t
           CROSS JOIN messages m ON m.folder_id = ? AND m.uid = t.uid""",
        (folder_id,),
    )
    connection.execute(
        """INSERT OR IGNORE INTO temp.wanted_labels SELECT m.id, l.id FROM temp.told_labels t
           CROSS JOIN messages m ON m.folder_id = ?1 AND m.uid = t.uid
           CROSS JOIN labels l ON l.account_id = ?2 AND l.name = t.label""",
        (folder_id, account_id),
    )
    lost = """SELECT ml.message_id, ml.label_id FROM temp.labelled g
              CROSS JOIN message_labels ml ON ml.message_id = g.id
              WHERE NOT EXISTS (SELECT 1 FROM temp.wanted_labels w
                                WHERE w.message_id = ml.message_id AND w.label_id = ml.label_id)"""
    gained = """SELECT w.message_id, w.label_id FROM temp.wanted_labels w
                WHERE NOT EXISTS (SELECT 1 FROM message_labels ml
                                  WHERE ml.message_id = w.message_id AND ml.label_id = w.label_id)"""
    changed = connection.execute(
        f"SELECT count(DISTINCT message_id) FROM (SELECT * FROM ({lost}) UNION ALL SELECT * FROM ({gained}))"
    ).fetchone()[0]
    if changed:
        connection.execute(f"DELETE FROM message_labels WHERE (message_id, label_id) IN ({lost})")
        connection.execute(f"INSERT INTO message_labels (message_id, label_id) {gained}")
    return int(changed)


def forget_unused(connection: sqlite3.Connection, account_id: int) -> None:
    """Labels that no message has are no labels."""
    connection.execute("DELETE FROM labels WHERE account_id = ? AND messages = 0", (account_id,))


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
