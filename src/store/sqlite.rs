//! The store on SQLite: one writer that commits in groups, a few readers beside it.

use std::collections::HashMap;
use std::path::Path;

use async_trait::async_trait;
use sqlx::SqlitePool;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{Sqlite, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection};

use super::curation_records::{
    DocumentRecord, DraftRecord, EntryChange, EntryRecord, LogRecord, Usage, VocabularyChange,
    VocabularyRecord, VocabularyRevision, VocabularyTyping,
};
use super::exchange_records::{CaseRecord, GapChange, GapLog, GapQuestion, GapRecord, ImportRecord};
use super::records::{
    Change, Created, FeedbackRecord, QuestionRecord, SessionRecord, StaffRecord, StoredConversation,
    TicketQuery,
};
use super::writer::Writer;
use super::{
    Store, StoreError, accounts, conversations, dialect, documents, entries, exchange, tickets, vocabulary,
};
use crate::answer::Trace;
use crate::chat::Turn;
use crate::handoff::{ConversationId, Packet, StaffId, Ticket, TicketId, TraceId};
use crate::kb::Priority;
use crate::kb::curate::Revision;

/// How many readers read at once.
const READERS: u32 = 4;

/// The store on one SQLite file. Clones share it.
#[derive(Clone)]
pub struct SqliteStore {
    readers: SqlitePool,
    writer: Writer,
}

impl SqliteStore {
    /// Opens `file`, creating it and its folder if missing, and brings the schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Database`] naming the file: not a database, not writable, or from a newer version.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        let named =
            |error: &dyn std::fmt::Display| StoreError::Database(format!("{}: {error}", file.display()));
        if let Some(folder) = file.parent() {
            create_private(folder).map_err(|error| named(&error))?;
        }
        let options = dialect::options(file);
        let mut writer = options.connect().await.map_err(|error| named(&error))?;
        dialect::migrations().run(&mut writer).await.map_err(|error| named(&error))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.pragma("query_only", "ON"))
            .await
            .map_err(|error| named(&error))?;
        Ok(Self { readers, writer: Writer::start(writer) })
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.readers.acquire().await?)
    }
}

/// Questions asked since `since`, newest first, at most `limit`, read from the database in `file` without changing anything;
/// a desk may be serving from it.
///
/// # Errors
/// [`StoreError::Database`] naming the file: missing, not a database, or of another version.
pub async fn read_questions(file: &Path, since: i64, limit: u32) -> Result<Vec<QuestionRecord>, StoreError> {
    let named = |error: &dyn std::fmt::Display| StoreError::Database(format!("{}: {error}", file.display()));
    let mut conn = dialect::read_only(file).connect().await.map_err(|error| named(&error))?;
    let questions = conversations::questions(&mut conn, since, limit).await;
    questions.map_err(|error| named(&error))
}

/// Creates `folder` if missing, readable by its owner only: it will hold what customers wrote.
fn create_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

#[async_trait]
impl Store for SqliteStore {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.reader().await?.ping().await?)
    }

    async fn create_conversation(&self, created: &Created) -> Result<(), StoreError> {
        let created = created.clone();
        self.writer
            .write(move |conn| Box::pin(async move { conversations::create(conn, &created).await }))
            .await
    }

    async fn conversation(&self, id: &ConversationId) -> Result<Option<StoredConversation>, StoreError> {
        conversations::load(&mut *self.reader().await?, id).await
    }

    async fn commit(&self, change: Change) -> Result<(), StoreError> {
        self.writer
            .write(move |conn| Box::pin(async move { conversations::commit(conn, &change).await }))
            .await
    }

    async fn turns(&self, id: &ConversationId, after: u64, limit: u32) -> Result<Vec<Turn>, StoreError> {
        conversations::turns(&mut *self.reader().await?, id, after, limit).await
    }

    async fn ticket(&self, id: &TicketId) -> Result<Option<Ticket>, StoreError> {
        tickets::load(&mut *self.reader().await?, id).await
    }

    async fn tickets(&self, query: &TicketQuery) -> Result<Vec<Ticket>, StoreError> {
        tickets::list(&mut *self.reader().await?, query).await
    }

    async fn packet(&self, id: &TicketId) -> Result<Option<Packet>, StoreError> {
        tickets::packet(&mut *self.reader().await?, id).await
    }

    async fn waiting_before(
        &self,
        queue: &str,
        priority: Priority,
        opened_at: i64,
        id: &TicketId,
    ) -> Result<u32, StoreError> {
        tickets::waiting_before(&mut *self.reader().await?, queue, priority, opened_at, id).await
    }

    async fn trace(&self, id: &TraceId) -> Result<Option<Trace>, StoreError> {
        conversations::trace(&mut *self.reader().await?, id).await
    }

    async fn questions(&self, since: i64, limit: u32) -> Result<Vec<QuestionRecord>, StoreError> {
        conversations::questions(&mut *self.reader().await?, since, limit).await
    }

    async fn feedback(&self, since: i64, limit: u32) -> Result<Vec<FeedbackRecord>, StoreError> {
        conversations::feedback(&mut *self.reader().await?, since, limit).await
    }

    async fn add_staff(&self, staff: &StaffRecord) -> Result<(), StoreError> {
        let staff = staff.clone();
        self.writer.write(move |conn| Box::pin(async move { accounts::add(conn, &staff).await })).await
    }

    async fn update_staff(&self, staff: &StaffRecord) -> Result<(), StoreError> {
        let staff = staff.clone();
        self.writer.write(move |conn| Box::pin(async move { accounts::update(conn, &staff).await })).await
    }

    async fn staff_by_login(&self, login: &str) -> Result<Option<StaffRecord>, StoreError> {
        accounts::by_login(&mut *self.reader().await?, login).await
    }

    async fn staff(&self, id: &StaffId) -> Result<Option<StaffRecord>, StoreError> {
        accounts::by_id(&mut *self.reader().await?, id).await
    }

    async fn all_staff(&self) -> Result<Vec<StaffRecord>, StoreError> {
        accounts::all(&mut *self.reader().await?).await
    }

    async fn add_session(&self, session: &SessionRecord) -> Result<(), StoreError> {
        let session = session.clone();
        self.writer
            .write(move |conn| Box::pin(async move { accounts::add_session(conn, &session).await }))
            .await
    }

    async fn session(&self, token_hash: &str, now: i64) -> Result<Option<SessionRecord>, StoreError> {
        accounts::session(&mut *self.reader().await?, token_hash, now).await
    }

    async fn end_session(&self, token_hash: &str) -> Result<(), StoreError> {
        let token_hash = token_hash.to_owned();
        self.writer
            .write(move |conn| Box::pin(async move { accounts::end_session(conn, &token_hash).await }))
            .await
    }

    async fn end_other_sessions(&self, staff: &StaffId, but: &str) -> Result<(), StoreError> {
        let (staff, but) = (staff.clone(), but.to_owned());
        self.writer
            .write(move |conn| {
                Box::pin(async move { accounts::end_other_sessions(conn, &staff, &but).await })
            })
            .await
    }

    async fn set_sign_in(&self, token_hash: &str, expires_at: i64) -> Result<(), StoreError> {
        let token_hash = token_hash.to_owned();
        self.writer
            .write(move |conn| {
                Box::pin(async move { accounts::set_sign_in(conn, &token_hash, expires_at).await })
            })
            .await
    }

    async fn take_sign_in(&self, token_hash: &str, now: i64) -> Result<bool, StoreError> {
        let token_hash = token_hash.to_owned();
        self.writer
            .write(move |conn| Box::pin(async move { accounts::take_sign_in(conn, &token_hash, now).await }))
            .await
    }

    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        accounts::setting(&mut *self.reader().await?, key).await
    }

    async fn set_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.writer
            .write(move |conn| Box::pin(async move { accounts::set_setting(conn, &key, &value).await }))
            .await
    }

    async fn sweep(&self, now: i64, traces_before: i64) -> Result<u64, StoreError> {
        self.writer
            .write(move |conn| Box::pin(async move { accounts::sweep(conn, now, traces_before).await }))
            .await
    }

    async fn content_mark(&self) -> Result<i64, StoreError> {
        entries::content_mark(&mut *self.reader().await?).await
    }

    async fn served_mark(&self) -> Result<i64, StoreError> {
        entries::served_mark(&mut *self.reader().await?).await
    }

    async fn entries_changed_after(&self, mark: i64) -> Result<Vec<EntryRecord>, StoreError> {
        entries::changed_after(&mut *self.reader().await?, mark).await
    }

    async fn entry(&self, id: &str) -> Result<Option<EntryRecord>, StoreError> {
        entries::load(&mut *self.reader().await?, id).await
    }

    async fn change_entries(&self, changes: Vec<EntryChange>) -> Result<i64, StoreError> {
        self.writer.write(move |conn| Box::pin(async move { entries::change(conn, &changes).await })).await
    }

    async fn revision(&self, entry: &str, number: u32) -> Result<Option<Revision>, StoreError> {
        entries::revision(&mut *self.reader().await?, entry, number).await
    }

    async fn revisions(&self, entry: &str) -> Result<Vec<Revision>, StoreError> {
        entries::revisions(&mut *self.reader().await?, entry).await
    }

    async fn entry_log(&self, entry: &str) -> Result<Vec<LogRecord>, StoreError> {
        entries::log(&mut *self.reader().await?, entry).await
    }

    async fn revisions_at(&self, wanted: &[(String, u32)]) -> Result<Vec<Revision>, StoreError> {
        entries::revisions_at(&mut *self.reader().await?, wanted).await
    }

    async fn save_draft(&self, draft: &DraftRecord) -> Result<(), StoreError> {
        let draft = draft.clone();
        self.writer.write(move |conn| Box::pin(async move { entries::save_draft(conn, &draft).await })).await
    }

    async fn draft(&self, entry: &str, staff: &StaffId) -> Result<Option<DraftRecord>, StoreError> {
        entries::draft(&mut *self.reader().await?, entry, staff).await
    }

    async fn drafts_of(&self, staff: &StaffId) -> Result<Vec<DraftRecord>, StoreError> {
        entries::drafts_of(&mut *self.reader().await?, staff).await
    }

    async fn drop_draft(&self, entry: &str, staff: &StaffId) -> Result<(), StoreError> {
        let (entry, staff) = (entry.to_owned(), staff.clone());
        self.writer
            .write(move |conn| Box::pin(async move { entries::drop_draft(conn, &entry, &staff).await }))
            .await
    }

    async fn save_documents(&self, documents: Vec<DocumentRecord>) -> Result<i64, StoreError> {
        self.writer.write(move |conn| Box::pin(async move { documents::save(conn, &documents).await })).await
    }

    async fn documents(&self) -> Result<Vec<DocumentRecord>, StoreError> {
        documents::newest(&mut *self.reader().await?).await
    }

    async fn document_history(&self, name: &str) -> Result<Vec<DocumentRecord>, StoreError> {
        documents::history(&mut *self.reader().await?, name).await
    }

    async fn vocabulary(&self) -> Result<Option<VocabularyRecord>, StoreError> {
        vocabulary::load(&mut *self.reader().await?).await
    }

    async fn change_vocabulary(&self, change: VocabularyChange) -> Result<i64, StoreError> {
        self.writer.write(move |conn| Box::pin(async move { vocabulary::change(conn, &change).await })).await
    }

    async fn keep_vocabulary_typing(&self, typing: &VocabularyTyping) -> Result<(), StoreError> {
        let typing = typing.clone();
        self.writer
            .write(move |conn| Box::pin(async move { vocabulary::keep_typing(conn, &typing).await }))
            .await
    }

    async fn vocabulary_typing(&self, staff: &StaffId) -> Result<Option<VocabularyTyping>, StoreError> {
        vocabulary::typing(&mut *self.reader().await?, staff).await
    }

    async fn drop_vocabulary_typing(&self, staff: &StaffId) -> Result<(), StoreError> {
        let staff = staff.clone();
        self.writer
            .write(move |conn| Box::pin(async move { vocabulary::drop_typing(conn, &staff).await }))
            .await
    }

    async fn vocabulary_revision(&self, number: u32) -> Result<Option<VocabularyRevision>, StoreError> {
        vocabulary::revision(&mut *self.reader().await?, number).await
    }

    async fn vocabulary_revisions(&self) -> Result<Vec<VocabularyRevision>, StoreError> {
        vocabulary::revisions(&mut *self.reader().await?).await
    }

    async fn vocabulary_log(&self) -> Result<Vec<LogRecord>, StoreError> {
        vocabulary::log(&mut *self.reader().await?).await
    }

    async fn keep_import(&self, import: ImportRecord, changes: Vec<EntryChange>) -> Result<(), StoreError> {
        self.writer
            .write(move |conn| Box::pin(async move { exchange::keep_import(conn, &import, &changes).await }))
            .await
    }

    async fn import(&self, id: &str) -> Result<Option<ImportRecord>, StoreError> {
        exchange::import(&mut *self.reader().await?, id).await
    }

    async fn imports(&self, limit: u32) -> Result<Vec<ImportRecord>, StoreError> {
        exchange::imports(&mut *self.reader().await?, limit).await
    }

    async fn change_gaps(&self, changes: Vec<GapChange>, cases: Vec<CaseRecord>) -> Result<(), StoreError> {
        self.writer
            .write(move |conn| Box::pin(async move { exchange::change_gaps(conn, &changes, &cases).await }))
            .await
    }

    async fn gaps(&self) -> Result<Vec<GapRecord>, StoreError> {
        exchange::gaps(&mut *self.reader().await?).await
    }

    async fn gap_questions(&self) -> Result<Vec<GapQuestion>, StoreError> {
        exchange::gap_questions(&mut *self.reader().await?).await
    }

    async fn gap_log(&self, gap: &str) -> Result<Vec<GapLog>, StoreError> {
        exchange::gap_log(&mut *self.reader().await?, gap).await
    }

    async fn cases(&self) -> Result<Vec<CaseRecord>, StoreError> {
        exchange::cases(&mut *self.reader().await?).await
    }

    async fn usage(&self, since: i64) -> Result<HashMap<String, Usage>, StoreError> {
        entries::usage(&mut *self.reader().await?, since).await
    }
}
