//! A retrieval dataset: documents, queries and graded judgements, read from a BEIR folder. Owns the format; knows
//! nothing of retrievers or metrics.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use anyhow::bail;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::rows::{Skipped, parse_json, read_lines};
use super::trec::read_topics;

/// A document. In a FAQ set the title is the question and the text the answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document {
    /// Unique id.
    pub id: String,
    /// Title; may be empty.
    pub title: String,
    /// Body.
    pub text: String,
}

/// A query with judgements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Unique id.
    pub id: String,
    /// What was asked.
    pub text: String,
}

/// Judgements of one query: document id → grade. Above 0 is relevant, 0 and below judged not relevant; unjudged
/// documents count as not relevant.
pub type Judgements = BTreeMap<String, i32>;

/// Judgements by query id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Qrels(pub BTreeMap<String, Judgements>);

impl Qrels {
    /// Judgements of `query`; `None` when it has none.
    pub fn of(&self, query: &str) -> Option<&Judgements> {
        self.0.get(query)
    }
}

/// Documents, the queries that have judgements, and these.
#[derive(Debug, Clone, Default)]
pub struct Dataset {
    /// Name of the folder.
    pub name: String,
    /// Which judgements were read, such as `test`.
    pub split: String,
    /// Documents in file order.
    pub documents: Vec<Document>,
    /// Judged queries in file order.
    pub queries: Vec<Query>,
    /// Judgements.
    pub qrels: Qrels,
    /// Queries of the file that `qrels` says nothing about, left out.
    pub unjudged_queries: usize,
    /// Rows that could not be used.
    pub skipped: Skipped,
    /// SHA-256 (hex) over the bytes of the three files.
    pub hash: String,
}

#[derive(Deserialize)]
struct CorpusLine {
    #[serde(rename = "_id", alias = "id")]
    id: Id,
    #[serde(default)]
    title: Option<String>,
    text: String,
}

#[derive(Deserialize)]
struct QueryLine {
    #[serde(rename = "_id", alias = "id")]
    id: Id,
    text: String,
}

/// An id as people write it, text or number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Text(String),
    Number(u64),
}

impl Id {
    /// The id as text; TREC files separate by white space, so it must have none.
    fn checked(self) -> Result<String, String> {
        let id = match self {
            Id::Text(id) => id,
            Id::Number(id) => id.to_string(),
        };
        if id.is_empty() || id.contains(char::is_whitespace) {
            return Err(format!("id {id:?} is empty or has white space"));
        }
        Ok(id)
    }
}

impl Dataset {
    /// Reads `corpus.jsonl`, `queries.jsonl` and `qrels/<split>.tsv` of the BEIR folder `dir`. Wrong rows (not JSON,
    /// missing field, duplicate id, judgement of an unknown query or document) are skipped and counted.
    ///
    /// # Errors
    /// A file is missing, empty or binary, has no usable row, or (`strict`) has a wrong row.
    pub fn read(dir: &Path, split: &str, strict: bool) -> anyhow::Result<Self> {
        let mut skipped = Skipped::new(strict);
        let mut hash = Sha256::new();
        let documents = read_corpus(&dir.join("corpus.jsonl"), &mut skipped, &mut hash)?;
        let queries = read_queries(&dir.join("queries.jsonl"), &mut skipped, &mut hash)?;
        let name = dir.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let parts =
            Dataset { name, split: split.to_owned(), documents, queries, skipped, ..Dataset::default() };
        parts.judged_by(&qrels_path(dir, split)?, hash)
    }

    /// Reads a corpus (JSON lines as in a BEIR folder) with TREC topics and qrels.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    pub fn read_trec(corpus: &Path, topics: &Path, qrels: &Path, strict: bool) -> anyhow::Result<Self> {
        let mut skipped = Skipped::new(strict);
        let mut hash = Sha256::new();
        let documents = read_corpus(corpus, &mut skipped, &mut hash)?;
        let queries = read_topics(topics, &mut skipped, &mut hash)?;
        let name = topics.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let parts = Dataset { name, documents, queries, skipped, ..Dataset::default() };
        parts.judged_by(qrels, hash)
    }

    /// Whether `document` is judged relevant to `query`.
    pub fn is_relevant(&self, query: &str, document: &str) -> bool {
        self.qrels.of(query).and_then(|judged| judged.get(document)).is_some_and(|grade| *grade > 0)
    }

    /// Adds the judgements in `path` and drops the queries it says nothing about.
    fn judged_by(mut self, path: &Path, mut hash: Sha256) -> anyhow::Result<Self> {
        let known_queries: HashSet<&str> = self.queries.iter().map(|query| query.id.as_str()).collect();
        let known_documents: HashSet<&str> =
            self.documents.iter().map(|document| document.id.as_str()).collect();
        self.qrels = read_qrels(path, &mut self.skipped, &mut hash, |query, document| {
            if !known_queries.contains(query) {
                return Err(format!("unknown query {query:?}"));
            }
            if !known_documents.contains(document) {
                return Err(format!("unknown document {document:?}"));
            }
            Ok(())
        })?;
        let all = self.queries.len();
        self.queries.retain(|query| self.qrels.of(&query.id).is_some());
        self.unjudged_queries = all - self.queries.len();
        self.hash = hex::encode(hash.finalize());
        Ok(self)
    }

    /// The same dataset without the documents for which `remove` holds; queries and judgements stay.
    pub fn without(&self, remove: impl Fn(&str) -> bool) -> Self {
        let mut dataset = self.clone();
        dataset.documents.retain(|document| !remove(&document.id));
        dataset
    }

    /// Documents by id.
    pub fn by_id(&self) -> HashMap<&str, &Document> {
        self.documents.iter().map(|document| (document.id.as_str(), document)).collect()
    }
}

fn qrels_path(dir: &Path, split: &str) -> anyhow::Result<std::path::PathBuf> {
    let path = dir.join("qrels").join(format!("{split}.tsv"));
    if path.is_file() {
        return Ok(path);
    }
    let mut splits: Vec<String> = std::fs::read_dir(dir.join("qrels"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|file| file.file_name().to_str()?.strip_suffix(".tsv").map(str::to_owned))
        .collect();
    splits.sort();
    bail!("{} does not exist; this folder has the splits: {}", path.display(), splits.join(", "))
}

fn read_corpus(path: &Path, skipped: &mut Skipped, hash: &mut Sha256) -> anyhow::Result<Vec<Document>> {
    let (mut documents, mut seen) = (Vec::new(), HashSet::new());
    read_lines(path, skipped, hash, |_, line| {
        let line: CorpusLine = parse_json(line)?;
        let id = line.id.checked()?;
        if !seen.insert(id.clone()) {
            return Err(format!("duplicate document id {id:?}"));
        }
        documents.push(Document { id, title: line.title.unwrap_or_default(), text: line.text });
        Ok(())
    })?;
    if documents.is_empty() {
        bail!("{} has no usable document{}", path.display(), skipped.hint(path));
    }
    Ok(documents)
}

fn read_queries(path: &Path, skipped: &mut Skipped, hash: &mut Sha256) -> anyhow::Result<Vec<Query>> {
    let (mut queries, mut seen) = (Vec::new(), HashSet::new());
    read_lines(path, skipped, hash, |_, line| {
        let line: QueryLine = parse_json(line)?;
        let id = line.id.checked()?;
        if !seen.insert(id.clone()) {
            return Err(format!("duplicate query id {id:?}"));
        }
        queries.push(Query { id, text: line.text });
        Ok(())
    })?;
    if queries.is_empty() {
        bail!("{} has no usable query{}", path.display(), skipped.hint(path));
    }
    Ok(queries)
}

/// Highest grade read: the exponential gain of more is no number.
const MAX_GRADE: i32 = 1000;

/// Reads BEIR's `query-id<TAB>corpus-id<TAB>score` (header optional) or TREC's `query iteration document grade`; a row
/// that `check` refuses is skipped.
///
/// # Errors
/// The file is missing, empty or binary, has no usable row, or (strict) has a wrong row.
pub fn read_qrels(
    path: &Path,
    skipped: &mut Skipped,
    hash: &mut Sha256,
    check: impl Fn(&str, &str) -> Result<(), String>,
) -> anyhow::Result<Qrels> {
    let mut qrels = Qrels::default();
    read_lines(path, skipped, hash, |row, line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (query, document, grade) = match fields[..] {
            [.., "score" | "grade" | "relevance"] if row == 1 => return Ok(()),
            [query, document, grade] | [query, _, document, grade] => (query, document, grade),
            _ => return Err(format!("{} columns; wanted query, document, grade", fields.len())),
        };
        let number = grade.parse().ok().filter(|grade: &i32| grade.abs() <= MAX_GRADE);
        let grade =
            number.ok_or_else(|| format!("grade {grade:?} is not a whole number up to {MAX_GRADE}"))?;
        check(query, document)?;
        let judgements = qrels.0.entry(query.to_owned()).or_default();
        match judgements.insert(document.to_owned(), grade) {
            None => Ok(()),
            Some(first) => {
                judgements.insert(document.to_owned(), first);
                Err(format!("{query} and {document} were judged before; the first judgement stays"))
            }
        }
    })?;
    qrels.0.retain(|_, judgements| !judgements.is_empty());
    if qrels.0.is_empty() {
        bail!("{} has no usable judgement{}", path.display(), skipped.hint(path));
    }
    Ok(qrels)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A BEIR folder with the three files.
    fn folder(corpus: &str, queries: &str, qrels: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("temporary folder");
        std::fs::create_dir(dir.path().join("qrels")).expect("created");
        for (name, text) in [("corpus.jsonl", corpus), ("queries.jsonl", queries), ("qrels/test.tsv", qrels)]
        {
            std::fs::write(dir.path().join(name), text).expect("written");
        }
        dir
    }

    const CORPUS: &str =
        "{\"_id\":\"a\",\"title\":\"出金\",\"text\":\"手順\"}\n{\"_id\":2,\"text\":\"入金\"}\n";
    const QUERIES: &str = "{\"_id\":\"q1\",\"text\":\"出金したい\"}\n{\"_id\":\"q2\",\"text\":\"?\"}\n";

    #[test]
    fn a_folder_is_read_with_only_its_judged_queries() {
        let dir = folder(CORPUS, QUERIES, "query-id\tcorpus-id\tscore\nq1\ta\t2\nq1\t2\t0\n");
        let dataset = Dataset::read(dir.path(), "test", true).expect("readable");
        assert_eq!((dataset.documents.len(), dataset.queries.len(), dataset.unjudged_queries), (2, 1, 1));
        assert_eq!(
            dataset.documents[1],
            Document { id: "2".into(), title: String::new(), text: "入金".into() }
        );
        assert_eq!(dataset.qrels.of("q1").map(|j| j["a"]), Some(2));
        assert_eq!(dataset.hash.len(), 64);
        assert_eq!(dataset.without(|id| id == "a").documents.len(), 1);
    }

    #[test]
    fn wrong_rows_are_skipped_counted_and_named() {
        let corpus = format!("{CORPUS}{{\"_id\":\"a\",\"text\":\"again\"}}\nnot json\n{{\"_id\":\"x\"}}\n");
        let qrels = "q1 0 a 1\nq9\ta\t1\nq1\tzz\t1\nq1\ta\t2\nq1\ta\nq1\ta\tmany\n";
        let dir = folder(&corpus, QUERIES, qrels);
        let dataset = Dataset::read(dir.path(), "test", false).expect("readable");
        let reasons: Vec<&str> = dataset.skipped.first().iter().map(|error| error.reason.as_str()).collect();
        assert_eq!(dataset.skipped.count(), 8, "{reasons:?}");
        for word in ["duplicate", "missing field `text`", "q9", "zz", "judged before", "2 columns", "many"] {
            assert!(reasons.iter().any(|reason| reason.contains(word)), "{word}: {reasons:?}");
        }
        assert_eq!(dataset.qrels.of("q1").map(|j| j["a"]), Some(1), "the first judgement stays");
        let error = Dataset::read(dir.path(), "test", true).expect_err("strict").to_string();
        assert!(error.contains("corpus.jsonl:3: duplicate"), "{error}");
    }

    #[test]
    fn a_folder_without_anything_usable_says_what_is_missing() {
        let cases = [
            (folder("", QUERIES, "q1\ta\t1\n"), "empty"),
            (folder("{}\n", QUERIES, "q1\ta\t1\n"), "no usable document; first wrong row: 1: missing field"),
            (folder(CORPUS, QUERIES, "query-id\tcorpus-id\tscore\n"), "no usable judgement"),
        ];
        for (dir, word) in cases {
            let error = format!("{:#}", Dataset::read(dir.path(), "test", false).expect_err("unusable"));
            assert!(error.contains(word), "{error}");
        }
        let dir = folder(CORPUS, QUERIES, "q1\ta\t1\n");
        let error = Dataset::read(dir.path(), "dev", false).expect_err("no such split").to_string();
        assert!(error.contains("splits: test"), "{error}");
    }
}
