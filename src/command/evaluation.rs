//! `madoguchi eval`: builds the engine that [`crate::eval`] measures.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use super::models_folder;
use crate::answer::{Engine, System};
use crate::eval::dataset::Dataset;
use crate::eval::retrieval::{Retriever, RetrievalOptions, run_retrieval};
use crate::kb::snapshot::DeskFiles;
use crate::kb::{Entry, Language, Snapshot, Status};
use crate::publish::Workshop;

/// Arguments of `madoguchi eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(subcommand)]
    command: EvalCommand,
}

#[derive(Debug, Subcommand)]
enum EvalCommand {
    /// Score retrieval on a BEIR folder.
    Retrieval(RetrievalArgs),
    /// Score decisions on labelled cases.
    Answers(AnswersArgs),
}

#[derive(Debug, Args)]
struct AnswersArgs {
    #[arg(long, default_value = "kb")]
    kb: PathBuf,
    #[arg(long, default_value = "eval/cases")]
    cases: PathBuf,
    #[arg(long)]
    split: Option<String>,
    #[arg(long)]
    json: bool,
    #[arg(long)]
    details: bool,
    #[arg(long)]
    models: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct RetrievalArgs {
    #[arg(long)]
    dataset: PathBuf,
    #[arg(long, default_value = "test")]
    split: String,
    #[arg(long, value_enum, default_value_t = Kind::Hybrid)]
    system: Kind,
    #[arg(long)]
    adapt: bool,
    #[arg(long)]
    json: bool,
    #[arg(long)]
    models: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Hybrid,
    Lexical,
    Dense,
}

struct EngineRetriever(Engine);

impl Retriever for EngineRetriever {
    fn retrieve(&self, query: &str, limit: usize) -> Vec<(String, f32)> {
        self.retrieve_with_confidence(query, limit).0
    }

    fn retrieve_with_confidence(&self, query: &str, limit: usize) -> (Vec<(String, f32)>, Option<f32>) {
        let considered = self.0.consider_text(query);
        let entries = &self.0.snapshot().entries;
        let ranked = considered.ranking.iter().take(limit);
        let list = ranked.map(|r| (entries[r.found.number as usize].id.clone(), r.score)).collect();
        (list, Some(considered.confidence))
    }
}

/// A dataset's documents as entries: title = question, text = answer.
pub fn entries_of(dataset: &Dataset) -> Vec<Entry> {
    let entry = |document: &crate::eval::dataset::Document| {
        Entry {
            id: document.id.clone(),
            question: document.title.clone(),
            answer: document.text.clone(),
            status: Status::Published,
            language: language_of(&document.text),
            revision: 1,
            ..Entry::default()
        }
    };
    dataset.documents.iter().map(entry).collect()
}

fn language_of(text: &str) -> Language {
    let japanese = text.chars().take(200).any(|c| matches!(c, 'ぁ'..='ヿ' | '一'..='鿿'));
    if japanese { Language::Ja } else { Language::En }
}

/// Runs `madoguchi eval …`.
///
/// # Errors
/// When a file is missing or malformed.
pub fn run(args: EvalArgs) -> anyhow::Result<ExitCode> {
    let args = match args.command {
        EvalCommand::Retrieval(args) => args,
        EvalCommand::Answers(args) => return run_answers(args),
    };
    let dataset = Dataset::read(&args.dataset, &args.split, false)?;
    let workshop = Workshop { adapt: args.adapt, ..Workshop::in_memory(models_folder(args.models.as_deref())) };
    let files = DeskFiles { entries: entries_of(&dataset), ..DeskFiles::default() };
    let system = match args.system {
        Kind::Hybrid => System::Hybrid,
        Kind::Lexical => System::Lexical,
        Kind::Dense => System::Dense,
    };
    let engine = workshop.engine_of(Snapshot::of(files, super::today()))?.with_system(system);
    let run = run_retrieval(&dataset, &EngineRetriever(engine), &RetrievalOptions::default());
    println!("{}", serde_json::to_string(&run.summary())?);
    Ok(ExitCode::SUCCESS)
}

fn run_answers(args: AnswersArgs) -> anyhow::Result<ExitCode> {
    let today = super::today();
    let files = crate::kb::files::load(&args.kb, today)?;
    let workshop = Workshop { fitted: Some(args.kb.join("fitted")), ..Workshop::in_memory(models_folder(args.models.as_deref())) };
    let engine = workshop.engine(files, today)?;
    let has = |id: &str| engine.snapshot().entry(id).is_some();
    let mut cases = crate::eval::cases::Cases::read(&args.cases, &has, false)?;
    if let Some(split) = &args.split {
        cases.keep_split(split);
    }
    let run = crate::eval::answers::run_answers(&cases, &engine, &Default::default());
    println!("{}", serde_json::to_string_pretty(&run.summary())?);
    if args.details {
        for r in run.results_json() {
            println!("{r}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl crate::eval::answers::Answerer for Engine {
    fn answer(&self, ask: &crate::answer::Ask<'_>) -> crate::answer::Outcome {
        Engine::answer(self, ask)
    }

    fn has_entry(&self, id: &str) -> bool {
        self.snapshot().entry(id).is_some()
    }
}
