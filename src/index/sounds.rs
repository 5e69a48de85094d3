//! What the desk's words sound like. Reads questions in kana only (「ﾋｯｺｼﾏｼﾀ」) and wrong conversions (「講座会説」) with the
//! desk's own vocabulary, where a dictionary of the whole language sees nothing or something else.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::documents::TermId;
use crate::text::Token;
use crate::text::script::{is_kanji, katakana};

/// Shortest reading that is listened for, characters: shorter ones sound in every sentence.
const SHORTEST: usize = 3;
/// Words of one sound that are kept, the most frequent ones.
const HOMOPHONES: usize = 2;

/// Readings (katakana) of the terms that entries write with kanji.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sounds {
    readings: HashMap<Arc<str>, Vec<TermId>>,
    /// Length of the longest reading, characters.
    longest: usize,
}

/// Words heard in a stretch of kana.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Which characters of the stretch.
    pub at: Range<usize>,
    /// Terms that sound like that, the most frequent first; at least one.
    pub terms: Vec<TermId>,
}

impl Sounds {
    /// Learns readings; of words of one sound those whose `rank` is least come first.
    pub fn of<R: Ord>(pairs: impl Iterator<Item = (Arc<str>, TermId)>, rank: impl Fn(TermId) -> R) -> Self {
        let mut sounds = Self::default();
        for (reading, term) in pairs {
            let length = reading.chars().count();
            if length >= SHORTEST {
                let terms = sounds.readings.entry(reading).or_default();
                if !terms.contains(&term) {
                    terms.push(term);
                }
                sounds.longest = sounds.longest.max(length);
            }
        }
        for terms in sounds.readings.values_mut() {
            terms.sort_by_cached_key(|term| rank(*term));
            terms.truncate(HOMOPHONES);
        }
        sounds
    }

    /// The words heard in `kana` (katakana), in order and without overlap; long words are believed before short ones. Only
    /// stretches that `is_word` allows are looked up.
    pub fn hear(&self, kana: &[char], is_word: &dyn Fn(&Range<usize>) -> bool) -> Vec<Heard> {
        // best[i]: highest sum of squared lengths over the first i characters, and the word that ends there.
        let mut best: Vec<(usize, Option<usize>)> = vec![(0, None); kana.len() + 1];
        for end in 1..=kana.len() {
            best[end] = (best[end - 1].0, None);
            for length in SHORTEST..=self.longest.min(end) {
                let start = end - length;
                let score = best[start].0 + length * length;
                if score > best[end].0 && is_word(&(start..end)) && self.word(&kana[start..end]).is_some() {
                    best[end] = (score, Some(start));
                }
            }
        }
        let mut heard = Vec::new();
        let mut end = kana.len();
        while end > 0 {
            match best[end].1 {
                Some(start) => {
                    let terms = self.word(&kana[start..end]).unwrap_or_default().to_vec();
                    heard.push(Heard { at: start..end, terms });
                    end = start;
                }
                None => end -= 1,
            }
        }
        heard.reverse();
        heard
    }

    /// The terms that sound like `kana`, the most frequent first.
    pub fn word(&self, kana: &[char]) -> Option<&[TermId]> {
        self.readings.get(kana.iter().collect::<String>().as_str()).map(Vec::as_slice)
    }
}

/// Readings under which a token's term may be heard: a katakana word as it is; of one with kanji the reading of the term
/// and, of a verb, the stems its forms begin with (引っ越す: ヒッコス, ヒッコサ, ヒッコシ, …).
pub(super) fn readings(token: &Token) -> Vec<String> {
    if !token.content {
        return Vec::new();
    }
    if token.known && token.surface.chars().all(|c| katakana(c) == Some(c)) {
        return vec![token.surface.clone()];
    }
    if token.reading.is_empty() || !token.surface.chars().any(is_kanji) {
        return Vec::new();
    }
    let mut readings = vec![token.reading.clone()];
    if token.pos.starts_with("動詞") {
        let mut stem: Vec<char> = token.reading.chars().collect();
        if let Some(row) = stem.pop().and_then(row) {
            readings.extend(row.chars().map(|last| stem.iter().copied().chain([last]).collect()));
            readings.push(stem.into_iter().collect());
        }
    }
    readings
}

/// The row of the syllabary that a verb's last syllable inflects through.
fn row(last: char) -> Option<&'static str> {
    [
        "アイエオッ",
        "カキケコイッ",
        "ガギゲゴイ",
        "サシセソ",
        "タチテトッ",
        "ナニネノン",
        "バビベボン",
        "マミメモン",
        "ラリレロッ",
    ]
    .into_iter()
    .zip("ウクグスツヌブムル".chars())
    .find(|(_, dictionary_form)| *dictionary_form == last)
    .map(|(row, _)| row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(sounds: &Sounds, kana: &str) -> Vec<(String, TermId)> {
        let kana: Vec<char> = kana.chars().collect();
        let heard = sounds.hear(&kana, &|_| true);
        heard.into_iter().map(|heard| (kana[heard.at].iter().collect(), heard.terms[0])).collect()
    }

    #[test]
    fn long_words_are_believed_before_short_ones_and_frequent_before_rare() {
        let pairs = [
            ("ニュウキン", 1),
            ("ニュウ", 2),
            ("テスウリョウ", 3),
            ("リョウ", 4),
            ("シュッキン", 5),
            ("シュッキン", 6),
            ("エン", 7),
        ];
        let pairs = pairs.into_iter().map(|(reading, term)| (Arc::from(reading), term));
        let sounds = Sounds::of(pairs, |term| (term != 6, term));
        assert_eq!(
            heard(&sounds, "ニュウキンノテスウリョウハ"),
            [("ニュウキン".to_owned(), 1), ("テスウリョウ".to_owned(), 3)]
        );
        assert_eq!(heard(&sounds, "シュッキン"), [("シュッキン".to_owned(), 6)]);
        assert!(heard(&sounds, "エンヲ").is_empty());
        assert!(heard(&sounds, "").is_empty());
    }
}
