//! Order within a conversation: what happens to one conversation happens one after the other, in order of arrival.
//! Locks are striped, so nothing has to be cleaned up; two conversations rarely share one.

use std::hash::{BuildHasher, RandomState};

use tokio::sync::{Mutex, MutexGuard};

use crate::handoff::ConversationId;

/// More than the conversations that are written at the same moment.
const STRIPES: usize = 256;

/// Waits in line for a conversation.
pub(super) struct Order {
    stripes: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Default for Order {
    fn default() -> Self {
        Self { stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(), hasher: RandomState::new() }
    }
}

impl Order {
    /// Waits until nobody else acts on `id`; others wait while the guard lives.
    pub(super) async fn wait_for(&self, id: &ConversationId) -> MutexGuard<'_, ()> {
        let stripe = self.hasher.hash_one(id.as_str()) as usize % STRIPES;
        self.stripes[stripe].lock().await
    }
}
