//! `madoguchi train`: learns the static vectors from pairs of texts that belong together, writes the model and its card.
//! Works on any machine with the data and a dictionary; two cores need minutes. `madoguchi train encoder` goes on from
//! them to a small sentence encoder ([`encoder`]), with the same data, schedule and loss.
//!
//! Flow: `data` (read, analyse) → `lexicon` (vocabulary, subwords) → `schedule` (what each batch holds) → the loop
//! here, with `checkpoint` → `merge` → `card` with the figures of `check`.

mod card;
mod check;
mod checkpoint;
mod data;
pub mod encoder;
mod lexicon;
mod merge;
mod schedule;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::contrast::{self, Parameters};
use super::optimizer::Adam;
use super::static_model::{MODEL_FILE, ModelParts};
use super::{StaticModel, dictionary_name};
use crate::text::{Analyzer, Vocabulary};

use checkpoint::Checkpoint;
use data::Corpus;
use lexicon::Lexicon;
use schedule::{Plan, Schedule};

/// Batches over which the step size rises from nothing.
const WARM_UP: usize = 20;
/// Share of the step size that is left at the end.
const FINAL_RATE: f32 = 0.02;
const TOO_FEW: &str = "too few pairs to train on";
/// Batches between two checkpoints.
const CHECKPOINT_EVERY: usize = 200;

/// Arguments of `madoguchi train`: those of the static vectors, or another model's.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct TrainCommand {
    #[command(flatten)]
    vectors: Option<TrainArgs>,
    #[command(subcommand)]
    other: Option<OtherModel>,
}

#[derive(Debug, clap::Subcommand)]
enum OtherModel {
    /// Train a small sentence encoder from the static vectors on; needs a build with transformers.
    Encoder(encoder::EncoderArgs),
}

/// Options of `madoguchi train`.
#[derive(Debug, Clone, clap::Args)]
pub struct TrainArgs {
    /// Folder with pairs.jsonl.gz (`{a,b,source,license,mt}` per line) and, if any, text.txt.gz (a paragraph per line).
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder with lines of wordings that mean the same, separated by `|` (*.txt), to train on as well.
    #[arg(long, value_name = "DIR")]
    pub thesaurus: Option<PathBuf>,
    /// Folder to write the model and its card to.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Folder with the built dictionaries.
    #[arg(long, value_name = "DIR", default_value = "models/dict")]
    pub dictionaries: PathBuf,
    /// Folder with evaluation sets (BEIR folders, jsts-valid.tsv) whose figures go into the card; never trained on.
    #[arg(long, value_name = "DIR")]
    pub check: Option<PathBuf>,
    /// Seed of everything random; the same seed and data give the same model.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Passes over the data.
    #[arg(long, default_value_t = 2)]
    pub epochs: usize,
    /// Models trained from different seeds and merged into one.
    #[arg(long, default_value_t = 5)]
    pub members: usize,
    /// Values per vector of a member.
    #[arg(long, default_value_t = 256)]
    pub member_dimension: usize,
    /// Values per vector of the merged model.
    #[arg(long, default_value_t = 320)]
    pub dimension: usize,
    /// Whole words that get a vector of their own, most frequent first.
    #[arg(long, default_value_t = 34_000)]
    pub words: usize,
    /// Subwords that unknown words are made of, and known ones partly.
    #[arg(long, default_value_t = 16_000)]
    pub pieces: usize,
    /// Pairs per batch: each is the negative of all others.
    #[arg(long, default_value_t = 1024)]
    pub batch: usize,
    /// Step size.
    #[arg(long, default_value_t = 0.02)]
    pub rate: f32,
    /// Temperature of the softmax; higher gives broader topics, lower sharper words.
    #[arg(long, default_value_t = 0.065)]
    pub temperature: f32,
    /// Share of the words left out at random.
    #[arg(long, default_value_t = 0.2)]
    pub dropout: f32,
    /// Share of the passages used per epoch to tell a stretch's own passage from others.
    #[arg(long, default_value_t = 0.5)]
    pub spans: f32,
    /// Share of the prose used per epoch to tell a paragraph's neighbour from others.
    #[arg(long, default_value_t = 0.5)]
    pub neighbors: f32,
    /// Goes on from the checkpoint in the output folder.
    #[arg(long)]
    pub resume: bool,
    /// No progress bar.
    #[arg(long)]
    pub quiet: bool,
}

impl TrainArgs {
    fn plan(&self) -> Plan {
        Plan { epochs: self.epochs, batch: self.batch, spans: self.spans, neighbors: self.neighbors }
    }
}

/// What training came to.
#[derive(Debug, Clone)]
struct Outcome {
    /// Loss over the last batches, nats per pair.
    loss: f32,
    /// Mean reciprocal rank of held-out pairs' own passages among all held-out ones.
    held_out: f32,
    held_out_pairs: usize,
}

/// Runs `madoguchi train`.
///
/// # Errors
/// When the data or the dictionary cannot be read, options are out of range, or the output cannot be written.
pub fn run(command: TrainCommand) -> anyhow::Result<()> {
    match command {
        TrainCommand { other: Some(OtherModel::Encoder(args)), .. } => encoder::run(&args),
        TrainCommand { vectors: Some(args), .. } => train_vectors(&args),
        TrainCommand { .. } => bail!("say what to train on with --data, and where to write with --out"),
    }
}

fn train_vectors(args: &TrainArgs) -> anyhow::Result<()> {
    validate(args)?;
    fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    let analyzer = Analyzer::open_default(&args.dictionaries, &Vocabulary::default())?;
    let dictionary = dictionary_name(analyzer.dictionary());
    let started = std::time::Instant::now();
    let terms = |text: &str| analyzer.terms(text);
    let corpus = Corpus::read(&args.data, args.thesaurus.as_deref(), &terms, args.seed, args.quiet)?;
    let lexicon = Lexicon::build(&corpus, args.words, args.pieces)?;
    let (parts, outcome) = train(args, &corpus, lexicon, &dictionary)?;
    let seconds = started.elapsed().as_secs();
    let bytes = parts.to_bytes()?;
    let path = args.out.join(MODEL_FILE);
    write_whole(&path, &bytes)?;
    let model = StaticModel::from_bytes(&bytes, &dictionary)?;
    let figures = match &args.check {
        Some(folder) => check::figures(folder, &model, &analyzer)?,
        None => Vec::new(),
    };
    let card = card::Card {
        args,
        corpus: &corpus,
        model: &model,
        outcome: &outcome,
        figures: &figures,
        seconds,
        bytes: bytes.len(),
    };
    write_whole(&args.out.join("README.md"), card.to_string().as_bytes())?;
    Checkpoint::remove(&args.out, args.members)?;
    println!(
        "{}: {} words, {:.1} MB; held-out pairs: reciprocal rank {:.3}",
        path.display(),
        model.words(),
        bytes.len() as f64 / 1e6,
        outcome.held_out
    );
    figures.iter().for_each(|figure| println!("{figure}"));
    Ok(())
}

fn validate(args: &TrainArgs) -> anyhow::Result<()> {
    if !(8..=1024).contains(&args.member_dimension) || !(1..=16).contains(&args.members) {
        bail!("--member-dimension must be 8 to 1024, --members 1 to 16");
    }
    if args.dimension < 8 || args.dimension > args.members * args.member_dimension {
        bail!("--dimension must be at least 8, and no more than all members have together");
    }
    if !(2..=16_384).contains(&args.batch) {
        bail!("--batch must be 2 to 16384");
    }
    if args.epochs == 0 || args.words == 0 || args.pieces < 256 {
        bail!("--epochs and --words must be at least 1, --pieces at least 256");
    }
    if !(args.rate > 0.0 && args.temperature > 0.0) {
        bail!("--rate and --temperature must be above 0");
    }
    let share = 0.0..=1.0;
    if !(0.0..1.0).contains(&args.dropout) || !share.contains(&args.spans) || !share.contains(&args.neighbors)
    {
        bail!("--dropout, --spans and --neighbors are shares between 0 and 1");
    }
    Ok(())
}

/// From the data to a model: trains the members one after the other and merges them.
fn train(
    args: &TrainArgs,
    corpus: &Corpus,
    lexicon: Lexicon,
    dictionary: &str,
) -> anyhow::Result<(ModelParts, Outcome)> {
    let held_out = schedule::bags(schedule::held_out(corpus), &lexicon);
    let mut outcome = Outcome { loss: 0.0, held_out: 0.0, held_out_pairs: held_out.len() };
    let mut members = Vec::new();
    for member in 0..args.members {
        let (parameters, loss) = train_member(args, member, corpus, &lexicon)?;
        let (_, reciprocal_rank) = contrast::evaluate(
            &parameters,
            &lexicon.composition,
            &held_out,
            args.temperature,
            held_out.len(),
        );
        outcome.loss += loss / args.members as f32;
        outcome.held_out += reciprocal_rank / args.members as f32;
        members.push(parameters);
    }
    Ok((merge::merge(&members, lexicon, corpus, args.dimension, dictionary), outcome))
}

/// The training loop: from random vectors, or a checkpoint, to one member and its loss.
fn train_member(
    args: &TrainArgs,
    member: usize,
    corpus: &Corpus,
    lexicon: &Lexicon,
) -> anyhow::Result<(Parameters, f32)> {
    let seed = args.seed.wrapping_add(member as u64);
    let schedule = Schedule::plan(&args.plan(), seed, corpus);
    let batches = schedule.batches();
    if batches == 0 {
        bail!("{TOO_FEW}: {}", args.data.display());
    }
    let identity = checkpoint::identity(args, corpus);
    let mut state = if args.resume && Checkpoint::exists(&args.out, member) {
        Checkpoint::read(&args.out, member, &identity)?
    } else {
        let parameters = initial(args.member_dimension, seed, lexicon);
        Checkpoint { adam: Adam::new(&parameters), parameters, next_batch: 0 }
    };
    let bar = progress_bar(batches as u64, args.quiet);
    bar.set_prefix(format!("{}/{}", member + 1, args.members));
    bar.set_position(state.next_batch as u64);
    let mut loss = None;
    for index in state.next_batch..batches {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(index as u64 + 1);
        let batch = schedule::bags(schedule.pairs(index, corpus, args.dropout, &mut random), lexicon);
        let gradient = contrast::gradient(&state.parameters, &lexicon.composition, &batch, args.temperature);
        if !gradient.loss.is_finite() {
            bail!("training diverged at batch {index}: choose a smaller --rate");
        }
        state.adam.step(&mut state.parameters, &gradient, rate(args.rate, (index, batches), WARM_UP));
        let smooth = loss.map_or(gradient.loss, |loss: f32| 0.97 * loss + 0.03 * gradient.loss);
        loss = Some(smooth);
        bar.set_message(format!("loss {smooth:.3}"));
        bar.inc(1);
        state.next_batch = index + 1;
        if state.next_batch % CHECKPOINT_EVERY == 0 || state.next_batch == batches {
            state.write(&args.out, member, &identity)?;
        }
    }
    bar.finish_and_clear();
    Ok((state.parameters, loss.unwrap_or(0.0)))
}

/// Small random vectors.
fn initial(dimension: usize, seed: u64, lexicon: &Lexicon) -> Parameters {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let scale = 2.0 / (dimension as f32).sqrt();
    // The sum of three uniform values is close enough to a normal one.
    let mut value = || scale * ((0..3).map(|_| random.random::<f32>()).sum::<f32>() - 1.5);
    Parameters {
        dimension,
        rows: (0..lexicon.rows() * dimension).map(|_| value()).collect(),
        gains: [vec![0.0; lexicon.words.len()], vec![0.0; lexicon.words.len()]],
    }
}

/// Rises over the first `rise` batches, then falls in a straight line. `at` is the batch and how many there are.
fn rate(top: f32, at: (usize, usize), rise: usize) -> f32 {
    let (index, batches) = at;
    let rise = ((index + 1) as f32 / rise as f32).min(1.0);
    let done = index as f32 / batches as f32;
    top * rise * (1.0 - done * (1.0 - FINAL_RATE))
}

fn progress_bar(len: u64, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{prefix} {bar:32} {pos}/{len} batches  {msg}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(len).with_style(style)
}

/// Writes beside the target first: a model is never half new.
fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let partial = path.with_extension("partial");
    fs::write(&partial, bytes).with_context(|| format!("cannot write {}", partial.display()))?;
    fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::{Embedder, Role, Text, dot};
    use data::Source;

    /// Pairs about money and about school that share no word within a pair.
    fn corpus() -> Corpus {
        let terms: Vec<String> =
            (0..40).map(|i| format!("{}{i}", if i < 20 { "金" } else { "校" })).collect();
        let text = |topic: u32, i: u32| [0, 1, 2].map(|k| topic * 20 + (i * 7 + k * 5 + i / 9) % 20).into();
        let texts: Vec<data::Terms> = (0..400).map(|i| text(i % 2, i / 2)).collect();
        let pairs: Vec<(u32, u32)> = (0..398).map(|i| (i, i + 2)).collect();
        let source = Source {
            name: "made up".into(),
            license: String::new(),
            machine_translated: false,
            count: 398,
            pairs,
        };
        let (held_out, prose) = (vec![(0, 2), (1, 3), (4, 6)], texts[..50].to_vec());
        let concepts = Vec::new();
        Corpus { terms, texts, sources: vec![source], prose, concepts, held_out, hash: "test".into() }
    }

    fn args(out: &Path) -> TrainArgs {
        TrainArgs {
            data: PathBuf::new(),
            thesaurus: None,
            out: out.to_owned(),
            dictionaries: PathBuf::new(),
            check: None,
            seed: 3,
            epochs: 20,
            members: 2,
            member_dimension: 16,
            dimension: 12,
            words: 30,
            pieces: 256,
            batch: 64,
            rate: 0.02,
            temperature: 0.1,
            dropout: 0.1,
            spans: 0.5,
            neighbors: 0.5,
            resume: false,
            quiet: true,
        }
    }

    fn trained(args: &TrainArgs) -> (Vec<u8>, Outcome) {
        let corpus = corpus();
        let lexicon = Lexicon::build(&corpus, args.words, args.pieces).expect("builds");
        let (parts, outcome) = train(args, &corpus, lexicon, "test").expect("trains");
        (parts.to_bytes().expect("writes"), outcome)
    }

    #[test]
    fn training_lowers_the_loss_and_tells_topics_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = args(folder.path());
        let (bytes, outcome) = trained(&args);
        let (_, early) = trained(&TrainArgs { epochs: 1, ..args.clone() });
        assert!(outcome.loss < early.loss, "{} after {}", outcome.loss, early.loss);
        let model = StaticModel::from_bytes(&bytes, "test").expect("reads");
        let embed = |word: &str| model.embed(&Text { raw: word, terms: &[word.to_owned()] }, Role::Query);
        let (money, school) = (embed("金3"), embed("校23"));
        assert!(dot(&money, &embed("金8")) > dot(&money, &embed("校28")));
        assert!(dot(&school, &embed("校31")) > dot(&school, &embed("金11")));
        assert_eq!(model.dimension(), 12);
    }

    #[test]
    fn wordings_of_one_concept_come_together_although_no_pair_has_both() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = args(folder.path());
        // The first and the second text are of different topics.
        let closeness = |concepts: Vec<Vec<u32>>| {
            let corpus = Corpus { concepts, ..corpus() };
            let lexicon = Lexicon::build(&corpus, args.words, args.pieces).expect("builds");
            let (parts, _) = train(&args, &corpus, lexicon, "test").expect("trains");
            Checkpoint::remove(folder.path(), args.members).expect("removes");
            let model = StaticModel::from_bytes(&parts.to_bytes().expect("writes"), "test").expect("reads");
            let of = |text: u32, role| {
                let terms: Vec<String> = corpus.texts[text as usize]
                    .iter()
                    .map(|&term| corpus.terms[term as usize].clone())
                    .collect();
                model.embed(&Text { raw: "", terms: &terms }, role)
            };
            dot(&of(0, Role::Query), &of(1, Role::Passage))
        };
        let (apart, together) = (closeness(Vec::new()), closeness(vec![vec![0, 1], vec![2, 4], vec![3, 5]]));
        assert!(together > apart + 0.2, "{apart} and with the thesaurus {together}");
    }

    #[test]
    fn a_line_without_two_wordings_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let read = |thesaurus: &str| {
            fs::write(folder.path().join("thesaurus.txt"), thesaurus).expect("written");
            let line = r#"{"a":"出金 手数料","b":"手数料 の 案内","source":"made up"}"#;
            let mut pairs = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut pairs, line.as_bytes()).expect("written");
            let pairs = pairs.finish().expect("finished");
            fs::write(folder.path().join("pairs.jsonl.gz"), pairs).expect("written");
            let terms = |text: &str| text.split_whitespace().map(str::to_owned).collect();
            Corpus::read(folder.path(), Some(folder.path()), &terms, 1, true)
                .map_err(|error| format!("{error:#}"))
        };
        let corpus = read("解約 手続き | やめたい\n再発行 | 作り直し | なくした\n").expect("read");
        assert_eq!(corpus.concepts.iter().map(Vec::len).collect::<Vec<_>>(), [2, 3]);
        let error = read("解約 | やめたい\n再発行 | 再発行\n").expect_err("refused");
        assert!(
            error.contains("thesaurus.txt, line 2") && error.contains("two different wordings"),
            "{error}"
        );
    }

    #[test]
    fn a_seed_gives_one_model_and_a_checkpoint_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = TrainArgs { epochs: 2, ..args(folder.path()) };
        let (first, _) = trained(&args);
        assert!(Checkpoint::exists(folder.path(), 1));
        let resumed = TrainArgs { resume: true, ..args.clone() };
        assert!(trained(&resumed).0 == first, "from the checkpoint");
        let other = TrainArgs { rate: 0.03, ..resumed };
        let lexicon = Lexicon::build(&corpus(), other.words, other.pieces).expect("builds");
        let error = train(&other, &corpus(), lexicon, "test").err().expect("refused").to_string();
        assert!(error.contains("other data or options"), "{error}");
        Checkpoint::remove(folder.path(), 2).expect("removes");
        assert!(trained(&args).0 == first, "from the seed");
    }

    #[test]
    fn options_out_of_range_are_named() {
        let bad = |change: fn(&mut TrainArgs)| {
            let mut args = args(Path::new(""));
            change(&mut args);
            validate(&args).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(bad(|_| ()).is_empty());
        assert!(bad(|args| args.dimension = 999).contains("--dimension"));
        assert!(bad(|args| args.dropout = 1.0).contains("--dropout"));
        assert!(bad(|args| args.temperature = 0.0).contains("--temperature"));
    }
}
