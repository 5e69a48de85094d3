//! The models of a desk: which are there, and taking one over. A model is a folder among the models with a registration
//! in it, which names every file by its hash.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::folder::{ModelFolder, Prefixes, REGISTRATION, Registration};
use super::{CrossEncoder, Encoder, IS_BUILT, Purpose, Resources, TransformerError};

/// A model to be taken over.
#[derive(Debug, Clone)]
pub struct Addition<'a> {
    /// Folder it lies in.
    pub from: &'a Path,
    /// What is written down as its source.
    pub source: String,
    /// Name it gets.
    pub name: String,
    /// Prefixes instead of the model's own.
    pub prefixes: Option<Prefixes>,
    /// Whether another model of that name is replaced.
    pub replace: bool,
}

/// Folders among the models that look like a transformer's, by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn list(models: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listing = fs::read_dir(models).with_context(|| format!("cannot read {}", models.display()))?;
    let mut folders: Vec<PathBuf> =
        listing.flatten().map(|item| item.path()).filter(|path| path.join("config.json").is_file()).collect();
    folders.sort();
    Ok(folders)
}

/// Checks a model: its files, their hashes against the registration, and, in a build with transformers, that it computes.
///
/// # Errors
/// The first thing that is wrong, and what was expected.
pub fn check(folder: &Path) -> anyhow::Result<ModelFolder> {
    let model = ModelFolder::read(folder)?;
    model.fingerprint()?;
    runs(&model)?;
    Ok(model)
}

/// Whether the model computes, in a build that can tell.
fn runs(model: &ModelFolder) -> Result<(), TransformerError> {
    let resources = Resources::default();
    match model.purpose {
        _ if !IS_BUILT => Ok(()),
        Purpose::Encoder => Encoder::open(model, &resources).map(|_| ()),
        Purpose::Reranker => CrossEncoder::open(model, &resources).map(|_| ()),
    }
}

/// Checks a model, copies it among the models and registers it. A model that is there already is registered in place.
///
/// # Errors
/// When the model cannot be used, another one has its name, or the folder cannot be written; nothing is changed then.
pub fn add(models: &Path, addition: &Addition<'_>) -> anyhow::Result<Registration> {
    let Addition { from, source, name, prefixes, replace } = addition;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    anyhow::ensure!(
        !name.is_empty() && name.chars().all(is_plain) && !name.starts_with('.') && name != "dict",
        "{name:?} is no name for a model; choose one of letters, digits, - and _ with --name"
    );
    let mut model = ModelFolder::read(from)?;
    model.registration = None;
    if let Some(prefixes) = prefixes {
        model.prefixes = prefixes.clone();
    }
    let home = models.join(name);
    let in_place = home.exists() && fs::canonicalize(&home)? == fs::canonicalize(from)?;
    anyhow::ensure!(
        in_place || *replace || !home.exists(),
        "{} is there already; replace it with --replace, or choose another --name",
        home.display()
    );
    runs(&model)?;
    let registration = Registration {
        name: name.clone(),
        purpose: model.purpose,
        source: source.clone(),
        dimension: model.dimension() as i64,
        prefixes: model.prefixes.clone(),
        files: model.hashes()?,
    };
    let written = serde_json::to_string_pretty(&registration)? + "\n";
    if in_place {
        fs::write(home.join(REGISTRATION), written)?;
        return Ok(registration);
    }
    let aside = models.join(format!(".adding-{name}"));
    let copied = copy(&registration, from, &aside, &written);
    if let Err(error) = copied {
        let _ = fs::remove_dir_all(&aside);
        return Err(error.context(format!("cannot write {}", aside.display())));
    }
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    fs::rename(&aside, &home).with_context(|| format!("cannot write {}", home.display()))?;
    Ok(registration)
}

fn copy(registration: &Registration, from: &Path, to: &Path, written: &str) -> anyhow::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    for file in registration.files.keys() {
        let target = to.join(file);
        fs::create_dir_all(target.parent().unwrap_or(to))?;
        fs::copy(from.join(file), target)?;
    }
    Ok(fs::write(to.join(REGISTRATION), written)?)
}
