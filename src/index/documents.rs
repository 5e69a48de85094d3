//! The forward side of the index: what terms each entry holds, by field, as numbers. Ranking features, coverage and the
//! Trace's matched terms are computed from it; candidates come from [`super::lexical`] and [`super::vector`].

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use anyhow::Context;

use super::mapped::Mapped;
use super::prepared::Prepared;
use super::sounds::Sounds;
use crate::text::grams;

/// Number of an index term; equal for equal terms over all documents.
pub type TermId = u32;

/// One entry's terms by field, and the same again in the order that lookups need. Made of the entry alone, so that it is
/// shared between indexes.
///
/// Lists of numbers in one block, in memory or in the index's folder: how many lists, where each ends, and the lists. They
/// are: terms of the question and of each phrasing, keywords, answer; hashes of character grams, then of reading grams, of
/// question and phrasings, each sorted and unique; the sorted terms of question and keywords, of question, phrasings and
/// keywords, of the answer; the distinct terms of question and phrasings.
#[derive(Debug, Clone)]
pub struct Document {
    words: Words,
    /// Whether the entry is in English.
    pub english: bool,
}

/// Numbers in memory, or in a file from a byte on: these of its words.
#[derive(Debug, Clone)]
enum Words {
    Held(Box<[u32]>),
    Mapped(Arc<Mapped>, usize, Range<usize>),
}

impl Words {
    fn all(&self) -> &[u32] {
        match self {
            Self::Held(words) => words,
            Self::Mapped(file, start, at) => {
                file.words(*start).and_then(|words| words.get(at.clone())).unwrap_or_default()
            }
        }
    }
}

impl Document {
    fn new(prepared: &Prepared, mut intern: impl FnMut(&str) -> TermId) -> Self {
        let mut number = |terms: &Vec<String>| terms.iter().map(|term| intern(term)).collect::<Vec<TermId>>();
        let texts: Vec<Vec<TermId>> = prepared.texts.iter().map(&mut number).collect();
        let (keywords, answer) = (number(&prepared.keywords), number(&prepared.answer));
        let sorted = |lists: &[&[TermId]]| {
            let mut list = lists.concat();
            list.sort_unstable();
            list
        };
        let distinct = |text: &Vec<TermId>| {
            let mut list = sorted(&[text]);
            list.dedup();
            list
        };
        let about =
            [sorted(&[&texts[0], &keywords]), sorted(&[&texts.concat(), &keywords]), sorted(&[&answer])];
        let distinct: Vec<Vec<TermId>> = texts.iter().map(distinct).collect();
        let hashes = prepared.gram_hashes.iter().cloned().chain(prepared.reading_hashes());
        let lists: Vec<Vec<u32>> =
            texts.into_iter().chain([keywords, answer]).chain(hashes).chain(about).chain(distinct).collect();
        let count = lists.len() as u32;
        let ends = lists.iter().scan(count + 1, |end, list| {
            *end += list.len() as u32;
            Some(*end)
        });
        let words: Vec<u32> = std::iter::once(count).chain(ends).chain(lists.concat()).collect();
        Self { words: Words::Held(words.into()), english: prepared.english }
    }

    /// Whether the block's lists lie within it, one after the other.
    fn is_sound(&self) -> bool {
        let words = self.words.all();
        let count = words.first().map_or(0, |count| *count as usize);
        let ends = words.get(1..=count).unwrap_or_default();
        count >= 9
            && (count - 5).is_multiple_of(4)
            && ends.len() == count
            && ends[0] as usize > count
            && ends.is_sorted()
            && ends[count - 1] as usize == words.len()
    }

    fn list(&self, at: usize) -> &[u32] {
        let words = self.words.all();
        let start = if at == 0 { words[0] + 1 } else { words[at] };
        &words[start as usize..words[at + 1] as usize]
    }

    /// Question and phrasings, counted.
    fn wordings(&self) -> usize {
        (self.words.all()[0] as usize - 5) / 4
    }

    /// Terms of the question and of each phrasing, in text order; the question first.
    pub fn texts(&self) -> impl Iterator<Item = &[TermId]> {
        (0..self.wordings()).map(|i| self.list(i))
    }

    /// Terms of the question, in text order.
    pub fn question(&self) -> &[TermId] {
        self.list(0)
    }

    /// Terms of the answer, in text order.
    pub fn answer(&self) -> &[TermId] {
        self.list(self.wordings() + 1)
    }

    /// Hashes of the character grams of question and phrasings, each list sorted and unique.
    pub fn grams(&self) -> impl Iterator<Item = &[u32]> {
        let n = self.wordings();
        (n + 2..2 * n + 2).map(|i| self.list(i))
    }

    /// Hashes of their reading grams, likewise.
    pub fn readings(&self) -> impl Iterator<Item = &[u32]> {
        let n = self.wordings();
        (2 * n + 2..3 * n + 2).map(|i| self.list(i))
    }

    /// Terms of question and keywords, sorted, repeated ones too.
    pub fn sorted_question(&self) -> &[TermId] {
        self.list(3 * self.wordings() + 2)
    }

    /// Terms of question, phrasings and keywords, sorted, repeated ones too: what the entry is *about*.
    pub fn sorted_title(&self) -> &[TermId] {
        self.list(3 * self.wordings() + 3)
    }

    /// Terms of the answer, sorted, repeated ones too.
    pub fn sorted_answer(&self) -> &[TermId] {
        self.list(3 * self.wordings() + 4)
    }

    /// Distinct terms of the question and of each phrasing, sorted.
    pub fn distinct(&self) -> impl Iterator<Item = &[TermId]> {
        let n = self.wordings();
        (3 * n + 5..4 * n + 5).map(|i| self.list(i))
    }

    /// Number of terms in all fields together, as the `body` field counts them.
    pub fn body_len(&self) -> usize {
        self.sorted_title().len() + self.answer().len()
    }

    /// How often the entry holds the term, wherever.
    pub fn count(&self, id: TermId) -> usize {
        count(self.sorted_title(), id) + count(self.sorted_answer(), id)
    }

    /// Whether the entry holds the term, wherever.
    pub fn holds(&self, id: TermId) -> bool {
        self.sorted_title().binary_search(&id).is_ok() || self.sorted_answer().binary_search(&id).is_ok()
    }

    /// Every term once.
    fn terms(&self) -> Vec<TermId> {
        let mut terms = [self.sorted_title(), self.sorted_answer()].concat();
        terms.sort_unstable();
        terms.dedup();
        terms
    }
}

/// How often a sorted list holds a term.
pub fn count(sorted: &[TermId], id: TermId) -> usize {
    let start = sorted.partition_point(|&x| x < id);
    sorted[start..].iter().take_while(|&&x| x == id).count()
}

/// All documents with their term statistics.
#[derive(Debug, Clone, Default)]
pub struct Documents {
    terms: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, TermId>,
    documents: Vec<Arc<Document>>,
    /// By term: number of documents whose body holds it; 0 for terms that none holds any more.
    frequency: Vec<u32>,
    /// By reading and term: number of documents in which the term reads like that.
    heard: HashMap<(Arc<str>, TermId), u32>,
    statistics: Statistics,
}

/// What follows from all documents together.
#[derive(Debug, Clone, Default)]
struct Statistics {
    average_body: f32,
    average_question: f32,
    /// Inverse document frequency by term.
    idf: Vec<f32>,
    sounds: Sounds,
}

impl Documents {
    /// Adds an entry under the next number. Call [`Documents::finish`] after the last.
    pub(super) fn add(&mut self, prepared: &Prepared) {
        let document = Document::new(prepared, |term| self.intern(term));
        for (reading, term) in &prepared.sounds {
            let heard = (Arc::from(reading.as_str()), self.intern(term));
            *self.heard.entry(heard).or_default() += 1;
        }
        document.terms().into_iter().for_each(|id| self.frequency[id as usize] += 1);
        self.documents.push(Arc::new(document));
    }

    /// The documents after a change. `sources` say where each comes from: a number of this index, or what was prepared;
    /// `gone` are those of this index that no source names, prepared.
    pub(super) fn amended<'a>(
        &self,
        sources: impl Iterator<Item = Result<u32, &'a Prepared>>,
        gone: impl Iterator<Item = (u32, &'a Prepared)>,
    ) -> Self {
        let mut out = Self {
            terms: self.terms.clone(),
            numbers: self.numbers.clone(),
            documents: Vec::with_capacity(self.documents.len()),
            frequency: self.frequency.clone(),
            heard: self.heard.clone(),
            statistics: Statistics::default(),
        };
        for (number, prepared) in gone {
            self.get(number).terms().into_iter().for_each(|id| out.frequency[id as usize] -= 1);
            for (reading, term) in &prepared.sounds {
                let heard = (Arc::from(reading.as_str()), out.intern(term));
                out.heard.entry(heard).and_modify(|count| *count -= 1);
            }
        }
        out.heard.retain(|_, count| *count > 0);
        for source in sources {
            match source {
                Ok(number) => out.documents.push(Arc::clone(&self.documents[number as usize])),
                Err(prepared) => out.add(prepared),
            }
        }
        out.finish();
        out
    }

    fn intern(&mut self, term: &str) -> TermId {
        if let Some(&id) = self.numbers.get(term) {
            return id;
        }
        let id = TermId::try_from(self.terms.len()).expect("fewer than 2^32 terms");
        let term: Arc<str> = Arc::from(term);
        self.terms.push(Arc::clone(&term));
        self.frequency.push(0);
        self.numbers.insert(term, id);
        id
    }

    /// Works out what follows from all documents together.
    pub(super) fn finish(&mut self) {
        let n = self.documents.len().max(1) as f32;
        let mean = |of: fn(&Document) -> usize| {
            self.documents.iter().map(|document| of(document) as f32).sum::<f32>() / n
        };
        let idf = |frequency: &u32| idf(self.documents.len(), *frequency);
        // Words of one sound: the frequent before the rare, then any fixed order that no number depends on.
        let rank = |id: TermId| (Reverse(self.frequency[id as usize]), self.term(id));
        let heard = self.heard.keys().map(|(reading, term)| (Arc::clone(reading), *term));
        self.statistics = Statistics {
            average_body: mean(Document::body_len),
            average_question: mean(|document| document.question().len()),
            idf: self.frequency.iter().map(idf).collect(),
            sounds: Sounds::of(heard, rank),
        };
    }

    /// For the index's folder: the length of what is written first (u64), then that, then the documents' numbers.
    pub(super) fn to_bytes(&self) -> anyhow::Result<Vec<u8>> {
        let terms: Vec<&str> = self.terms.iter().map(Arc::as_ref).collect();
        let documents: Vec<(u32, bool)> = self
            .documents
            .iter()
            .map(|document| (document.words.all().len() as u32, document.english))
            .collect();
        let heard: Vec<(&str, TermId, u32)> =
            self.heard.iter().map(|((reading, term), count)| (reading.as_ref(), *term, *count)).collect();
        let mut head = postcard::to_stdvec(&(terms, &self.frequency, documents, heard))?;
        // Numbers begin where numbers may.
        head.resize(head.len().next_multiple_of(size_of::<u32>()), 0);
        let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
        bytes.extend(head);
        for document in &self.documents {
            bytes.extend(document.words.all().iter().flat_map(|word| word.to_ne_bytes()));
        }
        Ok(bytes)
    }

    /// From the index's folder. The documents' numbers stay there.
    pub(super) fn from_file(file: Mapped) -> anyhow::Result<Self> {
        type Head<'a> = (Vec<&'a str>, Vec<u32>, Vec<(u32, bool)>, Vec<(&'a str, TermId, u32)>);
        let file = Arc::new(file);
        let (length, rest) = file.bytes().split_first_chunk::<8>().context("cut short")?;
        let length = usize::try_from(u64::from_le_bytes(*length))?;
        let head = rest.get(..length).context("cut short")?;
        let ((terms, frequency, documents, heard), _): (Head<'_>, _) = postcard::take_from_bytes(head)?;
        let mut out = Self::default();
        terms.into_iter().for_each(|term| _ = out.intern(term));
        anyhow::ensure!(frequency.len() == out.terms.len(), "terms and their counts do not agree");
        out.frequency = frequency;
        out.heard =
            heard.into_iter().map(|(reading, term, count)| ((Arc::from(reading), term), count)).collect();
        let mut start = 0;
        for (length, english) in documents {
            let at = start..start + length as usize;
            start = at.end;
            out.documents.push(Arc::new(Document {
                words: Words::Mapped(Arc::clone(&file), 8 + head.len(), at),
                english,
            }));
        }
        anyhow::ensure!(
            file.words(8 + head.len()).is_some_and(|words| words.len() == start)
                && out.documents.iter().all(|document| document.is_sound()),
            "sizes of the documents do not agree"
        );
        out.finish();
        Ok(out)
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
        self.numbers.get(term).copied().filter(|id| self.frequency[*id as usize] > 0)
    }

    /// What the desk's words sound like.
    pub fn sounds(&self) -> &Sounds {
        &self.statistics.sounds
    }

    /// The term with this number.
    pub fn term(&self, id: TermId) -> &str {
        &self.terms[id as usize]
    }

    /// BM25's inverse document frequency of a term (Robertson–Spärck Jones, plus one: never negative). A term no document
    /// holds gets the highest value.
    pub fn idf(&self, id: Option<TermId>) -> f32 {
        id.map_or_else(|| idf(self.documents.len(), 0), |id| self.statistics.idf[id as usize])
    }

    /// Mean number of terms of a body.
    pub fn average_body(&self) -> f32 {
        self.statistics.average_body
    }

    /// Mean number of terms of a question.
    pub fn average_question(&self) -> f32 {
        self.statistics.average_question
    }
}

fn idf(documents: usize, frequency: u32) -> f32 {
    let (n, df) = (documents as f32, frequency as f32);
    (1.0 + (n - df + 0.5) / (df + 0.5)).ln()
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
