//! Questions from elsewhere, which a desk should not answer: reading them and drawing some by seed.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::bail;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::rows::{Skipped, parse_json, read_lines};
use super::statistics::shuffled;

/// Reads questions from elsewhere: one per line, or JSON lines with `questions`, `question` or `text`.
///
/// # Errors
/// The file cannot be read or has no question.
pub fn read_questions(path: &Path, skipped: &mut Skipped) -> anyhow::Result<Vec<String>> {
    let mut questions = Vec::new();
    read_lines(path, skipped, &mut Sha256::new(), |_, line| {
        if !line.trim_start().starts_with('{') {
            questions.push(line.trim().to_owned());
            return Ok(());
        }
        let value: Value = parse_json(line)?;
        let many = value["questions"].as_array().into_iter().flatten();
        let found: Vec<&str> =
            many.chain([&value["question"], &value["text"]]).filter_map(Value::as_str).collect();
        if found.is_empty() {
            return Err("no questions, question or text".into());
        }
        questions.extend(found.into_iter().map(str::to_owned));
        Ok(())
    })?;
    if questions.is_empty() {
        bail!("{} has no question{}", path.display(), skipped.hint(path));
    }
    Ok(questions)
}

/// At most `limit` of `questions`, chosen by seed, in their order.
pub fn sample(questions: &[String], limit: usize, seed: u64) -> Vec<String> {
    let positions = shuffled((0..questions.len()).map(|position| format!("{position:09}")), seed);
    let chosen: BTreeSet<&String> = positions.iter().take(limit).collect();
    let is_chosen = |(position, _): &(usize, &String)| chosen.contains(&format!("{position:09}"));
    questions.iter().enumerate().filter(is_chosen).map(|(_, question)| question.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_from_text_and_json_lines() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(
            file.path(),
            "最高峰は？\n{\"questions\":[\"君は誰\",\"元気？\"]}\n{\"text\":\"雨\"}\n{}\n",
        )
        .expect("written");
        let mut skipped = Skipped::new(false);
        let questions = read_questions(file.path(), &mut skipped).expect("readable");
        assert_eq!((questions.len(), skipped.count()), (4, 1));
        assert_eq!(sample(&questions, 2, 1).len(), 2);
        assert_eq!(sample(&questions, 2, 1), sample(&questions, 2, 1));
    }
}
