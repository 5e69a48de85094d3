//! `madoguchi user`: accounts of the staff, made from the command line.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use super::print;
use crate::app::{App, Closed, NewStaff, Role, SystemClock};
use crate::config::{Config, Flags};
use crate::store::SqliteStore;

/// Arguments of `madoguchi user`.
#[derive(Debug, Args)]
pub struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make an account. The password is the first line of standard input.
    Add(AddArgs),
}

#[derive(Debug, Args)]
struct AddArgs {
    /// Name to sign in with.
    login: String,
    /// What the account may do; give it several times for several roles.
    #[arg(long = "role", default_value = "agent", value_parser = PossibleValuesParser::new(Role::ALL.map(Role::name)))]
    roles: Vec<String>,
    /// Name that customers see; the login unless given.
    #[arg(long, default_value = "")]
    name: String,
    /// Folder of the database.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Configuration file (TOML).
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Runs `madoguchi user …`. May run beside a serving desk.
///
/// # Errors
/// When the configuration or the database is unusable, or the account is refused.
pub fn run(args: UserArgs) -> anyhow::Result<ExitCode> {
    let UserCommand::Add(AddArgs { login, roles, name, data, config }) = args.command;
    let config = Config::load(&Flags { config, data_dir: data, ..Flags::default() })?;
    let named = |name: &String| Role::ALL.into_iter().find(|role| role.name() == name);
    let roles = roles.iter().filter_map(named).collect();
    let new = NewStaff { login, name, password: read_password()?, roles };
    let staff = tokio::runtime::Runtime::new()?.block_on(add(config, new))?;
    print(&format!("{} can sign in at /staff", staff.login))
}

async fn add(config: Config, new: NewStaff) -> anyhow::Result<crate::app::Staff> {
    let store = SqliteStore::open(&config.data_dir.join("madoguchi.db")).await?;
    let app = App::new(Arc::new(store), Arc::new(Closed::default()), Arc::new(SystemClock), config.limits);
    Ok(app.add_staff(new).await?)
}

/// The first line of standard input; on a terminal it is asked for and not shown.
fn read_password() -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    let asked = stdin.is_terminal();
    if asked {
        eprint!("password: ");
        std::io::stderr().flush()?;
        echo("-echo");
    }
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    if asked {
        echo("echo");
        eprintln!();
    }
    read.context("the password cannot be read from standard input; it must be UTF-8")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Best effort: without `stty` the password is seen, but taken.
fn echo(setting: &str) {
    let _ = Command::new("stty").arg(setting).stdin(Stdio::inherit()).status();
}
