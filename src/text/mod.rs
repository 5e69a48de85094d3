//! Text: one [`Analyzer`], the same at index and query time. Turns customer Japanese into tokens with lemmas,
//! character grams and synonym expansions. Owns normalisation and segmentation; knows nothing of entries or indexes.
//!
//! Flow: [`normalize`] → dictionary segments and Latin words → desk terms → index terms, content flags → synonyms.

mod analyzer;
mod dictionary;
mod function_words;
mod grams;
mod latin;
mod mecab;
mod normalize;
mod readings;
pub mod script;
mod segment;
mod source;
mod synonyms;
mod tokenised;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use analyzer::{ANALYZER_VERSION, Analyzer};
pub use dictionary::{DictionaryInfo, DictionaryKind, DictionaryOptions, build_dictionary, check_dictionary};
pub use grams::{dice, grams};
pub use normalize::normalize;
pub use synonyms::Expansion;
pub use tokenised::{Tokenised, Word, Wordings, side_by_side};

/// What the desk adds to the dictionary.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vocabulary {
    /// Groups of wordings that mean the same.
    pub synonyms: Vec<SynonymGroup>,
    /// Words that the dictionary would split.
    pub terms: Vec<UserTerm>,
}

/// Wordings that may stand for each other in a question.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SynonymGroup {
    /// The wordings, as a customer would write them.
    pub members: Vec<String>,
}

/// A word of the desk, kept as one token.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserTerm {
    /// As written; compared after normalisation.
    pub surface: String,
    /// Part of speech, such as `名詞-固有名詞`; empty means that.
    pub pos: String,
    /// Katakana reading, may be empty.
    pub reading: String,
    /// Words it consists of; each stays findable by itself.
    pub parts: Vec<String>,
}

/// Everything the analyzer found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// The text after [`normalize`]; all offsets refer to it.
    pub normalized: String,
    /// Tokens in reading order, without white space.
    pub tokens: Vec<Token>,
    /// Other wordings of stretches of the text.
    pub expansions: Vec<Expansion>,
    /// The language of the text.
    pub language: Language,
}

impl Analysis {
    /// Index terms of the content tokens in order, each followed by the terms of its parts.
    pub fn terms(&self) -> impl Iterator<Item = &str> {
        self.tokens
            .iter()
            .filter(|token| token.content)
            .flat_map(|token| std::iter::once(&token.term).chain(&token.parts))
            .map(String::as_str)
    }

    /// Character grams of the normalised text, see [`grams()`].
    pub fn grams(&self) -> Vec<String> {
        grams(&self.normalized)
    }

    /// Katakana trigrams of the text's reading.
    pub fn reading_grams(&self) -> Vec<String> {
        readings::reading_grams(self)
    }
}

/// One word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// As it stands in the normalised text.
    pub surface: String,
    /// Index term: the lemma of a known Japanese word, the stem of a Latin one, else the surface.
    pub term: String,
    /// Katakana reading of the term, or of the surface where the dictionary has only that; may be empty.
    pub reading: String,
    /// Part of speech, first and second level: `名詞-普通名詞`.
    pub pos: String,
    /// First byte in the normalised text.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Whether the token carries meaning of its own and is indexed.
    pub content: bool,
    /// Index terms of the parts of a desk term.
    pub parts: Vec<String>,
    /// Whether the dictionary or the desk knows the word. Of Latin words only the desk's own and numbers are known.
    pub known: bool,
}

/// The language a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Japanese.
    Ja,
    /// English.
    En,
    /// Anything else, or no words at all.
    Other,
}

/// Why a dictionary cannot be built or opened.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// No built dictionary where one was expected.
    #[error("no dictionary in {}; run scripts/setup.sh or `madoguchi dict build`", path.display())]
    Missing {
        /// The folder looked at.
        path: PathBuf,
    },
    /// A built dictionary that is not what was built.
    #[error("the dictionary in {} is damaged ({reason}); rebuild it with `madoguchi dict build`", path.display())]
    Damaged {
        /// The dictionary's folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A dictionary built by another version of this program.
    #[error("the dictionary in {} was built by another version; rebuild it with `madoguchi dict build`", path.display())]
    Outdated {
        /// The dictionary's folder.
        path: PathBuf,
    },
    /// A published dictionary that cannot be converted.
    #[error("cannot build a dictionary from {}: {reason}", path.display())]
    Source {
        /// The file or folder read.
        path: PathBuf,
        /// What is wrong, and the next step where there is one.
        reason: String,
    },
    /// A desk term that the segmenter cannot take.
    #[error("the desk's terms cannot be used: {0}")]
    Terms(String),
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl TextError {
    fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    fn source(path: &Path, reason: impl ToString) -> Self {
        Self::Source { path: path.to_owned(), reason: reason.to_string() }
    }
}
