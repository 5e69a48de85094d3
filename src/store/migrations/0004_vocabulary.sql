-- Synonyms and user dictionary as they are written and reviewed; what customers are served from is in documents.

CREATE TABLE vocabulary (
    name       TEXT PRIMARY KEY,
    version    BIGINT NOT NULL,
    life_json  TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);

CREATE TABLE vocabulary_revisions (
    number     BIGINT PRIMARY KEY,
    author     TEXT NOT NULL,
    at         BIGINT NOT NULL,
    reason     TEXT NOT NULL,
    origin     TEXT NOT NULL,
    synonyms   TEXT NOT NULL,
    dictionary TEXT NOT NULL
);

CREATE TABLE vocabulary_log (
    version  BIGINT PRIMARY KEY,
    at       BIGINT NOT NULL,
    actor    TEXT NOT NULL,
    event    TEXT NOT NULL,
    revision BIGINT NOT NULL,
    note     TEXT NOT NULL
);
