//! `madoguchi adapt`: tunes the vectors to a desk's own entries, as publishing does, and says what came of it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::desk::open_filled;
use super::tier::TierArgs;
use super::{models_folder, print, today};
use crate::kb::{Snapshot, files};
use crate::publish::{Adaptation, Workshop};

/// Arguments of `madoguchi adapt`.
#[derive(Debug, Args)]
pub struct AdaptArgs {
    /// Folder of the desk's files.
    #[arg(long, default_value = "kb")]
    kb: PathBuf,
    /// Folder of the data: takes the published entries from its database and keeps the tuned vectors with its index.
    /// Without it nothing is kept.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder of the models.
    #[arg(long)]
    models: Option<PathBuf>,
    #[command(flatten)]
    tier: TierArgs,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What is printed.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    adaptation: Adaptation,
    /// Hash of the snapshot it was tuned to.
    snapshot: String,
    /// Wall clock of tuning and indexing.
    seconds: f64,
}

/// Runs `madoguchi adapt`.
///
/// # Errors
/// When the desk cannot be read, there is no model, or the index cannot be written.
pub fn run(args: AdaptArgs) -> anyhow::Result<ExitCode> {
    let models = models_folder(args.models.as_deref());
    let workshop = Workshop::in_memory(&models).with_tier(args.tier.open(&models, false)?);
    let (workshop, snapshot) = match &args.data {
        None => (workshop, Snapshot::of(files::load(&args.kb, today())?, today())),
        Some(data) => {
            let published = async { anyhow::Ok(open_filled(data).await?.published().await?) };
            (workshop.with_index(data.join("index")), tokio::runtime::Runtime::new()?.block_on(published)?)
        }
    };
    let (begun, hash) = (Instant::now(), snapshot.hash().to_owned());
    let (_, adaptation) = workshop.adapted(snapshot)?;
    let report = Report { adaptation, snapshot: hash, seconds: begun.elapsed().as_secs_f64() };
    if args.json { print(&serde_json::to_string_pretty(&report)?) } else { print(&text(&report, &args)) }
}

fn text(report: &Report, args: &AdaptArgs) -> String {
    let Report { adaptation: Adaptation { base, kept, report: learned }, seconds, .. } = report;
    let kept = match (&args.data, kept) {
        (_, false) => {
            "not used: it would not find held-out pairs better than the model as it comes".to_owned()
        }
        (Some(data), true) => format!("kept in {}, with the index", data.join("index").display()),
        (None, true) => "not kept: name the desk's data with --data; publishing does the same".to_owned(),
    };
    format!(
        "{} entries, {} pairs, {} terms; {} entries held out\n\
         held-out pairs: mean reciprocal rank {:.3} → {:.3}, loss {:.3} → {:.3} nats, {} passes\n\
         base model {}, {seconds:.1} s with the index\n{kept}",
        learned.entries,
        learned.pairs,
        learned.terms,
        learned.held_out,
        learned.reciprocal_rank[0],
        learned.reciprocal_rank[1],
        learned.loss[0],
        learned.loss[1],
        learned.epochs,
        &base[..16.min(base.len())],
    )
}
