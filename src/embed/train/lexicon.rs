//! Vocabulary and composition: which terms get a vector of their own, and which subwords every term shares. A known
//! word is its own vector plus its subwords'; an unknown one its subwords' alone, which is how they learn to stand in.

use super::data::Corpus;
use crate::embed::EmbedError;
use crate::embed::contrast::Composition;
use crate::embed::static_model::ModelParts;
use crate::embed::subwords::Subwords;

/// Terms seen less often are composed of subwords only.
const MIN_COUNT: u32 = 2;

/// Terms of a corpus, renumbered: the vocabulary comes first, by frequency.
pub(super) struct Lexicon {
    /// The vocabulary.
    pub(super) words: Vec<String>,
    /// For every term of the corpus, in the lexicon's numbering.
    pub(super) composition: Composition,
    /// The lexicon's number of each of the corpus' terms.
    pub(super) numbers: Vec<u32>,
    /// How often each word of the vocabulary occurs.
    pub(super) counts: Vec<u32>,
    subwords: Subwords,
}

impl Lexicon {
    /// At most `words` words and `pieces` subwords.
    pub(super) fn build(corpus: &Corpus, words: usize, pieces: usize) -> Result<Self, EmbedError> {
        let mut counts = vec![0u32; corpus.terms.len()];
        for &term in corpus.texts.iter().chain(&corpus.prose).flat_map(|text| text.iter()) {
            counts[term as usize] += 1;
        }
        let mut order: Vec<u32> = (0..corpus.terms.len() as u32).collect();
        order.sort_by_key(|&term| (std::cmp::Reverse(counts[term as usize]), term));
        let usable =
            |term: u32| counts[term as usize] >= MIN_COUNT && !corpus.terms[term as usize].contains('\n');
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for term in order {
            if known.len() < words && usable(term) { known.push(term) } else { unknown.push(term) }
        }
        let vocabulary: Vec<String> = known.iter().map(|&term| corpus.terms[term as usize].clone()).collect();
        let subwords = Subwords::learn(&vocabulary, pieces)?;
        let mut numbers = vec![0; corpus.terms.len()];
        let mut composition = Vec::with_capacity(corpus.terms.len());
        for (number, &term) in known.iter().chain(&unknown).enumerate() {
            numbers[term as usize] = number as u32;
            let mut parts = if number < known.len() { vec![(number as u32, 1.0)] } else { Vec::new() };
            subwords.visit(&corpus.terms[term as usize], |piece, share| {
                parts.push((known.len() as u32 + piece, share))
            });
            composition.push(parts.into_boxed_slice());
        }
        let counts = known.iter().map(|&term| counts[term as usize]).collect();
        Ok(Self { words: vocabulary, counts, composition: Composition(composition), numbers, subwords })
    }

    /// Rows to learn: one per word, one per piece.
    pub(super) fn rows(&self) -> usize {
        self.words.len() + self.subwords.pieces()
    }

    /// The model of given vectors: `shape` is their length and the dictionary's name.
    pub(super) fn into_parts(
        self,
        words: Vec<f32>,
        pieces: Vec<f32>,
        gains: Vec<[f32; 2]>,
        shape: (usize, &str),
    ) -> ModelParts {
        ModelParts {
            dimension: shape.0,
            words: self.words,
            word_rows: words,
            gains,
            subwords: self.subwords,
            piece_rows: pieces,
            dictionary: shape.1.to_owned(),
        }
    }
}
