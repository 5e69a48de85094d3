//! One entry file: TOML front matter between `+++` lines, `# question`, a list of phrasings, `## 回答`, the answer.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::kb::{AnswerClass, Audience, Entry, Language, Status};

/// 1-based line of each front-matter key, and of `question` and `answer`.
pub(crate) type Lines = HashMap<String, usize>;

/// Front matter as written. Optional lists may be absent.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    id: String,
    category: Vec<String>,
    #[serde(default)]
    language: Language,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    translation_of: Option<String>,
    #[serde(default)]
    status: Status,
    #[serde(default)]
    answer_class: AnswerClass,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keywords: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    follow_ups: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    related: Vec<String>,
    #[serde(default)]
    audience: Audience,
    #[serde(default)]
    owner: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_from: Option<toml::value::Datetime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_until: Option<toml::value::Datetime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reviewed: Option<toml::value::Datetime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    review_by: Option<toml::value::Datetime>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sources: Vec<String>,
}

/// A mistake: 1-based line and reason.
pub type LineError = (usize, String);

/// Reads one entry file.
///
/// # Errors
/// The first mistake in the file, with its line.
pub fn parse_entry(text: &str) -> Result<(Entry, Lines), LineError> {
    let lines: Vec<&str> = text.lines().collect();
    if lines.first().map(|line| line.trim_end()) != Some("+++") {
        return Err((1, "the file must start with a +++ line and TOML front matter".into()));
    }
    let Some(end) = lines.iter().skip(1).position(|line| line.trim_end() == "+++").map(|i| i + 1) else {
        return Err((1, "the front matter has no closing +++ line".into()));
    };
    let matter = lines[1..end].join("\n");
    let front: FrontMatter = toml::from_str(&matter).map_err(|error| {
        let line =
            error.span().map_or(0, |span| matter[..span.start.min(matter.len())].matches('\n').count());
        (line + 2, error.message().to_owned())
    })?;
    let mut places = Lines::new();
    for (i, line) in lines[1..end].iter().enumerate() {
        if let Some((key, _)) = line.split_once('=') {
            places.entry(key.trim().to_owned()).or_insert(i + 2);
        }
    }
    let body = Body::parse(&lines, end + 1)?;
    places.insert("question".into(), body.question_line);
    places.insert("answer".into(), body.answer_line);
    for (i, line) in body.phrasing_lines.iter().enumerate() {
        places.insert(format!("phrasing {i}"), *line);
    }
    let date = |key: &str, value: Option<toml::value::Datetime>| match value {
        None => Ok(None),
        Some(value) => value.to_string().parse::<jiff::civil::Date>().map(Some).map_err(|_| {
            (places.get(key).copied().unwrap_or(1), format!("{key} must be a date such as 2026-04-01"))
        }),
    };
    let entry = Entry {
        valid_from: date("valid_from", front.valid_from)?,
        valid_until: date("valid_until", front.valid_until)?,
        reviewed: date("reviewed", front.reviewed)?,
        review_by: date("review_by", front.review_by)?,
        id: front.id,
        category: front.category,
        language: front.language,
        status: front.status,
        answer_class: front.answer_class,
        question: body.question,
        phrasings: body.phrasings,
        answer: body.answer,
        keywords: front.keywords,
        follow_ups: front.follow_ups,
        related: front.related,
        audience: front.audience,
        owner: front.owner,
        sources: front.sources,
        translation_of: front.translation_of,
        revision: 1,
    };
    Ok((entry, places))
}

/// Writes an entry the way [`parse_entry`] reads it; reading it back gives the same entry but for `revision`.
pub fn write_entry(entry: &Entry) -> String {
    let date = |date: Option<jiff::civil::Date>| {
        date.map(|date| date.to_string().parse().expect("an ISO date is a TOML date"))
    };
    let front = FrontMatter {
        id: entry.id.clone(),
        category: entry.category.clone(),
        language: entry.language,
        translation_of: entry.translation_of.clone(),
        status: entry.status,
        answer_class: entry.answer_class,
        keywords: entry.keywords.clone(),
        follow_ups: entry.follow_ups.clone(),
        related: entry.related.clone(),
        audience: entry.audience,
        owner: entry.owner.clone(),
        valid_from: date(entry.valid_from),
        valid_until: date(entry.valid_until),
        reviewed: date(entry.reviewed),
        review_by: date(entry.review_by),
        sources: entry.sources.clone(),
    };
    let front = toml::to_string(&front).expect("front matter is plain data");
    let heading = if entry.language == Language::En { "Answer" } else { "回答" };
    let phrasings: String = entry.phrasings.iter().map(|phrasing| format!("- {phrasing}\n")).collect();
    format!("+++\n{front}+++\n# {}\n\n{phrasings}\n## {heading}\n\n{}\n", entry.question, entry.answer)
}

struct Body {
    question: String,
    question_line: usize,
    phrasings: Vec<String>,
    phrasing_lines: Vec<usize>,
    answer: String,
    answer_line: usize,
}

impl Body {
    /// Reads the lines from index `start` on.
    fn parse(lines: &[&str], start: usize) -> Result<Self, LineError> {
        let mut rest = (start..lines.len()).filter(|&i| !lines[i].trim().is_empty());
        let missing_question =
            || (start + 1, "the question is missing: a line `# …` must follow +++".to_owned());
        let question_at = rest.next().ok_or_else(missing_question)?;
        let question = lines[question_at].strip_prefix("# ").ok_or_else(missing_question)?.trim().to_owned();
        let (mut phrasings, mut phrasing_lines) = (Vec::new(), Vec::new());
        let mut answer_at = None;
        for i in rest {
            let line = lines[i].trim_end();
            if matches!(line, "## 回答" | "## Answer") {
                answer_at = Some(i);
                break;
            }
            let Some(phrasing) = line.strip_prefix("- ") else {
                return Err((i + 1, "expected a phrasing (`- …`) or the line `## 回答`".into()));
            };
            phrasings.push(phrasing.trim().to_owned());
            phrasing_lines.push(i + 1);
        }
        let Some(answer_at) = answer_at else {
            return Err((
                lines.len(),
                "the answer is missing: add a line `## 回答` and the text below it".into(),
            ));
        };
        let answer = lines[answer_at + 1..].join("\n").trim().to_owned();
        Ok(Self {
            question,
            question_line: question_at + 1,
            phrasings,
            phrasing_lines,
            answer,
            answer_line: answer_at + 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "+++\nid = \"a-b\"\ncategory = [\"入出金\", \"出金\"]\nreviewed = 2026-10-05\n+++\n# 手数料は?\n\n- いくら?\n- 幾ら\n\n## 回答\n\n**440円**です。\n\n## 補足\n- x\n";

    #[test]
    fn an_entry_file_is_read_and_written_back() {
        let (entry, lines) = parse_entry(FILE).expect("well-formed");
        assert_eq!(entry.question, "手数料は?");
        assert_eq!(entry.phrasings, ["いくら?", "幾ら"]);
        assert_eq!(entry.answer, "**440円**です。\n\n## 補足\n- x");
        assert_eq!(lines["reviewed"], 4);
        assert_eq!(lines["phrasing 1"], 9);
        assert_eq!(parse_entry(&write_entry(&entry)).expect("round trip").0, entry);
    }

    #[test]
    fn mistakes_name_their_line() {
        let line = |text: &str| parse_entry(text).expect_err("a mistake").0;
        assert_eq!(line("# no front matter"), 1);
        assert_eq!(line("+++\nid = \"x\"\ncategory = 3\n+++\n# q\n## 回答\na"), 3);
        assert_eq!(line("+++\nid = \"x\"\ncategory = []\n+++\nq"), 5);
        assert_eq!(line("+++\nid = \"x\"\ncategory = []\n+++\n# q\n- p\nnot a phrasing\n## 回答\na"), 7);
        assert_eq!(line("+++\nid = \"x\"\ncategory = []\n+++\n# q\n- p"), 6);
    }
}
