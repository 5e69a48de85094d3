//! Character grams: the safety net for product names that the dictionary splits wrongly.

use super::script::{is_hiragana, is_kana, is_kanji, is_katakana};

/// Character grams of `normalized` text: bigrams within runs of word characters, and single kanji and katakana
/// (a lone hiragana says nothing). A text too short for either yields its single characters.
///
/// ```
/// assert_eq!(madoguchi::text::grams("出金は"), ["出", "出金", "金", "金は"]);
/// ```
pub fn grams(normalized: &str) -> Vec<String> {
    let mut out = Vec::with_capacity(normalized.len() * 2 / 3);
    let mut chars = normalized.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !is_word(c) {
            continue;
        }
        let end = at + c.len_utf8();
        if is_kanji(c) || is_katakana(c) {
            out.push(normalized[at..end].to_owned());
        }
        if let Some(&(_, next)) = chars.peek()
            && is_word(next)
        {
            out.push(normalized[at..end + next.len_utf8()].to_owned());
        }
    }
    if out.is_empty() {
        out.extend(normalized.chars().filter(|c| is_word(*c)).map(String::from));
    }
    out
}

/// Characters that words are written with: letters, digits, kana with `ー`, kanji with `々`.
fn is_word(c: char) -> bool {
    is_hiragana(c) || is_kana(c) || is_kanji(c) || c == 'ー' || c.is_alphanumeric()
}

/// Dice coefficient of two sorted, unique lists: 2·|both| / (|a| + |b|), 0 when both are empty.
pub fn dice<T: Ord>(a: &[T], b: &[T]) -> f32 {
    if a.is_empty() && b.is_empty() {
        return 0.0;
    }
    let (mut i, mut j, mut both) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                both += 1;
                i += 1;
                j += 1;
            }
        }
    }
    2.0 * both as f32 / (a.len() + b.len()) as f32
}

#[cfg(test)]
mod tests {
    use super::grams;

    #[track_caller]
    fn check(input: &str, expect: &[&str]) {
        assert_eq!(grams(input), expect, "{input:?}");
    }

    #[test]
    fn grams_stay_within_words() {
        check("", &[]);
        check("！？", &[]);
        check("あ", &["あ"]);
        check("鍵", &["鍵"]);
        check("は、い", &["は", "い"]);
        check("出金、btc", &["出", "出金", "金", "bt", "tc"]);
        check("コード", &["コ", "コー", "ード", "ド"]);
    }
}
