//! The gap board as an API.

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::Web;
use super::auth::SignedInStaff;
use super::error::{ApiError, Problem};
use super::extract::{Json, Query};
use super::gap_dto::{GapActDto, GapActedDto, GapDetailDto, GapDto, GapsDto, GapsQuery};
use crate::app::{AppError, GapAction};
use crate::handoff::StaffId;

/// What customers asked in vain, grouped by meaning, the heaviest first. Looks for new questions first.
#[utoipa::path(
    get, path = "/api/v1/gaps", tag = "gaps", security(("staff" = [])), params(GapsQuery),
    responses((status = 200, body = GapsDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn list_gaps(
    State(web): State<Web>,
    staff: SignedInStaff,
    Query(query): Query<GapsQuery>,
) -> Result<axum::Json<GapsDto>, ApiError> {
    check_state(&query.state)?;
    web.app.find_gaps().await?;
    let (gaps, counts) = web.app.gaps(&staff.session.staff, &query.state).await?;
    let counts = counts.into_iter().map(|(state, count)| (state.to_owned(), count)).collect();
    Ok(axum::Json(GapsDto { gaps: gaps.iter().map(GapDto::of).collect(), counts }))
}

/// Refuses what is no state of a gap.
pub(super) fn check_state(state: &str) -> Result<(), ApiError> {
    if matches!(state, "" | "open" | "assigned" | "dismissed" | "done") {
        return Ok(());
    }
    let error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query");
    Err(error.with("why", format!("state has no value {state:?}")))
}

/// A gap with its wordings, what people replied, and its past.
#[utoipa::path(
    get, path = "/api/v1/gaps/{id}", tag = "gaps", security(("staff" = [])),
    params(("id" = String, Path, description = "The gap")),
    responses((status = 200, body = GapDetailDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_gap(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
) -> Result<axum::Json<GapDetailDto>, ApiError> {
    Ok(axum::Json(GapDetailDto::of(&web.app.gap(&staff.session.staff, &id).await?)))
}

/// Assign, release, dismiss or reopen a gap, add a wording of it to an entry, or write a new entry for it. The latter two
/// make drafts, close the gap and write an evaluation case.
#[utoipa::path(
    post, path = "/api/v1/gaps/{id}", tag = "gaps", security(("staff" = [])),
    params(("id" = String, Path, description = "The gap")), request_body = GapActDto,
    responses((status = 200, body = GapActedDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn act_on_gap(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
    Json(act): Json<GapActDto>,
) -> Result<axum::Json<GapActedDto>, ApiError> {
    let member = &staff.session.staff;
    let action = match act {
        GapActDto::Assign { to: None } => GapAction::Assign(member.id.clone()),
        GapActDto::Assign { to: Some(id) } => GapAction::Assign(
            StaffId::parse(&id)
                .ok_or_else(|| AppError::Invalid { field: "to", why: "no such id".to_owned() })?,
        ),
        GapActDto::Release => GapAction::Release,
        GapActDto::Dismiss { reason } => GapAction::Dismiss(reason),
        GapActDto::Reopen => GapAction::Reopen,
        GapActDto::AddPhrasing { entry_id, phrasing } => GapAction::AddPhrasing { entry: entry_id, phrasing },
        GapActDto::Draft { question, answer } => GapAction::Draft { question, answer },
    };
    let entry_id = web.app.act_on_gap(member, &id, action).await?;
    let gap = GapDetailDto::of(&web.app.gap(member, &id).await?);
    Ok(axum::Json(GapActedDto { gap, entry_id }))
}
