//! What the files say together: ids, links, validity, rules' queues and wordings.

use std::collections::HashMap;
use std::path::Path;

use jiff::civil::Date;

use super::{EntrySource, Problem};
use crate::kb::rules::Rule;
use crate::kb::{Desk, Language, Status, Wording};

/// Start of the reason for an entry past its validity; such an entry is left out, not fatal.
pub(super) const EXPIRED: &str = "expired";

/// Wording keys the desk cannot do without.
const WORDING: [&str; 20] = [
    "greeting",
    "clarify.ask",
    "clarify.none",
    "handoff.security",
    "handoff.complaint",
    "handoff.advice",
    "handoff.account",
    "handoff.person",
    "handoff.secret",
    "handoff.low_confidence",
    "handoff.out_of_scope",
    "handoff.none_of_these",
    "handoff.unavailable",
    "queue.open",
    "queue.closed",
    "agent.joined",
    "agent.returned",
    "conversation.resolved",
    "conversation.reopened",
    "feedback.thanks",
];

pub(super) fn desk(desk: &Desk, problems: &mut Vec<Problem>) {
    let file = Path::new("desk.toml");
    if !desk.time_zone.is_empty() && jiff::tz::TimeZone::get(&desk.time_zone).is_err() {
        problems.push(Problem::new(
            file,
            0,
            format!("time_zone {:?} is not an IANA time zone", desk.time_zone),
        ));
    }
    if desk.queues.is_empty() && !desk.time_zone.is_empty() {
        problems.push(Problem::new(file, 0, "queues must name at least one queue"));
    }
}

pub(super) fn rules(rules: &[Rule], desk: &Desk, wording: &Wording, problems: &mut Vec<Problem>) {
    let file = Path::new("rules.toml");
    let mut seen = HashMap::new();
    for rule in rules {
        let mut report =
            |reason: String| problems.push(Problem::new(file, 0, format!("rule {:?}: {reason}", rule.id)));
        if seen.insert(&rule.id, ()).is_some() {
            report("duplicate id".into());
        }
        if !rule.reason.is_must() {
            report(format!("reason {:?} is not one a rule may have", rule.reason.name()));
        }
        if rule.patterns.is_empty() {
            report("has no patterns".into());
        }
        if !desk.queues.contains(&rule.queue) {
            report(format!("queue {:?} is not in desk.toml", rule.queue));
        }
        if !wording.0.contains_key(&rule.wording) {
            report(format!("wording {:?} is not in wording.toml", rule.wording));
        }
    }
    for key in WORDING.iter().filter(|key| !wording.0.contains_key(**key)) {
        problems.push(Problem::new(Path::new("wording.toml"), 0, format!("the wording {key:?} is missing")));
    }
}

pub(super) fn entries(sources: &[EntrySource], today: Date, problems: &mut Vec<Problem>) {
    let mut by_id: HashMap<&str, &EntrySource> = HashMap::new();
    for source in sources {
        if let Some(other) = by_id.insert(&source.entry.id, source) {
            let reason = format!("duplicate id {:?}, also in {}", source.entry.id, other.file.display());
            problems.push(Problem::new(&source.file, line(source, "id"), reason));
        }
    }
    for source in sources {
        for (key, reason) in entry(source, today, &by_id) {
            problems.push(Problem::new(&source.file, line(source, &key), reason));
        }
    }
}

fn line(source: &EntrySource, key: &str) -> usize {
    source.lines.get(key).or_else(|| source.lines.get("id")).copied().unwrap_or(1)
}

/// Mistakes of one entry as (key of the line, reason).
fn entry(source: &EntrySource, today: Date, by_id: &HashMap<&str, &EntrySource>) -> Vec<(String, String)> {
    let entry = &source.entry;
    let mut found: Vec<(String, String)> = Vec::new();
    let mut report = |key: &str, reason: String| found.push((key.to_owned(), reason));
    let id_chars = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    if entry.id.is_empty() || !entry.id.chars().all(id_chars) {
        report("id", format!("id {:?} must be lower-case a-z, 0-9 and hyphens", entry.id));
    }
    if source.file.file_stem().is_none_or(|stem| stem.to_string_lossy() != entry.id) {
        report("id", format!("the file must be named after its id: {}.md", entry.id));
    }
    if entry.category.is_empty() || entry.category.len() > 3 || entry.category.iter().any(String::is_empty) {
        report("category", "category needs 1 to 3 non-empty levels".into());
    }
    if entry.question.is_empty() {
        report("question", "the question is empty".into());
    }
    if entry.answer.is_empty() {
        report("answer", "the answer is empty".into());
    }
    for (i, phrasing) in entry.phrasings.iter().enumerate() {
        let repeated = entry.phrasings[..i].contains(phrasing) || *phrasing == entry.question;
        if phrasing.is_empty() || repeated {
            let what = if repeated { "is there already" } else { "is empty" };
            report(&format!("phrasing {i}"), format!("the phrasing {phrasing:?} {what}"));
        }
    }
    for (key, ids) in [("follow_ups", &entry.follow_ups), ("related", &entry.related)] {
        for id in ids {
            match by_id.get(id.as_str()) {
                None => report(key, format!("{key} names {id:?}, which does not exist")),
                Some(_) if *id == entry.id => report(key, format!("{key} names the entry itself")),
                Some(target)
                    if entry.status == Status::Published && target.entry.status == Status::Archived =>
                {
                    report(key, format!("{key} names {id:?}, which is archived"));
                }
                Some(_) => {}
            }
        }
    }
    match &entry.translation_of {
        Some(original) if !by_id.contains_key(original.as_str()) => {
            report("translation_of", format!("translation_of names {original:?}, which does not exist"));
        }
        Some(original) if entry.id != format!("{original}.{}", entry.language) => {
            report("id", format!("a translation's id must be {original}.{}", entry.language));
        }
        None if entry.language == Language::En && entry.id.ends_with(".en") => {
            report("id", "an entry named .en needs translation_of".into());
        }
        _ => {}
    }
    if let Some(until) = entry.valid_until {
        if entry.valid_from.is_some_and(|from| until < from) {
            report("valid_until", format!("valid_until {until} is before valid_from"));
        } else if until < today && entry.status == Status::Published {
            report(
                "valid_until",
                format!("{EXPIRED}: valid_until {until} is past; archive the entry or renew it"),
            );
        }
    }
    found
}
