//! Who may call: the guard in front of every route, made from the route table, and the tokens in cookies and headers.
//! Customers are checked by the app, per conversation; here is only where their token comes from.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::Web;
use super::error::ApiError;
use crate::app::{AppError, Role, Session};

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Anybody.
    Anyone,
    /// Who holds the conversation's token.
    Customer,
    /// Any signed-in member of staff.
    SignedIn,
    /// Signed-in staff with this role (or admin).
    Staff(Role),
}

/// Name of the cookie with a conversation's token. Its path is the conversation's, so that several can live together.
const CONVERSATION_COOKIE: &str = "madoguchi_conversation";
/// Header of the staff pages' requests that proves they come from our page.
const CSRF_HEADER: &str = "x-csrf-token";

/// What the guard of one route needs.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) web: Web,
    pub(super) caller: Caller,
    /// Whether a browser page, which asks to sign in instead of refusing.
    pub(super) page: bool,
}

/// The signed-in member of staff with their session's token, put there by the guard.
#[derive(Debug, Clone)]
pub(super) struct SignedInStaff {
    pub(super) session: Session,
    pub(super) token: String,
}

impl<S: Send + Sync> FromRequestParts<S> for SignedInStaff {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let staff = parts.extensions.get::<Self>().cloned();
        // The route table said that staff may call; without the guard's entry nobody is let in.
        staff.ok_or_else(|| ApiError::new(StatusCode::UNAUTHORIZED, "not_signed_in"))
    }
}

/// Lets a request through to its handler, or refuses it.
pub(super) async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let unsafe_method = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if unsafe_method && is_cross_site(request.headers()) {
        return ApiError::new(StatusCode::FORBIDDEN, "cross_site").into_response();
    }
    let role = match guard.caller {
        Caller::Anyone | Caller::Customer => return next.run(request).await,
        Caller::SignedIn => None,
        Caller::Staff(role) => Some(role),
    };
    let cookie = staff_cookie(&guard.web);
    let token = cookie_value(request.headers(), cookie).unwrap_or_default().to_owned();
    let session = match guard.web.app.session(&token).await {
        Ok(session) => session,
        Err(AppError::NotSignedIn) if guard.page && !unsafe_method => {
            return Redirect::to("/staff/sign-in").into_response();
        }
        Err(error) => return ApiError::from(error).into_response(),
    };
    if let Some(role) = role.filter(|role| !session.staff.may(*role)) {
        return ApiError::from(AppError::Forbidden(role)).into_response();
    }
    // A form of a page carries the token in its body; its handler checks it.
    if unsafe_method && !guard.page {
        let sent =
            request.headers().get(CSRF_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if let Err(error) = check_csrf(&session, sent) {
            return error.into_response();
        }
    }
    request.extensions_mut().insert(SignedInStaff { session, token });
    next.run(request).await
}

/// Refuses a changing request of a session without its CSRF token.
pub(super) fn check_csrf(session: &Session, sent: &str) -> Result<(), ApiError> {
    let expected = session.csrf.as_bytes();
    let differences = expected.iter().zip(sent.as_bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    if !expected.is_empty() && expected.len() == sent.len() && differences == 0 {
        Ok(())
    } else {
        Err(ApiError::new(StatusCode::FORBIDDEN, "csrf"))
    }
}

/// Whether a browser says that another site caused the request. Other clients say nothing and are let through: what
/// they lack is the cookie.
fn is_cross_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text("origin") else { return false };
    let origin_host = origin.split_once("://").map(|(_, host)| host);
    origin_host.is_none() || origin_host != text("host")
}

/// The customer's token: `Authorization: Bearer …`, else the conversation's cookie, else empty.
pub(super) fn customer_token(headers: &HeaderMap) -> &str {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match bearer.and_then(|value| value.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => cookie_value(headers, CONVERSATION_COOKIE).unwrap_or_default(),
    }
}

/// How a customer's use case fails: without any token it is 401 rather than 403.
pub(super) fn customer_error(error: AppError, token: &str) -> ApiError {
    match error {
        AppError::WrongToken if token.is_empty() => ApiError::new(StatusCode::UNAUTHORIZED, "token_missing"),
        error => error.into(),
    }
}

/// The cookie that opens conversation `id` for its browser.
pub(super) fn conversation_cookie(web: &Web, id: &str, token: &str) -> Option<HeaderValue> {
    let secure = if web.settings.secure_cookies { "; Secure" } else { "" };
    HeaderValue::from_str(&format!(
        "{CONVERSATION_COOKIE}={token}; Path=/api/v1/conversations/{id}; HttpOnly; SameSite=Strict; Max-Age=2592000{secure}"
    ))
    .ok()
}

/// The cookie of a staff session; `None` ends it.
pub(super) fn session_cookie(web: &Web, token: Option<&str>) -> String {
    let secure = if web.settings.secure_cookies { "; Secure" } else { "" };
    let age = web.app.limits().session_ms / 1_000;
    let (token, age) = token.map_or(("", 0), |token| (token, age));
    let name = staff_cookie(web);
    format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}")
}

/// Browsers take a `__Host-` cookie only from this very host and over HTTPS.
fn staff_cookie(web: &Web) -> &'static str {
    if web.settings.secure_cookies { "__Host-madoguchi_staff" } else { "madoguchi_staff" }
}

/// The session token a request carries, if any.
pub(super) fn staff_token<'a>(web: &Web, headers: &'a HeaderMap) -> Option<&'a str> {
    cookie_value(headers, staff_cookie(web))
}

/// Whether the request comes with a session that has not ended.
pub(super) async fn is_signed_in(web: &Web, headers: &HeaderMap) -> bool {
    match staff_token(web, headers) {
        Some(token) => web.app.session(token).await.is_ok(),
        None => false,
    }
}

/// The value of the cookie `name`.
pub(super) fn cookie_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

/// The address a request comes from.
pub(super) struct Peer(pub(super) SocketAddr);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        peer.map(|ConnectInfo(peer)| Self(*peer)).ok_or_else(|| {
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").because("no peer address")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| ((*name).parse().expect("name"), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn the_header_goes_before_the_cookie() {
        let cookie = ("cookie", "a=b; madoguchi_conversation=from-cookie");
        assert_eq!(customer_token(&headers(&[cookie])), "from-cookie");
        assert_eq!(
            customer_token(&headers(&[cookie, ("authorization", "bearer from-header")])),
            "from-header"
        );
        assert_eq!(customer_token(&headers(&[("cookie", "xmadoguchi_conversation=1")])), "");
    }

    #[test]
    fn requests_that_another_site_caused_are_recognised() {
        for (pairs, cross) in [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin")], false),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("origin", "https://desk.example"), ("host", "desk.example")], false),
            (&[("origin", "https://evil.example"), ("host", "desk.example")], true),
            (&[("origin", "null"), ("host", "desk.example")], true),
        ] {
            assert_eq!(is_cross_site(&headers(pairs)), cross, "{pairs:?}");
        }
    }
}
