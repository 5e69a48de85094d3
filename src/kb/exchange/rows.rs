//! From cells to entries: every value read the way people write it, every doubt named by row and field.

use std::collections::HashMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::cell::{self, Named};
use super::{Field, Issue, IssueKind, Mapping, Rejected, Row, Table, derived_external_id};
use crate::kb::{Entry, Language};
use crate::sheet::Line;

/// Longest question and phrasing, in characters.
pub(crate) const MAX_QUESTION: usize = 500;
/// Longest answer and longest list, in characters: what a spreadsheet's cell can hold.
pub(crate) const MAX_ANSWER: usize = 30_000;
/// Longest of the other texts, in characters.
const MAX_SHORT: usize = 300;
/// Most items of a list.
const MAX_ITEMS: usize = 200;

/// What rows get that the file does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Defaults {
    /// Category path; must not be empty.
    pub category: Vec<String>,
    /// Owner.
    pub owner: String,
    /// Language; `None` = told from the text.
    pub language: Option<Language>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { category: vec!["未分類".to_owned()], owner: String::new(), language: None }
    }
}

/// The rows of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Usable ones, in file order.
    pub rows: Vec<Row>,
    /// The others.
    pub rejected: Vec<Rejected>,
}

/// Reads every row of `table`. A row is usable or rejected with its reasons; none is lost.
pub fn read_rows(table: &Table, mapping: &Mapping, defaults: &Defaults) -> Reading {
    let mut reading = Reading::default();
    let mut seen: HashMap<(Field, String), usize> = HashMap::new();
    let given: Vec<Field> = mapping.0.keys().copied().collect();
    for Line { number, cells } in &table.rows {
        let mut reader = RowReader { mapping, cells, errors: Vec::new(), warnings: Vec::new() };
        let entry = reader.entry(defaults);
        let external_id = match reader.text(Field::ExternalId, MAX_SHORT) {
            id if id.is_empty() && entry.id.is_empty() => derived_external_id(&entry),
            id if id.is_empty() => entry.id.clone(),
            id => id,
        };
        let mut keys = vec![(Field::ExternalId, external_id.clone())];
        if !entry.id.is_empty() && entry.id != external_id {
            keys.push((Field::Id, entry.id.clone()));
        }
        for key in keys {
            if let Some(first) = seen.get(&key) {
                reader.errors.push(Issue::new(key.0, IssueKind::Duplicate, format!("{} ({first})", key.1)));
            } else if reader.errors.is_empty() {
                seen.insert(key, *number);
            }
        }
        let RowReader { errors, warnings, .. } = reader;
        if errors.is_empty() {
            reading.rows.push(Row { number: *number, external_id, entry, given: given.clone(), warnings });
        } else {
            let cells = cells.iter().map(|text| cell::restore(text).to_owned()).collect();
            reading.rejected.push(Rejected { number: *number, issues: errors, cells });
        }
    }
    let wrong = table.wrong.iter().map(|(number, reason)| Rejected {
        number: *number,
        issues: vec![Issue::new(Field::Question, IssueKind::WrongWidth, reason)],
        cells: Vec::new(),
    });
    reading.rejected.extend(wrong);
    reading.rejected.sort_by_key(|rejected| rejected.number);
    reading
}

struct RowReader<'a> {
    mapping: &'a Mapping,
    cells: &'a [String],
    errors: Vec<Issue>,
    warnings: Vec<Issue>,
}

impl RowReader<'_> {
    fn entry(&mut self, defaults: &Defaults) -> Entry {
        let question = self.needed(Field::Question, MAX_QUESTION);
        let answer = self.needed(Field::Answer, MAX_ANSWER);
        let language = self
            .value::<Language>(Field::Language)
            .or(defaults.language)
            .unwrap_or_else(|| language_of(&question, &answer));
        let (valid_from, valid_until) = (self.date(Field::ValidFrom), self.date(Field::ValidUntil));
        if let (Some(from), Some(until)) = (valid_from, valid_until)
            && until < from
        {
            self.error(Field::ValidUntil, IssueKind::EndsBeforeStart, until.to_string());
        }
        Entry {
            id: self.id(Field::Id),
            category: self.category(defaults),
            language,
            status: self.value(Field::Status).unwrap_or_default(),
            answer_class: self.value(Field::AnswerClass).unwrap_or_default(),
            phrasings: self.phrasings(&question),
            question,
            answer,
            keywords: self.list(Field::Keywords, cell::split),
            follow_ups: self.list(Field::FollowUps, cell::split),
            related: self.list(Field::Related, cell::split),
            audience: self.value(Field::Audience).unwrap_or_default(),
            owner: match self.text(Field::Owner, MAX_SHORT) {
                owner if owner.is_empty() => defaults.owner.clone(),
                owner => owner,
            },
            valid_from,
            valid_until,
            reviewed: self.date(Field::Reviewed),
            review_by: self.date(Field::ReviewBy),
            sources: self.list(Field::Sources, cell::split_lines),
            translation_of: Some(self.id(Field::TranslationOf)).filter(|id| !id.is_empty()),
            revision: self.revision(),
        }
    }

    fn error(&mut self, field: Field, kind: IssueKind, value: impl Into<String>) {
        self.errors.push(Issue::new(field, kind, value));
    }

    /// The field's cell with line ends as line feeds, checked for length and control characters.
    fn text(&mut self, field: Field, longest: usize) -> String {
        let text =
            cell::restore(self.mapping.cell(self.cells, field)).replace("\r\n", "\n").replace('\r', "\n");
        let text = text.trim().to_owned();
        if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
            self.error(field, IssueKind::ControlCharacter, "");
        }
        let length = text.chars().count();
        if length > longest {
            self.error(field, IssueKind::TooLong, format!("{length} > {longest}"));
        }
        text
    }

    fn needed(&mut self, field: Field, longest: usize) -> String {
        let text = self.text(field, longest);
        if text.is_empty() {
            self.error(field, IssueKind::Missing, "");
        }
        text
    }

    fn id(&mut self, field: Field) -> String {
        let id = self.text(field, MAX_SHORT);
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        if !id.chars().all(fits) {
            self.error(field, IssueKind::BadId, id.clone());
        }
        id
    }

    fn value<T: Named>(&mut self, field: Field) -> Option<T> {
        let text = self.text(field, MAX_SHORT);
        let value = T::from_cell(&text);
        if value.is_none() && !text.is_empty() {
            self.error(field, IssueKind::BadValue, text);
        }
        value
    }

    fn date(&mut self, field: Field) -> Option<Date> {
        let text = self.text(field, MAX_SHORT);
        let date = cell::parse_date(&text);
        if date.is_none() && !text.is_empty() {
            self.error(field, IssueKind::BadDate, text);
        }
        date
    }

    fn revision(&mut self) -> u32 {
        match self.text(Field::Revision, MAX_SHORT) {
            text if text.is_empty() => 1,
            text => text.parse().unwrap_or_else(|_| {
                self.error(Field::Revision, IssueKind::BadValue, text);
                1
            }),
        }
    }

    fn category(&mut self, defaults: &Defaults) -> Vec<String> {
        let levels = [Field::Category1, Field::Category2, Field::Category3];
        let path: Vec<String> = levels
            .into_iter()
            .map(|field| self.text(field, MAX_SHORT))
            .filter(|level| !level.is_empty())
            .collect();
        if path.is_empty() { defaults.category.clone() } else { path }
    }

    fn list(&mut self, field: Field, split: fn(&str) -> Vec<String>) -> Vec<String> {
        // The line end that marks a lone item with a separator must not be trimmed off.
        let raw = self.mapping.0.get(&field).and_then(|&column| self.cells.get(column));
        let items = split(cell::restore(raw.map_or("", String::as_str)));
        if raw.is_some_and(|raw| raw.chars().count() > MAX_ANSWER) || items.len() > MAX_ITEMS {
            self.error(field, IssueKind::TooLong, format!("{} > {MAX_ITEMS}", items.len()));
        }
        if items.iter().any(|item| item.chars().any(char::is_control)) {
            self.error(field, IssueKind::ControlCharacter, "");
        }
        items
    }

    fn phrasings(&mut self, question: &str) -> Vec<String> {
        let mut kept: Vec<String> = Vec::new();
        for phrasing in self.list(Field::Phrasings, cell::split_lines) {
            if phrasing.chars().count() > MAX_QUESTION {
                self.error(Field::Phrasings, IssueKind::TooLong, phrasing);
            } else if phrasing == question || kept.contains(&phrasing) {
                self.warnings.push(Issue::new(Field::Phrasings, IssueKind::Repeated, phrasing));
            } else {
                kept.push(phrasing);
            }
        }
        kept
    }
}

/// Kana or han make it Japanese.
fn language_of(question: &str, answer: &str) -> Language {
    let is_japanese =
        |c: char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ff66}'..='\u{ff9d}');
    let text = if question.is_empty() { answer } else { question };
    if text.contains(is_japanese) { Language::Ja } else { Language::En }
}
