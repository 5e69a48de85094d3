//! Features of a candidate: what the ranker and the confidence step look at. All are computed from the forward index and
//! the vectors, so they mean the same whichever retriever found the candidate.

use super::retrieve::{Found, Retrieved};
use super::understand::{AskedTerm, Question};
use crate::index::Index;
use crate::index::documents::{Document, TermId, count};
use crate::index::vector::Query;
use crate::text::dice;

/// Number of features.
pub const COUNT: usize = 27;

/// Names, in order; the model file names them too and a mismatch is refused.
pub const NAMES: [&str; COUNT] = [
    "lexical_share",     // retriever's BM25 / the best candidate's
    "dense_share",       // summary score / the best candidate's
    "lexical_rank",      // 1 / rank
    "dense_rank",        // 1 / rank
    "bm25_body",         // BM25 over all text / the most this question can reach
    "bm25_question",     // BM25 over question and keywords / the most
    "bm25_answer",       // BM25 over the answer / the most
    "coverage_body",     // idf share of the question's terms that the entry holds, synonyms counted
    "coverage_title",    // … that question, phrasings and keywords hold
    "coverage_phrasing", // … that the best single question or phrasing holds
    "exactness",         // idf share of that phrasing's terms that the question holds
    "rarest_matched",    // whether the entry holds the question's rarest term
    "unknown_share",     // idf share of the question's terms that no entry holds
    "adjacent",          // idf share of adjacent term pairs of the question that are adjacent in the entry
    "grams",             // Dice coefficient of character grams with the best question or phrasing
    "cosine_question",   // with the question
    "cosine_phrasing",   // with the closest of question and phrasings
    "cosine_answer",     // with the answer
    "cosine_passage",    // with the closest passage of the answer
    "asked_terms",       // ln(1 + distinct terms of the question)
    "answer_length",     // ln(1 + terms of the answer)
    "same_language",     // entry and question in one language
    "readings",          // Dice coefficient of reading grams with the best question or phrasing
    "window", // coverage by the best stretch of 30 terms of the answer, phrasing, or question and keywords
    "lexical_score", // the retriever's BM25 as it is; 0 when it did not find the entry
    "dense_score", // summary score as it is; likewise
    "phrase", // as window, by the best stretch of 6 terms of question or answer: words that stand as they were asked
];

/// Positions in [`NAMES`] that other steps read by name.
pub mod at {
    #![expect(missing_docs, reason = "the names say it all")]
    pub const LEXICAL_SHARE: usize = 0;
    pub const DENSE_SHARE: usize = 1;
    pub const LEXICAL_RANK: usize = 2;
    pub const DENSE_RANK: usize = 3;
    pub const BM25_BODY: usize = 4;
    pub const COVERAGE_BODY: usize = 7;
    pub const COVERAGE_TITLE: usize = 8;
    pub const COVERAGE_PHRASING: usize = 9;
    pub const EXACTNESS: usize = 10;
    pub const UNKNOWN_SHARE: usize = 12;
    pub const GRAMS: usize = 14;
    pub const COSINE_QUESTION: usize = 15;
    pub const COSINE_PHRASING: usize = 16;
    pub const COSINE_ANSWER: usize = 17;
    pub const COSINE_PASSAGE: usize = 18;
    pub const ANSWER_LENGTH: usize = 20;
    pub const SAME_LANGUAGE: usize = 21;
    pub const READINGS: usize = 22;
    pub const WINDOW: usize = 23;
    pub const LEXICAL_SCORE: usize = 24;
    pub const DENSE_SCORE: usize = 25;
}

/// Positions of the features that say where a candidate stands among a desk's others, how long its texts are or which
/// language they are in: what they are worth on one desk says little about another.
pub const RELATIVE: [usize; 6] = [
    at::LEXICAL_SHARE,
    at::DENSE_SHARE,
    at::LEXICAL_RANK,
    at::DENSE_RANK,
    at::ANSWER_LENGTH,
    at::SAME_LANGUAGE,
];

/// One candidate's features, in the order of [`NAMES`].
pub type Features = [f32; COUNT];

/// Terms of a stretch of an answer.
const WINDOW: usize = 30;
/// Terms of a stretch in which words stand together as in a phrase.
const PHRASE: usize = 6;

/// BM25's saturation and length parameters, tantivy's own values.
const K1: f32 = 1.2;
const B: f32 = 0.75;

/// Computes the features of all candidates of one question.
pub struct FeatureSource<'a> {
    question: &'a Question,
    vector: Option<&'a Query>,
    index: &'a Index,
    retrieved: &'a Retrieved,
    total_idf: f32,
    unknown_share: f32,
    rarest: Option<usize>,
    /// Terms of the question and of its other wordings, sorted.
    said: Vec<TermId>,
    /// Which of the question's first 64 terms a single term stands for, as a bit set; sorted by term.
    bits: Vec<(TermId, u64)>,
}

impl<'a> FeatureSource<'a> {
    /// For the candidates of `retrieved`.
    pub fn new(
        question: &'a Question,
        vector: Option<&'a Query>,
        index: &'a Index,
        retrieved: &'a Retrieved,
    ) -> Self {
        let total_idf = question.asked.iter().map(|asked| asked.idf).sum::<f32>().max(f32::MIN_POSITIVE);
        let unknown = |asked: &&AskedTerm| asked.id.is_none() && asked.alternatives.is_empty();
        let unknown_share =
            question.asked.iter().filter(unknown).map(|asked| asked.idf).sum::<f32>() / total_idf;
        let known = question.asked.iter().enumerate().filter(|(_, asked)| !unknown(asked));
        let rarest = known.max_by(|a, b| a.1.idf.total_cmp(&b.1.idf)).map(|(i, _)| i);
        let (said, bits) = (said(&question.asked), bits(&question.asked));
        Self { question, vector, index, retrieved, total_idf, unknown_share, rarest, said, bits }
    }

    /// Features of one candidate.
    pub fn of(&self, found: &Found) -> Features {
        let documents = &self.index.documents;
        let document = documents.get(found.number);
        let closeness = match (&self.index.vectors, self.vector) {
            (Some(vectors), Some(vector)) => vectors.closeness(found.number, vector),
            _ => Default::default(),
        };
        let in_title = |id: TermId| document.sorted_title().binary_search(&id).is_ok();
        let (about, answer) = (document.sorted_question(), document.sorted_answer());
        let (phrasing_coverage, exactness) = self.best_phrasing(document);
        let grams = document.grams().map(|grams| dice(grams, &self.question.gram_hashes)).fold(0.0, f32::max);
        let in_answer = self.hits(document.answer());
        let share = |score: Option<(f32, u32)>, best: f32| {
            score.map_or(0.0, |(s, _)| s / best.max(f32::MIN_POSITIVE))
        };
        let rank = |score: Option<(f32, u32)>| score.map_or(0.0, |(_, rank)| 1.0 / rank as f32);
        [
            share(found.lexical, self.retrieved.best_lexical),
            share(found.dense, self.retrieved.best_dense),
            rank(found.lexical),
            rank(found.dense),
            self.bm25(|id| document.count(id), document.body_len(), documents.average_body()),
            self.bm25(|id| count(about, id), about.len(), documents.average_question()),
            self.bm25(
                |id| count(answer, id),
                answer.len(),
                documents.average_body() - documents.average_question(),
            ),
            self.coverage(|id| document.holds(id)),
            self.coverage(in_title),
            phrasing_coverage,
            exactness,
            self.rarest.map_or(0.0, |i| f32::from(self.question.asked[i].holds(|id| document.holds(id)))),
            self.unknown_share,
            self.adjacent(document),
            grams,
            closeness.question,
            closeness.nearest_phrasing,
            closeness.answer,
            closeness.nearest_passage,
            (1.0 + self.question.asked.len() as f32).ln(),
            (1.0 + answer.len() as f32).ln(),
            f32::from(document.english == (self.question.language == crate::kb::Language::En)),
            document.readings().map(|grams| dice(grams, &self.question.reading_hashes)).fold(0.0, f32::max),
            self.densest(&in_answer, WINDOW)
                .max(phrasing_coverage)
                .max(self.coverage(|id| about.binary_search(&id).is_ok())),
            found.lexical.map_or(0.0, |(score, _)| score),
            found.dense.map_or(0.0, |(score, _)| score),
            self.densest(&in_answer, PHRASE)
                .max(self.densest(&self.hits(document.question()), PHRASE))
                .max(phrasing_coverage),
        ]
    }

    /// The question's terms (as typed) that the document holds, for the Trace.
    pub fn matched(&self, number: u32) -> Vec<String> {
        let document = self.index.documents.get(number);
        let held = |asked: &&AskedTerm| asked.holds(|id| document.holds(id));
        self.question.asked.iter().filter(held).map(|asked| asked.term.clone()).collect()
    }

    /// Share of the question that a list that `has` a term covers, by idf.
    fn coverage(&self, has: impl Fn(TermId) -> bool) -> f32 {
        let held = self.question.asked.iter().filter(|asked| asked.holds(&has));
        held.map(|asked| asked.idf).sum::<f32>() / self.total_idf
    }

    /// BM25 (Robertson and Zaragoza 2009) over a list of `length` terms with these counts, divided by the most the
    /// question can reach.
    fn bm25(&self, count: impl Fn(TermId) -> usize, length: usize, average: f32) -> f32 {
        let length = length as f32 / average.max(1.0);
        let score: f32 = self
            .question
            .asked
            .iter()
            .filter_map(|asked| asked.id.map(|id| (asked, id)))
            .map(|(asked, id)| {
                let tf = count(id) as f32;
                asked.idf * tf * (K1 + 1.0) / (tf + K1 * (1.0 - B + B * length))
            })
            .sum();
        score / (self.total_idf * (K1 + 1.0))
    }

    /// Coverage of the question by the best single question or phrasing, and how much of that one the question holds.
    fn best_phrasing(&self, document: &Document) -> (f32, f32) {
        let documents = &self.index.documents;
        let idf = |id: &TermId| documents.idf(Some(*id));
        document
            .distinct()
            .map(|list| {
                let covered = self.coverage(|id| list.binary_search(&id).is_ok());
                let said = self.said.iter().filter(|id| list.binary_search(id).is_ok());
                let shared: f32 = said.map(idf).sum();
                let total: f32 = list.iter().map(idf).sum();
                (covered, if total > 0.0 { shared / total } else { 0.0 })
            })
            .max_by(|a, b| (a.0 * (1.0 + a.1)).total_cmp(&(b.0 * (1.0 + b.1))))
            .unwrap_or_default()
    }

    /// Where `list` holds asked terms, and which ones, as a bit set.
    fn hits(&self, list: &[TermId]) -> Vec<(usize, u64)> {
        let known = |id: &TermId| self.bits.binary_search_by_key(id, |(own, _)| *own).ok();
        list.iter().enumerate().filter_map(|(i, id)| known(id).map(|slot| (i, self.bits[slot].1))).collect()
    }

    /// Coverage of the question by the best stretch of `width` terms: terms that stand together say more than the same
    /// terms spread over a long text.
    fn densest(&self, hits: &[(usize, u64)], width: usize) -> f32 {
        let asked = &self.question.asked;
        let mut best = 0.0_f32;
        for (start, (from, _)) in hits.iter().enumerate() {
            let inside = hits[start..].iter().take_while(|(at, _)| at - from < width);
            let set = inside.fold(0_u64, |set, (_, bits)| set | bits);
            let held: f32 =
                (0..asked.len().min(64)).filter(|bit| set & (1 << bit) != 0).map(|bit| asked[bit].idf).sum();
            best = best.max(held);
        }
        best / self.total_idf
    }

    /// Share of the question's adjacent term pairs, by idf, that are adjacent in the entry too.
    fn adjacent(&self, document: &Document) -> f32 {
        let stretches = || document.texts().chain([document.answer()]);
        let held = |pair: (TermId, TermId)| {
            let both = document.holds(pair.0) && document.holds(pair.1);
            both && stretches().any(|list| list.windows(2).any(|w| (w[0], w[1]) == pair))
        };
        let (mut together, mut all) = (0.0, 0.0);
        for pair in self.question.asked.windows(2) {
            let weight = pair[0].idf + pair[1].idf;
            all += weight;
            if let (Some(a), Some(b)) = (pair[0].id, pair[1].id)
                && held((a, b))
            {
                together += weight;
            }
        }
        if all > 0.0 { together / all } else { 0.0 }
    }
}

impl AskedTerm {
    /// Whether a list that `has` a term holds this term or, whole, one of its other wordings.
    pub fn holds(&self, has: impl Fn(TermId) -> bool) -> bool {
        self.id.is_some_and(&has)
            || self
                .alternatives
                .iter()
                .any(|wording| !wording.is_empty() && wording.iter().all(|id| has(*id)))
    }
}

/// Terms of the question and of its other wordings, sorted.
fn said(asked: &[AskedTerm]) -> Vec<TermId> {
    let own = asked.iter().filter_map(|asked| asked.id);
    let others = asked.iter().flat_map(|asked| asked.alternatives.iter().flatten().copied());
    let mut said: Vec<TermId> = own.chain(others).collect();
    said.sort_unstable();
    said.dedup();
    said
}

/// Which of the first 64 terms each single term stands for.
fn bits(asked: &[AskedTerm]) -> Vec<(TermId, u64)> {
    let mut bits = std::collections::BTreeMap::new();
    for (bit, asked) in asked.iter().take(64).enumerate() {
        let single = asked.alternatives.iter().filter(|wording| wording.len() == 1).map(|wording| wording[0]);
        for id in asked.id.into_iter().chain(single) {
            *bits.entry(id).or_insert(0) |= 1_u64 << bit;
        }
    }
    bits.into_iter().collect()
}
