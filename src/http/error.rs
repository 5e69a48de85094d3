//! How a request fails: one [`ApiError`] with what the client may know and what only the log may know, and its form on
//! the wire, an RFC 9457 problem document. Every `code` has its texts under `problem.<code>` in `messages.toml`.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::entry_dto::{EntryDto, FlawDto};
use super::texts::{Texts, fill};
use super::vocabulary_dto::{VocabularyDto, VocabularyFindingDto};
use crate::app::AppError;
use crate::kb::Language;
use crate::kb::checks::VocabularyFinding;
use crate::kb::exchange::ReadError;
use crate::kb::flaws::Flaw;

/// A failed request. Handlers return it; the edge renders it in the client's language.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    /// HTTP status.
    pub(super) status: StatusCode,
    /// Stable code, snake case.
    pub(super) code: &'static str,
    /// Values for the placeholders of the public texts.
    pub(super) public: Vec<(&'static str, String)>,
    /// For the log only.
    pub(super) internal: Option<String>,
    /// Seconds after which trying again may help.
    pub(super) retry_after: Option<u64>,
    /// What else the document says.
    pub(super) more: Option<Box<More>>,
}

/// What only some problem documents say.
#[derive(Debug, Clone)]
pub(super) enum More {
    /// How the thing is now, for a client that was slower than somebody else.
    Current(serde_json::Value),
    /// What is wrong with the fields of what was sent.
    Flaws(Vec<Flaw>),
    /// What is wrong with the rows of a vocabulary.
    Unfit(Vec<VocabularyFinding>),
    /// Why a file cannot be read.
    Unreadable(ReadError),
}

impl ApiError {
    /// An error whose texts need no values.
    pub(super) fn new(status: StatusCode, code: &'static str) -> Self {
        Self { status, code, public: Vec::new(), internal: None, retry_after: None, more: None }
    }

    /// Fills the placeholder `name` of the public texts.
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.public.push((name, value.to_string()));
        self
    }

    /// Adds what only the log may know.
    pub(super) fn because(mut self, internal: impl ToString) -> Self {
        self.internal = Some(internal.to_string());
        self
    }

    /// Says when trying again may help.
    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// 408: it did not arrive, or could not be answered, in time. Nothing was changed.
    pub(super) fn request_timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout")
    }

    /// 404 for `what`: `conversation`, `ticket`, `entry`, `revision`, `account`, `trace`, `page`.
    pub(super) fn not_found(what: &'static str) -> Self {
        let code = match what {
            "conversation" => "conversation_not_found",
            "ticket" => "ticket_not_found",
            "entry" => "entry_not_found",
            "trace" => "trace_not_found",
            "revision" => "revision_not_found",
            "account" => "account_not_found",
            "import" => "import_not_found",
            "gap" => "gap_not_found",
            "preview" => "preview_not_found",
            _ => "not_found",
        };
        Self::new(StatusCode::NOT_FOUND, code)
    }

    /// The document a client gets.
    pub(super) fn problem(&self, texts: Texts) -> Problem {
        let mut values = self.public.clone();
        if let Some(More::Unreadable(error)) = self.more.as_deref() {
            values.push((
                "why",
                texts.fill(&format!("import.file.{}", error.code()), &[("value", error.value())]),
            ));
        }
        let text = |part: &str| {
            let key = format!("problem.{}.{part}", self.code);
            texts.find(&key).map(|text| fill(text, &values))
        };
        let fallback =
            |part: &str| texts.find(&format!("problem.internal.{part}")).unwrap_or(part).to_owned();
        Problem {
            r#type: format!("urn:madoguchi:problem:{}", self.code),
            title: text("title").unwrap_or_else(|| fallback("title")),
            status: self.status.as_u16(),
            detail: text("detail").unwrap_or_else(|| fallback("detail")),
            next: text("next").unwrap_or_else(|| fallback("next")),
            code: self.code.to_owned(),
            request_id: None,
            current: match self.more.as_deref() {
                Some(More::Current(current)) => Some(current.clone()),
                _ => None,
            },
            flaws: match self.more.as_deref() {
                Some(More::Flaws(flaws)) => flaws.iter().map(|flaw| FlawDto::of(flaw, texts)).collect(),
                Some(More::Unfit(found)) => {
                    found.iter().map(|finding| VocabularyFindingDto::flaw(finding, texts)).collect()
                }
                _ => Vec::new(),
            },
        }
    }

    /// The response, with the document in the language of `texts`.
    pub(super) fn respond(self, texts: Texts, request_id: Option<String>) -> Response {
        let problem = Problem { request_id, ..self.problem(texts) };
        let body = serde_json::to_vec(&problem).expect("strings always serialise");
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(texts.tag()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let mut set = |name: HeaderName, value: Option<HeaderValue>| {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        };
        set(header::RETRY_AFTER, self.retry_after.map(HeaderValue::from));
        let challenge = (self.status == StatusCode::UNAUTHORIZED).then(|| HeaderValue::from_static("Bearer"));
        set(header::WWW_AUTHENTICATE, challenge);
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.respond(Texts(Language::Ja), None)
    }
}

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        let code = error.code();
        match error {
            AppError::NotFound(what) => Self::not_found(what),
            AppError::WrongToken => Self::new(StatusCode::FORBIDDEN, code),
            AppError::NotSignedIn | AppError::WrongSignIn => Self::new(StatusCode::UNAUTHORIZED, code),
            AppError::Forbidden(role) => Self::new(StatusCode::FORBIDDEN, code).with("role", role.name()),
            AppError::Refused { why, .. } => Self::new(StatusCode::CONFLICT, code).with("why", why),
            AppError::TooLong { length, limit } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, code).with("length", length).with("limit", limit)
            }
            AppError::Empty => Self::new(StatusCode::UNPROCESSABLE_ENTITY, code),
            AppError::ControlCharacter(c) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, code).with("character", format!("U+{c:04X}"))
            }
            AppError::Invalid { field, why } => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, code).with("field", field).with("why", why)
            }
            AppError::Stale(current) => {
                let current = serde_json::to_value(EntryDto::of(&current)).ok().map(More::Current);
                Self { more: current.map(Box::new), ..Self::new(StatusCode::CONFLICT, code) }
            }
            AppError::StaleVocabulary(current) => {
                let current = serde_json::to_value(VocabularyDto::of(&current)).ok().map(More::Current);
                Self { more: current.map(Box::new), ..Self::new(StatusCode::CONFLICT, code) }
            }
            AppError::UnfitVocabulary(found) => {
                let error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code).with("count", found.len());
                Self { more: Some(Box::new(More::Unfit(found))), ..error }
            }
            AppError::Flawed(flaws) => {
                let error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code).with("count", flaws.len());
                Self { more: Some(Box::new(More::Flaws(flaws))), ..error }
            }
            AppError::Unreadable(error) => Self {
                more: Some(Box::new(More::Unreadable(error))),
                ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code)
            },
            AppError::NotServed(why) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code).with("why", why).retry_after(30)
            }
            AppError::Conflict => Self::new(StatusCode::CONFLICT, code),
            AppError::Unavailable(source) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code).because(source).retry_after(2)
            }
        }
    }
}

/// A problem document (RFC 9457): why the request failed and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:madoguchi:problem:` and the code.
    pub r#type: String,
    /// What went wrong, in a few words, in the client's language.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What went wrong this time.
    pub detail: String,
    /// What to do next.
    pub next: String,
    /// Stable code to branch on, snake case.
    pub code: String,
    /// Id of this request in the log, for errors of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// With `stale`: the entry as it is now; with `stale_vocabulary`: the vocabulary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub current: Option<serde_json::Value>,
    /// With `flawed` and `unfit_vocabulary`: what is wrong, field by field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flaws: Vec<FlawDto>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_its_texts_in_both_languages() {
        let error = ApiError::from(AppError::TooLong { length: 2_001, limit: 2_000 });
        let [ja, en] = [Language::Ja, Language::En].map(|language| error.problem(Texts(language)));
        assert_eq!((ja.status, ja.code.as_str()), (422, "too_long"));
        assert!(ja.detail.contains("2001") && ja.detail.contains("2000"), "{}", ja.detail);
        assert!(en.detail.contains("2001") && en.title != ja.title, "{}", en.detail);
    }

    #[test]
    fn what_only_the_log_may_know_stays_out_of_the_document() {
        let secret = "disk /var/lib/madoguchi is full";
        let error = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable").because(secret);
        let document = serde_json::to_string(&error.problem(Texts(Language::En))).expect("serialises");
        assert!(!document.contains("/var/lib"), "{document}");
    }

    #[test]
    fn every_code_in_the_sources_has_its_texts() {
        let codes =
            regex::Regex::new(r#"(?:StatusCode::[A-Z_]+,\s*|refuse\(\s*)"([a-z_]+)""#).expect("pattern");
        let mut seen = std::collections::BTreeSet::new();
        for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http")).expect("folder") {
            let path = file.expect("entry").path();
            if path.is_file() {
                let source = std::fs::read_to_string(&path).expect("text file");
                seen.extend(codes.captures_iter(&source).map(|found| found[1].to_owned()));
            }
        }
        for what in [
            "conversation",
            "ticket",
            "entry",
            "trace",
            "revision",
            "account",
            "import",
            "gap",
            "preview",
            "page",
        ] {
            seen.insert(ApiError::not_found(what).code.to_owned());
        }
        // The codes of `AppError` and of what a conversation refuses, which sources outside this folder name.
        for code in [
            "wrong_token",
            "not_signed_in",
            "wrong_sign_in",
            "forbidden",
            "too_long",
            "empty",
            "control_character",
            "invalid",
            "conflict",
            "unavailable",
            "nothing_to_choose",
            "not_offered",
            "already_waiting",
            "already_with_person",
            "taken_by_other",
            "not_owner",
            "already_resolved",
            "not_resolved",
            "no_ticket",
            "already_bot",
            "not_an_answer",
            "login_taken",
            "last_admin",
            "entry_id_taken",
            "stale",
            "flawed",
            "not_served",
            "unreadable_file",
            "import_not_ready",
            "import_not_applied",
            "cell_too_long",
            "gap_closed",
            "gap_open",
            "gate_blocked",
            "not_previewed",
            "nothing_to_publish",
            "stale_vocabulary",
            "unfit_vocabulary",
        ] {
            seen.insert(code.to_owned());
        }
        seen.extend(crate::kb::curate::Refusal::ALL.map(|refusal| refusal.code().to_owned()));
        assert!(seen.len() > 30, "{seen:?}");
        for code in seen {
            for part in ["title", "detail", "next"] {
                let key = format!("problem.{code}.{part}");
                assert!(Texts(Language::Ja).find(&key).is_some(), "messages.toml lacks {key}");
            }
        }
    }
}
