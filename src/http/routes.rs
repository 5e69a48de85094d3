//! Every route with who may call it: one table, from which the router and its guards are built and which a test walks.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};

use super::auth::{Caller, Guard, guard};
use super::error::ApiError;
use super::{
    Web, accounts, assets, conversations, edge, editor_page, entries, entry_pages, events, gap_pages, gaps,
    history_pages, impact, import_pages, imports, insight, operations, pages, search, service, staff,
    staff_events, staff_pages, trial_page, vocabulary, vocabulary_pages,
};
use crate::app::Role;

/// A route as documentation and tests see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteInfo {
    /// Method.
    pub method: Method,
    /// Path with `{placeholders}`.
    pub path: &'static str,
    /// Who may call it.
    pub caller: Caller,
}

/// Every route with who may call it.
pub fn route_table() -> Vec<RouteInfo> {
    table().into_iter().map(|(info, _)| info).collect()
}

fn table() -> Vec<(RouteInfo, MethodRouter<Web>)> {
    use Caller::{Anyone, Customer, SignedIn, Staff};
    const AGENT: Caller = Staff(Role::Agent);
    const EDITOR: Caller = Staff(Role::Editor);
    const APPROVER: Caller = Staff(Role::Approver);
    const ADMIN: Caller = Staff(Role::Admin);
    let read =
        |path, caller, handler: MethodRouter<Web>| (RouteInfo { method: Method::GET, path, caller }, handler);
    let write = |path, caller, handler: MethodRouter<Web>| {
        (RouteInfo { method: Method::POST, path, caller }, handler)
    };
    let remove = |path, caller, handler: MethodRouter<Web>| {
        (RouteInfo { method: Method::DELETE, path, caller }, handler)
    };
    vec![
        // Pages
        read("/", Anyone, get(pages::chat)),
        read("/embed", Anyone, get(pages::embedded_chat)),
        read("/embed-demo", Anyone, get(pages::embed_demo)),
        read("/widget.js", Anyone, get(assets::widget)),
        read("/assets/{version}/{name}", Anyone, get(assets::asset)),
        read("/favicon.svg", Anyone, get(assets::icon)),
        read("/staff", SignedIn, get(staff_pages::desk)),
        read("/staff/sign-in", Anyone, get(staff_pages::sign_in_form)),
        write("/staff/sign-in", Anyone, post(staff_pages::sign_in)),
        write("/staff/sign-out", SignedIn, post(staff_pages::sign_out)),
        read("/staff/account", SignedIn, get(staff_pages::account_form)),
        write("/staff/account", SignedIn, post(staff_pages::set_account)),
        read("/staff/entries", SignedIn, get(entry_pages::entries)),
        read("/staff/entries/new", EDITOR, get(editor_page::new_entry)),
        read("/staff/entries/{id}", SignedIn, get(editor_page::entry)),
        read("/staff/entries/{id}/history", SignedIn, get(history_pages::history)),
        read("/staff/review", APPROVER, get(history_pages::review)),
        read("/staff/test", SignedIn, get(trial_page::test_pane)),
        read("/staff/accounts", ADMIN, get(accounts::accounts)),
        read("/staff/entries/{id}/impact", EDITOR, get(impact::impact)),
        read("/staff/imports", EDITOR, get(import_pages::imports)),
        read("/staff/imports/{id}", EDITOR, get(import_pages::import)),
        read("/staff/gaps", EDITOR, get(gap_pages::gaps)),
        read("/staff/gaps/{id}", EDITOR, get(gap_pages::gap)),
        read("/staff/insight", EDITOR, get(insight::insight)),
        read("/staff/vocabulary", SignedIn, get(vocabulary_pages::vocabulary)),
        read("/staff/vocabulary/history", SignedIn, get(vocabulary_pages::vocabulary_history)),
        // Customers
        write("/api/v1/conversations", Anyone, post(conversations::start_conversation)),
        read("/api/v1/conversations/{id}", Customer, get(conversations::get_conversation)),
        write("/api/v1/conversations/{id}/messages", Customer, post(conversations::send_message)),
        write("/api/v1/conversations/{id}/choose", Customer, post(conversations::choose)),
        write("/api/v1/conversations/{id}/handoff", Customer, post(conversations::request_person)),
        remove("/api/v1/conversations/{id}/handoff", Customer, delete(conversations::stop_waiting)),
        write("/api/v1/conversations/{id}/feedback", Customer, post(conversations::give_feedback)),
        read("/api/v1/conversations/{id}/events", Customer, get(events::follow_conversation)),
        read("/api/v1/search", Anyone, get(search::search)),
        // Staff
        read("/api/v1/staff/me", SignedIn, get(staff::get_me)),
        read("/api/v1/staff/events", AGENT, get(staff_events::follow_queue)),
        read("/api/v1/staff/tickets", AGENT, get(staff::list_tickets)),
        read("/api/v1/staff/tickets/{id}", AGENT, get(staff::get_ticket)),
        read("/api/v1/staff/tickets/{id}/events", AGENT, get(staff::follow_ticket)),
        write("/api/v1/staff/tickets/{id}/take-over", AGENT, post(staff::take_over)),
        write("/api/v1/staff/tickets/{id}/reply", AGENT, post(staff::reply)),
        write("/api/v1/staff/tickets/{id}/return", AGENT, post(staff::return_to_bot)),
        write("/api/v1/staff/tickets/{id}/resolve", AGENT, post(staff::resolve)),
        write("/api/v1/staff/tickets/{id}/reopen", AGENT, post(staff::reopen)),
        read("/api/v1/staff/traces/{id}", AGENT, get(staff::get_trace)),
        // Curation
        read("/api/v1/entries", SignedIn, get(entries::list_entries)),
        write("/api/v1/entries", EDITOR, post(entries::create_entry)),
        write("/api/v1/entries/bulk", EDITOR, post(entries::act_on_entries)),
        read("/api/v1/entries/{id}", SignedIn, get(entries::get_entry)),
        write("/api/v1/entries/{id}", EDITOR, post(entries::save_entry)),
        write("/api/v1/entries/{id}/draft", EDITOR, post(entries::keep_draft)),
        remove("/api/v1/entries/{id}/draft", EDITOR, delete(entries::drop_draft)),
        write("/api/v1/entries/{id}/submit", EDITOR, post(entries::submit_entry)),
        write("/api/v1/entries/{id}/archive", EDITOR, post(entries::archive_entry)),
        write("/api/v1/entries/{id}/restore", EDITOR, post(entries::restore_entry)),
        write("/api/v1/entries/{id}/take-down", EDITOR, post(entries::take_entry_down)),
        write("/api/v1/entries/{id}/roll-back", EDITOR, post(entries::roll_entry_back)),
        write("/api/v1/entries/{id}/approve", APPROVER, post(entries::approve_entry)),
        write("/api/v1/entries/{id}/send-back", APPROVER, post(entries::send_entry_back)),
        write("/api/v1/entries/{id}/publish", APPROVER, post(entries::publish_entry)),
        write("/api/v1/entries/{id}/schedule", APPROVER, post(entries::schedule_entry)),
        read("/api/v1/entries/{id}/history", SignedIn, get(entries::get_history)),
        read("/api/v1/entries/{id}/diff/{older}/{newer}", SignedIn, get(entries::get_diff)),
        write("/api/v1/preview", SignedIn, post(entries::preview)),
        write("/api/v1/previews", EDITOR, post(impact::preview_entries)),
        read("/api/v1/previews/{id}", EDITOR, get(impact::get_preview)),
        read("/api/v1/service", SignedIn, get(service::get_service)),
        // Vocabulary
        read("/api/v1/vocabulary", SignedIn, get(vocabulary::get_vocabulary)),
        write("/api/v1/vocabulary", EDITOR, post(vocabulary::save_vocabulary)),
        write("/api/v1/vocabulary/draft", EDITOR, post(vocabulary::keep_vocabulary_typing)),
        remove("/api/v1/vocabulary/draft", EDITOR, delete(vocabulary::drop_vocabulary_typing)),
        write("/api/v1/vocabulary/check", EDITOR, post(vocabulary::check_vocabulary)),
        write("/api/v1/vocabulary/tokens", EDITOR, post(vocabulary::read_texts)),
        read("/api/v1/vocabulary/impact", EDITOR, get(vocabulary::preview_newest_vocabulary)),
        write("/api/v1/vocabulary/impact", EDITOR, post(vocabulary::preview_vocabulary)),
        write("/api/v1/vocabulary/submit", EDITOR, post(vocabulary::submit_vocabulary)),
        write("/api/v1/vocabulary/roll-back", EDITOR, post(vocabulary::roll_vocabulary_back)),
        write("/api/v1/vocabulary/approve", APPROVER, post(vocabulary::approve_vocabulary)),
        write("/api/v1/vocabulary/send-back", APPROVER, post(vocabulary::send_vocabulary_back)),
        write("/api/v1/vocabulary/publish", APPROVER, post(vocabulary::publish_vocabulary)),
        read("/api/v1/vocabulary/history", SignedIn, get(vocabulary::get_vocabulary_history)),
        read("/api/v1/vocabulary/diff/{older}/{newer}", SignedIn, get(vocabulary::get_vocabulary_diff)),
        // Accounts
        read("/api/v1/accounts", ADMIN, get(accounts::list_accounts)),
        write("/api/v1/accounts", ADMIN, post(accounts::create_account)),
        write("/api/v1/accounts/{id}", ADMIN, post(accounts::change_account)),
        // Import, export, gaps
        read("/api/v1/imports", EDITOR, get(imports::list_imports)),
        write("/api/v1/imports", EDITOR, post(imports::give_import)),
        read("/api/v1/imports/{id}", EDITOR, get(imports::get_import)),
        read("/api/v1/imports/{id}/rejected.csv", EDITOR, get(imports::get_rejected)),
        write("/api/v1/imports/{id}/settings", EDITOR, post(imports::set_import)),
        write("/api/v1/imports/{id}/apply", EDITOR, post(imports::apply_import)),
        write("/api/v1/imports/{id}/undo", EDITOR, post(imports::undo_import)),
        read("/api/v1/export/{file}", EDITOR, get(imports::export_entries)),
        read("/api/v1/gaps", EDITOR, get(gaps::list_gaps)),
        read("/api/v1/gaps/{id}", EDITOR, get(gaps::get_gap)),
        write("/api/v1/gaps/{id}", EDITOR, post(gaps::act_on_gap)),
        read("/api/v1/entries/{id}/impact", EDITOR, get(impact::get_impact)),
        read("/api/v1/entries/{id}/checks", EDITOR, get(impact::get_checks)),
        read("/api/v1/insight", EDITOR, get(insight::get_insight)),
        read("/api/v1/insight/entries.csv", EDITOR, get(insight::get_entries_csv)),
        read("/api/v1/insight/days.csv", EDITOR, get(insight::get_days_csv)),
        // Operations
        read("/healthz", Anyone, get(operations::healthz)),
        read("/readyz", Anyone, get(operations::readyz)),
        read("/metrics", Anyone, get(operations::metrics)),
        read("/openapi.json", Anyone, get(operations::openapi)),
    ]
}

/// The whole server: every route behind its guard, wrapped in what every request passes through.
pub(super) fn router(web: Web) -> Router {
    operations::start_metrics();
    let mut router = Router::new();
    for (route, handler) in table() {
        let page = !route.path.starts_with("/api/");
        let guarded = Guard { web: web.clone(), caller: route.caller, page };
        router = router.route(route.path, handler.layer(from_fn_with_state(guarded, guard)));
    }
    // Bodies are read and limited by the extractors, which answer with a document.
    let router = router.fallback(not_found).layer(DefaultBodyLimit::disable());
    edge::wrap(router, &web).with_state(web)
}

async fn not_found() -> Response {
    ApiError::not_found("page").into_response()
}
