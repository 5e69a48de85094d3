//! The test pane: ask as a customer would, against what is published or against the newest drafts. Nothing is kept: no
//! conversation, no question, no ticket.

use std::sync::{Arc, Mutex};

use super::contents::DeskContents;
use super::publishing::Built;
use super::question::{clean, decide};
use super::{App, AppError, Staff};
use crate::answer::{Context, Outcome};
use crate::handoff::calendar::Calendar;
use crate::kb::curate::Life;
use crate::kb::{Language, Snapshot, Status};

/// What a trial asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialOf {
    /// What customers get now.
    Published,
    /// What they would get if every draft were published as it is.
    Drafts,
}

/// What a trial found.
#[derive(Clone)]
pub struct Trial {
    /// The decision and why.
    pub outcome: Outcome,
    /// What it was decided from.
    pub snapshot: Arc<Snapshot>,
}

/// The answerer over the drafts, as of a content mark.
#[derive(Default)]
pub(super) struct Trials {
    building: tokio::sync::Mutex<()>,
    newest: Mutex<Option<(i64, Built)>>,
}

impl App {
    /// Decides about a question without a conversation.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `ControlCharacter`, `NotServed` (the drafts cannot be built), `Unavailable`.
    pub async fn try_question(
        &self,
        staff: &Staff,
        text: &str,
        language: Option<Language>,
        of: TrialOf,
    ) -> Result<Trial, AppError> {
        let _ = staff;
        let text = clean(text, self.limits.message_chars)?;
        let answerer = match of {
            TrialOf::Published => self.answerer(),
            TrialOf::Drafts => self.answerer_over_drafts().await?,
        };
        let context = Context { language, ..Context::default() };
        let outcome = decide(answerer.as_ref(), &text, &context);
        Ok(Trial { outcome, snapshot: Arc::clone(answerer.snapshot()) })
    }

    async fn answerer_over_drafts(&self) -> Result<Built, AppError> {
        let publisher = self.publishing.publisher.clone();
        let publisher = publisher.ok_or_else(|| AppError::NotServed("this desk publishes nothing".into()))?;
        let _one = self.trials.building.lock().await;
        let mark = self.store.content_mark().await?;
        let kept = self.trials.newest.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        if let Some((_, answerer)) = kept.as_ref().filter(|(known, _)| *known == mark) {
            return Ok(Arc::clone(answerer));
        }
        let contents = self.desk_with_drafts(kept.map(|(_, answerer)| answerer)).await?;
        let today = Calendar::of(&contents.desk.desk).today(self.now());
        let built =
            tokio::task::spawn_blocking(move || publisher.build_trial(contents.snapshot(today))).await;
        let answerer = match built {
            Ok(Ok(answerer)) => answerer,
            Ok(Err(error)) => return Err(AppError::NotServed(format!("{error:#}"))),
            Err(_) => return Err(AppError::NotServed("the build broke off".to_owned())),
        };
        let mut newest = self.trials.newest.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *newest = Some((mark, Arc::clone(&answerer)));
        Ok(answerer)
    }

    /// The desk as if every head but archived ones, and the vocabulary's, were published; `before` is the last such.
    async fn desk_with_drafts(&self, before: Option<Built>) -> Result<DeskContents, AppError> {
        let beside = before.map_or_else(|| self.publishing.held(), |before| Arc::clone(before.snapshot()));
        let newest = |life: &Life| (life.status != Status::Archived).then_some(life.head);
        let mut contents = self.contents_with(beside, newest).await?;
        contents.entries.retain(|entry| !entry.question.is_empty());
        if let Some(vocabulary) = self.vocabulary_draft().await? {
            contents.desk.vocabulary = vocabulary;
        }
        Ok(contents)
    }
}
