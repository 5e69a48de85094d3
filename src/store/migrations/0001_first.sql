-- The first schema. Runs on SQLite and PostgreSQL alike: types and clauses both know.
-- Times are UTC milliseconds; ids 32 hexadecimal digits; *_hash a SHA-256; *_json a serialised domain type.

CREATE TABLE conversations (
    id           TEXT PRIMARY KEY,
    token_hash   TEXT NOT NULL,
    version      BIGINT NOT NULL,
    mode         TEXT NOT NULL,
    state_json   TEXT NOT NULL,
    started_at   BIGINT NOT NULL,
    changed_at   BIGINT NOT NULL
);

CREATE TABLE turns (
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq          BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    speaker_json TEXT NOT NULL,
    said_json    TEXT NOT NULL,
    text         TEXT NOT NULL,
    mode         TEXT NOT NULL,
    trace        TEXT,
    PRIMARY KEY (conversation, seq)
);

CREATE TABLE tickets (
    id             TEXT PRIMARY KEY,
    conversation   TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    state          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    priority       BIGINT NOT NULL,
    queue          TEXT NOT NULL,
    language       TEXT NOT NULL,
    subject        TEXT NOT NULL,
    agent          TEXT,
    opened_at      BIGINT NOT NULL,
    assigned_at    BIGINT,
    first_reply_at BIGINT,
    closed_at      BIGINT,
    closing        TEXT,
    reopened       BIGINT NOT NULL
);
CREATE INDEX tickets_in_queue_order ON tickets (state, priority, opened_at, id);
CREATE INDEX tickets_of_conversation ON tickets (conversation);

CREATE TABLE packets (
    ticket      TEXT PRIMARY KEY REFERENCES tickets (id) ON DELETE CASCADE,
    packet_json TEXT NOT NULL
);

CREATE TABLE feedback (
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    turn         BIGINT NOT NULL,
    entry_id     TEXT NOT NULL,
    verdict      TEXT NOT NULL,
    at           BIGINT NOT NULL,
    PRIMARY KEY (conversation, turn, entry_id)
);
CREATE INDEX feedback_by_time ON feedback (at);

CREATE TABLE questions (
    trace          TEXT PRIMARY KEY,
    conversation   TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    turn           BIGINT NOT NULL,
    text           TEXT NOT NULL,
    completed_with TEXT,
    decision       TEXT NOT NULL,
    reason         TEXT,
    entry_id       TEXT,
    confidence     DOUBLE PRECISION NOT NULL,
    language       TEXT NOT NULL,
    at             BIGINT NOT NULL
);
CREATE INDEX questions_by_time ON questions (at);

CREATE TABLE traces (
    id         TEXT PRIMARY KEY,
    at         BIGINT NOT NULL,
    trace_json TEXT NOT NULL
);
CREATE INDEX traces_by_time ON traces (at);

CREATE TABLE staff (
    id            TEXT PRIMARY KEY,
    login         TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    password_hash TEXT,
    roles         TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    enabled       BIGINT NOT NULL
);

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    staff      TEXT NOT NULL REFERENCES staff (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_of_staff ON sessions (staff);

CREATE TABLE sign_ins (
    token_hash TEXT PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
