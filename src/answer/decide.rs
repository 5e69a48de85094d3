//! Last step: the Decision. Rules first; then small talk; then the confidence's band: answer, ask back, hand off.

use super::engine::Considered;
use super::intent::Suspicion;
use super::{Ask, Candidate, Context, Decision, Engine, HandOff, Outcome, Trace, smalltalk};
use crate::answer::confidence::Bands;
use crate::answer::trace::Band;
use crate::kb::{HandOffReason, Language, Priority, Rule, Snapshot};

/// A clarification offers at most this many candidates.
const OFFERED: usize = 4;
/// A candidate below this share of the best one's score is no rival.
const RIVAL_SHARE: f32 = 0.12;
/// Probability of small talk, or of what no entry covers, from which a near small talk's reply is given.
const CHATTY: f32 = 0.5;
/// Cosine with small talk from which an utterance that nothing in the FAQ answers counts as small talk.
const SMALLTALK_COSINE: f32 = 0.8;
/// Probability of a question that no entry covers from which the desk says so.
const UNCOVERED: f32 = 0.5;
/// Below this confidence nothing in the FAQ is about the question.
const OUT_OF_SCOPE: f32 = 0.12;

/// A must-hand-off rule fired.
pub(super) fn by_rule(engine: &Engine, ask: &Ask<'_>, rule: &Rule, considered: &Considered) -> Outcome {
    let snapshot = engine.snapshot();
    let language = considered.question.language;
    let wording = wording(snapshot, &rule.wording, rule.reason, language);
    let hand_off =
        HandOff { reason: rule.reason, priority: rule.priority, queue: rule.queue.clone(), wording };
    let trace = Trace {
        rule: Some(rule.id.clone()),
        band: band("handoff", considered.bands),
        ..engine.trace(considered)
    };
    Outcome { decision: Decision::HandOff(hand_off), trace, context: kept(ask, language) }
}

/// A seed phrase or private key is in the text: whatever was asked, a person must tell the customer what to do at once.
pub(super) fn by_secret(engine: &Engine, ask: &Ask<'_>, considered: &Considered) -> Outcome {
    let suspicion = Suspicion { reason: HandOffReason::Secret, probability: 1.0, ..Suspicion::NONE };
    by_suspicion(engine, ask, suspicion, considered)
}

/// No rule fired, but the utterance is like the desk's examples of what must reach a person. Priority, queue and wording
/// are those of the first rule with that reason.
pub(super) fn by_suspicion(
    engine: &Engine,
    ask: &Ask<'_>,
    suspicion: Suspicion,
    considered: &Considered,
) -> Outcome {
    let snapshot = engine.snapshot();
    let language = considered.question.language;
    let reason = suspicion.reason;
    let decision = match snapshot.rules.iter().find(|rule| rule.reason == reason) {
        Some(rule) => HandOff {
            reason,
            priority: rule.priority,
            queue: rule.queue.clone(),
            wording: wording(snapshot, &rule.wording, reason, language),
        },
        None => hand_off(snapshot, reason, language),
    };
    let rule = Some(format!("examples of {} ({:.0}%)", reason.name(), suspicion.probability * 100.0));
    let trace = Trace { rule, band: band("handoff", considered.bands), ..engine.trace(considered) };
    Outcome { decision: Decision::HandOff(decision), trace, context: kept(ask, language) }
}

/// No rule fired: small talk, or the confidence's band.
pub(super) fn by_confidence(engine: &Engine, ask: &Ask<'_>, chosen: &Considered) -> Outcome {
    let language = chosen.question.language;
    let bands = chosen.bands;
    let (talk, suspicion) = (chosen.smalltalk, chosen.suspicion);
    if talk.is_certain()
        || (talk.is_near() && suspicion.is_some_and(|s| s.smalltalk + s.outside >= CHATTY))
        || (chosen.confidence < bands.clarify_from && talk.cosine >= SMALLTALK_COSINE)
    {
        return small_talk(engine, ask, chosen);
    }
    // Not sure of an answer and not sure that a person is not needed: the person is the safer side.
    if let Some(suspicion) = suspicion.filter(|s| s.lingers() && chosen.confidence < bands.answer_from) {
        return by_suspicion(engine, ask, suspicion, chosen);
    }
    let rivals = rivals(engine, chosen);
    let (name, decision) = if chosen.confidence >= bands.answer_from {
        ("answer", answer(engine, chosen))
    } else if chosen.confidence >= bands.clarify_from && rivals.len() >= 2 {
        ("clarify", Decision::Clarify { candidates: rivals })
    } else {
        let out = chosen.confidence < OUT_OF_SCOPE || suspicion.is_some_and(|s| s.outside >= UNCOVERED);
        let reason = if out { HandOffReason::OutOfScope } else { HandOffReason::LowConfidence };
        ("handoff", Decision::HandOff(hand_off(engine.snapshot(), reason, language)))
    };
    let trace = Trace { band: band(name, bands), ..engine.trace(chosen) };
    let context = next_context(ask, &decision, chosen, language);
    Outcome { decision, trace, context }
}

/// Nothing works: hand off without an index.
pub(super) fn unavailable(snapshot: &Snapshot, ask: &Ask<'_>) -> Outcome {
    let language = ask.context.language.unwrap_or_default();
    let trace = Trace {
        language,
        degraded: vec!["the engine failed; the question went to a person".to_owned()],
        band: Band { name: "handoff".to_owned(), ..Band::default() },
        ..Trace::default()
    };
    let decision = Decision::HandOff(hand_off(snapshot, HandOffReason::Unavailable, language));
    Outcome { decision, trace, context: ask.context.clone() }
}

fn small_talk(engine: &Engine, ask: &Ask<'_>, considered: &Considered) -> Outcome {
    let language = considered.question.language;
    let (id, reply) = smalltalk::reply(engine.snapshot(), &considered.smalltalk, language);
    let trace = Trace { band: band("smalltalk", considered.bands), ..engine.trace(considered) };
    Outcome { decision: Decision::SmallTalk { id, reply }, trace, context: kept(ask, language) }
}

fn answer(engine: &Engine, chosen: &Considered) -> Decision {
    let snapshot = engine.snapshot();
    let entry = &snapshot.entries[chosen.ranking[0].found.number as usize];
    let entry = snapshot.in_language(entry, chosen.question.language);
    Decision::Answer { entry_id: entry.id.clone(), confidence: chosen.confidence }
}

/// The best candidates of different topics that come near the best one, best first.
fn rivals(engine: &Engine, chosen: &Considered) -> Vec<Candidate> {
    let mut topics = Vec::new();
    let mut out = Vec::new();
    for ranked in &chosen.ranking {
        let topic = engine.topic(ranked.found.number);
        if topics.contains(&topic) {
            continue;
        }
        topics.push(topic);
        let candidate = engine.candidate(ranked, chosen);
        let near = candidate.confidence >= chosen.confidence * RIVAL_SHARE;
        if out.len() < 2 || (near && out.len() < OFFERED) {
            out.push(candidate);
        }
    }
    out
}

fn hand_off(snapshot: &Snapshot, reason: HandOffReason, language: Language) -> HandOff {
    HandOff {
        reason,
        priority: Priority::Normal,
        queue: snapshot.desk.queues.first().cloned().unwrap_or_else(|| "general".to_owned()),
        wording: wording(snapshot, &format!("handoff.{}", reason.name()), reason, language),
    }
}

/// The desk's wording, or a plain built-in one: a hand-off always says so.
fn wording(snapshot: &Snapshot, key: &str, reason: HandOffReason, language: Language) -> String {
    snapshot.wording.text(key, language, &[]).unwrap_or_else(|| {
        tracing::warn!("wording {key} is missing (reason {})", reason.name());
        match language {
            Language::Ja => "担当者におつなぎします。".to_owned(),
            Language::En => "We are passing you to a person.".to_owned(),
        }
    })
}

fn band(name: &str, bands: Bands) -> Band {
    Band { name: name.to_owned(), answer_from: bands.answer_from, clarify_from: bands.clarify_from }
}

/// The context unchanged but for the language: this turn was not about the FAQ.
fn kept(ask: &Ask<'_>, language: Language) -> Context {
    Context { language: Some(language), ..ask.context.clone() }
}

fn next_context(ask: &Ask<'_>, decision: &Decision, chosen: &Considered, language: Language) -> Context {
    let last_entry = match decision {
        Decision::Answer { entry_id, .. } => Some(entry_id.clone()),
        _ => ask.context.last_entry.clone(),
    };
    // A terse follow-up does not replace the question it leans on.
    let leans = chosen.completed_with.is_some() && !chosen.question.stands_alone();
    let last_question = if leans && ask.context.last_question.is_some() {
        ask.context.last_question.clone()
    } else {
        Some(ask.text.chars().take(200).collect())
    };
    Context { last_question, last_entry, language: Some(language) }
}
