//! An entry's history with its differences, and what waits for review. Their module uses the API.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;

use super::Web;
use super::entry_view::{EntryView, FieldView, LogView, RevisionView, field_views};
use super::error::ApiError;
use super::extract::Query;
use super::markdown::to_html;
use super::pages::{Frame, page};
use super::staff_frame::{Bar, Readable, StaffFrame};
use super::texts::Texts;
use super::vocabulary_pages::waiting;
use crate::app::{self, EntryFilter, EntryHistory, EntryState, LogRecord, Role, Staff};
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

/// What the history's query may say.
#[derive(Debug, Default, Deserialize)]
pub(super) struct HistoryQuery {
    /// The revisions to compare; the newest with the one before it if absent.
    older: Option<u32>,
    newer: Option<u32>,
}

impl HistoryQuery {
    /// The revisions to compare, where `head` is the newest.
    pub(super) fn between(&self, head: u32) -> (u32, u32) {
        let newer = self.newer.unwrap_or(head);
        (self.older.unwrap_or(newer.saturating_sub(1)), newer)
    }
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
    let (older, newer) = query.between(detail.record.life.head);
    let may_roll_back = member.may(Role::Editor) && detail.record.life.status != Status::Archived;
    let numbers = [("older", older.to_string()), ("newer", newer.to_string())];
    let template = HistoryPage {
        entry: EntryView::of(&detail, &readable, t),
        diff_title: t.fill("history.difference", &numbers),
        diff: compared(&past, older, newer, t)?,
        revisions: revisions(&past, &readable),
        log: past.log.iter().map(|line| LogView::of(line, &readable)).collect(),
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
    /// Its page.
    href: String,
    submitted: String,
    reason: String,
    /// What the submitter says to the reviewer.
    words: String,
    is_new: bool,
    diff: Vec<FieldView>,
    /// Its answer as customers would see it, where it has one.
    preview: Option<String>,
}

/// How many entries the review page shows at once.
const REVIEWED_AT_ONCE: usize = 30;

/// What waits for review, the longest first, each with what differs from what customers get.
pub(super) async fn review(
    State(web): State<Web>,
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
) -> Result<Response, ApiError> {
    let readable = Readable::new(&web, t).await?;
    let in_review = EntryFilter {
        state: Some(EntryState::Head(Status::Review)),
        reversed: true,
        per_page: REVIEWED_AT_ONCE,
        ..EntryFilter::default()
    };
    let mut items = Vec::new();
    for listed in web.app.entries(&member, &in_review).await?.entries {
        let detail = web.app.entry(&member, &listed.record.id).await?;
        let before = detail.live.as_ref().map(|live| live.content.clone()).unwrap_or_default();
        let past = web.app.entry_history(&member, &listed.record.id).await?;
        items.push(ReviewItem {
            entry: EntryView::of(&detail, &readable, t),
            href: format!("/staff/entries/{}", listed.record.id),
            submitted: submitted(&detail.head.author, detail.head.at, &readable, t),
            reason: detail.head.reason.clone(),
            words: words_of(&past.log),
            is_new: detail.live.is_none(),
            diff: field_views(&app::diff(&before, &detail.head.content), t),
            preview: Some(to_html(&detail.head.content.answer)),
        });
    }
    if web.app.vocabulary_waits().await? {
        items.insert(0, vocabulary_item(&web, &member, &readable, t).await?);
    }
    Ok(page(&ReviewPage { frame, bar, t, items }, t, asked))
}

/// Who wrote what waits, and when.
fn submitted(author: &str, at: i64, readable: &Readable, t: Texts) -> String {
    t.fill("review.by", &[("name", readable.who(author)), ("at", readable.moment(at))])
}

/// What was said to the reviewer when it was last submitted.
fn words_of(log: &[LogRecord]) -> String {
    log.iter().find(|line| line.event == "submitted").map(|line| line.note.clone()).unwrap_or_default()
}

/// The vocabulary that waits for review.
async fn vocabulary_item(
    web: &Web,
    member: &Staff,
    readable: &Readable,
    t: Texts,
) -> Result<ReviewItem, ApiError> {
    let detail = web.app.vocabulary(member).await?;
    let past = web.app.vocabulary_history().await?;
    Ok(ReviewItem {
        entry: EntryView::of_vocabulary(&detail, readable, t),
        href: "/staff/vocabulary".to_owned(),
        submitted: submitted(&detail.head.author, detail.head.at, readable, t),
        reason: detail.head.reason.clone(),
        words: words_of(&past.log),
        is_new: false,
        diff: waiting(&detail, t),
        preview: None,
    })
}
