//! Replays stored questions against a candidate desk and shows which Decisions would change. Questions come masked, as
//! the desk's store or an export of it holds them; nothing here reads or reveals more.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use anyhow::bail;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use super::answers::Answerer;
use super::progress::Progress;
use super::rows::{Skipped, parse_json, read_lines};
use crate::answer::{Ask, Context, Decision, Outcome, Trace};
use crate::kb::HandOffReason;
use crate::store::QuestionRecord;

/// Questions to replay.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stored {
    /// The questions, oldest first.
    pub questions: Vec<StoredQuestion>,
    /// Questions that were handed off because they held a secret: it was not stored, so they cannot be asked again.
    pub withheld: usize,
}

impl Stored {
    fn of(questions: Vec<StoredQuestion>) -> Self {
        let all = questions.len();
        let questions: Vec<StoredQuestion> =
            questions.into_iter().filter(|question| !question.is_withheld()).collect();
        Self { withheld: all - questions.len(), questions }
    }

    /// The questions of a desk's store. A question's earlier turns are the earlier questions of its conversation; of one
    /// that began before the records do, the turn that completed the question then.
    pub fn of_records(mut records: Vec<QuestionRecord>) -> Self {
        records.sort_by(|a, b| (a.at, a.turn, a.trace.as_str()).cmp(&(b.at, b.turn, b.trace.as_str())));
        let mut said: HashMap<String, Vec<String>> = HashMap::new();
        let question = |record: QuestionRecord| {
            let earlier = said.entry(record.conversation.as_str().to_owned()).or_default();
            let turns = if earlier.is_empty() {
                record.completed_with.into_iter().collect()
            } else {
                earlier.clone()
            };
            let (entry, reason) = match record.decision.as_str() {
                "answer" => (record.entry_id, None),
                "handoff" => (None, record.reason),
                _ => (None, None),
            };
            let question = StoredQuestion {
                id: record.trace.as_str().to_owned(),
                turns,
                question: record.text,
                made: Some(Made { decision: record.decision, entry, reason }),
            };
            if !question.is_withheld() {
                earlier.push(question.question.clone());
            }
            question
        };
        Self::of(records.into_iter().map(question).collect())
    }
}

/// A question as the desk stored it, personal data masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredQuestion {
    /// Id of the turn.
    pub id: String,
    /// Earlier customer turns, oldest first.
    #[serde(default)]
    pub turns: Vec<String>,
    /// The question.
    pub question: String,
    /// What was decided then.
    #[serde(flatten)]
    pub made: Option<Made>,
}

impl StoredQuestion {
    /// Whether what made the Decision was not stored.
    fn is_withheld(&self) -> bool {
        let secret = HandOffReason::Secret.name();
        self.made.as_ref().is_some_and(|made| made.reason.as_deref() == Some(secret))
    }
}

/// A Decision in short: what a change is told by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Made {
    /// `answer`, `clarify`, `handoff` or `smalltalk`.
    pub decision: String,
    /// The entry answered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// The reason of the hand-off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Made {
    /// The short form of a Decision.
    pub fn of(decision: &Decision) -> Self {
        let (entry, reason) = match decision {
            Decision::Answer { entry_id, .. } => (Some(entry_id.clone()), None),
            Decision::HandOff(hand_off) => (None, Some(hand_off.reason.name().to_owned())),
            Decision::Clarify { .. } | Decision::SmallTalk { .. } => (None, None),
        };
        Self { decision: decision.name().to_owned(), entry, reason }
    }

    /// In words: `answer fee`, `handoff low_confidence`.
    pub fn describe(&self) -> String {
        let detail = self.entry.as_deref().or(self.reason.as_deref());
        detail.map_or_else(|| self.decision.clone(), |detail| format!("{} {detail}", self.decision))
    }
}

/// A question whose Decision would change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Id of the turn.
    pub id: String,
    /// The question.
    pub question: String,
    /// What was decided before.
    pub before: Made,
    /// What would be decided now.
    pub after: Made,
    /// Why, before; only where the earlier desk was asked again.
    pub trace_before: Option<Trace>,
    /// Why, now.
    pub trace_after: Trace,
}

/// What a candidate desk would change.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    /// Questions replayed.
    pub questions: usize,
    /// Questions without an earlier Decision to compare with.
    pub unknown: usize,
    /// Questions left out before, because the secret in them was not stored.
    pub withheld: usize,
    /// Changes in the order of the questions.
    pub changes: Vec<Change>,
}

/// Reads stored questions, one JSON object per line.
///
/// # Errors
/// The file cannot be read, has no usable question, or (strict) has a wrong row.
pub fn read_stored(path: &Path, skipped: &mut Skipped, hash: &mut Sha256) -> anyhow::Result<Stored> {
    let (mut stored, mut seen) = (Vec::new(), HashSet::new());
    read_lines(path, skipped, hash, |_, line| {
        let question: StoredQuestion = parse_json(line)?;
        if question.question.trim().is_empty() {
            return Err("question is empty".into());
        }
        if !seen.insert(question.id.clone()) {
            return Err(format!("duplicate id {:?}", question.id));
        }
        stored.push(question);
        Ok(())
    })?;
    if stored.is_empty() {
        bail!("{} has no usable question{}", path.display(), skipped.hint(path));
    }
    Ok(Stored::of(stored))
}

/// Asks `candidate` every stored question. The Decision before is `before`'s where given, else the stored one.
pub fn replay(
    stored: &[StoredQuestion],
    candidate: &dyn Answerer,
    before: Option<&dyn Answerer>,
    show_progress: bool,
) -> Replay {
    let progress = Progress::new("replay", stored.len(), show_progress);
    let compared = |question: &StoredQuestion| {
        let now = last_outcome(question, candidate);
        let then = before.map(|before| last_outcome(question, before));
        progress.step();
        let made =
            then.as_ref().map(|outcome| Made::of(&outcome.decision)).or_else(|| question.made.clone())?;
        let after = Made::of(&now.decision);
        Some((made != after).then(|| Change {
            id: question.id.clone(),
            question: question.question.clone(),
            before: made,
            after,
            trace_before: then.map(|outcome| outcome.trace),
            trace_after: now.trace,
        }))
    };
    let compared: Vec<Option<Option<Change>>> = stored.par_iter().map(compared).collect();
    Replay {
        questions: stored.len(),
        withheld: 0,
        unknown: compared.iter().filter(|change| change.is_none()).count(),
        changes: compared.into_iter().flatten().flatten().collect(),
    }
}

fn last_outcome(question: &StoredQuestion, answerer: &dyn Answerer) -> Outcome {
    let context = question
        .turns
        .iter()
        .fold(Context::default(), |context, turn| answerer.answer(&Ask { text: turn, context }).context);
    let mut outcome = answerer.answer(&Ask { text: &question.question, context });
    outcome.trace.micros = 0;
    outcome
}

impl Replay {
    /// How often each kind of change occurs, such as `answer → handoff`.
    pub fn transitions(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for Change { before, after, .. } in &self.changes {
            *counts.entry(format!("{} → {}", before.decision, after.decision)).or_insert(0) += 1;
        }
        counts
    }

    /// The replay as one JSON object.
    pub fn to_json(&self) -> Value {
        let change = |change: &Change| {
            json!({
                "id": change.id,
                "question": change.question,
                "before": change.before,
                "after": change.after,
                "trace_before": change.trace_before,
                "trace_after": change.trace_after,
            })
        };
        json!({
            "questions": self.questions,
            "unknown": self.unknown,
            "withheld": self.withheld,
            "changed": self.changes.len(),
            "transitions": self.transitions(),
            "changes": self.changes.iter().map(change).collect::<Vec<Value>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::FakeDesk;
    use super::*;
    use crate::handoff::{ConversationId, TraceId};
    use crate::kb::Language;
    use sha2::Digest;

    #[test]
    fn only_changed_decisions_are_shown() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        let text = r#"{"id":"1","question":"出金手数料はいくら","decision":"answer","entry":"fee"}
{"id":"2","question":"確定申告","decision":"handoff","reason":"low_confidence"}
{"id":"3","question":"損失の控除"}
{"id":"3","question":"again"}
{"question":"no id"}
{"id":"4","question":"[秘密]","decision":"handoff","reason":"secret"}
"#;
        std::fs::write(file.path(), text).expect("written");
        let mut skipped = Skipped::new(false);
        let stored = read_stored(file.path(), &mut skipped, &mut Sha256::new()).expect("readable");
        assert_eq!((stored.questions.len(), stored.withheld, skipped.count()), (3, 1, 2));
        let desk = FakeDesk::default();
        let against_stored = replay(&stored.questions, &desk, None, false);
        assert_eq!((against_stored.questions, against_stored.unknown), (3, 1));
        assert_eq!(against_stored.changes.len(), 1);
        assert_eq!(against_stored.changes[0].before.describe(), "handoff low_confidence");
        assert_eq!(against_stored.changes[0].after.describe(), "answer tax");
        assert_eq!(against_stored.transitions()["handoff → answer"], 1);
        let smaller = FakeDesk::of(&[("fee", "出金手数料はいくらですか")]);
        let against_desk = replay(&stored.questions, &smaller, Some(&desk), false);
        assert_eq!((against_desk.unknown, against_desk.changes.len()), (0, 2));
        assert!(against_desk.to_json()["changes"][0]["trace_before"]["candidates"].is_array());
        assert!(replay(&stored.questions, &desk, Some(&desk), false).changes.is_empty());
    }

    #[test]
    fn records_of_a_store_become_questions_with_their_earlier_turns() {
        let record = |number: u8, conversation: u8, turn: u64, text: &str, decision: &str| QuestionRecord {
            trace: TraceId::from_bits(number.into()),
            conversation: ConversationId::from_bits(conversation.into()),
            turn,
            text: text.to_owned(),
            completed_with: (number == 5).then(|| "出金".to_owned()),
            decision: decision.to_owned(),
            reason: (decision == "handoff").then(|| if number == 3 { "secret" } else { "advice" }.to_owned()),
            entry_id: Some("fee".to_owned()),
            confidence: 0.5,
            language: Language::Ja,
            at: i64::from(number),
        };
        let records = vec![
            record(5, 2, 7, "手数料は？", "clarify"),
            record(4, 1, 7, "損失は？", "handoff"),
            record(3, 1, 5, "(秘密)", "handoff"),
            record(2, 1, 3, "確定申告", "answer"),
            record(1, 1, 1, "こんにちは", "smalltalk"),
        ];
        let stored = Stored::of_records(records);
        assert_eq!(stored.withheld, 1);
        let told: Vec<String> = stored
            .questions
            .iter()
            .map(|q| {
                format!(
                    "{} | {} | {}",
                    q.turns.join("/"),
                    q.question,
                    q.made.as_ref().map_or(String::new(), Made::describe)
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                " | こんにちは | smalltalk",
                "こんにちは | 確定申告 | answer fee",
                "こんにちは/確定申告 | 損失は？ | handoff advice",
                "出金 | 手数料は？ | clarify",
            ]
        );
    }
}
