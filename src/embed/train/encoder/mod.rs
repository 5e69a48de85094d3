//! `madoguchi train encoder`: a small BERT that begins as the static model and learns to read words in their order, from
//! the same pairs, with the same schedule and loss. Writes a folder in Hugging Face layout that the transformer tier takes
//! like any other. Needs a build with transformers; knows no torch itself.
//!
//! Flow: `pieces` (tokenizer) → the data, as pieces → `initial` (weights) → the loop here, with `state` → `layout`.

mod initial;
mod layout;
mod pieces;
mod state;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, bail};
use rand::RngExt;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::data::{self, Corpus};
use super::schedule::{self, Pair, Plan, Schedule};
use super::{TOO_FEW, WARM_UP, progress_bar, rate};
use crate::embed::contrast::{self, Identities};
use crate::embed::matrix::{add_scaled, dot, normalize};
use crate::embed::optimizer::DenseAdam;
use crate::embed::transformer::folder::Shape;
use crate::embed::transformer::{IS_BUILT, Learner, TransformerError};
use crate::embed::{Embedder, StaticModel};
use crate::text::{Analyzer, Vocabulary};

use pieces::Pieces;
use state::State;

/// One in so many batches belongs to the rise of the step size: the start is good, and large steps would spoil it before
/// the moments mean anything.
const WARM_UP_SHARE: usize = 12;
/// Held-out pairs that the curve is measured on, at most.
const MEASURED: usize = 400;
/// A measurement encodes this many texts at a time.
const MEASURED_AT_ONCE: usize = 128;

/// Options of `madoguchi train encoder`.
#[derive(Debug, Clone, clap::Args)]
pub struct EncoderArgs {
    /// Folder with pairs.jsonl.gz (`{a,b,source,license,mt}` per line) and, if any, text.txt.gz (a paragraph per line).
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Folder to write the encoder and its card to.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Folder with the built dictionaries.
    #[arg(long, value_name = "DIR", default_value = "models/dict")]
    pub dictionaries: PathBuf,
    /// Folder with the static model to begin from.
    #[arg(long, value_name = "DIR", default_value = "models")]
    pub models: PathBuf,
    /// Seed of everything random; the same seed, data and number of threads give the same encoder.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Batches to train on.
    #[arg(long, default_value_t = 4_000)]
    pub batches: usize,
    /// Pairs per batch: each is the negative of all others.
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
    /// Pairs of one source that a batch is chosen from.
    #[arg(long, default_value_t = 512)]
    pub pool: usize,
    /// Share of a batch that are nearest neighbours in the pool, which are harder to tell apart; the rest is random.
    #[arg(long, default_value_t = 0.5)]
    pub near: f32,
    /// Pieces of a text that are read while training, the special ones included.
    #[arg(long, default_value_t = 64)]
    pub tokens: usize,
    /// Pieces of the tokenizer.
    #[arg(long, default_value_t = 16_000)]
    pub pieces: usize,
    /// Layers.
    #[arg(long, default_value_t = 3)]
    pub layers: usize,
    /// Numbers per token.
    #[arg(long, default_value_t = 320)]
    pub width: usize,
    /// Attention heads.
    #[arg(long, default_value_t = 5)]
    pub heads: usize,
    /// Numbers inside a feed-forward block.
    #[arg(long, default_value_t = 640)]
    pub inner: usize,
    /// Positions: the longest text the encoder reads, in pieces.
    #[arg(long, default_value_t = 256)]
    pub positions: usize,
    /// Step size.
    #[arg(long, default_value_t = 0.0005)]
    pub rate: f32,
    /// Temperature of the softmax.
    #[arg(long, default_value_t = 0.05)]
    pub temperature: f32,
    /// Share of the pieces left out at random.
    #[arg(long, default_value_t = 0.1)]
    pub dropout: f32,
    /// Share of the passages used per pass over the data to tell a stretch's own passage from others.
    #[arg(long, default_value_t = 0.25)]
    pub spans: f32,
    /// Share of the prose used per pass over the data to tell a paragraph's neighbour from others.
    #[arg(long, default_value_t = 0.25)]
    pub neighbors: f32,
    /// Batches between two measurements on held-out pairs; with each, checkpoint and encoder are written.
    #[arg(long, default_value_t = 200)]
    pub measure: usize,
    /// Threads that compute.
    #[arg(long, default_value_t = 2)]
    pub threads: usize,
    /// Goes on from the checkpoint in the output folder; --batches and --measure may be others than before.
    #[arg(long)]
    pub resume: bool,
    /// No progress bar.
    #[arg(long)]
    pub quiet: bool,
}

/// Runs `madoguchi train encoder`.
///
/// # Errors
/// When this build has no transformers, data, dictionary or static model cannot be read, options are out of range, or the
/// output cannot be written.
pub fn run(args: &EncoderArgs) -> anyhow::Result<()> {
    if !IS_BUILT {
        return Err(TransformerError::NotBuilt.into());
    }
    validate(args)?;
    let analyzer = Analyzer::open_default(&args.dictionaries, &Vocabulary::default())?;
    let model = StaticModel::open(&args.models, analyzer.dictionary())?;
    train(args, &analyzer, &model)
}

/// Trains from `model` on and writes the encoder.
///
/// # Errors
/// As [`run`].
pub(super) fn train(args: &EncoderArgs, analyzer: &Analyzer, model: &StaticModel) -> anyhow::Result<()> {
    let note = |text: &str| {
        if !args.quiet {
            eprintln!("{text}");
        }
    };
    note("choosing pieces");
    let pieces = Pieces::learn(&data::sample(&args.data)?, analyzer, args.pieces)?;
    let corpus = Corpus::read(&args.data, None, &|text| pieces.split(text), args.seed, args.quiet)?;
    fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    let mut training = Training::start(args, &corpus, &pieces, model)?;
    let mut progress = training.state()?;
    if progress.curve.is_empty() {
        training.measure(&mut progress, f32::NAN)?;
        note(&progress.curve.last().map(ToString::to_string).unwrap_or_default());
    }
    let bar = progress_bar(args.batches as u64, args.quiet);
    bar.set_position(progress.next_batch as u64);
    let mut smooth = progress.curve.last().map_or(f32::NAN, |point| point.loss);
    while progress.next_batch < args.batches {
        let started = std::time::Instant::now();
        let loss = training.step(&mut progress)?;
        progress.seconds += started.elapsed().as_secs_f32();
        smooth = if smooth.is_finite() { 0.98 * smooth + 0.02 * loss } else { loss };
        bar.set_message(format!("loss {smooth:.3}"));
        bar.inc(1);
        if progress.next_batch.is_multiple_of(args.measure) || progress.next_batch == args.batches {
            training.measure(&mut progress, smooth)?;
            bar.suspend(|| note(&progress.curve.last().map(ToString::to_string).unwrap_or_default()));
            training.save(&progress)?;
        }
    }
    bar.finish_and_clear();
    State::remove(&args.out)?;
    println!(
        "{}: {}",
        args.out.display(),
        progress.curve.last().map(ToString::to_string).unwrap_or_default()
    );
    println!("`madoguchi models add {}` takes it over", args.out.display());
    Ok(())
}

fn validate(args: &EncoderArgs) -> anyhow::Result<()> {
    let whole = |name: &str, value: usize, range: std::ops::RangeInclusive<usize>| -> anyhow::Result<()> {
        if range.contains(&value) {
            return Ok(());
        }
        bail!("--{name} must be {} to {}, not {value}", range.start(), range.end())
    };
    whole("batches", args.batches, 1..=10_000_000)?;
    whole("batch", args.batch, 2..=4_096)?;
    whole("pool", args.pool, args.batch..=16_384)?;
    whole("pieces", args.pieces, 64..=200_000)?;
    whole("layers", args.layers, 1..=24)?;
    whole("width", args.width, 8..=2_048)?;
    whole("heads", args.heads, 1..=args.width)?;
    whole("inner", args.inner, 8..=16_384)?;
    whole("positions", args.positions, 8..=4_096)?;
    whole("tokens", args.tokens, 8..=args.positions)?;
    whole("measure", args.measure, 1..=1_000_000)?;
    whole("threads", args.threads, 1..=256)?;
    if !args.width.is_multiple_of(args.heads) {
        bail!("--width must be a multiple of --heads");
    }
    if !(args.rate > 0.0 && args.temperature > 0.0) {
        bail!("--rate and --temperature must be above 0");
    }
    let share = 0.0..=1.0;
    if ![args.near, args.spans, args.neighbors].iter().all(|value| share.contains(value))
        || !(0.0..1.0).contains(&args.dropout)
    {
        bail!("--near, --spans, --neighbors and --dropout are shares between 0 and 1");
    }
    Ok(())
}

fn shape(args: &EncoderArgs, pieces: &Pieces) -> Shape {
    Shape {
        vocabulary: pieces.len() as i64,
        hidden: args.width as i64,
        layers: args.layers as i64,
        heads: args.heads as i64,
        intermediate: args.inner as i64,
        positions: args.positions as i64,
        types: 2,
        labels: 2,
        activation: "gelu".to_owned(),
    }
}

/// Everything a step needs that does not change.
struct Training<'a> {
    args: &'a EncoderArgs,
    corpus: &'a Corpus,
    pieces: &'a Pieces,
    /// The tokenizer's number of each of the corpus' terms.
    numbers: Vec<i64>,
    schedule: Schedule,
    shape: Shape,
    learner: Learner,
    /// Vectors of the pieces at the start: what is near in a pool is near by them.
    rows: Vec<f32>,
    held_out: Vec<Pair>,
    identity: [u8; 32],
}

impl<'a> Training<'a> {
    fn start(
        args: &'a EncoderArgs,
        corpus: &'a Corpus,
        pieces: &'a Pieces,
        model: &StaticModel,
    ) -> anyhow::Result<Self> {
        let plan = Plan { epochs: 1, batch: args.pool, spans: args.spans, neighbors: args.neighbors };
        let schedule = Schedule::plan(&plan, args.seed, corpus);
        if schedule.batches() == 0 {
            bail!("{TOO_FEW}: {}", args.data.display());
        }
        let held_out = schedule::held_out(corpus);
        let every = held_out.len().div_ceil(MEASURED).max(1);
        let shape = shape(args, pieces);
        Ok(Self {
            numbers: corpus.terms.iter().map(|term| pieces.number(term)).collect(),
            learner: Learner::start(&shape, args.threads)?,
            rows: initial::rows(pieces, model, args.width),
            held_out: held_out.into_iter().step_by(every).collect(),
            identity: state::identity(args, corpus, &model.fingerprint()),
            args,
            corpus,
            pieces,
            schedule,
            shape,
        })
    }

    /// Where training is: at the checkpoint, or at the start.
    fn state(&mut self) -> anyhow::Result<State> {
        let state = if self.args.resume {
            State::read(&self.args.out, &self.identity)?
        } else {
            let weights = initial::weights(self.learner.variables(), &self.shape, &self.rows, self.args.seed);
            let adam = DenseAdam::new(weights.len());
            State { weights, adam, next_batch: 0, seconds: 0.0, curve: Vec::new() }
        };
        self.learner.load(&state.weights)?;
        Ok(state)
    }

    /// One batch: vectors, loss, the way back, new weights. Returns the loss.
    fn step(&mut self, state: &mut State) -> anyhow::Result<f32> {
        let args = self.args;
        let index = state.next_batch;
        let mut random = ChaCha8Rng::seed_from_u64(args.seed);
        random.set_stream(index as u64 + 1);
        let place = index % self.schedule.batches();
        let pool = self.schedule.pairs(place, self.corpus, args.dropout, &mut random);
        let pairs = self.chosen(pool, &mut random);
        let (left, right) = identities(&pairs);
        let vectors = self.learner.forward(self.texts(&pairs))?;
        let of = Identities { left: &left, right: &right };
        let (loss, gradient) = contrast::vector_gradients(of, &vectors, args.width, args.temperature);
        if !loss.is_finite() {
            bail!("training diverged at batch {index}: choose a smaller --rate");
        }
        let gradient = self.learner.backward(&gradient)?;
        let rise = (args.batches / WARM_UP_SHARE).max(WARM_UP);
        let rate = rate(args.rate, (index, args.batches), rise);
        state.adam.step(&mut state.weights, &gradient, rate);
        self.learner.load(&state.weights)?;
        state.next_batch = index + 1;
        Ok(loss)
    }

    /// A batch out of a pool: a random pair, its nearest neighbours, and others.
    fn chosen(&self, mut pool: Vec<Pair>, random: &mut ChaCha8Rng) -> Vec<Pair> {
        let Self { args, .. } = self;
        if pool.len() <= args.batch {
            return pool;
        }
        pool.shuffle(random);
        let near = (args.batch as f32 * args.near) as usize;
        if near > 1 {
            let vectors: Vec<Vec<f32>> = pool.iter().map(|pair| self.meaning(pair)).collect();
            let anchor = &vectors[random.random_range(0..vectors.len())];
            let mut order: Vec<usize> = (0..pool.len()).collect();
            let closeness: Vec<f32> = vectors.iter().map(|vector| dot(vector, anchor)).collect();
            order.sort_by(|&a, &b| closeness[b].total_cmp(&closeness[a]));
            // The nearest first; behind them the others in their random order.
            let nearest: std::collections::HashSet<usize> = order.into_iter().take(near).collect();
            let mut places: Vec<(bool, Pair)> =
                pool.into_iter().enumerate().map(|(at, pair)| (!nearest.contains(&at), pair)).collect();
            places.sort_by_key(|(is_far, _)| *is_far);
            pool = places.into_iter().map(|(_, pair)| pair).collect();
        }
        pool.truncate(args.batch);
        pool
    }

    /// What a pair is about, by the vectors of its pieces.
    fn meaning(&self, pair: &Pair) -> Vec<f32> {
        let width = self.args.width;
        let mut sum = vec![0.0; width];
        for &term in pair.left.1.iter().chain(pair.right.1.iter().take(self.args.tokens)) {
            let row = self.numbers[term as usize] as usize * width;
            add_scaled(1.0, &self.rows[row..row + width], &mut sum);
        }
        normalize(&mut sum);
        sum
    }

    /// The left texts, then the right ones, as the network reads them.
    fn texts(&self, pairs: &[Pair]) -> Vec<Vec<i64>> {
        let left = pairs.iter().map(|pair| &pair.left.1);
        left.chain(pairs.iter().map(|pair| &pair.right.1)).map(|terms| self.text(terms)).collect()
    }

    fn text(&self, terms: &[u32]) -> Vec<i64> {
        let own = terms.iter().take(self.args.tokens - 2).map(|&term| self.numbers[term as usize]);
        std::iter::once(pieces::FIRST).chain(own).chain([pieces::LAST]).collect()
    }

    /// Adds a point to the curve.
    fn measure(&mut self, state: &mut State, loss: f32) -> anyhow::Result<()> {
        let texts = self.texts(&self.held_out);
        let mut vectors = Vec::with_capacity(texts.len() * self.args.width);
        for some in texts.chunks(MEASURED_AT_ONCE) {
            vectors.extend(self.learner.encode(some.to_vec())?);
        }
        let (left, right) = identities(&self.held_out);
        let of = Identities { left: &left, right: &right };
        let (held_out_loss, reciprocal_rank) =
            contrast::evaluate_vectors(of, &vectors, self.args.width, self.args.temperature, left.len());
        state.curve.push(state::Point {
            batch: state.next_batch,
            seconds: state.seconds,
            loss,
            held_out_loss,
            reciprocal_rank,
        });
        Ok(())
    }

    /// Writes checkpoint and encoder.
    fn save(&self, state: &State) -> anyhow::Result<()> {
        state.write(&self.args.out, &self.identity)?;
        let written = layout::Written {
            args: self.args,
            corpus: self.corpus,
            pieces: self.pieces,
            shape: &self.shape,
            variables: self.learner.variables(),
            state,
            measured: self.held_out.len(),
        };
        written.write()
    }
}

fn identities(pairs: &[Pair]) -> (Vec<u64>, Vec<u64>) {
    pairs.iter().map(|pair| (pair.left.0, pair.right.0)).unzip()
}

#[cfg(all(test, feature = "transformer"))]
mod tests;
