//! Features of a candidate: what the ranker and the confidence step look at. All are computed from the forward index and
//! the vectors, so they mean the same whichever retriever found the candidate.

use super::retrieve::{Found, Retrieved};
use super::smalltalk::dice;
use super::understand::{AskedTerm, Question};
use crate::index::Index;
use crate::index::documents::{Document, Documents, TermId};
use crate::index::vector::Query;

/// Number of features.
pub const COUNT: usize = 26;

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
    "adjacent",          // share of adjacent term pairs of the question that are adjacent in the entry
    "grams",             // Dice coefficient of character grams with the best question or phrasing
    "cosine_question",   // with the question
    "cosine_phrasing",   // with the closest of question and phrasings
    "cosine_answer",     // with the answer
    "cosine_passage",    // with the closest passage of the answer
    "asked_terms",       // ln(1 + distinct terms of the question)
    "answer_length",     // ln(1 + terms of the answer)
    "same_language",     // entry and question in one language
    "readings",          // Dice coefficient of reading grams with the best question or phrasing
    "window",            // coverage by the best stretch of 30 terms of the answer, or the best phrasing
    "lexical_score",     // the retriever's BM25 as it is; 0 when it did not find the entry
    "dense_score",       // summary score as it is; likewise
];

/// Positions in [`NAMES`] that other steps read by name.
pub mod at {
    #![expect(missing_docs, reason = "the names say it all")]
    pub const LEXICAL_SHARE: usize = 0;
    pub const DENSE_SHARE: usize = 1;
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
    pub const READINGS: usize = 22;
    pub const WINDOW: usize = 23;
}

/// One candidate's features, in the order of [`NAMES`].
pub type Features = [f32; COUNT];

/// Terms of a stretch of an answer.
const WINDOW: usize = 30;

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
}

impl<'a> FeatureSource<'a> {
    /// For the candidates of `retrieved`.
    pub fn new(
        question: &'a Question,
        vector: Option<&'a Query>,
        index: &'a Index,
        retrieved: &'a Retrieved,
    ) -> Self {
        let total_idf = question.asked.iter().map(mass).sum::<f32>().max(f32::MIN_POSITIVE);
        let unknown = |asked: &&AskedTerm| asked.id.is_none() && asked.alternatives.is_empty();
        let unknown_share = question.asked.iter().filter(unknown).map(mass).sum::<f32>() / total_idf;
        let known = question.asked.iter().enumerate().filter(|(_, asked)| !unknown(asked));
        let rarest = known.max_by(|a, b| mass(a.1).total_cmp(&mass(b.1))).map(|(i, _)| i);
        Self { question, vector, index, retrieved, total_idf, unknown_share, rarest }
    }

    /// Features of one candidate.
    pub fn of(&self, found: &Found) -> Features {
        let documents = &self.index.documents;
        let document = documents.get(found.number);
        let closeness = match (&self.index.vectors, self.vector) {
            (Some(vectors), Some(vector)) => vectors.closeness(found.number, vector),
            _ => Default::default(),
        };
        let fields = Fields::of(document);
        let holds = |list: &[TermId], asked: &AskedTerm| asked.holds(|id| list.binary_search(&id).is_ok());
        let coverage = |list: &[TermId]| {
            self.question.asked.iter().filter(|asked| holds(list, asked)).map(mass).sum::<f32>()
                / self.total_idf
        };
        let (phrasing_coverage, exactness) = self.best_phrasing(document, documents);
        let grams =
            document.grams.iter().map(|grams| dice(grams, &self.question.gram_hashes)).fold(0.0, f32::max);
        let share = |score: Option<(f32, u32)>, best: f32| {
            score.map_or(0.0, |(s, _)| s / best.max(f32::MIN_POSITIVE))
        };
        let rank = |score: Option<(f32, u32)>| score.map_or(0.0, |(_, rank)| 1.0 / rank as f32);
        [
            share(found.lexical, self.retrieved.best_lexical),
            share(found.dense, self.retrieved.best_dense),
            rank(found.lexical),
            rank(found.dense),
            self.bm25(&fields.body, documents.average_body()),
            self.bm25(&fields.question, documents.average_question()),
            self.bm25(&fields.answer, (documents.average_body() - documents.average_question()).max(1.0)),
            coverage(&fields.body),
            coverage(&fields.title),
            phrasing_coverage,
            exactness,
            self.rarest.map_or(0.0, |i| f32::from(holds(&fields.body, &self.question.asked[i]))),
            self.unknown_share,
            self.adjacent(document),
            grams,
            closeness.question,
            closeness.nearest_phrasing,
            closeness.answer,
            closeness.nearest_passage,
            (1.0 + self.question.asked.len() as f32).ln(),
            (1.0 + document.answer.len() as f32).ln(),
            f32::from(document.english == (self.question.language == crate::kb::Language::En)),
            document
                .readings
                .iter()
                .map(|grams| dice(grams, &self.question.reading_hashes))
                .fold(0.0, f32::max),
            self.best_window(document).max(phrasing_coverage),
            found.lexical.map_or(0.0, |(score, _)| score),
            found.dense.map_or(0.0, |(score, _)| score),
        ]
    }

    /// The question's terms (as typed) that the document holds, for the Trace.
    pub fn matched(&self, number: u32) -> Vec<String> {
        let fields = Fields::of(self.index.documents.get(number));
        let held = |asked: &&AskedTerm| asked.holds(|id| fields.body.binary_search(&id).is_ok());
        self.question.asked.iter().filter(held).map(|asked| asked.term.clone()).collect()
    }

    /// BM25 (Robertson and Zaragoza 2009) over a sorted term list, divided by the most the question can reach.
    fn bm25(&self, sorted: &[TermId], average: f32) -> f32 {
        let length = sorted.len() as f32 / average.max(1.0);
        let score: f32 = self
            .question
            .asked
            .iter()
            .filter_map(|asked| asked.id.map(|id| (asked, id)))
            .map(|(asked, id)| {
                let tf = count(sorted, id) as f32;
                mass(asked) * tf * (K1 + 1.0) / (tf + K1 * (1.0 - B + B * length))
            })
            .sum();
        score / (self.total_idf * (K1 + 1.0))
    }

    /// Coverage of the question by the best single question or phrasing, and how much of that one the question holds.
    fn best_phrasing(&self, document: &Document, documents: &Documents) -> (f32, f32) {
        let asked = &self.question.asked;
        std::iter::once(&document.question)
            .chain(&document.phrasings)
            .map(|phrasing| {
                let mut list = phrasing.clone();
                list.sort_unstable();
                list.dedup();
                let held = |asked: &&AskedTerm| asked.holds(|id| list.binary_search(&id).is_ok());
                let covered = asked.iter().filter(held).map(mass).sum::<f32>() / self.total_idf;
                let total: f32 = list.iter().map(|id| documents.idf(Some(*id))).sum();
                let said = |id: &&TermId| {
                    asked.iter().any(|a| a.id == Some(**id) || a.alternatives.iter().any(|w| w.contains(id)))
                };
                let shared: f32 = list.iter().filter(said).map(|id| documents.idf(Some(*id))).sum();
                (covered, if total > 0.0 { shared / total } else { 0.0 })
            })
            .max_by(|a, b| (a.0 * (1.0 + a.1)).total_cmp(&(b.0 * (1.0 + b.1))))
            .unwrap_or_default()
    }

    /// Coverage of the question by the best stretch of [`WINDOW`] terms of the answer: terms that stand together say more
    /// than the same terms spread over a long text.
    fn best_window(&self, document: &Document) -> f32 {
        let asked = &self.question.asked;
        // Which asked terms each position of the answer holds, as a bit set; a question has few terms.
        let hits: Vec<(usize, u64)> = document
            .answer
            .iter()
            .enumerate()
            .filter_map(|(i, id)| {
                let bits = asked.iter().take(64).enumerate().filter(|(_, a)| a.holds(|own| own == *id));
                let set = bits.fold(0_u64, |set, (bit, _)| set | 1 << bit);
                (set != 0).then_some((i, set))
            })
            .collect();
        let mut best = 0.0_f32;
        for (start, (from, _)) in hits.iter().enumerate() {
            let inside = hits[start..].iter().take_while(|(at, _)| at - from < WINDOW);
            let set = inside.fold(0_u64, |set, (_, bits)| set | bits);
            let held: f32 = (0..asked.len().min(64))
                .filter(|bit| set & (1 << bit) != 0)
                .map(|bit| mass(&asked[bit]))
                .sum();
            best = best.max(held);
        }
        best / self.total_idf
    }

    fn adjacent(&self, document: &Document) -> f32 {
        let asked = &self.question.asked;
        let pairs: Vec<(TermId, TermId)> =
            asked.windows(2).filter_map(|pair| Some((pair[0].id?, pair[1].id?))).collect();
        if pairs.is_empty() {
            return 0.0;
        }
        let stretches =
            document.phrasings.iter().chain([&document.question, &document.answer]).collect::<Vec<_>>();
        let held = |pair: &&(TermId, TermId)| {
            stretches.iter().any(|list| list.windows(2).any(|w| (w[0], w[1]) == **pair))
        };
        pairs.iter().filter(held).count() as f32 / pairs.len() as f32
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

/// What a term counts for: its idf, less when it comes from the conversation.
fn mass(asked: &AskedTerm) -> f32 {
    asked.idf * asked.weight
}

fn count(sorted: &[TermId], id: TermId) -> usize {
    let start = sorted.partition_point(|&x| x < id);
    sorted[start..].iter().take_while(|&&x| x == id).count()
}

/// Sorted term lists of a document.
struct Fields {
    question: Vec<TermId>,
    title: Vec<TermId>,
    answer: Vec<TermId>,
    body: Vec<TermId>,
}

impl Fields {
    fn of(document: &Document) -> Self {
        let sorted = |terms: &mut dyn Iterator<Item = TermId>| {
            let mut list: Vec<TermId> = terms.collect();
            list.sort_unstable();
            list
        };
        Self {
            question: sorted(&mut document.question.iter().chain(&document.keywords).copied()),
            title: sorted(&mut document.title_terms()),
            answer: sorted(&mut document.answer.iter().copied()),
            body: sorted(&mut document.body_terms()),
        }
    }
}
