//! Staff accounts for administrators: the page and its API.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Web;
use super::auth::SignedInStaff;
use super::dto::time;
use super::error::{ApiError, Problem};
use super::extract::Json;
use super::pages::{Frame, page};
use super::staff_frame::{Bar, StaffFrame};
use super::texts::Texts;
use crate::app::{AccountChange, AccountView, AppError, NewStaff, Role};

/// An account.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AccountDto {
    /// Id.
    pub id: String,
    /// Name to sign in with.
    pub login: String,
    /// Name customers see.
    pub name: String,
    /// `agent`, `editor`, `approver`, `evaluator`, `admin`.
    pub roles: Vec<String>,
    /// Whether they may sign in.
    pub enabled: bool,
    /// Whether a password is set.
    pub has_password: bool,
    /// When it was created.
    pub created_at: String,
}

impl AccountDto {
    fn of(view: &AccountView) -> Self {
        let AccountView { staff, enabled, created_at } = view;
        Self {
            id: staff.id.to_string(),
            login: staff.login.clone(),
            name: staff.name.clone(),
            roles: staff.roles.iter().map(|role| role.name().to_owned()).collect(),
            enabled: *enabled,
            has_password: staff.has_password,
            created_at: time(*created_at),
        }
    }
}

/// All accounts.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AccountsDto {
    /// By login.
    pub accounts: Vec<AccountDto>,
}

/// An account to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccountDto {
    /// Name to sign in with: 2 to 40 of a-z, 0-9, `.`, `-`, `_`.
    pub login: String,
    /// Name customers see; the login if empty.
    #[serde(default)]
    pub name: String,
    /// 10 to 200 characters.
    pub password: String,
    /// At least one role.
    pub roles: Vec<String>,
}

/// What to change; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountChangeDto {
    /// Name customers see.
    #[serde(default)]
    pub name: Option<String>,
    /// At least one role.
    #[serde(default)]
    pub roles: Option<Vec<String>>,
    /// Whether they may sign in.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// A new password; ends the account's sessions.
    #[serde(default)]
    pub password: Option<String>,
}

/// All accounts.
#[utoipa::path(
    get, path = "/api/v1/accounts", tag = "accounts", security(("staff" = [])),
    responses((status = 200, body = AccountsDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn list_accounts(
    State(web): State<Web>,
    staff: SignedInStaff,
) -> Result<axum::Json<AccountsDto>, ApiError> {
    let accounts = web.app.accounts(&staff.session.staff).await?;
    Ok(axum::Json(AccountsDto { accounts: accounts.iter().map(AccountDto::of).collect() }))
}

/// Create an account.
#[utoipa::path(
    post, path = "/api/v1/accounts", tag = "accounts", security(("staff" = [])), request_body = NewAccountDto,
    responses((status = 201, body = AccountDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn create_account(
    State(web): State<Web>,
    staff: SignedInStaff,
    Json(new): Json<NewAccountDto>,
) -> Result<(StatusCode, axum::Json<AccountDto>), ApiError> {
    let NewAccountDto { login, name, password, roles } = new;
    let new = NewStaff { login, name, password, roles: roles_of(&roles)? };
    let made = web.app.create_account(&staff.session.staff, new).await?;
    Ok((StatusCode::CREATED, axum::Json(AccountDto::of(&made))))
}

/// Change an account. A new password, a lost role or being disabled ends its sessions at once.
#[utoipa::path(
    post, path = "/api/v1/accounts/{id}", tag = "accounts", security(("staff" = [])),
    params(("id" = String, Path, description = "The account")), request_body = AccountChangeDto,
    responses((status = 200, body = AccountDto), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(super) async fn change_account(
    State(web): State<Web>,
    staff: SignedInStaff,
    Path(id): Path<String>,
    Json(change): Json<AccountChangeDto>,
) -> Result<axum::Json<AccountDto>, ApiError> {
    let AccountChangeDto { name, roles, enabled, password } = change;
    let roles = roles.as_deref().map(roles_of).transpose()?;
    let change = AccountChange { name, roles, enabled, password };
    let changed = web.app.change_account(&staff.session.staff, &id, change).await?;
    Ok(axum::Json(AccountDto::of(&changed)))
}

fn roles_of(names: &[String]) -> Result<Vec<Role>, ApiError> {
    let role = |name: &String| {
        let why = format!("there is no role {name:?}");
        Role::from_name(name).ok_or_else(|| ApiError::from(AppError::Invalid { field: "roles", why }))
    };
    names.iter().map(role).collect()
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    accounts: Vec<AccountRow>,
    roles: Vec<(&'static str, &'static str)>,
}

struct AccountRow {
    id: String,
    login: String,
    name: String,
    roles: Vec<(&'static str, &'static str, bool)>,
    enabled: bool,
    own: bool,
}

fn role_text(role: Role) -> &'static str {
    match role {
        Role::Agent => "role.agent",
        Role::Editor => "role.editor",
        Role::Approver => "role.approver",
        Role::Evaluator => "role.evaluator",
        Role::Admin => "role.admin",
    }
}

/// The accounts' page.
pub(super) async fn accounts(
    State(web): State<Web>,
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
) -> Result<Response, ApiError> {
    let own = &member.id;
    let row = |view: &AccountView| AccountRow {
        id: view.staff.id.to_string(),
        login: view.staff.login.clone(),
        name: view.staff.name.clone(),
        roles: Role::ALL
            .map(|role| (role.name(), role_text(role), view.staff.roles.contains(&role)))
            .to_vec(),
        enabled: view.enabled,
        own: view.staff.id == *own,
    };
    let accounts = web.app.accounts(&member).await?.iter().map(row).collect();
    let roles = Role::ALL.map(|role| (role.name(), role_text(role))).to_vec();
    Ok(page(&AccountsPage { frame, bar, t, accounts, roles }, t, asked))
}
