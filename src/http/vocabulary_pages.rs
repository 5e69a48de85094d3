//! The pages of the vocabulary: its editor with what a change would do, and its history. Their module uses the API.

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::Web;
use super::entry_view::{EntryView, FieldView, LogView, RevisionView, field_views};
use super::error::ApiError;
use super::extract::Query;
use super::history_pages::HistoryQuery;
use super::pages::{Frame, page};
use super::staff_frame::{Bar, Readable, StaffFrame};
use super::texts::Texts;
use super::vocabulary::said;
use crate::app::{self, Role, VocabularyDetail, VocabularyHistory};
use crate::kb::files::VocabularyTexts;

#[derive(Template)]
#[template(path = "vocabulary.html")]
struct VocabularyPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    entry: EntryView,
    groups: Vec<GroupRow>,
    terms: Vec<TermRow>,
    facts: Vec<(&'static str, String)>,
    live_number: Option<u32>,
    problems: Vec<String>,
    /// When what one is typing was kept.
    kept_at: Option<String>,
    /// Whether somebody saved since it began.
    kept_is_old: bool,
    may_edit: bool,
}

struct GroupRow {
    /// The comment above it.
    heading: Option<String>,
    members: String,
}

struct TermRow {
    surface: String,
    reading: String,
    parts: String,
    pos: String,
}

/// The editor.
pub(super) async fn vocabulary(
    State(web): State<Web>,
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
) -> Result<Response, ApiError> {
    let readable = Readable::new(&web, t).await?;
    let detail = web.app.vocabulary(&member).await?;
    let texts = &detail.head.texts;
    let facts = vec![
        ("fact.revision", detail.head.number.to_string()),
        ("fact.author", readable.who(&detail.head.author)),
        ("fact.changed", readable.moment(detail.record.changed_at)),
    ];
    let template = VocabularyPage {
        entry: EntryView::of_vocabulary(&detail, &readable, t),
        groups: group_rows(texts),
        terms: term_rows(texts),
        facts,
        live_number: (detail.live.number != detail.head.number).then_some(detail.live.number),
        problems: texts.problems().iter().map(ToString::to_string).collect(),
        kept_at: detail.typing.as_ref().map(|typing| readable.moment(typing.kept.at)),
        kept_is_old: detail
            .typing
            .as_ref()
            .is_some_and(|typing| typing.kept.version != detail.record.version),
        may_edit: member.may(Role::Editor),
        frame,
        bar,
        t,
    };
    Ok(page(&template, t, asked))
}

fn group_rows(texts: &VocabularyTexts) -> Vec<GroupRow> {
    let row = |(heading, members): (Option<String>, Vec<String>)| GroupRow {
        heading,
        members: members.join("、"),
    };
    texts.groups_with_headings().into_iter().map(row).collect()
}

fn term_rows(texts: &VocabularyTexts) -> Vec<TermRow> {
    let row = |term: crate::text::UserTerm| TermRow {
        parts: term.parts.join(" "),
        surface: term.surface,
        reading: term.reading,
        pos: term.pos,
    };
    texts.vocabulary().terms.into_iter().map(row).collect()
}

#[derive(Template)]
#[template(path = "vocabulary_history.html")]
struct VocabularyHistoryPage {
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

/// The history.
pub(super) async fn vocabulary_history(
    State(web): State<Web>,
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
    Query(query): Query<HistoryQuery>,
) -> Result<Response, ApiError> {
    let readable = Readable::new(&web, t).await?;
    let detail = web.app.vocabulary(&member).await?;
    let past = web.app.vocabulary_history().await?;
    let (older, newer) = query.between(detail.head.number);
    let numbers = [("older", older.to_string()), ("newer", newer.to_string())];
    let template = VocabularyHistoryPage {
        entry: EntryView::of_vocabulary(&detail, &readable, t),
        diff_title: t.fill("history.difference", &numbers),
        diff: compared(&past, older, newer, t)?,
        revisions: revisions(&past, &readable),
        log: past.log.iter().map(|line| LogView::of(line, &readable)).collect(),
        may_roll_back: member.may(Role::Editor),
        frame,
        bar,
        t,
    };
    Ok(page(&template, t, asked))
}

/// What differs between two revisions; nothing comes before the first.
fn compared(past: &VocabularyHistory, older: u32, newer: u32, t: Texts) -> Result<Vec<FieldView>, ApiError> {
    let nothing = VocabularyTexts::default();
    let text = |number: u32| if number == 0 { Ok(&nothing) } else { said(past, number) };
    Ok(field_views(&app::diff_vocabulary(text(older)?, text(newer)?), t))
}

/// What differs from what customers are served with.
pub(super) fn waiting(detail: &VocabularyDetail, t: Texts) -> Vec<FieldView> {
    field_views(&app::diff_vocabulary(&detail.live.texts, &detail.head.texts), t)
}

fn revisions(past: &VocabularyHistory, readable: &Readable) -> Vec<RevisionView> {
    let view = |revision: &app::VocabularyRevision| RevisionView {
        number: revision.number,
        live: past.record.life.live == Some(revision.number),
        at: readable.moment(revision.at),
        author: readable.who(&revision.author),
        origin: format!("event.{}", revision.origin.name()),
        reason: revision.reason.clone(),
    };
    past.revisions.iter().map(view).collect()
}
