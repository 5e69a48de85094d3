//! The API's description (OpenAPI), made from the handlers' own attributes.

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::dto::{StatusDto, TurnDto};
use super::staff_dto::SaidDto;
use super::{
    accounts, conversations, entries, events, gaps, impact, imports, insight, search, service, staff,
    staff_events, vocabulary,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Madoguchi (窓口)",
        description = "A support desk that answers from a curated FAQ, asks back, and hands over to a person. \
                       Errors are problem documents (RFC 9457) with a stable `code`."
    ),
    paths(
        conversations::start_conversation, conversations::get_conversation, conversations::send_message,
        conversations::choose, conversations::request_person, conversations::stop_waiting,
        conversations::give_feedback, events::follow_conversation, search::search, staff::get_me,
        staff_events::follow_queue, staff::list_tickets, staff::get_ticket, staff::follow_ticket, staff::take_over,
        staff::reply, staff::return_to_bot, staff::resolve, staff::reopen, staff::get_trace,
        entries::list_entries, entries::create_entry, entries::get_entry, entries::save_entry, entries::keep_draft,
        entries::drop_draft, entries::submit_entry, entries::approve_entry, entries::send_entry_back,
        entries::publish_entry, entries::schedule_entry, entries::archive_entry, entries::restore_entry,
        entries::take_entry_down, entries::roll_entry_back, entries::act_on_entries, entries::get_history,
        entries::get_diff, entries::preview, service::get_service, accounts::list_accounts, accounts::create_account,
        accounts::change_account,
        impact::get_impact, impact::get_checks, imports::give_import, imports::list_imports,
        imports::get_import, imports::set_import, imports::apply_import, imports::undo_import, imports::get_rejected,
        imports::export_entries, impact::preview_entries, impact::get_preview, vocabulary::get_vocabulary,
        vocabulary::save_vocabulary, vocabulary::keep_vocabulary_typing, vocabulary::drop_vocabulary_typing, vocabulary::check_vocabulary, vocabulary::read_texts,
        vocabulary::preview_vocabulary, vocabulary::preview_newest_vocabulary, vocabulary::submit_vocabulary, vocabulary::approve_vocabulary,
        vocabulary::send_vocabulary_back, vocabulary::publish_vocabulary, vocabulary::roll_vocabulary_back,
        vocabulary::get_vocabulary_history, vocabulary::get_vocabulary_diff, gaps::list_gaps, gaps::get_gap, gaps::act_on_gap, insight::get_insight, insight::get_entries_csv, insight::get_days_csv,
    ),
    components(schemas(TurnDto, StatusDto, SaidDto)),
    tags(
        (name = "conversations", description = "The customer's side. Every call but the first needs the token."),
        (name = "search", description = "What is published."),
        (name = "entries", description = "The curation desk: writing, reviewing, publishing. Any staff reads; editors \
                                          write, approvers approve and publish. Changing calls need `X-CSRF-Token`."),
        (name = "vocabulary", description = "Synonyms and user dictionary, with what a change would do."),
        (name = "accounts", description = "Staff accounts, for administrators."),
        (name = "insight", description = "How the desk and each entry did."),
        (name = "exchange", description = "Files in and out. What is taken over is a draft and goes through review."),
        (name = "gaps", description = "What customers asked in vain, until a person takes it up or puts it aside."),
        (name = "staff", description = "The staff's side. Needs a session; changing calls need `X-CSRF-Token`."),
    ),
    modifiers(&Security)
)]
struct Api;

struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let bearer =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("The conversation's token"));
        components.add_security_scheme("conversation", SecurityScheme::Http(bearer.build()));
        let cookie =
            ApiKeyValue::with_description("madoguchi_staff", "The session of a signed-in member of staff");
        components.add_security_scheme("staff", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    }
}

/// The OpenAPI document as JSON.
pub fn document() -> String {
    Api::openapi().to_pretty_json().expect("the document always serialises")
}
