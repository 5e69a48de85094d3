//! QnA Maker and Azure custom question answering: one row per question; rows with one `QnaId` share an answer.

use std::collections::HashMap;

use serde_json::Value;

use super::{Builder, Format, ReadError, Source, Table, has_columns, markdown};
use crate::kb::exchange::{Field, Issue, IssueKind};

pub(super) fn is_likely(table: &Table) -> bool {
    has_columns(table, &["Question", "Answer"])
        && (has_columns(table, &["QnaId"]) || has_columns(table, &["Source", "Metadata"]))
}

const FIELDS: [Field; 8] = [
    Field::ExternalId,
    Field::Question,
    Field::Phrasings,
    Field::Answer,
    Field::Category1,
    Field::Keywords,
    Field::FollowUps,
    Field::Sources,
];

#[derive(Default)]
struct Pair {
    number: usize,
    id: String,
    questions: Vec<String>,
    answer: String,
    category: String,
    keywords: Vec<String>,
    prompts: Vec<String>,
    source: String,
    issues: Vec<Issue>,
}

pub(super) fn read(table: &Table) -> Result<Source, ReadError> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut by_key: HashMap<String, usize> = HashMap::new();
    for line in &table.rows {
        let cell = |name: &str| {
            table.column(&[name]).map_or(String::new(), |column| unescaped(line.cells[column].trim()))
        };
        let (id, answer) = (cell("QnaId"), cell("Answer"));
        let key = if id.is_empty() { answer.clone() } else { id.clone() };
        let index = *by_key.entry(key).or_insert_with(|| {
            pairs.push(Pair { number: line.number, id, ..Pair::default() });
            pairs.len() - 1
        });
        let pair = &mut pairs[index];
        pair.questions.push(cell("Question"));
        pair.questions.extend(strings(&cell("SuggestedQuestions")));
        if pair.answer.is_empty() {
            let (text, converted) = markdown(&answer);
            pair.answer = text;
            if converted {
                pair.issues.push(Issue::new(Field::Answer, IssueKind::MarkupSimplified, ""));
            }
        }
        pair.take_metadata(&cell("Metadata"));
        pair.prompts.extend(prompts(&cell("Prompts")));
        if cell("Source").starts_with("http") {
            pair.source = cell("Source");
        }
        if cell("IsContextOnly").eq_ignore_ascii_case("true") {
            pair.issues.push(Issue::new(Field::Question, IssueKind::ContextOnly, cell("Question")));
        }
    }
    let mut builder = Builder::new(&FIELDS);
    builder.wrong.clone_from(&table.wrong);
    for pair in pairs {
        builder.notes.extend(pair.issues.iter().map(|issue| (pair.number, issue.clone())));
        let (number, cells) = (pair.number, pair.cells());
        builder.push(number, cells);
    }
    let mut source = builder.finish(Format::QnaMaker)?;
    source.table.read_as.clone_from(&table.read_as);
    Ok(source)
}

impl Pair {
    /// `category:送金|product:app`: the category, and the values of the others as keywords.
    fn take_metadata(&mut self, metadata: &str) {
        for (key, value) in metadata.split('|').filter_map(|item| item.split_once(':')) {
            let value = value.trim().to_owned();
            match key.trim().to_lowercase().as_str() {
                "category" | "カテゴリ" => self.category = value,
                key if key.starts_with("system") || value.is_empty() || self.keywords.contains(&value) => {}
                _ => self.keywords.push(value),
            }
        }
    }

    fn cells(self) -> Vec<String> {
        let mut questions = self.questions.into_iter().filter(|question| !question.trim().is_empty());
        let question = questions.next().unwrap_or_default();
        let mut phrasings: Vec<String> = Vec::new();
        for phrasing in questions {
            if phrasing != question && !phrasings.contains(&phrasing) {
                phrasings.push(phrasing);
            }
        }
        vec![
            self.id,
            question,
            phrasings.join("\n"),
            self.answer,
            self.category,
            self.keywords.join("\n"),
            self.prompts.join("\n"),
            self.source,
        ]
    }
}

/// The export writes line ends inside a cell as `\n`.
fn unescaped(cell: &str) -> String {
    cell.replace("\\n", "\n").replace("\\t", "\t")
}

/// A JSON list of strings; anything else is none.
fn strings(cell: &str) -> Vec<String> {
    serde_json::from_str(cell).unwrap_or_default()
}

/// The QnaIds that a list of prompts leads to.
fn prompts(cell: &str) -> Vec<String> {
    let list: Vec<Value> = serde_json::from_str(cell).unwrap_or_default();
    let id = |prompt: &Value| {
        prompt
            .as_object()?
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case("qnaid"))
            .map(|(_, id)| id.to_string())
    };
    list.iter().filter_map(id).collect()
}
