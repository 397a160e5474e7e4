//! The tables, and how they came to be what they are.

/// What each version of the schema did to the one before; [`PRAGMA user_version`](https://sqlite.org/pragma.html#pragma_user_version)
/// says how many of them a database has seen. A step that was released is never changed.
pub(super) const MIGRATIONS: &[&str] = &["
CREATE TABLE user (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, password TEXT NOT NULL, created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE session (
    digest BLOB PRIMARY KEY, user TEXT NOT NULL REFERENCES user ON DELETE CASCADE, expires_at INTEGER NOT NULL
) STRICT;
CREATE TABLE token (
    name TEXT PRIMARY KEY, role TEXT NOT NULL, digest BLOB NOT NULL UNIQUE, created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE detector (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, current INTEGER, created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE version (
    id INTEGER PRIMARY KEY AUTOINCREMENT, detector TEXT NOT NULL REFERENCES detector ON DELETE CASCADE,
    sha TEXT NOT NULL, before INTEGER REFERENCES version, what TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE INDEX version_of ON version (detector, id);
CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, state TEXT NOT NULL, detector TEXT NOT NULL, title TEXT NOT NULL,
    plan TEXT NOT NULL, n_total INTEGER NOT NULL, n_done INTEGER NOT NULL DEFAULT 0, n_failed INTEGER NOT NULL DEFAULT 0,
    n_anomalous INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL, started_at INTEGER, ended_at INTEGER, error TEXT,
    report TEXT, by TEXT NOT NULL
) STRICT;
CREATE INDEX job_waiting ON job (id) WHERE state IN ('pending', 'running');
CREATE TABLE line (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, detector TEXT NOT NULL, running INTEGER NOT NULL,
    source TEXT NOT NULL, sinks TEXT NOT NULL, policy TEXT NOT NULL, capacity INTEGER NOT NULL, n_dropped INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE delivery (
    line INTEGER NOT NULL REFERENCES line ON DELETE CASCADE, sink TEXT NOT NULL, upto INTEGER NOT NULL, PRIMARY KEY (line, sink)
) STRICT;
-- An image that was accepted, and its result.
CREATE TABLE item (
    id INTEGER PRIMARY KEY AUTOINCREMENT, job INTEGER REFERENCES job ON DELETE CASCADE, line INTEGER REFERENCES line ON DELETE SET NULL,
    key TEXT UNIQUE, name TEXT NOT NULL, path TEXT NOT NULL, settled INTEGER NOT NULL DEFAULT 1, state TEXT NOT NULL DEFAULT 'pending',
    priority INTEGER NOT NULL, detector TEXT NOT NULL, accepted_at INTEGER NOT NULL,
    done_at INTEGER, sha TEXT, verdict TEXT, raw_score REAL, score REAL, threshold REAL, p_value REAL, condition TEXT, regions TEXT,
    width INTEGER, height INTEGER, ms REAL, error TEXT, seen TEXT,
    mark TEXT, mark_box TEXT, mark_note TEXT, marked_at INTEGER, marked_by TEXT, learned INTEGER NOT NULL DEFAULT 0
) STRICT;
-- The order of results is that of being done, which is not that of being accepted.
CREATE TABLE done (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, item INTEGER NOT NULL UNIQUE REFERENCES item ON DELETE CASCADE, line INTEGER
) STRICT;
CREATE INDEX done_line ON done (line, seq);
CREATE INDEX item_pending ON item (priority, id) WHERE state = 'pending';
CREATE INDEX item_pending_line ON item (line, id) WHERE state = 'pending';
CREATE INDEX item_unsettled ON item (id) WHERE settled = 0;
CREATE INDEX item_job ON item (job, id);
CREATE INDEX item_line ON item (line, done_at);
CREATE INDEX item_done ON item (done_at);
CREATE INDEX item_marked ON item (detector, mark) WHERE mark IS NOT NULL;
CREATE INDEX item_path ON item (path);
CREATE TABLE dataset (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE image (
    id INTEGER PRIMARY KEY AUTOINCREMENT, dataset INTEGER NOT NULL REFERENCES dataset ON DELETE CASCADE, name TEXT NOT NULL,
    path TEXT NOT NULL, label TEXT, bytes INTEGER NOT NULL, added_at INTEGER NOT NULL
) STRICT;
CREATE INDEX image_of ON image (dataset, id);
", "
-- Counted when a result is kept, so that a look at a line does not read all of its results.
ALTER TABLE line ADD COLUMN n_inspected INTEGER NOT NULL DEFAULT 0;
ALTER TABLE line ADD COLUMN n_anomalous INTEGER NOT NULL DEFAULT 0;
ALTER TABLE line ADD COLUMN n_failed INTEGER NOT NULL DEFAULT 0;
UPDATE line SET (n_inspected, n_anomalous, n_failed) = (
    SELECT count(*), coalesce(sum(verdict = 'anomalous'), 0), coalesce(sum(error IS NOT NULL), 0) FROM item
    WHERE item.line = line.id AND done_at IS NOT NULL
);
"];
