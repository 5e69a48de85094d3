//! The editor of an entry, with what the member of staff was typing if it is not saved yet. Its module uses the API.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::Web;
use super::auth::SignedInStaff;
use super::entry_view::EntryView;
use super::error::ApiError;
use super::extract::Query;
use super::markdown::to_html;
use super::pages::{Frame, page};
use super::staff_frame::{Bar, Readable, StaffFrame};
use super::texts::Texts;
use crate::app::{self, EntryDetail, EntryFilter, EntryRecord, Role};
use crate::kb::Entry;

/// Filters for `askama`.
mod filters {
    /// Items one a line.
    #[askama::filter_fn]
    pub fn lines(items: &[String], _: &dyn askama::Values) -> askama::Result<String> {
        Ok(items.join("\n"))
    }
}

#[derive(Template)]
#[template(path = "entry.html")]
struct EditorPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    entry: EntryView,
    /// The version to save against.
    version: i64,
    content: Entry,
    category: String,
    translation_of: String,
    answer_classes: [(&'static str, &'static str, bool); 4],
    audiences: [(&'static str, &'static str, bool); 3],
    days: [(&'static str, &'static str, String); 4],
    links: [Links; 2],
    categories: Vec<String>,
    owners: Vec<String>,
    preview: String,
    facts: Vec<(&'static str, String)>,
    kept_at: Option<String>,
    kept_is_old: bool,
    live_number: Option<u32>,
    may_edit: bool,
}

struct Links {
    name: &'static str,
    label: &'static str,
    chosen: Vec<Link>,
}

struct Link {
    id: String,
    question: String,
}

/// What the editor's query may say.
#[derive(Debug, Default, Deserialize)]
pub(super) struct EditorQuery {
    /// Whether the entry is to be created.
    #[serde(default)]
    new: bool,
}

/// Leads to the editor of an entry that does not exist yet, under an id of its own, so that what is typed can be kept.
pub(super) async fn new_entry(State(web): State<Web>, _: SignedInStaff) -> Response {
    Redirect::to(&format!("/staff/entries/{}?new=true", web.app.fresh_entry_id())).into_response()
}

/// The editor.
pub(super) async fn entry(
    State(web): State<Web>,
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
    Path(id): Path<String>,
    Query(query): Query<EditorQuery>,
) -> Result<Response, ApiError> {
    let readable = Readable::new(&web, t).await?;
    let detail = match web.app.entry(&member, &id).await {
        Ok(detail) => Some(detail),
        Err(app::AppError::NotFound(_)) if query.new && crate::kb::flaws::is_id(&id) => None,
        Err(error) => return Err(error.into()),
    };
    let draft = match &detail {
        Some(detail) => detail.draft.clone(),
        None => web.app.draft(&member, &id).await?,
    };
    let stored = detail.as_ref().map_or(0, |detail| detail.record.version);
    let saved = detail.as_ref().map(|detail| detail.head.content.clone());
    let may_edit = member.may(Role::Editor);
    let facets = web.app.entries(&member, &EntryFilter { per_page: 1, ..EntryFilter::default() }).await?;
    let content = draft.as_ref().map(|draft| draft.content.clone()).or(saved).unwrap_or_default();
    let view = match &detail {
        Some(detail) => EntryView::of(detail, &readable, t),
        None => EntryView::new(&id, t.get("entry.new")),
    };
    let template = EditorPage {
        version: draft.as_ref().map_or(stored, |draft| draft.version),
        category: content.category.join(" / "),
        translation_of: content.translation_of.clone().unwrap_or_default(),
        answer_classes: answer_classes(&content),
        audiences: audiences(&content),
        days: days(&content),
        links: [
            links(&web, "follow_ups", "field.follow_ups", &content.follow_ups),
            links(&web, "related", "field.related", &content.related),
        ],
        categories: facets.categories.iter().map(|path| path.replace('/', " / ")).collect(),
        owners: facets.owners,
        preview: to_html(&content.answer),
        facts: detail.as_ref().map(|detail| facts(&detail.record, detail, &readable)).unwrap_or_default(),
        kept_at: draft.as_ref().map(|draft| readable.moment(draft.at)),
        kept_is_old: draft.as_ref().is_some_and(|draft| draft.version != stored),
        live_number: detail.as_ref().and_then(|detail| detail.live.as_ref().map(|live| live.number)),
        entry: view,
        content,
        may_edit,
        frame,
        bar,
        t,
    };
    Ok(page(&template, t, asked))
}

fn answer_classes(entry: &Entry) -> [(&'static str, &'static str, bool); 4] {
    use crate::kb::AnswerClass::{Emergency, General, Procedure, Regulated};
    let class = entry.answer_class;
    [
        ("一般", "class.general", class == General),
        ("手続", "class.procedure", class == Procedure),
        ("規制", "class.regulated", class == Regulated),
        ("緊急", "class.emergency", class == Emergency),
    ]
}

fn audiences(entry: &Entry) -> [(&'static str, &'static str, bool); 3] {
    use crate::kb::Audience::{All, Corporate, Individual};
    let audience = entry.audience;
    [
        ("all", "audience.all", audience == All),
        ("individual", "audience.individual", audience == Individual),
        ("corporate", "audience.corporate", audience == Corporate),
    ]
}

fn days(entry: &Entry) -> [(&'static str, &'static str, String); 4] {
    let day = |day: Option<jiff::civil::Date>| day.map(|day| day.to_string()).unwrap_or_default();
    [
        ("valid_from", "field.valid_from", day(entry.valid_from)),
        ("valid_until", "field.valid_until", day(entry.valid_until)),
        ("reviewed", "field.reviewed", day(entry.reviewed)),
        ("review_by", "field.review_by", day(entry.review_by)),
    ]
}

fn links(web: &Web, name: &'static str, label: &'static str, ids: &[String]) -> Links {
    let snapshot = web.app.snapshot();
    let question =
        |id: &String| snapshot.entry(id).map_or_else(|| id.clone(), |entry| entry.question.clone());
    let chosen = ids.iter().map(|id| Link { id: id.clone(), question: question(id) }).collect();
    Links { name, label, chosen }
}

fn facts(record: &EntryRecord, detail: &EntryDetail, readable: &Readable) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("fact.revision", detail.head.number.to_string()),
        ("fact.author", readable.who(&detail.head.author)),
        ("fact.changed", readable.moment(record.changed_at)),
        ("fact.created", readable.moment(record.created_at)),
    ];
    if let Some(id) = &record.external_id {
        facts.push(("fact.external_id", id.clone()));
    }
    facts
}
