//! SQL of entries, their revisions, log and drafts.

use std::collections::HashMap;

use futures_util::TryStreamExt;

use super::StoreError;
use super::curation_records::{DraftRecord, EntryChange, EntryRecord, LogRecord, Usage};
use super::dialect::{
    Conn, Row, count, int, int_or_none, is_taken, json, parsed, text, text_or_none, to_json, unreadable,
};
use crate::chat::Verdict;
use crate::handoff::StaffId;
use crate::kb::Entry;
use crate::kb::curate::{Origin, Revision};

const COLUMNS: &str =
    "id, version, mark, life_json, summary_json, folder, external_id, created_at, changed_at";

/// The mark of any change.
const CONTENT: &str = "content";
/// The mark of changes that customers notice.
const SERVED: &str = "served";

/// The next content mark; holding its row makes concurrent writers wait for each other.
pub(super) async fn next_mark(conn: &mut Conn, is_served: bool) -> Result<i64, StoreError> {
    let sql = "UPDATE marks SET value = value + 1 WHERE name = $1 RETURNING value";
    let row = sqlx::query(sql).bind(CONTENT).fetch_one(&mut *conn).await?;
    if is_served {
        sqlx::query(sql).bind(SERVED).fetch_one(conn).await?;
    }
    int(&row, "value")
}

async fn mark(conn: &mut Conn, name: &str) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT value FROM marks WHERE name = $1").bind(name).fetch_one(conn).await?;
    int(&row, "value")
}

pub(super) async fn content_mark(conn: &mut Conn) -> Result<i64, StoreError> {
    mark(conn, CONTENT).await
}

pub(super) async fn served_mark(conn: &mut Conn) -> Result<i64, StoreError> {
    mark(conn, SERVED).await
}

/// All changes or none.
pub(super) async fn change(conn: &mut Conn, changes: &[EntryChange]) -> Result<i64, StoreError> {
    let is_served = changes.iter().any(|change| change.is_served);
    let mark = next_mark(conn, is_served).await?;
    for change in changes {
        put(conn, &change.entry, mark).await?;
        if let Some(revision) = &change.revision {
            insert_revision(conn, revision).await?;
        }
        insert_log(conn, &change.entry, &change.log).await?;
        if let Some(staff) = &change.ends_draft_of {
            drop_draft(conn, &change.entry.id, staff).await?;
        }
    }
    Ok(mark)
}

async fn put(conn: &mut Conn, entry: &EntryRecord, mark: i64) -> Result<(), StoreError> {
    let (life, summary) = (to_json(&entry.life)?, to_json(&entry.summary)?);
    if entry.version == 0 {
        sqlx::query(
            "INSERT INTO entries (id, version, mark, live, life_json, summary_json, folder, external_id, created_at,
                                  changed_at)
             VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&entry.id)
        .bind(mark)
        .bind(entry.life.live.map(i64::from))
        .bind(life)
        .bind(summary)
        .bind(&entry.folder)
        .bind(&entry.external_id)
        .bind(entry.created_at)
        .bind(entry.changed_at)
        .execute(conn)
        .await
        .map_err(|error| if is_taken(&error) { StoreError::Taken("entry id") } else { error.into() })?;
        return Ok(());
    }
    let updated = sqlx::query(
        "UPDATE entries SET version = version + 1, mark = $1, live = $2, life_json = $3, summary_json = $4,
                            folder = $5, external_id = $6, changed_at = $7
         WHERE id = $8 AND version = $9",
    )
    .bind(mark)
    .bind(entry.life.live.map(i64::from))
    .bind(life)
    .bind(summary)
    .bind(&entry.folder)
    .bind(&entry.external_id)
    .bind(entry.changed_at)
    .bind(&entry.id)
    .bind(entry.version)
    .execute(conn)
    .await
    .map_err(|error| if is_taken(&error) { StoreError::Taken("external id") } else { error.into() })?;
    if updated.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}

async fn insert_revision(conn: &mut Conn, revision: &Revision) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO revisions (entry, number, author, at, reason, origin, content_json)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&revision.entry_id)
    .bind(i64::from(revision.number))
    .bind(&revision.author)
    .bind(revision.at)
    .bind(&revision.reason)
    .bind(revision.origin.name())
    .bind(to_json(&revision.content)?)
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_log(conn: &mut Conn, entry: &EntryRecord, log: &LogRecord) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO entry_log (entry, version, at, actor, event, revision, note, due_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(&entry.id)
    .bind(entry.version + 1)
    .bind(log.at)
    .bind(&log.actor)
    .bind(&log.event)
    .bind(i64::from(log.revision))
    .bind(&log.note)
    .bind(log.due_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Entries changed after `after`, by id.
pub(super) async fn changed_after(conn: &mut Conn, after: i64) -> Result<Vec<EntryRecord>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM entries WHERE mark > $1 ORDER BY id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(after).fetch_all(conn).await?;
    rows.iter().map(record).collect()
}

pub(super) async fn load(conn: &mut Conn, id: &str) -> Result<Option<EntryRecord>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM entries WHERE id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).fetch_optional(conn).await?;
    row.as_ref().map(record).transpose()
}

fn record(row: &Row) -> Result<EntryRecord, StoreError> {
    Ok(EntryRecord {
        id: text(row, "id")?,
        version: int(row, "version")?,
        mark: int(row, "mark")?,
        life: json(row, "life_json")?,
        summary: json(row, "summary_json")?,
        folder: text(row, "folder")?,
        external_id: text_or_none(row, "external_id")?,
        created_at: int(row, "created_at")?,
        changed_at: int(row, "changed_at")?,
    })
}

pub(super) async fn revision(conn: &mut Conn, id: &str, number: u32) -> Result<Option<Revision>, StoreError> {
    let row = sqlx::query("SELECT * FROM revisions WHERE entry = $1 AND number = $2")
        .bind(id)
        .bind(i64::from(number))
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read_revision).transpose()
}

/// All revisions of an entry, newest first.
pub(super) async fn revisions(conn: &mut Conn, id: &str) -> Result<Vec<Revision>, StoreError> {
    let rows = sqlx::query("SELECT * FROM revisions WHERE entry = $1 ORDER BY number DESC")
        .bind(id)
        .fetch_all(conn)
        .await?;
    rows.iter().map(read_revision).collect()
}

/// Revisions read by one query.
const TOGETHER: usize = 200;

/// These revisions, by entry and number.
pub(super) async fn revisions_at(
    conn: &mut Conn,
    wanted: &[(String, u32)],
) -> Result<Vec<Revision>, StoreError> {
    let mut revisions = Vec::with_capacity(wanted.len());
    for wanted in wanted.chunks(TOGETHER) {
        let places = (0..wanted.len()).map(|i| format!("(${}, ${})", 2 * i + 1, 2 * i + 2));
        let places = places.collect::<Vec<String>>().join(", ");
        // CROSS JOIN: else SQLite may read all revisions instead of looking each up.
        let sql = format!(
            "WITH wanted (entry, number) AS (VALUES {places})
             SELECT r.* FROM wanted w CROSS JOIN revisions r WHERE r.entry = w.entry AND r.number = w.number"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(wanted.len() == TOGETHER);
        let query = wanted.iter().fold(query, |query, (id, number)| query.bind(id).bind(i64::from(*number)));
        let mut rows = query.fetch(&mut *conn);
        while let Some(row) = rows.try_next().await? {
            revisions.push(read_revision(&row)?);
        }
    }
    Ok(revisions)
}

fn read_revision(row: &Row) -> Result<Revision, StoreError> {
    Ok(Revision {
        entry_id: text(row, "entry")?,
        number: number(row, "number")?,
        content: json(row, "content_json")?,
        author: text(row, "author")?,
        at: int(row, "at")?,
        reason: text(row, "reason")?,
        origin: parsed(row, "origin", Origin::from_name)?,
    })
}

fn number(row: &Row, column: &'static str) -> Result<u32, StoreError> {
    u32::try_from(int(row, column)?).map_err(|_| unreadable(column, "it is out of range"))
}

/// The log of an entry, newest first.
pub(super) async fn log(conn: &mut Conn, id: &str) -> Result<Vec<LogRecord>, StoreError> {
    let rows = sqlx::query("SELECT * FROM entry_log WHERE entry = $1 ORDER BY version DESC")
        .bind(id)
        .fetch_all(conn)
        .await?;
    let record = |row: &Row| {
        Ok(LogRecord {
            at: int(row, "at")?,
            actor: text(row, "actor")?,
            event: text(row, "event")?,
            revision: number(row, "revision")?,
            note: text(row, "note")?,
            due_at: int_or_none(row, "due_at")?,
        })
    };
    rows.iter().map(record).collect()
}

pub(super) async fn save_draft(conn: &mut Conn, draft: &DraftRecord) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO drafts (entry, staff, version, at, content_json) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (entry, staff) DO UPDATE SET version = excluded.version, at = excluded.at,
                                                  content_json = excluded.content_json",
    )
    .bind(&draft.entry_id)
    .bind(draft.staff.as_str())
    .bind(draft.version)
    .bind(draft.at)
    .bind(to_json(&draft.content)?)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn drafts_of(conn: &mut Conn, staff: &StaffId) -> Result<Vec<DraftRecord>, StoreError> {
    let rows = sqlx::query("SELECT * FROM drafts WHERE staff = $1 ORDER BY at DESC, entry")
        .bind(staff.as_str())
        .fetch_all(conn)
        .await?;
    rows.iter().map(draft_record).collect()
}

pub(super) async fn draft(
    conn: &mut Conn,
    id: &str,
    staff: &StaffId,
) -> Result<Option<DraftRecord>, StoreError> {
    let row = sqlx::query("SELECT * FROM drafts WHERE entry = $1 AND staff = $2")
        .bind(id)
        .bind(staff.as_str())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(draft_record).transpose()
}

fn draft_record(row: &Row) -> Result<DraftRecord, StoreError> {
    let content: Entry = json(row, "content_json")?;
    Ok(DraftRecord {
        entry_id: text(row, "entry")?,
        staff: parsed(row, "staff", StaffId::parse)?,
        version: int(row, "version")?,
        at: int(row, "at")?,
        content,
    })
}

pub(super) async fn drop_draft(conn: &mut Conn, id: &str, staff: &StaffId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM drafts WHERE entry = $1 AND staff = $2")
        .bind(id)
        .bind(staff.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

/// How entries did with customers since `since`.
pub(super) async fn usage(conn: &mut Conn, since: i64) -> Result<HashMap<String, Usage>, StoreError> {
    let mut usage = HashMap::<String, Usage>::new();
    let answered = sqlx::query(
        "SELECT entry_id, COUNT(*) AS answered FROM questions
         WHERE decision = 'answer' AND entry_id IS NOT NULL AND at >= $1 GROUP BY entry_id",
    )
    .bind(since)
    .fetch_all(&mut *conn)
    .await?;
    for row in &answered {
        usage.entry(text(row, "entry_id")?).or_default().answered = count(row, "answered")?;
    }
    let rated = sqlx::query(
        "SELECT entry_id, verdict, COUNT(*) AS given FROM feedback WHERE at >= $1 GROUP BY entry_id, verdict",
    )
    .bind(since)
    .fetch_all(conn)
    .await?;
    for row in &rated {
        let of = usage.entry(text(row, "entry_id")?).or_default();
        let given = count(row, "given")?;
        match parsed(row, "verdict", Verdict::from_name)? {
            Verdict::Resolved => of.resolved = given,
            Verdict::Unresolved => of.unresolved = given,
            Verdict::Chosen | Verdict::NotThis => {}
        }
    }
    Ok(usage)
}
