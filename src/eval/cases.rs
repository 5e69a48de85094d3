//! Cases: evaluation questions with their expected outcome. Owns eval/'s own JSONL format and the 評価 sheet; knows
//! nothing of how a case is run or judged.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::rows::{RowError, Skipped, parse_json, read_lines};
use crate::kb::HandOffReason;
use crate::sheet::{Line, MAX_BYTES, Table};

/// What the desk should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// Answer with one of the case's entries.
    #[serde(alias = "回答")]
    Answer,
    /// Ask back.
    #[serde(alias = "確認")]
    Clarify,
    /// Pass to a person.
    #[serde(alias = "有人")]
    HandOff,
    /// Reply to small talk.
    #[serde(alias = "雑談")]
    SmallTalk,
}

impl Expected {
    /// All, in a fixed order.
    pub const ALL: [Self; 4] = [Self::Answer, Self::Clarify, Self::HandOff, Self::SmallTalk];

    /// Stable name, the same as [`crate::answer::Decision::name`]'s.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Clarify => "clarify",
            Self::HandOff => "handoff",
            Self::SmallTalk => "smalltalk",
        }
    }

    /// The expected outcome called `name`, in English or as the 評価 sheet writes it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.trim().to_lowercase().as_str() {
            "answer" | "回答" => Some(Self::Answer),
            "clarify" | "確認" => Some(Self::Clarify),
            "handoff" | "hand-off" | "有人" => Some(Self::HandOff),
            "smalltalk" | "雑談" => Some(Self::SmallTalk),
            _ => None,
        }
    }
}

/// One evaluation question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique id without white space.
    pub id: String,
    /// Earlier customer turns, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<String>,
    /// The question that is judged.
    pub question: String,
    /// What the desk should do.
    pub expect: Expected,
    /// Right entries; the first is best.
    #[serde(default)]
    pub entries: Vec<String>,
    /// Entries that are acceptable too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
    /// Why it must be handed off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<HandOffReason>,
    /// Category.
    #[serde(default)]
    pub category: String,
    /// Free marks, such as `kana` or `typo`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Half of the cases it belongs to: `fit`, `test`, or empty.
    #[serde(default)]
    pub split: String,
    /// Remark for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Case {
    /// Whether a person must get it whatever the confidence.
    pub fn is_must_hand_off(&self) -> bool {
        self.expect == Expected::HandOff && self.reason.is_some_and(HandOffReason::is_must)
    }

    /// Whether it cannot be answered from the FAQ: any Answer is wrong, the exact reason of the hand-off is of no account.
    pub fn is_unanswerable(&self) -> bool {
        self.expect == Expected::HandOff && !self.is_must_hand_off()
    }

    /// Whether an Answer with the entry is right: language versions of one topic count alike.
    pub fn accepts(&self, entry_id: &str) -> bool {
        self.entries.iter().chain(&self.accept).any(|id| topic(id) == topic(entry_id))
    }

    fn check(&self, has_entry: &dyn Fn(&str) -> bool) -> Result<(), String> {
        if self.id.is_empty() || self.id.contains(char::is_whitespace) {
            return Err(format!("id {:?} is empty or has white space", self.id));
        }
        if self.question.trim().is_empty() {
            return Err("question is empty".into());
        }
        if self.expect == Expected::Answer && self.entries.is_empty() {
            return Err("an answer is expected but no entry is named".into());
        }
        let known =
            |id: &&String| has_entry(id) || has_entry(topic(id)) || has_entry(&format!("{}.en", topic(id)));
        match self.entries.iter().chain(&self.accept).find(|id| !known(id)) {
            Some(id) => Err(format!("unknown entry id {id:?}")),
            None => Ok(()),
        }
    }
}

/// The id that all language versions of an entry share: `x` for `x` and `x.en`.
pub fn topic(entry_id: &str) -> &str {
    entry_id.strip_suffix(".en").unwrap_or(entry_id)
}

/// Cases from one or more files.
#[derive(Debug, Clone, Default)]
pub struct Cases {
    /// Cases in file order.
    pub cases: Vec<Case>,
    /// Rows that could not be used.
    pub skipped: Skipped,
    /// SHA-256 (hex) over the bytes of the files.
    pub hash: String,
}

impl Cases {
    /// Reads a file (`.jsonl`: eval/'s own format; `.csv`, `.tsv`, `.xlsx`: a 評価 sheet) or every such file of a folder, in
    /// order of name. Wrong rows (not a case, duplicate id, entry that `has_entry` does not know) are skipped and counted.
    ///
    /// # Errors
    /// A file cannot be read or lacks a column, there is no usable case, or (`strict`) a row is wrong.
    pub fn read(path: &Path, has_entry: &dyn Fn(&str) -> bool, strict: bool) -> anyhow::Result<Self> {
        let (mut cases, mut skipped, mut hash) = (Vec::new(), Skipped::new(strict), Sha256::new());
        for file in files_of(path)? {
            let mut seen: HashSet<String> = cases.iter().map(|case: &Case| case.id.clone()).collect();
            let mut add = |case: Case| {
                case.check(has_entry)?;
                if !seen.insert(case.id.clone()) {
                    return Err(format!("duplicate case id {:?}", case.id));
                }
                cases.push(case);
                Ok(())
            };
            if is_json_lines(&file) {
                read_lines(&file, &mut skipped, &mut hash, |_, line| add(parse_json(line)?))?;
            } else {
                read_sheet(&file, &mut skipped, &mut hash, &mut add)?;
            }
        }
        if cases.is_empty() {
            let first =
                skipped.first().first().map_or(String::new(), |error| format!("; first wrong row: {error}"));
            bail!("{} has no usable case{first}", path.display());
        }
        Ok(Self { cases, skipped, hash: hex::encode(hash.finalize()) })
    }

    /// Keeps the cases of one split; an empty name keeps all.
    pub fn keep_split(&mut self, split: &str) {
        self.cases.retain(|case| split.is_empty() || case.split == split);
    }
}

/// Writes cases in eval/'s own format.
///
/// # Errors
/// The file cannot be written.
pub fn write_cases(path: &Path, cases: &[Case]) -> anyhow::Result<()> {
    let mut text = String::new();
    for case in cases {
        text.push_str(&serde_json::to_string(case)?);
        text.push('\n');
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn is_json_lines(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl" || extension == "json")
}

fn files_of(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let describe = || format!("cannot read {}", path.display());
    let is_case_file = |path: &Path| {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        extension.is_some_and(|extension| ["jsonl", "csv", "tsv", "xlsx"].contains(&extension.as_str()))
    };
    let mut files = Vec::new();
    for file in std::fs::read_dir(path).with_context(describe)? {
        let file = file.with_context(describe)?.path();
        if is_case_file(&file) {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("{} has no .jsonl, .csv, .tsv or .xlsx file", path.display());
    }
    Ok(files)
}

/// Columns of the 評価 sheet by their names; 質問 is needed, the others are optional.
const COLUMNS: [(&str, &[&str]); 11] = [
    ("question", &["質問", "question", "query", "text"]),
    ("id", &["ID", "case_id", "ケースID"]),
    ("entries", &["期待ID", "expected_id", "expected_ids", "entries", "answer_id"]),
    ("accept", &["許容ID", "accepted_id", "accepted_ids", "accept"]),
    ("expect", &["期待動作", "expected_action", "expected", "expect", "decision"]),
    ("reason", &["理由", "有人理由", "reason", "handoff_reason"]),
    ("turns", &["前の発話", "turns", "context"]),
    ("category", &["カテゴリ", "分類", "category"]),
    ("tags", &["タグ", "tags"]),
    ("split", &["区分", "split"]),
    ("note", &["備考", "note", "notes", "remarks"]),
];

fn read_sheet(
    path: &Path,
    skipped: &mut Skipped,
    hash: &mut Sha256,
    add: &mut dyn FnMut(Case) -> Result<(), String>,
) -> anyhow::Result<()> {
    let bytes = read_bounded(path, hash)?;
    let name = path.to_string_lossy();
    let sheet = Table::read(&name, &bytes, "評価").with_context(|| name.clone().into_owned())?;
    for (row, reason) in sheet.wrong.clone() {
        skipped.record(RowError { file: path.to_owned(), row, reason })?;
    }
    let column =
        |key: &str| COLUMNS.iter().find(|(name, _)| *name == key).and_then(|(_, names)| sheet.column(names));
    if column("question").is_none() {
        bail!(
            "{} (read as {}) has no column 質問 or question; its columns are: {}",
            path.display(),
            sheet.read_as,
            sheet.header.join(", ")
        );
    }
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().replace(' ', "_"));
    for Line { number, cells } in &sheet.rows {
        let cell = |key: &str| column(key).map_or("", |position| cells[position].trim());
        if let Err(reason) = case_of_row(&format!("{stem}-{number}"), cell).and_then(&mut *add) {
            skipped.record(RowError { file: path.to_owned(), row: *number, reason })?;
        }
    }
    Ok(())
}

/// At most one byte over what a sheet may have, so that a larger file is refused without being held.
fn read_bounded(path: &Path, hash: &mut Sha256) -> anyhow::Result<Vec<u8>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    hash.update(&bytes);
    Ok(bytes)
}

fn case_of_row<'a>(default_id: &str, cell: impl Fn(&str) -> &'a str) -> Result<Case, String> {
    let list = |key: &str| {
        let parts =
            cell(key).split(|c: char| c.is_whitespace() || matches!(c, ',' | '、' | '，' | ';' | '；' | '|'));
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<String>>()
    };
    let entries = list("entries");
    let expect = match cell("expect") {
        "" if entries.is_empty() => Expected::HandOff,
        "" => Expected::Answer,
        name => Expected::from_name(name)
            .ok_or_else(|| format!("期待動作 {name:?} is none of 回答, 確認, 有人, 雑談"))?,
    };
    let reason = match cell("reason") {
        "" => None,
        name => {
            Some(HandOffReason::from_name(name).ok_or_else(|| format!("unknown hand-off reason {name:?}"))?)
        }
    };
    Ok(Case {
        id: if cell("id").is_empty() { default_id.to_owned() } else { cell("id").to_owned() },
        turns: cell("turns")
            .lines()
            .map(str::trim)
            .filter(|turn| !turn.is_empty())
            .map(str::to_owned)
            .collect(),
        question: cell("question").to_owned(),
        expect,
        entries,
        accept: list("accept"),
        reason,
        category: cell("category").to_owned(),
        tags: list("tags"),
        split: cell("split").to_owned(),
        note: cell("note").to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(name: &str, bytes: &[u8], strict: bool) -> anyhow::Result<Cases> {
        let dir = tempfile::tempdir().expect("temporary folder");
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        Cases::read(&path, &|id| ["fee", "limit", "limit.en"].contains(&id), strict)
    }

    #[test]
    fn own_cases_are_read_with_wrong_rows_named() {
        let text = r#"{"id":"a","question":"手数料は？","expect":"answer","entries":["fee.en"],"category":"取引"}
{"id":"b","turns":["BTC"],"question":"上限は？","expect":"answer","entries":["limit"],"split":"test"}
{"id":"a","question":"again","expect":"answer","entries":["fee"]}
{"id":"c","question":"?","expect":"answer","entries":["nowhere"]}
{"id":"d","question":"?","expect":"answer"}
{"id":"e","question":"?","expect":"maybe"}
{"id":"f","question":"?","expect":"handoff","entires":[]}
{"id":"g","question":"盗まれた","expect":"handoff","reason":"security"}
"#;
        let mut cases = read("c.jsonl", text.as_bytes(), false).expect("readable");
        let ids: Vec<&str> = cases.cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "g"]);
        let rows: Vec<usize> = cases.skipped.first().iter().map(|error| error.row).collect();
        assert_eq!(rows, [3, 4, 5, 6, 7]);
        let reasons: Vec<String> = cases.skipped.first().iter().map(ToString::to_string).collect();
        for (reason, word) in reasons.iter().zip(["duplicate", "nowhere", "no entry", "maybe", "entires"]) {
            assert!(reason.contains(word), "{reason}");
        }
        assert!(cases.cases[0].accepts("fee") && cases.cases[2].is_must_hand_off());
        assert!(
            read("c.jsonl", text.as_bytes(), true).expect_err("strict").to_string().contains("c.jsonl:3: ")
        );
        cases.keep_split("test");
        assert_eq!(cases.cases.len(), 1);
    }

    #[test]
    fn the_sheet_is_read_with_japanese_or_english_headers() {
        let japanese = "質問,期待ID,許容ID,期待動作,備考\n手数料は？,fee,limit、limit.en,回答,\n人と話したい,,,有人,x\n曖昧,,,不明,\n";
        let english = "Question,Expected ID,Accepted ID,Expected action,Note\n手数料は？,fee,limit;limit.en,answer,\n人と話したい,,,,x\n曖昧,,,unclear,\n";
        for text in [japanese, english] {
            let cases = read("sheet.csv", text.as_bytes(), false).expect("readable");
            let case = &cases.cases[0];
            assert_eq!((case.id.as_str(), case.expect), ("sheet-2", Expected::Answer));
            assert_eq!(case.accept, ["limit", "limit.en"]);
            assert_eq!((cases.cases[1].expect, cases.cases[1].note.as_str()), (Expected::HandOff, "x"));
            assert_eq!((cases.skipped.count(), cases.skipped.first()[0].row), (1, 4));
        }
        let error =
            read("sheet.csv", "問い,答え\na,b\n".as_bytes(), false).expect_err("no column").to_string();
        assert!(error.contains("no column 質問") && error.contains("問い, 答え"), "{error}");
    }

    #[test]
    fn a_case_survives_writing() {
        let cases =
            read("c.jsonl", br#"{"id":"a","question":"x","expect":"answer","entries":["fee"]}"#, true)
                .expect("readable");
        let file = tempfile::NamedTempFile::with_suffix(".jsonl").expect("temporary file");
        write_cases(file.path(), &cases.cases).expect("written");
        let again = Cases::read(file.path(), &|_| true, true).expect("readable");
        assert_eq!(again.cases, cases.cases);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text in "[\\[\\]{}\",:a-z質問0-9\n\t\\\\ ]{0,200}", sheet in any::<bool>()) {
            drop(read(if sheet { "x.csv" } else { "x.jsonl" }, text.as_bytes(), false));
        }
    }
}
