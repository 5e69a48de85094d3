//! `madoguchi train encoder` from the command line: pairs in, an encoder that the tier takes over out.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use madoguchi::embed::dot;
use madoguchi::embed::transformer::{Encoder, ModelFolder, Resources};

/// Words that go together here and nowhere else, so that only training can tell.
const COUPLES: [(&str, &str); 12] = [
    ("出金", "森林"),
    ("手数料", "楽器"),
    ("口座", "台風"),
    ("暗証番号", "弁当"),
    ("残高", "野球"),
    ("送金", "恐竜"),
    ("登録", "温泉"),
    ("書類", "自転車"),
    ("税金", "彫刻"),
    ("住所", "海岸"),
    ("解約", "牛乳"),
    ("領収書", "惑星"),
];

fn write_pairs(folder: &Path, lines: impl Iterator<Item = String>) {
    let file = fs::File::create(folder.join("pairs.jsonl.gz")).unwrap();
    let mut out = GzEncoder::new(file, Compression::fast());
    lines.for_each(|line| writeln!(out, "{line}").unwrap());
    out.finish().unwrap();
}

/// Every two words with both their counterparts, in several wordings.
fn data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = Vec::new();
    for (first, other_first) in COUPLES {
        for (second, other_second) in COUPLES.into_iter().filter(|couple| couple.0 != first) {
            for end in ["を知りたい", "について", "はどこですか", "が必要です"] {
                lines.push(format!(
                    r#"{{"a":"{first}と{second}{end}","b":"{other_second}や{other_first}の説明です。","source":"made up"}}"#
                ));
            }
        }
    }
    write_pairs(folder.path(), lines.into_iter());
    folder
}

/// Trains a tiny encoder for `batches`.
fn train(data: &Path, out: &Path, batches: usize, more: &[&str]) -> (Output, String) {
    let [data, out] = [data, out].map(|path| path.to_str().unwrap());
    let (measure, batches) = ((batches / 2).max(1).to_string(), batches.to_string());
    let output = Command::new(env!("CARGO_BIN_EXE_madoguchi"))
        .args(["train", "encoder", "--data", data, "--out", out, "--quiet"])
        .args(["--batches", &batches, "--measure", &measure])
        .args("--batch 16 --pool 32 --tokens 16 --positions 32 --pieces 300 --rate 0.01".split(' '))
        .args("--layers 1 --width 32 --heads 2 --inner 32 --threads 1".split(' '))
        .args(more)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout.as_slice(), &output.stderr].concat()).unwrap();
    (output, said)
}

/// Loss and reciprocal rank on held-out pairs at each measurement, from the model card.
fn curve(folder: &Path) -> Vec<[f32; 2]> {
    let card = fs::read_to_string(folder.join("README.md")).unwrap();
    let rows = card.lines().skip_while(|line| !line.starts_with("| batches | minutes")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            [cells[4].parse().unwrap(), cells[5].parse().unwrap()]
        })
        .collect()
}

#[test]
fn an_encoder_learns_from_pairs_what_the_static_model_cannot_know() {
    let (data, out) = (data(), tempfile::tempdir().unwrap());
    let (output, said) = train(data.path(), out.path(), 60, &[]);
    assert!(output.status.success(), "{said}");
    let points = curve(out.path());
    assert_eq!(points.len(), 3, "before, half way, at the end: {points:?}");
    let (first, last) = (points[0], points[2]);
    assert!(last[0] < 0.7 * first[0] && last[1] > first[1], "{points:?}");
    assert!(!out.path().join("training-encoder.checkpoint").exists());

    let resources = Resources { wait: Duration::from_secs(60), ..Resources::default() };
    let encoder = Encoder::open(&ModelFolder::read(out.path()).unwrap(), &resources).unwrap();
    assert_eq!(encoder.dimension(), 32);
    let asked = encoder.question("残高と税金を知りたい").unwrap();
    let texts = encoder.passages(&["彫刻や野球の説明です。", "台風や弁当の説明です。"]).unwrap();
    assert!(dot(&asked, &texts[0]) > dot(&asked, &texts[1]), "the tier reads what training wrote");
}

#[test]
fn a_seed_gives_one_encoder() {
    let data = data();
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    for (folder, seed) in folders.iter().zip(["5", "5", "6"]) {
        let (output, said) = train(data.path(), folder.path(), 4, &["--seed", seed]);
        assert!(output.status.success(), "{said}");
    }
    let read = |file: &str| folders.each_ref().map(|folder| fs::read(folder.path().join(file)).unwrap());
    let [first, again, other] = read("model.safetensors");
    assert!(first == again, "the same seed, the same weights");
    assert!(first != other, "another seed, other weights");
    let [first, again, _] = read("tokenizer.json");
    assert!(first == again);
}

#[test]
fn bad_input_is_named() {
    let (nothing, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let refused = |data: &Path, more: &[&str], expect: &[&str]| {
        let (output, said) = train(data, out.path(), 4, more);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(expect.iter().all(|part| said.contains(part)) && said.lines().count() == 1, "{said}");
    };
    refused(nothing.path(), &[], &["pairs.jsonl.gz"]);
    write_pairs(nothing.path(), [r#"{"a":"出金","source":"x"}"#.to_owned()].into_iter());
    refused(nothing.path(), &[], &["pairs.jsonl.gz, line 1", "`b`"]);
    refused(nothing.path(), &["--models", "nowhere"], &["nowhere/static.safetensors"]);
    refused(nothing.path(), &["--resume"], &["line 1"]);
    let data = data();
    refused(data.path(), &["--resume"], &["training-encoder.checkpoint", "leave --resume out"]);
    fs::write(out.path().join("training-encoder.checkpoint"), b"MDGCKPT1 but cut").unwrap();
    refused(data.path(), &["--resume"], &["training-encoder.checkpoint", "cut short"]);
}
