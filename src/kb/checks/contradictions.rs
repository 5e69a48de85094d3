//! Contradictions: two entries that give different amounts, times or dates for the same thing. A fact is a quantity with
//! its unit and the words it is said of; two facts are of the same thing when those words agree.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

use super::{CheckKind, Finding, sentences};
use crate::kb::Entry;

/// A quantity said of something.
#[derive(Debug, Clone, PartialEq)]
struct Fact {
    /// Number and unit as written.
    quantity: String,
    value: f64,
    unit: String,
    /// Words before it in its sentence, or the heading of its row.
    subject: HashSet<String>,
    sentence: String,
}

/// Share of the smaller subject that both must have.
const SAME_SUBJECT: f64 = 0.8;
/// Words a subject needs to say what it is about.
const MIN_SUBJECT: usize = 2;

static QUANTITY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:(\d{4})年)?(\d{1,2})月(\d{1,2})日",
        r"|(\d{1,2})[:時](\d{2})?(?:分)?",
        r"|(\d[\d,]*(?:\.\d+)?)\s*(万|億)?\s*",
        r"(円|%|パーセント|営業日|日間|日|時間|分|秒|か月|ヶ月|年|歳|回|件|倍|btc|eth|xrp|yen|percent|business days?|days?|hours?|minutes?)"
    ))
    .expect("a fixed pattern")
});

/// Words a subject is made of: runs of kanji, katakana or Latin letters.
static WORD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[\p{Han}々]{2,}|[\p{Katakana}ー]{2,}|[a-z]{3,}").expect("a fixed pattern"));

/// Words that say nothing about what a number is of.
const EMPTY: [&str; 24] = [
    "場合", "以上", "以下", "未満", "最大", "最小", "最低", "最短", "最長", "通常", "原則", "一律", "無料",
    "当日", "翌日", "合計", "時点", "現在", "the", "and", "for", "per", "are", "with",
];

pub(super) fn check(entry: &Entry, others: &[&Entry]) -> Vec<Finding> {
    let own = facts(entry);
    let mut found = Vec::new();
    for other in others {
        let theirs = facts(other);
        for fact in &own {
            let same: Vec<&Fact> = theirs.iter().filter(|their| is_same_thing(fact, their)).collect();
            let agrees = same.iter().any(|their| (their.value - fact.value).abs() < 1e-9);
            // The value may be one of several this entry gives for the thing.
            let also = |their: &Fact| {
                own.iter().any(|mine| is_same_thing(mine, their) && (mine.value - their.value).abs() < 1e-9)
            };
            if let (false, Some(their)) = (agrees, same.iter().find(|their| !also(their))) {
                let finding = Finding::new(CheckKind::Contradiction, "answer", &fact.sentence);
                found.push(finding.against(other, &their.sentence));
            }
        }
    }
    found.dedup_by(|a, b| a.other == b.other && a.excerpt == b.excerpt);
    found
}

fn is_same_thing(a: &Fact, b: &Fact) -> bool {
    let smaller = a.subject.len().min(b.subject.len());
    let larger = a.subject.len().max(b.subject.len());
    let both = a.subject.intersection(&b.subject).count();
    a.unit == b.unit
        && smaller >= MIN_SUBJECT
        && both as f64 >= SAME_SUBJECT * smaller as f64
        && both as f64 >= 0.6 * larger as f64
}

fn facts(entry: &Entry) -> Vec<Fact> {
    let heading = words(&entry.question);
    sentences(&entry.answer).flat_map(|sentence| facts_of(sentence, &heading)).collect()
}

fn facts_of(sentence: &str, heading: &HashSet<String>) -> Vec<Fact> {
    let plain: String =
        sentence.nfkc().flat_map(char::to_lowercase).filter(|c| !matches!(c, '*' | '`' | '_')).collect();
    let matches: Vec<regex::Captures<'_>> = QUANTITY.captures_iter(&plain).collect();
    // A sentence of many numbers is a table or a calculation: what each is said of cannot be told apart.
    if matches.is_empty() || matches.len() > 2 {
        return Vec::new();
    }
    let mut from = 0;
    let mut facts = Vec::new();
    for found in matches {
        let whole = found.get(0).expect("group 0 always matches");
        let mut subject = words(&plain[from..whole.start()]);
        from = whole.end();
        subject.extend(heading.iter().cloned());
        if let Some((value, unit)) = value_of(&found) {
            let quantity = whole.as_str().to_owned();
            facts.push(Fact { quantity, value, unit, subject, sentence: sentence.to_owned() });
        }
    }
    facts
}

fn words(text: &str) -> HashSet<String> {
    let plain: String = text.nfkc().flat_map(char::to_lowercase).collect();
    let words = WORD.find_iter(&plain).map(|word| word.as_str().to_owned());
    words.filter(|word| !EMPTY.contains(&word.as_str())).collect()
}

fn value_of(found: &regex::Captures<'_>) -> Option<(f64, String)> {
    let number =
        |group: usize| found.get(group).and_then(|text| text.as_str().replace(',', "").parse::<f64>().ok());
    if let (Some(month), Some(day)) = (number(2), number(3)) {
        return Some((number(1).unwrap_or(0.0) * 10_000.0 + month * 100.0 + day, "date".to_owned()));
    }
    if let Some(hour) = number(4) {
        return Some((hour * 60.0 + number(5).unwrap_or(0.0), "time".to_owned()));
    }
    let scale = match found.get(7).map(|text| text.as_str()) {
        Some("万") => 1e4,
        Some("億") => 1e8,
        _ => 1.0,
    };
    let unit = match found.get(8)?.as_str() {
        "パーセント" | "percent" => "%",
        "yen" => "円",
        "ヶ月" => "か月",
        "日間" => "日",
        unit => unit.trim_end_matches('s'),
    };
    Some((number(6)? * scale, unit.to_owned()))
}
