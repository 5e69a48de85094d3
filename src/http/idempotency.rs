//! A message that a client sends again, because it did not hear the answer, is taken once: the client names it, and
//! the second request waits for the first one's result and gets the same. Kept in memory for a while, so it covers a
//! lost connection, not a restart; a client that finds a new server looks at the conversation first.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::error::ApiError;

/// How long a result is kept.
const KEEP: Duration = Duration::from_secs(600);
/// How many are kept at most.
const MAX: usize = 20_000;
/// Longest name a client may give a message.
const MAX_NAME: usize = 64;

type Slot<T> = Arc<OnceCell<T>>;

/// Results by who sent the message and the client's name for it.
pub(super) struct Once<T>(Mutex<HashMap<String, (Instant, Slot<T>)>>);

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Once<T> {
    /// The result of the message `name`: the one there was before, or else that of `act`. A failure is not kept: the
    /// client may try again. Without a name, `act` always runs. `sender` is a place and the secret that opens it:
    /// without the secret, a guessed name would give somebody else's answer away.
    pub(super) async fn once(
        &self,
        sender: (&str, &str),
        name: Option<&str>,
        act: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let Some(name) = name.filter(|name| !name.is_empty() && name.len() <= MAX_NAME) else {
            return act.await;
        };
        let slot = self.slot(format!("{} {} {name}", sender.0, sender.1));
        slot.get_or_try_init(|| act).await.cloned()
    }

    fn slot(&self, key: String) -> Slot<T> {
        let now = Instant::now();
        let mut slots = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if slots.len() >= MAX {
            slots.retain(|_, (since, _)| now.duration_since(*since) < KEEP);
        }
        if slots.len() >= MAX {
            slots.clear();
        }
        Arc::clone(&slots.entry(key).or_insert_with(|| (now, Slot::default())).1)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use axum::http::StatusCode;

    use super::*;

    #[tokio::test]
    async fn a_message_sent_twice_is_taken_once_and_a_failure_is_tried_again() {
        let (once, taken) = (Once::default(), AtomicU32::new(0));
        let act = async || Ok(taken.fetch_add(1, Ordering::Relaxed) + 1);
        let sender = ("conversation", "token");
        let failure = async { Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable")) };
        assert!(once.once(sender, Some("a"), failure).await.is_err());
        let (first, second) =
            tokio::join!(once.once(sender, Some("a"), act()), once.once(sender, Some("a"), act()));
        assert_eq!((first.expect("taken"), second.expect("the same")), (1, 1));
        assert_eq!(once.once(sender, Some("b"), act()).await.expect("another"), 2);
        assert_eq!(once.once(("conversation", "other"), Some("a"), act()).await.expect("another sender"), 3);
        assert_eq!(once.once(sender, None, act()).await.expect("unnamed"), 4);
    }
}
