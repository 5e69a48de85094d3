//! What a staff page follows: the whole queue at every change, and that something was said in one of one's own
//! conversations (for unread marks). One stream for all of them: browsers allow few connections per host.

use std::collections::HashSet;

use axum::extract::State;
use axum::response::Response;
use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use tokio::sync::watch;

use super::Web;
use super::auth::SignedInStaff;
use super::error::{ApiError, Problem};
use super::events::{self, Sender, event};
use super::staff_dto::{SaidDto, TicketsDto};
use crate::app::{AppError, TicketFilter, TurnStream};
use crate::handoff::{Ticket, TicketId, TicketState};

/// Follow the queue and one's own conversations.
#[utoipa::path(
    get, path = "/api/v1/staff/events", tag = "staff", security(("staff" = [])),
    responses(
        (status = 200, description = "Events `queue` (a TicketsDto, at once and at every change) and `said` (a SaidDto; at the start, everything said so far)", body = String, content_type = "text/event-stream"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn follow_queue(State(web): State<Web>, staff: SignedInStaff) -> Result<Response, ApiError> {
    let desk = Desk {
        changes: web.app.queue_changes(),
        web: web.clone(),
        staff,
        said: SelectAll::new(),
        followed: HashSet::new(),
    };
    Ok(events::respond(&web, |sender| async move {
        if let Err(error) = desk.run(&sender).await {
            tracing::debug!(%error, "a staff stream ended; its page reconnects");
        }
    }))
}

/// One staff page's stream.
struct Desk {
    web: Web,
    staff: SignedInStaff,
    changes: watch::Receiver<u64>,
    /// Turns of the conversations followed, with their ticket.
    said: SelectAll<futures_util::stream::BoxStream<'static, (TicketId, SaidDto)>>,
    followed: HashSet<TicketId>,
}

impl Desk {
    async fn run(mut self, sender: &Sender) -> Result<(), AppError> {
        loop {
            self.changes.borrow_and_update();
            // A session that has ended, or an account that was disabled, hears nothing more.
            let session = self.web.app.session(&self.staff.token).await?;
            let tickets = self.web.app.tickets(&session.staff, &TicketFilter::default()).await?;
            self.follow(&tickets).await?;
            let names = self.web.app.staff_names().await?;
            let tickets = TicketsDto::of(&tickets, &session.staff, &names);
            if sender.send(event("queue", &tickets)).await.is_err() {
                return Ok(());
            }
            loop {
                tokio::select! {
                    changed = self.changes.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return Ok(()),
                    },
                    Some((ticket, said)) = self.said.next(), if !self.said.is_empty() => {
                        if self.followed.contains(&ticket) && sender.send(event("said", &said)).await.is_err() {
                            return Ok(());
                        }
                    }
                }
            }
        }
    }

    /// Follows the conversations that are one's own now.
    async fn follow(&mut self, tickets: &[Ticket]) -> Result<(), AppError> {
        let staff = &self.staff.session.staff;
        let own = |ticket: &&Ticket| {
            ticket.state == TicketState::Assigned && ticket.agent.as_ref() == Some(&staff.id)
        };
        let own: HashSet<TicketId> = tickets.iter().filter(own).map(|ticket| ticket.id.clone()).collect();
        for id in own.difference(&self.followed) {
            let turns: TurnStream = self.web.app.ticket_events(staff, id.as_str(), 0).await?;
            let id = id.clone();
            let said = turns.filter_map(move |turn| {
                let said = turn.ok().map(|turn| (id.clone(), SaidDto::of(id.as_str(), &turn)));
                async move { said }
            });
            self.said.push(said.boxed());
        }
        if own.is_superset(&self.followed) {
            self.followed = own;
        } else {
            // A stream cannot be taken out of the set, so begin anew; the page knows turns by their number.
            self.said.clear();
            self.followed.clear();
            Box::pin(self.follow(tickets)).await?;
        }
        Ok(())
    }
}
