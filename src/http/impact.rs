//! What is worked out before an entry is published, as API and page: what publishing it would change, and what is doubtful
//! about it.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::Web;
use super::auth::SignedInStaff;
use super::error::{ApiError, Problem};
use super::extract::Json;
use super::impact_dto::{ChangeDto, FigureDto, FindingDto, FindingsDto, PreviewEntriesDto, PreviewStateDto};
use super::pages::{Frame, language, page};
use super::staff_frame::{Bar, StaffFrame};
use super::texts::Texts;

/// What publishing an entry's newest revision would change. The first call starts working it out; ask again until `state`
/// is `done`.
#[utoipa::path(
    get, path = "/api/v1/entries/{id}/impact", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")),
    responses((status = 200, body = PreviewStateDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_impact(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
) -> Result<axum::Json<PreviewStateDto>, ApiError> {
    Ok(axum::Json(PreviewStateDto::of(&web.app.preview(&staff.session.staff, &id).await?)))
}

/// What publishing the newest revisions of several entries together would change; bulk publishing asks for it. The first
/// call starts working it out; ask `/api/v1/previews/{id}` until `state` is `done`.
#[utoipa::path(
    post, path = "/api/v1/previews", tag = "entries", security(("staff" = [])), request_body = PreviewEntriesDto,
    responses((status = 200, body = PreviewStateDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn preview_entries(
    State(web): State<Web>,
    staff: SignedInStaff,
    Json(set): Json<PreviewEntriesDto>,
) -> Result<axum::Json<PreviewStateDto>, ApiError> {
    Ok(axum::Json(PreviewStateDto::of(&web.app.preview_set(&staff.session.staff, &set.entries).await?)))
}

/// How far a preview is, and what it found. It is kept until what customers get changes.
#[utoipa::path(
    get, path = "/api/v1/previews/{id}", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The preview")),
    responses((status = 200, body = PreviewStateDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_preview(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
) -> Result<axum::Json<PreviewStateDto>, ApiError> {
    Ok(axum::Json(PreviewStateDto::of(&web.app.preview_state(&staff.session.staff, &id).await?)))
}

/// What is doubtful about an entry's newest revision: forbidden claims, contradictions, duplicates, hard language.
#[utoipa::path(
    get, path = "/api/v1/entries/{id}/checks", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")),
    responses((status = 200, body = FindingsDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_checks(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<axum::Json<FindingsDto>, ApiError> {
    let t = Texts(language(&headers, None));
    let findings = web.app.check_entry(&staff.session.staff, &id).await?;
    Ok(axum::Json(FindingsDto {
        findings: findings.iter().map(|finding| FindingDto::of(finding, t)).collect(),
    }))
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
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let question = web.app.entry(&member, &id).await?.head.content.question;
    let findings = web.app.check_entry(&member, &id).await?;
    let impact = PreviewStateDto::of(&web.app.preview(&member, &id).await?);
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
