//! `madoguchi fit` on the sample desk: what it keeps, and what it must not look at.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::desk::copy_of_the_desk;

fn run(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_madoguchi"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The project's models with a ranker that looks at one thing only.
fn models_with_a_poor_ranker(folder: &Path) {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    for name in ["static.safetensors", "dict"] {
        symlink(models.join(name), folder.join(name)).unwrap();
    }
    for name in ["confidence.json", "confidence-lexical.json"] {
        fs::copy(models.join(name), folder.join(name)).unwrap();
    }
    let mut ranker: Value = serde_json::from_slice(&fs::read(models.join("ranker.json")).unwrap()).unwrap();
    let at =
        ranker["features"].as_array().unwrap().iter().position(|name| name == "cosine_question").unwrap();
    let weights = ranker["weights"].as_array_mut().unwrap();
    weights
        .iter_mut()
        .enumerate()
        .for_each(|(i, weight)| *weight = Value::from(if i == at { 10.0 } else { 0.0 }));
    fs::write(folder.join("ranker.json"), ranker.to_string()).unwrap();
}

/// The cases of the half that may be learned from; of the other half only the ids, with another answer each.
fn cases_with_a_spoilt_test_half(folder: &Path) {
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("eval/cases")).unwrap() {
        let file = file.unwrap();
        let spoilt = |line: &str| {
            let mut case: Value = serde_json::from_str(line).unwrap();
            if case["split"] == "test" && case["expect"] == "answer" {
                case["entries"] = Value::from(vec!["support-hours"]);
            }
            case.to_string() + "\n"
        };
        let text = fs::read_to_string(file.path()).unwrap();
        let lines: String = text.lines().filter(|line| !line.trim().is_empty()).map(spoilt).collect();
        fs::write(folder.join(file.file_name()), lines).unwrap();
    }
}

#[test]
fn a_ranker_of_the_desks_own_is_kept_where_it_is_clearly_better_and_the_test_half_is_not_read() {
    let (models, cases) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let desk = copy_of_the_desk();
    models_with_a_poor_ranker(models.path());
    cases_with_a_spoilt_test_half(cases.path());
    let fitted = desk.path().join("fitted");
    let [models, cases, kb, out] =
        [models.path(), cases.path(), desk.path(), &fitted].map(|path| path.to_str().unwrap());

    let said =
        run(&["fit", "--keep-defaults", "--models", models, "--kb", kb, "--cases", cases, "--out", out]);
    assert!(!said.contains("the default stays"), "{said}");
    let top1 = || {
        let eval = ["eval", "answers", "--split", "test", "--json", "--summary", "--resamples", "10"];
        let figures = run(&[&eval[..], &["--models", models, "--kb", kb]].concat());
        serde_json::from_str::<Value>(&figures).unwrap()
    };
    let own = top1();
    // A calibration on the cases the ranker was fitted on would be far off here.
    assert!(own["ece"].as_f64().unwrap() < 0.12, "{}", own["ece"]);
    fs::remove_file(fitted.join("ranker.json")).unwrap();
    let poor = top1();
    let gain = own["top1"].as_f64().unwrap() - poor["top1"].as_f64().unwrap();
    // Learned from the spoilt half too, it would put one entry first everywhere.
    assert!(gain > 0.05, "{} against {}", own["top1"], poor["top1"]);
}
