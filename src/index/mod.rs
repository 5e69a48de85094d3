//! The index, built from one Snapshot: lexical (BM25), forward (terms by entry) and dense (vectors). Rebuildable at any
//! time; the database stays the source of truth.
//!
//! A whole index can be written to a folder. For a later Snapshot it is *amended*: what an entry gives by itself is taken
//! over where the entry is the same, what depends on all entries is worked out again, so that an amended index answers as
//! one built anew.

pub mod documents;
pub mod folder;
pub mod lexical;
mod mapped;
pub mod prepared;
mod simd;
pub mod sounds;
pub mod vector;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::embed::Embedder;
use crate::kb::{Entry, Snapshot};
use crate::text::Analyzer;
use documents::Documents;
use folder::{Sealed, Unsealed};
use lexical::{LexicalIndex, LexicalWriter};
use prepared::{Prepared, prepare, same_text};
use vector::VectorIndex;

/// Raise when the meaning or layout of anything on disk changes.
pub const INDEX_VERSION: u32 = 6;

/// Entries prepared at a time: enough for all cores, few enough that their terms take little memory.
const BATCH: usize = 256;

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
    /// Builds whole: in memory or, with a folder, on disk as far as it can be. `told` hears how many entries are done.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn build(
        snapshot: &Snapshot,
        analyzer: &Analyzer,
        embedder: Option<&dyn Embedder>,
        folder: Option<&mut Unsealed>,
        told: &dyn Fn(usize),
    ) -> anyhow::Result<Self> {
        let place = folder.as_ref().map(|folder| folder.folder(LEXICAL)).transpose()?;
        let mut lexical = LexicalWriter::new(place.as_deref())?;
        let mut documents = Documents::default();
        let mut vectors = embedder.map(|embedder| VectorIndex::new(embedder.dimension()));
        for batch in snapshot.entries.chunks(BATCH) {
            let batch: Vec<&Entry> = batch.iter().map(Arc::as_ref).collect();
            for prepared in prepare(&batch, analyzer, embedder)? {
                lexical.add(&prepared.lexical())?;
                documents.add(&prepared);
                vectors.iter_mut().for_each(|vectors| vectors.add(&prepared));
            }
            told(documents.len());
        }
        documents.finish();
        let lexical = lexical.finish()?;
        if let Some(folder) = folder {
            folder.write(DOCUMENTS, &documents.to_bytes()?)?;
            if let Some(vectors) = &vectors {
                folder.write(VECTORS, &vectors.to_bytes()?)?;
            }
        }
        Ok(Self { lexical, documents, vectors, fingerprint: fingerprint(snapshot, analyzer, embedder) })
    }

    /// Reads what [`Index::build`] wrote; `fingerprint` is what it had.
    ///
    /// # Errors
    /// When something is missing or damaged.
    pub fn open(folder: &Sealed, fingerprint: String) -> anyhow::Result<Self> {
        let (documents, vectors) = rayon::join(
            || Documents::from_file(folder.file(DOCUMENTS)?),
            || folder.has(VECTORS).then(|| VectorIndex::from_file(folder.file(VECTORS)?)).transpose(),
        );
        let (documents, vectors) = (documents?, vectors?);
        let lexical = LexicalIndex::open(&folder.path().join(LEXICAL))?;
        let same = vectors.as_ref().is_none_or(|vectors| vectors.len() == documents.len());
        anyhow::ensure!(
            same && lexical.len() == documents.len(),
            "its parts hold different numbers of entries"
        );
        Ok(Self { lexical, documents, vectors, fingerprint })
    }

    /// The index of `wanted`, where this is the whole index of `held`, by the same analyzer and embedder.
    ///
    /// # Errors
    /// When the lexical part cannot be written.
    pub fn amended(
        &self,
        held: &Snapshot,
        wanted: &Snapshot,
        analyzer: &Analyzer,
        embedder: Option<&dyn Embedder>,
    ) -> anyhow::Result<Self> {
        let Change { sources, gone } = Change::between(&held.entries, &wanted.entries);
        let come =
            sources.iter().zip(0_u32..).filter(|(source, _)| source.is_none()).map(|(_, number)| number);
        let new = numbered(come, &wanted.entries, analyzer, embedder)?;
        let gone = numbered(gone.into_iter(), &held.entries, analyzer, None)?;
        let placed = || {
            let mut new = new.iter().map(|(_, prepared)| prepared);
            sources.iter().filter_map(move |source| source.map(Ok).or_else(|| new.next().map(Err)))
        };
        let mut renumbered = vec![None; held.entries.len()];
        for (number, source) in sources.iter().enumerate() {
            source.iter().for_each(|held| renumbered[*held as usize] = Some(number as u32));
        }
        Ok(Self {
            lexical: self.lexical.amended(
                renumbered.into_iter(),
                gone.iter().map(|(_, prepared)| prepared.lexical()),
                new.iter().map(|(number, prepared)| (*number, prepared.lexical())),
            )?,
            documents: self
                .documents
                .amended(placed(), gone.iter().map(|(number, prepared)| (*number, prepared))),
            vectors: self.vectors.as_ref().map(|vectors| vectors.amended(placed())),
            fingerprint: fingerprint(wanted, analyzer, embedder),
        })
    }
}

/// The entries with these numbers, prepared.
fn numbered(
    numbers: impl Iterator<Item = u32>,
    entries: &[Arc<Entry>],
    analyzer: &Analyzer,
    embedder: Option<&dyn Embedder>,
) -> anyhow::Result<Vec<(u32, Prepared)>> {
    let numbers: Vec<u32> = numbers.collect();
    let mut out = Vec::with_capacity(numbers.len());
    for batch in numbers.chunks(BATCH) {
        let entries: Vec<&Entry> = batch.iter().map(|number| entries[*number as usize].as_ref()).collect();
        out.extend(batch.iter().copied().zip(prepare(&entries, analyzer, embedder)?));
    }
    Ok(out)
}

/// How one line of entries becomes another.
pub struct Change {
    /// By number now: the number before of the same text, if there is one.
    sources: Vec<Option<u32>>,
    /// Numbers before that are no source.
    gone: Vec<u32>,
}

impl Change {
    /// Compares two lists of entries, each in id order.
    pub fn between(held: &[Arc<Entry>], wanted: &[Arc<Entry>]) -> Self {
        let mut gone = Vec::new();
        let mut before = held.iter().zip(0_u32..).peekable();
        let mut source = |entry: &Arc<Entry>| {
            while let Some((_, number)) = before.next_if(|(other, _)| other.id < entry.id) {
                gone.push(number);
            }
            let (other, number) = before.next_if(|(other, _)| other.id == entry.id)?;
            if Arc::ptr_eq(other, entry) || same_text(other, entry) {
                return Some(number);
            }
            gone.push(number);
            None
        };
        let sources = wanted.iter().map(&mut source).collect();
        gone.extend(before.map(|(_, number)| number));
        Self { sources, gone }
    }

    /// How many entries differ, the larger of those that go and those that come.
    pub fn len(&self) -> usize {
        self.gone.len().max(self.sources.iter().filter(|source| source.is_none()).count())
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
