//! The shapes of imports, gaps and previews in the API. Converted by hand: domain types do not know them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::dto::time;
use super::texts::Texts;
use crate::app::{GapDetail, GapView, ImportOutcome, ImportSettings, ImportView, PreviewState};
use crate::impact::{CollisionKind, Direction};
use crate::kb::Language;
use crate::kb::checks::Finding;
use crate::kb::exchange::{Action, Defaults, Field, Issue, Mapping};
use crate::store::{GapLog, ImportRecord};

/// How a file is given in. The body is the file itself.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// The file's name; its ending helps to tell what it is.
    pub name: String,
    /// Which sheet of a workbook; the first if it is not there.
    pub sheet: String,
}

/// Something wrong or doubtful in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssueDto {
    /// The field: `question`, `valid_from`, …
    pub field: String,
    /// Stable code: `missing`, `bad_date`, …
    pub kind: String,
    /// The value it is about.
    pub value: String,
    /// In words, in the client's language.
    pub text: String,
}

impl IssueDto {
    /// The issue with its words.
    pub(super) fn of(issue: &Issue, t: Texts) -> Self {
        let english = t.0 == Language::En;
        let values = [("field", issue.field.header(english).to_owned()), ("value", issue.value.clone())];
        Self {
            field: issue.field.name(),
            kind: issue.kind.name().to_owned(),
            value: issue.value.clone(),
            text: t.fill(&format!("import.issue.{}", issue.kind.name()), &values),
        }
    }
}

/// What happens with a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportRowDto {
    /// Row number in the file.
    pub row: usize,
    /// `create`, `update` or `unchanged`.
    pub action: String,
    /// The entry it becomes.
    pub entry_id: String,
    /// Its id where it comes from.
    pub external_id: String,
    /// Its question.
    pub question: String,
    /// Fields that change.
    pub changed: Vec<String>,
    /// Doubts.
    pub warnings: Vec<IssueDto>,
}

/// A row that cannot be taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectedRowDto {
    /// Row number in the file.
    pub row: usize,
    /// Why.
    pub reasons: Vec<IssueDto>,
}

/// An import in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportSummaryDto {
    /// Id.
    pub id: String,
    /// The file's name.
    pub name: String,
    /// `ready`, `applied` or `undone`.
    pub state: String,
    /// When it was given in.
    pub at: String,
    /// Entries it created.
    pub created: Vec<String>,
    /// Entries it changed.
    pub updated: Vec<String>,
    /// Entries it could not change, with the code of why.
    pub refused: BTreeMap<String, String>,
    /// Rows rejected.
    pub rejected: usize,
    /// Entries that undoing left alone, because somebody changed them since.
    pub kept: Vec<String>,
}

impl ImportSummaryDto {
    /// The import in short.
    pub(super) fn of(record: &ImportRecord, outcome: &ImportOutcome) -> Self {
        Self {
            id: record.id.clone(),
            name: record.name.clone(),
            state: record.state.name().to_owned(),
            at: time(record.at),
            created: outcome.created.clone(),
            updated: outcome.updated.iter().map(|updated| updated.id.clone()).collect(),
            refused: outcome.refused.iter().cloned().collect(),
            rejected: outcome.rejected,
            kept: outcome.kept.clone(),
        }
    }
}

/// An import with its dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportDto {
    /// In short.
    #[serde(flatten)]
    pub summary: ImportSummaryDto,
    /// What the file was taken for: `sheet`, `two_columns`, `qna_maker`, `rasa`, `zendesk`, `faq_page`, `json`.
    pub format: String,
    /// Encoding, or name of the sheet.
    pub read_as: String,
    /// Columns of the file.
    pub columns: Vec<String>,
    /// How it is read.
    pub settings: ImportSettingsDto,
    /// Rows that can be taken over, as of now.
    pub rows: Vec<ImportRowDto>,
    /// Rows that cannot.
    pub rejected_rows: Vec<RejectedRowDto>,
}

impl ImportDto {
    /// The whole import.
    pub(super) fn of(view: &ImportView, t: Texts) -> Self {
        let words = |issues: &[Issue]| issues.iter().map(|issue| IssueDto::of(issue, t)).collect();
        let row = |row: &crate::kb::exchange::Planned| ImportRowDto {
            row: row.number,
            action: action_name(&row.action).to_owned(),
            entry_id: row.entry.id.clone(),
            external_id: row.external_id.clone(),
            question: row.entry.question.clone(),
            changed: match &row.action {
                Action::Update { changed } => changed.iter().map(|field| field.name()).collect(),
                _ => Vec::new(),
            },
            warnings: words(&row.warnings),
        };
        let rejected = |row: &crate::kb::exchange::Rejected| RejectedRowDto {
            row: row.number,
            reasons: words(&row.issues),
        };
        Self {
            summary: ImportSummaryDto::of(&view.record, &view.outcome),
            format: view.source.format.name().to_owned(),
            read_as: view.source.table.read_as.clone(),
            columns: view.source.table.header.clone(),
            settings: ImportSettingsDto::of(&view.settings),
            rows: view.plan.planned.iter().map(row).collect(),
            rejected_rows: view.plan.rejected.iter().map(rejected).collect(),
        }
    }
}

/// Stable name of what happens with a row.
pub(super) fn action_name(action: &Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update { .. } => "update",
        Action::Unchanged => "unchanged",
    }
}

/// How a file is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportSettingsDto {
    /// Field → column, counted from 0. Fields that are left out keep what the desk has.
    pub mapping: BTreeMap<String, usize>,
    /// Category path of rows that name none.
    #[serde(default)]
    pub category: Vec<String>,
    /// Owner of rows that name none.
    #[serde(default)]
    pub owner: String,
    /// `ja` or `en` for rows that name none; otherwise it is told from the text.
    #[serde(default)]
    pub language: Option<String>,
}

impl ImportSettingsDto {
    fn of(settings: &ImportSettings) -> Self {
        let mapping = settings.mapping.0.iter().map(|(field, column)| (field.name(), *column));
        Self {
            mapping: mapping.collect(),
            category: settings.defaults.category.clone(),
            owner: settings.defaults.owner.clone(),
            language: settings.defaults.language.map(|language| language.tag().to_owned()),
        }
    }

    /// The settings meant; names that are no field are left out.
    pub(super) fn into_settings(self) -> ImportSettings {
        let named = |(name, column): (String, usize)| Some((Field::from_name(&name)?, column));
        let category: Vec<String> = self
            .category
            .into_iter()
            .map(|level| level.trim().to_owned())
            .filter(|level| !level.is_empty())
            .take(3)
            .collect();
        ImportSettings {
            mapping: Mapping(self.mapping.into_iter().filter_map(named).collect()),
            defaults: Defaults {
                category,
                owner: self.owner.trim().to_owned(),
                language: self.language.as_deref().and_then(super::texts::language_of),
            },
        }
    }
}

/// Imports, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportsDto {
    /// The imports.
    pub imports: Vec<ImportSummaryDto>,
}

/// Which gaps.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct GapsQuery {
    /// `open`, `assigned`, `dismissed` or `done`; empty = those somebody still has to look at.
    pub state: String,
}

/// A gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GapDto {
    /// Id.
    pub id: String,
    /// `open`, `assigned`, `dismissed` or `done`.
    pub state: String,
    /// The question nearest to all its questions, masked.
    pub title: String,
    /// How many questions.
    pub count: usize,
    /// Volume with older questions counting less.
    pub weight: f64,
    /// First and last time it was asked.
    pub first_at: String,
    /// The last time it was asked.
    pub last_at: String,
    /// Different wordings, masked.
    pub examples: Vec<String>,
    /// How many by signal: `unanswered`, `handed_off`, `not_chosen`, `voted_down`.
    pub signals: BTreeMap<String, usize>,
    /// The entry nearest to it.
    pub nearest: Option<String>,
}

impl GapDto {
    /// A gap in the list.
    pub(super) fn of(view: &GapView) -> Self {
        let summary = &view.summary;
        Self {
            id: view.record.id.clone(),
            state: view.record.state.name().to_owned(),
            title: summary.title.clone(),
            count: summary.count,
            weight: (summary.weight * 1000.0).round() / 1000.0,
            first_at: time(summary.first_at),
            last_at: time(summary.last_at),
            examples: summary.examples.clone(),
            signals: summary
                .signals
                .iter()
                .map(|(signal, count)| (signal.name().to_owned(), *count))
                .collect(),
            nearest: view.nearest.as_ref().map(|record| record.id.clone()),
        }
    }
}

/// Gaps, the heaviest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GapsDto {
    /// The gaps.
    pub gaps: Vec<GapDto>,
    /// How many are in each state.
    pub counts: BTreeMap<String, usize>,
}

/// A line of a gap's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GapLogDto {
    /// When.
    pub at: String,
    /// Id of who did it.
    pub actor: String,
    /// What happened.
    pub event: String,
    /// Reason or entry.
    pub note: String,
}

impl GapLogDto {
    pub(super) fn of(line: &GapLog) -> Self {
        Self {
            at: time(line.at),
            actor: line.actor.clone(),
            event: line.event.clone(),
            note: line.note.clone(),
        }
    }
}

/// A gap with everything to take it up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GapDetailDto {
    /// The gap.
    #[serde(flatten)]
    pub gap: GapDto,
    /// What people replied to its questions, masked, newest first.
    pub replies: Vec<String>,
    /// What happened to it, newest first.
    pub log: Vec<GapLogDto>,
}

impl GapDetailDto {
    pub(super) fn of(detail: &GapDetail) -> Self {
        Self {
            gap: GapDto::of(&detail.view),
            replies: detail.replies.clone(),
            log: detail.log.iter().map(GapLogDto::of).collect(),
        }
    }
}

/// What to do with a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum GapActDto {
    /// Give it to somebody; oneself if nobody is named.
    Assign {
        /// Id of the member of staff.
        #[serde(default)]
        to: Option<String>,
    },
    /// Give it back.
    Release,
    /// Put it aside.
    Dismiss {
        /// Why.
        reason: String,
    },
    /// Take it up again.
    Reopen,
    /// Add a wording to an entry, as a draft.
    AddPhrasing {
        /// The entry.
        entry_id: String,
        /// The wording.
        phrasing: String,
    },
    /// Write a new entry, as a draft.
    Draft {
        /// Its question.
        question: String,
        /// Its answer; may be empty for now.
        #[serde(default)]
        answer: String,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GapActedDto {
    /// The gap now.
    pub gap: GapDetailDto,
    /// The entry that was written, if one was.
    pub entry_id: Option<String>,
}

/// A preview of what publishing would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PreviewStateDto {
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
        let severity = match finding.severity() {
            crate::kb::checks::Severity::Error => "error",
            crate::kb::checks::Severity::Warning => "warning",
            crate::kb::checks::Severity::Hint => "hint",
        };
        Self {
            severity: severity.to_owned(),
            kind: finding.kind.name().to_owned(),
            field: finding.field.clone(),
            excerpt: finding.excerpt.clone(),
            other: finding.other.clone(),
            other_excerpt: finding.other_excerpt.clone(),
            text: t.fill(&format!("check.{}", finding.kind.name()), &[("advice", advice)]),
        }
    }
}

/// Everything doubtful about an entry, the gravest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingsDto {
    /// The findings.
    pub findings: Vec<FindingDto>,
}
