//! Practice questions that cost no labels: the desk itself, with one phrasing of each entry, and a share of its examples of
//! what no entry covers, held out and asked.

use std::collections::HashMap;

use crate::kb::snapshot::DeskFiles;
use crate::kb::{HandOffReason, Status};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kb::{Entry, HandOffExample};

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
}
