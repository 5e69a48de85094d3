//! What the desk knows: entries, revisions, the vocabulary, rules and fixed wording, and the immutable [`Snapshot`]
//! an index is built from. Pure: no SQL, no clock, no index.

pub mod checks;
pub mod curate;
pub mod exchange;
pub mod files;
pub mod flaws;
pub mod gaps;
pub mod rules;
pub mod snapshot;

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use rules::{HandOffReason, Priority, Rule, RuleSet};
pub use snapshot::Snapshot;

/// Language of an entry or a wording. Entries exist per language; questions may be in any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Japanese.
    #[default]
    Ja,
    /// English.
    En,
}

impl Language {
    /// BCP 47 tag, `ja` or `en`.
    pub fn tag(self) -> &'static str {
        match self {
            Language::Ja => "ja",
            Language::En => "en",
        }
    }
}

/// Where an entry is in its life: draft → review → published → archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being written; never served.
    #[default]
    Draft,
    /// Waiting for a second person.
    Review,
    /// Served to customers.
    Published,
    /// Kept for history; never served.
    Archived,
}

impl Status {
    /// All, in the order of an entry's life.
    pub const ALL: [Status; 4] = [Status::Draft, Status::Review, Status::Published, Status::Archived];

    /// Stable name, as in entry files.
    pub fn name(self) -> &'static str {
        match self {
            Status::Draft => "draft",
            Status::Review => "review",
            Status::Published => "published",
            Status::Archived => "archived",
        }
    }

    /// The status with this [`Status::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// What kind of answer an entry gives; decides who must approve it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum AnswerClass {
    /// General information.
    #[default]
    #[serde(rename = "一般")]
    General,
    /// A procedure.
    #[serde(rename = "手続")]
    Procedure,
    /// Text whose wording is regulated.
    #[serde(rename = "規制")]
    Regulated,
    /// An emergency (theft, loss).
    #[serde(rename = "緊急")]
    Emergency,
}

/// Whom an entry is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// Everybody.
    #[default]
    All,
    /// Natural persons.
    Individual,
    /// Companies.
    Corporate,
}

/// One FAQ item. `id` is unique over the desk; the English twin of `x` is `x.en` with `translation_of = x`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Entry {
    /// Unique id: lower-case ASCII letters, digits, hyphens; `.en` suffix for an English twin.
    pub id: String,
    /// Category path, 1 to 3 levels.
    pub category: Vec<String>,
    /// Language of question, phrasings and answer.
    pub language: Language,
    /// Life-cycle state.
    pub status: Status,
    /// Kind of answer.
    pub answer_class: AnswerClass,
    /// The question, as the heading customers see.
    pub question: String,
    /// Other ways customers ask it.
    pub phrasings: Vec<String>,
    /// The answer, Markdown.
    pub answer: String,
    /// Words customers type that question and answer lack.
    pub keywords: Vec<String>,
    /// Ids of entries an answer naturally leads to.
    pub follow_ups: Vec<String>,
    /// Ids of related entries.
    pub related: Vec<String>,
    /// Whom it is for.
    pub audience: Audience,
    /// Team or person who keeps it right.
    pub owner: String,
    /// First day served, inclusive.
    pub valid_from: Option<Date>,
    /// Last day served, inclusive.
    pub valid_until: Option<Date>,
    /// Day of the last review.
    pub reviewed: Option<Date>,
    /// Day of the next review.
    pub review_by: Option<Date>,
    /// Where the facts come from (URLs).
    pub sources: Vec<String>,
    /// Id of the entry this one translates.
    pub translation_of: Option<String>,
    /// Revision number, 1 for the first saved state.
    pub revision: u32,
}

impl Entry {
    /// Whether customers may see the entry on `today`.
    pub fn is_served_on(&self, today: Date) -> bool {
        self.status == Status::Published
            && self.valid_from.is_none_or(|from| from <= today)
            && self.valid_until.is_none_or(|until| today <= until)
    }

    /// The id all language versions share: the translated entry's id, or its own.
    pub fn topic(&self) -> &str {
        self.translation_of.as_deref().unwrap_or(&self.id)
    }

    /// Top-level category, or an empty string.
    pub fn top_category(&self) -> &str {
        self.category.first().map_or("", String::as_str)
    }
}

/// A fixed text in the desk's languages; `{name}` placeholders are filled by [`Wording::text`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Localized {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
}

impl Localized {
    /// The text in `language`.
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Ja => &self.ja,
            Language::En => &self.en,
        }
    }
}

/// The desk's fixed wording by key (`handoff.security`, `queue.open`, …), from `kb/wording.toml`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Wording(pub BTreeMap<String, Localized>);

impl Wording {
    /// The text under `key` with `{name}` placeholders replaced; `None` when the desk lacks the key (lint reports it).
    pub fn text(&self, key: &str, language: Language, values: &[(&str, &str)]) -> Option<String> {
        let text = self.0.get(key)?.get(language);
        Some(
            values
                .iter()
                .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value)),
        )
    }
}

/// One kind of small talk and its fixed reply.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SmallTalk {
    /// Unique id.
    pub id: String,
    /// What people say.
    pub phrasings: Vec<String>,
    /// The reply.
    #[serde(flatten)]
    pub reply: Localized,
}

/// An utterance that shows the desk's classifier what must reach a person, and what need not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOffExample {
    /// The must-hand-off reason; `None` for a look-alike that is an ordinary question.
    pub reason: Option<HandOffReason>,
    /// What a customer may write.
    pub text: String,
}

/// One day of opening hours, minutes after local midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningHours {
    /// Opens at (minutes after midnight).
    pub open: u16,
    /// Closes at (minutes after midnight, exclusive).
    pub close: u16,
}

/// The desk itself, from `kb/desk.toml`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Desk {
    /// Name shown to customers.
    pub name: Localized,
    /// True for the shipped sample.
    pub sample: bool,
    /// IANA time zone of the opening hours.
    pub time_zone: String,
    /// Opening hours, Monday first; `None` = closed that day.
    pub hours: [Option<OpeningHours>; 7],
    /// Days closed, with their name.
    pub holidays: BTreeMap<Date, String>,
    /// Names of the queues tickets go to; the first is the default.
    pub queues: Vec<String>,
    /// Rules about curation.
    pub curation: curate::Rules,
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}
