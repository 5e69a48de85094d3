//! The lexical side of the index: BM25 over tantivy, one document per entry. The only user of `tantivy`.
//!
//! Terms come ready-made from the one Analyzer (as pre-tokenised text), so index and query cannot disagree about
//! tokenisation. Fields: `question`, `phrasings`, `keywords`, `answer`, `body` (all of them together, the strongest
//! single field), `grams` (character bigrams, the safety net when the dictionary splits a product term wrongly) and
//! `readings` (katakana trigrams of how it sounds, for kana-only questions and wrong conversions).

use std::path::Path;

use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::{
    FAST, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument, Term};

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

/// BM25 index; documents are numbered as they were added.
pub struct LexicalIndex {
    reader: IndexReader,
    fields: Fields,
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

/// Memory for the writer, bytes; tantivy's minimum is 15 MB.
const WRITER_MEMORY: usize = 64 << 20;

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

impl LexicalIndex {
    /// Builds the index in `folder` (must be empty) or, without one, in memory. Commits before it returns.
    ///
    /// # Errors
    /// When tantivy cannot write.
    pub fn build(folder: Option<&Path>, documents: &[LexicalDocument]) -> Result<Self, LexicalError> {
        let (schema, fields) = schema();
        let index = match folder {
            Some(folder) => Index::create_in_dir(folder, schema)?,
            None => Index::create_in_ram(schema),
        };
        // One thread, one segment: documents keep their order and a search reads one segment only.
        let mut writer: IndexWriter = index.writer_with_num_threads(1, WRITER_MEMORY)?;
        for (number, document) in documents.iter().enumerate() {
            writer.add_document(fields.document(number, document))?;
        }
        writer.commit()?;
        let segments = index.searchable_segment_ids()?;
        if segments.len() > 1 {
            writer.merge(&segments).wait()?;
        }
        writer.wait_merging_threads()?;
        Self::with(index, fields)
    }

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
        Self::with(index, fields)
    }

    fn with(index: Index, fields: Fields) -> Result<Self, LexicalError> {
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        Ok(Self { reader, fields })
    }

    /// Number of documents.
    pub fn len(&self) -> usize {
        usize::try_from(self.reader.searcher().num_docs()).expect("fits in memory")
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
        let searcher = self.reader.searcher();
        let found =
            searcher.search(&BooleanQuery::new(clauses), &TopDocs::with_limit(limit).order_by_score())?;
        let mut hits = Vec::with_capacity(found.len());
        for (score, address) in found {
            let numbers = searcher.segment_reader(address.segment_ord).fast_fields().u64(NUMBER)?;
            let number = numbers.first(address.doc_id).unwrap_or_default();
            hits.push((u32::try_from(number).expect("numbered by usize below 2^32"), score));
        }
        hits.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        Ok(hits)
    }
}

impl Fields {
    fn document(&self, number: usize, document: &LexicalDocument) -> TantivyDocument {
        let mut out = TantivyDocument::new();
        out.add_u64(self.number, number as u64);
        let parts = [
            (self.question, &document.question),
            (self.phrasings, &document.phrasings),
            (self.keywords, &document.keywords),
            (self.answer, &document.answer),
        ];
        for (field, terms) in parts {
            out.add_pre_tokenized_text(field, pre_tokenized(terms.iter()));
        }
        let body = parts.iter().flat_map(|(_, terms)| terms.iter());
        out.add_pre_tokenized_text(self.body, pre_tokenized(body));
        out.add_pre_tokenized_text(self.grams, pre_tokenized(document.grams.iter()));
        out.add_pre_tokenized_text(self.readings, pre_tokenized(document.readings.iter()));
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

fn pre_tokenized<'a>(terms: impl Iterator<Item = &'a String>) -> PreTokenizedString {
    let tokens = terms
        .filter(|term| term.len() <= LONGEST_TERM)
        .enumerate()
        .map(|(position, term)| Token {
            offset_from: 0,
            offset_to: 0,
            position,
            text: term.clone(),
            position_length: 1,
        })
        .collect();
    PreTokenizedString { text: String::new(), tokens }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn document(question: &str, answer: &str) -> LexicalDocument {
        LexicalDocument { question: words(question), answer: words(answer), ..Default::default() }
    }

    fn body(term: &str) -> QueryTerm {
        QueryTerm { field: LexicalField::Body, term: term.into(), weight: 1.0 }
    }

    #[test]
    fn the_rarer_term_decides_and_ties_keep_document_order() {
        let documents =
            [document("出金 手数料", "440 円"), document("出金 時間", "翌日"), document("入金 時間", "翌日")];
        let index = LexicalIndex::build(None, &documents).expect("built in memory");
        let hits = index.search(&[body("出金"), body("手数料")], 10).expect("searched");
        assert_eq!(hits.iter().map(|hit| hit.0).collect::<Vec<_>>(), [0, 1]);
        let ties = index.search(&[body("翌日")], 10).expect("searched");
        assert_eq!(ties.iter().map(|hit| hit.0).collect::<Vec<_>>(), [1, 2]);
        assert!(index.search(&[body("無い")], 10).expect("searched").is_empty());
    }

    #[test]
    fn weight_scales_the_score_and_a_huge_term_is_harmless() {
        let huge = document(&"x".repeat(70_000), "出金");
        let index = LexicalIndex::build(None, &[huge, document("入金", "")]).expect("built in memory");
        let score = |weight| {
            let term = QueryTerm { weight, ..body("出金") };
            index.search(&[term], 1).expect("searched")[0].1
        };
        assert!((score(2.0) - 2.0 * score(1.0)).abs() < 1e-5);
    }
}
