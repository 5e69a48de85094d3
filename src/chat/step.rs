//! The transition function of a conversation.

use super::{Conversation, Effect, Event, Refused};

/// The conversation after `event` at `now` (UTC milliseconds), and what to carry out.
///
/// # Errors
/// [`Refused`] with the reason; nothing changes.
pub fn step(conversation: &Conversation, event: Event, now: i64) -> Result<(Conversation, Vec<Effect>), Refused> {
    let _ = (conversation, event, now);
    todo!()
}
