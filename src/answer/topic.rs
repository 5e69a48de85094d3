//! What a conversation is about, as a prior over the entries: 「手数料は？」 after a question on withdrawals asks for the
//! withdrawal's fee. The question is ranked by its own words; an entry near the conversation's topic gets a bonus on top,
//! too small to turn a question that says what it wants.

use std::collections::HashMap;

use super::rank::Ranking;
use super::retrieve::{Found, Retrieved};

/// Points of the ranker's score that the entry closest to the topic gains.
const BONUS: f32 = 5.0;
/// An entry this many points behind the closest one gains nothing. Both were tuned on the sample desk's `fit` cases, as they
/// are and with each question asked after one of another topic.
const REACH: f32 = 7.5;
/// Points that an entry gains to which the last answer's entry leads on by its follow-ups or related entries.
const LINK: f32 = 2.5;
/// Entries near the topic that are looked at even if the question's own words do not find them.
const CANDIDATES: usize = 30;

/// The topic of a conversation.
pub(super) struct Topic {
    /// What was said and answered before.
    pub text: String,
    near: Vec<(u32, f32)>,
}

impl Topic {
    /// From the ranking of what was said before and the entries the last answer links to.
    pub fn new(text: String, ranking: &Ranking, linked: &[u32]) -> Self {
        let best = ranking.first().map_or(0.0, |ranked| ranked.score);
        let bonus = |score: f32| BONUS * (1.0 - (best - score) / REACH).max(0.0);
        let near = ranking.iter().map(|ranked| (ranked.found.number, bonus(ranked.score)));
        let mut near: Vec<(u32, f32)> = near.filter(|(_, bonus)| *bonus > 0.0).collect();
        for number in linked {
            match near.iter_mut().find(|(near, _)| near == number) {
                Some((_, bonus)) => *bonus += LINK,
                None => near.push((*number, LINK)),
            }
        }
        near.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        Self { text, near }
    }

    /// Adds the topic's entries to the candidates.
    pub fn widen(&self, retrieved: &mut Retrieved) {
        for (number, _) in self.near.iter().take(CANDIDATES) {
            if let Err(place) = retrieved.found.binary_search_by_key(number, |found| found.number) {
                retrieved.found.insert(place, Found { number: *number, ..Found::default() });
            }
        }
    }

    /// Lifts the topic's entries in a ranking.
    pub fn lift(&self, ranking: &mut Ranking) {
        let bonus: HashMap<u32, f32> = self.near.iter().copied().collect();
        for ranked in ranking.iter_mut() {
            ranked.from_context = bonus.get(&ranked.found.number).copied().unwrap_or_default();
            ranked.score += ranked.from_context;
        }
        super::rank::sort(ranking);
    }
}
