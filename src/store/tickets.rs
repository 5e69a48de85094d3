//! SQL of tickets and packets.

use super::StoreError;
use super::conversations::language;
use super::dialect::{Conn, Row, int, int_or_none, json, parsed, parsed_or_none, text, to_json, unreadable};
use super::records::{TicketQuery, priority_of_rank, priority_rank};
use crate::handoff::{Closing, ConversationId, Packet, StaffId, Ticket, TicketId, TicketState};
use crate::kb::{HandOffReason, Priority};

pub(super) async fn insert(conn: &mut Conn, ticket: &Ticket, packet: &Packet) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO tickets (state, reason, priority, queue, agent, opened_at, assigned_at, first_reply_at,
                              closed_at, closing, reopened, id, conversation, language, subject)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(ticket.state.name())
    .bind(ticket.reason.name())
    .bind(priority_rank(ticket.priority))
    .bind(&ticket.queue)
    .bind(ticket.agent.as_ref().map(StaffId::as_str))
    .bind(ticket.opened_at)
    .bind(ticket.assigned_at)
    .bind(ticket.first_reply_at)
    .bind(ticket.closed_at)
    .bind(ticket.closing.map(Closing::name))
    .bind(i64::from(ticket.reopened))
    .bind(ticket.id.as_str())
    .bind(ticket.conversation.as_str())
    .bind(ticket.language.tag())
    .bind(&ticket.subject)
    .execute(&mut *conn)
    .await?;
    sqlx::query("INSERT INTO packets (ticket, packet_json) VALUES ($1, $2)")
        .bind(ticket.id.as_str())
        .bind(to_json(packet)?)
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn update(conn: &mut Conn, ticket: &Ticket) -> Result<(), StoreError> {
    let updated = sqlx::query(
        "UPDATE tickets SET state = $1, reason = $2, priority = $3, queue = $4, agent = $5, opened_at = $6,
                assigned_at = $7, first_reply_at = $8, closed_at = $9, closing = $10, reopened = $11
         WHERE id = $12",
    )
    .bind(ticket.state.name())
    .bind(ticket.reason.name())
    .bind(priority_rank(ticket.priority))
    .bind(&ticket.queue)
    .bind(ticket.agent.as_ref().map(StaffId::as_str))
    .bind(ticket.opened_at)
    .bind(ticket.assigned_at)
    .bind(ticket.first_reply_at)
    .bind(ticket.closed_at)
    .bind(ticket.closing.map(Closing::name))
    .bind(i64::from(ticket.reopened))
    .bind(ticket.id.as_str())
    .execute(conn)
    .await?;
    if updated.rows_affected() == 1 { Ok(()) } else { Err(unreadable("ticket", "it is not there")) }
}

pub(super) async fn load(conn: &mut Conn, id: &TicketId) -> Result<Option<Ticket>, StoreError> {
    let row =
        sqlx::query("SELECT * FROM tickets WHERE id = $1").bind(id.as_str()).fetch_optional(conn).await?;
    row.as_ref().map(ticket).transpose()
}

/// The states, of which there are three, are three parameters, so that one SQL text serves every filter.
pub(super) async fn list(conn: &mut Conn, query: &TicketQuery) -> Result<Vec<Ticket>, StoreError> {
    let states = [TicketState::Open, TicketState::Assigned, TicketState::Resolved];
    let wanted = states.map(|state| {
        let wanted = query.states.is_empty() || query.states.contains(&state);
        wanted.then(|| state.name())
    });
    let rows = sqlx::query(
        "SELECT * FROM tickets
         WHERE (state = $1 OR state = $2 OR state = $3)
           AND ($4 IS NULL OR queue = $4)
           AND ($5 IS NULL OR agent = $5)
           AND ($6 IS NULL OR conversation = $6)
           AND priority <= $7
         ORDER BY priority, opened_at, id LIMIT $8",
    )
    .bind(wanted[0])
    .bind(wanted[1])
    .bind(wanted[2])
    .bind(&query.queue)
    .bind(query.agent.as_ref().map(StaffId::as_str))
    .bind(query.conversation.as_ref().map(ConversationId::as_str))
    .bind(query.priority.map_or(i64::MAX, priority_rank))
    .bind(i64::from(query.limit))
    .fetch_all(conn)
    .await?;
    rows.iter().map(ticket).collect()
}

pub(super) async fn packet(conn: &mut Conn, id: &TicketId) -> Result<Option<Packet>, StoreError> {
    let row = sqlx::query("SELECT packet_json FROM packets WHERE ticket = $1")
        .bind(id.as_str())
        .fetch_optional(conn)
        .await?;
    row.map(|row| json(&row, "packet_json")).transpose()
}

pub(super) async fn waiting_before(
    conn: &mut Conn,
    queue: &str,
    priority: Priority,
    opened_at: i64,
    id: &TicketId,
) -> Result<u32, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS waiting FROM tickets
         WHERE state = 'open' AND queue = $1
           AND (priority < $2 OR (priority = $2 AND (opened_at < $3 OR (opened_at = $3 AND id < $4))))",
    )
    .bind(queue)
    .bind(priority_rank(priority))
    .bind(opened_at)
    .bind(id.as_str())
    .fetch_one(conn)
    .await?;
    Ok(u32::try_from(int(&row, "waiting")?).unwrap_or(u32::MAX))
}

fn ticket(row: &Row) -> Result<Ticket, StoreError> {
    let rank = int(row, "priority")?;
    Ok(Ticket {
        id: parsed(row, "id", TicketId::parse)?,
        conversation: parsed(row, "conversation", ConversationId::parse)?,
        state: parsed(row, "state", TicketState::from_name)?,
        reason: parsed(row, "reason", HandOffReason::from_name)?,
        priority: priority_of_rank(rank)
            .ok_or_else(|| unreadable("priority", format!("{rank} is not one")))?,
        queue: text(row, "queue")?,
        language: language(row)?,
        subject: text(row, "subject")?,
        agent: parsed_or_none(row, "agent", StaffId::parse)?,
        opened_at: int(row, "opened_at")?,
        assigned_at: int_or_none(row, "assigned_at")?,
        first_reply_at: int_or_none(row, "first_reply_at")?,
        closed_at: int_or_none(row, "closed_at")?,
        closing: parsed_or_none(row, "closing", Closing::from_name)?,
        reopened: u32::try_from(int(row, "reopened")?).unwrap_or(u32::MAX),
    })
}
