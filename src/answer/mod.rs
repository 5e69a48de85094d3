//! The engine: understand → retrieve → rank → confidence → decide. No HTTP, no SQL, no clock, no randomness.
//!
//! [`Engine::answer`] is total: a part that fails degrades, the [`Trace`] says so, and at worst the [`Decision`] is a
//! hand-off with reason `unavailable`.

pub mod calibration;
pub mod confidence;
mod decide;
mod engine;
pub mod features;
pub mod intent;
pub mod rank;
mod rerank;
pub mod retrieve;
pub mod smalltalk;
mod topic;
pub mod trace;
pub mod understand;

use serde::{Deserialize, Serialize};

use crate::kb::{HandOffReason, Language, Priority};
pub use engine::{Considered, Engine, Models, Parts};
pub use retrieve::System;
pub use trace::Trace;

/// What the desk does with a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Decision {
    /// Answer with this entry.
    Answer {
        /// Entry id, in the asker's language where the desk has it.
        entry_id: String,
        /// Calibrated probability that the entry answers the question.
        confidence: f32,
    },
    /// Ask back: 2 to 4 candidates and "none of these".
    Clarify {
        /// Best first.
        candidates: Vec<Candidate>,
    },
    /// Pass to a person.
    HandOff(HandOff),
    /// Reply to small talk.
    SmallTalk {
        /// Id of the small talk.
        id: String,
        /// The fixed reply.
        reply: String,
    },
}

impl Decision {
    /// Stable name: `answer`, `clarify`, `handoff` or `smalltalk`.
    pub fn name(&self) -> &'static str {
        match self {
            Decision::Answer { .. } => "answer",
            Decision::Clarify { .. } => "clarify",
            Decision::HandOff(_) => "handoff",
            Decision::SmallTalk { .. } => "smalltalk",
        }
    }
}

/// An entry that may answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Entry id.
    pub entry_id: String,
    /// Its question, as shown on the button.
    pub question: String,
    /// Probability that it answers, 0 to 1.
    pub confidence: f32,
}

/// Why and where to a question is passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandOff {
    /// Reason.
    pub reason: HandOffReason,
    /// Priority of the ticket.
    pub priority: Priority,
    /// Queue of the ticket.
    pub queue: String,
    /// The fixed wording shown to the customer, in the asker's language.
    pub wording: String,
}

/// A question with what the conversation knows.
#[derive(Debug, Clone, Default)]
pub struct Ask<'a> {
    /// What the customer typed.
    pub text: &'a str,
    /// The turns before, oldest first.
    pub context: Context,
}

/// What earlier turns contribute to understanding a follow-up such as 「手数料は？」.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Context {
    /// The last question that stood on its own, as typed.
    pub last_question: Option<String>,
    /// The entry last answered.
    pub last_entry: Option<String>,
    /// Language of the conversation so far.
    pub language: Option<Language>,
}

/// A Decision with its Trace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What to do.
    pub decision: Decision,
    /// Why.
    pub trace: Trace,
    /// What the next turn should know.
    pub context: Context,
}
