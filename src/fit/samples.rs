//! What ranker and confidence are fitted on, taken from the engine itself so that fitting and serving cannot differ.

use rayon::prelude::*;

use super::linear::Table;
use crate::answer::confidence::Signals;
use crate::answer::{Ask, Context, Engine};
use crate::eval::cases::{Case, Expected};

/// Folds of the cross-fit over a desk's cases.
pub const FOLDS: usize = 5;
/// A labelled case counts for this many practice questions.
const CASE_WEIGHT: f32 = 3.0;
/// Candidates of a question that the ranker learns from.
const LEARNED: usize = 60;

/// Adds a practice desk's questions to `table`.
pub fn rank_samples(engine: &Engine, questions: &[(String, Vec<String>)], table: &mut Table) {
    let entries = &engine.snapshot().entries;
    let considered: Vec<_> =
        questions.par_iter().map(|(text, right)| (engine.consider_text(text).ranking, right)).collect();
    for (ranking, right) in considered {
        let is_right = |number: u32| right.contains(&entries[number as usize].id);
        if !ranking.iter().any(|ranked| is_right(ranked.found.number)) {
            continue;
        }
        let rows: Vec<(&[f32], f32)> = ranking
            .iter()
            .enumerate()
            .filter(|(i, ranked)| *i < LEARNED || is_right(ranked.found.number))
            .map(|(_, ranked)| (ranked.features.as_slice(), f32::from(is_right(ranked.found.number))))
            .collect();
        table.push(&rows, 1.0);
    }
}

/// Signals of one question with whether its top candidate was right.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfidenceSample {
    /// The signals.
    pub signals: Signals,
    /// Whether the first candidate answers.
    pub right: bool,
    /// Fold of a labelled case; `None` for practice.
    pub fold: Option<usize>,
}

/// Samples of the confidence.
#[derive(Debug, Clone, Default)]
pub struct ConfidenceSamples(Vec<ConfidenceSample>);

impl ConfidenceSamples {
    /// Adds a practice desk's questions as asked, and one in three also with the right entries taken away, so that the
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
                let sample = |signals, right| ConfidenceSample { signals, right, fold: None };
                let mut out = vec![sample(whole.signals, top_is_right)];
                if i % 3 == 0 {
                    out.push(sample(engine.consider_without(text, &is_right).signals, false));
                }
                out
            })
            .collect();
        self.0.extend(found.into_iter().flatten());
    }

    /// Adds a desk's labelled cases; an unanswerable one is wrong whatever is on top. Questions that a rule or small talk
    /// decides are left out: confidence is not asked for them.
    pub fn add_cases(&mut self, engine: &Engine, cases: &[Case]) {
        let found: Vec<Option<ConfidenceSample>> = cases
            .par_iter()
            .map(|case| {
                let mut context = Context::default();
                for turn in &case.turns {
                    context = engine.answer(&Ask { text: turn, context }).context;
                }
                if case.expect == Expected::SmallTalk
                    || engine.snapshot().rules.first_match(&case.question).is_some()
                {
                    return None;
                }
                let best = engine.consider_best(&Ask { text: &case.question, context });
                let top =
                    best.ranking.first().map(|top| &engine.snapshot().entries[top.found.number as usize].id);
                let right = case.expect != Expected::HandOff && top.is_some_and(|id| case.accepts(id));
                let key = case.entries.first().unwrap_or(&case.id);
                let fold =
                    key.bytes().fold(7_usize, |hash, byte| hash.wrapping_mul(31) + usize::from(byte)) % FOLDS;
                Some(ConfidenceSample { signals: best.signals, right, fold: Some(fold) })
            })
            .collect();
        self.0.extend(found.into_iter().flatten());
    }

    /// The samples that `keep` chooses, as a table; labelled cases weigh more.
    pub fn table(&self, keep: impl Fn(&ConfidenceSample) -> bool) -> Table {
        let mut table = Table::new(crate::answer::confidence::COUNT);
        for sample in self.0.iter().filter(|sample| keep(sample)) {
            let weight = if sample.fold.is_some() { CASE_WEIGHT } else { 1.0 };
            table.push(&[(sample.signals.as_slice(), f32::from(sample.right))], weight);
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
