//! The sample desk in `kb/`, and what `kb lint` says about a desk with mistakes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::{Date, date};
use madoguchi::kb::snapshot::DeskFiles;
use madoguchi::kb::{Language, files};
use madoguchi::text::Analyzer;

/// The day these tests take as today: the sample desk must not fail because time goes by.
pub const TODAY: Date = date(2026, 11, 20);

pub fn kb() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kb")
}

pub fn sample_desk() -> DeskFiles {
    files::load(&kb(), TODAY).unwrap()
}

/// A copy of the sample desk, to be damaged.
pub fn copy_of_the_desk() -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for item in fs::read_dir(from).unwrap() {
            let (path, name) = item.map(|item| (item.path(), item.file_name())).unwrap();
            if path.is_dir() { copy(&path, &to.join(name)) } else { drop(fs::copy(&path, to.join(name))) }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    copy(&kb(), folder.path());
    folder
}

/// Path of the entry `id` relative to the desk's folder.
fn file_of(id: &str) -> String {
    let folders = fs::read_dir(kb().join("entries")).unwrap().map(|item| item.unwrap().file_name());
    folders
        .map(|folder| format!("entries/{}/{id}.md", folder.to_string_lossy()))
        .find(|file| kb().join(file).is_file())
        .unwrap_or_else(|| panic!("no entry {id}"))
}

/// 1-based line of the first line that starts with `start`.
fn line_of(text: &str, start: &str) -> usize {
    text.lines().position(|line| line.starts_with(start)).unwrap() + 1
}

#[test]
fn the_sample_desk_has_no_mistakes_and_is_whole() {
    let (desk, problems) = files::read(&kb(), TODAY);
    assert_eq!(problems, []);
    let count = |language| desk.entries.iter().filter(|entry| entry.language == language).count();
    assert!(count(Language::Ja) >= 160, "{}", count(Language::Ja));
    assert!(count(Language::En) >= 40, "{}", count(Language::En));
    assert!(desk.vocabulary.synonyms.len() >= 150, "{}", desk.vocabulary.synonyms.len());
    assert!(desk.vocabulary.terms.len() >= 150, "{}", desk.vocabulary.terms.len());
    let categories: BTreeSet<&str> = desk
        .entries
        .iter()
        .filter(|entry| entry.language == Language::Ja)
        .map(|entry| entry.top_category())
        .collect();
    assert_eq!(categories.len(), 7, "{categories:?}");
    for entry in desk.entries.iter().filter(|entry| entry.language == Language::Ja) {
        assert!(
            (3..=18).contains(&entry.phrasings.len()),
            "{}: {} phrasings",
            entry.id,
            entry.phrasings.len()
        );
    }
    assert!(desk.desk.sample);
}

#[test]
fn every_term_of_the_sample_desk_is_found_by_itself_and_by_its_parts() {
    let desk = sample_desk();
    let analyzer = Analyzer::open(&crate::dictionary(), &desk.vocabulary).unwrap();
    let mut lost = Vec::new();
    for term in &desk.vocabulary.terms {
        let analysis = analyzer.analyze(&format!("{}を", term.surface));
        let words: Vec<_> = analysis.tokens.iter().map(|token| token.surface.as_str()).collect();
        let whole = analyzer.analyze(&term.surface).normalized;
        if analysis.tokens.first().is_none_or(|token| token.surface != whole) {
            lost.push(format!("{} is split: {words:?}", term.surface));
        }
        let indexed = analyzer.terms(&term.surface);
        for part in &term.parts {
            for word in analyzer.terms(part) {
                if !indexed.contains(&word) {
                    lost.push(format!("{} is not found by {part} ({word}): {indexed:?}", term.surface));
                }
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

/// Damages a copy of the desk; lint must say `file:line: …reason…` and nothing about other files.
fn check(file: &str, damage: impl Fn(&str) -> Vec<u8>, line: impl Fn(&str) -> usize, reason: &str) {
    let copy = copy_of_the_desk();
    let path = copy.path().join(file);
    let text = fs::read_to_string(&path).unwrap_or_default();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let damaged = damage(&text);
    fs::write(&path, &damaged).unwrap();
    let (_, problems) = files::read(copy.path(), TODAY);
    let line = line(&String::from_utf8_lossy(&damaged));
    let own = problems.iter().find(|problem| problem.file == Path::new(file));
    let own = own.unwrap_or_else(|| panic!("nothing said about {file}: {problems:?}"));
    assert_eq!(own.line, line, "{own}");
    assert!(own.reason.contains(reason), "{own}");
    assert!(own.to_string().starts_with(&format!("{file}:{line}: ")), "{own}");
}

#[test]
fn lint_names_file_line_and_reason() {
    let entry = file_of("balance-locked");
    let with = |from: &'static str, to: &'static str| {
        move |text: &str| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1).into_bytes()
        }
    };
    let original = fs::read_to_string(kb().join(&entry)).unwrap();
    check("entries/other/balance-locked.md", |_| original.clone().into_bytes(), |_| 2, "duplicate id");
    let unanswered = |text: &str| text.split("## 回答").next().unwrap().as_bytes().to_vec();
    check(&entry, unanswered, |text| text.lines().count(), "the answer is missing");
    let empty = |text: &str| format!("{}## 回答\n", text.split("## 回答").next().unwrap()).into_bytes();
    check(&entry, empty, |text| line_of(text, "## 回答"), "answer is empty");
    check(
        &entry,
        with("follow_ups = [", "follow_ups = [\"no-such-entry\", "),
        |text| line_of(text, "follow_ups"),
        "no-such-entry",
    );
    check(
        &entry,
        with("audience =", "valid_until = 2026-01-31\naudience ="),
        |text| line_of(text, "valid_until"),
        "expired",
    );
    let shift_jis = |text: &str| {
        let at = text.find("category").unwrap();
        [&text.as_bytes()[..at], b"category = [\"\x93\xfc\x8f\x6f\x8b\xe0\"]\n"].concat()
    };
    check(&entry, shift_jis, |text| line_of(text, "category"), "UTF-8");
    check(&entry, with("owner =", "ownr ="), |text| line_of(text, "ownr"), "ownr");
    check("synonyms.txt", |text| format!("孤独\n{text}").into_bytes(), |_| 1, "at least two words");
}

#[test]
fn an_expired_entry_is_left_out_but_the_desk_is_served() {
    let copy = copy_of_the_desk();
    let path = copy.path().join(file_of("balance-locked"));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("audience =", "valid_until = 2026-01-31\naudience =", 1)).unwrap();
    let desk = files::load(copy.path(), TODAY).unwrap();
    let snapshot = madoguchi::kb::Snapshot::of(desk, TODAY);
    assert!(snapshot.entry("balance-locked").is_none());
    assert!(snapshot.entries.len() > 200);
}

#[test]
fn a_desk_with_mistakes_is_not_served() {
    let copy = copy_of_the_desk();
    fs::write(copy.path().join("rules.toml"), "[[rule]]\nid = ").unwrap();
    let error = files::load(copy.path(), TODAY).err().unwrap().to_string();
    assert!(error.contains("rules.toml:2") && error.contains("madoguchi kb lint --kb"), "{error}");
}
