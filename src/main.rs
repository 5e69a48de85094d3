//! The command line: an enum of commands and a match.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use madoguchi::text::{Analyzer, DictionaryKind, DictionaryOptions, Vocabulary, build_dictionary};

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Dictionaries.
    Dict {
        #[command(subcommand)]
        command: DictCommand,
    },
    /// Shows what the analyzer makes of a text.
    Analyze {
        /// The text.
        text: String,
        /// Built dictionary; the best one below models/dict when absent.
        #[arg(long)]
        dictionary: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum DictCommand {
    /// Builds dictionaries from their published sources.
    Build {
        /// Which to build.
        #[arg(long, value_enum, default_value_t = Kind::Unidic)]
        kind: Kind,
        /// Folder with the source; the usual places when absent.
        #[arg(long)]
        source: Option<PathBuf>,
        /// Where to write; each kind gets its own folder below.
        #[arg(long, default_value = "models/dict")]
        out: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Unidic,
    Ipadic,
    All,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Dict { command: DictCommand::Build { kind, source, out } } => {
            let kinds = match kind {
                Kind::Unidic => vec![DictionaryKind::Unidic],
                Kind::Ipadic => vec![DictionaryKind::Ipadic],
                Kind::All => vec![],
            };
            for info in build_dictionary(&DictionaryOptions { kinds, source, out: out.clone() })? {
                println!("{}: {} ({})", out.join(info.kind.folder()).display(), info.name, &info.hash[..12]);
            }
        }
        Command::Analyze { text, dictionary } => {
            let vocabulary = Vocabulary::default();
            let analyzer = match dictionary {
                Some(path) => Analyzer::open(&path, &vocabulary)?,
                None => Analyzer::open_default(Path::new("models/dict"), &vocabulary)?,
            };
            let analysis = analyzer.analyze(&text);
            println!("{:?} {}", analysis.language, analysis.normalized);
            for token in &analysis.tokens {
                let mark = if token.content { '*' } else { ' ' };
                println!(
                    "{mark} {}\t{}\t{}\t{}\t{}",
                    token.surface, token.term, token.reading, token.pos, token.known
                );
            }
        }
    }
    Ok(())
}
