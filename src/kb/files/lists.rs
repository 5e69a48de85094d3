//! The desk's other files: `desk.toml`, `rules.toml`, `wording.toml`, `smalltalk.toml`, `synonyms.txt`, `dictionary.csv`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Problem;
use crate::kb::rules::Rule;
use crate::kb::{Desk, Localized, OpeningHours, SmallTalk, Wording};
use crate::text::{SynonymGroup, UserTerm};

fn from_toml<T: DeserializeOwned>(file: &Path, text: &str, problems: &mut Vec<Problem>) -> Option<T> {
    toml::from_str(text)
        .map_err(|error| {
            let line = error.span().map_or(0, |s| text[..s.start.min(text.len())].matches('\n').count() + 1);
            problems.push(Problem::new(file, line, error.message()));
        })
        .ok()
}

pub(super) fn parse_desk(file: &Path, text: &str, problems: &mut Vec<Problem>) -> Desk {
    #[derive(Deserialize)]
    struct File {
        desk: Head,
        hours: HashMap<String, Vec<String>>,
        #[serde(default)]
        holiday: Vec<Holiday>,
        #[serde(default)]
        curation: crate::kb::curate::Rules,
    }
    #[derive(Deserialize)]
    struct Head {
        name: Localized,
        #[serde(default)]
        sample: bool,
        time_zone: String,
        queues: Vec<String>,
    }
    #[derive(Deserialize)]
    struct Holiday {
        date: toml::value::Datetime,
        name: String,
    }
    let Some(raw) = from_toml::<File>(file, text, problems) else { return Desk::default() };
    let line_of = |needle: &str| text.lines().position(|line| line.contains(needle)).map_or(0, |i| i + 1);
    let mut hours = [None; 7];
    for (day, times) in &raw.hours {
        let Some(slot) = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].iter().position(|d| d == day)
        else {
            problems.push(Problem::new(file, line_of(day), format!("{day:?} is not a day; use mon … sun")));
            continue;
        };
        match parse_hours(times) {
            Some(parsed) => hours[slot] = parsed,
            None => {
                problems.push(Problem::new(file, line_of(day), "hours must be [\"09:00\", \"18:00\"] or []"))
            }
        }
    }
    let mut holidays = BTreeMap::new();
    for holiday in raw.holiday {
        let date = holiday.date.to_string();
        match date.parse() {
            Ok(day) => drop(holidays.insert(day, holiday.name)),
            Err(_) => {
                problems.push(Problem::new(file, line_of(&date), "a holiday's date must be like 2026-11-23"))
            }
        }
    }
    Desk {
        name: raw.desk.name,
        sample: raw.desk.sample,
        time_zone: raw.desk.time_zone,
        hours,
        holidays,
        queues: raw.desk.queues,
        curation: raw.curation,
    }
}

/// `[]` = closed, `["09:00", "18:00"]` = open; `None` = malformed.
fn parse_hours(times: &[String]) -> Option<Option<OpeningHours>> {
    let minutes = |time: &String| {
        let (h, m) = time.split_once(':')?;
        let (h, m) = (h.parse::<u16>().ok()?, m.parse::<u16>().ok()?);
        (h <= 24 && m < 60).then_some(h * 60 + m)
    };
    match times {
        [] => Some(None),
        [open, close] => {
            let (open, close) = (minutes(open)?, minutes(close)?);
            (open < close).then_some(Some(OpeningHours { open, close }))
        }
        _ => None,
    }
}

pub(super) fn parse_rules(file: &Path, text: &str, problems: &mut Vec<Problem>) -> Vec<Rule> {
    #[derive(Deserialize, Default)]
    struct File {
        #[serde(default)]
        rule: Vec<Rule>,
    }
    from_toml::<File>(file, text, problems).unwrap_or_default().rule
}

pub(super) fn parse_wording(file: &Path, text: &str, problems: &mut Vec<Problem>) -> Wording {
    let Some(table) = from_toml::<toml::Table>(file, text, problems) else { return Wording::default() };
    let mut wording = BTreeMap::new();
    flatten("", table, &mut wording, &mut |key| {
        problems.push(Problem::new(file, 0, format!("{key} must be a table with ja = \"…\" and en = \"…\"")));
    });
    Wording(wording)
}

/// Both `["handoff.security"]` and `[handoff.security]` give the key `handoff.security`.
fn flatten(
    prefix: &str,
    table: toml::Table,
    into: &mut BTreeMap<String, Localized>,
    wrong: &mut dyn FnMut(&str),
) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        let toml::Value::Table(inner) = value else {
            wrong(&key);
            continue;
        };
        match (inner.get("ja").and_then(|v| v.as_str()), inner.get("en").and_then(|v| v.as_str())) {
            (Some(ja), Some(en)) => drop(into.insert(key, Localized { ja: ja.into(), en: en.into() })),
            (None, None) => flatten(&key, inner, into, wrong),
            _ => wrong(&key),
        }
    }
}

pub(super) fn parse_smalltalk(file: &Path, text: &str, problems: &mut Vec<Problem>) -> Vec<SmallTalk> {
    #[derive(Deserialize, Default)]
    struct File {
        #[serde(default)]
        smalltalk: Vec<SmallTalk>,
    }
    let list = from_toml::<File>(file, text, problems).unwrap_or_default().smalltalk;
    let mut seen = HashMap::new();
    for talk in &list {
        let line = text.lines().position(|l| l.contains(&format!("\"{}\"", talk.id))).map_or(0, |i| i + 1);
        if seen.insert(talk.id.clone(), ()).is_some() {
            problems.push(Problem::new(file, line, format!("duplicate small talk id {:?}", talk.id)));
        }
        if talk.phrasings.is_empty() || talk.reply.ja.is_empty() || talk.reply.en.is_empty() {
            problems.push(Problem::new(
                file,
                line,
                format!("small talk {:?} needs phrasings, ja and en", talk.id),
            ));
        }
    }
    list
}

/// The members a line of synonyms names; what follows `#` is a comment.
pub(super) fn synonym_members(line: &str) -> Vec<String> {
    let words = line.split('#').next().unwrap_or("").split([',', '、']);
    words.map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

pub(super) fn parse_synonyms(file: &Path, text: &str, problems: &mut Vec<Problem>) -> Vec<SynonymGroup> {
    let mut groups = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (i, line) in text.lines().enumerate() {
        let members = synonym_members(line);
        if line.split('#').next().unwrap_or("").trim().is_empty() {
            continue;
        }
        if members.len() < 2 {
            problems.push(Problem::new(file, i + 1, "a synonym group needs at least two words"));
            continue;
        }
        for member in &members {
            if let Some(other) = seen.insert(member.to_lowercase(), i + 1) {
                problems.push(Problem::new(
                    file,
                    i + 1,
                    format!("{member:?} is already in the group of line {other}"),
                ));
            }
        }
        groups.push(SynonymGroup { members });
    }
    groups
}

/// The first line of the user dictionary.
pub(super) const DICTIONARY_HEADER: [&str; 4] = ["表層", "品詞", "読み", "構成"];

/// The term a line of the dictionary holds; `None` where it lacks what a term needs.
pub(super) fn term_of(record: &csv::StringRecord) -> Option<UserTerm> {
    let field = |i: usize| record.get(i).unwrap_or("").trim().to_owned();
    let parts = field(3).split_whitespace().map(str::to_owned).collect();
    let term = UserTerm { surface: field(0), pos: field(1), reading: field(2), parts };
    (!term.surface.is_empty() && record.len() >= 3).then_some(term)
}

/// Whether a reading is written as the dictionary wants it.
pub(crate) fn is_katakana(reading: &str) -> bool {
    !reading.is_empty() && reading.chars().all(|c| matches!(c, 'ァ'..='ヺ' | 'ー' | '・'))
}

pub(super) fn parse_dictionary(file: &Path, text: &str, problems: &mut Vec<Problem>) -> Vec<UserTerm> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header: Vec<String> =
        reader.headers().map(|h| h.iter().map(|c| c.trim().to_owned()).collect()).unwrap_or_default();
    if header != DICTIONARY_HEADER {
        problems.push(Problem::new(file, 1, "the header must be 表層,品詞,読み,構成"));
        return Vec::new();
    }
    let mut terms = Vec::new();
    let mut seen: HashMap<String, u64> = HashMap::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                problems.push(Problem::new(file, 0, error.to_string()));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let mut report = |reason: String| problems.push(Problem::new(file, line as usize, reason));
        let Some(term) = term_of(&record) else {
            report("a term needs 表層, 品詞 and 読み".into());
            continue;
        };
        let surface = &term.surface;
        if !is_katakana(&term.reading) {
            report(format!("the reading of {surface:?} must be katakana"));
        }
        if let Some(other) = seen.insert(surface.to_lowercase(), line) {
            report(format!("duplicate term {surface:?}, already in line {other}"));
        }
        terms.push(term);
    }
    terms
}
