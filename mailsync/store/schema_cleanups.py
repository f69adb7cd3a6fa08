"""Schema 5: what somebody may clear away. A proposal with its frozen list, the decision on it, and the journal of runs.

An item of a list is named by mailsync's id, by UIDVALIDITY and UID, by the Message-ID and by the digest of its bytes.
`messages`, `bytes`, `first` and `last` of a proposal are those of its items but the `excluded`, which are counted. A
run carries a list out, or takes back what runs did: a row of its journal is the way of one message from `before` to
`after`, and says `begun`, with what the target was then, before anything is sent, and what became of it after. `item`
is the number in `cleanup_items` of the proposal that the run belongs to. Times are Unix seconds.

`unsubscribes` are lists that somebody approved of leaving, each with the message that offers it and the evidence for
that as it was shown (JSON), and with what came of it: waiting, begun, done or failed.
"""

from __future__ import annotations

SCRIPT = """
CREATE TABLE cleanups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
    rule TEXT NOT NULL,
    title TEXT NOT NULL,
    query TEXT NOT NULL DEFAULT '',
    actions TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'proposed',
    hash TEXT NOT NULL DEFAULT '',
    messages INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    excluded INTEGER NOT NULL DEFAULT 0,
    first INTEGER,
    last INTEGER,
    created_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    decided_by TEXT,
    decided_at REAL,
    large INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX cleanups_by_state ON cleanups (state);
CREATE TABLE cleanup_folders (
    cleanup_id INTEGER NOT NULL REFERENCES cleanups(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    folder_id INTEGER REFERENCES folders(id) ON DELETE SET NULL,
    name TEXT NOT NULL,
    raw_name BLOB NOT NULL,
    special_use TEXT NOT NULL,
    uidvalidity INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    PRIMARY KEY (cleanup_id, number)
) WITHOUT ROWID;
CREATE INDEX cleanup_folders_by_folder ON cleanup_folders (folder_id);
CREATE TABLE cleanup_items (
    cleanup_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    folder INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    identifier TEXT NOT NULL,
    digest BLOB NOT NULL,
    size INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    keywords TEXT NOT NULL,
    internaldate INTEGER,
    date INTEGER,
    sender TEXT NOT NULL,
    list_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    confidence REAL NOT NULL,
    reasons TEXT NOT NULL,
    excluded INTEGER NOT NULL DEFAULT 0,
    sampled INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (cleanup_id, number),
    FOREIGN KEY (cleanup_id, folder) REFERENCES cleanup_folders(cleanup_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX cleanup_items_by_folder ON cleanup_items (cleanup_id, folder);
CREATE INDEX cleanup_items_by_message ON cleanup_items (message_id);
CREATE INDEX cleanup_items_by_digest ON cleanup_items (digest);
CREATE TABLE cleanup_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    cleanup_id INTEGER NOT NULL REFERENCES cleanups(id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    undoes INTEGER REFERENCES cleanup_runs(id) ON DELETE CASCADE,
    job_id INTEGER REFERENCES jobs(id) ON DELETE SET NULL,
    approved_by TEXT NOT NULL,
    hash TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    stopped TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL,
    finished_at REAL
);
CREATE INDEX cleanup_runs_by_cleanup ON cleanup_runs (cleanup_id);
CREATE INDEX cleanup_runs_by_undone ON cleanup_runs (undoes) WHERE undoes IS NOT NULL;
CREATE INDEX cleanup_runs_by_job ON cleanup_runs (job_id) WHERE job_id IS NOT NULL;
CREATE TABLE cleanup_journal (
    run_id INTEGER NOT NULL REFERENCES cleanup_runs(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    item INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    step INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    before TEXT,
    after TEXT,
    target TEXT,
    at REAL,
    PRIMARY KEY (run_id, number)
) WITHOUT ROWID;
CREATE INDEX cleanup_journal_by_state ON cleanup_journal (run_id, state);
CREATE INDEX cleanup_journal_by_item ON cleanup_journal (item, run_id);
CREATE TABLE unsubscribes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
    job_id INTEGER REFERENCES jobs(id) ON DELETE SET NULL,
    message_id INTEGER NOT NULL,
    digest BLOB NOT NULL,
    sender TEXT NOT NULL,
    list_id TEXT NOT NULL,
    address TEXT NOT NULL,
    evidence TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    created_at REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    detail TEXT NOT NULL DEFAULT '',
    finished_at REAL
);
CREATE INDEX unsubscribes_by_sender ON unsubscribes (account_id, sender);
CREATE INDEX unsubscribes_by_job ON unsubscribes (job_id) WHERE job_id IS NOT NULL;
"""
