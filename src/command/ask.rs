//! `madoguchi ask`: one question from the command line, with the same engine that serves customers.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{models_folder, today};
use crate::answer::{Ask, Decision, Engine, Outcome};
use crate::kb::files;
use crate::publish::Workshop;

/// Arguments of `madoguchi ask`.
#[derive(Debug, Args)]
pub struct AskArgs {
    /// The question.
    question: String,
    /// Folder of the desk's files.
    #[arg(long, default_value = "kb")]
    kb: PathBuf,
    /// Folder of the models.
    #[arg(long)]
    models: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Say why.
    #[arg(long)]
    trace: bool,
}

/// Answers one question.
///
/// # Errors
/// When the desk's files have mistakes or a model is missing.
pub fn run(args: AskArgs) -> anyhow::Result<ExitCode> {
    let engine = Workshop::in_memory(models_folder(args.models.as_deref()))
        .with_fitted(args.kb.join("fitted"))
        .engine(files::load(&args.kb, today())?, today())?;
    let mut outcome = engine.answer(&Ask { text: &args.question, ..Ask::default() });
    if args.json {
        if !args.trace {
            outcome.trace = Default::default();
        }
        let mut value = serde_json::to_value(&outcome)?;
        if !args.trace {
            value.as_object_mut().map(|object| object.remove("trace"));
        }
        println!("{}", serde_json::to_string_pretty(&value)?);
    } else {
        print_decision(&engine, &outcome);
        if args.trace {
            print_trace(&outcome);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_decision(engine: &Engine, outcome: &Outcome) {
    match &outcome.decision {
        Decision::Answer { entry_id, confidence } => {
            println!("answer {entry_id} ({:.0}%)", confidence * 100.0);
            if let Some(entry) = engine.snapshot().entry(entry_id) {
                println!("\n{}\n\n{}", entry.question, entry.answer);
            }
        }
        Decision::Clarify { candidates } => {
            println!("clarify");
            for candidate in candidates {
                println!(
                    "  {} {} ({:.0}%)",
                    candidate.entry_id,
                    candidate.question,
                    candidate.confidence * 100.0
                );
            }
        }
        Decision::HandOff(hand_off) => {
            println!(
                "handoff {} ({:?}, queue {})\n\n{}",
                hand_off.reason.name(),
                hand_off.priority,
                hand_off.queue,
                hand_off.wording
            );
        }
        Decision::SmallTalk { id, reply } => println!("smalltalk {id}\n\n{reply}"),
    }
}

fn print_trace(outcome: &Outcome) {
    let trace = &outcome.trace;
    println!("\n--- trace ({} µs)", trace.micros);
    println!("normalized  {}", trace.normalized);
    println!("tokens      {}", trace.tokens.join(" "));
    trace.expansions.iter().for_each(|expansion| println!("synonyms    {expansion}"));
    if let Some(context) = &trace.completed_with {
        println!("follow-up   read with: {context}");
    }
    if let Some(rule) = &trace.rule {
        println!("rule        {rule}");
    }
    let band = &trace.band;
    println!(
        "confidence  {:.3} → {} (answer from {:.2}, ask back from {:.2})",
        trace.confidence, band.name, band.answer_from, band.clarify_from
    );
    for (i, candidate) in trace.candidates.iter().enumerate() {
        let place = |hit: Option<(f32, u32)>| {
            hit.map_or("–".to_owned(), |(score, rank)| format!("{score:.2} #{rank}"))
        };
        println!(
            "{:>2}. {} | score {:.3} | bm25 {} | dense {} | {}",
            i + 1,
            candidate.entry_id,
            candidate.score,
            place(candidate.lexical),
            place(candidate.dense),
            candidate.matched.join(" ")
        );
    }
    trace.features.iter().for_each(|(name, value)| println!("    {name:<20} {value:.3}"));
    trace.degraded.iter().for_each(|part| println!("degraded    {part}"));
}
