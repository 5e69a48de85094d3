//! Words in Latin script, numbers and tickers. A Japanese dictionary cuts `method` or `1,000` by accident of its
//! entries, so these are cut here by rule, the same in Japanese and in English text.

use std::borrow::Cow;

/// A run of Latin letters or digits in normalised text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LatinWord {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Digits only, with separators.
    pub number: bool,
}

/// Finds the Latin words and numbers of `text`, in order.
///
/// `1,000.5` stays one number, `10btc` becomes `10` and `btc`, while `2fa`, `web3`, `erc20` and addresses stay whole.
/// `e-mail` and `don't` are one word.
pub(super) fn words(text: &str) -> Vec<LatinWord> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(offset) = text[at..].find(is_latin) {
        let start = at + offset;
        at = if text.as_bytes()[start].is_ascii_digit() {
            number_or_mixed(text, start, &mut out)
        } else {
            let end = word_end(text, start);
            out.push(LatinWord { start, end, number: false });
            end
        };
    }
    out
}

/// The index term of a Latin word: separators dropped, English endings removed.
pub(super) fn term(word: &str, number: bool) -> Cow<'_, str> {
    if number {
        return if word.contains(',') { Cow::Owned(word.replace(',', "")) } else { Cow::Borrowed(word) };
    }
    let word = word.strip_suffix("'s").unwrap_or(word);
    if word.contains(['-', '\'']) {
        return Cow::Owned(stem(&word.replace(['-', '\''], "")).into_owned());
    }
    stem(word)
}

/// ASCII letters and digits, and the accented Latin letters of European names.
pub(super) fn is_latin(c: char) -> bool {
    c.is_ascii_alphanumeric() || (('\u{00C0}'..='\u{024F}').contains(&c) && c.is_alphabetic())
}

/// English words that carry no topic. Only used in text without Japanese.
pub(super) fn is_stop_word(word: &str) -> bool {
    #[rustfmt::skip]
    const STOP: &[&str] = &[
        "a", "am", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do", "does",
        "for", "from", "had", "has", "have", "he", "her", "his", "i", "i'd", "i'm", "i've", "if", "in", "is", "it",
        "it's", "its", "me", "my", "of", "on", "or", "our", "please", "she", "should", "so", "that", "the", "their",
        "them", "then", "there", "these", "they", "this", "those", "to", "us", "was", "we", "were", "will", "with",
        "would", "you", "your",
    ];
    STOP.binary_search(&word).is_ok()
}

/// Words that only English sentences have.
pub(super) fn is_english_marker(word: &str) -> bool {
    matches!(
        word,
        "how"
            | "what"
            | "when"
            | "where"
            | "why"
            | "who"
            | "is"
            | "my"
            | "of"
            | "to"
            | "i'm"
            | "can't"
            | "don't"
    ) || (word.len() > 2 && is_stop_word(word))
}

/// A run that starts with a digit: a number, a number with a unit, or a name such as `2fa`. Returns where it ends.
fn number_or_mixed(text: &str, start: usize, out: &mut Vec<LatinWord>) -> usize {
    let digits = digits_end(text, start);
    let number = number_end(text, start, digits);
    let run = latin_end(text, number);
    let letters = &text[number..run];
    let amount = letters.chars().all(char::is_alphabetic)
        && (letters.is_empty() || letters.chars().count() > 2 || is_unit(letters));
    let address = text[start..].starts_with("0x") && letters.len() > 2;
    let number_ends = number > digits || (amount && !address);
    let end = if number_ends { number } else { run };
    out.push(LatinWord { start, end, number: number_ends });
    end
}

/// Extends a run of digits over groups of thousands and one decimal part.
fn number_end(text: &str, start: usize, digits: usize) -> usize {
    let bytes = text.as_bytes();
    let mut end = digits;
    if end - start <= 3 {
        while bytes.get(end) == Some(&b',') && digits_end(text, end + 1) == end + 4 {
            end += 4;
        }
    }
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits_end(text, end + 1);
        // A second point means a version or a date, which stay cut.
        if fraction > end + 1 && bytes.get(fraction) != Some(&b'.') {
            end = fraction;
        }
    }
    end
}

/// The end of a word that starts with a letter, over an inner apostrophe (`don't`) or a one-letter prefix (`e-mail`).
fn word_end(text: &str, start: usize) -> usize {
    let end = latin_end(text, start);
    let joins = match text.as_bytes().get(end) {
        Some(b'\'') => true,
        Some(b'-') => text[start..end].chars().count() == 1,
        _ => false,
    };
    let next = latin_end(text, end + usize::from(joins));
    if joins && next > end + 1 && text.as_bytes()[end + 1].is_ascii_alphabetic() { next } else { end }
}

fn latin_end(text: &str, start: usize) -> usize {
    run_end(text, start, is_latin)
}

fn digits_end(text: &str, start: usize) -> usize {
    run_end(text, start, |c| c.is_ascii_digit())
}

fn run_end(text: &str, start: usize, inside: impl Fn(char) -> bool) -> usize {
    text[start..].find(|c| !inside(c)).map_or(text.len(), |offset| start + offset)
}

/// Units of one or two letters that follow an amount; longer runs of letters always count as a unit.
fn is_unit(letters: &str) -> bool {
    matches!(
        letters,
        "kg" | "km" | "cm" | "mm" | "mg" | "ml" | "gb" | "mb" | "kb" | "tb" | "am" | "pm" | "px"
    )
}

/// Removes English plural, past and progressive endings: step 1 of M. F. Porter, "An algorithm for suffix stripping",
/// 1980, with `ies`/`ied` → `y`. Nothing further, so that terms stay readable and tickers stay apart.
fn stem(word: &str) -> Cow<'_, str> {
    if word.len() < 4 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return Cow::Borrowed(word);
    }
    let word = singular(word);
    if let Some(root) = word.strip_suffix("ied")
        && root.len() > 1
    {
        return Cow::Owned(format!("{root}y"));
    }
    if word.ends_with("eed") {
        return word;
    }
    let root = word.strip_suffix("ing").or_else(|| word.strip_suffix("ed"));
    match root {
        Some(root) if root.len() > 2 && has_vowel(root) => Cow::Owned(restore(root)),
        _ => word,
    }
}

fn singular(word: &str) -> Cow<'_, str> {
    if word.ends_with("ss")
        || word.ends_with("us")
        || word.ends_with("is")
        || !word.ends_with('s')
        || word == "news"
    {
        return Cow::Borrowed(word);
    }
    if let Some(root) = word.strip_suffix("ies")
        && root.len() > 1
    {
        return Cow::Owned(format!("{root}y"));
    }
    for ending in ["sses", "xes", "ches", "shes", "zes"] {
        if word.ends_with(ending) {
            return Cow::Owned(word[..word.len() - 2].to_owned());
        }
    }
    Cow::Owned(word[..word.len() - 1].to_owned())
}

/// Gives back what English spelling changed before `ing` or `ed`: the silent e, or a doubled consonant.
fn restore(root: &str) -> String {
    if ["at", "bl", "iz", "as", "uc", "rg", "iv", "ov", "nc", "ys"]
        .iter()
        .any(|ending| root.ends_with(ending))
    {
        return format!("{root}e");
    }
    let bytes = root.as_bytes();
    let last = bytes[bytes.len() - 1];
    if bytes[bytes.len() - 2] == last && !is_vowel(last) && !matches!(last, b's' | b'z') {
        // `selling` keeps both, `cancelling` loses one.
        let keeps = last == b'l' && measure(&root[..root.len() - 1]) < 2;
        return if keeps { root.to_owned() } else { root[..root.len() - 1].to_owned() };
    }
    if measure(root) == 1 && ends_short(bytes) { format!("{root}e") } else { root.to_owned() }
}

fn ends_short(word: &[u8]) -> bool {
    let [.., a, b, c] = word else { return false };
    !is_vowel(*a) && is_vowel(*b) && !is_vowel(*c) && !matches!(c, b'w' | b'x' | b'y')
}

/// The number of vowel–consonant sequences.
fn measure(word: &str) -> usize {
    word.as_bytes().windows(2).filter(|pair| is_vowel(pair[0]) && !is_vowel(pair[1])).count()
}

fn has_vowel(word: &str) -> bool {
    word.bytes().any(is_vowel) || word.contains('y')
}

fn is_vowel(byte: u8) -> bool {
    matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expect: &[&str]) {
        let found: Vec<_> = words(input).iter().map(|w| &input[w.start..w.end]).collect();
        assert_eq!(found, expect, "{input:?}");
    }

    #[test]
    fn words_and_numbers() {
        check("", &[]);
        check("出金", &[]);
        check("btcを出金", &["btc"]);
        check("1,000円と1.5btc", &["1,000", "1.5", "btc"]);
        check("1,000btc 1.5k", &["1,000", "btc", "1.5", "k"]);
        check("10btc 100usdt 5kg", &["10", "btc", "100", "usdt", "5", "kg"]);
        check("2fa web3 erc20 5g", &["2fa", "web3", "erc20", "5g"]);
        check("0x1f98abc bc1qxy2k", &["0x1f98abc", "bc1qxy2k"]);
        check("e-mail don't two-factor", &["e-mail", "don't", "two", "factor"]);
        check("2024.1.15", &["2024", "1.15"]);
        check("1,2,3", &["1", "2", "3"]);
        check("1000,000", &["1000", "000"]);
        check("café", &["café"]);
        check("a' b- 1. 2,", &["a", "b", "1", "2"]);
    }

    #[test]
    fn english_endings() {
        for (word, expect) in [
            ("withdrawals", "withdrawal"),
            ("withdrawal", "withdrawal"),
            ("currencies", "currency"),
            ("verified", "verify"),
            ("verifying", "verify"),
            ("trading", "trade"),
            ("trade", "trade"),
            ("traded", "trade"),
            ("deposited", "deposit"),
            ("depositing", "deposit"),
            ("cancelled", "cancel"),
            ("stopped", "stop"),
            ("selling", "sell"),
            ("addresses", "address"),
            ("taxes", "tax"),
            ("fees", "fee"),
            ("need", "need"),
            ("status", "status"),
            ("btc", "btc"),
            ("gas", "gas"),
            ("string", "string"),
            ("e-mail", "email"),
            ("user's", "user"),
        ] {
            assert_eq!(term(word, false), expect, "{word}");
        }
        assert_eq!(term("1,000", true), "1000");
    }

    #[test]
    fn stop_words_are_found() {
        assert!(is_stop_word("the") && is_stop_word("your") && is_stop_word("a") && is_stop_word("i'm"));
        assert!(!is_stop_word("fee"));
    }
}
