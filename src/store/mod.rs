//! The desk's memory: `trait Store` in domain words and the only SQL of the program. A write is acknowledged only after
//! it is committed to disk. Times are UTC milliseconds; tokens are stored as hashes only.

mod accounts;
mod conversations;
mod curation_records;
mod dialect;
mod documents;
mod entries;
mod exchange;
mod exchange_records;
mod records;
mod sqlite;
mod tickets;
mod vocabulary;
mod writer;

use std::collections::HashMap;

use async_trait::async_trait;

use crate::answer::Trace;
use crate::chat::Turn;
use crate::handoff::{ConversationId, Packet, StaffId, Ticket, TicketId, TraceId};
use crate::kb::Priority;
use crate::kb::curate::Revision;
pub use curation_records::{
    DocumentRecord, DraftRecord, EntryChange, EntryRecord, LogRecord, Usage, VocabularyChange,
    VocabularyRecord, VocabularyRevision, VocabularyTyping,
};
pub use exchange_records::{
    CaseRecord, GapChange, GapLog, GapQuestion, GapRecord, ImportRecord, ImportState,
};
pub use records::{
    Change, Created, FeedbackRecord, QuestionRecord, Role, SessionRecord, StaffRecord, StoredConversation,
    TicketQuery,
};
pub use sqlite::{SqliteStore, read_questions};

/// How the store fails.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the same conversation, entry, vocabulary or document first; load it and try again.
    #[error("changed by somebody else meanwhile")]
    Conflict,
    /// A unique name is taken.
    #[error("{0} is already taken")]
    Taken(&'static str),
    /// A row does not read as what it should be: damaged, or written by a newer version.
    #[error("{what} cannot be read: {why}")]
    Unreadable {
        /// Which column.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// The database failed.
    #[error("database: {0}")]
    Database(String),
}

/// What the desk remembers. Every method that writes returns only after the commit.
#[async_trait]
pub trait Store: Send + Sync {
    /// Whether the database answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Stores a new conversation.
    async fn create_conversation(&self, created: &Created) -> Result<(), StoreError>;

    /// A conversation with its version; `None` if there is none.
    async fn conversation(&self, id: &ConversationId) -> Result<Option<StoredConversation>, StoreError>;

    /// Commits everything of one step, all or nothing. `Conflict` unless the version is the one that was loaded.
    async fn commit(&self, change: Change) -> Result<(), StoreError>;

    /// Turns with `seq > after`, in order, at most `limit`.
    async fn turns(&self, id: &ConversationId, after: u64, limit: u32) -> Result<Vec<Turn>, StoreError>;

    /// A ticket.
    async fn ticket(&self, id: &TicketId) -> Result<Option<Ticket>, StoreError>;

    /// Tickets that match, in queue order.
    async fn tickets(&self, query: &TicketQuery) -> Result<Vec<Ticket>, StoreError>;

    /// The packet of a ticket.
    async fn packet(&self, id: &TicketId) -> Result<Option<Packet>, StoreError>;

    /// How many open tickets of `queue` come before one with this priority and age.
    async fn waiting_before(
        &self,
        queue: &str,
        priority: Priority,
        opened_at: i64,
        id: &TicketId,
    ) -> Result<u32, StoreError>;

    /// A Trace that is still kept.
    async fn trace(&self, id: &TraceId) -> Result<Option<Trace>, StoreError>;

    /// Questions asked since `since`, newest first, at most `limit`: for the gap board and replay.
    async fn questions(&self, since: i64, limit: u32) -> Result<Vec<QuestionRecord>, StoreError>;

    /// Feedback given since `since`, newest first, at most `limit`.
    async fn feedback(&self, since: i64, limit: u32) -> Result<Vec<FeedbackRecord>, StoreError>;

    /// Creates an account; `Taken` if the login exists.
    async fn add_staff(&self, staff: &StaffRecord) -> Result<(), StoreError>;

    /// Changes name, password and roles of an account.
    async fn update_staff(&self, staff: &StaffRecord) -> Result<(), StoreError>;

    /// The account with this login.
    async fn staff_by_login(&self, login: &str) -> Result<Option<StaffRecord>, StoreError>;

    /// The account with this id.
    async fn staff(&self, id: &StaffId) -> Result<Option<StaffRecord>, StoreError>;

    /// All accounts, by login.
    async fn all_staff(&self) -> Result<Vec<StaffRecord>, StoreError>;

    /// Stores a session.
    async fn add_session(&self, session: &SessionRecord) -> Result<(), StoreError>;

    /// The session whose token has this hash, unless it has ended by `now`.
    async fn session(&self, token_hash: &str, now: i64) -> Result<Option<SessionRecord>, StoreError>;

    /// Ends a session; unknown ones are no error.
    async fn end_session(&self, token_hash: &str) -> Result<(), StoreError>;

    /// Ends all sessions of an account but the one with this token hash.
    async fn end_other_sessions(&self, staff: &StaffId, but: &str) -> Result<(), StoreError>;

    /// Makes this the only one-time sign-in.
    async fn set_sign_in(&self, token_hash: &str, expires_at: i64) -> Result<(), StoreError>;

    /// Uses a one-time sign-in up; whether it existed and had not ended by `now`. Exactly one caller gets `true`.
    async fn take_sign_in(&self, token_hash: &str, now: i64) -> Result<bool, StoreError>;

    /// A setting or watermark.
    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// Sets a setting or watermark.
    async fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError>;

    /// Deletes sessions and sign-ins that ended before `now` and traces from before `traces_before`; how many rows.
    async fn sweep(&self, now: i64, traces_before: i64) -> Result<u64, StoreError>;

    /// Grows with every change to entries and documents, whichever process makes it.
    async fn content_mark(&self) -> Result<i64, StoreError>;

    /// Grows with every change that customers notice: to live revisions and to documents.
    async fn served_mark(&self) -> Result<i64, StoreError>;

    /// Entries changed after this mark, by id; 0 = all.
    async fn entries_changed_after(&self, mark: i64) -> Result<Vec<EntryRecord>, StoreError>;

    /// An entry.
    async fn entry(&self, id: &str) -> Result<Option<EntryRecord>, StoreError>;

    /// Commits changes to entries, all or nothing; the new mark. `Conflict` unless every version is the one that was
    /// loaded, `Taken` when an id that should be new is not.
    async fn change_entries(&self, changes: Vec<EntryChange>) -> Result<i64, StoreError>;

    /// One revision of an entry.
    async fn revision(&self, entry: &str, number: u32) -> Result<Option<Revision>, StoreError>;

    /// All revisions of an entry, newest first.
    async fn revisions(&self, entry: &str) -> Result<Vec<Revision>, StoreError>;

    /// The log of an entry, newest first.
    async fn entry_log(&self, entry: &str) -> Result<Vec<LogRecord>, StoreError>;

    /// These revisions, by entry and number, in any order; those that are not there are left out.
    async fn revisions_at(&self, wanted: &[(String, u32)]) -> Result<Vec<Revision>, StoreError>;

    /// Keeps what somebody is typing in place of what they typed before.
    async fn save_draft(&self, draft: &DraftRecord) -> Result<(), StoreError>;

    /// What `staff` is typing about an entry.
    async fn draft(&self, entry: &str, staff: &StaffId) -> Result<Option<DraftRecord>, StoreError>;

    /// Everything `staff` is typing, newest first.
    async fn drafts_of(&self, staff: &StaffId) -> Result<Vec<DraftRecord>, StoreError>;

    /// Forgets what `staff` was typing; no draft is no error.
    async fn drop_draft(&self, entry: &str, staff: &StaffId) -> Result<(), StoreError>;

    /// Saves new states of documents, all or nothing; the new mark. `Conflict` unless each number is the next.
    async fn save_documents(&self, documents: Vec<DocumentRecord>) -> Result<i64, StoreError>;

    /// The newest state of every document, by name; removed ones too.
    async fn documents(&self) -> Result<Vec<DocumentRecord>, StoreError>;

    /// Every state of one document, newest first.
    async fn document_history(&self, name: &str) -> Result<Vec<DocumentRecord>, StoreError>;

    /// The vocabulary as it is being written; `None` before the first change.
    async fn vocabulary(&self) -> Result<Option<VocabularyRecord>, StoreError>;

    /// Commits a change to the vocabulary and the documents it lets out, all or nothing; the new mark. `Conflict` unless
    /// the version is the one that was loaded and each document's number the next.
    async fn change_vocabulary(&self, change: VocabularyChange) -> Result<i64, StoreError>;

    /// Keeps what somebody is typing about the vocabulary in place of what they typed before.
    async fn keep_vocabulary_typing(&self, typing: &VocabularyTyping) -> Result<(), StoreError>;

    /// What `staff` is typing about the vocabulary.
    async fn vocabulary_typing(&self, staff: &StaffId) -> Result<Option<VocabularyTyping>, StoreError>;

    /// Forgets what `staff` was typing about the vocabulary; nothing typed is no error.
    async fn drop_vocabulary_typing(&self, staff: &StaffId) -> Result<(), StoreError>;

    /// One revision of the vocabulary.
    async fn vocabulary_revision(&self, number: u32) -> Result<Option<VocabularyRevision>, StoreError>;

    /// All revisions of the vocabulary, newest first.
    async fn vocabulary_revisions(&self) -> Result<Vec<VocabularyRevision>, StoreError>;

    /// The log of the vocabulary, newest first.
    async fn vocabulary_log(&self) -> Result<Vec<LogRecord>, StoreError>;

    /// Stores an import's new state with the changes to entries that belong to it, all or nothing. `Conflict` unless every
    /// version is the one that was loaded.
    async fn keep_import(&self, import: ImportRecord, changes: Vec<EntryChange>) -> Result<(), StoreError>;

    /// An import with its table.
    async fn import(&self, id: &str) -> Result<Option<ImportRecord>, StoreError>;

    /// The newest imports without their tables, newest first.
    async fn imports(&self, limit: u32) -> Result<Vec<ImportRecord>, StoreError>;

    /// Commits changes to gaps and the cases that come with them, all or nothing. `Conflict` as above. A question that is
    /// in a gap already stays there; a case replaces the one with its id.
    async fn change_gaps(&self, changes: Vec<GapChange>, cases: Vec<CaseRecord>) -> Result<(), StoreError>;

    /// All gaps, oldest first.
    async fn gaps(&self) -> Result<Vec<GapRecord>, StoreError>;

    /// The questions of all gaps, newest first.
    async fn gap_questions(&self) -> Result<Vec<GapQuestion>, StoreError>;

    /// The log of a gap, newest first.
    async fn gap_log(&self, gap: &str) -> Result<Vec<GapLog>, StoreError>;

    /// All cases, by id.
    async fn cases(&self) -> Result<Vec<CaseRecord>, StoreError>;

    /// How entries did with customers since `since`, by entry id.
    async fn usage(&self, since: i64) -> Result<HashMap<String, Usage>, StoreError>;
}
