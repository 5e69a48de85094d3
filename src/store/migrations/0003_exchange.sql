-- Imports with what undoes them; gaps with their questions; cases that staff accept.

CREATE TABLE imports (
    id            TEXT PRIMARY KEY,
    version       BIGINT NOT NULL,
    name          TEXT NOT NULL,
    staff         TEXT NOT NULL,
    state         TEXT NOT NULL,
    at            BIGINT NOT NULL,
    changed_at    BIGINT NOT NULL,
    source_json   TEXT NOT NULL,
    settings_json TEXT NOT NULL,
    outcome_json  TEXT NOT NULL
);
CREATE INDEX imports_by_time ON imports (at);

CREATE TABLE gaps (
    id         TEXT PRIMARY KEY,
    version    BIGINT NOT NULL,
    state_json TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- The question's own row may be deleted with its conversation; its masked text stays here until its gap goes.
CREATE TABLE gap_questions (
    question     TEXT PRIMARY KEY,
    gap          TEXT NOT NULL REFERENCES gaps (id) ON DELETE CASCADE,
    conversation TEXT NOT NULL,
    text         TEXT NOT NULL,
    signal       TEXT NOT NULL,
    nearest      TEXT,
    at           BIGINT NOT NULL
);
CREATE INDEX gap_questions_of_gap ON gap_questions (gap, at);

CREATE TABLE gap_log (
    gap     TEXT NOT NULL REFERENCES gaps (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    actor   TEXT NOT NULL,
    event   TEXT NOT NULL,
    note    TEXT NOT NULL,
    PRIMARY KEY (gap, version)
);

CREATE TABLE cases (
    id        TEXT PRIMARY KEY,
    case_json TEXT NOT NULL,
    author    TEXT NOT NULL,
    at        BIGINT NOT NULL
);
