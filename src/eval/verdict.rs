//! Judges one Decision against what its case expects, and defines every metric of decisions. Pure.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::cases::{Case, Expected, topic};
use super::dataset::Judgements;
use crate::answer::{Decision, Outcome};
use crate::kb::HandOffReason;

/// How a Decision compares with what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As expected: the right entry, the hand-off, the small talk.
    Right,
    /// Asked back with a right entry among the candidates, where an answer was expected.
    ClarifyHit,
    /// Asked back without a right entry among the candidates, or where nothing could be asked.
    ClarifyMiss,
    /// Passed to a person although the desk has the answer.
    Passed,
    /// Answered with an entry that does not answer the question.
    WrongAnswer,
    /// A question that must reach a person was neither handed off nor answered.
    Missed,
    /// Took a question for small talk, or small talk for a question.
    Misread,
}

impl Verdict {
    /// Stable snake-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::ClarifyHit => "clarify_hit",
            Self::ClarifyMiss => "clarify_miss",
            Self::Passed => "passed",
            Self::WrongAnswer => "wrong_answer",
            Self::Missed => "missed",
            Self::Misread => "misread",
        }
    }

    /// Judges a Decision.
    pub fn of(case: &Case, decision: &Decision) -> Self {
        match (case.expect, decision) {
            (_, Decision::Answer { entry_id, .. }) if case.accepts(entry_id) => Self::Right,
            (_, Decision::Answer { .. }) => Self::WrongAnswer,
            (Expected::Clarify, Decision::Clarify { .. }) if case.entries.is_empty() => Self::Right,
            (expect, Decision::Clarify { candidates }) => {
                match (candidates.iter().any(|candidate| case.accepts(&candidate.entry_id)), expect) {
                    (true, Expected::Clarify) => Self::Right,
                    (true, _) => Self::ClarifyHit,
                    (false, _) if case.is_must_hand_off() => Self::Missed,
                    (false, _) => Self::ClarifyMiss,
                }
            }
            (Expected::HandOff, Decision::HandOff(_)) | (Expected::SmallTalk, Decision::SmallTalk { .. }) => {
                Self::Right
            }
            (_, Decision::HandOff(_)) => Self::Passed,
            (_, Decision::SmallTalk { .. }) if case.is_must_hand_off() => Self::Missed,
            (_, Decision::SmallTalk { .. }) => Self::Misread,
        }
    }
}

/// A case with what the desk did.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseResult {
    /// The case.
    pub case: Case,
    /// What the desk decided on the last turn, and why.
    pub outcome: Outcome,
    /// How that compares with what was expected.
    pub verdict: Verdict,
    /// Time of the last turn.
    pub micros: u64,
}

impl CaseResult {
    /// Whether the top-ranked candidate is a right entry.
    pub fn is_top_right(&self) -> bool {
        self.outcome.trace.candidates.first().is_some_and(|top| self.case.accepts(&top.entry_id))
    }

    /// Whether confidence decides the case: those that rules and small talk decide are left out.
    pub fn concerns_confidence(&self) -> bool {
        self.case.expect == Expected::Answer || self.case.is_unanswerable()
    }

    /// Topics as ranked, each once.
    pub fn ranking(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        let topics = self.outcome.trace.candidates.iter().map(|candidate| topic(&candidate.entry_id));
        topics.filter(|topic| seen.insert(*topic)).collect()
    }

    /// Judgements by topic: 2 for a right entry, 1 for one that is also acceptable.
    pub fn judgements(&self) -> Judgements {
        let graded = |ids: &[String], grade| {
            ids.iter().map(move |id| (topic(id).to_owned(), grade)).collect::<Vec<_>>()
        };
        graded(&self.case.accept, 1).into_iter().chain(graded(&self.case.entries, 2)).collect()
    }

    /// The entry answered with, if any.
    pub fn answered(&self) -> Option<&str> {
        match &self.outcome.decision {
            Decision::Answer { entry_id, .. } => Some(entry_id),
            _ => None,
        }
    }

    /// The reason of the hand-off, if it is one.
    pub fn handed_off(&self) -> Option<HandOffReason> {
        match &self.outcome.decision {
            Decision::HandOff(hand_off) => Some(hand_off.reason),
            _ => None,
        }
    }
}

/// A metric over cases: its value for one, `None` where it does not concern the case.
pub type Score = fn(&CaseResult) -> Option<bool>;

/// Metrics over decisions; docs/evaluation.md defines each.
pub const SCORES: [(&str, Score); 15] = [
    ("top1", |r| answer_expected(r).then(|| r.is_top_right())),
    ("answered_correct", |r| answer_expected(r).then(|| r.verdict == Verdict::Right)),
    ("precision", |r| r.answered().map(|_| r.verdict == Verdict::Right)),
    ("answer_rate", |r| r.concerns_confidence().then(|| r.answered().is_some())),
    ("wrong_answers", |r| Some(r.verdict == Verdict::WrongAnswer)),
    ("wrong_answer_rate", |r| r.case.is_unanswerable().then(|| r.verdict == Verdict::WrongAnswer)),
    ("unanswerable_handoff", |r| r.case.is_unanswerable().then(|| r.handed_off().is_some())),
    ("handoff_recall", |r| r.case.is_must_hand_off().then(|| r.handed_off().is_some())),
    ("handoff_exact", |r| r.case.is_must_hand_off().then(|| r.handed_off() == r.case.reason)),
    ("false_handoff", |r| (r.case.expect != Expected::HandOff).then(|| r.handed_off().is_some())),
    ("false_handoff_must", |r| {
        (!r.case.is_must_hand_off()).then(|| r.handed_off().is_some_and(HandOffReason::is_must))
    }),
    ("clarify_rate", |r| r.concerns_confidence().then(|| made_clarify(r))),
    ("clarify_hit_rate", |r| (!r.case.entries.is_empty() && made_clarify(r)).then(|| clarify_hits(r))),
    ("clarify_recall", |r| {
        (r.case.expect == Expected::Clarify).then(|| r.verdict == Verdict::Right && made_clarify(r))
    }),
    ("smalltalk_recall", |r| (r.case.expect == Expected::SmallTalk).then(|| r.verdict == Verdict::Right)),
];

/// Whether an Answer is expected.
pub fn answer_expected(result: &CaseResult) -> bool {
    result.case.expect == Expected::Answer
}

fn made_clarify(result: &CaseResult) -> bool {
    matches!(result.outcome.decision, Decision::Clarify { .. })
}

fn clarify_hits(result: &CaseResult) -> bool {
    matches!(result.verdict, Verdict::Right | Verdict::ClarifyHit)
}
