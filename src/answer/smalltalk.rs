//! Small talk: utterances that are not questions to the desk. Also tells the confidence step how close a question is to
//! small talk, so that 「眠い」 is not answered from the FAQ.

use crate::embed::Embedder;
use crate::index::documents::gram_hashes;
use crate::index::prepared::prepare;
use crate::index::vector::{Query, VectorIndex};
use crate::kb::{Entry, Language, Snapshot};
use crate::text::{Analyzer, dice, normalize};

/// From this character similarity on an utterance is taken to be small talk.
const SAME: f32 = 0.72;
/// From this sum of character similarity and cosine on the closest small talk's reply fits.
const NEAR: f32 = 0.7;

/// All phrasings of the snapshot's small talk.
pub struct SmallTalkMatcher {
    phrasings: Vec<Phrasing>,
    /// Number of kinds.
    kinds: usize,
    vectors: Option<VectorIndex>,
}

struct Phrasing {
    owner: usize,
    bare: String,
    grams: Vec<u32>,
}

/// How close an utterance is to small talk.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SmallTalkMatch {
    /// Position in the snapshot's small talk.
    pub owner: usize,
    /// Dice coefficient of character grams with the closest phrasing; 1 when equal but for punctuation.
    pub likeness: f32,
    /// Cosine with the closest kind of small talk, 0 in lexical-only mode.
    pub cosine: f32,
}

impl SmallTalkMatch {
    /// Whether the utterance is small talk by its wording alone.
    pub fn is_certain(&self) -> bool {
        self.likeness >= SAME
    }

    /// Whether its reply would fit, should the utterance turn out to be small talk.
    pub fn is_near(&self) -> bool {
        self.likeness + self.cosine >= NEAR
    }
}

impl SmallTalkMatcher {
    /// Prepares the snapshot's small talk.
    pub fn new(snapshot: &Snapshot, analyzer: &Analyzer, embedder: Option<&dyn Embedder>) -> Self {
        let phrasings = snapshot
            .smalltalk
            .iter()
            .enumerate()
            .flat_map(|(owner, talk)| talk.phrasings.iter().map(move |phrasing| (owner, phrasing)))
            .map(|(owner, phrasing)| {
                let bare = bare(phrasing);
                Phrasing { owner, grams: gram_hashes(&bare), bare }
            })
            .collect();
        let vectors = embedder.and_then(|embedder| {
            // A kind of small talk is embedded as an entry whose phrasings are all there is of it.
            let entries: Vec<Entry> = snapshot
                .smalltalk
                .iter()
                .map(|talk| Entry {
                    question: talk.phrasings.first().cloned().unwrap_or_default(),
                    phrasings: talk.phrasings.get(1..).unwrap_or_default().to_vec(),
                    ..Entry::default()
                })
                .collect();
            let mut vectors = VectorIndex::new(embedder.dimension());
            let entries: Vec<&Entry> = entries.iter().collect();
            let prepared = prepare(&entries, analyzer, Some(embedder))
                .inspect_err(|error| tracing::warn!("small talk is known by its wording only: {error}"));
            prepared.ok()?.iter().for_each(|prepared| vectors.add(prepared));
            Some(vectors)
        });
        Self { phrasings, kinds: snapshot.smalltalk.len(), vectors }
    }

    /// The closest small talk; `None` when the desk has none.
    pub fn closest(&self, text: &str, query: Option<&Query>) -> Option<SmallTalkMatch> {
        let bare = bare(text);
        let grams = gram_hashes(&bare);
        let likeness = |phrasing: &Phrasing| {
            if phrasing.bare == bare { 1.0 } else { dice(&phrasing.grams, &grams).min(0.99) }
        };
        let mut likest = vec![0.0_f32; self.kinds];
        for phrasing in &self.phrasings {
            likest[phrasing.owner] = likest[phrasing.owner].max(likeness(phrasing));
        }
        let cosine = |owner: usize| match (&self.vectors, query) {
            (Some(vectors), Some(query)) => vectors.closeness(owner as u32, query).nearest_phrasing.max(0.0),
            _ => 0.0,
        };
        let (owner, likeness, cosine) = likest
            .into_iter()
            .enumerate()
            .map(|(owner, likeness)| (owner, likeness, cosine(owner)))
            .max_by(|a, b| (a.1 + a.2).total_cmp(&(b.1 + b.2)).then(b.0.cmp(&a.0)))?;
        Some(SmallTalkMatch { owner, likeness, cosine })
    }
}

/// The reply in `language`.
pub fn reply(snapshot: &Snapshot, found: &SmallTalkMatch, language: Language) -> (String, String) {
    let talk = &snapshot.smalltalk[found.owner];
    (talk.id.clone(), talk.reply.get(language).to_owned())
}

/// Normalised text without punctuation, spaces and long-vowel play.
fn bare(text: &str) -> String {
    normalize(text).chars().filter(|c| c.is_alphanumeric() && *c != 'ー').collect()
}
