//! The evaluator's bench from outside: our figures against ir_measures, the gate against a broken engine, the same
//! command twice, and files that are not what they should be.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use madoguchi::eval::dataset::{Qrels, read_qrels};
use madoguchi::eval::retrieval::{RetrievalOptions, score_run};
use madoguchi::eval::rows::Skipped;
use madoguchi::eval::trec::{read_run, write_qrels};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Ours and ir_measures' name of each metric that both have.
const METRICS: [(&str, &str); 14] = [
    ("recall@1", "R@1"),
    ("recall@10", "R@10"),
    ("recall@100", "R@100"),
    ("precision@1", "P@1"),
    ("precision@3", "P@3"),
    ("precision@5", "P@5"),
    ("precision@10", "P@10"),
    ("ndcg@10", "nDCG@10"),
    ("mrr@10", "RR@10"),
    ("map", "AP"),
    ("success@1", "Success@1"),
    ("success@3", "Success@3"),
    ("success@5", "Success@5"),
    ("success@10", "Success@10"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// `madoguchi eval …` in the checkout.
fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_madoguchi"));
    command.arg("eval").args(arguments).current_dir(root());
    command
}

/// Runs `madoguchi eval …` in the checkout.
pub fn eval(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What ir_measures says of a run file, by our names.
fn ir_measures(qrels: &Path, run: &Path) -> BTreeMap<String, f64> {
    const SCRIPT: &str = "
import json, sys, ir_measures
measures = [ir_measures.parse_measure(name) for name in sys.argv[3:]]
qrels = list(ir_measures.read_trec_qrels(sys.argv[1]))
values = ir_measures.calc_aggregate(measures, qrels, list(ir_measures.read_trec_run(sys.argv[2])))
print(json.dumps({str(measure): value for measure, value in values.items()}))
";
    let python = root().join(".cache/venv/bin/python");
    assert!(
        python.is_file(),
        "{} is missing: scripts/setup.sh --test installs ir_measures there",
        python.display()
    );
    let output = Command::new(python)
        .args(["-c", SCRIPT, text(qrels), text(run)])
        .args(METRICS.map(|(_, theirs)| theirs))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "ir_measures does not run (scripts/setup.sh --test installs it): {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let theirs: BTreeMap<String, f64> = serde_json::from_slice(&output.stdout).unwrap();
    METRICS.map(|(ours, name)| (ours.to_owned(), theirs[name])).into_iter().collect()
}

fn assert_agrees(what: &str, ours: impl Fn(&str) -> Option<f64>, theirs: &BTreeMap<String, f64>) {
    for (name, theirs) in theirs {
        let ours = ours(name).unwrap_or_else(|| panic!("{what}: we have no {name}"));
        assert!((ours - theirs).abs() < 1e-4, "{what}: {name} is {ours} here and {theirs} in ir_measures");
    }
}

/// A small generator, so that the made-up runs are the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[test]
fn made_up_runs_score_as_in_ir_measures() {
    let dir = tempfile::tempdir().unwrap();
    let (qrels_path, run_path) = (dir.path().join("made.qrels"), dir.path().join("made.run"));
    let mut numbers = Numbers(7);
    let (mut qrels, mut run) = (String::new(), String::new());
    for query in 0..200 {
        // Some queries have only judgements of 0, some are missing from the run, some of the run are not judged.
        for document in 0..1 + numbers.below(12) {
            let grade = if query % 11 == 0 { 0 } else { numbers.below(4) };
            let _ = writeln!(qrels, "q{query} 0 d{document} {grade}");
        }
        let retrieved = if query % 13 == 0 { 0 } else { 1 + numbers.below(30) };
        for document in 0..retrieved {
            // Scores repeat within a query only where the order cannot matter to RR, whose tie rule differs from
            // trec_eval's in ir_measures: see docs/evaluation.md.
            let score = 1000 - numbers.below(30) * 31 - document;
            let _ = writeln!(run, "q{query} Q0 d{} {} {score} made", (document * 7 + 3) % 31, document + 1);
        }
    }
    let _ = writeln!(run, "unjudged Q0 d1 1 1.5 made");
    std::fs::write(&qrels_path, qrels).unwrap();
    std::fs::write(&run_path, run).unwrap();
    let scored = {
        let (mut skipped, mut hash) = (Skipped::new(true), Sha256::new());
        let qrels: Qrels = read_qrels(&qrels_path, &mut skipped, &mut hash, |_, _| Ok(())).unwrap();
        let run = read_run(&run_path, &mut skipped, &mut hash).unwrap();
        score_run(run, &qrels, &RetrievalOptions::default())
    };
    assert_agrees("made-up run", |name| scored.mean(name), &ir_measures(&qrels_path, &run_path));

    // nDCG with exponential gain is linear nDCG on grades of 2^grade − 1.
    let exponential = dir.path().join("exponential.qrels");
    let raised: String = std::fs::read_to_string(&qrels_path)
        .unwrap()
        .lines()
        .map(|line| {
            let (rest, grade) = line.rsplit_once(' ').unwrap();
            format!("{rest} {}\n", 2i32.pow(grade.parse().unwrap()) - 1)
        })
        .collect();
    std::fs::write(&exponential, raised).unwrap();
    let theirs = ir_measures(&exponential, &run_path)["ndcg@10"];
    assert!((scored.mean("ndcg_exp@10").unwrap() - theirs).abs() < 1e-4);
}

#[test]
fn the_sample_desk_scores_as_in_ir_measures() {
    let dir = tempfile::tempdir().unwrap();
    let (qrels, run) = (dir.path().join("desk.qrels"), dir.path().join("desk.run"));
    let summary =
        stdout(&eval(&["answers", "--json", "--summary", "--run", text(&run), "--qrels", text(&qrels)]));
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let mut theirs = ir_measures(&qrels, &run);
    // A Trace holds ten candidates, and the summary of cases has fewer cut-offs.
    theirs.retain(|name, _| summary.get(name).is_some());
    assert!(theirs.len() >= 7, "{theirs:?}");
    assert_agrees("sample desk", |name| summary[name].as_f64(), &theirs);
}

/// The development sets lie beside the checkout and are no part of it; without them this test has nothing to say that
/// the two above do not say.
#[test]
fn the_development_sets_score_as_in_ir_measures() {
    let data = root().join("../shared/data/eval");
    for set in ["localgov-dev", "jsquad-valid"] {
        let folder = data.join(set);
        if !folder.is_dir() {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let (qrels, run) = (dir.path().join("set.qrels"), dir.path().join("set.run"));
        let summary = stdout(&eval(&[
            "retrieval",
            "--dataset",
            text(&folder),
            "--system",
            "lexical",
            "--json",
            "--summary",
            "--run",
            text(&run),
        ]));
        let summary: Value = serde_json::from_str(&summary).unwrap();
        let beir = folder.join("qrels/test.tsv");
        let read = read_qrels(&beir, &mut Skipped::new(true), &mut Sha256::new(), |_, _| Ok(())).unwrap();
        write_qrels(&qrels, read.0.iter().map(|(query, judgements)| (query.as_str(), judgements.clone())))
            .unwrap();
        assert_agrees(set, |name| summary[name].as_f64(), &ir_measures(&qrels, &run));
    }
}

fn without_timings(output: &str) -> Value {
    let mut value: Value = serde_json::from_str(output).unwrap();
    let object = value.as_object_mut().unwrap();
    assert!(object.remove("p50_ms").is_some() && object.remove("p99_ms").is_some());
    value
}

#[test]
fn a_broken_engine_fails_gate_and_compare_and_a_second_run_passes_both() {
    let dir = tempfile::tempdir().unwrap();
    let runs: Vec<PathBuf> = ["first", "second", "broken"].iter().map(|name| dir.path().join(name)).collect();
    for (run, more) in runs.iter().zip([&[][..], &[], &["--shuffle-ranks", "1"]]) {
        let output = stdout(&eval(&[&["answers", "--json"], more].concat()));
        std::fs::write(run, output).unwrap();
    }
    let [first, second, broken] = [0, 1, 2].map(|i| std::fs::read_to_string(&runs[i]).unwrap());
    assert_eq!(without_timings(&first), without_timings(&second), "the same command twice");
    let changed = first.lines().zip(second.lines()).filter(|(a, b)| a != b).map(|(a, _)| a.trim_start());
    assert!(changed.clone().all(|line| line.starts_with("\"p50_ms\"") || line.starts_with("\"p99_ms\"")));
    assert_ne!(without_timings(&first), without_timings(&broken));

    let limits = ["--fail-if-worse", "top1:0.02", "--fail-if-worse", "mrr@10:0.02", "--show", "3"];
    let compare = |a: &Path, b: &Path| eval(&[&["compare", text(a), text(b)], &limits[..]].concat());
    let output = compare(&runs[0], &runs[2]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stderr).contains("top1 is worse by"));
    // The other way round nothing got worse; what may not be worse at all is not in the same engine run again.
    assert_eq!(compare(&runs[2], &runs[0]).status.code(), Some(0));
    let names = serde_json::from_str::<Value>(&first).unwrap()["intervals"].as_object().unwrap().clone();
    let every: Vec<String> = names
        .iter()
        .filter(|(_, interval)| interval.is_array())
        .map(|(name, _)| format!("--fail-if-worse={name}:0"))
        .collect();
    assert!(every.len() > 40, "{every:?}");
    let mut strictest = command(&["compare", text(&runs[0]), text(&runs[1])]);
    let output = strictest.args(&every).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("0 item(s) changed"));

    let gate = eval(&["gate"]);
    assert_eq!(gate.status.code(), Some(0), "{}", String::from_utf8_lossy(&gate.stdout));
    let gate = eval(&["gate", "--shuffle-ranks", "1"]);
    assert_eq!(gate.status.code(), Some(1), "{}", String::from_utf8_lossy(&gate.stdout));
    assert!(String::from_utf8_lossy(&gate.stdout).contains("FAIL"));
    assert!(String::from_utf8_lossy(&gate.stderr).contains("eval gate --update"));
}

/// A BEIR folder made of the sample desk's cases: a document a question, asked for by the next question of its entry.
fn made_up_dataset(folder: &Path) {
    let read = |name: &str| std::fs::read_to_string(root().join("eval/cases").join(name)).unwrap();
    let cases: Vec<Value> = ["tax.jsonl", "trading.jsonl"]
        .iter()
        .flat_map(|name| {
            read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()
        })
        .collect();
    let (mut corpus, mut queries, mut qrels) = (String::new(), String::new(), String::new());
    for (i, pair) in cases.windows(2).enumerate() {
        let _ = writeln!(
            corpus,
            "{}",
            serde_json::json!({"_id": format!("d{i}"), "title": pair[0]["question"], "text": pair[0]["category"]})
        );
        let _ =
            writeln!(queries, "{}", serde_json::json!({"_id": format!("q{i}"), "text": pair[1]["question"]}));
        if pair[0]["entries"] == pair[1]["entries"] {
            let _ = writeln!(qrels, "q{i}\td{i}\t1");
        }
    }
    std::fs::create_dir_all(folder.join("qrels")).unwrap();
    for (name, content) in [("corpus.jsonl", corpus), ("queries.jsonl", queries), ("qrels/test.tsv", qrels)] {
        std::fs::write(folder.join(name), content).unwrap();
    }
}

#[test]
fn every_command_prints_the_same_bytes_on_one_core_and_on_many() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    made_up_dataset(&dir.path().join("set"));
    let (set, far, stored) = (path("set"), path("far.txt"), path("stored.jsonl"));
    std::fs::write(&far, "徳川家康の幼名は\n今日の天気\n富士山の高さは？\n").unwrap();
    std::fs::write(
        &stored,
        "{\"id\":\"1\",\"question\":\"出金手数料は？\",\"decision\":\"smalltalk\"}\n\
         {\"id\":\"2\",\"turns\":[\"出金したい\"],\"question\":\"手数料は？\",\"decision\":\"smalltalk\"}\n",
    )
    .unwrap();
    // Without timings on a line of their own, every byte must be the same.
    let run = |threads: &str, arguments: &[&str]| {
        let output = stdout(&command(arguments).env("RAYON_NUM_THREADS", threads).output().unwrap());
        let is_timing = |line: &&str| {
            !["\"p50_ms\":", "\"p99_ms\":"].iter().any(|key| line.trim_start().starts_with(key))
        };
        output.lines().filter(is_timing).collect::<Vec<&str>>().join("\n")
    };
    let (a, b, trec) = (path("a.json"), path("b.json"), path("a.trec"));
    let kinds = "kana,wrong_conversion,fillers";
    let case_file = "eval/cases/tax.jsonl";
    let commands: [&[&str]; 8] = [
        &["retrieval", "--dataset", &set, "--adapt", "--json", "--run", &trec],
        &["answers", "--cases", case_file, "--json"],
        &["stress", "--cases", case_file, "--far", &far, "--kinds", kinds, "--resamples", "100", "--json"],
        &["stress", "--dataset", &set, "--far", &far, "--kinds", kinds, "--resamples", "100", "--json"],
        &["compare", &a, &b, "--json"],
        &["replay", "--questions", &stored, "--json"],
        &["examples", "--folds", "2", "--resamples", "100", "--json"],
        &["gate"],
    ];
    for (file, seed) in [(&a, &[][..]), (&b, &["--shuffle-ranks", "1"])] {
        let output = eval(&[&["retrieval", "--dataset", &set, "--json"], seed].concat());
        std::fs::write(file, stdout(&output)).unwrap();
    }
    for arguments in commands {
        let one = run("1", arguments);
        let ranked = std::fs::read(&trec).unwrap();
        assert!(one.len() > 100, "{arguments:?}: {one}");
        assert_eq!(one, run("1", arguments), "{arguments:?} twice");
        assert_eq!(one, run("5", arguments), "{arguments:?} on five threads");
        assert_eq!(ranked, std::fs::read(&trec).unwrap(), "the run file");
    }
}

#[test]
fn the_net_below_the_rules_knows_most_examples_that_it_did_not_learn() {
    let summary: Value = serde_json::from_str(&stdout(&eval(&["examples", "--json", "--summary"]))).unwrap();
    let figure = |name: &str| summary[name].as_f64().unwrap();
    assert!(figure("auroc") >= 0.94, "{summary}");
    assert!(figure("recall_both_unsure") >= 0.86 && figure("false_unsure") <= 0.14, "{summary}");

    let refused = eval(&["examples", "--folds", "1"]);
    let message = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{message}");
    assert!(message.contains("2..=20"), "{message}");
}

#[test]
fn files_that_are_not_what_they_should_be_are_named_and_nothing_panics() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    made_up_dataset(dir.path());
    let good = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (corpus, qrels) = (good("corpus.jsonl"), good("qrels/test.tsv"));
    let topics = file("topics.tsv", "q1\t手数料\n".as_bytes());
    let empty = file("empty.jsonl", b"");
    let binary = file("binary.jsonl", b"\x7fELF\x00\x01");
    let long = file("long.jsonl", &vec![b'x'; 20 << 20]);
    let sheet = |name: &str, bytes: &[u8], word: &str| {
        (vec!["answers".to_owned(), "--cases".to_owned(), file(name, bytes)], word.to_owned())
    };
    let mut cases = vec![
        sheet("empty.csv", b"", "empty.csv: the file is empty"),
        sheet("header.csv", "問い\n手数料\n".as_bytes(), "no column 質問"),
        sheet("binary.csv", b"a,b\n\x00\x01\x02", "binary"),
        sheet("other.csv", b"a,\xff\xfd\x80\n", "save it as UTF-8"),
        sheet("broken.xlsx", b"PK\x03\x04....", "not a readable workbook"),
        sheet("old.xls", b"\xd0\xcf\x11\xe0....", "save it as .xlsx"),
        sheet("large.csv", &vec![b'x'; 65 << 20], "split it"),
    ];
    let mut refuse = |arguments: &[&str], word: &str| {
        cases.push((arguments.iter().map(|argument| (*argument).to_owned()).collect(), word.to_owned()));
    };
    refuse(&["answers", "--cases", "/nowhere"], "cannot open /nowhere");
    refuse(&["gate", "--baseline", &file("baseline.json", b"{}")], "is not a baseline");
    refuse(&["compare", &file("summary.json", b"{\"queries\":1}"), &empty], "without `--summary`");
    refuse(&["replay", "--data", text(dir.path())], "madoguchi.db does not exist");
    refuse(&["replay"], "--data");
    let reason = |kind: &str| match kind {
        _ if kind == empty => "is empty",
        _ if kind == binary => "is binary",
        _ => "at most 4194304 are read",
    };
    for wrong in [&empty, &binary, &long] {
        let reason = reason(wrong);
        refuse(&["answers", "--cases", wrong], reason);
        refuse(&["retrieval", "--corpus", wrong, "--topics", &topics, "--qrels", &qrels], reason);
        refuse(&["retrieval", "--corpus", &corpus, "--topics", wrong, "--qrels", &qrels], reason);
        refuse(&["retrieval", "--corpus", &corpus, "--topics", &topics, "--qrels", wrong], reason);
        refuse(&["score", "--run", wrong, "--qrels", &qrels], reason);
        refuse(&["score", "--run", &topics, "--qrels", wrong], reason);
        refuse(&["replay", "--questions", wrong], reason);
        refuse(&["stress", "--far", wrong], reason);
        refuse(&["compare", wrong, wrong], "is not what `eval … --json` prints");
        refuse(&["gate", "--baseline", wrong], "is not a baseline");
    }
    for (arguments, word) in cases {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = eval(&arguments);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(word.as_str()) && !message.contains("panicked"), "{arguments:?}: {message}");
    }
}

#[test]
fn wrong_rows_are_skipped_with_a_count_or_with_strict_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let cases = dir.path().join("cases.jsonl");
    let good = std::fs::read_to_string(root().join("eval/cases/tax.jsonl")).unwrap();
    let first: Vec<&str> = good.lines().take(3).collect();
    let text_of = format!(
        "{}\n{}\n{{\"id\":\"x\",\"question\":\"?\",\"expect\":\"answer\",\"entries\":[\"nowhere\"]}}\n",
        first.join("\n"),
        first[0]
    );
    std::fs::write(&cases, text_of).unwrap();
    let output = eval(&["answers", "--cases", text(&cases), "--json", "--summary"]);
    let summary: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((summary["queries"].as_u64(), summary["skipped"].as_u64()), (Some(3), Some(2)));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        message.contains("cases.jsonl:4: duplicate case id")
            && message.contains("unknown entry id \"nowhere\""),
        "{message}"
    );
    let strict = eval(&["answers", "--cases", text(&cases), "--strict"]);
    assert_eq!(strict.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&strict.stderr).contains("cases.jsonl:4: duplicate"));
}

/// The fenced blocks of the guide that hold `word`.
fn example(word: &str) -> String {
    let guide = std::fs::read_to_string(root().join("docs/evaluation.md")).unwrap();
    let block = guide.split("```").skip(1).step_by(2).find(|block| block.contains(word)).unwrap();
    block.split_once('\n').unwrap().1.to_owned()
}

/// JSON values, each on a line of its own.
fn one_a_line(text: &str) -> String {
    serde_json::Deserializer::from_str(text)
        .into_iter::<Value>()
        .map(|value| format!("{}\n", value.unwrap()))
        .collect()
}

#[test]
fn the_examples_of_the_guide_are_read_as_they_stand() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let queries =
        |output: &Output| serde_json::from_str::<Value>(&stdout(output)).unwrap()["queries"].clone();
    let strict = ["--strict", "--json", "--summary"];
    for (name, content) in
        [("cases.jsonl", one_a_line(&example("\"fee-7\""))), ("cases.csv", example("ID,質問"))]
    {
        let cases = file(name, &content);
        assert_eq!(queries(&eval(&[&["answers", "--cases", &cases], &strict[..]].concat())), 2, "{content}");
    }
    let stored = file("stored.jsonl", &one_a_line(&example("\"t-1\"")));
    let replayed = stdout(&eval(&["replay", "--questions", &stored, "--strict", "--json"]));
    assert_eq!(serde_json::from_str::<Value>(&replayed).unwrap()["questions"], 1);

    for line in example("corpus.jsonl").lines() {
        let (name, row) = line.trim().split_once(' ').unwrap();
        file(name, &row.trim().replace("query-id<TAB>corpus-id<TAB>score", "q1\tfee\t1"));
    }
    let set = dir.path().join("my-set");
    assert_eq!(queries(&eval(&[&["retrieval", "--dataset", text(&set)], &strict[..]].concat())), 1);
    let gate = file("baseline.json", &example("\"allowed_drop\""));
    let output = eval(&["gate", "--baseline", &gate]);
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
}
