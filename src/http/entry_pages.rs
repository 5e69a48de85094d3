//! The list of entries: searched, filtered, ordered, in pages. Its module acts on many at once through the API.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::Web;
use super::dto::time;
use super::entries::filter_of;
use super::entry_dto::EntriesQuery;
use super::entry_view::{heading, states_of};
use super::error::ApiError;
use super::extract::Query;
use super::pages::{Frame, page};
use super::staff_frame::{Bar, Readable, StaffFrame};
use super::texts::Texts;
use crate::app::{EntryPage, EntryState, ListedEntry, Role, Usage};
use crate::kb::Status;

#[derive(Template)]
#[template(path = "entries.html")]
struct ListPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    query: EntriesQuery,
    page: EntryPage,
    rows: Vec<Row>,
    tabs: Vec<Tab>,
    only: [(&'static str, &'static str); 3],
    sorts: [(&'static str, &'static str); 6],
    bulk_actions: Vec<(&'static str, &'static str)>,
    filtered: bool,
    may_edit: bool,
    previous: Option<String>,
    next: Option<String>,
}

struct Tab {
    href: String,
    text: &'static str,
    count: usize,
    current: bool,
}

struct Row {
    id: String,
    question: String,
    language: &'static str,
    states: Vec<(&'static str, &'static str)>,
    category: String,
    owner: String,
    review_by: String,
    review_due: bool,
    answered: u64,
    helpful: String,
    changed_at: String,
    changed: String,
}

const ONLY: [(&str, &str); 3] = [
    ("due", "entries.only_due"),
    ("unasked", "entries.only_unasked"),
    ("unhelpful", "entries.only_unhelpful"),
];

const SORTS: [(&str, &str); 6] = [
    ("changed", "entries.sort_changed"),
    ("category", "entries.sort_category"),
    ("question", "entries.sort_question"),
    ("review", "entries.sort_review"),
    ("answered", "entries.sort_answered"),
    ("satisfaction", "entries.sort_satisfaction"),
];

/// The list.
pub(super) async fn entries(
    State(web): State<Web>,
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
    Query(query): Query<EntriesQuery>,
) -> Result<Response, ApiError> {
    let readable = Readable::new(&web, t).await?;
    let found = web.app.entries(&member, &filter_of(&query)?).await?;
    let at = |page: usize| href(&EntriesQuery { page, ..query.clone() });
    let blank = EntriesQuery { state: query.state.clone(), ..EntriesQuery::default() };
    let template = ListPage {
        frame,
        bar,
        t,
        rows: found.entries.iter().map(|listed| row(listed, &readable)).collect(),
        tabs: tabs(&query, &found),
        only: ONLY,
        sorts: SORTS,
        bulk_actions: bulk_actions(member.may(Role::Approver)),
        filtered: href(&EntriesQuery { page: 0, ..query.clone() }) != href(&blank),
        may_edit: member.may(Role::Editor),
        previous: (found.page > 1).then(|| at(found.page - 1)),
        next: (found.page < found.pages).then(|| at(found.page + 1)),
        page: found,
        query,
    };
    Ok(page(&template, t, asked))
}

fn href(query: &EntriesQuery) -> String {
    let query = serde_urlencoded::to_string(query).unwrap_or_default();
    if query.is_empty() { "/staff/entries".to_owned() } else { format!("/staff/entries?{query}") }
}

fn tabs(query: &EntriesQuery, page: &EntryPage) -> Vec<Tab> {
    let all: usize = page
        .counts
        .iter()
        .filter_map(|(state, count)| matches!(state, EntryState::Head(_)).then_some(*count))
        .sum();
    let text = |state: EntryState| match state {
        EntryState::Head(Status::Draft) => "state.draft",
        EntryState::Head(Status::Review) => "state.review",
        EntryState::Head(Status::Published) => "state.published",
        EntryState::Head(Status::Archived) => "state.archived",
        EntryState::Live => "state.live",
        EntryState::Newer => "state.newer",
        EntryState::Scheduled => "state.scheduled",
    };
    let tab = |name: &str, text, count| Tab {
        href: href(&EntriesQuery { state: name.to_owned(), page: 0, ..query.clone() }),
        text,
        count,
        current: query.state == name,
    };
    let first = tab("", "entries.all_states", all);
    let others = page.counts.iter().map(|(state, count)| tab(state.name(), text(*state), *count));
    std::iter::once(first).chain(others).collect()
}

fn bulk_actions(may_approve: bool) -> Vec<(&'static str, &'static str)> {
    let mut actions = vec![("submit", "act.submit")];
    if may_approve {
        actions.extend([
            ("approve", "act.approve"),
            ("publish", "act.publish"),
            ("send-back", "act.send_back"),
        ]);
    }
    actions.extend([
        ("set-owner", "bulk.set_owner"),
        ("set-review-by", "bulk.set_review_by"),
        ("archive", "act.archive"),
        ("restore", "act.restore"),
        ("take-down", "act.take_down"),
    ]);
    actions
}

fn row(listed: &ListedEntry, readable: &Readable) -> Row {
    let ListedEntry { record, usage, review_due } = listed;
    let summary = &record.summary;
    Row {
        id: record.id.clone(),
        question: heading(&summary.question, &record.id),
        language: summary.language.tag(),
        states: states_of(&record.life),
        category: summary.category.join(" › "),
        owner: summary.owner.clone(),
        review_by: summary.review_by.map(|day| day.strftime("%Y/%m/%d").to_string()).unwrap_or_default(),
        review_due: *review_due,
        answered: usage.answered,
        helpful: helpful(*usage),
        changed_at: time(record.changed_at),
        changed: readable.day(record.changed_at),
    }
}

/// `8 / 10`: helped, of those who said.
fn helpful(usage: Usage) -> String {
    let votes = usage.resolved + usage.unresolved;
    if votes == 0 { "–".to_owned() } else { format!("{} / {votes}", usage.resolved) }
}
