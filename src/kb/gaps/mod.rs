//! Gaps: what customers asked and the desk could not answer, grouped by meaning. A gap is kept until a person takes
//! it up or puts it aside; a new question joins the gap it is closest to. Pure: vectors, times and ids are passed in.
//!
//! Grouping is by [`likeness`]: cosine of the embeddings where there are any, Dice of character grams beside it.

mod cluster;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::text::{dice, grams, normalize};

pub use cluster::{MAX_AT_ONCE, Placement, place, place_at};

/// Likeness from which questions belong together: the best B³ F1 over the labelled questions of the sample desk's `fit`
/// half (`tests/it/gaps.rs` measures it on the other half).
pub const TOGETHER: f32 = 0.35;
/// Likeness of questions that have no vectors from which they belong together.
const TOGETHER_LEXICAL: f32 = 0.42;
/// Share of the vectors in the likeness.
const MEANING: f32 = 0.7;
/// A question counts half as much after this many days.
const HALF_LIFE_DAYS: f64 = 14.0;
/// Milliseconds of a day.
const DAY: f64 = 86_400_000.0;

/// Why a question is on the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Nothing in the FAQ was near.
    Unanswered,
    /// Passed to a person because the desk was not sure.
    HandedOff,
    /// Asked back, and the customer chose none of the candidates.
    NotChosen,
    /// Answered, and the customer said that it did not help.
    VotedDown,
}

impl Signal {
    /// All, in a fixed order.
    pub const ALL: [Self; 4] = [Self::Unanswered, Self::HandedOff, Self::NotChosen, Self::VotedDown];

    /// Stable snake-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unanswered => "unanswered",
            Self::HandedOff => "handed_off",
            Self::NotChosen => "not_chosen",
            Self::VotedDown => "voted_down",
        }
    }

    /// The signal with this [`Signal::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| signal.name() == name)
    }
}

/// A question that was not answered well, masked.
#[derive(Debug, Clone, PartialEq)]
pub struct Unmet {
    /// Id of its record.
    pub id: String,
    /// What was asked, masked.
    pub text: String,
    /// Why it is here.
    pub signal: Signal,
    /// The entry the engine thought nearest.
    pub nearest: Option<String>,
    /// When, UTC milliseconds.
    pub at: i64,
}

/// What likeness is computed from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Meaning {
    /// Embedding of length 1; empty when there is none.
    pub vector: Vec<f32>,
    /// Character grams, sorted and unique.
    pub grams: Vec<String>,
}

impl Meaning {
    /// The meaning of `text` with its embedding; an embedding of zeros counts as none.
    pub fn of(text: &str, vector: Option<Vec<f32>>) -> Self {
        let mut grams = grams(&normalize(text));
        grams.sort_unstable();
        grams.dedup();
        let vector = vector.filter(|vector| vector.iter().any(|value| *value != 0.0)).unwrap_or_default();
        Self { vector, grams }
    }
}

/// How alike two questions are, 0 to 1; comparable with [`TOGETHER`] whether or not there are vectors.
pub fn likeness(a: &Meaning, b: &Meaning) -> f32 {
    let lexical = dice(&a.grams, &b.grams);
    if a.vector.is_empty() || b.vector.len() != a.vector.len() {
        return (lexical * TOGETHER / TOGETHER_LEXICAL).min(1.0);
    }
    let cosine: f32 = a.vector.iter().zip(&b.vector).map(|(a, b)| a * b).sum();
    MEANING * cosine.clamp(0.0, 1.0) + (1.0 - MEANING) * lexical
}

/// Where a gap is: open until somebody takes it, then assigned, then done or dismissed. Nothing else ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum GapState {
    /// Nobody has it.
    #[default]
    Open,
    /// Somebody has it.
    Assigned {
        /// Id of the member of staff.
        to: String,
    },
    /// Put aside for a reason; new questions keep being counted.
    Dismissed {
        /// Why.
        reason: String,
    },
    /// Answered by an entry.
    Done {
        /// The entry.
        entry: String,
    },
}

impl GapState {
    /// Stable snake-case name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Assigned { .. } => "assigned",
            Self::Dismissed { .. } => "dismissed",
            Self::Done { .. } => "done",
        }
    }

    /// Whether somebody still has to look at it.
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::Open | Self::Assigned { .. })
    }
}

/// What can be done with a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GapEvent {
    /// Give it to somebody.
    Assign(String),
    /// Give it back.
    Release,
    /// Put it aside.
    Dismiss(String),
    /// An entry answers it.
    Resolve(String),
    /// Take it up again.
    Reopen,
    /// Another question joined it.
    Asked,
}

/// Why an event is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GapRefusal {
    /// Dismissing needs a reason.
    #[error("say why it is dismissed")]
    NoReason,
    /// The gap is not in a state for this.
    #[error("the gap is closed; reopen it first")]
    Closed,
    /// Only a closed gap can be reopened.
    #[error("the gap is open already")]
    NotClosed,
}

impl GapState {
    /// The state after `event`.
    ///
    /// # Errors
    /// The event does not fit the state, or lacks its reason.
    pub fn after(&self, event: GapEvent) -> Result<Self, GapRefusal> {
        match event {
            GapEvent::Reopen if self.is_pending() => Err(GapRefusal::NotClosed),
            GapEvent::Reopen => Ok(Self::Open),
            // What an entry was to answer is asked again: somebody must look.
            GapEvent::Asked if matches!(self, Self::Done { .. }) => Ok(Self::Open),
            GapEvent::Asked => Ok(self.clone()),
            _ if !self.is_pending() => Err(GapRefusal::Closed),
            GapEvent::Assign(to) => Ok(Self::Assigned { to }),
            GapEvent::Release => Ok(Self::Open),
            GapEvent::Dismiss(reason) if reason.trim().is_empty() => Err(GapRefusal::NoReason),
            GapEvent::Dismiss(reason) => Ok(Self::Dismissed { reason: reason.trim().to_owned() }),
            GapEvent::Resolve(entry) => Ok(Self::Done { entry }),
        }
    }
}

/// A gap in figures: how much it weighs and what shows what it is about.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// Questions in it.
    pub count: usize,
    /// Volume with older questions counting less; the order of the board.
    pub weight: f64,
    /// The last time it was asked, UTC milliseconds.
    pub last_at: i64,
    /// The first time.
    pub first_at: i64,
    /// The question nearest to all the others.
    pub title: String,
    /// Differently worded questions, newest first.
    pub examples: Vec<String>,
    /// How many by signal.
    pub signals: BTreeMap<Signal, usize>,
    /// The entry most of them were nearest to, with how many.
    pub nearest: Option<(String, usize)>,
}

/// Sums a gap's questions up; `meanings` are in the order of `questions`.
pub fn summarise(questions: &[Unmet], meanings: &[Meaning], now: i64, examples: usize) -> Summary {
    let mut summary = Summary { count: questions.len(), ..Summary::default() };
    let mut nearest: BTreeMap<&str, usize> = BTreeMap::new();
    for question in questions {
        let age = (now - question.at).max(0) as f64 / DAY;
        summary.weight += 0.5f64.powf(age / HALF_LIFE_DAYS);
        *summary.signals.entry(question.signal).or_default() += 1;
        if let Some(entry) = &question.nearest {
            *nearest.entry(entry).or_default() += 1;
        }
    }
    summary.last_at = questions.iter().map(|question| question.at).max().unwrap_or_default();
    summary.first_at = questions.iter().map(|question| question.at).min().unwrap_or_default();
    summary.title = central(questions, meanings);
    let mut newest: Vec<&Unmet> = questions.iter().collect();
    newest.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.id.cmp(&b.id)));
    for question in newest {
        let is_new = !summary.examples.iter().any(|seen| normalize(seen) == normalize(&question.text));
        if is_new && summary.examples.len() < examples {
            summary.examples.push(question.text.clone());
        }
    }
    let best = nearest.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(a.0)));
    summary.nearest = best.map(|(entry, count)| (entry.to_owned(), count));
    summary
}

/// The question most like all the others, among the first that are compared; the shortest of equals.
fn central(questions: &[Unmet], meanings: &[Meaning]) -> String {
    const COMPARED: usize = 60;
    let compared = &meanings[..meanings.len().min(COMPARED)];
    let closeness = |meaning: &Meaning| compared.iter().map(|other| likeness(meaning, other)).sum::<f32>();
    let candidates =
        compared.iter().zip(questions).map(|(meaning, question)| (closeness(meaning), &question.text));
    let best = candidates.max_by(|a, b| {
        let shorter = b.1.chars().count().cmp(&a.1.chars().count());
        a.0.total_cmp(&b.0).then(shorter).then_with(|| b.1.cmp(a.1))
    });
    best.map_or(String::new(), |(_, text)| text.clone())
}

#[cfg(test)]
mod tests;
