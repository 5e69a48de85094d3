//! `madoguchi fit`: fits the ranker and the confidence from a desk's own contents.
//!
//! The default models in `models/` need no label: practice questions are the desk's phrasings, each held out of the index
//! it is asked of, and unanswerable ones come from taking the right entry away. With labelled cases the desk also gets a
//! confidence of its own in `kb/fitted/`, calibrated on cross-fitted scores of its cases.
//!
//! Ranker and confidence never share a question: rounds 0–3 of the held-out phrasings fit the ranker, rounds 4–6 the
//! confidence, round 7 calibrates it. Nothing here reads evaluation data.

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
use crate::answer::{Engine, Models, System};
use crate::kb::files;
use crate::kb::snapshot::DeskFiles;
use crate::publish::Workshop;
use linear::{Fitting, Linear, Loss, Table};
use samples::ConfidenceSamples;

/// Arguments of `madoguchi fit`.
#[derive(Debug, Args)]
pub struct FitArgs {
    /// Folder of the desk's files.
    #[arg(long, default_value = "kb")]
    kb: PathBuf,
    /// The desk's labelled cases (a file or folder), for a confidence of its own; only their split `fit` is used.
    #[arg(long)]
    cases: Option<PathBuf>,
    /// Folder of the models.
    #[arg(long)]
    models: Option<PathBuf>,
    /// Keep the ranker and the default confidence in --models; fit the desk's own only.
    #[arg(long)]
    keep_defaults: bool,
    /// Folder the desk's own confidence is written to.
    #[arg(long, default_value = "kb/fitted")]
    out: PathBuf,
    /// Largest share of wrong answers among answers.
    #[arg(long, default_value_t = 0.1)]
    budget: f64,
    /// Certainty of the bound on that share.
    #[arg(long, default_value_t = 0.8)]
    certainty: f64,
}

/// Fewest labels for an isotonic calibration; below, Platt's two numbers.
const ISOTONIC_LABELS: usize = 1_000;
const RANK_ROUNDS: std::ops::Range<usize> = 0..4;
const CONFIDENCE_ROUNDS: std::ops::Range<usize> = 4..7;
const CALIBRATION_ROUND: usize = 7;

const RANKER: Fitting = Fitting { loss: Loss::Softmax, penalty: 1e-3, only_positive: true };
const CONFIDENCE: Fitting = Fitting { loss: Loss::Logistic, penalty: 1e-2, only_positive: false };

/// The two systems that have a confidence of their own, with their files.
const SYSTEMS: [(System, &str); 2] =
    [(System::Hybrid, "confidence.json"), (System::Lexical, "confidence-lexical.json")];

/// Runs `madoguchi fit`.
///
/// # Errors
/// When desk or cases cannot be read, or a model cannot be written.
pub fn run(args: FitArgs) -> anyhow::Result<()> {
    let models = crate::command::models_folder(args.models.as_deref());
    let desk = files::load(&args.kb, crate::command::today())?;
    let fitter = Fitter {
        workshop: Workshop::in_memory(&models),
        desk,
        budget: args.budget,
        alpha: 1.0 - args.certainty,
    };
    if !args.keep_defaults {
        let ranker = fitter.ranker()?;
        write(&models.join("ranker.json"), &ranker)?;
        fitter.default_confidence(&ranker, &models)?;
    }
    match &args.cases {
        Some(cases) => fitter.own_confidence(cases, &args.out),
        None => Ok(()),
    }
}

struct Fitter {
    workshop: Workshop,
    desk: DeskFiles,
    budget: f64,
    alpha: f64,
}

impl Fitter {
    /// An engine over the desk with a round's phrasings held out, and the questions.
    fn practice(
        &self,
        round: usize,
        models: &Models,
    ) -> anyhow::Result<(Engine, Vec<(String, Vec<String>)>)> {
        let held = desks::held_out_phrasings(&self.desk, round);
        let workshop = Workshop { plain: true, ..self.workshop.clone() };
        let engine = workshop.engine(held.files, crate::command::today())?;
        Ok((engine.with_models(models.clone()), held.questions))
    }

    fn ranker(&self) -> anyhow::Result<RankModel> {
        let mut table = Table::new(features::COUNT);
        for round in RANK_ROUNDS {
            let (engine, questions) = self.practice(round, &Models::default())?;
            samples::rank_samples(&engine, &questions, &mut table);
        }
        let linear = linear::fit(&table, &RANKER);
        println!("ranker.json: fitted on {} held-out phrasings", table.len());
        for (name, weight) in features::NAMES.iter().zip(&linear.weights).filter(|(_, weight)| **weight > 0.0)
        {
            println!("  {weight:6.3} {name}");
        }
        Ok(RankModel { features: features::NAMES.map(str::to_owned).to_vec(), weights: linear.weights })
    }

    fn default_confidence(&self, ranker: &RankModel, models: &Path) -> anyhow::Result<()> {
        let learned = Models { ranker: Some(ranker.clone()), ..Models::default() };
        for (system, name) in SYSTEMS {
            let samples_of = |rounds: std::ops::Range<usize>| -> anyhow::Result<ConfidenceSamples> {
                let mut samples = ConfidenceSamples::default();
                for round in rounds {
                    let (engine, questions) = self.practice(round, &learned)?;
                    samples.add_practice(&engine.with_system(system), &questions);
                }
                Ok(samples)
            };
            let samples = samples_of(CONFIDENCE_ROUNDS)?;
            let mut model = model_of(linear::fit(&samples.table(|_| true), &CONFIDENCE));
            let held = samples_of(CALIBRATION_ROUND..CALIBRATION_ROUND + 1)?;
            let scores: Vec<Sample> =
                held.iter().map(|s| (f64::from(model.log_odds(&s.signals)), s.right)).collect();
            self.finish(&mut model, &scores, &format!("{} held-out phrasings", samples.len()))?;
            write(&models.join(name), &model)?;
            println!("{name}: {}", model.note);
        }
        Ok(())
    }

    /// The desk's own confidence: held-out phrasings and labelled cases together, calibrated on cross-fitted scores of the
    /// cases.
    fn own_confidence(&self, cases: &Path, out: &Path) -> anyhow::Result<()> {
        let defaults = Models::open(&self.workshop.models)?;
        let mut engine = self.workshop.engine(self.desk.clone(), crate::command::today())?;
        let has_entry = |id: &str| engine.snapshot().entry(id).is_some();
        let mut cases = crate::eval::cases::Cases::read(cases, &has_entry, false)?;
        cases.keep_split("fit");
        for (system, name) in SYSTEMS {
            engine = engine.with_system(system);
            let mut samples = ConfidenceSamples::default();
            samples.add_cases(&engine, &cases.cases);
            for round in CONFIDENCE_ROUNDS {
                let (practice, questions) = self.practice(round, &defaults)?;
                samples.add_practice(&practice.with_system(system), &questions);
            }
            let mut scores: Vec<Sample> = Vec::new();
            for fold in 0..samples::FOLDS {
                let model = model_of(linear::fit(&samples.table(|s| s.fold != Some(fold)), &CONFIDENCE));
                let own = samples.iter().filter(|s| s.fold == Some(fold));
                scores.extend(own.map(|s| (f64::from(model.log_odds(&s.signals)), s.right)));
            }
            let mut model = model_of(linear::fit(&samples.table(|_| true), &CONFIDENCE));
            let practised = samples.len() - scores.len();
            self.finish(
                &mut model,
                &scores,
                &format!("{practised} held-out phrasings and {} cases", scores.len()),
            )?;
            write(&out.join(name), &model)?;
            println!("{}: {}", out.join(name).display(), model.note);
        }
        Ok(())
    }

    /// Calibration and bands from samples of (log-odds, right) that the model was not fitted on.
    fn finish(&self, model: &mut ConfidenceModel, held: &[Sample], data: &str) -> anyhow::Result<()> {
        model.calibration =
            calibrate(held).context("the samples are all right or all wrong: nothing to calibrate on")?;
        let calibrated: Vec<Sample> =
            held.iter().map(|(score, right)| (model.calibration.probability(*score), *right)).collect();
        let answer = lowest_threshold(&calibrated, self.budget, self.alpha);
        let answer_from = answer.as_ref().map_or(1.1, |threshold| threshold.at as f32);
        model.bands = Bands { answer_from, clarify_from: CLARIFY_FROM.min(answer_from) };
        let count = held.len();
        model.note = match answer {
            Some(threshold) => format!(
                "fitted on {data}, calibrated on {count}; answers from {:.3}: {} of {} wrong, at most {:.1}% (Clopper–Pearson, α = {:.2})",
                threshold.at,
                threshold.errors,
                threshold.accepted,
                threshold.bound * 100.0,
                self.alpha
            ),
            None => format!(
                "fitted on {data}, calibrated on {count}; the error budget of {} cannot be met: never answers on its own",
                self.budget
            ),
        };
        Ok(())
    }
}

/// Below this probability a list of candidates wastes the customer's time: the right one is too rarely on it.
const CLARIFY_FROM: f32 = 0.3;

fn model_of(linear: Linear) -> ConfidenceModel {
    ConfidenceModel::raw(linear.bias, linear.weights)
}

fn calibrate(held: &[Sample]) -> Option<Calibration> {
    if held.len() >= ISOTONIC_LABELS {
        Isotonic::fit(held).map(Calibration::Isotonic)
    } else {
        Platt::fit(held).map(Calibration::Platt)
    }
}

fn write<T: serde::Serialize>(path: &Path, value: &T) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
