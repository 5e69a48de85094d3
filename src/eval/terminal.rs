//! Prints results for people at a terminal, and JSON for programs. Owns wording and layout of what the `eval` commands
//! write to standard output.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};

use serde_json::{Map, Value};

use super::compare::{Comparison, Difference};
use super::gate::Check;
use super::replay::Replay;
use super::rows::Skipped;
use super::scored::ScoredRun;
use super::statistics::Interval;

/// Writes `text` to standard output. Whoever reads it may have seen enough (`| head`): that is no error.
///
/// # Errors
/// It cannot be written, for instance because the disk is full.
pub fn print_out(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write to standard output"))
        }
        _ => Ok(()),
    }
}

/// Writes `text` to standard error, if anybody is listening there.
pub fn print_error(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Wrong rows named one by one.
const NAMED: usize = 10;

/// The skipped rows, in words; empty when there are none.
pub fn skipped_text(skipped: &Skipped) -> String {
    if skipped.count() == 0 {
        return String::new();
    }
    let mut text = format!("{} wrong row(s) skipped (--strict makes this an error):\n", skipped.count());
    for error in skipped.first().iter().take(NAMED) {
        let _ = writeln!(text, "  {error}");
    }
    if skipped.count() > NAMED {
        let _ = writeln!(text, "  … and {} more", skipped.count() - NAMED);
    }
    text
}

/// One JSON object, a line per key and per element of `results` and `changed`: readable, and small in a diff.
pub fn json_text(value: &Value) -> String {
    let Value::Object(object) = value else { return format!("{value}\n") };
    let line = |(key, value): (&String, &Value)| {
        let key = Value::from(key.as_str());
        match value {
            Value::Array(items) if items.iter().any(Value::is_object) => {
                let items: Vec<String> = items.iter().map(|item| format!("    {item}")).collect();
                format!("  {key}: [\n{}\n  ]", items.join(",\n"))
            }
            value => format!("  {key}: {value}"),
        }
    };
    let lines: Vec<String> = object.iter().map(line).collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

fn number(value: &Value) -> String {
    match value.as_f64() {
        Some(count) if value.is_u64() || count.fract() == 0.0 && count.abs() >= 2.0 => format!("{count:.0}"),
        Some(value) => format!("{value:.4}"),
        None => "–".to_owned(),
    }
}

fn range(interval: Option<Interval>) -> String {
    interval.map_or(String::new(), |[low, high]| format!("[{low:.4}, {high:.4}]"))
}

fn interval_of(value: &Value) -> Option<Interval> {
    Some([value.get(0)?.as_f64()?, value.get(1)?.as_f64()?])
}

/// The figures of a summary with their intervals, one per line; parts and texts are left to `--json` and `--report`.
pub fn summary_text(summary: &Value) -> String {
    let mut text = String::new();
    for (name, value) in summary.as_object().into_iter().flatten() {
        if value.is_number() {
            let interval = range(interval_of(&summary["intervals"][name]));
            let _ = writeln!(text, "{name:<28} {:>10}  {interval}", number(value));
        }
    }
    if let Some(confusion) = summary["confusion"].as_object() {
        text.push_str(&confusion_text(confusion));
    }
    text
}

fn confusion_text(confusion: &Map<String, Value>) -> String {
    let made: Vec<&String> =
        confusion.values().filter_map(Value::as_object).next().into_iter().flat_map(Map::keys).collect();
    let mut text = format!("\n{:<20}", "expected \\ made");
    for name in &made {
        let _ = write!(text, "{name:>10}");
    }
    text.push('\n');
    for (expected, row) in confusion {
        let _ = write!(text, "{expected:<20}");
        for name in &made {
            let _ = write!(text, "{:>10}", row[name.as_str()].to_string());
        }
        text.push('\n');
    }
    text
}

/// A comparison: the figures that differ, and the first `show` changed items with both Traces.
pub fn comparison_text(comparison: &Comparison, a: &ScoredRun, b: &ScoredRun, show: usize) -> String {
    let mut text = format!("A  {}\nB  {}\n{} shared items", a.name, b.name, comparison.shared);
    if comparison.only_a + comparison.only_b > 0 {
        let _ = write!(text, ", {} only in A, {} only in B", comparison.only_a, comparison.only_b);
    }
    text.push('\n');
    if !comparison.same_data {
        text.push_str("The data differ: figures are over the shared items only.\n");
    }
    let _ =
        writeln!(text, "\n{:<28} {:>9} {:>9} {:>9}  {:<20} {:>7}", "", "A", "B", "B−A", "95% interval", "p");
    let (same, different): (Vec<&Difference>, Vec<&Difference>) =
        comparison.differences.iter().partition(|difference| difference.a == difference.b);
    for difference in different {
        let (a, b) = (difference.a, difference.b);
        let mark = if difference.p < 0.05 && a != b {
            if difference.worsening() > 0.0 { " worse" } else { " better" }
        } else {
            ""
        };
        let interval = range(difference.interval);
        let _ = writeln!(
            text,
            "{:<28} {a:>9.4} {b:>9.4} {:>+9.4}  {interval:<20} {:>7.4}{mark}",
            difference.name,
            b - a,
            difference.p
        );
    }
    if !same.is_empty() {
        let same = same.iter().map(|difference| format!("{} {:.4}", difference.name, difference.a));
        let _ = writeln!(text, "the same in both: {}", same.collect::<Vec<String>>().join(", "));
    }
    let _ = writeln!(text, "\n{} item(s) changed", comparison.changed.len());
    for &(i, j) in comparison.changed.iter().take(show) {
        text.push_str(&changed_text(&a.item(i), &b.item(j)));
    }
    if comparison.changed.len() > show {
        let _ = writeln!(text, "… and {} more (--show, --json or --report)", comparison.changed.len() - show);
    }
    text
}

/// What an item came out as, in words.
pub fn outcome_text(result: &Value) -> String {
    let texts = ["decision", "entry", "reason", "verdict"].iter().filter_map(|key| result[*key].as_str());
    let mut words: Vec<String> = texts.map(str::to_owned).collect();
    if words.is_empty() {
        let top = result["top"].as_array().into_iter().flatten().filter_map(Value::as_str);
        words = top.take(3).map(str::to_owned).collect();
    }
    if let Some(confidence) = result["confidence"].as_f64() {
        words.push(format!("({confidence:.2})"));
    }
    words.join(" ")
}

/// The parts of a Trace that people compare, as (name, text); candidates are one a line.
pub fn trace_lines(result: &Value) -> Vec<(&'static str, String)> {
    let trace = &result["trace"];
    if !trace.is_object() {
        return Vec::new();
    }
    let list = |key: &str| {
        let items = trace[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        items.collect::<Vec<&str>>().join(" ")
    };
    let hit = |hit: &Value| match (hit[0].as_f64(), hit[1].as_u64()) {
        (Some(score), Some(rank)) => format!("{score:.2}#{rank}"),
        _ => "–".to_owned(),
    };
    let candidate = |candidate: &Value| {
        format!(
            "{} {:.3} (bm25 {}, dense {})",
            candidate["entry_id"].as_str().unwrap_or_default(),
            candidate["score"].as_f64().unwrap_or_default(),
            hit(&candidate["lexical"]),
            hit(&candidate["dense"])
        )
    };
    let candidates = trace["candidates"].as_array().into_iter().flatten().take(5).map(candidate);
    let band = &trace["band"];
    let band = format!(
        "{:.3} → {} (answer from {:.2}, ask back from {:.2})",
        trace["confidence"].as_f64().unwrap_or_default(),
        band["name"].as_str().unwrap_or("–"),
        band["answer_from"].as_f64().unwrap_or_default(),
        band["clarify_from"].as_f64().unwrap_or_default()
    );
    let lines = [
        ("tokens", list("tokens")),
        ("synonyms", list("expansions")),
        ("follow-up", trace["completed_with"].as_str().unwrap_or_default().to_owned()),
        ("rule", trace["rule"].as_str().unwrap_or_default().to_owned()),
        ("confidence", band),
        ("candidates", candidates.collect::<Vec<String>>().join("\n")),
        ("degraded", list("degraded")),
    ];
    lines.into_iter().filter(|(_, line)| !line.is_empty()).collect()
}

fn changed_text(a: &Value, b: &Value) -> String {
    let id = a["id"].as_str().unwrap_or_default();
    let mut text = format!("\n{id}  {}\n", a["question"].as_str().unwrap_or_default());
    let _ = writeln!(text, "  A  {}\n  B  {}", outcome_text(a), outcome_text(b));
    let (left, right) = (trace_lines(a), trace_lines(b));
    for name in ["tokens", "synonyms", "follow-up", "rule", "confidence", "candidates", "degraded"] {
        let line = |lines: &[(&str, String)]| {
            let line = lines.iter().find(|(key, _)| *key == name);
            line.map(|(_, line)| line.replace('\n', "; ")).unwrap_or_default()
        };
        match (line(&left), line(&right)) {
            (a, b) if a.is_empty() && b.is_empty() => {}
            (a, b) if a == b => {
                let _ = writeln!(text, "     {name:<10} {a}");
            }
            (a, b) => {
                let _ = writeln!(text, "  A  {name:<10} {a}\n  B  {name:<10} {b}");
            }
        }
    }
    text
}

/// The gate's checks, one per line.
pub fn gate_text(checks: &[Check]) -> String {
    let mut text = format!("{:<28} {:>9} {:>9} {:>9} {:>9}\n", "", "now", "baseline", "floor", "drop ≤");
    for Check { name, bound, value, failure } in checks {
        let now = value.map_or("–".to_owned(), |value| format!("{value:.4}"));
        let verdict = failure.as_ref().map_or("ok".to_owned(), |failure| format!("FAIL: {failure}"));
        let _ = writeln!(
            text,
            "{name:<28} {now:>9} {:>9.4} {:>9.4} {:>9.4}  {verdict}",
            bound.value, bound.floor, bound.allowed_drop
        );
    }
    text
}

/// A stress report: what each set and each kind of perturbation costs.
pub fn stress_text(report: &Value) -> String {
    let mut text = String::new();
    for part in ["base", "deletion", "far_scope"] {
        let Some(figures) = report[part].as_object() else { continue };
        let _ = writeln!(text, "{part}");
        for name in [
            "queries",
            "unanswerable",
            "documents_removed",
            "topics_removed",
            "success@1",
            "top1",
            "recall@10",
            "precision",
            "answered_correct",
            "wrong_answer_rate",
            "handoff_recall",
            "auroc",
            "auroc_answerable",
            "coverage@95",
            "aurc",
        ] {
            if let Some(value) = figures.get(name).filter(|value| value.is_number()) {
                let interval = range(interval_of(&report[part]["intervals"][name]));
                let _ = writeln!(text, "  {name:<26} {:>10}  {interval}", number(value));
            }
        }
    }
    for (kind, result) in report["perturbations"].as_object().into_iter().flatten() {
        let _ = writeln!(text, "{kind}: {} changed", result["changed"]);
        let example = |end: &str| result["example"][end].as_str().unwrap_or_default().to_owned();
        if !example("to").is_empty() {
            let _ = writeln!(text, "  {} → {}", example("from"), example("to"));
        }
        for (name, difference) in result["figures"].as_object().into_iter().flatten() {
            let interval = range(interval_of(&difference["interval"]));
            let _ = writeln!(
                text,
                "  {name:<26} {} → {}  {interval}",
                number(&difference["a"]),
                number(&difference["b"])
            );
        }
    }
    text
}

/// A replay: how many Decisions change and the first `show` of them.
pub fn replay_text(replay: &Replay, show: usize) -> String {
    let mut text =
        format!("{} questions, {} Decision(s) would change", replay.questions, replay.changes.len());
    if replay.unknown > 0 {
        let _ = write!(text, ", {} without an earlier Decision", replay.unknown);
    }
    if replay.withheld > 0 {
        let _ = write!(text, ", {} left out (the secret in them was not stored)", replay.withheld);
    }
    text.push('\n');
    for (transition, count) in replay.transitions() {
        let _ = writeln!(text, "  {transition:<28} {count:>6}");
    }
    for change in replay.changes.iter().take(show) {
        let (before, after) = (change.before.describe(), change.after.describe());
        let _ = writeln!(
            text,
            "\n{}  {}\n  {before} → {after} ({:.2})",
            change.id, change.question, change.trace_after.confidence
        );
    }
    if replay.changes.len() > show {
        let _ = writeln!(text, "\n… and {} more (--show or --json)", replay.changes.len() - show);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_has_a_line_per_result_and_reads_back() {
        let value = json!({"queries": 2, "results": [{"id": "a"}, {"id": "b"}], "intervals": {"x": [0, 1]}, "none": []});
        let text = json_text(&value);
        assert_eq!(text.lines().count(), 9);
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), value);
    }

    #[test]
    fn skipped_rows_are_named_up_to_a_limit() {
        let mut skipped = Skipped::new(false);
        assert_eq!(skipped_text(&skipped), "");
        for row in 1..=12 {
            let error = super::super::rows::RowError { file: "x.csv".into(), row, reason: "is bad".into() };
            skipped.record(error).expect("not strict");
        }
        let text = skipped_text(&skipped);
        assert!(
            text.starts_with("12 wrong row(s)")
                && text.contains("x.csv:10: is bad")
                && text.ends_with("… and 2 more\n")
        );
    }

    #[test]
    fn a_summary_shows_figures_with_intervals_and_the_confusion() {
        let summary = json!({
            "queries": 4, "skipped": 0, "top1": 0.5, "auroc": null, "intervals": {"top1": [0.25, 0.75]},
            "confusion": {"answer": {"answer": 3, "handoff": 1}}
        });
        let text = summary_text(&summary);
        assert!(text.contains("skipped                               0  \n"), "{text}");
        assert!(text.contains("0.5000  [0.2500, 0.7500]") && !text.contains("auroc"), "{text}");
        assert!(text.ends_with("answer                       3         1\n"), "{text}");
    }
}
