//! Entries going in and out as files: any of the formats staff have becomes a [`Table`], a [`Mapping`] says which column
//! is what, [`read_rows`] gives entries with every doubt named by row, [`Plan`] says what taking them over would do, and
//! [`mod@write`] gives files that read back as the same entries. The sheet of synonyms has a plan of its own,
//! [`SynonymPlan`]. Pure: bytes in, bytes out.
//!
//! Reading order: [`formats`] → [`columns`] → `rows` → [`plan`]; [`mod@write`] is the way back.

mod cell;
pub mod columns;
pub mod formats;
pub mod plan;
mod rows;
mod vocabulary;
pub mod write;

use serde::{Deserialize, Serialize};

pub use columns::{Field, Mapping};
pub use formats::{Format, ReadError, Source, read, synonyms_beside};
pub use plan::{Action, Held, Plan, Planned};
pub use rows::{Defaults, Reading, read_rows};
pub use vocabulary::{GroupAction, PlannedGroup, SynonymPlan, SynonymProblem};

use super::Entry;
use crate::sheet::Table;

/// One usable row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its number in the file.
    pub number: usize,
    /// The id it has in the system it comes from; never empty.
    pub external_id: String,
    /// The entry; its id is empty where the file gives none.
    pub entry: Entry,
    /// Fields the file has a column for. The others keep what the desk has.
    pub given: Vec<Field>,
    /// What was doubtful, and how it was read.
    pub warnings: Vec<Issue>,
}

/// A row that cannot be taken over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// Its number in the file.
    pub number: usize,
    /// Why; at least one.
    pub issues: Vec<Issue>,
    /// Its cells as they were, for a file of the rejected rows.
    pub cells: Vec<String>,
}

/// Something wrong or doubtful in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The field concerned.
    pub field: Field,
    /// What is wrong.
    pub kind: IssueKind,
    /// The value it is about; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
}

impl Issue {
    fn new(field: Field, kind: IssueKind, value: impl Into<String>) -> Self {
        const SHOWN: usize = 120;
        let value: String = value.into();
        Self { field, kind, value: value.chars().take(SHOWN).collect() }
    }
}

/// Kinds of [`Issue`]. The interface has a message for each, `import.issue.<name>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueKind {
    /// A needed field is empty.
    Missing,
    /// Longer than the field may be.
    TooLong,
    /// Control characters that no text should hold.
    ControlCharacter,
    /// An id of other characters than a–z, 0–9, hyphen and point.
    BadId,
    /// A value that is none of the field's.
    BadValue,
    /// No day of the calendar.
    BadDate,
    /// Ends before it begins.
    EndsBeforeStart,
    /// The same id or external id as an earlier row.
    Duplicate,
    /// More or fewer cells than the header has columns.
    WrongWidth,
    /// The external id belongs to another entry than the id.
    Conflict,
    /// A phrasing that is there already was left out.
    Repeated,
    /// A link to an entry that does not exist was left out.
    UnknownLink,
    /// The status in the file is of no account: what is taken over goes through review.
    StatusIgnored,
    /// Markup was simplified while turning it into Markdown.
    MarkupSimplified,
    /// The question of a conversation's later turn, which may not stand on its own.
    ContextOnly,
}

impl IssueKind {
    /// Stable snake-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::TooLong => "too_long",
            Self::ControlCharacter => "control_character",
            Self::BadId => "bad_id",
            Self::BadValue => "bad_value",
            Self::BadDate => "bad_date",
            Self::EndsBeforeStart => "ends_before_start",
            Self::Duplicate => "duplicate",
            Self::WrongWidth => "wrong_width",
            Self::Conflict => "conflict",
            Self::Repeated => "repeated",
            Self::UnknownLink => "unknown_link",
            Self::StatusIgnored => "status_ignored",
            Self::MarkupSimplified => "markup_simplified",
            Self::ContextOnly => "context_only",
        }
    }
}

/// The external id of a row that has none: the same question in the same language is the same entry.
fn derived_external_id(entry: &Entry) -> String {
    let question = crate::text::normalize(&entry.question);
    format!("q-{}", short_hash(&format!("{}\n{question}", entry.language)))
}

/// 12 hexadecimal digits that stand for `text`.
fn short_hash(text: &str) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(&Sha256::digest(text.as_bytes())[..6])
}

#[cfg(test)]
mod tests;
