//! What is wrong with an entry by itself and with its links: the one check that lint, the editor and imports share.
//! Says what and where as data; each user words it for its readers.

use jiff::civil::Date;

use super::{Entry, Language, Status};

/// Longest question, phrasing, keyword, owner, category level or source, characters.
pub const LINE_CHARS: usize = 300;
/// Longest answer, characters.
pub const ANSWER_CHARS: usize = 10_000;
/// Most phrasings, keywords, links or sources.
pub const LIST_ITEMS: usize = 100;

/// Something wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Name of the field, as in the entry's file; `phrasing 0` for the first phrasing.
    pub field: String,
    /// What is wrong with it.
    pub kind: FlawKind,
}

/// Kinds of flaws.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlawKind {
    /// The id has other characters than it may.
    #[error("id {0:?} must be lower-case a-z, 0-9 and hyphens")]
    BadId(String),
    /// A field that must not be empty is.
    #[error("{0}")]
    Empty(&'static str),
    /// The category path has not 1 to 3 levels.
    #[error("category needs 1 to 3 non-empty levels")]
    Levels,
    /// The same phrasing twice, or the question itself.
    #[error("the phrasing {0:?} is there already")]
    Repeated(String),
    /// Longer than allowed.
    #[error("longer than {0} characters")]
    TooLong(usize),
    /// More items than allowed.
    #[error("more than {0} items")]
    TooMany(usize),
    /// A character that no text of an entry may have, or a line break where there is one line.
    #[error("contains the control character U+{0:04X}")]
    ControlCharacter(u32),
    /// A link to an entry that does not exist.
    #[error("{field} names {id:?}, which does not exist")]
    Unknown {
        /// The field.
        field: String,
        /// The unknown id.
        id: String,
    },
    /// A link to itself.
    #[error("{0} names the entry itself")]
    ToItself(String),
    /// A published entry links to an archived one.
    #[error("{field} names {id:?}, which is archived")]
    ToArchived {
        /// The field.
        field: String,
        /// The archived entry.
        id: String,
    },
    /// A translation's id is not its original's with the language.
    #[error("a translation's id must be {0}")]
    TranslationId(String),
    /// Named `.en` but translates nothing.
    #[error("an entry named .en needs translation_of")]
    TranslatesNothing,
    /// The validity ends before it begins.
    #[error("valid_until {0} is before valid_from")]
    ValidityReversed(Date),
}

impl FlawKind {
    /// Stable code, the key of its text in the interface.
    pub fn code(&self) -> &'static str {
        match self {
            FlawKind::BadId(_) => "bad_id",
            FlawKind::Empty(_) => "empty",
            FlawKind::Levels => "levels",
            FlawKind::Repeated(_) => "repeated",
            FlawKind::TooLong(_) => "too_long",
            FlawKind::TooMany(_) => "too_many",
            FlawKind::ControlCharacter(_) => "control_character",
            FlawKind::Unknown { .. } => "unknown",
            FlawKind::ToItself(_) => "to_itself",
            FlawKind::ToArchived { .. } => "to_archived",
            FlawKind::TranslationId(_) => "translation_id",
            FlawKind::TranslatesNothing => "translates_nothing",
            FlawKind::ValidityReversed(_) => "validity_reversed",
        }
    }

    /// What it is about, for texts that name it: the id, the phrasing, the limit.
    pub fn subject(&self) -> String {
        match self {
            FlawKind::BadId(text) | FlawKind::Repeated(text) | FlawKind::TranslationId(text) => text.clone(),
            FlawKind::Unknown { id, .. } | FlawKind::ToArchived { id, .. } => id.clone(),
            FlawKind::TooLong(limit) | FlawKind::TooMany(limit) => limit.to_string(),
            FlawKind::ControlCharacter(code) => format!("U+{code:04X}"),
            FlawKind::ValidityReversed(day) => day.to_string(),
            FlawKind::Empty(_) | FlawKind::Levels | FlawKind::ToItself(_) | FlawKind::TranslatesNothing => {
                String::new()
            }
        }
    }

    /// Whether not even a draft may have it: it could not be stored, shown or found again.
    pub fn forbids_saving(&self) -> bool {
        matches!(
            self,
            FlawKind::BadId(_) | FlawKind::TooLong(_) | FlawKind::TooMany(_) | FlawKind::ControlCharacter(_)
        )
    }
}

/// All flaws of `entry`. `status_of` tells the status of the desk's other entries, `None` for unknown ids.
pub fn flaws(entry: &Entry, status_of: &dyn Fn(&str) -> Option<Status>) -> Vec<Flaw> {
    let mut found = Vec::new();
    own(entry, &mut |field: &str, kind| found.push(Flaw { field: field.to_owned(), kind }));
    links(entry, status_of, &mut |field: &str, kind| found.push(Flaw { field: field.to_owned(), kind }));
    found
}

/// Whether `id` can be an entry's.
pub fn is_id(id: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    !id.is_empty() && id.len() <= 100 && !id.starts_with('.') && id.chars().all(allowed)
}

fn own(entry: &Entry, report: &mut dyn FnMut(&str, FlawKind)) {
    if !is_id(&entry.id) {
        report("id", FlawKind::BadId(entry.id.clone()));
    }
    if entry.category.is_empty() || entry.category.len() > 3 || entry.category.iter().any(String::is_empty) {
        report("category", FlawKind::Levels);
    }
    if entry.question.trim().is_empty() {
        report("question", FlawKind::Empty("the question is empty"));
    }
    if entry.answer.trim().is_empty() {
        report("answer", FlawKind::Empty("the answer is empty"));
    }
    for (i, phrasing) in entry.phrasings.iter().enumerate() {
        let field = format!("phrasing {i}");
        if phrasing.is_empty() {
            report(&field, FlawKind::Empty("the phrasing \"\" is empty"));
        } else if entry.phrasings[..i].contains(phrasing) || *phrasing == entry.question {
            report(&field, FlawKind::Repeated(phrasing.clone()));
        }
    }
    sizes(entry, report);
    if let (Some(from), Some(until)) = (entry.valid_from, entry.valid_until)
        && until < from
    {
        report("valid_until", FlawKind::ValidityReversed(until));
    }
}

fn sizes(entry: &Entry, report: &mut dyn FnMut(&str, FlawKind)) {
    let lists: [(&str, &Vec<String>); 6] = [
        ("phrasings", &entry.phrasings),
        ("keywords", &entry.keywords),
        ("follow_ups", &entry.follow_ups),
        ("related", &entry.related),
        ("sources", &entry.sources),
        ("category", &entry.category),
    ];
    let mut one = |field: &str, text: &str, limit: usize| {
        if text.chars().count() > limit {
            report(field, FlawKind::TooLong(limit));
        }
        let may_break = field == "answer";
        let control = text.chars().find(|c| c.is_control() && !(may_break && matches!(c, '\n' | '\t')));
        if let Some(control) = control {
            report(field, FlawKind::ControlCharacter(control.into()));
        }
    };
    one("question", &entry.question, LINE_CHARS);
    one("owner", &entry.owner, LINE_CHARS);
    one("answer", &entry.answer, ANSWER_CHARS);
    for (field, items) in lists {
        items.iter().for_each(|item| one(field, item, LINE_CHARS));
    }
    for (field, _) in lists.iter().filter(|(_, items)| items.len() > LIST_ITEMS) {
        report(field, FlawKind::TooMany(LIST_ITEMS));
    }
}

fn links(entry: &Entry, status_of: &dyn Fn(&str) -> Option<Status>, report: &mut dyn FnMut(&str, FlawKind)) {
    for (field, ids) in [("follow_ups", &entry.follow_ups), ("related", &entry.related)] {
        for id in ids {
            if *id == entry.id {
                report(field, FlawKind::ToItself(field.to_owned()));
                continue;
            }
            match status_of(id) {
                None => report(field, FlawKind::Unknown { field: field.to_owned(), id: id.clone() }),
                Some(Status::Archived) if entry.status == Status::Published => {
                    report(field, FlawKind::ToArchived { field: field.to_owned(), id: id.clone() });
                }
                Some(_) => {}
            }
        }
    }
    match &entry.translation_of {
        Some(original) if status_of(original).is_none() => {
            let field = "translation_of".to_owned();
            report("translation_of", FlawKind::Unknown { field, id: original.clone() });
        }
        Some(original) if entry.id != format!("{original}.{}", entry.language) => {
            report("id", FlawKind::TranslationId(format!("{original}.{}", entry.language)));
        }
        None if entry.language == Language::En && entry.id.ends_with(".en") => {
            report("id", FlawKind::TranslatesNothing);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Entry {
        Entry {
            id: "fee".into(),
            category: vec!["入出金".into()],
            question: "手数料は?".into(),
            answer: "440円です。".into(),
            ..Entry::default()
        }
    }

    #[test]
    fn each_flaw_is_found_in_its_field() {
        let check = |change: &dyn Fn(&mut Entry), field: &str, code: &str, saved: bool| {
            let mut entry = sound();
            change(&mut entry);
            let found = flaws(&entry, &|id| (id == "known").then_some(Status::Published));
            let flaw = found.iter().find(|flaw| flaw.field == field && flaw.kind.code() == code);
            let flaw = flaw.unwrap_or_else(|| panic!("{field} {code}: {found:?}"));
            assert_eq!(!flaw.kind.forbids_saving(), saved, "{field} {code}");
        };
        assert_eq!(flaws(&sound(), &|_| None), []);
        check(&|e| e.id = "Ａ".into(), "id", "bad_id", false);
        check(&|e| e.id = "../x".into(), "id", "bad_id", false);
        check(&|e| e.question = " ".into(), "question", "empty", true);
        check(&|e| e.answer.clear(), "answer", "empty", true);
        check(&|e| e.category.clear(), "category", "levels", true);
        check(&|e| e.phrasings = vec!["手数料は?".into()], "phrasing 0", "repeated", true);
        check(&|e| e.question = "あ".repeat(301), "question", "too_long", false);
        check(&|e| e.answer = "a\u{0}".into(), "answer", "control_character", false);
        check(&|e| e.question = "a\nb".into(), "question", "control_character", false);
        check(&|e| e.keywords = vec!["k".into(); 101], "keywords", "too_many", false);
        check(&|e| e.related = vec!["gone".into()], "related", "unknown", true);
        check(&|e| e.related = vec!["fee".into()], "related", "to_itself", true);
        check(&|e| e.translation_of = Some("known".into()), "id", "translation_id", true);
        let reversed = |e: &mut Entry| {
            e.valid_from = Some(jiff::civil::date(2026, 2, 1));
            e.valid_until = Some(jiff::civil::date(2026, 1, 1));
        };
        check(&reversed, "valid_until", "validity_reversed", true);
    }
}
