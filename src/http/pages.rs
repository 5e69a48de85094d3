//! The customer's pages, rendered on the server: the chat, the same chat for the widget's frame, a page that shows the
//! widget, and error pages. Their scripts use the API like any other client.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::Web;
use super::assets::VERSION;
use super::auth::cookie_value;
use super::edge::Embeddable;
use super::error::ApiError;
use super::extract::Query;
use super::texts::{Texts, language_of, preferred_language};
use crate::kb::{Language, Snapshot};

/// The cookie that remembers which language a visitor chose.
const LANGUAGE_COOKIE: &str = "madoguchi_lang";
/// Questions offered to start with.
const STARTERS: usize = 6;

/// What any page's query may say.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    lang: Option<String>,
}

impl PageQuery {
    /// The language to switch to; one that the interface does not have counts as none.
    pub(super) fn asked(&self) -> Option<Language> {
        self.lang.as_deref().and_then(language_of)
    }
}

/// What every page needs.
pub(super) struct Frame {
    pub(super) version: &'static str,
    pub(super) desk: String,
    pub(super) sample: bool,
}

impl Frame {
    pub(super) fn new(web: &Web, t: Texts) -> Self {
        let snapshot = web.app.snapshot();
        let desk = snapshot.desk.name.get(t.0);
        let desk = if desk.is_empty() { t.get("page.desk").to_owned() } else { desk.to_owned() };
        Self { version: VERSION.as_str(), desk, sample: snapshot.desk.sample }
    }
}

#[derive(Template)]
#[template(path = "chat.html")]
struct ChatPage {
    frame: Frame,
    t: Texts,
    embedded: bool,
    greeting: String,
    none_of_these: String,
    time_zone: String,
    starters: Vec<String>,
    message_chars: usize,
}

#[derive(Template)]
#[template(path = "embed_demo.html")]
struct EmbedDemo {
    frame: Frame,
    t: Texts,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    t: Texts,
    version: &'static str,
    status: u16,
    title: String,
    detail: String,
    next: String,
    code: String,
    request_id: Option<String>,
}

/// The language of a page: what the query asks for, else what the visitor chose before, else what the browser prefers.
pub(super) fn language(headers: &HeaderMap, asked: Option<Language>) -> Language {
    let remembered = || cookie_value(headers, LANGUAGE_COOKIE).and_then(language_of);
    let preferred = || {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        preferred_language(accepted.unwrap_or_default())
    };
    asked.or_else(remembered).unwrap_or_else(preferred)
}

/// A rendered page; remembers the language if the visitor asked for one.
pub(super) fn page(template: &impl Template, t: Texts, asked: Option<Language>) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(error) => {
            return ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal")
                .because(error)
                .into_response();
        }
    };
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(t.tag()));
    headers.insert(header::VARY, HeaderValue::from_static("accept-language, cookie"));
    if asked.is_some() {
        let cookie = format!("{LANGUAGE_COOKIE}={}; Path=/; SameSite=Lax; Max-Age=31536000", t.tag());
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// The customer's chat.
pub(super) async fn chat(
    State(web): State<Web>,
    headers: HeaderMap,
    Query(query): Query<PageQuery>,
) -> Response {
    chat_page(&web, &headers, &query, false)
}

/// The chat inside the widget's frame.
pub(super) async fn embedded_chat(
    State(web): State<Web>,
    headers: HeaderMap,
    Query(query): Query<PageQuery>,
) -> Response {
    let mut response = chat_page(&web, &headers, &query, true);
    response.extensions_mut().insert(Embeddable);
    response
}

fn chat_page(web: &Web, headers: &HeaderMap, query: &PageQuery, embedded: bool) -> Response {
    let asked = query.asked();
    let t = Texts(language(headers, asked));
    let snapshot = web.app.snapshot();
    let wording = |key: &str, fallback: &'static str| {
        snapshot.wording.text(key, t.0, &[]).unwrap_or_else(|| t.get(fallback).to_owned())
    };
    let template = ChatPage {
        frame: Frame::new(web, t),
        t,
        embedded,
        greeting: wording("greeting", "chat.greeting"),
        none_of_these: wording("clarify.none", "chat.none_of_these"),
        time_zone: snapshot.desk.time_zone.clone(),
        starters: starters(&snapshot, t.0),
        message_chars: web.app.limits().message_chars,
    };
    page(&template, t, asked)
}

/// Questions to start with: per top category, the one that most other entries lead to.
fn starters(snapshot: &Snapshot, language: Language) -> Vec<String> {
    let mut best: Vec<(&str, usize, &str)> = Vec::new();
    let mut led_to = std::collections::HashMap::<&str, usize>::new();
    for entry in &snapshot.entries {
        for id in entry.follow_ups.iter().chain(&entry.related) {
            *led_to.entry(id.as_str()).or_default() += 1;
        }
    }
    for entry in snapshot.entries.iter().filter(|entry| entry.language == language) {
        let count = led_to.get(entry.topic()).copied().unwrap_or(0);
        match best.iter_mut().find(|(category, _, _)| *category == entry.top_category()) {
            Some(found) if found.1 < count => *found = (entry.top_category(), count, &entry.question),
            Some(_) => {}
            None => best.push((entry.top_category(), count, &entry.question)),
        }
    }
    best.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
    best.into_iter().take(STARTERS).map(|(_, _, question)| question.to_owned()).collect()
}

/// A page of another site, as it were, with the widget on it.
pub(super) async fn embed_demo(
    State(web): State<Web>,
    headers: HeaderMap,
    Query(query): Query<PageQuery>,
) -> Response {
    let asked = query.asked();
    let t = Texts(language(&headers, asked));
    page(&EmbedDemo { frame: Frame::new(&web, t), t }, t, asked)
}

/// An error for a browser.
pub(super) fn error_page(error: &ApiError, t: Texts, request_id: Option<String>) -> Response {
    let problem = error.problem(t);
    let template = ErrorPage {
        t,
        version: VERSION.as_str(),
        status: problem.status,
        title: problem.title,
        detail: problem.detail,
        next: problem.next,
        code: problem.code,
        request_id: request_id.clone(),
    };
    match template.render() {
        Ok(html) => (error.status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
        Err(_) => error.clone().respond(t, request_id),
    }
}
