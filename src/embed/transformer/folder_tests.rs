//! Folders with a mistake: the error names the file, what is wrong and what was expected, in one line.

use std::fs;
use std::path::{Path, PathBuf};

use super::folder::{Architecture, ModelFolder, Pooling, Purpose};
use super::registry::{self, Addition};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/transformer").join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for item in fs::read_dir(from).expect("a folder") {
        let path = item.expect("readable").path();
        let target = to.join(path.file_name().expect("named"));
        if path.is_dir() {
            copy(&path, &target)
        } else {
            fs::copy(&path, target).map(|_| ()).expect("copied")
        }
    }
}

fn copied(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("temporary folder");
    copy(&fixture(name), folder.path());
    folder
}

#[test]
fn a_folder_says_what_its_model_is() {
    let bert = ModelFolder::read(&fixture("tiny-bert-ja")).expect("sound");
    assert_eq!(
        (bert.architecture, bert.purpose, bert.pooling),
        (Architecture::Bert, Purpose::Encoder, Pooling::Mean)
    );
    assert_eq!((bert.dimension(), bert.max_tokens, bert.normalize), (32, 48, true));
    assert_eq!((bert.prefixes.query.as_str(), bert.prefixes.passage.as_str()), ("query: ", "passage: "));
    let roberta = ModelFolder::read(&fixture("tiny-xlmr")).expect("sound");
    assert_eq!((roberta.architecture, roberta.pooling), (Architecture::Roberta, Pooling::First));
    assert_eq!(roberta.max_tokens, 64, "66 positions, of which two stand before the first token");
    let distil = ModelFolder::read(&fixture("tiny-distilbert")).expect("sound");
    assert_eq!(
        (distil.architecture, distil.pooling, distil.max_tokens),
        (Architecture::DistilBert, Pooling::Mean, 40)
    );
    let cross = ModelFolder::read(&fixture("tiny-cross")).expect("sound");
    assert_eq!((cross.purpose, cross.dimension()), (Purpose::Reranker, 1));
}

#[test]
fn a_mistake_in_a_folder_is_named_in_one_line() {
    /// File, what is replaced in it by what (an empty pattern replaces all, `None` removes the file), and the error's parts.
    type Case<'a> = (&'a str, Option<(&'a str, &'a str)>, &'a [&'a str]);
    let cases: [Case<'_>; 15] = [
        ("config.json", None, &["config.json: is missing", "description"]),
        ("config.json", Some(("", "{")), &["config.json: EOF", "JSON object"]),
        ("config.json", Some(("", "[]")), &["`model_type` is missing", "xlm-roberta"]),
        ("config.json", Some(("\"bert\"", "\"modernbert\"")), &["`model_type` is modernbert", "distilbert"]),
        ("config.json", Some(("\"absolute\"", "\"relative_key\"")), &["relative_key", "absolute"]),
        ("config.json", Some(("\"gelu\"", "\"snake\"")), &["activation is snake"]),
        (
            "config.json",
            Some(("\"hidden_size\": 32", "\"hidden_size\": 30")),
            &["30 is no multiple of 4 heads"],
        ),
        (
            "config.json",
            Some(("\"vocab_size\": 480", "\"vocab_size\": -1")),
            &["`vocab_size` is -1", "positive"],
        ),
        (
            "config.json",
            Some(("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 20000")),
            &["larger than any"],
        ),
        (
            "config.json",
            Some(("\"max_position_embeddings\": 64", "\"max_position_embeddings\": 2")),
            &["no room"],
        ),
        ("tokenizer.json", None, &["tokenizer.json: is missing", "tokenizers library"]),
        ("model.safetensors", None, &["model.safetensors: is missing", "the weights"]),
        ("modules.json", Some((".Normalize", ".Dense")), &["modules.json: has a step Dense"]),
        (
            "1_Pooling/config.json",
            Some(("mean_tokens\": true", "mean_tokens\": false")),
            &["no way of pooling"],
        ),
        (
            "1_Pooling/config.json",
            Some(("max_tokens\": false", "max_tokens\": true")),
            &["mean_tokens and", "one of"],
        ),
    ];
    for (file, change, expect) in cases {
        let folder = copied("tiny-bert-ja");
        let path = folder.path().join(file);
        match change {
            None => fs::remove_file(&path).expect("removed"),
            Some((from, to)) => {
                let text = fs::read_to_string(&path).expect("text");
                let changed = if from.is_empty() { to.to_owned() } else { text.replace(from, to) };
                assert_ne!(text, changed, "{file}: {from} is not in it");
                fs::write(&path, changed).expect("written");
            }
        }
        let error = ModelFolder::read(folder.path()).expect_err(file).to_string();
        assert!(expect.iter().all(|part| error.contains(part)), "{file}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn pickled_weights_are_refused_with_the_way_out() {
    let folder = copied("tiny-bert-ja");
    fs::rename(folder.path().join("model.safetensors"), folder.path().join("pytorch_model.bin"))
        .expect("renamed");
    let error = ModelFolder::read(folder.path()).expect_err("pickled").to_string();
    assert!(
        error.contains("pytorch_model.bin: holds pickled weights") && error.contains("save_pretrained"),
        "{error}"
    );
}

#[test]
fn a_file_that_differs_from_the_registered_one_is_noticed() {
    let (models, source) = (tempfile::tempdir().expect("temporary folder"), copied("tiny-bert-ja"));
    let addition = Addition {
        from: source.path(),
        source: "here".to_owned(),
        name: "tiny".to_owned(),
        prefixes: None,
        replace: false,
    };
    let registration = registry::add(models.path(), &addition).expect("added");
    assert_eq!((registration.dimension, registration.files.len()), (32, 7));
    let again = registry::add(models.path(), &addition).expect_err("there is one").to_string();
    assert!(again.contains("is there already") && again.contains("--replace"), "{again}");
    let home = models.path().join("tiny");
    let fingerprint = ModelFolder::read(&home).and_then(|folder| folder.fingerprint()).expect("sound");
    let original = ModelFolder::read(source.path()).and_then(|folder| folder.fingerprint()).expect("sound");
    assert_eq!(fingerprint, original, "registering does not change the vectors");

    let config = home.join("config.json");
    let text = fs::read_to_string(&config).expect("text");
    fs::write(&config, text.replace("\"gelu\"", "\"relu\"")).expect("written");
    let error =
        ModelFolder::read(&home).and_then(|folder| folder.fingerprint()).expect_err("changed").to_string();
    assert!(error.contains("config.json: differs from what was registered"), "{error}");
    let replaced = registry::add(models.path(), &Addition { replace: true, ..addition.clone() });
    assert!(replaced.is_ok(), "{replaced:?}");
    for name in ["", "../x", ".hidden", "dict", "a b"] {
        let named = Addition { name: name.to_owned(), ..addition.clone() };
        assert!(registry::add(models.path(), &named).is_err(), "{name:?} was taken");
    }
    assert_eq!(registry::list(models.path()).expect("listed"), [home]);
}
