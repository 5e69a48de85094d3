//! The contrastive loss over pairs of unit vectors, and over bags of terms, with gradients (InfoNCE with the other pairs
//! of the batch as negatives: van den Oord et al. 2018; both directions, as in CLIP). Shared by training and adaptation.

use std::collections::HashMap;

use rayon::prelude::*;

use super::matrix::{View, add_scaled, dot, multiply, normalize};

/// Distinct terms of a text with their damped counts.
pub(super) type Bag = Box<[(u32, f32)]>;

/// How often a term stands in a text → how much it counts: the square root, so that a long answer's favourite word does
/// not drown the others.
pub(super) fn damped(count: f32) -> f32 {
    count.sqrt()
}

/// The bag of `terms`.
pub(super) fn bag(terms: &[u32]) -> Bag {
    let mut sorted = terms.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a == b).map(|same| (same[0], damped(same.len() as f32))).collect()
}

/// Pairs of texts that mean the same, each other's negatives.
#[derive(Default)]
pub(super) struct Batch {
    /// Queries, headings, first halves.
    pub(super) left: Vec<Bag>,
    /// Passages, bodies, second halves.
    pub(super) right: Vec<Bag>,
    /// Who the left texts are: pairs that share one are no negatives of each other.
    pub(super) left_ids: Vec<u64>,
    /// Who the right texts are.
    pub(super) right_ids: Vec<u64>,
}

impl Batch {
    pub(super) fn push(&mut self, left: (u64, Bag), right: (u64, Bag)) {
        self.left_ids.push(left.0);
        self.left.push(left.1);
        self.right_ids.push(right.0);
        self.right.push(right.1);
    }

    pub(super) fn len(&self) -> usize {
        self.left.len()
    }
}

/// Which rows a term's vector is the sum of, with weights: its own row, and those of its parts.
pub(super) struct Composition(pub(super) Vec<Box<[(u32, f32)]>>);

impl Composition {
    /// Every term has its own row and nothing else.
    pub(super) fn identity(terms: usize) -> Self {
        Self((0..terms as u32).map(|term| Box::from([(term, 1.0)])).collect())
    }
}

/// What is learned.
#[derive(Clone)]
pub(super) struct Parameters {
    pub(super) dimension: usize,
    /// Rows of vectors, `dimension` values each.
    pub(super) rows: Vec<f32>,
    /// Per term, the logarithm of its weight in a query and in a passage; terms beyond the end weigh 1 and learn none.
    pub(super) gains: [Vec<f32>; 2],
}

impl Parameters {
    pub(super) fn row(&self, row: u32) -> &[f32] {
        &self.rows[row as usize * self.dimension..][..self.dimension]
    }

    /// Writes the vector of `term` into `out`.
    pub(super) fn compose(&self, composition: &Composition, term: u32, out: &mut [f32]) {
        out.fill(0.0);
        for &(row, weight) in &composition.0[term as usize] {
            add_scaled(weight, self.row(row), out);
        }
    }
}

/// Loss of a batch and its gradient, for the rows and terms that occur in it only.
pub(super) struct Gradient {
    /// Mean over both directions, in nats per pair.
    pub(super) loss: f32,
    /// Rows that occur, in no particular order.
    pub(super) rows: Vec<u32>,
    /// Their gradients, `dimension` values each.
    pub(super) row_values: Vec<f32>,
    /// Terms that occur.
    pub(super) terms: Vec<u32>,
    /// Gradients of their gains, query and passage.
    pub(super) gains: Vec<[f32; 2]>,
}

/// A batch with its own small numbering of terms.
struct Local {
    terms: Vec<u32>,
    /// Term and weight (damped count × gain), text after text.
    entries: Vec<(u32, f32)>,
    /// Where each text's entries begin; one more at the end.
    starts: Vec<usize>,
}

impl Local {
    fn new(batch: &Batch, parameters: &Parameters) -> Self {
        let mut numbers: HashMap<u32, u32> = HashMap::new();
        let mut local = Self { terms: Vec::new(), entries: Vec::new(), starts: vec![0] };
        for (side, bags) in [&batch.left, &batch.right].into_iter().enumerate() {
            for bag in bags {
                for &(term, count) in bag {
                    let number = *numbers.entry(term).or_insert_with(|| {
                        local.terms.push(term);
                        local.terms.len() as u32 - 1
                    });
                    let gain = parameters.gains[side].get(term as usize).map_or(1.0, |gain| gain.exp());
                    local.entries.push((number, count * gain));
                }
                local.starts.push(local.entries.len());
            }
        }
        local
    }

    fn text(&self, index: usize) -> &[(u32, f32)] {
        &self.entries[self.starts[index]..self.starts[index + 1]]
    }

    /// For each term the texts it is in: start offsets, and (text, weight).
    fn by_term(&self) -> (Vec<usize>, Vec<(u32, f32)>) {
        let texts = self.starts.len() - 1;
        let occurrences =
            (0..texts).flat_map(|text| self.text(text).iter().map(move |e| (e.0, text as u32, e.1)));
        invert(self.terms.len(), self.entries.len(), occurrences)
    }
}

/// Sorts (key, value, weight) by key without comparing: start offset of each key, and (value, weight).
fn invert(
    keys: usize,
    len: usize,
    items: impl Iterator<Item = (u32, u32, f32)> + Clone,
) -> (Vec<usize>, Vec<(u32, f32)>) {
    let mut starts = vec![0usize; keys + 1];
    for (key, ..) in items.clone() {
        starts[key as usize + 1] += 1;
    }
    for key in 0..keys {
        starts[key + 1] += starts[key];
    }
    let mut next = starts.clone();
    let mut out = vec![(0, 0.0); len];
    for (key, value, weight) in items {
        let slot = &mut next[key as usize];
        out[*slot] = (value, weight);
        *slot += 1;
    }
    (starts, out)
}

/// Unit vectors of all texts of a batch, left then right.
struct Encoded {
    /// Vectors of the local terms.
    terms: Vec<f32>,
    /// Unit vectors of the texts.
    texts: Vec<f32>,
    /// Lengths before normalisation.
    lengths: Vec<f32>,
}

fn encode(local: &Local, parameters: &Parameters, composition: &Composition) -> Encoded {
    let d = parameters.dimension;
    let mut terms = vec![0.0; local.terms.len() * d];
    terms
        .par_chunks_mut(d)
        .zip(&local.terms)
        .for_each(|(out, &term)| parameters.compose(composition, term, out));
    let mut texts = vec![0.0; (local.starts.len() - 1) * d];
    let mut lengths = vec![0.0; local.starts.len() - 1];
    texts.par_chunks_mut(d).zip(lengths.par_iter_mut()).enumerate().for_each(|(index, (out, length))| {
        for &(term, weight) in local.text(index) {
            add_scaled(weight, &terms[term as usize * d..][..d], out);
        }
        *length = normalize(out).max(1e-6);
    });
    Encoded { terms, texts, lengths }
}

/// Who the left and the right texts of pairs are.
#[derive(Clone, Copy)]
pub(super) struct Identities<'a> {
    pub(super) left: &'a [u64],
    pub(super) right: &'a [u64],
}

impl Batch {
    fn identities(&self) -> Identities<'_> {
        Identities { left: &self.left_ids, right: &self.right_ids }
    }
}

/// Scores of every left against every right text, divided by the temperature; pairs that may mean the same are out.
fn scores(of: Identities<'_>, texts: &[f32], d: usize, temperature: f32) -> Vec<f32> {
    let n = of.left.len();
    let (left, right) = texts.split_at(n * d);
    let mut scores = vec![0.0; n * n];
    multiply(View::new(left, n, d), View::new(right, n, d).transposed(), &mut scores);
    scores.par_chunks_mut(n).enumerate().for_each(|(i, row)| {
        for (j, score) in row.iter_mut().enumerate() {
            let same = of.left[i] == of.left[j] || of.right[i] == of.right[j];
            *score = if i != j && same { f32::NEG_INFINITY } else { *score / temperature };
        }
    });
    scores
}

/// Turns a row of scores into probabilities minus the truth (place `own`); returns the loss.
fn softmax_error(row: &mut [f32], own: usize) -> f32 {
    let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let score = row[own];
    let mut sum = 0.0;
    for x in row.iter_mut() {
        *x = (*x - top).exp();
        sum += *x;
    }
    row.iter_mut().for_each(|x| *x /= sum);
    row[own] -= 1.0;
    sum.ln() + top - score
}

fn transpose(from: &[f32], to: &mut [f32], n: usize) {
    const BLOCK: usize = 32;
    to.par_chunks_mut(BLOCK * n).enumerate().for_each(|(block, rows)| {
        let count = rows.len() / n;
        for column in (0..n).step_by(BLOCK) {
            for row in 0..count {
                for j in column..(column + BLOCK).min(n) {
                    rows[row * n + j] = from[j * n + block * BLOCK + row];
                }
            }
        }
    });
}

/// Loss and mean reciprocal rank of the first `asked` pairs of `batch`, without a gradient: for held-out pairs. The others are there
/// to be told apart from.
pub(super) fn evaluate(
    parameters: &Parameters,
    composition: &Composition,
    batch: &Batch,
    temperature: f32,
    asked: usize,
) -> (f32, f32) {
    let encoded = encode(&Local::new(batch, parameters), parameters, composition);
    evaluate_vectors(batch.identities(), &encoded.texts, parameters.dimension, temperature, asked)
}

/// The same for unit vectors, the left texts' before the right ones'.
pub(super) fn evaluate_vectors(
    of: Identities<'_>,
    texts: &[f32],
    d: usize,
    temperature: f32,
    asked: usize,
) -> (f32, f32) {
    let n = of.left.len();
    let mut scores = scores(of, texts, d, temperature);
    let marks: Vec<(f32, f32)> = scores
        .par_chunks_mut(n.max(1))
        .take(asked)
        .enumerate()
        .map(|(own, row)| {
            let above = row.iter().filter(|score| **score > row[own]).count();
            (softmax_error(row, own), 1.0 / (above + 1) as f32)
        })
        .collect();
    (mean(marks.iter().map(|mark| mark.0)), mean(marks.iter().map(|mark| mark.1)))
}

/// Adds in a fixed order: parallel float sums would differ from run to run.
fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len().max(1) as f32;
    values.sum::<f32>() / count
}

/// Loss of `batch` and its gradient.
pub(super) fn gradient(
    parameters: &Parameters,
    composition: &Composition,
    batch: &Batch,
    temperature: f32,
) -> Gradient {
    let (n, d) = (batch.len(), parameters.dimension);
    let local = Local::new(batch, parameters);
    let encoded = encode(&local, parameters, composition);
    let (loss, mut texts) = vector_gradients(batch.identities(), &encoded.texts, d, temperature);
    before_normalisation(&mut texts, &encoded, d);
    let (term_values, gains) = term_gradients(&local, &encoded, &texts, n, d);
    let (rows, row_values) = row_gradients(&local.terms, composition, &term_values, d);
    Gradient { loss, rows, row_values, terms: local.terms, gains }
}

/// Loss of pairs of unit vectors, the left texts' before the right ones', and its gradient with respect to them.
pub(super) fn vector_gradients(
    of: Identities<'_>,
    texts: &[f32],
    d: usize,
    temperature: f32,
) -> (f32, Vec<f32>) {
    let n = of.left.len();
    let mut by_row = scores(of, texts, d, temperature);
    let mut by_column = vec![0.0; n * n];
    transpose(&by_row, &mut by_column, n);
    let losses = |rows: &mut [f32]| -> f32 {
        let rows: Vec<f32> =
            rows.par_chunks_mut(n).enumerate().map(|(own, row)| softmax_error(row, own)).collect();
        mean(rows.into_iter())
    };
    let (loss, back_loss) = (losses(&mut by_row), losses(&mut by_column));
    let mut errors = vec![0.0; n * n];
    transpose(&by_column, &mut errors, n);
    let factor = 0.5 / (temperature * n as f32);
    errors.par_iter_mut().zip(&by_row).for_each(|(sum, row)| *sum = (*sum + row) * factor);
    let (left, right) = texts.split_at(n * d);
    let errors = View::new(&errors, n, n);
    let mut out = vec![0.0; 2 * n * d];
    let (left_out, right_out) = out.split_at_mut(n * d);
    multiply(errors, View::new(right, n, d), left_out);
    multiply(errors.transposed(), View::new(left, n, d), right_out);
    (0.5 * (loss + back_loss), out)
}

/// Turns gradients of unit vectors into those of the vectors before normalisation.
fn before_normalisation(gradients: &mut [f32], encoded: &Encoded, d: usize) {
    gradients.par_chunks_mut(d).zip(encoded.texts.par_chunks(d)).zip(&encoded.lengths).for_each(
        |((out, unit), length)| {
            let along = dot(out, unit);
            for (out, unit) in out.iter_mut().zip(unit) {
                *out = (*out - along * unit) / length;
            }
        },
    );
}

/// Gradients of the terms' vectors and of their gains.
fn term_gradients(
    local: &Local,
    encoded: &Encoded,
    texts: &[f32],
    n: usize,
    d: usize,
) -> (Vec<f32>, Vec<[f32; 2]>) {
    let (starts, occurrences) = local.by_term();
    let mut values = vec![0.0; local.terms.len() * d];
    let mut gains = vec![[0.0; 2]; local.terms.len()];
    values.par_chunks_mut(d).zip(gains.par_iter_mut()).enumerate().for_each(|(term, (value, gain))| {
        let vector = &encoded.terms[term * d..][..d];
        for &(text, weight) in &occurrences[starts[term]..starts[term + 1]] {
            let gradient = &texts[text as usize * d..][..d];
            add_scaled(weight, gradient, value);
            gain[usize::from(text as usize >= n)] += weight * dot(gradient, vector);
        }
    });
    (values, gains)
}

/// Spreads the terms' gradients over the rows they are composed of.
fn row_gradients(terms: &[u32], composition: &Composition, values: &[f32], d: usize) -> (Vec<u32>, Vec<f32>) {
    let mut numbers: HashMap<u32, u32> = HashMap::new();
    let mut rows = Vec::new();
    let mut parts = Vec::new();
    for (term, &id) in terms.iter().enumerate() {
        for &(row, weight) in &composition.0[id as usize] {
            let number = *numbers.entry(row).or_insert_with(|| {
                rows.push(row);
                rows.len() as u32 - 1
            });
            parts.push((number, term as u32, weight));
        }
    }
    let (starts, parts) = invert(rows.len(), parts.len(), parts.iter().copied());
    let mut out = vec![0.0; rows.len() * d];
    out.par_chunks_mut(d).enumerate().for_each(|(row, out)| {
        for &(term, weight) in &parts[starts[row]..starts[row + 1]] {
            add_scaled(weight, &values[term as usize * d..][..d], out);
        }
    });
    (rows, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> (Parameters, Composition, Batch) {
        let d = 5;
        let value = |i: usize| ((i * 7919 % 101) as f32 / 50.0) - 1.0;
        let parameters = Parameters {
            dimension: d,
            rows: (0..8 * d).map(value).collect(),
            gains: [(0..7).map(|i| 0.1 * value(i)).collect(), (0..7).map(|i| 0.2 * value(i + 3)).collect()],
        };
        let mut parts: Vec<Box<[(u32, f32)]>> = (0..7).map(|t| Box::from([(t, 1.0), (7, 0.5)])).collect();
        parts[3] = Box::from([(7u32, 1.0)]);
        let mut batch = Batch::default();
        for (i, (a, b)) in [(vec![0, 1, 1], vec![2, 3]), (vec![4], vec![5, 5, 6]), (vec![1, 6], vec![0, 3])]
            .iter()
            .enumerate()
        {
            batch.push((i as u64, bag(a)), (i as u64, bag(b)));
        }
        (parameters, Composition(parts), batch)
    }

    #[test]
    fn the_gradient_agrees_with_finite_differences() {
        let (parameters, composition, batch) = example();
        let found = gradient(&parameters, &composition, &batch, 0.3);
        let loss = |p: &Parameters| gradient(p, &composition, &batch, 0.3).loss;
        let step = 1e-2;
        for (place, &row) in found.rows.iter().enumerate() {
            for k in 0..parameters.dimension {
                let (mut up, mut down) = (parameters.clone(), parameters.clone());
                up.rows[row as usize * 5 + k] += step;
                down.rows[row as usize * 5 + k] -= step;
                let expected = (loss(&up) - loss(&down)) / (2.0 * step);
                assert!((found.row_values[place * 5 + k] - expected).abs() < 2e-3, "row {row} value {k}");
            }
        }
        for (place, &term) in found.terms.iter().enumerate() {
            for side in 0..2 {
                let (mut up, mut down) = (parameters.clone(), parameters.clone());
                up.gains[side][term as usize] += step;
                down.gains[side][term as usize] -= step;
                let expected = (loss(&up) - loss(&down)) / (2.0 * step);
                assert!((found.gains[place][side] - expected).abs() < 2e-3, "term {term} side {side}");
            }
        }
    }

    #[test]
    fn pairs_with_the_same_text_are_no_negatives() {
        let (parameters, composition, mut batch) = example();
        batch.right_ids = vec![0, 0, 0];
        let found = gradient(&parameters, &composition, &batch, 0.3);
        assert!(found.loss.abs() < 1e-6, "nothing to tell apart: {}", found.loss);
    }
}
