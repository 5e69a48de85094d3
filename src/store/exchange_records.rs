//! What imports, gaps and cases store, where the domain has no type of its own.

use crate::handoff::{ConversationId, StaffId};
use crate::kb::gaps::{GapState, Unmet};

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportState {
    /// Read, not taken over.
    Ready,
    /// Taken over.
    Applied,
    /// Taken back.
    Undone,
}

impl ImportState {
    /// Stable name, as in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Applied => "applied",
            Self::Undone => "undone",
        }
    }

    /// The state with this [`ImportState::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Ready, Self::Applied, Self::Undone].into_iter().find(|state| state.name() == name)
    }
}

/// A file that was given in.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportRecord {
    /// Id.
    pub id: String,
    /// Counts the changes; 0 = it is new.
    pub version: i64,
    /// The file's name.
    pub name: String,
    /// Who gave it in.
    pub staff: StaffId,
    /// How far it is.
    pub state: ImportState,
    /// When it was given in, UTC milliseconds.
    pub at: i64,
    /// When it was last changed.
    pub changed_at: i64,
    /// Its table, serialised; empty in lists.
    pub source: String,
    /// Mapping and defaults, serialised.
    pub settings: String,
    /// What became of it and how to undo that, serialised.
    pub outcome: String,
}

/// A gap as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct GapRecord {
    /// Id.
    pub id: String,
    /// Counts the changes; 0 = it is new.
    pub version: i64,
    /// Its state.
    pub state: GapState,
    /// When it was found, UTC milliseconds.
    pub created_at: i64,
    /// When it was last changed.
    pub changed_at: i64,
}

/// A question of a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct GapQuestion {
    /// The gap.
    pub gap: String,
    /// The conversation it was asked in, which may be gone.
    pub conversation: ConversationId,
    /// The question, masked.
    pub unmet: Unmet,
}

/// A change to one gap: its new state, questions that join it, the line in its log.
#[derive(Debug, Clone)]
pub struct GapChange {
    /// The gap afterwards; `version` is the one it was loaded with.
    pub gap: GapRecord,
    /// Questions that join it.
    pub questions: Vec<GapQuestion>,
    /// What happened.
    pub log: GapLog,
}

/// A line of a gap's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapLog {
    /// When, UTC milliseconds.
    pub at: i64,
    /// Id of who did it, `clock` for what happens by itself.
    pub actor: String,
    /// What happened: `found`, `asked`, `assign`, …
    pub event: String,
    /// Reason or entry.
    pub note: String,
}

/// A case that staff accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRecord {
    /// Id of the case.
    pub id: String,
    /// The case in evaluation's own format.
    pub case: String,
    /// Id of who accepted it, or the name of the command that read it.
    pub author: String,
    /// When, UTC milliseconds.
    pub at: i64,
}
