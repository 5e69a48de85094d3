//! What was acknowledged survives `kill -9`: a child process writes and reports each acknowledged write; it is killed in
//! the middle; everything it reported must be there.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use madoguchi::handoff::ConversationId;
use madoguchi::store::{SqliteStore, Store};

use crate::store::{created, next_turn};

const FILE: &str = "MADOGUCHI_TEST_DURABILITY";

#[tokio::test]
async fn acknowledged_writes_survive_kill_9() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("desk.db");
    let mut acknowledged = Vec::new();
    for round in 0..3u32 {
        let mut child = Command::new(std::env::current_exe().expect("this test's binary"))
            .args([
                "--exact",
                "durability::write_until_killed",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(FILE, &file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the child starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let reported =
            lines.map_while(Result::ok).filter_map(|line| Some(line.split_once("wrote ")?.1.to_owned()));
        acknowledged.extend(reported.take(40 + round as usize));
        child.kill().expect("SIGKILL");
        child.wait().expect("reaped");
    }
    assert!(acknowledged.len() >= 120, "the children wrote {}", acknowledged.len());
    let store = SqliteStore::open(&file).await.expect("opens after the crash");
    for id in &acknowledged {
        let id = ConversationId::parse(id).expect("an id");
        let stored = store.conversation(&id).await.expect("readable").expect("acknowledged, so there");
        let turns = store.turns(&id, 0, 10).await.expect("readable");
        assert_eq!(
            turns.len() as u64,
            stored.conversation.last_seq,
            "a conversation and its turns go together"
        );
        assert_eq!(turns.len(), 1);
    }
}

#[tokio::test]
#[ignore = "the child of acknowledged_writes_survive_kill_9"]
async fn write_until_killed() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let store = SqliteStore::open(Path::new(&file)).await.expect("opens");
    loop {
        let new = created(rand::random());
        store.create_conversation(&new).await.expect("created");
        store.commit(next_turn(new.conversation.clone(), 0)).await.expect("committed");
        println!("wrote {}", new.conversation.id);
    }
}
