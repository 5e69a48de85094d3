//! The customer's side of the counter: start, ask, choose, ask for a person, stop waiting, give feedback, look.

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Web;
use super::auth::{self, Peer};
use super::dto::{
    Choose, ConversationDto, GiveFeedback, ReplyDto, SendMessage, StartConversation, StartedDto,
};
use super::error::{ApiError, Problem};
use super::extract::Json;
use super::texts::language_of;
use crate::app::{Access, AppError, Reply};

/// Who a customer's request claims to be.
pub(super) struct Customer {
    id: String,
    token: String,
}

impl Customer {
    pub(super) fn access(&self) -> Access<'_> {
        Access { id: &self.id, token: &self.token }
    }

    pub(super) fn error(&self, error: AppError) -> ApiError {
        auth::customer_error(error, &self.token)
    }

    fn reply(&self, reply: Result<Reply, AppError>) -> Result<axum::Json<ReplyDto>, ApiError> {
        let reply = reply.map_err(|error| self.error(error))?;
        count(&reply);
        Ok(axum::Json(reply.into()))
    }
}

impl FromRequestParts<Web> for Customer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, ApiError> {
        let id = Path::<String>::from_request_parts(parts, web).await;
        let Path(id) = id.map_err(|_| ApiError::not_found("conversation"))?;
        Ok(Self { id, token: auth::customer_token(&parts.headers).to_owned() })
    }
}

fn count(reply: &Reply) {
    if let Some(decision) = reply.decision {
        metrics::counter!("madoguchi_decisions_total", "decision" => decision).increment(1);
    }
}

/// Start a conversation. The token opens it; browsers get it as an HttpOnly cookie too.
#[utoipa::path(
    post, path = "/api/v1/conversations", tag = "conversations", request_body = Option<StartConversation>,
    responses((status = 201, body = StartedDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn start_conversation(
    State(web): State<Web>,
    Peer(peer): Peer,
    Json(start): Json<StartConversation>,
) -> Result<Response, ApiError> {
    web.limits.message(peer)?;
    let language = match start.language.as_deref() {
        None => None,
        Some(tag) => Some(
            language_of(tag)
                .ok_or_else(|| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown_language"))?,
        ),
    };
    let started = StartedDto::from(web.app.start_conversation(language).await?);
    let cookie = auth::conversation_cookie(&web, &started.id, &started.token);
    let location = HeaderValue::from_str(&format!("/api/v1/conversations/{}", started.id)).ok();
    let mut response = (StatusCode::CREATED, axum::Json(started)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [(header::SET_COOKIE, cookie), (header::LOCATION, location)] {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The conversation as its customer sees it.
#[utoipa::path(
    get, path = "/api/v1/conversations/{id}", tag = "conversations", security(("conversation" = [])),
    params(("id" = String, Path, description = "The conversation")),
    responses((status = 200, body = ConversationDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_conversation(
    State(web): State<Web>,
    customer: Customer,
) -> Result<axum::Json<ConversationDto>, ApiError> {
    let view = web.app.conversation(customer.access()).await.map_err(|error| customer.error(error))?;
    Ok(axum::Json(view.into()))
}

/// Say something. The desk answers, asks back or hands over; while a person has the conversation it only passes it on.
#[utoipa::path(
    post, path = "/api/v1/conversations/{id}/messages", tag = "conversations", security(("conversation" = [])),
    params(("id" = String, Path, description = "The conversation")), request_body = SendMessage,
    responses((status = 200, body = ReplyDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn send_message(
    State(web): State<Web>,
    Peer(peer): Peer,
    customer: Customer,
    Json(message): Json<SendMessage>,
) -> Result<axum::Json<ReplyDto>, ApiError> {
    web.limits.message(peer)?;
    let name = message.client_id.as_deref();
    let answer = async {
        let reply =
            web.app.ask(customer.access(), &message.text).await.map_err(|error| customer.error(error))?;
        count(&reply);
        Ok(ReplyDto::from(reply))
    };
    web.answered.once((&customer.id, &customer.token), name, answer).await.map(axum::Json)
}

/// Choose a candidate or a follow-up of the last answer; without an entry: none of these.
#[utoipa::path(
    post, path = "/api/v1/conversations/{id}/choose", tag = "conversations", security(("conversation" = [])),
    params(("id" = String, Path, description = "The conversation")), request_body = Choose,
    responses((status = 200, body = ReplyDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn choose(
    State(web): State<Web>,
    Peer(peer): Peer,
    customer: Customer,
    Json(choice): Json<Choose>,
) -> Result<axum::Json<ReplyDto>, ApiError> {
    web.limits.message(peer)?;
    customer.reply(match choice.entry_id.as_deref() {
        Some(entry) => web.app.choose(customer.access(), entry).await,
        None => web.app.choose_none(customer.access()).await,
    })
}

/// Ask for a person. Asking again while waiting is no error.
#[utoipa::path(
    post, path = "/api/v1/conversations/{id}/handoff", tag = "conversations", security(("conversation" = [])),
    params(("id" = String, Path, description = "The conversation")),
    responses((status = 200, body = ReplyDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn request_person(
    State(web): State<Web>,
    Peer(peer): Peer,
    customer: Customer,
) -> Result<axum::Json<ReplyDto>, ApiError> {
    web.limits.message(peer)?;
    customer.reply(web.app.request_person(customer.access()).await)
}

/// Stop waiting for a person and go back to the bot.
#[utoipa::path(
    delete, path = "/api/v1/conversations/{id}/handoff", tag = "conversations", security(("conversation" = [])),
    params(("id" = String, Path, description = "The conversation")),
    responses((status = 200, body = ReplyDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn stop_waiting(
    State(web): State<Web>,
    customer: Customer,
) -> Result<axum::Json<ReplyDto>, ApiError> {
    customer.reply(web.app.stop_waiting(customer.access()).await)
}

/// Say whether an answer resolved the question.
#[utoipa::path(
    post, path = "/api/v1/conversations/{id}/feedback", tag = "conversations", security(("conversation" = [])),
    params(("id" = String, Path, description = "The conversation")), request_body = GiveFeedback,
    responses((status = 200, body = ReplyDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn give_feedback(
    State(web): State<Web>,
    Peer(peer): Peer,
    customer: Customer,
    Json(feedback): Json<GiveFeedback>,
) -> Result<axum::Json<ReplyDto>, ApiError> {
    web.limits.message(peer)?;
    customer.reply(web.app.feedback(customer.access(), feedback.turn, feedback.resolved).await)
}
