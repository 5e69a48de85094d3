//! The command line: one clap enum and one match. What a command does lives in the module it belongs to.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use madoguchi::command::{self, adapt, ask, desk, dictionary, evaluation, models, serve, user};
use madoguchi::{embed, fit, http};

/// Madoguchi (窓口): the service counter of a Japanese support desk.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the desk over HTTP.
    Serve(serve::ServeArgs),
    /// Ask one question and print the Decision.
    Ask(ask::AskArgs),
    /// Measure answer quality.
    Eval(evaluation::EvalArgs),
    /// Tune the embeddings to this desk.
    Adapt(adapt::AdaptArgs),
    /// Fit ranker, confidence and calibration.
    Fit(fit::FitArgs),
    /// Train the embedding model, or an encoder from it on.
    Train(embed::train::TrainCommand),
    /// Check, export or import the desk's files.
    Kb(desk::KbArgs),
    /// Build the dictionary.
    Dict(dictionary::DictArgs),
    /// Take over, list, check and measure transformers.
    Models(models::ModelsArgs),
    /// Rebuild the index.
    Index(desk::IndexArgs),
    /// Make accounts for the staff.
    User(user::UserArgs),
    /// Print the API's description (OpenAPI) as JSON.
    Openapi,
}

fn main() -> ExitCode {
    command::run(|| match Cli::parse().command {
        Command::Serve(args) => serve::run(args),
        Command::Ask(args) => ask::run(args),
        Command::Eval(args) => evaluation::run(args),
        Command::Adapt(args) => adapt::run(args),
        Command::Fit(args) => fit::run(args).map(|()| ExitCode::SUCCESS),
        Command::Train(args) => embed::train::run(args).map(|()| ExitCode::SUCCESS),
        Command::Kb(args) => desk::run_kb(args),
        Command::Dict(args) => dictionary::run(args),
        Command::Models(args) => models::run(args),
        Command::Index(args) => desk::run_index(args),
        Command::User(args) => user::run(args),
        Command::Openapi => command::print(&http::openapi()),
    })
}
