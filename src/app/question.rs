//! From a customer's text to what may be kept of it: checks the text, asks the engine without ever failing, and strips
//! secrets and personal data from everything that is stored.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::commit::{Decided, Deed};
use super::{Answerer, AppError};
use crate::answer::{Ask, Context, Decision, HandOff, Outcome, Trace};
use crate::chat::{BotReply, Conversation, Event, Quoted};
use crate::handoff::{TicketId, TraceId};
use crate::kb::{HandOffReason, Language, Priority, Snapshot};
use crate::privacy::{mask, mask_secrets};

/// `text` as it may be said: trimmed, line ends as `\n`, without characters that only change how others are shown.
///
/// # Errors
/// `Empty`, `TooLong`, `ControlCharacter`.
pub(super) fn clean(text: &str, limit: usize) -> Result<String, AppError> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    if let Some(control) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(AppError::ControlCharacter(control.into()));
    }
    let is_invisible = |c: char| matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let text: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    let text = text.trim();
    let length = text.chars().count();
    match length {
        0 => Err(AppError::Empty),
        _ if length > limit => Err(AppError::TooLong { length, limit }),
        _ => Ok(text.to_owned()),
    }
}

/// Asks the engine; a panic in it becomes a hand-off.
pub(super) fn decide(answerer: &dyn Answerer, text: &str, context: &Context) -> Outcome {
    let ask = Ask { text, context: context.clone() };
    catch_unwind(AssertUnwindSafe(|| answerer.answer(&ask))).unwrap_or_else(|_| {
        tracing::error!("the engine panicked; handing off");
        unavailable(context)
    })
}

/// The desk's own hand-off when the engine failed.
fn failed() -> HandOff {
    HandOff {
        reason: HandOffReason::Unavailable,
        priority: Priority::Normal,
        queue: String::new(),
        wording: String::new(),
    }
}

fn unavailable(context: &Context) -> Outcome {
    Outcome {
        decision: Decision::HandOff(failed()),
        trace: Trace { degraded: vec!["the engine failed".to_owned()], ..Trace::default() },
        context: context.clone(),
    }
}

/// The deed of a customer who wrote `text` in `conversation`.
pub(super) fn asked(
    answerer: &dyn Answerer,
    conversation: &Conversation,
    text: &str,
    ids: (TraceId, TicketId),
) -> Deed {
    let snapshot = Arc::clone(answerer.snapshot());
    let mut outcome = decide(answerer, text, &conversation.context);
    if mask_secrets(text).kinds.iter().any(|kind| kind.opens_assets()) {
        hand_off_secret(&mut outcome, &snapshot);
    }
    let language = outcome.context.language.unwrap_or(conversation.language);
    let kept = keep(text, &mut outcome, conversation, &snapshot, language);
    let (trace_id, ticket) = ids;
    let reply = reply_of(&outcome.decision, &snapshot);
    let (decision, reason, entry_id) = summary(&reply, &outcome.trace);
    let decided = Decided {
        id: trace_id.clone(),
        question: kept.masked,
        decision,
        reason,
        entry_id,
        trace: outcome.trace,
    };
    let event = Event::Asked { text: kept.text, reply, context: outcome.context, trace: trace_id, ticket };
    Deed { event, snapshot, decided: Some(decided) }
}

/// A seed phrase or a private key opens the customer's assets: whatever the rules say, that is a matter for a person.
fn hand_off_secret(outcome: &mut Outcome, snapshot: &Snapshot) {
    if matches!(&outcome.decision, Decision::HandOff(hand_off) if hand_off.reason == HandOffReason::Secret) {
        return;
    }
    let has_queue = snapshot.desk.queues.iter().any(|queue| queue == "security");
    outcome.decision = Decision::HandOff(HandOff {
        reason: HandOffReason::Secret,
        priority: Priority::Urgent,
        queue: if has_queue { "security".to_owned() } else { String::new() },
        wording: String::new(),
    });
}

/// What is kept of a text.
struct Kept {
    /// In the transcript: without secrets.
    text: String,
    /// For evaluation: without personal data too.
    masked: String,
}

/// Strips `outcome` of what must not be stored and says what of `text` may be.
fn keep(
    text: &str,
    outcome: &mut Outcome,
    before: &Conversation,
    snapshot: &Snapshot,
    language: Language,
) -> Kept {
    let is_secret = |decision: &Decision| matches!(decision, Decision::HandOff(hand_off) if hand_off.reason == HandOffReason::Secret);
    if is_secret(&outcome.decision) {
        forget_text(&mut outcome.trace);
        outcome.context = Context { language: outcome.context.language, ..before.context.clone() };
        let text = without_secret(text, snapshot, language);
        let masked = mask(&text).text;
        outcome.trace.normalized.clone_from(&masked);
        return Kept { text, masked };
    }
    let masked = mask(text);
    if !masked.kinds.is_empty() {
        forget_text(&mut outcome.trace);
        outcome.trace.normalized.clone_from(&masked.text);
    }
    let earlier = outcome.trace.completed_with.take();
    outcome.trace.completed_with = earlier.map(|earlier| mask(&earlier).text);
    outcome.context.last_question = outcome.context.last_question.take().map(|question| mask(&question).text);
    Kept { text: mask_secrets(text).text, masked: masked.text }
}

/// `text` without its secret, or a note instead of it when what is secret in it cannot be told from the rest.
fn without_secret(text: &str, snapshot: &Snapshot, language: Language) -> String {
    let masked = mask_secrets(text);
    let still_secret =
        snapshot.rules.first_match(&masked.text).is_some_and(|rule| rule.reason == HandOffReason::Secret);
    if !masked.kinds.is_empty() && !still_secret {
        return masked.text;
    }
    match language {
        Language::Ja => "(秘密の情報が含まれていたため、この発言は保存していません)".to_owned(),
        Language::En => "(This message contained a secret and was not stored.)".to_owned(),
    }
}

/// Drops every copy of the question's words.
fn forget_text(trace: &mut Trace) {
    trace.normalized.clear();
    trace.tokens.clear();
    trace.expansions.clear();
    trace.completed_with = None;
    for candidate in &mut trace.candidates {
        candidate.matched.clear();
    }
}

/// `entry_id` as it is shown, if it is served.
pub(super) fn quote(snapshot: &Snapshot, entry_id: &str) -> Option<Box<Quoted>> {
    let entry = snapshot.entry(entry_id)?;
    let follow_ups = entry.follow_ups.iter().filter_map(|id| {
        let next = snapshot.in_language(snapshot.entry(id)?, entry.language);
        Some((next.id.clone(), next.question.clone()))
    });
    Some(Box::new(Quoted::of(entry, follow_ups.collect())))
}

fn reply_of(decision: &Decision, snapshot: &Snapshot) -> BotReply {
    match decision {
        Decision::Answer { entry_id, confidence } => match quote(snapshot, entry_id) {
            Some(quoted) => BotReply::Answer { quoted, confidence: *confidence },
            None => {
                tracing::error!(entry_id, "the engine answered with an entry that is not served");
                BotReply::HandOff(failed())
            }
        },
        Decision::Clarify { candidates } => BotReply::Clarify { candidates: candidates.clone() },
        Decision::HandOff(hand_off) => BotReply::HandOff(hand_off.clone()),
        Decision::SmallTalk { id, reply } => BotReply::SmallTalk { id: id.clone(), reply: reply.clone() },
    }
}

fn summary(reply: &BotReply, trace: &Trace) -> (&'static str, Option<&'static str>, Option<String>) {
    let best = || trace.candidates.first().map(|candidate| candidate.entry_id.clone());
    match reply {
        BotReply::Answer { quoted, .. } => ("answer", None, Some(quoted.entry_id.clone())),
        BotReply::Clarify { .. } => ("clarify", None, best()),
        BotReply::HandOff(hand_off) => ("handoff", Some(hand_off.reason.name()), best()),
        BotReply::SmallTalk { id, .. } => ("smalltalk", None, Some(id.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cleaned_or_refused_with_the_reason() {
        let long = "あ".repeat(11);
        let cases = [
            ("  出金\r\nできない ", Ok("出金\nできない")),
            ("a\tb", Ok("a\tb")),
            ("\u{feff}出\u{200b}金\u{202e}", Ok("出金")),
            ("", Err("empty")),
            (" \u{3000}\n", Err("empty")),
            ("\u{200b}", Err("empty")),
            ("出\0金", Err("control_character")),
            ("\u{1b}[31m", Err("control_character")),
            ("\u{85}", Err("control_character")),
            (&long, Err("too_long")),
        ];
        for (text, expected) in cases {
            let cleaned = clean(text, 10);
            let cleaned = cleaned.as_deref().map_err(AppError::code);
            assert_eq!(cleaned, expected, "{text:?}");
        }
    }
}
