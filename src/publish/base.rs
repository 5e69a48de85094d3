//! A [`Base`]: everything that is built of one snapshot as a whole — analyzer, adapted vectors, the net below the rules,
//! index — in memory, and on disk where the workshop has a folder. Later snapshots are served by bringing it up to them:
//! only what changed is prepared. What was *learned* of the entries (vectors, net) stays until the next base; what is
//! *computed* of them is exactly that of the newer snapshot. An engine so depends on base and snapshot alone, not on
//! the edits between.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Learned, Tools, Workshop};
use crate::answer::intent::{HandOffClassifier, NET_VERSION};
use crate::answer::{Engine, Parts};
use crate::embed::{Embedder, StaticModel};
use crate::index::folder::{Sealed, Unsealed};
use crate::index::{Change, INDEX_VERSION, Index, fingerprint};
use crate::kb::snapshot::{DeskFiles, Digest256};
use crate::kb::{Entry, Snapshot};

/// Everything built of one snapshot.
pub struct Base {
    snapshot: Arc<Snapshot>,
    tools: Tools,
    /// The model of the tools as it is used; adapted, if it could be.
    model: Option<StaticModel>,
    embedder: Option<Arc<dyn Embedder>>,
    net: Option<Arc<HandOffClassifier>>,
    /// What the net was learned from, see [`examples_of`].
    examples: String,
    index: Arc<Index>,
    /// Whether the vectors are adapted to this very snapshot.
    is_settled: bool,
}

const ENTRIES: &str = "entries.bin";
const MODEL: &str = "adapted.safetensors";
const NET: &str = "net.bin";
/// Names in the manifest.
const RECIPE: &str = "recipe";
const SNAPSHOT: &str = "snapshot";
const EXAMPLES: &str = "examples";
const FINGERPRINT: &str = "fingerprint";
const SETTLED: &str = "settled";

impl Base {
    /// Builds everything of `snapshot`; with a folder, what stood there before is replaced.
    pub(super) fn build(
        workshop: &Workshop,
        snapshot: &Arc<Snapshot>,
        tools: Tools,
        learned: Learned,
    ) -> anyhow::Result<Self> {
        let Learned { model, is_settled } = learned;
        let embedder = workshop.embedder(model.as_ref());
        let mut folder = workshop.index.as_deref().map(Unsealed::new).transpose()?;
        let all = snapshot.entries.len();
        let told = |done| workshop.progress.tell(done, all);
        let index = Index::build(snapshot, &tools.analyzer, embedder.as_deref(), folder.as_mut(), &told)?;
        let light = embedder.as_deref().and_then(Embedder::light);
        let net = HandOffClassifier::learn(snapshot, &tools.analyzer, light);
        let mut base = Self {
            snapshot: Arc::clone(snapshot),
            tools,
            model,
            embedder,
            net: net.map(Arc::new),
            examples: examples_of(snapshot),
            index: Arc::new(index),
            is_settled,
        };
        if let (Some(folder), Some(parent)) = (folder, &workshop.index) {
            let sealed = base.keep(folder, parent, &recipe(workshop, &base.tools))?;
            base.index = Arc::new(Index::open(&sealed, base.index.fingerprint.clone())?);
        }
        workshop.progress.tell(0, 0);
        tracing::info!(
            entries = base.index.documents.len(),
            fingerprint = &base.index.fingerprint[..16],
            "index built"
        );
        Ok(base)
    }

    fn keep(&self, mut folder: Unsealed, parent: &Path, recipe: &str) -> anyhow::Result<Sealed> {
        let entry = |(digest, entry): (&Digest256, &Arc<Entry>)| -> anyhow::Result<(Digest256, Vec<u8>)> {
            Ok((*digest, postcard::to_stdvec(entry.as_ref())?))
        };
        let entries: Vec<(Digest256, Vec<u8>)> =
            self.snapshot.digests().map(entry).collect::<anyhow::Result<_>>()?;
        folder.write(ENTRIES, &postcard::to_stdvec(&entries)?)?;
        if let Some(overlay) = self.model.as_ref().map(StaticModel::overlay_bytes).transpose()?.flatten() {
            folder.write(MODEL, &overlay)?;
        }
        folder.write(NET, &postcard::to_stdvec(&self.net.as_deref())?)?;
        let made_of = [
            (RECIPE, recipe),
            (SNAPSHOT, self.snapshot.hash()),
            (EXAMPLES, &self.examples),
            (FINGERPRINT, &self.index.fingerprint),
            (SETTLED, if self.is_settled { "yes" } else { "no" }),
        ];
        let made_of: BTreeMap<String, String> =
            made_of.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        folder.seal(&parent.join(&self.index.fingerprint[..16]), made_of)
    }

    /// Reads a base that was made by the same recipe; `None` if by another.
    pub(super) fn open(
        workshop: &Workshop,
        folder: &Sealed,
        snapshot: &Arc<Snapshot>,
        tools: &Tools,
    ) -> anyhow::Result<Option<Self>> {
        if folder.made_of(RECIPE) != Some(recipe(workshop, tools).as_str()) {
            return Ok(None);
        }
        let snapshot = if folder.made_of(SNAPSHOT) == Some(snapshot.hash()) {
            Arc::clone(snapshot)
        } else {
            Arc::new(kept_snapshot(folder.file(ENTRIES)?.bytes(), snapshot)?)
        };
        let overlaid = |base: &StaticModel| -> anyhow::Result<StaticModel> {
            Ok(if folder.has(MODEL) {
                base.apply_overlay(folder.file(MODEL)?.bytes())?
            } else {
                base.clone()
            })
        };
        let (model, index) = rayon::join(
            || tools.model.as_ref().map(overlaid).transpose(),
            || Index::open(folder, folder.made_of(FINGERPRINT).unwrap_or_default().to_owned()),
        );
        let (model, index) = (model?, index?);
        let embedder = workshop.embedder(model.as_ref());
        anyhow::ensure!(
            index.documents.len() == snapshot.entries.len()
                && index.vectors.is_some() == embedder.is_some()
                && (folder.made_of(SNAPSHOT) != Some(snapshot.hash())
                    || index.fingerprint == fingerprint(&snapshot, &tools.analyzer, embedder.as_deref())),
            "its parts are not of one build"
        );
        let net: Option<HandOffClassifier> = postcard::from_bytes(folder.file(NET)?.bytes())?;
        tracing::info!(
            entries = index.documents.len(),
            fingerprint = &index.fingerprint[..16],
            "index opened"
        );
        Ok(Some(Self {
            snapshot,
            tools: tools.clone(),
            model,
            embedder,
            net: net.map(Arc::new),
            examples: folder.made_of(EXAMPLES).unwrap_or_default().to_owned(),
            index: Arc::new(index),
            is_settled: folder.made_of(SETTLED) == Some("yes"),
        }))
    }

    /// The engine that serves `snapshot`.
    ///
    /// # Errors
    /// When the changes cannot be indexed, or a model file is malformed.
    pub(super) fn engine(&self, workshop: &Workshop, snapshot: Arc<Snapshot>) -> anyhow::Result<Engine> {
        let embedder = self.embedder.as_deref();
        let index = if fingerprint(&snapshot, &self.tools.analyzer, embedder) == self.index.fingerprint {
            Arc::clone(&self.index)
        } else {
            Arc::new(self.index.amended(&self.snapshot, &snapshot, &self.tools.analyzer, embedder)?)
        };
        let net = if examples_of(&snapshot) == self.examples {
            self.net.clone()
        } else {
            let light = embedder.and_then(Embedder::light);
            HandOffClassifier::learn(&snapshot, &self.tools.analyzer, light).map(Arc::new)
        };
        let engine = Engine::new(Parts {
            snapshot,
            analyzer: Arc::clone(&self.tools.analyzer),
            embedder: self.embedder.clone(),
            index,
            net,
            models: workshop.models_in_force()?,
        });
        Ok(engine.with_reranking(workshop.tier.reranking.clone()))
    }

    /// What it was built of.
    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The index of the snapshot it was built of.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Whether `snapshot` can be served from this base: the words mean the same, and few entries changed.
    pub(super) fn carries(&self, snapshot: &Snapshot) -> bool {
        self.snapshot.vocabulary == snapshot.vocabulary
            && self.changed(snapshot) <= 16 + snapshot.entries.len() / 8
    }

    /// Whether it is time for a new base of `snapshot`.
    pub(super) fn is_outgrown_by(&self, snapshot: &Snapshot) -> bool {
        !self.is_settled || self.changed(snapshot) > 4 + snapshot.entries.len() / 32
    }

    fn changed(&self, snapshot: &Snapshot) -> usize {
        Change::between(&self.snapshot.entries, &snapshot.entries).len()
    }

    /// Its adapted model, for a base that cannot wait for one of its own.
    pub(super) fn model(&self) -> Option<StaticModel> {
        self.model.clone()
    }

    /// What it was built with.
    pub(super) fn tools(&self) -> &Tools {
        &self.tools
    }
}

/// The snapshot a base was built of, as it was kept. What `wanted` holds too is taken from there, not read.
fn kept_snapshot(bytes: &[u8], wanted: &Snapshot) -> anyhow::Result<Snapshot> {
    let stored: Vec<(Digest256, &[u8])> = postcard::from_bytes(bytes)?;
    let known: HashMap<&Digest256, &Arc<Entry>> = wanted.digests().collect();
    let entry = |(digest, bytes): (Digest256, &[u8])| match known.get(&digest) {
        Some(entry) => Ok(Arc::clone(entry)),
        None => postcard::from_bytes(bytes).map(Arc::new),
    };
    let entries = stored.into_iter().map(entry).collect::<Result<_, _>>()?;
    let vocabulary = wanted.vocabulary.clone();
    Ok(Snapshot::holding(wanted, DeskFiles { vocabulary, ..DeskFiles::default() }, entries))
}

/// Identity of what makes a base out of a snapshot: versions, words, settings (hex).
fn recipe(workshop: &Workshop, tools: &Tools) -> String {
    let versions = format!("{INDEX_VERSION} {NET_VERSION} adapted: {}", workshop.adapt);
    let model = workshop.embedder(tools.model.as_ref()).map_or_else(String::new, |all| all.fingerprint());
    hash(&[&versions, &tools.analyzer.fingerprint(), &model])
}

/// Identity of the utterances that the net is learned from, entries left out (hex).
fn examples_of(snapshot: &Snapshot) -> String {
    let text = |value: serde_json::Result<String>| value.expect("plain data always serialises");
    let parts =
        [text(serde_json::to_string(&snapshot.examples)), text(serde_json::to_string(&snapshot.smalltalk))];
    hash(&parts.each_ref().map(String::as_str))
}

fn hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hex::encode(hasher.finalize())
}
