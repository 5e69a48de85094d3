//! The sheet 同義語: `代表語, 同義語, 読み, 範囲`. What taking it over would do to the desk's groups, row by row. A reading is
//! the user dictionary's: it is written where that has one and not read; a scope other than the whole desk is refused.

use std::collections::{BTreeSet, HashMap};

use super::cell;
use super::formats::has_columns;
use crate::kb::checks::{VocabularyFinding, vocabulary_errors};
use crate::sheet::{Line, Table};
use crate::text::{SynonymGroup, Vocabulary, normalize};

/// Names of the columns.
const HEAD: [&str; 3] = ["代表語", "term", "representative"];
const OTHERS: [&str; 3] = ["同義語", "synonyms", "synonym"];
const READING: [&str; 2] = ["読み", "reading"];
const SCOPE: [&str; 2] = ["範囲", "scope"];

/// What taking the sheet over would do. Groups that the sheet lacks stay.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SynonymPlan {
    /// Rows that can be taken over, in order.
    pub planned: Vec<PlannedGroup>,
    /// Rows that cannot, in order.
    pub rejected: Vec<RejectedGroup>,
    /// What the vocabulary would say.
    pub vocabulary: Vocabulary,
}

/// A row that can be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedGroup {
    /// Its number in the file.
    pub number: usize,
    /// The words that are to mean the same.
    pub members: Vec<String>,
    /// What happens with it.
    pub action: GroupAction,
    /// A reading that is not taken over, because the user dictionary does not have it.
    pub reading: Option<String>,
}

/// What happens with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupAction {
    /// It is a new group.
    Create,
    /// The group that has some of its words becomes it.
    Update {
        /// What that group says now.
        before: Vec<String>,
    },
    /// The desk has it just so.
    Unchanged,
}

/// A row that cannot be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedGroup {
    /// Its number in the file.
    pub number: usize,
    /// Why.
    pub problem: SynonymProblem,
    /// Its cells as they were.
    pub cells: Vec<String>,
}

/// What is wrong with a row of synonyms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SynonymProblem {
    /// A group that cannot be stored: one word, a word twice, a character that the files cannot hold.
    Unfit(VocabularyFinding),
    /// A word that an earlier row has.
    Taken {
        /// The word.
        word: String,
        /// The earlier row.
        row: usize,
    },
    /// Its words belong to several groups of the desk.
    Between(Vec<String>),
    /// A scope that cannot be kept.
    Scope(String),
    /// Another number of cells than the header has columns.
    Width(String),
}

impl SynonymProblem {
    /// Stable snake-case name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unfit(finding) => finding.kind.name(),
            Self::Taken { .. } => "taken",
            Self::Between(_) => "between",
            Self::Scope(_) => "scope",
            Self::Width(_) => "wrong_width",
        }
    }
}

/// Whether a table is the sheet.
pub(super) fn is_likely(table: &Table) -> bool {
    let has = |names: &[&str]| table.column(names).is_some();
    has(&HEAD) && has(&OTHERS) && !has_columns(table, &["質問"]) && !has_columns(table, &["question"])
}

/// A row as it is read.
struct Read {
    number: usize,
    members: Vec<String>,
    reading: String,
    cells: Vec<String>,
}

impl SynonymPlan {
    /// Plans the sheet `table` against what the desk's vocabulary says.
    pub fn of(table: &Table, held: &Vocabulary) -> Self {
        let mut desk = Desk::new(held.clone());
        let mut plan = Self::default();
        for (number, why) in &table.wrong {
            let problem = SynonymProblem::Width(why.clone());
            plan.rejected.push(RejectedGroup { number: *number, problem, cells: Vec::new() });
        }
        let mut open = plan.read(table);
        // A row may set the words free that another one needs: rows are tried as long as one finds its place.
        loop {
            let (mut left, waiting) = (Vec::new(), open.len());
            for row in open {
                match desk.owners(&row.members).len() {
                    0 | 1 => plan.planned.push(desk.place(row)),
                    _ => left.push(row),
                }
            }
            if left.is_empty() || left.len() == waiting {
                plan.rejected.extend(left.into_iter().map(|row| desk.refuse(row)));
                break;
            }
            open = left;
        }
        plan.planned.sort_by_key(|row| row.number);
        plan.rejected.sort_by_key(|row| row.number);
        plan.vocabulary = desk.vocabulary;
        plan
    }

    /// The rows that say a group of words which no earlier row has; the others are refused.
    fn read(&mut self, table: &Table) -> Vec<Read> {
        let [head, others, reading, scope] =
            [&HEAD[..], &OTHERS, &READING, &SCOPE].map(|names| table.column(names));
        let cell_of = |line: &Line, column: Option<usize>| {
            column.map_or(String::new(), |column| cell::restore(line.cells[column].trim()).trim().to_owned())
        };
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut rows = Vec::new();
        for line in &table.rows {
            let others = others.map_or("", |column| cell::restore(&line.cells[column]));
            let mut members = vec![cell_of(line, head)];
            members.extend(cell::split(others));
            members.retain(|member| !member.is_empty());
            let scope = cell_of(line, scope);
            let group = SynonymGroup { members: members.clone() };
            let alone = Vocabulary { synonyms: vec![group], terms: Vec::new() };
            let taken = members.iter().find_map(|word| Some((word, *seen.get(&normalize(word))?)));
            let problem = match (vocabulary_errors(&alone).into_iter().next(), taken) {
                (Some(finding), _) => Some(SynonymProblem::Unfit(finding)),
                (None, Some((word, row))) => Some(SynonymProblem::Taken { word: word.clone(), row }),
                (None, None) if !matches!(scope.as_str(), "" | "全体" | "all") => {
                    Some(SynonymProblem::Scope(scope))
                }
                (None, None) => None,
            };
            let (number, cells) = (line.number, line.cells.clone());
            match problem {
                Some(problem) => self.rejected.push(RejectedGroup { number, problem, cells }),
                None => {
                    seen.extend(members.iter().map(|word| (normalize(word), number)));
                    rows.push(Read { number, members, reading: cell_of(line, reading), cells });
                }
            }
        }
        rows
    }

    /// How many rows create, change and leave alone.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count =
            |wanted: fn(&GroupAction) -> bool| self.planned.iter().filter(|row| wanted(&row.action)).count();
        (
            count(|action| *action == GroupAction::Create),
            count(|action| matches!(action, GroupAction::Update { .. })),
            count(|action| *action == GroupAction::Unchanged),
        )
    }
}

/// The desk's vocabulary while rows find their places in it.
struct Desk {
    vocabulary: Vocabulary,
    /// Which group has a word.
    owner: HashMap<String, usize>,
    /// What the dictionary says a word sounds like.
    readings: HashMap<String, String>,
}

impl Desk {
    fn new(vocabulary: Vocabulary) -> Self {
        let words = |(at, group): (usize, &SynonymGroup)| {
            group.members.iter().map(move |word| (normalize(word), at)).collect::<Vec<_>>()
        };
        let owner = vocabulary.synonyms.iter().enumerate().flat_map(words).collect();
        let readings =
            vocabulary.terms.iter().map(|term| (term.surface.clone(), term.reading.clone())).collect();
        Self { vocabulary, owner, readings }
    }

    /// The groups that have some of these words now.
    fn owners(&self, members: &[String]) -> BTreeSet<usize> {
        members.iter().filter_map(|word| self.owner.get(&normalize(word)).copied()).collect()
    }

    fn place(&mut self, row: Read) -> PlannedGroup {
        let Read { number, members, reading, .. } = row;
        let is_known = members.first().and_then(|word| self.readings.get(word)) == Some(&reading);
        let reading = (!reading.is_empty() && !is_known).then_some(reading);
        let first = self.owners(&members).first().copied();
        let groups = &mut self.vocabulary.synonyms;
        let (at, action) = match first {
            None => {
                groups.push(SynonymGroup { members: members.clone() });
                (groups.len() - 1, GroupAction::Create)
            }
            Some(at) if groups[at].members == members => (at, GroupAction::Unchanged),
            Some(at) => {
                let before = std::mem::replace(&mut groups[at].members, members.clone());
                before.iter().for_each(|word| _ = self.owner.remove(&normalize(word)));
                (at, GroupAction::Update { before })
            }
        };
        self.owner.extend(members.iter().map(|word| (normalize(word), at)));
        PlannedGroup { number, members, action, reading }
    }

    fn refuse(&self, row: Read) -> RejectedGroup {
        let groups = self.owners(&row.members).into_iter();
        let groups = groups.map(|at| self.vocabulary.synonyms[at].members.join("、")).collect();
        RejectedGroup { number: row.number, problem: SynonymProblem::Between(groups), cells: row.cells }
    }
}

/// Header and rows of the sheet.
pub(super) fn synonym_cells(vocabulary: &Vocabulary, english: bool) -> (Vec<String>, Vec<Vec<String>>) {
    let header = if english {
        ["Term", "Synonyms", "Reading", "Scope"]
    } else {
        ["代表語", "同義語", "読み", "範囲"]
    };
    let row = |group: &SynonymGroup| {
        let (head, rest) = group.members.split_first()?;
        let reading = vocabulary.terms.iter().find(|term| term.surface == *head);
        let reading = reading.map_or(String::new(), |term| term.reading.clone());
        let scope = if english { "all" } else { "全体" };
        Some(vec![head.clone(), cell::join(rest), reading, scope.to_owned()])
    };
    (header.map(str::to_owned).to_vec(), vocabulary.synonyms.iter().filter_map(row).collect())
}
