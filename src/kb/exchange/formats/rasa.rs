//! Rasa training data: the examples of an intent become question and phrasings, `utter_<intent>` the answer.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use super::{Builder, Format, ReadError, Source};
use crate::kb::exchange::{Field, Issue, IssueKind};

pub(super) fn is_likely(name: &str, text: &str) -> bool {
    let name = name.to_lowercase();
    name.ends_with(".yml")
        || name.ends_with(".yaml")
        || text.lines().take(200).any(|line| matches!(line.trim_end(), "nlu:" | "responses:"))
}

#[derive(Deserialize, Default)]
struct File {
    #[serde(default)]
    nlu: Vec<Intent>,
    #[serde(default)]
    responses: BTreeMap<String, Vec<Response>>,
}

#[derive(Deserialize)]
struct Intent {
    /// Absent in the sections on synonyms, regexes and lookups.
    intent: Option<String>,
    #[serde(default)]
    examples: Examples,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Examples {
    Block(String),
    List(Vec<Example>),
}

impl Default for Examples {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

#[derive(Deserialize)]
struct Example {
    text: String,
}

#[derive(Deserialize)]
struct Response {
    text: Option<String>,
}

/// `[東京](city)` and `[東京]{"entity": "city"}` stand for 東京.
static ENTITY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\[([^\]]*)\](\([^)]*\)|\{[^}]*\})").expect("a fixed pattern"));

const FIELDS: [Field; 4] = [Field::ExternalId, Field::Question, Field::Phrasings, Field::Answer];

pub(super) fn read(text: &str) -> Result<Source, ReadError> {
    let file: File = serde_saphyr::from_str(text).map_err(|error| ReadError::Malformed {
        format: "YAML",
        reason: error.to_string().lines().next().unwrap_or_default().to_owned(),
    })?;
    let mut examples: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    for intent in file.nlu {
        let Some(name) = intent.intent else { continue };
        let lines: Vec<String> = match intent.examples {
            Examples::Block(block) => {
                block.lines().map(|line| plain(line.trim_start_matches(['-', ' ']))).collect()
            }
            Examples::List(list) => list.iter().map(|example| plain(&example.text)).collect(),
        };
        if !order.contains(&name) {
            order.push(name.clone());
        }
        examples.entry(name).or_default().extend(lines.into_iter().filter(|line| !line.is_empty()));
    }
    let mut builder = Builder::new(&FIELDS);
    let mut responses = file.responses;
    for (number, name) in (1..).zip(&order) {
        let mut questions = examples.remove(name).unwrap_or_default();
        let question = if questions.is_empty() { String::new() } else { questions.remove(0) };
        let variants: Vec<String> = responses
            .remove(&format!("utter_{name}"))
            .unwrap_or_default()
            .into_iter()
            .filter_map(|response| response.text)
            .collect();
        if variants.len() > 1 {
            let issue = Issue::new(Field::Answer, IssueKind::Repeated, variants[1..].join(" / "));
            builder.notes.push((number, issue));
        }
        let answer = variants.into_iter().next().unwrap_or_default();
        builder.push(number, vec![name.clone(), question, questions.join("\n"), answer]);
    }
    // An answer nobody asks for is shown as a row without a question rather than lost.
    let rest = responses.into_iter().filter(|(name, _)| name.starts_with("utter_"));
    for (number, (name, variants)) in (order.len() + 1..).zip(rest) {
        let answer = variants.into_iter().find_map(|response| response.text).unwrap_or_default();
        let name = name.trim_start_matches("utter_").to_owned();
        builder.push(number, vec![name, String::new(), String::new(), answer]);
    }
    builder.finish(Format::Rasa)
}

fn plain(example: &str) -> String {
    ENTITY.replace_all(example.trim(), "$1").into_owned()
}
