//! Use cases of the vocabulary: written, reviewed and published like an entry, through the same life. What customers are
//! served from is in the documents; a folder taken over past the console becomes a revision of its own here.

use std::sync::Arc;

use super::curation::{event_of, must, note, role_for};
use super::curation_types::Action;
use super::impact::preview_id;
use super::{App, AppError, Serving, Staff, WHO_IMPORTS};
use crate::kb::Status;
use crate::kb::checks::{MOST_ROWS, VocabularyFinding, vocabulary_errors};
use crate::kb::curate::{Event, Life, Origin};
use crate::kb::files::VocabularyTexts;
use crate::store::{
    DocumentRecord, LogRecord, Role, StoreError, VocabularyChange, VocabularyRecord, VocabularyRevision,
    VocabularyTyping,
};
use crate::text::script::katakana;
use crate::text::{SynonymGroup, UserTerm, Vocabulary};

/// How often a take-over of the documents is tried against others.
const ATTEMPTS: usize = 5;
/// What can be done with the vocabulary.
const ACTIONS: [Action; 4] = [Action::Submit, Action::Approve, Action::SendBack, Action::Publish];

/// The vocabulary with everything its editor needs.
#[derive(Debug, Clone, PartialEq)]
pub struct VocabularyDetail {
    /// Where it is in its life.
    pub record: VocabularyRecord,
    /// The newest revision.
    pub head: VocabularyRevision,
    /// What customers are served with.
    pub live: VocabularyRevision,
    /// What the asking member of staff may do with it now.
    pub actions: Vec<Action>,
    /// Whether customers get what is published.
    pub is_served: bool,
    /// What the asking member of staff is typing, kept until it is saved.
    pub typing: Option<Typing>,
}

/// What somebody is typing about the vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct Typing {
    /// What was kept.
    pub kept: VocabularyTyping,
    /// What the revision says that it began from.
    pub began_from: Vocabulary,
}

/// The vocabulary's past.
#[derive(Debug, Clone, PartialEq)]
pub struct VocabularyHistory {
    /// Where it is in its life.
    pub record: VocabularyRecord,
    /// All revisions, newest first.
    pub revisions: Vec<VocabularyRevision>,
    /// Everything that happened, newest first.
    pub log: Vec<LogRecord>,
}

/// A vocabulary to save.
#[derive(Debug, Clone)]
pub struct SaveVocabulary {
    /// The version it was loaded with.
    pub version: i64,
    /// What it should say.
    pub vocabulary: Vocabulary,
    /// Why it is changed.
    pub reason: String,
}

impl App {
    /// The vocabulary as its editor sees it.
    ///
    /// # Errors
    /// `Conflict`, `Unavailable`.
    pub async fn vocabulary(&self, staff: &Staff) -> Result<VocabularyDetail, AppError> {
        let record = self.vocabulary_record().await?;
        let head = self.vocabulary_revision(record.life.head).await?;
        let live = match record.life.live.filter(|live| *live != head.number) {
            Some(live) => self.vocabulary_revision(live).await?,
            None => head.clone(),
        };
        let may = |action: &Action| self.is_open(staff, &record.life, *action);
        let actions = ACTIONS.into_iter().filter(may).collect();
        let is_served = self.serving().await? == Serving::Newest;
        let typing = match self.store.vocabulary_typing(&staff.id).await? {
            Some(kept) => {
                let began_from = self.vocabulary_revision(kept.revision).await?.texts.vocabulary();
                Some(Typing { kept, began_from })
            }
            None => None,
        };
        Ok(VocabularyDetail { record, head, live, actions, is_served, typing })
    }

    /// Saves a new revision, as a draft. Saving what is there already changes nothing.
    ///
    /// # Errors
    /// `Forbidden`, `UnfitVocabulary`, `StaleVocabulary` (somebody was faster), `TooLong`, `Unavailable`.
    pub async fn save_vocabulary(
        self: &Arc<Self>,
        staff: &Staff,
        save: SaveVocabulary,
    ) -> Result<VocabularyDetail, AppError> {
        must(staff, Role::Editor)?;
        let reason = note(&save.reason)?;
        let vocabulary = tidy_vocabulary(save.vocabulary);
        let unfit = vocabulary_errors(&vocabulary);
        if !unfit.is_empty() {
            return Err(AppError::UnfitVocabulary(unfit));
        }
        let known = self.vocabulary(staff).await?;
        if known.record.version != save.version {
            return Err(AppError::StaleVocabulary(Box::new(known)));
        }
        let texts = known.head.texts.saying(&vocabulary);
        if texts == known.head.texts {
            self.store.drop_vocabulary_typing(&staff.id).await?;
            return Ok(VocabularyDetail { typing: None, ..known });
        }
        let event = Event::Save { by: staff.id.to_string() };
        let change =
            self.vocabulary_change(staff, &known, &event, Some((texts, Origin::Saved)), reason).await?;
        self.make_vocabulary(staff, change).await
    }

    /// Keeps what somebody is typing, which began with `version` and `revision`; only they get it back. Never fails for what
    /// it says, only for what cannot be stored.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid` (too many rows), `NotFound` (no such revision), `Unavailable`.
    pub async fn keep_vocabulary_typing(
        &self,
        staff: &Staff,
        version: i64,
        revision: u32,
        content: Vocabulary,
    ) -> Result<i64, AppError> {
        must(staff, Role::Editor)?;
        if content.synonyms.len().max(content.terms.len()) > MOST_ROWS {
            let why = format!("at most {MOST_ROWS} groups and {MOST_ROWS} terms");
            return Err(AppError::Invalid { field: "vocabulary", why });
        }
        self.vocabulary_revision(revision).await?;
        let (staff, at) = (staff.id.clone(), self.now());
        self.store
            .keep_vocabulary_typing(&VocabularyTyping { staff, version, revision, at, content })
            .await?;
        Ok(at)
    }

    /// Forgets what somebody was typing.
    ///
    /// # Errors
    /// `Forbidden`, `Unavailable`.
    pub async fn drop_vocabulary_typing(&self, staff: &Staff) -> Result<(), AppError> {
        must(staff, Role::Editor)?;
        Ok(self.store.drop_vocabulary_typing(&staff.id).await?)
    }

    /// Submits, approves, sends back or publishes the newest revision. `version` guards against acting on what one has
    /// not seen; `None` = whatever it is.
    ///
    /// # Errors
    /// `Forbidden`, `StaleVocabulary`, `UnfitVocabulary` (submitting), `Refused` (why its life does not allow it, or the
    /// gate), `Invalid` (nothing one does with a vocabulary), `Unavailable`.
    pub async fn act_on_vocabulary(
        self: &Arc<Self>,
        staff: &Staff,
        version: Option<i64>,
        action: Action,
        words: &str,
    ) -> Result<VocabularyDetail, AppError> {
        must(staff, role_for(action))?;
        if !ACTIONS.contains(&action) {
            let why = format!("a vocabulary cannot be treated with {:?}", action.name());
            return Err(AppError::Invalid { field: "action", why });
        }
        let words = note(words)?;
        let known = self.vocabulary_at(staff, version).await?;
        let event = event_of(action, staff);
        known.record.life.step(&event, self.curation_rules())?;
        let vocabulary = known.head.texts.vocabulary();
        if action == Action::Submit {
            let unfit = vocabulary_errors(&vocabulary);
            if !unfit.is_empty() {
                return Err(AppError::UnfitVocabulary(unfit));
            }
        }
        if action == Action::Publish {
            self.gate(&preview_of_vocabulary(&vocabulary), &words).await?;
        }
        let change = self.vocabulary_change(staff, &known, &event, None, words).await?;
        self.make_vocabulary(staff, change).await
    }

    /// Saves what an earlier revision said as a new draft.
    ///
    /// # Errors
    /// As [`App::save_vocabulary`]; `Refused` (`no_such_revision`).
    pub async fn roll_vocabulary_back(
        self: &Arc<Self>,
        staff: &Staff,
        version: Option<i64>,
        to: u32,
        reason: &str,
    ) -> Result<VocabularyDetail, AppError> {
        must(staff, Role::Editor)?;
        let reason = note(reason)?;
        let known = self.vocabulary_at(staff, version).await?;
        let event = Event::RollBack { by: staff.id.to_string(), to };
        known.record.life.step(&event, self.curation_rules())?;
        let texts = self.vocabulary_revision(to).await?.texts;
        let content = Some((texts, Origin::RolledBack));
        let change = self.vocabulary_change(staff, &known, &event, content, reason).await?;
        self.make_vocabulary(staff, change).await
    }

    /// Revisions and log of the vocabulary.
    ///
    /// # Errors
    /// `Conflict`, `Unavailable`.
    pub async fn vocabulary_history(&self) -> Result<VocabularyHistory, AppError> {
        let record = self.vocabulary_record().await?;
        let revisions = self.store.vocabulary_revisions().await?;
        Ok(VocabularyHistory { record, revisions, log: self.store.vocabulary_log().await? })
    }

    /// Whether the vocabulary waits for a second person.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn vocabulary_waits(&self) -> Result<bool, AppError> {
        let record = self.store.vocabulary().await?;
        Ok(record.is_some_and(|record| record.life.status == Status::Review))
    }

    /// What is being written, where that is not what is served.
    pub(super) async fn vocabulary_draft(&self) -> Result<Option<Vocabulary>, AppError> {
        match self.store.vocabulary().await? {
            Some(record) if record.life.has_newer() => {
                Ok(Some(self.vocabulary_revision(record.life.head).await?.texts.vocabulary()))
            }
            _ => Ok(None),
        }
    }

    async fn vocabulary_at(&self, staff: &Staff, version: Option<i64>) -> Result<VocabularyDetail, AppError> {
        let known = self.vocabulary(staff).await?;
        match version {
            Some(version) if version != known.record.version => {
                Err(AppError::StaleVocabulary(Box::new(known)))
            }
            _ => Ok(known),
        }
    }

    async fn vocabulary_revision(&self, number: u32) -> Result<VocabularyRevision, AppError> {
        self.store.vocabulary_revision(number).await?.ok_or(AppError::NotFound("revision"))
    }

    /// The vocabulary's record, after taking over what the documents say where that came from files.
    async fn vocabulary_record(&self) -> Result<VocabularyRecord, AppError> {
        for _ in 0..ATTEMPTS {
            let documents = self.store.documents().await?;
            let texts = texts_of(&documents);
            let record = self.store.vocabulary().await?;
            let live = match record.as_ref().and_then(|record| record.life.live) {
                Some(live) => Some(self.vocabulary_revision(live).await?),
                None => None,
            };
            if let (Some(record), Some(live)) = (&record, live)
                && live.texts == texts
            {
                return Ok(record.clone());
            }
            let change = taken_over(record.unwrap_or_default(), texts, &documents, self.now());
            match self.store.change_vocabulary(change).await {
                Ok(_) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AppError::Conflict)
    }

    /// What `event` makes of the vocabulary, to be committed; with the documents it lets out.
    async fn vocabulary_change(
        &self,
        staff: &Staff,
        known: &VocabularyDetail,
        event: &Event,
        content: Option<(VocabularyTexts, Origin)>,
        words: String,
    ) -> Result<VocabularyChange, AppError> {
        let before = &known.record;
        let life = before.life.step(event, self.curation_rules())?;
        let (by, at) = (staff.id.to_string(), self.now());
        let documents = match before.life.live != life.live {
            true => states(&self.store.documents().await?, &known.head, at),
            false => Vec::new(),
        };
        let log = LogRecord {
            at,
            actor: by.clone(),
            event: event.name().to_owned(),
            revision: life.head,
            note: words.clone(),
            due_at: None,
        };
        let ends_typing_of = content.is_some().then(|| staff.id.clone());
        let revision = content.map(|(texts, origin)| VocabularyRevision {
            number: life.head,
            texts,
            author: by,
            at,
            reason: words,
            origin,
        });
        let record = VocabularyRecord { version: before.version, life, changed_at: at };
        Ok(VocabularyChange { record, revision, log, documents, ends_typing_of })
    }

    /// Commits a change and serves it if customers would notice.
    async fn make_vocabulary(
        self: &Arc<Self>,
        staff: &Staff,
        change: VocabularyChange,
    ) -> Result<VocabularyDetail, AppError> {
        let is_served = !change.documents.is_empty();
        match self.store.change_vocabulary(change).await {
            Ok(_) => {}
            Err(StoreError::Conflict) => {
                return Err(AppError::StaleVocabulary(Box::new(self.vocabulary(staff).await?)));
            }
            Err(error) => return Err(error.into()),
        }
        if is_served {
            self.serve_soon().await;
        }
        self.vocabulary(staff).await
    }
}

/// Names the preview of serving this vocabulary.
pub(super) fn preview_of_vocabulary(vocabulary: &Vocabulary) -> String {
    preview_id(&("vocabulary", vocabulary))
}

/// The vocabulary as typed, without what typing leaves behind: spaces, empty words and rows, readings in hiragana.
pub(super) fn tidy_vocabulary(vocabulary: Vocabulary) -> Vocabulary {
    let mut tidy = tidy_rows(vocabulary);
    tidy.synonyms.retain(|group| !group.members.is_empty());
    tidy.terms.retain(|term| *term != UserTerm::default());
    tidy
}

/// The same with every row in its place.
pub(super) fn tidy_rows(vocabulary: Vocabulary) -> Vocabulary {
    let words = |words: Vec<String>| -> Vec<String> {
        words.into_iter().map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
    };
    let group = |group: SynonymGroup| SynonymGroup { members: words(group.members) };
    let term = |term: UserTerm| UserTerm {
        surface: term.surface.trim().to_owned(),
        pos: term.pos.trim().to_owned(),
        reading: term.reading.trim().chars().map(|c| katakana(c).unwrap_or(c)).collect(),
        parts: term.parts.iter().flat_map(|part| part.split_whitespace()).map(str::to_owned).collect(),
    };
    Vocabulary {
        synonyms: vocabulary.synonyms.into_iter().map(group).collect(),
        terms: vocabulary.terms.into_iter().map(term).collect(),
    }
}

fn texts_of(documents: &[DocumentRecord]) -> VocabularyTexts {
    let named = documents.iter().filter_map(|known| Some((known.name.clone(), known.text.clone()?)));
    VocabularyTexts::of(&named.collect())
}

/// The change that makes what the documents say the newest revision, and the one that is served.
fn taken_over(
    record: VocabularyRecord,
    texts: VocabularyTexts,
    documents: &[DocumentRecord],
    now: i64,
) -> VocabularyChange {
    let life = match record.version {
        0 => Life::imported(Status::Published),
        _ => record.life.reimported(Status::Published),
    };
    let names = texts.named().map(|(name, _)| name);
    let newest = documents.iter().filter(|known| names.contains(&known.name.as_str()));
    let newest = newest.max_by_key(|known| known.at);
    let (author, at) = newest.map_or((WHO_IMPORTS.to_owned(), now), |known| (known.author.clone(), known.at));
    let log = LogRecord {
        at,
        actor: author.clone(),
        event: Origin::Imported.name().to_owned(),
        revision: life.head,
        note: String::new(),
        due_at: None,
    };
    let (reason, origin) = (String::new(), Origin::Imported);
    let revision = VocabularyRevision { number: life.head, texts, author, at, reason, origin };
    let record = VocabularyRecord { version: record.version, life, changed_at: at };
    VocabularyChange { record, revision: Some(revision), log, documents: Vec::new(), ends_typing_of: None }
}

/// The documents that must change for `revision` to be served.
fn states(known: &[DocumentRecord], revision: &VocabularyRevision, at: i64) -> Vec<DocumentRecord> {
    let state = |(name, text): (&str, &str)| {
        let before = known.iter().find(|document| document.name == name);
        let is_same = before.and_then(|document| document.text.as_deref()).unwrap_or_default() == text;
        (!is_same).then(|| DocumentRecord {
            name: name.to_owned(),
            number: before.map_or(1, |document| document.number + 1),
            author: revision.author.clone(),
            at,
            reason: revision.reason.clone(),
            text: Some(text.to_owned()),
        })
    };
    revision.texts.named().into_iter().filter_map(state).collect()
}

/// The findings of an unfit vocabulary, for a message.
pub(super) fn unfit(found: &[VocabularyFinding]) -> String {
    found.iter().map(|finding| finding.kind.name()).collect::<Vec<&str>>().join(", ")
}
