//! Which transformers a command uses: the arguments that `ask`, `eval`, `fit` and `index` share. `serve` has them in its
//! configuration.

use std::path::Path;

use clap::Args;

use super::progress;
use crate::embed::transformer::{Tier, TierOptions};
use crate::eval::terminal::print_error;

/// Arguments that name transformers.
#[derive(Debug, Clone, Default, Args)]
pub struct TierArgs {
    /// Sentence encoder to use: a folder among the models, or a path.
    #[arg(long, global = true, value_name = "NAME")]
    encoder: Option<String>,
    /// Share of the encoder in the cosine, the rest is the static model's.
    #[arg(long, global = true, value_name = "SHARE", value_parser = share, requires = "encoder")]
    share: Option<f32>,
    /// Re-ranker to use: a folder among the models, or a path.
    #[arg(long, global = true, value_name = "NAME")]
    reranker: Option<String>,
    /// Candidates the re-ranker looks at.
    #[arg(long, global = true, value_name = "N", requires = "reranker")]
    rerank_candidates: Option<usize>,
    /// Points of the ranker's score that one point of the re-ranker's is worth.
    #[arg(long, global = true, value_name = "WEIGHT", requires = "reranker")]
    rerank_weight: Option<f32>,
}

fn share(text: &str) -> Result<f32, String> {
    let share: f32 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if share > 0.0 && share <= 1.0 { Ok(share) } else { Err("a share is above 0 and at most 1".to_owned()) }
}

impl TierArgs {
    /// Opens what was asked for; what cannot be used is said on standard error.
    ///
    /// # Errors
    /// When something asked for by name cannot be used: a command must not measure something else.
    pub fn open(&self, models: &Path, unfitted: bool) -> anyhow::Result<Tier> {
        let default = TierOptions::default();
        let options = TierOptions {
            encoder: self.encoder.clone(),
            share: self.share.unwrap_or(default.share),
            reranker: self.reranker.clone(),
            candidates: self.rerank_candidates.unwrap_or(default.candidates),
            weight: self.rerank_weight.unwrap_or(default.weight),
            unfitted,
            ..default
        };
        let tier = Tier::open(models, &options);
        if let Some(note) = tier.notes.first() {
            anyhow::bail!("{note}");
        }
        for line in tier.in_use() {
            print_error(&format!("{line}\n"));
        }
        show_progress(&tier);
        Ok(tier)
    }
}

/// A bar while the encoder reads the desk's texts.
pub fn show_progress(tier: &Tier) {
    let Some(used) = &tier.encoder else { return };
    let bar = progress(0, "encoding");
    used.model.on_progress(move |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
        if done == total {
            bar.reset();
        }
    });
}
