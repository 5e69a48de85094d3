//! The curation desk as an API: entries, their life, their past, drafts, previews. The guard has checked session, role
//! and CSRF token; the app checks the role again, per action.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Web;
use super::auth::SignedInStaff;
use super::dto::time;
use super::entry_dto::{
    ActDto, BulkDto, BulkResultDto, BulkResultsDto, EntriesDto, EntriesQuery, EntryDto, KeepDraftDto,
    KeptDto, PreviewDto, PreviewedDto, SaveEntryDto,
};
use super::error::{ApiError, Problem};
use super::extract::{Json, Query};
use super::history_dto::{DiffDto, HistoryDto};
use super::markdown::to_html;
use super::pages::language;
use super::texts::{Texts, language_of};
use crate::app::{self, Action, AppError, BulkAction, EntryFilter, EntryState, SaveEntry, Serving, SortBy};

/// Entries that match, in pages.
#[utoipa::path(
    get, path = "/api/v1/entries", tag = "entries", security(("staff" = [])), params(EntriesQuery),
    responses((status = 200, body = EntriesDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn list_entries(
    State(web): State<Web>,
    staff: SignedInStaff,
    Query(query): Query<EntriesQuery>,
) -> Result<axum::Json<EntriesDto>, ApiError> {
    let page = web.app.entries(&staff.session.staff, &filter_of(&query)?).await?;
    Ok(axum::Json(EntriesDto::of(&page)))
}

/// The filter a query asks for.
pub(super) fn filter_of(query: &EntriesQuery) -> Result<EntryFilter, ApiError> {
    fn named<T>(key: &str, name: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ApiError> {
        if name.is_empty() {
            return Ok(None);
        }
        parse(name).map(Some).ok_or_else(|| invalid_query(format!("{key} has no value {name:?}")))
    }
    let given = |text: &String| (!text.is_empty()).then(|| text.clone());
    if !matches!(query.only.as_str(), "" | "due" | "unasked" | "unhelpful") {
        return Err(invalid_query(format!("only has no value {:?}", query.only)));
    }
    Ok(EntryFilter {
        query: query.q.clone(),
        category: given(&query.category),
        state: named("state", &query.state, EntryState::from_name)?,
        language: named("language", &query.language, language_of)?,
        owner: given(&query.owner),
        review_due: query.only == "due",
        never_asked: query.only == "unasked",
        low_satisfaction: query.only == "unhelpful",
        sort: named("sort", &query.sort, SortBy::from_name)?,
        reversed: query.reversed,
        page: query.page,
        per_page: query.per_page,
    })
}

fn invalid_query(why: String) -> ApiError {
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query").with("why", why)
}

/// An entry: its newest revision, what customers get, and what the caller may do with it.
#[utoipa::path(
    get, path = "/api/v1/entries/{id}", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")),
    responses((status = 200, body = EntryDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_entry(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
) -> Result<axum::Json<EntryDto>, ApiError> {
    Ok(axum::Json(EntryDto::of(&web.app.entry(&staff.session.staff, &id).await?)))
}

/// Create an entry, as a draft.
#[utoipa::path(
    post, path = "/api/v1/entries", tag = "entries", security(("staff" = [])), request_body = SaveEntryDto,
    responses((status = 201, body = EntryDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn create_entry(
    State(web): State<Web>,
    staff: SignedInStaff,
    Json(save): Json<SaveEntryDto>,
) -> Result<Response, ApiError> {
    let id = save.id.filter(|id| !id.is_empty()).unwrap_or_else(|| web.app.fresh_entry_id());
    let save = SaveEntry {
        version: 0,
        content: save.content.into_entry(&id),
        reason: save.reason,
        external_id: save.external_id,
    };
    let made = EntryDto::of(&web.app.save_entry(&staff.session.staff, save).await?);
    let mut response = (StatusCode::CREATED, axum::Json(&made)).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v1/entries/{}", made.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Save a new state of an entry. `version` is the one it was loaded with; if somebody was faster the answer is 409 with
/// the entry as it is now.
#[utoipa::path(
    post, path = "/api/v1/entries/{id}", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")), request_body = SaveEntryDto,
    responses(
        (status = 200, body = EntryDto), (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn save_entry(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
    Json(save): Json<SaveEntryDto>,
) -> Result<axum::Json<EntryDto>, ApiError> {
    if save.version == 0 {
        let why = "version is missing: send the one the entry was loaded with".to_owned();
        return Err(AppError::Invalid { field: "version", why }.into());
    }
    let save = SaveEntry {
        version: save.version,
        content: save.content.into_entry(&id),
        reason: save.reason,
        external_id: save.external_id,
    };
    Ok(axum::Json(EntryDto::of(&web.app.save_entry(&staff.session.staff, save).await?)))
}

/// Keep what one is typing; only oneself gets it back.
#[utoipa::path(
    post, path = "/api/v1/entries/{id}/draft", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry, which may not exist yet")), request_body = KeepDraftDto,
    responses((status = 200, body = KeptDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn keep_draft(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
    Json(kept): Json<KeepDraftDto>,
) -> Result<axum::Json<KeptDto>, ApiError> {
    let content = kept.content.into_entry(&id);
    let at = web.app.keep_draft(&staff.session.staff, kept.version, content).await?;
    Ok(axum::Json(KeptDto { at: time(at) }))
}

/// Forget what one was typing.
#[utoipa::path(
    delete, path = "/api/v1/entries/{id}/draft", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")),
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn drop_draft(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    web.app.drop_draft(&staff.session.staff, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Hand the draft to a second person.
#[utoipa::path(
    post, path = "/api/v1/entries/{id}/submit", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")), request_body = ActDto,
    responses((status = 200, body = EntryDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn submit_entry(
    web: State<Web>,
    staff: SignedInStaff,
    id: Path<String>,
    act: Json<ActDto>,
) -> Result<axum::Json<EntryDto>, ApiError> {
    do_to(web, staff, id, act, Action::Submit).await
}

/// Find the entry in review right.
#[utoipa::path(
    post, path = "/api/v1/entries/{id}/approve", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")), request_body = ActDto,
    responses((status = 200, body = EntryDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn approve_entry(
    web: State<Web>,
    staff: SignedInStaff,
    id: Path<String>,
    act: Json<ActDto>,
) -> Result<axum::Json<EntryDto>, ApiError> {
    do_to(web, staff, id, act, Action::Approve).await
}

/// Give the entry in review back to its author.
#[utoipa::path(
    post, path = "/api/v1/entries/{id}/send-back", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")), request_body = ActDto,
    responses((status = 200, body = EntryDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn send_entry_back(
    web: State<Web>,
    staff: SignedInStaff,
    id: Path<String>,
    act: Json<ActDto>,
) -> Result<axum::Json<EntryDto>, ApiError> {
    do_to(web, staff, id, act, Action::SendBack).await
}

/// Let the approved entry out. Customers get it when the answer comes, or `served` is false and they get it soon.
#[utoipa::path(
    post, path = "/api/v1/entries/{id}/publish", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")), request_body = ActDto,
    responses((status = 200, body = EntryDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn publish_entry(
    web: State<Web>,
    staff: SignedInStaff,
    id: Path<String>,
    act: Json<ActDto>,
) -> Result<axum::Json<EntryDto>, ApiError> {
    do_to(web, staff, id, act, Action::Publish).await
}

/// Let the approved entry out at a set time.
#[utoipa::path(
    post, path = "/api/v1/entries/{id}/schedule", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")), request_body = ActDto,
    responses((status = 200, body = EntryDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn schedule_entry(
    web: State<Web>,
    staff: SignedInStaff,
    id: Path<String>,
    act: Json<ActDto>,
) -> Result<axum::Json<EntryDto>, ApiError> {
    let at = act.0.at.as_deref().unwrap_or_default().parse::<jiff::Timestamp>().map_err(|_| {
        let why = "write a time such as 2026-12-01T09:00:00+09:00".to_owned();
        ApiError::from(AppError::Invalid { field: "at", why })
    })?;
    do_to(web, staff, id, act, Action::Schedule(at.as_millisecond())).await
}

/// Put an entry away; customers no longer get it.
#[utoipa::path(
    post, path = "/api/v1/entries/{id}/archive", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")), request_body = ActDto,
    responses((status = 200, body = EntryDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn archive_entry(
    web: State<Web>,
    staff: SignedInStaff,
    id: Path<String>,
    act: Json<ActDto>,
) -> Result<axum::Json<EntryDto>, ApiError> {
    do_to(web, staff, id, act, Action::Archive).await
}

/// Take an archived entry out again, as a draft.
#[utoipa::path(
    post, path = "/api/v1/entries/{id}/restore", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")), request_body = ActDto,
    responses((status = 200, body = EntryDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn restore_entry(
    web: State<Web>,
    staff: SignedInStaff,
    id: Path<String>,
    act: Json<ActDto>,
) -> Result<axum::Json<EntryDto>, ApiError> {
    do_to(web, staff, id, act, Action::Restore).await
}

/// Stop serving an entry at once.
#[utoipa::path(
    post, path = "/api/v1/entries/{id}/take-down", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")), request_body = ActDto,
    responses((status = 200, body = EntryDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn take_entry_down(
    web: State<Web>,
    staff: SignedInStaff,
    id: Path<String>,
    act: Json<ActDto>,
) -> Result<axum::Json<EntryDto>, ApiError> {
    do_to(web, staff, id, act, Action::TakeDown).await
}

async fn do_to(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
    Json(act): Json<ActDto>,
    action: Action,
) -> Result<axum::Json<EntryDto>, ApiError> {
    let staff = &staff.session.staff;
    let detail = web.app.act_on_entry(staff, &id, act.version, action, &act.note).await?;
    Ok(axum::Json(EntryDto::of(&detail)))
}

/// Bring an earlier revision's content back, as a new draft.
#[utoipa::path(
    post, path = "/api/v1/entries/{id}/roll-back", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")), request_body = ActDto,
    responses((status = 200, body = EntryDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn roll_entry_back(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
    Json(act): Json<ActDto>,
) -> Result<axum::Json<EntryDto>, ApiError> {
    let staff = &staff.session.staff;
    let detail = web.app.roll_back(staff, &id, act.version, act.to.unwrap_or(0), &act.note).await?;
    Ok(axum::Json(EntryDto::of(&detail)))
}

/// Do the same to many entries; each succeeds or fails by itself.
#[utoipa::path(
    post, path = "/api/v1/entries/bulk", tag = "entries", security(("staff" = [])), request_body = BulkDto,
    responses((status = 200, body = BulkResultsDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn act_on_entries(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    Json(bulk): Json<BulkDto>,
) -> Result<axum::Json<BulkResultsDto>, ApiError> {
    let action = bulk_action(&bulk)?;
    let t = Texts(language(&headers, None));
    let done = web.app.act_on_entries(&staff.session.staff, &bulk.ids, &action, &bulk.note).await?;
    let result = |(id, result): (String, Result<(), AppError>)| match result {
        Ok(()) => BulkResultDto { id, done: true, code: None, why: None },
        Err(error) => {
            let problem = ApiError::from(error).problem(t);
            BulkResultDto { id, done: false, code: Some(problem.code), why: Some(problem.detail) }
        }
    };
    let served = web.app.serving().await? == Serving::Newest;
    Ok(axum::Json(BulkResultsDto { results: done.into_iter().map(result).collect(), served }))
}

fn bulk_action(bulk: &BulkDto) -> Result<BulkAction, ApiError> {
    let simple = [
        Action::Submit,
        Action::Approve,
        Action::SendBack,
        Action::Publish,
        Action::Archive,
        Action::Restore,
        Action::TakeDown,
    ];
    if let Some(action) = simple.into_iter().find(|action| action.name() == bulk.action) {
        return Ok(BulkAction::Act(action));
    }
    let invalid = |field, why: &str| ApiError::from(AppError::Invalid { field, why: why.to_owned() });
    match (bulk.action.as_str(), bulk.value.trim()) {
        ("set-owner", owner) => Ok(BulkAction::SetOwner(owner.to_owned())),
        ("set-review-by", "") => Ok(BulkAction::SetReviewBy(None)),
        ("set-review-by", day) => {
            let day = day.parse().map_err(|_| invalid("value", "write a day such as 2027-04-01"))?;
            Ok(BulkAction::SetReviewBy(Some(day)))
        }
        _ => Err(invalid("action", "there is no such action for many entries")),
    }
}

/// An entry's revisions and everything that happened to it.
#[utoipa::path(
    get, path = "/api/v1/entries/{id}/history", tag = "entries", security(("staff" = [])),
    params(("id" = String, Path, description = "The entry")),
    responses((status = 200, body = HistoryDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_history(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
) -> Result<axum::Json<HistoryDto>, ApiError> {
    Ok(axum::Json(HistoryDto::of(&web.app.entry_history(&staff.session.staff, &id).await?)))
}

/// What differs between two revisions of an entry.
#[utoipa::path(
    get, path = "/api/v1/entries/{id}/diff/{older}/{newer}", tag = "entries", security(("staff" = [])),
    params(
        ("id" = String, Path, description = "The entry"), ("older" = u32, Path, description = "A revision"),
        ("newer" = u32, Path, description = "Another")
    ),
    responses((status = 200, body = DiffDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_diff(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path((id, older, newer)): Path<(String, String, String)>,
) -> Result<axum::Json<DiffDto>, ApiError> {
    let history = web.app.entry_history(&staff.session.staff, &id).await?;
    let find = |number: &str| {
        let number: Option<u32> = number.parse().ok();
        let found = history.revisions.iter().find(|revision| Some(revision.number) == number);
        found.ok_or_else(|| ApiError::not_found("revision"))
    };
    let fields = app::diff(&find(&older)?.content, &find(&newer)?.content);
    Ok(axum::Json(DiffDto::of(&fields)))
}

/// Markdown as customers would see it.
#[utoipa::path(
    post, path = "/api/v1/preview", tag = "entries", security(("staff" = [])), request_body = PreviewDto,
    responses((status = 200, body = PreviewedDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn preview(_: SignedInStaff, Json(text): Json<PreviewDto>) -> axum::Json<PreviewedDto> {
    axum::Json(PreviewedDto { html: to_html(&text.markdown) })
}
