//! Adaptation: tunes the vectors of a desk's own terms so that its questions find their answers, without labels. The
//! base model is never changed: what was learned is an overlay. Pure and seeded; pairs held out decide how long to
//! train and whether the result is kept at all.

use std::collections::HashMap;
use std::sync::Arc;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::StaticModel;
use super::contrast::{self, Batch, Composition, Parameters, bag};
use super::optimizer::Adam;

/// Two wordings of one thing, as index terms: question and answer, phrasing and question, question and a part of the
/// answer. Pairs that share a text belong to one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdaptPair {
    /// What a customer might ask.
    pub a: Vec<String>,
    /// What the desk holds.
    pub b: Vec<String>,
}

/// How to adapt. The defaults suit desks of 50 to 10,000 entries.
#[derive(Debug, Clone, PartialEq)]
pub struct AdaptOptions {
    /// Seed of everything random.
    pub seed: u64,
    /// Most passes over the pairs; held-out pairs may stop earlier.
    pub epochs: usize,
    /// Most pairs per pass; of a desk with more each pass takes others, drawn at random.
    pub pass: usize,
    /// Pairs per batch.
    pub batch: usize,
    /// Step size.
    pub rate: f32,
    /// Temperature of the softmax.
    pub temperature: f32,
    /// Share of terms left out at random.
    pub dropout: f32,
    /// How far to go from the base's vectors to the tuned ones, `0.0..=1.0`: a part of the way keeps more of what the base
    /// knows (interpolation of weights, Wortsman et al. 2022).
    pub share: f32,
    /// Share of the entries held out while finding out how long to train.
    pub held_out: f32,
    /// Desks with fewer entries are not adapted.
    pub min_entries: usize,
}

impl Default for AdaptOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            epochs: 24,
            pass: 32_768,
            batch: 512,
            rate: 0.01,
            temperature: 0.1,
            dropout: 0.1,
            share: 0.35,
            held_out: 0.15,
            min_entries: 30,
        }
    }
}

/// What adaptation came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AdaptReport {
    /// Usable pairs.
    pub pairs: usize,
    /// Entries they belong to.
    pub entries: usize,
    /// Entries held out.
    pub held_out: usize,
    /// Passes that did best on the held-out entries.
    pub epochs: usize,
    /// Held-out loss before and after, nats per pair.
    pub loss: [f32; 2],
    /// Mean reciprocal rank of the held-out pairs' partners among all entries, before and after: the desk's own check.
    pub reciprocal_rank: [f32; 2],
    /// Terms with a vector of the desk's own.
    pub terms: usize,
}

/// An adapted model, or the base where adaptation did not help.
#[derive(Clone)]
pub struct Adapted {
    /// The model to use.
    pub model: StaticModel,
    /// Whether it differs from the base.
    pub kept: bool,
    /// Why.
    pub report: AdaptReport,
}

/// The pairs that an entry gives: its question with the answer, and each phrasing with both.
pub fn entry_pairs(question: &[String], phrasings: &[Vec<String>], answer: &[String]) -> Vec<AdaptPair> {
    let pair = |a: &[String], b: &[String]| AdaptPair { a: a.to_vec(), b: b.to_vec() };
    let mut pairs = vec![pair(question, answer)];
    for phrasing in phrasings {
        pairs.push(pair(phrasing, question));
        pairs.push(pair(phrasing, answer));
    }
    pairs.retain(|pair| !pair.a.is_empty() && !pair.b.is_empty() && pair.a != pair.b);
    pairs
}

/// Tunes `base` to `pairs`. The same input gives the same result. Returns the base when there are too few entries, or
/// when the held-out ones get worse.
pub fn adapt(
    base: &StaticModel,
    pairs: impl IntoIterator<Item = AdaptPair>,
    options: &AdaptOptions,
) -> Adapted {
    let desk = DeskPairs::new(pairs);
    let mut random = ChaCha8Rng::seed_from_u64(options.seed);
    let mut entries: Vec<usize> = (0..desk.entries).collect();
    entries.shuffle(&mut random);
    let held_out =
        ((desk.entries as f32 * options.held_out.clamp(0.05, 0.5)) as usize).max(1).min(desk.entries);
    let start = start_of(base, &desk);
    let mut report = AdaptReport {
        pairs: desk.pairs.len(),
        entries: desk.entries,
        held_out,
        epochs: 0,
        loss: [0.0; 2],
        reciprocal_rank: [0.0; 2],
        terms: 0,
    };
    let unchanged = |report| Adapted { model: base.clone(), kept: false, report };
    if desk.entries < options.min_entries.max(2) || options.epochs == 0 {
        return unchanged(report);
    }
    let exam = Exam::new(&desk, &entries[..held_out], options.temperature);
    let study: Vec<usize> = desk.pairs_of(&entries[held_out..]);
    let first = exam.mark(&start, &desk);
    let mut best = first;
    let mut rehearsal = Training::new(&desk, start.clone(), options);
    for epoch in 1..=options.epochs {
        rehearsal.epoch(&study, epoch, options.epochs);
        let mark = exam.mark(&between(&start, &rehearsal.parameters, options.share), &desk);
        if mark.0 < best.0 {
            (best, report.epochs) = (mark, epoch);
        } else if epoch >= report.epochs + PATIENCE {
            break;
        }
    }
    report.loss = [first.0, best.0];
    report.reciprocal_rank = [first.1, best.1];
    if report.epochs == 0 || best.1 < first.1 {
        return unchanged(report);
    }
    // How long is known now; the held-out entries deserve to be learned too.
    let all: Vec<usize> = (0..desk.pairs.len()).collect();
    let mut training = Training::new(&desk, start.clone(), options);
    (1..=report.epochs).for_each(|epoch| training.epoch(&all, epoch, options.epochs));
    let Parameters { rows, gains: [query, passage], .. } =
        between(&start, &training.parameters, options.share);
    let gains = query.into_iter().zip(passage).map(|(query, passage)| [query, passage]).collect();
    report.terms = desk.terms.len();
    Adapted { model: base.with_overlay(&desk.terms, rows, gains), kept: true, report }
}

/// The parameters `share` of the way from `start` to `tuned`.
fn between(start: &Parameters, tuned: &Parameters, share: f32) -> Parameters {
    let mix = |from: &[f32], to: &[f32]| from.iter().zip(to).map(|(a, b)| a + share * (b - a)).collect();
    Parameters {
        dimension: start.dimension,
        rows: mix(&start.rows, &tuned.rows),
        gains: [0, 1].map(|role| mix(&start.gains[role], &tuned.gains[role])),
    }
}

/// Epochs without progress on the held-out entries before giving up.
const PATIENCE: usize = 3;
/// Most entries that held-out ones must be told apart from.
const EXAM_ENTRIES: usize = 2000;

/// Pairs as numbers: of 10,000 entries there are too many to hold them in words.
#[derive(Default)]
struct DeskPairs {
    terms: Vec<String>,
    /// Distinct texts, as numbers of terms.
    texts: Vec<Arc<[u32]>>,
    /// Texts of each pair.
    pairs: Vec<[usize; 2]>,
    /// Entry of each pair.
    entry: Vec<usize>,
    entries: usize,
}

impl DeskPairs {
    fn new(pairs: impl IntoIterator<Item = AdaptPair>) -> Self {
        let mut numbers: HashMap<String, u32> = HashMap::new();
        let mut known: HashMap<Arc<[u32]>, usize> = HashMap::new();
        let mut parents: Vec<usize> = Vec::new();
        let mut desk = Self::default();
        for AdaptPair { a, b } in pairs {
            if a.is_empty() || b.is_empty() || a == b {
                continue;
            }
            let pair = [a, b].map(|terms| {
                let number = |term: String| {
                    *numbers.entry(term).or_insert_with_key(|term| {
                        desk.terms.push(term.clone());
                        desk.terms.len() as u32 - 1
                    })
                };
                let text: Arc<[u32]> = terms.into_iter().map(number).collect();
                *known.entry(text).or_insert_with_key(|text| {
                    desk.texts.push(Arc::clone(text));
                    parents.push(parents.len());
                    parents.len() - 1
                })
            });
            let roots = pair.map(|text| root(&mut parents, text));
            parents[roots[0].max(roots[1])] = roots[0].min(roots[1]);
            desk.pairs.push(pair);
        }
        let mut entries: HashMap<usize, usize> = HashMap::new();
        for [text, _] in &desk.pairs {
            let next = entries.len();
            desk.entry.push(*entries.entry(root(&mut parents, *text)).or_insert(next));
        }
        desk.entries = entries.len();
        desk
    }

    /// Pairs of `entries`.
    fn pairs_of(&self, entries: &[usize]) -> Vec<usize> {
        let mut wanted = vec![false; self.entries];
        entries.iter().for_each(|&entry| wanted[entry] = true);
        (0..self.pairs.len()).filter(|&pair| wanted[self.entry[pair]]).collect()
    }

    fn push(&self, batch: &mut Batch, pair: usize, mut thin: impl FnMut(&[u32]) -> Vec<u32>) {
        let id = self.entry[pair] as u64;
        let [a, b] = self.pairs[pair].map(|text| &self.texts[text]);
        batch.push((id, bag(&thin(a))), (id, bag(&thin(b))));
    }
}

/// The text that stands for all texts joined with `text`.
fn root(parents: &mut [usize], mut text: usize) -> usize {
    while parents[text] != text {
        parents[text] = parents[parents[text]];
        text = parents[text];
    }
    text
}

/// The base's vectors of the desk's terms.
fn start_of(base: &StaticModel, desk: &DeskPairs) -> Parameters {
    let mut rows = Vec::new();
    let mut gains = [Vec::new(), Vec::new()];
    for term in &desk.terms {
        let (row, [query, passage]) = base.term_parameters(term);
        rows.extend(row);
        gains[0].push(query);
        gains[1].push(passage);
    }
    Parameters { dimension: super::Embedder::dimension(base), rows, gains }
}

/// Held-out pairs among other entries' pairs.
struct Exam {
    batch: Batch,
    asked: usize,
    temperature: f32,
}

impl Exam {
    /// One pair of each entry, those of `held_out` first.
    fn new(desk: &DeskPairs, held_out: &[usize], temperature: f32) -> Self {
        let mut first_pair = vec![usize::MAX; desk.entries];
        for (pair, &entry) in desk.entry.iter().enumerate().rev() {
            first_pair[entry] = pair;
        }
        let mut is_held_out = vec![false; desk.entries];
        held_out.iter().for_each(|&entry| is_held_out[entry] = true);
        let asked: Vec<usize> = held_out.iter().take(EXAM_ENTRIES / 2).copied().collect();
        let others = (0..desk.entries).filter(|&entry| !is_held_out[entry]);
        let mut batch = Batch::default();
        for entry in asked.iter().copied().chain(others).take(EXAM_ENTRIES) {
            desk.push(&mut batch, first_pair[entry], <[u32]>::to_vec);
        }
        Self { batch, asked: asked.len(), temperature }
    }

    /// Loss and mean reciprocal rank of the held-out pairs.
    fn mark(&self, parameters: &Parameters, desk: &DeskPairs) -> (f32, f32) {
        let composition = Composition::identity(desk.terms.len());
        contrast::evaluate(parameters, &composition, &self.batch, self.temperature, self.asked)
    }
}

/// A run over the desk's pairs.
struct Training<'a> {
    desk: &'a DeskPairs,
    options: &'a AdaptOptions,
    composition: Composition,
    parameters: Parameters,
    adam: Adam,
    random: ChaCha8Rng,
}

impl<'a> Training<'a> {
    fn new(desk: &'a DeskPairs, parameters: Parameters, options: &'a AdaptOptions) -> Self {
        let composition = Composition::identity(desk.terms.len());
        let adam = Adam::new(&parameters);
        let random = ChaCha8Rng::seed_from_u64(options.seed);
        Self { desk, options, composition, parameters, adam, random }
    }

    /// One pass over `pairs`; the step size falls towards the last of `epochs`.
    fn epoch(&mut self, pairs: &[usize], epoch: usize, epochs: usize) {
        let mut order = pairs.to_vec();
        order.shuffle(&mut self.random);
        order.truncate(self.options.pass);
        let rate = self.options.rate * (1.0 - (epoch - 1) as f32 / epochs as f32);
        for chunk in order.chunks(self.options.batch.max(2)).filter(|chunk| chunk.len() > 1) {
            let mut batch = Batch::default();
            for &pair in chunk {
                let (random, dropout) = (&mut self.random, self.options.dropout);
                self.desk.push(&mut batch, pair, |terms| thinned(terms, dropout, random));
            }
            let gradient =
                contrast::gradient(&self.parameters, &self.composition, &batch, self.options.temperature);
            if gradient.loss.is_finite() {
                self.adam.step(&mut self.parameters, &gradient, rate);
            }
        }
    }
}

/// `terms` without a random share of them; never empty.
pub(super) fn thinned(terms: &[u32], dropout: f32, random: &mut ChaCha8Rng) -> Vec<u32> {
    if dropout <= 0.0 || terms.len() < 3 {
        return terms.to_vec();
    }
    let kept: Vec<u32> = terms.iter().copied().filter(|_| random.random::<f32>() >= dropout).collect();
    if kept.is_empty() { terms.to_vec() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embed::static_model::tests::{DICTIONARY, parts};
    use crate::embed::{Embedder, Role, Text, dot};

    /// Questions and answers that share no word, only a topic each.
    fn desk(entries: usize) -> (StaticModel, Vec<AdaptPair>) {
        let words: Vec<String> = (0..60).map(|i| format!("語{i}")).collect();
        let bytes =
            parts(&words.iter().map(String::as_str).collect::<Vec<_>>(), 32).to_bytes().expect("writes");
        let base = StaticModel::from_bytes(&bytes, DICTIONARY).expect("reads");
        let word = |i: usize| words[i % 60].clone();
        let pairs = (0..entries)
            .map(|i| {
                let topic = i % 15;
                AdaptPair {
                    a: vec![word(topic), word(30 + i % 7), word(40 + i % 4), format!("新{topic}")],
                    b: vec![word(15 + topic), word(44 + i % 8), word(53 + i % 7)],
                }
            })
            .collect();
        (base, pairs)
    }

    fn similarity(model: &StaticModel, pair: &AdaptPair) -> f32 {
        let embed = |terms: &[String], role| model.embed(&Text { raw: "", terms }, role);
        dot(&embed(&pair.a, Role::Query), &embed(&pair.b, Role::Passage))
    }

    #[test]
    fn learns_what_belongs_together_the_same_way_each_time() {
        let (base, pairs) = desk(120);
        let options = AdaptOptions { epochs: 30, batch: 32, ..AdaptOptions::default() };
        let adapted = adapt(&base, pairs.clone(), &options);
        assert!(adapted.kept, "{:?}", adapted.report);
        assert!(adapted.report.loss[1] < adapted.report.loss[0]);
        assert!(adapted.report.reciprocal_rank[1] >= adapted.report.reciprocal_rank[0]);
        let gain = |pair| similarity(&adapted.model, pair) - similarity(&base, pair);
        assert!(pairs.iter().map(gain).sum::<f32>() > 0.0);
        assert!(adapted.model.known_share(&["新3".to_owned()]) > 0.0, "the desk's own terms get vectors");
        assert_eq!(adapt(&base, pairs, &options).model.fingerprint(), adapted.model.fingerprint());
        assert_ne!(base.fingerprint(), adapted.model.fingerprint());
    }

    #[test]
    fn goes_only_a_part_of_the_way() {
        let (base, pairs) = desk(120);
        let of = |share| {
            let options = AdaptOptions { epochs: 30, batch: 32, share, ..AdaptOptions::default() };
            adapt(&base, pairs.clone(), &options)
        };
        let closeness = |model: &StaticModel| pairs.iter().map(|pair| similarity(model, pair)).sum::<f32>();
        let (half, whole) = (of(0.5), of(1.0));
        assert!(
            closeness(&base) < closeness(&half.model) && closeness(&half.model) < closeness(&whole.model)
        );
        assert!(!of(0.0).kept, "no way is the base");
    }

    #[test]
    fn keeps_the_base_where_nothing_can_be_learned() {
        let (base, pairs) = desk(120);
        for (pairs, why) in [(&pairs[..0], "no entries"), (&pairs[..10], "too few entries")] {
            let adapted = adapt(&base, pairs.to_vec(), &AdaptOptions::default());
            assert!(!adapted.kept, "{why}");
            assert_eq!(adapted.model.fingerprint(), base.fingerprint());
        }
        // Answers dealt out at random: what is learned on some says nothing of the others.
        let mixed: Vec<AdaptPair> = (0..120)
            .map(|i| AdaptPair { a: vec![format!("問{i}")], b: vec![format!("答{}", (i * 77 + 5) % 120)] })
            .collect();
        let adapted = adapt(&base, mixed, &AdaptOptions::default());
        assert!(!adapted.kept || adapted.report.loss[1] < adapted.report.loss[0], "{:?}", adapted.report);
    }

    #[test]
    fn pairs_that_share_a_text_are_one_entry() {
        let terms = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        let mut pairs = entry_pairs(&terms("出金"), &[terms("引出"), terms("送金")], &terms("画面"));
        assert_eq!(pairs.len(), 5);
        pairs.extend(entry_pairs(&terms("入金"), &[], &terms("口座")));
        let desk = DeskPairs::new(pairs);
        assert_eq!((desk.entries, desk.pairs.len()), (2, 6));
    }
}
