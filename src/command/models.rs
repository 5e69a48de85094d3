//! `madoguchi models`: takes transformers over, lists, checks and measures them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::{models_bench, models_folder, print};
use crate::embed::transformer::registry::{self, Addition};
use crate::embed::transformer::tier::folder_of;
use crate::embed::transformer::{IS_BUILT, ModelFolder, Prefixes, Purpose};

/// Arguments of `madoguchi models`.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// Folder of the models.
    #[arg(long, global = true)]
    models: Option<PathBuf>,
    #[command(subcommand)]
    command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// Check a model in Hugging Face layout, copy it among the models and register its files.
    Add(AddArgs),
    /// List the transformers among the models.
    List,
    /// Check files, hashes and, in a build with transformers, that the model computes; exit code 1 when one does not.
    Check {
        /// Name of a model, or a folder; all of them without.
        model: Option<String>,
    },
    /// Measure an encoder: one question, several at once, memory.
    Bench(models_bench::BenchArgs),
}

#[derive(Debug, Args)]
struct AddArgs {
    /// The model's folder, or `hf:ORGANISATION/MODEL` to fetch it from the Hugging Face Hub.
    source: String,
    /// Name it gets; its folder's by default.
    #[arg(long)]
    name: Option<String>,
    /// What the model expects before a question, such as `query: `; the model's own setting by default.
    #[arg(long, requires = "passage_prefix")]
    query_prefix: Option<String>,
    /// What it expects before a text of the desk, such as `passage: `.
    #[arg(long, requires = "query_prefix")]
    passage_prefix: Option<String>,
    /// Replace a model of the same name.
    #[arg(long)]
    replace: bool,
}

/// Runs `madoguchi models …`.
///
/// # Errors
/// When a model cannot be used or a folder cannot be written.
pub fn run(args: ModelsArgs) -> anyhow::Result<ExitCode> {
    let models = models_folder(args.models.as_deref());
    match args.command {
        ModelsCommand::Add(args) => add(&models, args),
        ModelsCommand::List => list(&models),
        ModelsCommand::Check { model } => check(&models, model.as_deref()),
        ModelsCommand::Bench(args) => models_bench::run(&models, &args),
    }
}

fn add(models: &Path, args: AddArgs) -> anyhow::Result<ExitCode> {
    let AddArgs { source, name, query_prefix, passage_prefix, replace } = args;
    let prefixes = query_prefix.zip(passage_prefix).map(|(query, passage)| Prefixes { query, passage });
    let last = source.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
    let name = name.unwrap_or(last);
    let registration = match source.strip_prefix("hf:") {
        None => {
            let from = Path::new(&source);
            registry::add(models, &Addition { from, source: source.clone(), name, prefixes, replace })?
        }
        Some(hub_name) => {
            let aside = models.join(format!(".fetching-{name}"));
            let _ = std::fs::remove_dir_all(&aside);
            std::fs::create_dir_all(&aside).with_context(|| format!("cannot create {}", aside.display()))?;
            let addition = Addition { from: &aside, source: source.clone(), name, prefixes, replace };
            let added = fetch(hub_name, &aside).and_then(|()| registry::add(models, &addition));
            let _ = std::fs::remove_dir_all(&aside);
            added?
        }
    };
    let next = match registration.purpose {
        Purpose::Encoder => {
            format!(
                "[encoder] model = \"{0}\" uses it, after `madoguchi fit --encoder {0}`",
                registration.name
            )
        }
        Purpose::Reranker => {
            format!(
                "[reranker] model = \"{0}\" uses it, after `madoguchi fit --reranker {0}`",
                registration.name
            )
        }
    };
    let files = registration.files.len();
    let checked = if IS_BUILT { "" } else { " (not run: this program was built without transformers)" };
    print(&format!(
        "{}: {} of {} numbers, {files} files registered{checked}\n{next}",
        models.join(&registration.name).display(),
        registration.purpose.name(),
        registration.dimension
    ))
}

#[cfg(feature = "transformer")]
fn fetch(name: &str, folder: &Path) -> anyhow::Result<()> {
    crate::embed::transformer::hub::fetch(name, folder)
}

#[cfg(not(feature = "transformer"))]
fn fetch(_: &str, _: &Path) -> anyhow::Result<()> {
    Err(crate::embed::transformer::TransformerError::NotBuilt.into())
}

fn list(models: &Path) -> anyhow::Result<ExitCode> {
    let mut text = String::new();
    for folder in registry::list(models)? {
        text += &match ModelFolder::read(&folder) {
            Ok(model) => {
                let registered =
                    model.registration.as_ref().map_or("not registered", |found| found.source.as_str());
                format!(
                    "{}  {}, {:?}, {} numbers, at most {} tokens, {registered}\n",
                    model.name,
                    model.purpose.name(),
                    model.architecture,
                    model.dimension(),
                    model.max_tokens
                )
            }
            Err(error) => format!("{error}\n"),
        };
    }
    if text.is_empty() {
        text = format!("{}: no transformer; `madoguchi models add DIR` takes one over", models.display());
    }
    print(text.trim_end())
}

fn check(models: &Path, name: Option<&str>) -> anyhow::Result<ExitCode> {
    let folders = match name {
        Some(name) => vec![folder_of(models, name)],
        None => registry::list(models)?,
    };
    let mut failed = false;
    for folder in folders {
        match registry::check(&folder) {
            Ok(_) if IS_BUILT => print(&format!("{}: sound, and it computes", folder.display()))?,
            Ok(_) => print(&format!("{}: its files are sound", folder.display()))?,
            Err(error) => {
                failed = true;
                print(&format!("{error:#}"))?
            }
        };
    }
    Ok(if failed { ExitCode::from(1) } else { ExitCode::SUCCESS })
}
