//! What personal data and secrets look like, on folded text. A pattern proposes; its check, which sees the neighbouring
//! text, disposes. Order matters: of two findings that overlap the first one listed wins.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::Kind;

/// A candidate with its surroundings.
struct Found<'a> {
    text: &'a str,
    before: &'a str,
    after: &'a str,
}

type Check = fn(&Found<'_>) -> bool;

struct Pattern {
    kind: Kind,
    regex: Regex,
    check: Check,
}

/// Everything in `text`, in order of precedence; ranges may overlap.
pub(super) fn find(text: &str) -> Vec<(Range<usize>, Kind)> {
    let mut all = Vec::new();
    for pattern in PATTERNS.iter() {
        for captures in pattern.regex.captures_iter(text) {
            // The part in parentheses is what is masked; the rest is its context.
            let Some(part) = captures.get(1).or_else(|| captures.get(0)) else { continue };
            let found =
                Found { text: part.as_str(), before: &text[..part.start()], after: &text[part.end()..] };
            if (pattern.check)(&found) {
                all.push((part.range(), pattern.kind));
            }
        }
    }
    all
}

static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    const BASE58: &str = "[1-9A-HJ-NP-Za-km-z]";
    let table: Vec<(Kind, String, Check)> = vec![
        (
            Kind::PrivateKey,
            r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)".into(),
            anything,
        ),
        (Kind::PrivateKey, format!(r"[xyzt]prv{BASE58}{{50,}}"), stands_alone),
        (Kind::PrivateKey, format!(r"[5KLc9]{BASE58}{{50,51}}"), is_random),
        (Kind::PrivateKey, format!(r"s{BASE58}{{28}}"), is_random),
        (Kind::PrivateKey, r"(?:0x)?[0-9a-fA-F]{64}".into(), is_called_a_key),
        (Kind::KeyOrTransaction, r"(?:0x)?[0-9a-fA-F]{64}".into(), is_not_called_a_transaction),
        (Kind::SeedPhrase, r"[a-z]{3,8}(?:[\s,、・;/|0-9.):]+[a-z]{3,8}){11,}".into(), are_not_a_sentence),
        (Kind::SeedPhrase, r"[ぁ-ん]{2,8}(?:[\s,、]+[ぁ-ん]{2,8}){11,}".into(), anything),
        (Kind::Password, format!("{SECRET_NAMES}{SAYS}([!-~]{{4,64}})"), has_a_digit),
        (Kind::Email, r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+".into(), anything),
        (Kind::MyNumber, format!("{MY_NUMBER}[^0-9]{{0,20}}([0-9](?:[ -]?[0-9]){{11}})"), no_digit_around),
        (Kind::MyNumber, format!("([0-9](?:[ -]?[0-9]){{11}})[^0-9]{{0,10}}{MY_NUMBER}"), no_digit_around),
        (Kind::Card, r"[2-6][0-9]*(?:[ -]?[0-9]){12,18}".into(), is_card),
        (Kind::CryptoAddress, r"0x[0-9a-fA-F]{40}".into(), stands_alone),
        (Kind::CryptoAddress, r"(?i)(?:bc1|tb1|ltc1)[02-9ac-hj-np-z]{8,87}".into(), stands_alone),
        (Kind::CryptoAddress, format!(r"[13LMDTr]{BASE58}{{24,34}}"), is_random),
        (Kind::BankAccount, r"(?:口座|普通|当座|貯蓄|記号)[^0-9\n]{0,15}([0-9]{5,8})".into(), is_no_amount),
        (Kind::BankAccount, r"(?i)account (?:number|no)[^0-9\n]{0,10}([0-9]{6,10})".into(), is_no_amount),
        (
            Kind::Phone,
            r"(?:\+81[ -]?(?:\(0\))?|\(?0)[0-9]{1,4}[ )(-]{0,2}[0-9]{1,4}[ )(-]{0,2}[0-9]{3,4}".into(),
            is_phone,
        ),
        (Kind::Phone, r"\+[0-9]{1,3}[ -]?[0-9]{1,4}(?:[ -]?[0-9]{2,4}){2,4}".into(), is_phone_abroad),
        (Kind::PostalCode, r"〒 ?[0-9]{3}-?[0-9]{4}".into(), no_digit_around),
        (Kind::PostalCode, r"[0-9]{3}-[0-9]{4}".into(), is_postal_code),
    ];
    let pattern = |(kind, regex, check): (Kind, String, Check)| Pattern {
        kind,
        regex: Regex::new(&regex).expect("fixed patterns, covered by tests"),
        check,
    };
    table.into_iter().map(pattern).collect()
});

const MY_NUMBER: &str = r"(?i:マイナンバー|個人番号|my ?number)";

const SECRET_NAMES: &str = r"(?i:パスワード|ぱすわーど|パスコード|暗証番号|認証コード|認証番号|確認コード|ワンタイムコード|password|passcode|pin ?code)";

const SAYS: &str = r#"(?i:\s*(?:は|が|:|=|→| is )+\s*[「『"(]?)"#;

/// Words of sentences that no word list of wallets contains.
const SENTENCE_WORDS: [&str; 28] = [
    "the", "and", "for", "are", "was", "were", "how", "why", "your", "from", "has", "had", "did", "does",
    "but", "with", "which", "who", "would", "could", "should", "please", "there", "their", "they", "been",
    "not", "because",
];

fn anything(_: &Found<'_>) -> bool {
    true
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

fn stands_alone(found: &Found<'_>) -> bool {
    !found.before.ends_with(is_word) && !found.after.starts_with(is_word)
}

fn no_digit_around(found: &Found<'_>) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    !found.before.ends_with(is_digit) && !found.after.starts_with(is_digit)
}

/// Stands alone and mixes digits with both cases, as random base-58 text does and words do not.
fn is_random(found: &Found<'_>) -> bool {
    stands_alone(found)
        && found.text.contains(|c: char| c.is_ascii_digit())
        && found.text.contains(|c: char| c.is_ascii_uppercase())
        && found.text.contains(|c: char| c.is_ascii_lowercase())
}

/// The last `count` characters before and the first ones after, in lower case.
fn around(found: &Found<'_>, count: usize) -> String {
    let start = found.before.char_indices().rev().nth(count.saturating_sub(1)).map_or(0, |(at, _)| at);
    let after: String = found.after.chars().take(count).collect();
    format!("{} {after}", &found.before[start..]).to_lowercase()
}

fn is_called_a_key(found: &Found<'_>) -> bool {
    let around = around(found, 20);
    stands_alone(found)
        && ["秘密鍵", "ひみつ鍵", "プライベートキー", "private", "secret", "シークレット"]
            .iter()
            .any(|word| around.contains(word))
}

fn is_not_called_a_transaction(found: &Found<'_>) -> bool {
    let around = around(found, 20);
    stands_alone(found)
        && !["tx", "トランザクション", "ハッシュ", "hash", "取引id", "送金id"]
            .iter()
            .any(|word| around.contains(word))
}

fn are_not_a_sentence(found: &Found<'_>) -> bool {
    let words = found.text.split(|c: char| !c.is_ascii_lowercase()).filter(|word| !word.is_empty());
    stands_alone(found) && words.filter(|word| SENTENCE_WORDS.contains(word)).count() < 2
}

fn has_a_digit(found: &Found<'_>) -> bool {
    found.text.contains(|c: char| c.is_ascii_digit())
}

fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(10)).collect()
}

fn is_card(found: &Found<'_>) -> bool {
    let digits = digits(found.text);
    stands_alone(found) && (13..=19).contains(&digits.len()) && passes_luhn(&digits)
}

fn passes_luhn(digits: &[u32]) -> bool {
    let doubled = |(at, digit): (usize, &u32)| match at % 2 {
        0 => *digit,
        _ if *digit > 4 => digit * 2 - 9,
        _ => digit * 2,
    };
    digits.iter().rev().enumerate().map(doubled).sum::<u32>() % 10 == 0
}

/// Whether the number is not followed by what makes it an amount.
fn is_no_amount(found: &Found<'_>) -> bool {
    let after = found.after.trim_start();
    no_digit_around(found)
        && !["円", "万", "億", "ドル", "jpy", "JPY", "yen", "%", "枚", "個", ",", "."]
            .iter()
            .any(|unit| after.starts_with(unit))
}

fn is_phone(found: &Found<'_>) -> bool {
    let count = digits(found.text).len();
    let is_part_of_number =
        |text: &str| text.ends_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | ','));
    stands_alone(found)
        && !is_part_of_number(found.before)
        && if found.text.starts_with('+') { (11..=13).contains(&count) } else { (10..=11).contains(&count) }
}

fn is_phone_abroad(found: &Found<'_>) -> bool {
    stands_alone(found) && (8..=15).contains(&digits(found.text).len())
}

fn is_postal_code(found: &Found<'_>) -> bool {
    stands_alone(found) && !found.before.ends_with(['-', '.', ',']) && !found.after.starts_with('-')
}
