//! Practice questions that cost no labels: the desk itself, with one phrasing of each entry held out and asked.

use std::collections::HashMap;

use crate::kb::Status;
use crate::kb::snapshot::DeskFiles;

/// A desk with questions whose entries are known.
pub struct PracticeDesk {
    /// The desk without the phrasings that are asked.
    pub files: DeskFiles,
    /// Questions with the ids of the entries that answer them.
    pub questions: Vec<(String, Vec<String>)>,
}

/// Holds one phrasing of each entry out; `round` picks which. Entries with a single phrasing keep it.
pub fn held_out_phrasings(desk: &DeskFiles, round: usize) -> PracticeDesk {
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
    PracticeDesk { files, questions }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kb::Entry;

    #[test]
    fn a_held_out_phrasing_is_no_longer_in_the_desk() {
        let entry = Entry {
            id: "x".into(),
            status: Status::Published,
            phrasings: vec!["一".into(), "二".into(), "三".into()],
            ..Entry::default()
        };
        let base = DeskFiles { entries: vec![entry], ..DeskFiles::default() };
        let desk = held_out_phrasings(&base, 4);
        assert_eq!(desk.questions, [("二".to_owned(), vec!["x".to_owned()])]);
        assert_eq!(desk.files.entries[0].phrasings, ["一", "三"]);
    }
}
