//! `madoguchi fit`: fits confidence and ranker from a desk's own contents.
//!
//! The default confidence in `models/` needs no label of the desk: practice questions are the desk's phrasings, each held
//! out of the index it is asked of; unanswerable ones come from taking the right entry away and from the desk's examples of
//! what no entry covers, held out likewise. Labelled sets of other
//! desks can be added (`--dataset`); the default ranker is then fitted on them, and they decide the confidence's calibration:
//! each set is ranked and scored by models that were fitted on the other sets only. With labelled cases the desk also
//! gets models of its own in `kb/fitted/`: a confidence calibrated on cross-fitted scores of its cases, and a ranker, kept
//! only when cross-fitting shows that it ranks the cases better than the default. Nothing here reads
//! the split `test` of the desk's own cases.

mod categories;
mod desks;
pub mod linear;
mod samples;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use crate::answer::calibration::{Calibration, Isotonic, Platt, Sample, lowest_threshold};
use crate::answer::confidence::{Bands, ConfidenceModel};
use crate::answer::features;
use crate::answer::rank::RankModel;
use crate::answer::{Engine, Models};
use crate::command::tier::TierArgs;
use crate::eval::cases::{Case, Cases};
use crate::eval::dataset::Dataset;
use crate::eval::statistics::{Confidences, ones};
use crate::kb::files;
use crate::kb::snapshot::DeskFiles;
use crate::publish::Workshop;
use categories::Held;
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
    /// A labelled retrieval set (BEIR folder, split `test`) for the default ranker and, besides the desk's phrasings, the
    /// default confidence to learn from; may be given more than once.
    #[arg(long)]
    dataset: Vec<PathBuf>,
    /// A labelled set of passages instead of an FAQ's entries: learned from as well, but it says nothing of how often an
    /// FAQ's answers are right; may be given more than once.
    #[arg(long)]
    passages: Vec<PathBuf>,
    /// Folder of the models.
    #[arg(long)]
    models: Option<PathBuf>,
    /// Transformers to fit for. Ranker and confidence are then kept beside the model, and with it only.
    #[command(flatten)]
    tier: TierArgs,
    /// Keep the default ranker and confidence in --models; fit the desk's own models only.
    #[arg(long)]
    keep_defaults: bool,
    /// Folder the desk's own confidence is written to.
    #[arg(long, default_value = "kb/fitted")]
    out: PathBuf,
    /// Largest share of wrong answers among answers.
    #[arg(long, default_value_t = 0.09)]
    budget: f64,
    /// Certainty of the bound on that share.
    #[arg(long, default_value_t = 0.8)]
    certainty: f64,
}

/// Fewest labels for an isotonic calibration; below, Platt's two numbers.
const ISOTONIC_LABELS: usize = 1_000;
const CONFIDENCE_ROUNDS: std::ops::Range<usize> = 4..7;
const CALIBRATION_ROUND: usize = 7;

/// The default one stays near the fixed weighting: the practice desks are few, and one author's.
const DEFAULT_RANKER: Fitting = Fitting { loss: Loss::Softmax, penalty: 0.03, only_positive: true };
/// What a question on passages counts against one on an FAQ: only these teach what words standing as asked are worth. Chosen
/// for passages to rank as well as they did with the ranker before (docs/ranking-trials.md, fifth and sixth round).
const PASSAGE_WEIGHT: f32 = 4.5;
/// A desk's ranker stays near the default: a desk has hundreds of labels, not thousands.
const RANKER: Fitting = Fitting { loss: Loss::Softmax, penalty: 0.3, only_positive: true };
/// Stronger than the practice desks left out in turn ask for, which have one author: chosen by AUROC on localgov-dev
/// (docs/ranking-trials.md, sixth round).
const DEFAULT_CONFIDENCE: Fitting = Fitting { loss: Loss::Logistic, penalty: 0.3, only_positive: false };
const CONFIDENCE: Fitting = Fitting { loss: Loss::Logistic, penalty: 0.1, only_positive: false };

/// Files of the two confidences, and whether the desk then runs without vectors.
const MODES: [(&str, bool); 2] = [("confidence.json", false), ("confidence-lexical.json", true)];

/// Runs `madoguchi fit`.
///
/// # Errors
/// When desk or cases cannot be read, or a model cannot be written.
pub fn run(args: FitArgs) -> anyhow::Result<()> {
    let models = crate::command::models_folder(args.models.as_deref());
    let desk = files::load(&args.kb, crate::command::today())?;
    let tier = args.tier.open(&models, true)?;
    let home = tier.fitted().unwrap_or_else(|| models.clone());
    let out = tier.fitted_to(&args.out);
    let fitter = Fitter {
        workshop: Workshop { refit: true, ..Workshop::in_memory(&models).with_tier(tier) },
        desk,
        budget: args.budget,
        alpha: 1.0 - args.certainty,
    };
    let mut defaults = fitter.workshop.learned()?;
    if !args.keep_defaults {
        let folders = args.dataset.iter().chain(&args.passages);
        let sets = folders.map(|folder| Dataset::read(folder, "test", true));
        let sets = sets.collect::<anyhow::Result<Vec<_>>>()?;
        let faqs = args.dataset.len();
        let mut without = Vec::new();
        if !sets.is_empty() {
            let fitted = fitter.default_ranker(&defaults, &sets, faqs, &home)?;
            (defaults.ranker, without) = (Some(fitted.ranker), fitted.without);
        }
        fitter.default_confidence(&defaults, &sets, &without, faqs, &home)?;
    }
    match &args.cases {
        Some(cases) => {
            let cases = fitter.labelled(cases)?;
            let folds = fitter.own_ranker(&defaults, &cases, &out)?;
            fitter.own_confidence(&cases, folds.as_deref(), &args.out)
        }
        None => Ok(()),
    }
}

/// An engine to practise on, and questions with the ids of the entries that answer them.
type Practice = (Engine, Vec<(String, Vec<String>)>);

/// An engine over a labelled set's documents, and the questions to ask it.
struct LabelledDesk {
    engine: Engine,
    dataset: Dataset,
}

/// The ranker of a desk never seen.
struct DefaultRanker {
    ranker: RankModel,
    /// The same fitted without the labelled set of that number.
    without: Vec<RankModel>,
}

struct Fitter {
    workshop: Workshop,
    desk: DeskFiles,
    budget: f64,
    alpha: f64,
}

impl Fitter {
    /// An engine over the desk with a round's practice questions held out, and the questions.
    fn practice(&self, round: usize, models: &Models, lexical: bool) -> anyhow::Result<Practice> {
        let held = desks::held_out(&self.desk, round);
        let workshop = Workshop { plain: true, lexical, ..self.workshop.clone() };
        let engine = workshop.engine(held.files, crate::command::today())?;
        Ok((engine.with_models(models.clone()), held.questions))
    }

    fn labelled(&self, cases: &Path) -> anyhow::Result<Vec<Case>> {
        let has_entry = |id: &str| self.desk.entries.iter().any(|entry| entry.id == id);
        let mut cases = Cases::read(cases, &has_entry, false)?;
        cases.keep_split("fit");
        Ok(cases.cases)
    }

    /// A ranker near the default, fitted on the labelled cases; written only if it ranks cases of entries it was not
    /// fitted on clearly better than the default does. Returns then, by fold, the rankers that were not fitted on it.
    fn own_ranker(
        &self,
        defaults: &Models,
        cases: &[Case],
        out: &Path,
    ) -> anyhow::Result<Option<Vec<RankModel>>> {
        let Some(default) = &defaults.ranker else { return Ok(None) };
        let engine = self.workshop.engine(self.desk.clone(), crate::command::today())?;
        let groups = samples::rank_cases(&engine, cases);
        let fit = |keep: &dyn Fn(usize) -> bool| {
            let mut table = Table::new(features::COUNT);
            groups.iter().filter(|group| keep(group.fold)).for_each(|group| table.push(&group.rows(), 1.0));
            linear::fit(&table, &RANKER, Some(&default.weights)).weights
        };
        let ranks = |weights: &dyn Fn(usize) -> Vec<f32>| -> Vec<f64> {
            groups.iter().map(|group| f64::from(group.reciprocal_rank(&weights(group.fold)))).collect()
        };
        let folds: Vec<Vec<f32>> = (0..samples::FOLDS).map(|fold| fit(&|other| other != fold)).collect();
        let (before, after) = (ranks(&|_| default.weights.clone()), ranks(&|fold| folds[fold].clone()));
        let file = out.join("ranker.json");
        println!(
            "ranker: MRR of {} cases, default {:.4}, fitted to the desk (cross-fitted) {:.4}",
            groups.len(),
            mean(&before),
            mean(&after)
        );
        if gains(after.iter().zip(&before).map(|(after, before)| after - before)) {
            write(&file, &RankModel::of(fit(&|_| true)))?;
            return Ok(Some(folds.into_iter().map(RankModel::of).collect()));
        }
        println!("ranker: the default stays");
        if file.exists() {
            std::fs::remove_file(file)?;
        }
        Ok(None)
    }

    /// Practice desks of a labelled set: its documents, without ranker and confidence; of an FAQ also one where half of the
    /// questions are phrasings, and the others are asked.
    fn desks_of(&self, dataset: &Dataset, is_faq: bool, lexical: bool) -> anyhow::Result<Vec<LabelledDesk>> {
        let entries = crate::command::evaluation::entries_of(dataset);
        let told = is_faq.then(|| desks::with_phrasings(entries.clone(), dataset));
        let bare = (entries, dataset.clone());
        let workshop = Workshop { plain: true, lexical, ..self.workshop.clone() };
        std::iter::once(bare)
            .chain(told)
            .map(|(entries, dataset)| {
                let files = DeskFiles { entries, ..DeskFiles::default() };
                Ok(LabelledDesk { engine: workshop.engine(files, crate::command::today())?, dataset })
            })
            .collect()
    }

    /// The ranker of a desk never seen, from labelled sets of others, the first `faqs` of which are such desks; and for each
    /// set the ranker fitted on the other ones. Says how that one ranks it.
    fn default_ranker(
        &self,
        before: &Models,
        datasets: &[Dataset],
        faqs: usize,
        models: &Path,
    ) -> anyhow::Result<DefaultRanker> {
        let mut groups = Vec::new();
        for (set, dataset) in datasets.iter().enumerate() {
            for desk in self.desks_of(dataset, set < faqs, false)? {
                groups.extend(samples::rank_dataset(&desk.engine, &desk.dataset, set));
            }
        }
        let fit = |left_out: Option<usize>| {
            let mut table = Table::new(features::COUNT);
            for group in groups.iter().filter(|group| Some(group.fold) != left_out) {
                let weight = if group.fold < faqs { 1.0 } else { PASSAGE_WEIGHT };
                table.push(&group.rows_of_any_desk(), weight);
            }
            RankModel::of(linear::fit(&table, &DEFAULT_RANKER, Some(&RankModel::fixed().weights)).weights)
        };
        let mut without = Vec::new();
        for (set, dataset) in datasets.iter().enumerate() {
            let others = fit(Some(set));
            let ranks = |ranker: &RankModel| -> Vec<f64> {
                let own = groups.iter().filter(|group| group.fold == set);
                own.map(|group| f64::from(group.reciprocal_rank(&ranker.weights))).collect()
            };
            println!(
                "ranker: MRR of {} questions of {}: {:.4} before, {:.4} fitted without this set",
                groups.iter().filter(|group| group.fold == set).count(),
                dataset.name,
                before.ranker.as_ref().map_or(f64::NAN, |ranker| mean(&ranks(ranker))),
                mean(&ranks(&others))
            );
            without.push(others);
        }
        let ranker = fit(None);
        write(&models.join("ranker.json"), &ranker)?;
        Ok(DefaultRanker { ranker, without })
    }

    /// The confidence of a desk never seen, from this desk's held-out phrasings and from labelled sets of others, the first
    /// `faqs` of which stand for such a desk; `rankers` are those that were fitted without each of the sets.
    fn default_confidence(
        &self,
        defaults: &Models,
        datasets: &[Dataset],
        rankers: &[RankModel],
        faqs: usize,
        models: &Path,
    ) -> anyhow::Result<()> {
        for (name, lexical) in MODES {
            let samples_of = |rounds: std::ops::Range<usize>| -> anyhow::Result<ConfidenceSamples> {
                let mut samples = ConfidenceSamples::default();
                for round in rounds {
                    let (engine, questions) = self.practice(round, defaults, lexical)?;
                    samples.add_practice(&engine, &questions);
                }
                Ok(samples)
            };
            let mut samples = samples_of(CONFIDENCE_ROUNDS)?;
            let practised = samples.len();
            for (set, (dataset, ranker)) in datasets.iter().zip(rankers).enumerate() {
                let desks = self.desks_of(dataset, set < faqs, lexical)?;
                let weight = practised as f32 / desks.len() as f32;
                for LabelledDesk { engine, dataset } in desks {
                    let engine =
                        engine.with_models(Models { ranker: Some(ranker.clone()), ..defaults.clone() });
                    samples.add_dataset(&engine, &dataset, set, weight);
                }
            }
            let mut model = model_of(linear::fit(&samples.table(|_| true), &DEFAULT_CONFIDENCE, None));
            let held: Vec<Sample> = if faqs == 0 {
                let held = samples_of(CALIBRATION_ROUND..CALIBRATION_ROUND + 1)?;
                held.iter().map(|s| (f64::from(model.log_odds(&s.signals)), s.right)).collect()
            } else {
                let held = cross_fitted(&samples, &DEFAULT_CONFIDENCE);
                held.iter().filter(|held| held.fold < faqs).map(Held::sample).collect()
            };
            let labelled = samples.len() - practised;
            let data =
                format!("{practised} practice questions and {labelled} labelled questions of other desks");
            self.finish(&mut model, &held, &data)?;
            write(&models.join(name), &model)?;
            println!("{name}: {}", model.note);
        }
        Ok(())
    }

    /// The desk's own confidence: held-out phrasings and labelled cases together, calibrated on cross-fitted scores of the
    /// cases. A case is ranked by the one of `rankers` that was not fitted on its fold: one that was makes it look surer
    /// than a new question is.
    fn own_confidence(
        &self,
        cases: &[Case],
        rankers: Option<&[RankModel]>,
        out: &Path,
    ) -> anyhow::Result<()> {
        let workshop = self.workshop.clone().with_fitted(out);
        let out = &workshop.tier.fitted_to(out);
        let own = workshop.learned()?;
        for (name, lexical) in MODES {
            let workshop = Workshop { lexical, ..workshop.clone() };
            let mut engine = workshop.engine(self.desk.clone(), crate::command::today())?;
            let mut samples = ConfidenceSamples::default();
            for fold in 0..samples::FOLDS {
                if let Some(rankers) = rankers {
                    let ranker = Some(rankers[fold].clone());
                    engine = engine.with_models(Models { ranker, ..own.clone() });
                }
                samples.add_cases(&engine, cases, fold);
            }
            for round in CONFIDENCE_ROUNDS {
                let (practice, questions) = self.practice(round, &own, lexical)?;
                samples.add_practice(&practice, &questions);
            }
            let held = cross_fitted(&samples, &CONFIDENCE);
            let mut model = model_of(linear::fit(&samples.table(|_| true), &CONFIDENCE, None));
            let practised = samples.len() - held.len();
            self.finish(
                &mut model,
                &held.iter().map(Held::sample).collect::<Vec<_>>(),
                &format!("{practised} practice questions and {} cases", held.len()),
            )?;
            self.by_category(&mut model, &held);
            write(&out.join(name), &model)?;
            println!("{}: {}", out.join(name).display(), model.note);
        }
        Ok(())
    }

    /// What differs by category, where the labels show that it does.
    fn by_category(&self, model: &mut ConfidenceModel, held: &[Held]) {
        let fitted = categories::fit(held, &model.calibration, model.bands, self.budget, self.alpha);
        let [one, shifted] = fitted.log_loss;
        println!(
            "by category: log loss {one:.4} with one calibration, {shifted:.4} with shifts (cross-fitted)"
        );
        for (category, own) in &fitted.categories {
            println!(
                "  {category}: {} labels, shift {:+.2}, answers from {:.3}",
                own.labels, own.shift, own.bands.answer_from
            );
        }
        model.categories = fitted.categories;
    }

    /// Calibration and bands from samples of (log-odds, right) that the model was not fitted on.
    fn finish(&self, model: &mut ConfidenceModel, held: &[Sample], data: &str) -> anyhow::Result<()> {
        model.calibration =
            calibrate(held).context("the samples are all right or all wrong: nothing to calibrate on")?;
        let calibrated: Vec<Sample> =
            held.iter().map(|(score, right)| (model.calibration.probability(*score), *right)).collect();
        let threshold = lowest_threshold(&calibrated, self.budget, self.alpha);
        model.bands = bands(threshold.as_ref().map_or(Bands::NEVER.answer_from, |found| found.at as f32));
        let count = calibrated.len();
        let auroc = Confidences::new(calibrated.into_iter().map(Some)).auroc(&ones(count)).unwrap_or(0.5);
        let data = format!("{data}, AUROC {auroc:.3}");
        model.note = match threshold {
            Some(threshold) => format!(
                "fitted on {data} and calibrated on {count} questions; answers from {:.3}: {} of {} wrong, at most {:.1}% (Clopper–Pearson, α = {:.2})",
                threshold.at,
                threshold.errors,
                threshold.accepted,
                threshold.bound * 100.0,
                self.alpha
            ),
            None => format!(
                "fitted on {data} and calibrated on {count} questions; the error budget of {} cannot be met: never answers on its own",
                self.budget
            ),
        };
        Ok(())
    }
}

/// Scores of the labelled questions as asked, each by a model that was not fitted on its fold.
fn cross_fitted(samples: &ConfidenceSamples, fitting: &Fitting) -> Vec<Held> {
    let folds: BTreeSet<usize> = samples.iter().filter_map(|s| s.fold).collect();
    let mut scores: Vec<Held> = Vec::new();
    for fold in folds {
        let model = model_of(linear::fit(&samples.table(|s| s.fold != Some(fold)), fitting, None));
        let own = samples.iter().filter(|s| s.fold == Some(fold) && s.as_asked);
        scores.extend(own.map(|s| Held {
            score: f64::from(model.log_odds(&s.signals)),
            right: s.right,
            fold,
            category: s.category.clone(),
        }));
    }
    scores
}

/// Below this probability a list of candidates wastes the customer's time: the right one is too rarely on it.
const CLARIFY_FROM: f32 = 0.3;

/// Whether these gains, one a question, are more than chance: their mean is above its standard error (the one-standard-error
/// rule of Breiman et al. 1984: of two models take the simpler one unless the other is clearly better).
fn gains(gains: impl Iterator<Item = f64>) -> bool {
    let gains: Vec<f64> = gains.collect();
    let n = gains.len().max(2) as f64;
    let mean = gains.iter().sum::<f64>() / n;
    let variance = gains.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / (n - 1.0);
    mean > 0.0 && mean > (variance / n).sqrt()
}

/// NaN of nothing.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn bands(answer_from: f32) -> Bands {
    Bands { answer_from, clarify_from: CLARIFY_FROM.min(answer_from) }
}

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

#[cfg(test)]
mod tests {
    use super::gains;

    #[test]
    fn a_gain_counts_from_one_standard_error_on() {
        assert!(gains([0.3, 0.1, 0.2, 0.4].into_iter()));
        assert!(!gains([1.0, -1.0, 1.0, -0.9].into_iter()));
        assert!(!gains(std::iter::repeat_n(0.0, 50)));
        assert!(!gains(std::iter::repeat_n(-0.1, 50)));
        assert!(!gains(std::iter::empty()));
    }
}
