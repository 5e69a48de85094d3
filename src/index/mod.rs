//! The index, built from one Snapshot: lexical (BM25), forward (terms by entry) and dense (vectors). Rebuildable at any
//! time; the database stays the source of truth.
//!
//! On disk an index is a folder named after its fingerprint, which covers snapshot, Analyzer, dictionary, model and
//! [`INDEX_VERSION`]. A folder that does not match, is truncated or is gone is rebuilt, never served.

pub mod documents;
pub mod lexical;
mod simd;
pub mod sounds;
pub mod vector;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::embed::Embedder;
use crate::kb::{Entry, Snapshot};
use crate::text::Analyzer;
use documents::Documents;
use lexical::LexicalIndex;
use vector::VectorIndex;

/// Raise when the meaning or layout of anything on disk changes.
pub const INDEX_VERSION: u32 = 3;

/// All that retrieval and ranking read.
pub struct Index {
    /// BM25.
    pub lexical: LexicalIndex,
    /// Terms by entry.
    pub documents: Documents,
    /// Vectors; `None` in lexical-only mode.
    pub vectors: Option<VectorIndex>,
    /// Identity of what this index was built from (hex).
    pub fingerprint: String,
}

/// How an index came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Read from disk.
    Opened,
    /// Built anew.
    Built,
}

/// Written last; its presence and hashes say that the folder is whole.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    fingerprint: String,
    documents_sha256: String,
    vectors_sha256: Option<String>,
}

const MANIFEST: &str = "index.json";
const DOCUMENTS: &str = "documents.bin";
const VECTORS: &str = "vectors.bin";
const LEXICAL: &str = "lexical";

/// Identity of an index over these parts (hex SHA-256).
pub fn fingerprint(snapshot: &Snapshot, analyzer: &Analyzer, embedder: Option<&dyn Embedder>) -> String {
    let mut hasher = Sha256::new();
    let model = embedder.map_or_else(|| "none".to_owned(), Embedder::fingerprint);
    for part in [INDEX_VERSION.to_string().as_str(), snapshot.hash(), &analyzer.fingerprint(), &model] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hex::encode(hasher.finalize())
}

impl Index {
    /// Builds in memory.
    ///
    /// # Errors
    /// When the lexical index cannot be written.
    pub fn build(
        snapshot: &Snapshot,
        analyzer: &Analyzer,
        embedder: Option<&dyn Embedder>,
    ) -> anyhow::Result<Self> {
        let fingerprint = fingerprint(snapshot, analyzer, embedder);
        Self::build_parts(None, &snapshot.entries, analyzer, embedder, fingerprint)
    }

    /// Opens the index of these parts under `folder`, or builds it there when it is missing or damaged; then removes
    /// older ones.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn open_or_build(
        folder: &Path,
        snapshot: &Snapshot,
        analyzer: &Analyzer,
        embedder: Option<&dyn Embedder>,
    ) -> anyhow::Result<(Self, Origin)> {
        let fingerprint = fingerprint(snapshot, analyzer, embedder);
        let home = folder.join(&fingerprint[..16]);
        match Self::open(&home, &fingerprint) {
            Ok(index) => return Ok((index, Origin::Opened)),
            Err(error) if home.exists() => tracing::warn!("index {} is rebuilt: {error:#}", home.display()),
            Err(_) => tracing::info!("building the index {}", home.display()),
        }
        let index = Self::build_on_disk(folder, &home, snapshot, analyzer, embedder, fingerprint)?;
        remove_others(folder, &home);
        Ok((index, Origin::Built))
    }

    fn open(home: &Path, fingerprint: &str) -> anyhow::Result<Self> {
        let manifest: Manifest = serde_json::from_slice(&fs::read(home.join(MANIFEST))?)?;
        anyhow::ensure!(manifest.fingerprint == fingerprint, "it was built from something else");
        let mut documents: Documents = read_checked(&home.join(DOCUMENTS), &manifest.documents_sha256)?;
        documents.restore();
        let vectors: Option<VectorIndex> = match &manifest.vectors_sha256 {
            Some(hash) => Some(read_checked(&home.join(VECTORS), hash)?),
            None => None,
        };
        let lexical = LexicalIndex::open(&home.join(LEXICAL))?;
        anyhow::ensure!(lexical.len() == documents.len(), "its parts hold different numbers of entries");
        Ok(Self { lexical, documents, vectors, fingerprint: fingerprint.to_owned() })
    }

    fn build_on_disk(
        folder: &Path,
        home: &Path,
        snapshot: &Snapshot,
        analyzer: &Analyzer,
        embedder: Option<&dyn Embedder>,
        fingerprint: String,
    ) -> anyhow::Result<Self> {
        let aside = folder.join(format!("building-{}", std::process::id()));
        if aside.exists() {
            fs::remove_dir_all(&aside)?;
        }
        fs::create_dir_all(aside.join(LEXICAL)).with_context(|| {
            format!("cannot create {}; choose a writable folder with --data", aside.display())
        })?;
        let index = Self::build_parts(Some(&aside), &snapshot.entries, analyzer, embedder, fingerprint)?;
        let documents_sha256 = write_hashed(&aside.join(DOCUMENTS), &index.documents)?;
        let vectors_sha256 =
            index.vectors.as_ref().map(|vectors| write_hashed(&aside.join(VECTORS), vectors)).transpose()?;
        let manifest = Manifest { fingerprint: index.fingerprint.clone(), documents_sha256, vectors_sha256 };
        fs::write(aside.join(MANIFEST), serde_json::to_vec_pretty(&manifest)?)?;
        if home.exists() {
            fs::remove_dir_all(home)?;
        }
        fs::rename(&aside, home)?;
        Self::open(home, &index.fingerprint).context("the index just built cannot be read back")
    }

    fn build_parts(
        aside: Option<&Path>,
        entries: &[Entry],
        analyzer: &Analyzer,
        embedder: Option<&dyn Embedder>,
        fingerprint: String,
    ) -> anyhow::Result<Self> {
        let (documents, lexical, terms) = Documents::analyze(entries, analyzer);
        let vectors = embedder.map(|embedder| VectorIndex::build(entries, &terms, embedder)).transpose()?;
        let lexical = LexicalIndex::build(aside.map(|aside| aside.join(LEXICAL)).as_deref(), &lexical)?;
        Ok(Self { lexical, documents, vectors, fingerprint })
    }
}

fn write_hashed<T: Serialize>(path: &Path, value: &T) -> anyhow::Result<String> {
    let bytes = postcard::to_stdvec(value)?;
    fs::write(path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(hex::encode(Sha256::digest(&bytes)))
}

fn read_checked<T: for<'a> Deserialize<'a>>(path: &Path, sha256: &str) -> anyhow::Result<T> {
    let bytes = fs::read(path)?;
    anyhow::ensure!(hex::encode(Sha256::digest(&bytes)) == sha256, "{} is damaged", path.display());
    Ok(postcard::from_bytes(&bytes)?)
}

/// Removes indexes of earlier snapshots and builds that were cut short. Failing to is harmless.
fn remove_others(folder: &Path, home: &Path) {
    let Ok(listing) = fs::read_dir(folder) else { return };
    for path in
        listing.flatten().map(|item| item.path()).filter(|path: &PathBuf| path != home && path.is_dir())
    {
        if let Err(error) = fs::remove_dir_all(&path) {
            tracing::warn!("an old index stays at {}: {error}", path.display());
        }
    }
}
