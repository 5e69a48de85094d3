//! `madoguchi kb` and `madoguchi index`: the desk's files and its index.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{models_folder, today};
use crate::kb::files;
use crate::publish::Workshop;

/// Arguments of `madoguchi kb`.
#[derive(Debug, Args)]
pub struct KbArgs {
    #[command(subcommand)]
    command: KbCommand,
}

#[derive(Debug, Subcommand)]
enum KbCommand {
    /// Report every mistake in the desk's files; exit code 1 when there is one.
    Lint {
        /// Folder of the desk's files.
        #[arg(long, default_value = "kb")]
        kb: PathBuf,
    },
}

/// Arguments of `madoguchi index`.
#[derive(Debug, Args)]
pub struct IndexArgs {
    #[command(subcommand)]
    command: IndexCommand,
}

#[derive(Debug, Subcommand)]
enum IndexCommand {
    /// Remove the index and build it anew.
    Rebuild {
        /// Folder of the desk's files.
        #[arg(long, default_value = "kb")]
        kb: PathBuf,
        /// Folder of the data.
        #[arg(long, default_value = "data")]
        data: PathBuf,
        /// Folder of the models.
        #[arg(long)]
        models: Option<PathBuf>,
    },
}

/// Runs `madoguchi kb …`.
///
/// # Errors
/// Never for mistakes in the files: those are printed and counted.
pub fn run_kb(args: KbArgs) -> anyhow::Result<ExitCode> {
    let KbCommand::Lint { kb } = args.command;
    let (desk, problems) = files::read(&kb, today());
    for problem in &problems {
        println!("{}", kb.join(&problem.file).display().to_string() + &problem.place());
    }
    if problems.is_empty() {
        println!("{}: {} entries, no mistakes", kb.display(), desk.entries.len());
        Ok(ExitCode::SUCCESS)
    } else {
        println!("{}: {} mistake(s)", kb.display(), problems.len());
        Ok(ExitCode::from(1))
    }
}

/// Runs `madoguchi index …`.
///
/// # Errors
/// When the desk's files have mistakes or the index cannot be written.
pub fn run_index(args: IndexArgs) -> anyhow::Result<ExitCode> {
    let IndexCommand::Rebuild { kb, data, models } = args.command;
    let folder = data.join("index");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let engine = Workshop::in_memory(models_folder(models.as_deref()))
        .with_index(&folder)
        .engine(files::load(&kb, today())?, today())?;
    println!("{}: {} entries indexed", folder.display(), engine.index().documents.len());
    Ok(ExitCode::SUCCESS)
}
