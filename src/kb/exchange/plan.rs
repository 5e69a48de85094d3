//! What taking rows over would do, and doing it: create, update, leave alone or reject, by external id. The same file
//! twice does what it does once, and what was done can be undone. Nothing here publishes: taken-over text is a draft.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Field, Issue, IssueKind, Reading, Rejected, Row, short_hash};
use crate::kb::{Entry, Status};

/// An entry the desk holds, with the external id it was taken over under.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Held {
    /// The entry as it stands, its newest revision.
    pub entry: Entry,
    /// Its id in the system it came from.
    pub external_id: Option<String>,
}

/// What happens with a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// A new entry.
    Create,
    /// A new draft revision of an entry.
    Update {
        /// Fields that change.
        changed: Vec<Field>,
    },
    /// The desk has it just so.
    Unchanged,
}

/// A row with what happens with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// Row number in the file.
    pub number: usize,
    /// External id.
    pub external_id: String,
    /// What happens.
    #[serde(flatten)]
    pub action: Action,
    /// The entry as it would be.
    pub entry: Entry,
    /// Doubts.
    pub warnings: Vec<Issue>,
}

/// What taking a file over would do.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Rows that can be taken over, in file order.
    pub planned: Vec<Planned>,
    /// Rows that cannot.
    pub rejected: Vec<Rejected>,
}

/// What brings back the desk as it was before [`Plan::apply`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Undo {
    /// Ids of the entries that were created.
    pub created: Vec<String>,
    /// What the entries that were updated were before.
    pub before: Vec<Held>,
}

/// The desk's entries by id.
pub type Shelf = BTreeMap<String, Held>;

impl Plan {
    /// Plans `reading` against what the desk holds.
    pub fn of(held: &Shelf, reading: Reading) -> Self {
        let by_external: HashMap<&str, &str> =
            held.iter().filter_map(|(id, held)| Some((held.external_id.as_deref()?, id.as_str()))).collect();
        let Reading { rows, mut rejected } = reading;
        let mut links: HashMap<String, String> =
            by_external.iter().map(|(external, id)| ((*external).to_owned(), (*id).to_owned())).collect();
        links.extend(held.keys().map(|id| (id.clone(), id.clone())));
        let mut resolved = Vec::new();
        let mut taken: HashSet<String> = HashSet::new();
        // A translation's id is made from its original's, so originals come first.
        let (originals, translations): (Vec<Row>, Vec<Row>) =
            rows.into_iter().partition(|row| row.entry.translation_of.is_none());
        for row in originals.into_iter().chain(translations) {
            match target(&row, held, &by_external, &links) {
                Ok(id) if taken.insert(id.clone()) => {
                    links.insert(row.external_id.clone(), id.clone());
                    links.insert(id.clone(), id.clone());
                    resolved.push((id, row));
                }
                Ok(id) => rejected.push(refuse(row, Issue::new(Field::Id, IssueKind::Duplicate, id))),
                Err(issue) => rejected.push(refuse(row, issue)),
            }
        }
        let mut planned: Vec<Planned> =
            resolved.into_iter().map(|(id, row)| plan_row(id, row, held, &links)).collect();
        planned.sort_by_key(|planned| planned.number);
        rejected.sort_by_key(|rejected| rejected.number);
        Self { planned, rejected }
    }

    /// How many rows create, update and leave alone.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count =
            |wanted: fn(&Action) -> bool| self.planned.iter().filter(|row| wanted(&row.action)).count();
        (
            count(|action| *action == Action::Create),
            count(|action| matches!(action, Action::Update { .. })),
            count(|action| *action == Action::Unchanged),
        )
    }

    /// Takes the rows over into `shelf`, and says how to undo that.
    pub fn apply(&self, shelf: &mut Shelf) -> Undo {
        let mut undo = Undo::default();
        for row in &self.planned {
            let id = row.entry.id.clone();
            let mut held = Held { entry: row.entry.clone(), external_id: Some(row.external_id.clone()) };
            match shelf.remove(&id) {
                None => undo.created.push(id.clone()),
                Some(before) => {
                    held.entry.revision = before.entry.revision + u32::from(row.action != Action::Unchanged);
                    if before.external_id.is_some() {
                        held.external_id.clone_from(&before.external_id);
                    }
                    if before != held {
                        undo.before.push(before);
                    }
                }
            }
            shelf.insert(id, held);
        }
        undo
    }
}

impl Undo {
    /// Brings back what [`Plan::apply`] changed.
    pub fn apply(self, shelf: &mut Shelf) {
        for id in self.created {
            shelf.remove(&id);
        }
        for held in self.before {
            shelf.insert(held.entry.id.clone(), held);
        }
    }
}

fn refuse(row: Row, issue: Issue) -> Rejected {
    let cells = [row.external_id, row.entry.question, row.entry.answer].to_vec();
    Rejected { number: row.number, issues: vec![issue], cells }
}

/// The id of the entry that a row is.
fn target(
    row: &Row,
    held: &Shelf,
    by_external: &HashMap<&str, &str>,
    links: &HashMap<String, String>,
) -> Result<String, Issue> {
    let id = row.entry.id.as_str();
    let known = by_external.get(row.external_id.as_str()).copied();
    let conflict = |other: &str| Err(Issue::new(Field::ExternalId, IssueKind::Conflict, other));
    match (known, held.get(id)) {
        (Some(known), _) if id.is_empty() || known == id => Ok(known.to_owned()),
        (Some(known), _) => conflict(known),
        (None, Some(Held { external_id: Some(other), .. })) if *other != row.external_id && other != id => {
            // A row without an external id of its own carries its id there.
            if row.external_id == id { Ok(id.to_owned()) } else { conflict(other) }
        }
        (None, Some(_)) => Ok(id.to_owned()),
        (None, None) if !id.is_empty() => Ok(id.to_owned()),
        // A file that knows entries by the desk's own ids, under the heading 外部ID.
        (None, None) if held.contains_key(&row.external_id) => Ok(row.external_id.clone()),
        (None, None) => Ok(match &row.entry.translation_of {
            Some(original) => {
                format!("{}.{}", links.get(original).unwrap_or(original), row.entry.language)
            }
            None => format!("faq-{}", short_hash(&row.external_id)),
        }),
    }
}

fn plan_row(id: String, row: Row, held: &Shelf, links: &HashMap<String, String>) -> Planned {
    let Row { number, external_id, entry, given, mut warnings } = row;
    let before = held.get(&id);
    let wanted_status = entry.status;
    let mut after = before.map_or_else(|| entry.clone(), |held| merged(&held.entry, &entry, &given));
    after.id = id;
    // What was put away comes back as a draft; everything else keeps its place.
    let is_archived = before.is_some_and(|held| held.entry.status == Status::Archived);
    after.status = before.filter(|_| !is_archived).map_or(Status::Draft, |held| held.entry.status);
    after.revision = before.map_or(1, |held| held.entry.revision);
    if given.contains(&Field::Status) && wanted_status != after.status {
        warnings.push(Issue::new(Field::Status, IssueKind::StatusIgnored, ""));
    }
    resolve(&mut after.follow_ups, Field::FollowUps, &after.id, links, &mut warnings);
    resolve(&mut after.related, Field::Related, &after.id, links, &mut warnings);
    let mut original: Vec<String> = after.translation_of.take().into_iter().collect();
    resolve(&mut original, Field::TranslationOf, &after.id, links, &mut warnings);
    after.translation_of = original.pop();
    let action = match before {
        None => Action::Create,
        Some(held) => match changes(&held.entry, &after) {
            changed if changed.is_empty() && is_archived => Action::Update { changed: vec![Field::Status] },
            changed if changed.is_empty() => Action::Unchanged,
            changed => Action::Update { changed },
        },
    };
    Planned { number, external_id, action, entry: after, warnings }
}

/// Links by id or external id become links by id; those that lead nowhere are left out and named.
fn resolve(
    ids: &mut Vec<String>,
    field: Field,
    own: &str,
    links: &HashMap<String, String>,
    warnings: &mut Vec<Issue>,
) {
    let mut found: Vec<String> = Vec::new();
    for id in ids.drain(..) {
        match links.get(&id) {
            Some(target) if target != own && !found.contains(target) => found.push(target.clone()),
            Some(_) => {}
            None => warnings.push(Issue::new(field, IssueKind::UnknownLink, id)),
        }
    }
    *ids = found;
}

/// `before` with the fields that the file gives.
fn merged(before: &Entry, row: &Entry, given: &[Field]) -> Entry {
    let mut after = before.clone();
    for field in given {
        copy(*field, row, &mut after);
    }
    after
}

fn copy(field: Field, from: &Entry, to: &mut Entry) {
    match field {
        Field::Category1 | Field::Category2 | Field::Category3 => to.category.clone_from(&from.category),
        Field::Question => to.question.clone_from(&from.question),
        Field::Phrasings => to.phrasings.clone_from(&from.phrasings),
        Field::Answer => to.answer.clone_from(&from.answer),
        Field::Keywords => to.keywords.clone_from(&from.keywords),
        Field::Language => to.language = from.language,
        Field::ValidFrom => to.valid_from = from.valid_from,
        Field::ValidUntil => to.valid_until = from.valid_until,
        Field::ReviewBy => to.review_by = from.review_by,
        Field::Reviewed => to.reviewed = from.reviewed,
        Field::Owner => to.owner.clone_from(&from.owner),
        Field::Audience => to.audience = from.audience,
        Field::AnswerClass => to.answer_class = from.answer_class,
        Field::Related => to.related.clone_from(&from.related),
        Field::FollowUps => to.follow_ups.clone_from(&from.follow_ups),
        Field::Sources => to.sources.clone_from(&from.sources),
        Field::TranslationOf => to.translation_of.clone_from(&from.translation_of),
        Field::Id | Field::ExternalId | Field::Status | Field::Revision => {}
    }
}

/// Fields in which two states of an entry differ; status and revision are not content.
pub fn changes(before: &Entry, after: &Entry) -> Vec<Field> {
    Field::all()
        .filter(|field| !matches!(field, Field::Category2 | Field::Category3))
        .filter(|field| {
            let mut taken = before.clone();
            copy(*field, after, &mut taken);
            taken != *before
        })
        .collect()
}
