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
    let at = ranker["features"].as_array().unwrap().iter().position(|name| name == "readings").unwrap();
    let weights = ranker["weights"].as_array_mut().unwrap();
    weights
        .iter_mut()
        .enumerate()
        .for_each(|(i, weight)| *weight = Value::from(if i == at { 10.0 } else { 0.0 }));
    fs::write(folder.join("ranker.json"), ranker.to_string()).unwrap();
}

/// How many cases may be learned from, of all, and of those that an entry answers.
fn cases_to_learn_from() -> [usize; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("eval/cases");
    let files = fs::read_dir(folder).unwrap().map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    let lines: Vec<String> =
        files.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let cases = lines.iter().filter(|line| !line.trim().is_empty());
    let cases: Vec<Value> = cases.map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_fit = || cases.iter().filter(|case| case["split"] == "fit");
    [of_fit().count(), of_fit().filter(|case| case["expect"] == "answer").count()]
}

/// The number before ` WORD` that follows `after`.
fn number(said: &str, after: &str, word: &str) -> usize {
    let rest = said.split_once(after).unwrap_or_else(|| panic!("{after} in {said}")).1;
    let before = rest.split_once(word).unwrap_or_else(|| panic!("{word} in {said}")).0;
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_ranker_of_the_desks_own_is_kept_where_it_is_clearly_better_and_the_test_half_is_not_read() {
    let (models, desk) = (tempfile::tempdir().unwrap(), copy_of_the_desk());
    models_with_a_poor_ranker(models.path());
    let fitted = desk.path().join("fitted");
    let [models, kb, out] = [models.path(), desk.path(), &fitted].map(|path| path.to_str().unwrap());

    let fit = ["fit", "--keep-defaults", "--cases", "eval/cases"];
    let said = run(&[&fit[..], &["--models", models, "--kb", kb, "--out", out]].concat());
    assert!(!said.contains("the default stays"), "{said}");
    let [all, answerable] = cases_to_learn_from();
    // Both halves are about as large, so that reading the other one too would show.
    let (ranked, calibrated) =
        (number(&said, "MRR of", " cases"), number(&said, "calibrated on", " questions"));
    assert!((answerable / 2..=answerable).contains(&ranked), "{ranked} of {answerable}");
    assert!((all / 2..=all).contains(&calibrated), "{calibrated} of {all}");

    let figures = || -> Value {
        let eval = ["eval", "answers", "--split", "test", "--json", "--summary", "--resamples", "10"];
        serde_json::from_str(&run(&[&eval[..], &["--models", models, "--kb", kb]].concat())).unwrap()
    };
    let own = figures();
    // A calibration on the cases the ranker was fitted on would be far off here.
    assert!(own["ece"].as_f64().unwrap() < 0.12, "{}", own["ece"]);
    fs::remove_file(fitted.join("ranker.json")).unwrap();
    let gain = own["top1"].as_f64().unwrap() - figures()["top1"].as_f64().unwrap();
    assert!(gain > 0.05, "{gain}");
}

#[test]
fn models_of_another_version_are_refused_with_the_command_that_replaces_them() {
    let (models, desk) = (tempfile::tempdir().unwrap(), copy_of_the_desk());
    models_with_a_poor_ranker(models.path());
    let stale = |file: &Path| {
        let text = fs::read_to_string(file).unwrap();
        fs::write(file, text.replace("\"log_margin\"", "\"margin_as_it_was\"")).unwrap();
    };
    stale(&models.path().join("confidence.json"));
    stale(&desk.path().join("fitted/confidence-lexical.json"));
    let [models, kb] = [models.path(), desk.path()].map(|path| path.to_str().unwrap());
    let folders = ["--models", models, "--kb", kb];
    let ask = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_madoguchi"));
        let ask = command.arg("ask").args(folders).arg("出金の手数料は？");
        let output = ask.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (went, said) = ask();
    assert!(!went && said.contains("another version") && said.contains("madoguchi fit"), "{said}");
    let out = desk.path().join("fitted");
    run(&[&["fit"][..], &folders, &["--cases", "eval/cases", "--out", out.to_str().unwrap()]].concat());
    let (went, said) = ask();
    assert!(went, "{said}");
}

#[test]
fn the_defaults_learn_from_labelled_desks_and_are_told_apart_by_one_left_out() {
    let (models, desk) = (tempfile::tempdir().unwrap(), copy_of_the_desk());
    models_with_a_poor_ranker(models.path());
    let [models, kb] = [models.path(), desk.path()].map(|path| path.to_str().unwrap());
    let sets = ["--dataset", "eval/practice/bank", "--passages", "eval/practice/travel"];
    let said = run(&[&["fit", "--models", models, "--kb", kb][..], &sets].concat());
    for set in ["bank", "travel"] {
        let line = said.lines().find(|line| line.contains(&format!("questions of {set}:"))).unwrap();
        let figure = |after: &str| -> f64 {
            let rest = line.split_once(after).unwrap().1.trim_start();
            rest.split(' ').next().unwrap().parse().unwrap()
        };
        // 1 with the poor ranker, 2 fitted on the other set only.
        let (before, after) = (figure(&format!("{set}:")), figure("before,"));
        assert!(after > before + 0.02, "{line}");
    }
    // Calibrated on the questions of the first set only, those that nothing answers included: all of them asked of entries
    // without phrasings, and of 280 that an entry answers one half once more where the other half are phrasings.
    assert_eq!(number(&said, "calibrated on", " questions"), 340 + 140 + 60);
    let ranker: Value =
        serde_json::from_slice(&fs::read(Path::new(models).join("ranker.json")).unwrap()).unwrap();
    let weight = |name: &str| {
        let at = ranker["features"].as_array().unwrap().iter().position(|own| own == name).unwrap();
        ranker["weights"][at].as_f64().unwrap()
    };
    assert!(weight("cosine_answer") > 0.0);
    // What depends on the size of a desk is not learned from others.
    assert_eq!([weight("lexical_rank"), weight("dense_share"), weight("answer_length")], [0.0; 3]);
}
