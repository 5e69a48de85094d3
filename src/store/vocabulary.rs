//! SQL of the vocabulary's life, revisions and log.

use super::StoreError;
use super::curation_records::{
    LogRecord, VocabularyChange, VocabularyRecord, VocabularyRevision, VocabularyTyping,
};
use super::dialect::{Conn, Row, int, is_taken, json, parsed, text, to_json, unreadable};
use super::documents;
use super::entries::next_mark;
use crate::handoff::StaffId;
use crate::kb::curate::Origin;
use crate::kb::files::VocabularyTexts;

/// There is one vocabulary.
const NAME: &str = "desk";

pub(super) async fn load(conn: &mut Conn) -> Result<Option<VocabularyRecord>, StoreError> {
    let row = sqlx::query("SELECT * FROM vocabulary WHERE name = $1").bind(NAME).fetch_optional(conn).await?;
    let record = |row: &Row| {
        Ok(VocabularyRecord {
            version: int(row, "version")?,
            life: json(row, "life_json")?,
            changed_at: int(row, "changed_at")?,
        })
    };
    row.as_ref().map(record).transpose()
}

/// All of the change or nothing, with the documents that it lets out.
pub(super) async fn change(conn: &mut Conn, change: &VocabularyChange) -> Result<i64, StoreError> {
    let mark = match change.documents.as_slice() {
        [] => next_mark(conn, false).await?,
        documents => documents::save(conn, documents).await?,
    };
    put(conn, &change.record).await?;
    if let Some(revision) = &change.revision {
        insert_revision(conn, revision).await?;
    }
    let log = &change.log;
    sqlx::query(
        "INSERT INTO vocabulary_log (version, at, actor, event, revision, note) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(change.record.version + 1)
    .bind(log.at)
    .bind(&log.actor)
    .bind(&log.event)
    .bind(i64::from(log.revision))
    .bind(&log.note)
    .execute(&mut *conn)
    .await?;
    if let Some(staff) = &change.ends_typing_of {
        drop_typing(conn, staff).await?;
    }
    Ok(mark)
}

pub(super) async fn keep_typing(conn: &mut Conn, typing: &VocabularyTyping) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO vocabulary_typing (staff, version, revision, at, content_json) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (staff) DO UPDATE SET version = excluded.version, revision = excluded.revision,
                                           at = excluded.at, content_json = excluded.content_json",
    )
    .bind(typing.staff.as_str())
    .bind(typing.version)
    .bind(i64::from(typing.revision))
    .bind(typing.at)
    .bind(to_json(&typing.content)?)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn typing(conn: &mut Conn, staff: &StaffId) -> Result<Option<VocabularyTyping>, StoreError> {
    let sql = "SELECT * FROM vocabulary_typing WHERE staff = $1";
    let row = sqlx::query(sql).bind(staff.as_str()).fetch_optional(conn).await?;
    let read = |row: &Row| {
        Ok(VocabularyTyping {
            staff: parsed(row, "staff", StaffId::parse)?,
            version: int(row, "version")?,
            revision: number(row, "revision")?,
            at: int(row, "at")?,
            content: json(row, "content_json")?,
        })
    };
    row.as_ref().map(read).transpose()
}

pub(super) async fn drop_typing(conn: &mut Conn, staff: &StaffId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM vocabulary_typing WHERE staff = $1").bind(staff.as_str()).execute(conn).await?;
    Ok(())
}

async fn put(conn: &mut Conn, record: &VocabularyRecord) -> Result<(), StoreError> {
    let life = to_json(&record.life)?;
    if record.version == 0 {
        sqlx::query("INSERT INTO vocabulary (name, version, life_json, changed_at) VALUES ($1, 1, $2, $3)")
            .bind(NAME)
            .bind(life)
            .bind(record.changed_at)
            .execute(conn)
            .await
            .map_err(|error| if is_taken(&error) { StoreError::Conflict } else { error.into() })?;
        return Ok(());
    }
    let updated = sqlx::query(
        "UPDATE vocabulary SET version = version + 1, life_json = $1, changed_at = $2
         WHERE name = $3 AND version = $4",
    )
    .bind(life)
    .bind(record.changed_at)
    .bind(NAME)
    .bind(record.version)
    .execute(conn)
    .await?;
    if updated.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}

async fn insert_revision(conn: &mut Conn, revision: &VocabularyRevision) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO vocabulary_revisions (number, author, at, reason, origin, synonyms, dictionary)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(i64::from(revision.number))
    .bind(&revision.author)
    .bind(revision.at)
    .bind(&revision.reason)
    .bind(revision.origin.name())
    .bind(&revision.texts.synonyms)
    .bind(&revision.texts.dictionary)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn revision(conn: &mut Conn, number: u32) -> Result<Option<VocabularyRevision>, StoreError> {
    let row = sqlx::query("SELECT * FROM vocabulary_revisions WHERE number = $1")
        .bind(i64::from(number))
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read_revision).transpose()
}

/// All revisions, newest first.
pub(super) async fn revisions(conn: &mut Conn) -> Result<Vec<VocabularyRevision>, StoreError> {
    let rows = sqlx::query("SELECT * FROM vocabulary_revisions ORDER BY number DESC").fetch_all(conn).await?;
    rows.iter().map(read_revision).collect()
}

fn read_revision(row: &Row) -> Result<VocabularyRevision, StoreError> {
    Ok(VocabularyRevision {
        number: number(row, "number")?,
        texts: VocabularyTexts { synonyms: text(row, "synonyms")?, dictionary: text(row, "dictionary")? },
        author: text(row, "author")?,
        at: int(row, "at")?,
        reason: text(row, "reason")?,
        origin: parsed(row, "origin", Origin::from_name)?,
    })
}

/// The log, newest first.
pub(super) async fn log(conn: &mut Conn) -> Result<Vec<LogRecord>, StoreError> {
    let rows = sqlx::query("SELECT * FROM vocabulary_log ORDER BY version DESC").fetch_all(conn).await?;
    let line = |row: &Row| {
        Ok(LogRecord {
            at: int(row, "at")?,
            actor: text(row, "actor")?,
            event: text(row, "event")?,
            revision: number(row, "revision")?,
            note: text(row, "note")?,
            due_at: None,
        })
    };
    rows.iter().map(line).collect()
}

fn number(row: &Row, column: &'static str) -> Result<u32, StoreError> {
    u32::try_from(int(row, column)?).map_err(|_| unreadable(column, "it is out of range"))
}
