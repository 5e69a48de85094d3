//! Scores a retriever on a dataset: one ranking per query, every metric with its interval, a TREC run that others can
//! check. Owns the pass and its figures; how documents are found is the [`Retriever`]'s affair.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use rayon::prelude::*;
use serde_json::{Map, Value};

use super::dataset::{Dataset, Qrels, Query};
use super::figures::{Column, Table, curves_json, figures_json, milliseconds, rounded};
use super::metrics::{Gain, Judged};
use super::progress::Progress;
use super::statistics::{Bootstrap, Confidences};
use super::trec;

/// Finds documents.
pub trait Retriever: Sync {
    /// At most `limit` documents with scores, best first, each once.
    fn retrieve(&self, query: &str, limit: usize) -> Vec<(String, f32)>;

    /// The same, with the probability (0 to 1) that the first document answers the query, where the retriever knows it.
    fn retrieve_with_confidence(&self, query: &str, limit: usize) -> (Vec<(String, f32)>, Option<f32>) {
        (self.retrieve(query, limit), None)
    }

    /// What the results depend on: names and hashes of index, model, dictionary. Goes into the summary.
    fn fingerprint(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}

/// How a retriever is scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrievalOptions {
    /// Documents asked for per query; MAP looks at all of them.
    pub depth: usize,
    /// Lowest grade of a top document that counts as correct when confidence is measured.
    pub correct_from: i32,
    /// Intervals.
    pub bootstrap: Bootstrap,
    /// Name of the system, the last column of the run file.
    pub tag: String,
    /// Show progress on a terminal.
    pub progress: bool,
}

impl Default for RetrievalOptions {
    fn default() -> Self {
        Self {
            depth: 100,
            correct_from: 1,
            bootstrap: Bootstrap::default(),
            tag: "madoguchi".into(),
            progress: false,
        }
    }
}

/// Name and definition of each metric; means over queries go into the summary in this order.
type Metric = (&'static str, fn(&Judged) -> f64);
const METRICS: [Metric; 17] = [
    ("recall@10", |query| query.recall(10)),
    ("ndcg@10", |query| query.ndcg(10, Gain::Linear)),
    ("mrr@10", |query| query.reciprocal_rank(10)),
    ("success@1", |query| query.success(1)),
    ("map", Judged::average_precision),
    ("success@3", |query| query.success(3)),
    ("success@5", |query| query.success(5)),
    ("success@10", |query| query.success(10)),
    ("recall@1", |query| query.recall(1)),
    ("recall@3", |query| query.recall(3)),
    ("recall@5", |query| query.recall(5)),
    ("recall@100", |query| query.recall(100)),
    ("precision@1", |query| query.precision(1)),
    ("precision@3", |query| query.precision(3)),
    ("precision@5", |query| query.precision(5)),
    ("precision@10", |query| query.precision(10)),
    ("ndcg_exp@10", |query| query.ndcg(10, Gain::Exponential)),
];

/// The first five metrics are what the summary opens with, before the timings.
const HEADLINE: usize = 5;

/// What a retriever found for one query, and how good that is.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryResult {
    /// Query id.
    pub id: String,
    /// Documents with strictly descending scores.
    pub ranked: Vec<(String, f32)>,
    /// Probability that the first is right, where the retriever knows it.
    pub confidence: Option<f32>,
    /// Whether the first is right.
    pub is_correct: bool,
    /// Time the retriever took; `None` for a ranking that was read from a file.
    pub micros: Option<u64>,
    scores: Vec<f64>,
}

impl QueryResult {
    /// The metric called `name` (as in the summary) for this query.
    pub fn score(&self, name: &str) -> Option<f64> {
        self.scores.get(METRICS.iter().position(|(metric, _)| *metric == name)?).copied()
    }
}

/// One scored pass over a dataset.
#[derive(Debug, Clone)]
pub struct RetrievalRun {
    /// Results in the order of the dataset's queries.
    pub queries: Vec<QueryResult>,
    /// Rows of the dataset that could not be used.
    pub skipped: usize,
    /// Queries without a judgement, left out.
    pub unjudged: usize,
    /// SHA-256 of the dataset.
    pub data_hash: String,
    /// What the retriever says its results depend on.
    pub fingerprint: BTreeMap<String, String>,
    /// How it was scored.
    pub options: RetrievalOptions,
}

/// Asks `retriever` every judged query of `dataset`, on all cores. The result does not depend on the number of cores,
/// apart from the timings.
pub fn run_retrieval(
    dataset: &Dataset,
    retriever: &dyn Retriever,
    options: &RetrievalOptions,
) -> RetrievalRun {
    let progress = Progress::new("retrieval", dataset.queries.len(), options.progress);
    let ask = |query: &Query| {
        let start = Instant::now();
        let (ranked, confidence) = retriever.retrieve_with_confidence(&query.text, options.depth);
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut ranked = trec::separate_ties(ranked);
        ranked.truncate(options.depth);
        progress.step();
        score(&query.id, ranked, &dataset.qrels, options, confidence, Some(micros))
    };
    RetrievalRun {
        queries: dataset.queries.par_iter().map(ask).collect(),
        skipped: dataset.skipped.count(),
        unjudged: dataset.unjudged_queries,
        data_hash: dataset.hash.clone(),
        fingerprint: retriever.fingerprint(),
        options: options.clone(),
    }
}

/// Scores a run file against judgements. Every judged query counts, one that the run lacks with 0.
pub fn score_run(mut run: trec::Run, qrels: &Qrels, options: &RetrievalOptions) -> RetrievalRun {
    let ranked = |id: &String| (id.clone(), run.remove(id).unwrap_or_default());
    let ranked: Vec<_> = qrels.0.keys().map(ranked).collect();
    RetrievalRun {
        queries: ranked
            .into_iter()
            .map(|(id, ranked)| score(&id, ranked, qrels, options, None, None))
            .collect(),
        skipped: 0,
        unjudged: run.len(),
        data_hash: String::new(),
        fingerprint: BTreeMap::new(),
        options: options.clone(),
    }
}

fn score(
    id: &str,
    ranked: Vec<(String, f32)>,
    qrels: &Qrels,
    options: &RetrievalOptions,
    confidence: Option<f32>,
    micros: Option<u64>,
) -> QueryResult {
    let judged = Judged::new(ranked.iter().map(|(id, _)| id.as_str()), qrels.of(id));
    QueryResult {
        id: id.to_owned(),
        confidence,
        is_correct: judged.top_grade() >= options.correct_from.max(1),
        micros,
        scores: METRICS.iter().map(|(_, metric)| metric(&judged)).collect(),
        ranked,
    }
}

impl RetrievalRun {
    /// The figures as one JSON object: first `queries`, `recall@10`, `ndcg@10`, `mrr@10`, `success@1`, `map`, `p50_ms`,
    /// `p99_ms`; then further cut-offs; `auroc`, `coverage@90`, `coverage@95`, `ece`, `brier`, `aurc` when the retriever
    /// reports a confidence for every query; `intervals` holds the 95% bootstrap interval of each. Undefined figures are
    /// null. `reliability` and `risk_coverage` hold what the two plots of confidence show. Only the two timings differ between two runs of the same retriever.
    pub fn summary(&self) -> Value {
        let table = self.table();
        let (values, intervals) = figures_json(&table.figures(&self.options.bootstrap));
        let mut summary = Map::new();
        summary.insert("queries".into(), self.queries.len().into());
        for (position, (name, value)) in values.into_iter().enumerate() {
            if position == HEADLINE {
                let time = |q| rounded(milliseconds(self.queries.iter().filter_map(|query| query.micros), q));
                summary.insert("p50_ms".into(), time(0.50));
                summary.insert("p99_ms".into(), time(0.99));
            }
            summary.insert(name, value);
        }
        summary.insert("intervals".into(), intervals.into());
        summary.extend(curves_json(&table.confidences));
        summary.insert("skipped".into(), self.skipped.into());
        summary.insert("unjudged".into(), self.unjudged.into());
        summary.insert("system".into(), self.options.tag.clone().into());
        summary.insert("depth".into(), self.options.depth.into());
        summary.insert("seed".into(), self.options.bootstrap.seed.into());
        summary.insert("data".into(), self.data_hash.clone().into());
        let fingerprint = self.fingerprint.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        summary.insert("fingerprint".into(), Value::Object(fingerprint.collect()));
        summary.into()
    }

    /// The scores of every query, from which a comparison is made.
    pub fn results(&self) -> Vec<Value> {
        let table = self.table();
        let result = |(item, query): (usize, &QueryResult)| {
            let mut object = table.item_json(item);
            let top: Vec<&str> = query.ranked.iter().take(5).map(|(id, _)| id.as_str()).collect();
            object.insert("top".into(), top.into());
            object.into()
        };
        self.queries.iter().enumerate().map(result).collect()
    }

    /// Queries × metrics.
    pub fn table(&self) -> Table {
        let column = |(position, (name, _)): (usize, &Metric)| Column {
            name: (*name).to_owned(),
            values: self.queries.iter().map(|query| Some(query.scores[position])).collect(),
        };
        Table {
            ids: self.queries.iter().map(|query| query.id.clone()).collect(),
            categories: Vec::new(),
            columns: METRICS.iter().enumerate().map(column).collect(),
            confidences: self.confidences().unwrap_or_default(),
            answerable: Confidences::default(),
        }
    }

    /// Mean over the queries of the metric called `name`.
    pub fn mean(&self, name: &str) -> Option<f64> {
        let scores: Option<Vec<f64>> = self.queries.iter().map(|query| query.score(name)).collect();
        scores
            .filter(|scores| !scores.is_empty())
            .map(|scores| scores.iter().sum::<f64>() / scores.len() as f64)
    }

    /// Writes the rankings as a TREC run file, on which ir_measures gives the same figures.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_trec(&self, path: &Path) -> anyhow::Result<()> {
        let rankings = self.queries.iter().map(|query| (query.id.as_str(), &query.ranked[..]));
        trec::write_run(path, &self.options.tag, rankings)
    }

    /// Confidences against correctness of the top document; `None` unless every query has a confidence.
    pub fn confidences(&self) -> Option<Confidences> {
        let items: Option<Vec<(f64, bool)>> =
            self.queries.iter().map(|query| Some((f64::from(query.confidence?), query.is_correct))).collect();
        items.filter(|items| !items.is_empty()).map(|items| Confidences::new(items.into_iter().map(Some)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::dataset::{Document, Judgements};
    use super::*;

    /// Finds the documents whose text shares a character with the query, in id order; all with the same score.
    struct Shared(Vec<Document>);

    impl Retriever for Shared {
        fn retrieve(&self, query: &str, limit: usize) -> Vec<(String, f32)> {
            let hits = self.0.iter().filter(|document| document.text.chars().any(|c| query.contains(c)));
            hits.map(|document| (document.id.clone(), 1.0)).take(limit).collect()
        }
    }

    struct Sure(Shared);

    impl Retriever for Sure {
        fn retrieve(&self, query: &str, limit: usize) -> Vec<(String, f32)> {
            self.0.retrieve(query, limit)
        }

        fn retrieve_with_confidence(&self, query: &str, limit: usize) -> (Vec<(String, f32)>, Option<f32>) {
            (self.retrieve(query, limit), Some(if query == "い" { 0.4 } else { 0.9 }))
        }
    }

    fn dataset() -> Dataset {
        let document =
            |id: &str, text: &str| Document { id: id.into(), title: String::new(), text: text.into() };
        let query = |id: &str, text: &str| Query { id: id.into(), text: text.into() };
        let judgements = |document: &str| Judgements::from([(document.to_owned(), 1)]);
        Dataset {
            documents: vec![document("a", "あい"), document("b", "いう"), document("c", "う")],
            queries: vec![query("q1", "あ"), query("q2", "い"), query("q3", "え")],
            qrels: Qrels(
                ["q1", "q2", "q3"]
                    .into_iter()
                    .zip(["a", "b", "c"].map(judgements))
                    .map(|(q, j)| (q.into(), j))
                    .collect(),
            ),
            ..Dataset::default()
        }
    }

    #[test]
    fn the_summary_opens_with_the_agreed_keys_and_keeps_the_retrievers_order_in_ties() {
        let dataset = dataset();
        let run = run_retrieval(&dataset, &Shared(dataset.documents.clone()), &RetrievalOptions::default());
        let summary = run.summary();
        let keys: Vec<&str> =
            summary.as_object().expect("object").keys().map(String::as_str).take(8).collect();
        assert_eq!(
            keys,
            ["queries", "recall@10", "ndcg@10", "mrr@10", "success@1", "map", "p50_ms", "p99_ms"]
        );
        assert_eq!(summary["queries"], 3);
        assert_eq!(summary["recall@10"], 0.666667);
        assert_eq!(summary["mrr@10"], 0.5);
        assert_eq!(summary["intervals"]["mrr@10"].as_array().map(Vec::len), Some(2));
        assert!(summary.get("auroc").is_none());
    }

    #[test]
    fn a_confident_retriever_is_also_scored_on_its_confidence() {
        let dataset = dataset();
        let retriever = Sure(Shared(dataset.documents.clone()));
        let run = run_retrieval(&dataset, &retriever, &RetrievalOptions::default());
        let summary = run.summary();
        assert_eq!(summary["auroc"], 0.75);
        assert_eq!(summary["coverage@90"], 0.0);
        assert_eq!(summary["brier"], rounded(Some((0.01 + 0.16 + 0.81) / 3.0)));
    }

    #[test]
    fn a_run_file_gives_the_figures_it_was_written_from() {
        let dataset = dataset();
        let run = run_retrieval(&dataset, &Shared(dataset.documents.clone()), &RetrievalOptions::default());
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        run.write_trec(file.path()).expect("written");
        let mut skipped = super::super::rows::Skipped::new(true);
        let read = trec::read_run(file.path(), &mut skipped, &mut <sha2::Sha256 as sha2::Digest>::new())
            .expect("readable");
        let again = score_run(read, &dataset.qrels, &RetrievalOptions::default());
        for (name, _) in METRICS {
            assert_eq!(run.mean(name), again.mean(name), "{name}");
        }
    }
}
