//! The shapes of the gap board in the API. Converted by hand: domain types do not know them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::dto::time;
use crate::app::{GapDetail, GapView};
use crate::store::GapLog;

/// Which gaps.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct GapsQuery {
    /// `open`, `assigned`, `dismissed` or `done`; empty = those somebody still has to look at.
    pub state: String,
}

/// A gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GapDto {
    /// Id.
    pub id: String,
    /// `open`, `assigned`, `dismissed` or `done`.
    pub state: String,
    /// The question nearest to all its questions, masked.
    pub title: String,
    /// How many questions.
    pub count: usize,
    /// Volume with older questions counting less.
    pub weight: f64,
    /// First and last time it was asked.
    pub first_at: String,
    /// The last time it was asked.
    pub last_at: String,
    /// Different wordings, masked.
    pub examples: Vec<String>,
    /// How many by signal: `unanswered`, `handed_off`, `not_chosen`, `voted_down`.
    pub signals: BTreeMap<String, usize>,
    /// The entry nearest to it.
    pub nearest: Option<String>,
}

impl GapDto {
    /// A gap in the list.
    pub(super) fn of(view: &GapView) -> Self {
        let summary = &view.summary;
        Self {
            id: view.record.id.clone(),
            state: view.record.state.name().to_owned(),
            title: summary.title.clone(),
            count: summary.count,
            weight: (summary.weight * 1000.0).round() / 1000.0,
            first_at: time(summary.first_at),
            last_at: time(summary.last_at),
            examples: summary.examples.clone(),
            signals: summary
                .signals
                .iter()
                .map(|(signal, count)| (signal.name().to_owned(), *count))
                .collect(),
            nearest: view.nearest.as_ref().map(|record| record.id.clone()),
        }
    }
}

/// Gaps, the heaviest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GapsDto {
    /// The gaps.
    pub gaps: Vec<GapDto>,
    /// How many are in each state.
    pub counts: BTreeMap<String, usize>,
}

/// A line of a gap's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GapLogDto {
    /// When.
    pub at: String,
    /// Id of who did it.
    pub actor: String,
    /// What happened.
    pub event: String,
    /// Reason or entry.
    pub note: String,
}

impl GapLogDto {
    pub(super) fn of(line: &GapLog) -> Self {
        Self {
            at: time(line.at),
            actor: line.actor.clone(),
            event: line.event.clone(),
            note: line.note.clone(),
        }
    }
}

/// A gap with everything to take it up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GapDetailDto {
    /// The gap.
    #[serde(flatten)]
    pub gap: GapDto,
    /// What people replied to its questions, masked, newest first.
    pub replies: Vec<String>,
    /// What happened to it, newest first.
    pub log: Vec<GapLogDto>,
}

impl GapDetailDto {
    pub(super) fn of(detail: &GapDetail) -> Self {
        Self {
            gap: GapDto::of(&detail.view),
            replies: detail.replies.clone(),
            log: detail.log.iter().map(GapLogDto::of).collect(),
        }
    }
}

/// What to do with a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum GapActDto {
    /// Give it to somebody; oneself if nobody is named.
    Assign {
        /// Id of the member of staff.
        #[serde(default)]
        to: Option<String>,
    },
    /// Give it back.
    Release,
    /// Put it aside.
    Dismiss {
        /// Why.
        reason: String,
    },
    /// Take it up again.
    Reopen,
    /// Add a wording to an entry, as a draft.
    AddPhrasing {
        /// The entry.
        entry_id: String,
        /// The wording.
        phrasing: String,
    },
    /// Write a new entry, as a draft.
    Draft {
        /// Its question.
        question: String,
        /// Its answer; may be empty for now.
        #[serde(default)]
        answer: String,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GapActedDto {
    /// The gap now.
    pub gap: GapDetailDto,
    /// The entry that was written, if one was.
    pub entry_id: Option<String>,
}
