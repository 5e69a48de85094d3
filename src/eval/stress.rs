//! Stress sets made from cases: relevant entries deleted, foreign questions mixed in, questions perturbed. Each set is
//! deterministic by seed and scored by the same code as the cases it was made from.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::answers::{AnswerOptions, AnswerRun, Answerer, run_answers};
use super::cases::{Case, Cases, Expected, topic};
use super::compare::{CompareOptions, differences};
use super::dataset::{Dataset, Query};
use super::figures::{Table, figures_json};
use super::perturb::{Perturbation, Perturber};
use super::retrieval::{QueryResult, RetrievalOptions, RetrievalRun, Retriever, run_retrieval};
use super::statistics::{Confidences, shuffled};
use crate::kb::HandOffReason;

/// What is made and how.
#[derive(Debug, Clone)]
pub struct StressOptions {
    /// Seed of every choice.
    pub seed: u64,
    /// Fraction of the questions whose relevant entries are deleted; 0 leaves deletion out.
    pub deleted: f64,
    /// Questions from elsewhere.
    pub far: Vec<String>,
    /// Kinds of perturbation.
    pub kinds: Vec<Perturbation>,
    /// Intervals.
    pub compare: CompareOptions,
    /// Show progress on a terminal.
    pub progress: bool,
}

/// A stress test's figures, and the sets it made as (file name, content).
pub struct Stress {
    /// One JSON object: `base`, `deletion`, `far_scope`, `perturbations`.
    pub report: Value,
    /// The questions asked, in the format they were made from.
    pub sets: Vec<(String, String)>,
}

/// Figures of a dataset that are reported per perturbation.
const RETRIEVAL_FIGURES: [&str; 5] = ["success@1", "recall@10", "ndcg@10", "mrr@10", "auroc"];

/// Figures of cases that are reported per perturbation.
const ANSWER_FIGURES: [&str; 8] = [
    "top1",
    "recall@10",
    "answered_correct",
    "precision",
    "wrong_answers",
    "handoff_recall",
    "false_handoff_must",
    "wrong_answer_rate",
];

/// Deletes what items need, one item after another in an order drawn by seed, until a fraction of the items has nothing
/// left. An item's needs are met by any of its `needs`; items share needs, so more may be lost than are drawn.
fn delete_until(needs: &BTreeMap<String, BTreeSet<String>>, fraction: f64, seed: u64) -> BTreeSet<String> {
    let wanted = (needs.len() as f64 * fraction.clamp(0.0, 1.0)).round() as usize;
    let mut needed_by: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
    for (item, all) in needs {
        all.iter().for_each(|need| needed_by.entry(need).or_default().push(item));
    }
    let mut left: BTreeMap<&String, usize> = needs.iter().map(|(item, all)| (item, all.len())).collect();
    let (mut removed, mut lost) = (BTreeSet::new(), 0);
    for item in shuffled(needs.keys().cloned(), seed) {
        if lost >= wanted {
            break;
        }
        for need in &needs[&item] {
            if !removed.insert(need.clone()) {
                continue;
            }
            for user in &needed_by[need] {
                let count = left.entry(*user).or_default();
                *count -= 1;
                lost += usize::from(*count == 0);
            }
        }
    }
    removed
}

/// The dataset without documents that answer its queries, so many that a fraction of the queries has no relevant one
/// left, and these queries. Queries that lost some keep the others' judgements.
pub fn delete_from_dataset(dataset: &Dataset, fraction: f64, seed: u64) -> (Dataset, BTreeSet<String>) {
    let relevant = |query: &Query| -> BTreeSet<String> {
        let judgements = dataset.qrels.of(&query.id).into_iter().flatten();
        judgements.filter(|(_, grade)| **grade > 0).map(|(id, _)| id.clone()).collect()
    };
    let needs = dataset.queries.iter().map(|query| (query.id.clone(), relevant(query)));
    let removed = delete_until(&needs.filter(|(_, needs)| !needs.is_empty()).collect(), fraction, seed);
    let mut rest = dataset.without(|id| removed.contains(id));
    for judgements in rest.qrels.0.values_mut() {
        judgements.retain(|id, _| !removed.contains(id));
    }
    let lost = |query: &&Query| !rest.qrels.of(&query.id).into_iter().flatten().any(|(_, grade)| *grade > 0);
    let unanswerable = rest.queries.iter().filter(lost).map(|query| query.id.clone()).collect();
    (rest, unanswerable)
}

/// The cases when topics are deleted so that a fraction of those with an expected answer has none left, and the topics to
/// delete. A case that lost all its entries then expects a hand-off.
pub fn delete_from_cases(cases: &Cases, fraction: f64, seed: u64) -> (Cases, BTreeSet<String>) {
    let topics = |case: &Case| -> BTreeSet<String> {
        case.entries.iter().chain(&case.accept).map(|id| topic(id).to_owned()).collect()
    };
    let answers = cases.cases.iter().filter(|case| case.expect == Expected::Answer);
    let removed =
        delete_until(&answers.map(|case| (case.id.clone(), topics(case))).collect(), fraction, seed);
    let mut rest = cases.clone();
    // Small talk and clarifications that lost an entry are no longer well defined.
    rest.cases.retain(|case| {
        matches!(case.expect, Expected::Answer | Expected::HandOff) || topics(case).is_disjoint(&removed)
    });
    for case in &mut rest.cases {
        case.entries.retain(|id| !removed.contains(topic(id)));
        case.accept.retain(|id| !removed.contains(topic(id)));
        if case.expect == Expected::Answer && case.entries.is_empty() {
            if case.accept.is_empty() {
                case.expect = Expected::HandOff;
                case.reason = Some(HandOffReason::LowConfidence);
            } else {
                case.entries = std::mem::take(&mut case.accept);
            }
        }
    }
    (rest, removed)
}

/// Makes a retriever over a dataset.
pub type BuildRetriever<'a> = dyn Fn(&Dataset) -> anyhow::Result<Box<dyn Retriever>> + 'a;

/// Makes an engine over the desk without the topics given.
pub type BuildAnswerer<'a> = dyn Fn(&BTreeSet<String>) -> anyhow::Result<Box<dyn Answerer>> + 'a;

/// Stresses a retriever.
///
/// # Errors
/// A retriever cannot be built.
pub fn stress_dataset(
    dataset: &Dataset,
    build: &BuildRetriever<'_>,
    perturber: Option<&Perturber<'_>>,
    options: &StressOptions,
) -> anyhow::Result<Stress> {
    let run_options = RetrievalOptions {
        bootstrap: options.compare.bootstrap,
        progress: options.progress,
        ..RetrievalOptions::default()
    };
    let retriever = build(dataset)?;
    let base = run_retrieval(dataset, retriever.as_ref(), &run_options);
    let mut report = Map::from_iter([("base".to_owned(), without_times(base.summary()))]);
    let mut sets = Vec::new();
    if options.deleted > 0.0 {
        let (rest, unanswerable) = delete_from_dataset(dataset, options.deleted, options.seed);
        let run = run_retrieval(&rest, build(&rest)?.as_ref(), &run_options);
        let table = with_unanswerable(&run, None, &unanswerable);
        let mut figures = figures_of(&table, options);
        figures.insert("unanswerable".into(), unanswerable.len().into());
        figures.insert("documents_removed".into(), (dataset.documents.len() - rest.documents.len()).into());
        report.insert("deletion".into(), figures.into());
        sets.push(("deletion.jsonl".to_owned(), deletion_lines(dataset, &rest, &unanswerable)));
    }
    if !options.far.is_empty() {
        let far = Dataset {
            queries: options
                .far
                .iter()
                .zip(1..)
                .map(|(text, i)| Query { id: format!("far-{i}"), text: text.clone() })
                .collect(),
            ..Dataset::default()
        };
        let run = run_retrieval(&far, retriever.as_ref(), &run_options);
        let mut figures = figures_of(&with_unanswerable(&base, Some(&run), &BTreeSet::new()), options);
        figures.insert("unanswerable".into(), far.queries.len().into());
        report.insert("far_scope".into(), figures.into());
        sets.push(("far_scope.jsonl".to_owned(), query_lines(&far.queries)));
    }
    let mut perturbations = Map::new();
    for kind in perturber.map_or(&[][..], |_| &options.kinds) {
        let mut changed = Dataset { qrels: dataset.qrels.clone(), ..Dataset::default() };
        let mut kept = Vec::new();
        for (position, query) in dataset.queries.iter().enumerate() {
            if let Some(text) = perturber.and_then(|perturber| perturber.apply(*kind, &query.text)) {
                kept.push(position);
                changed.queries.push(Query { id: query.id.clone(), text });
            }
        }
        let run = run_retrieval(&changed, retriever.as_ref(), &run_options);
        let example =
            kept.first().map(|&i| (dataset.queries[i].text.clone(), changed.queries[0].text.clone()));
        let drop = drop_json(&base.table().select(&kept), &run.table(), &RETRIEVAL_FIGURES, example, options);
        perturbations.insert(kind.name().into(), drop);
        sets.push((format!("{}.jsonl", kind.name()), query_lines(&changed.queries)));
    }
    report.insert("perturbations".into(), perturbations.into());
    report.insert("seed".into(), options.seed.into());
    Ok(Stress { report: report.into(), sets })
}

/// Stresses an engine.
///
/// # Errors
/// An engine cannot be built.
pub fn stress_cases(
    cases: &Cases,
    build: &BuildAnswerer<'_>,
    perturber: Option<&Perturber<'_>>,
    options: &StressOptions,
) -> anyhow::Result<Stress> {
    let run_options = AnswerOptions { bootstrap: options.compare.bootstrap, progress: options.progress };
    let engine = build(&BTreeSet::new())?;
    let base = run_answers(cases, engine.as_ref(), &run_options);
    let mut report = Map::from_iter([("base".to_owned(), without_times(base.summary()))]);
    let mut sets = Vec::new();
    let mut add = |name: &str, set: &Cases, run: AnswerRun, extra: (&str, usize)| -> anyhow::Result<()> {
        let mut summary = without_times(run.summary());
        summary[extra.0] = extra.1.into();
        report.insert(name.to_owned(), summary);
        sets.push((format!("{name}.jsonl"), case_lines(&set.cases)?));
        Ok(())
    };
    if options.deleted > 0.0 {
        let (rest, removed) = delete_from_cases(cases, options.deleted, options.seed);
        let run = run_answers(&rest, build(&removed)?.as_ref(), &run_options);
        add("deletion", &rest, run, ("topics_removed", removed.len()))?;
    }
    if !options.far.is_empty() {
        let mut mixed = cases.clone();
        mixed.cases.extend(options.far.iter().zip(1..).map(|(question, i)| far_case(question, i)));
        let run = run_answers(&mixed, engine.as_ref(), &run_options);
        add("far_scope", &mixed, run, ("added", options.far.len()))?;
    }
    let mut perturbations = Map::new();
    for kind in perturber.map_or(&[][..], |_| &options.kinds) {
        let (mut changed, mut kept) = (Cases::default(), Vec::new());
        for (position, case) in cases.cases.iter().enumerate() {
            if let Some(question) = perturber.and_then(|perturber| perturber.apply(*kind, &case.question)) {
                kept.push(position);
                changed.cases.push(Case { question, ..case.clone() });
            }
        }
        let run = run_answers(&changed, engine.as_ref(), &run_options);
        let example =
            kept.first().map(|&i| (cases.cases[i].question.clone(), changed.cases[0].question.clone()));
        let drop = drop_json(&base.table().select(&kept), &run.table(), &ANSWER_FIGURES, example, options);
        perturbations.insert(kind.name().into(), drop);
        sets.push((format!("{}.jsonl", kind.name()), case_lines(&changed.cases)?));
    }
    report.insert("perturbations".into(), perturbations.into());
    report.insert("seed".into(), options.seed.into());
    Ok(Stress { report: report.into(), sets })
}

fn far_case(question: &str, number: usize) -> Case {
    Case {
        id: format!("far-{number}"),
        turns: Vec::new(),
        question: question.to_owned(),
        expect: Expected::HandOff,
        entries: Vec::new(),
        accept: Vec::new(),
        reason: Some(HandOffReason::OutOfScope),
        category: String::new(),
        tags: vec!["far-scope".to_owned()],
        split: String::new(),
        note: String::new(),
    }
}

/// Queries of a run, and of one over foreign questions, in one table: figures of retrieval over the answerable ones,
/// confidence over all.
fn with_unanswerable(
    base: &RetrievalRun,
    far: Option<&RetrievalRun>,
    unanswerable: &BTreeSet<String>,
) -> Table {
    let mut table = base.table();
    let mut answerable: Vec<bool> = table.ids.iter().map(|id| !unanswerable.contains(id)).collect();
    let far = far.map_or(&[][..], |far| &far.queries);
    table.ids.extend(far.iter().map(|query| query.id.clone()));
    answerable.resize(table.ids.len(), false);
    for column in &mut table.columns {
        column.values.resize(answerable.len(), None);
        for (value, answerable) in column.values.iter_mut().zip(&answerable) {
            *value = value.filter(|_| *answerable);
        }
    }
    let confidences = |about: fn(&QueryResult, bool) -> bool| {
        let all = base.queries.iter().chain(far).zip(&answerable);
        Confidences::new(
            all.map(|(query, answerable)| Some((f64::from(query.confidence?), about(query, *answerable)))),
        )
    };
    table.confidences = confidences(|query, answerable| answerable && query.is_correct);
    table.answerable = confidences(|_, answerable| answerable);
    table
}

fn figures_of(table: &Table, options: &StressOptions) -> Map<String, Value> {
    let (mut values, intervals) = figures_json(&table.figures(&options.compare.bootstrap));
    values.insert("intervals".into(), intervals.into());
    values
}

/// What a perturbation costs, over the questions it changes.
fn drop_json(
    base: &Table,
    changed: &Table,
    names: &[&str],
    example: Option<(String, String)>,
    options: &StressOptions,
) -> Value {
    let differences = differences(base, changed, names, &options.compare);
    let drops: BTreeMap<String, Value> =
        differences.iter().map(|difference| (difference.name.clone(), difference.to_json())).collect();
    let (from, to) = example.unwrap_or_default();
    json!({"changed": changed.len(), "example": {"from": from, "to": to}, "figures": drops})
}

fn without_times(mut summary: Value) -> Value {
    if let Some(summary) = summary.as_object_mut() {
        summary.remove("p50_ms");
        summary.remove("p99_ms");
    }
    summary
}

/// What a deletion took: `{"removed": document}` lines, then `{"unanswerable": query}` lines.
fn deletion_lines(all: &Dataset, rest: &Dataset, unanswerable: &BTreeSet<String>) -> String {
    let left: BTreeSet<&String> = rest.documents.iter().map(|document| &document.id).collect();
    let removed = all.documents.iter().map(|document| &document.id).filter(|id| !left.contains(id));
    let lines = removed.map(|id| json!({"removed": id}));
    lines
        .chain(unanswerable.iter().map(|id| json!({"unanswerable": id})))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn query_lines(queries: &[Query]) -> String {
    queries.iter().map(|query| json!({"_id": query.id, "text": query.text}).to_string() + "\n").collect()
}

fn case_lines(cases: &[Case]) -> anyhow::Result<String> {
    cases.iter().map(|case| Ok(serde_json::to_string(case)? + "\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::dataset::{Document, Judgements, Qrels};
    use super::super::fake::{self, FakeDesk, FakeRetriever};
    use super::super::perturb::{Readings, Word};
    use super::*;

    struct Whole;

    impl Readings for Whole {
        fn words(&self, text: &str) -> Vec<Word> {
            vec![Word { surface: text.to_owned(), ..Word::default() }]
        }
    }

    fn dataset() -> Dataset {
        let texts = ["出金手数料", "入金上限額", "確定申告書", "損失繰越し"];
        let document = |(i, text): (usize, &&str)| Document {
            id: format!("d{i}"),
            title: (*text).into(),
            text: String::new(),
        };
        let query = |(i, text): (usize, &&str)| Query { id: format!("q{i}"), text: format!("{text}は？") };
        let judged =
            |i: usize| (format!("q{i}"), Judgements::from([(format!("d{i}"), 1), ("other".into(), 0)]));
        Dataset {
            documents: texts.iter().enumerate().map(document).collect(),
            queries: texts.iter().enumerate().map(query).collect(),
            qrels: Qrels((0..4).map(judged).collect()),
            ..Dataset::default()
        }
    }

    fn options() -> StressOptions {
        StressOptions {
            seed: 7,
            deleted: 0.5,
            far: vec!["徳川家康の幼名は".into(), "こんにちは".into()],
            kinds: Perturbation::ALL.to_vec(),
            compare: CompareOptions { permutations: 100, ..CompareOptions::default() },
            progress: false,
        }
    }

    #[test]
    fn deletion_removes_what_half_of_the_questions_need() {
        let (rest, unanswerable) = delete_from_dataset(&dataset(), 0.5, 7);
        assert_eq!((rest.documents.len(), unanswerable.len(), rest.queries.len()), (2, 2, 4));
        assert_eq!(delete_from_dataset(&dataset(), 0.5, 7).1, unanswerable);
        let (rest, removed) = delete_from_cases(&fake::cases(), 1.0, 7);
        assert_eq!(removed.into_iter().collect::<Vec<_>>(), ["fee", "limit", "loss", "tax"]);
        assert!(rest.cases.iter().all(|case| case.expect != Expected::Answer && case.entries.is_empty()));
    }

    #[test]
    fn a_retriever_is_stressed_in_every_way() {
        let build =
            |dataset: &Dataset| Ok(Box::new(FakeRetriever(dataset.documents.clone())) as Box<dyn Retriever>);
        let perturber = Perturber::new(&Whole, 7, []);
        let stress = || stress_dataset(&dataset(), &build, Some(&perturber), &options()).expect("built");
        let report = stress().report;
        assert_eq!(report["base"]["success@1"], 1.0);
        assert_eq!(report["deletion"]["unanswerable"], 2);
        assert_eq!(report["deletion"]["success@1"], 1.0, "over the answerable half");
        assert_eq!(report["deletion"]["auroc_answerable"], 1.0, "nothing left that shares characters");
        assert_eq!(report["far_scope"]["auroc_answerable"], 1.0);
        assert_eq!(report["perturbations"]["casual"]["changed"], 4);
        assert_eq!(report["perturbations"]["casual"]["example"]["to"], "出金手数料ってどうなの");
        assert_eq!(report["perturbations"]["kana"]["changed"], 0);
        assert_eq!(report, stress().report);
        for (set, lines) in [("fillers.jsonl", 4), ("deletion.jsonl", 4), ("far_scope.jsonl", 2)] {
            let made = stress().sets;
            let (_, text) = made.iter().find(|(name, _)| name == set).expect(set);
            assert_eq!(text.lines().count(), lines, "{set}: {text}");
        }
    }

    #[test]
    fn an_engine_is_stressed_in_every_way() {
        let build = |removed: &BTreeSet<String>| {
            let all = [
                ("fee", "出金手数料はいくらですか fee"),
                ("limit", "入金上限額を知りたい"),
                ("tax", "確定申告の方法"),
                ("loss", "損失の繰越控除"),
            ];
            let left: Vec<(&str, &str)> = all.into_iter().filter(|(id, _)| !removed.contains(*id)).collect();
            Ok(Box::new(FakeDesk::of(&left)) as Box<dyn Answerer>)
        };
        let perturber = Perturber::new(&Whole, 7, []);
        let stress = stress_cases(&fake::cases(), &build, Some(&perturber), &options()).expect("built");
        let report = stress.report;
        assert_eq!(report["far_scope"]["queries"], 13);
        assert!(report["deletion"]["unanswerable"].as_u64() > report["base"]["unanswerable"].as_u64());
        assert!(report["perturbations"]["fillers"]["figures"]["top1"]["difference"].is_number());
    }
}
