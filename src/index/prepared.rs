//! What one entry gives to the index by itself, whatever other entries there are: its terms, grams, readings and vectors.
//! Costs far more than putting it in its place, so an amended index prepares only what changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;

use super::documents::{gram_hashes, hashes};
use super::lexical::LexicalDocument;
use super::sounds;
use super::vector::EntryVectors;
use crate::embed::{EmbedError, Embedder};
use crate::kb::{Entry, Language};
use crate::text::{Analysis, Analyzer, grams, normalize};

/// One entry, ready to be indexed.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    /// Terms of the question and of each phrasing; the question first.
    pub(super) texts: Vec<Vec<String>>,
    /// Terms of the keywords.
    pub(super) keywords: Vec<String>,
    /// Terms of the answer.
    pub(super) answer: Vec<String>,
    /// Hashes of the character grams of question and phrasings.
    pub(super) gram_hashes: Vec<Vec<u32>>,
    /// Reading grams of question and phrasings.
    readings: Vec<Vec<String>>,
    /// Character grams of everything.
    grams: Vec<String>,
    /// Readings of its terms, with the term.
    pub(super) sounds: BTreeSet<(String, String)>,
    /// Whether it is in English.
    pub(super) english: bool,
    /// Its vectors; `None` without an embedder.
    pub(super) vectors: Option<Arc<EntryVectors>>,
}

/// Analyses entries on all cores, and embeds them together.
///
/// # Errors
/// When the embedder fails.
pub fn prepare(
    entries: &[&Entry],
    analyzer: &Analyzer,
    embedder: Option<&dyn Embedder>,
) -> Result<Vec<Prepared>, EmbedError> {
    let mut prepared: Vec<Prepared> = entries.par_iter().map(|entry| Prepared::of(entry, analyzer)).collect();
    if let Some(embedder) = embedder {
        let vectors = EntryVectors::of(entries, &prepared, embedder)?;
        for (prepared, vectors) in prepared.iter_mut().zip(vectors) {
            prepared.vectors = Some(Arc::new(vectors));
        }
    }
    Ok(prepared)
}

impl Prepared {
    /// Analyses an entry.
    pub(super) fn of(entry: &Entry, analyzer: &Analyzer) -> Self {
        let written = || std::iter::once(&entry.question).chain(&entry.phrasings);
        let texts: Vec<Analysis> = written().map(|text| analyzer.analyze(text)).collect();
        let answer = analyzer.analyze(&entry.answer);
        let tokens = texts.iter().chain([&answer]).flat_map(|analysis| &analysis.tokens);
        let sounds = tokens.flat_map(|token| {
            sounds::readings(token).into_iter().map(|reading| (reading, token.term.clone()))
        });
        let terms = |analysis: &Analysis| analysis.terms().map(str::to_owned).collect::<Vec<String>>();
        let all = written().chain(&entry.keywords).chain([&entry.answer]);
        Self {
            sounds: sounds.collect(),
            texts: texts.iter().map(terms).collect(),
            keywords: entry.keywords.iter().flat_map(|keyword| analyzer.terms(keyword)).collect(),
            answer: terms(&answer),
            gram_hashes: written().map(|text| gram_hashes(&normalize(text))).collect(),
            readings: texts.iter().map(Analysis::reading_grams).collect(),
            grams: all.flat_map(|text| grams(&normalize(text))).collect(),
            english: entry.language == Language::En,
            vectors: None,
        }
    }

    /// Hashes of the reading grams of question and phrasings.
    pub(super) fn reading_hashes(&self) -> impl Iterator<Item = Vec<u32>> {
        self.readings.iter().map(|grams| hashes(grams))
    }

    /// What the lexical index holds of it.
    pub(super) fn lexical(&self) -> LexicalDocument {
        LexicalDocument {
            question: self.texts[0].clone(),
            phrasings: self.texts[1..].concat(),
            keywords: self.keywords.clone(),
            answer: self.answer.clone(),
            grams: self.grams.clone(),
            readings: self.readings.concat(),
        }
    }
}

/// Whether two states of an entry give the same to the index.
pub(super) fn same_text(a: &Entry, b: &Entry) -> bool {
    (&a.question, &a.phrasings, &a.keywords, &a.answer, a.language)
        == (&b.question, &b.phrasings, &b.keywords, &b.answer, b.language)
}
