//! The pages of import and export. Rendered on the server; their module uses the API.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::Web;
use super::error::ApiError;
use super::import_dto::{IssueDto, action_name, group_action_name};
use super::pages::{Frame, page};
use super::staff_frame::{Bar, Readable, StaffFrame};
use super::texts::Texts;
use crate::app::{ImportOutcome, ImportView, RejectedRow};
use crate::kb::Language;
use crate::kb::exchange::{Action, Field, GroupAction, Planned, PlannedGroup};
use crate::store::ImportState;

/// Rows of a dry run that a page shows; the API has them all.
const ROWS_SHOWN: usize = 200;

#[derive(Template)]
#[template(path = "imports.html")]
struct ImportsPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    imports: Vec<ImportLine>,
}

struct ImportLine {
    id: String,
    name: String,
    state: String,
    at: String,
    who: String,
    created: usize,
    updated: usize,
    rejected: usize,
}

/// Import and export.
pub(super) async fn imports(
    State(web): State<Web>,
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
) -> Result<Response, ApiError> {
    let readable = Readable::new(&web, t).await?;
    let line = |(record, outcome): &(crate::store::ImportRecord, ImportOutcome)| ImportLine {
        id: record.id.clone(),
        name: record.name.clone(),
        state: t.get(state_key(record.state)).to_owned(),
        at: readable.moment(record.at),
        who: readable.who(record.staff.as_str()),
        created: outcome.created.len(),
        updated: outcome.updated.len() + outcome.groups.len(),
        rejected: outcome.rejected,
    };
    let imports = web.app.imports(&member).await?.iter().map(line).collect();
    Ok(page(&ImportsPage { frame, bar, t, imports }, t, asked))
}

fn state_key(state: ImportState) -> &'static str {
    match state {
        ImportState::Ready => "import.state_ready",
        ImportState::Applied => "import.state_applied",
        ImportState::Undone => "import.state_undone",
    }
}

#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage {
    frame: Frame,
    bar: Bar,
    t: Texts,
    id: String,
    name: String,
    state: &'static str,
    state_text: &'static str,
    read_as: String,
    columns: Vec<String>,
    fields: Vec<FieldLine>,
    category: String,
    owner: String,
    is_complete: bool,
    counts: (usize, usize, usize),
    /// Whether it is a sheet of synonyms.
    is_synonyms: bool,
    /// The import of the synonyms in the same workbook.
    synonyms: Option<String>,
    rows: Vec<RowLine>,
    more_rows: usize,
    rejected: Vec<RejectedLine>,
    more_rejected: usize,
    refused: Vec<(String, String)>,
    outcome: ImportOutcome,
    /// How many created and how many changed entries were taken back, if it was.
    taken_back: (usize, usize),
}

struct FieldLine {
    name: String,
    text: &'static str,
    column: Option<usize>,
}

impl FieldLine {
    /// Whether it is among the first to choose: filled by a column, or one that every row needs.
    fn is_shown(&self) -> bool {
        self.column.is_some() || matches!(self.name.as_str(), "question" | "answer")
    }

    /// Whether this column fills it.
    fn is(&self, column: &usize) -> bool {
        self.column == Some(*column)
    }
}

struct RowLine {
    number: usize,
    action: &'static str,
    action_text: &'static str,
    id: String,
    question: String,
    notes: Vec<String>,
}

struct RejectedLine {
    number: usize,
    reasons: Vec<String>,
    excerpt: String,
}

/// One import: columns, dry run, taking over, taking back.
pub(super) async fn import(
    State(web): State<Web>,
    StaffFrame { frame, bar, t, member, asked }: StaffFrame,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let view = web.app.import(&member, &id).await?;
    let english = t.0 == Language::En;
    let format = t.fill(&format!("import.format_{}", view.source.format.name()), &[]);
    let read_as = view.source.table.read_as.clone();
    let is_synonyms = view.synonyms.is_some();
    let rejected = rejected_lines(&view, t);
    let (rows, all_rows) = match &view.synonyms {
        Some(plan) => (group_lines(&plan.planned, t), plan.planned.len()),
        None => {
            let rows = view.plan.planned.iter().take(ROWS_SHOWN).map(|row| row_line(row, t));
            (rows.collect(), view.plan.planned.len())
        }
    };
    let template = ImportPage {
        frame,
        bar,
        t,
        id,
        name: view.record.name.clone(),
        state: view.record.state.name(),
        state_text: t.get(state_key(view.record.state)),
        read_as: t.fill("import.read_as", &[("format", format), ("read_as", read_as)]),
        columns: view.source.table.header.clone(),
        fields: Field::all()
            .map(|field| FieldLine {
                name: field.name(),
                text: field.header(english),
                column: view.settings.mapping.0.get(&field).copied(),
            })
            .collect(),
        category: view.settings.defaults.category.join(" / "),
        owner: view.settings.defaults.owner.clone(),
        is_complete: is_synonyms || view.settings.mapping.is_complete(),
        counts: view.counts(),
        is_synonyms,
        synonyms: view.settings.synonyms.clone(),
        rows,
        more_rows: all_rows.saturating_sub(ROWS_SHOWN),
        more_rejected: view.rejected().len().saturating_sub(ROWS_SHOWN),
        rejected,
        refused: view
            .outcome
            .refused
            .iter()
            .map(|(id, code)| {
                let title = t.find(&format!("problem.{code}.title")).unwrap_or_default();
                (id.clone(), title.to_owned())
            })
            .collect(),
        taken_back: taken_back(&view.outcome),
        outcome: view.outcome,
    };
    Ok(page(&template, t, asked))
}

fn taken_back(outcome: &ImportOutcome) -> (usize, usize) {
    let is_kept = |id: &String| outcome.kept.contains(id);
    let created = outcome.created.iter().filter(|id| !is_kept(id)).count();
    (created, outcome.updated.iter().filter(|updated| !is_kept(&updated.id)).count())
}

fn row_line(row: &Planned, t: Texts) -> RowLine {
    let english = t.0 == Language::En;
    let mut notes: Vec<String> = row.warnings.iter().map(|issue| IssueDto::of(issue, t).text).collect();
    if let Action::Update { changed } = &row.action {
        let fields: Vec<&str> = changed.iter().map(|field| field.header(english)).collect();
        notes.insert(0, t.fill("import.changes", &[("fields", t.list(&fields))]));
    }
    RowLine {
        number: row.number,
        action: action_name(&row.action),
        action_text: match row.action {
            Action::Create => t.get("import.created"),
            Action::Update { .. } => t.get("import.updated"),
            Action::Unchanged => t.get("import.unchanged"),
        },
        id: row.entry.id.clone(),
        question: row.entry.question.clone(),
        notes,
    }
}

fn group_lines(groups: &[PlannedGroup], t: Texts) -> Vec<RowLine> {
    let line = |group: &PlannedGroup| {
        let mut notes: Vec<String> =
            IssueDto::of_reading(group, t).into_iter().map(|issue| issue.text).collect();
        let action_text = match &group.action {
            GroupAction::Create => t.get("import.created"),
            GroupAction::Update { before } => {
                notes.splice(0..0, moved_words(before, &group.members, t));
                t.get("import.updated")
            }
            GroupAction::Unchanged => t.get("import.unchanged"),
        };
        RowLine {
            number: group.number,
            action: group_action_name(&group.action),
            action_text,
            id: String::new(),
            question: group.members.join("、"),
            notes,
        }
    };
    groups.iter().take(ROWS_SHOWN).map(line).collect()
}

/// Which words come to a group, and which it loses.
fn moved_words(before: &[String], after: &[String], t: Texts) -> Vec<String> {
    let lacking = |some: &[String], other: &[String]| -> Vec<String> {
        some.iter().filter(|word| !other.contains(word)).cloned().collect()
    };
    [("import.synonym_come", lacking(after, before)), ("import.synonym_go", lacking(before, after))]
        .into_iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(key, words)| t.fill(key, &[("words", t.list(&words))]))
        .collect()
}

fn rejected_lines(view: &ImportView, t: Texts) -> Vec<RejectedLine> {
    let line = |rejected: &RejectedRow<'_>| RejectedLine {
        number: rejected.number,
        reasons: IssueDto::all(rejected.why, t).into_iter().map(|issue| issue.text).collect(),
        excerpt: rejected
            .cells
            .iter()
            .filter(|cell| !cell.trim().is_empty())
            .map(|cell| cell.chars().take(40).collect::<String>())
            .collect::<Vec<String>>()
            .join(" | "),
    };
    view.rejected().iter().take(ROWS_SHOWN).map(line).collect()
}
