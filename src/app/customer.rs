//! Use cases of the customer: start, ask, choose, ask for a person, give feedback, look, search.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::commit::{Deed, Done};
use super::question::{asked, clean, quote};
use super::tokens::{hash_token, is_token_of, random_token};
use super::{Access, App, AppError, ConversationView, Reply, Started, TurnStream};
use crate::answer::Candidate;
use crate::chat::{Conversation, Event, Refused};
use crate::handoff::{ConversationId, TicketId, TraceId};
use crate::kb::Language;
use crate::store::{Created, StoredConversation};

/// The most entries a search gives.
const SEARCH_MOST: usize = 50;

impl App {
    /// Starts a conversation in `language` (Japanese if `None`; the first question may change it).
    ///
    /// # Errors
    /// [`AppError::Unavailable`] when it could not be stored.
    pub async fn start_conversation(&self, language: Option<Language>) -> Result<Started, AppError> {
        let id = ConversationId::from_bits(rand::random());
        let token = random_token();
        let language = language.unwrap_or_default();
        let conversation = Conversation::new(id.clone(), language, self.now());
        self.store.create_conversation(&Created { conversation, token_hash: hash_token(&token) }).await?;
        Ok(Started { id, token, language })
    }

    /// The customer says `text`. Answers, asks back, or hands off; in the queue or with a person it only passes it on.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `ControlCharacter`, `NotFound`, `WrongToken`, `Conflict`, `Unavailable`.
    pub async fn ask(&self, access: Access<'_>, text: &str) -> Result<Reply, AppError> {
        let text = clean(text, self.limits.message_chars)?;
        let id = self.open(access).await?;
        let ids = (TraceId::from_bits(rand::random()), TicketId::from_bits(rand::random()));
        let done = self
            .act(&id, |conversation| {
                let answerer = self.answerer();
                Ok(asked(answerer.as_ref(), conversation, &text, ids.clone()))
            })
            .await?;
        self.reply(done).await
    }

    /// The customer chooses `entry_id` among the candidates (or a follow-up of the last answer).
    ///
    /// # Errors
    /// `Refused` (`nothing_to_choose`, `not_offered`, …) and those of [`App::ask`].
    pub async fn choose(&self, access: Access<'_>, entry_id: &str) -> Result<Reply, AppError> {
        let id = self.open(access).await?;
        let done = self
            .act(&id, |_| {
                let snapshot = self.snapshot();
                let quoted = quote(&snapshot, entry_id).ok_or_else(|| {
                    AppError::from(Refused::NotOffered(entry_id.chars().take(80).collect()))
                })?;
                Ok(Deed { event: Event::Chosen { quoted }, snapshot, decided: None })
            })
            .await?;
        self.reply(done).await
    }

    /// The customer says that no candidate fits: hand-off.
    ///
    /// # Errors
    /// As [`App::choose`].
    pub async fn choose_none(&self, access: Access<'_>) -> Result<Reply, AppError> {
        let id = self.open(access).await?;
        let ticket = TicketId::from_bits(rand::random());
        let done = self.act(&id, |_| Ok(self.deed(Event::NoneOfThese { ticket: ticket.clone() }))).await?;
        self.reply(done).await
    }

    /// The customer asks for a person. Asking again while waiting or talking to one is no error.
    ///
    /// # Errors
    /// `NotFound`, `WrongToken`, `Conflict`, `Unavailable`.
    pub async fn request_person(&self, access: Access<'_>) -> Result<Reply, AppError> {
        let id = self.open(access).await?;
        let ticket = TicketId::from_bits(rand::random());
        match self.act(&id, |_| Ok(self.deed(Event::PersonRequested { ticket: ticket.clone() }))).await {
            // Pressed twice: the customer already waits or talks to one.
            Err(AppError::Refused { code: "already_waiting" | "already_with_person", .. }) => {
                let conversation = self.opened(access).await?.conversation;
                self.reply(Done::nothing(conversation, self.snapshot())).await
            }
            done => self.reply(done?).await,
        }
    }

    /// The waiting customer goes back to the bot.
    ///
    /// # Errors
    /// `Refused` unless it waits, and those of [`App::request_person`].
    pub async fn stop_waiting(&self, access: Access<'_>) -> Result<Reply, AppError> {
        let id = self.open(access).await?;
        let done = self.act(&id, |_| Ok(self.deed(Event::ReturnedToBot { by: None }))).await?;
        self.reply(done).await
    }

    /// "Resolved?" on the bot's answer `turn` (its `seq`). Saying the same again is no error.
    ///
    /// # Errors
    /// `Refused` (`not_an_answer`) and those of [`App::request_person`].
    pub async fn feedback(&self, access: Access<'_>, turn: u64, resolved: bool) -> Result<Reply, AppError> {
        let id = self.open(access).await?;
        let done = self.act(&id, |_| Ok(self.deed(Event::Feedback { turn, resolved }))).await?;
        self.reply(done).await
    }

    /// The conversation as its customer sees it.
    ///
    /// # Errors
    /// `NotFound`, `WrongToken`, `Unavailable`.
    pub async fn conversation(&self, access: Access<'_>) -> Result<ConversationView, AppError> {
        let stored = self.opened(access).await?;
        let conversation = stored.conversation;
        let turns = self.transcript(&conversation.id).await?;
        let feedback =
            conversation.given.iter().filter_map(|(seq, given)| Some((*seq, given.resolved?))).collect();
        let ticket = self.ticket_view(&conversation, None, &self.snapshot()).await?;
        Ok(ConversationView {
            mode: conversation.state.mode(),
            language: conversation.language,
            id: conversation.id,
            turns,
            feedback,
            ticket,
        })
    }

    /// Turns after `after_seq` (0 = all), then each new one as it is committed; no gap, no duplicate. Never ends by
    /// itself.
    ///
    /// # Errors
    /// `NotFound`, `WrongToken`, `Unavailable`.
    pub async fn events(&self, access: Access<'_>, after_seq: u64) -> Result<TurnStream, AppError> {
        let id = self.open(access).await?;
        Ok(self.turn_stream(&id, after_seq))
    }

    /// The entries nearest to `query`, best first. An empty query finds nothing.
    ///
    /// # Errors
    /// `TooLong`, `ControlCharacter`.
    pub fn search(&self, query: &str, limit: usize) -> Result<Vec<Candidate>, AppError> {
        let query = match clean(query, self.limits.query_chars) {
            Err(AppError::Empty) => return Ok(Vec::new()),
            query => query?,
        };
        let answerer = self.answerer();
        let found = catch_unwind(AssertUnwindSafe(|| answerer.search(&query, limit.min(SEARCH_MOST))));
        Ok(found.unwrap_or_else(|_| {
            tracing::error!("the search panicked; finding nothing");
            Vec::new()
        }))
    }

    /// The conversation, if the token opens it.
    async fn opened(&self, access: Access<'_>) -> Result<StoredConversation, AppError> {
        let id = ConversationId::parse(access.id).ok_or(AppError::NotFound("conversation"))?;
        let stored = self.store.conversation(&id).await?.ok_or(AppError::NotFound("conversation"))?;
        if is_token_of(access.token, &stored.token_hash) { Ok(stored) } else { Err(AppError::WrongToken) }
    }

    async fn open(&self, access: Access<'_>) -> Result<ConversationId, AppError> {
        Ok(self.opened(access).await?.conversation.id)
    }

    /// An event on which the engine has no say.
    pub(super) fn deed(&self, event: Event) -> Deed {
        Deed { event, snapshot: self.snapshot(), decided: None }
    }
}
