//! The list of entries: searched through the engine itself, filtered, ordered, in pages.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::civil::Date;

use super::catalogue::Records;
use super::curation_types::{EntryFilter, EntryPage, EntryState, ListedEntry, SortBy};
use super::{App, AppError, Staff};
use crate::kb::Status;
use crate::store::{EntryRecord, Usage};

/// Entries a page unless said otherwise, and at most.
const PER_PAGE: usize = 50;
const PER_PAGE_MOST: usize = 200;
/// How many entries the engine is asked for.
const FOUND_MOST: usize = 200;

impl App {
    /// The entries that match, a page of them.
    ///
    /// # Errors
    /// `TooLong` (the query), `Unavailable`.
    pub async fn entries(&self, staff: &Staff, filter: &EntryFilter) -> Result<EntryPage, AppError> {
        let _ = staff;
        let length = filter.query.chars().count();
        if length > self.limits.query_chars {
            return Err(AppError::TooLong { length, limit: self.limits.query_chars });
        }
        let records = self.catalogue.records(self.store.as_ref()).await?;
        let usage = self.catalogue.usage(self.store.as_ref(), self.now()).await?;
        let today = self.today();
        let listed = |record: &Arc<EntryRecord>| ListedEntry {
            usage: usage.get(&record.id).copied().unwrap_or_default(),
            review_due: is_review_due(record, today),
            record: Arc::clone(record),
        };
        let mut entries: Vec<ListedEntry> = match self.ranked(&filter.query, &records) {
            Some(ranked) => ranked.iter().map(listed).collect(),
            None => records.values().map(listed).collect(),
        };
        entries.retain(|entry| matches(entry, filter));
        order(&mut entries, filter);
        let total = entries.len();
        let per_page = if filter.per_page == 0 { PER_PAGE } else { filter.per_page.min(PER_PAGE_MOST) };
        let pages = total.div_ceil(per_page).max(1);
        let page = filter.page.clamp(1, pages);
        let entries = entries.into_iter().skip((page - 1) * per_page).take(per_page).collect();
        let (categories, owners) = facets(&records);
        Ok(EntryPage { entries, total, page, pages, counts: counts(&records), categories, owners })
    }

    /// Entries that fit the words, best first: what the engine finds among the published, and every other entry whose
    /// id, question, category or owner contains each word. `None` without words.
    fn ranked(&self, query: &str, records: &Records) -> Option<Vec<Arc<EntryRecord>>> {
        let query = query.trim();
        if query.is_empty() {
            return None;
        }
        let answerer = self.answerer();
        let found =
            catch_unwind(AssertUnwindSafe(|| answerer.search(query, FOUND_MOST))).unwrap_or_else(|_| {
                tracing::error!("the engine's search panicked; entries are searched by their words only");
                Vec::new()
            });
        let words: Vec<String> = query.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let mut seen = BTreeSet::new();
        let exact = records.get(query).into_iter();
        let by_engine = found.iter().filter_map(|candidate| records.get(&candidate.entry_id));
        let by_words = records.values().filter(|record| {
            let text = searchable(record);
            words.iter().all(|word| text.contains(word.as_str()))
        });
        let ranked = exact.chain(by_engine).chain(by_words).filter(|record| seen.insert(record.id.clone()));
        Some(ranked.map(Arc::clone).collect())
    }
}

fn searchable(record: &EntryRecord) -> String {
    let summary = &record.summary;
    let external = record.external_id.as_deref().unwrap_or_default();
    let parts =
        [record.id.as_str(), &summary.question, &summary.owner, external, &summary.category.join("/")];
    parts.join("\n").to_lowercase()
}

/// Whether an entry that customers get, or that is on its way to them, should be looked at again.
pub(super) fn is_review_due(record: &EntryRecord, today: Date) -> bool {
    record.life.status != Status::Archived && record.summary.review_by.is_some_and(|day| day <= today)
}

/// Whether an entry is in a state.
fn is_in(record: &EntryRecord, state: EntryState) -> bool {
    match state {
        EntryState::Head(status) => record.life.status == status,
        EntryState::Live => record.life.live.is_some(),
        EntryState::Newer => record.life.has_newer(),
        EntryState::Scheduled => record.life.publish_at.is_some(),
    }
}

fn matches(entry: &ListedEntry, filter: &EntryFilter) -> bool {
    let ListedEntry { record, usage, review_due } = entry;
    let summary = &record.summary;
    let is_below = |category: &str| {
        let path = summary.category.join("/");
        path == category || path.starts_with(&format!("{category}/"))
    };
    filter.state.is_none_or(|state| is_in(record, state))
        && filter.category.as_deref().is_none_or(is_below)
        && filter.language.is_none_or(|language| summary.language == language)
        && filter.owner.as_deref().is_none_or(|owner| summary.owner == owner)
        && (!filter.review_due || *review_due)
        && (!filter.never_asked || (record.life.live.is_some() && usage.answered == 0))
        && (!filter.low_satisfaction || usage.unresolved > usage.resolved)
}

fn order(entries: &mut [ListedEntry], filter: &EntryFilter) {
    let sort = match filter.sort {
        // The engine's order.
        None if !filter.query.trim().is_empty() => {
            return if filter.reversed {
                entries.reverse()
            };
        }
        None => SortBy::Changed,
        Some(sort) => sort,
    };
    let far = Date::MAX;
    let question = |entry: &ListedEntry| entry.record.summary.question.clone();
    match sort {
        SortBy::Changed => entries
            .sort_by(|a, b| (b.record.changed_at, &a.record.id).cmp(&(a.record.changed_at, &b.record.id))),
        SortBy::Category => {
            entries.sort_by_cached_key(|entry| (entry.record.summary.category.clone(), question(entry)));
        }
        SortBy::Question => entries.sort_by_cached_key(question),
        SortBy::Review => {
            entries
                .sort_by_cached_key(|entry| (entry.record.summary.review_by.unwrap_or(far), question(entry)));
        }
        SortBy::Answered => {
            entries.sort_by_cached_key(|entry| (std::cmp::Reverse(entry.usage.answered), question(entry)));
        }
        SortBy::Satisfaction => {
            entries.sort_by_cached_key(|entry| (helpfulness(entry.usage), question(entry)))
        }
    }
    if filter.reversed {
        entries.reverse();
    }
}

/// Least helpful first; entries nobody judged come last. Few votes count little: one of each kind is assumed.
fn helpfulness(usage: Usage) -> u64 {
    let votes = usage.resolved + usage.unresolved;
    if votes == 0 { u64::MAX } else { (usage.resolved + 1) * 1_000 / (votes + 2) }
}

fn counts(records: &Records) -> Vec<(EntryState, usize)> {
    let others = [EntryState::Newer, EntryState::Scheduled];
    let states = Status::ALL.map(EntryState::Head).into_iter().chain(others);
    states.map(|state| (state, records.values().filter(|record| is_in(record, state)).count())).collect()
}

/// Categories with all their parents, and owners.
fn facets(records: &Records) -> (Vec<String>, Vec<String>) {
    let mut paths = HashMap::<&[String], ()>::new();
    let mut owners = BTreeSet::new();
    for record in records.values() {
        let category = &record.summary.category;
        for depth in 1..=category.len() {
            paths.insert(&category[..depth], ());
        }
        if !record.summary.owner.is_empty() {
            owners.insert(record.summary.owner.as_str());
        }
    }
    let categories: BTreeSet<String> = paths.into_keys().map(|path| path.join("/")).collect();
    (categories.into_iter().collect(), owners.into_iter().map(str::to_owned).collect())
}
