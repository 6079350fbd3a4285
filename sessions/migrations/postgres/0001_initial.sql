-- Everything people said, were called or are identified by is inside a sealed bytea or a keyed hash.
-- Times are milliseconds since 1970 in UTC.
--
-- message, journal and lineage carry the number of a session in their primary key and are never asked for without it,
-- so they can be distributed: on Citus with create_distributed_table('palaver.message', 'session'), the same for
-- journal, and for lineage by 'source', all colocated. Every other table stays where it is: it is small, or holds what
-- is unique among all sessions (one current session per key).

CREATE TABLE palaver.installation (
    one        smallint PRIMARY KEY CHECK (one = 1),
    install_id bytea NOT NULL,
    salt       bytea NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE palaver.keyring (
    kid         bytea PRIMARY KEY,
    provider    text NOT NULL,
    parameters  text NOT NULL,
    state       text NOT NULL,
    created_at  bigint NOT NULL,
    check_value bytea NOT NULL
);

CREATE TABLE palaver.secret (
    purpose text PRIMARY KEY,
    wrapped bytea NOT NULL
);

-- How many rows there must be, and the sums of what only rises in them: a removed row is noticed, and one put back.
-- Whoever changes it holds its lock to the end; room in its page keeps the old versions from spreading.
CREATE TABLE palaver.census (
    one         smallint PRIMARY KEY CHECK (one = 1),
    mac         bytea NOT NULL,
    sessions    bigint NOT NULL,
    preferences bigint NOT NULL,
    revisions   bigint NOT NULL,
    letters     bigint NOT NULL,
    steps       bigint NOT NULL,
    parcels     bigint NOT NULL,
    parts       bigint NOT NULL,
    audits      bigint NOT NULL
) WITH (fillfactor = 10);

-- A number is 39 bits: with 24 for the position it makes the id of a record.
CREATE SEQUENCE palaver.session_number MAXVALUE 549755813886;

-- Half of every page is kept free: a message changes no indexed column, so the new version goes beside the old one
-- and no index is touched.
CREATE TABLE palaver.session (
    number           bigint PRIMARY KEY,
    id               text COLLATE "C" NOT NULL UNIQUE,
    key_idx          bytea NOT NULL,
    owner_idx        bytea NOT NULL,
    status           text NOT NULL CHECK (status IN ('active', 'paused', 'completed', 'error', 'expired')),
    created_at       bigint NOT NULL,
    last_activity_at bigint NOT NULL,
    updated_at       bigint NOT NULL,
    next_reset_at    bigint,
    head             bigint NOT NULL,
    stored           bigint NOT NULL,
    entries          bigint NOT NULL,
    message_count    bigint NOT NULL,
    input_tokens     bigint NOT NULL,
    output_tokens    bigint NOT NULL,
    cached_tokens    bigint NOT NULL,
    version          bigint NOT NULL,
    profile_version  bigint NOT NULL,
    profile          bytea NOT NULL,
    wrapped          bytea NOT NULL,
    commitment       bytea NOT NULL,
    mac              bytea NOT NULL
) WITH (fillfactor = 50);

-- One current session per key, whatever the programs do.
CREATE UNIQUE INDEX session_current ON palaver.session (key_idx) WHERE status IN ('active', 'error');
CREATE INDEX session_key ON palaver.session (key_idx, number);
CREATE INDEX session_owner ON palaver.session (owner_idx, number);
CREATE INDEX session_due ON palaver.session (next_reset_at) WHERE next_reset_at IS NOT NULL;

-- id = session number << 24 | position.
CREATE TABLE palaver.message (
    session bigint NOT NULL,
    id      bigint NOT NULL,
    branch  bigint NOT NULL,
    role    smallint NOT NULL,
    kind    smallint NOT NULL,
    keep    smallint NOT NULL,
    at      bigint NOT NULL,
    body    bytea NOT NULL,
    PRIMARY KEY (session, id)
);

-- Sealed bytes do not get smaller; trying costs time.
ALTER TABLE palaver.message ALTER COLUMN body SET STORAGE EXTERNAL;

-- System messages, important ones and summaries: few, and wanted whatever the length of the transcript.
CREATE INDEX message_keep ON palaver.message (session, id) WHERE keep = 1;

CREATE TABLE palaver.journal (
    session bigint NOT NULL,
    id      bigint NOT NULL,
    kind    smallint NOT NULL,
    at      bigint NOT NULL,
    body    bytea NOT NULL,
    PRIMARY KEY (session, id)
);

-- Which sessions read messages of another one (forks), so that erasing it can hand them over.
CREATE TABLE palaver.lineage (
    source bigint NOT NULL,
    reader bigint NOT NULL,
    PRIMARY KEY (source, reader)
);

CREATE INDEX lineage_reader ON palaver.lineage (reader);

CREATE TABLE palaver.preference (
    idx      bytea PRIMARY KEY,
    revision bigint NOT NULL,
    body     bytea NOT NULL
);

-- Sessions whose rows are to go, or may not be seen yet. arriving: when a program last stored something of a session
-- that comes in; NULL for one whose key is destroyed, or that was given up.
CREATE TABLE palaver.erasure (
    number   bigint PRIMARY KEY,
    arriving timestamptz
);

-- What came in from a platform. When it is handled only a seal is left in its body, and the keyed hash of its name
-- stays for some days, so that the same thing is not handled twice. state: 1 waiting, 2 begun, 3 finished. lane says
-- what must be handled by the same worker; holder is the worker that handles it, 0 while nobody does.
CREATE TABLE palaver.letter (
    id       bigint PRIMARY KEY,
    name     bytea NOT NULL UNIQUE,
    channel  bytea NOT NULL,
    state    bigint NOT NULL,
    attempts bigint NOT NULL,
    body     bytea NOT NULL,
    lane     integer NOT NULL DEFAULT 0,
    holder   bigint NOT NULL DEFAULT 0
);

CREATE INDEX letter_unfinished ON palaver.letter (channel, id) WHERE state < 3;

-- What is to go out. sent: how many of its parts the platform has taken; 1,048,576 when it has all, and only a seal
-- is left.
CREATE TABLE palaver.parcel (
    id      bigint PRIMARY KEY,
    channel bytea NOT NULL,
    sent    bigint NOT NULL,
    body    bytea NOT NULL,
    lane    integer NOT NULL DEFAULT 0,
    holder  bigint NOT NULL DEFAULT 0
);

CREATE INDEX parcel_unsent ON palaver.parcel (channel, id) WHERE sent < 1048576;

-- What was done with conversations, and by whom. Each entry's link authenticates it and the entry before it.
CREATE TABLE palaver.audit (
    number bigint PRIMARY KEY,
    at     bigint NOT NULL,
    body   bytea NOT NULL,
    link   bytea NOT NULL
);

-- Tokens of units of work that were committed, for an hour: after a broken connection they tell how one ended.
CREATE TABLE palaver.unit (
    token bytea PRIMARY KEY,
    at    timestamptz NOT NULL
);

-- Programs that share the work. A row is kept alive by its worker; when it is older than until, another worker removes
-- it, and whatever the one it belonged to still writes is refused, because every write locks the row of its worker.
-- slot tells apart the ids that several of them give at the same moment.
CREATE SEQUENCE palaver.worker_number;

CREATE TABLE palaver.worker (
    id     bigint PRIMARY KEY,
    slot   integer NOT NULL UNIQUE,
    shares boolean NOT NULL,
    until  timestamptz NOT NULL
);

-- What one worker does alone: a lane of chats, polling for a bot account, a shard. epoch counts the holders.
CREATE TABLE palaver.lease (
    name   text COLLATE "C" PRIMARY KEY,
    holder bigint NOT NULL,
    epoch  bigint NOT NULL
);

INSERT INTO palaver.lease SELECT 'lane/' || lane, 0, 0 FROM generate_series(1, 64) AS lane;

-- Sessions whose reset is due and that some worker is just looking after: the others pass over them.
CREATE TABLE palaver.claim (
    number bigint PRIMARY KEY,
    until  timestamptz NOT NULL
);

-- Turns that run: one at a time in each session, wherever. stopping: somebody elsewhere wants it to end.
CREATE TABLE palaver.turn (
    session  text COLLATE "C" PRIMARY KEY,
    holder   bigint NOT NULL,
    epoch    bigint NOT NULL,
    stopping boolean NOT NULL
);
