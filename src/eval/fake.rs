//! A small desk for tests: entries are found by shared characters, rules by a word. Deterministic and without files.

use super::answers::Answerer;
use super::cases::{Case, Cases, Expected};
use super::dataset::Document;
use super::retrieval::Retriever;
use crate::answer::trace::TraceCandidate;
use crate::answer::{Ask, Candidate, Context, Decision, HandOff, Outcome, Trace};
use crate::kb::{HandOffReason, Priority};

/// Finds documents by the number of characters they share with the query.
#[derive(Debug, Clone)]
pub struct FakeRetriever(pub Vec<Document>);

impl Retriever for FakeRetriever {
    fn retrieve(&self, query: &str, limit: usize) -> Vec<(String, f32)> {
        let score = |document: &Document| {
            let text = format!("{}{}", document.title, document.text);
            let mut chars: Vec<char> = query.chars().filter(|c| text.contains(*c)).collect();
            chars.sort_unstable();
            chars.dedup();
            chars.len() as f32
        };
        let mut ranked: Vec<(String, f32)> = self
            .0
            .iter()
            .map(|document| (document.id.clone(), score(document)))
            .filter(|hit| hit.1 > 0.0)
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        ranked.truncate(limit);
        ranked
    }

    fn retrieve_with_confidence(&self, query: &str, limit: usize) -> (Vec<(String, f32)>, Option<f32>) {
        let ranked = self.retrieve(query, limit);
        let top = ranked.first().map_or(0.0, |hit| hit.1);
        (ranked, Some(top / query.chars().count().max(1) as f32))
    }
}

/// A desk with four entries.
#[derive(Debug, Clone)]
pub struct FakeDesk {
    retriever: FakeRetriever,
}

impl Default for FakeDesk {
    fn default() -> Self {
        Self::of(&[
            ("fee", "出金手数料はいくらですか fee"),
            ("limit", "入金上限額を知りたい"),
            ("tax", "確定申告の方法"),
            ("loss", "損失の繰越控除"),
        ])
    }
}

impl FakeDesk {
    /// A desk with these entries (id, text).
    pub fn of(entries: &[(&str, &str)]) -> Self {
        let document = |(id, text): &(&str, &str)| Document {
            id: (*id).into(),
            title: (*text).into(),
            text: String::new(),
        };
        Self { retriever: FakeRetriever(entries.iter().map(document).collect()) }
    }
}

impl Answerer for FakeDesk {
    fn answer(&self, ask: &Ask<'_>) -> Outcome {
        let question = match &ask.context.last_question {
            Some(before) if ask.text.chars().count() < 6 => format!("{before}{}", ask.text),
            _ => ask.text.to_owned(),
        };
        let (ranked, confidence) = self.retriever.retrieve_with_confidence(&question, 10);
        let confidence = confidence.unwrap_or_default().min(1.0);
        let hand_off = |reason| {
            Decision::HandOff(HandOff {
                reason,
                priority: Priority::Normal,
                queue: "general".into(),
                wording: String::new(),
            })
        };
        let candidate = |(id, score): &(String, f32)| Candidate {
            entry_id: id.clone(),
            question: id.clone(),
            confidence: *score / 10.0,
        };
        let decision = if question.contains("盗") {
            hand_off(HandOffReason::Security)
        } else if question.contains("こんにちは") {
            Decision::SmallTalk { id: "hello".into(), reply: "こんにちは".into() }
        } else if confidence >= 0.6 {
            Decision::Answer { entry_id: ranked[0].0.clone(), confidence }
        } else if confidence >= 0.4 && ranked.len() > 1 {
            Decision::Clarify { candidates: ranked.iter().take(3).map(candidate).collect() }
        } else {
            hand_off(HandOffReason::LowConfidence)
        };
        let candidates = ranked.iter().map(|(id, score)| TraceCandidate {
            entry_id: id.clone(),
            question: id.clone(),
            score: *score,
            ..TraceCandidate::default()
        });
        let trace = Trace {
            normalized: question.clone(),
            candidates: candidates.collect(),
            confidence,
            // Different in every run, as a real one's is.
            micros: std::time::Instant::now().elapsed().as_nanos() as u64,
            ..Trace::default()
        };
        let context = Context { last_question: Some(ask.text.to_owned()), ..Context::default() };
        Outcome { decision, trace, context }
    }

    fn has_entry(&self, id: &str) -> bool {
        self.retriever.0.iter().any(|document| document.id == id)
    }
}

/// A case with the fields that tests vary.
pub fn case(id: &str, question: &str, expect: Expected, entries: &[&str]) -> Case {
    Case {
        id: id.into(),
        turns: Vec::new(),
        question: question.into(),
        expect,
        entries: entries.iter().map(|id| (*id).into()).collect(),
        accept: Vec::new(),
        reason: None,
        category: String::new(),
        tags: Vec::new(),
        split: String::new(),
        note: String::new(),
    }
}

/// Cases with one of each verdict that matters.
pub fn cases() -> Cases {
    let with = |reason, case: Case| Case { reason: Some(reason), ..case };
    let cases = vec![
        case("fee", "出金手数料はいくら", Expected::Answer, &["fee"]),
        Case { tags: vec!["english".into()], ..case("fee-en", "fee", Expected::Answer, &["fee.en"]) },
        Case {
            turns: vec!["出金手数料".into()], ..case("follow-up", "いくら", Expected::Answer, &["fee"])
        },
        case("vague", "入金の上限が不明で", Expected::Answer, &["limit"]),
        case("hard", "税金が申告できないときはどうしたら", Expected::Answer, &["tax"]),
        Case { category: "税務".into(), ..case("wrong", "確定申告", Expected::Answer, &["loss"]) },
        with(HandOffReason::Security, case("stolen", "出金手数料を盗まれた", Expected::HandOff, &[])),
        with(HandOffReason::Complaint, case("complaint", "手数料はいくら", Expected::HandOff, &[])),
        with(HandOffReason::OutOfScope, case("elsewhere", "明日は晴れ？", Expected::HandOff, &[])),
        Case { category: "税務".into(), ..case("near", "損失の控除", Expected::HandOff, &[]) },
        case("hello", "こんにちは", Expected::SmallTalk, &[]),
    ];
    Cases { cases, ..Cases::default() }
}
