//! Reading grams: what a text sounds like, in katakana trigrams. They find an entry when the customer writes kana only or
//! picked the wrong characters in conversion (講座会説 for 口座開設), where no word and no character agrees.

use super::script::katakana;
use super::{Analysis, Token};

/// Characters per gram.
const LENGTH: usize = 3;

/// Katakana trigrams of the text's reading, within runs of content tokens that touch; a shorter run is one gram.
pub(super) fn reading_grams(analysis: &Analysis) -> Vec<String> {
    let mut grams = Vec::new();
    let mut run: Vec<char> = Vec::new();
    let mut end = 0;
    for token in &analysis.tokens {
        if token.start != end || is_break(token) {
            flush(&mut run, &mut grams);
        }
        end = token.end;
        if !is_break(token) {
            run.extend(sound(token));
        }
    }
    flush(&mut run, &mut grams);
    grams
}

fn is_break(token: &Token) -> bool {
    token.pos.starts_with("助詞") || token.pos.starts_with("補助記号") || token.pos.starts_with("記号")
}

fn flush(run: &mut Vec<char>, grams: &mut Vec<String>) {
    if run.len() >= LENGTH {
        grams.extend(run.windows(LENGTH).map(|window| window.iter().collect::<String>()));
    } else if run.len() == LENGTH - 1 {
        grams.push(run.iter().collect());
    }
    run.clear();
}

/// The token's reading; its own characters where the dictionary has none. Hiragana becomes katakana.
fn sound(token: &Token) -> impl Iterator<Item = char> {
    let spelled = token.surface.chars().all(|c| katakana(c).is_some());
    let text = if spelled || token.reading.is_empty() { &token.surface } else { &token.reading };
    text.chars().map(|c| katakana(c).unwrap_or(c))
}
