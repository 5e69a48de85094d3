//! Publishing: from a desk's contents to a ready [`Engine`]. Snapshot → analyzer → model → index, built aside and whole
//! before anyone is served from it. Knows no HTTP and no SQL.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::Date;

use crate::answer::{Engine, Models, Parts};
use crate::embed::{Embedder, StaticModel};
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
}

impl Workshop {
    /// The usual layout under a models folder, index in memory, adapted.
    pub fn in_memory(models: impl Into<PathBuf>) -> Self {
        let models = models.into();
        Self { dictionaries: models.join("dict"), models, index: None, adapt: true, plain: false, fitted: None }
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
        let embedder = self.embedder(&analyzer);
        let index = self.index(&snapshot, &analyzer, embedder.as_deref())?;
        let models = if self.plain { Models::default() } else { self.learned()? };
        Ok(Engine::new(Parts { snapshot, analyzer, embedder, index, models }))
    }

    fn learned(&self) -> anyhow::Result<Models> {
        let defaults = Models::open(&self.models)?;
        let Some(folder) = &self.fitted else { return Ok(defaults) };
        let own = Models::open(folder)?;
        Ok(Models {
            ranker: own.ranker.or(defaults.ranker),
            confidence: own.confidence.or(defaults.confidence),
            lexical_confidence: own.lexical_confidence.or(defaults.lexical_confidence),
        })
    }

    fn embedder(&self, analyzer: &Analyzer) -> Option<Arc<dyn Embedder>> {
        match StaticModel::open(&self.models, analyzer.dictionary()) {
            Ok(model) => Some(Arc::new(model)),
            Err(error) => {
                tracing::warn!("the desk runs lexical-only: {error}");
                None
            }
        }
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
        tracing::info!(entries = index.documents.len(), fingerprint = &index.fingerprint[..16], "index {how}");
        Ok(index)
    }
}
