//! What would change if this were published: one desk asked beside another. Cases and real questions whose Decision
//! changes, figures before and after against a budget, and phrasings for which two entries compete. Scores with
//! [`crate::eval`], so that a preview and an evaluation never disagree; decides nothing itself.

mod collisions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::{Deserialize, Serialize};

use crate::answer::{Ask, Candidate, Engine, Outcome};
use crate::eval::answers::{AnswerOptions, AnswerRun, Answerer, run_answers};
use crate::eval::cases::Cases;
use crate::eval::figures::worsening;
use crate::eval::gate::{Baseline, Bound};
use crate::eval::replay::replay;
use crate::eval::statistics::{Bootstrap, ones};
use crate::eval::verdict::Verdict;

pub use crate::eval::cases::{Case, Expected};
pub use crate::eval::replay::{Made, StoredQuestion};
use crate::kb::Snapshot;
pub use collisions::{Collision, CollisionKind};

/// By how much a figure may get worse through one publication; beyond, the gate blocks it.
pub const BUDGET: [(&str, f64); 6] = [
    ("top1", 0.01),
    ("answered_correct", 0.01),
    ("precision", 0.01),
    ("wrong_answers", 0.005),
    ("handoff_recall", 0.0),
    ("false_handoff", 0.02),
];

/// A desk that can be asked: the engine, or what stands in for it.
pub trait Served: Sync {
    /// Decides on a question.
    fn answer(&self, ask: &Ask<'_>) -> Outcome;

    /// What it answers from.
    fn snapshot(&self) -> &Arc<Snapshot>;

    /// Entries nearest to a text, best first.
    fn search(&self, text: &str, limit: usize) -> Vec<Candidate>;
}

impl Served for Engine {
    fn answer(&self, ask: &Ask<'_>) -> Outcome {
        Engine::answer(self, ask)
    }

    fn snapshot(&self) -> &Arc<Snapshot> {
        Engine::snapshot(self)
    }

    fn search(&self, text: &str, limit: usize) -> Vec<Candidate> {
        Engine::search(self, text, limit)
    }
}

/// What is compared.
pub struct Question<'a> {
    /// What customers are served from now.
    pub before: &'a dyn Served,
    /// What they would be served from.
    pub after: &'a dyn Served,
    /// Ids of the entries that differ.
    pub changed: &'a [String],
    /// Cases with what is expected.
    pub cases: &'a [Case],
    /// Questions of late, masked.
    pub questions: &'a [StoredQuestion],
}

/// What a publication would change.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Impact {
    /// Cases asked.
    pub cases: usize,
    /// Recent questions asked.
    pub questions: usize,
    /// Figures before and after, those of [`BUDGET`].
    pub figures: Vec<FigureChange>,
    /// Cases whose Decision changes: worse ones first.
    pub changed_cases: Vec<CaseChange>,
    /// Recent questions whose Decision changes.
    pub changed_questions: Vec<QuestionChange>,
    /// Phrasings for which entries compete.
    pub collisions: Vec<Collision>,
}

/// A figure before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FigureChange {
    /// Name, as in evaluation.
    pub name: String,
    /// Before; `None` where no case concerns it.
    pub before: Option<f64>,
    /// After.
    pub after: Option<f64>,
    /// By how much it may get worse.
    pub allowed: f64,
    /// Whether it gets worse by more.
    pub breaks: bool,
}

/// Which way a case goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It was better before.
    Worse,
    /// Neither right nor wrong either time, or right both times.
    Other,
    /// It is better after.
    Better,
}

/// A case whose Decision changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseChange {
    /// Id of the case.
    pub id: String,
    /// Its question.
    pub question: String,
    /// Which way.
    pub direction: Direction,
    /// Decision before.
    pub before: Made,
    /// Decision after.
    pub after: Made,
}

/// A question of late whose Decision changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QuestionChange {
    /// Id of its record.
    pub id: String,
    /// The question, masked.
    pub question: String,
    /// Decision before.
    pub before: Made,
    /// Decision after.
    pub after: Made,
}

impl Impact {
    /// Whether a figure breaks its budget, so that publishing needs somebody to answer for it.
    pub fn is_blocked(&self) -> bool {
        self.figures.iter().any(|figure| figure.breaks)
    }
}

/// Compares the two desks on all cores. `progress` is told how many of how many questions are asked, from any thread.
pub fn assess(question: &Question<'_>, progress: &(dyn Fn(usize, usize) + Sync)) -> Impact {
    let phrasings = collisions::Phrasings::of(question);
    let turns =
        question.cases.iter().map(|case| &case.turns).chain(question.questions.iter().map(|q| &q.turns));
    let total = 2 * turns.map(|turns| turns.len() + 1).sum::<usize>() + phrasings.len();
    let asked = AtomicUsize::new(0);
    let tick = || progress(asked.fetch_add(1, Ordering::Relaxed) + 1, total);
    let [before, after] = [question.before, question.after].map(|engine| Counted { engine, tick: &tick });
    let cases = Cases { cases: question.cases.to_vec(), ..Cases::default() };
    let options =
        AnswerOptions { bootstrap: Bootstrap { resamples: 0, ..Bootstrap::default() }, progress: false };
    let runs = [&before, &after].map(|desk| run_answers(&cases, desk, &options));
    let replayed = replay(question.questions, &after, Some(&before), false);
    Impact {
        cases: question.cases.len(),
        questions: question.questions.len(),
        figures: figures(&runs),
        changed_cases: changed_cases(&runs),
        changed_questions: replayed
            .changes
            .into_iter()
            .map(|change| QuestionChange {
                id: change.id,
                question: change.question,
                before: change.before,
                after: change.after,
            })
            .collect(),
        collisions: phrasings.collisions(question, &tick),
    }
}

/// An engine that says when it was asked.
struct Counted<'a, T: Fn() + Sync> {
    engine: &'a dyn Served,
    tick: &'a T,
}

impl<T: Fn() + Sync> Answerer for Counted<'_, T> {
    fn answer(&self, ask: &Ask<'_>) -> Outcome {
        (self.tick)();
        self.engine.answer(ask)
    }
}

fn figures([before, after]: &[AnswerRun; 2]) -> Vec<FigureChange> {
    let (old, new) = (before.table(), after.table());
    let value = |name: &str| old.value(name, &ones(old.len()));
    let bound = |(name, allowed): (&str, f64)| {
        let value = value(name)?;
        // Any value passes the floor: only the drop counts here.
        let floor = if worsening(name, 0.0, 1.0) > 0.0 { 1.0 } else { 0.0 };
        Some((name.to_owned(), Bound { value, floor, allowed_drop: allowed }))
    };
    let bounds: BTreeMap<String, Bound> = BUDGET.into_iter().filter_map(bound).collect();
    let gate = Baseline {
        kb: Default::default(),
        cases: Default::default(),
        split: String::new(),
        data: String::new(),
        figures: bounds,
    };
    let checks = gate.check(&new);
    let change = |(name, allowed): (&str, f64)| FigureChange {
        name: name.to_owned(),
        before: value(name),
        after: new.value(name, &ones(new.len())),
        allowed,
        breaks: checks.iter().any(|check| check.name == name && check.failure.is_some()),
    };
    BUDGET.into_iter().map(change).collect()
}

fn changed_cases([before, after]: &[AnswerRun; 2]) -> Vec<CaseChange> {
    let pairs = before.results.iter().zip(&after.results);
    let change = |(old, new): (&crate::eval::verdict::CaseResult, &crate::eval::verdict::CaseResult)| {
        let (made, makes) = (Made::of(&old.outcome.decision), Made::of(&new.outcome.decision));
        (made != makes).then(|| CaseChange {
            id: old.case.id.clone(),
            question: old.case.question.clone(),
            direction: direction(old.verdict, new.verdict),
            before: made,
            after: makes,
        })
    };
    let mut changes: Vec<CaseChange> = pairs.filter_map(change).collect();
    changes.sort_by_key(|change| change.direction);
    changes
}

fn direction(before: Verdict, after: Verdict) -> Direction {
    match worth(after).cmp(&worth(before)) {
        std::cmp::Ordering::Less => Direction::Worse,
        std::cmp::Ordering::Equal => Direction::Other,
        std::cmp::Ordering::Greater => Direction::Better,
    }
}

/// What a verdict is worth to a customer: right, nearly, passed on, misled.
fn worth(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Right => 3,
        Verdict::ClarifyHit => 2,
        Verdict::Passed | Verdict::ClarifyMiss => 1,
        Verdict::WrongAnswer | Verdict::Missed | Verdict::Misread => 0,
    }
}
