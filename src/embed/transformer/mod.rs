//! The transformer tier: BERT-shaped sentence encoders and re-rankers, run by rust-bert. Feature `transformer`; without it
//! [`Encoder`], [`CrossEncoder`] and `Learner` have the same signatures and say so when opened. Knows no index and no
//! configuration.
//!
//! Reading order: this file → [`folder`] (what a model's files say) → [`tier`] (what a desk uses of it) → `enabled`
//! (questions and passages → vectors) → `worker` (the thread that computes) → `network` and `weights`; `learner` is the
//! same network with the way back, for `madoguchi train encoder`.

pub mod folder;
pub mod registry;
pub mod tier;

#[cfg(feature = "transformer")]
mod blas;
#[cfg(not(feature = "transformer"))]
mod disabled;
#[cfg(feature = "transformer")]
mod enabled;
#[cfg(feature = "transformer")]
pub mod hub;
#[cfg(feature = "transformer")]
mod learner;
#[cfg(feature = "transformer")]
mod network;
#[cfg(feature = "transformer")]
mod tokens;
#[cfg(feature = "transformer")]
mod weights;
#[cfg(feature = "transformer")]
mod worker;

use std::path::{Path, PathBuf};
use std::time::Duration;

#[cfg(not(feature = "transformer"))]
pub(super) use disabled::Learner;
#[cfg(not(feature = "transformer"))]
pub use disabled::{CrossEncoder, Encoder};
#[cfg(feature = "transformer")]
pub use enabled::{CrossEncoder, Encoder};
pub use folder::{ModelFolder, Prefixes, Purpose};
#[cfg(feature = "transformer")]
pub(super) use learner::Learner;
pub use tier::{Tier, TierOptions};

/// Whether this program can run transformers.
pub const IS_BUILT: bool = cfg!(feature = "transformer");

/// What a model may take of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources {
    /// Threads within one computation. One is fastest unless cores are idle, and leaves the others to other requests.
    pub threads: usize,
    /// Questions that may wait; more are refused at once.
    pub queue: usize,
    /// Vectors of questions kept.
    pub cached: usize,
    /// Longest wait for a question's vector.
    pub wait: Duration,
}

impl Default for Resources {
    fn default() -> Self {
        Self { threads: 1, queue: 64, cached: 4_096, wait: Duration::from_millis(500) }
    }
}

/// Why a transformer cannot be used, or not just now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransformerError {
    /// A file of the model's folder.
    #[error("{}: {why}; expected: {expected}", file.display())]
    Folder {
        /// The file, or the folder itself.
        file: PathBuf,
        /// What is wrong.
        why: String,
        /// What should be there.
        expected: String,
    },
    /// The program has no transformers in it.
    #[error(
        "this program was built without transformers; build it with `make run-transformer`, or \
         `scripts/setup.sh --transformer` and `cargo build --release --features transformer`"
    )]
    NotBuilt,
    /// Too many questions wait.
    #[error("too many questions wait for the encoder")]
    Busy,
    /// No result in time.
    #[error("not done within {} ms", .0.as_millis())]
    Late(Duration),
    /// The computation failed.
    #[error("the network failed: {0}")]
    Failed(String),
}

/// One of a network's variables: what its numbers are called, and their shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) size: Vec<usize>,
}

impl Variable {
    /// How many numbers it has.
    pub(super) fn len(&self) -> usize {
        self.size.iter().product()
    }
}

impl TransformerError {
    fn folder(file: &Path, why: &str, expected: &str) -> Self {
        Self::Folder { file: file.to_owned(), why: why.to_owned(), expected: expected.to_owned() }
    }
}

#[cfg(test)]
mod folder_tests;
