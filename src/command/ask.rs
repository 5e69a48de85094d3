//! `madoguchi ask`: one question from the command line, with the same engine that serves customers.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::tier::TierArgs;
use super::{models_folder, print, today};
use crate::answer::{Ask, Candidate, Decision, Engine, Outcome};
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
    #[command(flatten)]
    tier: TierArgs,
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
    let models = models_folder(args.models.as_deref());
    let engine = Workshop::in_memory(&models)
        .with_tier(args.tier.open(&models, false)?)
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
        return print(&serde_json::to_string_pretty(&value)?);
    }
    let mut text = decision_text(&engine, &outcome);
    if args.trace {
        text += &trace_text(&outcome);
    }
    print(text.trim_end())
}

fn decision_text(engine: &Engine, outcome: &Outcome) -> String {
    match &outcome.decision {
        Decision::Answer { entry_id, confidence } => {
            let mut text = format!("answer {entry_id} ({:.0}%)\n", confidence * 100.0);
            if let Some(entry) = engine.snapshot().entry(entry_id) {
                let _ = writeln!(text, "\n{}\n\n{}", entry.question, entry.answer);
            }
            text
        }
        Decision::Clarify { candidates } => {
            let line = |candidate: &Candidate| {
                let Candidate { entry_id, question, confidence } = candidate;
                format!("  {entry_id} {question} ({:.0}%)\n", confidence * 100.0)
            };
            format!("clarify\n{}", candidates.iter().map(line).collect::<String>())
        }
        Decision::HandOff(hand_off) => {
            let (reason, priority) = (hand_off.reason.name(), hand_off.priority);
            format!("handoff {reason} ({priority:?}, queue {})\n\n{}\n", hand_off.queue, hand_off.wording)
        }
        Decision::SmallTalk { id, reply } => format!("smalltalk {id}\n\n{reply}\n"),
    }
}

fn trace_text(outcome: &Outcome) -> String {
    let trace = &outcome.trace;
    let mut lines = vec![
        format!("\n--- trace ({} µs)", trace.micros),
        format!("normalized  {}", trace.normalized),
        format!("tokens      {}", trace.tokens.join(" ")),
    ];
    lines.extend(trace.expansions.iter().map(|expansion| format!("synonyms    {expansion}")));
    lines.extend(trace.completed_with.iter().map(|context| format!("follow-up   read with: {context}")));
    lines.extend(trace.rule.iter().map(|rule| format!("rule        {rule}")));
    let band = &trace.band;
    lines.push(format!(
        "confidence  {:.3} → {} (answer from {:.2}, ask back from {:.2})",
        trace.confidence, band.name, band.answer_from, band.clarify_from
    ));
    for (i, candidate) in trace.candidates.iter().enumerate() {
        let place = |hit: Option<(f32, u32)>| {
            hit.map_or("–".to_owned(), |(score, rank)| format!("{score:.2} #{rank}"))
        };
        lines.push(format!(
            "{:>2}. {} | score {:.3} | bm25 {} | dense {} | {}",
            i + 1,
            candidate.entry_id,
            candidate.score,
            place(candidate.lexical),
            place(candidate.dense),
            candidate.matched.join(" ")
        ));
    }
    lines.extend(trace.features.iter().map(|(name, value)| format!("    {name:<20} {value:.3}")));
    lines.extend(trace.degraded.iter().map(|part| format!("degraded    {part}")));
    lines.join("\n")
}
