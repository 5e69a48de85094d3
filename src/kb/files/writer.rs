//! Writes a desk into its folder so that a version control sees only what changed: a file whose text is the same already
//! is not touched, an entry file that is no longer the desk's is removed, and nothing else in the folder is.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Contents, Documents, collect_markdown, example_files, write_entry};

/// What writing did, as paths relative to the folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Files that were new or had another text.
    pub changed: Vec<PathBuf>,
    /// Entry files, drafts and examples that were removed.
    pub removed: Vec<PathBuf>,
    /// How many files had the right text already.
    pub unchanged: usize,
}

/// Writes `contents` into `folder`, creating it if missing.
///
/// # Errors
/// When a file cannot be read, written or removed; names it.
pub fn write(folder: &Path, contents: &Contents) -> io::Result<Written> {
    let files = texts(contents);
    let mut written = Written::default();
    for (name, text) in &files {
        let path = folder.join(name);
        if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            written.unchanged += 1;
            continue;
        }
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        fs::create_dir_all(path.parent().unwrap_or(folder)).map_err(named)?;
        fs::write(&path, text).map_err(named)?;
        written.changed.push(PathBuf::from(name));
    }
    for stale in owned(folder).into_iter().filter(|file| !files.contains_key(&slashed(file))) {
        fs::remove_file(folder.join(&stale))
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", stale.display())))?;
        written.removed.push(stale);
    }
    Ok(written)
}

/// Every file of `contents` by its name.
fn texts(contents: &Contents) -> Documents {
    let mut files = contents.documents.clone();
    for filed in &contents.entries {
        let folder = if filed.folder.is_empty() { String::new() } else { format!("{}/", filed.folder) };
        files.insert(format!("entries/{folder}{}.md", filed.entry.id), write_entry(&filed.entry));
    }
    for draft in &contents.drafts {
        files.insert(format!("drafts/{}.md", draft.id), write_entry(draft));
    }
    files
}

/// The files in `folder` that only a desk writes: they go when the desk no longer has them.
fn owned(folder: &Path) -> BTreeSet<PathBuf> {
    let (mut files, mut unreadable) = (Vec::new(), Vec::new());
    for below in ["entries", "drafts"] {
        if folder.join(below).is_dir() {
            collect_markdown(folder, Path::new(below), &mut files, &mut unreadable);
        }
    }
    files.into_iter().chain(example_files(folder).into_iter().map(PathBuf::from)).collect()
}

fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}
