//! The desk as plain text files (`kb/`): reads them into [`DeskFiles`] and reports every mistake with file and line.
//! The format is described in `kb/README.md`. [`read`] never stops at the first mistake, so that lint shows them all.

mod check;
mod entry_file;
mod lists;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

pub use entry_file::{parse_entry, write_entry};

use super::rules::{Rule, RuleSet};
use super::snapshot::DeskFiles;
use super::{Entry, HandOffExample, HandOffReason, SmallTalk, Wording};
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

/// Reads a desk's folder; problems in file order.
pub fn read(folder: &Path, today: Date) -> (DeskFiles, Vec<Problem>) {
    let mut problems = Vec::new();
    if !folder.is_dir() {
        problems.push(Problem::new(folder, 0, "no such folder; name the desk's folder with --kb"));
        return (DeskFiles::default(), problems);
    }
    let desk = read_toml(folder, "desk.toml", &mut problems, lists::parse_desk).unwrap_or_default();
    let rules: Vec<Rule> =
        read_toml(folder, "rules.toml", &mut problems, lists::parse_rules).unwrap_or_default();
    let wording: Wording =
        read_toml(folder, "wording.toml", &mut problems, lists::parse_wording).unwrap_or_default();
    let smalltalk: Vec<SmallTalk> =
        read_toml(folder, "smalltalk.toml", &mut problems, lists::parse_smalltalk).unwrap_or_default();
    let synonyms =
        read_toml(folder, "synonyms.txt", &mut problems, lists::parse_synonyms).unwrap_or_default();
    let terms =
        read_toml(folder, "dictionary.csv", &mut problems, lists::parse_dictionary).unwrap_or_default();
    let sources = read_entries(folder, &mut problems);
    let examples = read_examples(folder, &mut problems);

    check::desk(&desk, &mut problems);
    check::entries(&sources, today, &mut problems);
    check::rules(&rules, &desk, &wording, &mut problems);
    let rules = RuleSet::compile(rules).unwrap_or_else(|error| {
        problems.push(Problem::new(Path::new("rules.toml"), 0, error.to_string()));
        RuleSet::default()
    });
    problems.sort();
    let entries = sources.into_iter().map(|source| source.entry).collect();
    let vocabulary = Vocabulary { synonyms, terms };
    (DeskFiles { desk, entries, vocabulary, rules, wording, smalltalk, examples }, problems)
}

/// Reads a desk's folder that must be free of mistakes.
///
/// # Errors
/// All mistakes found.
pub fn load(folder: &Path, today: Date) -> Result<DeskFiles, DeskError> {
    let (files, problems) = read(folder, today);
    // An expired entry is a mistake for lint, but serving the others must go on: it is left out of the snapshot.
    let fatal: Vec<Problem> =
        problems.into_iter().filter(|problem| !problem.reason.starts_with(check::EXPIRED)).collect();
    if fatal.is_empty() { Ok(files) } else { Err(DeskError { folder: folder.to_owned(), problems: fatal }) }
}

type Parse<T> = fn(&Path, &str, &mut Vec<Problem>) -> T;

fn read_toml<T>(folder: &Path, name: &str, problems: &mut Vec<Problem>, parse: Parse<T>) -> Option<T> {
    let file = Path::new(name);
    let text = read_utf8(folder, file, problems)?;
    Some(parse(file, &text, problems))
}

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

fn read_entries(folder: &Path, problems: &mut Vec<Problem>) -> Vec<EntrySource> {
    let mut files = Vec::new();
    collect_markdown(folder, Path::new("entries"), &mut files, problems);
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

/// `examples/<reason>.txt`, one utterance per line; `none*.txt` holds look-alikes. The folder may be absent.
fn read_examples(folder: &Path, problems: &mut Vec<Problem>) -> Vec<HandOffExample> {
    let mut names: Vec<_> = match fs::read_dir(folder.join("examples")) {
        Ok(listing) => {
            listing.flatten().map(|item| PathBuf::from("examples").join(item.file_name())).collect()
        }
        Err(_) => return Vec::new(),
    };
    names.sort();
    let mut examples = Vec::new();
    for file in names {
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let reason = HandOffReason::from_name(&stem).filter(|reason| reason.is_must());
        if reason.is_none() && !stem.starts_with("none") {
            problems.push(Problem::new(&file, 0, "must be named after a must-hand-off reason, or none….txt"));
            continue;
        }
        let Some(text) = read_utf8(folder, &file, problems) else { continue };
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
