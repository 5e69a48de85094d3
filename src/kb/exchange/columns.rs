//! Columns: the fields a row may fill, under the names people give them, and which column fills which field.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sheet::{Table, simplified};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "named after the entry's fields")]
pub enum Field {
    Id,
    ExternalId,
    Category1,
    Category2,
    Category3,
    Question,
    Phrasings,
    Answer,
    Keywords,
    Language,
    Status,
    ValidFrom,
    ValidUntil,
    ReviewBy,
    Owner,
    Audience,
    AnswerClass,
    Related,
    FollowUps,
    Sources,
    Revision,
    Reviewed,
    TranslationOf,
}

/// Field, name in Japanese, name in English, and other names it goes by.
type Names = (Field, &'static str, &'static str, &'static [&'static str]);

/// The native sheet's columns in order. The last two hold what REQUIREMENTS.md's list leaves out, so that nothing is lost.
const COLUMNS: [Names; 23] = [
    (Field::Id, "ID", "ID", &["entry id", "エントリーID", "項目ID"]),
    (Field::ExternalId, "外部ID", "External ID", &["外部キー", "key", "QnaId", "article id", "管理番号"]),
    (
        Field::Category1,
        "カテゴリ1",
        "Category 1",
        &["カテゴリ", "カテゴリー", "大分類", "分類", "category", "section"],
    ),
    (Field::Category2, "カテゴリ2", "Category 2", &["カテゴリー2", "中分類", "subcategory"]),
    (Field::Category3, "カテゴリ3", "Category 3", &["カテゴリー3", "小分類"]),
    (
        Field::Question,
        "質問",
        "Question",
        &["問い", "お問い合わせ", "title", "タイトル", "件名", "Q", "設問"],
    ),
    (
        Field::Phrasings,
        "類似質問(1行1件)",
        "Phrasings (one per line)",
        &["類似質問", "言い換え", "phrasings", "alternative questions", "SuggestedQuestions", "別の聞き方"],
    ),
    (
        Field::Answer,
        "回答(Markdown)",
        "Answer (Markdown)",
        &["回答", "answer", "答え", "本文", "body", "A", "text"],
    ),
    (Field::Keywords, "キーワード", "Keywords", &["検索語", "labels", "label_names", "タグ", "tags"]),
    (Field::Language, "言語", "Language", &["locale", "lang"]),
    (Field::Status, "状態", "Status", &["ステータス", "公開状態"]),
    (Field::ValidFrom, "公開開始", "Valid from", &["公開開始日", "掲載開始", "掲載開始日"]),
    (Field::ValidUntil, "公開終了", "Valid until", &["公開終了日", "掲載終了", "掲載終了日"]),
    (Field::ReviewBy, "次回見直し日", "Review by", &["見直し日", "見直し期限", "next review"]),
    (Field::Owner, "担当者", "Owner", &["担当", "担当部署", "担当チーム"]),
    (Field::Audience, "対象", "Audience", &["対象者"]),
    (Field::AnswerClass, "回答区分", "Answer class", &["回答区分(一般/手続/規制/緊急)", "区分"]),
    (Field::Related, "関連FAQ", "Related", &["関連", "関連質問"]),
    (Field::FollowUps, "誘導先", "Follow-ups", &["followups", "次の質問"]),
    (Field::Sources, "出典URL", "Sources", &["出典", "参照URL", "source", "url", "html_url"]),
    (Field::Revision, "版", "Revision", &["改訂", "version"]),
    (Field::Reviewed, "前回見直し日", "Reviewed", &["最終確認日", "last reviewed"]),
    (Field::TranslationOf, "翻訳元", "Translation of", &["翻訳元ID"]),
];

impl Field {
    /// All fields, in the order of the native sheet.
    pub fn all() -> impl Iterator<Item = Self> {
        COLUMNS.iter().map(|(field, ..)| *field)
    }

    /// The column's name in the native sheet.
    pub fn header(self, english: bool) -> &'static str {
        let (_, ja, en, _) = self.names();
        if english { en } else { ja }
    }

    /// Stable snake-case name, the same as its serialised form.
    pub fn name(self) -> String {
        let english = self.header(true);
        match self {
            Self::Phrasings => "phrasings".to_owned(),
            Self::Answer => "answer".to_owned(),
            Self::FollowUps => "follow_ups".to_owned(),
            Self::Category1 => "category1".to_owned(),
            Self::Category2 => "category2".to_owned(),
            Self::Category3 => "category3".to_owned(),
            _ => english.to_lowercase().replace([' ', '-'], "_"),
        }
    }

    /// The field called `name` in [`Field::name`]'s way.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|field| field.name() == name)
    }

    fn names(self) -> &'static Names {
        COLUMNS.iter().find(|(field, ..)| *field == self).expect("every field is a column")
    }
}

/// Which column fills which field: positions in the table's header.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Mapping(pub BTreeMap<Field, usize>);

impl Mapping {
    /// The mapping that the header's names suggest: for each field the first column with one of its names.
    pub fn guess(table: &Table) -> Self {
        let simple: Vec<String> = table.header.iter().map(|name| simplified(name)).collect();
        let mut mapping = BTreeMap::new();
        for (field, ja, en, others) in &COLUMNS {
            let names = [*ja, *en].into_iter().chain(others.iter().copied());
            let column = names
                .map(simplified)
                .find_map(|name| simple.iter().position(|header| *header == name && !header.is_empty()));
            if let Some(column) = column.filter(|column| !mapping.values().any(|taken| taken == column)) {
                mapping.insert(*field, column);
            }
        }
        Self(mapping)
    }

    /// Whether rows can be read with it: question and answer have a column.
    pub fn is_complete(&self) -> bool {
        [Field::Question, Field::Answer].iter().all(|field| self.0.contains_key(field))
    }

    /// The cell of `field` in a row, without surrounding white space; empty where no column fills it.
    pub fn cell<'a>(&self, cells: &'a [String], field: Field) -> &'a str {
        self.0.get(&field).and_then(|&column| cells.get(column)).map_or("", |cell| cell.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(header: &str) -> Table {
        Table { header: header.split(',').map(str::to_owned).collect(), ..Table::default() }
    }

    #[test]
    fn headers_are_recognised_in_japanese_and_english_whatever_their_width() {
        let guess = |header: &str| Mapping::guess(&table(header)).0;
        let japanese = guess("ＩＤ,外部ID,カテゴリ１,質問,類似質問（1行1件）,回答（Markdown）,対象,見直し日");
        assert_eq!(japanese[&Field::Answer], 5);
        assert_eq!(japanese[&Field::Phrasings], 4);
        assert_eq!((japanese[&Field::Category1], japanese[&Field::ReviewBy]), (2, 7));
        let english = guess("question,answer,Category,tags,valid-from");
        assert_eq!((english[&Field::Question], english[&Field::ValidFrom]), (0, 4));
        assert!(!Mapping::guess(&table("a,b")).is_complete());
    }

    #[test]
    fn every_field_has_a_name_of_its_own_that_leads_back() {
        for field in Field::all() {
            assert_eq!(Field::from_name(&field.name()), Some(field));
            assert_eq!(serde_json::to_value(field).expect("plain"), serde_json::json!(field.name()));
        }
    }
}
