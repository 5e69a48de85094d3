//! The sheet 同義語: `代表語, 同義語, 読み, 範囲`. Readings and scopes are not the desk's: a reading is written where the
//! user dictionary has one and not read, a scope other than the whole desk is named.

use super::cell;
use crate::sheet::Table;
use crate::text::{SynonymGroup, Vocabulary};

/// What the sheet held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SynonymReading {
    /// The groups.
    pub groups: Vec<SynonymGroup>,
    /// Row number and what is wrong, in words of English: `needs two words`, `already in row 3`, `no scope`.
    pub problems: Vec<(usize, SynonymProblem)>,
}

/// What is wrong with a row of synonyms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SynonymProblem {
    /// A group needs at least two words.
    TooFew,
    /// A word that an earlier row has.
    Taken {
        /// The word.
        word: String,
        /// The earlier row.
        row: usize,
    },
    /// A scope that cannot be kept.
    Scope(String),
}

/// Reads the sheet; a row that is wrong is named and left out.
pub fn read_synonyms(table: &Table) -> Option<SynonymReading> {
    let head = table.column(&["代表語", "term", "representative"])?;
    let others = table.column(&["同義語", "synonyms", "synonym"])?;
    let scope = table.column(&["範囲", "scope"]);
    let mut reading = SynonymReading::default();
    let mut seen: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    for line in &table.rows {
        let cell_at = |column: usize| cell::restore(line.cells[column].trim());
        let mut members = vec![cell_at(head).to_owned()];
        members.extend(cell::split(cell::restore(&line.cells[others])));
        members.retain(|member| !member.is_empty());
        members.dedup();
        let scope = scope.map_or("", cell_at);
        let taken = members.iter().find_map(|word| Some((word, *seen.get(&word.to_lowercase())?)));
        let problem = if members.len() < 2 {
            Some(SynonymProblem::TooFew)
        } else if let Some((word, row)) = taken {
            Some(SynonymProblem::Taken { word: word.clone(), row })
        } else {
            (!matches!(scope, "" | "全体" | "all")).then(|| SynonymProblem::Scope(scope.to_owned()))
        };
        match problem {
            Some(problem) => reading.problems.push((line.number, problem)),
            None => {
                seen.extend(members.iter().map(|word| (word.to_lowercase(), line.number)));
                reading.groups.push(SynonymGroup { members });
            }
        }
    }
    Some(reading)
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
