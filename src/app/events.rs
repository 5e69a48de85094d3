//! Live events. Listeners are only told that something was committed; what it was they read from the store, after the
//! last turn they have. So a stream has no gap and no duplicate, however slow the listener.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::{Stream, stream};
use tokio::sync::watch;

use super::{App, AppError};
use crate::chat::Turn;
use crate::handoff::ConversationId;
use crate::store::Store;

/// Turns of a conversation, as they are committed. An error ends it; the client resumes from its last `seq`.
pub type TurnStream = Pin<Box<dyn Stream<Item = Result<Turn, AppError>> + Send>>;

/// How many turns are read from the store at once.
const BATCH: u32 = 100;

/// Who listens to what. Holds no turns.
pub(super) struct Hub {
    conversations: Mutex<HashMap<ConversationId, watch::Sender<u64>>>,
    queue: watch::Sender<u64>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { conversations: Mutex::default(), queue: watch::Sender::new(0) }
    }
}

impl Hub {
    fn subscribe(&self, id: &ConversationId) -> watch::Receiver<u64> {
        let mut conversations = self.conversations.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        conversations.retain(|_, sender| sender.receiver_count() > 0);
        conversations.entry(id.clone()).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// Tells the listeners of `id` that turns up to `last_seq` are committed.
    pub(super) fn tell_conversation(&self, id: &ConversationId, last_seq: u64) {
        let conversations = self.conversations.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(sender) = conversations.get(id) {
            sender.send_modify(|seq| *seq = last_seq.max(*seq));
        }
    }

    /// Tells the staff that a ticket changed.
    pub(super) fn tell_queue(&self) {
        self.queue.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(super) fn queue_changes(&self) -> watch::Receiver<u64> {
        self.queue.subscribe()
    }
}

struct Reader {
    store: Arc<dyn Store>,
    id: ConversationId,
    last: u64,
    ready: VecDeque<Turn>,
    changed: watch::Receiver<u64>,
}

impl Reader {
    /// The next turn, waiting for it if need be; `None` when the app is gone.
    async fn next(&mut self) -> Option<Result<Turn, AppError>> {
        loop {
            if let Some(turn) = self.ready.pop_front() {
                self.last = turn.seq;
                return Some(Ok(turn));
            }
            // Mark the news as seen before reading: what is committed after this line wakes us again.
            self.changed.borrow_and_update();
            match self.store.turns(&self.id, self.last, BATCH).await {
                Ok(turns) if turns.is_empty() => self.changed.changed().await.ok()?,
                Ok(turns) => self.ready.extend(turns),
                Err(error) => return Some(Err(error.into())),
            }
        }
    }
}

impl App {
    /// Turns of `id` after `after_seq`, stored ones first, then as they come.
    pub(super) fn turn_stream(&self, id: &ConversationId, after_seq: u64) -> TurnStream {
        let reader = Reader {
            store: Arc::clone(&self.store),
            id: id.clone(),
            last: after_seq,
            ready: VecDeque::new(),
            changed: self.hub.subscribe(id),
        };
        Box::pin(stream::unfold(Some(reader), |reader| async move {
            let mut reader = reader?;
            match reader.next().await? {
                Ok(turn) => Some((Ok(turn), Some(reader))),
                Err(error) => Some((Err(error), None)),
            }
        }))
    }
}
