//! Use cases of the gap board: find what customers asked in vain, group it, and let staff take it up: a phrasing for an
//! entry, a new draft, or put aside for a reason. Nothing leaves the board without a person.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::curation::{must, note};
use super::{App, AppError, SaveEntry, Staff};
use crate::chat::Verdict;
use crate::handoff::{ConversationId, StaffId};
use crate::impact::{Case, Expected};
use crate::kb::gaps::{
    GapEvent, GapRefusal, GapState, MAX_AT_ONCE, Meaning, Placement, Signal, Summary, Unmet, place, summarise,
};
use crate::kb::{Entry, Language};
use crate::store::{
    CaseRecord, EntryRecord, FeedbackRecord, GapChange, GapLog, GapQuestion, GapRecord, QuestionRecord, Role,
    StoreError,
};

/// Questions asked longer ago are not looked for: 90 days.
const SPAN: i64 = 90 * 24 * 60 * 60 * 1_000;
/// Questions read at once.
const READ: u32 = 20_000;
/// Example wordings shown in a list, and in a gap of its own.
const EXAMPLES: [usize; 2] = [3, 50];
/// Who finds gaps.
const CLOCK: &str = "clock";

/// A gap as the board shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct GapView {
    /// The gap.
    pub record: GapRecord,
    /// What it is about.
    pub summary: Summary,
    /// The entry nearest to it, as far as the desk has it.
    pub nearest: Option<EntryRecord>,
}

/// A gap with everything one needs to take it up.
#[derive(Debug, Clone, PartialEq)]
pub struct GapDetail {
    /// The gap.
    pub view: GapView,
    /// Its questions, newest first.
    pub questions: Vec<GapQuestion>,
    /// What happened to it, newest first.
    pub log: Vec<GapLog>,
    /// What a person replied to one of the questions, newest first.
    pub replies: Vec<String>,
}

/// What to do with a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GapAction {
    /// Give it to somebody.
    Assign(StaffId),
    /// Give it back.
    Release,
    /// Put it aside.
    Dismiss(String),
    /// Take it up again.
    Reopen,
    /// Add this wording to this entry, as a draft.
    AddPhrasing {
        /// The entry.
        entry: String,
        /// The wording.
        phrasing: String,
    },
    /// Write a new entry, as a draft.
    Draft {
        /// Its question.
        question: String,
        /// Its answer; may be empty for now.
        answer: String,
    },
}

impl App {
    /// Finds questions that were asked in vain since the last look and groups them. Safe to call at any time.
    ///
    /// # Errors
    /// `Conflict` (others were at it, too often), `Unavailable`.
    pub async fn find_gaps(&self) -> Result<usize, AppError> {
        let _one = self.gap_search.lock().await;
        let since = self.now() - SPAN;
        let known = self.store.gap_questions().await?;
        let placed: HashSet<&str> = known.iter().map(|question| question.unmet.id.as_str()).collect();
        let questions = self.store.questions(since, READ).await?;
        let feedback = self.store.feedback(since, READ).await?;
        let mut fresh: Vec<GapQuestion> = unmet(&questions, &feedback);
        fresh.retain(|question| !placed.contains(question.unmet.id.as_str()));
        fresh.truncate(MAX_AT_ONCE);
        // Oldest first: what was asked first gives a gap its number.
        fresh.reverse();
        if fresh.is_empty() {
            return Ok(0);
        }
        let records = self.store.gaps().await?;
        let groups: Vec<Vec<Meaning>> = records
            .iter()
            .map(|record| {
                let members = known.iter().filter(|question| question.gap == record.id);
                members.map(|question| self.meaning(&question.unmet.text)).collect()
            })
            .collect();
        let meanings: Vec<Meaning> =
            fresh.iter().map(|question| self.meaning(&question.unmet.text)).collect();
        let placements = tokio::task::spawn_blocking(move || place(&groups, &meanings))
            .await
            .map_err(|_| AppError::Unavailable(StoreError::Database("grouping broke off".to_owned())))?;
        let count = fresh.len();
        let changes = self.joined(&records, fresh, &placements);
        match self.store.change_gaps(changes, Vec::new()).await {
            Err(StoreError::Conflict) => Err(AppError::Conflict),
            other => Ok(other.map(|()| count)?),
        }
    }

    fn joined(
        &self,
        records: &[GapRecord],
        questions: Vec<GapQuestion>,
        placements: &[Placement],
    ) -> Vec<GapChange> {
        let now = self.now();
        let mut joins: BTreeMap<usize, Vec<GapQuestion>> = BTreeMap::new();
        let mut news: BTreeMap<usize, Vec<GapQuestion>> = BTreeMap::new();
        for (question, placement) in questions.into_iter().zip(placements) {
            match placement {
                Placement::Joins(number) => joins.entry(*number).or_default().push(question),
                Placement::New(number) => news.entry(*number).or_default().push(question),
            }
        }
        let change = |gap: GapRecord, event: &str, questions: Vec<GapQuestion>| GapChange {
            log: GapLog {
                at: now,
                actor: CLOCK.to_owned(),
                event: event.to_owned(),
                note: questions.len().to_string(),
            },
            gap,
            questions,
        };
        let joined = joins.into_iter().map(|(number, questions)| {
            let record = records[number].clone();
            let state = record.state.after(GapEvent::Asked).unwrap_or(record.state.clone());
            change(GapRecord { state, changed_at: now, ..record }, "asked", questions)
        });
        let found = news.into_values().map(|questions| {
            let id = format!("{:032x}", rand::random::<u128>());
            let state = GapState::Open;
            change(GapRecord { id, version: 0, state, created_at: now, changed_at: now }, "found", questions)
        });
        joined.chain(found).collect()
    }

    /// The gaps in a state (`open`, `assigned`, `dismissed`, `done`; empty = those somebody still has to look at), the
    /// heaviest first, and how many are in each state.
    ///
    /// # Errors
    /// `Forbidden`, `Unavailable`.
    pub async fn gaps(
        &self,
        staff: &Staff,
        state: &str,
    ) -> Result<(Vec<GapView>, BTreeMap<&'static str, usize>), AppError> {
        must(staff, Role::Editor)?;
        let mut members: HashMap<String, Vec<Unmet>> = HashMap::new();
        for question in self.store.gap_questions().await? {
            members.entry(question.gap).or_default().push(question.unmet);
        }
        let mut counts = BTreeMap::new();
        let mut views = Vec::new();
        for record in self.store.gaps().await? {
            *counts.entry(record.state.name()).or_default() += 1;
            let is_wanted = record.state.name() == state || (state.is_empty() && record.state.is_pending());
            if is_wanted {
                let questions = members.remove(&record.id).unwrap_or_default();
                views.push(self.gap_view(record, &questions, EXAMPLES[0]).await?);
            }
        }
        views.sort_by(|a, b| b.summary.weight.total_cmp(&a.summary.weight));
        Ok((views, counts))
    }

    async fn gap_view(
        &self,
        record: GapRecord,
        questions: &[Unmet],
        examples: usize,
    ) -> Result<GapView, AppError> {
        let meanings: Vec<Meaning> = questions.iter().map(|question| self.meaning(&question.text)).collect();
        let summary = summarise(questions, &meanings, self.now(), examples);
        let records = self.catalogue.records(self.store.as_ref()).await?;
        let found = self.answerer().search(&summary.title, 1).into_iter().next().map(|found| found.entry_id);
        let id = found.or_else(|| summary.nearest.clone().map(|(id, _)| id));
        let nearest = id.and_then(|id| records.get(&id)).map(|record| record.as_ref().clone());
        Ok(GapView { record, summary, nearest })
    }

    /// A gap with its questions, its past, and what people replied.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Unavailable`.
    pub async fn gap(&self, staff: &Staff, id: &str) -> Result<GapDetail, AppError> {
        must(staff, Role::Editor)?;
        let record = self.store.gaps().await?.into_iter().find(|gap| gap.id == id);
        let record = record.ok_or(AppError::NotFound("gap"))?;
        let mut questions = self.store.gap_questions().await?;
        questions.retain(|question| question.gap == id);
        let unmet: Vec<Unmet> = questions.iter().map(|question| question.unmet.clone()).collect();
        let view = self.gap_view(record, &unmet, EXAMPLES[1]).await?;
        let replies = self.replies(&questions).await?;
        let log = self.store.gap_log(id).await?;
        Ok(GapDetail { view, questions, log, replies })
    }

    /// What people last wrote in the newest of these conversations, masked, each wording once.
    async fn replies(&self, questions: &[GapQuestion]) -> Result<Vec<String>, AppError> {
        const LOOKED_AT: usize = 10;
        let mut seen: HashSet<&ConversationId> = HashSet::new();
        let mut replies: Vec<String> = Vec::new();
        for question in
            questions.iter().filter(|question| seen.insert(&question.conversation)).take(LOOKED_AT)
        {
            let turns = self.transcript(&question.conversation).await?;
            let last =
                turns.iter().rev().find(|turn| turn.speaker.name() == "agent" && !turn.text.is_empty());
            if let Some(turn) = last {
                let reply = crate::privacy::mask(&turn.text).text;
                if !replies.contains(&reply) {
                    replies.push(reply);
                }
            }
        }
        Ok(replies)
    }

    /// Does `action` with a gap. Taking it up also writes a case, so that evaluation asks the question from then on.
    /// Gives the id of the entry that was written, if one was.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Refused` (`gap_closed`, `gap_open`, and what saving an entry refuses), `Empty` (no
    /// reason), `Flawed`, `Conflict` (somebody was faster), `Unavailable`.
    pub async fn act_on_gap(
        self: &Arc<Self>,
        staff: &Staff,
        id: &str,
        action: GapAction,
    ) -> Result<Option<String>, AppError> {
        let detail = self.gap(staff, id).await?;
        let record = detail.view.record.clone();
        let (event, name, note) = match &action {
            GapAction::Assign(to) => (GapEvent::Assign(to.to_string()), "assign", to.to_string()),
            GapAction::Release => (GapEvent::Release, "release", String::new()),
            GapAction::Reopen => (GapEvent::Reopen, "reopen", String::new()),
            GapAction::Dismiss(reason) => {
                let reason = note(reason)?;
                (GapEvent::Dismiss(reason.clone()), "dismiss", reason)
            }
            // Refused early: an entry must not be written for a gap that is closed.
            GapAction::AddPhrasing { .. } | GapAction::Draft { .. } => {
                record.state.after(GapEvent::Resolve(String::new())).map_err(refused)?;
                let entry = self.write_for(staff, &detail, &action).await?;
                (GapEvent::Resolve(entry.clone()), "resolve", entry)
            }
        };
        let state = record.state.after(event).map_err(refused)?;
        let now = self.now();
        let (mut cases, mut written) = (Vec::new(), None);
        if let GapState::Done { entry } = &state {
            cases.push(case_of(&detail, entry, staff, now)?);
            written = Some(entry.clone());
        }
        let log = GapLog { at: now, actor: staff.id.to_string(), event: name.to_owned(), note };
        let change =
            GapChange { gap: GapRecord { state, changed_at: now, ..record }, questions: vec![], log };
        match self.store.change_gaps(vec![change], cases).await {
            Err(StoreError::Conflict) => Err(AppError::Conflict),
            other => Ok(other.map(|()| written)?),
        }
    }

    /// Writes the phrasing or the draft; the entry's id.
    async fn write_for(
        self: &Arc<Self>,
        staff: &Staff,
        detail: &GapDetail,
        action: &GapAction,
    ) -> Result<String, AppError> {
        let reason = format!("gap: {}", detail.view.summary.title);
        let reason: String = reason.chars().take(super::curation::NOTE_CHARS).collect();
        let (version, content) = match action {
            GapAction::AddPhrasing { entry, phrasing } => {
                let known = self.entry(staff, entry).await?;
                let mut content = known.head.content;
                let phrasing = super::question::clean(phrasing, crate::kb::flaws::LINE_CHARS)?;
                if content.question != phrasing && !content.phrasings.contains(&phrasing) {
                    content.phrasings.push(phrasing);
                }
                (known.record.version, content)
            }
            GapAction::Draft { question, answer } => (0, self.drafted(detail, question, answer)?),
            _ => return Err(AppError::NotFound("entry")),
        };
        let save = SaveEntry { version, content, reason, external_id: None };
        Ok(self.save_entry(staff, save).await?.record.id)
    }

    fn drafted(&self, detail: &GapDetail, question: &str, answer: &str) -> Result<Entry, AppError> {
        let question = super::question::clean(question, crate::kb::flaws::LINE_CHARS)?;
        let nearest = detail.view.nearest.as_ref();
        let category = nearest.map(|record| record.summary.category.clone()).filter(|path| !path.is_empty());
        let mut phrasings: Vec<String> = Vec::new();
        for wording in &detail.view.summary.examples {
            let is_short = wording.chars().count() <= crate::kb::flaws::LINE_CHARS && !wording.contains('\n');
            if is_short && *wording != question && !phrasings.contains(wording) && phrasings.len() < 10 {
                phrasings.push(wording.clone());
            }
        }
        let is_japanese = |c: char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}');
        Ok(Entry {
            id: self.fresh_entry_id(),
            category: category.unwrap_or_else(|| vec!["未分類".to_owned()]),
            language: if question.contains(is_japanese) { Language::Ja } else { Language::En },
            question,
            phrasings,
            answer: answer.to_owned(),
            ..Entry::default()
        })
    }

    fn meaning(&self, text: &str) -> Meaning {
        Meaning::of(text, self.answerer().embed(text))
    }
}

fn refused(refusal: GapRefusal) -> AppError {
    let code = match refusal {
        GapRefusal::NoReason => return AppError::Empty,
        GapRefusal::Closed => "gap_closed",
        GapRefusal::NotClosed => "gap_open",
    };
    AppError::Refused { code, why: refusal.to_string() }
}

fn case_of(detail: &GapDetail, entry: &str, staff: &Staff, at: i64) -> Result<CaseRecord, AppError> {
    let id = format!("gap-{}", &detail.view.record.id[..12]);
    let case = Case {
        id: id.clone(),
        turns: Vec::new(),
        question: detail.view.summary.title.clone(),
        expect: Expected::Answer,
        entries: vec![entry.to_owned()],
        accept: Vec::new(),
        reason: None,
        category: String::new(),
        tags: vec!["gap".to_owned()],
        split: String::new(),
        note: String::new(),
    };
    let case = serde_json::to_string(&case)
        .map_err(|error| AppError::Unavailable(StoreError::Database(error.to_string())))?;
    Ok(CaseRecord { id, case, author: staff.id.to_string(), at })
}

/// The questions that were not answered well, newest first.
fn unmet(questions: &[QuestionRecord], feedback: &[FeedbackRecord]) -> Vec<GapQuestion> {
    let mut said: HashMap<&ConversationId, Vec<&FeedbackRecord>> = HashMap::new();
    for record in feedback {
        said.entry(&record.conversation).or_default().push(record);
    }
    let mut asked: HashMap<&ConversationId, Vec<u64>> = HashMap::new();
    for question in questions {
        asked.entry(&question.conversation).or_default().push(question.turn);
    }
    let found = questions.iter().filter_map(|question| {
        let next = asked[&question.conversation].iter().filter(|turn| **turn > question.turn).min();
        let until = next.copied().unwrap_or(u64::MAX);
        let about = said.get(&question.conversation).into_iter().flatten();
        let verdicts: Vec<Verdict> = about
            .filter(|record| (question.turn..until).contains(&record.turn))
            .map(|record| record.verdict)
            .collect();
        let unmet = Unmet {
            id: question.trace.to_string(),
            text: question.text.clone(),
            signal: signal(question, &verdicts)?,
            nearest: question.entry_id.clone(),
            at: question.at,
        };
        Some(GapQuestion { gap: String::new(), conversation: question.conversation.clone(), unmet })
    });
    found.filter(|question| !question.unmet.text.trim().is_empty()).collect()
}

/// Why a question belongs on the board; `None` if it was answered, or had to reach a person anyway.
fn signal(question: &QuestionRecord, verdicts: &[Verdict]) -> Option<Signal> {
    match (question.decision.as_str(), question.reason.as_deref()) {
        ("handoff", Some("out_of_scope")) => Some(Signal::Unanswered),
        ("handoff", Some("low_confidence")) => Some(Signal::HandedOff),
        ("clarify", _) if verdicts.contains(&Verdict::Chosen) => None,
        ("clarify", _) if verdicts.contains(&Verdict::NotThis) => Some(Signal::NotChosen),
        ("answer", _) if verdicts.contains(&Verdict::Unresolved) => Some(Signal::VotedDown),
        _ => None,
    }
}
