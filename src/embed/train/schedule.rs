//! What each batch holds, fixed before training begins: pairs of one source at a time (the negatives are then of the
//! same kind as the positive), stretches of a passage against the rest of it (inverse cloze task: Lee et al. 2019),
//! paragraphs against a near neighbour, and wordings of one concept against each other. Pure and seeded.

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::data::{Corpus, Terms};
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
/// Others of its concept that a wording meets per epoch.
const PARTNERS: usize = 2;

/// Numbers into the corpus for one batch.
enum Job {
    Pairs(Vec<(u32, u32)>),
    Neighbors(Vec<(u32, u32)>),
    Spans(Vec<u32>),
    /// A concept and two of its texts.
    Wordings(Vec<(u32, [u32; 2])>),
}

/// How much of what is scheduled.
pub(super) struct Plan {
    pub(super) epochs: usize,
    /// Pairs per batch.
    pub(super) batch: usize,
    /// Shares of the passages and of the prose used per epoch.
    pub(super) spans: f32,
    pub(super) neighbors: f32,
}

/// All batches in order.
pub(super) struct Schedule {
    jobs: Vec<Job>,
}

impl Schedule {
    pub(super) fn plan(args: &Plan, seed: u64, corpus: &Corpus) -> Self {
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
            let mut wordings = wordings(corpus, &mut random);
            wordings.shuffle(&mut random);
            epoch.extend(batches(&wordings, args.batch).map(Job::Wordings));
            epoch.shuffle(&mut random);
            jobs.extend(epoch);
        }
        Self { jobs }
    }

    pub(super) fn batches(&self) -> usize {
        self.jobs.len()
    }

    /// The texts of batch `index`, a random share of their terms left out.
    pub(super) fn pairs(
        &self,
        index: usize,
        corpus: &Corpus,
        dropout: f32,
        random: &mut ChaCha8Rng,
    ) -> Vec<Pair> {
        let mut both = |texts: &[Terms], (a, b): (u32, u32)| Pair {
            left: (a.into(), thinned(&texts[a as usize], dropout, random)),
            right: (b.into(), thinned(&texts[b as usize], dropout, random)),
        };
        match &self.jobs[index] {
            Job::Pairs(pairs) => pairs.iter().map(|&pair| both(&corpus.texts, pair)).collect(),
            Job::Neighbors(pairs) => pairs.iter().map(|&pair| both(&corpus.prose, pair)).collect(),
            // Who they are is the concept: no wording of it is a negative of another.
            Job::Wordings(wordings) => wordings
                .iter()
                .map(|&(concept, [a, b])| {
                    let pair = both(&corpus.texts, (a, b));
                    Pair { left: (concept.into(), pair.left.1), right: (concept.into(), pair.right.1) }
                })
                .collect(),
            Job::Spans(texts) => {
                texts.iter().map(|&text| span(text, &corpus.texts[text as usize], dropout, random)).collect()
            }
        }
    }
}

/// Two texts that belong together, and who they are: pairs that share one are no negatives of each other.
pub(super) struct Pair {
    pub(super) left: (u64, Vec<u32>),
    pub(super) right: (u64, Vec<u32>),
}

/// A stretch of a text, whole, and the rest of it.
fn span(text: u32, terms: &[u32], dropout: f32, random: &mut ChaCha8Rng) -> Pair {
    let length = random.random_range(SPAN).min(terms.len() / 3);
    let start = random.random_range(0..terms.len() - length);
    let rest = [&terms[..start], &terms[start + length..]].concat();
    let rest = thinned(&rest, dropout, random);
    Pair { left: (text.into(), terms[start..start + length].to_vec()), right: (text.into(), rest) }
}

/// Pairs as bags in the lexicon's numbering.
pub(super) fn bags(pairs: Vec<Pair>, lexicon: &Lexicon) -> Batch {
    let mut batch = Batch::default();
    for Pair { left, right } in pairs {
        batch.push((left.0, lexicon_bag(lexicon, &left.1)), (right.0, lexicon_bag(lexicon, &right.1)));
    }
    batch
}

/// The pairs held out, with all their terms.
pub(super) fn held_out(corpus: &Corpus) -> Vec<Pair> {
    let whole = |text: u32| (text.into(), corpus.texts[text as usize].to_vec());
    corpus.held_out.iter().map(|&(a, b)| Pair { left: whole(a), right: whole(b) }).collect()
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

/// Every wording of each concept with some others of it.
fn wordings(corpus: &Corpus, random: &mut ChaCha8Rng) -> Vec<(u32, [u32; 2])> {
    let mut found = Vec::new();
    for (concept, texts) in (0..).zip(&corpus.concepts) {
        for &text in texts {
            let others: Vec<u32> = texts.iter().copied().filter(|&other| other != text).collect();
            found.extend(others.sample(random, PARTNERS).map(|&other| (concept, [text, other])));
        }
    }
    found
}

/// Keeps a random `share` of `items`, in random order.
fn sample<T>(items: &mut Vec<T>, share: f32, random: &mut ChaCha8Rng) {
    items.shuffle(random);
    items.truncate((items.len() as f32 * share) as usize);
}
