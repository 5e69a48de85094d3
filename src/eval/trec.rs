//! TREC files: run files in and out (`query Q0 document rank score tag`), so that trec_eval and ir_measures can check
//! every figure. Owns the format only.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail};
use sha2::Sha256;

use super::dataset::{Judgements, Query};
use super::metrics::trec_order;
use super::rows::{MAX_LINE, RowError, Skipped, read_lines};

/// A run by query id: documents with scores, best first.
pub type Run = BTreeMap<String, Vec<(String, f32)>>;

/// Where scores end, so that there is room below for the steps that separate ties.
const LOWEST: f32 = -1e30;

/// Gives a ranking the scores of a run file: not a number becomes the lowest, documents are in descending order of
/// score, each once, and equal scores are told apart by the smallest possible step downwards. So every evaluator, whatever
/// its rule for ties, sees the ranking that the customer saw.
pub fn separate_ties(mut ranked: Vec<(String, f32)>) -> Vec<(String, f32)> {
    for (_, score) in &mut ranked {
        *score = if score.is_nan() { f32::NEG_INFINITY } else { *score };
    }
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut seen = HashSet::new();
    let distinct: Vec<bool> = ranked.iter().map(|(id, _)| seen.insert(id.as_str())).collect();
    let mut distinct = distinct.into_iter();
    ranked.retain(|_| distinct.next().unwrap_or(true));
    let mut above = f32::INFINITY;
    for (_, score) in &mut ranked {
        *score = score.max(LOWEST).min(above.next_down());
        above = *score;
    }
    ranked
}

/// Writes a run file. Scores are written so that reading them back gives the same bits.
///
/// # Errors
/// The file cannot be written.
pub fn write_run<'a>(
    path: &Path,
    tag: &str,
    rankings: impl IntoIterator<Item = (&'a str, &'a [(String, f32)])>,
) -> anyhow::Result<()> {
    let describe = || format!("cannot write {}", path.display());
    let mut file = BufWriter::new(std::fs::File::create(path).with_context(describe)?);
    for (query, ranked) in rankings {
        for ((document, score), rank) in ranked.iter().zip(1..) {
            writeln!(file, "{query} Q0 {document} {rank} {score} {tag}").with_context(describe)?;
        }
    }
    file.flush().with_context(describe)
}

/// Writes TREC qrels (`query 0 document grade`).
///
/// # Errors
/// The file cannot be written.
pub fn write_qrels<'a>(
    path: &Path,
    queries: impl IntoIterator<Item = (&'a str, Judgements)>,
) -> anyhow::Result<()> {
    let describe = || format!("cannot write {}", path.display());
    let mut file = BufWriter::new(std::fs::File::create(path).with_context(describe)?);
    for (query, judgements) in queries {
        for (document, grade) in judgements {
            writeln!(file, "{query} 0 {document} {grade}").with_context(describe)?;
        }
    }
    file.flush().with_context(describe)
}

/// Reads a run file; documents are put in trec_eval's order (the rank column plays no part).
///
/// # Errors
/// The file is missing, empty or binary, has no usable row, or (strict) has a wrong row.
pub fn read_run(path: &Path, skipped: &mut Skipped, hash: &mut Sha256) -> anyhow::Result<Run> {
    let (mut run, mut seen) = (Run::new(), HashSet::new());
    read_lines(path, skipped, hash, |_, line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [query, _, document, _, score, ..] = fields[..] else {
            return Err(format!("{} columns; wanted query, Q0, document, rank, score, tag", fields.len()));
        };
        let score = score.parse::<f32>().ok().filter(|score| !score.is_nan());
        let score = score.ok_or_else(|| format!("score {:?} is not a number", fields[4]))?;
        if !seen.insert((query.to_owned(), document.to_owned())) {
            return Err(format!("document {document:?} is in the ranking of {query:?} twice"));
        }
        run.entry(query.to_owned()).or_default().push((document.to_owned(), score));
        Ok(())
    })?;
    if run.is_empty() {
        bail!("{} has no usable row{}", path.display(), skipped.hint(path));
    }
    for ranked in run.values_mut() {
        trec_order(ranked);
    }
    Ok(run)
}

/// Reads topics: `id<TAB>question` lines, or TREC's `<top>` blocks with `<num>` and `<title>`, or `<topic number="…">`
/// blocks with `<query>` or `<title>`. Of a block only that text is used.
///
/// # Errors
/// The file is missing, empty or binary, has no usable topic, or (strict) has a wrong one.
pub fn read_topics(path: &Path, skipped: &mut Skipped, hash: &mut Sha256) -> anyhow::Result<Vec<Query>> {
    let mut topics: Vec<Query> = Vec::new();
    let mut seen = HashSet::new();
    let mut block: Option<Block> = None;
    let mut opened = 0;
    read_lines(path, skipped, hash, |row, line| {
        let lower = line.trim_start().to_lowercase();
        let mut finished = None;
        if let Some(open) = &mut block {
            open.add(line);
            if open.0.len() > MAX_LINE {
                block = None;
                return Err(format!(
                    "the block that begins in line {opened} is larger than {MAX_LINE} bytes"
                ));
            }
            finished = (lower.starts_with("</top")).then(|| block.take()).flatten().map(Block::topic);
        } else if lower.starts_with("<top") && !lower.starts_with("<topics") {
            let mut open = Block::default();
            open.add(line);
            finished = lower.contains("</top").then(|| open.clone().topic());
            block = finished.is_none().then_some(open);
            opened = row;
        } else if !lower.starts_with('<') {
            let (id, text) = line.split_once('\t').ok_or("neither id<TAB>question nor a <top> block")?;
            finished = Some((id.trim().to_owned(), text.trim().to_owned()));
        }
        let Some((id, text)) = finished else { return Ok(()) };
        if id.is_empty() || id.contains(char::is_whitespace) || text.is_empty() {
            return Err(format!("topic {id:?} lacks a number or a title"));
        }
        if !seen.insert(id.clone()) {
            return Err(format!("duplicate topic {id:?}"));
        }
        topics.push(Query { id, text });
        Ok(())
    })?;
    if block.is_some() {
        let reason = "the block that begins here has no end (</top> or </topic>)".to_owned();
        skipped.record(RowError { file: path.to_owned(), row: opened, reason })?;
    }
    if topics.is_empty() {
        bail!("{} has no usable topic{}", path.display(), skipped.hint(path));
    }
    Ok(topics)
}

/// The text of one `<top>` or `<topic>` block.
#[derive(Debug, Clone, Default)]
struct Block(String);

impl Block {
    fn add(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    /// Number and title: the text between a tag and the next.
    fn topic(self) -> (String, String) {
        let after = |tag: &str| {
            let lower = self.0.to_ascii_lowercase();
            let start = lower.find(tag)? + tag.len();
            let rest = self.0.get(start..)?;
            Some(rest[..rest.find('<').unwrap_or(rest.len())].trim())
        };
        let attribute = || {
            let start = self.0.find("number=")? + "number=".len();
            self.0.get(start..)?.split(['"', '\'']).nth(1)
        };
        let number = after("<num>").or_else(attribute).unwrap_or_default();
        let number = number.trim_start_matches("Number:").trim();
        let title = after("<title>").or_else(|| after("<query>")).unwrap_or_default();
        let title = title.trim_start_matches("Topic:").split_whitespace().collect::<Vec<&str>>().join(" ");
        (number.to_owned(), unescaped(&title))
    }
}

/// Text without the five entities of XML.
fn unescaped(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    entities.into_iter().fold(text.to_owned(), |text, (entity, c)| text.replace(entity, c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::Digest;

    #[test]
    fn ties_keep_the_rankers_order_and_repeats_are_dropped() {
        let ranked = separate_ties(vec![
            ("a".into(), 1.0),
            ("b".into(), 1.0),
            ("z".into(), 2.0),
            ("a".into(), 0.5),
            ("n".into(), f32::NAN),
            ("i".into(), f32::INFINITY),
        ]);
        let ids: Vec<&str> = ranked.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids, ["i", "z", "a", "b", "n"]);
        assert!(ranked.windows(2).all(|pair| pair[0].1 > pair[1].1));
    }

    #[test]
    fn wrong_rows_of_a_run_are_named() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(file.path(), "q Q0 a 1 2 t\nq Q0 a 2 1 t\nq Q0 b 2 x t\nq\nq Q0 b 3 3 t\n")
            .expect("written");
        let mut skipped = Skipped::new(false);
        let run = read_run(file.path(), &mut skipped, &mut Sha256::new()).expect("readable");
        assert_eq!(run["q"], [("b".to_owned(), 3.0), ("a".to_owned(), 2.0)]);
        assert_eq!(skipped.first().iter().map(|error| error.row).collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn topics_are_read_in_each_of_the_usual_forms() {
        let text = "1\t出金の手数料\n<top>\n<num> Number: 301\n<title> International\nOrganized Crime\n<desc> x\n</top>\n\
                    <topics>\n<topic number=\"7\"><query>税金 &lt;Q&amp;A&gt;</query></topic>\n</topics>\nno tab\n<top>\n<num>9\n</top>\n";
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(file.path(), text).expect("written");
        let mut skipped = Skipped::new(false);
        let topics = read_topics(file.path(), &mut skipped, &mut Sha256::new()).expect("readable");
        let topics: Vec<(&str, &str)> =
            topics.iter().map(|topic| (topic.id.as_str(), topic.text.as_str())).collect();
        assert_eq!(
            topics,
            [("1", "出金の手数料"), ("301", "International Organized Crime"), ("7", "税金 <Q&A>")]
        );
        assert_eq!(skipped.count(), 2);

        let endless = ["1\t手数料\n<top>\n<num>2\n".as_bytes(), &b"<desc> x\n".repeat(MAX_LINE / 4)].concat();
        std::fs::write(file.path(), &endless).expect("written");
        let mut skipped = Skipped::new(false);
        assert_eq!(read_topics(file.path(), &mut skipped, &mut Sha256::new()).expect("one topic").len(), 1);
        assert!(skipped.first()[0].reason.contains("begins in line 2 is larger"), "{:?}", skipped.first()[0]);
        std::fs::write(file.path(), "1\t手数料\n<top>\n<num>2\n").expect("written");
        let mut skipped = Skipped::new(false);
        read_topics(file.path(), &mut skipped, &mut Sha256::new()).expect("one topic");
        assert_eq!((skipped.count(), skipped.first()[0].row), (1, 2));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_topic_reader_panic(text in "[<>/topicnumqery=\"'ｶ税 \t\n0-9]{0,120}") {
            let file = tempfile::NamedTempFile::new().expect("temporary file");
            std::fs::write(file.path(), text).expect("written");
            drop(read_topics(file.path(), &mut Skipped::new(false), &mut Sha256::new()));
        }

        #[test]
        fn a_run_reads_back_as_it_was_written(scores in prop::collection::vec(prop::num::f32::ANY, 1..30)) {
            let ranked: Vec<(String, f32)> =
                scores.into_iter().enumerate().map(|(i, score)| (format!("d{i}"), score)).collect();
            let ranked = separate_ties(ranked);
            let file = tempfile::NamedTempFile::new().expect("temporary file");
            write_run(file.path(), "t", [("q", &ranked[..])]).expect("written");
            let run = read_run(file.path(), &mut Skipped::new(true), &mut Sha256::new()).expect("readable");
            prop_assert_eq!(&run["q"], &ranked);
        }
    }
}
