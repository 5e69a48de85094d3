//! What each batch holds, fixed before training begins: pairs of one source at a time (the negatives are then of the
//! same kind as the positive), stretches of a passage against the rest of it (inverse cloze task: Lee et al. 2019), and
//! paragraphs against a near neighbour. Pure and seeded.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::TrainArgs;
use super::data::Corpus;
use super::lexicon::Lexicon;
use crate::embed::adapt::thinned;
use crate::embed::contrast::{Bag, Batch, bag};

/// A batch this much smaller than the others teaches little and is left out.
const SMALLEST_SHARE: usize = 8;
/// Shortest passage that a stretch is taken out of, and the stretch's length.
const SPAN_PASSAGE: usize = 24;
const SPAN: std::ops::Range<usize> = 4..16;
/// How far apart neighbours may be, and how many terms they have at least.
const NEIGHBOR_DISTANCE: u32 = 3;
const NEIGHBOR_TERMS: usize = 3;

/// Numbers into the corpus for one batch.
enum Job {
    Pairs(Vec<(u32, u32)>),
    Neighbors(Vec<(u32, u32)>),
    Spans(Vec<u32>),
}

/// All batches in order.
pub(super) struct Schedule {
    jobs: Vec<Job>,
}

impl Schedule {
    pub(super) fn plan(args: &TrainArgs, seed: u64, corpus: &Corpus) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let groups = groups(corpus, args.batch);
        let mut jobs = Vec::new();
        for _ in 0..args.epochs {
            let mut epoch: Vec<Job> = Vec::new();
            for group in &groups {
                let mut pairs = group.clone();
                pairs.shuffle(&mut random);
                epoch.extend(batches(&pairs, args.batch).map(Job::Pairs));
            }
            let mut neighbors = neighbors(corpus, &mut random);
            sample(&mut neighbors, args.neighbors, &mut random);
            epoch.extend(batches(&neighbors, args.batch).map(Job::Neighbors));
            let mut spans: Vec<u32> = (0..)
                .zip(&corpus.texts)
                .filter(|(_, text)| text.len() >= SPAN_PASSAGE)
                .map(|(text, _)| text)
                .collect();
            sample(&mut spans, args.spans, &mut random);
            epoch.extend(batches(&spans, args.batch).map(Job::Spans));
            epoch.shuffle(&mut random);
            jobs.extend(epoch);
        }
        Self { jobs }
    }

    pub(super) fn batches(&self) -> usize {
        self.jobs.len()
    }

    /// The texts of batch `index`, in the lexicon's numbering, a random share of their terms left out.
    pub(super) fn batch(
        &self,
        index: usize,
        source: (&Corpus, &Lexicon),
        dropout: f32,
        random: &mut ChaCha8Rng,
    ) -> Batch {
        let (corpus, lexicon) = source;
        let mut make = |terms: &[u32]| lexicon_bag(lexicon, &thinned(terms, dropout, random));
        let mut batch = Batch::default();
        match &self.jobs[index] {
            Job::Pairs(pairs) => {
                for &(a, b) in pairs {
                    let (left, right) = (make(&corpus.texts[a as usize]), make(&corpus.texts[b as usize]));
                    batch.push((a.into(), left), (b.into(), right));
                }
            }
            Job::Neighbors(pairs) => {
                for &(a, b) in pairs {
                    let (left, right) = (make(&corpus.prose[a as usize]), make(&corpus.prose[b as usize]));
                    batch.push((a.into(), left), (b.into(), right));
                }
            }
            Job::Spans(texts) => {
                for &text in texts {
                    let terms = &corpus.texts[text as usize];
                    let length = random.random_range(SPAN).min(terms.len() / 3);
                    let start = random.random_range(0..terms.len() - length);
                    let rest = [&terms[..start], &terms[start + length..]].concat();
                    let rest = thinned(&rest, dropout, random);
                    let left = lexicon_bag(lexicon, &terms[start..start + length]);
                    batch.push((text.into(), left), (text.into(), lexicon_bag(lexicon, &rest)));
                }
            }
        }
        batch
    }
}

/// The pairs held out, as one batch.
pub(super) fn held_out_batch(corpus: &Corpus, lexicon: &Lexicon) -> Batch {
    let mut batch = Batch::default();
    for &(a, b) in &corpus.held_out {
        let text = |text: u32| (u64::from(text), lexicon_bag(lexicon, &corpus.texts[text as usize]));
        batch.push(text(a), text(b));
    }
    batch
}

fn lexicon_bag(lexicon: &Lexicon, terms: &[u32]) -> Bag {
    bag(&terms.iter().map(|&term| lexicon.numbers[term as usize]).collect::<Vec<_>>())
}

/// Pairs by source; small sources together.
fn groups(corpus: &Corpus, batch: usize) -> Vec<Vec<(u32, u32)>> {
    let (large, small): (Vec<_>, Vec<_>) =
        corpus.sources.iter().partition(|source| source.pairs.len() >= batch);
    let mut groups: Vec<_> = large.into_iter().map(|source| source.pairs.clone()).collect();
    groups.push(small.into_iter().flat_map(|source| source.pairs.iter().copied()).collect());
    groups
}

fn batches<T: Clone>(items: &[T], size: usize) -> impl Iterator<Item = Vec<T>> {
    // A corpus smaller than one batch still trains.
    let smallest = (size / SMALLEST_SHARE).min(items.len()).max(2);
    items.chunks(size).filter(move |chunk| chunk.len() >= smallest).map(<[T]>::to_vec)
}

/// Every paragraph with one of the next few.
fn neighbors(corpus: &Corpus, random: &mut ChaCha8Rng) -> Vec<(u32, u32)> {
    let usable = |paragraph: u32| corpus.prose[paragraph as usize].len() >= NEIGHBOR_TERMS;
    let last = (corpus.prose.len() as u32).saturating_sub(NEIGHBOR_DISTANCE);
    (0..last)
        .map(|paragraph| (paragraph, paragraph + random.random_range(1..=NEIGHBOR_DISTANCE)))
        .filter(|&(a, b)| usable(a) && usable(b))
        .collect()
}

/// Keeps a random `share` of `items`, in random order.
fn sample<T>(items: &mut Vec<T>, share: f32, random: &mut ChaCha8Rng) {
    items.shuffle(random);
    items.truncate((items.len() as f32 * share) as usize);
}
