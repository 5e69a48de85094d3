//! Use cases of the staff at the counter: the queue, a ticket, take over, reply, return to the bot, resolve, reopen.

use tokio::sync::watch;

use super::{App, AppError, Staff, TicketDetail, TicketFilter, TurnStream};
use crate::answer::Trace;
use crate::handoff::Ticket;

impl App {
    /// Tickets that match, in queue order (urgent first, then oldest).
    ///
    /// # Errors
    /// `Forbidden` (needs agent), `Unavailable`.
    pub async fn tickets(&self, staff: &Staff, filter: &TicketFilter) -> Result<Vec<Ticket>, AppError> {
        let _ = (staff, filter);
        todo!()
    }

    /// A ticket with packet and transcript.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Unavailable`.
    pub async fn ticket(&self, staff: &Staff, ticket: &str) -> Result<TicketDetail, AppError> {
        let _ = (staff, ticket);
        todo!()
    }

    /// Turns of the ticket's conversation after `after_seq`, then live, as [`App::events`].
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Unavailable`.
    pub async fn ticket_events(&self, staff: &Staff, ticket: &str, after_seq: u64) -> Result<TurnStream, AppError> {
        let _ = (staff, ticket, after_seq);
        todo!()
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
        let _ = (staff, ticket);
        todo!()
    }

    /// Writes to the customer as the ticket's owner.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `ControlCharacter`, `Refused` (`not_owner`, …) and those of [`App::take_over`].
    pub async fn agent_reply(&self, staff: &Staff, ticket: &str, text: &str) -> Result<TicketDetail, AppError> {
        let _ = (staff, ticket, text);
        todo!()
    }

    /// Gives the conversation back to the bot; the ticket ends.
    ///
    /// # Errors
    /// As [`App::take_over`].
    pub async fn return_to_bot(&self, staff: &Staff, ticket: &str) -> Result<TicketDetail, AppError> {
        let _ = (staff, ticket);
        todo!()
    }

    /// Resolves the ticket.
    ///
    /// # Errors
    /// As [`App::take_over`].
    pub async fn resolve(&self, staff: &Staff, ticket: &str) -> Result<TicketDetail, AppError> {
        let _ = (staff, ticket);
        todo!()
    }

    /// Puts a resolved ticket back in the queue.
    ///
    /// # Errors
    /// As [`App::take_over`].
    pub async fn reopen(&self, staff: &Staff, ticket: &str) -> Result<TicketDetail, AppError> {
        let _ = (staff, ticket);
        todo!()
    }

    /// The Trace `id`, for staff.
    ///
    /// # Errors
    /// `NotFound` (unknown, or beyond its retention), `Unavailable`.
    pub async fn trace(&self, staff: &Staff, id: &str) -> Result<Trace, AppError> {
        let _ = (staff, id);
        todo!()
    }
}
