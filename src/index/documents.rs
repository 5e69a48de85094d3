//! The forward side of the index: what terms each entry holds, by field, as numbers. Ranking features, coverage and the
//! Trace's matched terms are computed from it; candidates come from [`super::lexical`] and [`super::vector`].

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::lexical::LexicalDocument;
use super::sounds::{self, Sounds};
use crate::kb::{Entry, Language};
use crate::text::{Analysis, Analyzer, grams, normalize};

/// Number of an index term; equal for equal terms over all documents.
pub type TermId = u32;

/// One entry's terms by field, in text order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// Terms of the question.
    pub question: Vec<TermId>,
    /// Terms of each phrasing.
    pub phrasings: Vec<Vec<TermId>>,
    /// Terms of the keywords.
    pub keywords: Vec<TermId>,
    /// Terms of the answer.
    pub answer: Vec<TermId>,
    /// Hashes of the character grams of question and phrasings, each sorted and unique; question first.
    pub grams: Vec<Vec<u32>>,
    /// Hashes of their reading grams, likewise.
    pub readings: Vec<Vec<u32>>,
    /// Whether the entry is in English.
    pub english: bool,
    /// The same terms in the order that lookups need.
    #[serde(skip)]
    pub sorted: Sorted,
}

/// A document's terms by number, for lookups: made from the lists in text order, never stored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sorted {
    /// Terms of question and keywords, repeated ones too.
    pub question: Vec<TermId>,
    /// Terms of question, phrasings and keywords, repeated ones too.
    pub title: Vec<TermId>,
    /// Terms of the answer, repeated ones too.
    pub answer: Vec<TermId>,
    /// Distinct terms of the question and of each phrasing, with their summed idf.
    pub phrasings: Vec<(Vec<TermId>, f32)>,
}

impl Sorted {
    /// How often the entry holds the term, wherever.
    pub fn count(&self, id: TermId) -> usize {
        count(&self.title, id) + count(&self.answer, id)
    }

    /// Whether the entry holds the term, wherever.
    pub fn holds(&self, id: TermId) -> bool {
        self.title.binary_search(&id).is_ok() || self.answer.binary_search(&id).is_ok()
    }
}

/// How often a sorted list holds a term.
pub fn count(sorted: &[TermId], id: TermId) -> usize {
    let start = sorted.partition_point(|&x| x < id);
    sorted[start..].iter().take_while(|&&x| x == id).count()
}

impl Document {
    /// Number of terms in all fields together, as the `body` field counts them.
    pub fn body_len(&self) -> usize {
        self.question.len()
            + self.phrasings.iter().map(Vec::len).sum::<usize>()
            + self.keywords.len()
            + self.answer.len()
    }

    /// Terms of question, phrasings and keywords: what the entry is *about*.
    pub fn title_terms(&self) -> impl Iterator<Item = TermId> {
        self.question.iter().chain(self.phrasings.iter().flatten()).chain(&self.keywords).copied()
    }

    /// All terms.
    pub fn body_terms(&self) -> impl Iterator<Item = TermId> {
        self.title_terms().chain(self.answer.iter().copied())
    }
}

/// All documents with their term statistics.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Documents {
    terms: Vec<String>,
    /// Number of documents whose body holds the term.
    frequency: Vec<u32>,
    documents: Vec<Document>,
    average_body: f32,
    average_question: f32,
    sounds: Sounds,
    #[serde(skip)]
    numbers: HashMap<String, TermId>,
}

impl Documents {
    /// Analyses `entries`; also gives what the lexical index needs and, per entry, the term lists that the embedder
    /// needs.
    pub fn analyze(entries: &[Entry], analyzer: &Analyzer) -> (Self, Vec<LexicalDocument>, Vec<EntryTerms>) {
        use rayon::prelude::*;
        let analyzed: Vec<(EntryTerms, Vec<String>)> = entries
            .par_iter()
            .map(|entry| {
                let terms = EntryTerms::of(entry, analyzer);
                let grams = entry_grams(entry);
                (terms, grams)
            })
            .collect();
        let mut documents = Self::default();
        let mut lexical = Vec::with_capacity(entries.len());
        let mut all_terms = Vec::with_capacity(entries.len());
        let mut readings: BTreeSet<(String, TermId)> = BTreeSet::new();
        for (entry, (terms, grams)) in entries.iter().zip(analyzed) {
            documents.add(entry, &terms);
            for (reading, term) in &terms.sounds {
                let id = documents.intern(term);
                readings.insert((reading.clone(), id));
            }
            lexical.push(LexicalDocument {
                question: terms.question.clone(),
                phrasings: terms.phrasings.concat(),
                keywords: terms.keywords.clone(),
                answer: terms.answer.clone(),
                grams,
                readings: terms.readings.concat(),
            });
            all_terms.push(terms);
        }
        documents.finish();
        let frequency = |id: TermId| documents.frequency[id as usize];
        documents.sounds = Sounds::of(readings.into_iter(), frequency);
        (documents, lexical, all_terms)
    }

    fn add(&mut self, entry: &Entry, terms: &EntryTerms) {
        let mut number =
            |list: &[String]| -> Vec<TermId> { list.iter().map(|term| self.intern(term)).collect() };
        let document = Document {
            question: number(&terms.question),
            phrasings: terms.phrasings.iter().map(|list| number(list)).collect(),
            keywords: number(&terms.keywords),
            answer: number(&terms.answer),
            grams: terms.question_grams.clone(),
            readings: terms.readings.iter().map(|grams| hashes(grams)).collect(),
            english: entry.language == Language::En,
            sorted: Sorted::default(),
        };
        let mut unique: Vec<TermId> = document.body_terms().collect();
        unique.sort_unstable();
        unique.dedup();
        for id in unique {
            self.frequency[id as usize] += 1;
        }
        self.documents.push(document);
    }

    fn intern(&mut self, term: &str) -> TermId {
        if let Some(&id) = self.numbers.get(term) {
            return id;
        }
        let id = TermId::try_from(self.terms.len()).expect("fewer than 2^32 terms");
        self.terms.push(term.to_owned());
        self.frequency.push(0);
        self.numbers.insert(term.to_owned(), id);
        id
    }

    fn finish(&mut self) {
        let n = self.documents.len().max(1) as f32;
        self.average_body = self.documents.iter().map(|d| d.body_len() as f32).sum::<f32>() / n;
        self.average_question = self.documents.iter().map(|d| d.question.len() as f32).sum::<f32>() / n;
        self.sort();
    }

    fn sort(&mut self) {
        use rayon::prelude::*;
        let idf: Vec<f32> = (0..self.terms.len()).map(|id| self.idf(Some(id as TermId))).collect();
        self.documents.par_iter_mut().for_each(|document| {
            let sorted = |terms: &mut dyn Iterator<Item = TermId>| {
                let mut list: Vec<TermId> = terms.collect();
                list.sort_unstable();
                list
            };
            let distinct = |phrasing: &Vec<TermId>| {
                let mut list = sorted(&mut phrasing.iter().copied());
                list.dedup();
                let total = list.iter().map(|id| idf[*id as usize]).sum();
                (list, total)
            };
            let lists = Sorted {
                question: sorted(&mut document.question.iter().chain(&document.keywords).copied()),
                title: sorted(&mut document.title_terms()),
                answer: sorted(&mut document.answer.iter().copied()),
                phrasings: std::iter::once(&document.question)
                    .chain(&document.phrasings)
                    .map(distinct)
                    .collect(),
            };
            document.sorted = lists;
        });
    }

    /// Restores what is not stored; call after deserialising.
    pub(super) fn restore(&mut self) {
        self.numbers = self.terms.iter().enumerate().map(|(i, term)| (term.clone(), i as TermId)).collect();
        self.sort();
    }

    /// Number of documents.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there is no document.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// The document with this number.
    pub fn get(&self, number: u32) -> &Document {
        &self.documents[number as usize]
    }

    /// The term's number, if any document holds it.
    pub fn term_id(&self, term: &str) -> Option<TermId> {
        self.numbers.get(term).copied()
    }

    /// What the desk's words sound like.
    pub fn sounds(&self) -> &Sounds {
        &self.sounds
    }

    /// The term with this number.
    pub fn term(&self, id: TermId) -> &str {
        &self.terms[id as usize]
    }

    /// Number of distinct terms.
    pub fn term_count(&self) -> usize {
        self.terms.len()
    }

    /// BM25's inverse document frequency of a term (Robertson–Spärck Jones, plus one: never negative). A term no document
    /// holds gets the highest value.
    pub fn idf(&self, id: Option<TermId>) -> f32 {
        let n = self.documents.len() as f32;
        let df = id.map_or(0.0, |id| self.frequency[id as usize] as f32);
        (1.0 + (n - df + 0.5) / (df + 0.5)).ln()
    }

    /// Mean number of terms of a body.
    pub fn average_body(&self) -> f32 {
        self.average_body
    }

    /// Mean number of terms of a question.
    pub fn average_question(&self) -> f32 {
        self.average_question
    }
}

/// An entry's term lists, for the embedder.
#[derive(Debug, Clone, Default)]
pub struct EntryTerms {
    /// Question.
    pub question: Vec<String>,
    /// Phrasings.
    pub phrasings: Vec<Vec<String>>,
    /// Keywords.
    pub keywords: Vec<String>,
    /// Answer.
    pub answer: Vec<String>,
    question_grams: Vec<Vec<u32>>,
    readings: Vec<Vec<String>>,
    /// Readings of the terms written with kanji.
    sounds: BTreeSet<(String, String)>,
}

impl EntryTerms {
    /// Analyses one entry.
    pub fn of(entry: &Entry, analyzer: &Analyzer) -> Self {
        let question_grams = std::iter::once(&entry.question)
            .chain(&entry.phrasings)
            .map(|text| gram_hashes(&normalize(text)))
            .collect();
        let terms = |analysis: &Analysis| analysis.terms().map(str::to_owned).collect::<Vec<String>>();
        let question = analyzer.analyze(&entry.question);
        let phrasings: Vec<Analysis> =
            entry.phrasings.iter().map(|phrasing| analyzer.analyze(phrasing)).collect();
        let answer = analyzer.analyze(&entry.answer);
        let questions = || std::iter::once(&question).chain(&phrasings);
        let readings = questions().map(Analysis::reading_grams).collect();
        let tokens = questions().chain([&answer]).flat_map(|analysis| &analysis.tokens);
        let sounds = tokens.flat_map(|token| {
            sounds::readings(token).into_iter().map(|reading| (reading, token.term.clone()))
        });
        Self {
            question: terms(&question),
            phrasings: phrasings.iter().map(terms).collect(),
            keywords: entry.keywords.iter().flat_map(|keyword| analyzer.terms(keyword)).collect(),
            sounds: sounds.collect(),
            answer: terms(&answer),
            question_grams,
            readings,
        }
    }
}

fn entry_grams(entry: &Entry) -> Vec<String> {
    std::iter::once(&entry.question)
        .chain(&entry.phrasings)
        .chain(&entry.keywords)
        .chain(std::iter::once(&entry.answer))
        .flat_map(|text| grams(&normalize(text)))
        .collect()
}

/// Sorted, unique 32-bit hashes of a normalised text's character grams.
pub fn gram_hashes(normalized: &str) -> Vec<u32> {
    hashes(&grams(normalized))
}

/// Sorted, unique 32-bit hashes of grams.
pub fn hashes(grams: &[String]) -> Vec<u32> {
    let mut hashes: Vec<u32> = grams.iter().map(|gram| fnv1a(gram.as_bytes())).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// FNV-1a, 32 bits (Fowler, Noll and Vo).
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
