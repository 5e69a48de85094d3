//! The immutable set an index is built from: published entries, vocabulary, rules, wording, small talk.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::{Desk, Entry, HandOffExample, Language, RuleSet, SmallTalk, Wording};
use crate::text::Vocabulary;

/// A SHA-256.
pub type Digest256 = [u8; 32];

/// What customers are served from. Build one with [`Snapshot::of`]; it never changes afterwards.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The desk.
    pub desk: Desk,
    /// Entries served, in id order; shared between snapshots in which they are the same.
    pub entries: Vec<Arc<Entry>>,
    /// Synonyms and user dictionary.
    pub vocabulary: Vocabulary,
    /// Must-hand-off rules.
    pub rules: RuleSet,
    /// Fixed wording.
    pub wording: Wording,
    /// Small talk.
    pub smalltalk: Vec<SmallTalk>,
    /// Examples of what must reach a person.
    pub examples: Vec<HandOffExample>,
    /// SHA-256 of each entry.
    hashes: Vec<Digest256>,
    by_id: HashMap<String, usize>,
    hash: String,
}

/// All that a desk holds, drafts included: what `kb/` or the database has.
#[derive(Debug, Clone, Default)]
pub struct DeskFiles {
    /// The desk.
    pub desk: Desk,
    /// Entries of every status.
    pub entries: Vec<Entry>,
    /// Synonyms and user dictionary.
    pub vocabulary: Vocabulary,
    /// Must-hand-off rules.
    pub rules: RuleSet,
    /// Fixed wording.
    pub wording: Wording,
    /// Small talk.
    pub smalltalk: Vec<SmallTalk>,
    /// Examples of what must reach a person.
    pub examples: Vec<HandOffExample>,
}

impl Snapshot {
    /// The snapshot served on `today`: published entries within their validity.
    pub fn of(files: DeskFiles, today: Date) -> Self {
        Self::beside(&Self::default(), files, Vec::new(), today)
    }

    /// The snapshot served on `today` of what `files` hold and these `entries`. Of entries shared with `other` nothing is
    /// worked out again.
    pub fn beside(other: &Self, mut files: DeskFiles, mut entries: Vec<Arc<Entry>>, today: Date) -> Self {
        files.entries.retain(|entry| entry.is_served_on(today));
        entries.retain(|entry| entry.is_served_on(today));
        Self::holding(other, files, entries)
    }

    /// A snapshot of all that `files` hold and these `entries`, for which somebody has seen to it that they may be served.
    /// Of entries shared with `other` nothing is worked out again.
    pub fn holding(other: &Self, files: DeskFiles, mut entries: Vec<Arc<Entry>>) -> Self {
        let DeskFiles { desk, entries: more, vocabulary, rules, wording, smalltalk, examples } = files;
        entries.extend(more.into_iter().map(Arc::new));
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        entries.dedup_by(|a, b| a.id == b.id);
        let hash = |entry: &Arc<Entry>| {
            let known = other.position(&entry.id).filter(|i| Arc::ptr_eq(&other.entries[*i], entry));
            known.map_or_else(|| digest(entry.as_ref()), |i| other.hashes[i])
        };
        let hashes = entries.iter().map(hash).collect();
        let by_id = entries.iter().enumerate().map(|(i, entry)| (entry.id.clone(), i)).collect();
        let mut snapshot = Self {
            desk,
            entries,
            vocabulary,
            rules,
            wording,
            smalltalk,
            examples,
            hashes,
            by_id,
            hash: String::new(),
        };
        snapshot.hash = snapshot.content_hash();
        snapshot
    }

    /// The entry with `id`.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.shared(id).map(Arc::as_ref)
    }

    /// The entry with `id`, to be held by others too.
    pub fn shared(&self, id: &str) -> Option<&Arc<Entry>> {
        self.position(id).map(|i| &self.entries[i])
    }

    /// The same snapshot, with the entries that `other` holds too taken from there: they are then in memory once.
    #[must_use]
    pub fn sharing(mut self, other: &Self) -> Self {
        for entry in &mut self.entries {
            if let Some(held) = other.shared(&entry.id).filter(|held| *held == entry) {
                *entry = Arc::clone(held);
            }
        }
        self
    }

    /// Position of the entry with `id` in [`Snapshot::entries`].
    pub fn position(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The entries with the SHA-256 of all that each says, its revision number included.
    pub fn digests(&self) -> impl Iterator<Item = (&Digest256, &Arc<Entry>)> {
        self.hashes.iter().zip(&self.entries)
    }

    /// The version of `entry`'s topic in `language`, if there is one; else `entry` itself.
    pub fn in_language<'a>(&'a self, entry: &'a Entry, language: Language) -> &'a Entry {
        if entry.language == language {
            return entry;
        }
        let twin = match language {
            Language::Ja => self.entry(entry.topic()),
            Language::En => self.entry(&format!("{}.en", entry.topic())),
        };
        twin.filter(|twin| twin.language == language).unwrap_or(entry)
    }

    /// SHA-256 over everything that changes what the index holds (hex).
    pub fn hash(&self) -> &str {
        &self.hash
    }

    fn content_hash(&self) -> String {
        let mut hasher = Sha256::new();
        self.hashes.iter().for_each(|hash| hasher.update(hash));
        hasher.update(digest(&self.vocabulary));
        hasher.update(digest(&self.smalltalk));
        hex::encode(hasher.finalize())
    }
}

fn digest<T: serde::Serialize>(value: &T) -> Digest256 {
    Sha256::digest(serde_json::to_vec(value).expect("plain data always serialises")).into()
}
