//! The packet: everything an agent needs to go on without asking the customer again. Texts in it are masked.

use serde::{Deserialize, Serialize};

use crate::answer::{HandOff, Trace};
use crate::kb::{HandOffReason, Language, Priority, Snapshot};
use crate::privacy::mask;

/// How many rejected candidates a packet names.
const CANDIDATES: usize = 5;

/// One line of the transcript up to the hand-off, masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Position in the conversation.
    pub seq: u64,
    /// When, UTC milliseconds.
    pub at: i64,
    /// `customer`, `bot`, `agent` or `desk`.
    pub who: String,
    /// What was said, masked.
    pub text: String,
}

/// An entry the bot looked at and did not answer with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// Entry id.
    pub entry_id: String,
    /// Its question.
    pub question: String,
    /// Ranker's score.
    pub score: f32,
    /// BM25 score, if the lexical retriever found it.
    pub lexical: Option<f32>,
    /// Cosine, if the dense retriever found it.
    pub dense: Option<f32>,
    /// Why the bot did not answer with it, in the agent's language (Japanese).
    pub why: String,
}

/// One time the bot asked back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clarification {
    /// `seq` of the turn.
    pub seq: u64,
    /// The questions offered.
    pub offered: Vec<String>,
    /// The one chosen; `None` when the customer refused all or wrote something else.
    pub chosen: Option<String>,
}

/// What the agent gets with a ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Packet {
    /// The conversation up to the hand-off, masked.
    pub transcript: Vec<Line>,
    /// The question that led to the hand-off, normalised and masked.
    pub question: String,
    /// The best candidates, best first.
    pub candidates: Vec<Rejected>,
    /// How often and what the bot asked back.
    pub clarifications: Vec<Clarification>,
    /// Category of the best candidate: a guess.
    pub category: Vec<String>,
    /// How urgent.
    pub priority: Priority,
    /// Language of the customer.
    pub language: Language,
    /// Why.
    pub reason: HandOffReason,
    /// Id of the rule that fired, if one did.
    pub rule: Option<String>,
    /// Probability that the best candidate answers.
    pub confidence: Option<f32>,
    /// Kinds of personal data that were masked.
    pub masked: Vec<String>,
}

/// What a packet is made of.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The hand-off.
    pub hand_off: &'a HandOff,
    /// Trace of the decision, if the engine decided.
    pub trace: Option<&'a Trace>,
    /// The snapshot it decided with.
    pub snapshot: &'a Snapshot,
    /// The last thing the customer asked, as stored.
    pub question: &'a str,
    /// Language of the customer.
    pub language: Language,
}

impl Packet {
    /// Builds the packet; `transcript` may be unmasked, it is masked here.
    pub fn build(setting: Setting<'_>, transcript: Vec<Line>, clarifications: Vec<Clarification>) -> Self {
        let Setting { hand_off, trace, snapshot, question, language } = setting;
        let mut masked_kinds = Vec::new();
        let mut masked = |text: &str| {
            let masked = mask(text);
            masked_kinds.extend(masked.kinds.iter().map(|kind| kind.name().to_owned()));
            masked.text
        };
        let transcript =
            transcript.into_iter().map(|line| Line { text: masked(&line.text), ..line }).collect();
        let normalized = trace.map(|trace| trace.normalized.as_str()).filter(|text| !text.is_empty());
        let question = masked(normalized.unwrap_or(question));
        masked_kinds.sort();
        masked_kinds.dedup();
        let candidates = trace.map(|trace| rejected(hand_off.reason, trace)).unwrap_or_default();
        let category = candidates
            .first()
            .and_then(|best: &Rejected| snapshot.entry(&best.entry_id))
            .map(|entry| entry.category.clone())
            .unwrap_or_default();
        Self {
            transcript,
            question,
            candidates,
            clarifications,
            category,
            priority: hand_off.priority,
            language,
            reason: hand_off.reason,
            rule: trace.and_then(|trace| trace.rule.clone()),
            confidence: trace.map(|trace| trace.confidence),
            masked: masked_kinds,
        }
    }
}

fn rejected(reason: HandOffReason, trace: &Trace) -> Vec<Rejected> {
    let explain = |rank: usize| why_rejected(reason, trace, rank);
    let top = trace.candidates.iter().take(CANDIDATES).enumerate();
    top.map(|(rank, candidate)| Rejected {
        entry_id: candidate.entry_id.clone(),
        question: candidate.question.clone(),
        score: candidate.score,
        lexical: candidate.lexical.map(|(score, _)| score),
        dense: candidate.dense.map(|(cosine, _)| cosine),
        why: explain(rank),
    })
    .collect()
}

fn why_rejected(reason: HandOffReason, trace: &Trace, rank: usize) -> String {
    if let (true, Some(rule)) = (reason.is_must(), &trace.rule) {
        return format!("必ず担当者につなぐルール「{rule}」に一致");
    }
    if rank > 0 {
        return format!("順位 {}(1位の候補ほど合っていない)", rank + 1);
    }
    match reason {
        HandOffReason::NoneOfThese => "お客さまが「どれでもない」を選択".to_owned(),
        HandOffReason::Person => "お客さまが担当者を希望".to_owned(),
        HandOffReason::Unavailable => "検索の一部が使えなかった".to_owned(),
        _ => {
            let needed = trace.band.clarify_from.min(trace.band.answer_from);
            format!("確信度 {:.2} が必要な {needed:.2} に届かない", trace.confidence)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::trace::{Band, TraceCandidate};

    fn hand_off(reason: HandOffReason) -> HandOff {
        HandOff { reason, priority: Priority::High, queue: "general".into(), wording: String::new() }
    }

    #[test]
    fn a_packet_masks_the_transcript_and_says_why_each_candidate_was_rejected() {
        let candidates = (1..=7)
            .map(|n| TraceCandidate {
                entry_id: format!("e{n}"),
                score: 1.0 / n as f32,
                ..TraceCandidate::default()
            })
            .collect();
        let trace = Trace {
            normalized: "taro@example.jp の出金".into(),
            candidates,
            confidence: 0.41,
            band: Band { name: "handoff".into(), answer_from: 0.8, clarify_from: 0.5 },
            ..Trace::default()
        };
        let snapshot = Snapshot::default();
        let hand_off = hand_off(HandOffReason::LowConfidence);
        let setting = Setting {
            hand_off: &hand_off,
            trace: Some(&trace),
            snapshot: &snapshot,
            question: "",
            language: Language::Ja,
        };
        let line =
            Line { seq: 1, at: 0, who: "customer".into(), text: "電話は090-1234-5678です".into() };
        let packet = Packet::build(setting, vec![line], Vec::new());
        assert_eq!(packet.candidates.len(), 5);
        assert!(packet.candidates[0].why.contains("0.41") && packet.candidates[0].why.contains("0.50"));
        assert!(packet.candidates[1].why.contains("順位 2"));
        assert!(!packet.transcript[0].text.contains("1234"), "{}", packet.transcript[0].text);
        assert!(!packet.question.contains("taro"), "{}", packet.question);
        assert_eq!(packet.masked, ["email", "phone"]);
    }

    #[test]
    fn a_rule_is_named() {
        let trace = Trace {
            rule: Some("stolen-funds".into()),
            candidates: vec![TraceCandidate::default()],
            ..Trace::default()
        };
        let (snapshot, hand_off) = (Snapshot::default(), hand_off(HandOffReason::Security));
        let setting = Setting {
            hand_off: &hand_off,
            trace: Some(&trace),
            snapshot: &snapshot,
            question: "盗まれました",
            language: Language::Ja,
        };
        let packet = Packet::build(setting, Vec::new(), Vec::new());
        assert_eq!(packet.question, "盗まれました");
        assert!(packet.candidates[0].why.contains("stolen-funds"));
    }
}
