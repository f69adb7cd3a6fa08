"""The schema, as numbered migrations applied by sqlite-utils, and the version this program understands.

`PRAGMA user_version` holds the number of the newest migration applied: reading one integer decides at start-up
whether there is anything to do, so the ordinary start does not even import sqlite-utils.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from sqlite_utils.db import Database

VERSION = 5

_MIGRATION_1 = """
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL DEFAULT '',
    position INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'disconnected',
    state_detail TEXT NOT NULL DEFAULT '',
    state_hint TEXT NOT NULL DEFAULT '',
    state_since REAL,
    server TEXT NOT NULL DEFAULT '',
    capabilities TEXT NOT NULL DEFAULT '',
    last_sync_at REAL,
    error TEXT,
    error_hint TEXT
);
CREATE TABLE folders (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    raw_name BLOB NOT NULL,
    delimiter TEXT NOT NULL DEFAULT '',
    special_use TEXT NOT NULL DEFAULT '',
    uidvalidity INTEGER,
    uidnext INTEGER,
    highestmodseq INTEGER,
    server_messages INTEGER,
    server_bytes INTEGER,
    messages INTEGER NOT NULL DEFAULT 0,
    unread INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    first_sync_at REAL,
    last_sync_at REAL,
    next_sync_at REAL,
    strategy TEXT,
    watch TEXT NOT NULL DEFAULT '',
    syncing INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    error_hint TEXT,
    gone_at REAL,
    UNIQUE (account_id, name)
);
CREATE TABLE contents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE dictionaries (
    id INTEGER PRIMARY KEY,
    data BLOB NOT NULL
);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    folder_id INTEGER NOT NULL REFERENCES folders(id) ON DELETE CASCADE,
    uid INTEGER NOT NULL,
    content_id INTEGER REFERENCES contents(id),
    flags INTEGER NOT NULL DEFAULT 0,
    keywords TEXT NOT NULL DEFAULT '',
    internaldate INTEGER,
    size INTEGER NOT NULL DEFAULT 0,
    modseq INTEGER,
    created_at REAL NOT NULL,
    UNIQUE (folder_id, uid)
);
CREATE INDEX messages_by_date ON messages (folder_id, internaldate);
CREATE INDEX messages_by_content ON messages (content_id);
CREATE TABLE removed_messages (
    id INTEGER PRIMARY KEY,
    folder_id INTEGER NOT NULL REFERENCES folders(id) ON DELETE CASCADE,
    uidvalidity INTEGER,
    uid INTEGER NOT NULL,
    content_id INTEGER REFERENCES contents(id),
    flags INTEGER NOT NULL,
    keywords TEXT NOT NULL,
    internaldate INTEGER,
    size INTEGER NOT NULL,
    created_at REAL NOT NULL,
    removed_at REAL NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX removed_by_content ON removed_messages (content_id);
CREATE INDEX removed_by_time ON removed_messages (removed_at);
CREATE TABLE envelopes (
    content_id INTEGER PRIMARY KEY REFERENCES contents(id) ON DELETE CASCADE,
    date INTEGER,
    message_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    from_name TEXT NOT NULL,
    from_addr TEXT NOT NULL,
    to_text TEXT NOT NULL,
    cc_text TEXT NOT NULL,
    has_attachments INTEGER NOT NULL
);
CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL
);
CREATE TABLE consents (
    account TEXT NOT NULL,
    scope TEXT NOT NULL,
    granted_at REAL NOT NULL,
    revoked_at REAL,
    PRIMARY KEY (account, scope)
);
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    account TEXT,
    params TEXT NOT NULL DEFAULT '{}',
    status TEXT NOT NULL DEFAULT 'pending',
    priority INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0,
    processed INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    max_attempts INTEGER NOT NULL DEFAULT 1,
    created_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL,
    heartbeat_at REAL,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    error_hint TEXT,
    result TEXT,
    approved_by TEXT
);
CREATE INDEX jobs_waiting ON jobs (priority DESC, id) WHERE status = 'pending';
CREATE TABLE job_events (
    job_id INTEGER NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    at REAL NOT NULL,
    type TEXT NOT NULL,
    data TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (job_id, seq)
) WITHOUT ROWID;
CREATE TABLE activity (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    account TEXT NOT NULL,
    folder TEXT NOT NULL DEFAULT '',
    type TEXT NOT NULL,
    count INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    uids TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT ''
);
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
    folder_id INTEGER REFERENCES folders(id) ON DELETE CASCADE,
    uidvalidity INTEGER,
    uid INTEGER,
    content_id INTEGER REFERENCES contents(id),
    stage TEXT NOT NULL,
    error TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 1,
    created_at REAL NOT NULL,
    last_attempt_at REAL NOT NULL,
    resolved_at REAL
);
CREATE UNIQUE INDEX quarantine_open ON quarantine (folder_id, uidvalidity, uid, stage) WHERE resolved_at IS NULL;
CREATE VIEW mail AS
SELECT m.id, a.name AS account, f.name AS folder, m.uid,
       strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(e.date, m.internaldate), 'unixepoch') AS date,
       trim(e.from_name || ' <' || e.from_addr || '>') AS "from", e.to_text AS "to", e.cc_text AS cc, e.subject,
       trim(iif(m.flags & 1, '\\Seen ', '') || iif(m.flags & 2, '\\Answered ', '') || iif(m.flags & 4, '\\Flagged ', '')
            || iif(m.flags & 8, '\\Deleted ', '') || iif(m.flags & 16, '\\Draft ', '') || m.keywords) AS flags,
       strftime('%Y-%m-%dT%H:%M:%SZ', m.internaldate, 'unixepoch') AS internaldate,
       m.size, e.message_id, e.has_attachments, lower(hex(c.digest)) AS sha256
FROM messages m
JOIN folders f ON f.id = m.folder_id
JOIN accounts a ON a.id = f.account_id
LEFT JOIN contents c ON c.id = m.content_id
LEFT JOIN envelopes e ON e.content_id = m.content_id;
"""

_MIGRATION_2 = """
ALTER TABLE accounts ADD COLUMN resumes_at REAL;
ALTER TABLE accounts ADD COLUMN line TEXT NOT NULL DEFAULT '';
ALTER TABLE folders ADD COLUMN mailboxid TEXT NOT NULL DEFAULT '';
ALTER TABLE folders ADD COLUMN full_scan_at REAL;
ALTER TABLE folders ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE folders ADD COLUMN outside TEXT NOT NULL DEFAULT '';
ALTER TABLE folders ADD COLUMN selection TEXT NOT NULL DEFAULT '';
ALTER TABLE folders ADD COLUMN resets INTEGER NOT NULL DEFAULT 0;
ALTER TABLE folders ADD COLUMN reset_at REAL;
ALTER TABLE folders ADD COLUMN pushed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE folders ADD COLUMN missed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE folders ADD COLUMN pushed_since REAL;
ALTER TABLE messages ADD COLUMN emailid TEXT;
ALTER TABLE messages ADD COLUMN threadid TEXT;
ALTER TABLE messages ADD COLUMN withheld TEXT NOT NULL DEFAULT '';
CREATE INDEX messages_by_emailid ON messages (emailid) WHERE emailid IS NOT NULL;
ALTER TABLE removed_messages ADD COLUMN emailid TEXT;
ALTER TABLE removed_messages ADD COLUMN threadid TEXT;
CREATE INDEX removed_by_emailid ON removed_messages (emailid) WHERE emailid IS NOT NULL;
CREATE INDEX removed_by_date ON removed_messages (internaldate);
CREATE INDEX envelopes_by_message_id ON envelopes (message_id);
CREATE TABLE labels (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    messages INTEGER NOT NULL DEFAULT 0,
    unread INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account_id, name)
);
CREATE TABLE message_labels (
    message_id INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
    label_id INTEGER NOT NULL REFERENCES labels(id) ON DELETE CASCADE,
    PRIMARY KEY (message_id, label_id)
) WITHOUT ROWID;
CREATE INDEX message_labels_by_label ON message_labels (label_id, message_id);
CREATE TRIGGER label_given AFTER INSERT ON message_labels BEGIN
    UPDATE labels SET messages = messages + 1,
        unread = unread + coalesce((SELECT flags & 1 = 0 FROM messages WHERE id = new.message_id), 0)
    WHERE id = new.label_id; END;
CREATE TRIGGER label_taken AFTER DELETE ON message_labels
WHEN EXISTS (SELECT 1 FROM messages WHERE id = old.message_id) BEGIN
    UPDATE labels SET messages = messages - 1,
        unread = unread - (SELECT flags & 1 = 0 FROM messages WHERE id = old.message_id)
    WHERE id = old.label_id; END;
CREATE TRIGGER labelled_removed BEFORE DELETE ON messages BEGIN
    UPDATE labels SET messages = messages - 1, unread = unread - (old.flags & 1 = 0)
    WHERE id IN (SELECT label_id FROM message_labels WHERE message_id = old.id); END;
CREATE TRIGGER labelled_read AFTER UPDATE OF flags ON messages WHEN (old.flags & 1) <> (new.flags & 1) BEGIN
    UPDATE labels SET unread = unread + (new.flags & 1 = 0) - (old.flags & 1 = 0)
    WHERE id IN (SELECT label_id FROM message_labels WHERE message_id = new.id); END;
CREATE TABLE traffic (
    account_id INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
    day TEXT NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, day)
) WITHOUT ROWID;
CREATE TABLE probes (
    account_id INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    learned_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (account_id, name)
) WITHOUT ROWID;
CREATE TABLE connections (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    folder TEXT NOT NULL DEFAULT '',
    compressed INTEGER NOT NULL DEFAULT 0,
    opened_at REAL NOT NULL,
    changed_at REAL NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    detail TEXT NOT NULL DEFAULT ''
);
CREATE TABLE certificates (
    folder_id INTEGER PRIMARY KEY REFERENCES folders(id) ON DELETE CASCADE,
    at REAL NOT NULL,
    uidvalidity INTEGER NOT NULL,
    highestmodseq INTEGER,
    messages INTEGER NOT NULL,
    uids_digest TEXT NOT NULL,
    contents_digest TEXT NOT NULL,
    exceptions TEXT NOT NULL DEFAULT '[]',
    chunks BLOB NOT NULL DEFAULT x'',
    verified_at REAL,
    deep INTEGER NOT NULL DEFAULT 0
)
"""

_MIGRATION_3 = """
CREATE INDEX messages_without_content ON messages (folder_id, uid) WHERE content_id IS NULL;
CREATE INDEX messages_by_flags ON messages (folder_id, flags, keywords, uid) WHERE flags <> 1 OR keywords <> '';
CREATE TABLE audit_log (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    account TEXT NOT NULL,
    address TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_log_by_account ON audit_log (account, action);
CREATE TRIGGER audit_log_is_not_changed BEFORE UPDATE ON audit_log BEGIN
    SELECT raise(ABORT, 'audit_log is append-only'); END;
CREATE TRIGGER audit_log_is_not_cut BEFORE DELETE ON audit_log BEGIN
    SELECT raise(ABORT, 'audit_log is append-only'); END;
CREATE TRIGGER audit_log_only_grows BEFORE INSERT ON audit_log
WHEN new.seq <= coalesce((SELECT max(seq) FROM audit_log), 0) BEGIN
    SELECT raise(ABORT, 'audit_log is append-only'); END
"""


def migrate(connection: sqlite3.Connection) -> None:
    """Apply every migration that `connection`'s database lacks; each in a transaction of its own."""
    import time

    import sqlite_utils

    from mailsync.store import audit, schema_cleanups, schema_documents, schema_jobs, schema_restores, schema_triage

    migrations = sqlite_utils.Migrations("mailsync")
    before = int(connection.execute("PRAGMA user_version").fetchone()[0])

    @migrations()
    def m001_initial(db: Database) -> None:
        _run(db, _MIGRATION_1, 1)

    @migrations()
    def m002_mirror_engine(db: Database) -> None:
        _run(db, _MIGRATION_2, 2)

    @migrations()
    def m003_audit_trail(db: Database) -> None:
        _run(db, _MIGRATION_3, 3)
        at = time.time()
        audit.record(db.conn, "audit_started", at=at)
        if before:
            audit.record(db.conn, "migrated", at=at, before=before, schema=3)

    @migrations()
    def m004_documents(db: Database) -> None:
        _run(db, schema_documents.SCRIPT + schema_restores.SCRIPT, 4)

    @migrations()
    def m005_cleanups(db: Database) -> None:
        _run(db, schema_cleanups.SCRIPT + schema_jobs.SCRIPT + schema_triage.SCRIPT, 5)

    migrations.apply(sqlite_utils.Database(connection))


def _run(db: Database, script: str, version: int) -> None:
    # Not executescript(): it would commit the transaction that sqlite-utils holds open around a migration.
    for statement in script.split(";\n"):
        if statement.strip():
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {version:d}")
