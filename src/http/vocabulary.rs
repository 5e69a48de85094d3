//! The vocabulary as an API: synonyms and user dictionary, what they would do, their life and their past.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};

use super::Web;
use super::auth::SignedInStaff;
use super::dto::time;
use super::entry_dto::{ActDto, KeptDto};
use super::error::{ApiError, Problem};
use super::extract::{Json, LongJson};
use super::history_dto::DiffDto;
use super::impact_dto::PreviewStateDto;
use super::pages::language;
use super::texts::Texts;
use super::vocabulary_dto::{
    KeepTypingDto, ReadTextsDto, SamplesDto, SaveVocabularyDto, VocabularyContentDto, VocabularyDto,
    VocabularyFindingDto, VocabularyFindingsDto, VocabularyHistoryDto,
};
use crate::app::{self, Action, SaveVocabulary, VocabularyHistory};
use crate::kb::files::VocabularyTexts;

/// Synonyms and user dictionary as they are being written, and what the caller may do with them.
#[utoipa::path(
    get, path = "/api/v1/vocabulary", tag = "vocabulary", security(("staff" = [])),
    responses((status = 200, body = VocabularyDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_vocabulary(
    State(web): State<Web>,
    staff: SignedInStaff,
) -> Result<axum::Json<VocabularyDto>, ApiError> {
    Ok(axum::Json(VocabularyDto::of(&web.app.vocabulary(&staff.session.staff).await?)))
}

/// Save a new state of the vocabulary, as a draft. `version` is the one it was loaded with; if somebody was faster the
/// answer is 409 with the vocabulary as it is now.
#[utoipa::path(
    post, path = "/api/v1/vocabulary", tag = "vocabulary", security(("staff" = [])), request_body = SaveVocabularyDto,
    responses(
        (status = 200, body = VocabularyDto), (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn save_vocabulary(
    State(web): State<Web>,
    staff: SignedInStaff,
    LongJson(save): LongJson<SaveVocabularyDto>,
) -> Result<axum::Json<VocabularyDto>, ApiError> {
    let SaveVocabularyDto { version, reason, content } = save;
    let save = SaveVocabulary { version, vocabulary: content.into_vocabulary(), reason };
    Ok(axum::Json(VocabularyDto::of(&web.app.save_vocabulary(&staff.session.staff, save).await?)))
}

/// Keep what one is typing; only oneself gets it back.
#[utoipa::path(
    post, path = "/api/v1/vocabulary/draft", tag = "vocabulary", security(("staff" = [])), request_body = KeepTypingDto,
    responses((status = 200, body = KeptDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn keep_vocabulary_typing(
    State(web): State<Web>,
    staff: SignedInStaff,
    LongJson(typing): LongJson<KeepTypingDto>,
) -> Result<axum::Json<KeptDto>, ApiError> {
    let KeepTypingDto { version, revision, content } = typing;
    let content = content.into_vocabulary();
    let at = web.app.keep_vocabulary_typing(&staff.session.staff, version, revision, content).await?;
    Ok(axum::Json(KeptDto { at: time(at) }))
}

/// Forget what one was typing.
#[utoipa::path(
    delete, path = "/api/v1/vocabulary/draft", tag = "vocabulary", security(("staff" = [])),
    responses((status = 204), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn drop_vocabulary_typing(
    State(web): State<Web>,
    staff: SignedInStaff,
) -> Result<StatusCode, ApiError> {
    web.app.drop_vocabulary_typing(&staff.session.staff).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is doubtful about a vocabulary, before it is saved. Warnings concern the rows that differ from what customers
/// are served with.
#[utoipa::path(
    post, path = "/api/v1/vocabulary/check", tag = "vocabulary", security(("staff" = [])), request_body = VocabularyContentDto,
    responses((status = 200, body = VocabularyFindingsDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn check_vocabulary(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    LongJson(content): LongJson<VocabularyContentDto>,
) -> Result<axum::Json<VocabularyFindingsDto>, ApiError> {
    let t = Texts(language(&headers, None));
    let found = web.app.check_vocabulary(&staff.session.staff, content.into_vocabulary()).await?;
    let findings = found.iter().map(|finding| VocabularyFindingDto::of(finding, t)).collect();
    Ok(axum::Json(VocabularyFindingsDto { findings }))
}

/// How texts are read now, and would be with another vocabulary: what is given, and on request the desk's cases and
/// recent questions, masked.
#[utoipa::path(
    post, path = "/api/v1/vocabulary/tokens", tag = "vocabulary", security(("staff" = [])), request_body = ReadTextsDto,
    responses((status = 200, body = SamplesDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn read_texts(
    State(web): State<Web>,
    staff: SignedInStaff,
    LongJson(read): LongJson<ReadTextsDto>,
) -> Result<axum::Json<SamplesDto>, ApiError> {
    let vocabulary = read.vocabulary.map(VocabularyContentDto::into_vocabulary);
    let samples = web.app.read_texts(&staff.session.staff, vocabulary, &read.texts, read.sampled).await?;
    Ok(axum::Json(SamplesDto::of(&samples)))
}

/// Which cases and recent questions would get another Decision. The first call starts working it out; ask
/// `/api/v1/previews/{id}` until `state` is `done`.
#[utoipa::path(
    post, path = "/api/v1/vocabulary/impact", tag = "vocabulary", security(("staff" = [])), request_body = VocabularyContentDto,
    responses((status = 200, body = PreviewStateDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn preview_vocabulary(
    State(web): State<Web>,
    staff: SignedInStaff,
    LongJson(content): LongJson<VocabularyContentDto>,
) -> Result<axum::Json<PreviewStateDto>, ApiError> {
    let state = web.app.preview_vocabulary(&staff.session.staff, content.into_vocabulary()).await?;
    Ok(axum::Json(PreviewStateDto::of(&state)))
}

/// The same for the newest revision, as it is saved.
#[utoipa::path(
    get, path = "/api/v1/vocabulary/impact", tag = "vocabulary", security(("staff" = [])),
    responses((status = 200, body = PreviewStateDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn preview_newest_vocabulary(
    State(web): State<Web>,
    staff: SignedInStaff,
) -> Result<axum::Json<PreviewStateDto>, ApiError> {
    let state = web.app.preview_newest_vocabulary(&staff.session.staff).await?;
    Ok(axum::Json(PreviewStateDto::of(&state)))
}

/// Hand the draft to a second person.
#[utoipa::path(
    post, path = "/api/v1/vocabulary/submit", tag = "vocabulary", security(("staff" = [])), request_body = ActDto,
    responses((status = 200, body = VocabularyDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn submit_vocabulary(
    web: State<Web>,
    staff: SignedInStaff,
    act: Json<ActDto>,
) -> Result<axum::Json<VocabularyDto>, ApiError> {
    do_to_vocabulary(web, staff, act, Action::Submit).await
}

/// Find the vocabulary in review right.
#[utoipa::path(
    post, path = "/api/v1/vocabulary/approve", tag = "vocabulary", security(("staff" = [])), request_body = ActDto,
    responses((status = 200, body = VocabularyDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn approve_vocabulary(
    web: State<Web>,
    staff: SignedInStaff,
    act: Json<ActDto>,
) -> Result<axum::Json<VocabularyDto>, ApiError> {
    do_to_vocabulary(web, staff, act, Action::Approve).await
}

/// Give the vocabulary in review back to its author.
#[utoipa::path(
    post, path = "/api/v1/vocabulary/send-back", tag = "vocabulary", security(("staff" = [])), request_body = ActDto,
    responses((status = 200, body = VocabularyDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn send_vocabulary_back(
    web: State<Web>,
    staff: SignedInStaff,
    act: Json<ActDto>,
) -> Result<axum::Json<VocabularyDto>, ApiError> {
    do_to_vocabulary(web, staff, act, Action::SendBack).await
}

/// Let the approved vocabulary out. Customers' questions are read with it when the answer comes.
#[utoipa::path(
    post, path = "/api/v1/vocabulary/publish", tag = "vocabulary", security(("staff" = [])), request_body = ActDto,
    responses((status = 200, body = VocabularyDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn publish_vocabulary(
    web: State<Web>,
    staff: SignedInStaff,
    act: Json<ActDto>,
) -> Result<axum::Json<VocabularyDto>, ApiError> {
    do_to_vocabulary(web, staff, act, Action::Publish).await
}

async fn do_to_vocabulary(
    State(web): State<Web>,
    staff: SignedInStaff,
    Json(act): Json<ActDto>,
    action: Action,
) -> Result<axum::Json<VocabularyDto>, ApiError> {
    let staff = &staff.session.staff;
    let detail = web.app.act_on_vocabulary(staff, act.version, action, &act.note).await?;
    Ok(axum::Json(VocabularyDto::of(&detail)))
}

/// Bring an earlier revision back, as a new draft.
#[utoipa::path(
    post, path = "/api/v1/vocabulary/roll-back", tag = "vocabulary", security(("staff" = [])), request_body = ActDto,
    responses((status = 200, body = VocabularyDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn roll_vocabulary_back(
    State(web): State<Web>,
    staff: SignedInStaff,
    Json(act): Json<ActDto>,
) -> Result<axum::Json<VocabularyDto>, ApiError> {
    let staff = &staff.session.staff;
    let detail = web.app.roll_vocabulary_back(staff, act.version, act.to.unwrap_or(0), &act.note).await?;
    Ok(axum::Json(VocabularyDto::of(&detail)))
}

/// Revisions and log of the vocabulary.
#[utoipa::path(
    get, path = "/api/v1/vocabulary/history", tag = "vocabulary", security(("staff" = [])),
    responses((status = 200, body = VocabularyHistoryDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_vocabulary_history(
    State(web): State<Web>,
    _: SignedInStaff,
) -> Result<axum::Json<VocabularyHistoryDto>, ApiError> {
    Ok(axum::Json(VocabularyHistoryDto::of(&web.app.vocabulary_history().await?)))
}

/// The lines that differ between two revisions of the vocabulary.
#[utoipa::path(
    get, path = "/api/v1/vocabulary/diff/{older}/{newer}", tag = "vocabulary", security(("staff" = [])),
    params(
        ("older" = u32, Path, description = "The older revision"), ("newer" = u32, Path, description = "The newer one")
    ),
    responses((status = 200, body = DiffDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_vocabulary_diff(
    State(web): State<Web>,
    _: SignedInStaff,
    Path((older, newer)): Path<(String, String)>,
) -> Result<axum::Json<DiffDto>, ApiError> {
    let history = web.app.vocabulary_history().await?;
    let number = |text: &str| text.parse().map_err(|_| ApiError::not_found("revision"));
    let fields = app::diff_vocabulary(said(&history, number(&older)?)?, said(&history, number(&newer)?)?);
    Ok(axum::Json(DiffDto::of(&fields)))
}

/// What a revision said.
pub(super) fn said(history: &VocabularyHistory, number: u32) -> Result<&VocabularyTexts, ApiError> {
    let found = history.revisions.iter().find(|revision| revision.number == number);
    found.map(|revision| &revision.texts).ok_or_else(|| ApiError::not_found("revision"))
}
