//! Which dictionary is in use, and `madoguchi dict build`: UniDic from MeCab's compiled files, IPADIC from its CSV
//! files. Both are brought to the same fields, normalised like text, and written next to a note of what they are.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::TextError;
use super::normalize::NORMALIZER_VERSION;
use super::segment::{self, DictionarySource};
use super::source;

/// Raised whenever the content of built dictionaries changes.
const BUILD_VERSION: u32 = 1;
/// The note beside the built files.
const NOTE: &str = "madoguchi.json";
/// How much of either end of a large file is compared with the note on opening.
const EDGE: u64 = 64 * 1024;

/// The two dictionaries that can be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DictionaryKind {
    /// UniDic short units, indexed by lemma.
    Unidic,
    /// IPADIC, indexed by base form: the fallback.
    Ipadic,
}

impl DictionaryKind {
    /// The folder name below models/dict.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Unidic => "unidic",
            Self::Ipadic => "ipadic",
        }
    }
}

/// Names the dictionary in use, for fingerprints and reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DictionaryInfo {
    /// Which dictionary.
    pub kind: DictionaryKind,
    /// Name and version of its source, such as `unidic-lite 2.1.2`.
    pub name: String,
    /// Hexadecimal SHA-256 over all built files.
    pub hash: String,
}

/// What `madoguchi dict build` was asked to do.
#[derive(Debug, Clone)]
pub struct DictionaryOptions {
    /// Which to build; empty means every one whose source is at hand.
    pub kinds: Vec<DictionaryKind>,
    /// Folder with the source, searched three levels deep; the usual places when absent.
    pub source: Option<PathBuf>,
    /// Where to write, such as models/dict; each kind gets its own folder below.
    pub out: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Note {
    #[serde(flatten)]
    info: DictionaryInfo,
    build: u32,
    normalizer: u32,
    files: Vec<NotedFile>,
}

#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct NotedFile {
    name: String,
    size: u64,
    edges: String,
}

/// Builds dictionaries and replaces those in place only when the new ones are complete.
///
/// # Errors
/// [`TextError::Source`] when no usable source is found, [`TextError::Io`] when writing fails.
pub fn build_dictionary(options: &DictionaryOptions) -> Result<Vec<DictionaryInfo>, TextError> {
    if !options.kinds.is_empty() {
        return options.kinds.iter().map(|kind| build_one(*kind, options)).collect();
    }
    let at_hand = |kind: &DictionaryKind| source::find(*kind, options.source.as_deref()).is_ok();
    let kinds: Vec<_> =
        [DictionaryKind::Unidic, DictionaryKind::Ipadic].into_iter().filter(at_hand).collect();
    match kinds.as_slice() {
        [] => build_one(DictionaryKind::Unidic, options).map(|info| vec![info]),
        kinds => kinds.iter().map(|kind| build_one(*kind, options)).collect(),
    }
}

/// Checks that the built dictionary in the folder `path` can be used, and names it.
///
/// # Errors
/// [`TextError::Missing`], [`TextError::Damaged`] or [`TextError::Outdated`].
pub fn check_dictionary(path: &Path) -> Result<DictionaryInfo, TextError> {
    let info = read_info(path)?;
    segment::Segmenter::open(path).map_err(|reason| TextError::Damaged { path: path.to_owned(), reason })?;
    Ok(info)
}

fn build_one(kind: DictionaryKind, options: &DictionaryOptions) -> Result<DictionaryInfo, TextError> {
    let from = source::find(kind, options.source.as_deref())?;
    let target = options.out.join(kind.folder());
    let work = options.out.join(format!(".{}-{}", kind.folder(), std::process::id()));
    let (csv, built) = (work.join("source"), work.join("built"));
    let result = (|| {
        fs::create_dir_all(&csv).map_err(|err| TextError::io(&csv, err))?;
        let converted = source::convert(kind, &from, &csv)?;
        let source =
            DictionarySource { name: kind.folder(), folder: &csv, noun_context: converted.noun_context };
        segment::build(&source, &built).map_err(|reason| TextError::Source { path: from.clone(), reason })?;
        let info = write_note(kind, converted.name, &built)?;
        // A rename cannot replace a folder that has files, so the old one steps aside first.
        let old = work.join("old");
        if target.exists() {
            fs::rename(&target, &old).map_err(|err| TextError::io(&target, err))?;
        }
        fs::rename(&built, &target).map_err(|err| TextError::io(&target, err))?;
        Ok(info)
    })();
    let cleaned = fs::remove_dir_all(&work);
    let info = result?;
    cleaned.map_err(|err| TextError::io(&work, err))?;
    Ok(info)
}

fn write_note(kind: DictionaryKind, name: String, built: &Path) -> Result<DictionaryInfo, TextError> {
    let mut hash = Sha256::new();
    let mut files = Vec::new();
    for name in file_names(built)? {
        let path = built.join(&name);
        let bytes = fs::read(&path).map_err(|err| TextError::io(&path, err))?;
        hash.update(name.as_bytes());
        hash.update(Sha256::digest(&bytes));
        files.push(noted(built, &name)?);
    }
    let info = DictionaryInfo { kind, name, hash: hex::encode(hash.finalize()) };
    let note = Note { info: info.clone(), build: BUILD_VERSION, normalizer: NORMALIZER_VERSION, files };
    let path = built.join(NOTE);
    let text = serde_json::to_string_pretty(&note).map_err(|err| TextError::io(&path, err.into()))?;
    fs::write(&path, text + "\n").map_err(|err| TextError::io(&path, err))?;
    Ok(info)
}

/// Reads the note of a built dictionary and checks that its files are the ones noted.
pub(super) fn read_info(path: &Path) -> Result<DictionaryInfo, TextError> {
    let damaged = |reason: String| TextError::Damaged { path: path.to_owned(), reason };
    if !path.is_dir() {
        return Err(TextError::Missing { path: path.to_owned() });
    }
    let text = fs::read(path.join(NOTE)).map_err(|err| damaged(format!("{NOTE}: {err}")))?;
    let note: Note = serde_json::from_slice(&text).map_err(|err| damaged(format!("{NOTE}: {err}")))?;
    if (note.build, note.normalizer) != (BUILD_VERSION, NORMALIZER_VERSION) {
        return Err(TextError::Outdated { path: path.to_owned() });
    }
    for file in &note.files {
        let found = noted(path, &file.name).map_err(|err| damaged(err.to_string()))?;
        if found != *file {
            return Err(damaged(format!("{} is not the file that was built", file.name)));
        }
    }
    Ok(note.info)
}

/// Size and a hash of both ends. Enough to notice cut and exchanged files while 160 MB stay unread.
fn noted(folder: &Path, name: &str) -> Result<NotedFile, TextError> {
    use std::io::{Read, Seek, SeekFrom};
    let path = folder.join(name);
    let read = || -> std::io::Result<NotedFile> {
        let mut file = fs::File::open(&path)?;
        let size = file.metadata()?.len();
        let mut edges = Vec::new();
        file.by_ref().take(EDGE).read_to_end(&mut edges)?;
        if size > EDGE {
            file.seek(SeekFrom::Start(size.saturating_sub(EDGE).max(EDGE)))?;
            file.read_to_end(&mut edges)?;
        }
        Ok(NotedFile { name: name.to_owned(), size, edges: hex::encode(Sha256::digest(&edges)) })
    };
    read().map_err(|err| TextError::io(&path, err))
}

fn file_names(folder: &Path) -> Result<Vec<String>, TextError> {
    let list = || -> std::io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    };
    list().map_err(|err| TextError::io(folder, err))
}
