//! The curation desk's pages: the list of entries, the editor, an entry's history, what waits for review. Rendered on
//! the server; their modules use the API.

use askama::Template;
use axum::extract::{OriginalUri, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::Web;
use super::auth::SignedInStaff;
use super::dto::time;
use super::entries::filter_of;
use super::entry_dto::{EntriesQuery, FlawDto, side_name};
use super::error::ApiError;
use super::extract::Query;
use super::markdown::to_html;
use super::pages::{Frame, page};
use super::staff_frame::{Bar, Readable, StaffFrame};
use super::texts::Texts;
use crate::app::{
    self, Action, EntryDetail, EntryFilter, EntryHistory, EntryPage, EntryRecord, EntryState, FieldDiff,
    ListedEntry, Role, Usage,
};
use crate::kb::curate::Life;
use crate::kb::{Entry, Status};

/// Filters for `askama`.
mod filters {
    /// Items one a line.
    #[askama::filter_fn]
    pub fn lines(items: &[String], _: &dyn askama::Values) -> askama::Result<String> {
        Ok(items.join("\n"))
    }
}

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

/// The states an entry is in, as (name, key of its text), the most telling first.
pub(super) fn states_of(life: &Life) -> Vec<(&'static str, &'static str)> {
    let mut states = Vec::new();
    if life.live.is_some() {
        states.push(("published", "state.live"));
    }
    if life.publish_at.is_some() {
        states.push(("scheduled", "state.scheduled"));
    } else if life.has_newer() && life.status == Status::Draft {
        states.push(("newer", "state.newer_draft"));
    } else if life.status == Status::Review && life.approved_by.is_some() {
        states.push(("review", "state.approved"));
    } else if life.status == Status::Review {
        states.push(("review", "state.review"));
    } else if life.status == Status::Draft {
        states.push(("draft", "state.draft"));
    } else if life.status == Status::Archived {
        states.push(("archived", "state.archived"));
    }
    states
}

/// The list.
pub(super) async fn entries(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<EntriesQuery>,
) -> Result<Response, ApiError> {
    let asked = query.lang.clone();
    let member = &staff.session.staff;
    let StaffFrame { frame, bar, t } =
        StaffFrame::new(&web, &staff, &headers, &uri, asked.as_deref()).await?;
    let readable = Readable::new(&web, t).await?;
    let found = web.app.entries(member, &filter_of(&query)?).await?;
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
    Ok(page(&template, t, asked.as_deref()))
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

fn heading(question: &str, id: &str) -> String {
    if question.is_empty() { id.to_owned() } else { question.to_owned() }
}

/// An entry with what may be done with it, as `entry_acts.html` shows it.
struct EntryView {
    id: String,
    version: i64,
    head: u32,
    heading: String,
    states: Vec<(&'static str, &'static str)>,
    publish_at: Option<String>,
    approved_by: Option<String>,
    changed_by: String,
    flaws: Vec<FlawDto>,
    acts: Vec<ActView>,
}

struct ActView {
    name: &'static str,
    text: &'static str,
    confirm: &'static str,
    asks: bool,
    primary: bool,
}

impl EntryView {
    fn of(detail: &EntryDetail, readable: &Readable, t: Texts) -> Self {
        let EntryDetail { record, head, flaws, actions, .. } = detail;
        let life = &record.life;
        let names: Vec<String> = life.changed_by.iter().map(|by| readable.who(by)).collect();
        Self {
            id: record.id.clone(),
            version: record.version,
            head: life.head,
            heading: heading(&head.content.question, &record.id),
            states: states_of(life),
            publish_at: life.publish_at.map(|at| readable.moment(at)),
            approved_by: life.approved_by.as_deref().map(|by| readable.who(by)),
            changed_by: names.join("、"),
            flaws: flaws.iter().map(|flaw| FlawDto::of(flaw, t)).collect(),
            acts: actions.iter().map(|action| act_view(*action)).collect(),
        }
    }

    /// An entry that is not stored yet.
    fn new(id: &str, heading: &str) -> Self {
        Self {
            id: id.to_owned(),
            version: 0,
            head: 0,
            heading: heading.to_owned(),
            states: Vec::new(),
            publish_at: None,
            approved_by: None,
            changed_by: String::new(),
            flaws: Vec::new(),
            acts: Vec::new(),
        }
    }
}

fn act_view(action: Action) -> ActView {
    let (text, confirm, primary) = match action {
        Action::Submit => ("act.submit", "", true),
        Action::Approve => ("act.approve", "", true),
        Action::SendBack => ("act.send_back", "", false),
        Action::Publish => ("act.publish", "act.publish_confirm", true),
        Action::Schedule(_) => ("act.schedule", "", false),
        Action::Archive => ("act.archive", "act.archive_confirm", false),
        Action::Restore => ("act.restore", "", false),
        Action::TakeDown => ("act.take_down", "act.take_down_confirm", false),
    };
    ActView { name: action.name(), text, confirm, asks: !confirm.is_empty(), primary }
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
    lang: Option<String>,
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
    staff: SignedInStaff,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<String>,
    Query(query): Query<EditorQuery>,
) -> Result<Response, ApiError> {
    let asked = query.lang.as_deref();
    let member = &staff.session.staff;
    let StaffFrame { frame, bar, t } = StaffFrame::new(&web, &staff, &headers, &uri, asked).await?;
    let readable = Readable::new(&web, t).await?;
    let detail = match web.app.entry(member, &id).await {
        Ok(detail) => Some(detail),
        Err(app::AppError::NotFound(_)) if query.new && crate::kb::flaws::is_id(&id) => None,
        Err(error) => return Err(error.into()),
    };
    let draft = match &detail {
        Some(detail) => detail.draft.clone(),
        None => web.app.draft(member, &id).await?,
    };
    let stored = detail.as_ref().map_or(0, |detail| detail.record.version);
    let saved = detail.as_ref().map(|detail| detail.head.content.clone());
    let may_edit = member.may(Role::Editor);
    let facets = web.app.entries(member, &EntryFilter { per_page: 1, ..EntryFilter::default() }).await?;
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

#[derive(Template)]
#[template(path = "entry_history.html")]
struct HistoryPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    entry: EntryView,
    diff_title: String,
    diff: Vec<FieldView>,
    revisions: Vec<RevisionView>,
    log: Vec<LogView>,
    may_roll_back: bool,
}

/// A field that differs, as `diff.html` shows it.
struct FieldView {
    label: String,
    lines: Vec<LineView>,
}

struct LineView {
    side: &'static str,
    pieces: Vec<(bool, String)>,
}

struct RevisionView {
    number: u32,
    live: bool,
    at: String,
    author: String,
    origin: String,
    reason: String,
}

struct LogView {
    iso: String,
    at: String,
    event: String,
    actor: String,
    revision: u32,
    note: String,
}

/// What the history's query may say.
#[derive(Debug, Default, Deserialize)]
pub(super) struct HistoryQuery {
    lang: Option<String>,
    /// The revisions to compare; the newest with the one before it if absent.
    older: Option<u32>,
    newer: Option<u32>,
}

/// An entry's history.
pub(super) async fn history(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<String>,
    Query(query): Query<HistoryQuery>,
) -> Result<Response, ApiError> {
    let asked = query.lang.as_deref();
    let member = &staff.session.staff;
    let StaffFrame { frame, bar, t } = StaffFrame::new(&web, &staff, &headers, &uri, asked).await?;
    let readable = Readable::new(&web, t).await?;
    let detail = web.app.entry(member, &id).await?;
    let past = web.app.entry_history(member, &id).await?;
    let newer = query.newer.unwrap_or(detail.record.life.head);
    let older = query.older.unwrap_or(newer.saturating_sub(1));
    let may_roll_back = member.may(Role::Editor) && detail.record.life.status != Status::Archived;
    let numbers = [("older", older.to_string()), ("newer", newer.to_string())];
    let template = HistoryPage {
        entry: EntryView::of(&detail, &readable, t),
        diff_title: t.fill("history.difference", &numbers),
        diff: compared(&past, older, newer, t)?,
        revisions: revisions(&past, &readable),
        log: log(&past, &readable),
        may_roll_back,
        frame,
        bar,
        t,
    };
    Ok(page(&template, t, asked))
}

/// What differs between two revisions; nothing comes before the first.
fn compared(past: &EntryHistory, older: u32, newer: u32, t: Texts) -> Result<Vec<FieldView>, ApiError> {
    let content = |number: u32| match number {
        0 => Ok(Entry::default()),
        number => {
            let found = past.revisions.iter().find(|revision| revision.number == number);
            found.map(|revision| revision.content.clone()).ok_or_else(|| ApiError::not_found("revision"))
        }
    };
    Ok(field_views(&app::diff(&content(older)?, &content(newer)?), t))
}

fn field_views(fields: &[FieldDiff], t: Texts) -> Vec<FieldView> {
    let view = |diff: &FieldDiff| {
        let lines = diff.lines.iter();
        let lines = lines.map(|line| LineView { side: side_name(line.side), pieces: line.pieces.clone() });
        let key = format!("field.{}", diff.field);
        FieldView { label: t.find(&key).unwrap_or(diff.field).to_owned(), lines: lines.collect() }
    };
    fields.iter().map(view).collect()
}

fn revisions(past: &EntryHistory, readable: &Readable) -> Vec<RevisionView> {
    let view = |revision: &crate::kb::curate::Revision| RevisionView {
        number: revision.number,
        live: past.record.life.live == Some(revision.number),
        at: readable.moment(revision.at),
        author: readable.who(&revision.author),
        origin: format!("event.{}", revision.origin.name()),
        reason: revision.reason.clone(),
    };
    past.revisions.iter().map(view).collect()
}

fn log(past: &EntryHistory, readable: &Readable) -> Vec<LogView> {
    let view = |line: &app::LogRecord| LogView {
        iso: time(line.at),
        at: readable.moment(line.at),
        event: format!("event.{}", line.event),
        actor: readable.who(&line.actor),
        revision: line.revision,
        note: line.note.clone(),
    };
    past.log.iter().map(view).collect()
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    items: Vec<ReviewItem>,
}

struct ReviewItem {
    entry: EntryView,
    submitted: String,
    reason: String,
    is_new: bool,
    diff: Vec<FieldView>,
    preview: String,
}

/// How many entries the review page shows at once.
const REVIEWED_AT_ONCE: usize = 30;

/// What waits for review, the longest first, each with what differs from what customers get.
pub(super) async fn review(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<EditorQuery>,
) -> Result<Response, ApiError> {
    let asked = query.lang.as_deref();
    let member = &staff.session.staff;
    let StaffFrame { frame, bar, t } = StaffFrame::new(&web, &staff, &headers, &uri, asked).await?;
    let readable = Readable::new(&web, t).await?;
    let waiting = EntryFilter {
        state: Some(EntryState::Head(Status::Review)),
        reversed: true,
        per_page: REVIEWED_AT_ONCE,
        ..EntryFilter::default()
    };
    let mut items = Vec::new();
    for listed in web.app.entries(member, &waiting).await?.entries {
        let detail = web.app.entry(member, &listed.record.id).await?;
        let before = detail.live.as_ref().map(|live| live.content.clone()).unwrap_or_default();
        let names = [("name", readable.who(&detail.head.author)), ("at", readable.moment(detail.head.at))];
        items.push(ReviewItem {
            entry: EntryView::of(&detail, &readable, t),
            submitted: t.fill("review.by", &names),
            reason: detail.head.reason.clone(),
            is_new: detail.live.is_none(),
            diff: field_views(&app::diff(&before, &detail.head.content), t),
            preview: to_html(&detail.head.content.answer),
        });
    }
    Ok(page(&ReviewPage { frame, bar, t, items }, t, asked))
}
