//! Colliding phrasings: every wording of the changed entries and of their neighbours is asked, and those that lead to
//! another entry, or to asking back between both, are named.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Question, Served};
use crate::answer::{Ask, Decision};

/// Neighbours looked at for each phrasing of a changed entry.
const NEIGHBOURS: usize = 3;
/// Most phrasings asked.
const MAX_PHRASINGS: usize = 2_000;

/// What becomes of a phrasing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollisionKind {
    /// Another entry answers it.
    Taken,
    /// The desk asks back between its own entry and another.
    Contested,
}

/// A phrasing for which two entries compete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Collision {
    /// What becomes of it.
    pub kind: CollisionKind,
    /// The entry whose phrasing it is.
    pub entry: String,
    /// The phrasing.
    pub phrasing: String,
    /// The other entry.
    pub rival: String,
    /// Whether it was so before.
    pub is_new: bool,
}

/// The phrasings to ask: entry and text.
pub(super) struct Phrasings(Vec<(String, String)>);

impl Phrasings {
    /// Those of the changed entries and of the entries nearest to them.
    pub(super) fn of(question: &Question<'_>) -> Self {
        let after = question.after;
        let mut entries: BTreeSet<String> = BTreeSet::new();
        for id in question.changed {
            let near: Vec<Vec<String>> = texts(after, id)
                .par_iter()
                .map(|text| after.search(text, NEIGHBOURS).into_iter().map(|found| found.entry_id).collect())
                .collect();
            entries.extend(near.into_iter().flatten());
        }
        let rest = entries.into_iter().filter(|id| !question.changed.contains(id));
        let all = question.changed.iter().cloned().chain(rest);
        let phrasings = all.flat_map(|id| texts(after, &id).into_iter().map(move |text| (id.clone(), text)));
        Self(phrasings.take(MAX_PHRASINGS).collect())
    }

    /// Questions that [`Phrasings::collisions`] asks.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Collisions, new ones first.
    pub(super) fn collisions(&self, question: &Question<'_>, tick: &(dyn Fn() + Sync)) -> Vec<Collision> {
        let check = |(entry, phrasing): &(String, String)| {
            tick();
            let (kind, rival) = collision(question.after, entry, phrasing)?;
            let before = question.before.snapshot().entry(entry);
            let had =
                before.is_some_and(|held| held.question == *phrasing || held.phrasings.contains(phrasing));
            let was = had.then(|| collision(question.before, entry, phrasing)).flatten();
            let is_new = was != Some((kind, rival.clone()));
            // What was so before and concerns no changed entry is not this publication's doing.
            let concerns = question.changed.iter().any(|id| *id == *entry || *id == rival);
            (is_new || concerns).then(|| Collision {
                kind,
                entry: entry.clone(),
                phrasing: phrasing.clone(),
                rival,
                is_new,
            })
        };
        let mut found: Vec<Collision> = self.0.par_iter().filter_map(check).collect();
        found.sort_by(|a, b| {
            b.is_new.cmp(&a.is_new).then(a.kind.cmp(&b.kind)).then_with(|| a.entry.cmp(&b.entry))
        });
        found
    }
}

fn texts(engine: &dyn Served, id: &str) -> Vec<String> {
    let entry = engine.snapshot().entry(id);
    entry.map_or_else(Vec::new, |entry| {
        std::iter::once(&entry.question).chain(&entry.phrasings).cloned().collect()
    })
}

/// What becomes of the entry's own phrasing, if not an answer with the entry.
fn collision(engine: &dyn Served, entry: &str, phrasing: &str) -> Option<(CollisionKind, String)> {
    let topic_of =
        |id: &str| engine.snapshot().entry(id).map_or_else(|| id.to_owned(), |e| e.topic().to_owned());
    let own = topic_of(entry);
    match engine.answer(&Ask { text: phrasing, ..Ask::default() }).decision {
        Decision::Answer { entry_id, .. } if topic_of(&entry_id) != own => {
            Some((CollisionKind::Taken, entry_id))
        }
        Decision::Clarify { candidates } => {
            let rival = candidates.iter().find(|candidate| topic_of(&candidate.entry_id) != own)?;
            Some((CollisionKind::Contested, rival.entry_id.clone()))
        }
        _ => None,
    }
}
