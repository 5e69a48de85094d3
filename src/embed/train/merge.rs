//! One model from several: members trained from different seeds are laid side by side and projected onto the directions
//! that texts differ most in. The mean of several judges errs less than any one (measured in docs/embedding-trials.md).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::data::Corpus;
use super::lexicon::Lexicon;
use crate::embed::contrast::{Parameters, bag};
use crate::embed::matrix::{View, add_scaled, dot, multiply, normalize};
use crate::embed::static_model::ModelParts;

/// Texts that the directions are measured on.
const SAMPLE: usize = 30_000;
/// Rounds of subspace iteration.
const ROUNDS: usize = 30;
/// How far strong directions are damped: 0 leaves them, 0.5 makes all equally strong.
const WHITENING: f32 = 0.3;

/// Vectors of all members side by side.
struct Wide {
    dimension: usize,
    words: Vec<f32>,
    pieces: Vec<f32>,
    gains: Vec<[f32; 2]>,
}

/// Merges `members` into a model of `dimension` values per vector.
pub(super) fn merge(
    members: &[Parameters],
    lexicon: Lexicon,
    corpus: &Corpus,
    dimension: usize,
    dictionary: &str,
) -> ModelParts {
    let wide = lay_side_by_side(members, &lexicon);
    let (words, pieces) = if members.len() == 1 && dimension == wide.dimension {
        (wide.words, wide.pieces)
    } else {
        let basis = directions(&wide, &lexicon, corpus, dimension);
        (project(&wide.words, &basis, wide.dimension), project(&wide.pieces, &basis, wide.dimension))
    };
    lexicon.into_parts(words, pieces, wide.gains, (dimension, dictionary))
}

fn lay_side_by_side(members: &[Parameters], lexicon: &Lexicon) -> Wide {
    let count = lexicon.words.len();
    let d = members[0].dimension;
    let dimension = d * members.len();
    let pieces = lexicon.rows() - count;
    let mut wide = Wide {
        dimension,
        words: vec![0.0; count * dimension],
        pieces: vec![0.0; pieces * dimension],
        gains: vec![[0.0; 2]; count],
    };
    for (place, member) in members.iter().enumerate() {
        let slot = place * d..(place + 1) * d;
        wide.words.par_chunks_mut(dimension).enumerate().for_each(|(word, out)| {
            member.compose(&lexicon.composition, word as u32, &mut out[slot.clone()]);
        });
        wide.pieces.par_chunks_mut(dimension).enumerate().for_each(|(piece, out)| {
            out[slot.clone()].copy_from_slice(member.row((count + piece) as u32));
        });
        // Members speak equally loud.
        let loudness = |(word, &uses): (usize, &u32)| {
            let row = &wide.words[word * dimension..][slot.clone()];
            f64::from(uses) * f64::from(dot(row, row).sqrt())
        };
        let total: f64 = lexicon.counts.iter().enumerate().map(loudness).sum();
        let uses: f64 = lexicon.counts.iter().map(|&uses| f64::from(uses)).sum();
        let scale = if total > 0.0 { (uses / total) as f32 } else { 1.0 };
        for rows in [&mut wide.words, &mut wide.pieces] {
            rows.par_chunks_mut(dimension)
                .for_each(|row| row[slot.clone()].iter_mut().for_each(|x| *x *= scale));
        }
        for (word, gains) in wide.gains.iter_mut().enumerate() {
            for (gain, own) in gains.iter_mut().zip(&member.gains) {
                *gain += own[word] / members.len() as f32;
            }
        }
    }
    wide
}

/// The `count` strongest directions of texts, damped; one per row.
fn directions(wide: &Wide, lexicon: &Lexicon, corpus: &Corpus, count: usize) -> Vec<f32> {
    let d = wide.dimension;
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let picked: Vec<usize> =
        (0..SAMPLE.min(corpus.texts.len())).map(|_| random.random_range(0..corpus.texts.len())).collect();
    let mut texts = vec![0.0; picked.len() * d];
    texts.par_chunks_mut(d).zip(&picked).enumerate().for_each(|(index, (out, &text))| {
        let numbers: Vec<u32> =
            corpus.texts[text].iter().map(|&term| lexicon.numbers[term as usize]).collect();
        for &(term, weight) in &bag(&numbers) {
            let gain = wide.gains.get(term as usize).map_or(1.0, |gains| gains[index % 2].exp());
            for &(row, share) in term_rows(lexicon, term) {
                let rows = if (row as usize) < lexicon.words.len() { &wide.words } else { &wide.pieces };
                let row = row as usize % lexicon.words.len().max(1);
                add_scaled(weight * gain * share, &rows[row * d..][..d], out);
            }
        }
        normalize(out);
    });
    let mut covariance = vec![0.0; d * d];
    let view = View::new(&texts, picked.len(), d);
    multiply(view.transposed(), view, &mut covariance);
    let (mut basis, strengths) = strongest(&covariance, d, count, &mut random);
    for (row, strength) in basis.chunks_exact_mut(d).zip(&strengths) {
        let factor = (strength / strengths[0]).max(1e-6).powf(-WHITENING);
        row.iter_mut().for_each(|x| *x *= factor);
    }
    basis
}

/// A known word's own wide vector already has its pieces in it.
fn term_rows(lexicon: &Lexicon, term: u32) -> &[(u32, f32)] {
    let parts = &lexicon.composition.0[term as usize];
    if (term as usize) < lexicon.words.len() { &parts[..1] } else { parts }
}

/// The strongest eigenvectors of a symmetric matrix with their values: subspace iteration with Gram–Schmidt.
fn strongest(matrix: &[f32], d: usize, count: usize, random: &mut ChaCha8Rng) -> (Vec<f32>, Vec<f32>) {
    let mut basis: Vec<f32> = (0..count * d).map(|_| random.random::<f32>() - 0.5).collect();
    let mut strengths = vec![0.0; count];
    for _ in 0..ROUNDS {
        let mut next = vec![0.0; count * d];
        multiply(View::new(&basis, count, d), View::new(matrix, d, d), &mut next);
        for (row, strength) in strengths.iter_mut().enumerate() {
            let (done, rest) = next.split_at_mut(row * d);
            let current = &mut rest[..d];
            // Twice, because once is not enough in single precision.
            for _ in 0..2 {
                for other in done.chunks_exact(d) {
                    let along = dot(other, current);
                    add_scaled(-along, other, current);
                }
            }
            *strength = normalize(current);
        }
        basis = next;
    }
    (basis, strengths)
}

fn project(rows: &[f32], basis: &[f32], d: usize) -> Vec<f32> {
    let (count, dimension) = (rows.len() / d, basis.len() / d);
    let mut out = vec![0.0; count * dimension];
    multiply(View::new(rows, count, d), View::new(basis, dimension, d).transposed(), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_directions_of_a_known_matrix() {
        // Eigenvalues 3 and 1 along the diagonals, 0.5 along the third axis.
        let matrix = [2.0, 1.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.5];
        let (basis, strengths) = strongest(&matrix, 3, 2, &mut ChaCha8Rng::seed_from_u64(1));
        assert!((strengths[0] - 3.0).abs() < 1e-3 && (strengths[1] - 1.0).abs() < 1e-3, "{strengths:?}");
        assert!(
            (basis[0].abs() - 0.5f32.sqrt()).abs() < 1e-3 && (basis[0] - basis[1]).abs() < 1e-3,
            "{basis:?}"
        );
        assert!(dot(&basis[..3], &basis[3..]).abs() < 1e-4);
    }
}
