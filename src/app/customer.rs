//! Use cases of the customer: start, ask, choose, ask for a person, give feedback, look, search.

use super::{Access, App, AppError, ConversationView, Reply, Started, TurnStream};
use crate::answer::Candidate;
use crate::kb::Language;

impl App {
    /// Starts a conversation in `language` (Japanese if `None`; the first question may change it).
    ///
    /// # Errors
    /// [`AppError::Unavailable`] when it could not be stored.
    pub async fn start_conversation(&self, language: Option<Language>) -> Result<Started, AppError> {
        let _ = language;
        todo!()
    }

    /// The customer says `text`. Answers, asks back, or hands off; in the queue or with a person it only passes it on.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `ControlCharacter`, `NotFound`, `WrongToken`, `Conflict`, `Unavailable`.
    pub async fn ask(&self, access: Access<'_>, text: &str) -> Result<Reply, AppError> {
        let _ = (access, text);
        todo!()
    }

    /// The customer chooses `entry_id` among the candidates (or a follow-up of the last answer).
    ///
    /// # Errors
    /// `Refused` (`nothing_to_choose`, `not_offered`, …) and those of [`App::ask`].
    pub async fn choose(&self, access: Access<'_>, entry_id: &str) -> Result<Reply, AppError> {
        let _ = (access, entry_id);
        todo!()
    }

    /// The customer says that no candidate fits: hand-off.
    ///
    /// # Errors
    /// As [`App::choose`].
    pub async fn choose_none(&self, access: Access<'_>) -> Result<Reply, AppError> {
        let _ = access;
        todo!()
    }

    /// The customer asks for a person. Asking again while waiting or talking to one is no error.
    ///
    /// # Errors
    /// `NotFound`, `WrongToken`, `Conflict`, `Unavailable`.
    pub async fn request_person(&self, access: Access<'_>) -> Result<Reply, AppError> {
        let _ = access;
        todo!()
    }

    /// The waiting customer goes back to the bot.
    ///
    /// # Errors
    /// `Refused` unless it waits, and those of [`App::request_person`].
    pub async fn stop_waiting(&self, access: Access<'_>) -> Result<Reply, AppError> {
        let _ = access;
        todo!()
    }

    /// "Resolved?" on the bot's answer `turn` (its `seq`). Saying the same again is no error.
    ///
    /// # Errors
    /// `Refused` (`not_an_answer`) and those of [`App::request_person`].
    pub async fn feedback(&self, access: Access<'_>, turn: u64, resolved: bool) -> Result<Reply, AppError> {
        let _ = (access, turn, resolved);
        todo!()
    }

    /// The conversation as its customer sees it.
    ///
    /// # Errors
    /// `NotFound`, `WrongToken`, `Unavailable`.
    pub async fn conversation(&self, access: Access<'_>) -> Result<ConversationView, AppError> {
        let _ = access;
        todo!()
    }

    /// Turns after `after_seq` (0 = all), then each new one as it is committed; no gap, no duplicate. Never ends by
    /// itself.
    ///
    /// # Errors
    /// `NotFound`, `WrongToken`, `Unavailable`.
    pub async fn events(&self, access: Access<'_>, after_seq: u64) -> Result<TurnStream, AppError> {
        let _ = (access, after_seq);
        todo!()
    }

    /// The entries nearest to `query`, best first. An empty query finds nothing.
    ///
    /// # Errors
    /// `TooLong`, `ControlCharacter`.
    pub fn search(&self, query: &str, limit: usize) -> Result<Vec<Candidate>, AppError> {
        let _ = (query, limit);
        todo!()
    }
}
