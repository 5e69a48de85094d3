//! Scripts of Japanese: which one a character belongs to, and one kana in the other's place.

/// Hiragana letters, without marks.
pub fn is_hiragana(c: char) -> bool {
    matches!(c, 'ぁ'..='ゖ')
}

/// Katakana letters, without marks.
pub fn is_katakana(c: char) -> bool {
    matches!(c, 'ァ'..='ヺ' | '\u{31F0}'..='\u{31FF}')
}

/// Hiragana or katakana letters.
pub fn is_kana(c: char) -> bool {
    is_hiragana(c) || is_katakana(c)
}

/// Han characters, with `々` and `〇`.
pub fn is_kanji(c: char) -> bool {
    matches!(c, '々' | '〇' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{323AF}')
}

/// A kana character or `ー` as katakana; `None` for anything else.
pub fn katakana(c: char) -> Option<char> {
    match c {
        'ぁ'..='ゖ' => char::from_u32(c as u32 + 0x60),
        'ァ'..='ヺ' | 'ー' => Some(c),
        _ => None,
    }
}

/// A katakana character as hiragana; others as they are.
pub fn hiragana(c: char) -> char {
    match c {
        'ァ'..='ヶ' => char::from_u32(c as u32 - 0x60).unwrap_or(c),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kana_stands_for_the_other_and_back() {
        for (hira, kata) in ('ぁ'..='ゖ').zip('ァ'..='ヶ') {
            assert!(is_hiragana(hira) && is_katakana(kata));
            assert_eq!((katakana(hira), hiragana(kata)), (Some(kata), hira));
        }
        assert_eq!((katakana('ー'), katakana('漢'), hiragana('ヷ')), (Some('ー'), None, 'ヷ'));
    }
}
