//! Replay of what a served desk stored: questions are asked over HTTP, and `eval replay --data` reads them beside the
//! running desk, masked, and shows which Decisions another desk would change.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::counter::Client;
use crate::eval::{eval, stdout};

/// `madoguchi serve` as a process of its own.
struct Serving {
    process: Child,
    client: Client,
    /// Held so that what the desk says later has somewhere to go.
    _greeting: BufReader<ChildStdout>,
}

impl Serving {
    fn start(data: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_madoguchi"))
            .args(["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut reader = BufReader::new(process.stdout.take().unwrap());
        let mut greeting = String::new();
        reader.read_line(&mut greeting).unwrap();
        let at = greeting.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        let at = at.unwrap_or_else(|| panic!("no address in {greeting:?}")).parse().unwrap();
        Self { process, client: Client { at }, _greeting: reader }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An entry that no other file of the desk names.
const ENTRY: &str = "report-pdf-not-opening";

/// Copies the desk in `from`, leaving out [`ENTRY`].
fn copy_without_entry(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            copy_without_entry(&path, &to.join(name));
        } else if !name.starts_with(ENTRY) {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

fn replayed(arguments: &[&str]) -> Value {
    serde_json::from_str(&stdout(&eval(&[&["replay", "--json"], arguments].concat()))).unwrap()
}

#[tokio::test]
async fn a_candidate_desk_is_asked_what_customers_asked_the_one_before() {
    let kb = Path::new(env!("CARGO_MANIFEST_DIR")).join("kb");
    let file = std::fs::read_to_string(kb.join("entries/system").join(format!("{ENTRY}.md"))).unwrap();
    let question = file.lines().find_map(|line| line.strip_prefix("# ")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let serving = Serving::start(&data);
    let answer = serving.client.visit().await.say(question).await;
    assert_eq!((&answer["decision"], &answer["answer"]["entry_id"]), (&"answer".into(), &ENTRY.into()));
    let follow_up = serving.client.visit().await;
    follow_up.say("出金したいです").await;
    follow_up.say("手数料は？").await;
    let masked = serving.client.visit().await;
    masked.say("連絡先は taro@example.com です。取引できる時間は何時から何時までですか").await;
    let secret = serving.client.visit().await;
    secret.say("秘密鍵は 5KJvsngHeMpm884wtkJNzQGaCErckhHJBGFsvd3VyK5qMZXj3hS です").await;

    let data = data.to_str().unwrap();
    let same = replayed(&["--data", data]);
    assert_eq!((&same["questions"], &same["withheld"]), (&4.into(), &1.into()), "{same}");
    assert_eq!(same["changed"], 0, "the desk that is serving would decide as it did: {same}");

    let candidate = folder.path().join("candidate");
    copy_without_entry(&kb, &candidate);
    let candidate = candidate.to_str().unwrap();
    let changed = replayed(&["--data", data, "--kb", candidate]);
    let changes = changed["changes"].as_array().unwrap();
    let of_entry = changes.iter().find(|change| change["before"]["entry"] == ENTRY);
    let of_entry = of_entry.unwrap_or_else(|| panic!("the deleted entry was an answer: {changed}"));
    assert_eq!(of_entry["question"], question);
    assert_ne!(of_entry["after"]["entry"], ENTRY);
    assert!(of_entry["trace_after"]["candidates"].is_array());
    assert_eq!(changed, replayed(&["--data", data, "--kb", candidate]), "twice the same");

    // Asked again in words, with the desk stopped: the database alone is enough, and nothing in it is changed.
    drop(serving);
    let database = Path::new(data).join("madoguchi.db");
    let before = std::fs::read(&database).unwrap();
    let words = stdout(&eval(&["replay", "--data", data, "--kb", candidate, "--against", "kb"]));
    assert!(words.contains(question) && words.contains("1 left out"), "{words}");
    assert!(!words.contains("taro@example.com") && !words.contains("5KJvsng"), "{words}");
    assert_eq!(before, std::fs::read(&database).unwrap());

    let newest = replayed(&["--data", data, "--limit", "1"]);
    assert_eq!(newest["questions"].as_u64().unwrap() + newest["withheld"].as_u64().unwrap(), 1);
    let later = eval(&["replay", "--data", data, "--since", "2999-01-01"]);
    assert_eq!(later.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&later.stderr).contains("holds no question since then"));
    for part in ["madoguchi.db-wal", "madoguchi.db-shm"] {
        let _ = std::fs::remove_file(database.with_file_name(part));
    }
    std::fs::write(&database, b"this is not a database").unwrap();
    let broken = eval(&["replay", "--data", data]);
    let message = String::from_utf8_lossy(&broken.stderr).into_owned();
    assert_eq!(broken.status.code(), Some(2), "{message}");
    assert!(message.contains("madoguchi.db") && !message.contains("panicked"), "{message}");
}
