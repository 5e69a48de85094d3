//! Near-duplicates: another entry that asks or answers almost the same, by shared character grams.

use std::collections::HashSet;

use super::{CheckKind, Finding};
use crate::kb::Entry;
use crate::text::{grams, normalize};

/// Dice coefficient of grams from which two questions are the same.
const SAME_QUESTION: f64 = 0.86;
/// Jaccard coefficient of five-character shingles from which two answers are the same.
const SAME_ANSWER: f64 = 0.75;
/// Answers shorter than this many shingles are compared by nobody.
const SHORT_ANSWER: usize = 30;

pub(super) fn check(entry: &Entry, others: &[&Entry]) -> Vec<Finding> {
    let own: Vec<(String, HashSet<String>)> = asked(entry).collect();
    let answer = shingles(&entry.answer);
    let mut found = Vec::new();
    for other in others {
        let theirs: Vec<(String, HashSet<String>)> = asked(other).collect();
        let pairs =
            own.iter().enumerate().flat_map(|(i, own)| theirs.iter().map(move |their| (i, own, their)));
        let alike = pairs.map(|(i, own, their)| (i, own, their, dice(&own.1, &their.1)));
        let best = alike.max_by(|a, b| a.3.total_cmp(&b.3));
        if let Some((i, own, their, alike)) = best
            && alike >= SAME_QUESTION
        {
            let field = if i == 0 { "question".to_owned() } else { format!("phrasing {}", i - 1) };
            found.push(Finding::new(CheckKind::DuplicateQuestion, field, &own.0).against(other, &their.0));
        }
        let their_answer = shingles(&other.answer);
        let is_long = answer.len().min(their_answer.len()) >= SHORT_ANSWER;
        if is_long && jaccard(&answer, &their_answer) >= SAME_ANSWER {
            let finding = Finding::new(CheckKind::DuplicateAnswer, "answer", &entry.answer);
            found.push(finding.against(other, &other.answer));
        }
    }
    found
}

fn asked(entry: &Entry) -> impl Iterator<Item = (String, HashSet<String>)> {
    let texts = std::iter::once(&entry.question).chain(&entry.phrasings);
    texts.map(|text| (text.clone(), grams(&normalize(text)).into_iter().collect()))
}

fn shingles(text: &str) -> HashSet<String> {
    let chars: Vec<char> = normalize(text).chars().filter(|c| c.is_alphanumeric()).collect();
    chars.windows(5).map(|window| window.iter().collect()).collect()
}

fn dice(a: &HashSet<String>, b: &HashSet<String>) -> f64 {
    2.0 * a.intersection(b).count() as f64 / (a.len() + b.len()).max(1) as f64
}

fn jaccard(a: &HashSet<String>, b: &HashSet<String>) -> f64 {
    let both = a.intersection(b).count();
    both as f64 / (a.len() + b.len() - both).max(1) as f64
}
