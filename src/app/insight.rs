//! Use case of insight: how the desk and each entry did, from what was asked, decided and said about it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::curation::must;
use super::{App, AppError, Staff};
use crate::chat::Verdict;
use crate::handoff::ConversationId;
use crate::store::{FeedbackRecord, QuestionRecord, Role, TicketQuery};

/// Questions, verdicts and tickets read at most; the newest count.
const READ: u32 = 50_000;
/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// How one entry did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryInsight {
    /// Answered with it, or chosen among candidates.
    pub shown: u64,
    /// Customers said that it helped.
    pub resolved: u64,
    /// Customers said that it did not.
    pub down_voted: u64,
    /// The conversation went to a person by its next question.
    pub handed_off_after: u64,
}

/// One day of the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayInsight {
    /// Questions answered.
    pub answered: u64,
    /// Questions asked back.
    pub clarified: u64,
    /// Questions handed to a person.
    pub handed_off: u64,
    /// Small talk.
    pub small_talk: u64,
    /// Answers that customers said helped.
    pub resolved: u64,
    /// Answers that they said did not.
    pub down_voted: u64,
}

impl DayInsight {
    /// Share of verdicts that say it helped; `None` without verdicts.
    pub fn satisfaction(&self) -> Option<f64> {
        let given = self.resolved + self.down_voted;
        (given > 0).then(|| self.resolved as f64 / given as f64)
    }

    /// Questions of the day.
    pub fn questions(&self) -> u64 {
        self.answered + self.clarified + self.handed_off + self.small_talk
    }
}

/// How the desk did over some days.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Insight {
    /// Days looked at.
    pub days: u32,
    /// Conversations in which something was asked.
    pub conversations: u64,
    /// Of those, how many no person had to take over.
    pub deflected: u64,
    /// The whole time in sum.
    pub total: DayInsight,
    /// Day by day, every day of the time.
    pub by_day: BTreeMap<Date, DayInsight>,
    /// By entry, the most shown first.
    pub entries: Vec<(String, EntryInsight)>,
    /// Whether older questions were left out because there were too many.
    pub truncated: bool,
}

impl Insight {
    /// Share of conversations that no person had to take over.
    pub fn deflection(&self) -> Option<f64> {
        (self.conversations > 0).then(|| self.deflected as f64 / self.conversations as f64)
    }
}

impl App {
    /// How the desk did over the last `days` days (1 to 366).
    ///
    /// # Errors
    /// `Forbidden`, `Invalid` (no such number of days), `Unavailable`.
    pub async fn insight(&self, staff: &Staff, days: u32) -> Result<Insight, AppError> {
        must(staff, Role::Editor)?;
        if !(1..=366).contains(&days) {
            return Err(AppError::Invalid { field: "days", why: "1 to 366 days".to_owned() });
        }
        let since = self.now() - i64::from(days) * DAY;
        let questions = self.store.questions(since, READ).await?;
        let feedback = self.store.feedback(since, READ).await?;
        let tickets = self.store.tickets(&TicketQuery { limit: READ, ..TicketQuery::default() }).await?;
        let ticketed: HashSet<ConversationId> =
            tickets.into_iter().map(|ticket| ticket.conversation).collect();
        let zone = TimeZone::get(&self.snapshot().desk.time_zone).unwrap_or(TimeZone::UTC);
        let truncated = questions.len() as u32 == READ;
        let span = Span { now: self.now(), days, zone };
        Ok(Insight { truncated, ..summed(&questions, &feedback, &ticketed, &span) })
    }
}

/// The time looked at.
struct Span {
    now: i64,
    days: u32,
    zone: TimeZone,
}

impl Span {
    fn day(&self, at: i64) -> Date {
        let moment = Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
        moment.to_zoned(self.zone.clone()).date()
    }
}

/// `questions` and `feedback` newest first.
fn summed(
    questions: &[QuestionRecord],
    feedback: &[FeedbackRecord],
    ticketed: &HashSet<ConversationId>,
    span: &Span,
) -> Insight {
    let mut insight = Insight { days: span.days, ..Insight::default() };
    for back in 0..i64::from(span.days) {
        insight.by_day.entry(span.day(span.now - back * DAY)).or_default();
    }
    let mut entries: HashMap<String, EntryInsight> = HashMap::new();
    let mut asked: HashMap<&ConversationId, Vec<&QuestionRecord>> = HashMap::new();
    for question in questions {
        let day = insight.by_day.entry(span.day(question.at)).or_default();
        for sum in [day, &mut insight.total] {
            match question.decision.as_str() {
                "answer" => sum.answered += 1,
                "clarify" => sum.clarified += 1,
                "handoff" => sum.handed_off += 1,
                _ => sum.small_talk += 1,
            }
        }
        asked.entry(&question.conversation).or_default().push(question);
    }
    for turns in asked.values_mut() {
        turns.sort_by_key(|question| question.turn);
        for pair in turns.windows(2) {
            if let (("answer", Some(entry)), "handoff") =
                ((pair[0].decision.as_str(), &pair[0].entry_id), pair[1].decision.as_str())
            {
                entries.entry(entry.clone()).or_default().handed_off_after += 1;
            }
        }
        for question in turns.iter().filter(|question| question.decision == "answer") {
            if let Some(entry) = &question.entry_id {
                entries.entry(entry.clone()).or_default().shown += 1;
            }
        }
    }
    for record in feedback {
        let of = entries.entry(record.entry_id.clone()).or_default();
        let day = insight.by_day.entry(span.day(record.at)).or_default();
        match record.verdict {
            Verdict::Resolved => {
                of.resolved += 1;
                day.resolved += 1;
                insight.total.resolved += 1;
            }
            Verdict::Unresolved => {
                of.down_voted += 1;
                day.down_voted += 1;
                insight.total.down_voted += 1;
            }
            Verdict::Chosen => of.shown += 1,
            Verdict::NotThis => {}
        }
    }
    let all: BTreeSet<&ConversationId> = asked.keys().copied().collect();
    insight.conversations = all.len() as u64;
    insight.deflected = all.iter().filter(|id| !ticketed.contains(**id)).count() as u64;
    insight.entries = entries.into_iter().filter(|(_, entry)| *entry != EntryInsight::default()).collect();
    insight.entries.sort_by(|a, b| b.1.shown.cmp(&a.1.shown).then_with(|| a.0.cmp(&b.0)));
    insight
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handoff::TraceId;
    use crate::kb::Language;

    fn question(conversation: u128, turn: u64, decision: &str, at: i64) -> QuestionRecord {
        QuestionRecord {
            trace: TraceId::from_bits(conversation * 100 + u128::from(turn)),
            conversation: ConversationId::from_bits(conversation),
            turn,
            text: "q".into(),
            completed_with: None,
            decision: decision.into(),
            reason: None,
            entry_id: (decision == "answer").then(|| "fee".into()),
            confidence: 0.9,
            language: Language::Ja,
            at,
        }
    }

    #[test]
    fn the_sums_are_of_what_happened() {
        let now = 20_000 * DAY + 3_600_000;
        let questions = [
            question(1, 3, "handoff", now),
            question(1, 1, "answer", now),
            question(2, 1, "answer", now - DAY),
            question(3, 1, "clarify", now - DAY),
        ];
        let verdict = |conversation: u128, verdict: Verdict| FeedbackRecord {
            conversation: ConversationId::from_bits(conversation),
            turn: 2,
            entry_id: "fee".into(),
            verdict,
            at: now,
        };
        let feedback =
            [verdict(1, Verdict::Unresolved), verdict(2, Verdict::Resolved), verdict(3, Verdict::Chosen)];
        let ticketed = HashSet::from([ConversationId::from_bits(1)]);
        let span = Span { now, days: 7, zone: TimeZone::UTC };
        let insight = summed(&questions, &feedback, &ticketed, &span);
        assert_eq!((insight.conversations, insight.deflected), (3, 2));
        assert_eq!(insight.by_day.len(), 7);
        assert_eq!((insight.total.answered, insight.total.handed_off, insight.total.clarified), (2, 1, 1));
        assert_eq!(insight.total.satisfaction(), Some(0.5));
        let fee = EntryInsight { shown: 3, resolved: 1, down_voted: 1, handed_off_after: 1 };
        assert_eq!(insight.entries, [("fee".to_owned(), fee)]);
        assert_eq!(insight.by_day.values().map(DayInsight::questions).sum::<u64>(), 4);
    }
}
