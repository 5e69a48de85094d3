//! A model's own tokenizer: text → token numbers, with special tokens and the model's limit, never padded.

use std::fmt::Display;

use tokenizers::{Encoding, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy};

use super::{ModelFolder, TransformerError};

/// One text, or a pair of texts, as the network reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tokens {
    /// Token numbers.
    pub(super) ids: Vec<i64>,
    /// Which of a pair each token belongs to.
    pub(super) types: Vec<i64>,
}

/// The tokenizer with the model's settings.
pub(super) struct Tokenization {
    tokenizer: Tokenizer,
    lower_case: bool,
}

impl Tokenization {
    /// Opens tokenizer.json; its own padding and truncation give way to the model's limit.
    pub(super) fn open(folder: &ModelFolder) -> Result<Self, TransformerError> {
        let file = folder.path.join("tokenizer.json");
        let fail = |error: &dyn Display, expected: &str| {
            TransformerError::folder(&file, &error.to_string(), expected)
        };
        let mut tokenizer = Tokenizer::from_file(&file)
            .map_err(|error| fail(&error, "the tokenizer in the format of the tokenizers library"))?;
        let largest = tokenizer.get_vocab(true).values().max().copied().unwrap_or(0);
        if i64::from(largest) >= folder.shape.vocabulary {
            let why = format!("has a token {largest}, the model has {} words", folder.shape.vocabulary);
            return Err(fail(&why, "the tokenizer that the model was trained with"));
        }
        tokenizer.with_padding(None);
        let truncation = TruncationParams {
            max_length: folder.max_tokens,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
            direction: TruncationDirection::Right,
        };
        tokenizer
            .with_truncation(Some(truncation))
            .map_err(|error| fail(&error, "a tokenizer that can shorten texts"))?;
        Ok(Self { tokenizer, lower_case: folder.lower_case })
    }

    /// The tokens of one text.
    pub(super) fn text(&self, text: &str) -> Result<Tokens, TransformerError> {
        let encoding = self.tokenizer.encode(self.cased(text), true).map_err(failed)?;
        Ok(of(&encoding))
    }

    /// The tokens of a question with a passage.
    pub(super) fn pair(&self, question: &str, passage: &str) -> Result<Tokens, TransformerError> {
        let pair = (self.cased(question), self.cased(passage));
        let encoding = self.tokenizer.encode(pair, true).map_err(failed)?;
        Ok(of(&encoding))
    }

    fn cased(&self, text: &str) -> String {
        if self.lower_case { text.to_lowercase() } else { text.to_owned() }
    }
}

fn failed(error: impl Display) -> TransformerError {
    TransformerError::Failed(format!("tokenizer: {error}"))
}

fn of(encoding: &Encoding) -> Tokens {
    let wide = |numbers: &[u32]| numbers.iter().map(|&number| i64::from(number)).collect();
    Tokens { ids: wide(encoding.get_ids()), types: wide(encoding.get_type_ids()) }
}
