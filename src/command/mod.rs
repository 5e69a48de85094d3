//! The commands behind the command line: read arguments, call the module that does the work, print. Errors go to
//! standard error as one line that names file or flag and the remedy.

pub mod adapt;
pub mod ask;
pub mod desk;
pub mod dictionary;
pub mod evaluation;
pub mod models;
mod models_bench;
pub mod serve;
pub mod tier;
pub mod user;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Zoned;
use jiff::civil::Date;

use crate::eval::terminal::{print_error, print_out};

/// Runs a command and turns its error into a line on standard error and exit code 2.
pub fn run(command: impl FnOnce() -> anyhow::Result<ExitCode>) -> ExitCode {
    command().unwrap_or_else(|error| {
        print_error(&format!("madoguchi: {error:#}\n"));
        ExitCode::from(2)
    })
}

/// Prints `text` and a line break; a reader that has gone away (`| head`) is no error.
///
/// # Errors
/// When standard output cannot be written for another reason.
pub fn print(text: &str) -> anyhow::Result<ExitCode> {
    print_out(&format!("{text}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Today at the desk: the only place where commands read the clock.
pub fn today() -> Date {
    Zoned::now().date()
}

/// The models folder: `models` in the working directory, else beside the program's checkout (`target/release/..`).
pub fn models_folder(given: Option<&Path>) -> PathBuf {
    if let Some(given) = given {
        return given.to_owned();
    }
    let here = PathBuf::from("models");
    if here.is_dir() {
        return here;
    }
    let beside = std::env::current_exe().ok().and_then(|program| {
        program.ancestors().map(|folder| folder.join("models")).find(|folder| folder.is_dir())
    });
    beside.unwrap_or(here)
}

/// A progress bar on standard error when that is a terminal, else nothing.
pub fn progress(steps: u64, what: &'static str) -> indicatif::ProgressBar {
    let style = indicatif::ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}")
        .expect("the template is well-formed");
    indicatif::ProgressBar::new(steps).with_style(style).with_message(what)
}
