-- Everything people said, were called or are identified by is inside a sealed BLOB or a keyed hash.
-- Times are milliseconds since 1970 in UTC.

CREATE TABLE installation (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    install_id BLOB NOT NULL,
    salt       BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE keyring (
    kid         BLOB PRIMARY KEY,
    provider    TEXT NOT NULL,
    parameters  TEXT NOT NULL,
    state       TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    check_value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE secret (
    purpose TEXT PRIMARY KEY,
    wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- How many rows there must be, and the sums of what only rises in them: a removed row is noticed, and one put back.
CREATE TABLE census (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    mac         BLOB NOT NULL,
    sessions    INTEGER NOT NULL,
    preferences INTEGER NOT NULL,
    revisions   INTEGER NOT NULL,
    letters     INTEGER NOT NULL,
    steps       INTEGER NOT NULL,
    parcels     INTEGER NOT NULL,
    parts       INTEGER NOT NULL,
    audits      INTEGER NOT NULL
) STRICT;

CREATE TABLE session (
    number           INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    key_idx          BLOB NOT NULL,
    owner_idx        BLOB NOT NULL,
    status           TEXT NOT NULL CHECK (status IN ('active', 'paused', 'completed', 'error', 'expired')),
    created_at       INTEGER NOT NULL,
    last_activity_at INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    next_reset_at    INTEGER,
    head             INTEGER NOT NULL,
    stored           INTEGER NOT NULL,
    entries          INTEGER NOT NULL,
    message_count    INTEGER NOT NULL,
    input_tokens     INTEGER NOT NULL,
    output_tokens    INTEGER NOT NULL,
    cached_tokens    INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    profile_version  INTEGER NOT NULL,
    profile          BLOB NOT NULL,
    wrapped          BLOB NOT NULL,
    commitment       BLOB NOT NULL,
    mac              BLOB NOT NULL
) STRICT;

-- One current session per key, whatever the program does.
CREATE UNIQUE INDEX session_current ON session (key_idx) WHERE status IN ('active', 'error');
CREATE INDEX session_key ON session (key_idx, number);
CREATE INDEX session_owner ON session (owner_idx, number);
CREATE INDEX session_due ON session (next_reset_at) WHERE next_reset_at IS NOT NULL;

-- id = session number << 24 | position: a session's messages lie side by side in one b-tree.
CREATE TABLE message (
    id     INTEGER PRIMARY KEY,
    branch INTEGER NOT NULL,
    role   INTEGER NOT NULL,
    kind   INTEGER NOT NULL,
    keep   INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    body   BLOB NOT NULL
) STRICT;

-- System messages, important ones and summaries: few, and wanted whatever the length of the transcript.
CREATE INDEX message_keep ON message (id) WHERE keep = 1;

-- A message and the head it moves, for one INSERT into this view: the columns of HeadUpdate and of MessageRow.
CREATE VIEW append AS
SELECT s.last_activity_at, s.updated_at, s.next_reset_at, s.head, s.stored, s.entries, s.message_count,
       s.input_tokens, s.output_tokens, s.cached_tokens, s.version, s.mac, s.number, s.version AS expected,
       m.id, m.branch, m.role, m.kind, m.keep, m.at, m.body
FROM session AS s JOIN message AS m ON m.id = s.number << 24 | s.stored;

CREATE TRIGGER append_message INSTEAD OF INSERT ON append BEGIN
    SELECT RAISE(ABORT, 'stale')
    WHERE NOT EXISTS (SELECT 1 FROM session WHERE number = NEW.number AND version = NEW.expected);
    UPDATE session
    SET last_activity_at = NEW.last_activity_at, updated_at = NEW.updated_at, next_reset_at = NEW.next_reset_at,
        head = NEW.head, stored = NEW.stored, entries = NEW.entries, message_count = NEW.message_count,
        input_tokens = NEW.input_tokens, output_tokens = NEW.output_tokens, cached_tokens = NEW.cached_tokens,
        version = NEW.version, mac = NEW.mac
    WHERE number = NEW.number;
    INSERT INTO message VALUES (NEW.id, NEW.branch, NEW.role, NEW.kind, NEW.keep, NEW.at, NEW.body);
END;

CREATE TABLE journal (
    id   INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- Which sessions read messages of another one (forks), so that erasing it can hand them over.
CREATE TABLE lineage (
    source INTEGER NOT NULL,
    reader INTEGER NOT NULL,
    PRIMARY KEY (source, reader)
) STRICT, WITHOUT ROWID;

CREATE TABLE preference (
    idx      BLOB PRIMARY KEY,
    revision INTEGER NOT NULL,
    body     BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Sessions whose key is destroyed and whose rows are still being removed.
CREATE TABLE erasure (
    number INTEGER PRIMARY KEY
) STRICT;

-- What came in from a platform. When it is handled only a seal is left in its body, and the keyed hash of its name
-- stays for some days, so that the same thing is not handled twice. state: 1 waiting, 2 begun, 3 finished.
CREATE TABLE letter (
    id       INTEGER PRIMARY KEY,
    name     BLOB NOT NULL UNIQUE,
    channel  BLOB NOT NULL,
    state    INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    body     BLOB NOT NULL
) STRICT;

CREATE INDEX letter_unfinished ON letter (channel, id) WHERE state < 3;

-- What is to go out. sent: how many of its parts the platform has taken; 1,048,576 when it has all, and only a seal
-- is left.
CREATE TABLE parcel (
    id      INTEGER PRIMARY KEY,
    channel BLOB NOT NULL,
    sent    INTEGER NOT NULL,
    body    BLOB NOT NULL
) STRICT;

CREATE INDEX parcel_unsent ON parcel (channel, id) WHERE sent < 1048576;

-- What was done with conversations, and by whom. Each entry's link authenticates it and the entry before it.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    body   BLOB NOT NULL,
    link   BLOB NOT NULL
) STRICT;
