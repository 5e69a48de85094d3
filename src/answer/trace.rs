//! The Trace: why a Decision was made, in terms an editor can check.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kb::Language;

/// Why a Decision was made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// The question after normalisation.
    pub normalized: String,
    /// Language the question is in.
    pub language: Language,
    /// Index terms of the question, in order.
    pub tokens: Vec<String>,
    /// Synonyms added, as `term → alternatives`.
    pub expansions: Vec<String>,
    /// What the conversation was about before, if anything: entries near it were preferred.
    pub completed_with: Option<String>,
    /// Id of the rule that fired, if any.
    pub rule: Option<String>,
    /// Candidates as ranked, best first (at most 10).
    pub candidates: Vec<TraceCandidate>,
    /// Features the confidence was computed from.
    pub features: BTreeMap<String, f32>,
    /// Calibrated probability that the top candidate answers.
    pub confidence: f32,
    /// `answer`, `clarify` or `handoff`, and the thresholds that made it so.
    pub band: Band,
    /// Parts that failed or were skipped, in words.
    pub degraded: Vec<String>,
    /// Time spent, microseconds.
    pub micros: u64,
}

/// One ranked entry.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TraceCandidate {
    /// Entry id.
    pub entry_id: String,
    /// Its question.
    pub question: String,
    /// Ranker's score.
    pub score: f32,
    /// What of the score comes from the conversation before.
    #[serde(default)]
    pub from_context: f32,
    /// BM25 score and 1-based rank, when the lexical retriever found it.
    pub lexical: Option<(f32, u32)>,
    /// Cosine and 1-based rank, when the dense retriever found it.
    pub dense: Option<(f32, u32)>,
    /// Terms of the question that the entry contains.
    pub matched: Vec<String>,
}

/// The confidence band a question fell into.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// `answer`, `clarify` or `handoff`.
    pub name: String,
    /// At or above this confidence the desk answers.
    pub answer_from: f32,
    /// At or above this one it asks back.
    pub clarify_from: f32,
}
