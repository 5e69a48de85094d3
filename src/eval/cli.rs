//! `madoguchi eval …`: arguments, and what each command does with the bench. Owns exit codes (0 fine, 1 a gate or limit is
//! broken) and which file gets what; engines come from an [`EngineFactory`].

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::civil::Date;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::answers::{AnswerOptions, AnswerRun, Answerer, run_answers};
pub use super::arguments::EvalArgs;
use super::arguments::{
    AnswersArgs, CompareArgs, DatasetArgs, EvalCommand, ExamplesArgs, GateArgs, Output, ReplayArgs,
    RetrievalArgs, ScoreArgs, StressArgs,
};
use super::broken::{ShuffledAnswerer, ShuffledRetriever};
use super::cases::{Cases, topic};
use super::compare::{CompareOptions, compare};
use super::dataset::{Dataset, read_qrels};
use super::examples::{self, Judged};
use super::foreign::{read_questions, sample};
use super::gate::Baseline;
use super::perturb::{Perturbation, Perturber, Readings};
use super::progress::Waiting;
use super::replay::{Replay, Stored, read_stored, replay};
use super::retrieval::{RetrievalOptions, RetrievalRun, Retriever, run_retrieval, score_run};
use super::rows::Skipped;
use super::scored::ScoredRun;
use super::statistics::Bootstrap;
use super::stress::{Stress, StressOptions, stress_cases, stress_dataset};
use super::terminal::{
    comparison_text, gate_text, json_text, print_error, print_out, replay_text, skipped_text, stress_text,
    summary_text,
};
use super::{export, report, trec};
use crate::answer::System;

/// Builds what is measured.
pub trait EngineFactory {
    /// A retriever over the documents of a dataset (title = question, text = answer).
    ///
    /// # Errors
    /// The dictionary is missing or the index cannot be built.
    fn for_dataset(
        &self,
        dataset: &Dataset,
        system: System,
        adapt: bool,
    ) -> anyhow::Result<Box<dyn Retriever>>;

    /// The engine of the desk in `kb`, without the topics in `removed` (language versions of an entry are one topic).
    ///
    /// # Errors
    /// The desk's files have mistakes, or the index cannot be built.
    fn for_desk(&self, kb: &Path, removed: &BTreeSet<String>) -> anyhow::Result<Box<dyn Answerer>>;

    /// Questions of the desk in `kb`, from which words of the same reading are learned.
    ///
    /// # Errors
    /// The desk's files have mistakes.
    fn desk_texts(&self, kb: &Path) -> anyhow::Result<Vec<String>>;

    /// Questions that the desk with the data folder `data` stored since the beginning of the day `since`, at most the
    /// newest `limit`.
    ///
    /// # Errors
    /// There is no database, or no question in it.
    fn stored_questions(&self, data: &Path, since: Option<Date>, limit: u32) -> anyhow::Result<Stored>;

    /// The examples of the desk in `kb`, each judged by one of `folds` nets that did not learn it.
    ///
    /// # Errors
    /// The desk's files have mistakes, or the index cannot be built.
    fn judged_examples(&self, kb: &Path, folds: usize) -> anyhow::Result<Vec<Judged>>;

    /// Splits texts into words with readings.
    ///
    /// # Errors
    /// The dictionary is missing.
    fn readings(&self) -> anyhow::Result<Box<dyn Readings>>;
}

/// Runs `madoguchi eval …`.
///
/// # Errors
/// A file is missing or malformed, an engine cannot be built, or a figure that a limit names is undefined.
pub fn run(args: EvalArgs, factory: &dyn EngineFactory) -> anyhow::Result<ExitCode> {
    match args.command {
        EvalCommand::Retrieval(args) => retrieval(&args, factory),
        EvalCommand::Answers(args) => answers(&args, factory),
        EvalCommand::Score(args) => score(&args),
        EvalCommand::Compare(args) => comparison(&args),
        EvalCommand::Stress(args) => stress(&args, factory),
        EvalCommand::Replay(args) => replayed(&args, factory),
        EvalCommand::Examples(args) => judged(&args, factory),
        EvalCommand::Gate(args) => gate(&args, factory),
    }
}

fn retrieval(args: &RetrievalArgs, factory: &dyn EngineFactory) -> anyhow::Result<ExitCode> {
    let strict = args.measuring.strict;
    let dataset = match (&args.corpus, &args.topics, &args.qrels) {
        (Some(corpus), Some(topics), Some(qrels)) => Dataset::read_trec(corpus, topics, qrels, strict)?,
        _ => args.data.read(strict)?,
    };
    print_error(&skipped_text(&dataset.skipped));
    let retriever = waiting("building the index", || {
        factory.for_dataset(&dataset, args.data.system.system(), args.data.adapt)
    })?;
    let options = RetrievalOptions {
        depth: args.depth.max(1),
        correct_from: args.grade,
        bootstrap: args.measuring.bootstrap(),
        tag: args.data.system.name().to_owned(),
        progress: true,
    };
    let run = match args.shuffle_ranks {
        None => run_retrieval(&dataset, retriever.as_ref(), &options),
        Some(seed) => {
            run_retrieval(&dataset, &ShuffledRetriever { inner: retriever.as_ref(), seed }, &options)
        }
    };
    if let Some(path) = &args.run {
        run.write_trec(path)?;
    }
    if let Some(path) = &args.csv {
        export::write_csv(path, &run.table(), &[])?;
    }
    print_retrieval(&run, &args.output)?;
    Ok(ExitCode::SUCCESS)
}

fn print_retrieval(run: &RetrievalRun, output: &Output) -> anyhow::Result<()> {
    let summary = waiting("computing intervals", || run.summary());
    print_run(summary, output, || run.results())
}

/// Does work of unknown length with a sign of life.
fn waiting<T>(label: &'static str, work: impl FnOnce() -> T) -> T {
    let _waiting = Waiting::new(label, true);
    work()
}

fn print_run(
    mut summary: Value,
    output: &Output,
    results: impl FnOnce() -> Vec<Value>,
) -> anyhow::Result<()> {
    if !output.json {
        return print_out(&summary_text(&summary));
    }
    if !output.summary {
        summary["results"] = results().into();
    }
    print_out(&json_text(&summary))
}

impl DatasetArgs {
    fn read(&self, strict: bool) -> anyhow::Result<Dataset> {
        let Some(folder) = &self.dataset else { bail!("name a BEIR folder with --dataset") };
        Dataset::read(folder, self.split.as_deref().unwrap_or("test"), strict)
    }
}

fn read_cases(
    path: &Path,
    split: Option<&str>,
    engine: &dyn Answerer,
    strict: bool,
) -> anyhow::Result<Cases> {
    let mut cases = Cases::read(path, &|id| engine.has_entry(id), strict)?;
    print_error(&skipped_text(&cases.skipped));
    cases.keep_split(split.unwrap_or_default());
    if cases.cases.is_empty() {
        bail!("{} has no case of split {:?}", path.display(), split.unwrap_or_default());
    }
    Ok(cases)
}

fn run_cases(cases: &Cases, engine: &dyn Answerer, shuffle: Option<u64>, bootstrap: Bootstrap) -> AnswerRun {
    let options = AnswerOptions { bootstrap, progress: true };
    match shuffle {
        None => run_answers(cases, engine, &options),
        Some(seed) => run_answers(cases, &ShuffledAnswerer { inner: engine, seed }, &options),
    }
}

fn answers(args: &AnswersArgs, factory: &dyn EngineFactory) -> anyhow::Result<ExitCode> {
    let engine = waiting("building the index", || factory.for_desk(&args.kb, &BTreeSet::new()))?;
    let cases = read_cases(&args.cases, args.split.as_deref(), engine.as_ref(), args.measuring.strict)?;
    let run = run_cases(&cases, engine.as_ref(), args.shuffle_ranks, args.measuring.bootstrap());
    if let (Some(run_path), Some(qrels_path)) = (&args.run, &args.qrels) {
        run.write_trec(run_path, qrels_path)?;
    }
    if let Some(path) = &args.csv {
        export::write_csv(path, &run.table(), &export::case_columns(&run))?;
    }
    if let Some(path) = &args.report {
        let settings = [
            ("kb", args.kb.display().to_string()),
            ("cases", args.cases.display().to_string()),
            ("split", args.split.clone().unwrap_or_default()),
        ];
        report::write(path, &report::answers_page(&run, &cases.skipped, &settings))?;
    }
    print_run(waiting("computing intervals", || run.summary()), &args.output, || run.results_json())?;
    if args.details {
        run.results_json().iter().try_for_each(|result| print_out(&format!("{result}\n")))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn score(args: &ScoreArgs) -> anyhow::Result<ExitCode> {
    let (mut skipped, mut hash) = (Skipped::new(args.measuring.strict), Sha256::new());
    let qrels = read_qrels(&args.qrels, &mut skipped, &mut hash, |_, _| Ok(()))?;
    let run = trec::read_run(&args.run, &mut skipped, &mut hash)?;
    print_error(&skipped_text(&skipped));
    let known: HashSet<&String> = qrels.0.keys().collect();
    if !run.keys().any(|query| known.contains(query)) {
        bail!("{} and {} share no query", args.run.display(), args.qrels.display());
    }
    let options = RetrievalOptions { bootstrap: args.measuring.bootstrap(), ..RetrievalOptions::default() };
    let scored = RetrievalRun {
        skipped: skipped.count(),
        data_hash: hex::encode(hash.finalize()),
        ..score_run(run, &qrels, &options)
    };
    print_retrieval(&scored, &args.output)?;
    Ok(ExitCode::SUCCESS)
}

fn comparison(args: &CompareArgs) -> anyhow::Result<ExitCode> {
    let (a, b) = (ScoredRun::read(&args.a)?, ScoredRun::read(&args.b)?);
    let bootstrap = Bootstrap { seed: args.seed, ..Bootstrap::default() };
    let options = CompareOptions { bootstrap, permutations: args.permutations };
    let result = waiting("testing differences", || compare(&a, &b, &options))?;
    let broken = result.broken_limits(&args.fail_if_worse)?;
    if let Some(path) = &args.report {
        report::write(path, &report::comparison_page(&result, &a, &b))?;
    }
    if args.json {
        let mut value = result.to_json(&a, &b);
        value["broken_limits"] = broken.clone().into();
        print_out(&json_text(&value))?;
    } else {
        print_out(&comparison_text(&result, &a, &b, args.show))?;
    }
    broken.iter().for_each(|limit| print_error(&format!("madoguchi: {limit}\n")));
    Ok(exit_code(broken.is_empty()))
}

fn exit_code(holds: bool) -> ExitCode {
    if holds { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn stress(args: &StressArgs, factory: &dyn EngineFactory) -> anyhow::Result<ExitCode> {
    if !(0.0..=1.0).contains(&args.delete) {
        bail!("--delete is a fraction from 0 to 1, not {}", args.delete);
    }
    let mut skipped = Skipped::new(args.measuring.strict);
    let mut far = Vec::new();
    for path in &args.far {
        far.extend(sample(&read_questions(path, &mut skipped)?, args.far_limit, args.measuring.seed));
    }
    print_error(&skipped_text(&skipped));
    let bootstrap = args.measuring.bootstrap();
    let options = StressOptions {
        seed: args.measuring.seed,
        deleted: args.delete,
        far,
        kinds: args.kinds.clone().unwrap_or_else(|| Perturbation::ALL.to_vec()),
        compare: CompareOptions { bootstrap, permutations: 1000 },
        progress: true,
    };
    let readings = if options.kinds.is_empty() { None } else { Some(factory.readings()?) };
    let seed = args.measuring.seed;
    let made = if args.data.dataset.is_some() {
        let dataset = args.data.read(args.measuring.strict)?;
        print_error(&skipped_text(&dataset.skipped));
        let titles = || dataset.documents.iter().map(|document| document.title.as_str());
        let perturber = waiting("learning words of one reading", || {
            readings.as_deref().map(|readings| Perturber::new(readings, seed, titles()))
        });
        let build = |dataset: &Dataset| {
            waiting("building the index", || {
                factory.for_dataset(dataset, args.data.system.system(), args.data.adapt)
            })
        };
        stress_dataset(&dataset, &build, perturber.as_ref(), &options)?
    } else {
        let engine = waiting("building the index", || factory.for_desk(&args.kb, &BTreeSet::new()))?;
        let split = args.data.split.as_deref();
        let cases = read_cases(&args.cases, split, engine.as_ref(), args.measuring.strict)?;
        let texts = factory.desk_texts(&args.kb)?;
        let perturber = readings
            .as_deref()
            .map(|readings| Perturber::new(readings, seed, texts.iter().map(String::as_str)));
        let build = |removed: &BTreeSet<String>| {
            waiting("building the index", || factory.for_desk(&args.kb, removed))
        };
        stress_cases(&cases, &build, perturber.as_ref(), &options)?
    };
    if let Some(folder) = &args.write {
        write_sets(folder, &made)?;
    }
    print_out(&if args.json { json_text(&made.report) } else { stress_text(&made.report) })?;
    Ok(ExitCode::SUCCESS)
}

fn write_sets(folder: &Path, made: &Stress) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for (name, content) in &made.sets {
        let path = folder.join(name);
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn replayed(args: &ReplayArgs, factory: &dyn EngineFactory) -> anyhow::Result<ExitCode> {
    let stored = match (&args.data, &args.questions) {
        (Some(data), _) => factory.stored_questions(data, args.since, args.limit)?,
        (None, Some(questions)) => {
            let mut skipped = Skipped::new(args.strict);
            let stored = read_stored(questions, &mut skipped, &mut Sha256::new())?;
            print_error(&skipped_text(&skipped));
            stored
        }
        (None, None) => bail!("name the desk's data folder with --data, or a file with --questions"),
    };
    let desk = |kb: &Path| waiting("building the index", || factory.for_desk(kb, &BTreeSet::new()));
    let candidate = desk(&args.kb)?;
    let before = args.against.as_deref().map(desk).transpose()?;
    let result = Replay {
        withheld: stored.withheld,
        ..replay(&stored.questions, candidate.as_ref(), before.as_deref(), true)
    };
    print_out(&if args.json { json_text(&result.to_json()) } else { replay_text(&result, args.show) })?;
    Ok(ExitCode::SUCCESS)
}

fn judged(args: &ExamplesArgs, factory: &dyn EngineFactory) -> anyhow::Result<ExitCode> {
    let judged = waiting("learning from the other examples", || {
        factory.judged_examples(&args.kb, usize::from(args.folds))
    })?;
    if judged.is_empty() {
        bail!("{} has no examples; kb/README.md says what goes into examples/", args.kb.display());
    }
    let summary = waiting("computing intervals", || examples::summary(&judged, &args.measuring.bootstrap()));
    print_run(summary, &args.output, || examples::results(&judged))?;
    Ok(ExitCode::SUCCESS)
}

fn gate(args: &GateArgs, factory: &dyn EngineFactory) -> anyhow::Result<ExitCode> {
    let mut baseline = Baseline::read(&args.baseline)?;
    let kb = args.kb.clone().unwrap_or_else(|| baseline.kb.clone());
    let engine = waiting("building the index", || factory.for_desk(&kb, &BTreeSet::new()))?;
    let cases_path = args.cases.clone().unwrap_or_else(|| baseline.cases.clone());
    let cases = read_cases(&cases_path, Some(&baseline.split), engine.as_ref(), true)?;
    let run = run_cases(&cases, engine.as_ref(), args.shuffle_ranks, Bootstrap::default());
    let table = run.table();
    baseline.check_names(&table)?;
    if args.update {
        baseline.update(&table, &cases.hash)?;
        baseline.write(&args.baseline)?;
    } else if !baseline.data.is_empty() && baseline.data != cases.hash {
        print_error(
            "The cases changed since the baseline was made; `eval gate --update` takes the new figures.\n",
        );
    }
    let checks = baseline.check(&table);
    print_out(&gate_text(&checks))?;
    let holds = checks.iter().all(|check| check.failure.is_none());
    if !holds {
        print_error(&format!(
            "madoguchi: the desk does not keep to {}. To see the cases: madoguchi eval answers --kb {} --cases {} \
             --split '{}' --report report.html. If the change is meant: madoguchi eval gate --update\n",
            args.baseline.display(),
            kb.display(),
            cases_path.display(),
            baseline.split
        ));
    }
    Ok(exit_code(holds))
}

/// Whether an entry belongs to one of the topics that a stress test removes.
pub fn is_removed(entry_id: &str, removed: &BTreeSet<String>) -> bool {
    removed.contains(topic(entry_id))
}
