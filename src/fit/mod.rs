//! `madoguchi fit`: fits the ranker and the confidence. Default models for a desk never seen come from practice desks
//! made of training pairs; a desk with labelled cases gets a confidence and bands of its own.
//!
//! Ranker and confidence never share a question: practice questions are split into a part the ranker is fitted on, a part
//! the confidence is fitted on and a part that calibrates it. A desk's own calibration is cross-fitted by entry.

pub mod boost;
mod desks;
pub mod linear;
mod samples;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use crate::answer::calibration::{Calibration, Isotonic, Platt, Sample, lowest_threshold};
use crate::answer::confidence::{Bands, ConfidenceModel};
use crate::answer::features;
use crate::answer::rank::RankModel;
use crate::answer::{Models, System};
use crate::kb::files;
use crate::publish::Workshop;
use boost::{Growth, Loss, Table, grow, mean_loss};
use samples::{ConfidenceSamples, Part};

/// Arguments of `madoguchi fit`.
#[derive(Debug, Args)]
pub struct FitArgs {
    /// Folder of the training data (holds pairs.jsonl.gz); fits the default models. Leave it out to fit a desk only.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder of the desk's files.
    #[arg(long, default_value = "kb")]
    kb: PathBuf,
    /// The desk's labelled cases (a file or folder); only their split `fit` is used.
    #[arg(long)]
    cases: Option<PathBuf>,
    /// Folder of the models: read, and written with --data.
    #[arg(long)]
    models: Option<PathBuf>,
    /// Folder the desk's own confidence is written to.
    #[arg(long, default_value = "kb/fitted")]
    out: PathBuf,
    /// Largest share of wrong answers among answers.
    #[arg(long, default_value_t = 0.05)]
    budget: f64,
    /// Confidence of the bound on that share.
    #[arg(long, default_value_t = 0.8)]
    certainty: f64,
    /// Seed.
    #[arg(long, default_value_t = 20_261_122)]
    seed: u64,
}

/// Fewest labels for an isotonic calibration; below, Platt's two numbers.
const ISOTONIC_LABELS: usize = 300;

const RANK_GROWTH: Growth =
    Growth { trees: 120, depth: 4, rate: 0.08, leaf_weight: 3.0, penalty: 4.0, sample: 0.7, seed: 1 };
const CONFIDENCE_GROWTH: Growth =
    Growth { trees: 80, depth: 3, rate: 0.06, leaf_weight: 8.0, penalty: 8.0, sample: 0.7, seed: 2 };

/// Runs `madoguchi fit`.
///
/// # Errors
/// When data, desk or cases cannot be read, or a model cannot be written.
pub fn run(args: FitArgs) -> anyhow::Result<()> {
    let models = crate::command::models_folder(args.models.as_deref());
    let today = crate::command::today();
    let desk = files::load(&args.kb, today)?;
    let workshop = Workshop::in_memory(&models);
    anyhow::ensure!(args.data.is_some() || args.cases.is_some(), "nothing to fit: give --data, --cases or both");
    if let Some(data) = &args.data {
        let mut practice = desks::from_pairs(&data.join("pairs.jsonl.gz"), &desk, args.seed)?;
        practice.extend((0..3).map(|round| desks::held_out_phrasings(&desk, round)));
        fit_defaults(&workshop, practice, &models, args.budget, 1.0 - args.certainty)?;
    }
    if let Some(cases) = &args.cases {
        fit_desk(&workshop, &desk, cases, &args)?;
    }
    Ok(())
}

fn fit_defaults(
    workshop: &Workshop,
    practice: Vec<desks::PracticeDesk>,
    models: &Path,
    budget: f64,
    alpha: f64,
) -> anyhow::Result<()> {
    let plain = Workshop { plain: true, ..workshop.clone() };
    let mut table = Table::new(features::COUNT);
    let mut engines = Vec::new();
    let bar = crate::command::progress(practice.len() as u64, "practice desks");
    for desk in practice {
        let engine = plain.engine(desk.files, crate::command::today())?;
        samples::rank_samples(&engine, &desk.questions, &mut table);
        engines.push((engine, desk.questions));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let ranker = fit_ranker(&table);
    write(&models.join("ranker.json"), &ranker)?;

    for (system, name) in [(System::Hybrid, "confidence.json"), (System::Lexical, "confidence-lexical.json")] {
        let mut samples = ConfidenceSamples::default();
        let learned = Models { ranker: Some(ranker.clone()), ..Models::default() };
        engines = engines
            .into_iter()
            .map(|(engine, questions)| {
                let engine = engine.with_system(system).with_models(learned.clone());
                samples.add_practice(&engine, &questions);
                (engine, questions)
            })
            .collect();
        let table = samples.table(|sample| sample.part != Part::Calibrate);
        let (bias, linear, forest) = fit_confidence(&table);
        let mut model = ConfidenceModel::raw(bias, linear, forest);
        let held: Vec<Sample> =
            samples.list(Part::Calibrate).map(|s| (f64::from(model.log_odds(&s.signals)), s.right)).collect();
        finish(&mut model, &held, budget, alpha, &format!("{} practice questions", samples.len()))?;
        write(&models.join(name), &model)?;
        println!("{name}: {}", model.note);
    }
    Ok(())
}

/// Linear softmax first, trees on what it leaves.
fn fit_ranker(table: &Table) -> RankModel {
    let linear = linear::fit(table, Loss::Softmax, 1e-3);
    let base: Vec<f32> = (0..table.targets.len()).map(|row| linear.score(table.row(row))).collect();
    let forest = grow(table, &base, Loss::Softmax, &RANK_GROWTH);
    let after: Vec<f32> =
        base.iter().enumerate().map(|(row, score)| score + forest.predict(table.row(row))).collect();
    println!(
        "ranker: {} questions, loss {:.4} linear, {:.4} with trees",
        table.len(),
        mean_loss(table, &base, Loss::Softmax),
        mean_loss(table, &after, Loss::Softmax)
    );
    RankModel { features: features::NAMES.map(str::to_owned).to_vec(), forest, linear: linear.weights }
}

fn fit_confidence(table: &Table) -> (f32, Vec<f32>, crate::answer::trees::Forest) {
    let linear = linear::fit(table, Loss::Logistic, 3e-3);
    let base: Vec<f32> = (0..table.targets.len()).map(|row| linear.score(table.row(row))).collect();
    let forest = grow(table, &base, Loss::Logistic, &CONFIDENCE_GROWTH);
    (linear.bias, linear.weights, forest)
}

/// Calibration and bands from samples of (log-odds, right) that the model was not fitted on.
fn finish(
    model: &mut ConfidenceModel,
    held: &[Sample],
    budget: f64,
    alpha: f64,
    data: &str,
) -> anyhow::Result<()> {
    model.calibration = calibrate(held).context("the samples are all right or all wrong: nothing to calibrate on")?;
    let calibrated: Vec<Sample> =
        held.iter().map(|(score, right)| (model.calibration.probability(*score), *right)).collect();
    let answer = lowest_threshold(&calibrated, budget, alpha);
    let answer_from = answer.as_ref().map_or(1.1, |threshold| threshold.at as f32);
    model.bands = Bands { answer_from, clarify_from: (answer_from * 0.4).min(0.35) };
    model.note = match answer {
        Some(threshold) => format!(
            "fitted on {data}, calibrated on {} held-out ones; answers from {:.3}: {} of {} wrong, at most {:.1}% by the Clopper–Pearson bound (α = {alpha:.2})",
            held.len(), threshold.at, threshold.errors, threshold.accepted, threshold.bound * 100.0
        ),
        None => format!(
            "fitted on {data}, calibrated on {} held-out ones; too few labels to meet the error budget of {budget}: never answers on its own",
            held.len()
        ),
    };
    Ok(())
}

fn calibrate(held: &[Sample]) -> Option<Calibration> {
    if held.len() >= ISOTONIC_LABELS {
        Isotonic::fit(held).map(Calibration::Isotonic)
    } else {
        Platt::fit(held).map(Calibration::Platt)
    }
}

/// The desk's own confidence: practice samples and its cases together, calibrated on cross-fitted scores of the cases.
fn fit_desk(
    workshop: &Workshop,
    desk: &crate::kb::snapshot::DeskFiles,
    cases: &Path,
    args: &FitArgs,
) -> anyhow::Result<()> {
    let engine = workshop.engine(desk.clone(), crate::command::today())?;
    let has_entry = |id: &str| engine.snapshot().entry(id).is_some();
    let mut cases = crate::eval::cases::Cases::read(cases, &has_entry, false)?;
    cases.keep_split("fit");
    let mut engine = engine;
    for (system, name) in [(System::Hybrid, "confidence.json"), (System::Lexical, "confidence-lexical.json")] {
        engine = engine.with_system(system);
        let mut samples = ConfidenceSamples::default();
        samples.add_cases(&engine, &cases.cases);
        for round in 3..5 {
            let held = desks::held_out_phrasings(desk, round);
            let practice = workshop.engine(held.files, crate::command::today())?.with_system(system);
            samples.add_practice(&practice, &held.questions);
        }
        let mut scores: Vec<Sample> = Vec::new();
        for fold in 0..samples::FOLDS {
            let (bias, linear, forest) = fit_confidence(&samples.table(|s| s.fold != Some(fold)));
            let model = ConfidenceModel::raw(bias, linear, forest);
            let own = samples.iter().filter(|s| s.fold == Some(fold));
            scores.extend(own.map(|s| (f64::from(model.log_odds(&s.signals)), s.right)));
        }
        let (bias, linear, forest) = fit_confidence(&samples.table(|_| true));
        let mut model = ConfidenceModel::raw(bias, linear, forest);
        let data = format!("{} labelled cases and {} held-out phrasings", scores.len(), samples.len() - scores.len());
        finish(&mut model, &scores, args.budget, 1.0 - args.certainty, &data)?;
        write(&args.out.join(name), &model)?;
        println!("{}: {}", args.out.join(name).display(), model.note);
    }
    Ok(())
}

fn write<T: serde::Serialize>(path: &Path, value: &T) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    std::fs::write(path, serde_json::to_vec(value)?).with_context(|| format!("cannot write {}", path.display()))
}
