//! Fourth step: how likely the top candidate answers. Logistic regression over signals of the whole ranking, then a
//! calibration fitted on cases that neither ranker nor model was fitted on, so that the number is a probability.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calibration::{Calibration, Platt, shifted};
use super::features::at;
use super::intent::Suspicion;
use super::rank::Ranked;
use super::smalltalk::SmallTalkMatch;
use super::understand::Question;

/// Number of signals.
pub const COUNT: usize = 29;

/// Names of the signals, in order.
pub const NAMES: [&str; COUNT] = [
    "log_margin",    // ln(1 + ranker's score, best minus second of another topic)
    "score_share",   // softmax of the ranker's scores: share of the best
    "coverage_body", // of the best candidate, and so on
    "coverage_title",
    "coverage_phrasing",
    "exactness",
    "bm25_body",
    "unknown_share",
    "grams",
    "cosine_question",
    "cosine_phrasing",
    "cosine_answer",
    "cosine_passage",
    "lexical_lead", // best BM25 share minus second's
    "dense_lead",   // best phrasing cosine minus the best of the others
    "agreement",    // both retrievers put the same entry first
    "best_is_lexical_top",
    "best_is_dense_top",
    "top_lexical", // highest raw BM25 / (1 + asked terms)
    "asked_terms", // ln(1 + n)
    "asked_mass",  // summed idf of the question / 10
    "smalltalk_likeness",
    "smalltalk_cosine",
    "mean_cosine", // mean phrasing cosine of the ten best: a question close to all is close to none
    "readings",    // reading grams of the best candidate
    "window",      // best stretch of the best candidate
    "outside",     // probability of a question that no entry covers, by the desk's examples
    "outside_lead", // by how much the closest of them is closer than the best candidate's closest phrasing
    "third_lead", // best cosine of any of its texts minus that of the third closest rival: near duplicates do not count
];

/// Signals of one question, in the order of [`NAMES`].
pub type Signals = [f32; COUNT];

/// Margin of a candidate without a rival.
const ALONE: f32 = 30.0;
/// The rival that `third_lead` looks at.
const THIRD: usize = 2;

/// Computes the signals. `topic_of` tells which topic a document belongs to, so that an entry's translation is no rival.
pub fn signals(
    question: &Question,
    ranking: &[Ranked],
    smalltalk: SmallTalkMatch,
    suspicion: Option<Suspicion>,
    topic_of: impl Fn(u32) -> usize,
) -> Signals {
    let Suspicion { outside, outside_cosine, .. } = suspicion.unwrap_or(Suspicion::NONE);
    let Some(best) = ranking.first() else {
        let mut none = [0.0; COUNT];
        none[7] = 1.0;
        (none[21], none[22], none[26], none[27]) =
            (smalltalk.likeness, smalltalk.cosine, outside, outside_cosine);
        return none;
    };
    let topic = topic_of(best.found.number);
    let rivals: Vec<&Ranked> = ranking.iter().skip(1).filter(|r| topic_of(r.found.number) != topic).collect();
    let second = rivals.first().copied();
    let f = &best.features;
    let of = |position: usize| second.map_or(0.0, |rival| rival.features[position]);
    let lead = |position: usize| {
        f[position] - rivals.iter().map(|rival| rival.features[position]).fold(0.0, f32::max)
    };
    let sum: f32 = ranking.iter().map(|r| (r.score - best.score).exp()).sum();
    let is_top = |hit: Option<(f32, u32)>| f32::from(hit.is_some_and(|(_, rank)| rank == 1));
    let (lexical_top, dense_top) = (is_top(best.found.lexical), is_top(best.found.dense));
    let raw = best.found.lexical.map_or(0.0, |(score, _)| score);
    let ten = ranking.iter().take(10);
    let mean = ten.clone().map(|r| r.features[at::COSINE_PHRASING]).sum::<f32>() / ten.len().max(1) as f32;
    let n = question.asked.len() as f32;
    [
        second.map_or(ALONE, |rival| best.score - rival.score).ln_1p(),
        1.0 / sum.max(1.0),
        f[at::COVERAGE_BODY],
        f[at::COVERAGE_TITLE],
        f[at::COVERAGE_PHRASING],
        f[at::EXACTNESS],
        f[at::BM25_BODY],
        f[at::UNKNOWN_SHARE],
        f[at::GRAMS],
        f[at::COSINE_QUESTION],
        f[at::COSINE_PHRASING],
        f[at::COSINE_ANSWER],
        f[at::COSINE_PASSAGE],
        f[at::LEXICAL_SHARE] - of(at::LEXICAL_SHARE),
        lead(at::COSINE_PHRASING),
        f32::from(lexical_top + dense_top == 2.0),
        lexical_top,
        dense_top,
        raw / (1.0 + n),
        (1.0 + n).ln(),
        question.asked.iter().map(|asked| asked.idf).sum::<f32>() / 10.0,
        smalltalk.likeness,
        smalltalk.cosine,
        mean,
        f[at::READINGS],
        f[at::WINDOW],
        outside,
        (outside_cosine - f[at::COSINE_PHRASING]).max(0.0),
        cosine(best) - nth_closest(&rivals, THIRD, topic_of),
    ]
}

/// Cosine of the question with the closest of a candidate's texts.
fn cosine(ranked: &Ranked) -> f32 {
    ranked.features[at::COSINE_PHRASING].max(ranked.features[at::COSINE_PASSAGE])
}

/// Cosine of the rival topic that `n` others are closer than; 0 if there are not so many.
fn nth_closest(rivals: &[&Ranked], n: usize, topic_of: impl Fn(u32) -> usize) -> f32 {
    let mut closest = BTreeMap::new();
    for rival in rivals {
        let held = closest.entry(topic_of(rival.found.number)).or_insert(f32::MIN);
        *held = cosine(rival).max(*held);
    }
    let mut cosines: Vec<f32> = closest.into_values().collect();
    cosines.sort_unstable_by(|a, b| b.total_cmp(a));
    cosines.get(n).copied().unwrap_or(0.0)
}

/// The desk answers from here on, and asks back from there on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bands {
    /// Answer at or above this confidence.
    pub answer_from: f32,
    /// Ask back at or above this one; below, hand off.
    pub clarify_from: f32,
}

impl Bands {
    /// Without a fitted model the desk does not know what its scores mean: it never answers on its own.
    pub const NEVER: Self = Self { answer_from: 1.1, clarify_from: 0.0 };
}

/// What the labels of one category of entries say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CategoryFit {
    /// Added to the calibrated log-odds.
    pub shift: f64,
    /// Thresholds on the shifted probability.
    pub bands: Bands,
    /// Labelled questions it was fitted on.
    pub labels: usize,
}

/// How sure the desk is of a ranking's first candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rating {
    /// Calibrated probability that it answers.
    pub confidence: f32,
    /// The thresholds that hold for it.
    pub bands: Bands,
}

/// A fitted confidence: linear in log-odds (logistic regression), then calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfidenceModel {
    /// Names of the signals it was fitted on; must equal [`NAMES`].
    pub signals: Vec<String>,
    /// Log-odds at all signals zero.
    pub bias: f32,
    /// Weight of each signal.
    pub linear: Vec<f32>,
    /// Log-odds → calibrated probability.
    pub calibration: Calibration,
    /// Thresholds on the calibrated probability, from the error budget.
    pub bands: Bands,
    /// What differs where the first candidate's top-level category has labels enough.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub categories: BTreeMap<String, CategoryFit>,
    /// How the model was fitted: data, counts, budget. For people.
    pub note: String,
}

impl ConfidenceModel {
    /// Whether the model was fitted on the signals this program computes.
    pub fn fits(&self) -> bool {
        self.signals.iter().map(String::as_str).eq(NAMES) && self.linear.len() == COUNT
    }

    /// An uncalibrated model that never answers: calibration and bands follow.
    pub fn raw(bias: f32, linear: Vec<f32>) -> Self {
        Self {
            signals: NAMES.map(str::to_owned).to_vec(),
            bias,
            linear,
            calibration: Calibration::Platt(Platt { slope: 1.0, offset: 0.0 }),
            bands: Bands::NEVER,
            categories: BTreeMap::new(),
            note: String::new(),
        }
    }

    /// Log-odds before calibration.
    pub fn log_odds(&self, signals: &Signals) -> f32 {
        self.bias + self.linear.iter().zip(signals).map(|(w, x)| w * x).sum::<f32>()
    }

    /// Rates a ranking by its signals and the category of its first candidate.
    pub fn rate(&self, signals: &Signals, category: &str) -> Rating {
        let probability = self.calibration.probability(f64::from(self.log_odds(signals)));
        let own = self.categories.get(category);
        let confidence = own.map_or(probability, |own| shifted(probability, own.shift));
        Rating {
            confidence: (confidence as f32).clamp(0.0, 1.0),
            bands: own.map_or(self.bands, |own| own.bands),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::features;
    use crate::answer::retrieve::Found;

    fn rival(number: u32, cosine_phrasing: f32, cosine_passage: f32) -> Ranked {
        let mut features = [0.0; features::COUNT];
        (features[at::COSINE_PHRASING], features[at::COSINE_PASSAGE]) = (cosine_phrasing, cosine_passage);
        let found = Found { number, ..Found::default() };
        Ranked { found, features, score: 0.0, from_context: 0.0 }
    }

    #[test]
    fn the_third_closest_rival_is_a_topic_of_its_own() {
        let all = [rival(0, 0.2, 0.7), rival(1, 0.6, 0.1), rival(2, 0.3, 0.0), rival(3, 0.1, 0.5)];
        let rivals: Vec<&Ranked> = all.iter().collect();
        assert_eq!(nth_closest(&rivals, 0, |number| number as usize), 0.7);
        assert_eq!(nth_closest(&rivals, THIRD, |number| number as usize), 0.5);
        // An entry and its translation count once.
        assert_eq!(nth_closest(&rivals, THIRD, |number| number as usize / 2), 0.0);
        assert_eq!(nth_closest(&rivals, 1, |number| number as usize / 2), 0.5);
    }
}
