//! The desk's contents, from the store: of entries only the revisions that are not in memory yet. A revision never changes
//! once it is stored, so one that was read before is as good as a new one.

use std::sync::Arc;

use jiff::civil::Date;

use super::{App, AppError};
use crate::kb::curate::Life;
use crate::kb::files::{self, Documents};
use crate::kb::snapshot::DeskFiles;
use crate::kb::{Entry, Snapshot, Status};
use crate::store::DocumentRecord;

/// A desk as it would be served.
pub(super) struct DeskContents {
    /// The desk's other files; no entries.
    pub(super) desk: DeskFiles,
    /// Entries, each as if published.
    pub(super) entries: Vec<Arc<Entry>>,
    /// What some of the entries are shared with.
    beside: Arc<Snapshot>,
}

impl DeskContents {
    /// What is served of it on `today`.
    pub(super) fn snapshot(self, today: Date) -> Snapshot {
        Snapshot::beside(&self.beside, self.desk, self.entries, today)
    }

    /// Puts `entry` in the place of the one with its id.
    pub(super) fn put(&mut self, entry: Entry) {
        self.entries.retain(|other| other.id != entry.id);
        self.entries.push(Arc::new(entry));
    }
}

impl App {
    /// All that is published, and the desk's other files.
    pub(super) async fn desk_contents(&self) -> Result<DeskContents, AppError> {
        self.contents_with(self.publishing.held(), |life| life.live).await
    }

    /// The revision of each entry that `which` names, and the desk's other files. `beside` has been read from this store.
    pub(super) async fn contents_with(
        &self,
        beside: Arc<Snapshot>,
        which: impl Fn(&Life) -> Option<u32> + Send + Sync,
    ) -> Result<DeskContents, AppError> {
        let documents = self.documents().await?;
        let mut problems = Vec::new();
        let desk = files::parse(&documents, &mut problems);
        if let Some(problem) = problems.first() {
            tracing::warn!(mistakes = problems.len(), "the desk's files have mistakes, first: {problem}");
        }
        let records = self.catalogue.records(self.store.as_ref()).await?;
        let wanted = records.values().filter_map(|record| Some((record.id.as_str(), which(&record.life)?)));
        let entries = self.entries_at(&beside, wanted).await?;
        Ok(DeskContents { desk, entries, beside })
    }

    /// Revisions of entries, each as if published, in any order: from `beside`, which has been read from this store, else
    /// from the store.
    pub(super) async fn entries_at(
        &self,
        beside: &Snapshot,
        wanted: impl Iterator<Item = (&str, u32)> + Send,
    ) -> Result<Vec<Arc<Entry>>, AppError> {
        let (mut entries, mut lacking) = (Vec::new(), Vec::new());
        for (id, number) in wanted {
            match beside.shared(id).filter(|held| held.revision == number) {
                Some(held) => entries.push(Arc::clone(held)),
                None => lacking.push((id.to_owned(), number)),
            }
        }
        let read = self.store.revisions_at(&lacking).await?.into_iter();
        entries.extend(read.map(|revision| {
            let number = revision.number;
            Arc::new(Entry { status: Status::Published, revision: number, ..revision.content })
        }));
        Ok(entries)
    }

    /// The desk's other files as text, by name.
    pub(super) async fn documents(&self) -> Result<Documents, AppError> {
        let newest: Vec<DocumentRecord> = self.store.documents().await?;
        Ok(newest.into_iter().filter_map(|document| Some((document.name, document.text?))).collect())
    }
}
