//! What a word unknown to the vocabulary is made of: byte-pair pieces and the kanji in it. The only user of
//! `tokenizers`; knows numbers of pieces, not their vectors.

use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::{Model, Trainer};

use super::EmbedError;

/// Characters that pieces may be built from, most frequent first.
const ALPHABET: usize = 4000;

/// A trained splitter. Pieces are numbered from 0.
pub(super) struct Subwords {
    model: BPE,
}

impl Subwords {
    /// Learns at most `pieces` pieces from distinct `words`: each counts once, so that rare words shape them too.
    pub(super) fn learn(words: &[String], pieces: usize) -> Result<Self, EmbedError> {
        let mut trainer = BpeTrainer::builder()
            .vocab_size(pieces)
            .min_frequency(2)
            .limit_alphabet(ALPHABET.min(pieces))
            .show_progress(false)
            .build();
        trainer.feed(words.iter(), |word| Ok(vec![word.to_owned()])).map_err(damaged)?;
        let mut model = BPE::default();
        trainer.train(&mut model).map_err(damaged)?;
        Ok(Self { model })
    }

    /// Number of pieces.
    pub(super) fn pieces(&self) -> usize {
        self.model.get_vocab_size()
    }

    /// Calls `visit` with each piece of `word` and its share; the shares' squares add up to 1. No call for a word of
    /// unknown characters only.
    pub(super) fn visit(&self, word: &str, mut visit: impl FnMut(u32, f32)) {
        let mut pieces: Vec<u32> = match self.model.tokenize(word) {
            Ok(tokens) => tokens.into_iter().map(|token| token.id).collect(),
            Err(_) => Vec::new(),
        };
        let mut text = [0; 4];
        for kanji in word.chars().filter(|c| is_kanji(*c)) {
            if let Some(piece) = self.model.token_to_id(kanji.encode_utf8(&mut text))
                && !pieces.contains(&piece)
            {
                pieces.push(piece);
            }
        }
        let share = 1.0 / (pieces.len().max(1) as f32).sqrt();
        pieces.into_iter().for_each(|piece| visit(piece, share));
    }

    /// The splitter as tokenizers writes a model.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, EmbedError> {
        serde_json::to_vec(&self.model).map_err(damaged)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, EmbedError> {
        let model: BPE = serde_json::from_slice(bytes).map_err(damaged)?;
        // Numbers without a gap: each must have a vector.
        let pieces = model.get_vocab_size();
        if model.get_vocab().values().any(|&id| id as usize >= pieces) {
            return Err(damaged("numbers of subwords have a gap"));
        }
        Ok(Self { model })
    }
}

/// Characters that have a piece of their own. The shipped model was trained with these, so not `text::script`'s.
fn is_kanji(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

fn damaged(reason: impl ToString) -> EmbedError {
    EmbedError::Damaged(format!("subwords: {}", reason.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subwords() -> Subwords {
        let words = ["保育所", "保育園", "保護", "教育", "送金", "入金", "出金", "token", "broken"]
            .map(str::to_owned);
        Subwords::learn(&words, 60).expect("trains")
    }

    fn pieces(subwords: &Subwords, word: &str) -> Vec<(u32, f32)> {
        let mut out = Vec::new();
        subwords.visit(word, |piece, share| out.push((piece, share)));
        out
    }

    #[test]
    fn words_share_pieces_and_shares_are_normal() {
        let subwords = subwords();
        let (a, b) = (pieces(&subwords, "保育所"), pieces(&subwords, "保育士"));
        assert!(a.iter().any(|x| b.iter().any(|y| x.0 == y.0)), "{a:?} {b:?}");
        assert!((a.iter().map(|x| x.1 * x.1).sum::<f32>() - 1.0).abs() < 1e-5);
        assert!(pieces(&subwords, "☃").is_empty());
    }

    #[test]
    fn the_same_after_saving() {
        let subwords = subwords();
        let again = Subwords::from_bytes(&subwords.to_bytes().expect("writes")).expect("reads");
        assert_eq!(again.pieces(), subwords.pieces());
        assert_eq!(pieces(&again, "出金token"), pieces(&subwords, "出金token"));
        assert!(Subwords::from_bytes(b"{}").is_err());
    }
}
