//! A folder whose files belong together: written aside, named with their hashes in a manifest that comes last, and moved
//! to its place whole. What is cut short, damaged or mixed is never read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::mapped::Mapped;

const MANIFEST: &str = "index.json";

/// Written last; its presence and hashes say that the folder is whole.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    /// What the folder was made by and of, as its owner puts it.
    made_of: BTreeMap<String, String>,
    /// SHA-256 of each file (hex).
    files: BTreeMap<String, String>,
}

/// A folder being written.
pub struct Unsealed {
    aside: PathBuf,
    files: BTreeMap<String, String>,
}

impl Unsealed {
    /// Begins a folder that will stand below `parent`.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn new(parent: &Path) -> anyhow::Result<Self> {
        let aside = parent.join(format!("building-{}", std::process::id()));
        if aside.exists() {
            fs::remove_dir_all(&aside)?;
        }
        fs::create_dir_all(&aside).with_context(|| {
            format!("cannot create {}; choose a writable folder with --data", aside.display())
        })?;
        Ok(Self { aside, files: BTreeMap::new() })
    }

    /// A folder in it, for parts that check themselves.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.aside.join(name);
        fs::create_dir(&folder)?;
        Ok(folder)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.aside.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        self.files.insert(name.to_owned(), hex::encode(Sha256::digest(bytes)));
        Ok(())
    }

    /// Writes the manifest, moves the folder to `home`, and removes what else stands beside it: folders of earlier states
    /// and builds that were cut short.
    ///
    /// # Errors
    /// When it cannot be written or moved.
    pub fn seal(self, home: &Path, made_of: BTreeMap<String, String>) -> anyhow::Result<Sealed> {
        let manifest = serde_json::to_vec_pretty(&Manifest { made_of, files: self.files })?;
        fs::write(self.aside.join(MANIFEST), manifest)?;
        if home.exists() {
            fs::remove_dir_all(home)?;
        }
        fs::rename(&self.aside, home)?;
        if let Some(parent) = home.parent() {
            folders(parent).filter(|path| path != home).for_each(|path| remove(&path));
        }
        Sealed::open(home.to_owned())
    }
}

/// A folder that was sealed.
pub struct Sealed {
    path: PathBuf,
    manifest: Manifest,
}

impl Sealed {
    /// The sealed folders below `parent`, in the order of their names.
    pub fn all(parent: &Path) -> Vec<Self> {
        let mut paths: Vec<PathBuf> = folders(parent).collect();
        paths.sort();
        paths.into_iter().filter_map(|path| Self::open(path).ok()).collect()
    }

    /// The sealed folder at `path`.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(path: PathBuf) -> anyhow::Result<Self> {
        let manifest = serde_json::from_slice(&fs::read(path.join(MANIFEST))?)?;
        Ok(Self { path, manifest })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What [`Unsealed::seal`] was told under this name.
    pub fn made_of(&self, name: &str) -> Option<&str> {
        self.manifest.made_of.get(name).map(String::as_str)
    }

    /// Whether a file belongs to it.
    pub fn has(&self, name: &str) -> bool {
        self.manifest.files.contains_key(name)
    }

    /// Maps a file.
    ///
    /// # Errors
    /// When it is not there, or not what was written.
    pub fn file(&self, name: &str) -> anyhow::Result<Mapped> {
        let path = self.path.join(name);
        let file = Mapped::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let hash = self.manifest.files.get(name).context("the manifest does not name it")?;
        anyhow::ensure!(hex::encode(Sha256::digest(file.bytes())) == *hash, "{name} is damaged");
        Ok(file)
    }
}

fn folders(parent: &Path) -> impl Iterator<Item = PathBuf> {
    let listing = fs::read_dir(parent).into_iter().flatten().flatten();
    listing.map(|item| item.path()).filter(|path| path.is_dir())
}

/// Failing to remove is harmless.
fn remove(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        tracing::warn!("an old index stays at {}: {error}", path.display());
    }
}
