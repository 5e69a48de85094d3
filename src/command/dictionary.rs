//! `madoguchi dict`: builds the dictionaries the Analyzer reads.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::text::{DictionaryKind, DictionaryOptions, build_dictionary};

/// Arguments of `madoguchi dict`.
#[derive(Debug, Args)]
pub struct DictArgs {
    #[command(subcommand)]
    command: DictCommand,
}

#[derive(Debug, Subcommand)]
enum DictCommand {
    /// Build from MeCab's files into models/dict.
    Build(BuildArgs),
}

#[derive(Debug, Args)]
struct BuildArgs {
    /// Which dictionary.
    #[arg(long, value_enum, default_value_t = Kind::All)]
    kind: Kind,
    /// Folder that holds the source; without it, the usual places are looked at.
    #[arg(long)]
    source: Option<PathBuf>,
    /// Folder to write to.
    #[arg(long, default_value = "models/dict")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Unidic,
    Ipadic,
    All,
}

/// Builds what was asked for.
///
/// # Errors
/// When a source is missing or malformed, or the folder cannot be written.
pub fn run(args: DictArgs) -> anyhow::Result<ExitCode> {
    let DictCommand::Build(args) = args.command;
    let kinds = match args.kind {
        Kind::Unidic => vec![DictionaryKind::Unidic],
        Kind::Ipadic => vec![DictionaryKind::Ipadic],
        Kind::All => Vec::new(),
    };
    for info in build_dictionary(&DictionaryOptions { kinds, source: args.source, out: args.out.clone() })? {
        println!("{} built into {}", info.name, args.out.join(info.kind.folder()).display());
    }
    Ok(ExitCode::SUCCESS)
}
