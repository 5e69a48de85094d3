//! [`Tier`]: what a desk uses of the transformers, opened once and shared by every engine built after. Opening never
//! fails: what cannot be used is left out, and [`Tier::notes`] says why.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{CrossEncoder, Encoder, ModelFolder, Resources, TransformerError};
use crate::embed::{Reranker, Reranking};

/// The file that says that a confidence was fitted.
const CONFIDENCE: &str = "confidence.json";

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct TierOptions {
    /// Encoder: name of a folder among the models, or a path.
    pub encoder: Option<String>,
    /// Share of the encoder in the cosine, the rest is the static model's; 1 = the encoder alone.
    pub share: f32,
    /// Re-ranker, likewise.
    pub reranker: Option<String>,
    /// Candidates the re-ranker looks at.
    pub candidates: usize,
    /// Points of the ranker's score that one point of the re-ranker's is worth.
    pub weight: f32,
    /// Time the re-ranker gets for one question.
    pub budget: Duration,
    /// Whether models are taken that no confidence was fitted with yet: for fitting and for measuring retrieval.
    pub unfitted: bool,
    /// What the models may take of the machine.
    pub resources: Resources,
}

impl Default for TierOptions {
    fn default() -> Self {
        Self {
            encoder: None,
            share: 0.5,
            reranker: None,
            candidates: 8,
            weight: 0.2,
            budget: Duration::from_millis(150),
            unfitted: false,
            resources: Resources::default(),
        }
    }
}

/// A model that is in use.
#[derive(Debug, Clone)]
pub struct UsedEncoder {
    /// Its name, as configured.
    pub name: String,
    /// The model.
    pub model: Arc<Encoder>,
    /// Its share in the cosine.
    pub share: f32,
}

/// What is there of it.
#[derive(Debug, Clone, Default)]
pub struct Tier {
    /// The encoder.
    pub encoder: Option<UsedEncoder>,
    /// The re-ranker, as the engine uses it.
    pub reranking: Option<Reranking>,
    /// Why something that was asked for is not used.
    pub notes: Vec<String>,
    home: Option<PathBuf>,
    key: String,
}

/// The folder that `name` means: a path as it is, else one among the models.
pub fn folder_of(models: &Path, name: &str) -> PathBuf {
    if name.contains('/') { PathBuf::from(name) } else { models.join(name) }
}

impl Tier {
    /// Opens what `options` ask for.
    pub fn open(models: &Path, options: &TierOptions) -> Self {
        let mut tier = Self::default();
        let mut parts = Vec::new();
        if let Some(name) = &options.encoder {
            let folder = folder_of(models, name);
            match opened(&folder, |folder| Encoder::open(folder, &options.resources)) {
                Ok(encoder) => {
                    parts.push(format!("encoder {} {}", options.share, encoder.fingerprint()));
                    tier.home = Some(folder);
                    let model = Arc::new(encoder);
                    tier.encoder = Some(UsedEncoder { name: name.clone(), model, share: options.share });
                }
                Err(error) => tier.note(format!("the encoder {name} is not used: {error}")),
            }
        }
        if let Some(name) = &options.reranker {
            let folder = folder_of(models, name);
            match opened(&folder, |folder| CrossEncoder::open(folder, &options.resources)) {
                Ok(model) => {
                    let fingerprint = model.fingerprint();
                    parts.push(format!("reranker {} {} {fingerprint}", options.candidates, options.weight));
                    tier.home = tier.home.or(Some(folder));
                    tier.reranking = Some(Reranking {
                        model: Arc::new(model),
                        candidates: options.candidates,
                        weight: options.weight,
                        budget: options.budget,
                    });
                }
                Err(error) => tier.note(format!("the re-ranker {name} is not used: {error}")),
            }
        }
        tier.key = hex::encode(Sha256::digest(parts.join("\n")))[..12].to_owned();
        if !options.unfitted && tier.fitted().is_some_and(|folder| !folder.join(CONFIDENCE).is_file()) {
            let remedy = tier.remedy(options);
            tier.note(format!("the transformers are not used: no confidence is fitted with them; run `{remedy}` and start again"));
            (tier.encoder, tier.reranking) = (None, None);
        }
        tier
    }

    /// Whether nothing of it is in use.
    pub fn is_empty(&self) -> bool {
        self.encoder.is_none() && self.reranking.is_none()
    }

    /// Folder of ranker and confidence that were fitted with exactly these models; `None` when there are none in use.
    pub fn fitted(&self) -> Option<PathBuf> {
        Some(self.home.as_ref().filter(|_| !self.is_empty())?.join("fitted").join(&self.key))
    }

    /// Folder, below `desk`, of what was fitted to the desk's own cases with these models.
    pub fn fitted_to(&self, desk: &Path) -> PathBuf {
        if self.is_empty() { desk.to_owned() } else { desk.join(&self.key) }
    }

    /// One line for each model in use.
    pub fn in_use(&self) -> Vec<String> {
        let encoder = self.encoder.as_ref().map(|used| {
            format!("encoder {}, {} numbers, {} of the cosine", used.name, used.model.dimension(), used.share)
        });
        let reranker = self.reranking.as_ref().map(|used| {
            format!("re-ranker over {} candidates within {} ms", used.candidates, used.budget.as_millis())
        });
        encoder.into_iter().chain(reranker).collect()
    }

    /// The command line that fits ranker and confidence for these models.
    fn remedy(&self, options: &TierOptions) -> String {
        let mut command = "madoguchi fit".to_owned();
        if let Some(name) = options.encoder.as_ref().filter(|_| self.encoder.is_some()) {
            command += &format!(" --encoder {name} --share {}", options.share);
        }
        if let Some(name) = options.reranker.as_ref().filter(|_| self.reranking.is_some()) {
            let TierOptions { candidates, weight, .. } = options;
            command +=
                &format!(" --reranker {name} --rerank-candidates {candidates} --rerank-weight {weight}");
        }
        command
    }

    fn note(&mut self, note: String) {
        tracing::warn!("{note}");
        self.notes.push(note);
    }
}

fn opened<T>(
    folder: &Path,
    open: impl FnOnce(&ModelFolder) -> Result<T, TransformerError>,
) -> Result<T, TransformerError> {
    if !super::IS_BUILT {
        return Err(TransformerError::NotBuilt);
    }
    open(&ModelFolder::read(folder)?)
}

impl Reranker for CrossEncoder {
    fn scores(&self, question: &str, passages: &[&str], budget: Duration) -> Result<Vec<f32>, String> {
        CrossEncoder::scores(self, question, passages, budget).map_err(|error| error.to_string())
    }
}
