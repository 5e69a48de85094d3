//! Curator-owned synonyms: which stretches of a question have other wordings. Only questions are expanded; entries
//! are indexed as written.

use std::collections::HashMap;
use std::ops::Range;

/// Another way to say a stretch of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expansion {
    /// Indexes into [`Analysis::tokens`](super::Analysis::tokens).
    pub from: Range<usize>,
    /// Wordings, each a sequence of index terms.
    pub alternatives: Vec<Vec<String>>,
}

/// A set of groups whose members, as sequences of index terms, replace each other.
#[derive(Default)]
pub(super) struct SynonymTable {
    groups: Vec<Vec<Vec<String>>>,
    /// First term of a member → the members that begin with it (group, member), longest first.
    by_first: HashMap<String, Vec<(usize, usize)>>,
}

impl SynonymTable {
    /// Builds the table from groups of term sequences. Empty members and groups of one are without effect.
    pub fn new(groups: impl IntoIterator<Item = Vec<Vec<String>>>) -> Self {
        let mut table = Self::default();
        for members in groups {
            let mut distinct: Vec<Vec<String>> = Vec::new();
            for member in members {
                if !member.is_empty() && !distinct.contains(&member) {
                    distinct.push(member);
                }
            }
            if distinct.len() > 1 {
                table.groups.push(distinct);
            }
        }
        for (group, members) in table.groups.iter().enumerate() {
            for (index, member) in members.iter().enumerate() {
                table.by_first.entry(member[0].clone()).or_default().push((group, index));
            }
        }
        for starts in table.by_first.values_mut() {
            starts.sort_by_key(|&(group, member)| {
                (std::cmp::Reverse(table.groups[group][member].len()), group, member)
            });
        }
        table
    }

    /// True when no text can be expanded.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Finds the longest members in `terms`, from left to right and without overlap. Each term comes with the index of
    /// its token; tokens between them (particles) are part of the match.
    pub fn expand(&self, terms: &[(usize, &str)]) -> Vec<Expansion> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < terms.len() {
            let (length, alternatives) = self.longest_at(&terms[at..]);
            if length == 0 {
                at += 1;
                continue;
            }
            out.push(Expansion { from: terms[at].0..terms[at + length - 1].0 + 1, alternatives });
            at += length;
        }
        out
    }

    /// Length of the longest member at the beginning of `terms` and what may stand in its place.
    fn longest_at(&self, terms: &[(usize, &str)]) -> (usize, Vec<Vec<String>>) {
        let mut length = 0;
        let mut alternatives: Vec<Vec<String>> = Vec::new();
        for &(group, index) in self.by_first.get(terms[0].1).into_iter().flatten() {
            let members = &self.groups[group];
            let member = &members[index];
            if member.len() < length {
                break;
            }
            let matches = member.len() <= terms.len() && member.iter().zip(terms).all(|(a, (_, b))| a == b);
            if !matches {
                continue;
            }
            length = member.len();
            for other in members.iter().filter(|other| *other != member) {
                if !alternatives.contains(other) {
                    alternatives.push(other.clone());
                }
            }
        }
        (length, alternatives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<String> {
        text.split(' ').filter(|term| !term.is_empty()).map(str::to_owned).collect()
    }

    /// Groups are separated by `;`, members by `,`; the answer lists `range=wording|wording`.
    #[track_caller]
    fn check(groups: &str, question: &str, expect: &[&str]) {
        let table = SynonymTable::new(groups.split(';').map(|group| group.split(',').map(terms).collect()));
        let question = terms(question);
        let numbered: Vec<_> =
            question.iter().enumerate().map(|(index, term)| (index, term.as_str())).collect();
        let found: Vec<String> = table
            .expand(&numbered)
            .iter()
            .map(|e| {
                let wordings: Vec<String> = e.alternatives.iter().map(|words| words.join(" ")).collect();
                format!("{}..{}={}", e.from.start, e.from.end, wordings.join("|"))
            })
            .collect();
        assert_eq!(found, expect, "{groups} in {question:?}");
    }

    #[test]
    fn longest_member_wins() {
        check("出金,引き出し", "出金 方法", &["0..1=引き出し"]);
        check("出金,引き出し", "入金 方法", &[]);
        check("二 段階,2fa;二 段階 認証,多要素", "二 段階 認証 とは", &["0..3=多要素"]);
        check("a b,c", "a a b", &["1..3=c"]);
        check("a,b;a,c", "a", &["0..1=b|c"]);
        check("a,b,b,", "b a", &["0..1=a", "1..2=b"]);
        check("a", "a", &[]);
        check("a b,c", "a", &[]);
    }

    #[test]
    fn skipped_tokens_belong_to_the_match() {
        let table = SynonymTable::new([vec![terms("口座 開く"), terms("登録")]]);
        let found = table.expand(&[(0, "口座"), (2, "開く"), (5, "方法")]);
        assert_eq!(found, [Expansion { from: 0..3, alternatives: vec![terms("登録")] }]);
    }
}
