//! The same for many entries at once. Each entry succeeds or fails by itself; customers are served once, at the end.

use std::sync::Arc;

use super::curation::{event_of, must};
use super::curation_types::{Action, BulkAction};
use super::impact::preview_of_heads;
use super::{App, AppError, Staff};
use crate::kb::Entry;
use crate::kb::curate::{Event, Origin};
use crate::store::{Role, StoreError};

/// The most entries at once.
pub(super) const MOST: usize = 1_000;

impl App {
    /// Does `action` with each of `ids`; what became of each, in the same order.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid` (too many), `Unavailable`.
    pub async fn act_on_entries(
        self: &Arc<Self>,
        staff: &Staff,
        ids: &[String],
        action: &BulkAction,
        words: &str,
    ) -> Result<Vec<(String, Result<(), AppError>)>, AppError> {
        must(staff, Role::Editor)?;
        if ids.len() > MOST {
            return Err(AppError::Invalid { field: "ids", why: format!("at most {MOST} entries at once") });
        }
        // One look at the whole set: each publication moves what the next one would be compared with.
        let gate = match action {
            BulkAction::Act(Action::Publish | Action::Schedule(_)) => {
                let records = self.publishable(ids).await?;
                match self.gate(&preview_of_heads(&records), words).await {
                    Err(AppError::Refused { code, why }) => Some((code, why)),
                    passed => passed.map(|()| None)?,
                }
            }
            _ => None,
        };
        let mut results = Vec::with_capacity(ids.len());
        let mut is_served = false;
        for id in ids {
            let result = self.act_on_one(staff, id, action, words, gate.as_ref()).await;
            is_served |= matches!(result, Ok(true));
            if let Err(AppError::Unavailable(_)) = &result {
                return Err(AppError::Unavailable(StoreError::Database("the store failed midway".into())));
            }
            results.push((id.clone(), result.map(drop)));
        }
        if is_served {
            self.serve_soon().await;
        }
        Ok(results)
    }

    /// Whether customers would notice.
    async fn act_on_one(
        &self,
        staff: &Staff,
        id: &str,
        action: &BulkAction,
        words: &str,
        gate: Option<&(&'static str, String)>,
    ) -> Result<bool, AppError> {
        let words = super::curation::note(words)?;
        let record = self.store.entry(id).await?.ok_or(AppError::NotFound("entry"))?;
        let head = self.revision_of(&record, record.life.head).await?;
        let (event, content) = match action {
            BulkAction::Act(action) => {
                must(staff, super::curation::role_for(*action))?;
                let found = self.flaws_of(&head.content).await?;
                if *action == Action::Submit && !found.is_empty() {
                    return Err(AppError::Flawed(found));
                }
                let event = event_of(*action, staff);
                // Why its life does not allow it is said first.
                record.life.step(&event, self.curation_rules())?;
                if let Some((code, why)) = gate {
                    return Err(AppError::Refused { code, why: why.clone() });
                }
                (event, None)
            }
            BulkAction::SetOwner(owner) => {
                let owner = super::question::clean(owner, crate::kb::flaws::LINE_CHARS)?;
                (Event::Tend, Some(Entry { owner, ..head.content.clone() }))
            }
            BulkAction::SetReviewBy(day) => {
                (Event::Tend, Some(Entry { review_by: *day, ..head.content.clone() }))
            }
        };
        if content.as_ref().is_some_and(|content| super::curation::same(content, &head.content)) {
            return Ok(false);
        }
        let content = content.map(|content| (content, Origin::Saved));
        let change = self.change_of(staff, &record, &event, content, words)?;
        let is_served = change.is_served;
        self.store.change_entries(vec![change]).await?;
        Ok(is_served)
    }
}
