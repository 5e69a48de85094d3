//! The shapes of imports in the API. Converted by hand: domain types do not know them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::dto::time;
use super::texts::Texts;
use super::vocabulary_dto::VocabularyFindingDto;
use crate::app::{ImportOutcome, ImportSettings, ImportView, RejectedFor, RejectedRow};
use crate::kb::Language;
use crate::kb::exchange::{
    Action, Defaults, Field, GroupAction, Issue, Mapping, PlannedGroup, SynonymProblem,
};
use crate::store::ImportRecord;

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

    /// Every reason why a row cannot be taken over.
    pub(super) fn all(why: RejectedFor<'_>, t: Texts) -> Vec<Self> {
        match why {
            RejectedFor::Entry(issues) => issues.iter().map(|issue| Self::of(issue, t)).collect(),
            RejectedFor::Synonyms(problem) => vec![Self::of_synonyms(problem, t)],
        }
    }

    fn of_synonyms(problem: &SynonymProblem, t: Texts) -> Self {
        let (value, text) = match problem {
            SynonymProblem::Unfit(finding) => {
                (finding.word.clone(), VocabularyFindingDto::of(finding, t).text)
            }
            SynonymProblem::Taken { word, row } => {
                let values = [("value", word.clone()), ("row", row.to_string())];
                (word.clone(), t.fill("import.synonym_taken", &values))
            }
            SynonymProblem::Between(groups) => {
                let groups = groups.join(" / ");
                (groups.clone(), t.fill("import.synonym_between", &[("value", groups)]))
            }
            SynonymProblem::Scope(scope) => {
                (scope.clone(), t.fill("import.synonym_scope", &[("value", scope.clone())]))
            }
            SynonymProblem::Width(why) => {
                (why.clone(), t.fill("import.issue.wrong_width", &[("value", why.clone())]))
            }
        };
        Self { field: "synonyms".to_owned(), kind: problem.code().to_owned(), value, text }
    }

    /// What of a group is not taken over.
    pub(super) fn of_reading(group: &PlannedGroup, t: Texts) -> Option<Self> {
        let value = group.reading.clone()?;
        let text = t.fill("import.synonym_reading", &[("value", value.clone())]);
        Some(Self { field: "reading".to_owned(), kind: "reading_ignored".to_owned(), value, text })
    }
}

/// What happens with a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportRowDto {
    /// Row number in the file.
    pub row: usize,
    /// `create`, `update` or `unchanged`.
    pub action: String,
    /// The entry it becomes; empty for a group of synonyms.
    pub entry_id: String,
    /// Its id where it comes from.
    pub external_id: String,
    /// Its question; the words of a group of synonyms.
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
    /// Groups of synonyms it created or changed, by their first word.
    pub groups: Vec<String>,
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
            groups: outcome.groups.clone(),
        }
    }
}

/// An import with its dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportDto {
    /// In short.
    #[serde(flatten)]
    pub summary: ImportSummaryDto,
    /// What the file was taken for: `sheet`, `two_columns`, `qna_maker`, `rasa`, `zendesk`, `faq_page`, `json`,
    /// `synonyms`.
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
    /// The import of the synonyms in the same workbook.
    pub synonyms: Option<String>,
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
        let group = |group: &PlannedGroup| ImportRowDto {
            row: group.number,
            action: group_action_name(&group.action).to_owned(),
            entry_id: String::new(),
            external_id: String::new(),
            question: group.members.join("、"),
            changed: Vec::new(),
            warnings: IssueDto::of_reading(group, t).into_iter().collect(),
        };
        let rejected =
            |row: &RejectedRow<'_>| RejectedRowDto { row: row.number, reasons: IssueDto::all(row.why, t) };
        let groups = view.synonyms.iter().flat_map(|plan| &plan.planned);
        Self {
            summary: ImportSummaryDto::of(&view.record, &view.outcome),
            format: view.source.format.name().to_owned(),
            read_as: view.source.table.read_as.clone(),
            columns: view.source.table.header.clone(),
            settings: ImportSettingsDto::of(&view.settings),
            rows: view.plan.planned.iter().map(row).chain(groups.map(group)).collect(),
            rejected_rows: view.rejected().iter().map(rejected).collect(),
            synonyms: view.settings.synonyms.clone(),
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

/// Stable name of what happens with a group of synonyms.
pub(super) fn group_action_name(action: &GroupAction) -> &'static str {
    match action {
        GroupAction::Create => "create",
        GroupAction::Update { .. } => "update",
        GroupAction::Unchanged => "unchanged",
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
            synonyms: None,
        }
    }
}

/// Imports, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportsDto {
    /// The imports.
    pub imports: Vec<ImportSummaryDto>,
}
