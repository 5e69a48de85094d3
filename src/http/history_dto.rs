//! The shapes of an entry's past: its log, and what differs between two revisions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dto::time as iso;
use super::entry_dto::RevisionDto;
use crate::app::{DiffLine, EntryHistory, FieldDiff, LogRecord, Side};

/// A line of the log of an entry, or of the vocabulary.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LogDto {
    /// When.
    pub at: String,
    /// Id of who did it; `files` for an import, `clock` for what was due.
    pub actor: String,
    /// `saved`, `tended`, `submitted`, `approved`, `sent_back`, `published`, `scheduled`, `expired`, `archived`, `restored`,
    /// `taken_down`, `rolled_back` or `imported`.
    pub event: String,
    /// The revision it concerns.
    pub revision: u32,
    /// Why.
    pub note: String,
    /// When a scheduled revision goes out.
    pub due_at: Option<String>,
}

impl LogDto {
    pub(super) fn of(log: &LogRecord) -> Self {
        Self {
            at: iso(log.at),
            actor: log.actor.clone(),
            event: log.event.clone(),
            revision: log.revision,
            note: log.note.clone(),
            due_at: log.due_at.map(iso),
        }
    }
}

/// An entry's past, newest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct HistoryDto {
    /// Id.
    pub id: String,
    /// All revisions.
    pub revisions: Vec<RevisionDto>,
    /// All that happened.
    pub log: Vec<LogDto>,
}

impl HistoryDto {
    pub(super) fn of(history: &EntryHistory) -> Self {
        Self {
            id: history.record.id.clone(),
            revisions: history.revisions.iter().map(RevisionDto::of).collect(),
            log: history.log.iter().map(LogDto::of).collect(),
        }
    }
}

/// What differs between two revisions.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DiffDto {
    /// Fields that differ.
    pub fields: Vec<FieldDiffDto>,
}

/// A field that differs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct FieldDiffDto {
    /// The field.
    pub field: String,
    /// The lines of both, in order.
    pub lines: Vec<DiffLineDto>,
}

/// A line of a difference.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DiffLineDto {
    /// `both`, `older` or `newer`.
    pub side: String,
    /// The line.
    pub text: String,
}

impl DiffDto {
    pub(super) fn of(fields: &[FieldDiff]) -> Self {
        let line = |line: &DiffLine| DiffLineDto {
            side: side_name(line.side).to_owned(),
            text: line.pieces.iter().map(|(_, text)| text.as_str()).collect(),
        };
        let field = |diff: &FieldDiff| FieldDiffDto {
            field: diff.field.to_owned(),
            lines: diff.lines.iter().map(line).collect(),
        };
        Self { fields: fields.iter().map(field).collect() }
    }
}

/// Stable name of a side.
pub(super) fn side_name(side: Side) -> &'static str {
    match side {
        Side::Both => "both",
        Side::Older => "older",
        Side::Newer => "newer",
    }
}
