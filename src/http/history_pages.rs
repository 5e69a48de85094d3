//! An entry's history with its differences, and what waits for review. Their module uses the API.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::Web;
use super::dto::time;
use super::entry_view::{EntryView, FieldView, field_views};
use super::error::ApiError;
use super::extract::Query;
use super::markdown::to_html;
use super::pages::{Frame, page};
use super::staff_frame::{Bar, Readable, StaffFrame};
use super::texts::Texts;
use crate::app::{self, EntryFilter, EntryHistory, EntryState, Role};
use crate::kb::{Entry, Status};

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
    /// The revisions to compare; the newest with the one before it if absent.
    older: Option<u32>,
    newer: Option<u32>,
}

/// An entry's history.
pub(super) async fn history(
    State(web): State<Web>,
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
    Path(id): Path<String>,
    Query(query): Query<HistoryQuery>,
) -> Result<Response, ApiError> {
    let readable = Readable::new(&web, t).await?;
    let detail = web.app.entry(&member, &id).await?;
    let past = web.app.entry_history(&member, &id).await?;
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
    /// What the submitter says to the reviewer.
    words: String,
    is_new: bool,
    diff: Vec<FieldView>,
    preview: String,
}

/// How many entries the review page shows at once.
const REVIEWED_AT_ONCE: usize = 30;

/// What waits for review, the longest first, each with what differs from what customers get.
pub(super) async fn review(
    State(web): State<Web>,
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
) -> Result<Response, ApiError> {
    let readable = Readable::new(&web, t).await?;
    let waiting = EntryFilter {
        state: Some(EntryState::Head(Status::Review)),
        reversed: true,
        per_page: REVIEWED_AT_ONCE,
        ..EntryFilter::default()
    };
    let mut items = Vec::new();
    for listed in web.app.entries(&member, &waiting).await?.entries {
        let detail = web.app.entry(&member, &listed.record.id).await?;
        let before = detail.live.as_ref().map(|live| live.content.clone()).unwrap_or_default();
        let past = web.app.entry_history(&member, &listed.record.id).await?;
        let words = past.log.iter().find(|line| line.event == "submitted").map(|line| line.note.clone());
        let names = [("name", readable.who(&detail.head.author)), ("at", readable.moment(detail.head.at))];
        items.push(ReviewItem {
            entry: EntryView::of(&detail, &readable, t),
            submitted: t.fill("review.by", &names),
            reason: detail.head.reason.clone(),
            words: words.unwrap_or_default(),
            is_new: detail.live.is_none(),
            diff: field_views(&app::diff(&before, &detail.head.content), t),
            preview: to_html(&detail.head.content.answer),
        });
    }
    Ok(page(&ReviewPage { frame, bar, t, items }, t, asked))
}
