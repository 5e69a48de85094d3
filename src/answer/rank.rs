//! Third step: one order over the candidates of both retrievers. The learned model (a linear score with
//! non-negative weights over [`super::features`]) decides; without one, a fixed weighting of the retrievers' scores does.

use serde::{Deserialize, Serialize};

use super::features::{FeatureSource, Features, NAMES, at};
use super::retrieve::{Found, Retrieved, System};

/// A candidate with its features and rank score; best first in a [`Ranking`].
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// What the retrievers said.
    pub found: Found,
    /// Its features.
    pub features: Features,
    /// The ranker's score; comparable within one question only.
    pub score: f32,
    /// What of the score comes from the conversation before, not from the question.
    pub from_context: f32,
}

/// Candidates, best first.
pub type Ranking = Vec<Ranked>;

/// Points of BM25 that one point of summed cosine is worth in the fixed weighting (tuned on localgov-dev's first half).
const DENSE_POINTS: f32 = 16.0;

/// One point of BM25 in the learned ranker's unit.
const UNIT: f32 = 0.3;

/// The learned ranker, as stored in `models/ranker.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankModel {
    /// Names of the features it was fitted on; must equal [`NAMES`].
    pub features: Vec<String>,
    /// One weight per feature.
    pub weights: Vec<f32>,
}

impl RankModel {
    /// Whether the model was fitted on the features this program computes.
    pub fn fits(&self) -> bool {
        self.features.iter().map(String::as_str).eq(NAMES) && self.weights.len() == NAMES.len()
    }

    /// A ranker with these weights, one per feature.
    pub fn of(weights: Vec<f32>) -> Self {
        Self { features: NAMES.map(str::to_owned).into(), weights }
    }

    /// The fixed weighting: BM25 + `DENSE_POINTS` × summed cosine, a retriever that missed the entry counting nothing. It
    /// ranks where no model is fitted, and a fitted one stays near it where its labels say nothing.
    pub fn fixed() -> Self {
        let mut weights = vec![0.0; NAMES.len()];
        (weights[at::LEXICAL_SCORE], weights[at::DENSE_SCORE]) = (UNIT, UNIT * DENSE_POINTS);
        Self::of(weights)
    }

    fn score(&self, features: &Features) -> f32 {
        self.weights.iter().zip(features).map(|(w, x)| w * x).sum()
    }
}

/// Orders the candidates. `model` is used for the hybrid system only; a single retriever keeps its own order.
pub fn rank(
    source: &FeatureSource<'_>,
    retrieved: &Retrieved,
    model: Option<&RankModel>,
    system: System,
) -> Ranking {
    let fixed = RankModel::fixed();
    let model = model.filter(|_| system == System::Hybrid).unwrap_or(&fixed);
    let mut ranking: Ranking = retrieved
        .found
        .iter()
        .map(|found| {
            let features = source.of(found);
            Ranked { found: *found, features, score: model.score(&features), from_context: 0.0 }
        })
        .collect();
    sort(&mut ranking);
    ranking
}

/// Best first, ties by document.
pub(super) fn sort(ranking: &mut Ranking) {
    ranking.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.found.number.cmp(&b.found.number)));
}
