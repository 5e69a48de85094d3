//! What the curation desk stores, where the domain has no type of its own.

use serde::{Deserialize, Serialize};

use crate::handoff::StaffId;
use crate::kb::Entry;
use crate::kb::curate::{Life, Origin, Revision, Summary};
use crate::kb::files::VocabularyTexts;
use crate::text::Vocabulary;

/// An entry as lists know it: where it is in its life and what its head says in short.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryRecord {
    /// Id.
    pub id: String,
    /// Counts the changes; guards [`super::Store::change_entries`].
    pub version: i64,
    /// The desk's mark at the last change.
    pub mark: i64,
    /// Where it is in its life.
    pub life: Life,
    /// Its head in short.
    pub summary: Summary,
    /// Folder below `entries/` when the desk is written to files.
    pub folder: String,
    /// Id in the system it was imported from.
    pub external_id: Option<String>,
    /// When it was created, UTC milliseconds.
    pub created_at: i64,
    /// When it was last changed, UTC milliseconds.
    pub changed_at: i64,
}

/// One change to one entry: its new state, the revision it brings if any, and the line in its log.
#[derive(Debug, Clone)]
pub struct EntryChange {
    /// The entry afterwards; `version` is the one it was loaded with (0 = it is new), `mark` is set by the store.
    pub entry: EntryRecord,
    /// The revision saved with it.
    pub revision: Option<Revision>,
    /// Whether it changes what customers get.
    pub is_served: bool,
    /// What happened.
    pub log: LogRecord,
    /// Whose draft of the entry is done with.
    pub ends_draft_of: Option<StaffId>,
}

/// A line of the log of an entry, or of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    /// When, UTC milliseconds.
    pub at: i64,
    /// Id of who did it, or the name of the command or clock that did.
    pub actor: String,
    /// [`crate::kb::curate::Event::name`], or `imported`.
    pub event: String,
    /// Number of the revision it concerns.
    pub revision: u32,
    /// Why, in the actor's words; may be empty.
    pub note: String,
    /// When a scheduled revision goes out, UTC milliseconds.
    pub due_at: Option<i64>,
}

/// What somebody is typing, kept so that nothing is lost.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftRecord {
    /// The entry, which may not exist yet.
    pub entry_id: String,
    /// Who types.
    pub staff: StaffId,
    /// The entry's version when they began; 0 = it did not exist.
    pub version: i64,
    /// When it was last kept, UTC milliseconds.
    pub at: i64,
    /// What it says so far.
    pub content: Entry,
}

/// One state of one of the desk's other files (synonyms, dictionary, rules, wording, …).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRecord {
    /// Name relative to the desk's folder, such as `synonyms.txt`.
    pub name: String,
    /// 1 for the first state.
    pub number: i64,
    /// Id of who saved it, or the name of the command that did.
    pub author: String,
    /// When, UTC milliseconds.
    pub at: i64,
    /// Why it was changed.
    pub reason: String,
    /// The text; `None` = the file was removed.
    pub text: Option<String>,
}

/// The vocabulary as it is being written: where it is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VocabularyRecord {
    /// Counts the changes; guards [`super::Store::change_vocabulary`].
    pub version: i64,
    /// Where it is in its life; `live` is what the documents say.
    pub life: Life,
    /// When it was last changed, UTC milliseconds.
    pub changed_at: i64,
}

/// One saved state of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VocabularyRevision {
    /// 1 for the first.
    pub number: u32,
    /// What it says.
    pub texts: VocabularyTexts,
    /// Id of who saved it, or the name of the command that did.
    pub author: String,
    /// When, UTC milliseconds.
    pub at: i64,
    /// Why it was changed, in the author's words.
    pub reason: String,
    /// How it came to be.
    pub origin: Origin,
}

/// One change to the vocabulary.
#[derive(Debug, Clone)]
pub struct VocabularyChange {
    /// The vocabulary afterwards; `version` is the one it was loaded with (0 = it is new).
    pub record: VocabularyRecord,
    /// The revision saved with it.
    pub revision: Option<VocabularyRevision>,
    /// What happened.
    pub log: LogRecord,
    /// The states of documents that customers are served from afterwards; none = as before.
    pub documents: Vec<DocumentRecord>,
    /// Whose typing it puts an end to.
    pub ends_typing_of: Option<StaffId>,
}

/// What somebody is typing about the vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct VocabularyTyping {
    /// Who.
    pub staff: StaffId,
    /// The version the typing began with.
    pub version: i64,
    /// The revision it began from.
    pub revision: u32,
    /// When it was kept, UTC milliseconds.
    pub at: i64,
    /// What it says so far.
    pub content: Vocabulary,
}

/// How an entry did with customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// How often the bot answered with it.
    pub answered: u64,
    /// How often a customer said that it helped.
    pub resolved: u64,
    /// How often a customer said that it did not.
    pub unresolved: u64,
}
