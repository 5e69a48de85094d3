//! From the store to what customers are served: builds it aside, swaps it in, and says when that failed. And the clock's
//! work: what is due goes out, what has ended is put away, a new day or another process's change is noticed.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use jiff::civil::Date;

use super::curation::log_of;
use super::{Answerer, App, AppError, ModelsInUse, Publisher};
use crate::handoff::calendar::Calendar;
use crate::kb::Snapshot;
use crate::kb::curate::{Event, Rules};
use crate::store::{EntryChange, EntryRecord, StoreError};

/// Who publishes and archives in the log when nobody but the clock does.
pub const WHO_KEEPS_TIME: &str = "clock";

/// Retries of a failed build wait this long, milliseconds.
const RETRY_AFTER: i64 = 30_000;

/// The state of what customers are served from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// The store's mark of what is served.
    pub mark: i64,
    /// The day it was built for.
    pub day: Option<Date>,
    /// When it was built, UTC milliseconds.
    pub built_at: i64,
    /// Why the newest state could not be built, if it could not: customers get the one before.
    pub failed: Option<String>,
    /// When that was.
    failed_at: i64,
}

/// Whether customers get what is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serving {
    /// They do.
    Newest,
    /// It is being built; so many entries of so many are done, where that is counted.
    Building(Option<(usize, usize)>),
    /// It could not be built and is tried again: why. They get what was there before.
    Failed(String),
}

#[derive(Default)]
pub(super) struct Publishing {
    pub(super) publisher: Option<Arc<dyn Publisher>>,
    building: tokio::sync::Mutex<()>,
    service: RwLock<Service>,
    held: RwLock<Arc<Snapshot>>,
}

impl Publishing {
    /// What was last read from the store and built; empty before.
    pub(super) fn held(&self) -> Arc<Snapshot> {
        Arc::clone(&self.held.read().unwrap_or_else(|poisoned| poisoned.into_inner()))
    }

    fn hold(&self, snapshot: &Arc<Snapshot>) {
        *self.held.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = Arc::clone(snapshot);
    }
}

impl App {
    /// What became of the models an operator configured.
    pub fn models(&self) -> ModelsInUse {
        self.publishing.publisher.as_ref().map(|publisher| publisher.models()).unwrap_or_default()
    }

    /// How what customers are served from relates to what is published.
    pub fn service(&self) -> Service {
        self.publishing.service.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Whether customers get what is published.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn serving(&self) -> Result<Serving, AppError> {
        let wanted = self.store.served_mark().await?;
        let service = self.service();
        Ok(match service.failed {
            Some(why) => Serving::Failed(why),
            None if service.mark >= wanted => Serving::Newest,
            None => {
                let publisher = self.publishing.publisher.as_ref();
                Serving::Building(publisher.and_then(|publisher| publisher.progress()))
            }
        })
    }

    /// Has what is published served, and waits for it as long as the limits say; beyond, and if nobody waits any more, it
    /// goes on aside. Where it fails the log says so, [`App::serving`] too, and the clock tries again.
    pub(super) async fn serve_soon(self: &Arc<Self>) {
        let app = Arc::clone(self);
        let served = tokio::spawn(async move { app.serve_newest().await });
        let patience = Duration::from_millis(self.limits.serving_wait_ms);
        match tokio::time::timeout(patience, served).await {
            Ok(Ok(Err(error @ AppError::Unavailable(_)))) => {
                tracing::warn!("what is published is served later: {error}");
            }
            Ok(_) => {}
            Err(_) => tracing::info!("what is published is still being built"),
        }
    }

    /// Builds and swaps in what is published now; nothing to do if it is served already. Without a publisher nothing
    /// is built.
    ///
    /// # Errors
    /// `NotServed` (customers get what was before), `Unavailable`.
    pub async fn serve_newest(&self) -> Result<(), AppError> {
        let Some(publisher) = self.publishing.publisher.clone() else { return Ok(()) };
        let wanted = self.store.served_mark().await?;
        let _one = self.publishing.building.lock().await;
        let mark = self.store.served_mark().await?;
        let served = self.service();
        let is_newest = served.mark >= wanted && served.day == Some(self.today()) && served.failed.is_none();
        if is_newest && !publisher.is_renewed() {
            return Ok(());
        }
        let contents = self.desk_contents().await?;
        let day = Calendar::of(&contents.desk.desk).today(self.now());
        let built = tokio::task::spawn_blocking(move || publisher.build(contents.snapshot(day))).await;
        let failed = match built {
            Ok(Ok(answerer)) => {
                self.publishing.hold(answerer.snapshot());
                self.publish(answerer);
                None
            }
            Ok(Err(error)) => Some(format!("{error:#}")),
            Err(_) => Some("the build broke off".to_owned()),
        };
        let now = self.now();
        let service = match &failed {
            None => Service { mark, day: Some(day), built_at: now, failed: None, failed_at: 0 },
            Some(why) => Service { failed: Some(why.clone()), failed_at: now, ..served },
        };
        *self.publishing.service.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = service;
        match failed {
            None => Ok(()),
            Some(why) => {
                tracing::error!("customers get what was published before: {why}");
                Err(AppError::NotServed(why))
            }
        }
    }

    /// What is published now, for a command that serves nobody.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn published(&self) -> Result<Snapshot, AppError> {
        let contents = self.desk_contents().await?;
        let day = Calendar::of(&contents.desk.desk).today(self.now());
        Ok(contents.snapshot(day))
    }

    /// The clock's work. Call it every second or so.
    ///
    /// # Errors
    /// `NotServed`, `Unavailable`; what could be done is done.
    pub async fn tick(&self) -> Result<(), AppError> {
        let now = self.now();
        let today = self.today();
        for record in self.catalogue.records(self.store.as_ref()).await?.values() {
            let event = match (&record.life, record.summary.valid_until) {
                (life, _) if life.publish_at.is_some_and(|at| at <= now) => Event::Due { now },
                (life, Some(until)) if until < today && life.live == Some(life.head) => Event::Expire,
                _ => continue,
            };
            self.let_time_pass(record, &event).await?;
        }
        let service = self.service();
        let is_renewed = self.publishing.publisher.as_ref().is_some_and(|publisher| publisher.is_renewed());
        let is_late =
            is_renewed || self.store.served_mark().await? > service.mark || service.day != Some(today);
        let may_retry = service.failed.is_none() || now >= service.failed_at + RETRY_AFTER;
        if is_late && may_retry { self.serve_newest().await } else { Ok(()) }
    }

    async fn let_time_pass(&self, record: &EntryRecord, event: &Event) -> Result<(), AppError> {
        let Ok(life) = record.life.step(event, self.curation_rules()) else { return Ok(()) };
        let at = self.now();
        let log = log_of(record, &life, event, WHO_KEEPS_TIME, String::new(), at);
        let entry = EntryRecord { life, changed_at: at, ..record.clone() };
        let change = EntryChange { entry, revision: None, is_served: true, log, ends_draft_of: None };
        match self.store.change_entries(vec![change]).await {
            Ok(_) => Ok(()),
            // Somebody was faster; next time it is looked at again.
            Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The desk's rules about curation, as served.
    pub(super) fn curation_rules(&self) -> Rules {
        self.snapshot().desk.curation
    }

    /// The day it is at the desk.
    pub(super) fn today(&self) -> Date {
        Calendar::of(&self.snapshot().desk).today(self.now())
    }
}

/// Keeps the trait object's name in one place.
pub(super) type Built = Arc<dyn Answerer>;
