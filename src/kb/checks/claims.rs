//! The desk's list of claims that must not be made and words to explain: `kb/claims.toml`, reviewed like an entry.

use regex::Regex;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::{CheckKind, Finding, sentences, texts};
use crate::kb::{Entry, Language, Localized};

/// A claim that must not be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Unique id.
    pub id: String,
    /// Regular expression over a sentence.
    pub pattern: String,
    /// If this matches the same sentence, the claim is not made.
    #[serde(default)]
    pub except: String,
    /// Why in Japanese, and what to write instead.
    pub ja: String,
    /// The same in English.
    pub en: String,
}

/// A word that needs explaining.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jargon {
    /// The word.
    pub term: String,
    /// What it means, in Japanese.
    pub ja: String,
    /// What it means, in English.
    pub en: String,
}

/// The list, compiled.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    claims: Vec<(Claim, Regex, Option<Regex>)>,
    jargon: Vec<Jargon>,
}

/// A list that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ClaimError {
    /// 1-based line; 0 where the whole file is meant.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl Claims {
    /// Reads the list from TOML.
    ///
    /// # Errors
    /// Not such a list, or a pattern that is no regular expression.
    pub fn parse(text: &str) -> Result<Self, ClaimError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            #[serde(default)]
            claim: Vec<Claim>,
            #[serde(default)]
            jargon: Vec<Jargon>,
        }
        let file: File = toml::from_str(text).map_err(|error| ClaimError {
            line: error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1),
            reason: error.message().to_owned(),
        })?;
        let compiled = |claim: Claim| {
            let line = text
                .lines()
                .position(|line| line.contains(&format!("\"{}\"", claim.id)))
                .map_or(0, |i| i + 1);
            let regex = |pattern: &str| {
                Regex::new(pattern)
                    .map_err(|error| ClaimError { line, reason: format!("{}: {error}", claim.id) })
            };
            let except = (!claim.except.is_empty()).then(|| regex(&claim.except)).transpose()?;
            Ok((claim.clone(), regex(&claim.pattern)?, except))
        };
        let claims = file.claim.into_iter().map(compiled).collect::<Result<_, _>>()?;
        Ok(Self { claims, jargon: file.jargon })
    }

    /// Claims made and words left unexplained.
    pub(super) fn check(&self, entry: &Entry) -> Vec<Finding> {
        let mut found = self.forbidden(entry);
        let answer = &entry.answer;
        for jargon in self.jargon.iter().filter(|jargon| answer.contains(&jargon.term)) {
            let (about, term) = (&entry.question, &jargon.term);
            // A question about the word asks for the explanation.
            if !about.contains(term) && !is_explained(answer, term) {
                let advice = Localized { ja: jargon.ja.clone(), en: jargon.en.clone() };
                let finding = Finding::new(CheckKind::Jargon, "answer", term);
                found.push(Finding { advice: Some(advice), ..finding });
            }
        }
        found
    }

    /// Claims made in the question, the answer or a phrasing that the desk itself wrote.
    pub fn forbidden(&self, entry: &Entry) -> Vec<Finding> {
        let mut found = Vec::new();
        // Phrasings are customers' words: 「絶対に儲かりますか」 is a question, no claim.
        let own = texts(entry).filter(|(field, _)| field == "answer" || field == "question");
        for (field, text) in own {
            for sentence in sentences(text).filter(|sentence| !is_question(sentence)) {
                let plain = plain(sentence, entry.language);
                for (claim, pattern, except) in &self.claims {
                    if pattern.is_match(&plain)
                        && !except.as_ref().is_some_and(|except| except.is_match(&plain))
                    {
                        let advice = Localized { ja: claim.ja.clone(), en: claim.en.clone() };
                        let finding = Finding::new(CheckKind::ForbiddenClaim, &field, sentence);
                        found.push(Finding { advice: Some(advice), ..finding });
                    }
                }
            }
        }
        found
    }
}

/// As patterns see it: NFKC, lower case, without emphasis marks, and in Japanese without spaces.
fn plain(sentence: &str, language: Language) -> String {
    let drop = |c: &char| matches!(c, '*' | '_' | '`') || (language == Language::Ja && c.is_whitespace());
    sentence.nfkc().flat_map(char::to_lowercase).filter(|c| !drop(c)).collect()
}

fn is_question(sentence: &str) -> bool {
    sentence.trim_end_matches(['。', ' ', '」']).ends_with(['?', '？', 'か'])
}

/// 「〜とは」, brackets or a dash behind the word, or the word in brackets.
fn is_explained(text: &str, term: &str) -> bool {
    text.match_indices(term).any(|(at, _)| {
        let after = text[at + term.len()..].trim_start_matches(['*', '」', '』', '`']);
        let before = text[..at].trim_end_matches(['*', '「', '`']);
        after.starts_with("とは")
            || after.starts_with(['(', '（', '：', ':', '—', '–'])
            || before.ends_with(['(', '（', '='])
    })
}
