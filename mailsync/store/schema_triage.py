"""Schema 5: what triage knows. Whom the user writes to, what is noticed in each message, and the points that it has.

`correspondents` has the addresses that messages from the user went to. `documents.features` are bits of
`pipeline.features`. `scores` has a row for each document that was scored: `known` are bits of `pipeline.scores`,
`points` what does not change by itself, `origin` the list it came by, or else its author, `sender` its author. Both are
in `origins`, with what the user has to do with them: `written` messages went to an author, so many of the newest
`messages` of an origin were `answered`, so many `ignored`. Documents that wait for their score are in `unscored`;
`triage` says what the scores go by.
"""

from __future__ import annotations

SCRIPT = """
CREATE TABLE correspondents (
    address TEXT PRIMARY KEY,
    messages INTEGER NOT NULL,
    last_date INTEGER
) WITHOUT ROWID;
ALTER TABLE documents ADD COLUMN features INTEGER NOT NULL DEFAULT 0;
CREATE TABLE origins (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    written INTEGER NOT NULL DEFAULT 0,
    messages INTEGER NOT NULL DEFAULT 0,
    answered INTEGER NOT NULL DEFAULT 0,
    ignored INTEGER NOT NULL DEFAULT 0
);
CREATE TRIGGER correspondent_met AFTER INSERT ON correspondents BEGIN
    UPDATE origins SET written = new.messages WHERE name = new.address; END;
CREATE TRIGGER correspondent_met_again AFTER UPDATE OF messages ON correspondents BEGIN
    UPDATE origins SET written = new.messages WHERE name = new.address; END;
CREATE TABLE scores (
    id INTEGER PRIMARY KEY,
    points REAL NOT NULL,
    known INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    sender INTEGER NOT NULL
);
CREATE INDEX scores_by_origin ON scores (origin, id);
CREATE TABLE unscored (
    id INTEGER PRIMARY KEY
);
CREATE TABLE triage (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO unscored (id) SELECT id FROM documents;
CREATE TRIGGER document_unscored AFTER INSERT ON documents BEGIN
    INSERT OR IGNORE INTO unscored (id) VALUES (new.id); END;
CREATE TRIGGER document_with_score_removed AFTER DELETE ON documents BEGIN
    DELETE FROM scores WHERE id = old.id
    ; DELETE FROM unscored WHERE id = old.id; END;
"""
