//! Hand-off: the [`Ticket`] a conversation becomes in the queue, the [`Packet`] the agent gets with it, the queue's
//! order and the desk's [`calendar`]. Pure: no clock, no randomness, no SQL.

pub mod calendar;
mod id;
mod packet;
mod ticket;

pub use id::{ConversationId, StaffId, TicketId, TraceId};
pub use packet::{Clarification, Line, Packet, Rejected, Setting};
pub use ticket::{Closing, Ticket, TicketEvent, TicketRefused, TicketState, queue_order};
