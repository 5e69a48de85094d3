//! The staff's pages: signing in (by name and password, or the first time by a one-time link), one's account, and the
//! desk with queue, conversation and packet. Forms work without scripts.

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::Web;
use super::auth::{self, Peer, SignedInStaff, check_csrf, session_cookie};
use super::error::ApiError;
use super::extract::{Form, Query};
use super::pages::{Frame, PageQuery, language, page};
use super::staff_frame::{Bar, StaffFrame};
use super::texts::Texts;
use crate::app::{AppError, Role, SignedIn};

#[derive(Template)]
#[template(path = "staff.html")]
struct DeskPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    staff_id: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    t: Texts,
    login: String,
    once: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    t: Texts,
    login: String,
    name: String,
    csrf: String,
    has_password: bool,
    error: Option<String>,
    done: bool,
}

/// What the sign-in page's query may say.
#[derive(Debug, Default, Deserialize)]
pub(super) struct SignInQuery {
    /// The one-time sign-in.
    once: Option<String>,
}

/// The sign-in form.
#[derive(Debug, Deserialize)]
pub(super) struct SignInForm {
    #[serde(default)]
    login: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    once: String,
}

/// The account form.
#[derive(Debug, Deserialize)]
pub(super) struct AccountForm {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    password_again: String,
}

/// A form with nothing but its token.
#[derive(Debug, Deserialize)]
pub(super) struct CsrfForm {
    #[serde(default)]
    csrf: String,
}

/// What the account page's query may say.
#[derive(Debug, Default, Deserialize)]
pub(super) struct AccountQuery {
    #[serde(default)]
    done: bool,
}

/// Queue, conversation, packet. Who takes no conversations begins with the entries.
pub(super) async fn desk(StaffFrame { frame, bar, t, member, asked }: StaffFrame) -> Response {
    if !member.may(Role::Agent) {
        return Redirect::to("/staff/entries").into_response();
    }
    page(&DeskPage { frame, bar, t, staff_id: member.id.to_string() }, t, asked)
}

/// The sign-in page. A one-time link only shows a button: link previews and prefetching must not use it up.
pub(super) async fn sign_in_form(
    State(web): State<Web>,
    headers: HeaderMap,
    Query(shown): Query<PageQuery>,
    Query(query): Query<SignInQuery>,
) -> Response {
    if query.once.is_none() && auth::is_signed_in(&web, &headers).await {
        return Redirect::to("/staff").into_response();
    }
    let asked = shown.asked();
    let t = Texts(language(&headers, asked));
    let once = query.once.unwrap_or_default();
    page(&SignInPage { frame: Frame::new(&web, t), t, login: String::new(), once, error: None }, t, asked)
}

/// Signs in and leads to the desk, or to the account if there is no password yet.
pub(super) async fn sign_in(
    State(web): State<Web>,
    Peer(peer): Peer,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Result<Response, ApiError> {
    web.limits.sign_in(peer, form.login.trim())?;
    let signed_in = if form.once.is_empty() {
        web.app.sign_in(form.login.trim(), &form.password).await
    } else {
        web.app.sign_in_once(form.once.trim()).await
    };
    match signed_in {
        Ok(SignedIn { token, session }) => {
            // A session that this browser had before must not live on beside the new one.
            if let Some(old) = auth::staff_token(&web, &headers) {
                web.app.sign_out(old).await?;
            }
            let to = if session.staff.has_password { "/staff" } else { "/staff/account" };
            let cookie = session_cookie(&web, Some(&token));
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to(to)).into_response())
        }
        Err(AppError::WrongSignIn) => {
            let t = Texts(language(&headers, None));
            let key = if form.once.is_empty() { "signin.wrong" } else { "signin.wrong_once" };
            let error = Some(t.get(key).to_owned());
            let template =
                SignInPage { frame: Frame::new(&web, t), t, login: form.login, once: String::new(), error };
            let mut response = page(&template, t, None);
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            Ok(response)
        }
        Err(error) => Err(error.into()),
    }
}

/// Ends the session.
pub(super) async fn sign_out(
    State(web): State<Web>,
    staff: SignedInStaff,
    Form(form): Form<CsrfForm>,
) -> Result<Response, ApiError> {
    check_csrf(&staff.session, &form.csrf)?;
    web.app.sign_out(&staff.token).await?;
    Ok(([(header::SET_COOKIE, session_cookie(&web, None))], Redirect::to("/staff/sign-in")).into_response())
}

/// One's own account.
pub(super) async fn account_form(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    Query(shown): Query<PageQuery>,
    Query(query): Query<AccountQuery>,
) -> Response {
    let asked = shown.asked();
    let t = Texts(language(&headers, asked));
    page(&account_page(&web, &staff, t, None, query.done), t, asked)
}

/// Sets one's own name and password. Who has a password may leave it as it is.
pub(super) async fn set_account(
    State(web): State<Web>,
    staff: SignedInStaff,
    headers: HeaderMap,
    Form(form): Form<AccountForm>,
) -> Result<Response, ApiError> {
    check_csrf(&staff.session, &form.csrf)?;
    let t = Texts(language(&headers, None));
    let had_password = staff.session.staff.has_password;
    match save_account(&web, &staff, &form).await? {
        None if had_password => Ok(Redirect::to("/staff/account?done=true").into_response()),
        None => Ok(Redirect::to("/staff").into_response()),
        Some(key) => {
            let mut template = account_page(&web, &staff, t, Some(t.get(key).to_owned()), false);
            template.name = form.name;
            let mut response = page(&template, t, None);
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

/// Saves what the form says; the key of the text that says what is wrong with it, if something is.
async fn save_account(
    web: &Web,
    staff: &SignedInStaff,
    form: &AccountForm,
) -> Result<Option<&'static str>, ApiError> {
    if form.password != form.password_again {
        return Ok(Some("account.differ"));
    }
    match web.app.set_name(&staff.token, &form.name).await {
        Ok(()) => {}
        Err(AppError::Empty | AppError::TooLong { .. } | AppError::ControlCharacter(_)) => {
            return Ok(Some("account.name_wrong"));
        }
        Err(error) => return Err(error.into()),
    }
    if form.password.is_empty() && staff.session.staff.has_password {
        return Ok(None);
    }
    match web.app.set_password(&staff.token, &form.password).await {
        Ok(()) => Ok(None),
        Err(AppError::Invalid { .. }) => Ok(Some("account.weak")),
        Err(error) => Err(error.into()),
    }
}

fn account_page(
    web: &Web,
    staff: &SignedInStaff,
    t: Texts,
    error: Option<String>,
    done: bool,
) -> AccountPage {
    let member = &staff.session.staff;
    AccountPage {
        frame: Frame::new(web, t),
        t,
        login: member.login.clone(),
        name: member.name.clone(),
        csrf: staff.session.csrf.clone(),
        has_password: member.has_password,
        error,
        done,
    }
}
