//! The desk as plain text files (`kb/`): reads them into [`DeskFiles`] and reports every mistake with file and line;
//! [`contents`] and [`write()`] carry a whole desk between files and database without loss.
//! The format is described in `kb/README.md`. [`read`] never stops at the first mistake, so that lint shows them all.

mod check;
mod entry_file;
mod lists;
mod vocabulary;
mod writer;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

pub use entry_file::{parse_entry, write_entry};
pub(crate) use lists::is_katakana;
pub use vocabulary::{DICTIONARY, SYNONYMS, VocabularyTexts};
pub use writer::{Written, write};

use super::checks::Claims;
use super::rules::{Rule, RuleSet};
use super::snapshot::DeskFiles;
use super::{Desk, Entry, HandOffExample, HandOffReason, SmallTalk, Status, Wording};
use crate::text::Vocabulary;

/// A mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// File, relative to the desk's folder.
    pub file: PathBuf,
    /// 1-based line; 0 when the whole file is meant.
    pub line: usize,
    /// What is wrong and what to do.
    pub reason: String,
}

impl Problem {
    fn new(file: &Path, line: usize, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, reason: reason.into() }
    }
}

impl Problem {
    /// Line and reason, as they follow the file's name.
    pub fn place(&self) -> String {
        match self.line {
            0 => format!(": {}", self.reason),
            line => format!(":{line}: {}", self.reason),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.file.display(), self.place())
    }
}

/// A desk whose files have mistakes.
#[derive(Debug, thiserror::Error)]
#[error("{} has {} mistake(s); run `madoguchi kb lint --kb {}`. First: {}", .folder.display(), .problems.len(), .folder.display(), .problems[0])]
pub struct DeskError {
    /// The desk's folder.
    pub folder: PathBuf,
    /// All mistakes, at least one.
    pub problems: Vec<Problem>,
}

/// An entry with the file it was read from and the line of each field, for lint.
#[derive(Debug, Clone, Default)]
pub(crate) struct EntrySource {
    pub entry: Entry,
    pub file: PathBuf,
    pub lines: entry_file::Lines,
}

/// The files beside the entries as text, by name relative to the desk's folder: `desk.toml`, `rules.toml`,
/// `wording.toml`, `smalltalk.toml`, `synonyms.txt`, `dictionary.csv`, `examples/….txt`.
pub type Documents = BTreeMap<String, String>;

/// A desk's folder, whole: what `kb import` takes over and `kb export` writes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contents {
    /// The files beside the entries.
    pub documents: Documents,
    /// `entries/`, in id order.
    pub entries: Vec<FiledEntry>,
    /// `drafts/`: newer, unpublished states of entries that are published, in id order.
    pub drafts: Vec<Entry>,
}

/// An entry with the folder below `entries/` it is kept in; empty = `entries/` itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FiledEntry {
    /// The folder.
    pub folder: String,
    /// The entry.
    pub entry: Entry,
}

/// Reads a desk's folder; problems in file order.
pub fn read(folder: &Path, today: Date) -> (DeskFiles, Vec<Problem>) {
    let mut problems = Vec::new();
    let (documents, sources) = read_texts(folder, today, &mut problems);
    let desk = parse(&documents, &mut problems);
    problems.sort();
    (DeskFiles { entries: sources.into_iter().map(|source| source.entry).collect(), ..desk }, problems)
}

/// As [`read`], and entries that claim what must not be claimed are mistakes too. Serving and taking over go on with
/// those: it is for reviewers to judge.
pub fn lint(folder: &Path, today: Date) -> (DeskFiles, Vec<Problem>) {
    let mut problems = Vec::new();
    let (documents, sources) = read_texts(folder, today, &mut problems);
    let desk = parse(&documents, &mut problems);
    match documents.get(CLAIMS).map(|text| Claims::parse(text)).transpose() {
        Ok(claims) => check::claims(&sources, &claims.unwrap_or_default(), &mut problems),
        Err(error) => problems.push(Problem::new(Path::new(CLAIMS), error.line, error.reason)),
    }
    problems.sort();
    (DeskFiles { entries: sources.into_iter().map(|source| source.entry).collect(), ..desk }, problems)
}

/// Reads a desk's folder that must be free of mistakes.
///
/// # Errors
/// All mistakes found.
pub fn load(folder: &Path, today: Date) -> Result<DeskFiles, DeskError> {
    let (files, problems) = read(folder, today);
    must_be_sound(folder, problems).map(|()| files)
}

/// Reads a desk's folder for taking it over; it must be free of mistakes.
///
/// # Errors
/// All mistakes found.
pub fn contents(folder: &Path, today: Date) -> Result<Contents, DeskError> {
    let mut problems = Vec::new();
    let (documents, sources) = read_texts(folder, today, &mut problems);
    parse(&documents, &mut problems);
    let drafts = read_entries(folder, "drafts", &mut problems);
    for draft in &drafts {
        let is_newer = sources.iter().any(|source| source.entry.id == draft.entry.id);
        if !is_newer || matches!(draft.entry.status, Status::Published | Status::Archived) {
            let why = "a draft here must be of an entry in entries/ and have status draft or review";
            problems.push(Problem::new(&draft.file, 0, why));
        }
    }
    problems.sort();
    must_be_sound(folder, problems)?;
    let mut entries: Vec<FiledEntry> = sources.into_iter().map(filed).collect();
    entries.sort_by(|a, b| a.entry.id.cmp(&b.entry.id));
    let mut drafts: Vec<Entry> = drafts.into_iter().map(|draft| draft.entry).collect();
    drafts.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Contents { documents, entries, drafts })
}

fn filed(source: EntrySource) -> FiledEntry {
    let folder = source.file.parent().and_then(|folder| folder.strip_prefix("entries").ok());
    let folder = folder.map(|folder| folder.to_string_lossy().replace('\\', "/")).unwrap_or_default();
    FiledEntry { folder, entry: source.entry }
}

/// An expired entry is a mistake for lint, but serving the others must go on: it is left out of the snapshot.
fn must_be_sound(folder: &Path, problems: Vec<Problem>) -> Result<(), DeskError> {
    let fatal: Vec<Problem> =
        problems.into_iter().filter(|problem| !problem.reason.starts_with(check::EXPIRED)).collect();
    if fatal.is_empty() { Ok(()) } else { Err(DeskError { folder: folder.to_owned(), problems: fatal }) }
}

/// The desk that `documents` describe, without entries. Reads what is well-formed and reports the rest.
pub fn parse(documents: &Documents, problems: &mut Vec<Problem>) -> DeskFiles {
    fn of<T: Default>(documents: &Documents, name: &str, found: &mut Vec<Problem>, parse: Parse<T>) -> T {
        documents.get(name).map(|text| parse(Path::new(name), text, found)).unwrap_or_default()
    }
    let desk: Desk = of(documents, "desk.toml", problems, lists::parse_desk);
    let rules: Vec<Rule> = of(documents, "rules.toml", problems, lists::parse_rules);
    let wording: Wording = of(documents, "wording.toml", problems, lists::parse_wording);
    let smalltalk: Vec<SmallTalk> = of(documents, "smalltalk.toml", problems, lists::parse_smalltalk);
    let synonyms = of(documents, SYNONYMS, problems, lists::parse_synonyms);
    let terms = of(documents, DICTIONARY, problems, lists::parse_dictionary);
    let examples = parse_examples(documents, problems);
    check::desk(&desk, problems);
    check::rules(&rules, &desk, &wording, problems);
    let rules = RuleSet::compile(rules).unwrap_or_else(|error| {
        problems.push(Problem::new(Path::new("rules.toml"), 0, error.to_string()));
        RuleSet::default()
    });
    let vocabulary = Vocabulary { synonyms, terms };
    DeskFiles { desk, entries: Vec::new(), vocabulary, rules, wording, smalltalk, examples }
}

type Parse<T> = fn(&Path, &str, &mut Vec<Problem>) -> T;

/// All texts of a desk's folder, each entry checked.
fn read_texts(folder: &Path, today: Date, problems: &mut Vec<Problem>) -> (Documents, Vec<EntrySource>) {
    if !folder.is_dir() {
        problems.push(Problem::new(folder, 0, "no such folder; name the desk's folder with --kb"));
        return Default::default();
    }
    let mut documents = Documents::new();
    let optional = OPTIONAL.into_iter().filter(|name| folder.join(name).is_file());
    let names = NAMES.into_iter().chain(optional).map(str::to_owned).chain(example_files(folder));
    for name in names {
        if let Some(text) = read_utf8(folder, Path::new(&name), problems) {
            documents.insert(name, text);
        }
    }
    let sources = read_entries(folder, "entries", problems);
    check::entries(&sources, today, problems);
    (documents, sources)
}

/// The files every desk has besides entries and examples.
const NAMES: [&str; 6] = ["desk.toml", "rules.toml", "wording.toml", "smalltalk.toml", SYNONYMS, DICTIONARY];

/// Files a desk may have.
const OPTIONAL: [&str; 1] = [CLAIMS];

/// Claims an entry must not make, and words it should explain.
pub const CLAIMS: &str = "claims.toml";

fn read_utf8(folder: &Path, file: &Path, problems: &mut Vec<Problem>) -> Option<String> {
    match fs::read(folder.join(file)) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => {
                Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text).replace("\r\n", "\n"))
            }
            Err(error) => {
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = good.iter().filter(|&&b| b == b'\n').count() + 1;
                problems.push(Problem::new(file, line, "not UTF-8; save the file as UTF-8"));
                None
            }
        },
        Err(error) => {
            problems.push(Problem::new(file, 0, format!("cannot be read: {error}")));
            None
        }
    }
}

/// The entry files below `below`; no such folder = none, except for `entries`.
fn read_entries(folder: &Path, below: &str, problems: &mut Vec<Problem>) -> Vec<EntrySource> {
    let mut files = Vec::new();
    if below == "entries" || folder.join(below).is_dir() {
        collect_markdown(folder, Path::new(below), &mut files, problems);
    }
    files.sort();
    let mut sources = Vec::new();
    for file in files {
        let Some(text) = read_utf8(folder, &file, problems) else { continue };
        match parse_entry(&text) {
            Ok((entry, lines)) => sources.push(EntrySource { entry, file, lines }),
            Err((line, reason)) => problems.push(Problem::new(&file, line, reason)),
        }
    }
    sources
}

/// Names of `examples/<reason>.txt`. The folder may be absent.
fn example_files(folder: &Path) -> Vec<String> {
    let Ok(listing) = fs::read_dir(folder.join("examples")) else { return Vec::new() };
    let mut names: Vec<String> =
        listing.flatten().map(|item| format!("examples/{}", item.file_name().to_string_lossy())).collect();
    names.sort();
    names
}

/// One utterance per line; `none*.txt` holds look-alikes, `out_of_scope.txt` questions that no entry covers.
fn parse_examples(documents: &Documents, problems: &mut Vec<Problem>) -> Vec<HandOffExample> {
    let mut examples = Vec::new();
    for (name, text) in documents.iter().filter(|(name, _)| name.starts_with("examples/")) {
        let file = Path::new(name);
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let reason = HandOffReason::from_name(&stem)
            .filter(|reason| reason.is_must() || *reason == HandOffReason::OutOfScope);
        if reason.is_none() && !stem.starts_with("none") {
            problems.push(Problem::new(
                file,
                0,
                "must be named after a must-hand-off reason, or out_of_scope.txt, or none….txt",
            ));
            continue;
        }
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        examples.extend(lines.map(|line| HandOffExample { reason, text: line.to_owned() }));
    }
    examples
}

fn collect_markdown(folder: &Path, relative: &Path, files: &mut Vec<PathBuf>, problems: &mut Vec<Problem>) {
    let listing = match fs::read_dir(folder.join(relative)) {
        Ok(listing) => listing,
        Err(error) => return problems.push(Problem::new(relative, 0, format!("cannot be read: {error}"))),
    };
    for item in listing.flatten() {
        let path = relative.join(item.file_name());
        if item.path().is_dir() {
            collect_markdown(folder, &path, files, problems);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
}
