"""Schema 5: what triage knows. Whom the user writes to, and what is noticed in each message.

`correspondents` has the addresses that messages from the user went to, in lower case. `documents.features` are bits,
of `pipeline.features`.
"""

from __future__ import annotations

SCRIPT = """
CREATE TABLE correspondents (
    address TEXT PRIMARY KEY,
    messages INTEGER NOT NULL,
    last_date INTEGER
) WITHOUT ROWID;
ALTER TABLE documents ADD COLUMN features INTEGER NOT NULL DEFAULT 0;
"""
