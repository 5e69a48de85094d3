//! The curation API's shapes: entries, revisions, lists, histories. Converted by hand: domain types do not know them.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::dto::time as iso;
use super::texts::Texts;
use crate::app::{EntryDetail, EntryPage, ListedEntry};
use crate::kb::curate::Revision;
use crate::kb::flaws::Flaw;
use crate::kb::{AnswerClass, Audience, Entry, Language};

/// What an entry says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContentDto {
    /// Category path, 1 to 3 levels.
    #[serde(default)]
    pub category: Vec<String>,
    /// `ja` or `en`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub language: Language,
    /// 一般, 手続, 規制 or 緊急.
    #[serde(default)]
    #[schema(value_type = String)]
    pub answer_class: AnswerClass,
    /// `all`, `individual` or `corporate`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub audience: Audience,
    /// The question.
    #[serde(default)]
    pub question: String,
    /// Other ways customers ask it.
    #[serde(default)]
    pub phrasings: Vec<String>,
    /// The answer, Markdown.
    #[serde(default)]
    pub answer: String,
    /// Words customers type that question and answer lack.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Ids of entries an answer naturally leads to.
    #[serde(default)]
    pub follow_ups: Vec<String>,
    /// Ids of related entries.
    #[serde(default)]
    pub related: Vec<String>,
    /// Team or person who keeps it right.
    #[serde(default)]
    pub owner: String,
    /// First day served (YYYY-MM-DD).
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub valid_from: Option<jiff::civil::Date>,
    /// Last day served.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub valid_until: Option<jiff::civil::Date>,
    /// Day of the last review.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub reviewed: Option<jiff::civil::Date>,
    /// Day of the next review.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub review_by: Option<jiff::civil::Date>,
    /// Where the facts come from (URLs).
    #[serde(default)]
    pub sources: Vec<String>,
    /// Id of the entry this one translates.
    #[serde(default)]
    pub translation_of: Option<String>,
}

impl ContentDto {
    /// What `entry` says.
    pub(super) fn of(entry: &Entry) -> Self {
        let entry = entry.clone();
        Self {
            category: entry.category,
            language: entry.language,
            answer_class: entry.answer_class,
            audience: entry.audience,
            question: entry.question,
            phrasings: entry.phrasings,
            answer: entry.answer,
            keywords: entry.keywords,
            follow_ups: entry.follow_ups,
            related: entry.related,
            owner: entry.owner,
            valid_from: entry.valid_from,
            valid_until: entry.valid_until,
            reviewed: entry.reviewed,
            review_by: entry.review_by,
            sources: entry.sources,
            translation_of: entry.translation_of,
        }
    }

    /// The content of the entry `id`.
    pub(super) fn into_entry(self, id: &str) -> Entry {
        Entry {
            id: id.to_owned(),
            category: self.category,
            language: self.language,
            answer_class: self.answer_class,
            audience: self.audience,
            question: self.question,
            phrasings: self.phrasings,
            answer: self.answer,
            keywords: self.keywords,
            follow_ups: self.follow_ups,
            related: self.related,
            owner: self.owner,
            valid_from: self.valid_from,
            valid_until: self.valid_until,
            reviewed: self.reviewed,
            review_by: self.review_by,
            sources: self.sources,
            translation_of: self.translation_of,
            ..Entry::default()
        }
    }
}

/// One saved state of an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RevisionDto {
    /// 1 for the first.
    pub number: u32,
    /// Id of its author, `files` if it was imported.
    pub author: String,
    /// When it was saved.
    pub at: String,
    /// Why it was changed.
    pub reason: String,
    /// `saved`, `imported` or `rolled_back`.
    pub origin: String,
    /// What it says.
    pub content: ContentDto,
}

impl RevisionDto {
    pub(super) fn of(revision: &Revision) -> Self {
        Self {
            number: revision.number,
            author: revision.author.clone(),
            at: iso(revision.at),
            reason: revision.reason.clone(),
            origin: revision.origin.name().to_owned(),
            content: ContentDto::of(&revision.content),
        }
    }
}

/// Something wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlawDto {
    /// The field; `phrasing 0` is the first phrasing.
    pub field: String,
    /// Stable code.
    pub code: String,
    /// In words, in the client's language.
    pub text: String,
}

impl FlawDto {
    pub(super) fn of(flaw: &Flaw, t: Texts) -> Self {
        let code = flaw.kind.code();
        let field = flaw.field.split(' ').next().unwrap_or_default();
        let label = t.find(&format!("field.{field}")).unwrap_or(field);
        let text =
            t.fill(&format!("flaw.{code}"), &[("field", label.to_owned()), ("what", flaw.kind.subject())]);
        Self { field: flaw.field.clone(), code: code.to_owned(), text }
    }
}

/// Where an entry is in its life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LifeDto {
    /// Number of the newest revision.
    pub head: u32,
    /// State of the newest revision: `draft`, `review`, `published` or `archived`.
    pub status: String,
    /// Number of the revision customers get.
    pub live: Option<u32>,
    /// Whether the newest revision is approved.
    pub approved: bool,
    /// When the approved revision goes out.
    pub publish_at: Option<String>,
}

/// An entry with everything its editor needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EntryDto {
    /// Id.
    pub id: String,
    /// Counts the changes; send it back with every change.
    pub version: i64,
    /// Where it is in its life.
    pub life: LifeDto,
    /// The newest revision.
    pub head: RevisionDto,
    /// What customers get, where that is an older revision.
    pub live: Option<RevisionDto>,
    /// Codes of what must be put right before review.
    pub flaws: Vec<String>,
    /// What the caller may do with it now, as the last part of the path.
    pub actions: Vec<String>,
    /// Id in the system it was imported from.
    pub external_id: Option<String>,
    /// Whether customers get what is published; if not, `/api/v1/service` says how far it is.
    pub served: bool,
}

impl EntryDto {
    pub(super) fn of(detail: &EntryDetail) -> Self {
        let EntryDetail { record, head, live, flaws, actions, is_served, .. } = detail;
        Self {
            id: record.id.clone(),
            version: record.version,
            life: LifeDto::of(&record.life),
            head: RevisionDto::of(head),
            live: live.as_ref().map(RevisionDto::of),
            flaws: flaws.iter().map(|flaw| format!("{}: {}", flaw.field, flaw.kind.code())).collect(),
            actions: actions.iter().map(|action| action.name().to_owned()).collect(),
            external_id: record.external_id.clone(),
            served: *is_served,
        }
    }
}

impl LifeDto {
    pub(super) fn of(life: &crate::kb::curate::Life) -> Self {
        Self {
            head: life.head,
            status: life.status.name().to_owned(),
            live: life.live,
            approved: life.approved_by.is_some(),
            publish_at: life.publish_at.map(iso),
        }
    }
}

/// Which entries to list.
#[derive(Debug, Default, Clone, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EntriesQuery {
    /// Words to search for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub q: String,
    /// Only below this category; levels joined by `/`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub category: String,
    /// `draft`, `review`, `published`, `archived`, `live`, `newer` (published with a newer draft) or `scheduled`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// `ja` or `en`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// Only of this owner.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// `due` (review due), `unasked` (answered nobody in 90 days) or `unhelpful` (more customers said no than yes).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub only: String,
    /// `changed`, `category`, `question`, `review`, `answered` or `satisfaction`; by relevance with `q`, else `changed`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sort: String,
    /// Turn the order round.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reversed: bool,
    /// Page from 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub page: usize,
    /// Entries a page, 1 to 200; 50 if absent.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub per_page: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// An entry in a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ListedEntryDto {
    /// Id.
    pub id: String,
    /// Counts the changes.
    pub version: i64,
    /// Where it is in its life.
    pub life: LifeDto,
    /// The question of the newest revision.
    pub question: String,
    /// Category path.
    pub category: Vec<String>,
    /// `ja` or `en`.
    pub language: String,
    /// Who keeps it right.
    pub owner: String,
    /// Day of the next review.
    pub review_by: Option<String>,
    /// Whether that day has come.
    pub review_due: bool,
    /// When it was last changed.
    pub changed_at: String,
    /// How often the bot answered with it in 90 days.
    pub answered: u64,
    /// How often customers said that it helped.
    pub resolved: u64,
    /// How often customers said that it did not.
    pub unresolved: u64,
}

impl ListedEntryDto {
    fn of(listed: &ListedEntry) -> Self {
        let ListedEntry { record, usage, review_due } = listed;
        Self {
            id: record.id.clone(),
            version: record.version,
            life: LifeDto::of(&record.life),
            question: record.summary.question.clone(),
            category: record.summary.category.clone(),
            language: record.summary.language.tag().to_owned(),
            owner: record.summary.owner.clone(),
            review_by: record.summary.review_by.map(|day| day.to_string()),
            review_due: *review_due,
            changed_at: iso(record.changed_at),
            answered: usage.answered,
            resolved: usage.resolved,
            unresolved: usage.unresolved,
        }
    }
}

/// A page of entries.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct EntriesDto {
    /// The entries.
    pub entries: Vec<ListedEntryDto>,
    /// How many match in all.
    pub total: usize,
    /// This page, from 1.
    pub page: usize,
    /// How many pages there are.
    pub pages: usize,
}

impl EntriesDto {
    pub(super) fn of(page: &EntryPage) -> Self {
        let entries = page.entries.iter().map(ListedEntryDto::of).collect();
        Self { entries, total: page.total, page: page.page, pages: page.pages }
    }
}

/// An entry to create or a new state of one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveEntryDto {
    /// Id of a new entry; left out, the desk makes one. Not for an entry that exists: its path names it.
    #[serde(default)]
    pub id: Option<String>,
    /// The version it was loaded with; not for a new one.
    #[serde(default)]
    pub version: i64,
    /// What it should say.
    pub content: ContentDto,
    /// Why it is changed.
    #[serde(default)]
    pub reason: String,
    /// Id in the system it comes from.
    #[serde(default)]
    pub external_id: Option<String>,
}

/// What is being typed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeepDraftDto {
    /// The version the typing began with; 0 for a new entry.
    #[serde(default)]
    pub version: i64,
    /// What it says so far.
    pub content: ContentDto,
}

/// When a draft was kept.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct KeptDto {
    /// The moment.
    pub at: String,
}

/// What an action needs.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActDto {
    /// The version one has seen; left out, whatever it is now.
    #[serde(default)]
    pub version: Option<i64>,
    /// Why, for the log.
    #[serde(default)]
    pub note: String,
    /// For `schedule`: when (RFC 3339).
    #[serde(default)]
    pub at: Option<String>,
    /// For `roll-back`: to which revision.
    #[serde(default)]
    pub to: Option<u32>,
}

/// The same for many.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkDto {
    /// The entries, at most 1,000.
    pub ids: Vec<String>,
    /// `submit`, `approve`, `send-back`, `publish`, `archive`, `restore`, `take-down`, `set-owner` or `set-review-by`.
    pub action: String,
    /// For `set-owner`: the owner; for `set-review-by`: the day, empty for none.
    #[serde(default)]
    pub value: String,
    /// Why, for the log.
    #[serde(default)]
    pub note: String,
}

/// What became of each.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BulkResultsDto {
    /// In the order asked.
    pub results: Vec<BulkResultDto>,
    /// Whether customers get what is published; if not, `/api/v1/service` says how far it is.
    pub served: bool,
}

/// What became of one.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct BulkResultDto {
    /// The entry.
    pub id: String,
    /// Whether it was done.
    pub done: bool,
    /// Code of why not.
    pub code: Option<String>,
    /// Why not, in words.
    pub why: Option<String>,
}

/// Markdown to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewDto {
    /// The text.
    pub markdown: String,
}

/// As customers would see it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PreviewedDto {
    /// Safe HTML.
    pub html: String,
}
