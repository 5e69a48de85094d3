//! The pages of import and export, the gap board, and what publishing an entry would change. Rendered on the server;
//! their module uses the API.

use askama::Template;
use axum::extract::{OriginalUri, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::Web;
use super::auth::SignedInStaff;
use super::error::ApiError;
use super::exchange_dto::{
    ChangeDto, FigureDto, FindingDto, GapsQuery, IssueDto, PreviewStateDto, action_name,
};
use super::extract::Query;
use super::gaps::check_state;
use super::pages::{Frame, PageQuery, page};
use super::staff_frame::{Bar, Readable, StaffFrame};
use super::texts::Texts;
use crate::app::{GapView, ImportView};
use crate::kb::Language;
use crate::kb::exchange::{Action, Field, Planned};
use crate::kb::gaps::GapState;
use crate::store::ImportState;

/// Rows of a dry run that a page shows; the API has them all.
const ROWS_SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "imports.html")]
struct ImportsPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    imports: Vec<ImportLine>,
}

struct ImportLine {
    id: String,
    name: String,
    state: String,
    at: String,
    who: String,
    created: usize,
    updated: usize,
    rejected: usize,
}

/// Import and export.
pub(super) async fn imports(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let asked = query.lang.as_deref();
    let StaffFrame { frame, bar, t } = StaffFrame::new(&web, &staff, &headers, &uri, asked).await?;
    let readable = Readable::new(&web, t).await?;
    let line = |(record, outcome): &(crate::store::ImportRecord, crate::app::ImportOutcome)| ImportLine {
        id: record.id.clone(),
        name: record.name.clone(),
        state: t.get(state_key(record.state)).to_owned(),
        at: readable.moment(record.at),
        who: readable.who(record.staff.as_str()),
        created: outcome.created.len(),
        updated: outcome.updated.len(),
        rejected: outcome.rejected,
    };
    let imports = web.app.imports(&staff.session.staff).await?.iter().map(line).collect();
    Ok(page(&ImportsPage { frame, bar, t, imports }, t, asked))
}

fn state_key(state: ImportState) -> &'static str {
    match state {
        ImportState::Ready => "import.state_ready",
        ImportState::Applied => "import.state_applied",
        ImportState::Undone => "import.state_undone",
    }
}

#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    id: String,
    name: String,
    state: &'static str,
    state_text: &'static str,
    read_as: String,
    columns: Vec<String>,
    fields: Vec<FieldLine>,
    category: String,
    owner: String,
    is_complete: bool,
    counts: (usize, usize, usize),
    rows: Vec<RowLine>,
    more_rows: usize,
    rejected: Vec<RejectedLine>,
    more_rejected: usize,
    refused: Vec<(String, String)>,
    outcome: crate::app::ImportOutcome,
}

struct FieldLine {
    name: String,
    text: &'static str,
    column: Option<usize>,
}

impl FieldLine {
    /// Whether this column fills it.
    fn is(&self, column: &usize) -> bool {
        self.column == Some(*column)
    }
}

struct RowLine {
    number: usize,
    action: &'static str,
    action_text: &'static str,
    id: String,
    question: String,
    notes: Vec<String>,
}

struct RejectedLine {
    number: usize,
    reasons: Vec<String>,
    excerpt: String,
}

/// One import: columns, dry run, taking over, taking back.
pub(super) async fn import(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let asked = query.lang.as_deref();
    let StaffFrame { frame, bar, t } = StaffFrame::new(&web, &staff, &headers, &uri, asked).await?;
    let view = web.app.import(&staff.session.staff, &id).await?;
    let english = t.0 == Language::En;
    let format = t.fill(&format!("import.format_{}", view.source.format.name()), &[]);
    let read_as = view.source.table.read_as.clone();
    let template = ImportPage {
        frame,
        bar,
        t,
        id,
        name: view.record.name.clone(),
        state: view.record.state.name(),
        state_text: t.get(state_key(view.record.state)),
        read_as: t.fill("import.read_as", &[("format", format), ("read_as", read_as)]),
        columns: view.source.table.header.clone(),
        fields: Field::all()
            .map(|field| FieldLine {
                name: field.name(),
                text: field.header(english),
                column: view.settings.mapping.0.get(&field).copied(),
            })
            .collect(),
        category: view.settings.defaults.category.join(" / "),
        owner: view.settings.defaults.owner.clone(),
        is_complete: view.settings.mapping.is_complete(),
        counts: view.plan.counts(),
        rows: view.plan.planned.iter().take(ROWS_SHOWN).map(|row| row_line(row, t)).collect(),
        more_rows: view.plan.planned.len().saturating_sub(ROWS_SHOWN),
        rejected: rejected_lines(&view, t),
        more_rejected: view.plan.rejected.len().saturating_sub(ROWS_SHOWN),
        refused: view
            .outcome
            .refused
            .iter()
            .map(|(id, code)| {
                let title = t.find(&format!("problem.{code}.title")).unwrap_or_default();
                (id.clone(), title.to_owned())
            })
            .collect(),
        outcome: view.outcome,
    };
    Ok(page(&template, t, asked))
}

fn row_line(row: &Planned, t: Texts) -> RowLine {
    let english = t.0 == Language::En;
    let mut notes: Vec<String> = row.warnings.iter().map(|issue| IssueDto::of(issue, t).text).collect();
    if let Action::Update { changed } = &row.action {
        let fields: Vec<&str> = changed.iter().map(|field| field.header(english)).collect();
        notes.insert(0, t.fill("import.changes", &[("fields", fields.join("、"))]));
    }
    RowLine {
        number: row.number,
        action: action_name(&row.action),
        action_text: match row.action {
            Action::Create => t.get("import.created"),
            Action::Update { .. } => t.get("import.updated"),
            Action::Unchanged => t.get("import.unchanged"),
        },
        id: row.entry.id.clone(),
        question: row.entry.question.clone(),
        notes,
    }
}

fn rejected_lines(view: &ImportView, t: Texts) -> Vec<RejectedLine> {
    let line = |rejected: &crate::kb::exchange::Rejected| RejectedLine {
        number: rejected.number,
        reasons: rejected.issues.iter().map(|issue| IssueDto::of(issue, t).text).collect(),
        excerpt: rejected
            .cells
            .iter()
            .filter(|cell| !cell.trim().is_empty())
            .map(|cell| cell.chars().take(40).collect::<String>())
            .collect::<Vec<String>>()
            .join(" | "),
    };
    view.plan.rejected.iter().take(ROWS_SHOWN).map(line).collect()
}

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

/// What the gap board's query may say.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct GapPageQuery {
    lang: Option<String>,
    state: String,
}

/// The gap board.
pub(super) async fn gaps(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<GapPageQuery>,
) -> Result<Response, ApiError> {
    let query = (GapsQuery { state: query.state }, query.lang);
    let asked = query.1.as_deref();
    check_state(&query.0.state)?;
    let StaffFrame { frame, bar, t } = StaffFrame::new(&web, &staff, &headers, &uri, asked).await?;
    let readable = Readable::new(&web, t).await?;
    web.app.find_gaps().await?;
    let (views, counts) = web.app.gaps(&staff.session.staff, &query.0.state).await?;
    let of = |state: &str| counts.get(state).copied().unwrap_or_default();
    let tab = |state: &str, key: &'static str, count: usize| {
        let href =
            if state.is_empty() { "/staff/gaps".to_owned() } else { format!("/staff/gaps?state={state}") };
        (href, t.get(key), count, query.0.state == state)
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
    staff: SignedInStaff,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let asked = query.lang.as_deref();
    let StaffFrame { frame, bar, t } = StaffFrame::new(&web, &staff, &headers, &uri, asked).await?;
    let readable = Readable::new(&web, t).await?;
    let detail = web.app.gap(&staff.session.staff, &id).await?;
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

#[derive(Template)]
#[template(path = "impact.html")]
struct ImpactPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    id: String,
    question: String,
    impact: PreviewStateDto,
    figures: Vec<FigureLine>,
    cases: Vec<ChangeLine>,
    questions: Vec<ChangeLine>,
    findings: Vec<FindingDto>,
}

struct FigureLine {
    name: String,
    before: String,
    after: String,
    allowed: String,
    breaks: bool,
}

struct ChangeLine {
    id: String,
    question: String,
    before: String,
    after: String,
    direction: String,
    text: &'static str,
}

/// What publishing an entry would change, and what is doubtful about it.
pub(super) async fn impact(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Response, ApiError> {
    let asked = query.lang.as_deref();
    let member = &staff.session.staff;
    let StaffFrame { frame, bar, t } = StaffFrame::new(&web, &staff, &headers, &uri, asked).await?;
    let question = web.app.entry(member, &id).await?.head.content.question;
    let findings = web.app.check_entry(member, &id).await?;
    let impact = PreviewStateDto::of(&web.app.preview(member, &id).await?);
    let template = ImpactPage {
        frame,
        bar,
        t,
        question,
        figures: impact.figures.iter().map(|figure| figure_line(figure, t)).collect(),
        cases: impact.changed_cases.iter().map(|change| change_line(change, t)).collect(),
        questions: impact.changed_questions.iter().map(|change| change_line(change, t)).collect(),
        findings: findings.iter().map(|finding| FindingDto::of(finding, t)).collect(),
        impact,
        id,
    };
    Ok(page(&template, t, asked))
}

fn figure_line(figure: &FigureDto, t: Texts) -> FigureLine {
    let percent =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{:.1}%", value * 100.0));
    FigureLine {
        name: t.find(&format!("impact.{}", figure.name)).map_or_else(|| figure.name.clone(), str::to_owned),
        before: percent(figure.before),
        after: percent(figure.after),
        allowed: percent(Some(figure.allowed)),
        breaks: figure.breaks,
    }
}

fn change_line(change: &ChangeDto, t: Texts) -> ChangeLine {
    let ChangeDto { id, question, before, after, direction } = change.clone();
    let text = t.find(&format!("impact.{direction}")).unwrap_or_default();
    ChangeLine { id, question, before, after, direction, text }
}
