//! The ticket's life: open → assigned → resolved, and back to open when it is reopened. A ticket changes only through
//! [`Ticket::apply`]; the queue's order is [`queue_order`].

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::{ConversationId, StaffId, TicketId};
use crate::answer::HandOff;
use crate::kb::{HandOffReason, Language, Priority};

/// Where a ticket is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TicketState {
    /// In the queue.
    Open,
    /// A person has it.
    Assigned,
    /// Done.
    Resolved,
}

impl TicketState {
    /// Stable name, as in API and SQL.
    pub fn name(self) -> &'static str {
        match self {
            TicketState::Open => "open",
            TicketState::Assigned => "assigned",
            TicketState::Resolved => "resolved",
        }
    }

    /// The state with this [`TicketState::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [TicketState::Open, TicketState::Assigned, TicketState::Resolved]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// How a ticket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closing {
    /// A person resolved it.
    Resolved,
    /// A person gave the conversation back to the bot.
    ReturnedToBot,
    /// The customer no longer wanted to wait.
    Withdrawn,
}

impl Closing {
    /// Stable name, as in API and SQL.
    pub fn name(self) -> &'static str {
        match self {
            Closing::Resolved => "resolved",
            Closing::ReturnedToBot => "returned_to_bot",
            Closing::Withdrawn => "withdrawn",
        }
    }

    /// The closing with this [`Closing::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Closing::Resolved, Closing::ReturnedToBot, Closing::Withdrawn]
            .into_iter()
            .find(|closing| closing.name() == name)
    }
}

/// A handed-off conversation in a queue. Times are UTC milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Id.
    pub id: TicketId,
    /// The conversation.
    pub conversation: ConversationId,
    /// Where it is in its life.
    pub state: TicketState,
    /// Why it was opened.
    pub reason: HandOffReason,
    /// How urgent it is.
    pub priority: Priority,
    /// The queue it is in.
    pub queue: String,
    /// Language of the customer.
    pub language: Language,
    /// What the customer wanted, masked, in one line.
    pub subject: String,
    /// Its owner.
    pub agent: Option<StaffId>,
    /// When it entered the queue (the last time).
    pub opened_at: i64,
    /// When a person took it (the last time).
    pub assigned_at: Option<i64>,
    /// When a person first wrote to the customer.
    pub first_reply_at: Option<i64>,
    /// When it ended, and how.
    pub closed_at: Option<i64>,
    /// How it ended.
    pub closing: Option<Closing>,
    /// How often it was reopened.
    pub reopened: u32,
}

/// What happens to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketEvent {
    /// A person takes it.
    Assigned {
        /// Who.
        agent: StaffId,
    },
    /// Its owner wrote to the customer.
    Replied,
    /// What the customer wrote makes it more urgent.
    Raised {
        /// The new priority.
        priority: Priority,
        /// Why.
        reason: HandOffReason,
        /// Where it belongs now.
        queue: String,
    },
    /// It ended.
    Closed {
        /// How.
        closing: Closing,
    },
    /// Back in the queue.
    Reopened,
}

/// Why a ticket did not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketRefused {
    /// Only an open ticket can be taken.
    #[error("the ticket is {}, not open", .0.name())]
    NotOpen(TicketState),
    /// Only an assigned ticket has an owner who writes.
    #[error("the ticket is {}, not assigned", .0.name())]
    NotAssigned(TicketState),
    /// It has already ended.
    #[error("the ticket has ended")]
    Ended,
    /// It has not ended, so it cannot be reopened.
    #[error("the ticket has not ended")]
    NotEnded,
}

impl Ticket {
    /// A ticket that enters its queue at `now`.
    pub fn open(
        id: TicketId,
        conversation: ConversationId,
        hand_off: &HandOff,
        language: Language,
        subject: String,
        now: i64,
    ) -> Self {
        Self {
            id,
            conversation,
            state: TicketState::Open,
            reason: hand_off.reason,
            priority: hand_off.priority,
            queue: hand_off.queue.clone(),
            language,
            subject,
            agent: None,
            opened_at: now,
            assigned_at: None,
            first_reply_at: None,
            closed_at: None,
            closing: None,
            reopened: 0,
        }
    }

    /// The ticket after `event` at `now`.
    ///
    /// # Errors
    /// [`TicketRefused`] when the event does not fit the state; `self` is untouched.
    pub fn apply(&self, event: &TicketEvent, now: i64) -> Result<Self, TicketRefused> {
        let mut next = self.clone();
        match (event, self.state) {
            (TicketEvent::Assigned { agent }, TicketState::Open) => {
                next.state = TicketState::Assigned;
                next.agent = Some(agent.clone());
                next.assigned_at = Some(now);
            }
            (TicketEvent::Assigned { .. }, state) => return Err(TicketRefused::NotOpen(state)),
            (TicketEvent::Replied, TicketState::Assigned) => {
                next.first_reply_at = self.first_reply_at.or(Some(now));
            }
            (TicketEvent::Replied, state) => return Err(TicketRefused::NotAssigned(state)),
            (TicketEvent::Raised { .. } | TicketEvent::Closed { .. }, TicketState::Resolved) => {
                return Err(TicketRefused::Ended);
            }
            (TicketEvent::Raised { priority, reason, queue }, _) => {
                if *priority < self.priority {
                    next.priority = *priority;
                    next.reason = *reason;
                    next.queue.clone_from(queue);
                }
            }
            (TicketEvent::Closed { closing }, _) => {
                next.state = TicketState::Resolved;
                next.closed_at = Some(now);
                next.closing = Some(*closing);
            }
            (TicketEvent::Reopened, TicketState::Resolved) => {
                next.state = TicketState::Open;
                next.agent = None;
                next.opened_at = now;
                next.assigned_at = None;
                next.closed_at = None;
                next.closing = None;
                next.reopened += 1;
            }
            (TicketEvent::Reopened, _) => return Err(TicketRefused::NotEnded),
        }
        Ok(next)
    }
}

/// The queue's order: urgent first, then the one that waits longest, then by id so that the order is total.
pub fn queue_order(a: &Ticket, b: &Ticket) -> Ordering {
    (a.priority, a.opened_at, &a.id).cmp(&(b.priority, b.opened_at, &b.id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ticket(priority: Priority, opened_at: i64) -> Ticket {
        let hand_off = HandOff {
            reason: HandOffReason::Person,
            priority,
            queue: "general".into(),
            wording: String::new(),
        };
        let conversation = ConversationId::from_bits(1);
        Ticket::open(TicketId::from_bits(2), conversation, &hand_off, Language::Ja, String::new(), opened_at)
    }

    fn events() -> impl Strategy<Value = TicketEvent> {
        prop_oneof![
            (0..3u128).prop_map(|n| TicketEvent::Assigned { agent: StaffId::from_bits(n) }),
            Just(TicketEvent::Replied),
            Just(TicketEvent::Raised {
                priority: Priority::Urgent,
                reason: HandOffReason::Security,
                queue: "security".into()
            }),
            Just(TicketEvent::Closed { closing: Closing::Resolved }),
            Just(TicketEvent::Reopened),
        ]
    }

    proptest! {
        #[test]
        fn any_events_keep_the_ticket_whole(events in prop::collection::vec(events(), 0..40)) {
            let mut now = 0;
            let mut ticket = ticket(Priority::Normal, now);
            for event in events {
                now += 1;
                if let Ok(next) = ticket.apply(&event, now) {
                    prop_assert!(next.priority <= ticket.priority, "priority never falls");
                    ticket = next;
                }
                let assigned = ticket.state == TicketState::Assigned;
                prop_assert!(!assigned || (ticket.agent.is_some() && ticket.assigned_at.is_some()));
                prop_assert_eq!(ticket.state == TicketState::Resolved, ticket.closed_at.is_some());
                prop_assert_eq!(ticket.closed_at.is_some(), ticket.closing.is_some());
                prop_assert!(ticket.state != TicketState::Open || ticket.agent.is_none());
            }
        }
    }

    #[test]
    fn urgent_tickets_come_first_and_then_the_oldest() {
        let mut queue = [
            ticket(Priority::Normal, 1),
            ticket(Priority::Urgent, 9),
            ticket(Priority::Normal, 0),
            ticket(Priority::High, 5),
        ];
        queue.sort_by(queue_order);
        assert_eq!(queue.map(|ticket| ticket.opened_at), [9, 5, 0, 1]);
    }

    #[test]
    fn two_agents_cannot_take_one_ticket() {
        let open = ticket(Priority::Normal, 0);
        let taken = open.apply(&TicketEvent::Assigned { agent: StaffId::from_bits(1) }, 1).expect("open");
        let second = taken.apply(&TicketEvent::Assigned { agent: StaffId::from_bits(2) }, 1);
        assert_eq!(second, Err(TicketRefused::NotOpen(TicketState::Assigned)));
    }
}
