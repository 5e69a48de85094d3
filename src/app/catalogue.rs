//! Every entry's place in life and head in short, kept in memory so that lists are quick, and brought up to date from
//! the store by its content mark, which other processes move too.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLock};

use super::AppError;
use crate::store::{EntryRecord, Store, Usage};

/// Entries by id.
pub(super) type Records = BTreeMap<String, Arc<EntryRecord>>;

/// How long counted usage is good for, milliseconds.
const USAGE_AGE: i64 = 60_000;
/// Usage is counted over this time before now, milliseconds: 90 days.
pub(super) const USAGE_SPAN: i64 = 90 * 24 * 60 * 60 * 1_000;

/// Usage by entry and when it was counted, UTC milliseconds.
type Counted = (i64, Arc<HashMap<String, Usage>>);

#[derive(Default)]
pub(super) struct Catalogue {
    state: RwLock<State>,
    refreshing: tokio::sync::Mutex<()>,
    usage: RwLock<Option<Counted>>,
}

#[derive(Default, Clone)]
struct State {
    mark: i64,
    records: Arc<Records>,
}

impl Catalogue {
    /// All entries as they are now.
    pub(super) async fn records(&self, store: &dyn Store) -> Result<Arc<Records>, AppError> {
        let mark = store.content_mark().await?;
        let known = self.state();
        if known.mark >= mark {
            return Ok(known.records);
        }
        let _one = self.refreshing.lock().await;
        let mut state = self.state();
        // Read before the rows: a change between the two is read again next time.
        let mark = store.content_mark().await?;
        if state.mark < mark {
            let changed = store.entries_changed_after(state.mark).await?;
            let records = Arc::make_mut(&mut state.records);
            for record in changed {
                records.insert(record.id.clone(), Arc::new(record));
            }
            state.mark = mark;
            *self.state.write().unwrap_or_else(|poisoned| poisoned.into_inner()) = state.clone();
        }
        Ok(state.records)
    }

    /// How entries did lately, at most a minute old.
    pub(super) async fn usage(
        &self,
        store: &dyn Store,
        now: i64,
    ) -> Result<Arc<HashMap<String, Usage>>, AppError> {
        let known = self.usage.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone();
        if let Some((_, usage)) = known.filter(|(counted, _)| (0..USAGE_AGE).contains(&(now - counted))) {
            return Ok(usage);
        }
        let usage = Arc::new(store.usage(now - USAGE_SPAN).await?);
        *self.usage.write().unwrap_or_else(|poisoned| poisoned.into_inner()) =
            Some((now, Arc::clone(&usage)));
        Ok(usage)
    }

    fn state(&self) -> State {
        self.state.read().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}
