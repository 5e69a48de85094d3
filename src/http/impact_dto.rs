//! The shapes of what is worked out before publishing: the preview of what would change, and what is doubtful. Converted
//! by hand: domain types do not know them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::texts::Texts;
use crate::app::PreviewState;
use crate::impact::{CollisionKind, Direction};
use crate::kb::checks::{Finding, Severity};

/// A preview of what publishing would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PreviewStateDto {
    /// Names what would be published; see `/api/v1/previews/{id}`.
    pub id: String,
    /// `running`, `done` or `failed`.
    pub state: String,
    /// Questions asked so far.
    pub asked: usize,
    /// Questions to ask; 0 until it is known.
    pub total: usize,
    /// Why it failed.
    pub why: Option<String>,
    /// Whether a figure gets worse by more than its budget, so that publishing needs a reason.
    pub blocked: bool,
    /// Cases asked.
    pub cases: usize,
    /// Recent questions asked.
    pub questions: usize,
    /// Figures before and after.
    pub figures: Vec<FigureDto>,
    /// Cases whose decision changes, worse ones first.
    pub changed_cases: Vec<ChangeDto>,
    /// Recent questions whose decision changes.
    pub changed_questions: Vec<ChangeDto>,
    /// Phrasings for which entries compete.
    pub collisions: Vec<CollisionDto>,
}

/// A figure before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FigureDto {
    /// Name, as in evaluation.
    pub name: String,
    /// Before.
    pub before: Option<f64>,
    /// After.
    pub after: Option<f64>,
    /// By how much it may get worse.
    pub allowed: f64,
    /// Whether it gets worse by more.
    pub breaks: bool,
}

/// A question whose decision changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeDto {
    /// Id of the case or question.
    pub id: String,
    /// The question.
    pub question: String,
    /// `worse`, `better` or `other`.
    pub direction: String,
    /// Decision before: `answer fee`.
    pub before: String,
    /// Decision after.
    pub after: String,
}

/// A phrasing for which two entries compete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CollisionDto {
    /// `taken` or `contested`.
    pub kind: String,
    /// The entry whose phrasing it is.
    pub entry_id: String,
    /// The phrasing.
    pub phrasing: String,
    /// The other entry.
    pub rival: String,
    /// Whether it was otherwise before.
    pub is_new: bool,
}

impl PreviewStateDto {
    /// The preview as it stands.
    pub(super) fn of(state: &PreviewState) -> Self {
        let (name, why, impact) = match &state.result {
            None => ("running", None, None),
            Some(Err(why)) => ("failed", Some(why.clone()), None),
            Some(Ok(impact)) => ("done", None, Some(impact.clone())),
        };
        let impact = impact.unwrap_or_default();
        let direction = |direction: Direction| match direction {
            Direction::Worse => "worse",
            Direction::Other => "other",
            Direction::Better => "better",
        };
        let cases = impact.changed_cases.iter().map(|change| ChangeDto {
            id: change.id.clone(),
            question: change.question.clone(),
            direction: direction(change.direction).to_owned(),
            before: change.before.describe(),
            after: change.after.describe(),
        });
        let questions = impact.changed_questions.iter().map(|change| ChangeDto {
            id: change.id.clone(),
            question: change.question.clone(),
            direction: "other".to_owned(),
            before: change.before.describe(),
            after: change.after.describe(),
        });
        let figures = impact.figures.iter().map(|figure| FigureDto {
            name: figure.name.clone(),
            before: figure.before,
            after: figure.after,
            allowed: figure.allowed,
            breaks: figure.breaks,
        });
        let collisions = impact.collisions.iter().map(|collision| CollisionDto {
            kind: match collision.kind {
                CollisionKind::Taken => "taken",
                CollisionKind::Contested => "contested",
            }
            .to_owned(),
            entry_id: collision.entry.clone(),
            phrasing: collision.phrasing.clone(),
            rival: collision.rival.clone(),
            is_new: collision.is_new,
        });
        Self {
            id: state.id.clone(),
            state: name.to_owned(),
            asked: state.asked,
            total: state.total,
            why,
            blocked: impact.is_blocked(),
            cases: impact.cases,
            questions: impact.questions,
            figures: figures.collect(),
            changed_cases: cases.collect(),
            changed_questions: questions.collect(),
            collisions: collisions.collect(),
        }
    }
}

/// Something doubtful about an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingDto {
    /// `error`, `warning` or `hint`.
    pub severity: String,
    /// Stable code: `forbidden_claim`, `contradiction`, …
    pub kind: String,
    /// Field it is in.
    pub field: String,
    /// The words concerned.
    pub excerpt: String,
    /// The other entry, if there is one.
    pub other: Option<String>,
    /// The other entry's words.
    pub other_excerpt: String,
    /// Why, and what to do, in the client's language.
    pub text: String,
}

impl FindingDto {
    /// The finding with its words.
    pub(super) fn of(finding: &Finding, t: Texts) -> Self {
        let advice = finding.advice.as_ref().map(|advice| advice.get(t.0).to_owned()).unwrap_or_default();
        Self {
            severity: severity_name(finding.severity()).to_owned(),
            kind: finding.kind.name().to_owned(),
            field: finding.field.clone(),
            excerpt: finding.excerpt.clone(),
            other: finding.other.clone(),
            other_excerpt: finding.other_excerpt.clone(),
            text: t.fill(&format!("check.{}", finding.kind.name()), &[("advice", advice)]),
        }
    }
}

/// Stable name of how much a finding matters.
pub(super) fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "hint",
    }
}

/// What would be published together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewEntriesDto {
    /// The entries, at most 1,000. Those that may not be published now are left out.
    pub entries: Vec<String>,
}

/// Everything doubtful about an entry, the gravest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingsDto {
    /// The findings.
    pub findings: Vec<FindingDto>,
}
