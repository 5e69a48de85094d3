//! Desks made from training pairs, to fit on: FAQ-like collections with questions whose entry is known. Also the sample
//! desk itself with one phrasing per entry held out as the question. No evaluation data, no labels by hand.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;
use flate2::read::GzDecoder;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde::Deserialize;

use crate::kb::snapshot::DeskFiles;
use crate::kb::{Entry, Status};

/// Entries of one made-up desk at most.
const DESK_ENTRIES: usize = 1_200;
/// Questions asked of one desk at most.
const DESK_QUESTIONS: usize = 400;

/// A made-up desk.
pub struct PracticeDesk {
    /// Where it comes from.
    pub name: String,
    /// Its entries.
    pub files: DeskFiles,
    /// Questions with the ids of the entries that answer them.
    pub questions: Vec<(String, Vec<String>)>,
}

#[derive(Deserialize)]
struct Pair {
    a: String,
    b: String,
    source: String,
    mt: bool,
}

/// Reads `pairs.jsonl.gz` and makes desks of every source that is large enough.
///
/// # Errors
/// When the file cannot be read.
pub fn from_pairs(path: &Path, base: &DeskFiles, seed: u64) -> anyhow::Result<Vec<PracticeDesk>> {
    let file = File::open(path)
        .with_context(|| format!("cannot open {}; name the training data with --data", path.display()))?;
    let mut by_source: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let pair: Pair = serde_json::from_str(&line?).with_context(|| path.display().to_string())?;
        let fits = !pair.mt && pair.a.chars().count() >= 4 && pair.b.chars().count() >= 30;
        if fits
            && !matches!(pair.source.as_str(), "sudachi-synonyms" | "python-docs-ja" | "smalltalk" | "jsts")
        {
            by_source.entry(pair.source).or_default().entry(pair.b).or_default().push(pair.a);
        }
    }
    let mut desks = Vec::new();
    for (source, passages) in by_source {
        let mut random = StdRng::seed_from_u64(seed ^ u64::from(source.len() as u32) << 8);
        let (several, one): (Vec<_>, Vec<_>) = passages.into_iter().partition(|(_, asked)| asked.len() > 1);
        if several.len() >= 150 {
            desks.push(titled(&source, several.clone(), base, &mut random));
        }
        let all: Vec<_> = several.into_iter().chain(one).collect();
        if all.len() >= 200 {
            desks.push(untitled(&source, all.clone(), base, &mut random));
            desks.push(reworded(&source, all, base, &mut random));
        }
    }
    for desk in &desks {
        tracing::debug!(
            desk = desk.name,
            entries = desk.files.entries.len(),
            questions = desk.questions.len(),
            "practice desk"
        );
    }
    Ok(desks)
}

type Passages = Vec<(String, Vec<String>)>;

fn entry(id: usize, question: &str, answer: &str) -> Entry {
    Entry {
        id: format!("p{id}"),
        question: question.to_owned(),
        answer: answer.to_owned(),
        status: Status::Published,
        revision: 1,
        ..Entry::default()
    }
}

fn desk(
    name: String,
    base: &DeskFiles,
    entries: Vec<Entry>,
    mut questions: Vec<(String, Vec<String>)>,
) -> PracticeDesk {
    questions.truncate(DESK_QUESTIONS);
    let files = DeskFiles { entries, smalltalk: base.smalltalk.clone(), ..DeskFiles::default() };
    PracticeDesk { name, files, questions }
}

/// One of a passage's questions is the entry's question, another is asked.
fn titled(source: &str, mut passages: Passages, base: &DeskFiles, random: &mut StdRng) -> PracticeDesk {
    passages.shuffle(random);
    passages.truncate(DESK_ENTRIES);
    let entries = passages.iter().enumerate().map(|(i, (b, a))| entry(i, &a[0], b)).collect();
    let questions =
        passages.iter().enumerate().map(|(i, (_, a))| (a[1].clone(), vec![format!("p{i}")])).collect();
    desk(format!("{source}, titled"), base, entries, questions)
}

/// Entries have no question; the passage's question is asked.
fn untitled(source: &str, mut passages: Passages, base: &DeskFiles, random: &mut StdRng) -> PracticeDesk {
    passages.shuffle(random);
    passages.truncate(DESK_ENTRIES);
    let entries = passages.iter().enumerate().map(|(i, (b, _))| entry(i, "", b)).collect();
    let questions =
        passages.iter().enumerate().map(|(i, (_, a))| (a[0].clone(), vec![format!("p{i}")])).collect();
    desk(format!("{source}, untitled"), base, entries, questions)
}

/// The entry keeps its question; what is asked is that question with words left out and a stretch of the answer added,
/// as customers do who do not know the desk's terms.
fn reworded(source: &str, mut passages: Passages, base: &DeskFiles, random: &mut StdRng) -> PracticeDesk {
    passages.shuffle(random);
    passages.truncate(DESK_ENTRIES);
    let entries = passages.iter().enumerate().map(|(i, (b, a))| entry(i, &a[0], b)).collect();
    let questions = passages
        .iter()
        .enumerate()
        .map(|(i, (b, a))| (reword(&a[0], b, random), vec![format!("p{i}")]))
        .collect();
    desk(format!("{source}, reworded"), base, entries, questions)
}

/// Drops about half of the question's stretches of one script and adds two short stretches of the answer.
fn reword(question: &str, answer: &str, random: &mut StdRng) -> String {
    let mut kept: Vec<String> =
        stretches(question).into_iter().filter(|_| random.random::<f32>() < 0.5).collect();
    let told: Vec<String> = stretches(answer).into_iter().filter(|s| s.chars().count() >= 2).collect();
    for _ in 0..2 {
        if !told.is_empty() {
            kept.push(told[random.random_range(0..told.len().min(60))].clone());
        }
    }
    kept.concat()
}

/// Runs of kanji/katakana/latin with the hiragana that follows: rough words, without a dictionary.
fn stretches(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut in_hiragana = true;
    for c in text.chars() {
        let hiragana = matches!(c, 'ぁ'..='ゟ');
        if !c.is_alphanumeric() && c != 'ー' {
            in_hiragana = true;
            continue;
        }
        if in_hiragana && !hiragana || out.is_empty() {
            out.push(String::new());
        }
        if let Some(last) = out.last_mut() {
            last.push(c);
        }
        in_hiragana = hiragana;
    }
    out
}

/// The desk itself with one phrasing of each entry held out and asked; `round` picks which.
pub fn held_out_phrasings(base: &DeskFiles, round: usize) -> PracticeDesk {
    let mut files = base.clone();
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
    PracticeDesk { name: format!("sample desk, phrasing {round} held out"), files, questions }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_rough_words() {
        assert_eq!(stretches("日本円の出金手数料は?"), ["日本円の", "出金手数料は"]);
        assert_eq!(stretches("APIキーを作る"), ["APIキーを", "作る"]);
        assert!(stretches("…。").is_empty());
    }

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
