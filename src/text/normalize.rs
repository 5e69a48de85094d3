//! One spelling per character, before anything is segmented: compatibility forms, invisible characters, iteration
//! marks, long-vowel variants and case. Dictionary surfaces, user terms and questions all pass through
//! [`normalize`], so a change here needs a new [`NORMALIZER_VERSION`] and rebuilt dictionaries.

use unicode_normalization::{IsNormalized, is_nfkc_quick};

use super::script::{is_hiragana, is_kana};
use super::segment;

/// Raised whenever [`normalize`] changes what it returns; built dictionaries carry it.
pub(super) const NORMALIZER_VERSION: u32 = 1;

/// Brings `text` to the one form that everything downstream sees.
///
/// NFKC (half-width kana become full-width, full-width Latin becomes ASCII), zero-width, control and variation
/// characters removed, kana iteration marks written out, dashes and waves after kana turned into `ー`, lower case,
/// runs of white space reduced to one space, trimmed.
///
/// ```
/// use madoguchi::text::normalize;
/// assert_eq!(normalize("ﾊﾟｽﾜｰﾄﾞの　ＲＥＳＥＴ"), "パスワードの reset");
/// assert_eq!(normalize("ユ‐ザ〜登録"), "ユーザー登録");
/// ```
pub fn normalize(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut form = strip_invisible(text);
    // The two filters of lindera-analysis allocate per call (graphemes, character vectors), so they only see text
    // that needs them; nearly all questions do not.
    if is_nfkc_quick(form.chars()) != IsNormalized::Yes {
        segment::compatibility_form(&mut form);
    }
    if form.contains(is_kana_iteration_mark) {
        segment::expand_iteration_marks(&mut form);
    }
    fold(&form)
}

/// True for text that [`normalize`] would return unchanged; a conservative, allocation-free check.
fn is_plain(text: &str) -> bool {
    let mut previous = ' ';
    for c in text.chars() {
        let plain = match c {
            ' ' => previous != ' ',
            '-' | '~' => !is_kana(previous),
            '!'..='~' => !c.is_ascii_uppercase(),
            'ー' => previous != 'ー',
            'ぁ'..='ゖ' | 'ァ'..='ヺ' | '一'..='鿿' | '、' | '。' | '「' | '」' | '々' | '・' => {
                variant(c) == c
            }
            _ => false,
        };
        if !plain {
            return false;
        }
        previous = c;
    }
    previous != ' ' || text.is_empty()
}

/// Drops characters that a reader cannot see and replaces variants that NFKC leaves alone.
fn strip_invisible(text: &str) -> String {
    let mut form = String::with_capacity(text.len());
    let mut previous = ' ';
    for c in text.chars() {
        if is_invisible(c) {
            continue;
        }
        let c = match c {
            // NFKC would turn the spacing voice marks into a space and a combining mark.
            '\u{309B}' if is_kana(previous) => '\u{3099}',
            '\u{309C}' if is_kana(previous) => '\u{309A}',
            _ => variant(c),
        };
        form.push(c);
        previous = c;
    }
    form
}

/// Case, white space and long vowels, in one pass over text in NFKC.
fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut previous = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_whitespace() || c.is_control() {
            if previous != ' ' {
                out.push(' ');
                previous = ' ';
            }
            continue;
        }
        if is_long_vowel_variant(c) && is_prolonged_by(previous, c, rest.peek().copied()) {
            if previous != 'ー' {
                out.push('ー');
                previous = 'ー';
            }
            continue;
        }
        if c.is_ascii() {
            previous = c.to_ascii_lowercase();
            out.push(previous);
        } else {
            for lower in c.to_lowercase() {
                out.push(lower);
                previous = lower;
            }
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Whether the dash or wave `mark` after `previous` stands for a long vowel.
fn is_prolonged_by(previous: char, mark: char, next: Option<char>) -> bool {
    if mark == 'ー' {
        return previous == 'ー';
    }
    if matches!(previous, 'っ' | 'ッ' | 'ん' | 'ン') || !(is_kana(previous) || previous == 'ー') {
        return false;
    }
    // 「10時から〜翌5時」 is a range, 「サーバ〜設定」 is a careless long vowel.
    let range = is_hiragana(previous) && next.is_some_and(|c| c.is_alphanumeric() && !is_kana(c));
    !range
}

/// Variants of a letter that Japanese keyboards offer and Unicode keeps apart.
fn variant(c: char) -> char {
    match c {
        '髙' => '高',
        '﨑' => '崎',
        '𠮷' => '吉',
        '濵' => '濱',
        _ => c,
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{180E}' | '\u{FEFF}' | '\u{FFFC}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{E0000}'..='\u{E01EF}')
}

fn is_long_vowel_variant(c: char) -> bool {
    matches!(
        c,
        'ー' | '-' | '~' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2500}' | '\u{301C}' | '\u{3030}'
    )
}

fn is_kana_iteration_mark(c: char) -> bool {
    matches!(c, 'ゝ' | 'ゞ' | 'ヽ' | 'ヾ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expect: &str) {
        assert_eq!(normalize(input), expect, "{input:?}");
        assert_eq!(normalize(expect), expect, "a second pass over {expect:?} must change nothing");
    }

    #[test]
    fn spellings_of_one_text() {
        for (input, expect) in [
            ("", ""),
            ("ログインできない", "ログインできない"),
            ("ﾛｸﾞｲﾝできない", "ログインできない"),
            ("か\u{309B}ぎ", "がぎ"),
            ("は\u{309C}ん", "ぱん"),
            ("ＢＴＣ　１，０００円", "btc 1,000円"),
            ("㈱の①", "(株)の1"),
            ("いすゞ自動車", "いすず自動車"),
            ("学問のすゝめ", "学問のすすめ"),
            ("人々", "人々"),
            ("髙橋", "高橋"),
            ("\u{200B}出\u{200D}金\u{FE0F}", "出金"),
            ("  出金\t\n方法  ", "出金 方法"),
            ("Ｅ－ｍａｉｌ", "e-mail"),
        ] {
            check(input, expect);
        }
    }

    #[test]
    fn long_vowels() {
        for (input, expect) in [
            ("サーバー", "サーバー"),
            ("サ‐バ－", "サーバー"),
            ("サ-バ-設定", "サーバー設定"),
            ("サ―バ〜", "サーバー"),
            ("ｻｰﾊﾞｰ", "サーバー"),
            ("すご〜〜い", "すごーい"),
            ("すごーーい", "すごーい"),
            ("10時から〜翌5時", "10時から〜翌5時"),
            ("two-factor", "two-factor"),
            ("東京〜大阪", "東京〜大阪"),
            ("03-1234-5678", "03-1234-5678"),
        ] {
            check(input, expect);
        }
    }

    #[test]
    fn the_quick_check_agrees_with_the_full_pass() {
        for text in ["出金", "btc-jpy", "サーバー", "a b", "サーバーー", "a  b", " a", "a ", "サ-", "A", "髙"]
        {
            let full = fold(&strip_invisible(text));
            assert_eq!(is_plain(text), full == text, "{text:?}");
        }
    }
}
