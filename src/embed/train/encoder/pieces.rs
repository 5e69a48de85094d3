//! The encoder's tokenizer: the words that the Analyzer finds most often, as they are written, and single characters for
//! the rest, as a unigram model (Kudo 2018) with their frequencies. Remembers which index term each piece stands for,
//! which is how the static vectors become the encoder's.

use std::collections::HashMap;

use anyhow::anyhow;
use rayon::prelude::*;
use tokenizers::models::unigram::Unigram;
use tokenizers::normalizers::{Lowercase, NFKC, NormalizerWrapper, Sequence as Normalizers};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::punctuation::Punctuation;
use tokenizers::pre_tokenizers::sequence::Sequence as Splitters;
use tokenizers::pre_tokenizers::whitespace::WhitespaceSplit;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{AddedToken, Tokenizer};

use crate::text::Analyzer;

/// Pieces that are no text; their places in this list are their numbers. `[MASK]` is there for later pre-training.
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
pub(super) const UNKNOWN: i64 = 1;
pub(super) const FIRST: i64 = 2;
pub(super) const LAST: i64 = 3;
/// Share of the pieces that are single characters, at most.
const CHARACTERS: usize = 4;
/// A character that never stands alone still splits a word nobody knows.
const RARELY_ALONE: f64 = 0.5;

/// The tokenizer and what its pieces mean.
pub(super) struct Pieces {
    pub(super) tokenizer: Tokenizer,
    /// The index term of each piece; `None` for function words, signs and special pieces.
    pub(super) terms: Vec<Option<String>>,
}

/// How often a wording occurs, by the term it stands for; the empty one for words without meaning of their own.
type Uses = HashMap<String, HashMap<String, u32>>;

impl Pieces {
    /// Learns at most `count` pieces from `texts`.
    pub(super) fn learn(texts: &[String], analyzer: &Analyzer, count: usize) -> anyhow::Result<Self> {
        let (words, characters) = counted(texts, analyzer);
        let total = f64::from(words.values().flat_map(HashMap::values).sum::<u32>().max(1));
        let mut chosen: Vec<(String, f64)> = SPECIAL.iter().map(|name| ((*name).to_owned(), 0.0)).collect();
        let mut terms: Vec<Option<String>> = vec![None; SPECIAL.len()];
        let is_whole = |word: &str| word.chars().nth(1).is_some() && word.chars().all(char::is_alphanumeric);
        let own = |wording: &str| words.get(wording).map_or(0, |uses| uses.values().sum::<u32>());
        let single = by_frequency(characters.iter().map(|(c, &uses)| (c.to_string(), uses)));
        let whole = words.keys().filter(|word| is_whole(word)).map(|word| (word.clone(), own(word)));
        let room = count.saturating_sub(SPECIAL.len());
        let single = single.into_iter().take(room / CHARACTERS);
        let mut picked: Vec<(String, u32)> = single.collect();
        let left = room - picked.len();
        picked.extend(by_frequency(whole).into_iter().take(left));
        for (wording, _) in picked {
            let uses = f64::from(own(&wording)).max(RARELY_ALONE);
            terms.push(term(&wording, words.get(&wording)));
            chosen.push((wording, (uses / total).ln()));
        }
        let model =
            Unigram::from(chosen, Some(UNKNOWN as usize), false).map_err(|error| anyhow!("{error}"))?;
        Ok(Self { tokenizer: tokenizer(model)?, terms })
    }

    /// Number of pieces.
    pub(super) fn len(&self) -> usize {
        self.terms.len()
    }

    /// The pieces of a text, as they are written; those of unknown characters are left out.
    pub(super) fn split(&self, text: &str) -> Vec<String> {
        let Ok(encoding) = self.tokenizer.encode_fast(text, false) else { return Vec::new() };
        let known = encoding.get_ids().iter().filter(|&&id| i64::from(id) != UNKNOWN);
        known.filter_map(|&id| self.tokenizer.id_to_token(id)).collect()
    }

    /// A piece's number.
    pub(super) fn number(&self, piece: &str) -> i64 {
        self.tokenizer.token_to_id(piece).map_or(UNKNOWN, i64::from)
    }
}

/// Words and characters of `texts` with their uses.
fn counted(texts: &[String], analyzer: &Analyzer) -> (Uses, HashMap<char, u32>) {
    let mut words = Uses::new();
    let mut characters = HashMap::new();
    // In order, a stretch at a time: the analysis is what takes long.
    for some in texts.chunks(4096) {
        let analyses: Vec<_> = some.par_iter().map(|text| analyzer.analyze(text)).collect();
        for token in analyses.into_iter().flat_map(|analysis| analysis.tokens) {
            token.surface.chars().for_each(|c| *characters.entry(c).or_default() += 1);
            let term = if token.content { token.term } else { String::new() };
            *words.entry(token.surface).or_default().entry(term).or_default() += 1;
        }
    }
    (words, characters)
}

fn by_frequency(items: impl Iterator<Item = (String, u32)>) -> Vec<(String, u32)> {
    let mut items: Vec<_> = items.collect();
    items.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    items
}

/// What a wording mostly stands for. A character that is no word by itself stands for itself, unless it is a letter of an
/// alphabet or a sign, of which meanings are not made.
fn term(wording: &str, uses: Option<&HashMap<String, u32>>) -> Option<String> {
    let most = uses.and_then(|uses| uses.iter().max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0))));
    match most {
        Some((term, _)) => Some(term.clone()).filter(|term| !term.is_empty()),
        None => {
            Some(wording.to_owned()).filter(|one| one.chars().all(|c| c.is_alphabetic() && c > '\u{3400}'))
        }
    }
}

fn tokenizer(model: Unigram) -> anyhow::Result<Tokenizer> {
    let mut tokenizer = Tokenizer::new(model);
    let normalizers: Vec<NormalizerWrapper> = vec![NFKC.into(), Lowercase.into()];
    let splitters: Vec<PreTokenizerWrapper> = vec![WhitespaceSplit.into(), Punctuation::default().into()];
    tokenizer
        .with_normalizer(Some(Normalizers::new(normalizers)))
        .map_err(|error| anyhow!("{error}"))?
        .with_pre_tokenizer(Some(Splitters::new(splitters)));
    let special = |number: i64| (SPECIAL[number as usize].to_owned(), number as u32);
    tokenizer.with_post_processor(Some(BertProcessing::new(special(LAST), special(FIRST))));
    tokenizer
        .add_special_tokens(SPECIAL.map(|name| AddedToken::from(name, true)))
        .map_err(|error| anyhow!("{error}"))?;
    Ok(tokenizer)
}
