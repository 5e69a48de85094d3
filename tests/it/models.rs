//! Transformers from the command line and for those who run the desk, in every build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use madoguchi::app::{ModelsInUse, Role};

use crate::counter::{Counter, Opening, Press};

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transformer")
}

fn madoguchi(arguments: &[&str]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_madoguchi"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout.as_slice(), &output.stderr].concat()).unwrap();
    (output, said)
}

#[test]
fn a_model_is_added_listed_and_checked() {
    let models = tempfile::tempdir().unwrap();
    let folder = models.path().to_str().unwrap();
    let source = fixtures().join("tiny-bert-ja");
    let source = source.to_str().unwrap();
    let (output, said) = madoguchi(&["models", "list", "--models", folder]);
    assert!(output.status.success() && said.contains("no transformer"), "{said}");
    let (output, said) = madoguchi(&[
        "models",
        "add",
        source,
        "--models",
        folder,
        "--name",
        "tiny",
        "--query-prefix",
        "質問: ",
        "--passage-prefix",
        "",
    ]);
    assert!(output.status.success() && said.contains("encoder of 32 numbers, 7 files"), "{said}");
    assert!(said.contains("madoguchi fit --encoder tiny"), "{said}");
    let (output, said) = madoguchi(&["models", "list", "--models", folder]);
    assert!(
        output.status.success() && said.contains("tiny  encoder, Bert, 32 numbers, at most 48 tokens"),
        "{said}"
    );
    let registered = fs::read_to_string(models.path().join("tiny/madoguchi.json")).unwrap();
    assert!(registered.contains("\"query\": \"質問: \""), "{registered}");
    let (output, said) = madoguchi(&["models", "check", "--models", folder]);
    assert!(output.status.success() && said.contains("tiny: "), "{said}");

    let weights = models.path().join("tiny/model.safetensors");
    let bytes = fs::read(&weights).unwrap();
    fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    let (output, said) = madoguchi(&["models", "check", "tiny", "--models", folder]);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("model.safetensors: differs from what was registered"), "{said}");
}

#[test]
fn a_source_that_cannot_be_had_leaves_nothing_behind() {
    let models = tempfile::tempdir().unwrap();
    let folder = models.path().to_str().unwrap();
    for (source, expect) in [("nowhere", "nowhere: is no folder"), ("hf:nobody/no-such-model", "")] {
        let (output, said) = madoguchi(&["models", "add", source, "--models", folder]);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expect) && said.lines().count() == 1, "{said}");
        assert_eq!(fs::read_dir(models.path()).unwrap().count(), 0, "{source}");
    }
}

#[test]
fn a_model_that_cannot_be_used_ends_a_command_with_the_reason() {
    let (output, said) = madoguchi(&["ask", "出金手数料", "--encoder", "no-such-model"]);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let expect = if cfg!(feature = "transformer") {
        "no-such-model: is no folder"
    } else {
        "built without transformers"
    };
    assert!(said.contains(expect), "{said}");
}

#[test]
fn training_says_what_it_lacks() {
    let (output, said) = madoguchi(&["train"]);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--data <DIR>") && said.contains("--out <DIR>"), "{said}");
    let (output, said) = madoguchi(&["train", "encoder", "--quiet", "--data", "nowhere", "--out", "nowhere"]);
    assert_eq!(output.status.code(), Some(2), "{said}");
    let expect =
        if cfg!(feature = "transformer") { "nowhere/pairs.jsonl.gz" } else { "built without transformers" };
    assert!(said.contains(expect) && said.lines().count() == 1, "{said}");
    assert!(!Path::new(env!("CARGO_MANIFEST_DIR")).join("nowhere").exists());
}

#[cfg(not(feature = "transformer"))]
#[test]
fn without_transformers_the_desk_runs_and_says_what_to_do() {
    use madoguchi::answer::Ask;
    use madoguchi::app::Publisher;
    use madoguchi::embed::transformer::{Tier, TierOptions};
    use madoguchi::publish::Workshop;

    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let named = |name: &str| Some(fixtures().join(name).to_str().unwrap().to_owned());
    let options = TierOptions {
        encoder: named("tiny-bert-ja"),
        reranker: named("tiny-cross"),
        ..TierOptions::default()
    };
    let workshop = Workshop::in_memory(&models).with_tier(Tier::open(&models, &options));
    let found = workshop.models();
    assert_eq!(found.used, Vec::<String>::new());
    assert_eq!(found.unused.len(), 2);
    assert!(found.unused.iter().all(|why| why.contains("make run-transformer")), "{found:?}");
    let engine = workshop.engine(crate::desk::sample_desk(), crate::desk::TODAY).unwrap();
    assert!(!engine.is_degraded() && !engine.waits());
    assert!(
        engine.answer(&Ask { text: "出金手数料はいくらですか", ..Ask::default() }).trace.degraded.is_empty()
    );
}

#[tokio::test]
async fn operators_see_which_models_are_used_and_which_are_not() {
    let models = ModelsInUse {
        used: vec!["re-ranker over 8 candidates within 150 ms".to_owned()],
        unused: vec!["the encoder <e5> is not used: config.json is missing".to_owned()],
    };
    let desk = Counter::open_with(Opening {
        curated: true,
        press: Arc::new(Press { models, ..Press::default() }),
        ..Opening::default()
    })
    .await;
    let ready = desk.client.get("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(
        ready.text(),
        "ready\nre-ranker over 8 candidates within 150 ms\n\
         warning: the encoder <e5> is not used: config.json is missing\n"
    );
    for (login, roles, sees) in [("ana", &[Role::Admin][..], true), ("ken", &[Role::Editor], false)] {
        desk.staff(login, roles).await;
        let staff = desk.sign_in(login).await;
        let page = staff.get(&desk.client, "/staff/entries").await.text();
        assert_eq!(page.contains("config.json is missing"), sees, "{login}");
        assert!(!page.contains("<e5>"), "escaped");
    }
}
