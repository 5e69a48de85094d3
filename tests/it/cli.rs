//! The command line, as a person or a script uses it: what is printed, where, and the exit code.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::desk::{copy_of_the_desk, kb};

fn madoguchi(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_madoguchi"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Fails with one line on standard error that holds `expect`, and exit code 2.
#[track_caller]
fn refused(output: &Output, expect: &str) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains(expect), "{expect:?} in {error}");
    assert!(!error.contains("panicked"), "{error}");
}

#[test]
fn ask_prints_one_json_object() {
    let output = madoguchi(root(), &["ask", "昨日不正アクセスで送金されました", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["decision"]["kind"], "handoff");
    assert_eq!(value["decision"]["reason"], "security");
    assert_eq!(value.get("trace"), None);
    let output = madoguchi(root(), &["ask", "出金できないんだけど", "--json", "--trace"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(value["trace"]["candidates"].as_array().is_some_and(|list| !list.is_empty()), "{value}");
}

/// `madoguchi ask … | head -1`: the reader leaves before everything is said.
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let copy = copy_of_the_desk();
    let kb = copy.path().to_str().unwrap();
    for arguments in [
        &["ask", "出金できないんだけど", "--trace", "--kb", kb][..],
        &["ask", "出金できないんだけど", "--json", "--kb", kb],
        &["kb", "lint", "--kb", kb],
        &["eval", "answers", "--cases", "eval/cases/tax.jsonl", "--json"],
        &["openapi"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_madoguchi"))
            .args(arguments)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let message = text(&output.stderr);
        assert!(output.status.success() && !message.contains("panicked"), "{arguments:?}: {message}");
    }
}

#[test]
fn lint_exits_with_1_when_there_is_a_mistake() {
    let output = madoguchi(root(), &["kb", "lint"]);
    assert!(output.status.success(), "{}", text(&output.stdout));
    let copy = copy_of_the_desk();
    fs::write(copy.path().join("synonyms.txt"), "孤独\n").unwrap();
    let output = madoguchi(root(), &["kb", "lint", "--kb", copy.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("synonyms.txt:1: ") && said.contains("1 mistake"), "{said}");
}

#[test]
fn retrieval_is_scored_on_a_beir_folder() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = [
        ("d1", "パスワードを忘れたとき", "ログイン画面の「パスワードをお忘れの方」から再設定します。"),
        ("d2", "日本円の出金手数料", "出金手数料は1回440円です。"),
        ("d3", "引っ越したときの住所変更", "住所変更は会員メニューから届け出ます。"),
    ];
    let lines = corpus
        .map(|(id, title, text)| serde_json::json!({"_id": id, "title": title, "text": text}).to_string());
    fs::write(folder.path().join("corpus.jsonl"), lines.join("\n")).unwrap();
    let queries = [("q1", "パスワードを忘れた"), ("q2", "出金の手数料はいくら")];
    let lines = queries.map(|(id, text)| serde_json::json!({"_id": id, "text": text}).to_string());
    fs::write(folder.path().join("queries.jsonl"), lines.join("\n")).unwrap();
    fs::create_dir(folder.path().join("qrels")).unwrap();
    fs::write(folder.path().join("qrels/test.tsv"), "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n")
        .unwrap();
    let dataset = folder.path().to_str().unwrap();
    for system in ["hybrid", "lexical", "dense"] {
        let output =
            madoguchi(root(), &["eval", "retrieval", "--dataset", dataset, "--system", system, "--json"]);
        assert!(output.status.success(), "{system}: {}", text(&output.stderr));
        let value: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(value["queries"], 2, "{system}");
        for figure in ["recall@10", "ndcg@10", "mrr@10", "success@1", "map"] {
            assert_eq!(value[figure], 1.0, "{system} {figure}: {value}");
        }
        assert!(value["p50_ms"].is_number() && value["p99_ms"].is_number(), "{value}");
    }
}

#[test]
fn errors_name_what_is_wrong_and_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    refused(&madoguchi(empty.path(), &["ask", "出金"]), "--kb");
    refused(&madoguchi(empty.path(), &["serve"]), "--kb");
    let desk = kb();
    let desk = desk.to_str().unwrap();
    let no_models = ["ask", "出金", "--kb", desk, "--models", "nowhere"];
    refused(&madoguchi(empty.path(), &no_models), "scripts/setup.sh");
    refused(&madoguchi(empty.path(), &["serve", "--kb", desk, "--listen", "8080"]), "127.0.0.1:8080");
    refused(&madoguchi(empty.path(), &["eval", "retrieval", "--dataset", "nowhere"]), "nowhere");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(&madoguchi(empty.path(), &["serve", "--kb", desk, "--listen", &address]), "--listen");
}

#[test]
fn the_description_of_the_api_is_printed() {
    let output = madoguchi(root(), &["openapi"]);
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(value["paths"]["/api/v1/conversations"]["post"].is_object());
}

#[test]
fn staff_are_added_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let add = |password: &str, arguments: &[&str]| {
        let input = folder.path().join("password");
        fs::write(&input, password).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_madoguchi"));
        command.args(["user", "add"]).args(arguments).current_dir(root());
        command.arg("--data").arg(folder.path().join("data"));
        command.stdin(fs::File::open(input).unwrap()).output().unwrap()
    };
    let output = add("長い合言葉を使います\n", &["aki", "--role", "agent", "--name", "秋山"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("aki"));
    refused(&add("長い合言葉を使います\n", &["aki"]), "taken");
    refused(&add("short\n", &["ben"]), "password");
    refused(&add("長い合言葉を使います\n", &["ben", "--role", "king"]), "king");
}

#[test]
fn adaptation_says_what_it_came_to_and_is_kept_with_the_index() {
    let output = madoguchi(root(), &["adapt", "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let measured: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = &measured["report"];
    let pair = |name: &str| [0, 1].map(|i| report[name][i].as_f64().unwrap());
    let ([before, after], [loss, lower]) = (pair("reciprocal_rank"), pair("loss"));
    assert!(measured["kept"] == true && after > before && lower < loss, "{measured}");
    assert_eq!(measured["base"].as_str().unwrap().len(), 64);

    let copy = copy_of_the_desk();
    let data = copy.path().join("data");
    let run =
        |arguments: &[&str]| madoguchi(root(), &[arguments, &["--data", data.to_str().unwrap()]].concat());
    refused(&run(&["adapt"]), "madoguchi.db is not there");
    let imported = run(&["kb", "import", "--kb", copy.path().to_str().unwrap()]);
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    let kept = run(&["adapt", "--json"]);
    let kept: Value =
        serde_json::from_slice(&kept.stdout).unwrap_or_else(|_| panic!("{}", text(&kept.stderr)));
    // The same entries, and the same seed.
    assert_eq!((&kept["report"], &kept["base"]), (&measured["report"], &measured["base"]));
    let vectors: Vec<_> =
        walk(&data.join("index")).filter(|file| file.ends_with("adapted.safetensors")).collect();
    assert_eq!(vectors.len(), 1, "{vectors:?}");
}

fn walk(folder: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    let folders = fs::read_dir(folder).unwrap().map(|folder| folder.unwrap().path());
    folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()))
}
