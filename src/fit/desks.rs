//! Practice questions that cost no labels: the desk itself, with one phrasing of each entry, and a share of its examples of
//! what no entry covers, held out and asked.

use std::collections::HashMap;

use crate::eval::dataset::Dataset;
use crate::kb::snapshot::DeskFiles;
use crate::kb::{Entry, HandOffReason, Status};

/// A desk with questions whose entries are known.
pub struct PracticeDesk {
    /// The desk without what is asked.
    pub files: DeskFiles,
    /// Questions with the ids of the entries that answer them; none for what no entry covers.
    pub questions: Vec<(String, Vec<String>)>,
}

/// One in so many examples of what no entry covers is held out.
const OUTSIDE_SHARE: usize = 4;

/// Holds one phrasing of each entry and a share of the examples out; `round` picks which. Entries with a single phrasing
/// keep it.
pub fn held_out(desk: &DeskFiles, round: usize) -> PracticeDesk {
    let mut files = desk.clone();
    let mut questions = Vec::new();
    for entry in files.entries.iter_mut().filter(|entry| entry.status == Status::Published) {
        if entry.phrasings.len() > 1 {
            let phrasing = entry.phrasings.remove(round % entry.phrasings.len());
            questions.push((phrasing, vec![entry.id.clone()]));
        }
    }
    // A translation answers as well.
    let twins: HashMap<String, String> =
        files.entries.iter().filter_map(|e| Some((e.translation_of.clone()?, e.id.clone()))).collect();
    for (_, ids) in &mut questions {
        if let Some(twin) = twins.get(&ids[0]) {
            ids.push(twin.clone());
        } else if let Some(original) = ids[0].strip_suffix(".en") {
            ids.push(original.to_owned());
        }
    }
    let mut outside = 0;
    files.examples.retain(|example| {
        let is_outside = example.reason == Some(HandOffReason::OutOfScope);
        outside += usize::from(is_outside);
        let is_held = is_outside && outside % OUTSIDE_SHARE == round % OUTSIDE_SHARE;
        if is_held {
            questions.push((example.text.clone(), Vec::new()));
        }
        !is_held
    });
    PracticeDesk { files, questions }
}

/// Makes every second question of an entry one of its phrasings, so that a ranker sees what phrasings are worth; returns the
/// entries with them, and the set with the questions that are left.
pub fn with_phrasings(mut entries: Vec<Entry>, dataset: &Dataset) -> (Vec<Entry>, Dataset) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut left = dataset.clone();
    left.queries.retain(|query| {
        let answers = |entry: &&mut Entry| dataset.is_relevant(&query.id, &entry.id);
        let Some(entry) = entries.iter_mut().find(answers) else { return true };
        let count = seen.entry(entry.id.clone()).or_default();
        *count += 1;
        let is_asked = !count.is_multiple_of(2);
        if !is_asked {
            entry.phrasings.push(query.text.clone());
        }
        is_asked
    });
    (entries, left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::dataset::{Qrels, Query};
    use crate::kb::HandOffExample;

    #[test]
    fn a_held_out_phrasing_is_no_longer_in_the_desk() {
        let entry = Entry {
            id: "x".into(),
            status: Status::Published,
            phrasings: vec!["一".into(), "二".into(), "三".into()],
            ..Entry::default()
        };
        let base = DeskFiles { entries: vec![entry], ..DeskFiles::default() };
        let desk = held_out(&base, 4);
        assert_eq!(desk.questions, [("二".to_owned(), vec!["x".to_owned()])]);
        assert_eq!(desk.files.entries[0].phrasings, ["一", "三"]);
    }

    #[test]
    fn a_share_of_what_no_entry_covers_is_asked_and_has_no_answer() {
        let example = |reason, text: String| HandOffExample { reason, text };
        let outside = (0..8).map(|i| example(Some(HandOffReason::OutOfScope), format!("外{i}")));
        let others = [example(None, "普通".into()), example(Some(HandOffReason::Advice), "助言".into())];
        let base = DeskFiles { examples: outside.chain(others).collect(), ..DeskFiles::default() };
        let mut asked: Vec<String> = Vec::new();
        for round in 0..OUTSIDE_SHARE {
            let desk = held_out(&base, round);
            assert_eq!((desk.files.examples.len(), desk.questions.len()), (8, 2));
            assert!(desk.questions.iter().all(|(text, right)| right.is_empty() && text.starts_with('外')));
            asked.extend(desk.questions.into_iter().map(|(text, _)| text));
        }
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), 8);
    }

    #[test]
    fn every_second_question_becomes_a_phrasing_and_is_no_longer_asked() {
        let query = |id: &str| Query { id: id.into(), text: format!("{id}？") };
        let ids = ["a1", "none", "a2", "b1", "a3", "a4"];
        let judged = |id: &str| (id.to_owned(), [(id[..1].to_owned(), i32::from(id != "none"))].into());
        let entry = |id: &str| Entry { id: id.into(), ..Entry::default() };
        let dataset = Dataset {
            queries: ids.map(query).into(),
            qrels: Qrels(ids.map(judged).into()),
            ..Dataset::default()
        };
        let (entries, asked) = with_phrasings(["a", "b", "n"].map(entry).into(), &dataset);
        let phrasings: Vec<_> = entries.iter().map(|entry| entry.phrasings.join(" ")).collect();
        assert_eq!(phrasings, ["a2？ a4？", "", ""]);
        let asked: Vec<_> = asked.queries.iter().map(|query| query.id.as_str()).collect();
        assert_eq!(asked, ["a1", "none", "b1", "a3"]);
    }
}
