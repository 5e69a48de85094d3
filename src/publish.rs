//! Publishing: from a desk's contents to a ready [`Engine`]. Snapshot → analyzer → model → index, built aside and whole
//! before anyone is served from it. Knows no HTTP and no SQL.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;

use crate::answer::{Engine, Models, Parts};
use crate::embed::adapt::{AdaptOptions, AdaptPair, adapt, entry_pairs};
use crate::embed::transformer::Tier;
use crate::embed::{Blend, Embedder, StaticModel};
use crate::index::{Index, Origin};
use crate::kb::Snapshot;
use crate::kb::snapshot::DeskFiles;
use crate::text::Analyzer;

/// Where an Engine's ingredients come from.
#[derive(Debug, Clone)]
pub struct Workshop {
    /// Folder with the embedding model, ranker and confidence (`models/`).
    pub models: PathBuf,
    /// Folder with the built dictionaries (`models/dict/`).
    pub dictionaries: PathBuf,
    /// Folder the index is kept in; `None` = memory only.
    pub index: Option<PathBuf>,
    /// Whether the vectors are tuned to the desk's own entries first.
    pub adapt: bool,
    /// Leaves ranker and confidence out, for fitting them.
    pub plain: bool,
    /// Folder with the desk's own confidence; files there replace those of `models`.
    pub fitted: Option<PathBuf>,
    /// Transformers, where the desk has some.
    pub tier: Tier,
}

impl Workshop {
    /// The usual layout under a models folder, index in memory, adapted.
    pub fn in_memory(models: impl Into<PathBuf>) -> Self {
        let models = models.into();
        Self {
            dictionaries: models.join("dict"),
            models,
            index: None,
            adapt: true,
            plain: false,
            fitted: None,
            tier: Tier::default(),
        }
    }

    /// The same with the index kept in `folder`.
    #[must_use]
    pub fn with_index(self, folder: impl Into<PathBuf>) -> Self {
        Self { index: Some(folder.into()), ..self }
    }

    /// The same with the desk's own confidence in `folder`, where it has one.
    #[must_use]
    pub fn with_fitted(self, folder: impl Into<PathBuf>) -> Self {
        Self { fitted: Some(folder.into()), ..self }
    }

    /// The same with transformers.
    #[must_use]
    pub fn with_tier(self, tier: Tier) -> Self {
        Self { tier, ..self }
    }

    /// Builds the Engine that serves `files` on `today`.
    ///
    /// # Errors
    /// When there is no dictionary, or the index cannot be written. A missing or unfit embedding model is no error: the
    /// desk then runs lexical-only and says so.
    pub fn engine(&self, files: DeskFiles, today: Date) -> anyhow::Result<Engine> {
        self.engine_of(Snapshot::of(files, today))
    }

    /// Builds the Engine that serves `snapshot`.
    ///
    /// # Errors
    /// As [`Workshop::engine`].
    pub fn engine_of(&self, snapshot: Snapshot) -> anyhow::Result<Engine> {
        let snapshot = Arc::new(snapshot);
        let analyzer = Arc::new(Analyzer::open_default(&self.dictionaries, &snapshot.vocabulary)?);
        let embedder = self.embedder(&snapshot, &analyzer);
        let index = self.index(&snapshot, &analyzer, embedder.as_deref())?;
        let models = if self.plain { Models::default() } else { self.learned()? };
        let engine = Engine::new(Parts { snapshot, analyzer, embedder, index, models });
        Ok(engine.with_reranking(self.tier.reranking.clone()))
    }

    /// Ranker and confidence in force: the desk's own where it has them. With transformers only a confidence that was
    /// fitted with just these counts.
    ///
    /// # Errors
    /// When a file is malformed or fitted for other features.
    pub fn learned(&self) -> anyhow::Result<Models> {
        let mut defaults = Models::open(&self.models)?;
        if let Some(folder) = self.tier.fitted() {
            let fitted = Models::open(&folder)?;
            defaults = Models {
                ranker: fitted.ranker.or(defaults.ranker),
                confidence: fitted.confidence,
                lexical_confidence: fitted.lexical_confidence.or(defaults.lexical_confidence),
            };
        }
        let Some(folder) = &self.fitted else { return Ok(defaults) };
        let own = Models::open(&self.tier.fitted_to(folder))?;
        Ok(Models {
            ranker: own.ranker.or(defaults.ranker),
            confidence: own.confidence.or(defaults.confidence),
            lexical_confidence: own.lexical_confidence.or(defaults.lexical_confidence),
        })
    }

    fn embedder(&self, snapshot: &Snapshot, analyzer: &Analyzer) -> Option<Arc<dyn Embedder>> {
        let base = self.static_embedder(snapshot, analyzer);
        match &self.tier.encoder {
            Some(used) => Some(Arc::new(Blend::new(base, Arc::clone(&used.model), used.share))),
            None => base,
        }
    }

    fn static_embedder(&self, snapshot: &Snapshot, analyzer: &Analyzer) -> Option<Arc<dyn Embedder>> {
        match StaticModel::open(&self.models, analyzer.dictionary()) {
            Ok(base) if self.adapt => Some(Arc::new(self.adapted(base, snapshot, analyzer))),
            Ok(base) => Some(Arc::new(base)),
            Err(error) => {
                tracing::warn!("the desk runs without static vectors: {error}");
                None
            }
        }
    }

    /// The base tuned to the snapshot's entries. What changed is stored beside the index under the hashes of model,
    /// analyzer and snapshot, so that a restart need not tune again.
    fn adapted(&self, base: StaticModel, snapshot: &Snapshot, analyzer: &Analyzer) -> StaticModel {
        let stored = self.index.as_ref().map(|folder| {
            let parts = [base.base_hash(), &analyzer.fingerprint(), snapshot.hash()]
                .map(|hash| hash[..12].to_owned());
            folder.with_file_name("adapted").join(format!("{}.safetensors", parts.join("-")))
        });
        if let Some(model) = stored.as_ref().and_then(|file| restore(&base, file)) {
            return model;
        }
        let pairs: Vec<AdaptPair> = snapshot
            .entries
            .iter()
            .flat_map(|entry| {
                let phrasings: Vec<Vec<String>> = entry.phrasings.iter().map(|p| analyzer.terms(p)).collect();
                entry_pairs(&analyzer.terms(&entry.question), &phrasings, &analyzer.terms(&entry.answer))
            })
            .collect();
        let adapted = adapt(&base, &pairs, &AdaptOptions::default());
        tracing::info!(
            kept = adapted.kept,
            pairs = adapted.report.pairs,
            terms = adapted.report.terms,
            before = adapted.report.loss[0],
            after = adapted.report.loss[1],
            "vectors adapted to the desk"
        );
        if let Some(file) = stored
            && let Err(error) = store(&adapted.model, &file)
        {
            tracing::warn!("the adaptation is not kept at {}: {error:#}", file.display());
        }
        adapted.model
    }

    fn index(
        &self,
        snapshot: &Snapshot,
        analyzer: &Analyzer,
        embedder: Option<&dyn Embedder>,
    ) -> anyhow::Result<Index> {
        let Some(folder) = &self.index else { return Index::build(snapshot, analyzer, embedder) };
        let (index, origin) = Index::open_or_build(folder, snapshot, analyzer, embedder)?;
        let how = if origin == Origin::Built { "built" } else { "opened" };
        tracing::info!(
            entries = index.documents.len(),
            fingerprint = &index.fingerprint[..16],
            "index {how}"
        );
        Ok(index)
    }
}

/// An earlier adaptation of `base`; `None` when there is none or it is damaged. An empty file: the base itself.
fn restore(base: &StaticModel, file: &Path) -> Option<StaticModel> {
    let bytes = std::fs::read(file).ok()?;
    if bytes.is_empty() {
        return Some(base.clone());
    }
    base.apply_overlay(&bytes)
        .map_err(|error| tracing::warn!("adapting anew: {} {error}", file.display()))
        .ok()
}

/// Keeps an adaptation and removes earlier ones.
fn store(model: &StaticModel, file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().expect("the file is in a folder of its own");
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    std::fs::write(file, model.overlay_bytes()?.unwrap_or_default())?;
    Ok(())
}
