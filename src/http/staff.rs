//! The staff's side of the counter as an API: who am I, the queue, a ticket, take over, reply, return, resolve, reopen.
//! The guard has checked session, role and CSRF token before any of these runs.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::StreamExt;

use super::Web;
use super::auth::SignedInStaff;
use super::dto::EventsQuery;
use super::error::{ApiError, Problem};
use super::events::{self, turn_event};
use super::extract::{Json, Query, last_event};
use super::staff_dto::{
    AgentReply, MeDto, TicketDetailDto, TicketsDto, TicketsQuery, TraceDto, priority_name,
};
use crate::app::{AppError, TicketDetail, TicketFilter};
use crate::handoff::TicketState;
use crate::kb::Priority;

/// Who is signed in.
#[utoipa::path(
    get, path = "/api/v1/staff/me", tag = "staff", security(("staff" = [])),
    responses((status = 200, body = MeDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_me(staff: SignedInStaff) -> axum::Json<MeDto> {
    axum::Json(MeDto::of(&staff.session))
}

/// Tickets in queue order: urgent first, then the oldest.
#[utoipa::path(
    get, path = "/api/v1/staff/tickets", tag = "staff", security(("staff" = [])), params(TicketsQuery),
    responses((status = 200, body = TicketsDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn list_tickets(
    State(web): State<Web>,
    staff: SignedInStaff,
    Query(query): Query<TicketsQuery>,
) -> Result<axum::Json<TicketsDto>, ApiError> {
    let staff = &staff.session.staff;
    let filter = TicketFilter {
        states: states(query.state.as_deref())?,
        queue: query.queue,
        agent: query.mine.unwrap_or(false).then(|| staff.id.clone()),
        priority: query.priority.as_deref().map(priority).transpose()?,
        limit: query.limit.unwrap_or(0).min(1_000),
    };
    let tickets = web.app.tickets(staff, &filter).await?;
    Ok(axum::Json(TicketsDto::of(&tickets, staff, &web.app.staff_names().await?)))
}

fn states(names: Option<&str>) -> Result<Vec<TicketState>, ApiError> {
    let names = names.unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| TicketState::from_name(name).ok_or_else(|| invalid_query("state", name))).collect()
}

fn priority(name: &str) -> Result<Priority, ApiError> {
    let all = [Priority::Urgent, Priority::High, Priority::Normal];
    all.into_iter()
        .find(|priority| priority_name(*priority) == name)
        .ok_or_else(|| invalid_query("priority", name))
}

fn invalid_query(key: &str, value: &str) -> ApiError {
    let why = format!("{key} has no value {value:?}");
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query").with("why", why)
}

/// A ticket with its packet and the conversation.
#[utoipa::path(
    get, path = "/api/v1/staff/tickets/{id}", tag = "staff", security(("staff" = [])),
    params(("id" = String, Path, description = "The ticket")),
    responses((status = 200, body = TicketDetailDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_ticket(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
) -> Result<axum::Json<TicketDetailDto>, ApiError> {
    detail(&staff, web.app.ticket(&staff.session.staff, &id).await)
}

/// Follow a ticket's conversation: every turn, live.
#[utoipa::path(
    get, path = "/api/v1/staff/tickets/{id}/events", tag = "staff", security(("staff" = [])),
    params(
        ("id" = String, Path, description = "The ticket"), EventsQuery,
        ("last-event-id" = Option<u64>, Header, description = "The last turn the client has")
    ),
    responses(
        (status = 200, description = "Events `turn`: a TurnDto, id = its `seq`", body = String, content_type = "text/event-stream"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn follow_ticket(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let after = last_event(&headers, query.after)?;
    let mut turns = web.app.ticket_events(&staff.session.staff, &id, after).await?;
    Ok(events::respond(&web, |sender| async move {
        while let Some(Ok(turn)) = turns.next().await {
            if sender.send(turn_event(&turn)).await.is_err() {
                return;
            }
        }
    }))
}

/// Take a ticket over; the bot falls silent.
#[utoipa::path(
    post, path = "/api/v1/staff/tickets/{id}/take-over", tag = "staff", security(("staff" = [])),
    params(("id" = String, Path, description = "The ticket")),
    responses((status = 200, body = TicketDetailDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn take_over(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
) -> Result<axum::Json<TicketDetailDto>, ApiError> {
    detail(&staff, web.app.take_over(&staff.session.staff, &id).await)
}

/// Write to the customer as the ticket's owner.
#[utoipa::path(
    post, path = "/api/v1/staff/tickets/{id}/reply", tag = "staff", security(("staff" = [])),
    params(("id" = String, Path, description = "The ticket")), request_body = AgentReply,
    responses((status = 200, body = TicketDetailDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn reply(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
    Json(reply): Json<AgentReply>,
) -> Result<axum::Json<TicketDetailDto>, ApiError> {
    let caller = &staff.session.staff;
    let name = reply.client_id.as_deref();
    let written = web.written.once((&id, caller.id.as_str()), name, async {
        Ok(web.app.agent_reply(caller, &id, &reply.text).await?.turns.last().map_or(0, |turn| turn.seq))
    });
    written.await?;
    detail(&staff, web.app.ticket(caller, &id).await)
}

/// Give the conversation back to the bot; the ticket ends.
#[utoipa::path(
    post, path = "/api/v1/staff/tickets/{id}/return", tag = "staff", security(("staff" = [])),
    params(("id" = String, Path, description = "The ticket")),
    responses((status = 200, body = TicketDetailDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn return_to_bot(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
) -> Result<axum::Json<TicketDetailDto>, ApiError> {
    detail(&staff, web.app.return_to_bot(&staff.session.staff, &id).await)
}

/// Resolve a ticket.
#[utoipa::path(
    post, path = "/api/v1/staff/tickets/{id}/resolve", tag = "staff", security(("staff" = [])),
    params(("id" = String, Path, description = "The ticket")),
    responses((status = 200, body = TicketDetailDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn resolve(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
) -> Result<axum::Json<TicketDetailDto>, ApiError> {
    detail(&staff, web.app.resolve(&staff.session.staff, &id).await)
}

/// Put a resolved ticket back in the queue.
#[utoipa::path(
    post, path = "/api/v1/staff/tickets/{id}/reopen", tag = "staff", security(("staff" = [])),
    params(("id" = String, Path, description = "The ticket")),
    responses((status = 200, body = TicketDetailDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn reopen(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
) -> Result<axum::Json<TicketDetailDto>, ApiError> {
    detail(&staff, web.app.reopen(&staff.session.staff, &id).await)
}

/// Why the bot decided as it did.
#[utoipa::path(
    get, path = "/api/v1/staff/traces/{id}", tag = "staff", security(("staff" = [])),
    params(("id" = String, Path, description = "The trace")),
    responses((status = 200, body = TraceDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_trace(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
) -> Result<axum::Json<TraceDto>, ApiError> {
    Ok(axum::Json(web.app.trace(&staff.session.staff, &id).await?.into()))
}

fn detail(
    staff: &SignedInStaff,
    detail: Result<TicketDetail, AppError>,
) -> Result<axum::Json<TicketDetailDto>, ApiError> {
    Ok(axum::Json(TicketDetailDto::of(detail?, &staff.session.staff)))
}
