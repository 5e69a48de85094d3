//! An entry's past: its revisions and log, and what differs between two contents, field by field and line by line.

use similar::{ChangeTag, TextDiff};

use super::curation_types::{DiffLine, EntryHistory, Side};
use super::{App, AppError, Staff};
use crate::kb::Entry;
use crate::kb::files::VocabularyTexts;

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDiff {
    /// Its name, as in entry files.
    pub field: &'static str,
    /// The lines of both, in order.
    pub lines: Vec<DiffLine>,
}

impl App {
    /// Revisions and log of an entry.
    ///
    /// # Errors
    /// `NotFound`, `Unavailable`.
    pub async fn entry_history(&self, staff: &Staff, id: &str) -> Result<EntryHistory, AppError> {
        let _ = staff;
        let record = self.store.entry(id).await?.ok_or(AppError::NotFound("entry"))?;
        let revisions = self.store.revisions(id).await?;
        let log = self.store.entry_log(id).await?;
        Ok(EntryHistory { record, revisions, log })
    }
}

/// What differs between two contents; fields that are the same are left out.
pub fn diff(older: &Entry, newer: &Entry) -> Vec<FieldDiff> {
    let (older, newer) = (fields(older), fields(newer));
    older
        .into_iter()
        .zip(newer)
        .filter(|((_, a), (_, b))| a != b)
        .map(|((field, a), (_, b))| FieldDiff { field, lines: lines(&a, &b) })
        .collect()
}

/// What differs between two states of the vocabulary: only the lines that do.
pub fn diff_vocabulary(older: &VocabularyTexts, newer: &VocabularyTexts) -> Vec<FieldDiff> {
    let fields = [
        ("synonyms", &older.synonyms, &newer.synonyms),
        ("dictionary", &older.dictionary, &newer.dictionary),
    ];
    let diff = |(field, older, newer): (&'static str, &String, &String)| {
        let lines: Vec<DiffLine> =
            lines(older, newer).into_iter().filter(|line| line.side != Side::Both).collect();
        FieldDiff { field, lines }
    };
    fields.into_iter().map(diff).filter(|diff| !diff.lines.is_empty()).collect()
}

/// An entry as texts, list items one a line.
fn fields(entry: &Entry) -> [(&'static str, String); 16] {
    let day = |day: Option<jiff::civil::Date>| day.map(|day| day.to_string()).unwrap_or_default();
    let name = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let json = |value: serde_json::Result<serde_json::Value>| value.map(name).unwrap_or_default();
    [
        ("question", entry.question.clone()),
        ("phrasings", entry.phrasings.join("\n")),
        ("answer", entry.answer.clone()),
        ("keywords", entry.keywords.join("\n")),
        ("category", entry.category.join(" > ")),
        ("language", entry.language.tag().to_owned()),
        ("answer_class", json(serde_json::to_value(entry.answer_class))),
        ("audience", json(serde_json::to_value(entry.audience))),
        ("owner", entry.owner.clone()),
        ("valid_from", day(entry.valid_from)),
        ("valid_until", day(entry.valid_until)),
        ("reviewed", day(entry.reviewed)),
        ("review_by", day(entry.review_by)),
        ("follow_ups", entry.follow_ups.join("\n")),
        ("related", entry.related.join("\n")),
        ("sources", entry.sources.join("\n")),
    ]
}

fn lines(older: &str, newer: &str) -> Vec<DiffLine> {
    // Every line ends alike, or the last one would differ by its end alone.
    let ended = |text: &str| if text.is_empty() { String::new() } else { format!("{text}\n") };
    let (older, newer) = (ended(older), ended(newer));
    let diff = TextDiff::from_lines(&older, &newer);
    let mut lines = Vec::new();
    for op in diff.ops() {
        for change in diff.iter_inline_changes(op) {
            let side = match change.tag() {
                ChangeTag::Equal => Side::Both,
                ChangeTag::Delete => Side::Older,
                ChangeTag::Insert => Side::Newer,
            };
            let pieces = change
                .iter_strings_lossy()
                .map(|(marked, text)| (marked, text.trim_end_matches('\n').to_owned()))
                .filter(|(_, text)| !text.is_empty())
                .collect();
            lines.push(DiffLine { side, pieces });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_the_field_the_line_and_the_words() {
        let older = Entry {
            question: "手数料は?".into(),
            answer: "一\n出金は440円です。\n三".into(),
            ..Entry::default()
        };
        let newer = Entry { answer: "一\n出金は550円です。\n三".into(), ..older.clone() };
        let found = diff(&older, &newer);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].field, "answer");
        let sides: Vec<Side> = found[0].lines.iter().map(|line| line.side).collect();
        assert_eq!(sides, [Side::Both, Side::Older, Side::Newer, Side::Both]);
        let marked: Vec<&str> = found[0].lines[2]
            .pieces
            .iter()
            .filter(|(marked, _)| *marked)
            .map(|(_, text)| text.as_str())
            .collect();
        assert!(marked.concat().contains("550"), "{:?}", found[0].lines);
        assert_eq!(diff(&older, &older), []);
    }

    #[test]
    fn the_lines_of_a_difference_give_back_both_texts() {
        let check = |a: &str, b: &str| {
            let all = lines(a, b);
            let text = |not: Side| -> Vec<String> {
                let of = |line: &DiffLine| line.pieces.iter().map(|(_, text)| text.as_str()).collect();
                all.iter().filter(|line| line.side != not).map(of).collect()
            };
            let split = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!((text(Side::Newer), text(Side::Older)), (split(a), split(b)));
        };
        check("一\n二\n三", "一\n三\n四");
        check("", "新しい");
        check("a\n\nb", "a\nb");
        let sides: Vec<Side> = lines("一\n二", "一\n二\n三").iter().map(|line| line.side).collect();
        assert_eq!(sides, [Side::Both, Side::Both, Side::Newer], "a line added at the end is one line");
    }
}
