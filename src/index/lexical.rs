//! The lexical side of the index: BM25 over tantivy, one document per entry. The only user of `tantivy`.
//!
//! Terms come ready-made from the one Analyzer (as pre-tokenised text), so index and query cannot disagree about
//! tokenisation. Fields: `question`, `phrasings`, `keywords`, `answer`, `body` (all of them together, the strongest
//! single field), `grams` (character bigrams, the safety net when the dictionary splits a product term wrongly) and
//! `readings` (katakana trigrams of how it sounds, for kana-only questions and wrong conversions).
//!
//! A whole index is never written again. An amended one shares it, leaves out documents, and has a small index in memory
//! beside it; its statistics, and so its scores, are those of an index built anew.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use tantivy::directory::RamDirectory;
use tantivy::query::{
    Bm25StatisticsProvider, BooleanQuery, BoostQuery, EnableScoring, Occur, Query, TermQuery, Weight,
};
use tantivy::schema::{
    FAST, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{Index, IndexWriter, ReloadPolicy, Searcher, SingleSegmentIndexWriter, TantivyDocument, Term};

use super::vector::top;

/// What is indexed of one entry: index terms by field.
#[derive(Debug, Clone, Default)]
pub struct LexicalDocument {
    /// Terms of the question.
    pub question: Vec<String>,
    /// Terms of all phrasings.
    pub phrasings: Vec<String>,
    /// Terms of all keywords.
    pub keywords: Vec<String>,
    /// Terms of the answer.
    pub answer: Vec<String>,
    /// Character grams of everything.
    pub grams: Vec<String>,
    /// Reading grams of question, phrasings and keywords.
    pub readings: Vec<String>,
}

/// Names of the fields that queries may address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LexicalField {
    /// The question.
    Question,
    /// The phrasings.
    Phrasings,
    /// Question, phrasings, keywords and answer together.
    Body,
    /// Character grams.
    Grams,
    /// Reading grams.
    Readings,
}

/// One weighted term of a query; its BM25 contribution is multiplied by `weight`.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryTerm {
    /// Field to look in.
    pub field: LexicalField,
    /// Index term.
    pub term: String,
    /// Factor on its BM25 score.
    pub weight: f32,
}

/// The lexical index could not be built, opened or searched.
#[derive(Debug, thiserror::Error)]
#[error("lexical index: {0}")]
pub struct LexicalError(#[from] tantivy::TantivyError);

/// BM25 index.
pub struct LexicalIndex {
    fields: Fields,
    whole: Arc<Shelf>,
    /// What was changed since; `None` in a whole index.
    amendment: Option<Amendment>,
    totals: Totals,
}

/// Documents in one tantivy index.
struct Shelf {
    searcher: Searcher,
    /// By segment and document: its number.
    numbers: Vec<Vec<u32>>,
    totals: Totals,
}

/// What an amended index has beside the whole one.
struct Amendment {
    /// By number in the whole index: the number now, or [`GONE`].
    renumbered: Vec<u32>,
    /// Documents that are new.
    added: Shelf,
    /// In how many of the documents that are gone a term occurs.
    withdrawn: HashMap<Term, u64>,
}

/// Number of a document that is no longer there.
const GONE: u32 = u32::MAX;

/// Documents, and terms by field.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    documents: u64,
    terms: [u64; Fields::COUNT],
}

#[derive(Clone, Copy)]
struct Fields {
    number: Field,
    question: Field,
    phrasings: Field,
    keywords: Field,
    answer: Field,
    body: Field,
    grams: Field,
    readings: Field,
}

/// Memory for the writer of a whole index, bytes; tantivy's minimum is 15 MB.
const WRITER_MEMORY: usize = 32 << 20;
/// Memory that the writer of an amendment expects to need.
const AMENDMENT_MEMORY: usize = 4 << 20;

fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let number = builder.add_u64_field(NUMBER, NumericOptions::default() | FAST);
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("raw") // never runs: every value is pre-tokenised
        .set_index_option(IndexRecordOption::WithFreqs)
        .set_fieldnorms(true);
    let options = TextOptions::default().set_indexing_options(indexing);
    let mut text = |name: &str| builder.add_text_field(name, options.clone());
    let fields = Fields {
        number,
        question: text("question"),
        phrasings: text("phrasings"),
        keywords: text("keywords"),
        answer: text("answer"),
        body: text("body"),
        grams: text("grams"),
        readings: text("readings"),
    };
    (builder.build(), fields)
}

/// Name of the fast field that holds a document's number.
const NUMBER: &str = "number";

/// Writes a whole index, document by document.
pub struct LexicalWriter {
    fields: Fields,
    index: Index,
    writer: IndexWriter,
    documents: u64,
}

impl LexicalWriter {
    /// Begins an index in `folder` (must be empty) or, without one, in memory.
    ///
    /// # Errors
    /// When tantivy cannot write.
    pub fn new(folder: Option<&Path>) -> Result<Self, LexicalError> {
        let (schema, fields) = schema();
        let index = match folder {
            Some(folder) => Index::create_in_dir(folder, schema)?,
            None => Index::create_in_ram(schema),
        };
        // One thread, and one segment in the end: a search then reads one segment only.
        let writer = index.writer_with_num_threads(1, WRITER_MEMORY)?;
        Ok(Self { fields, index, writer, documents: 0 })
    }

    /// Adds a document under the next number.
    ///
    /// # Errors
    /// When tantivy cannot write.
    pub fn add(&mut self, document: &LexicalDocument) -> Result<(), LexicalError> {
        self.writer.add_document(self.fields.document(self.documents, document))?;
        self.documents += 1;
        Ok(())
    }

    /// Commits.
    ///
    /// # Errors
    /// When tantivy cannot write.
    pub fn finish(mut self) -> Result<LexicalIndex, LexicalError> {
        self.writer.commit()?;
        let segments = self.index.searchable_segment_ids()?;
        if segments.len() > 1 {
            self.writer.merge(&segments).wait()?;
        }
        self.writer.wait_merging_threads()?;
        LexicalIndex::whole(self.fields, &self.index)
    }
}

impl LexicalIndex {
    /// Opens the index in `folder`.
    ///
    /// # Errors
    /// When it is missing, truncated or of another schema.
    pub fn open(folder: &Path) -> Result<Self, LexicalError> {
        let (schema, fields) = schema();
        let index = Index::open_in_dir(folder)?;
        if index.schema() != schema {
            let message = "the index on disk has another schema".to_owned();
            return Err(LexicalError(tantivy::TantivyError::SchemaError(message)));
        }
        let damaged = index.validate_checksum()?;
        if let Some(file) = damaged.iter().next() {
            let message = format!("{} is damaged", file.display());
            return Err(LexicalError(tantivy::TantivyError::InternalError(message)));
        }
        Self::whole(fields, &index)
    }

    fn whole(fields: Fields, index: &Index) -> Result<Self, LexicalError> {
        let shelf = Shelf::of(fields, index)?;
        Ok(Self { fields, totals: shelf.totals, whole: Arc::new(shelf), amendment: None })
    }

    /// The index after a change. `renumbered` has, by number in the whole index, the number now, `None` for those that
    /// are gone; `gone` are what those were, in any order, `added` what is new with its numbers.
    ///
    /// # Errors
    /// When tantivy cannot write.
    pub fn amended(
        &self,
        renumbered: impl Iterator<Item = Option<u32>>,
        gone: impl Iterator<Item = LexicalDocument>,
        added: impl Iterator<Item = (u32, LexicalDocument)>,
    ) -> Result<Self, LexicalError> {
        let fields = self.fields;
        let mut totals = self.whole.totals;
        let mut withdrawn: HashMap<Term, u64> = HashMap::new();
        for document in gone {
            totals.documents -= 1;
            for (slot, (field, terms)) in fields.lists(&document).into_iter().enumerate() {
                totals.terms[slot] -= terms.len() as u64;
                for term in terms.into_iter().collect::<HashSet<_>>() {
                    *withdrawn.entry(Term::from_field_text(field, term)).or_default() += 1;
                }
            }
        }
        let builder = Index::builder().schema(schema().0);
        let mut writer: SingleSegmentIndexWriter =
            builder.single_segment_index_writer(RamDirectory::create(), AMENDMENT_MEMORY)?;
        for (number, document) in added {
            writer.add_document(fields.document(number.into(), &document))?;
        }
        let added = Shelf::of(fields, &writer.finalize()?)?;
        totals.documents += added.totals.documents;
        totals.terms.iter_mut().zip(added.totals.terms).for_each(|(sum, terms)| *sum += terms);
        let renumbered = renumbered.map(|number| number.unwrap_or(GONE)).collect();
        let amendment = Some(Amendment { renumbered, added, withdrawn });
        Ok(Self { fields, whole: Arc::clone(&self.whole), amendment, totals })
    }

    /// Number of documents.
    pub fn len(&self) -> usize {
        usize::try_from(self.totals.documents).expect("fits in memory")
    }

    /// Whether the index has no document.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `limit` best documents as (number, score), best first, ties by number.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn search(&self, terms: &[QueryTerm], limit: usize) -> Result<Vec<(u32, f32)>, LexicalError> {
        if terms.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let clauses = terms.iter().map(|term| (Occur::Should, self.fields.query(term))).collect();
        let scoring = EnableScoring::enabled_from_statistics_provider(self, &self.whole.searcher);
        let weight = BooleanQuery::new(clauses).weight(scoring)?;
        let mut scored: Vec<(u32, f32)> = Vec::new();
        // Every match is scored, each by the same sum in the same order: what is skipped, and so how a sum is rounded and
        // which of two equal documents is the last of `limit`, must not depend on how documents lie on shelves.
        self.whole.each(weight.as_ref(), &mut |number, score| {
            let number = self.amendment.as_ref().map_or(number, |made| made.renumbered[number as usize]);
            if number != GONE {
                scored.push((number, score));
            }
        })?;
        if let Some(made) = &self.amendment {
            made.added.each(weight.as_ref(), &mut |number, score| scored.push((number, score)))?;
        }
        Ok(top(scored, limit))
    }
}

impl Bm25StatisticsProvider for LexicalIndex {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        let slot = self.fields.text().iter().position(|own| *own == field);
        Ok(slot.map_or(0, |slot| self.totals.terms[slot]))
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.totals.documents)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        let whole = self.whole.searcher.doc_freq(term)?;
        let Some(made) = &self.amendment else { return Ok(whole) };
        Ok(whole + made.added.searcher.doc_freq(term)? - made.withdrawn.get(term).copied().unwrap_or(0))
    }
}

impl Shelf {
    fn of(fields: Fields, index: &Index) -> Result<Self, LexicalError> {
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let searcher = reader.searcher();
        let mut numbers = Vec::new();
        let mut totals = Totals::default();
        for segment in searcher.segment_readers() {
            let column = segment.fast_fields().u64(NUMBER)?;
            let number =
                |doc| column.first(doc).and_then(|number| u32::try_from(number).ok()).unwrap_or(GONE);
            numbers.push((0..segment.max_doc()).map(number).collect());
            totals.documents += u64::from(segment.max_doc());
            for (sum, field) in totals.terms.iter_mut().zip(fields.text()) {
                *sum += segment.inverted_index(field)?.total_num_tokens();
            }
        }
        Ok(Self { searcher, numbers, totals })
    }

    /// Visits every match with its number and score.
    fn each(&self, weight: &dyn Weight, visit: &mut dyn FnMut(u32, f32)) -> Result<(), LexicalError> {
        for (segment, numbers) in self.searcher.segment_readers().iter().zip(&self.numbers) {
            weight.for_each(segment, &mut |doc, score| visit(numbers[doc as usize], score))?;
        }
        Ok(())
    }
}

impl Fields {
    /// Number of text fields.
    const COUNT: usize = 7;

    /// The text fields.
    fn text(&self) -> [Field; Self::COUNT] {
        [self.question, self.phrasings, self.keywords, self.answer, self.body, self.grams, self.readings]
    }

    /// What of a document is indexed in each text field.
    fn lists<'a>(&self, document: &'a LexicalDocument) -> [(Field, Vec<&'a String>); Self::COUNT] {
        let LexicalDocument { question, phrasings, keywords, answer, grams, readings } = document;
        let kept = |parts: &[&'a Vec<String>]| {
            let terms = parts.iter().flat_map(|terms| terms.iter());
            terms.filter(|term| term.len() <= LONGEST_TERM).collect()
        };
        [
            (self.question, kept(&[question])),
            (self.phrasings, kept(&[phrasings])),
            (self.keywords, kept(&[keywords])),
            (self.answer, kept(&[answer])),
            (self.body, kept(&[question, phrasings, keywords, answer])),
            (self.grams, kept(&[grams])),
            (self.readings, kept(&[readings])),
        ]
    }

    fn document(&self, number: u64, document: &LexicalDocument) -> TantivyDocument {
        let mut out = TantivyDocument::new();
        out.add_u64(self.number, number);
        for (field, terms) in self.lists(document) {
            out.add_pre_tokenized_text(field, pre_tokenized(&terms));
        }
        out
    }

    fn query(&self, term: &QueryTerm) -> Box<dyn Query> {
        let field = match term.field {
            LexicalField::Question => self.question,
            LexicalField::Phrasings => self.phrasings,
            LexicalField::Body => self.body,
            LexicalField::Grams => self.grams,
            LexicalField::Readings => self.readings,
        };
        let query = TermQuery::new(Term::from_field_text(field, &term.term), IndexRecordOption::WithFreqs);
        Box::new(BoostQuery::new(Box::new(query), term.weight))
    }
}

/// Longest term kept, bytes; tantivy panics beyond 65,530.
const LONGEST_TERM: usize = 1_000;

fn pre_tokenized(terms: &[&String]) -> PreTokenizedString {
    let token = |(position, term): (usize, &&String)| Token {
        offset_from: 0,
        offset_to: 0,
        position,
        text: (*term).clone(),
        position_length: 1,
    };
    PreTokenizedString { text: String::new(), tokens: terms.iter().enumerate().map(token).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn document(question: &str, answer: &str) -> LexicalDocument {
        LexicalDocument { question: words(question), answer: words(answer), ..Default::default() }
    }

    fn built(documents: &[LexicalDocument]) -> LexicalIndex {
        let mut writer = LexicalWriter::new(None).expect("in memory");
        documents.iter().for_each(|document| writer.add(document).expect("in memory"));
        writer.finish().expect("in memory")
    }

    fn body(term: &str) -> QueryTerm {
        QueryTerm { field: LexicalField::Body, term: term.into(), weight: 1.0 }
    }

    #[test]
    fn the_rarer_term_decides_and_ties_keep_document_order() {
        let documents =
            [document("出金 手数料", "440 円"), document("出金 時間", "翌日"), document("入金 時間", "翌日")];
        let index = built(&documents);
        let hits = index.search(&[body("出金"), body("手数料")], 10).expect("searched");
        assert_eq!(hits.iter().map(|hit| hit.0).collect::<Vec<_>>(), [0, 1]);
        let ties = index.search(&[body("翌日")], 10).expect("searched");
        assert_eq!(ties.iter().map(|hit| hit.0).collect::<Vec<_>>(), [1, 2]);
        assert!(index.search(&[body("無い")], 10).expect("searched").is_empty());
    }

    #[test]
    fn weight_scales_the_score_and_a_huge_term_is_harmless() {
        let huge = document(&"x".repeat(70_000), "出金");
        let index = built(&[huge, document("入金", "")]);
        let score = |weight| {
            let term = QueryTerm { weight, ..body("出金") };
            index.search(&[term], 1).expect("searched")[0].1
        };
        assert!((score(2.0) - 2.0 * score(1.0)).abs() < 1e-5);
    }

    proptest! {
        /// Whatever is left out and added, in whatever order: scores are those of an index built of what is left.
        #[test]
        fn an_amended_index_scores_as_one_built_anew(
            before in prop::collection::vec("[a-d]( [a-f]){0,6}", 1..12),
            kept in prop::collection::vec(any::<bool>(), 12),
            added in prop::collection::vec("[a-d]( [a-f]){0,6}", 0..5),
            behind in any::<bool>(),
            limit in 1_usize..9,
        ) {
            let documents = |texts: &[String]| -> Vec<LexicalDocument> {
                texts.iter().map(|text| document(&text[..1], text)).collect()
            };
            let stays = |i: usize| kept[i];
            let left: Vec<String> = (0..before.len()).filter(|&i| stays(i)).map(|i| before[i].clone()).collect();
            let gone: Vec<String> = (0..before.len()).filter(|&i| !stays(i)).map(|i| before[i].clone()).collect();
            // New ones come before or behind those that stay.
            let (first_kept, first_added) = if behind { (0, left.len()) } else { (added.len(), 0) };
            let mut next = first_kept as u32;
            let renumbered = (0..before.len()).map(|i| stays(i).then(|| { next += 1; next - 1 }));
            let new = documents(&added).into_iter().enumerate().map(|(i, d)| ((first_added + i) as u32, d));
            let amended = built(&documents(&before))
                .amended(renumbered, documents(&gone).into_iter(), new)
                .expect("in memory");
            let now = if behind { [left, added].concat() } else { [added, left].concat() };
            let anew = built(&documents(&now));
            prop_assert_eq!(amended.len(), anew.len());
            let query: Vec<QueryTerm> = ["a", "b", "e", "f", "z"].into_iter().flat_map(|term| {
                [body(term), QueryTerm { field: LexicalField::Question, weight: 0.3, ..body(term) }]
            }).collect();
            prop_assert_eq!(
                amended.search(&query, limit).expect("searched"),
                anew.search(&query, limit).expect("searched")
            );
        }
    }
}
