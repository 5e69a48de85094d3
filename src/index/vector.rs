//! The dense side of the index: int8 vectors of every question, phrasing and answer, searched exactly.
//!
//! Each entry has one *summary* vector, the mean of its questions plus its answer, whose dot product with a query is the
//! sum of the two cosines; [`VectorIndex::search`] scans all of them. [`VectorIndex::closeness`] then looks at one
//! entry's own rows.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Context;

use super::mapped::Mapped;
use super::prepared::Prepared;
use super::simd;
use crate::embed::{EmbedError, Embedder, Text};
use crate::kb::Entry;

/// Terms per answer passage; a longer answer also gets a vector per passage.
const PASSAGE_TERMS: usize = 64;

/// Rows of int8 numbers with one scale per row: `value = scale × number`.
#[derive(Debug, Clone, Default)]
struct Rows {
    numbers: Numbers,
    scales: Vec<f32>,
}

/// Numbers in memory, or in the index's folder.
#[derive(Debug, Clone)]
enum Numbers {
    Held(Vec<i8>),
    Mapped(Arc<Mapped>, Range<usize>),
}

impl Default for Numbers {
    fn default() -> Self {
        Self::Held(Vec::new())
    }
}

impl Numbers {
    fn all(&self) -> &[i8] {
        match self {
            Self::Held(numbers) => numbers,
            Self::Mapped(file, at) => &file.numbers()[at.clone()],
        }
    }
}

impl Rows {
    fn quantized<'a>(vectors: impl Iterator<Item = &'a Vec<f32>>) -> Self {
        let (mut numbers, mut scales) = (Vec::new(), Vec::new());
        for vector in vectors {
            let largest = vector.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
            let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
            numbers.extend(vector.iter().map(|x| (x / scale).round().clamp(-127.0, 127.0) as i8));
            scales.push(scale);
        }
        numbers.shrink_to_fit();
        Self { numbers: Numbers::Held(numbers), scales }
    }

    fn dot(&self, row: usize, query: &Query) -> f32 {
        let dimension = query.numbers.len();
        let numbers = &self.numbers.all()[row * dimension..(row + 1) * dimension];
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

/// One entry's vectors: its summary, then question and phrasings, then the answer and its passages.
#[derive(Debug, Clone, Default)]
pub struct EntryVectors {
    rows: Rows,
    /// Row of the answer.
    answer: u32,
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
#[derive(Debug, Clone, Default)]
pub struct VectorIndex {
    dimension: usize,
    /// The entries' summaries again, side by side: a search reads all of them.
    summaries: Vec<i8>,
    scales: Vec<f32>,
    entries: Vec<Arc<EntryVectors>>,
}

impl VectorIndex {
    /// An index without entries.
    pub fn new(dimension: usize) -> Self {
        Self { dimension, ..Self::default() }
    }

    /// Adds what was prepared with an embedder under the next number.
    pub fn add(&mut self, prepared: &Prepared) {
        self.push(prepared.vectors.clone().unwrap_or_default());
    }

    /// The vectors after a change; `sources` as in [`super::documents::Documents::amended`].
    pub(super) fn amended<'a>(&self, sources: impl Iterator<Item = Result<u32, &'a Prepared>>) -> Self {
        let mut out = Self::new(self.dimension);
        for source in sources {
            match source {
                Ok(number) => out.push(Arc::clone(&self.entries[number as usize])),
                Err(prepared) => out.add(prepared),
            }
        }
        out
    }

    fn push(&mut self, entry: Arc<EntryVectors>) {
        self.summaries.extend_from_slice(&entry.rows.numbers.all()[..self.dimension]);
        self.scales.push(entry.rows.scales[0]);
        self.entries.push(entry);
    }

    /// For the index's folder: the length of the head, the head (dimension, and by entry the row of the answer and the
    /// scales), then the numbers of all rows.
    pub(super) fn to_bytes(&self) -> anyhow::Result<Vec<u8>> {
        let entries: Vec<(u32, &[f32])> =
            self.entries.iter().map(|entry| (entry.answer, entry.rows.scales.as_slice())).collect();
        let head = postcard::to_stdvec(&(self.dimension, entries))?;
        let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
        bytes.extend(head);
        for entry in &self.entries {
            bytes.extend(entry.rows.numbers.all().iter().map(|number| number.to_le_bytes()[0]));
        }
        Ok(bytes)
    }

    /// From the index's folder; the numbers stay there.
    pub(super) fn from_file(file: Mapped) -> anyhow::Result<Self> {
        let bytes = file.bytes();
        let (length, rest) = bytes.split_first_chunk::<8>().context("cut short")?;
        let length = usize::try_from(u64::from_le_bytes(*length))?;
        let head = rest.get(..length).context("cut short")?;
        let (dimension, entries): (usize, Vec<(u32, Vec<f32>)>) = postcard::from_bytes(head)?;
        let mut start = 8 + length;
        let rows: usize = entries.iter().map(|(_, scales)| scales.len()).sum();
        let is_sound = |(answer, scales): &(u32, Vec<f32>)| *answer > 1 && (*answer as usize) < scales.len();
        anyhow::ensure!(
            bytes.len() == start + rows * dimension && entries.iter().all(is_sound),
            "sizes of the vectors do not agree"
        );
        let file = Arc::new(file);
        let mut index = Self::new(dimension);
        for (answer, scales) in entries {
            let end = start + scales.len() * dimension;
            let numbers = Numbers::Mapped(Arc::clone(&file), start..end);
            index.push(Arc::new(EntryVectors { rows: Rows { numbers, scales }, answer }));
            start = end;
        }
        Ok(index)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Numbers per vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The `limit` entries whose summary is closest, as (number, cosine with questions + cosine with answer), best first,
    /// ties by number. Exact: every entry is looked at.
    pub fn search(&self, query: &Query, limit: usize) -> Vec<(u32, f32)> {
        let rows = self.summaries.chunks_exact(self.dimension.max(1)).zip(&self.scales);
        let score = |(row, scale): (&[i8], &f32)| simd::dot(row, &query.numbers) as f32 * scale * query.scale;
        top((0..).zip(rows.map(score)).collect(), limit)
    }

    /// Cosines of the query with the entry's own rows.
    pub fn closeness(&self, number: u32, query: &Query) -> Closeness {
        let EntryVectors { rows, answer } = self.entries[number as usize].as_ref();
        let (answers, end) = (*answer as usize, rows.scales.len());
        let nearest = |from: usize, to: usize| {
            (from..to).map(|row| rows.dot(row, query)).fold(f32::NEG_INFINITY, f32::max)
        };
        let answer = rows.dot(answers, query);
        Closeness {
            question: rows.dot(1, query),
            nearest_phrasing: nearest(1, answers),
            answer,
            nearest_passage: if end > answers + 1 { nearest(answers + 1, end) } else { answer },
        }
    }
}

/// The `limit` best of `scored`, best first, ties by number.
pub(super) fn top(mut scored: Vec<(u32, f32)>, limit: usize) -> Vec<(u32, f32)> {
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

/// What of an entry is embedded, each text with its terms.
struct Texts<'a> {
    questions: Vec<(&'a str, &'a [String])>,
    /// The whole answer, then its passages if it is long.
    answers: Vec<(&'a str, &'a [String])>,
}

impl<'a> Texts<'a> {
    fn of(entry: &'a Entry, prepared: &'a Prepared) -> Self {
        let written = std::iter::once(&entry.question).chain(&entry.phrasings).map(String::as_str);
        let questions = written.zip(prepared.texts.iter().map(Vec::as_slice)).collect();
        let mut answers = vec![(entry.answer.as_str(), prepared.answer.as_slice())];
        if prepared.answer.len() > PASSAGE_TERMS * 3 / 2 {
            let passages = prepared.answer.chunks(PASSAGE_TERMS);
            answers.extend(cut(&entry.answer, passages.len()).zip(passages));
        }
        Self { questions, answers }
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

impl EntryVectors {
    /// Embeds entries together.
    ///
    /// # Errors
    /// When the embedder fails.
    pub(super) fn of(
        entries: &[&Entry],
        prepared: &[Prepared],
        embedder: &dyn Embedder,
    ) -> Result<Vec<Self>, EmbedError> {
        let texts: Vec<Texts<'_>> =
            entries.iter().zip(prepared).map(|(entry, prepared)| Texts::of(entry, prepared)).collect();
        let all: Vec<Text<'_>> = texts.iter().flat_map(Texts::all).collect();
        let mut vectors = embedder.embed_passages(&all)?.into_iter();
        let entry = |texts: &Texts<'_>| {
            let questions: Vec<Vec<f32>> = vectors.by_ref().take(texts.questions.len()).collect();
            let answers: Vec<Vec<f32>> = vectors.by_ref().take(texts.answers.len()).collect();
            Self::quantized(&questions, &answers, embedder.dimension())
        };
        Ok(texts.iter().map(entry).collect())
    }

    fn quantized(questions: &[Vec<f32>], answers: &[Vec<f32>], dimension: usize) -> Self {
        let mut summary = mean(questions, dimension);
        summary.iter_mut().zip(&answers[0]).for_each(|(sum, x)| *sum += x);
        let rows = Rows::quantized(std::iter::once(&summary).chain(questions).chain(answers));
        Self { rows, answer: 1 + questions.len() as u32 }
    }
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
        let mut index = VectorIndex::new(vectors[0].len());
        for vector in vectors {
            let zeros = vec![0.0; vector.len()];
            let entry = EntryVectors::quantized(std::slice::from_ref(vector), &[zeros], vector.len());
            index.push(Arc::new(entry));
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
