//! SQL of conversations, turns, feedback, questions and traces.

use super::dialect::{
    Conn, Row, count, int, json, parsed, parsed_or_none, real, sql_int, text, text_or_none, to_json,
    unreadable,
};
use super::records::{Change, Created, FeedbackRecord, QuestionRecord, StoredConversation};
use super::{StoreError, tickets};
use crate::answer::Trace;
use crate::chat::{Conversation, Mode, Turn, Verdict};
use crate::handoff::{ConversationId, TraceId};
use crate::kb::Language;

pub(super) async fn create(conn: &mut Conn, created: &Created) -> Result<(), StoreError> {
    let Created { conversation, token_hash } = created;
    sqlx::query(
        "INSERT INTO conversations (id, token_hash, version, mode, state_json, started_at, changed_at)
         VALUES ($1, $2, 0, $3, $4, $5, $5)",
    )
    .bind(conversation.id.as_str())
    .bind(token_hash)
    .bind(conversation.state.mode().name())
    .bind(to_json(conversation)?)
    .bind(conversation.started_at)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn load(
    conn: &mut Conn,
    id: &ConversationId,
) -> Result<Option<StoredConversation>, StoreError> {
    let row = sqlx::query("SELECT token_hash, version, state_json FROM conversations WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(conn)
        .await?;
    row.map(|row| {
        let conversation: Conversation = json(&row, "state_json")?;
        Ok(StoredConversation {
            conversation,
            token_hash: text(&row, "token_hash")?,
            version: int(&row, "version")?,
        })
    })
    .transpose()
}

/// Everything of one step; the caller's transaction makes it all or nothing.
pub(super) async fn commit(conn: &mut Conn, change: &Change) -> Result<(), StoreError> {
    let conversation = &change.conversation;
    let updated = sqlx::query(
        "UPDATE conversations SET version = version + 1, mode = $1, state_json = $2, changed_at = $3
         WHERE id = $4 AND version = $5",
    )
    .bind(conversation.state.mode().name())
    .bind(to_json(conversation)?)
    .bind(change.at)
    .bind(conversation.id.as_str())
    .bind(change.version)
    .execute(&mut *conn)
    .await?;
    if updated.rows_affected() != 1 {
        return Err(StoreError::Conflict);
    }
    for turn in &change.turns {
        insert_turn(conn, &conversation.id, turn).await?;
    }
    for (ticket, packet) in &change.opened {
        tickets::insert(conn, ticket, packet).await?;
    }
    for ticket in &change.changed {
        tickets::update(conn, ticket).await?;
    }
    for feedback in &change.feedback {
        upsert_feedback(conn, feedback).await?;
    }
    if let Some((id, trace)) = &change.trace {
        sqlx::query("INSERT INTO traces (id, at, trace_json) VALUES ($1, $2, $3)")
            .bind(id.as_str())
            .bind(change.at)
            .bind(to_json(trace)?)
            .execute(&mut *conn)
            .await?;
    }
    if let Some(question) = &change.question {
        insert_question(conn, question).await?;
    }
    Ok(())
}

async fn insert_turn(conn: &mut Conn, id: &ConversationId, turn: &Turn) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO turns (conversation, seq, at, speaker_json, said_json, text, mode, trace)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id.as_str())
    .bind(sql_int(turn.seq))
    .bind(turn.at)
    .bind(to_json(&turn.speaker)?)
    .bind(to_json(&turn.said)?)
    .bind(&turn.text)
    .bind(turn.mode.name())
    .bind(turn.trace.as_ref().map(TraceId::as_str))
    .execute(conn)
    .await?;
    Ok(())
}

async fn upsert_feedback(conn: &mut Conn, feedback: &FeedbackRecord) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO feedback (conversation, turn, entry_id, verdict, at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (conversation, turn, entry_id) DO UPDATE SET verdict = excluded.verdict, at = excluded.at",
    )
    .bind(feedback.conversation.as_str())
    .bind(sql_int(feedback.turn))
    .bind(&feedback.entry_id)
    .bind(feedback.verdict.name())
    .bind(feedback.at)
    .execute(conn)
    .await?;
    Ok(())
}

async fn insert_question(conn: &mut Conn, question: &QuestionRecord) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO questions (trace, conversation, turn, text, completed_with, decision, reason, entry_id,
                                confidence, language, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(question.trace.as_str())
    .bind(question.conversation.as_str())
    .bind(sql_int(question.turn))
    .bind(&question.text)
    .bind(&question.completed_with)
    .bind(&question.decision)
    .bind(&question.reason)
    .bind(&question.entry_id)
    .bind(f64::from(question.confidence))
    .bind(question.language.tag())
    .bind(question.at)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn turns(
    conn: &mut Conn,
    id: &ConversationId,
    after: u64,
    limit: u32,
) -> Result<Vec<Turn>, StoreError> {
    let rows = sqlx::query(
        "SELECT seq, at, speaker_json, said_json, text, mode, trace FROM turns
         WHERE conversation = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    )
    .bind(id.as_str())
    .bind(sql_int(after))
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    rows.iter().map(turn).collect()
}

fn turn(row: &Row) -> Result<Turn, StoreError> {
    Ok(Turn {
        seq: count(row, "seq")?,
        at: int(row, "at")?,
        speaker: json(row, "speaker_json")?,
        said: json(row, "said_json")?,
        text: text(row, "text")?,
        mode: parsed(row, "mode", Mode::from_name)?,
        trace: parsed_or_none(row, "trace", TraceId::parse)?,
    })
}

pub(super) async fn trace(conn: &mut Conn, id: &TraceId) -> Result<Option<Trace>, StoreError> {
    let row = sqlx::query("SELECT trace_json FROM traces WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(conn)
        .await?;
    row.map(|row| json(&row, "trace_json")).transpose()
}

pub(super) async fn questions(
    conn: &mut Conn,
    since: i64,
    limit: u32,
) -> Result<Vec<QuestionRecord>, StoreError> {
    let rows = sqlx::query(
        "SELECT trace, conversation, turn, text, completed_with, decision, reason, entry_id, confidence, language, at
         FROM questions WHERE at >= $1 ORDER BY at DESC, trace LIMIT $2",
    )
    .bind(since)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    rows.iter().map(question).collect()
}

fn question(row: &Row) -> Result<QuestionRecord, StoreError> {
    Ok(QuestionRecord {
        trace: parsed(row, "trace", TraceId::parse)?,
        conversation: parsed(row, "conversation", ConversationId::parse)?,
        turn: count(row, "turn")?,
        text: text(row, "text")?,
        completed_with: text_or_none(row, "completed_with")?,
        decision: text(row, "decision")?,
        reason: text_or_none(row, "reason")?,
        entry_id: text_or_none(row, "entry_id")?,
        confidence: real(row, "confidence")? as f32,
        language: language(row)?,
        at: int(row, "at")?,
    })
}

pub(super) fn language(row: &Row) -> Result<Language, StoreError> {
    match text(row, "language")?.as_str() {
        "ja" => Ok(Language::Ja),
        "en" => Ok(Language::En),
        other => Err(unreadable("language", format!("{other:?} is not one"))),
    }
}

pub(super) async fn feedback(
    conn: &mut Conn,
    since: i64,
    limit: u32,
) -> Result<Vec<FeedbackRecord>, StoreError> {
    let rows = sqlx::query(
        "SELECT conversation, turn, entry_id, verdict, at FROM feedback
         WHERE at >= $1 ORDER BY at DESC, conversation, turn, entry_id LIMIT $2",
    )
    .bind(since)
    .bind(i64::from(limit))
    .fetch_all(conn)
    .await?;
    let record = |row: &Row| {
        Ok(FeedbackRecord {
            conversation: parsed(row, "conversation", ConversationId::parse)?,
            turn: count(row, "turn")?,
            entry_id: text(row, "entry_id")?,
            verdict: parsed(row, "verdict", Verdict::from_name)?,
            at: int(row, "at")?,
        })
    };
    rows.iter().map(record).collect()
}
