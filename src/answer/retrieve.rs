//! Second step: candidates. BM25 over the lexical index and the nearest vectors; the union goes to the ranker. A
//! retriever that fails is left out and named in `degraded`.

use std::collections::HashMap;

use super::understand::Question;
use crate::index::Index;
use crate::index::lexical::{LexicalField, QueryTerm};
use crate::index::vector::Query;

/// Candidates taken from each retriever.
pub const POOL: usize = 60;

/// Weight of a synonym's term against the term itself.
const SYNONYM_WEIGHT: f32 = 0.5;
/// Weight of character grams against words: they are a safety net, measured on localgov-dev.
const GRAM_WEIGHT: f32 = 0.15;
/// Weight of reading grams.
const READING_WEIGHT: f32 = 0.05;
/// Weight of a word found in the question again.
const QUESTION_WEIGHT: f32 = 0.15;
/// Weight of a word found in a phrasing again.
const PHRASINGS_WEIGHT: f32 = 0.15;

/// Which retrievers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum System {
    /// Both.
    #[default]
    Hybrid,
    /// BM25 only.
    Lexical,
    /// Vectors only.
    Dense,
}

/// What the retrievers said of one entry.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Found {
    /// Document number.
    pub number: u32,
    /// BM25 score and 1-based rank.
    pub lexical: Option<(f32, u32)>,
    /// Summary score (cosine with questions + cosine with answer) and 1-based rank.
    pub dense: Option<(f32, u32)>,
}

/// Candidates of both retrievers, in document order.
#[derive(Debug, Clone, Default)]
pub struct Retrieved {
    /// The union.
    pub found: Vec<Found>,
    /// Highest BM25 score.
    pub best_lexical: f32,
    /// Highest summary score.
    pub best_dense: f32,
    /// Retrievers that failed, in words.
    pub degraded: Vec<String>,
}

impl Retrieved {
    /// Without the candidates that `keep` refuses; ranks and best scores as if they had never been there.
    pub(super) fn keeping(mut self, keep: &dyn Fn(u32) -> bool) -> Self {
        let before = self.found.len();
        self.found.retain(|found| keep(found.number));
        if self.found.len() < before {
            self.best_lexical = renumber(&mut self.found, |found| &mut found.lexical);
            self.best_dense = renumber(&mut self.found, |found| &mut found.dense);
        }
        self
    }
}

/// Closes the gaps in one retriever's ranks; the best score left.
fn renumber(found: &mut [Found], hit: impl Fn(&mut Found) -> &mut Option<(f32, u32)>) -> f32 {
    let mut hits: Vec<&mut (f32, u32)> = found.iter_mut().filter_map(|found| hit(found).as_mut()).collect();
    hits.sort_by_key(|(_, rank)| *rank);
    for (i, (_, rank)) in hits.iter_mut().enumerate() {
        *rank = i as u32 + 1;
    }
    hits.first().map_or(0.0, |(score, _)| *score)
}

/// Runs the retrievers of `system`.
pub fn retrieve(question: &Question, vector: Option<&Query>, index: &Index, system: System) -> Retrieved {
    let mut out = Retrieved::default();
    let mut union: HashMap<u32, Found> = HashMap::new();
    if system != System::Dense {
        match index.lexical.search(&lexical_query(question, index), POOL) {
            Ok(hits) => {
                out.best_lexical = hits.first().map_or(0.0, |hit| hit.1);
                for (rank, (number, score)) in hits.into_iter().enumerate() {
                    union.entry(number).or_insert(Found { number, ..Found::default() }).lexical =
                        Some((score, rank as u32 + 1));
                }
            }
            Err(error) => out.degraded.push(format!("lexical retriever: {error}")),
        }
    }
    if system != System::Lexical {
        match (&index.vectors, vector) {
            (Some(vectors), Some(vector)) => {
                let hits = vectors.search(vector, POOL);
                out.best_dense = hits.first().map_or(0.0, |hit| hit.1);
                for (rank, (number, score)) in hits.into_iter().enumerate() {
                    union.entry(number).or_insert(Found { number, ..Found::default() }).dense =
                        Some((score, rank as u32 + 1));
                }
            }
            (None, _) => out.degraded.push("dense retriever: no embedding model is loaded".to_owned()),
            (Some(_), None) => {}
        }
    }
    out.found = union.into_values().collect();
    out.found.sort_by_key(|found| found.number);
    out
}

/// The question as weighted BM25 terms.
fn lexical_query(question: &Question, index: &Index) -> Vec<QueryTerm> {
    let mut terms: HashMap<(LexicalField, String), f32> = HashMap::new();
    let mut add = |field: LexicalField, term: &str, weight: f32| {
        let slot = terms.entry((field, term.to_owned())).or_insert(0.0);
        *slot = slot.max(weight);
    };
    for asked in &question.asked {
        add(LexicalField::Body, &asked.term, 1.0);
        add(LexicalField::Question, &asked.term, QUESTION_WEIGHT);
        add(LexicalField::Phrasings, &asked.term, PHRASINGS_WEIGHT);
        for wording in &asked.alternatives {
            let share = SYNONYM_WEIGHT / wording.len().max(1) as f32;
            for id in wording {
                add(LexicalField::Body, index.documents.term(*id), share);
                add(LexicalField::Question, index.documents.term(*id), share * QUESTION_WEIGHT);
                add(LexicalField::Phrasings, index.documents.term(*id), share * PHRASINGS_WEIGHT);
            }
        }
    }
    for gram in &question.grams {
        add(LexicalField::Grams, gram, GRAM_WEIGHT);
    }
    for gram in &question.readings {
        add(LexicalField::Readings, gram, READING_WEIGHT);
    }
    let mut query: Vec<QueryTerm> =
        terms.into_iter().map(|((field, term), weight)| QueryTerm { field, term, weight }).collect();
    // A fixed order makes the float sums, and so the scores, repeatable.
    query.sort_by(|a, b| (a.field, &a.term).cmp(&(b.field, &b.term)));
    query
}
