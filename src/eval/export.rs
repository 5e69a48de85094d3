//! CSV for spreadsheets: one row per item, one column per metric. UTF-8 with a byte-order mark, which Excel needs to read
//! Japanese.

use std::path::Path;

use anyhow::Context;

use super::answers::AnswerRun;
use super::figures::Table;

/// A column of text beside the metrics: its name and a value per item.
pub type TextColumn = (&'static str, Vec<String>);

/// What a spreadsheet wants to know of each case besides its scores.
pub fn case_columns(run: &AnswerRun) -> Vec<TextColumn> {
    let column = |name, value: &dyn Fn(&super::verdict::CaseResult) -> String| {
        (name, run.results.iter().map(value).collect::<Vec<String>>())
    };
    vec![
        column("question", &|result| result.case.question.clone()),
        column("expect", &|result| result.case.expect.name().to_owned()),
        column("decision", &|result| result.outcome.decision.name().to_owned()),
        column("entry", &|result| result.answered().unwrap_or_default().to_owned()),
        column("reason", &|result| {
            result.handed_off().map_or(String::new(), |reason| reason.name().to_owned())
        }),
        column("verdict", &|result| result.verdict.name().to_owned()),
        column("confidence", &|result| format!("{:.6}", result.outcome.trace.confidence)),
    ]
}

/// Writes a table with `texts` before the metrics.
///
/// # Errors
/// The file cannot be written.
pub fn write_csv(path: &Path, table: &Table, texts: &[TextColumn]) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(b"\xef\xbb\xbf".to_vec());
    let header = ["id", "category"].into_iter().chain(texts.iter().map(|(name, _)| *name));
    writer.write_record(header.chain(table.columns.iter().map(|column| column.name.as_str())))?;
    for item in 0..table.len() {
        let category = table.categories.get(item).map_or("", String::as_str);
        let texts = texts.iter().map(|(_, values)| guarded(&values[item]));
        let scores = table
            .columns
            .iter()
            .map(|column| column.values[item].map_or(String::new(), |value| value.to_string()));
        let fixed = [guarded(&table.ids[item]), guarded(category)].into_iter();
        writer.write_record(fixed.chain(texts).chain(scores))?;
    }
    let bytes = writer.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?;
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// A customer's text must not become a formula when the sheet is opened.
fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::answers::{AnswerOptions, run_answers};
    use super::super::fake::{self, FakeDesk};
    use super::*;

    #[test]
    fn a_spreadsheet_gets_a_row_per_case_and_no_formula() {
        let mut cases = fake::cases();
        cases.cases[0].question = "=HYPERLINK(\"x\")".into();
        let run = run_answers(&cases, &FakeDesk::default(), &AnswerOptions::default());
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        write_csv(file.path(), &run.table(), &case_columns(&run)).expect("written");
        let text = std::fs::read_to_string(file.path()).expect("readable");
        assert!(text.starts_with("\u{feff}id,category,question,expect,decision"));
        assert_eq!(text.lines().count(), cases.cases.len() + 1);
        assert!(text.contains("'=HYPERLINK"));
    }
}
