//! Plain language: what makes an answer hard to read. Hints only, and few: each has a limit that good answers keep to.

use std::sync::LazyLock;

use regex::Regex;

use super::{CheckKind, Finding, sentences};
use crate::kb::{Entry, Language};

/// Longest Japanese sentence, characters.
const LONG_JA: usize = 90;
/// Longest English sentence, words.
const LONG_EN: usize = 40;
/// Longest run of kanji that is read at a glance.
const KANJI_RUN: usize = 8;
/// Humble or passive forms from which an answer is stilted.
const STILTED: usize = 4;

static DOUBLE_NEGATIVE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        "(ない|ません)(わけ|こと|もの|とこ)(では|でも|は|も|が)?(ない|ありません|なく)|なくは?ない|なくもない|ないとは(限|言え|いえ|言い切)|ざるを得(ない|ません)|not un[a-z]+able",
    )
    .expect("a fixed pattern")
});

static STILTED_FORM: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("させていただ|せていただ(き|く)|(さ|ら)れてい(ます|る)|(さ|ら)れます|賜|存じ(ます|上げ)")
        .expect("a fixed pattern")
});

static KANJI: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!("[\\p{{Han}}々]{{{KANJI_RUN},}}")).expect("a fixed pattern"));

/// A Markdown link, of which only the words are read.
static LINK: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\[([^\]]*)\]\([^)]*\)|https?://\S+").expect("a fixed pattern"));

pub(super) fn check(entry: &Entry) -> Vec<Finding> {
    let answer = LINK.replace_all(&entry.answer, "$1");
    let mut found = Vec::new();
    for sentence in sentences(&answer).filter(|sentence| !sentence.starts_with('|')) {
        if is_long(sentence, entry.language) {
            found.push(Finding::new(CheckKind::LongSentence, "answer", sentence));
        }
        if let Some(negative) = DOUBLE_NEGATIVE.find(sentence) {
            found.push(Finding::new(CheckKind::DoubleNegative, "answer", negative.as_str()));
        }
        for run in KANJI.find_iter(sentence) {
            found.push(Finding::new(CheckKind::KanjiRun, "answer", run.as_str()));
        }
    }
    let forms: Vec<&str> = STILTED_FORM.find_iter(&answer).map(|found| found.as_str()).collect();
    if forms.len() >= STILTED && forms.len() * 2 > sentences(&answer).count() {
        found.push(Finding::new(CheckKind::Stilted, "answer", &forms.join("・")));
    }
    found
}

fn is_long(sentence: &str, language: Language) -> bool {
    match language {
        Language::Ja => sentence.chars().filter(|c| !matches!(c, '*' | '`')).count() > LONG_JA,
        Language::En => sentence.split_whitespace().count() > LONG_EN,
    }
}
