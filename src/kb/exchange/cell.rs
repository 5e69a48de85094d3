//! One cell: lists and values as text, and text that a spreadsheet must not take for a formula.

use jiff::civil::Date;
use unicode_normalization::UnicodeNormalization;

use crate::kb::{AnswerClass, Audience, Language, Status};

/// What makes a spreadsheet (or one that normalises width first) calculate.
const TRIGGERS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// `text` with an apostrophe before what a spreadsheet would run as a formula; [`restore`] takes it off again.
pub(super) fn neutralise(text: &str) -> String {
    if is_formula(text) { format!("'{text}") } else { text.to_owned() }
}

/// The text that [`neutralise`] was given.
pub(super) fn restore(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if is_formula(rest) => rest,
        _ => cell,
    }
}

/// Apostrophes and then a trigger: those already escaped count, so that escaping twice can be undone twice.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(TRIGGERS)
}

/// A list, one item per line. A lone item that holds a separator gets a line end, so that [`split`] leaves it whole.
pub(super) fn join(items: &[String]) -> String {
    match items {
        [one] if one.contains(SEPARATORS) => format!("{one}\n"),
        _ => items.join("\n"),
    }
}

const SEPARATORS: [char; 6] = [',', '、', '，', ';', '；', '|'];

/// The items of a list: one per line, or, in a cell of one line, separated by `,` `、` `;` or `|`.
pub(super) fn split(cell: &str) -> Vec<String> {
    let items: Vec<&str> =
        if cell.contains('\n') { cell.lines().collect() } else { cell.split(SEPARATORS).collect() };
    items.into_iter().map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// The items of a list whose items may hold any separator: one per line.
pub(super) fn split_lines(cell: &str) -> Vec<String> {
    cell.lines().map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// A value with a name in each language: the Japanese one, the English one and others that are read.
pub(super) trait Named: Copy + Sized + 'static {
    const NAMES: &'static [(Self, &'static str, &'static str, &'static [&'static str])];

    fn is(self, other: Self) -> bool;

    fn to_cell(self, english: bool) -> String {
        let found = Self::NAMES.iter().find(|(value, ..)| value.is(self));
        found.map_or(String::new(), |(_, ja, en, _)| (if english { *en } else { *ja }).to_owned())
    }

    fn from_cell(cell: &str) -> Option<Self> {
        let wanted: String = cell.nfkc().flat_map(char::to_lowercase).collect();
        let found = Self::NAMES
            .iter()
            .find(|(_, ja, en, others)| *ja == wanted || *en == wanted || others.contains(&wanted.as_str()));
        found.map(|(value, ..)| *value)
    }
}

impl Named for Status {
    const NAMES: &'static [(Self, &'static str, &'static str, &'static [&'static str])] = &[
        (Self::Draft, "下書き", "draft", &["非公開", "編集中", "unpublished"]),
        (
            Self::Review,
            "確認待ち",
            "review",
            &["レビュー待ち", "レビュー", "承認待ち", "確認中", "in review"],
        ),
        (Self::Published, "公開", "published", &["公開中", "公開済み", "public", "active"]),
        (Self::Archived, "保管", "archived", &["公開終了", "終了", "廃止", "アーカイブ"]),
    ];

    fn is(self, other: Self) -> bool {
        self == other
    }
}

impl Named for Language {
    const NAMES: &'static [(Self, &'static str, &'static str, &'static [&'static str])] = &[
        (Self::Ja, "日本語", "ja", &["ja-jp", "jp", "jpn", "japanese"]),
        (Self::En, "英語", "en", &["en-us", "en-gb", "eng", "english"]),
    ];

    fn is(self, other: Self) -> bool {
        self == other
    }
}

impl Named for Audience {
    const NAMES: &'static [(Self, &'static str, &'static str, &'static [&'static str])] = &[
        (Self::All, "すべて", "all", &["全員", "全て", "全体", "everybody", "everyone"]),
        (Self::Individual, "個人", "individual", &["個人のお客様", "個人のお客さま"]),
        (Self::Corporate, "法人", "corporate", &["法人のお客様", "法人のお客さま", "company"]),
    ];

    fn is(self, other: Self) -> bool {
        self == other
    }
}

impl Named for AnswerClass {
    const NAMES: &'static [(Self, &'static str, &'static str, &'static [&'static str])] = &[
        (Self::General, "一般", "general", &[]),
        (Self::Procedure, "手続", "procedure", &["手続き"]),
        (Self::Regulated, "規制", "regulated", &[]),
        (Self::Emergency, "緊急", "emergency", &[]),
    ];

    fn is(self, other: Self) -> bool {
        self == other
    }
}

/// A day as people write it: 2026-04-01, 2026/4/1, 2026.4.1, 2026年4月1日, 令和8年4月1日; a time behind it is dropped.
pub(super) fn parse_date(cell: &str) -> Option<Date> {
    let text: String = cell.nfkc().collect();
    let text = text.trim();
    let (text, era) = match text.strip_prefix("令和") {
        Some(rest) => (rest.replacen("元年", "1年", 1), 2018),
        None => (text.to_owned(), 0),
    };
    let text = text.split([' ', 'T']).next().unwrap_or_default();
    let mut numbers = text.split(['-', '/', '.', '年', '月', '日']).filter(|part| !part.is_empty());
    let mut next = || numbers.next()?.parse::<i16>().ok();
    let (year, month, day) = (next()?, next()?, next()?);
    if numbers.next().is_some() || (era == 0 && year < 1900) {
        return None;
    }
    Date::new(year.checked_add(era)?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_written_starts_a_formula() {
        for text in
            ["=1+1", "+81", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠a", "'=1", "''-"]
        {
            assert!(neutralise(text).starts_with('\''), "{text:?}");
        }
        for text in ["", "手数料", "'tis", "a=1", "440円-"] {
            assert_eq!(neutralise(text), text);
        }
    }

    #[test]
    fn days_are_read_as_people_write_them() {
        let day = Date::constant(2026, 4, 1);
        for text in [
            "2026-04-01",
            "2026/4/1",
            "２０２６／０４／０１",
            "2026.4.1",
            "2026年4月1日",
            "令和8年4月1日",
            "2026-04-01 09:00",
        ] {
            assert_eq!(parse_date(text), Some(day), "{text}");
        }
        for text in
            ["", "4/1", "2026-13-01", "2026-02-30", "26/4/1", "2026-04-01-1", "いつか", "令和99999年1月1日"]
        {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_neutralised_comes_back(text in "['=+@＝＋－＠\t\r-]{0,4}\\PC{0,6}") {
            let cell = neutralise(&text);
            prop_assert!(!cell.starts_with(TRIGGERS));
            prop_assert_eq!(restore(&cell), text.as_str());
        }

        #[test]
        fn lists_come_back(items in prop::collection::vec("[a-z、,;| ー手]{1,6}", 0..4)) {
            let items: Vec<String> =
                items.iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect();
            prop_assert_eq!(split(&join(&items)), items);
        }
    }
}
