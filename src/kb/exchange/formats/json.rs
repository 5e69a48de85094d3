//! JSON: the native export, Zendesk articles, and schema.org FAQPage as JSON-LD, by itself or inside an HTML page.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::{Builder, Format, ReadError, Source, markdown};
use crate::kb::Entry;
use crate::kb::exchange::{Field, Issue, IssueKind, write};

pub(super) fn read(text: &str) -> Result<Source, ReadError> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| ReadError::Malformed { format: "JSON", reason: error.to_string() })?;
    if value.get("madoguchi").is_some() {
        return read_native(&value);
    }
    if let Some(articles) = articles(&value) {
        return read_zendesk(articles);
    }
    let mut questions = Vec::new();
    collect_questions(&value, None, 0, &mut questions);
    if questions.is_empty() { Err(ReadError::Unknown) } else { read_questions(&questions) }
}

static LD_JSON: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?is)<script[^>]*type\s*=\s*["']?application/ld\+json["']?[^>]*>(.*?)</script>"#)
        .expect("a fixed pattern")
});

/// The JSON-LD of a page.
pub(super) fn read_page(text: &str) -> Result<Source, ReadError> {
    let mut blocks = Vec::new();
    for found in LD_JSON.captures_iter(text) {
        let block = serde_json::from_str::<Value>(found[1].trim())
            .map_err(|error| ReadError::Malformed { format: "JSON-LD", reason: error.to_string() })?;
        blocks.push(block);
    }
    let mut questions = Vec::new();
    blocks.iter().for_each(|block| collect_questions(block, None, 0, &mut questions));
    if questions.is_empty() { Err(ReadError::Unknown) } else { read_questions(&questions) }
}

fn read_native(value: &Value) -> Result<Source, ReadError> {
    let fields: Vec<Field> = Field::all().collect();
    let mut builder = Builder::new(&fields);
    let entries = value.get("entries").and_then(Value::as_array).ok_or(ReadError::NoQuestion)?;
    for (number, item) in (1..).zip(entries) {
        let external_id = item.get("external_id").and_then(Value::as_str).unwrap_or_default();
        match Entry::deserialize(item) {
            Ok(entry) => builder.push(number, write::cells(&entry, external_id, false)),
            Err(error) => builder.wrong.push((number, error.to_string())),
        }
    }
    builder.finish(Format::Json)
}

use serde::Deserialize as _;

/// `{"articles": […]}`, `{"article": …}` or a bare list of articles.
fn articles(value: &Value) -> Option<Vec<&Value>> {
    let list: Vec<&Value> = match value {
        Value::Object(object) => match (object.get("articles"), object.get("article")) {
            (Some(Value::Array(list)), _) => list.iter().collect(),
            (_, Some(article)) => vec![article],
            _ => return None,
        },
        Value::Array(list) => list.iter().collect(),
        _ => return None,
    };
    let is_article = |item: &&Value| item.get("title").is_some() && item.get("body").is_some();
    list.iter().any(is_article).then_some(list)
}

fn text(item: &Value, key: &str) -> String {
    match item.get(key) {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

fn list(item: &Value, key: &str) -> Vec<String> {
    let items = item.get(key).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn read_zendesk(articles: Vec<&Value>) -> Result<Source, ReadError> {
    const FIELDS: [Field; 9] = [
        Field::ExternalId,
        Field::Question,
        Field::Answer,
        Field::Category1,
        Field::Keywords,
        Field::Language,
        Field::Status,
        Field::Sources,
        Field::TranslationOf,
    ];
    let mut builder = Builder::new(&FIELDS);
    let mut seen: Vec<String> = Vec::new();
    for (number, article) in (1..).zip(articles) {
        let (id, locale) = (text(article, "id"), text(article, "locale"));
        let (answer, converted) = markdown(&text(article, "body"));
        if converted {
            builder.notes.push((number, Issue::new(Field::Answer, IssueKind::MarkupSimplified, "")));
        }
        // Translations of an article share its id.
        let is_translation = !id.is_empty() && seen.contains(&id);
        let (external, original) =
            if is_translation { (format!("{id}:{locale}"), id.clone()) } else { (id.clone(), String::new()) };
        seen.push(id);
        let section = ["section_name", "section", "category"].map(|key| text(article, key));
        let is_draft = article.get("draft").and_then(Value::as_bool) == Some(true);
        builder.push(
            number,
            vec![
                external,
                text(article, "title"),
                answer,
                section.into_iter().find(|name| !name.is_empty()).unwrap_or_default(),
                list(article, "label_names").join("\n"),
                if locale.starts_with("en") { "en".into() } else { locale },
                if is_draft { "draft".into() } else { String::new() },
                text(article, "html_url"),
                original,
            ],
        );
    }
    builder.finish(Format::Zendesk)
}

struct Question<'a> {
    item: &'a Value,
    language: Option<&'a str>,
}

/// How deep JSON-LD is searched for questions.
const MAX_DEPTH: usize = 12;

fn collect_questions<'a>(
    value: &'a Value,
    language: Option<&'a str>,
    depth: usize,
    found: &mut Vec<Question<'a>>,
) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Array(items) => {
            items.iter().for_each(|item| collect_questions(item, language, depth + 1, found));
        }
        Value::Object(object) => {
            let language = object.get("inLanguage").and_then(Value::as_str).or(language);
            if is_type(value, "Question") && object.contains_key("name") {
                return found.push(Question { item: value, language });
            }
            for key in ["mainEntity", "@graph", "hasPart"] {
                if let Some(inner) = object.get(key) {
                    collect_questions(inner, language, depth + 1, found);
                }
            }
        }
        _ => {}
    }
}

fn is_type(value: &Value, name: &str) -> bool {
    match value.get("@type") {
        Some(Value::String(kind)) => kind.trim_start_matches("https://schema.org/") == name,
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind.as_str() == Some(name)),
        _ => false,
    }
}

fn read_questions(questions: &[Question<'_>]) -> Result<Source, ReadError> {
    const FIELDS: [Field; 5] =
        [Field::ExternalId, Field::Question, Field::Answer, Field::Language, Field::Sources];
    let mut builder = Builder::new(&FIELDS);
    for (number, Question { item, language }) in (1..).zip(questions) {
        let answer = match item.get("acceptedAnswer").or(item.get("suggestedAnswer")) {
            Some(Value::Array(answers)) => answers.first(),
            other => other,
        };
        let (answer, converted) = markdown(&answer.map(|answer| text(answer, "text")).unwrap_or_default());
        if converted {
            builder.notes.push((number, Issue::new(Field::Answer, IssueKind::MarkupSimplified, "")));
        }
        let (name, _) = markdown(&text(item, "name"));
        let url = text(item, "url");
        let id = Some(text(item, "@id")).filter(|id| !id.is_empty()).unwrap_or_else(|| url.clone());
        let language = language.unwrap_or_default().to_owned();
        builder.push(number, vec![id, name, answer, language, url]);
    }
    builder.finish(Format::FaqPage)
}
