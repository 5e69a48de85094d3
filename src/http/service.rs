//! Whether customers get what is published, and how far it is if they do not yet.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Web;
use super::auth::SignedInStaff;
use super::error::{ApiError, Problem};
use crate::app::Serving;

/// Whether customers get what is published.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ServiceDto {
    /// `served`, `building` (customers get what was there before until it is done) or `failed` (likewise; it is tried again
    /// every 30 seconds).
    pub state: String,
    /// While it is building, and where that is counted: entries done.
    pub done: Option<usize>,
    /// Of how many.
    pub total: Option<usize>,
    /// Why it failed.
    pub why: Option<String>,
}

impl From<Serving> for ServiceDto {
    fn from(serving: Serving) -> Self {
        let state = |name: &str| Self { state: name.to_owned(), ..Self::default() };
        match serving {
            Serving::Newest => state("served"),
            Serving::Building(progress) => Self {
                done: progress.map(|(done, _)| done),
                total: progress.map(|(_, all)| all),
                ..state("building")
            },
            Serving::Failed(why) => Self { why: Some(why), ..state("failed") },
        }
    }
}

/// Whether customers get what is published. Ask again while it is `building`.
#[utoipa::path(
    get, path = "/api/v1/service", tag = "entries", security(("staff" = [])),
    responses((status = 200, body = ServiceDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn get_service(
    State(web): State<Web>,
    _: SignedInStaff,
) -> Result<axum::Json<ServiceDto>, ApiError> {
    Ok(axum::Json(web.app.serving().await?.into()))
}
