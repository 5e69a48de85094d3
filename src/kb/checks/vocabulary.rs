//! What is doubtful about synonyms and user dictionary before they are saved. What would be lost in the files or refused
//! when they are read back is an error; what is likely to do harm, or nothing, is a warning.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::Severity;
use crate::kb::files::is_katakana;
use crate::text::{Analyzer, SynonymGroup, UserTerm, Vocabulary, normalize};

/// Longest word, characters.
pub const WORD_CHARS: usize = 60;
/// Most synonym groups and most terms.
pub const MOST_ROWS: usize = 10_000;
/// Most words in a group, most parts of a term.
pub const MOST_WORDS: usize = 50;
/// A word this share of questions has is frequent.
const FREQUENT: f64 = 0.1;
/// Shares say little about fewer texts than this.
const ENOUGH_TEXTS: usize = 50;
/// A part this many texts have by itself is missed when a term swallows it.
const MISSED: usize = 5;

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VocabularyLint {
    /// A group of one word, or of none.
    Lonely,
    /// The word is in another group too.
    TwoGroups,
    /// The word is in the group twice.
    Twice,
    /// A character that the files cannot hold there.
    Unwritable,
    /// Longer, or more, than is taken.
    TooMuch,
    /// A term without a word.
    NoSurface,
    /// The dictionary has the term already.
    DuplicateTerm,
    /// The reading is not katakana.
    NotKana,
    /// A word so frequent that the group reaches a large share of all questions.
    Frequent,
    /// The term hides a word that is asked for by itself.
    Swallows,
    /// The dictionary reads it like this without the term.
    ChangesNothing,
    /// Two words of the group are read as the same.
    SameReading,
    /// Another group has a word that is read as the same.
    SameElsewhere,
}

impl VocabularyLint {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Lonely,
        Self::TwoGroups,
        Self::Twice,
        Self::Unwritable,
        Self::TooMuch,
        Self::NoSurface,
        Self::DuplicateTerm,
        Self::NotKana,
        Self::Frequent,
        Self::Swallows,
        Self::ChangesNothing,
        Self::SameReading,
        Self::SameElsewhere,
    ];

    /// Stable snake-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lonely => "lonely",
            Self::TwoGroups => "two_groups",
            Self::Twice => "twice",
            Self::Unwritable => "unwritable",
            Self::TooMuch => "too_much",
            Self::NoSurface => "no_surface",
            Self::DuplicateTerm => "duplicate_term",
            Self::NotKana => "not_kana",
            Self::Frequent => "frequent",
            Self::Swallows => "swallows",
            Self::ChangesNothing => "changes_nothing",
            Self::SameReading => "same_reading",
            Self::SameElsewhere => "same_elsewhere",
        }
    }

    /// How much it matters.
    pub fn severity(self) -> Severity {
        match self {
            Self::Frequent | Self::Swallows | Self::ChangesNothing | Self::SameElsewhere => Severity::Warning,
            Self::SameReading => Severity::Hint,
            _ => Severity::Error,
        }
    }
}

/// The row a finding is about, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum VocabularyRow {
    /// A synonym group.
    Group(usize),
    /// A term of the user dictionary.
    Term(usize),
}

/// Something doubtful about a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VocabularyFinding {
    /// What.
    pub kind: VocabularyLint,
    /// Where.
    pub row: VocabularyRow,
    /// The word concerned.
    pub word: String,
    /// What it collides with or hides, or how many per cent of the questions have it.
    pub other: String,
}

/// What reads texts, and texts as customers put them: to see what a vocabulary does.
pub struct Reader<'a> {
    /// The dictionary without any term of the desk.
    pub plain: &'a Analyzer,
    /// The dictionary with the vocabulary in question.
    pub with: &'a Analyzer,
    /// Questions and phrasings.
    pub texts: &'a [String],
}

/// What makes a vocabulary unfit to be stored, whoever reads it.
pub fn vocabulary_errors(vocabulary: &Vocabulary) -> Vec<VocabularyFinding> {
    let mut found = Vec::new();
    group_errors(&vocabulary.synonyms, &mut found);
    term_errors(&vocabulary.terms, &mut found);
    found
}

/// Everything doubtful, errors first, then by row. Warnings concern the rows that `before` does not have; where nothing
/// differs, all of them.
pub fn check_vocabulary(
    vocabulary: &Vocabulary,
    before: &Vocabulary,
    reader: &Reader<'_>,
) -> Vec<VocabularyFinding> {
    let mut found = vocabulary_errors(vocabulary);
    let all = vocabulary == before;
    let groups: HashSet<&Vec<String>> = before.synonyms.iter().map(|group| &group.members).collect();
    let is_new_group = |group: &SynonymGroup| all || !groups.contains(&group.members);
    let is_new_term = |term: &UserTerm| all || !before.terms.contains(term);
    let counts = Counts::of(reader);
    let meanings = Meanings::of(&vocabulary.synonyms, reader);
    for (row, group) in vocabulary.synonyms.iter().enumerate().filter(|(_, group)| is_new_group(group)) {
        group_warnings(row, group, &meanings, &counts, &mut found);
    }
    for (row, term) in vocabulary.terms.iter().enumerate().filter(|(_, term)| is_new_term(term)) {
        term_warnings(row, term, reader, &counts, &mut found);
    }
    found.sort_by_key(|finding| (finding.kind.severity(), finding.row));
    found
}

fn report(
    found: &mut Vec<VocabularyFinding>,
    kind: VocabularyLint,
    row: VocabularyRow,
    word: &str,
    other: &str,
) {
    found.push(VocabularyFinding { kind, row, word: word.to_owned(), other: other.to_owned() });
}

fn group_errors(groups: &[SynonymGroup], found: &mut Vec<VocabularyFinding>) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (index, group) in groups.iter().enumerate() {
        let row = VocabularyRow::Group(index);
        let first = group.members.first().map_or("", String::as_str);
        if group.members.len() < 2 {
            report(found, VocabularyLint::Lonely, row, first, "");
        }
        if group.members.len() > MOST_WORDS || index >= MOST_ROWS {
            report(found, VocabularyLint::TooMuch, row, first, "");
        }
        for member in &group.members {
            writable(member, &[',', '、', '#'], row, found);
            match seen.insert(normalize(member), index) {
                Some(other) if other == index => report(found, VocabularyLint::Twice, row, member, ""),
                Some(other) => {
                    let other = groups[other].members.join("、");
                    report(found, VocabularyLint::TwoGroups, row, member, &other);
                }
                None => {}
            }
        }
    }
}

fn term_errors(terms: &[UserTerm], found: &mut Vec<VocabularyFinding>) {
    let mut seen: HashSet<String> = HashSet::new();
    for (index, term) in terms.iter().enumerate() {
        let row = VocabularyRow::Term(index);
        let surface = &term.surface;
        if normalize(surface).is_empty() {
            report(found, VocabularyLint::NoSurface, row, surface, "");
            continue;
        }
        if term.parts.len() > MOST_WORDS || index >= MOST_ROWS {
            report(found, VocabularyLint::TooMuch, row, surface, "");
        }
        for word in [surface, &term.pos, &term.reading].into_iter().chain(&term.parts) {
            writable(word, &[], row, found);
        }
        if term.parts.iter().any(|part| part.is_empty() || part.contains(char::is_whitespace)) {
            report(found, VocabularyLint::Unwritable, row, &term.parts.join("|"), " ");
        }
        if !is_katakana(&term.reading) {
            report(found, VocabularyLint::NotKana, row, surface, &term.reading);
        }
        if !seen.insert(normalize(surface)) {
            report(found, VocabularyLint::DuplicateTerm, row, surface, "");
        }
    }
}

/// A word must come back from the files as it went in.
fn writable(word: &str, forbidden: &[char], row: VocabularyRow, found: &mut Vec<VocabularyFinding>) {
    if word.chars().count() > WORD_CHARS {
        report(found, VocabularyLint::TooMuch, row, &word.chars().take(20).collect::<String>(), "");
    }
    let wrong = word.chars().find(|c| forbidden.contains(c) || c.is_control());
    if let Some(wrong) = wrong {
        report(found, VocabularyLint::Unwritable, row, word, &wrong.escape_default().to_string());
    } else if word.trim() != word {
        report(found, VocabularyLint::Unwritable, row, word, " ");
    }
}

/// How many texts have each index term.
struct Counts {
    of: HashMap<String, usize>,
    texts: usize,
}

impl Counts {
    fn of(reader: &Reader<'_>) -> Self {
        let mut of: HashMap<String, usize> = HashMap::new();
        for text in reader.texts {
            let distinct: HashSet<String> = reader.with.terms(text).into_iter().collect();
            distinct.into_iter().for_each(|term| *of.entry(term).or_default() += 1);
        }
        Self { of, texts: reader.texts.len() }
    }

    fn count(&self, term: &str) -> usize {
        self.of.get(term).copied().unwrap_or(0)
    }

    fn share(&self, term: &str) -> f64 {
        if self.texts < ENOUGH_TEXTS { 0.0 } else { self.count(term) as f64 / self.texts as f64 }
    }
}

/// What the members of all groups are read as, and which group has it first.
struct Meanings<'a> {
    groups: &'a [SynonymGroup],
    read: Vec<Vec<Vec<String>>>,
}

impl<'a> Meanings<'a> {
    fn of(groups: &'a [SynonymGroup], reader: &Reader<'_>) -> Self {
        let read =
            groups.iter().map(|group| group.members.iter().map(|word| reader.with.terms(word)).collect());
        Self { groups, read: read.collect() }
    }

    /// Another group with a word that is read as `terms`.
    fn elsewhere(&self, row: usize, terms: &[String]) -> Option<&SynonymGroup> {
        let has = |index: &usize| *index != row && self.read[*index].iter().any(|read| read == terms);
        (0..self.groups.len()).find(has).map(|index| &self.groups[index])
    }
}

fn group_warnings(
    row: usize,
    group: &SynonymGroup,
    meanings: &Meanings<'_>,
    counts: &Counts,
    found: &mut Vec<VocabularyFinding>,
) {
    let at = VocabularyRow::Group(row);
    let read = &meanings.read[row];
    for (index, (member, terms)) in group.members.iter().zip(read).enumerate() {
        if let [only] = terms.as_slice()
            && counts.share(only) >= FREQUENT
        {
            let percent = format!("{:.0}", counts.share(only) * 100.0);
            report(found, VocabularyLint::Frequent, at, member, &percent);
        }
        let twin = read[..index].iter().position(|other| other == terms);
        match twin {
            Some(twin) if normalize(&group.members[twin]) != normalize(member) => {
                report(found, VocabularyLint::SameReading, at, member, &group.members[twin]);
            }
            Some(_) => {}
            None => {
                let stated = |other: &SynonymGroup| {
                    other.members.iter().any(|word| normalize(word) == normalize(member))
                };
                if let Some(other) = meanings.elsewhere(row, terms).filter(|other| !stated(other)) {
                    report(found, VocabularyLint::SameElsewhere, at, member, &other.members.join("、"));
                }
            }
        }
    }
}

fn term_warnings(
    row: usize,
    term: &UserTerm,
    reader: &Reader<'_>,
    counts: &Counts,
    found: &mut Vec<VocabularyFinding>,
) {
    let at = VocabularyRow::Term(row);
    let surface = normalize(&term.surface);
    if surface.is_empty() {
        return;
    }
    let own: HashSet<String> = reader.with.terms(&term.surface).into_iter().collect();
    let plain = reader.plain.terms(&term.surface);
    if plain.len() > 1 {
        let hidden = plain.iter().filter(|word| !own.contains(*word) && counts.count(word) >= MISSED);
        if let Some(word) = hidden.max_by_key(|word| counts.count(word)) {
            report(found, VocabularyLint::Swallows, at, &term.surface, word);
        }
    }
    let alike = |text: &str| {
        let (now, then) = (reader.plain.analyze(text), reader.with.analyze(text));
        let [now, then] = [now, then].map(|analysis| {
            let within = |start: usize, end: usize| {
                analysis
                    .normalized
                    .match_indices(&surface)
                    .any(|(at, _)| start < at + surface.len() && end > at)
            };
            let tokens = analysis.tokens.iter().filter(|token| within(token.start, token.end));
            let shape = tokens.map(|t| (t.start, t.end, t.term.clone(), t.parts.clone(), t.content, t.known));
            shape.collect::<Vec<_>>()
        });
        now == then
    };
    if alike(&term.surface)
        && reader.texts.iter().filter(|text| normalize(text).contains(&surface)).all(|text| alike(text))
    {
        report(found, VocabularyLint::ChangesNothing, at, &term.surface, "");
    }
}
