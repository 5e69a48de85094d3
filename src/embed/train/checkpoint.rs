//! Checkpoints: everything that training needs to go on as if it had never stopped, in one file beside the output. A
//! checkpoint of other data or options is refused.

use std::fs;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::TrainArgs;
use super::data::Corpus;
use crate::embed::contrast::Parameters;
use crate::embed::optimizer::Adam;

const MAGIC: &[u8; 8] = b"MDGCKPT1";

/// A moment of training.
pub(super) struct Checkpoint {
    pub(super) parameters: Parameters,
    pub(super) adam: Adam,
    pub(super) next_batch: usize,
}

/// Hash of what must be the same for training to go on: data and options that change the result.
pub(super) fn identity(args: &TrainArgs, corpus: &Corpus) -> [u8; 32] {
    let args = TrainArgs {
        out: PathBuf::new(),
        data: PathBuf::new(),
        check: None,
        resume: false,
        quiet: true,
        ..args.clone()
    };
    Sha256::digest(format!("{args:?} {} {}", corpus.hash, corpus.terms.len())).into()
}

impl Checkpoint {
    pub(super) fn write(&self, folder: &Path, member: usize, identity: &[u8; 32]) -> anyhow::Result<()> {
        let Self { parameters, adam, next_batch } = self;
        let numbers = [*next_batch as u64, adam.steps as u64, parameters.dimension as u64];
        let parts = [parameters, &adam.first, &adam.second];
        let parts = parts.map(|part| [&part.rows, &part.gains[0], &part.gains[1]]);
        let slices: Vec<&[f32]> = parts.as_flattened().iter().map(|values| values.as_slice()).collect();
        write_parts(&path_of(folder, member), identity, numbers, &slices)
    }

    pub(super) fn read(folder: &Path, member: usize, identity: &[u8; 32]) -> anyhow::Result<Self> {
        let ([next, steps, dimension], parts) = read_parts(&path_of(folder, member), identity, 9)?;
        let dimension = usize::try_from(dimension)?;
        let mut parts = parts.into_iter();
        let mut next_part = || parts.next().unwrap_or_default();
        let mut part = || {
            let rows = next_part();
            Parameters { dimension, rows, gains: [next_part(), next_part()] }
        };
        let (parameters, first, second) = (part(), part(), part());
        let adam = Adam { steps: i32::try_from(steps)?, first, second };
        Ok(Self { parameters, adam, next_batch: usize::try_from(next)? })
    }

    /// Whether there is one of `member`.
    pub(super) fn exists(folder: &Path, member: usize) -> bool {
        path_of(folder, member).is_file()
    }

    /// Training is over.
    pub(super) fn remove(folder: &Path, members: usize) -> anyhow::Result<()> {
        for path in (0..members).map(|member| path_of(folder, member)).filter(|path| path.exists()) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        Ok(())
    }
}

/// Writes a checkpoint's numbers and lists of values; beside the file first, so that it is never half new.
pub(super) fn write_parts(
    path: &Path,
    identity: &[u8; 32],
    numbers: [u64; 3],
    parts: &[&[f32]],
) -> anyhow::Result<()> {
    let partial = path.with_extension("partial");
    let write = || -> std::io::Result<()> {
        let mut out = BufWriter::new(fs::File::create(&partial)?);
        out.write_all(MAGIC)?;
        out.write_all(identity)?;
        for number in numbers {
            out.write_all(&number.to_le_bytes())?;
        }
        for values in parts {
            out.write_all(&(values.len() as u64).to_le_bytes())?;
            for value in *values {
                out.write_all(&value.to_le_bytes())?;
            }
        }
        out.into_inner()?.sync_all()?;
        fs::rename(&partial, path)
    };
    write().with_context(|| format!("cannot write the checkpoint {}", path.display()))
}

/// Reads what [`write_parts`] wrote for the same `identity`.
pub(super) fn read_parts(
    path: &Path,
    identity: &[u8; 32],
    parts: usize,
) -> anyhow::Result<([u64; 3], Vec<Vec<f32>>)> {
    let file = fs::File::open(path)
        .with_context(|| format!("no checkpoint to resume from: {}; leave --resume out", path.display()))?;
    let limit = file.metadata().map_or(0, |meta| meta.len());
    let mut input = BufReader::new(file);
    let mut head = [0; 40];
    input.read_exact(&mut head).with_context(|| format!("{} is cut short", path.display()))?;
    if head[..8] != MAGIC[..] {
        bail!("{} is no checkpoint; remove it and leave --resume out", path.display());
    }
    if head[8..] != identity[..] {
        bail!("{} is of other data or options; give the same ones, or leave --resume out", path.display());
    }
    let mut read = || -> anyhow::Result<([u64; 3], Vec<Vec<f32>>)> {
        let numbers = [read_number(&mut input)?, read_number(&mut input)?, read_number(&mut input)?];
        let parts = (0..parts).map(|_| read_values(&mut input, limit)).collect::<Result<_, _>>()?;
        Ok((numbers, parts))
    };
    read().with_context(|| format!("{} is damaged; leave --resume out", path.display()))
}

fn path_of(folder: &Path, member: usize) -> PathBuf {
    folder.join(format!("training-{}.checkpoint", member + 1))
}

fn read_number(input: &mut impl Read) -> anyhow::Result<u64> {
    let mut bytes = [0; 8];
    input.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

fn read_values(input: &mut impl Read, limit: u64) -> anyhow::Result<Vec<f32>> {
    let count = read_number(input)?;
    if count.saturating_mul(4) > limit {
        bail!("a length is out of range");
    }
    let mut bytes = vec![0; count as usize * 4];
    input.read_exact(&mut bytes)?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}
