//! Use cases of the staff at the counter: the queue, a ticket, take over, reply, return to the bot, resolve, reopen.

use tokio::sync::watch;

use super::question::clean;
use super::{App, AppError, Staff, TicketDetail, TicketFilter, TurnStream};
use crate::answer::Trace;
use crate::chat::{Agent, Conversation, Event, State};
use crate::handoff::{Ticket, TicketId, TicketState, TraceId};
use crate::store::{Role, TicketQuery};

/// How many tickets are listed unless said otherwise.
const LISTED: u32 = 200;

/// The most tickets that are listed.
const LISTED_MOST: u32 = 1_000;

impl App {
    /// Tickets that match, in queue order (urgent first, then oldest).
    ///
    /// # Errors
    /// `Forbidden` (needs agent), `Unavailable`.
    pub async fn tickets(&self, staff: &Staff, filter: &TicketFilter) -> Result<Vec<Ticket>, AppError> {
        self.must_be_agent(staff)?;
        let states = match filter.states.as_slice() {
            [] => vec![TicketState::Open, TicketState::Assigned],
            states => states.to_vec(),
        };
        let query = TicketQuery {
            states,
            queue: filter.queue.clone(),
            agent: filter.agent.clone(),
            conversation: None,
            priority: filter.priority,
            limit: if filter.limit == 0 { LISTED } else { filter.limit.min(LISTED_MOST) },
        };
        Ok(self.store.tickets(&query).await?)
    }

    /// A ticket with packet and transcript.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Unavailable`.
    pub async fn ticket(&self, staff: &Staff, ticket: &str) -> Result<TicketDetail, AppError> {
        let ticket = self.known_ticket(staff, ticket).await?;
        self.detail(ticket).await
    }

    /// Turns of the ticket's conversation after `after_seq`, then live, as [`App::events`].
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Unavailable`.
    pub async fn ticket_events(
        &self,
        staff: &Staff,
        ticket: &str,
        after_seq: u64,
    ) -> Result<TurnStream, AppError> {
        let ticket = self.known_ticket(staff, ticket).await?;
        Ok(self.turn_stream(&ticket.conversation, after_seq))
    }

    /// Changes whenever a ticket is opened or changed: the staff page reloads its list then.
    pub fn queue_changes(&self) -> watch::Receiver<u64> {
        self.hub.queue_changes()
    }

    /// Takes the ticket over. Taking one's own again is no error.
    ///
    /// # Errors
    /// `Refused` (`taken_by_other`, `already_resolved`, …), `Forbidden`, `NotFound`, `Conflict`, `Unavailable`.
    pub async fn take_over(&self, staff: &Staff, ticket: &str) -> Result<TicketDetail, AppError> {
        let ticket = self.known_ticket(staff, ticket).await?;
        let agent = Agent { id: staff.id.clone(), name: staff.name.clone() };
        let taken = self
            .act(&ticket.conversation, |conversation| {
                is_about(conversation, &ticket)?;
                Ok(self.deed(Event::TakenOver { agent: agent.clone(), ticket: ticket.id.clone() }))
            })
            .await;
        match taken {
            // One's own already: pressed twice.
            Err(AppError::Refused { code: "already_with_person", .. }) => {}
            taken => drop(taken?),
        }
        self.ticket(staff, ticket.id.as_str()).await
    }

    /// Writes to the customer as the ticket's owner.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `ControlCharacter`, `Refused` (`not_owner`, …) and those of [`App::take_over`].
    pub async fn agent_reply(
        &self,
        staff: &Staff,
        ticket: &str,
        text: &str,
    ) -> Result<TicketDetail, AppError> {
        let text = clean(text, self.limits.message_chars)?;
        let agent = staff.id.clone();
        self.change_ticket(staff, ticket, || Event::AgentReplied { agent: agent.clone(), text: text.clone() })
            .await
    }

    /// Gives the conversation back to the bot; the ticket ends.
    ///
    /// # Errors
    /// As [`App::take_over`].
    pub async fn return_to_bot(&self, staff: &Staff, ticket: &str) -> Result<TicketDetail, AppError> {
        let by = staff.id.clone();
        self.change_ticket(staff, ticket, || Event::ReturnedToBot { by: Some(by.clone()) }).await
    }

    /// Resolves the ticket.
    ///
    /// # Errors
    /// As [`App::take_over`].
    pub async fn resolve(&self, staff: &Staff, ticket: &str) -> Result<TicketDetail, AppError> {
        let by = staff.id.clone();
        self.change_ticket(staff, ticket, || Event::Resolved { by: by.clone() }).await
    }

    /// Puts a resolved ticket back in the queue.
    ///
    /// # Errors
    /// As [`App::take_over`].
    pub async fn reopen(&self, staff: &Staff, ticket: &str) -> Result<TicketDetail, AppError> {
        self.change_ticket(staff, ticket, || Event::Reopened).await
    }

    /// The Trace `id`, for staff.
    ///
    /// # Errors
    /// `NotFound` (unknown, or beyond its retention), `Unavailable`.
    pub async fn trace(&self, staff: &Staff, id: &str) -> Result<Trace, AppError> {
        let _ = staff;
        let id = TraceId::parse(id).ok_or(AppError::NotFound("trace"))?;
        self.store.trace(&id).await?.ok_or(AppError::NotFound("trace"))
    }

    fn must_be_agent(&self, staff: &Staff) -> Result<(), AppError> {
        if staff.may(Role::Agent) { Ok(()) } else { Err(AppError::Forbidden(Role::Agent)) }
    }

    async fn known_ticket(&self, staff: &Staff, id: &str) -> Result<Ticket, AppError> {
        self.must_be_agent(staff)?;
        let id = TicketId::parse(id).ok_or(AppError::NotFound("ticket"))?;
        self.store.ticket(&id).await?.ok_or(AppError::NotFound("ticket"))
    }

    async fn change_ticket(
        &self,
        staff: &Staff,
        ticket: &str,
        event: impl Fn() -> Event + Send + Sync,
    ) -> Result<TicketDetail, AppError> {
        let ticket = self.known_ticket(staff, ticket).await?;
        self.act(&ticket.conversation, |conversation| {
            is_about(conversation, &ticket)?;
            Ok(self.deed(event()))
        })
        .await?;
        self.ticket(staff, ticket.id.as_str()).await
    }

    async fn detail(&self, ticket: Ticket) -> Result<TicketDetail, AppError> {
        let stored = self.store.conversation(&ticket.conversation).await?;
        let conversation = stored.ok_or(AppError::NotFound("conversation"))?.conversation;
        let agent = match &ticket.agent {
            Some(id) => self.store.staff(id).await?.map(|staff| staff.name),
            None => None,
        };
        Ok(TicketDetail {
            agent,
            position: self.position(&ticket).await?,
            packet: self.store.packet(&ticket.id).await?,
            turns: self.transcript(&ticket.conversation).await?,
            mode: conversation.state.mode(),
            ticket,
        })
    }
}

/// Refuses unless the conversation is at `ticket` now: it may have gone on to another, or back to the bot.
fn is_about(conversation: &Conversation, ticket: &Ticket) -> Result<(), AppError> {
    let current = match &conversation.state {
        State::Waiting { ticket } | State::Person { ticket, .. } => Some(ticket),
        State::Resolved { ticket, .. } => ticket.as_ref(),
        State::Bot | State::Clarifying { .. } => None,
    };
    if current == Some(&ticket.id) {
        return Ok(());
    }
    Err(AppError::Refused {
        code: "ticket_ended",
        why: "the ticket has ended and the conversation went on".to_owned(),
    })
}
