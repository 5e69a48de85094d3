//! Where the training of an encoder is, what it measured on the way, and the checkpoint it goes on from.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::EncoderArgs;
use crate::embed::optimizer::DenseAdam;
use crate::embed::train::checkpoint::{read_parts, write_parts};
use crate::embed::train::data::Corpus;

const FILE: &str = "training-encoder.checkpoint";
/// Numbers of a [`Point`] in a checkpoint.
const POINT: usize = 5;

/// A moment of training.
pub(super) struct State {
    pub(super) weights: Vec<f32>,
    pub(super) adam: DenseAdam,
    pub(super) next_batch: usize,
    /// Time spent on batches, those before the last checkpoint included.
    pub(super) seconds: f32,
    pub(super) curve: Vec<Point>,
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    /// Batches done.
    pub(super) batch: usize,
    pub(super) seconds: f32,
    /// Over the last batches, nats per pair; no number at the start.
    pub(super) loss: f32,
    pub(super) held_out_loss: f32,
    /// Mean reciprocal rank of held-out pairs' own passages.
    pub(super) reciprocal_rank: f32,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { batch, seconds, loss, held_out_loss, reciprocal_rank } = self;
        let loss = if loss.is_finite() { format!("loss {loss:.3}; ") } else { String::new() };
        write!(
            f,
            "batch {batch}, {:.1} min: {loss}held out: loss {held_out_loss:.3}, reciprocal rank {reciprocal_rank:.3}",
            seconds / 60.0
        )
    }
}

/// Hash of what must be the same for training to go on: data, static model and options that say what is learned. How long
/// may differ, so that a run can be brought to its end when time is short, or be drawn out.
pub(super) fn identity(args: &EncoderArgs, corpus: &Corpus, model: &str) -> [u8; 32] {
    let nowhere = PathBuf::new;
    let (out, data, dictionaries, models) = (nowhere(), nowhere(), nowhere(), nowhere());
    let (batches, measure, resume, quiet) = (0, 0, false, true);
    let args =
        EncoderArgs { out, data, dictionaries, models, batches, measure, resume, quiet, ..args.clone() };
    Sha256::digest(format!("{args:?} {} {} {model}", corpus.hash, corpus.terms.len())).into()
}

impl State {
    pub(super) fn write(&self, folder: &Path, identity: &[u8; 32]) -> anyhow::Result<()> {
        let Self { weights, adam, next_batch, seconds, curve } = self;
        let curve: Vec<f32> = curve
            .iter()
            .flat_map(|point| {
                [point.batch as f32, point.seconds, point.loss, point.held_out_loss, point.reciprocal_rank]
            })
            .collect();
        let numbers = [*next_batch as u64, adam.steps as u64, u64::from(seconds.to_bits())];
        write_parts(&folder.join(FILE), identity, numbers, &[weights, &adam.first, &adam.second, &curve])
    }

    pub(super) fn read(folder: &Path, identity: &[u8; 32]) -> anyhow::Result<Self> {
        let path = folder.join(FILE);
        let ([next, steps, seconds], parts) = read_parts(&path, identity, 4)?;
        let Ok([weights, first, second, curve]) = <[Vec<f32>; 4]>::try_from(parts) else {
            bail!("{} is damaged; leave --resume out", path.display());
        };
        let points = curve.as_chunks::<POINT>().0;
        let curve = points.iter().map(|&[batch, seconds, loss, held_out_loss, reciprocal_rank]| Point {
            batch: batch as usize,
            seconds,
            loss,
            held_out_loss,
            reciprocal_rank,
        });
        Ok(Self {
            curve: curve.collect(),
            weights,
            adam: DenseAdam { steps: i32::try_from(steps)?, first, second },
            next_batch: usize::try_from(next)?,
            seconds: f32::from_bits(u32::try_from(seconds)?),
        })
    }

    /// Training is over.
    pub(super) fn remove(folder: &Path) -> anyhow::Result<()> {
        let path = folder.join(FILE);
        if path.exists() {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        Ok(())
    }
}
