//! What the files say together: ids, links, validity, rules' queues and wordings.

use std::collections::HashMap;
use std::path::Path;

use jiff::civil::Date;

use super::{EntrySource, Problem};
use crate::kb::checks::Claims;
use crate::kb::flaws::flaws;
use crate::kb::rules::Rule;
use crate::kb::{Desk, Status, Wording};

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

/// Claims that the texts customers get must not make.
pub(super) fn claims(sources: &[EntrySource], claims: &Claims, problems: &mut Vec<Problem>) {
    for source in sources {
        for finding in claims.forbidden(&source.entry) {
            let advice = finding.advice.map(|advice| advice.ja).unwrap_or_default();
            let reason = format!("forbidden claim {:?}: {advice}", finding.excerpt);
            problems.push(Problem::new(&source.file, line(source, &finding.field), reason));
        }
    }
}

fn line(source: &EntrySource, key: &str) -> usize {
    source.lines.get(key).or_else(|| source.lines.get("id")).copied().unwrap_or(1)
}

/// Mistakes of one entry as (key of the line, reason).
fn entry(source: &EntrySource, today: Date, by_id: &HashMap<&str, &EntrySource>) -> Vec<(String, String)> {
    let entry = &source.entry;
    let status_of = |id: &str| by_id.get(id).map(|source| source.entry.status);
    let mut found: Vec<(String, String)> =
        flaws(entry, &status_of).into_iter().map(|flaw| (flaw.field, flaw.kind.to_string())).collect();
    if source.file.file_stem().is_none_or(|stem| stem.to_string_lossy() != entry.id) {
        found.push(("id".to_owned(), format!("the file must be named after its id: {}.md", entry.id)));
    }
    if let Some(until) = entry.valid_until.filter(|until| *until < today)
        && entry.status == Status::Published
        && entry.valid_from.is_none_or(|from| from <= until)
    {
        let reason = format!("{EXPIRED}: valid_until {until} is past; archive the entry or renew it");
        found.push(("valid_until".to_owned(), reason));
    }
    found
}
