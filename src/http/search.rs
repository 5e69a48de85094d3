//! Search in what is published: help pages and suggestions while typing.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Web;
use super::auth::Peer;
use super::dto::CandidateDto;
use super::error::{ApiError, Problem};
use super::extract::Query;

/// Entries given unless the query says otherwise.
const DEFAULT_LIMIT: usize = 10;
/// Entries given at most.
const MAX_LIMIT: usize = 50;

/// What to search.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// The words.
    #[serde(default)]
    pub q: String,
    /// Entries at most, 1 to 50; 10 if absent.
    pub limit: Option<usize>,
}

/// What was found.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SearchResults {
    /// Entries, best first.
    pub results: Vec<CandidateDto>,
}

/// The published entries nearest to a query.
#[utoipa::path(
    get, path = "/api/v1/search", tag = "search", params(SearchQuery),
    responses((status = 200, body = SearchResults), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn search(
    State(web): State<Web>,
    Peer(peer): Peer,
    Query(query): Query<SearchQuery>,
) -> Result<axum::Json<SearchResults>, ApiError> {
    web.limits.message(peer)?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
    let found = web.app.search(&query.q, limit)?;
    Ok(axum::Json(SearchResults { results: found.iter().map(CandidateDto::from).collect() }))
}
