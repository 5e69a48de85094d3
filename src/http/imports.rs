//! Import and export as an API: give a file in, see what it would do, take it over, take it back; and the desk as files.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Web;
use super::auth::SignedInStaff;
use super::error::{ApiError, Problem};
use super::extract::{File, Json, Query};
use super::import_dto::{ImportDto, ImportQuery, ImportSettingsDto, ImportSummaryDto, ImportsDto, IssueDto};
use super::markdown::to_html;
use super::pages::language;
use super::texts::Texts;
use crate::app::{ExportFormat, ImportView};
use crate::kb::Language;
use crate::kb::exchange::write;

const CSV: &str = "text/csv; charset=utf-8";

/// Give a file in: CSV, TSV, XLSX, QnA Maker TSV, Rasa YAML, Zendesk JSON, FAQPage JSON-LD, the native JSON, or a sheet of
/// synonyms. Nothing is taken over yet. Of a workbook with synonyms beside its entries, `synonyms` names a second import.
#[utoipa::path(
    post, path = "/api/v1/imports", tag = "exchange", security(("staff" = [])), params(ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = ImportDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn give_import(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    Query(query): Query<ImportQuery>,
    File(bytes): File,
) -> Result<Response, ApiError> {
    let view = web.app.give_import(&staff.session.staff, &query.name, bytes.to_vec(), &query.sheet).await?;
    Ok((StatusCode::CREATED, shown(&view, &headers)).into_response())
}

fn shown(view: &ImportView, headers: &HeaderMap) -> axum::Json<ImportDto> {
    axum::Json(ImportDto::of(view, Texts(language(headers, None))))
}

/// The newest imports.
#[utoipa::path(
    get, path = "/api/v1/imports", tag = "exchange", security(("staff" = [])),
    responses((status = 200, body = ImportsDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn list_imports(
    State(web): State<Web>,
    staff: SignedInStaff,
) -> Result<axum::Json<ImportsDto>, ApiError> {
    let imports = web.app.imports(&staff.session.staff).await?;
    let imports = imports.iter().map(|(record, outcome)| ImportSummaryDto::of(record, outcome)).collect();
    Ok(axum::Json(ImportsDto { imports }))
}

/// An import with what taking it over now would do, row by row.
#[utoipa::path(
    get, path = "/api/v1/imports/{id}", tag = "exchange", security(("staff" = [])),
    params(("id" = String, Path, description = "The import")),
    responses((status = 200, body = ImportDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_import(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<axum::Json<ImportDto>, ApiError> {
    Ok(shown(&web.app.import(&staff.session.staff, &id).await?, &headers))
}

/// Read the file another way: which column is what, and what rows get that name none.
#[utoipa::path(
    post, path = "/api/v1/imports/{id}/settings", tag = "exchange", security(("staff" = [])),
    params(("id" = String, Path, description = "The import")), request_body = ImportSettingsDto,
    responses((status = 200, body = ImportDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn set_import(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    Path(id): Path<String>,
    Json(settings): Json<ImportSettingsDto>,
) -> Result<axum::Json<ImportDto>, ApiError> {
    let view = web.app.set_import(&staff.session.staff, &id, settings.into_settings()).await?;
    Ok(shown(&view, &headers))
}

/// Take the usable rows over, as drafts; synonyms become a draft of the vocabulary. The same file again changes nothing.
#[utoipa::path(
    post, path = "/api/v1/imports/{id}/apply", tag = "exchange", security(("staff" = [])),
    params(("id" = String, Path, description = "The import")),
    responses((status = 200, body = ImportDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn apply_import(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<axum::Json<ImportDto>, ApiError> {
    Ok(shown(&web.app.apply_import(&staff.session.staff, &id).await?, &headers))
}

/// Take an import back. What somebody changed since stays and is named in `kept`.
#[utoipa::path(
    post, path = "/api/v1/imports/{id}/undo", tag = "exchange", security(("staff" = [])),
    params(("id" = String, Path, description = "The import")),
    responses((status = 200, body = ImportDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn undo_import(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<axum::Json<ImportDto>, ApiError> {
    Ok(shown(&web.app.undo_import(&staff.session.staff, &id).await?, &headers))
}

/// The rejected rows with their reasons, to be put right and given in again.
#[utoipa::path(
    get, path = "/api/v1/imports/{id}/rejected.csv", tag = "exchange", security(("staff" = [])),
    params(("id" = String, Path, description = "The import")),
    responses((status = 200, content_type = "text/csv", body = String), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_rejected(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let t = Texts(language(&headers, None));
    let view = web.app.import(&staff.session.staff, &id).await?;
    let bytes = view.rejected_csv([t.get("import.row"), t.get("import.reason")], |rejected| {
        let words: Vec<String> = IssueDto::all(rejected.why, t).into_iter().map(|issue| issue.text).collect();
        words.join(" ")
    });
    Ok(download(bytes, CSV, "rejected.csv"))
}

/// The desk's entries as a file: `entries.csv`, `entries.xlsx`, `entries.json` (every entry's newest state), or
/// `faq.jsonld` (what is published, as schema.org FAQPage).
#[utoipa::path(
    get, path = "/api/v1/export/{file}", tag = "exchange", security(("staff" = [])),
    params(("file" = String, Path, description = "entries.csv, entries.xlsx, entries.json or faq.jsonld")),
    responses((status = 200, content_type = "application/octet-stream", body = Vec<u8>), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn export_entries(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    Path(file): Path<String>,
) -> Result<Response, ApiError> {
    let english = language(&headers, None) == Language::En;
    let member = &staff.session.staff;
    let (format, kind) = match file.as_str() {
        "entries.csv" => (ExportFormat::Csv, CSV),
        "entries.xlsx" => {
            (ExportFormat::Xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
        }
        "entries.json" => (ExportFormat::Json, "application/json"),
        "faq.jsonld" => {
            let page = write::faq_page(&web.app.published_entries(), |entry| to_html(&entry.answer));
            return Ok(download(page.into_bytes(), "application/ld+json", &file));
        }
        _ => return Err(ApiError::not_found("page")),
    };
    let bytes = web.app.export_entries(member, format, english).await?;
    Ok(download(bytes, kind, &file))
}

fn download(bytes: Vec<u8>, kind: &'static str, name: &str) -> Response {
    let mut response =
        ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], bytes).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
