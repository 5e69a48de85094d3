//! What ranker and confidence are fitted on, taken from the engine itself so that fitting and serving cannot differ.

use rayon::prelude::*;

use super::linear::Table;
use crate::answer::confidence::Signals;
use crate::answer::features::{self, Features};
use crate::answer::rank::Ranked;
use crate::answer::{Ask, Considered, Context, Engine};
use crate::eval::cases::{Case, Expected};
use crate::eval::dataset::Dataset;

/// Folds of the cross-fit over a desk's cases.
pub const FOLDS: usize = 5;
/// A labelled case counts for this many practice questions: those are harder than what customers ask, and only keep a
/// model of few cases from straying.
const CASE_WEIGHT: f32 = 20.0;
/// Candidates of a question that the ranker learns from.
const LEARNED: usize = 60;

/// Candidates of one labelled question.
pub struct RankGroup {
    rows: Vec<(Features, bool)>,
    /// Fold of its entry; of a labelled set's question, the number of the set.
    pub fold: usize,
}

impl RankGroup {
    /// The first candidates and every right one; `None` where none is right.
    fn new(ranking: &[Ranked], is_right: impl Fn(u32) -> bool, fold: usize) -> Option<Self> {
        let kept = ranking.iter().enumerate().filter(|(i, r)| *i < LEARNED || is_right(r.found.number));
        let rows: Vec<(Features, bool)> =
            kept.map(|(_, ranked)| (ranked.features, is_right(ranked.found.number))).collect();
        rows.iter().any(|(_, right)| *right).then_some(Self { rows, fold })
    }

    /// Features and targets.
    pub fn rows(&self) -> Vec<(&[f32], f32)> {
        self.rows.iter().map(|(features, right)| (features.as_slice(), f32::from(*right))).collect()
    }

    /// As [`RankGroup::rows`], with 0 for what says little about another desk ([`features::RELATIVE`]).
    pub fn rows_of_any_desk(&self) -> Vec<(Features, f32)> {
        let cleared = |features: &Features| {
            let mut features = *features;
            features::RELATIVE.into_iter().for_each(|at| features[at] = 0.0);
            features
        };
        self.rows.iter().map(|(features, right)| (cleared(features), f32::from(*right))).collect()
    }

    /// 1 / rank of the first right candidate under `weights`; 0 when there is none.
    pub fn reciprocal_rank(&self, weights: &[f32]) -> f32 {
        let score = |features: &Features| features.iter().zip(weights).map(|(x, w)| x * w).sum::<f32>();
        let right = self.rows.iter().filter(|(_, right)| *right).map(|(features, _)| score(features));
        let Some(best) = right.reduce(f32::max) else { return 0.0 };
        let ahead = self.rows.iter().filter(|(features, right)| !right && score(features) > best).count();
        1.0 / (ahead + 1) as f32
    }
}

/// The candidates of the answerable cases.
pub fn rank_cases(engine: &Engine, cases: &[Case]) -> Vec<RankGroup> {
    let entries = &engine.snapshot().entries;
    let groups: Vec<Option<RankGroup>> = cases
        .par_iter()
        .filter(|case| case.expect == Expected::Answer)
        .map(|case| {
            let is_right = |number: u32| case.accepts(&entries[number as usize].id);
            RankGroup::new(&considered(engine, case).ranking, is_right, fold(case))
        })
        .collect();
    groups.into_iter().flatten().collect()
}

/// The candidates of the questions of the labelled set number `set` that one of its documents answers.
pub fn rank_dataset(engine: &Engine, dataset: &Dataset, set: usize) -> Vec<RankGroup> {
    let entries = &engine.snapshot().entries;
    let groups: Vec<Option<RankGroup>> = dataset
        .queries
        .par_iter()
        .map(|query| {
            let is_right = |number: u32| dataset.is_relevant(&query.id, &entries[number as usize].id);
            RankGroup::new(&engine.consider_text(&query.text).ranking, is_right, set)
        })
        .collect();
    groups.into_iter().flatten().collect()
}

/// The case's question as the engine reads it after the turns before.
fn considered(engine: &Engine, case: &Case) -> Considered {
    let mut context = Context::default();
    for turn in &case.turns {
        context = engine.answer(&Ask { text: turn, context }).context;
    }
    engine.consider(&Ask { text: &case.question, context })
}

/// Fold of a case: cases of one entry share it.
fn fold(case: &Case) -> usize {
    let key = case.entries.first().unwrap_or(&case.id);
    key.bytes().fold(7_usize, |hash, byte| hash.wrapping_mul(31) + usize::from(byte)) % FOLDS
}

/// Signals of one question with whether its top candidate was right.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfidenceSample {
    /// The signals.
    pub signals: Signals,
    /// Whether the first candidate answers.
    pub right: bool,
    /// Fold of a labelled case, or the number of the labelled set; `None` for practice.
    pub fold: Option<usize>,
    /// Whether every entry was there; not for a question whose right entries were taken away.
    pub as_asked: bool,
    /// Top-level category of a labelled case's first candidate; empty for other questions.
    pub category: String,
    weight: f32,
}

/// Samples of the confidence.
#[derive(Debug, Clone, Default)]
pub struct ConfidenceSamples(Vec<ConfidenceSample>);

impl ConfidenceSamples {
    /// Adds a practice desk's questions as asked, and one in three answerable ones also with the right entries taken away, so that the
    /// model sees what an unanswerable question looks like.
    pub fn add_practice(&mut self, engine: &Engine, questions: &[(String, Vec<String>)]) {
        let entries = &engine.snapshot().entries;
        let found: Vec<Vec<ConfidenceSample>> = questions
            .par_iter()
            .enumerate()
            .map(|(i, (text, right))| {
                let is_right = |number: u32| right.contains(&entries[number as usize].id);
                let whole = engine.consider_text(text);
                let top_is_right = whole.ranking.first().is_some_and(|top| is_right(top.found.number));
                let sample = |signals, right, as_asked| ConfidenceSample {
                    signals,
                    right,
                    fold: None,
                    as_asked,
                    category: String::new(),
                    weight: 1.0,
                };
                let mut out = vec![sample(whole.signals, top_is_right, true)];
                if i % 3 == 0 && !right.is_empty() {
                    out.push(sample(engine.consider_without(text, &is_right).signals, false, false));
                }
                out
            })
            .collect();
        self.0.extend(found.into_iter().flatten());
    }

    /// Adds a desk's labelled cases of one fold; an unanswerable one is wrong whatever is on top. Questions that a rule or
    /// small talk decides are left out: confidence is not asked for them.
    pub fn add_cases(&mut self, engine: &Engine, cases: &[Case], wanted: usize) {
        let found: Vec<Option<ConfidenceSample>> = cases
            .par_iter()
            .filter(|case| fold(case) == wanted)
            .map(|case| {
                if case.expect == Expected::SmallTalk
                    || engine.snapshot().rules.first_match(&case.question).is_some()
                {
                    return None;
                }
                let best = considered(engine, case);
                let top =
                    best.ranking.first().map(|top| &engine.snapshot().entries[top.found.number as usize]);
                let right =
                    case.expect != Expected::HandOff && top.is_some_and(|entry| case.accepts(&entry.id));
                Some(ConfidenceSample {
                    signals: best.signals,
                    right,
                    fold: Some(wanted),
                    as_asked: true,
                    category: top.map_or("", |entry| entry.top_category()).to_owned(),
                    weight: CASE_WEIGHT,
                })
            })
            .collect();
        self.0.extend(found.into_iter().flatten());
    }

    /// Adds the labelled retrieval set number `set`: each question as asked, and with its right entries taken away. All of it together
    /// weighs `total`.
    pub fn add_dataset(&mut self, engine: &Engine, dataset: &Dataset, set: usize, total: f32) {
        let entries = &engine.snapshot().entries;
        let weight = total / (2 * dataset.queries.len()).max(1) as f32;
        let found: Vec<[ConfidenceSample; 2]> = dataset
            .queries
            .par_iter()
            .map(|query| {
                let is_right = |number: u32| dataset.is_relevant(&query.id, &entries[number as usize].id);
                let whole = engine.consider_text(&query.text);
                let right = whole.ranking.first().is_some_and(|top| is_right(top.found.number));
                let gone = engine.consider_without(&query.text, &is_right);
                let sample = |signals, right, as_asked| ConfidenceSample {
                    signals,
                    right,
                    fold: Some(set),
                    as_asked,
                    category: String::new(),
                    weight,
                };
                [sample(whole.signals, right, true), sample(gone.signals, false, false)]
            })
            .collect();
        self.0.extend(found.into_iter().flatten());
    }

    /// The samples that `keep` chooses, as a table with their weights.
    pub fn table(&self, keep: impl Fn(&ConfidenceSample) -> bool) -> Table {
        let mut table = Table::new(crate::answer::confidence::COUNT);
        for sample in self.0.iter().filter(|sample| keep(sample)) {
            table.push(&[(sample.signals.as_slice(), f32::from(sample.right))], sample.weight);
        }
        table
    }

    /// All samples.
    pub fn iter(&self) -> impl Iterator<Item = &ConfidenceSample> {
        self.0.iter()
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
