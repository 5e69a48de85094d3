//! `synonyms.txt` and `dictionary.csv` as one thing, the vocabulary: read into groups and terms, and written back from
//! them so that every line that is not concerned, comments and all, stays as it is, byte for byte.

use std::path::Path;

use serde::{Deserialize, Serialize};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::lists::{DICTIONARY_HEADER, parse_dictionary, parse_synonyms, synonym_members, term_of};
use super::{Documents, Problem};
use crate::text::{UserTerm, Vocabulary};

/// The document with the synonyms.
pub const SYNONYMS: &str = "synonyms.txt";
/// The document with the user dictionary.
pub const DICTIONARY: &str = "dictionary.csv";

/// Both documents as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VocabularyTexts {
    /// [`SYNONYMS`].
    pub synonyms: String,
    /// [`DICTIONARY`].
    pub dictionary: String,
}

impl VocabularyTexts {
    /// Those among a desk's documents; a missing one is empty.
    pub fn of(documents: &Documents) -> Self {
        let text = |name: &str| documents.get(name).cloned().unwrap_or_default();
        Self { synonyms: text(SYNONYMS), dictionary: text(DICTIONARY) }
    }

    /// Name and text of each.
    pub fn named(&self) -> [(&'static str, &str); 2] {
        [(SYNONYMS, &self.synonyms), (DICTIONARY, &self.dictionary)]
    }

    /// What they say. Lines that are wrong are left out: [`VocabularyTexts::problems`] names them.
    pub fn vocabulary(&self) -> Vocabulary {
        self.read(&mut Vec::new())
    }

    /// The lines that are wrong.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.read(&mut problems);
        problems
    }

    fn read(&self, problems: &mut Vec<Problem>) -> Vocabulary {
        let synonyms = parse_synonyms(Path::new(SYNONYMS), &self.synonyms, problems);
        let is_blank = self.dictionary.trim().is_empty();
        let terms = if is_blank {
            Vec::new()
        } else {
            parse_dictionary(Path::new(DICTIONARY), &self.dictionary, problems)
        };
        Vocabulary { synonyms, terms }
    }

    /// The synonym groups in order, each with the comment above it if it is the first below one.
    pub fn groups_with_headings(&self) -> Vec<(Option<String>, Vec<String>)> {
        let mut heading = None;
        let mut groups = Vec::new();
        for segment in synonym_segments(&self.synonyms) {
            match segment.row {
                Some(members) => groups.push((heading.take(), members)),
                None => {
                    let comment =
                        segment.text.trim().strip_prefix('#').map(|text| text.trim_matches(['-', ' ']));
                    heading = comment.filter(|text| !text.is_empty()).map(str::to_owned).or(heading);
                }
            }
        }
        groups
    }

    /// The documents that say `vocabulary`: these with the lines changed, added and removed that must be.
    #[must_use]
    pub fn saying(&self, vocabulary: &Vocabulary) -> Self {
        let groups: Vec<Vec<String>> =
            vocabulary.synonyms.iter().map(|group| group.members.clone()).collect();
        let terms: Vec<[String; 4]> = vocabulary.terms.iter().map(cells).collect();
        Self {
            synonyms: rewritten(synonym_segments(&self.synonyms), &groups, |row, line| group_line(row, line)),
            dictionary: rewritten(dictionary_segments(&self.dictionary), &terms, |row, _| term_line(row)),
        }
    }
}

/// A stretch of a document, line break included, and the row it holds if it holds one.
struct Segment<T> {
    text: String,
    row: Option<T>,
}

fn synonym_segments(text: &str) -> Vec<Segment<Vec<String>>> {
    let segment = |line: &str| {
        let members = synonym_members(line);
        Segment { text: line.to_owned(), row: (members.len() > 1).then_some(members) }
    };
    text.split_inclusive('\n').map(segment).collect()
}

/// A group's line: its members, and the comment that the line had.
fn group_line(members: &[String], before: Option<&str>) -> String {
    let note = before.and_then(|line| line.find('#').map(|at| line[at..].trim_end().to_owned()));
    let members = members.join(", ");
    note.map_or_else(|| format!("{members}\n"), |note| format!("{members}  {note}\n"))
}

fn dictionary_segments(text: &str) -> Vec<Segment<[String; 4]>> {
    if text.trim().is_empty() {
        return vec![Segment { text: format!("{}\n", DICTIONARY_HEADER.join(",")), row: None }];
    }
    let mut reader = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text.as_bytes());
    let mut starts: Vec<(usize, Option<[String; 4]>)> = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let Ok(record) = record else { continue };
        let start = record.position().map_or(0, |position| position.byte() as usize);
        let row = term_of(&record).filter(|_| index > 0).as_ref().map(cells);
        starts.push((start.min(text.len()), row));
    }
    // What comes before the first record, if anything, belongs to it.
    if let Some(first) = starts.first_mut() {
        first.0 = 0;
    }
    let ends: Vec<usize> = starts.iter().skip(1).map(|(start, _)| *start).chain([text.len()]).collect();
    let segment = |((start, row), end): ((usize, Option<[String; 4]>), usize)| Segment {
        text: text.get(start..end).unwrap_or_default().to_owned(),
        row,
    };
    starts.into_iter().zip(ends).map(segment).collect()
}

fn cells(term: &UserTerm) -> [String; 4] {
    [term.surface.clone(), term.pos.clone(), term.reading.clone(), term.parts.join(" ")]
}

fn term_line(cells: &[String; 4]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(cells).ok().and_then(|()| writer.into_inner().ok());
    String::from_utf8(written.unwrap_or_default()).unwrap_or_default()
}

/// The document that holds `wanted`, row by row: segments whose row is still wanted in its place stay, a row that took
/// another's place is written over it, what is new follows the row it comes after.
fn rewritten<T: Ord + std::hash::Hash>(
    segments: Vec<Segment<T>>,
    wanted: &[T],
    write: impl Fn(&T, Option<&str>) -> String,
) -> String {
    let holding: Vec<usize> = (0..segments.len()).filter(|at| segments[*at].row.is_some()).collect();
    let held: Vec<&T> = segments.iter().filter_map(|segment| segment.row.as_ref()).collect();
    let wanted: Vec<&T> = wanted.iter().collect();
    let mut texts: Vec<String> = segments.iter().map(|segment| segment.text.clone()).collect();
    // Where rows go that come before the first one: after its header and comments.
    let front = holding.first().copied().unwrap_or(segments.len());
    let mut new_at: Vec<String> = vec![String::new(); segments.len() + 1];
    let place = |after: usize| if after == 0 { front } else { holding[after - 1] + 1 };
    for op in capture_diff_slices(Algorithm::Myers, &held, &wanted) {
        let (old, new) = (op.old_range(), op.new_range());
        let shared = if matches!(op, DiffOp::Replace { .. }) { old.len().min(new.len()) } else { 0 };
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        for (from, to) in old.clone().zip(new.clone()).take(shared) {
            let text = &mut texts[holding[from]];
            *text = write(wanted[to], Some(text));
        }
        for gone in old.clone().skip(shared) {
            texts[holding[gone]].clear();
        }
        for to in new.skip(shared) {
            new_at[place(old.start + shared)].push_str(&write(wanted[to], None));
        }
    }
    let mut document = String::new();
    for (at, new) in new_at.iter().enumerate() {
        for piece in [new.as_str(), texts.get(at).map_or("", String::as_str)] {
            if !piece.is_empty() && !document.is_empty() && !document.ends_with('\n') {
                document.push('\n');
            }
            document.push_str(piece);
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::text::SynonymGroup;

    use super::*;

    fn texts(synonyms: &str, dictionary: &str) -> VocabularyTexts {
        VocabularyTexts { synonyms: synonyms.into(), dictionary: dictionary.into() }
    }

    #[test]
    fn only_the_lines_that_must_change_do() {
        let before = texts(
            "# 入出金\n出金, 引き出し   # よく聞かれる\n\n# 口座\n口座,アカウント\n残高 、 持ち高",
            "表層,品詞,読み,構成\n\"暗号資産\",名詞,アンゴウシサン,暗号 資産\n日本円,名詞,ニホンエン,\n",
        );
        let mut vocabulary = before.vocabulary();
        assert_eq!(before.saying(&vocabulary), before, "nothing to say, nothing to write");
        vocabulary.synonyms[0].members.push("おろす".into());
        vocabulary.synonyms.insert(1, SynonymGroup { members: vec!["上限".into(), "限度額".into()] });
        vocabulary.synonyms.push(SynonymGroup { members: vec!["a".into(), "b".into()] });
        vocabulary.terms.remove(1);
        vocabulary
            .terms
            .insert(0, UserTerm { surface: "2,3".into(), reading: "ニサン".into(), ..UserTerm::default() });
        let after = before.saying(&vocabulary);
        assert_eq!(
            after.synonyms,
            "# 入出金\n出金, 引き出し, おろす  # よく聞かれる\n上限, 限度額\n\n# 口座\n口座,アカウント\n残高 、 持ち高\na, b\n"
        );
        assert_eq!(
            after.dictionary,
            "表層,品詞,読み,構成\n\"2,3\",,ニサン,\n\"暗号資産\",名詞,アンゴウシサン,暗号 資産\n"
        );
        assert_eq!(after.vocabulary(), vocabulary);
        assert_eq!(after.problems(), []);
    }

    #[test]
    fn a_desk_without_documents_gets_them() {
        let none = VocabularyTexts::default();
        assert_eq!((none.vocabulary(), none.problems()), (Vocabulary::default(), vec![]));
        let vocabulary = Vocabulary {
            synonyms: vec![SynonymGroup { members: vec!["a".into(), "b".into()] }],
            terms: vec![UserTerm { surface: "円".into(), reading: "エン".into(), ..UserTerm::default() }],
        };
        let written = none.saying(&vocabulary);
        assert_eq!((written.vocabulary(), written.problems()), (vocabulary, vec![]));
    }

    fn word() -> impl Strategy<Value = String> {
        "[ぁ-ん一-龠a-zA-Z0-9][ぁ-ん一-龠a-zA-Z0-9 .\"・-]{0,5}[ぁ-ん一-龠a-z]"
    }

    fn vocabulary() -> impl Strategy<Value = Vocabulary> {
        let group = proptest::collection::vec(word(), 2..4).prop_map(|members| SynonymGroup { members });
        let part = "[ぁ-ん一-龠a-z]{1,3}";
        let term = (word(), "名詞|", "[ァ-ヴー]{1,5}", proptest::collection::vec(part, 0..3))
            .prop_map(|(surface, pos, reading, parts)| UserTerm { surface, pos, reading, parts });
        let both = (proptest::collection::vec(group, 0..6), proptest::collection::vec(term, 0..6));
        both.prop_map(|(synonyms, terms)| Vocabulary { synonyms, terms })
    }

    /// A document somebody wrote by hand: comments, empty lines, sloppy commas.
    fn by_hand() -> impl Strategy<Value = String> {
        let line = prop_oneof![
            Just("# 見出し".to_owned()),
            Just(String::new()),
            Just("孤独".to_owned()),
            proptest::collection::vec(word(), 2..4).prop_map(|words| words.join(" 、")),
            proptest::collection::vec(word(), 2..4).prop_map(|words| words.join(",") + ", # 注"),
        ];
        (proptest::collection::vec(line, 0..8), "\n?").prop_map(|(lines, end)| lines.join("\n") + &end)
    }

    proptest! {
        /// Whatever is wanted is what the written documents say; comments stay; wanting the same writes the same.
        #[test]
        fn what_is_written_says_what_was_wanted(
            synonyms in by_hand(),
            first in vocabulary(),
            second in vocabulary(),
        ) {
            let base = texts(&synonyms, "");
            let one = base.saying(&first);
            prop_assert_eq!(&one.vocabulary(), &first);
            let two = one.saying(&second);
            prop_assert_eq!(&two.vocabulary(), &second);
            prop_assert_eq!(&two.saying(&second), &two);
            let notes = |text: &str| text.lines().filter(|line| line.starts_with('#')).count();
            prop_assert_eq!(notes(&two.synonyms), notes(&synonyms));
            let untouched = base.saying(&base.vocabulary());
            prop_assert_eq!(untouched.synonyms, synonyms);
        }
    }
}
