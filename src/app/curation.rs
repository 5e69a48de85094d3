//! Use cases of the curation desk for one entry: look, write, keep what is being typed, and lead it through its life.
//! Every change names the version it was made from; who was slower gets the newer state back instead of losing words.

use std::sync::Arc;

use crate::kb::curate::{Event, Life, Origin, Revision, Summary, only_tended};
use crate::kb::flaws::{Flaw, flaws};
use crate::kb::{Entry, Status};
use crate::store::{DraftRecord, EntryChange, EntryRecord, LogRecord, Role, StoreError};

use super::curation_types::{Action, EntryDetail, SaveEntry};
use super::impact::preview_of_heads;
use super::{App, AppError, Serving, Staff};

/// Longest reason or note, characters.
pub(super) const NOTE_CHARS: usize = 500;

impl App {
    /// An entry as its editor sees it.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    pub async fn entry(&self, staff: &Staff, id: &str) -> Result<EntryDetail, AppError> {
        let record = self.store.entry(id).await?.ok_or(AppError::NotFound("entry"))?;
        self.detail_of(staff, record).await
    }

    async fn detail_of(&self, staff: &Staff, record: EntryRecord) -> Result<EntryDetail, AppError> {
        let head = self.revision_of(&record, record.life.head).await?;
        let live = match record.life.live.filter(|live| *live != record.life.head) {
            Some(live) => Some(self.revision_of(&record, live).await?),
            None => None,
        };
        let flaws = self.flaws_of(&record.life.entry_of(&head)).await?;
        let draft = self.store.draft(&record.id, &staff.id).await?;
        let actions = self.actions(staff, &record.life, &flaws);
        let is_served = self.serving().await? == Serving::Newest;
        Ok(EntryDetail { record, head, live, flaws, actions, draft, is_served })
    }

    pub(super) async fn revision_of(&self, record: &EntryRecord, number: u32) -> Result<Revision, AppError> {
        self.store.revision(&record.id, number).await?.ok_or(AppError::NotFound("revision"))
    }

    /// Saves a new revision, or the first one. Saving what is there already changes nothing. What changes only owner and
    /// next review keeps its place in life; everything else goes back to draft.
    ///
    /// # Errors
    /// `Forbidden`, `Flawed`, `Stale` (somebody was faster), `Refused` (`entry_id_taken`, `archived`, `scheduled`),
    /// `Unavailable`.
    pub async fn save_entry(
        self: &Arc<Self>,
        staff: &Staff,
        save: SaveEntry,
    ) -> Result<EntryDetail, AppError> {
        must(staff, Role::Editor)?;
        let content = tidy(save.content);
        let reason = note(&save.reason)?;
        let unfit: Vec<Flaw> =
            self.flaws_of(&content).await?.into_iter().filter(|flaw| flaw.kind.forbids_saving()).collect();
        if !unfit.is_empty() {
            return Err(AppError::Flawed(unfit));
        }
        let known = self.store.entry(&content.id).await?;
        let (record, head) = match known {
            None if save.version == 0 => (new_record(&content.id, self.now()), None),
            None => return Err(AppError::NotFound("entry")),
            Some(record) if save.version == 0 => {
                let why = format!("there is an entry {:?} already", record.id);
                return Err(AppError::Refused { code: "entry_id_taken", why });
            }
            Some(record) if record.version != save.version => {
                return Err(AppError::Stale(Box::new(self.detail_of(staff, record).await?)));
            }
            Some(record) => {
                let head = self.revision_of(&record, record.life.head).await?;
                (record, Some(head))
            }
        };
        if head.as_ref().is_some_and(|head| same(&head.content, &content)) {
            self.store.drop_draft(&record.id, &staff.id).await?;
            return self.detail_of(staff, record).await;
        }
        let event = match &head {
            Some(head) if only_tended(&head.content, &content) => Event::Tend,
            _ => Event::Save { by: staff.id.to_string() },
        };
        let record = EntryRecord { external_id: save.external_id.or(record.external_id.clone()), ..record };
        let change = self.change_of(staff, &record, &event, Some((content, Origin::Saved)), reason)?;
        self.make(staff, change).await
    }

    /// Does `action` with an entry. `version` guards against acting on what one has not seen; `None` = whatever it is.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Stale`, `Refused` (why its life does not allow it), `Flawed` (submitting), `Unavailable`.
    pub async fn act_on_entry(
        self: &Arc<Self>,
        staff: &Staff,
        id: &str,
        version: Option<i64>,
        action: Action,
        words: &str,
    ) -> Result<EntryDetail, AppError> {
        must(staff, role_for(action))?;
        let words = note(words)?;
        let record = self.current(staff, id, version).await?;
        if action == Action::Submit {
            let head = self.revision_of(&record, record.life.head).await?;
            let found = self.flaws_of(&head.content).await?;
            if !found.is_empty() {
                return Err(AppError::Flawed(found));
            }
        }
        if matches!(action, Action::Publish | Action::Schedule(_)) {
            self.gate(&preview_of_heads(std::slice::from_ref(&record)), &words).await?;
        }
        let change = self.change_of(staff, &record, &event_of(action, staff), None, words)?;
        self.make(staff, change).await
    }

    /// Saves the content of an earlier revision as a new draft.
    ///
    /// # Errors
    /// As [`App::save_entry`]; `Refused` (`no_such_revision`).
    pub async fn roll_back(
        self: &Arc<Self>,
        staff: &Staff,
        id: &str,
        version: Option<i64>,
        to: u32,
        reason: &str,
    ) -> Result<EntryDetail, AppError> {
        must(staff, Role::Editor)?;
        let reason = note(reason)?;
        let record = self.current(staff, id, version).await?;
        let event = Event::RollBack { by: staff.id.to_string(), to };
        record.life.step(&event, self.curation_rules())?;
        let content = self.revision_of(&record, to).await?.content;
        let change = self.change_of(staff, &record, &event, Some((content, Origin::RolledBack)), reason)?;
        self.make(staff, change).await
    }

    /// Keeps what somebody is typing. Never fails for what it says, only for what cannot be stored.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid` (no possible id), `TooLong`, `Unavailable`.
    pub async fn keep_draft(&self, staff: &Staff, version: i64, content: Entry) -> Result<i64, AppError> {
        must(staff, Role::Editor)?;
        let unfit = flaws(&content, &|_| Some(Status::Draft));
        if let Some(flaw) = unfit.into_iter().find(|flaw| flaw.kind.forbids_saving()) {
            return Err(AppError::Flawed(vec![flaw]));
        }
        let at = self.now();
        let entry_id = content.id.clone();
        let draft = DraftRecord { entry_id, staff: staff.id.clone(), version, at, content };
        self.store.save_draft(&draft).await?;
        Ok(at)
    }

    /// Forgets what somebody was typing.
    ///
    /// # Errors
    /// `Forbidden`, `Unavailable`.
    pub async fn drop_draft(&self, staff: &Staff, id: &str) -> Result<(), AppError> {
        must(staff, Role::Editor)?;
        Ok(self.store.drop_draft(id, &staff.id).await?)
    }

    /// What somebody is typing about an entry, which may not exist yet.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn draft(&self, staff: &Staff, id: &str) -> Result<Option<DraftRecord>, AppError> {
        Ok(self.store.draft(id, &staff.id).await?)
    }

    /// Everything somebody is typing, newest first.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn drafts(&self, staff: &Staff) -> Result<Vec<DraftRecord>, AppError> {
        Ok(self.store.drafts_of(&staff.id).await?)
    }

    /// An id that no entry has.
    pub fn fresh_entry_id(&self) -> String {
        format!("faq-{:08x}", rand::random::<u32>())
    }

    async fn current(&self, staff: &Staff, id: &str, version: Option<i64>) -> Result<EntryRecord, AppError> {
        let record = self.store.entry(id).await?.ok_or(AppError::NotFound("entry"))?;
        if version.is_some_and(|version| version != record.version) {
            return Err(AppError::Stale(Box::new(self.detail_of(staff, record).await?)));
        }
        Ok(record)
    }

    /// What `event` makes of an entry, to be committed.
    pub(super) fn change_of(
        &self,
        staff: &Staff,
        record: &EntryRecord,
        event: &Event,
        content: Option<(Entry, Origin)>,
        words: String,
    ) -> Result<EntryChange, AppError> {
        if let Event::Schedule { at } = event
            && *at <= self.now()
        {
            return Err(AppError::Invalid { field: "at", why: "the time is past".to_owned() });
        }
        let life = record.life.step(event, self.curation_rules())?;
        let (by, at) = (staff.id.as_str(), self.now());
        let log = log_of(record, &life, event, by, words.clone(), at);
        let ends_draft_of = content.is_some().then(|| staff.id.clone());
        let revision = content.map(|(content, origin)| Revision {
            entry_id: record.id.clone(),
            number: life.head,
            content: plain(content),
            author: by.to_owned(),
            at,
            reason: words,
            origin,
        });
        let summary = revision.as_ref().map_or_else(|| record.summary.clone(), Summary::of);
        let is_served = record.life.live != life.live;
        let entry = EntryRecord { life, summary, changed_at: at, ..record.clone() };
        Ok(EntryChange { entry, revision, is_served, log, ends_draft_of })
    }

    /// Commits a change and serves it if customers would notice it.
    async fn make(self: &Arc<Self>, staff: &Staff, change: EntryChange) -> Result<EntryDetail, AppError> {
        let (id, is_served) = (change.entry.id.clone(), change.is_served);
        match self.store.change_entries(vec![change]).await {
            Ok(_) => {}
            Err(StoreError::Conflict) => {
                return Err(AppError::Stale(Box::new(self.entry(staff, &id).await?)));
            }
            Err(StoreError::Taken(_)) => {
                let why = format!("there is an entry {id:?} already, or its external id is taken");
                return Err(AppError::Refused { code: "entry_id_taken", why });
            }
            Err(error) => return Err(error.into()),
        }
        if is_served {
            self.serve_soon().await;
        }
        self.entry(staff, &id).await
    }

    /// All flaws of an entry among the others as they are now.
    pub(super) async fn flaws_of(&self, entry: &Entry) -> Result<Vec<Flaw>, AppError> {
        let records = self.catalogue.records(self.store.as_ref()).await?;
        Ok(flaws(entry, &|id| records.get(id).map(|record| record.life.status)))
    }

    /// What `staff` may do with an entry in this `life` now.
    fn actions(&self, staff: &Staff, life: &Life, flaws: &[Flaw]) -> Vec<Action> {
        let all = [
            Action::Submit,
            Action::Approve,
            Action::SendBack,
            Action::Publish,
            Action::Schedule(i64::MAX),
            Action::Archive,
            Action::Restore,
            Action::TakeDown,
        ];
        let is_ready = |action: &Action| flaws.is_empty() || *action != Action::Submit;
        all.into_iter().filter(is_ready).filter(|action| self.is_open(staff, life, *action)).collect()
    }

    /// Whether `staff` may do `action` with what is in this `life`.
    pub(super) fn is_open(&self, staff: &Staff, life: &Life, action: Action) -> bool {
        staff.may(role_for(action))
            && (action != Action::Approve || life.approved_by.is_none())
            && life.step(&event_of(action, staff), self.curation_rules()).is_ok()
    }
}

/// Who may do `action`.
pub(super) fn role_for(action: Action) -> Role {
    match action {
        Action::Submit | Action::Archive | Action::Restore | Action::TakeDown => Role::Editor,
        Action::Approve | Action::SendBack | Action::Publish | Action::Schedule(_) => Role::Approver,
    }
}

pub(super) fn event_of(action: Action, staff: &Staff) -> Event {
    let by = staff.id.to_string();
    match action {
        Action::Submit => Event::Submit,
        Action::Approve => Event::Approve { by },
        Action::SendBack => Event::SendBack,
        Action::Publish => Event::Publish,
        Action::Schedule(at) => Event::Schedule { at },
        Action::Archive => Event::Archive,
        Action::Restore => Event::Restore { by },
        Action::TakeDown => Event::TakeDown { by },
    }
}

/// The line an event leaves in the entry's log.
pub(super) fn log_of(
    record: &EntryRecord,
    after: &Life,
    event: &Event,
    actor: &str,
    note: String,
    at: i64,
) -> LogRecord {
    // What stops being served concerns the revision that was live.
    let revision = match event {
        Event::TakeDown { .. } | Event::Expire => record.life.live.unwrap_or(after.head),
        _ => after.head,
    };
    LogRecord {
        at,
        actor: actor.to_owned(),
        event: event.name().to_owned(),
        revision,
        note,
        due_at: after.publish_at,
    }
}

pub(super) fn must(staff: &Staff, role: Role) -> Result<(), AppError> {
    if staff.may(role) { Ok(()) } else { Err(AppError::Forbidden(role)) }
}

/// An entry that is not stored yet.
pub(super) fn new_record(id: &str, now: i64) -> EntryRecord {
    EntryRecord {
        id: id.to_owned(),
        version: 0,
        mark: 0,
        life: Life::default(),
        summary: Summary::default(),
        folder: String::new(),
        external_id: None,
        created_at: now,
        changed_at: now,
    }
}

/// A reason or note: optional, one paragraph.
pub(super) fn note(text: &str) -> Result<String, AppError> {
    if text.trim().is_empty() { Ok(String::new()) } else { super::question::clean(text, NOTE_CHARS) }
}

/// The content as it is compared and stored: without what its life says about it.
pub(super) fn plain(entry: Entry) -> Entry {
    Entry { status: Status::Draft, revision: 0, ..entry }
}

/// Whether two contents say the same.
pub(super) fn same(a: &Entry, b: &Entry) -> bool {
    plain(a.clone()) == plain(b.clone())
}

/// The entry as typed, without what typing leaves behind: spaces around lines, empty items, foreign line ends.
fn tidy(entry: Entry) -> Entry {
    let line = |text: String| text.trim().to_owned();
    let list = |items: Vec<String>| -> Vec<String> {
        items.into_iter().map(line).filter(|item| !item.is_empty()).collect()
    };
    let answer = entry.answer.replace("\r\n", "\n").replace('\r', "\n");
    Entry {
        id: line(entry.id),
        category: list(entry.category),
        question: line(entry.question),
        phrasings: list(entry.phrasings),
        answer: answer.trim().to_owned(),
        keywords: list(entry.keywords),
        follow_ups: list(entry.follow_ups),
        related: list(entry.related),
        owner: line(entry.owner),
        sources: list(entry.sources),
        translation_of: entry.translation_of.map(line).filter(|id| !id.is_empty()),
        ..entry
    }
}
