//! The encoder's weights before training. Mean pooling over them gives the static model's vector: a piece begins as its
//! term's static vector, weight and all, and the layers add almost nothing.
//!
//! A layer's normalisation makes every token equally long, and with that would forget how much a term weighs. So the last
//! two numbers of a token are ballast: with it all tokens are equally long from the start, and the normalisation changes
//! nothing until the last one, which leaves the ballast out.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::pieces::Pieces;
use crate::embed::StaticModel;
use crate::embed::matrix::dot;
use crate::embed::transformer::Variable;
use crate::embed::transformer::folder::Shape;

/// Numbers of a token that are ballast.
const BALLAST: usize = 2;
/// Terms heavier than this share of all are made lighter, so that the others are not mostly ballast.
const HEAVIEST: f32 = 0.98;
/// Size of a token's numbers: what a few steps of training may change of a rare piece is small beside it.
const TOKEN: f32 = 0.3;
const POSITION: f32 = 0.01;
/// Spread of the layers' weights, and of those that lead out of a layer: more, and what the layers say of the ballast alone
/// would be a good part of every text's vector.
const INSIDE: f32 = 0.02;
const OUTWARD: f32 = 0.0005;

/// Each piece's vector at the start, at most of length 1, `width` numbers each.
pub(super) fn rows(pieces: &Pieces, model: &StaticModel, width: usize) -> Vec<f32> {
    let kept = width - BALLAST;
    let mut rows = vec![0.0; pieces.len() * width];
    let mut lengths = Vec::new();
    for (row, term) in rows.chunks_exact_mut(width).zip(&pieces.terms) {
        let Some(term) = term else { continue };
        let (vector, gains) = model.term_parameters(term);
        let weight = ((gains[0] + gains[1]) / 2.0).exp();
        row.iter_mut().zip(&vector).take(kept).for_each(|(x, y)| *x = weight * y);
        // The normalisation takes the mean away in any case.
        let mean = row.iter().sum::<f32>() / kept as f32;
        row.iter_mut().take(kept).for_each(|x| *x -= mean);
        lengths.push(dot(row, row).sqrt());
    }
    lengths.sort_by(f32::total_cmp);
    let most = lengths.get((lengths.len() as f32 * HEAVIEST) as usize).copied().unwrap_or(1.0).max(1e-6);
    for row in rows.chunks_exact_mut(width) {
        let scale = 1.0 / most.max(dot(row, row).sqrt());
        row.iter_mut().for_each(|x| *x *= scale);
    }
    rows
}

/// All weights, in the order of `variables`.
pub(super) fn weights(variables: &[Variable], shape: &Shape, rows: &[f32], seed: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let width = usize::try_from(shape.hidden).unwrap_or(0);
    let last = format!("encoder.layer.{}.output.LayerNorm.weight", shape.layers - 1);
    let mut out = Vec::with_capacity(variables.iter().map(Variable::len).sum());
    for variable in variables {
        let name = variable.name.as_str();
        let count = variable.len();
        let mut spread = |size: f32| -> Vec<f32> { (0..count).map(|_| size * normal(&mut random)).collect() };
        match name {
            "embeddings.word_embeddings.weight" => out.extend(loaded(rows, width)),
            "embeddings.position_embeddings.weight" => out.extend(spread(POSITION)),
            _ if name == last => {
                out.extend((0..count).map(|at| if at + BALLAST < count { 1.0 } else { 0.0 }));
            }
            _ if name.ends_with("LayerNorm.weight") => out.extend(vec![1.0; count]),
            _ if name.ends_with("bias") || name.contains("token_type") => out.extend(vec![0.0; count]),
            _ if name.ends_with("output.dense.weight") => out.extend(spread(OUTWARD)),
            _ => out.extend(spread(INSIDE)),
        }
    }
    out
}

/// The rows with as much ballast as makes them equally long.
fn loaded(rows: &[f32], width: usize) -> Vec<f32> {
    let size = TOKEN * (width as f32).sqrt();
    let mut out: Vec<f32> = rows.iter().map(|x| x * size).collect();
    for (row, own) in out.chunks_exact_mut(width).zip(rows.chunks_exact(width)) {
        let ballast = size * ((1.0 - dot(own, own)).max(0.0) / BALLAST as f32).sqrt();
        row[width - 2] = ballast;
        row[width - 1] = -ballast;
    }
    out
}

/// The sum of twelve uniform values is close enough to a normal one.
fn normal(random: &mut ChaCha8Rng) -> f32 {
    (0..12).map(|_| random.random::<f32>()).sum::<f32>() - 6.0
}
