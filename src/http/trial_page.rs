//! The test pane: a question asked as a customer would, and the Trace told in words that need no engineer: which words
//! counted, why the desk did what it did, and what would have made it answer.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::Web;
use super::error::ApiError;
use super::extract::Query;
use super::markdown::to_html;
use super::pages::{Frame, page};
use super::staff_frame::{Bar, StaffFrame};
use super::texts::Texts;
use crate::answer::trace::TraceCandidate;
use crate::answer::{Decision, Trace};
use crate::app::{Trial, TrialOf};
use crate::kb::{HandOffReason, Snapshot};

/// Candidates shown.
const SHOWN: usize = 5;

#[derive(Template)]
#[template(path = "test_pane.html")]
struct TrialPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    question: String,
    drafts: bool,
    error: Option<String>,
    result: Option<ResultView>,
}

/// What the test pane's query may say.
#[derive(Debug, Default, Deserialize)]
pub(super) struct TrialQuery {
    /// The question.
    #[serde(default)]
    q: String,
    /// `published` or `drafts`.
    #[serde(default)]
    of: String,
}

struct ResultView {
    verdict: String,
    answer: Option<AnswerView>,
    words: String,
    offered: Vec<OfferView>,
    reasons: Vec<String>,
    scale: Option<Scale>,
    advice: Vec<Advice>,
    candidates: Vec<CandidateView>,
    tokens: Vec<(String, bool)>,
    synonyms: Vec<String>,
    degraded: Vec<String>,
    took: String,
}

struct AnswerView {
    id: String,
    question: String,
    html: String,
}

struct OfferView {
    id: String,
    question: String,
}

/// The confidence among the bands, in percent of the width.
struct Scale {
    at: String,
    clarify: String,
    between: String,
    answer: String,
    rest: String,
    label: String,
}

struct Advice {
    text: String,
    entry: Option<String>,
}

struct CandidateView {
    id: String,
    question: String,
    found: String,
    matched: Vec<String>,
}

/// The test pane; with a question, also what became of it.
pub(super) async fn test_pane(
    State(web): State<Web>,
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
    Query(query): Query<TrialQuery>,
) -> Result<Response, ApiError> {
    let drafts = query.of == "drafts";
    let of = if drafts { TrialOf::Drafts } else { TrialOf::Published };
    let (result, error) = if query.q.trim().is_empty() {
        (None, None)
    } else {
        match web.app.try_question(&member, &query.q, None, of).await {
            Ok(trial) => (Some(ResultView::of(&trial, t)), None),
            Err(error) => {
                let problem = ApiError::from(error).problem(t);
                (None, Some(format!("{} {}", problem.detail, problem.next)))
            }
        }
    };
    Ok(page(&TrialPage { frame, bar, t, question: query.q, drafts, error, result }, t, asked))
}

impl ResultView {
    fn of(trial: &Trial, t: Texts) -> Self {
        let Trial { outcome, snapshot } = trial;
        let trace = &outcome.trace;
        let top = trace.candidates.first();
        let is_matched = |token: &String| top.is_some_and(|top| top.matched.contains(token));
        let (answer, words, offered) = heard(&outcome.decision, snapshot);
        Self {
            verdict: t.get(verdict_key(&outcome.decision)).to_owned(),
            answer,
            words,
            offered,
            reasons: reasons(&outcome.decision, trace, t),
            scale: trace.rule.is_none().then(|| scale(trace, t)),
            advice: advice(&outcome.decision, trace, t),
            candidates: trace.candidates.iter().take(SHOWN).map(|found| candidate(found, t)).collect(),
            tokens: trace.tokens.iter().map(|token| (token.clone(), is_matched(token))).collect(),
            synonyms: trace.expansions.clone(),
            degraded: trace.degraded.clone(),
            took: t.fill("test.took", &[("ms", format!("{:.1}", trace.micros as f64 / 1_000.0))]),
        }
    }
}

fn verdict_key(decision: &Decision) -> &'static str {
    match decision {
        Decision::Answer { .. } => "test.answers",
        Decision::Clarify { .. } => "test.clarifies",
        Decision::HandOff(_) => "test.hands_off",
        Decision::SmallTalk { .. } => "test.chats",
    }
}

/// What the customer would see.
fn heard(decision: &Decision, snapshot: &Snapshot) -> (Option<AnswerView>, String, Vec<OfferView>) {
    match decision {
        Decision::Answer { entry_id, .. } => {
            let view = |entry: &crate::kb::Entry| AnswerView {
                id: entry.id.clone(),
                question: entry.question.clone(),
                html: to_html(&entry.answer),
            };
            (snapshot.entry(entry_id).map(view), String::new(), Vec::new())
        }
        Decision::Clarify { candidates } => {
            let offers = candidates.iter().map(|candidate| OfferView {
                id: candidate.entry_id.clone(),
                question: candidate.question.clone(),
            });
            (None, String::new(), offers.collect())
        }
        Decision::HandOff(hand_off) => (None, hand_off.wording.clone(), Vec::new()),
        Decision::SmallTalk { reply, .. } => (None, reply.clone(), Vec::new()),
    }
}

fn percent(share: f32) -> String {
    format!("{:.0}%", share * 100.0)
}

/// Why the desk did what it did.
fn reasons(decision: &Decision, trace: &Trace, t: Texts) -> Vec<String> {
    let mut reasons = Vec::new();
    let numbers = [
        ("confidence", percent(trace.confidence)),
        ("answer", percent(trace.band.answer_from)),
        ("clarify", percent(trace.band.clarify_from)),
    ];
    match (&trace.rule, decision) {
        (Some(rule), Decision::HandOff(hand_off)) => {
            let reason =
                t.find(&format!("reason.{}", hand_off.reason.name())).unwrap_or(hand_off.reason.name());
            let values = [("rule", rule.clone()), ("reason", reason.to_owned())];
            reasons.push(t.fill("test.why_rule", &values));
        }
        (_, Decision::SmallTalk { .. }) => reasons.push(t.get("test.why_chat").to_owned()),
        (_, Decision::Answer { .. }) => reasons.push(t.fill("test.why_answer", &numbers)),
        (_, Decision::Clarify { .. }) => reasons.push(t.fill("test.why_clarify", &numbers)),
        (_, Decision::HandOff(hand_off)) if hand_off.reason == HandOffReason::Unavailable => {
            reasons.push(t.get("test.why_unavailable").to_owned());
        }
        (_, Decision::HandOff(_)) if trace.confidence >= trace.band.clarify_from => {
            reasons.push(t.fill("test.why_alone", &numbers));
        }
        (_, Decision::HandOff(_)) => reasons.push(t.fill("test.why_handoff", &numbers)),
    }
    if let Some(before) = &trace.completed_with {
        reasons.push(t.fill("test.completed", &[("question", before.clone())]));
    }
    reasons
}

fn scale(trace: &Trace, t: Texts) -> Scale {
    let (clarify, answer) = (trace.band.clarify_from.clamp(0.0, 1.0), trace.band.answer_from.clamp(0.0, 1.0));
    let clarify = clarify.min(answer);
    let width = |share: f32| format!("{:.1}", share * 100.0);
    let numbers = [
        ("confidence", percent(trace.confidence)),
        ("clarify", percent(clarify)),
        ("answer", percent(answer)),
    ];
    Scale {
        at: width(trace.confidence.clamp(0.0, 1.0) * 0.992),
        clarify: width(clarify),
        between: width(answer - clarify),
        answer: width(answer),
        rest: width(1.0 - answer),
        label: t.fill("test.scale", &numbers),
    }
}

/// What would have made the desk answer, or answer otherwise.
fn advice(decision: &Decision, trace: &Trace, t: Texts) -> Vec<Advice> {
    let plain = |key: &str| Advice { text: t.get(key).to_owned(), entry: None };
    if let (Some(rule), Decision::HandOff(_)) = (&trace.rule, decision) {
        return vec![Advice { text: t.fill("test.could_rule", &[("rule", rule.clone())]), entry: None }];
    }
    if matches!(decision, Decision::SmallTalk { .. }) {
        return vec![plain("test.could_chat")];
    }
    let Some(top) = trace.candidates.first() else { return vec![plain("test.could_new")] };
    if matches!(decision, Decision::Answer { .. }) {
        return vec![Advice {
            text: t.fill("test.could_wrong", &[("question", top.question.clone())]),
            entry: Some(top.entry_id.clone()),
        }];
    }
    let mut advice = vec![Advice {
        text: t.fill("test.could_phrasing", &[("question", top.question.clone())]),
        entry: Some(top.entry_id.clone()),
    }];
    let missing: Vec<&str> =
        trace.tokens.iter().filter(|token| !top.matched.contains(token)).map(String::as_str).collect();
    if !missing.is_empty() {
        advice.push(Advice {
            text: t.fill("test.could_keywords", &[("words", t.list(&missing))]),
            entry: Some(top.entry_id.clone()),
        });
    }
    let rival = trace.candidates.get(1).filter(|rival| rival.score > top.score * 0.8 && top.score > 0.0);
    if let Some(rival) = rival {
        advice.push(Advice {
            text: t.fill("test.could_rival", &[("question", rival.question.clone())]),
            entry: Some(rival.entry_id.clone()),
        });
    }
    advice.push(plain("test.could_new"));
    advice
}

fn candidate(found: &TraceCandidate, t: Texts) -> CandidateView {
    let mut ways = Vec::new();
    if let Some((_, rank)) = found.lexical {
        ways.push(t.fill("test.by_words", &[("rank", rank.to_string())]));
    }
    if let Some((cosine, rank)) = found.dense {
        let values = [("rank", rank.to_string()), ("cosine", percent(cosine.max(0.0)))];
        ways.push(t.fill("test.by_meaning", &values));
    }
    CandidateView {
        id: found.entry_id.clone(),
        question: found.question.clone(),
        found: ways.join(" ・ "),
        matched: found.matched.clone(),
    }
}
