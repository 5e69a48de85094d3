-- What somebody is typing about the vocabulary, before it is saved. A row says with which version and revision it began.

CREATE TABLE vocabulary_typing (
    staff        TEXT PRIMARY KEY REFERENCES staff (id) ON DELETE CASCADE,
    version      BIGINT NOT NULL,
    revision     BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    content_json TEXT NOT NULL
);
