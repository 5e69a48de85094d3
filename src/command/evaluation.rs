//! `madoguchi eval`: builds the engines that [`crate::eval`] measures. What the commands do is in [`crate::eval::cli`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::bail;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::models_folder;
use crate::answer::{Ask, Engine, Outcome, System};
use crate::embed::transformer::Tier;
use crate::eval::answers::Answerer;
pub use crate::eval::cli::EvalArgs;
use crate::eval::cli::{self, EngineFactory, is_removed};
use crate::eval::dataset::{Dataset, Document};
use crate::eval::examples::Judged;
use crate::eval::perturb::Readings;
use crate::eval::replay::Stored;
use crate::eval::retrieval::Retriever;
use crate::kb::snapshot::DeskFiles;
use crate::kb::{Entry, Language, Snapshot, Status, files};
use crate::publish::Workshop;
use crate::store::read_questions;
use crate::text::{Analyzer, Vocabulary};

/// Runs `madoguchi eval …`.
///
/// # Errors
/// When a file is missing or malformed, or an engine cannot be built.
pub fn run(args: EvalArgs) -> anyhow::Result<ExitCode> {
    let models = models_folder(args.models.as_deref());
    let tier = args.tier.open(&models, args.measures_retrieval())?;
    cli::run(args, &Factory { models, tier })
}

/// Builds engines as the counter does, index in memory.
struct Factory {
    models: PathBuf,
    tier: Tier,
}

impl Factory {
    fn workshop(&self) -> Workshop {
        Workshop::in_memory(&self.models).with_tier(self.tier.clone())
    }
}

impl EngineFactory for Factory {
    fn for_dataset(
        &self,
        dataset: &Dataset,
        system: System,
        adapt: bool,
    ) -> anyhow::Result<Box<dyn Retriever>> {
        let workshop = Workshop { adapt, ..self.workshop() };
        let files = DeskFiles { entries: entries_of(dataset), ..DeskFiles::default() };
        let engine = workshop.engine_of(Snapshot::of(files, super::today()))?.with_system(system);
        Ok(Box::new(Measured::new(engine, &[&self.models])))
    }

    fn for_desk(&self, kb: &Path, removed: &BTreeSet<String>) -> anyhow::Result<Box<dyn Answerer>> {
        let today = super::today();
        let mut desk = files::load(kb, today)?;
        desk.entries.retain(|entry| !is_removed(&entry.id, removed));
        let fitted = kb.join("fitted");
        let engine = self.workshop().with_fitted(&fitted).engine(desk, today)?;
        Ok(Box::new(Measured::new(engine, &[&self.models, &fitted])))
    }

    fn desk_texts(&self, kb: &Path) -> anyhow::Result<Vec<String>> {
        let desk = files::load(kb, super::today())?;
        let texts =
            desk.entries.into_iter().flat_map(|entry| std::iter::once(entry.question).chain(entry.phrasings));
        Ok(texts.collect())
    }

    fn stored_questions(&self, data: &Path, since: Option<Date>, limit: u32) -> anyhow::Result<Stored> {
        let file = data.join("madoguchi.db");
        if !file.is_file() {
            bail!("{} does not exist; --data is the folder that `madoguchi serve` keeps", file.display());
        }
        let since = since.map_or(Ok(Timestamp::UNIX_EPOCH), |date| {
            date.to_zoned(TimeZone::system()).map(|start| start.timestamp())
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let records = runtime.block_on(read_questions(&file, since.as_millisecond(), limit))?;
        if records.is_empty() {
            bail!("{} holds no question{}", file.display(), if since.is_zero() { "" } else { " since then" });
        }
        Ok(Stored::of_records(records))
    }

    fn judged_examples(&self, kb: &Path, folds: usize) -> anyhow::Result<Vec<Judged>> {
        let today = super::today();
        let engine = self.workshop().engine(files::load(kb, today)?, today)?;
        let snapshot = engine.snapshot();
        let judged = engine.cross_fitted_suspicions(folds).into_iter().zip(&snapshot.examples);
        let judged = judged.map(|(suspicion, example)| Judged {
            text: example.text.clone(),
            reason: example.reason,
            suspicion,
            by_rule: snapshot.rules.first_match(&example.text).is_some(),
        });
        Ok(judged.collect())
    }

    fn readings(&self) -> anyhow::Result<Box<dyn Readings>> {
        let dictionaries = Workshop::in_memory(&self.models).dictionaries;
        Ok(Box::new(Analyzer::open_default(&dictionaries, &Vocabulary::default())?))
    }
}

/// An engine with the hashes of the files it was made from.
struct Measured {
    engine: Engine,
    files: BTreeMap<String, String>,
}

impl Measured {
    fn new(engine: Engine, folders: &[&Path]) -> Self {
        let files = folders.iter().flat_map(|folder| hashes_of(folder)).collect();
        Self { engine, files }
    }

    /// Names and hashes that a figure depends on besides its data.
    fn fingerprint(&self) -> BTreeMap<String, String> {
        let engine = &self.engine;
        let parts = [
            ("index", engine.index().fingerprint.clone()),
            ("snapshot", engine.snapshot().hash().to_owned()),
            ("dictionary", engine.analyzer().dictionary().name.clone()),
            ("analyzer", engine.analyzer().fingerprint()),
            ("mode", if engine.is_degraded() { "lexical-only" } else { "hybrid" }.to_owned()),
            ("code", program_hash().to_owned()),
        ];
        let parts = parts.into_iter().map(|(name, value)| (name.to_owned(), value));
        parts.chain(self.files.clone()).collect()
    }
}

impl Retriever for Measured {
    fn retrieve(&self, query: &str, limit: usize) -> Vec<(String, f32)> {
        self.retrieve_with_confidence(query, limit).0
    }

    fn retrieve_with_confidence(&self, query: &str, limit: usize) -> (Vec<(String, f32)>, Option<f32>) {
        let considered = self.engine.consider_text(query);
        let entries = &self.engine.snapshot().entries;
        let ranked = considered.ranking.iter().take(limit);
        let list =
            ranked.map(|ranked| (entries[ranked.found.number as usize].id.clone(), ranked.score)).collect();
        (list, Some(considered.confidence))
    }

    fn fingerprint(&self) -> BTreeMap<String, String> {
        Measured::fingerprint(self)
    }
}

impl Answerer for Measured {
    fn answer(&self, ask: &Ask<'_>) -> Outcome {
        self.engine.answer(ask)
    }

    fn has_entry(&self, id: &str) -> bool {
        self.engine.snapshot().entry(id).is_some()
    }

    fn fingerprint(&self) -> BTreeMap<String, String> {
        Measured::fingerprint(self)
    }
}

/// SHA-256 of each file of a folder of models, by `model FILE`; what cannot be read is left out.
fn hashes_of(folder: &Path) -> Vec<(String, String)> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let hash = |file: std::fs::DirEntry| {
        let path = file.path();
        let is_model =
            path.extension().is_some_and(|extension| extension == "json" || extension == "safetensors");
        let bytes = std::fs::read(&path).ok().filter(|_| is_model)?;
        Some((format!("model {}", file.file_name().to_string_lossy()), hex::encode(Sha256::digest(bytes))))
    };
    files.filter_map(hash).collect()
}

/// Version and SHA-256 of the running program.
fn program_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let version = env!("CARGO_PKG_VERSION");
        let program = std::env::current_exe().ok().and_then(|path| std::fs::read(path).ok());
        program.map_or_else(
            || version.to_owned(),
            |bytes| format!("{version} {}", hex::encode(Sha256::digest(bytes))),
        )
    })
}

/// A dataset's documents as entries: title = question, text = answer.
pub fn entries_of(dataset: &Dataset) -> Vec<Entry> {
    let entry = |document: &Document| Entry {
        id: document.id.clone(),
        question: document.title.clone(),
        answer: document.text.clone(),
        status: Status::Published,
        language: language_of(&document.text),
        revision: 1,
        ..Entry::default()
    };
    dataset.documents.iter().map(entry).collect()
}

fn language_of(text: &str) -> Language {
    let japanese = text.chars().take(200).any(|c| matches!(c, 'ぁ'..='ヿ' | '一'..='鿿'));
    if japanese { Language::Ja } else { Language::En }
}
