//! Integration tests: one binary, one module per feature that a user would name.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod accessibility;
mod bad_input;
mod browser;
mod browser_desk;
mod browser_exchange;
mod browser_vocabulary;
mod checks;
mod cli;
mod conversation;
mod counter;
mod curation;
mod curation_http;
mod desk;
mod durability;
mod engine;
mod eval;
mod exchange;
mod fakes;
mod fit;
mod gaps;
mod http;
mod impact;
mod index;
mod layers;
mod models;
mod publishing;
mod replay;
mod report;
mod sign_in;
mod store;
mod text;
#[cfg(feature = "transformer")]
mod transformer;
#[cfg(feature = "transformer")]
mod transformer_training;
mod vocabulary;

use std::path::{Path, PathBuf};

/// The best built dictionary, which scripts/setup.sh provides.
pub fn dictionary() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/dict");
    ["unidic", "ipadic"]
        .map(|kind| root.join(kind))
        .into_iter()
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| {
            panic!("no dictionary in {}: run scripts/setup.sh or `madoguchi dict build`", root.display())
        })
}
