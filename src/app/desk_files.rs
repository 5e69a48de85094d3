//! The desk between files and store: the first start and `kb import` take the folder's texts over, `kb export` gives
//! them back. What the folder calls published is taken as approved: files are reviewed where they are kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::catalogue::Records;
use super::curation::{new_record, plain, same};
use super::{App, AppError};
use crate::kb::curate::{Life, Origin, Revision, Summary};
use crate::kb::files::{Contents, FiledEntry};
use crate::kb::{Entry, Status};
use crate::store::{DocumentRecord, EntryChange, EntryRecord, LogRecord};

/// What an entry's file says, and its newer draft's.
type Filed = (Entry, Option<Entry>);

/// Author of revisions that came from files.
pub const WHO_IMPORTS: &str = "files";

/// What taking over a folder did, or would do: ids of entries and names of documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Entries that were not there.
    pub added: Vec<String>,
    /// Entries that said something else.
    pub changed: Vec<String>,
    /// Among those, entries whose newer draft is now only in their history.
    pub buried: Vec<String>,
    /// How many entries said the same.
    pub unchanged: usize,
    /// Entries of the desk that the folder lacks; they stay as they are.
    pub missing: Vec<String>,
    /// Documents that were new or said something else.
    pub documents: Vec<String>,
}

impl ImportReport {
    /// Whether folder and desk say the same.
    pub fn is_same(&self) -> bool {
        self.added.is_empty()
            && self.changed.is_empty()
            && self.missing.is_empty()
            && self.documents.is_empty()
    }
}

impl App {
    /// Whether nothing was ever stored: the first start.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn is_empty(&self) -> Result<bool, AppError> {
        Ok(self.store.content_mark().await? == 0)
    }

    /// Takes a folder over: its entries become new revisions where they differ. With `dry`, only says what it would do.
    /// What is published is not rebuilt; a serving desk notices by itself.
    ///
    /// # Errors
    /// `Conflict` (somebody changed an entry at the same time), `Unavailable`.
    pub async fn import_desk(&self, contents: &Contents, dry: bool) -> Result<ImportReport, AppError> {
        let mut report = ImportReport::default();
        let records = self.catalogue.records(self.store.as_ref()).await?;
        let states = self.filed_states(&records).await?;
        let mut changes = Vec::new();
        for filed in &contents.entries {
            let draft = contents.drafts.iter().find(|draft| draft.id == filed.entry.id);
            let id = filed.entry.id.clone();
            let (Some(record), Some((public, newer))) = (records.get(&id), states.get(&id)) else {
                changes.extend(self.taken_over(new_record(&id, self.now()), filed, draft));
                report.added.push(id);
                continue;
            };
            if same_with_status(public, &filed.entry) && optional_same(newer.as_ref(), draft) {
                report.unchanged += 1;
                continue;
            }
            if newer.is_some() && !optional_same(newer.as_ref(), draft) {
                report.buried.push(id.clone());
            }
            changes.extend(self.taken_over((**record).clone(), filed, draft));
            report.changed.push(id);
        }
        let filed = |id: &str| contents.entries.iter().any(|filed| filed.entry.id == id);
        report.missing = records.keys().filter(|id| !filed(id)).cloned().collect();
        let documents = self.documents_to_take(contents).await?;
        report.documents = documents.iter().map(|document| document.name.clone()).collect();
        if !dry {
            if !changes.is_empty() {
                self.store.change_entries(changes).await?;
            }
            if !documents.is_empty() {
                self.store.save_documents(documents).await?;
            }
        }
        Ok(report)
    }

    /// The whole desk as its folder would be.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn export_desk(&self) -> Result<Contents, AppError> {
        let records = self.catalogue.records(self.store.as_ref()).await?;
        let mut contents = Contents { documents: self.documents().await?, ..Contents::default() };
        for (id, (entry, draft)) in self.filed_states(&records).await? {
            let Some(record) = records.get(&id) else { continue };
            let folder =
                if record.folder.is_empty() { folder_like(&records, &entry) } else { record.folder.clone() };
            contents.entries.push(FiledEntry { folder, entry });
            contents.drafts.extend(draft);
        }
        Ok(contents)
    }

    /// What each entry's file says, and what its newer draft says if it has one.
    async fn filed_states(&self, records: &Records) -> Result<BTreeMap<String, Filed>, AppError> {
        let numbers =
            |life: &Life| life.live.into_iter().chain((life.live != Some(life.head)).then_some(life.head));
        let wanted = records
            .values()
            .flat_map(|record| numbers(&record.life).map(|number| (record.id.as_str(), number)));
        let mut states = BTreeMap::<String, Filed>::new();
        // The older of two comes first: it is the live one.
        let mut entries = self.entries_at(&self.publishing.held(), wanted).await?;
        entries.sort_by_key(|entry| entry.revision);
        for entry in entries {
            let Some(life) = records.get(&entry.id).map(|record| &record.life) else { continue };
            let status = if life.live == Some(entry.revision) { Status::Published } else { life.status };
            // Files know no revision numbers.
            let filed = Entry { status, revision: 1, ..Arc::unwrap_or_clone(entry) };
            match states.get_mut(&filed.id) {
                Some((_, newer)) => *newer = Some(filed),
                None => _ = states.insert(filed.id.clone(), (filed, None)),
            }
        }
        Ok(states)
    }

    /// One change per revision the folder brings: what it says is public, then its newer draft.
    fn taken_over(&self, record: EntryRecord, filed: &FiledEntry, draft: Option<&Entry>) -> Vec<EntryChange> {
        let status = filed.entry.status;
        let life = if record.version == 0 { Life::imported(status) } else { record.life.reimported(status) };
        let folder = filed.folder.clone();
        let mut changes = vec![self.imported(EntryRecord { folder, life, ..record }, &filed.entry, true)];
        if let Some(draft) = draft {
            let last = changes[0].entry.clone();
            let head = last.life.head + 1;
            let life = Life { head, status: draft.status, ..last.life.clone() };
            changes.push(self.imported(
                EntryRecord { version: last.version + 1, life, ..last },
                draft,
                false,
            ));
        }
        changes
    }

    fn imported(&self, record: EntryRecord, content: &Entry, is_served: bool) -> EntryChange {
        let at = self.now();
        let revision = Revision {
            entry_id: record.id.clone(),
            number: record.life.head,
            content: plain(content.clone()),
            author: WHO_IMPORTS.to_owned(),
            at,
            reason: String::new(),
            origin: Origin::Imported,
        };
        let log = LogRecord {
            at,
            actor: WHO_IMPORTS.to_owned(),
            event: Origin::Imported.name().to_owned(),
            revision: record.life.head,
            note: String::new(),
            due_at: None,
        };
        let entry = EntryRecord { summary: Summary::of(&revision), changed_at: at, ..record };
        EntryChange { entry, revision: Some(revision), is_served, log, ends_draft_of: None }
    }

    /// The states of documents that the folder brings.
    async fn documents_to_take(&self, contents: &Contents) -> Result<Vec<DocumentRecord>, AppError> {
        let known = self.store.documents().await?;
        let state = |name: &String, text: Option<String>| {
            let before = known.iter().find(|document| document.name == *name);
            let number = before.map_or(1, |document| document.number + 1);
            let is_same = before.map_or(text.is_none(), |document| document.text == text);
            let (author, at) = (WHO_IMPORTS.to_owned(), self.now());
            let new = DocumentRecord { name: name.clone(), number, author, at, reason: String::new(), text };
            (!is_same).then_some(new)
        };
        let brought = contents.documents.iter().filter_map(|(name, text)| state(name, Some(text.clone())));
        let gone = known.iter().filter(|document| !contents.documents.contains_key(&document.name));
        Ok(brought.chain(gone.filter_map(|document| state(&document.name, None))).collect())
    }
}

fn same_with_status(a: &Entry, b: &Entry) -> bool {
    a.status == b.status && same(a, b)
}

fn optional_same(a: Option<&Entry>, b: Option<&Entry>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same_with_status(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// Where an entry that has no folder yet goes: where others of its category are, else by itself.
fn folder_like(records: &Records, entry: &Entry) -> String {
    let kin = records.values().filter(|record| {
        record.summary.category.first() == entry.category.first() && !record.folder.is_empty()
    });
    kin.map(|record| record.folder.clone()).next().unwrap_or_default()
}
