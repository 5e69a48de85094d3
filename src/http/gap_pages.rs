//! The pages of the gap board. Rendered on the server; their module uses the API.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::Web;
use super::error::ApiError;
use super::extract::Query;
use super::gap_dto::GapsQuery;
use super::gaps::check_state;
use super::pages::{Frame, page};
use super::staff_frame::{Bar, Readable, StaffFrame};
use super::texts::Texts;
use crate::app::GapView;
use crate::kb::gaps::GapState;

#[derive(Template)]
#[template(path = "gaps.html")]
struct GapsPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    tabs: Vec<(String, &'static str, usize, bool)>,
    gaps: Vec<GapLine>,
}

struct GapLine {
    id: String,
    title: String,
    examples: Vec<String>,
    count: String,
    last: String,
    signals: Vec<String>,
    nearest: Option<(String, String)>,
    note: String,
}

/// The gap board.
pub(super) async fn gaps(
    State(web): State<Web>,
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
    Query(query): Query<GapsQuery>,
) -> Result<Response, ApiError> {
    check_state(&query.state)?;
    let readable = Readable::new(&web, t).await?;
    web.app.find_gaps().await?;
    let (views, counts) = web.app.gaps(&member, &query.state).await?;
    let of = |state: &str| counts.get(state).copied().unwrap_or_default();
    let tab = |state: &str, key: &'static str, count: usize| {
        let href =
            if state.is_empty() { "/staff/gaps".to_owned() } else { format!("/staff/gaps?state={state}") };
        (href, t.get(key), count, query.state == state)
    };
    let tabs = vec![
        tab("", "gap.pending", of("open") + of("assigned")),
        tab("open", "gap.open", of("open")),
        tab("assigned", "gap.assigned", of("assigned")),
        tab("done", "gap.done", of("done")),
        tab("dismissed", "gap.dismissed", of("dismissed")),
    ];
    let gaps = views.iter().map(|view| gap_line(view, &readable, t)).collect();
    Ok(page(&GapsPage { frame, bar, t, tabs, gaps }, t, asked))
}

fn gap_line(view: &GapView, readable: &Readable, t: Texts) -> GapLine {
    let summary = &view.summary;
    let note = match &view.record.state {
        GapState::Open => String::new(),
        GapState::Assigned { to } => t.fill("gap.with", &[("who", readable.who(to))]),
        GapState::Dismissed { reason } => t.fill("gap.because", &[("reason", reason.clone())]),
        GapState::Done { entry } => format!("{} {entry}", t.get("gap.answered_by")),
    };
    GapLine {
        id: view.record.id.clone(),
        title: summary.title.clone(),
        examples: summary.examples.iter().filter(|text| **text != summary.title).cloned().collect(),
        count: t.fill("gap.count", &[("count", summary.count.to_string())]),
        last: t.fill("gap.last", &[("at", readable.day(summary.last_at))]),
        signals: summary
            .signals
            .iter()
            .map(|(signal, count)| t.fill(&format!("gap.{}", signal.name()), &[("count", count.to_string())]))
            .collect(),
        nearest: view.nearest.as_ref().map(|record| (record.id.clone(), record.summary.question.clone())),
        note,
    }
}

#[derive(Template)]
#[template(path = "gap.html")]
struct GapPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    line: GapLine,
    state: &'static str,
    done: Option<String>,
    reply: String,
    log: Vec<(String, String, String)>,
}

/// One gap.
pub(super) async fn gap(
    State(web): State<Web>,
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let readable = Readable::new(&web, t).await?;
    let detail = web.app.gap(&member, &id).await?;
    let log = detail.log.iter().map(|line| {
        let text = t.fill(&format!("gap.log_{}", line.event), &[("note", line.note.clone())]);
        let who = if line.actor == "clock" { String::new() } else { readable.who(&line.actor) };
        (readable.moment(line.at), who, text)
    });
    let template = GapPage {
        frame,
        bar,
        t,
        line: gap_line(&detail.view, &readable, t),
        state: detail.view.record.state.name(),
        done: match &detail.view.record.state {
            GapState::Done { entry } => Some(entry.clone()),
            _ => None,
        },
        reply: detail.replies.first().cloned().unwrap_or_default(),
        log: log.collect(),
    };
    Ok(page(&template, t, asked))
}
