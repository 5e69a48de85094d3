//! The shapes of the vocabulary in the API. Converted by hand: domain types do not know them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::dto::time as iso;
use super::entry_dto::{FlawDto, LifeDto};
use super::history_dto::LogDto;
use super::impact_dto::severity_name;
use super::texts::Texts;
use crate::app::{Sample, Samples, Typing, VocabularyDetail, VocabularyHistory, VocabularyRevision};
use crate::kb::checks::{VocabularyFinding, VocabularyRow};
use crate::text::{SynonymGroup, Tokenised, UserTerm, Vocabulary};

/// A word the dictionary should keep whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TermDto {
    /// As customers write it.
    pub surface: String,
    /// Its reading; hiragana becomes katakana.
    pub reading: String,
    /// The words it consists of; it is found by each of them too.
    #[serde(default)]
    pub parts: Vec<String>,
    /// Part of speech; a proper noun unless given.
    #[serde(default)]
    pub pos: String,
}

/// Synonyms and user dictionary.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VocabularyContentDto {
    /// Groups of wordings that mean the same.
    pub synonyms: Vec<Vec<String>>,
    /// The user dictionary.
    pub terms: Vec<TermDto>,
}

impl VocabularyContentDto {
    pub(super) fn of(vocabulary: Vocabulary) -> Self {
        let term = |term: UserTerm| {
            let UserTerm { surface, pos, reading, parts } = term;
            TermDto { surface, reading, parts, pos }
        };
        Self {
            synonyms: vocabulary.synonyms.into_iter().map(|group| group.members).collect(),
            terms: vocabulary.terms.into_iter().map(term).collect(),
        }
    }

    pub(super) fn into_vocabulary(self) -> Vocabulary {
        let term = |term: TermDto| {
            let TermDto { surface, reading, parts, pos } = term;
            UserTerm { surface, pos, reading, parts }
        };
        Vocabulary {
            synonyms: self.synonyms.into_iter().map(|members| SynonymGroup { members }).collect(),
            terms: self.terms.into_iter().map(term).collect(),
        }
    }
}

/// A vocabulary to save.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SaveVocabularyDto {
    /// The version it was loaded with.
    pub version: i64,
    /// Why it is changed.
    #[serde(default)]
    pub reason: String,
    /// What it should say.
    #[serde(flatten)]
    pub content: VocabularyContentDto,
}

/// Texts to read, now and with another vocabulary.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadTextsDto {
    /// Texts, at most 50.
    #[serde(default)]
    pub texts: Vec<String>,
    /// Whether to look at the desk's cases and its recent questions too.
    #[serde(default)]
    pub sampled: bool,
    /// The vocabulary that would be; left out, the one customers are served with.
    #[serde(default)]
    pub vocabulary: Option<VocabularyContentDto>,
}

/// One saved state of the vocabulary, without what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VocabularyRevisionDto {
    /// 1 for the first.
    pub number: u32,
    /// Id of its author, `files` if it was imported.
    pub author: String,
    /// When it was saved.
    pub at: String,
    /// Why it was changed.
    pub reason: String,
    /// `saved`, `imported` or `rolled_back`.
    pub origin: String,
}

impl VocabularyRevisionDto {
    fn of(revision: &VocabularyRevision) -> Self {
        Self {
            number: revision.number,
            author: revision.author.clone(),
            at: iso(revision.at),
            reason: revision.reason.clone(),
            origin: revision.origin.name().to_owned(),
        }
    }
}

/// The vocabulary with everything its editor needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct VocabularyDto {
    /// Counts the changes; send it back with every change.
    pub version: i64,
    /// Where it is in its life.
    pub life: LifeDto,
    /// The newest revision.
    pub head: VocabularyRevisionDto,
    /// What the newest revision says.
    pub content: VocabularyContentDto,
    /// What customers are served with, where that is an older revision.
    pub live: Option<VocabularyContentDto>,
    /// What the caller may do with it now, as the last part of the path.
    pub actions: Vec<String>,
    /// Whether customers get what is published; if not, `/api/v1/service` says how far it is.
    pub served: bool,
    /// What the caller is typing, kept until it is saved.
    pub typing: Option<TypingDto>,
}

/// What the caller is typing about the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TypingDto {
    /// The version it began with; save with it.
    pub version: i64,
    /// The revision it began from.
    pub revision: u32,
    /// When it was kept.
    pub at: String,
    /// What it says so far.
    pub content: VocabularyContentDto,
    /// What that revision says.
    pub began_from: VocabularyContentDto,
}

impl TypingDto {
    fn of(typing: &Typing) -> Self {
        Self {
            version: typing.kept.version,
            revision: typing.kept.revision,
            at: iso(typing.kept.at),
            content: VocabularyContentDto::of(typing.kept.content.clone()),
            began_from: VocabularyContentDto::of(typing.began_from.clone()),
        }
    }
}

/// What one is typing about the vocabulary.
#[derive(Debug, Deserialize, ToSchema)]
pub struct KeepTypingDto {
    /// The version it began with.
    pub version: i64,
    /// The revision it began from.
    pub revision: u32,
    /// What it says so far.
    #[serde(flatten)]
    pub content: VocabularyContentDto,
}

impl VocabularyDto {
    pub(super) fn of(detail: &VocabularyDetail) -> Self {
        let VocabularyDetail { record, head, live, actions, is_served, typing } = detail;
        let is_older = live.number != head.number;
        Self {
            version: record.version,
            life: LifeDto::of(&record.life),
            head: VocabularyRevisionDto::of(head),
            content: VocabularyContentDto::of(head.texts.vocabulary()),
            live: is_older.then(|| VocabularyContentDto::of(live.texts.vocabulary())),
            actions: actions.iter().map(|action| action.name().to_owned()).collect(),
            served: *is_served,
            typing: typing.as_ref().map(TypingDto::of),
        }
    }
}

/// The vocabulary's past, newest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct VocabularyHistoryDto {
    /// All revisions.
    pub revisions: Vec<VocabularyRevisionDto>,
    /// All that happened.
    pub log: Vec<LogDto>,
}

impl VocabularyHistoryDto {
    pub(super) fn of(history: &VocabularyHistory) -> Self {
        Self {
            revisions: history.revisions.iter().map(VocabularyRevisionDto::of).collect(),
            log: history.log.iter().map(LogDto::of).collect(),
        }
    }
}

/// Something doubtful about a row of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VocabularyFindingDto {
    /// `error` (it cannot be saved), `warning` or `hint`.
    pub severity: String,
    /// Stable code: `two_groups`, `lonely`, `changes_nothing`, …
    pub kind: String,
    /// `synonyms` or `terms`.
    pub part: String,
    /// The row, counted from 0.
    pub row: usize,
    /// The word concerned.
    pub word: String,
    /// Why, and what next, in the client's language.
    pub text: String,
}

impl VocabularyFindingDto {
    pub(super) fn of(finding: &VocabularyFinding, t: Texts) -> Self {
        let (part, row) = place(finding.row);
        let other =
            if finding.other == " " { t.get("vocabulary.space").to_owned() } else { finding.other.clone() };
        let values = [("word", finding.word.clone()), ("other", other)];
        Self {
            severity: severity_name(finding.kind.severity()).to_owned(),
            kind: finding.kind.name().to_owned(),
            part: part.to_owned(),
            row,
            word: finding.word.clone(),
            text: t.fill(&format!("vocabulary.lint_{}", finding.kind.name()), &values),
        }
    }

    /// The same as a flaw of what was sent.
    pub(super) fn flaw(finding: &VocabularyFinding, t: Texts) -> FlawDto {
        let Self { kind, part, row, text, .. } = Self::of(finding, t);
        FlawDto { field: format!("{part} {row}"), code: kind, text }
    }
}

fn place(row: VocabularyRow) -> (&'static str, usize) {
    match row {
        VocabularyRow::Group(row) => ("synonyms", row),
        VocabularyRow::Term(row) => ("terms", row),
    }
}

/// Everything doubtful, the gravest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VocabularyFindingsDto {
    /// The findings.
    pub findings: Vec<VocabularyFindingDto>,
}

/// A word as it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WordDto {
    /// As it stands in the text.
    pub surface: String,
    /// What it is found by.
    pub term: String,
    /// Its parts, by which it is found too.
    pub parts: Vec<String>,
    /// Whether it counts; particles and the like do not.
    pub content: bool,
    /// Whether the other reading has it otherwise.
    pub differs: bool,
}

/// Another wording of a stretch of the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WordingDto {
    /// The stretch.
    pub of: String,
    /// The other wording, as it is looked for.
    pub wording: String,
    /// Whether the other reading lacks it.
    pub differs: bool,
}

/// A text as it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenisedDto {
    /// Its words in order.
    pub words: Vec<WordDto>,
    /// What the synonyms add.
    pub wordings: Vec<WordingDto>,
}

impl TokenisedDto {
    fn of(read: &Tokenised) -> Self {
        let words = read.words.iter().map(|word| WordDto {
            surface: word.surface.clone(),
            term: word.term.clone(),
            parts: word.parts.clone(),
            content: word.content,
            differs: word.differs,
        });
        let wordings = read.wordings.iter().flat_map(|wordings| {
            wordings.others.iter().map(|(wording, differs)| WordingDto {
                of: wordings.of.clone(),
                wording: wording.clone(),
                differs: *differs,
            })
        });
        Self { words: words.collect(), wordings: wordings.collect() }
    }
}

/// A text as it is read now and would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SampleDto {
    /// The text.
    pub text: String,
    /// `typed`, `case` or `question`.
    pub of: String,
    /// Now.
    pub now: TokenisedDto,
    /// With the other vocabulary.
    pub then: TokenisedDto,
}

/// Texts as they are read now and would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SamplesDto {
    /// What was typed, all of it; of cases and questions those that differ, at most 100.
    pub texts: Vec<SampleDto>,
    /// How many cases and questions were looked at.
    pub looked_at: usize,
    /// How many of those differ.
    pub differ: usize,
}

impl SamplesDto {
    pub(super) fn of(samples: &Samples) -> Self {
        let sample = |sample: &Sample| SampleDto {
            text: sample.text.clone(),
            of: sample.of.name().to_owned(),
            now: TokenisedDto::of(&sample.now),
            then: TokenisedDto::of(&sample.then),
        };
        let Samples { texts, looked_at, differ } = samples;
        Self { texts: texts.iter().map(sample).collect(), looked_at: *looked_at, differ: *differ }
    }
}
