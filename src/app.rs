//! The use cases: the only place that sequences engine, conversation, hand-off and store. Knows no HTTP and no SQL.
//!
//! A use case loads the conversation, runs [`crate::chat::step`], and commits everything in one transaction guarded by
//! the conversation's version; a lost race is settled by loading and stepping again. Only after the commit are
//! listeners told. [`App`] is cheap to share: hold it in an `Arc`.

mod accounts;
mod bulk;
mod catalogue;
mod commit;
mod contents;
mod curation;
mod curation_types;
mod customer;
mod desk;
mod desk_files;
mod entry_list;
mod events;
mod gaps;
mod history;
mod impact;
mod imports;
mod insight;
mod order;
mod ports;
mod publishing;
mod question;
mod staff;
mod synonym_imports;
mod tokens;
mod trial;
mod types;
mod vocabulary;
mod vocabulary_trial;

use std::sync::{Arc, RwLock};

use tokio::sync::Semaphore;

pub use accounts::{AccountChange, AccountView};
pub use curation_types::{
    Action, BulkAction, DiffLine, EntryDetail, EntryFilter, EntryHistory, EntryPage, EntryState, ListedEntry,
    SaveEntry, Side, SortBy,
};
pub use desk_files::{ImportReport, WHO_IMPORTS};
pub use events::TurnStream;
pub use gaps::{GapAction, GapDetail, GapView};
pub use history::{FieldDiff, diff, diff_vocabulary};
pub use impact::PreviewState;
pub use imports::{
    ExportFormat, ImportOutcome, ImportSettings, ImportView, RejectedFor, RejectedRow, Updated,
};
pub use insight::{DayInsight, EntryInsight, Insight};
pub use ports::{Answerer, Clock, Closed, ModelsInUse, Publisher, SystemClock};
pub use publishing::{Service, Serving, WHO_KEEPS_TIME};
pub use staff::NewStaff;
pub use trial::{Trial, TrialOf};
pub use types::{
    Access, AppError, ConversationView, Limits, Reply, Session, SignedIn, Staff, Started, TicketDetail,
    TicketFilter, TicketView, Unready,
};
pub use vocabulary::{SaveVocabulary, Typing, VocabularyDetail, VocabularyHistory};
pub use vocabulary_trial::{Sample, SampleOf, Samples};

pub use crate::store::{
    DraftRecord, EntryRecord, LogRecord, Role, Usage, VocabularyRecord, VocabularyRevision,
};

use crate::kb::Snapshot;
use crate::store::Store;
use catalogue::Catalogue;
use events::Hub;
use order::Order;
use publishing::Publishing;
use trial::Trials;

/// How many passwords are hashed at once; each takes 19 MiB and tens of milliseconds.
const HASHING_AT_ONCE: usize = 2;

/// The desk at work. See the module's comment.
pub struct App {
    store: Arc<dyn Store>,
    answerer: RwLock<Arc<dyn Answerer>>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    hub: Hub,
    order: Order,
    hashing: Semaphore,
    catalogue: Catalogue,
    publishing: Publishing,
    trials: Trials,
    gap_search: tokio::sync::Mutex<()>,
    previews: impact::Previews,
}

impl App {
    /// A desk that answers with `answerer` and remembers in `store`.
    pub fn new(
        store: Arc<dyn Store>,
        answerer: Arc<dyn Answerer>,
        clock: Arc<dyn Clock>,
        limits: Limits,
    ) -> Self {
        Self {
            store,
            answerer: RwLock::new(answerer),
            clock,
            limits,
            hub: Hub::default(),
            order: Order::default(),
            hashing: Semaphore::new(HASHING_AT_ONCE),
            catalogue: Catalogue::default(),
            publishing: Publishing::default(),
            trials: Trials::default(),
            gap_search: tokio::sync::Mutex::default(),
            previews: impact::Previews::default(),
        }
    }

    /// The same with a `publisher`: what is published is then built and served.
    #[must_use]
    pub fn with_publisher(mut self, publisher: Arc<dyn Publisher>) -> Self {
        self.publishing.publisher = Some(publisher);
        self
    }

    /// Serves from `answerer` from now on; questions under way finish with the one before.
    pub fn publish(&self, answerer: Arc<dyn Answerer>) {
        *self.answerer.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = answerer;
    }

    /// What customers are served from now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(self.answerer().snapshot())
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether the desk can serve: the store answers and there are entries.
    ///
    /// # Errors
    /// What is missing, for `/readyz`.
    pub async fn ready(&self) -> Result<(), Unready> {
        self.store.ping().await.map_err(|error| Unready::Store(error.to_string()))?;
        if self.snapshot().entries.is_empty() { Err(Unready::NoEntries) } else { Ok(()) }
    }

    /// Drops what has expired: sessions, sign-in tokens, traces beyond their retention. Call it now and then.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] when the store fails.
    pub async fn sweep(&self) -> Result<u64, AppError> {
        let now = self.clock.now_ms();
        Ok(self.store.sweep(now, now - self.limits.trace_retention_ms).await?)
    }

    fn answerer(&self) -> Arc<dyn Answerer> {
        Arc::clone(&self.answerer.read().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    fn now(&self) -> i64 {
        self.clock.now_ms()
    }
}
