//! The dense side of the index: int8 vectors of every question, phrasing and answer, searched exactly.
//!
//! Each entry has one *summary* vector, the mean of its questions plus its answer, whose dot product with a query is the
//! sum of the two cosines; [`VectorIndex::search`] scans all of them. [`VectorIndex::closeness`] then looks at one
//! entry's own rows.

use serde::{Deserialize, Serialize};

use super::documents::EntryTerms;
use super::simd;
use crate::embed::{EmbedError, Embedder, Text};
use crate::kb::Entry;

/// Terms per answer passage; a longer answer also gets a vector per passage.
const PASSAGE_TERMS: usize = 64;

/// Entries embedded at once.
const AT_ONCE: usize = 256;

/// Rows of int8 numbers with one scale per row: `value = scale × number`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Rows {
    numbers: Vec<i8>,
    scales: Vec<f32>,
}

impl Rows {
    fn push(&mut self, vector: &[f32]) {
        let largest = vector.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        self.numbers.extend(vector.iter().map(|x| (x / scale).round().clamp(-127.0, 127.0) as i8));
        self.scales.push(scale);
    }

    fn dot(&self, row: usize, query: &Query) -> f32 {
        let dimension = query.numbers.len();
        let numbers = &self.numbers[row * dimension..(row + 1) * dimension];
        simd::dot(numbers, &query.numbers) as f32 * self.scales[row] * query.scale
    }
}

/// A query vector, quantised to 14 bits so that 512 dimensions cannot overflow 32-bit sums.
pub struct Query {
    numbers: Vec<i16>,
    scale: f32,
}

impl Query {
    /// Quantises a vector; `None` when it is all zeros (nothing of the text is known).
    pub fn new(vector: &[f32]) -> Option<Self> {
        let largest = vector.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        if largest <= 0.0 || !largest.is_finite() {
            return None;
        }
        let scale = largest / 8191.0;
        Some(Self { numbers: vector.iter().map(|x| (x / scale).round() as i16).collect(), scale })
    }
}

/// Which rows belong to an entry: questions `[start, answers)`, answer and its passages `[answers, end)`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Span {
    start: u32,
    answers: u32,
    end: u32,
}

/// Cosines of a query with one entry.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Closeness {
    /// With the entry's question.
    pub question: f32,
    /// With the closest of question and phrasings.
    pub nearest_phrasing: f32,
    /// With the whole answer.
    pub answer: f32,
    /// With the closest passage of the answer (the whole answer when it is short).
    pub nearest_passage: f32,
}

/// Vectors of all entries, in document order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct VectorIndex {
    dimension: usize,
    summaries: Rows,
    rows: Rows,
    spans: Vec<Span>,
}

impl VectorIndex {
    /// Embeds all entries.
    ///
    /// # Errors
    /// When the embedder fails.
    pub fn build(
        entries: &[Entry],
        terms: &[EntryTerms],
        embedder: &dyn Embedder,
    ) -> Result<Self, EmbedError> {
        let mut index = Self { dimension: embedder.dimension(), ..Self::default() };
        for (entries, terms) in entries.chunks(AT_ONCE).zip(terms.chunks(AT_ONCE)) {
            let texts: Vec<Texts<'_>> =
                entries.iter().zip(terms).map(|(entry, terms)| Texts::of(entry, terms)).collect();
            let all: Vec<Text<'_>> = texts.iter().flat_map(Texts::all).collect();
            let mut vectors = embedder.embed_passages(&all)?.into_iter();
            for texts in &texts {
                let questions = vectors.by_ref().take(texts.questions.len()).collect();
                let answers = vectors.by_ref().take(texts.answers.len()).collect();
                index.push(&Embedded { questions, answers });
            }
        }
        Ok(index)
    }

    fn push(&mut self, entry: &Embedded) {
        let start = self.rows.scales.len() as u32;
        let mut summary = mean(&entry.questions, self.dimension);
        for (sum, x) in summary.iter_mut().zip(&entry.answers[0]) {
            *sum += x;
        }
        self.summaries.push(&summary);
        entry.questions.iter().chain(&entry.answers).for_each(|vector| self.rows.push(vector));
        let answers = start + entry.questions.len() as u32;
        self.spans.push(Span { start, answers, end: answers + entry.answers.len() as u32 });
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Numbers per vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The `limit` entries whose summary is closest, as (number, cosine with questions + cosine with answer), best first,
    /// ties by number. Exact: every entry is looked at.
    pub fn search(&self, query: &Query, limit: usize) -> Vec<(u32, f32)> {
        let scored = (0..self.len()).map(|i| (i as u32, self.summaries.dot(i, query))).collect();
        top(scored, limit)
    }

    /// Cosines of the query with the entry's own rows.
    pub fn closeness(&self, number: u32, query: &Query) -> Closeness {
        let span = self.spans[number as usize];
        let nearest = |from: u32, to: u32| {
            (from..to).map(|row| self.rows.dot(row as usize, query)).fold(f32::NEG_INFINITY, f32::max)
        };
        let answer = self.rows.dot(span.answers as usize, query);
        Closeness {
            question: self.rows.dot(span.start as usize, query),
            nearest_phrasing: nearest(span.start, span.answers),
            answer,
            nearest_passage: if span.end > span.answers + 1 {
                nearest(span.answers + 1, span.end)
            } else {
                answer
            },
        }
    }
}

/// The `limit` best of `scored`, best first, ties by number.
fn top(mut scored: Vec<(u32, f32)>, limit: usize) -> Vec<(u32, f32)> {
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if limit == 0 {
        return Vec::new();
    }
    if scored.len() > limit {
        scored.select_nth_unstable_by(limit - 1, order);
        scored.truncate(limit);
    }
    scored.sort_by(order);
    scored
}

struct Embedded {
    questions: Vec<Vec<f32>>,
    answers: Vec<Vec<f32>>,
}

/// What of an entry is embedded, each text with its terms.
struct Texts<'a> {
    questions: Vec<(&'a str, &'a [String])>,
    /// The whole answer, then its passages if it is long.
    answers: Vec<(&'a str, &'a [String])>,
}

impl<'a> Texts<'a> {
    fn of(entry: &'a Entry, terms: &'a EntryTerms) -> Self {
        let phrasings =
            entry.phrasings.iter().map(String::as_str).zip(terms.phrasings.iter().map(Vec::as_slice));
        let questions =
            std::iter::once((entry.question.as_str(), terms.question.as_slice())).chain(phrasings);
        let mut answers = vec![(entry.answer.as_str(), terms.answer.as_slice())];
        if terms.answer.len() > PASSAGE_TERMS * 3 / 2 {
            let passages = terms.answer.chunks(PASSAGE_TERMS);
            answers.extend(cut(&entry.answer, passages.len()).zip(passages));
        }
        Self { questions: questions.collect(), answers }
    }

    fn all(&self) -> impl Iterator<Item = Text<'a>> {
        self.questions.iter().chain(&self.answers).map(|&(raw, terms)| Text { raw, terms })
    }
}

/// `text` in `parts` pieces of equal length: about where the passages of its terms are, for embedders that read text.
fn cut(text: &str, parts: usize) -> impl Iterator<Item = &str> {
    let step = text.len().div_ceil(parts.max(1));
    let at = move |part: usize| text.floor_char_boundary((part * step).min(text.len()));
    (0..parts).map(move |part| &text[at(part)..at(part + 1)])
}

/// Mean of unit vectors, scaled to unit length; zeros stay zeros.
fn mean(vectors: &[Vec<f32>], dimension: usize) -> Vec<f32> {
    let mut sum = vec![0.0; dimension];
    for vector in vectors {
        sum.iter_mut().zip(vector).for_each(|(s, x)| *s += x);
    }
    let norm = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
    if norm > 0.0 {
        sum.iter_mut().for_each(|x| *x /= norm);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn index(vectors: &[Vec<f32>]) -> VectorIndex {
        let mut index = VectorIndex { dimension: vectors[0].len(), ..VectorIndex::default() };
        for vector in vectors {
            index.push(&Embedded { questions: vec![vector.clone()], answers: vec![vec![0.0; vector.len()]] });
        }
        index
    }

    proptest! {
        #[test]
        fn the_pieces_of_a_text_are_the_text(text in ".{0,60}", parts in 1_usize..9) {
            let pieces: Vec<&str> = cut(&text, parts).collect();
            prop_assert_eq!(pieces.len(), parts);
            prop_assert_eq!(pieces.concat(), text);
        }

        #[test]
        fn search_agrees_with_a_naive_scan(
            vectors in prop::collection::vec(prop::collection::vec(-1.0_f32..1.0, 24), 1..60),
            query in prop::collection::vec(-1.0_f32..1.0, 24),
            limit in 1_usize..70,
        ) {
            let index = index(&vectors);
            let unit: Vec<Vec<f32>> = vectors.iter().map(|v| mean(std::slice::from_ref(v), 24)).collect();
            let naive: Vec<f32> = unit.iter().map(|v| v.iter().zip(&query).map(|(a, b)| a * b).sum()).collect();
            let hits = index.search(&Query::new(&query).expect("not all zeros"), limit);
            prop_assert_eq!(hits.len(), limit.min(vectors.len()));
            let mut best = naive.clone();
            best.sort_by(|a, b| b.total_cmp(a));
            for (rank, (number, score)) in hits.iter().enumerate() {
                prop_assert!((score - naive[*number as usize]).abs() < 0.03, "quantisation error");
                prop_assert!((score - best[rank]).abs() < 0.06, "rank {rank}");
            }
        }
    }

    #[test]
    fn an_unknown_text_has_no_query() {
        assert!(Query::new(&[0.0; 8]).is_none());
        assert!(Query::new(&[f32::NAN; 8]).is_none());
    }
}
