//! `madoguchi kb` and `madoguchi index`: the desk's files and its index.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::tier::TierArgs;
use super::{models_folder, print, today};
use crate::app::{App, Closed, Limits, SystemClock};
use crate::kb::files::{self, Problem};
use crate::publish::Workshop;
use crate::store::SqliteStore;

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
    /// Take the folder's files over into the database. A serving desk notices within a second.
    Import {
        /// Folder of the desk's files.
        #[arg(long, default_value = "kb")]
        kb: PathBuf,
        /// Folder of the database.
        #[arg(long, default_value = "data")]
        data: PathBuf,
        /// Only say what would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// Write the database's entries and files into the folder; only files that differ are touched.
    Export {
        /// Folder of the desk's files; made if missing.
        #[arg(long, default_value = "kb")]
        kb: PathBuf,
        /// Folder of the database.
        #[arg(long, default_value = "data")]
        data: PathBuf,
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
    /// Remove the index and build it anew: from the database, or from the desk's files as long as there is none.
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
        #[command(flatten)]
        tier: TierArgs,
    },
}

/// Runs `madoguchi kb …`.
///
/// # Errors
/// When files or database are unusable. For lint, never for mistakes in the files: those are printed and counted.
pub fn run_kb(args: KbArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        KbCommand::Lint { kb } => lint(&kb),
        KbCommand::Import { kb, data, dry_run } => import(&kb, &data, dry_run),
        KbCommand::Export { kb, data } => export(&kb, &data),
    }
}

fn import(kb: &Path, data: &Path, dry_run: bool) -> anyhow::Result<ExitCode> {
    let contents = files::contents(kb, today())?;
    let report = tokio::runtime::Runtime::new()?.block_on(async {
        Ok::<_, anyhow::Error>(open(data).await?.import_desk(&contents, dry_run).await?)
    })?;
    let mut lines: Vec<String> = Vec::new();
    let mut list = |sign: &str, names: &[String]| {
        lines.extend(names.iter().map(|name| format!("{sign} {name}")));
    };
    list("+", &report.added);
    list("~", &report.changed);
    list("~", &report.documents);
    lines
        .extend(report.buried.iter().map(|id| format!("! {id}: its newer draft is now in the history only")));
    let kb = kb.display();
    lines.extend(report.missing.iter().map(|id| {
        format!("? {id}: not in {kb}; it stays as it is (archive it in the console if it should go)")
    }));
    let verb = if dry_run { "would be" } else { "are" };
    lines.push(format!(
        "{} entries {verb} new, {} changed, {} the same; {} other files changed",
        report.added.len(),
        report.changed.len(),
        report.unchanged,
        report.documents.len()
    ));
    print(&lines.join("\n"))
}

fn export(kb: &Path, data: &Path) -> anyhow::Result<ExitCode> {
    let contents = tokio::runtime::Runtime::new()?
        .block_on(async { Ok::<_, anyhow::Error>(open_filled(data).await?.export_desk().await?) })?;
    let written = files::write(kb, &contents)?;
    let changed = written.changed.iter().map(|file| format!("~ {}", file.display()));
    let removed = written.removed.iter().map(|file| format!("- {}", file.display()));
    let mut lines: Vec<String> = changed.chain(removed).collect();
    lines.push(format!(
        "{}: {} files written, {} removed, {} were up to date",
        kb.display(),
        written.changed.len(),
        written.removed.len(),
        written.unchanged
    ));
    print(&lines.join("\n"))
}

/// The database's file in the data folder.
const DATABASE: &str = "madoguchi.db";

/// The desk in the data folder, which must be there.
pub(super) async fn open_filled(data: &Path) -> anyhow::Result<App> {
    let file = data.join(DATABASE);
    anyhow::ensure!(
        file.is_file(),
        "{} is not there; name the folder of the database with --data",
        file.display()
    );
    let app = open(data).await?;
    anyhow::ensure!(
        !app.is_empty().await?,
        "the database holds no desk yet; run `madoguchi kb import` first"
    );
    Ok(app)
}

/// The desk in the data folder, without an engine.
async fn open(data: &Path) -> anyhow::Result<App> {
    let store = SqliteStore::open(&data.join(DATABASE)).await?;
    Ok(App::new(Arc::new(store), Arc::new(Closed::default()), Arc::new(SystemClock), Limits::default()))
}

fn lint(kb: &Path) -> anyhow::Result<ExitCode> {
    let (desk, problems) = files::lint(kb, today());
    let place = |problem: &Problem| kb.join(&problem.file).display().to_string() + &problem.place();
    let mut lines: Vec<String> = problems.iter().map(place).collect();
    let kb = kb.display();
    if problems.is_empty() {
        return print(&format!("{kb}: {} entries, no mistakes", desk.entries.len()));
    }
    lines.push(format!("{kb}: {} mistake(s)", problems.len()));
    print(&lines.join("\n"))?;
    Ok(ExitCode::from(1))
}

/// Runs `madoguchi index …`.
///
/// # Errors
/// When the desk's files have mistakes or the index cannot be written.
pub fn run_index(args: IndexArgs) -> anyhow::Result<ExitCode> {
    let IndexCommand::Rebuild { kb, data, models, tier } = args.command;
    let folder = data.join("index");
    let models = models_folder(models.as_deref());
    let workshop = Workshop::in_memory(&models).with_tier(tier.open(&models, false)?).with_index(&folder);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let entries = if data.join(DATABASE).is_file() {
        tokio::runtime::Runtime::new()?.block_on(async {
            let app = open(&data).await?.with_publisher(Arc::new(workshop));
            app.serve_newest().await?;
            Ok::<_, anyhow::Error>(app.snapshot().entries.len())
        })?
    } else {
        workshop.engine(files::load(&kb, today())?, today())?.index().documents.len()
    };
    print(&format!("{}: {entries} entries indexed", folder.display()))
}
