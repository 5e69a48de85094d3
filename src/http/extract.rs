//! Reads what a request carries: JSON, forms, query, `Last-Event-ID`. Every way to get it wrong has a problem document
//! that says where; a body beyond the limit is read to its end first, so that the client hears the answer.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use super::Web;
use super::error::ApiError;

/// How much of a body beyond the limit is read and thrown away, and for how long.
const DRAIN_BYTES: usize = 8 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// When a request's body must have arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct ArrivesBy(pub(super) Instant);

/// A JSON body. An empty body reads as `{}`, whatever its type.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Web> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, web: &Web) -> Result<Self, ApiError> {
        read_json(request, web.settings.limits.body_bytes).await.map(Self)
    }
}

/// A JSON body that holds a whole list, at most [`LONG_BODY`] bytes.
pub(super) struct LongJson<T>(pub(super) T);

/// Largest body of a [`LongJson`].
const LONG_BODY: usize = 4 * 1024 * 1024;

impl<T: DeserializeOwned> FromRequest<Web> for LongJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Web) -> Result<Self, ApiError> {
        read_json(request, LONG_BODY).await.map(Self)
    }
}

async fn read_json<T: DeserializeOwned>(request: Request, limit: usize) -> Result<T, ApiError> {
    let is_json = content_type(request.headers()).map(|kind| is_json(&kind));
    let body = read_body(request, limit).await?;
    match is_json {
        _ if body.is_empty() => parse_json(b"{}"),
        Some(true) => parse_json(&body),
        _ => Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            .with("expected", "application/json")),
    }
}

/// A form as browsers send it.
pub(super) struct Form<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Web> for Form<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, web: &Web) -> Result<Self, ApiError> {
        let expected = "application/x-www-form-urlencoded";
        let is_form = content_type(request.headers()).as_deref() == Some(expected);
        let (parts, body) = request.into_parts();
        let body =
            read_body(Request::from_parts(parts.clone(), body), web.settings.limits.body_bytes).await?;
        if !is_form {
            let error = ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type");
            return Err(error.with("expected", expected));
        }
        let request = Request::from_parts(parts, Body::from(body));
        let form = axum::Form::<T>::from_request(request, web).await;
        form.map(|axum::Form(form)| Self(form)).map_err(|error| invalid_body(&error.body_text()))
    }
}

/// A file as it is, at most [`MAX_FILE`] bytes.
pub(super) struct File(pub(super) Bytes);

/// Largest file that is taken.
pub(super) const MAX_FILE: usize = 20 * 1024 * 1024;

impl FromRequest<Web> for File {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &Web) -> Result<Self, ApiError> {
        read_body(request, MAX_FILE).await.map(Self)
    }
}

/// The query string.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query.map(|axum::extract::Query(query)| Self(query)).map_err(|error| {
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query").with("why", error.body_text())
        })
    }
}

/// The last event a client has: `Last-Event-ID`, or `after` in the query for the first connection.
pub(super) fn last_event(headers: &HeaderMap, after: Option<u64>) -> Result<u64, ApiError> {
    let Some(value) = headers.get("last-event-id") else { return Ok(after.unwrap_or(0)) };
    let number = value.to_str().ok().map(str::trim).filter(|text| !text.is_empty());
    number
        .map_or(Some(0), |text| text.parse().ok())
        .ok_or_else(|| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_event_id"))
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or("not text");
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn is_json(content_type: &str) -> bool {
    content_type == "application/json"
        || (content_type.starts_with("application/") && content_type.ends_with("+json"))
}

/// The body, at most `limit` bytes, in time.
async fn read_body(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    match request.extensions().get::<ArrivesBy>().copied() {
        Some(ArrivesBy(moment)) => tokio::time::timeout_at(moment.into(), read_whole(request, limit))
            .await
            .unwrap_or_else(|_| Err(ApiError::request_timeout())),
        None => read_whole(request, limit).await,
    }
}

async fn read_whole(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut stream = request.into_body().into_data_stream();
    let mut body = Vec::with_capacity(announced.unwrap_or(0).min(limit));
    while let Some(chunk) = stream.next().await {
        let chunk = chunk
            .map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, "incomplete_body").because(error))?;
        if body.len() + chunk.len() > limit {
            // A client that is still sending would not read our answer, and closing on it resets the connection.
            let drain = async {
                let mut left = DRAIN_BYTES;
                while let Some(Ok(chunk)) = stream.next().await {
                    match left.checked_sub(chunk.len()) {
                        Some(rest) => left = rest,
                        None => break,
                    }
                }
            };
            let _ = tokio::time::timeout(DRAIN_TIME, drain).await;
            return Err(
                ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large").with("limit", limit / 1024)
            );
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        let why = error.to_string();
        if error.is_data() {
            return invalid_body(&why);
        }
        let code = if why.contains("surrogate") || why.contains("hex escape") {
            "lone_surrogate"
        } else {
            "malformed_json"
        };
        let place = ApiError { code, ..ApiError::new(StatusCode::BAD_REQUEST, "malformed_json") };
        place.with("line", error.line()).with("column", error.column()).with("why", why)
    })
}

fn invalid_body(why: &str) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_body").with("why", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Message {
        #[expect(dead_code, reason = "only whether it parses matters")]
        text: String,
    }

    #[test]
    fn every_kind_of_bad_json_has_its_code() {
        for (body, status, code) in [
            (&b"{"[..], 400, "malformed_json"),
            (b" ", 400, "malformed_json"),
            (b"{\"text\":\"\xff\"}", 400, "malformed_json"),
            (b"{\"text\":\"\\ud83d\"}", 400, "lone_surrogate"),
            (b"{\"text\":\"\\udc00\"}", 400, "lone_surrogate"),
            (b"{\"text\":\"\\ud83dx\"}", 400, "lone_surrogate"),
            (b"{\"text\":\"\\ud83d\\u0041\"}", 400, "lone_surrogate"),
            (b"{}", 422, "invalid_body"),
            (b"{\"text\":1}", 422, "invalid_body"),
            (b"[]", 422, "invalid_body"),
        ] {
            let error = parse_json::<Message>(body).expect_err("bad");
            assert_eq!(
                (error.status.as_u16(), error.code),
                (status, code),
                "{}",
                String::from_utf8_lossy(body)
            );
        }
    }

    #[test]
    fn the_last_event_comes_from_the_header_before_the_query() {
        let mut headers = HeaderMap::new();
        assert_eq!(last_event(&headers, Some(3)).expect("query"), 3);
        headers.insert("last-event-id", "7".parse().expect("value"));
        assert_eq!(last_event(&headers, Some(3)).expect("header"), 7);
        headers.insert("last-event-id", "x".parse().expect("value"));
        assert_eq!(last_event(&headers, None).expect_err("no number").code, "invalid_event_id");
    }
}
