-- The curation desk: entries with their revisions and log, drafts being typed, the desk's other files.
-- The mark 'content' grows by one with every change to entries and documents, 'served' with those that customers notice;
-- rows carry the content mark of their last change, so that another process sees what is new.

CREATE TABLE marks (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO marks (name, value) VALUES ('content', 0), ('served', 0);

CREATE TABLE entries (
    id           TEXT PRIMARY KEY,
    version      BIGINT NOT NULL,
    mark         BIGINT NOT NULL,
    live         BIGINT,
    life_json    TEXT NOT NULL,
    summary_json TEXT NOT NULL,
    folder       TEXT NOT NULL,
    external_id  TEXT UNIQUE,
    created_at   BIGINT NOT NULL,
    changed_at   BIGINT NOT NULL
);
CREATE INDEX entries_by_mark ON entries (mark);

CREATE TABLE revisions (
    entry        TEXT NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
    number       BIGINT NOT NULL,
    author       TEXT NOT NULL,
    at           BIGINT NOT NULL,
    reason       TEXT NOT NULL,
    origin       TEXT NOT NULL,
    content_json TEXT NOT NULL,
    PRIMARY KEY (entry, number)
);

CREATE TABLE entry_log (
    entry    TEXT NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
    version  BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    event    TEXT NOT NULL,
    revision BIGINT NOT NULL,
    note     TEXT NOT NULL,
    due_at   BIGINT,
    PRIMARY KEY (entry, version)
);
CREATE INDEX entry_log_by_time ON entry_log (at);

CREATE TABLE drafts (
    entry        TEXT NOT NULL,
    staff        TEXT NOT NULL REFERENCES staff (id) ON DELETE CASCADE,
    version      BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    content_json TEXT NOT NULL,
    PRIMARY KEY (entry, staff)
);

CREATE TABLE documents (
    name   TEXT NOT NULL,
    number BIGINT NOT NULL,
    mark   BIGINT NOT NULL,
    author TEXT NOT NULL,
    at     BIGINT NOT NULL,
    reason TEXT NOT NULL,
    text   TEXT,
    PRIMARY KEY (name, number)
);

CREATE INDEX questions_by_entry ON questions (entry_id, at);
CREATE INDEX feedback_by_entry ON feedback (entry_id, at);
