//! Deliberately broken engines: ranks shuffled, everything else untouched. A gate or comparison that does not notice
//! them is itself broken, and that is what the tests and `--shuffle-ranks` are for. Never used at the counter.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::answers::Answerer;
use super::retrieval::Retriever;
use super::statistics::{below, stream};
use crate::answer::{Ask, Candidate, Decision, Outcome};

/// A retriever whose scores belong to the wrong documents.
pub struct ShuffledRetriever<'a> {
    /// The retriever that is spoiled.
    pub inner: &'a dyn Retriever,
    /// Seed of the shuffle; the query is mixed in.
    pub seed: u64,
}

impl Retriever for ShuffledRetriever<'_> {
    fn retrieve(&self, query: &str, limit: usize) -> Vec<(String, f32)> {
        self.retrieve_with_confidence(query, limit).0
    }

    fn retrieve_with_confidence(&self, query: &str, limit: usize) -> (Vec<(String, f32)>, Option<f32>) {
        let (ranked, confidence) = self.inner.retrieve_with_confidence(query, limit);
        let (mut ids, scores): (Vec<String>, Vec<f32>) = ranked.into_iter().unzip();
        shuffle(&mut ids, self.seed, query);
        (ids.into_iter().zip(scores).collect(), confidence)
    }

    fn fingerprint(&self) -> BTreeMap<String, String> {
        with_mark(self.inner.fingerprint())
    }
}

/// An engine that answers with, and asks back about, the wrong candidates.
pub struct ShuffledAnswerer<'a> {
    /// The engine that is spoiled.
    pub inner: &'a dyn Answerer,
    /// Seed of the shuffle; the question is mixed in.
    pub seed: u64,
}

impl Answerer for ShuffledAnswerer<'_> {
    fn answer(&self, ask: &Ask<'_>) -> Outcome {
        let mut outcome = self.inner.answer(ask);
        let candidates = &mut outcome.trace.candidates;
        shuffle(candidates, self.seed, ask.text);
        match &mut outcome.decision {
            Decision::Answer { entry_id, .. } => {
                if let Some(top) = candidates.first() {
                    *entry_id = top.entry_id.clone();
                }
            }
            Decision::Clarify { candidates: asked } => {
                let confidences: Vec<f32> = asked.iter().map(|candidate| candidate.confidence).collect();
                let spoiled = candidates.iter().zip(confidences).map(|(candidate, confidence)| Candidate {
                    entry_id: candidate.entry_id.clone(),
                    question: candidate.question.clone(),
                    confidence,
                });
                *asked = spoiled.collect();
            }
            Decision::HandOff(_) | Decision::SmallTalk { .. } => {}
        }
        outcome
    }

    fn has_entry(&self, id: &str) -> bool {
        self.inner.has_entry(id)
    }

    fn fingerprint(&self) -> BTreeMap<String, String> {
        with_mark(self.inner.fingerprint())
    }
}

fn with_mark(mut fingerprint: BTreeMap<String, String>) -> BTreeMap<String, String> {
    fingerprint.insert("broken".into(), "ranks shuffled".into());
    fingerprint
}

/// Fisher–Yates, by a stream of its own for each text.
fn shuffle<T>(items: &mut [T], seed: u64, text: &str) {
    let digest = Sha256::digest(text.as_bytes());
    let number = digest.iter().take(8).fold(0u64, |number, &byte| number << 8 | u64::from(byte));
    let mut random = stream(seed, number);
    for end in (1..items.len()).rev() {
        items.swap(end, below(&mut random, end + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::super::answers::{AnswerOptions, figure, run_answers};
    use super::super::fake::{FakeDesk, cases};
    use super::*;

    #[test]
    fn shuffling_is_repeatable_and_costs_quality() {
        let desk = FakeDesk::default();
        let broken = ShuffledAnswerer { inner: &desk, seed: 1 };
        let top1 = |answerer: &dyn Answerer| {
            figure(&run_answers(&cases(), answerer, &AnswerOptions::default()), "top1").expect("defined")
        };
        assert_eq!(top1(&broken), top1(&broken));
        assert!(top1(&broken) < top1(&desk), "{} {}", top1(&broken), top1(&desk));
    }
}
