"""Schema 4: what the pipeline makes of contents, to be searched, threaded and taken apart.

A document is a content that was understood; both belong together one to one. Its id is the second it is dated, times
256, and a number among those of that second: in the order of ids, which is the one that the index finds in, the
newest come last. `words` holds no text but the index alone; what was indexed is kept compressed in `document_texts`,
since taking something out of such an index needs the exact text that went in. A document that goes, with its content
or to be made anew, leaves its id in `stale_documents` until its words are taken out.
"""

from __future__ import annotations

WORDS = """CREATE VIRTUAL TABLE words USING fts5 (
    subject, "from", "to", cc, body, filename, list,
    content = '', tokenize = "unicode61 remove_diacritics 2"
)"""
SCRIPT = f"""
{WORDS};
CREATE TABLE documents (
    id INTEGER PRIMARY KEY,
    content_id INTEGER NOT NULL UNIQUE REFERENCES contents(id) ON DELETE CASCADE,
    thread_id INTEGER NOT NULL,
    version INTEGER NOT NULL,
    traits INTEGER NOT NULL DEFAULT 0,
    refs TEXT NOT NULL DEFAULT ''
);
CREATE INDEX documents_by_thread ON documents (thread_id);
CREATE TABLE document_texts (
    id INTEGER PRIMARY KEY,
    text BLOB NOT NULL
);
CREATE TABLE stale_documents (
    id INTEGER PRIMARY KEY
);
CREATE TABLE threads (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    messages INTEGER NOT NULL DEFAULT 0,
    first_date INTEGER,
    last_date INTEGER
);
CREATE TABLE thread_nodes (
    node INTEGER PRIMARY KEY,
    thread_id INTEGER NOT NULL
);
CREATE INDEX thread_nodes_by_thread ON thread_nodes (thread_id);
CREATE TABLE thread_subjects (
    key INTEGER NOT NULL,
    document_id INTEGER NOT NULL,
    PRIMARY KEY (key, document_id)
) WITHOUT ROWID;
CREATE TABLE thread_hints (
    content_id INTEGER PRIMARY KEY
);
CREATE TRIGGER thread_learned AFTER UPDATE OF threadid, content_id ON messages
WHEN (new.threadid IS NOT old.threadid OR new.content_id IS NOT old.content_id)
AND EXISTS (SELECT 1 FROM documents WHERE content_id = new.content_id) BEGIN
    INSERT OR IGNORE INTO thread_hints (content_id) VALUES (new.content_id); END;
CREATE TABLE attachments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    content_id INTEGER NOT NULL REFERENCES contents(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    size INTEGER NOT NULL,
    digest BLOB NOT NULL,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    encoding TEXT NOT NULL,
    UNIQUE (content_id, number)
);
CREATE INDEX attachments_by_digest ON attachments (digest);
CREATE INDEX messages_by_size ON messages (size) WHERE size >= 100000;
CREATE TRIGGER document_removed AFTER DELETE ON documents BEGIN
    INSERT OR IGNORE INTO stale_documents (id) VALUES (old.id)
    ; UPDATE threads SET messages = messages - 1 WHERE id = old.thread_id
    ; DELETE FROM thread_nodes WHERE thread_id IN (SELECT id FROM threads WHERE id = old.thread_id AND messages <= 0)
    ; DELETE FROM threads WHERE id = old.thread_id AND messages <= 0; END;
ALTER TABLE quarantine ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quarantine ADD COLUMN next_attempt_at REAL;
ALTER TABLE quarantine ADD COLUMN discarded INTEGER NOT NULL DEFAULT 0;
CREATE INDEX quarantine_by_content ON quarantine (content_id);
DROP VIEW mail;
CREATE VIEW mail AS
SELECT m.id, a.name AS account, f.name AS folder, m.uid,
       strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(e.date, m.internaldate), 'unixepoch') AS date,
       trim(e.from_name || ' <' || e.from_addr || '>') AS "from", e.to_text AS "to", e.cc_text AS cc, e.subject,
       trim(iif(m.flags & 1, '\\Seen ', '') || iif(m.flags & 2, '\\Answered ', '')
            || iif(m.flags & 4, '\\Flagged ', '') || iif(m.flags & 8, '\\Deleted ', '')
            || iif(m.flags & 16, '\\Draft ', '') || m.keywords) AS flags,
       strftime('%Y-%m-%dT%H:%M:%SZ', m.internaldate, 'unixepoch') AS internaldate,
       m.size, e.message_id, e.has_attachments, lower(hex(c.digest)) AS sha256, d.thread_id
FROM messages m
JOIN folders f ON f.id = m.folder_id
JOIN accounts a ON a.id = f.account_id
LEFT JOIN contents c ON c.id = m.content_id
LEFT JOIN envelopes e ON e.content_id = m.content_id
LEFT JOIN documents d ON d.content_id = m.content_id;
"""
