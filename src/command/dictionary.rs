//! `madoguchi dict`: builds and checks the dictionaries the Analyzer reads.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use super::print;
use crate::text::{DictionaryKind, DictionaryOptions, build_dictionary, check_dictionary};

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
    /// Check that a built dictionary can be used.
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// Which dictionary.
    #[arg(long, value_enum, default_value_t = Kind::All)]
    kind: Kind,
    /// Folder it was written to.
    #[arg(long, default_value = "models/dict")]
    out: PathBuf,
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

impl Kind {
    /// Empty for all, as [`DictionaryOptions`] has it.
    fn kinds(self) -> Vec<DictionaryKind> {
        match self {
            Self::Unidic => vec![DictionaryKind::Unidic],
            Self::Ipadic => vec![DictionaryKind::Ipadic],
            Self::All => Vec::new(),
        }
    }
}

/// Builds or checks what was asked for.
///
/// # Errors
/// When a source is missing or malformed, the folder cannot be written, or a built dictionary cannot be used.
pub fn run(args: DictArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        DictCommand::Build(args) => {
            let options =
                DictionaryOptions { kinds: args.kind.kinds(), source: args.source, out: args.out.clone() };
            for info in build_dictionary(&options)? {
                print(&format!("{} built into {}", info.name, args.out.join(info.kind.folder()).display()))?;
            }
        }
        DictCommand::Check(args) => {
            let mut kinds = args.kind.kinds();
            if kinds.is_empty() {
                kinds = vec![DictionaryKind::Unidic, DictionaryKind::Ipadic];
            }
            for kind in kinds {
                let folder = args.out.join(kind.folder());
                print(&format!("{}: {}", folder.display(), check_dictionary(&folder)?.name))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
