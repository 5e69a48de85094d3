//! Runs cases through the engine and judges each Decision. Owns the pass and its figures; the engine is
//! reached only through [`Answerer`].

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::cases::{Case, Cases, Expected};
use super::figures::{Column, Table, curves_json, figures_json, milliseconds, rounded};
use super::metrics::{Gain, Judged};
use super::progress::Progress;
use super::statistics::{Bootstrap, Confidences, ones};
use super::trec;
use super::verdict::{CaseResult, SCORES, Verdict, answer_expected};
use crate::answer::{Ask, Context, Outcome};
use crate::kb::HandOffReason;

/// Answers questions: the engine, a fake of it in tests, or a wrapper around either.
pub trait Answerer: Sync {
    /// Decides on one question.
    fn answer(&self, ask: &Ask<'_>) -> Outcome;

    /// Whether the desk has an entry with this id; cases that name others are wrong rows.
    fn has_entry(&self, _id: &str) -> bool {
        true
    }

    /// What the results depend on: names and hashes of snapshot, index, model, dictionary.
    fn fingerprint(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }
}

/// How cases are run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerOptions {
    /// Intervals.
    pub bootstrap: Bootstrap,
    /// Show progress on a terminal.
    pub progress: bool,
}

/// One pass over cases.
#[derive(Debug, Clone)]
pub struct AnswerRun {
    /// Results in the order of the cases.
    pub results: Vec<CaseResult>,
    /// Rows of the case files that could not be used.
    pub skipped: usize,
    /// SHA-256 of the case files.
    pub data_hash: String,
    /// What the engine says its results depend on.
    pub fingerprint: BTreeMap<String, String>,
    /// How it was run.
    pub options: AnswerOptions,
}

/// Asks every case, on all cores; the earlier turns of a case first, each with the context the one before left. The result
/// does not depend on the number of cores, apart from the timings.
pub fn run_answers(cases: &Cases, answerer: &dyn Answerer, options: &AnswerOptions) -> AnswerRun {
    let progress = Progress::new("answers", cases.cases.len(), options.progress);
    let ask = |case: &Case| {
        let context = case
            .turns
            .iter()
            .fold(Context::default(), |context, turn| answerer.answer(&Ask { text: turn, context }).context);
        let start = Instant::now();
        let outcome = answerer.answer(&Ask { text: &case.question, context });
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        progress.step();
        CaseResult { verdict: Verdict::of(case, &outcome.decision), case: case.clone(), outcome, micros }
    };
    AnswerRun {
        results: cases.cases.par_iter().map(ask).collect(),
        skipped: cases.skipped.count(),
        data_hash: cases.hash.clone(),
        fingerprint: answerer.fingerprint(),
        options: options.clone(),
    }
}

/// A metric over the ranking of one case.
type RankingScore = (&'static str, fn(&Judged) -> f64);

/// Metrics over the candidates in the Trace (at most ten), on cases where an answer is expected.
const RANKING: [RankingScore; 7] = [
    ("recall@10", |ranking| ranking.recall(10)),
    ("ndcg@10", |ranking| ranking.ndcg(10, Gain::Linear)),
    ("mrr@10", |ranking| ranking.reciprocal_rank(10)),
    ("success@1", |ranking| ranking.success(1)),
    ("map", Judged::average_precision),
    ("success@3", |ranking| ranking.success(3)),
    ("success@5", |ranking| ranking.success(5)),
];

/// The metrics that the summary opens with, before the timings.
const HEADLINE: usize = 5;

impl AnswerRun {
    /// The figures as one JSON object: first what `eval retrieval` prints, over the candidates of the cases where an answer is
    /// expected; then the metrics of decisions and confidence, `confusion`, `by_category`, `by_tag` and `intervals`. Only
    /// the two timings differ between two runs of the same engine.
    pub fn summary(&self) -> Value {
        let table = self.table();
        let (values, intervals) = figures_json(&table.figures(&self.options.bootstrap));
        let mut summary = Map::new();
        summary.insert("queries".into(), self.results.len().into());
        for (position, (name, value)) in values.into_iter().enumerate() {
            if position == HEADLINE {
                let time = |q| rounded(milliseconds(self.results.iter().map(|result| result.micros), q));
                summary.insert("p50_ms".into(), time(0.50));
                summary.insert("p99_ms".into(), time(0.99));
            }
            summary.insert(name, value);
        }
        summary.insert("answerable".into(), self.count(answer_expected).into());
        summary.insert("unanswerable".into(), self.count(|result| result.case.is_unanswerable()).into());
        summary.insert("must_hand_off".into(), self.count(|result| result.case.is_must_hand_off()).into());
        summary.insert("confusion".into(), self.confusion());
        summary.insert("verdicts".into(), self.verdicts());
        let categories = table.by_category().into_iter();
        summary.insert("by_category".into(), groups_json(&table, categories));
        summary.insert("by_tag".into(), groups_json(&table, self.by_tag().into_iter()));
        summary.insert("intervals".into(), intervals.into());
        summary.extend(curves_json(&table.confidences));
        summary.insert("skipped".into(), self.skipped.into());
        summary.insert("seed".into(), self.options.bootstrap.seed.into());
        summary.insert("data".into(), self.data_hash.clone().into());
        let fingerprint = self.fingerprint.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        summary.insert("fingerprint".into(), Value::Object(fingerprint.collect()));
        summary.into()
    }

    fn count(&self, wanted: impl Fn(&CaseResult) -> bool) -> usize {
        self.results.iter().filter(|result| wanted(result)).count()
    }

    /// Expected outcome → Decision made → number of cases.
    pub fn confusion(&self) -> Value {
        let row = |expect: Expected| {
            let made = |decision: Expected| {
                self.count(|r| r.case.expect == expect && r.outcome.decision.name() == decision.name())
            };
            let row = Expected::ALL.map(|decision| (decision.name().to_owned(), made(decision).into()));
            (expect.name().to_owned(), Value::Object(row.into_iter().collect()))
        };
        Value::Object(Expected::ALL.into_iter().map(row).collect())
    }

    fn verdicts(&self) -> Value {
        let mut counts = BTreeMap::new();
        for result in &self.results {
            *counts.entry(result.verdict).or_insert(0usize) += 1;
        }
        counts
            .into_iter()
            .map(|(verdict, count)| (verdict.name().to_owned(), json!(count)))
            .collect::<Map<_, _>>()
            .into()
    }

    /// Tags, each with a weight per case (1 with, 0 without) and the number with it.
    fn by_tag(&self) -> Vec<(String, Vec<u32>, usize)> {
        let mut tags: Vec<&String> = self.results.iter().flat_map(|result| &result.case.tags).collect();
        tags.sort();
        tags.dedup();
        let group = |tag: &String| {
            let weights: Vec<u32> =
                self.results.iter().map(|result| u32::from(result.case.tags.contains(tag))).collect();
            let count = weights.iter().map(|&weight| weight as usize).sum();
            (tag.clone(), weights, count)
        };
        tags.into_iter().map(group).collect()
    }

    /// Every case with its scores, Decision, verdict and Trace, from which a comparison is made.
    pub fn results_json(&self) -> Vec<Value> {
        let table = self.table();
        let result = |(item, result): (usize, &CaseResult)| {
            let mut object = table.item_json(item);
            object.insert("question".into(), result.case.question.clone().into());
            object.insert("expect".into(), result.case.expect.name().into());
            object.insert("decision".into(), result.outcome.decision.name().into());
            if let Some(entry) = result.answered() {
                object.insert("entry".into(), entry.into());
            }
            if let Some(reason) = result.handed_off() {
                object.insert("reason".into(), reason.name().into());
            }
            object.insert("verdict".into(), result.verdict.name().into());
            object.insert("trace".into(), trace_json(&result.outcome));
            object.into()
        };
        self.results.iter().enumerate().map(result).collect()
    }

    /// Cases × metrics.
    pub fn table(&self) -> Table {
        let judged: Vec<Option<Judged>> = self
            .results
            .iter()
            .map(|result| {
                answer_expected(result).then(|| Judged::new(result.ranking(), Some(&result.judgements())))
            })
            .collect();
        let ranking = RANKING.iter().map(|(name, score)| Column {
            name: (*name).to_owned(),
            values: judged.iter().map(|judged| judged.as_ref().map(score)).collect(),
        });
        let number = |right: Option<bool>| right.map(|right| f64::from(u8::from(right)));
        let decisions = SCORES.iter().map(|(name, score)| Column {
            name: (*name).to_owned(),
            values: self.results.iter().map(|result| number(score(result))).collect(),
        });
        let with = |reason: HandOffReason, name: &str, score: &dyn Fn(&CaseResult) -> Option<bool>| Column {
            name: format!("{name}:{}", reason.name()),
            values: self.results.iter().map(|result| number(score(result))).collect(),
        };
        let recalls = HandOffReason::ALL.into_iter().filter(|reason| reason.is_must()).map(|reason| {
            with(reason, "handoff_recall", &|r| {
                (r.case.is_must_hand_off() && r.case.reason == Some(reason)).then(|| r.handed_off().is_some())
            })
        });
        let false_ones = HandOffReason::ALL.into_iter().map(|reason| {
            with(reason, "false_handoff", &|r| {
                (r.case.expect != Expected::HandOff).then(|| r.handed_off() == Some(reason))
            })
        });
        let confidence = |about: fn(&CaseResult) -> bool| {
            Confidences::new(self.results.iter().map(|result| {
                let confidence = f64::from(result.outcome.trace.confidence);
                result.concerns_confidence().then(|| (confidence, about(result)))
            }))
        };
        Table {
            ids: self.results.iter().map(|result| result.case.id.clone()).collect(),
            categories: self.results.iter().map(|result| result.case.category.clone()).collect(),
            columns: ranking.chain(decisions).chain(recalls).chain(false_ones).collect(),
            confidences: confidence(CaseResult::is_top_right),
            answerable: confidence(answer_expected),
        }
    }

    /// Writes the candidates of the cases where an answer is expected as a TREC run, and what is right as TREC qrels, by
    /// topic (language versions of an entry are one topic).
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write_trec(&self, run: &Path, qrels: &Path) -> anyhow::Result<()> {
        let wanted = self.results.iter().filter(|result| answer_expected(result));
        let ranked = |result: &CaseResult| -> Vec<(String, f32)> {
            // Scores may be on any scale and tied; the order is what counts.
            result
                .ranking()
                .into_iter()
                .zip(1u8..)
                .map(|(topic, rank)| (topic.to_owned(), 1.0 / f32::from(rank)))
                .collect()
        };
        let rankings: Vec<(&str, Vec<(String, f32)>)> =
            wanted.clone().map(|result| (result.case.id.as_str(), ranked(result))).collect();
        trec::write_run(run, "madoguchi", rankings.iter().map(|(id, ranked)| (*id, &ranked[..])))?;
        trec::write_qrels(qrels, wanted.map(|result| (result.case.id.as_str(), result.judgements())))
    }
}

/// The Trace without what differs between two runs.
fn trace_json(outcome: &Outcome) -> Value {
    let mut trace = serde_json::to_value(&outcome.trace).unwrap_or_default();
    if let Some(trace) = trace.as_object_mut() {
        trace.remove("micros");
    }
    trace
}

/// The figures of parts of the cases, without intervals.
fn groups_json(table: &Table, groups: impl Iterator<Item = (String, Vec<u32>, usize)>) -> Value {
    const SHOWN: [&str; 7] = [
        "top1",
        "answered_correct",
        "precision",
        "wrong_answers",
        "handoff_recall",
        "false_handoff",
        "clarify_hit_rate",
    ];
    let group = |(name, weights, count): (String, Vec<u32>, usize)| {
        let mut object = Map::from_iter([("cases".to_owned(), json!(count))]);
        for name in SHOWN {
            if let Some(value) = table.value(name, &weights) {
                object.insert(name.to_owned(), rounded(Some(value)));
            }
        }
        (name, object.into())
    };
    Value::Object(groups.map(group).collect())
}

/// Mean over the cases of the figure called `name`.
pub fn figure(run: &AnswerRun, name: &str) -> Option<f64> {
    run.table().value(name, &ones(run.results.len()))
}

#[cfg(test)]
mod tests {
    use super::super::fake::{self, FakeDesk};
    use super::*;

    fn run() -> AnswerRun {
        run_answers(&fake::cases(), &FakeDesk::default(), &AnswerOptions::default())
    }

    #[test]
    fn the_summary_has_the_agreed_keys_with_intervals() {
        let summary = run().summary();
        let keys: Vec<&str> =
            summary.as_object().expect("object").keys().map(String::as_str).take(8).collect();
        assert_eq!(
            keys,
            ["queries", "recall@10", "ndcg@10", "mrr@10", "success@1", "map", "p50_ms", "p99_ms"]
        );
        for key in [
            "top1",
            "answered_correct",
            "coverage@95",
            "precision",
            "handoff_recall",
            "false_handoff",
            "auroc",
            "ece",
            "aurc",
            "wrong_answer_rate",
            "clarify_hit_rate",
            "auroc_answerable",
        ] {
            assert!(summary[key].is_number(), "{key}: {}", summary[key]);
            assert!(summary["intervals"].get(key).is_some(), "{key}");
        }
    }

    #[test]
    fn decisions_are_counted_as_worked_out_by_hand() {
        let run = run();
        let verdicts: Vec<(&str, Verdict)> =
            run.results.iter().map(|result| (result.case.id.as_str(), result.verdict)).collect();
        assert_eq!(
            verdicts,
            [
                ("fee", Verdict::Right),
                ("fee-en", Verdict::Right),
                ("follow-up", Verdict::Right),
                ("vague", Verdict::ClarifyHit),
                ("hard", Verdict::Passed),
                ("wrong", Verdict::WrongAnswer),
                ("stolen", Verdict::Right),
                ("complaint", Verdict::WrongAnswer),
                ("elsewhere", Verdict::Right),
                ("near", Verdict::WrongAnswer),
                ("hello", Verdict::Right),
            ]
        );
        let summary = run.summary();
        assert_eq!(summary["top1"], rounded(Some(4.0 / 6.0)));
        assert_eq!(summary["answered_correct"], 0.5);
        assert_eq!(summary["precision"], 0.5);
        assert_eq!(
            (&summary["handoff_recall"], &summary["handoff_recall:complaint"]),
            (&json!(0.5), &json!(0.0))
        );
        assert_eq!(summary["false_handoff"], rounded(Some(1.0 / 7.0)));
        assert_eq!(summary["false_handoff:low_confidence"], rounded(Some(1.0 / 7.0)));
        assert_eq!(summary["wrong_answer_rate"], 0.5);
        assert_eq!(summary["clarify_hit_rate"], 1.0);
        assert_eq!(
            summary["confusion"]["handoff"],
            json!({"answer": 2, "clarify": 0, "handoff": 2, "smalltalk": 0})
        );
        assert_eq!(summary["by_category"]["税務"]["cases"], 2);
        assert_eq!(summary["by_tag"]["english"]["top1"], 1.0);
    }

    #[test]
    fn two_runs_differ_only_in_timings() {
        let text = || {
            let run = run();
            let mut summary = run.summary();
            let summary = summary.as_object_mut().expect("object");
            summary.remove("p50_ms");
            summary.remove("p99_ms");
            serde_json::to_string(&(summary, run.results_json())).expect("plain data")
        };
        assert_eq!(text(), text());
    }

    #[test]
    fn the_run_file_gives_the_figures_it_was_written_from() {
        let run = run();
        let dir = tempfile::tempdir().expect("temporary folder");
        let (run_path, qrels_path) = (dir.path().join("a.run"), dir.path().join("a.qrels"));
        run.write_trec(&run_path, &qrels_path).expect("written");
        let mut skipped = super::super::rows::Skipped::new(true);
        let mut hash = <sha2::Sha256 as sha2::Digest>::new();
        let ranked = trec::read_run(&run_path, &mut skipped, &mut hash).expect("readable");
        let qrels = super::super::dataset::read_qrels(&qrels_path, &mut skipped, &mut hash, |_, _| Ok(()))
            .expect("readable");
        let again = super::super::retrieval::score_run(ranked, &qrels, &Default::default());
        for (name, _) in RANKING {
            let (ours, theirs) = (figure(&run, name).expect("defined"), again.mean(name).expect("defined"));
            assert!((ours - theirs).abs() < 1e-12, "{name}: {ours} {theirs}");
        }
    }
}
