//! What is doubtful about an entry before customers read it: near-duplicates, numbers and dates that contradict a similar
//! entry, claims that must not be made, and language that is hard to read. Pure; the caller picks the entries to compare
//! with (the engine's neighbours). Finds; whoever shows a [`Finding`] words it, by its [`CheckKind::name`].

mod claims;
mod contradictions;
mod duplicates;
mod plain;
mod vocabulary;

use serde::{Deserialize, Serialize};

use super::{Entry, Localized};

pub use claims::{Claim, ClaimError, Claims, Jargon};
pub use vocabulary::{
    MOST_ROWS, Reader, VocabularyFinding, VocabularyLint, VocabularyRow, check_vocabulary, vocabulary_errors,
};

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Must not go out.
    Error,
    /// Somebody should look.
    Warning,
    /// Would read better otherwise.
    Hint,
}

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// Claims what must not be claimed.
    ForbiddenClaim,
    /// Another entry says another number, fee, time or date about the same thing.
    Contradiction,
    /// Another entry asks the same.
    DuplicateQuestion,
    /// Another entry answers with the same words.
    DuplicateAnswer,
    /// A sentence too long to be read at once.
    LongSentence,
    /// Two negations where one statement would do.
    DoubleNegative,
    /// A word customers may not know, nowhere explained.
    Jargon,
    /// Too many kanji in a row.
    KanjiRun,
    /// More humble or passive forms than an explanation needs.
    Stilted,
}

impl CheckKind {
    /// Stable snake-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ForbiddenClaim => "forbidden_claim",
            Self::Contradiction => "contradiction",
            Self::DuplicateQuestion => "duplicate_question",
            Self::DuplicateAnswer => "duplicate_answer",
            Self::LongSentence => "long_sentence",
            Self::DoubleNegative => "double_negative",
            Self::Jargon => "jargon",
            Self::KanjiRun => "kanji_run",
            Self::Stilted => "stilted",
        }
    }

    /// How much it matters.
    pub fn severity(self) -> Severity {
        match self {
            Self::ForbiddenClaim => Severity::Error,
            Self::Contradiction | Self::DuplicateQuestion | Self::DuplicateAnswer => Severity::Warning,
            Self::LongSentence | Self::DoubleNegative | Self::Jargon | Self::KanjiRun | Self::Stilted => {
                Severity::Hint
            }
        }
    }
}

/// Something doubtful about an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What.
    pub kind: CheckKind,
    /// Field it is in: `question`, `phrasing 0`, `answer`.
    pub field: String,
    /// The words concerned.
    pub excerpt: String,
    /// The other entry, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
    /// The other entry's words, or what a number should be compared with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub other_excerpt: String,
    /// Why, and what to do, where the desk's own list says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Localized>,
}

impl Finding {
    fn new(kind: CheckKind, field: impl Into<String>, excerpt: &str) -> Self {
        Self {
            kind,
            field: field.into(),
            excerpt: shortened(excerpt),
            other: None,
            other_excerpt: String::new(),
            advice: None,
        }
    }

    fn against(self, other: &Entry, excerpt: &str) -> Self {
        Self { other: Some(other.id.clone()), other_excerpt: shortened(excerpt), ..self }
    }

    /// How much it matters.
    pub fn severity(&self) -> Severity {
        self.kind.severity()
    }
}

/// Everything doubtful about `entry`, the gravest first. `others` are the entries to compare with; the entry itself and
/// its translations among them are passed over.
pub fn check(entry: &Entry, others: &[&Entry], claims: &Claims) -> Vec<Finding> {
    let others: Vec<&Entry> = others
        .iter()
        .copied()
        .filter(|other| other.topic() != entry.topic() && other.language == entry.language)
        .collect();
    let mut found = claims.check(entry);
    found.extend(contradictions::check(entry, &others));
    found.extend(duplicates::check(entry, &others));
    found.extend(plain::check(entry));
    found.sort_by_key(Finding::severity);
    found
}

/// The texts of an entry with the names of their fields.
fn texts(entry: &Entry) -> impl Iterator<Item = (String, &str)> {
    let phrasings =
        entry.phrasings.iter().enumerate().map(|(i, text)| (format!("phrasing {i}"), text.as_str()));
    std::iter::once(("question".to_owned(), entry.question.as_str()))
        .chain(phrasings)
        .chain(std::iter::once(("answer".to_owned(), entry.answer.as_str())))
}

/// Sentences, list items and table rows of a text.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['。', '！', '？', '\n'])
        .flat_map(|part| part.split(". "))
        .map(|sentence| sentence.trim().trim_start_matches(['-', '*', '#', '>', ' ']))
        .filter(|sentence| !sentence.is_empty())
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 100;
    let text = text.trim();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
