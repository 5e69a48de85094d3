//! Taking a sheet of synonyms over, and back: it becomes a draft of the vocabulary and goes the vocabulary's way, review by
//! a second person included.

use std::sync::Arc;

use super::imports::{ImportOutcome, ImportView};
use super::{App, AppError, SaveVocabulary, Staff};
use crate::kb::exchange::{GroupAction, PlannedGroup, SynonymPlan};
use crate::store::ImportState;

impl App {
    /// Saves what `plan` says as the vocabulary's newest draft.
    pub(super) async fn apply_synonyms(
        self: &Arc<Self>,
        staff: &Staff,
        view: ImportView,
        plan: SynonymPlan,
    ) -> Result<ImportView, AppError> {
        let known = self.vocabulary(staff).await?;
        let before = known.head.number;
        let named = |wanted: fn(&GroupAction) -> bool| -> Vec<String> {
            let rows = plan.planned.iter().filter(|row| wanted(&row.action));
            rows.map(|row: &PlannedGroup| row.members[0].clone()).collect()
        };
        let (created, updated) = (
            named(|action| *action == GroupAction::Create),
            named(|action| matches!(action, GroupAction::Update { .. })),
        );
        let mut outcome = ImportOutcome {
            rejected: plan.rejected.len(),
            unchanged: plan.counts().2,
            groups: created.into_iter().chain(updated).collect(),
            ..ImportOutcome::default()
        };
        // Made and changed together become one draft, or none.
        let save = SaveVocabulary {
            version: known.record.version,
            vocabulary: plan.vocabulary,
            reason: reason("import", &view.record.name),
        };
        let after = self.save_vocabulary(staff, save).await?.head.number;
        outcome.vocabulary = (after != before).then_some((before, after));
        self.finish_import(staff, view.record, ImportState::Applied, outcome, Vec::new()).await
    }

    /// Brings back what the vocabulary said before, as a new draft; only while nobody has changed or published it since.
    pub(super) async fn undo_synonyms(
        self: &Arc<Self>,
        staff: &Staff,
        view: ImportView,
    ) -> Result<ImportView, AppError> {
        if let Some((before, after)) = view.outcome.vocabulary {
            let known = self.vocabulary(staff).await?;
            let life = &known.record.life;
            if life.head != after || life.live == Some(after) {
                let why = "the vocabulary was changed or published since".to_owned();
                return Err(AppError::Refused { code: "vocabulary_moved_on", why });
            }
            let reason = reason("import undone", &view.record.name);
            self.roll_vocabulary_back(staff, Some(known.record.version), before, &reason).await?;
        }
        self.finish_import(staff, view.record, ImportState::Undone, view.outcome, Vec::new()).await
    }
}

/// What the log says; no longer than a reason may be.
fn reason(what: &str, file: &str) -> String {
    format!("{what}: {file}").chars().take(super::curation::NOTE_CHARS).collect()
}
