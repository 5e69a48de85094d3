//! `madoguchi serve`: opens the database, which takes the desk's files over at the first start, builds or opens the
//! index, and serves until it is told to stop.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use super::tier::show_progress;
use super::{print, today};
use crate::app::{App, Closed, SystemClock, WHO_IMPORTS};
use crate::config::{Config, Flags};
use crate::embed::transformer::Tier;
use crate::eval::cases::Cases;
use crate::http::{self, Settings};
use crate::kb::files;
use crate::publish::{Press, Workshop};
use crate::store::SqliteStore;

/// Arguments of `madoguchi serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Address to listen on, such as 127.0.0.1:8080.
    #[arg(long)]
    listen: Option<String>,
    /// Folder of database and index.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder of the desk's files.
    #[arg(long)]
    kb: Option<PathBuf>,
    /// Folder of the models.
    #[arg(long)]
    models: Option<PathBuf>,
    /// Cases that the preview before publishing asks; taken over at every start, in place of those with the same ids.
    #[arg(long)]
    cases: Option<PathBuf>,
    /// Configuration file (TOML).
    #[arg(long)]
    config: Option<PathBuf>,
}

/// How often what has expired is dropped.
const SWEEP_EVERY: std::time::Duration = std::time::Duration::from_secs(600);

/// How often it is looked for what is due, and for changes by other processes.
const TICK_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// Serves the desk.
///
/// # Errors
/// When the configuration, the desk's files, the index or the database is unusable; names file or key.
pub fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let ServeArgs { listen, data, kb, models, cases, config } = args;
    let config = Config::load(&Flags { config, listen, data_dir: data, kb_dir: kb, models_dir: models })?;
    start_log(&config);
    tokio::runtime::Runtime::new()?.block_on(serve(config, cases.as_deref()))?;
    Ok(ExitCode::SUCCESS)
}

fn start_log(config: &Config) {
    let filter = tracing_subscriber::EnvFilter::new(&config.log);
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if config.log_json { log.json().init() } else { log.init() }
}

async fn serve(config: Config, cases: Option<&Path>) -> anyhow::Result<()> {
    std::fs::create_dir_all(&config.data_dir).with_context(|| {
        format!("cannot create {}; choose a writable folder with --data", config.data_dir.display())
    })?;
    // Listen first: an address in use is then known before the index is built.
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!("cannot listen on {}; choose another address with --listen", config.listen)
    })?;
    let tier = Tier::open(&config.models_dir, &config.tier);
    tier.in_use().iter().for_each(|line| tracing::info!("{line}"));
    show_progress(&tier);
    let workshop = Workshop::in_memory(&config.models_dir)
        .with_tier(tier)
        .with_index(config.data_dir.join("index"))
        .with_fitted(config.kb_dir.join("fitted"));
    let store = SqliteStore::open(&config.data_dir.join("madoguchi.db")).await?;
    let closed = Arc::new(Closed::default());
    let app = App::new(Arc::new(store), closed, Arc::new(SystemClock), config.limits.clone());
    let app = Arc::new(app.with_publisher(Arc::new(Press::new(workshop))));
    if app.is_empty().await? {
        take_over(&app, &config.kb_dir).await?;
    }
    app.serve_newest().await.context("the desk cannot be served")?;
    if let Some(path) = cases {
        let snapshot = app.snapshot();
        let cases = Cases::read(path, &|id| snapshot.entry(id).is_some(), false)?;
        app.keep_cases(&cases.cases, WHO_IMPORTS).await?;
        tracing::info!(cases = cases.cases.len(), skipped = cases.skipped.count(), "cases for previews");
    }
    greet(&app, &listener).await?;
    let comparer = tokio::spawn(compare(Arc::clone(&app), config.kb_dir.clone()));
    let sweeper = tokio::spawn(sweep(Arc::clone(&app)));
    let timer = tokio::spawn(keep_time(Arc::clone(&app)));
    http::serve(listener, app, Settings::of(&config), stop_signal()).await?;
    comparer.abort();
    sweeper.abort();
    timer.abort();
    Ok(())
}

/// The first start takes the desk's folder over; from then on the database is the source of truth.
async fn take_over(app: &App, folder: &Path) -> anyhow::Result<()> {
    let report = app.import_desk(&files::contents(folder, today())?, false).await?;
    tracing::info!(entries = report.added.len(), "the desk in {} is now in the database", folder.display());
    Ok(())
}

/// Points out a folder that says something else than the database. Nobody waits for it.
async fn compare(app: Arc<App>, folder: PathBuf) {
    let read = {
        let folder = folder.clone();
        tokio::task::spawn_blocking(move || files::contents(&folder, today())).await
    };
    let report = match read {
        Ok(Ok(contents)) => app.import_desk(&contents, true).await,
        Ok(Err(error)) => {
            return tracing::warn!("the database is served; the folder is not read: {error}");
        }
        Err(_) => return,
    };
    let folder = folder.display();
    match report {
        Ok(report) if report.is_same() => {}
        Ok(report) => tracing::warn!(
            entries = report.added.len() + report.changed.len(),
            missing = report.missing.len(),
            documents = report.documents.len(),
            "{folder} differs from the database, which is served; take the folder over with \
             `madoguchi kb import --kb {folder}`, or write the database into it with `madoguchi kb export --kb {folder}`"
        ),
        Err(error) => tracing::warn!("{folder} is not compared with the database: {error}"),
    }
}

async fn keep_time(app: Arc<App>) {
    let mut ticks = tokio::time::interval(TICK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        if let Err(error) = app.tick().await {
            tracing::warn!("scheduled work is late: {error}");
        }
    }
}

async fn greet(app: &App, listener: &TcpListener) -> anyhow::Result<()> {
    let at = listener.local_addr()?;
    print(&format!("お客様の画面   http://{at}/        (customer page)"))?;
    print(&format!("担当者の画面   http://{at}/staff   (staff page)"))?;
    let sign_in = match app.first_sign_in().await? {
        Some(token) => {
            format!("初回サインイン http://{at}/staff/sign-in?once={token}   (one-time staff sign-in)")
        }
        None => "担当者は登録した名前とパスワードでサインインします。 (staff sign in with name and password)"
            .to_owned(),
    };
    print(&sign_in)?;
    Ok(())
}

async fn sweep(app: Arc<App>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        if let Err(error) = app.sweep().await {
            tracing::warn!("expired rows stay for now: {error}");
        }
    }
}

async fn stop_signal() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(signal) => signal,
        Err(error) => {
            tracing::warn!("cannot listen for SIGTERM: {error}");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    tracing::info!("stopping");
}
