//! Must-hand-off rules: questions that must always reach a person, whatever retrieval says. Patterns run on normalised
//! text (NFKC, lower case, white space removed), before and after retrieval.

use regex::{Regex, RegexSet};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Why a question goes to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandOffReason {
    /// Fraud, stolen funds, unauthorised access.
    Security,
    /// A complaint.
    Complaint,
    /// Investment advice was asked for.
    Advice,
    /// Needs the customer's own record.
    Account,
    /// The customer asked for a person.
    Person,
    /// A secret (seed phrase, private key, password) was pasted.
    Secret,
    /// The desk is not sure enough of any answer.
    LowConfidence,
    /// Nothing in the FAQ is about this.
    OutOfScope,
    /// The customer refused every candidate.
    NoneOfThese,
    /// A part of the engine failed.
    Unavailable,
}

impl HandOffReason {
    /// Stable snake-case name, as in API and SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Complaint => "complaint",
            Self::Advice => "advice",
            Self::Account => "account",
            Self::Person => "person",
            Self::Secret => "secret",
            Self::LowConfidence => "low_confidence",
            Self::OutOfScope => "out_of_scope",
            Self::NoneOfThese => "none_of_these",
            Self::Unavailable => "unavailable",
        }
    }

    /// All reasons, in a fixed order.
    pub const ALL: [Self; 10] = [
        Self::Security,
        Self::Complaint,
        Self::Advice,
        Self::Account,
        Self::Person,
        Self::Secret,
        Self::LowConfidence,
        Self::OutOfScope,
        Self::NoneOfThese,
        Self::Unavailable,
    ];

    /// The reason with this [`HandOffReason::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Reasons a rule may have: these must reach a person whatever the confidence.
    pub fn is_must(self) -> bool {
        matches!(
            self,
            Self::Security | Self::Complaint | Self::Advice | Self::Account | Self::Person | Self::Secret
        )
    }
}

/// How urgent a ticket is; the order is the queue's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Now: money is being lost.
    Urgent,
    /// Before normal ones.
    High,
    /// In order of arrival.
    #[default]
    Normal,
}

/// One must-hand-off rule as written in `kb/rules.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Unique id, shown in the Trace.
    pub id: String,
    /// Reason of the hand-off.
    pub reason: HandOffReason,
    /// Priority of the ticket.
    #[serde(default)]
    pub priority: Priority,
    /// Queue of the ticket.
    pub queue: String,
    /// Regular expressions over the normalised question; any match fires the rule.
    pub patterns: Vec<String>,
    /// If any of these matches, the rule does not fire.
    #[serde(default)]
    pub except: Vec<String>,
    /// Key of the fixed wording.
    pub wording: String,
}

/// The desk's rules, compiled. The first rule in file order that fires decides.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    rules: Vec<(Rule, RegexSet, RegexSet)>,
}

impl RuleSet {
    /// Compiles `rules`.
    ///
    /// # Errors
    /// The id of the rule and the pattern that is not a regular expression.
    pub fn compile(rules: Vec<Rule>) -> Result<Self, RuleError> {
        let compiled = rules.into_iter().map(|rule| {
            for pattern in rule.patterns.iter().chain(&rule.except) {
                Regex::new(pattern).map_err(|source| RuleError {
                    rule: rule.id.clone(),
                    pattern: pattern.clone(),
                    source,
                })?;
            }
            let set = |patterns: &[String]| {
                RegexSet::new(patterns).map_err(|source| RuleError {
                    rule: rule.id.clone(),
                    pattern: patterns.join(" | "),
                    source,
                })
            };
            let (patterns, except) = (set(&rule.patterns)?, set(&rule.except)?);
            Ok((rule, patterns, except))
        });
        Ok(Self { rules: compiled.collect::<Result<_, RuleError>>()? })
    }

    /// The first rule that fires on `question` (raw text; normalised here).
    pub fn first_match(&self, question: &str) -> Option<&Rule> {
        let normalized = normalize_for_rules(question);
        self.rules
            .iter()
            .find(|(_, patterns, except)| patterns.is_match(&normalized) && !except.is_match(&normalized))
            .map(|(rule, _, _)| rule)
    }

    /// The rules in file order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|(rule, _, _)| rule)
    }
}

/// NFKC, lower case, no white space, no control or zero-width characters: the text that rule patterns see.
pub fn normalize_for_rules(text: &str) -> String {
    text.nfkc()
        .filter(|c| {
            !c.is_whitespace() && !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}')
        })
        .flat_map(char::to_lowercase)
        .collect()
}

/// A pattern that is not a regular expression.
#[derive(Debug, thiserror::Error)]
#[error("rule {rule}: pattern {pattern:?} is not a regular expression: {source}")]
pub struct RuleError {
    rule: String,
    pattern: String,
    source: regex::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: &str, reason: HandOffReason, patterns: &[&str], except: &[&str]) -> Rule {
        Rule {
            id: id.into(),
            reason,
            priority: Priority::Normal,
            queue: "general".into(),
            patterns: patterns.iter().map(|p| (*p).into()).collect(),
            except: except.iter().map(|p| (*p).into()).collect(),
            wording: "handoff.person".into(),
        }
    }

    #[test]
    fn the_first_rule_in_order_fires_on_normalised_text() {
        let rules = RuleSet::compile(vec![
            rule("theft", HandOffReason::Security, &["不正アクセス.*され"], &["防ぐ"]),
            rule("person", HandOffReason::Person, &["オペレーター", "talktoahuman"], &[]),
        ])
        .expect("patterns compile");
        let fired = |text| rules.first_match(text).map(|rule| rule.id.as_str());
        assert_eq!(fired("昨日 不正ｱｸｾｽで送金されました。オペレーターを"), Some("theft"));
        assert_eq!(fired("不正アクセスされないように防ぐには"), None);
        assert_eq!(fired("Talk to a HUMAN please"), Some("person"));
        assert_eq!(fired("出金の手数料"), None);
    }

    #[test]
    fn a_bad_pattern_names_rule_and_pattern() {
        let error =
            RuleSet::compile(vec![rule("x", HandOffReason::Person, &["("], &[])]).expect_err("unclosed");
        assert!(error.to_string().contains("rule x") && error.to_string().contains("\"(\""));
    }
}
