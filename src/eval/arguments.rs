//! Arguments of `madoguchi eval …`, as clap reads them. What the commands do is in [`super::cli`].

use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;

use super::compare::Limit;
use super::perturb::Perturbation;
use super::statistics::Bootstrap;
use crate::answer::System;
use crate::command::tier::TierArgs;

/// Arguments of `madoguchi eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Folder of the models and dictionaries.
    #[arg(long, global = true)]
    pub models: Option<PathBuf>,
    /// Transformers to measure with.
    #[command(flatten)]
    pub tier: TierArgs,
    #[command(subcommand)]
    pub(super) command: EvalCommand,
}

impl EvalArgs {
    /// Whether only an order of documents is measured, for which no confidence need be fitted.
    pub fn measures_retrieval(&self) -> bool {
        matches!(self.command, EvalCommand::Retrieval(_))
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum EvalCommand {
    /// Score retrieval on a BEIR folder, or on a corpus with TREC topics and qrels.
    Retrieval(RetrievalArgs),
    /// Score the desk's Decisions on cases.
    Answers(AnswersArgs),
    /// Score a TREC run file against qrels.
    Score(ScoreArgs),
    /// Compare two runs written with --json: paired bootstrap and randomisation test.
    Compare(CompareArgs),
    /// Stress a desk or retriever: entries deleted, foreign questions mixed in, questions perturbed.
    Stress(StressArgs),
    /// Replay stored, masked questions and show which Decisions would change.
    Replay(ReplayArgs),
    /// Judge the desk's examples of what must reach a person, each by a net that did not learn it.
    Examples(ExamplesArgs),
    /// Check the desk against its baseline; exit code 1 when it does not hold.
    Gate(GateArgs),
}

/// Repetitions of which each is a draw to keep: from 1 to `most`.
fn up_to(most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=most)
}

/// What the output is.
#[derive(Debug, Args)]
pub(super) struct Output {
    /// Print one JSON object, results of every item included.
    #[arg(long)]
    pub(super) json: bool,
    /// With --json: leave the results of the items out.
    #[arg(long)]
    pub(super) summary: bool,
}

/// How rows are read and figures computed.
#[derive(Debug, Args)]
pub(super) struct Measuring {
    /// A wrong row is an error rather than skipped and counted.
    #[arg(long)]
    pub(super) strict: bool,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Resamples of the bootstrap.
    #[arg(long, default_value_t = 1000, value_parser = up_to(100_000))]
    pub(super) resamples: usize,
}

impl Measuring {
    pub(super) fn bootstrap(&self) -> Bootstrap {
        Bootstrap { resamples: self.resamples, seed: self.seed }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum SystemName {
    Hybrid,
    Lexical,
    Dense,
}

impl SystemName {
    pub(super) fn system(self) -> System {
        match self {
            Self::Hybrid => System::Hybrid,
            Self::Lexical => System::Lexical,
            Self::Dense => System::Dense,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hybrid => "hybrid",
            Self::Lexical => "lexical",
            Self::Dense => "dense",
        }
    }
}

/// Which documents and queries, and which retriever.
#[derive(Debug, Args)]
pub(super) struct DatasetArgs {
    /// BEIR folder: corpus.jsonl, queries.jsonl, qrels/SPLIT.tsv.
    #[arg(long)]
    pub(super) dataset: Option<PathBuf>,
    /// Which qrels of the folder, or which half of the cases.
    #[arg(long)]
    pub(super) split: Option<String>,
    /// Which retrievers run.
    #[arg(long, value_enum, default_value_t = SystemName::Hybrid)]
    pub(super) system: SystemName,
    /// Tune the vectors to the dataset's own documents first (no labels are used).
    #[arg(long)]
    pub(super) adapt: bool,
}

#[derive(Debug, Args)]
pub(super) struct RetrievalArgs {
    #[command(flatten)]
    pub(super) data: DatasetArgs,
    /// Instead of --dataset: documents as JSON lines with _id, title, text.
    #[arg(long, requires_all = ["topics", "qrels"], conflicts_with = "dataset")]
    pub(super) corpus: Option<PathBuf>,
    /// TREC topics, or id<TAB>question lines.
    #[arg(long, requires = "corpus")]
    pub(super) topics: Option<PathBuf>,
    /// TREC qrels.
    #[arg(long, requires = "corpus")]
    pub(super) qrels: Option<PathBuf>,
    /// Write the rankings as a TREC run file.
    #[arg(long)]
    pub(super) run: Option<PathBuf>,
    /// Write every query's scores as CSV.
    #[arg(long)]
    pub(super) csv: Option<PathBuf>,
    /// Documents per query.
    #[arg(long, default_value_t = 100)]
    pub(super) depth: usize,
    /// Lowest grade of a top document that counts as right when confidence is measured.
    #[arg(long, default_value_t = 1)]
    pub(super) grade: i32,
    /// Test hook: spoil the ranking by this seed.
    #[arg(long, hide = true)]
    pub(super) shuffle_ranks: Option<u64>,
    #[command(flatten)]
    pub(super) measuring: Measuring,
    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct AnswersArgs {
    /// Folder of the desk's files.
    #[arg(long, default_value = "kb")]
    pub(super) kb: PathBuf,
    /// Cases: JSON lines, a CSV, TSV or XLSX sheet, or a folder of these.
    #[arg(long, default_value = "eval/cases")]
    pub(super) cases: PathBuf,
    /// Which half of the cases; without it, all.
    #[arg(long)]
    pub(super) split: Option<String>,
    /// Write a report: one self-contained HTML page.
    #[arg(long)]
    pub(super) report: Option<PathBuf>,
    /// Write the candidates as a TREC run file; with --qrels.
    #[arg(long, requires = "qrels")]
    pub(super) run: Option<PathBuf>,
    /// Write what is right as TREC qrels; with --run.
    #[arg(long, requires = "run")]
    pub(super) qrels: Option<PathBuf>,
    /// Write every case's Decision and scores as CSV.
    #[arg(long)]
    pub(super) csv: Option<PathBuf>,
    /// After the figures, print a line of JSON per case.
    #[arg(long)]
    pub(super) details: bool,
    /// Test hook: spoil the ranking by this seed.
    #[arg(long, hide = true)]
    pub(super) shuffle_ranks: Option<u64>,
    #[command(flatten)]
    pub(super) measuring: Measuring,
    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct ScoreArgs {
    /// TREC run file.
    #[arg(long)]
    pub(super) run: PathBuf,
    /// TREC or BEIR qrels.
    #[arg(long)]
    pub(super) qrels: PathBuf,
    #[command(flatten)]
    pub(super) measuring: Measuring,
    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The run before.
    pub(super) a: PathBuf,
    /// The run after.
    pub(super) b: PathBuf,
    /// Exit with 1 when B is worse than A in METRIC by more than MARGIN; may be given more than once.
    #[arg(long, value_name = "METRIC:MARGIN")]
    pub(super) fail_if_worse: Vec<Limit>,
    /// Changed items to show.
    #[arg(long, default_value_t = 10)]
    pub(super) show: usize,
    /// Random assignments in the randomisation test.
    #[arg(long, default_value_t = 10_000, value_parser = up_to(1_000_000))]
    pub(super) permutations: usize,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Write a report: one self-contained HTML page.
    #[arg(long)]
    pub(super) report: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct StressArgs {
    #[command(flatten)]
    pub(super) data: DatasetArgs,
    /// Folder of the desk's files, when there is no --dataset.
    #[arg(long, default_value = "kb")]
    pub(super) kb: PathBuf,
    /// Cases, when there is no --dataset.
    #[arg(long, default_value = "eval/cases")]
    pub(super) cases: PathBuf,
    /// Fraction of the questions whose entries are deleted; 0 leaves deletion out.
    #[arg(long, default_value_t = 0.5)]
    pub(super) delete: f64,
    /// Foreign questions to mix in: one per line, or JSON lines with questions, question or text.
    #[arg(long)]
    pub(super) far: Vec<PathBuf>,
    /// At most so many foreign questions of each file.
    #[arg(long, default_value_t = 200)]
    pub(super) far_limit: usize,
    /// Kinds of perturbation; without it, all.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(super) kinds: Option<Vec<Perturbation>>,
    /// Write the sets that were made into this folder.
    #[arg(long)]
    pub(super) write: Option<PathBuf>,
    #[command(flatten)]
    pub(super) measuring: Measuring,
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Folder of the candidate desk's files.
    #[arg(long, default_value = "kb")]
    pub(super) kb: PathBuf,
    /// Questions that a desk stored: its data folder. It is only read, also while the desk is serving.
    #[arg(long, conflicts_with = "questions", required_unless_present = "questions")]
    pub(super) data: Option<PathBuf>,
    /// With --data: only questions asked on this day (local time) or later, such as 2026-11-01.
    #[arg(long, requires = "data", value_name = "DATE")]
    pub(super) since: Option<Date>,
    /// With --data: at most so many questions, the newest.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub(super) limit: u32,
    /// Instead of --data: masked questions as JSON lines with id, question, turns, decision, entry, reason.
    #[arg(long)]
    pub(super) questions: Option<PathBuf>,
    /// Compare with this desk rather than with the stored Decisions.
    #[arg(long)]
    pub(super) against: Option<PathBuf>,
    /// Changes to show.
    #[arg(long, default_value_t = 20)]
    pub(super) show: usize,
    /// A wrong row is an error rather than skipped and counted.
    #[arg(long)]
    pub(super) strict: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExamplesArgs {
    /// Folder of the desk's files.
    #[arg(long, default_value = "kb")]
    pub(super) kb: PathBuf,
    /// Parts the examples are split into; each is judged by what is learned from the others.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=20))]
    pub(super) folds: u8,
    #[command(flatten)]
    pub(super) measuring: Measuring,
    #[command(flatten)]
    pub(super) output: Output,
}

#[derive(Debug, Args)]
pub(super) struct GateArgs {
    /// The baseline.
    #[arg(long, default_value = "eval/baseline.json")]
    pub(super) baseline: PathBuf,
    /// Folder of the desk's files, instead of the baseline's.
    #[arg(long)]
    pub(super) kb: Option<PathBuf>,
    /// Cases, instead of the baseline's.
    #[arg(long)]
    pub(super) cases: Option<PathBuf>,
    /// Take today's figures as the new baseline; floors stay and must hold.
    #[arg(long)]
    pub(super) update: bool,
    /// Test hook: spoil the ranking by this seed.
    #[arg(long, hide = true)]
    pub(super) shuffle_ranks: Option<u64>,
}
