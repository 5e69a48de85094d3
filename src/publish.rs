//! Publishing: from a desk's contents to a ready [`Engine`]. Snapshot → analyzer → model → index, built aside and whole
//! before anyone is served from it. Knows no HTTP and no SQL.
//!
//! [`Workshop`] says of what and where; a [`base`] is everything built of one snapshot as a whole, on disk if there is a
//! folder; an Engine is a base brought up to a snapshot; a [`Press`] publishes a desk again and again.

pub mod base;
mod press;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use jiff::civil::Date;
use serde::Serialize;

use crate::answer::{Engine, Models};
use crate::embed::adapt::{AdaptOptions, AdaptReport, Adapted, adapt, entry_pairs};
use crate::embed::transformer::Tier;
use crate::embed::{Blend, Embedder, StaticModel};
use crate::index::folder::Sealed;
use crate::kb::Snapshot;
use crate::kb::snapshot::DeskFiles;
use crate::text::Analyzer;
use base::Base;

pub use press::Press;

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
    /// Leaves out models that another version fitted, instead of refusing them: they are about to be replaced.
    pub refit: bool,
    /// Leaves the vectors out: the desk as it runs when its embedding model cannot be read.
    pub lexical: bool,
    /// Folder with the desk's own confidence; files there replace those of `models`.
    pub fitted: Option<PathBuf>,
    /// Transformers, where the desk has some.
    pub tier: Tier,
    /// How far the base is that is being built.
    pub progress: Progress,
}

/// How far a build is. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<[AtomicUsize; 2]>);

impl Progress {
    /// Entries that are done, of how many; nothing of nothing while no base is being built.
    pub fn now(&self) -> (usize, usize) {
        let [done, all] = self.0.each_ref().map(|count| count.load(Ordering::Relaxed));
        (done.min(all), all)
    }

    fn tell(&self, done: usize, all: usize) {
        self.0[1].store(all, Ordering::Relaxed);
        self.0[0].store(done, Ordering::Relaxed);
    }
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
            refit: false,
            lexical: false,
            fitted: None,
            tier: Tier::default(),
            progress: Progress::default(),
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
        let (base, _) = self.base(&snapshot)?;
        base.engine(self, snapshot)
    }

    /// Tunes the vectors to `snapshot` anew, whatever is kept, and builds the Engine that serves it; with a folder, that is
    /// then what publishing starts from.
    ///
    /// # Errors
    /// As [`Workshop::engine`], and when there is no model to tune.
    pub fn adapted(&self, snapshot: Snapshot) -> anyhow::Result<(Engine, Adaptation)> {
        let snapshot = Arc::new(snapshot);
        let tools = self.tools(&snapshot)?;
        let model =
            tools.model.as_ref().context("there is no embedding model to tune; run `madoguchi train`")?;
        let Adapted { model: tuned, kept, report } = tuned(model, &snapshot, &tools.analyzer);
        let adaptation = Adaptation { base: model.base_hash().to_owned(), kept, report };
        let learned = Learned { model: Some(tuned), is_settled: true };
        let engine = Base::build(self, &snapshot, tools, learned)?.engine(self, snapshot)?;
        Ok((engine, adaptation))
    }

    /// A base that carries `snapshot`: the one on disk if it does, else a new one.
    ///
    /// # Errors
    /// As [`Workshop::engine`].
    pub fn base(&self, snapshot: &Arc<Snapshot>) -> anyhow::Result<(Base, Origin)> {
        let tools = self.tools(snapshot)?;
        if let Some(base) = self.kept(snapshot, &tools) {
            return Ok((base, Origin::Opened));
        }
        let learned = tools.adapted(self, snapshot);
        Ok((Base::build(self, snapshot, tools, learned)?, Origin::Built))
    }

    /// The embedder around the static model as it is used.
    fn embedder(&self, model: Option<&StaticModel>) -> Option<Arc<dyn Embedder>> {
        if self.lexical {
            return None;
        }
        let base = model.map(|model| Arc::new(model.clone()) as Arc<dyn Embedder>);
        match &self.tier.encoder {
            Some(used) => Some(Arc::new(Blend::new(base, Arc::clone(&used.model), used.share))),
            None => base,
        }
    }

    fn tools(&self, snapshot: &Snapshot) -> anyhow::Result<Tools> {
        let analyzer = Arc::new(Analyzer::open_default(&self.dictionaries, &snapshot.vocabulary)?);
        let model = if self.lexical {
            None
        } else {
            StaticModel::open(&self.models, analyzer.dictionary())
                .map_err(|error| tracing::warn!("the desk runs without static vectors: {error}"))
                .ok()
        };
        Ok(Tools { analyzer, model })
    }

    /// What is kept on disk, if it carries `snapshot`.
    fn kept(&self, snapshot: &Arc<Snapshot>, tools: &Tools) -> Option<Base> {
        let bases = Sealed::all(self.index.as_ref()?).into_iter();
        let mut usable = bases.filter_map(|folder| match Base::open(self, &folder, snapshot, tools) {
            Ok(base) => base.filter(|base| base.carries(snapshot)),
            Err(error) => {
                tracing::warn!("index {} is not used: {error:#}", folder.path().display());
                None
            }
        });
        usable.next()
    }

    fn models_in_force(&self) -> anyhow::Result<Models> {
        if self.plain { Ok(Models::default()) } else { self.learned() }
    }

    /// Ranker and confidence in force: the desk's own where it has them. With transformers only a confidence that was
    /// fitted with just these counts.
    ///
    /// # Errors
    /// When a file is malformed or fitted for other features.
    pub fn learned(&self) -> anyhow::Result<Models> {
        let open = if self.refit { Models::open_current } else { Models::open };
        let mut defaults = open(&self.models)?;
        if let Some(folder) = self.tier.fitted() {
            let fitted = open(&folder)?;
            defaults = Models {
                ranker: fitted.ranker.or(defaults.ranker),
                confidence: fitted.confidence,
                lexical_confidence: fitted.lexical_confidence.or(defaults.lexical_confidence),
            };
        }
        let Some(folder) = &self.fitted else { return Ok(defaults) };
        let own = open(&self.tier.fitted_to(folder))?;
        Ok(Models {
            ranker: own.ranker.or(defaults.ranker),
            confidence: own.confidence.or(defaults.confidence),
            lexical_confidence: own.lexical_confidence.or(defaults.lexical_confidence),
        })
    }
}

/// What tuning the vectors to a desk came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Adaptation {
    /// SHA-256 of the model it starts from (hex).
    pub base: String,
    /// Whether the desk's own check got no worse, so that the tuned vectors are used.
    pub kept: bool,
    /// What was learned of.
    pub report: AdaptReport,
}

/// How a base came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Read from disk.
    Opened,
    /// Built anew.
    Built,
}

/// What a workshop builds with: the reading of words, and the model as it comes.
#[derive(Clone)]
struct Tools {
    analyzer: Arc<Analyzer>,
    /// `None` when there is none that fits: the desk then runs lexical-only.
    model: Option<StaticModel>,
}

/// A model, and whether it is all that could be learned of the snapshot it is used for.
struct Learned {
    model: Option<StaticModel>,
    is_settled: bool,
}

impl Tools {
    /// The model tuned to the snapshot's entries, where the workshop adapts.
    fn adapted(&self, workshop: &Workshop, snapshot: &Snapshot) -> Learned {
        let tune = |base: &StaticModel| {
            if workshop.adapt { tuned(base, snapshot, &self.analyzer).model } else { base.clone() }
        };
        Learned { model: self.model.as_ref().map(tune), is_settled: true }
    }

    /// The model tuned to other entries, or to none, for when there is no time.
    fn inherited(&self, model: Option<StaticModel>) -> Learned {
        let fits =
            |model: &StaticModel| self.model.as_ref().is_some_and(|own| own.base_hash() == model.base_hash());
        Learned { model: model.filter(fits).or_else(|| self.model.clone()), is_settled: false }
    }
}

fn tuned(base: &StaticModel, snapshot: &Snapshot, analyzer: &Analyzer) -> Adapted {
    let pairs = snapshot.entries.iter().flat_map(|entry| {
        let phrasings: Vec<Vec<String>> = entry.phrasings.iter().map(|p| analyzer.terms(p)).collect();
        entry_pairs(&analyzer.terms(&entry.question), &phrasings, &analyzer.terms(&entry.answer))
    });
    let adapted = adapt(base, pairs, &AdaptOptions::default());
    tracing::info!(
        kept = adapted.kept,
        pairs = adapted.report.pairs,
        terms = adapted.report.terms,
        before = adapted.report.loss[0],
        after = adapted.report.loss[1],
        "vectors adapted to the desk"
    );
    adapted
}
