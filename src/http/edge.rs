//! What every request passes through, outermost: a request id, header limits, a deadline, panics caught,
//! security headers, problem documents in the client's language (as a page for browsers), metrics and one log line.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

use super::error::ApiError;
use super::extract::ArrivesBy;
use super::texts::Texts;
use super::{Settings, Web, limits, pages};

/// Wraps every route of `router`.
pub(super) fn wrap(router: Router<Web>, web: &Web) -> Router<Web> {
    let deadline = Duration::from_millis(web.settings.limits.request_timeout_ms);
    router
        .layer(middleware::from_fn_with_state(deadline, within_time))
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(middleware::from_fn_with_state(Arc::new(Policies::of(&web.settings)), around))
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(1_024).and(is_text)))
}

/// Bounds the time of a request. One that only reads is cut off. One that changes something must have arrived whole by then,
/// and runs to its end, even if nobody waits any more: else it might be stored and answered with an error, or stored and
/// not told to those who listen.
async fn within_time(State(limit): State<Duration>, mut request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        let answered = tokio::time::timeout(limit, next.run(request)).await;
        return answered.unwrap_or_else(|_| ApiError::request_timeout().into_response());
    }
    request.extensions_mut().insert(ArrivesBy(Instant::now() + limit));
    match tokio::spawn(next.run(request)).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready")
                .because("stopping")
                .into_response(),
        },
    }
}

/// Pages and assets are worth compressing; JSON answers are small and frequent, event streams must not be buffered.
fn is_text(_: StatusCode, _: axum::http::Version, headers: &HeaderMap, _: &axum::http::Extensions) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    ["text/html", "text/css", "text/javascript"].iter().any(|text| kind.starts_with(text))
}

fn on_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message =
        panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
        .because(message.unwrap_or("a handler panicked"))
        .into_response()
}

async fn around(
    State(policies): State<Arc<Policies>>,
    matched: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let begun = Instant::now();
    let client = Client::of(&request);
    let route = matched.map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let response = match limits::check_headers(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    let mut response = client.finish(response, &route);
    let status = response.status();
    policies.apply(&mut response);
    let labels = [
        ("method", client.method.as_str().to_owned()),
        ("route", route),
        ("status", status.as_u16().to_string()),
    ];
    metrics::histogram!("madoguchi_http_request_seconds", &labels).record(begun.elapsed().as_secs_f64());
    response
}

/// What of a request its error response depends on.
struct Client {
    method: Method,
    texts: Texts,
    wants_page: bool,
    request_id: String,
}

impl Client {
    fn of(request: &Request) -> Self {
        let headers = request.headers();
        let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let is_api = request.uri().path().starts_with("/api/");
        Self {
            method: request.method().clone(),
            texts: Texts(pages::language(headers, None)),
            wants_page: !is_api && accepts.contains("text/html"),
            request_id: format!("{:016x}", rand::random::<u64>()),
        }
    }

    /// Renders an error as a document or a page, and logs it if it is ours.
    fn finish(&self, mut response: Response, route: &str) -> Response {
        if !response.status().is_client_error() && !response.status().is_server_error() {
            return response;
        }
        let error = response.extensions_mut().remove::<ApiError>();
        let Some(error) = error.or_else(|| error_of(response.status())) else { return response };
        let (id, code, status) = (&self.request_id, error.code, error.status.as_u16());
        let internal = error.internal.as_deref().unwrap_or_default();
        if error.status.is_server_error() {
            tracing::error!(request_id = id, method = %self.method, route, status, code, internal, "request failed");
        } else {
            tracing::debug!(request_id = id, method = %self.method, route, status, code, internal, "request refused");
        }
        let allow = response.headers_mut().remove(header::ALLOW);
        let request_id = error.status.is_server_error().then(|| self.request_id.clone());
        let mut response = if self.wants_page {
            pages::error_page(&error, self.texts, request_id)
        } else {
            error.respond(self.texts, request_id)
        };
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }
}

/// The error behind a bare status of a layer or of axum.
fn error_of(status: StatusCode) -> Option<ApiError> {
    Some(match status {
        StatusCode::NOT_FOUND => ApiError::new(StatusCode::NOT_FOUND, "not_found"),
        StatusCode::METHOD_NOT_ALLOWED => ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        StatusCode::BAD_REQUEST => ApiError::new(StatusCode::BAD_REQUEST, "bad_request"),
        status if status.is_server_error() => ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        _ => return None,
    })
}

/// The security headers of every response.
struct Policies {
    page: HeaderValue,
    embeddable: HeaderValue,
    secure: bool,
}

impl Policies {
    fn of(settings: &Settings) -> Self {
        let policy = |ancestors: &str| {
            let policy = format!(
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                 frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
            );
            HeaderValue::from_str(&policy).expect("origins are checked by the configuration")
        };
        let origins = settings.trusted_origins.iter().map(String::as_str);
        let ancestors: Vec<&str> = std::iter::once("'self'").chain(origins).collect();
        Self {
            page: policy("'none'"),
            embeddable: policy(&ancestors.join(" ")),
            secure: settings.secure_cookies,
        }
    }

    fn apply(&self, response: &mut Response) {
        let embeddable = response.extensions_mut().remove::<Embeddable>().is_some();
        let headers = response.headers_mut();
        if embeddable {
            headers.insert(header::CONTENT_SECURITY_POLICY, self.embeddable.clone());
        } else {
            headers.insert(header::CONTENT_SECURITY_POLICY, self.page.clone());
            headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
        let fixed = [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
            (
                HeaderName::from_static("permissions-policy"),
                "camera=(), geolocation=(), microphone=(), payment=()",
            ),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ];
        for (name, value) in fixed {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
        if self.secure {
            let value = HeaderValue::from_static("max-age=31536000");
            headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(value);
        }
    }
}

/// Marks a response whose page trusted origins may embed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Embeddable;
