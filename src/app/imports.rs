//! Use cases of import and export: give a file in, see row by row what it would do, take it over as drafts, take that
//! back. What is taken over goes through review like anything else.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::curation::{must, new_record};
use super::{App, AppError, Staff};
use crate::kb::curate::{Event, Life, Origin};
use crate::kb::exchange::plan::Shelf;
use crate::kb::exchange::{
    self, Action, Defaults, Format, Held, Issue, Mapping, Plan, Planned, Source, SynonymPlan, SynonymProblem,
    write,
};
use crate::kb::{Entry, Status};
use crate::store::{EntryChange, EntryRecord, ImportRecord, ImportState, Role, StoreError};
use crate::text::Vocabulary;

/// Imports that are listed.
const LISTED: u32 = 50;

/// How a file is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportSettings {
    /// Which column is what.
    pub mapping: Mapping,
    /// What rows get that the file does not say.
    pub defaults: Defaults,
    /// The import of the synonyms in the same workbook.
    #[serde(default)]
    pub synonyms: Option<String>,
}

/// What became of an import, and what undoes it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ImportOutcome {
    /// Entries it created.
    pub created: Vec<String>,
    /// Entries it changed.
    pub updated: Vec<Updated>,
    /// Entries it could not change, with the code of why.
    pub refused: Vec<(String, String)>,
    /// Rows that were rejected.
    pub rejected: usize,
    /// Rows that changed nothing.
    pub unchanged: usize,
    /// Entries that were not taken back, because somebody changed them since.
    pub kept: Vec<String>,
    /// Groups of synonyms it created or changed, by their first word.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The vocabulary's head before and after, where synonyms were taken over.
    #[serde(default)]
    pub vocabulary: Option<(u32, u32)>,
}

/// An entry that an import changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Updated {
    /// The entry.
    pub id: String,
    /// Its head before.
    pub before: u32,
    /// Its head after.
    pub after: u32,
    /// Whether it was archived before.
    #[serde(default)]
    pub was_archived: bool,
}

/// An import as the wizard shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportView {
    /// The import; its `source` is left out.
    pub record: ImportRecord,
    /// The file as it was read.
    pub source: Arc<Source>,
    /// How it is read.
    pub settings: ImportSettings,
    /// What taking it over now would do, row by row; without a row for a sheet of synonyms.
    pub plan: Plan,
    /// The same for a sheet of synonyms.
    pub synonyms: Option<SynonymPlan>,
    /// What became of it.
    pub outcome: ImportOutcome,
}

/// What export writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Native sheet, CSV.
    Csv,
    /// Native sheet, Excel, with the synonyms.
    Xlsx,
    /// Every field of every entry.
    Json,
}

impl App {
    /// Reads a file of any known format and keeps it, ready to be taken over. Of a workbook the sheet called `sheet` is
    /// read, else the first.
    ///
    /// # Errors
    /// `Forbidden`, `Unreadable` (no file that can be read, and why), `Unavailable`.
    pub async fn give_import(
        &self,
        staff: &Staff,
        name: &str,
        bytes: Vec<u8>,
        sheet: &str,
    ) -> Result<ImportView, AppError> {
        must(staff, Role::Editor)?;
        let name = super::question::clean(name, 200).unwrap_or_else(|_| "faq".to_owned());
        let (file, sheet) = (name.clone(), sheet.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            let source = exchange::read(&file, &bytes, &sheet)?;
            let beside =
                sheet.is_empty().then(|| exchange::synonyms_beside(&file, &bytes, &source)).flatten();
            Ok((source, beside))
        });
        let read = read.await.map_err(|_| internal("reading the file broke off"))?;
        let (source, beside) = read.map_err(AppError::Unreadable)?;
        let synonyms = match beside {
            Some(beside) => Some(self.keep_source(staff, name.clone(), &beside, None).await?.id),
            None => None,
        };
        let record = self.keep_source(staff, name, &source, synonyms).await?;
        self.import_view(staff, record, source).await
    }

    /// Keeps what a file said, ready to be taken over.
    async fn keep_source(
        &self,
        staff: &Staff,
        name: String,
        source: &Source,
        synonyms: Option<String>,
    ) -> Result<ImportRecord, AppError> {
        let (mapping, defaults) = (source.mapping.clone(), Defaults::default());
        let now = self.now();
        let record = ImportRecord {
            id: format!("{:032x}", rand::random::<u128>()),
            version: 0,
            name,
            staff: staff.id.clone(),
            state: ImportState::Ready,
            at: now,
            changed_at: now,
            source: to_json(source)?,
            settings: to_json(&ImportSettings { mapping, defaults, synonyms })?,
            outcome: to_json(&ImportOutcome::default())?,
        };
        self.store.keep_import(record.clone(), Vec::new()).await?;
        Ok(ImportRecord { version: 1, source: String::new(), ..record })
    }

    /// An import with its dry run as of now.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Unavailable`.
    pub async fn import(&self, staff: &Staff, id: &str) -> Result<ImportView, AppError> {
        must(staff, Role::Editor)?;
        let mut record = self.store.import(id).await?.ok_or(AppError::NotFound("import"))?;
        let source = from_json(&std::mem::take(&mut record.source))?;
        self.import_view(staff, record, source).await
    }

    /// The newest imports, newest first.
    ///
    /// # Errors
    /// `Forbidden`, `Unavailable`.
    pub async fn imports(&self, staff: &Staff) -> Result<Vec<(ImportRecord, ImportOutcome)>, AppError> {
        must(staff, Role::Editor)?;
        let records = self.store.imports(LISTED).await?;
        records.into_iter().map(|record| Ok((record.clone(), from_json(&record.outcome)?))).collect()
    }

    async fn import_view(
        &self,
        staff: &Staff,
        record: ImportRecord,
        source: Source,
    ) -> Result<ImportView, AppError> {
        let settings: ImportSettings = from_json(&record.settings)?;
        let outcome = from_json(&record.outcome)?;
        let (plan, synonyms) = if source.format == Format::Synonyms {
            let held = self.vocabulary(staff).await?.head.texts.vocabulary();
            (Plan::default(), Some(SynonymPlan::of(&source.table, &held)))
        } else {
            let reading = source.rows(&settings.mapping, &settings.defaults);
            (Plan::of(&self.shelf().await?, reading), None)
        };
        Ok(ImportView { record, source: Arc::new(source), settings, plan, synonyms, outcome })
    }

    /// Reads the file another way from now on.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Refused` (`import_not_ready`), `Invalid` (no category), `Conflict`, `Unavailable`.
    pub async fn set_import(
        &self,
        staff: &Staff,
        id: &str,
        settings: ImportSettings,
    ) -> Result<ImportView, AppError> {
        let view = self.import(staff, id).await?;
        must_be(&view.record, ImportState::Ready)?;
        if settings.defaults.category.iter().all(|level| level.trim().is_empty()) {
            return Err(AppError::Invalid { field: "category", why: "a category is needed".to_owned() });
        }
        let columns = view.source.table.header.len();
        let mapping = settings.mapping.0.into_iter().filter(|(_, column)| *column < columns).collect();
        let settings =
            ImportSettings { mapping: Mapping(mapping), synonyms: view.settings.synonyms, ..settings };
        let record = ImportRecord { settings: to_json(&settings)?, changed_at: self.now(), ..view.record };
        self.store.keep_import(record, Vec::new()).await?;
        self.import(staff, id).await
    }

    /// Takes the usable rows over as drafts, all or nothing.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Refused` (`import_not_ready`), `Conflict` (somebody changed an entry meanwhile; nothing
    /// was taken over), `StaleVocabulary` (the same of synonyms), `Unavailable`.
    pub async fn apply_import(self: &Arc<Self>, staff: &Staff, id: &str) -> Result<ImportView, AppError> {
        let mut view = self.import(staff, id).await?;
        must_be(&view.record, ImportState::Ready)?;
        if let Some(plan) = view.synonyms.take() {
            return self.apply_synonyms(staff, view, plan).await;
        }
        let records = self.catalogue.records(self.store.as_ref()).await?;
        let reason = format!("import: {}", view.record.name);
        let mut outcome = ImportOutcome { rejected: view.plan.rejected.len(), ..ImportOutcome::default() };
        let mut changes = Vec::new();
        for row in &view.plan.planned {
            let known = records.get(&row.entry.id).map(|record| record.as_ref().clone());
            match self.taken(staff, known.clone(), row, &reason) {
                Err(AppError::Refused { code, .. }) => {
                    outcome.refused.push((row.entry.id.clone(), code.to_owned()))
                }
                Err(error) => return Err(error),
                Ok(taken) => {
                    match (&row.action, known, taken.last()) {
                        (_, None, Some(_)) => outcome.created.push(row.entry.id.clone()),
                        (Action::Update { .. }, Some(before), Some(change)) => {
                            outcome.updated.push(Updated {
                                id: row.entry.id.clone(),
                                before: before.life.head,
                                after: change.entry.life.head,
                                was_archived: before.life.status == Status::Archived,
                            })
                        }
                        _ => outcome.unchanged += 1,
                    }
                    changes.extend(taken);
                }
            }
        }
        self.finish_import(staff, view.record, ImportState::Applied, outcome, changes).await
    }

    /// The changes that take one row over; none where the desk has it just so.
    fn taken(
        &self,
        staff: &Staff,
        known: Option<EntryRecord>,
        row: &Planned,
        reason: &str,
    ) -> Result<Vec<EntryChange>, AppError> {
        let by = staff.id.to_string();
        let mut changes = Vec::new();
        let mut record = known.unwrap_or_else(|| new_record(&row.entry.id, self.now()));
        let learns_id = record.external_id.is_none() && row.external_id != row.entry.id;
        if learns_id {
            record.external_id = Some(row.external_id.clone());
        }
        let event = match row.action {
            Action::Unchanged if !learns_id || record.life.status == Status::Archived => return Ok(changes),
            // Only where it comes from is new: its place in life stays.
            Action::Unchanged => Event::Tend,
            _ => Event::Save { by: by.clone() },
        };
        if record.version > 0 && record.life.status == Status::Archived {
            let restored = self.change_of(staff, &record, &Event::Restore { by }, None, reason.to_owned())?;
            record = EntryRecord { version: record.version + 1, ..restored.entry.clone() };
            changes.push(restored);
        }
        let content = Some((row.entry.clone(), Origin::Saved));
        changes.push(self.change_of(staff, &record, &event, content, reason.to_owned())?);
        Ok(changes)
    }

    /// Takes an import back: entries it created are archived, entries it changed get their content from before. What
    /// somebody changed since stays, and is named.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Refused` (`import_not_applied`, `vocabulary_moved_on`), `Conflict`, `Unavailable`.
    pub async fn undo_import(self: &Arc<Self>, staff: &Staff, id: &str) -> Result<ImportView, AppError> {
        let view = self.import(staff, id).await?;
        must_be(&view.record, ImportState::Applied)?;
        if view.source.format == Format::Synonyms {
            return self.undo_synonyms(staff, view).await;
        }
        let records = self.catalogue.records(self.store.as_ref()).await?;
        let reason = format!("import undone: {}", view.record.name);
        let mut outcome = view.outcome;
        let mut changes = Vec::new();
        for id in &outcome.created {
            let untouched =
                |life: &Life| life.head == 1 && life.live.is_none() && life.status == Status::Draft;
            match records.get(id).filter(|record| untouched(&record.life)) {
                Some(record) => {
                    changes.push(self.change_of(staff, record, &Event::Archive, None, reason.clone())?);
                }
                None => outcome.kept.push(id.clone()),
            }
        }
        for Updated { id, before, after, was_archived } in &outcome.updated {
            let untouched = |life: &Life| life.head == *after && life.live != Some(*after);
            let event = Event::RollBack { by: staff.id.to_string(), to: *before };
            let Some(record) = records.get(id).filter(|record| untouched(&record.life)) else {
                outcome.kept.push(id.clone());
                continue;
            };
            let content = self.revision_of(record, *before).await?.content;
            let (event, content) = if *was_archived {
                (Event::Archive, None)
            } else {
                (event, Some((content, Origin::RolledBack)))
            };
            match self.change_of(staff, record, &event, content, reason.clone()) {
                Ok(change) => changes.push(change),
                Err(AppError::Refused { .. }) => outcome.kept.push(id.clone()),
                Err(error) => return Err(error),
            }
        }
        self.finish_import(staff, view.record, ImportState::Undone, outcome, changes).await
    }

    pub(super) async fn finish_import(
        &self,
        staff: &Staff,
        record: ImportRecord,
        state: ImportState,
        outcome: ImportOutcome,
        changes: Vec<EntryChange>,
    ) -> Result<ImportView, AppError> {
        let id = record.id.clone();
        let record = ImportRecord { state, outcome: to_json(&outcome)?, changed_at: self.now(), ..record };
        match self.store.keep_import(record, changes).await {
            Err(StoreError::Conflict | StoreError::Taken(_)) => Err(AppError::Conflict),
            other => Ok(other?),
        }?;
        self.import(staff, &id).await
    }

    /// Everything the desk holds as a file: heads, whatever their state.
    ///
    /// # Errors
    /// `Forbidden`, `Refused` (`cell_too_long`: take CSV or JSON), `Unavailable`.
    pub async fn export_entries(
        &self,
        staff: &Staff,
        format: ExportFormat,
        english: bool,
    ) -> Result<Vec<u8>, AppError> {
        must(staff, Role::Editor)?;
        let held: Vec<Held> = self.shelf().await?.into_values().collect();
        match format {
            ExportFormat::Csv => Ok(write::csv(&held, english)),
            ExportFormat::Json => Ok(write::json(&held).into_bytes()),
            ExportFormat::Xlsx => {
                let vocabulary: Vocabulary = self.snapshot().vocabulary.clone();
                write::xlsx(&held, &vocabulary, english)
                    .map_err(|error| AppError::Refused { code: "cell_too_long", why: error.to_string() })
            }
        }
    }

    /// What customers may read, for a help centre's FAQPage.
    pub fn published_entries(&self) -> Vec<Entry> {
        self.snapshot().entries.iter().map(|entry| Entry::clone(entry)).collect()
    }

    /// The newest state of every entry, by id.
    async fn shelf(&self) -> Result<Shelf, AppError> {
        let records = self.catalogue.records(self.store.as_ref()).await?;
        let wanted = records.values().map(|record| (record.id.as_str(), record.life.head));
        let heads = self.entries_at(&self.publishing.held(), wanted).await?.into_iter().filter_map(|head| {
            let record = records.get(&head.id)?;
            let entry = Entry { status: record.life.status, ..Arc::unwrap_or_clone(head) };
            Some((record.id.clone(), Held { entry, external_id: record.external_id.clone() }))
        });
        Ok(heads.collect())
    }
}

/// A row that cannot be taken over.
#[derive(Debug, Clone, Copy)]
pub struct RejectedRow<'a> {
    /// Its number in the file.
    pub number: usize,
    /// Its cells as they were.
    pub cells: &'a [String],
    /// Why.
    pub why: RejectedFor<'a>,
}

/// Why a row cannot be taken over.
#[derive(Debug, Clone, Copy)]
pub enum RejectedFor<'a> {
    /// What is wrong with an entry.
    Entry(&'a [Issue]),
    /// What is wrong with a group of synonyms.
    Synonyms(&'a SynonymProblem),
}

impl ImportView {
    /// How many rows create, change and leave alone.
    pub fn counts(&self) -> (usize, usize, usize) {
        self.synonyms.as_ref().map_or_else(|| self.plan.counts(), SynonymPlan::counts)
    }

    /// The rows that cannot be taken over.
    pub fn rejected(&self) -> Vec<RejectedRow<'_>> {
        let entries = self.plan.rejected.iter().map(|row| RejectedRow {
            number: row.number,
            cells: &row.cells,
            why: RejectedFor::Entry(&row.issues),
        });
        let groups = self.synonyms.iter().flat_map(|plan| &plan.rejected).map(|row| RejectedRow {
            number: row.number,
            cells: &row.cells,
            why: RejectedFor::Synonyms(&row.problem),
        });
        entries.chain(groups).collect()
    }

    /// The rejected rows as a file, with `reasons` in words.
    pub fn rejected_csv(&self, heads: [&str; 2], reasons: impl Fn(&RejectedRow<'_>) -> String) -> Vec<u8> {
        let rejected = self.rejected();
        let rows = rejected.iter().map(|row| (row.number, row.cells, reasons(row)));
        write::rejected_csv(&self.source.table.header, heads, rows)
    }
}

fn must_be(record: &ImportRecord, state: ImportState) -> Result<(), AppError> {
    let code = match state {
        _ if record.state == state => return Ok(()),
        ImportState::Ready => "import_not_ready",
        ImportState::Applied | ImportState::Undone => "import_not_applied",
    };
    let why = format!("the import is {}", record.state.name());
    Err(AppError::Refused { code, why })
}

fn internal(why: &str) -> AppError {
    AppError::Unavailable(StoreError::Database(why.to_owned()))
}

fn to_json<T: Serialize>(value: &T) -> Result<String, AppError> {
    serde_json::to_string(value).map_err(|error| internal(&error.to_string()))
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, AppError> {
    serde_json::from_str(text).map_err(|error| {
        let why = error.to_string();
        AppError::Unavailable(StoreError::Unreadable { what: "import", why })
    })
}
