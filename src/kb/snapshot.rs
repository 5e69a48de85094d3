//! The immutable set an index is built from: published entries, vocabulary, rules, wording, small talk.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::{Desk, Entry, HandOffExample, Language, RuleSet, SmallTalk, Wording};
use crate::text::Vocabulary;

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
        let mut entries = files.entries;
        entries.retain(|entry| entry.is_served_on(today));
        Self::held(DeskFiles { entries, ..files })
    }

    /// A snapshot of all `files` hold, for which somebody has seen to it that it may be served.
    pub fn held(files: DeskFiles) -> Self {
        let DeskFiles { desk, mut entries, vocabulary, rules, wording, smalltalk, examples } = files;
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        entries.dedup_by(|a, b| a.id == b.id);
        let entries: Vec<Arc<Entry>> = entries.into_iter().map(Arc::new).collect();
        let by_id = entries.iter().enumerate().map(|(i, entry)| (entry.id.clone(), i)).collect();
        let mut snapshot = Self {
            desk,
            entries,
            vocabulary,
            rules,
            wording,
            smalltalk,
            examples,
            by_id,
            hash: String::new(),
        };
        snapshot.hash = snapshot.content_hash();
        snapshot
    }

    /// The entry with `id`.
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.position(id).map(|i| self.entries[i].as_ref())
    }

    /// The same snapshot, with the entries that `other` holds too taken from there: they are then in memory once.
    #[must_use]
    pub fn sharing(mut self, other: &Self) -> Self {
        for entry in &mut self.entries {
            let held = other.position(&entry.id).map(|i| &other.entries[i]);
            if let Some(held) = held.filter(|held| *held == entry) {
                *entry = Arc::clone(held);
            }
        }
        self
    }

    /// Position of the entry with `id` in [`Snapshot::entries`].
    pub fn position(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
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
        feed(&mut hasher, &self.entries.iter().map(Arc::as_ref).collect::<Vec<&Entry>>());
        feed(&mut hasher, &self.vocabulary);
        feed(&mut hasher, &self.smalltalk);
        hex::encode(hasher.finalize())
    }
}

fn feed<T: serde::Serialize>(hasher: &mut Sha256, value: &T) {
    hasher.update(serde_json::to_vec(value).expect("plain data always serialises"));
    hasher.update([0]);
}
