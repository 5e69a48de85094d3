//! Use cases of the preview before publishing: what newest revisions or another vocabulary would change, worked out aside
//! with its progress told, and the gate that asks for a reason where a figure gets worse by more than its budget.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use super::contents::DeskContents;
use super::curation::must;
use super::{Answerer, App, AppError, Staff};
use crate::answer::{Ask, Candidate, Outcome};
use crate::impact::{Case, Impact, Question, Served, StoredQuestion, assess};
use crate::kb::checks::{Claims, Finding, check};
use crate::kb::curate::Event;
use crate::kb::{Entry, Snapshot, Status};
use crate::store::{CaseRecord, EntryRecord, Role, StoreError};

/// Questions of late that are asked again.
const QUESTIONS: u32 = 300;
/// Cases asked at most.
const CASES: usize = 500;
/// Previews kept.
const KEPT: usize = 50;
/// Neighbours an entry is checked against.
const NEIGHBOURS: usize = 20;

/// A preview under way or done.
#[derive(Debug, Default)]
pub struct Preview {
    /// The mark of what was served when it began.
    mark: i64,
    asked: AtomicUsize,
    total: AtomicUsize,
    result: Mutex<Option<Result<Impact, String>>>,
}

/// A preview as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewState {
    /// Names what would be published; the same for the same.
    pub id: String,
    /// Questions asked so far.
    pub asked: usize,
    /// Questions to ask.
    pub total: usize,
    /// What it found; `None` while it is under way.
    pub result: Option<Result<Impact, String>>,
}

/// Previews by what they are of.
pub(super) type Previews = Mutex<HashMap<String, Arc<Preview>>>;

impl Preview {
    fn state(&self, id: &str) -> PreviewState {
        PreviewState {
            id: id.to_owned(),
            asked: self.asked.load(Ordering::Relaxed),
            total: self.total.load(Ordering::Relaxed),
            result: self.result.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone(),
        }
    }
}

impl App {
    /// The preview of an entry's newest revision; starts it if there is none of the entry as it is now.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `NotServed` (this desk builds nothing), `Unavailable`.
    pub async fn preview(self: &Arc<Self>, staff: &Staff, id: &str) -> Result<PreviewState, AppError> {
        must(staff, Role::Editor)?;
        let record = self.store.entry(id).await?.ok_or(AppError::NotFound("entry"))?;
        self.preview_entries(&[record]).await
    }

    /// One preview of publishing all those of `ids` that may be published now; starts it if there is none.
    ///
    /// # Errors
    /// As [`App::preview`]; `Refused` (`nothing_to_publish`), `Invalid` (too many).
    pub async fn preview_set(
        self: &Arc<Self>,
        staff: &Staff,
        ids: &[String],
    ) -> Result<PreviewState, AppError> {
        must(staff, Role::Editor)?;
        let records = self.publishable(ids).await?;
        if records.is_empty() {
            let why = "none of these entries is approved and waits to be published".to_owned();
            return Err(AppError::Refused { code: "nothing_to_publish", why });
        }
        self.preview_entries(&records).await
    }

    /// A preview by its id, while what is served is still what it was compared with.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Unavailable`.
    pub async fn preview_state(&self, staff: &Staff, id: &str) -> Result<PreviewState, AppError> {
        must(staff, Role::Editor)?;
        self.known_preview(id).await?.ok_or(AppError::NotFound("preview"))
    }

    async fn preview_entries(self: &Arc<Self>, records: &[EntryRecord]) -> Result<PreviewState, AppError> {
        let id = preview_of_heads(records);
        if let Some(known) = self.known_preview(&id).await? {
            return Ok(known);
        }
        let changed: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
        let mut contents = self.desk_contents().await?;
        for record in records {
            let head = self.revision_of(record, record.life.head).await?;
            contents.put(Entry { status: Status::Published, revision: head.number, ..head.content });
        }
        self.start_preview(id, contents, changed).await
    }

    /// Compares what is served with what `contents` would serve, aside; `changed` are the entries that differ.
    pub(super) async fn start_preview(
        self: &Arc<Self>,
        id: String,
        contents: DeskContents,
        changed: Vec<String>,
    ) -> Result<PreviewState, AppError> {
        let publisher = self.publishing.publisher.clone();
        let publisher = publisher.ok_or_else(|| AppError::NotServed("this desk publishes nothing".into()))?;
        let mark = self.store.served_mark().await?;
        let today = self.today();
        let cases = self.cases().await?;
        let questions = self.recent_questions().await?;
        let preview = Arc::new(Preview { mark, ..Preview::default() });
        self.keep_preview(&id, &preview);
        let (before, job) = (self.answerer(), Arc::clone(&preview));
        tokio::task::spawn_blocking(move || {
            let found = publisher.build_trial(contents.snapshot(today)).map(|after| {
                let question = Question {
                    before: &Side(before),
                    after: &Side(after),
                    changed: &changed,
                    cases: &cases[..cases.len().min(CASES)],
                    questions: &questions,
                };
                assess(&question, &|asked, total| {
                    job.asked.store(asked, Ordering::Relaxed);
                    job.total.store(total, Ordering::Relaxed);
                })
            });
            let result = found.map_err(|error| format!("{error:#}"));
            *job.result.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(result);
        });
        Ok(preview.state(&id))
    }

    /// The preview `id` if it is of what is served now.
    pub(super) async fn known_preview(&self, id: &str) -> Result<Option<PreviewState>, AppError> {
        let mark = self.store.served_mark().await?;
        let previews = self.previews.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        Ok(previews.get(id).filter(|preview| preview.mark == mark).map(|preview| preview.state(id)))
    }

    fn keep_preview(&self, id: &str, preview: &Arc<Preview>) {
        let mut previews = self.previews.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if previews.len() >= KEPT {
            previews.retain(|id, preview| preview.state(id).result.is_none());
        }
        previews.insert(id.to_owned(), Arc::clone(preview));
    }

    /// Those of `ids` whose newest revision may go out now.
    pub(super) async fn publishable(&self, ids: &[String]) -> Result<Vec<EntryRecord>, AppError> {
        if ids.len() > super::bulk::MOST {
            let why = format!("at most {} entries at once", super::bulk::MOST);
            return Err(AppError::Invalid { field: "ids", why });
        }
        let mut records = Vec::new();
        for id in ids {
            let record = self.store.entry(id).await?;
            let may_go =
                |record: &EntryRecord| record.life.step(&Event::Publish, self.curation_rules()).is_ok();
            records.extend(record.filter(may_go));
        }
        Ok(records)
    }

    /// Refuses to let out what the preview `id` shows to break a figure's budget, unless `words` say why it must go.
    /// Without cases there is nothing to measure, and nothing is refused.
    ///
    /// # Errors
    /// `Refused` (`gate_blocked`, `not_previewed`), `Unavailable`.
    pub(super) async fn gate(&self, id: &str, words: &str) -> Result<(), AppError> {
        if !words.trim().is_empty() || self.store.cases().await?.is_empty() {
            return Ok(());
        }
        match self.known_preview(id).await?.and_then(|state| state.result) {
            Some(Ok(impact)) if !impact.is_blocked() => Ok(()),
            Some(Ok(impact)) => {
                let worse = impact.figures.iter().filter(|figure| figure.breaks);
                let names: Vec<&str> = worse.map(|figure| figure.name.as_str()).collect();
                Err(AppError::Refused { code: "gate_blocked", why: names.join(", ") })
            }
            Some(Err(why)) => Err(AppError::Refused { code: "not_previewed", why }),
            None => Err(AppError::Refused { code: "not_previewed", why: "not previewed".to_owned() }),
        }
    }

    /// What is doubtful about an entry's newest revision beside the others.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Unavailable`.
    pub async fn check_entry(&self, staff: &Staff, id: &str) -> Result<Vec<Finding>, AppError> {
        must(staff, Role::Editor)?;
        let record = self.store.entry(id).await?.ok_or(AppError::NotFound("entry"))?;
        let entry =
            Entry { id: record.id.clone(), ..self.revision_of(&record, record.life.head).await?.content };
        let answerer = self.answerer();
        let claims = self.claims().await?;
        let snapshot = Arc::clone(answerer.snapshot());
        let mut near: Vec<&Entry> = Vec::new();
        for text in std::iter::once(&entry.question).chain(&entry.phrasings) {
            for found in answerer.search(text, NEIGHBOURS) {
                if let Some(other) = snapshot.entry(&found.entry_id).filter(|other| !near.contains(other)) {
                    near.push(other);
                }
            }
        }
        Ok(check(&entry, &near, &claims))
    }

    /// The desk's own list of claims; the shipped one where it has none.
    async fn claims(&self) -> Result<Claims, AppError> {
        let documents = self.documents().await?;
        let text = documents.get(crate::kb::files::CLAIMS).map(String::as_str);
        let shipped = include_str!("../../kb/claims.toml");
        let list = Claims::parse(text.unwrap_or(shipped)).or_else(|error| {
            tracing::warn!("claims.toml is not used, line {}: {error}", error.line);
            Claims::parse(shipped)
        });
        list.map_err(|error| AppError::Unavailable(StoreError::Database(error.to_string())))
    }

    /// The desk's cases.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn cases(&self) -> Result<Vec<Case>, AppError> {
        let read = |record: CaseRecord| {
            serde_json::from_str(&record.case).map_err(|error| {
                AppError::Unavailable(StoreError::Unreadable { what: "case", why: error.to_string() })
            })
        };
        self.store.cases().await?.into_iter().map(read).collect()
    }

    /// Takes cases over, in place of those with the same ids.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn keep_cases(&self, cases: &[Case], author: &str) -> Result<(), AppError> {
        let at = self.now();
        let record = |case: &Case| CaseRecord {
            id: case.id.clone(),
            case: serde_json::to_string(case).expect("a case is plain data"),
            author: author.to_owned(),
            at,
        };
        Ok(self.store.change_gaps(Vec::new(), cases.iter().map(record).collect()).await?)
    }

    pub(super) async fn recent_questions(&self) -> Result<Vec<StoredQuestion>, AppError> {
        let questions = self.store.questions(0, QUESTIONS).await?;
        let stored = |question: crate::store::QuestionRecord| StoredQuestion {
            id: question.trace.to_string(),
            turns: question.completed_with.into_iter().collect(),
            question: question.text,
            made: None,
        };
        Ok(questions.into_iter().map(stored).collect())
    }
}

/// Names the preview of publishing these entries' newest revisions.
pub(super) fn preview_of_heads(records: &[EntryRecord]) -> String {
    let mut heads: Vec<(&str, u32)> =
        records.iter().map(|record| (record.id.as_str(), record.life.head)).collect();
    heads.sort_unstable();
    heads.dedup();
    preview_id(&("entries", heads))
}

/// A short name for `what`; other things have other names.
pub(super) fn preview_id(what: &impl serde::Serialize) -> String {
    let bytes = serde_json::to_vec(what).expect("plain data always serialises");
    hex::encode(&Sha256::digest(bytes)[..16])
}

/// An answerer as one side of a comparison.
struct Side(Arc<dyn Answerer>);

impl Served for Side {
    fn answer(&self, ask: &Ask<'_>) -> Outcome {
        self.0.answer(ask)
    }

    fn snapshot(&self) -> &Arc<Snapshot> {
        self.0.snapshot()
    }

    fn search(&self, text: &str, limit: usize) -> Vec<Candidate> {
        self.0.search(text, limit)
    }
}
