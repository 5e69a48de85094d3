//! Japanese perturbations: the same question as another customer would type it. Each kind changes one thing, is
//! deterministic for a seed, and returns nothing where it does not apply. Owns the kinds; word tables are in
//! `variants`.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use super::statistics::{below, stream};
use super::variants::{CASUAL, FILLERS, HOMOPHONES, HONORIFIC, OKURIGANA};
use crate::text::Analyzer;

/// A word as written. The words of a text, joined, are the text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// As written.
    pub surface: String,
    /// How this very form is read, in katakana; empty where not known.
    pub reading: String,
    /// Part of speech, first and second level.
    pub pos: String,
}

/// Splits a text into words with readings.
pub trait Readings: Sync {
    /// The words of `text`, which joined are the text as the engine normalises it.
    fn words(&self, text: &str) -> Vec<Word>;
}

impl Readings for Analyzer {
    fn words(&self, text: &str) -> Vec<Word> {
        let analysis = self.analyze(text);
        let (mut words, mut end) = (Vec::new(), 0);
        let plain = |text: &str| Word { surface: text.to_owned(), ..Word::default() };
        for token in &analysis.tokens {
            if token.start < end {
                continue;
            }
            if token.start > end {
                words.push(plain(&analysis.normalized[end..token.start]));
            }
            words.push(Word {
                surface: token.surface.clone(),
                reading: form_reading(
                    &token.surface,
                    &token.term,
                    &token.reading,
                    token.pos.starts_with("名詞"),
                )
                .unwrap_or_default(),
                pos: token.pos.clone(),
            });
            end = token.end;
        }
        if end < analysis.normalized.len() {
            words.push(plain(&analysis.normalized[end..]));
        }
        words
    }
}

/// How the form `surface` is read, given how its lemma `term` is: 書い of 書く (カク) is カイ. Nouns do not inflect, so theirs
/// is the lemma's however that is spelled. `None` when lemma and form do not match kanji for kanji.
fn form_reading(surface: &str, term: &str, reading: &str, is_noun: bool) -> Option<String> {
    let (stem, ending) = split_ending(surface);
    let (term_stem, term_ending) = split_ending(term);
    if reading.is_empty() || stem.is_empty() {
        return None;
    }
    if is_noun {
        return Some(reading.to_owned());
    }
    if stem != term_stem {
        return None;
    }
    Some(reading.strip_suffix(&to_katakana(term_ending))?.to_owned() + &to_katakana(ending))
}

/// A word without and with its trailing hiragana.
fn split_ending(word: &str) -> (&str, &str) {
    let stem = word.trim_end_matches(is_hiragana);
    (stem, &word[stem.len()..])
}

fn is_hiragana(c: char) -> bool {
    matches!(c, 'ぁ'..='ゖ')
}

fn is_katakana(c: char) -> bool {
    matches!(c, 'ァ'..='ヶ' | 'ー')
}

fn is_kanji(c: char) -> bool {
    matches!(c, '一'..='鿿' | '㐀'..='䶿' | '々')
}

fn shifted(text: &str, from: std::ops::RangeInclusive<char>, by: i32) -> String {
    let shift = |c: char| {
        let moved = u32::from(c).checked_add_signed(by).and_then(char::from_u32);
        if from.contains(&c) { moved.unwrap_or(c) } else { c }
    };
    text.chars().map(shift).collect()
}

fn to_katakana(text: &str) -> String {
    shifted(text, 'ぁ'..='ゖ', 0x60)
}

fn to_hiragana(text: &str) -> String {
    shifted(text, 'ァ'..='ヶ', -0x60)
}

/// A way to ask the same differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Perturbation {
    /// Kana for kanji: 手数料 → てすうりょう.
    Kana,
    /// Half-width katakana: サポート → ｻﾎﾟｰﾄ.
    HalfwidthKana,
    /// Full-width digits and Latin letters: BTC → ＢＴＣ.
    Fullwidth,
    /// Case and topic particles left out: 口座を開設 → 口座開設.
    DroppedParticles,
    /// Two neighbouring kana exchanged: ログイン → ログンイ.
    TransposedKana,
    /// A word of the same reading picked by mistake: 口座 → 講座.
    WrongConversion,
    /// Casual endings: できますか → できる？; not where the text is casual already, or not Japanese.
    Casual,
    /// Honorific endings: できますか → できますでしょうか.
    Honorific,
    /// Speech fillers in Japanese texts: えーと、…
    Fillers,
    /// Other okurigana: 申し込み → 申込.
    Okurigana,
}

impl Perturbation {
    /// All kinds, in a fixed order.
    pub const ALL: [Self; 10] = [
        Self::Kana,
        Self::HalfwidthKana,
        Self::Fullwidth,
        Self::DroppedParticles,
        Self::TransposedKana,
        Self::WrongConversion,
        Self::Casual,
        Self::Honorific,
        Self::Fillers,
        Self::Okurigana,
    ];

    /// Stable snake-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kana => "kana",
            Self::HalfwidthKana => "halfwidth_kana",
            Self::Fullwidth => "fullwidth",
            Self::DroppedParticles => "dropped_particles",
            Self::TransposedKana => "transposed_kana",
            Self::WrongConversion => "wrong_conversion",
            Self::Casual => "casual",
            Self::Honorific => "honorific",
            Self::Fillers => "fillers",
            Self::Okurigana => "okurigana",
        }
    }
}

/// Perturbs texts.
pub struct Perturber<'a> {
    readings: &'a dyn Readings,
    seed: u64,
    /// Nouns of the desk by reading, where several share one.
    homophones: BTreeMap<String, Vec<String>>,
}

impl<'a> Perturber<'a> {
    /// `corpus`: texts of the desk, from which words of the same reading are learned.
    pub fn new<'t>(readings: &'a dyn Readings, seed: u64, corpus: impl IntoIterator<Item = &'t str>) -> Self {
        let mut homophones: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for word in corpus.into_iter().flat_map(|text| readings.words(text)) {
            let long_kanji = word.surface.chars().count() >= 2 && word.surface.chars().all(is_kanji);
            if long_kanji && word.pos.starts_with("名詞") && !word.reading.is_empty() {
                let same = homophones.entry(word.reading).or_default();
                if !same.contains(&word.surface) {
                    same.push(word.surface);
                }
            }
        }
        homophones.retain(|_, same| {
            same.sort();
            same.len() > 1
        });
        Self { readings, seed, homophones }
    }

    /// `text` with one kind of change; `None` where the kind does not apply to it.
    pub fn apply(&self, kind: Perturbation, text: &str) -> Option<String> {
        let mut random = self.random(kind, text);
        let changed = match kind {
            Perturbation::Kana => self.kana(text),
            Perturbation::HalfwidthKana => halfwidth(text),
            Perturbation::Fullwidth => fullwidth(text),
            Perturbation::DroppedParticles => self.without_particles(text),
            Perturbation::TransposedKana => transposed(text, &mut random)?,
            Perturbation::WrongConversion => self.wrong_conversion(text, &mut random)?,
            Perturbation::Casual => with_ending(text, CASUAL, "", "のことなんだけど")?,
            Perturbation::Honorific => {
                with_ending(text, HONORIFIC, "恐れ入りますが、", "の件でお伺いしたく存じます")?
            }
            Perturbation::Fillers => with_fillers(text, &mut random)?,
            Perturbation::Okurigana => okurigana(text, &mut random)?,
        };
        let is_new = changed != text && !changed.trim().is_empty();
        is_new.then_some(changed)
    }

    fn random(&self, kind: Perturbation, text: &str) -> ChaCha8Rng {
        let digest = Sha256::digest(format!("{}\n{text}", kind.name()));
        stream(self.seed, digest.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn kana(&self, text: &str) -> String {
        let words = self.readings.words(text);
        if !words.iter().any(|word| !word.reading.is_empty() && word.surface.contains(is_kanji)) {
            return text.to_owned();
        }
        let kana = |word: &Word| {
            let has_kanji = word.surface.contains(is_kanji) && !word.reading.is_empty();
            if has_kanji { to_hiragana(&word.reading) } else { word.surface.clone() }
        };
        words.iter().map(kana).collect()
    }

    fn without_particles(&self, text: &str) -> String {
        let words = self.readings.words(text);
        let drops = |word: &Word| {
            let is_kind = word.pos.starts_with("助詞-格助詞") || word.pos.starts_with("助詞-係助詞");
            is_kind && matches!(word.surface.as_str(), "は" | "が" | "を" | "に" | "も" | "へ")
        };
        if !words.iter().any(drops) {
            return text.to_owned();
        }
        words.iter().filter(|word| !drops(word)).map(|word| word.surface.as_str()).collect()
    }

    fn wrong_conversion(&self, text: &str, random: &mut ChaCha8Rng) -> Option<String> {
        let mut choices: Vec<(String, String)> = Vec::new();
        let mut offer = |from: &str, group: &mut dyn Iterator<Item = &str>| {
            choices.extend(group.filter(|to| *to != from).map(|to| (from.to_owned(), to.to_owned())));
        };
        for group in HOMOPHONES {
            for member in group.iter().filter(|member| text.contains(**member)) {
                offer(member, &mut group.iter().copied());
            }
        }
        for word in self.readings.words(text) {
            if let Some(same) = self.homophones.get(&word.reading).filter(|same| same.contains(&word.surface))
            {
                offer(&word.surface, &mut same.iter().map(String::as_str));
            }
        }
        let (from, to) = choices.get(below(random, choices.len().max(1)))?;
        Some(text.replacen(from, to, 1))
    }
}

fn halfwidth(text: &str) -> String {
    let mut narrow = BTreeMap::new();
    for base in '\u{ff61}'..='\u{ff9d}' {
        for mark in ["", "\u{ff9e}", "\u{ff9f}"] {
            let written = format!("{base}{mark}");
            let mut wide = written.nfkc();
            if let (Some(wide), None) = (wide.next(), wide.next()) {
                narrow.insert(wide, written);
            }
        }
    }
    let has_katakana = text.chars().any(|c| is_katakana(c) && narrow.contains_key(&c));
    if !has_katakana {
        return text.to_owned();
    }
    text.chars().map(|c| narrow.get(&c).cloned().unwrap_or_else(|| c.to_string())).collect()
}

fn fullwidth(text: &str) -> String {
    let widen = |c: char| match c {
        '0'..='9' | 'A'..='Z' | 'a'..='z' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        c => c,
    };
    text.chars().map(widen).collect()
}

/// Exchanges two neighbouring kana of one script; never the first of a run, which people rarely get wrong.
fn transposed(text: &str, random: &mut ChaCha8Rng) -> Option<String> {
    let mut chars: Vec<char> = text.chars().collect();
    let is_kana = |same: fn(char) -> bool, at: usize| chars.get(at).copied().is_some_and(same);
    let places: Vec<usize> = (1..chars.len())
        .filter(|&at| {
            let run = [is_hiragana as fn(char) -> bool, is_katakana]
                .into_iter()
                .any(|same| is_kana(same, at - 1) && is_kana(same, at) && is_kana(same, at + 1));
            run && chars[at] != chars[at + 1]
        })
        .collect();
    let at = *places.get(below(random, places.len().max(1)))?;
    chars.swap(at, at + 1);
    Some(chars.into_iter().collect())
}

fn is_japanese(c: char) -> bool {
    is_hiragana(c) || is_katakana(c) || is_kanji(c)
}

/// Replaces the ending that a rule knows, and puts `before` in front; a text that ends in a noun gets `after_noun`. `None`
/// for other texts: what is already casual, and what is not Japanese.
fn with_ending(text: &str, rules: &[(&str, &str)], before: &str, after_noun: &str) -> Option<String> {
    let body = text.trim_end_matches(['。', '？', '?', '！', '!', '．', ' ', '　']);
    if !body.contains(is_japanese) {
        return None;
    }
    for (from, to) in rules {
        if let Some(stem) = body.strip_suffix(from) {
            return Some(format!("{before}{stem}{to}"));
        }
    }
    let ends_in_noun = body.ends_with(|c: char| is_kanji(c) || is_katakana(c) || c.is_ascii_alphanumeric());
    ends_in_noun.then(|| format!("{before}{body}{after_noun}"))
}

fn with_fillers(text: &str, random: &mut ChaCha8Rng) -> Option<String> {
    if !text.contains(is_japanese) {
        return None;
    }
    let first = FILLERS[below(random, FILLERS.len())];
    // A second one after the first comma or topic particle, where speakers pause.
    let pause = text
        .char_indices()
        .find(|(at, c)| *at > 0 && matches!(c, '、' | 'は'))
        .map(|(at, c)| at + c.len_utf8());
    Some(match pause.filter(|at| *at < text.len()) {
        Some(at) => format!("{first}{}えっと、{}", &text[..at], &text[at..]),
        None => format!("{first}{text}"),
    })
}

fn okurigana(text: &str, random: &mut ChaCha8Rng) -> Option<String> {
    // The longest spelling of a group that the text has, so that 申込 is not found inside 申込み.
    let found = |group: &&[&'static str]| {
        let present = group.iter().copied().filter(|spelling| place_of_noun(text, spelling).is_some());
        present.max_by_key(|spelling| spelling.len())
    };
    let choices: Vec<(&str, &str)> = OKURIGANA
        .iter()
        .filter_map(|group| Some((group, found(group)?)))
        .flat_map(|(group, from)| group.iter().filter(move |to| **to != from).map(move |to| (from, *to)))
        .collect();
    let (from, to) = choices.get(below(random, choices.len().max(1)))?;
    let at = place_of_noun(text, from)?;
    Some(format!("{}{to}{}", &text[..at], &text[at + from.len()..]))
}

/// Where `spelling` is in `text` without going on as a verb: 引越し of 引越しの, not of 引越して.
fn place_of_noun(text: &str, spelling: &str) -> Option<usize> {
    let goes_on = |at: &usize| {
        text[at + spelling.len()..].starts_with(['て', 'た', 'ま', 'な', 'ず', 'よ', 'ら', 'れ'])
    };
    text.match_indices(spelling).map(|(at, _)| at).find(|at| !goes_on(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Knows five words; everything else is one character without a reading.
    struct Few;

    const FEW: [(&str, &str, &str); 6] = [
        ("手数料", "テスウリョウ", "名詞-普通名詞"),
        ("口座", "コウザ", "名詞-普通名詞"),
        ("高座", "コウザ", "名詞-普通名詞"),
        ("書い", "カイ", "動詞-一般"),
        ("を", "ヲ", "助詞-格助詞"),
        ("は", "ハ", "助詞-係助詞"),
    ];

    impl Readings for Few {
        fn words(&self, text: &str) -> Vec<Word> {
            let (mut words, mut rest) = (Vec::new(), text);
            while let Some(first) = rest.chars().next() {
                let known = FEW.iter().find(|(surface, ..)| rest.starts_with(surface));
                let (surface, reading, pos) = known.copied().unwrap_or((&rest[..first.len_utf8()], "", ""));
                words.push(Word { surface: surface.into(), reading: reading.into(), pos: pos.into() });
                rest = &rest[surface.len()..];
            }
            words
        }
    }

    fn applied(kind: Perturbation, text: &str) -> Option<String> {
        Perturber::new(&Few, 1, ["口座と高座"]).apply(kind, text)
    }

    #[test]
    fn each_kind_changes_what_it_says() {
        let cases = [
            (Perturbation::Kana, "手数料を書いて", Some("てすうりょうをかいて")),
            (Perturbation::Kana, "BTC", None),
            (Perturbation::HalfwidthKana, "ログインパス", Some("ﾛｸﾞｲﾝﾊﾟｽ")),
            (Perturbation::HalfwidthKana, "手数料、", None),
            (Perturbation::Fullwidth, "BTCを10枚", Some("ＢＴＣを１０枚")),
            (Perturbation::DroppedParticles, "口座は手数料を", Some("口座手数料")),
            (Perturbation::TransposedKana, "ログン", Some("ロング")),
            (Perturbation::TransposedKana, "口座を", None),
            (Perturbation::Casual, "出金できますか？", Some("出金できる？")),
            (Perturbation::Casual, "確定申告", Some("確定申告のことなんだけど")),
            (Perturbation::Casual, "いつ反映されんの", None),
            (Perturbation::Casual, "Can I withdraw?", None),
            (
                Perturbation::Honorific,
                "届きません",
                Some("恐れ入りますが、届きませんので、ご確認いただけますでしょうか"),
            ),
            (Perturbation::Honorific, "BTC", None),
            (Perturbation::Fillers, "Can I withdraw?", None),
            (Perturbation::Honorific, "出金できますか", Some("恐れ入りますが、出金できますでしょうか")),
            (Perturbation::Okurigana, "行なう", Some("行う")),
            (Perturbation::Okurigana, "行なって", None),
            (Perturbation::Okurigana, "引っ越してきた", None),
            (Perturbation::WrongConversion, "BTC", None),
        ];
        for (kind, text, expected) in cases {
            assert_eq!(applied(kind, text).as_deref(), expected, "{kind:?} of {text}");
        }
        let wrong = applied(Perturbation::WrongConversion, "口座").expect("has homophones");
        assert!(["講座", "高座"].contains(&wrong.as_str()), "{wrong}");
        assert!(
            applied(Perturbation::Fillers, "手数料はいくら")
                .is_some_and(|text| text.contains("はえっと、いくら"))
        );
    }

    #[test]
    fn a_form_is_read_by_its_lemma() {
        assert_eq!(form_reading("書い", "書く", "カク", false).as_deref(), Some("カイ"));
        assert_eq!(form_reading("尼崎", "アマガサキ", "アマガサキ", true).as_deref(), Some("アマガサキ"));
        assert_eq!(form_reading("申込", "申し込み", "モウシコミ", true).as_deref(), Some("モウシコミ"));
        assert_eq!(form_reading("見つかる", "見付かる", "ミツカル", false), None);
        assert_eq!(form_reading("ます", "ます", "マス", false), None);
    }

    proptest! {
        #[test]
        fn any_text_is_perturbed_the_same_way_twice(text in "[手数料口座をはログイン申し込みますかABC019、。？ ]{0,30}", seed in any::<u64>()) {
            for kind in Perturbation::ALL {
                let once = Perturber::new(&Few, seed, []).apply(kind, &text);
                prop_assert_eq!(&once, &Perturber::new(&Few, seed, []).apply(kind, &text));
                prop_assert!(once.is_none_or(|changed| changed != text && !changed.trim().is_empty()));
            }
        }
    }
}
