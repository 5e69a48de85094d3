//! The only module that knows HTTP, JSON and HTML: a thin skin over [`crate::app::App`].
//!
//! Reading order: `routes` shows every route with who may call it; `server` accepts connections, `edge` wraps every
//! request (limits, headers, problem documents, metrics), `auth` guards, `extract` reads what a request carries, `error`
//! says what went wrong. Then a file per room of the desk, named after what is in it: `conversations`, `search`, `staff`,
//! `entries`, `vocabulary`, `imports`, `gaps`, `impact`, `insight` and `accounts` are the API's handlers, `x_dto` the shapes of room x,
//! `events` and `staff_events` the live streams. `pages` (customers) and `x_pages` are what a browser sees, with
//! `staff_frame` around those of the staff, `texts` for every word and `assets` for scripts and styles.
//! Decides nothing about conversations: that is the app's.

mod accounts;
mod assets;
mod auth;
mod conversations;
mod dto;
mod edge;
mod editor_page;
mod entries;
mod entry_dto;
mod entry_pages;
mod entry_view;
mod error;
mod events;
mod extract;
mod gap_dto;
mod gap_pages;
mod gaps;
mod history_dto;
mod history_pages;
mod idempotency;
mod impact;
mod impact_dto;
mod import_dto;
mod import_pages;
mod imports;
mod insight;
mod limits;
mod markdown;
mod openapi;
mod operations;
mod pages;
mod routes;
mod search;
mod server;
mod service;
mod staff;
mod staff_dto;
mod staff_events;
mod staff_frame;
mod staff_pages;
mod texts;
mod trial_page;
mod vocabulary;
mod vocabulary_dto;
mod vocabulary_pages;

use std::sync::Arc;

use tokio::sync::watch;

pub use auth::Caller;
pub use error::Problem;
pub use openapi::document as openapi;
pub use routes::{RouteInfo, route_table};
pub use server::serve;

use idempotency::Once;

use crate::app::App;
use crate::config::{Config, HttpLimits};

/// What the server needs to know besides the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Limits of the server.
    pub limits: HttpLimits,
    /// Origins whose pages may embed the widget.
    pub trusted_origins: Vec<String>,
    /// Whether cookies carry `Secure`.
    pub secure_cookies: bool,
}

impl Settings {
    /// The settings of `config`.
    pub fn of(config: &Config) -> Self {
        Self {
            limits: config.http.clone(),
            trusted_origins: config.trusted_origins.clone(),
            secure_cookies: config.secure_cookies,
        }
    }
}

/// What every handler shares. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Web {
    /// The desk.
    app: Arc<App>,
    settings: Arc<Settings>,
    limits: Arc<limits::RateLimits>,
    /// Answers to customers' messages.
    answered: Arc<Once<dto::ReplyDto>>,
    /// `seq` of agents' messages.
    written: Arc<Once<u64>>,
    /// Turns true when the server stops: event streams end then.
    stopping: watch::Receiver<bool>,
}

impl Web {
    fn new(app: Arc<App>, settings: Settings, stopping: watch::Receiver<bool>) -> Self {
        let limits = Arc::new(limits::RateLimits::new(settings.limits.messages_per_minute));
        Self {
            app,
            settings: Arc::new(settings),
            limits,
            answered: Arc::default(),
            written: Arc::default(),
            stopping,
        }
    }
}
