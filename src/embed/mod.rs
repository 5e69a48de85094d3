//! Embeddings: one [`Embedder`] for index and query. [`StaticModel`] is ours, trained by [`train`], tuned to a desk by
//! [`adapt()`]; a sentence encoder of the [`transformer`] tier may join it as a [`Blend`]. Works on the Analyzer's terms;
//! never segments text itself and reads no configuration.
//!
//! Reading order: this file → [`static_model`] (file format, embedding) → `contrast` (the loss) → [`mod@adapt`] →
//! [`train`] → [`transformer`] → `blend`.

pub mod adapt;
mod blend;
mod contrast;
mod matrix;
mod optimizer;
pub mod static_model;
mod subwords;
mod tensors;
pub mod train;
pub mod transformer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::text::DictionaryInfo;

pub use adapt::{AdaptOptions, AdaptPair, AdaptReport, Adapted, adapt, entry_pairs};
pub use blend::Blend;
pub use matrix::{cosine, dot};
pub use static_model::StaticModel;

/// A text to embed, with the index terms that the one Analyzer found in it.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// As written; for embedders that bring their own tokenizer.
    pub raw: &'a str,
    /// Index terms of the content words, in order.
    pub terms: &'a [String],
}

/// Which side of a search a text is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// What a customer asks.
    Query,
    /// What the desk holds: questions, phrasings, answers.
    Passage,
}

/// Turns texts into vectors whose cosine says how close their meanings are.
pub trait Embedder: Send + Sync {
    /// Length of every vector.
    fn dimension(&self) -> usize;

    /// The vector of `text`: of length 1, or all zeros when nothing in it is known.
    fn embed(&self, text: &Text<'_>, role: Role) -> Vec<f32>;

    /// Identifies the model; two embedders with the same fingerprint give the same vectors.
    fn fingerprint(&self) -> String;

    /// Share of `terms` that the model has learned as whole words, in `0.0..=1.0`; 0 for no terms.
    fn known_share(&self, terms: &[String]) -> f32;

    /// The vector of a customer's question, and what stood in its way.
    fn embed_question(&self, text: &Text<'_>) -> Embedding {
        Embedding { vector: self.embed(text, Role::Query), shortfall: None }
    }

    /// The vectors of texts of the desk, in order.
    ///
    /// # Errors
    /// When the model fails: an index without some of its vectors must not be built.
    fn embed_passages(&self, texts: &[Text<'_>]) -> Result<Vec<Vec<f32>>, EmbedError> {
        use rayon::prelude::*;
        Ok(texts.par_iter().map(|text| self.embed(text, Role::Passage)).collect())
    }

    /// The part of it that embeds thousands of texts in no time; `None` if there is none.
    fn light(&self) -> Option<&dyn Embedder>;

    /// Whether a question's vector takes milliseconds, so that a caller on the async runtime must step aside.
    fn waits(&self) -> bool {
        false
    }
}

/// A question's vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Of length 1, or all zeros when nothing is known.
    pub vector: Vec<f32>,
    /// Why there is none, in words, when the model did not get to it.
    pub shortfall: Option<String>,
}

/// Reads a question together with each passage: slower and often sharper than comparing vectors.
pub trait Reranker: Send + Sync {
    /// How well each passage answers the question, as log-odds, in order.
    ///
    /// # Errors
    /// Why there are no scores, in words; a spent budget is such a reason.
    fn scores(&self, question: &str, passages: &[&str], budget: Duration) -> Result<Vec<f32>, String>;
}

/// A re-ranker and how much it has to say.
#[derive(Clone)]
pub struct Reranking {
    /// The model.
    pub model: Arc<dyn Reranker>,
    /// Candidates it looks at.
    pub candidates: usize,
    /// Points of the ranker's score that one point of the re-ranker's is worth.
    pub weight: f32,
    /// Time for one question.
    pub budget: Duration,
}

impl std::fmt::Debug for Reranking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reranking({} candidates, weight {})", self.candidates, self.weight)
    }
}

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The file cannot be read.
    #[error("{}: {source}; the model is part of the repository, `git checkout models` brings it back", path.display())]
    Io {
        /// The model's file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a model, or a damaged one.
    #[error(
        "the embedding model is damaged ({0}); restore it with `git checkout models`, or train one with `madoguchi train`"
    )]
    Damaged(String),
    /// A file of another version of this program.
    #[error(
        "the embedding model has format {found}, this program reads {expected}; train one with `madoguchi train`"
    )]
    Format {
        /// The file's format.
        found: String,
        /// This program's.
        expected: String,
    },
    /// A model of the transformer tier failed.
    #[error(transparent)]
    Transformer(#[from] transformer::TransformerError),
    /// The model was trained on words that the Analyzer does not produce.
    #[error(
        "the embedding model was trained with the dictionary `{model}`, but the Analyzer uses `{analyzer}`; \
         build that dictionary with `madoguchi dict build`, or train a model for this one with `madoguchi train`"
    )]
    Dictionary {
        /// What the model was trained with.
        model: String,
        /// What the Analyzer uses.
        analyzer: String,
    },
}

/// How models name a dictionary: kind, source and version, such as `unidic/unidic-lite 2.1.2`. Leaves out the hash of the
/// built files: the same source gives the same terms, however lindera lays them out.
pub fn dictionary_name(info: &DictionaryInfo) -> String {
    format!("{}/{}", info.kind.folder(), info.name)
}
