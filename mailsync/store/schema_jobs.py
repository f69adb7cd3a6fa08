"""Schema 5, too: who works at a job, when a job that failed is due again, and events that are only ever added.

`worker` names the process that runs a job, as `store.presence` knows it. `backoff` are the seconds after which a failed
attempt is followed by the next, doubled each time; 0 where a failure is the end. No job is taken before `not_before`.
"""

from __future__ import annotations

SCRIPT = """
ALTER TABLE jobs ADD COLUMN worker TEXT;
ALTER TABLE jobs ADD COLUMN backoff REAL NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN not_before REAL NOT NULL DEFAULT 0;
UPDATE jobs SET kind = 'quarantine_retry' WHERE kind = 'retry';
UPDATE jobs SET kind = 'parse' WHERE kind = 'reindex';
CREATE INDEX jobs_by_status ON jobs (status);
CREATE INDEX jobs_running ON jobs (started_at) WHERE status = 'running';
CREATE INDEX jobs_ended ON jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE TRIGGER job_events_are_not_changed BEFORE UPDATE ON job_events
WHEN new.data <> '{}' OR new.job_id <> old.job_id OR new.seq <> old.seq OR new.at <> old.at OR new.type <> old.type
BEGIN SELECT raise(ABORT, 'job_events is append-only'); END;
CREATE TRIGGER job_events_go_with_their_job BEFORE DELETE ON job_events
WHEN EXISTS (SELECT 1 FROM jobs WHERE id = old.job_id)
BEGIN SELECT raise(ABORT, 'job_events is append-only'); END;
CREATE TRIGGER jobs_count_upwards BEFORE UPDATE OF processed, failed, attempt ON jobs
WHEN new.processed < old.processed OR new.failed < old.failed OR new.attempt < old.attempt
BEGIN SELECT raise(ABORT, 'the counters of a job only grow'); END;
"""
