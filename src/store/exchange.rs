//! SQL of imports, gaps and cases.

use super::StoreError;
use super::curation_records::EntryChange;
use super::dialect::{Conn, Row, int, is_taken, json, parsed, text, text_or_none, to_json};
use super::entries;
use super::exchange_records::{
    CaseRecord, GapChange, GapLog, GapQuestion, GapRecord, ImportRecord, ImportState,
};
use crate::handoff::{ConversationId, StaffId};
use crate::kb::gaps::{Signal, Unmet};

/// Stores an import's new state with the changes to entries that belong to it, all or nothing.
pub(super) async fn keep_import(
    conn: &mut Conn,
    import: &ImportRecord,
    changes: &[EntryChange],
) -> Result<(), StoreError> {
    if !changes.is_empty() {
        entries::change(conn, changes).await?;
    }
    if import.version == 0 {
        sqlx::query(
            "INSERT INTO imports (id, version, name, staff, state, at, changed_at, source_json, settings_json,
                                  outcome_json)
             VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&import.id)
        .bind(&import.name)
        .bind(import.staff.as_str())
        .bind(import.state.name())
        .bind(import.at)
        .bind(import.changed_at)
        .bind(&import.source)
        .bind(&import.settings)
        .bind(&import.outcome)
        .execute(conn)
        .await?;
        return Ok(());
    }
    let updated = sqlx::query(
        "UPDATE imports SET version = version + 1, state = $1, changed_at = $2, settings_json = $3,
                            outcome_json = $4
         WHERE id = $5 AND version = $6",
    )
    .bind(import.state.name())
    .bind(import.changed_at)
    .bind(&import.settings)
    .bind(&import.outcome)
    .bind(&import.id)
    .bind(import.version)
    .execute(conn)
    .await?;
    if updated.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}

pub(super) async fn import(conn: &mut Conn, id: &str) -> Result<Option<ImportRecord>, StoreError> {
    let row = sqlx::query("SELECT * FROM imports WHERE id = $1").bind(id).fetch_optional(conn).await?;
    row.as_ref().map(|row| read_import(row, text(row, "source_json")?)).transpose()
}

/// The newest imports, without their tables.
pub(super) async fn imports(conn: &mut Conn, limit: u32) -> Result<Vec<ImportRecord>, StoreError> {
    let rows = sqlx::query(
        "SELECT id, version, name, staff, state, at, changed_at, settings_json, outcome_json
         FROM imports ORDER BY at DESC, id LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| read_import(row, String::new())).collect()
}

fn read_import(row: &Row, source: String) -> Result<ImportRecord, StoreError> {
    Ok(ImportRecord {
        id: text(row, "id")?,
        version: int(row, "version")?,
        name: text(row, "name")?,
        staff: parsed(row, "staff", StaffId::parse)?,
        state: parsed(row, "state", ImportState::from_name)?,
        at: int(row, "at")?,
        changed_at: int(row, "changed_at")?,
        source,
        settings: text(row, "settings_json")?,
        outcome: text(row, "outcome_json")?,
    })
}

/// Commits changes to gaps and the cases that come with them. A question that is in a gap already stays there.
pub(super) async fn change_gaps(
    conn: &mut Conn,
    changes: &[GapChange],
    cases: &[CaseRecord],
) -> Result<(), StoreError> {
    for GapChange { gap, questions, log } in changes {
        put_gap(conn, gap).await?;
        for question in questions {
            let unmet = &question.unmet;
            sqlx::query(
                "INSERT INTO gap_questions (question, gap, conversation, text, signal, nearest, at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (question) DO NOTHING",
            )
            .bind(&unmet.id)
            .bind(&gap.id)
            .bind(question.conversation.as_str())
            .bind(&unmet.text)
            .bind(unmet.signal.name())
            .bind(&unmet.nearest)
            .bind(unmet.at)
            .execute(&mut *conn)
            .await?;
        }
        sqlx::query(
            "INSERT INTO gap_log (gap, version, at, actor, event, note) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&gap.id)
        .bind(gap.version + 1)
        .bind(log.at)
        .bind(&log.actor)
        .bind(&log.event)
        .bind(&log.note)
        .execute(&mut *conn)
        .await?;
    }
    for case in cases {
        put_case(conn, case).await?;
    }
    Ok(())
}

async fn put_gap(conn: &mut Conn, gap: &GapRecord) -> Result<(), StoreError> {
    let state = to_json(&gap.state)?;
    if gap.version == 0 {
        sqlx::query(
            "INSERT INTO gaps (id, version, state_json, created_at, changed_at) VALUES ($1, 1, $2, $3, $4)",
        )
        .bind(&gap.id)
        .bind(state)
        .bind(gap.created_at)
        .bind(gap.changed_at)
        .execute(conn)
        .await
        .map_err(|error| if is_taken(&error) { StoreError::Conflict } else { error.into() })?;
        return Ok(());
    }
    let updated = sqlx::query(
        "UPDATE gaps SET version = version + 1, state_json = $1, changed_at = $2 WHERE id = $3 AND version = $4",
    )
    .bind(state)
    .bind(gap.changed_at)
    .bind(&gap.id)
    .bind(gap.version)
    .execute(conn)
    .await?;
    if updated.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Conflict) }
}

/// All gaps, oldest first.
pub(super) async fn gaps(conn: &mut Conn) -> Result<Vec<GapRecord>, StoreError> {
    let rows = sqlx::query("SELECT * FROM gaps ORDER BY created_at, id").fetch_all(conn).await?;
    let gap = |row: &Row| {
        Ok(GapRecord {
            id: text(row, "id")?,
            version: int(row, "version")?,
            state: json(row, "state_json")?,
            created_at: int(row, "created_at")?,
            changed_at: int(row, "changed_at")?,
        })
    };
    rows.iter().map(gap).collect()
}

/// The questions of all gaps, newest first.
pub(super) async fn gap_questions(conn: &mut Conn) -> Result<Vec<GapQuestion>, StoreError> {
    let rows = sqlx::query("SELECT * FROM gap_questions ORDER BY at DESC, question").fetch_all(conn).await?;
    let question = |row: &Row| {
        Ok(GapQuestion {
            gap: text(row, "gap")?,
            conversation: parsed(row, "conversation", ConversationId::parse)?,
            unmet: Unmet {
                id: text(row, "question")?,
                text: text(row, "text")?,
                signal: parsed(row, "signal", Signal::from_name)?,
                nearest: text_or_none(row, "nearest")?,
                at: int(row, "at")?,
            },
        })
    };
    rows.iter().map(question).collect()
}

/// The log of a gap, newest first.
pub(super) async fn gap_log(conn: &mut Conn, gap: &str) -> Result<Vec<GapLog>, StoreError> {
    let rows = sqlx::query("SELECT * FROM gap_log WHERE gap = $1 ORDER BY version DESC")
        .bind(gap)
        .fetch_all(conn)
        .await?;
    let line = |row: &Row| {
        Ok(GapLog {
            at: int(row, "at")?,
            actor: text(row, "actor")?,
            event: text(row, "event")?,
            note: text(row, "note")?,
        })
    };
    rows.iter().map(line).collect()
}

/// Writes a case in place of one with its id.
pub(super) async fn put_case(conn: &mut Conn, case: &CaseRecord) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO cases (id, case_json, author, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (id) DO UPDATE SET case_json = excluded.case_json, author = excluded.author,
                                        at = excluded.at",
    )
    .bind(&case.id)
    .bind(&case.case)
    .bind(&case.author)
    .bind(case.at)
    .execute(conn)
    .await?;
    Ok(())
}

/// All cases, by id.
pub(super) async fn cases(conn: &mut Conn) -> Result<Vec<CaseRecord>, StoreError> {
    let rows = sqlx::query("SELECT * FROM cases ORDER BY id").fetch_all(conn).await?;
    let case = |row: &Row| {
        Ok(CaseRecord {
            id: text(row, "id")?,
            case: text(row, "case_json")?,
            author: text(row, "author")?,
            at: int(row, "at")?,
        })
    };
    rows.iter().map(case).collect()
}
