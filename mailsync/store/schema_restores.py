"""Schema 4, too: what is put back on a server. A list that was frozen and approved, and the journal of carrying it out.

A message of a list is named by its id and by the digest of its bytes. Before a batch is sent its rows say `begun`, with
the UIDNEXT of the folder; what the server answered is noted after it. Lists stay when their jobs are forgotten: they
know under which UID a server took what it stores in other bytes.
"""

from __future__ import annotations

SCRIPT = """
CREATE TABLE restores (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
    job_id INTEGER REFERENCES jobs(id) ON DELETE SET NULL,
    hash TEXT NOT NULL DEFAULT '',
    approved_by TEXT,
    created_at REAL NOT NULL,
    finished_at REAL
);
CREATE INDEX restores_by_job ON restores (job_id) WHERE job_id IS NOT NULL;
CREATE TABLE restore_folders (
    restore_id INTEGER NOT NULL REFERENCES restores(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    delimiter TEXT NOT NULL,
    prefix TEXT NOT NULL,
    special_use TEXT NOT NULL,
    wish TEXT NOT NULL,
    raw_name BLOB,
    error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (restore_id, number)
) WITHOUT ROWID;
CREATE TABLE restore_items (
    restore_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    folder INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    keywords TEXT NOT NULL,
    internaldate INTEGER,
    state TEXT NOT NULL DEFAULT 'waiting',
    uidvalidity INTEGER,
    uidnext INTEGER,
    uid INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (restore_id, number),
    FOREIGN KEY (restore_id, folder) REFERENCES restore_folders(restore_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX restore_items_by_folder ON restore_items (restore_id, folder, state);
CREATE INDEX restore_items_by_digest ON restore_items (digest, uidvalidity) WHERE uid IS NOT NULL;
"""
