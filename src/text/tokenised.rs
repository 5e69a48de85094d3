//! How two analyzers read the same text, side by side: which words and which other wordings differ.

use std::collections::HashSet;

use super::{Analysis, Token};

/// A word as an analyzer read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As it stands in the normalised text.
    pub surface: String,
    /// What it is found by.
    pub term: String,
    /// Its parts, by which it is found too.
    pub parts: Vec<String>,
    /// Whether it counts; particles and the like do not.
    pub content: bool,
    /// Whether the other reading has it otherwise or not at all.
    pub differs: bool,
}

/// A stretch of the text and how else it may be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wordings {
    /// The stretch.
    pub of: String,
    /// Other wordings, each with whether the other reading lacks it.
    pub others: Vec<(String, bool)>,
}

/// A text as one analyzer read it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tokenised {
    /// Its words in order.
    pub words: Vec<Word>,
    /// What the synonyms add.
    pub wordings: Vec<Wordings>,
}

impl Tokenised {
    /// Whether the other analyzer reads the text otherwise.
    pub fn differs(&self) -> bool {
        self.words.iter().any(|word| word.differs)
            || self.wordings.iter().any(|wording| wording.others.iter().any(|(_, differs)| *differs))
    }
}

/// Both readings, each marked with what the other one lacks. Both must be of the same text.
pub fn side_by_side(now: &Analysis, then: &Analysis) -> [Tokenised; 2] {
    [marked(now, then), marked(then, now)]
}

fn marked(one: &Analysis, other: &Analysis) -> Tokenised {
    let words_there: HashSet<Key<'_>> = other.tokens.iter().map(key).collect();
    let wordings_there: HashSet<(String, String)> = wordings(other)
        .into_iter()
        .flat_map(|(of, others)| others.into_iter().map(move |words| (of.clone(), words)))
        .collect();
    let words = one.tokens.iter().map(|token| Word {
        surface: token.surface.clone(),
        term: token.term.clone(),
        parts: token.parts.clone(),
        content: token.content,
        differs: !words_there.contains(&key(token)),
    });
    let wordings = wordings(one).into_iter().map(|(of, others)| {
        let mark = |words: String| {
            let differs = !wordings_there.contains(&(of.clone(), words.clone()));
            (words, differs)
        };
        Wordings { others: others.into_iter().map(mark).collect(), of: of.clone() }
    });
    Tokenised { words: words.collect(), wordings: wordings.collect() }
}

type Key<'a> = (usize, usize, &'a str, &'a [String], bool);

fn key(token: &Token) -> Key<'_> {
    (token.start, token.end, &token.term, &token.parts, token.content)
}

/// Each stretch as it stands in the text with its other wordings.
fn wordings(analysis: &Analysis) -> Vec<(String, Vec<String>)> {
    let wording = |expansion: &super::Expansion| {
        let tokens = &analysis.tokens[expansion.from.clone()];
        let (start, end) = (tokens.first()?.start, tokens.last()?.end);
        let others = expansion.alternatives.iter().map(|terms| terms.join(" "));
        Some((analysis.normalized.get(start..end)?.to_owned(), others.collect()))
    };
    analysis.expansions.iter().filter_map(wording).collect()
}
