//! The shapes of the staff API, converted by hand from the domain's types. Times are RFC 3339 in UTC.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::dto::{TurnDto, time};
use crate::answer::Trace;
use crate::answer::trace::TraceCandidate;
use crate::app::{Session, Staff, TicketDetail};
use crate::chat::{Speaker, Turn};
use crate::handoff::{Clarification, Packet, Rejected, StaffId, Ticket};
use crate::kb::Priority;

/// Who is signed in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MeDto {
    /// Id.
    pub id: String,
    /// Name they sign in with.
    pub login: String,
    /// Name customers see.
    pub name: String,
    /// What they may do.
    pub roles: Vec<String>,
    /// Send it as `X-CSRF-Token` with every changing request.
    pub csrf: String,
    /// When the session ends.
    pub expires_at: String,
}

/// Which tickets to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TicketsQuery {
    /// `open`, `assigned`, `resolved`, several with commas; open and assigned if absent.
    pub state: Option<String>,
    /// Only this queue.
    pub queue: Option<String>,
    /// Only one's own.
    pub mine: Option<bool>,
    /// Only at least as urgent: `urgent`, `high`, `normal`.
    pub priority: Option<String>,
    /// At most this many; 200 if absent.
    pub limit: Option<u32>,
}

/// Tickets in queue order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TicketsDto {
    /// The tickets.
    pub tickets: Vec<TicketRowDto>,
}

/// A ticket in the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TicketRowDto {
    /// Id.
    pub id: String,
    /// `open`, `assigned` or `resolved`.
    pub state: String,
    /// Why it was opened.
    pub reason: String,
    /// `urgent`, `high` or `normal`.
    pub priority: String,
    /// The queue it is in.
    pub queue: String,
    /// Language of the customer.
    pub language: String,
    /// What the customer wanted, masked, in one line.
    pub subject: String,
    /// Id of its owner.
    pub agent: Option<String>,
    /// Name of its owner.
    pub agent_name: Option<String>,
    /// Whether it is the caller's own.
    pub mine: bool,
    /// When it entered the queue (the last time).
    pub opened_at: String,
    /// When a person took it (the last time).
    pub assigned_at: Option<String>,
    /// When a person first wrote to the customer.
    pub first_reply_at: Option<String>,
    /// When it ended.
    pub closed_at: Option<String>,
    /// How it ended: `resolved`, `returned_to_bot` or `withdrawn`.
    pub closing: Option<String>,
    /// How often it was reopened.
    pub reopened: u32,
}

/// A ticket with everything its agent needs.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TicketDetailDto {
    /// The ticket.
    pub ticket: TicketRowDto,
    /// Place in the queue from 1, while it is open.
    pub position: Option<u32>,
    /// Who owns the conversation now.
    pub mode: String,
    /// The context made at the hand-off.
    pub packet: Option<PacketDto>,
    /// The conversation so far, oldest first.
    pub turns: Vec<TurnDto>,
}

/// What the desk knew at the hand-off. Texts are masked.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PacketDto {
    /// The question that led to the hand-off, normalised.
    pub question: String,
    /// Why.
    pub reason: String,
    /// The rule that fired, if one did.
    pub rule: Option<String>,
    /// Probability that the best candidate answers.
    pub confidence: Option<f32>,
    /// Category of the best candidate: a guess.
    pub category: Vec<String>,
    /// How urgent.
    pub priority: String,
    /// Language of the customer.
    pub language: String,
    /// The best candidates and why the bot did not answer with them.
    pub candidates: Vec<RejectedDto>,
    /// What the bot asked back.
    pub clarifications: Vec<ClarificationDto>,
    /// The conversation up to the hand-off.
    pub transcript: Vec<LineDto>,
    /// Kinds of personal data that were masked.
    pub masked: Vec<String>,
}

/// An entry the bot looked at and did not answer with.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RejectedDto {
    /// The entry.
    pub entry_id: String,
    /// Its question.
    pub question: String,
    /// Ranker's score.
    pub score: f32,
    /// BM25 score, if the lexical retriever found it.
    pub lexical: Option<f32>,
    /// Cosine, if the dense retriever found it.
    pub dense: Option<f32>,
    /// Why not, in Japanese.
    pub why: String,
}

/// One time the bot asked back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ClarificationDto {
    /// The questions offered.
    pub offered: Vec<String>,
    /// The one chosen.
    pub chosen: Option<String>,
}

/// One line of the transcript.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LineDto {
    /// Position in the conversation.
    pub seq: u64,
    /// When.
    pub at: String,
    /// `customer`, `bot`, `agent` or `desk`.
    pub who: String,
    /// What, masked.
    pub text: String,
}

/// A reply to the customer.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AgentReply {
    /// What to write.
    pub text: String,
    /// The client's own name for this message: sent again under the same name, it is written once.
    pub client_id: Option<String>,
}

/// Something was said in one of the caller's conversations; enough for unread marks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SaidDto {
    /// The ticket.
    pub ticket: String,
    /// Position in its conversation.
    pub seq: u64,
    /// Who.
    pub who: String,
    /// When.
    pub at: String,
}

/// Why the bot decided as it did.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TraceDto {
    /// The question after normalisation.
    pub normalized: String,
    /// Language of the question.
    pub language: String,
    /// Index terms of the question.
    pub tokens: Vec<String>,
    /// Synonyms added.
    pub expansions: Vec<String>,
    /// What completed a follow-up.
    pub completed_with: Option<String>,
    /// The rule that fired.
    pub rule: Option<String>,
    /// Candidates as ranked.
    pub candidates: Vec<TraceCandidateDto>,
    /// Features of the confidence.
    pub features: BTreeMap<String, f32>,
    /// Probability that the best candidate answers.
    pub confidence: f32,
    /// `answer`, `clarify` or `handoff`.
    pub band: String,
    /// The desk answers from this confidence on.
    pub answer_from: f32,
    /// The desk asks back from this confidence on.
    pub clarify_from: f32,
    /// Parts that failed.
    pub degraded: Vec<String>,
    /// Time spent, microseconds.
    pub micros: u64,
}

/// One ranked entry.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TraceCandidateDto {
    /// The entry.
    pub entry_id: String,
    /// Its question.
    pub question: String,
    /// Ranker's score.
    pub score: f32,
    /// What of the score comes from the conversation before.
    #[serde(default)]
    pub from_context: f32,
    /// BM25 score and rank.
    pub lexical: Option<RankDto>,
    /// Cosine and rank.
    pub dense: Option<RankDto>,
    /// Terms of the question that it contains.
    pub matched: Vec<String>,
}

/// What one retriever gave.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RankDto {
    /// Its score.
    pub score: f32,
    /// Its rank from 1.
    pub rank: u32,
}

/// Stable name of a priority.
pub(super) fn priority_name(priority: Priority) -> &'static str {
    match priority {
        Priority::Urgent => "urgent",
        Priority::High => "high",
        Priority::Normal => "normal",
    }
}

impl MeDto {
    /// Who `session` belongs to.
    pub(super) fn of(session: &Session) -> Self {
        let staff = &session.staff;
        Self {
            id: staff.id.to_string(),
            login: staff.login.clone(),
            name: staff.name.clone(),
            roles: staff.roles.iter().map(|role| role.name().to_owned()).collect(),
            csrf: session.csrf.clone(),
            expires_at: time(session.expires_at),
        }
    }
}

impl TicketRowDto {
    /// `ticket` as `staff` sees it; `name` is its owner's.
    pub(super) fn of(ticket: &Ticket, staff: &Staff, name: Option<String>) -> Self {
        Self {
            id: ticket.id.to_string(),
            state: ticket.state.name().to_owned(),
            reason: ticket.reason.name().to_owned(),
            priority: priority_name(ticket.priority).to_owned(),
            queue: ticket.queue.clone(),
            language: ticket.language.tag().to_owned(),
            subject: ticket.subject.clone(),
            agent: ticket.agent.as_ref().map(ToString::to_string),
            agent_name: name,
            mine: ticket.agent.as_ref() == Some(&staff.id),
            opened_at: time(ticket.opened_at),
            assigned_at: ticket.assigned_at.map(time),
            first_reply_at: ticket.first_reply_at.map(time),
            closed_at: ticket.closed_at.map(time),
            closing: ticket.closing.map(|closing| closing.name().to_owned()),
            reopened: ticket.reopened,
        }
    }
}

impl TicketsDto {
    /// `tickets` as `staff` sees them.
    pub(super) fn of(tickets: &[Ticket], staff: &Staff, names: &HashMap<StaffId, String>) -> Self {
        let name = |ticket: &Ticket| ticket.agent.as_ref().and_then(|agent| names.get(agent)).cloned();
        Self { tickets: tickets.iter().map(|ticket| TicketRowDto::of(ticket, staff, name(ticket))).collect() }
    }
}

impl TicketDetailDto {
    /// `detail` as `staff` sees it.
    pub(super) fn of(detail: TicketDetail, staff: &Staff) -> Self {
        Self {
            ticket: TicketRowDto::of(&detail.ticket, staff, detail.agent),
            position: detail.position,
            mode: detail.mode.name().to_owned(),
            packet: detail.packet.map(PacketDto::from),
            turns: detail.turns.iter().map(TurnDto::from).collect(),
        }
    }
}

impl SaidDto {
    /// That `turn` was said in `ticket`'s conversation.
    pub(super) fn of(ticket: &str, turn: &Turn) -> Self {
        Self {
            ticket: ticket.to_owned(),
            seq: turn.seq,
            who: Speaker::name(&turn.speaker).to_owned(),
            at: time(turn.at),
        }
    }
}

impl From<Packet> for PacketDto {
    fn from(packet: Packet) -> Self {
        let line = |line: crate::handoff::Line| LineDto {
            seq: line.seq,
            at: time(line.at),
            who: line.who,
            text: line.text,
        };
        Self {
            question: packet.question,
            reason: packet.reason.name().to_owned(),
            rule: packet.rule,
            confidence: packet.confidence,
            category: packet.category,
            priority: priority_name(packet.priority).to_owned(),
            language: packet.language.tag().to_owned(),
            candidates: packet.candidates.into_iter().map(RejectedDto::from).collect(),
            clarifications: packet.clarifications.into_iter().map(ClarificationDto::from).collect(),
            transcript: packet.transcript.into_iter().map(line).collect(),
            masked: packet.masked,
        }
    }
}

impl From<Rejected> for RejectedDto {
    fn from(rejected: Rejected) -> Self {
        let Rejected { entry_id, question, score, lexical, dense, why } = rejected;
        Self { entry_id, question, score, lexical, dense, why }
    }
}

impl From<Clarification> for ClarificationDto {
    fn from(clarification: Clarification) -> Self {
        Self { offered: clarification.offered, chosen: clarification.chosen }
    }
}

impl From<Trace> for TraceDto {
    fn from(trace: Trace) -> Self {
        Self {
            normalized: trace.normalized,
            language: trace.language.tag().to_owned(),
            tokens: trace.tokens,
            expansions: trace.expansions,
            completed_with: trace.completed_with,
            rule: trace.rule,
            candidates: trace.candidates.into_iter().map(TraceCandidateDto::from).collect(),
            features: trace.features,
            confidence: trace.confidence,
            band: trace.band.name,
            answer_from: trace.band.answer_from,
            clarify_from: trace.band.clarify_from,
            degraded: trace.degraded,
            micros: trace.micros,
        }
    }
}

impl From<TraceCandidate> for TraceCandidateDto {
    fn from(candidate: TraceCandidate) -> Self {
        let rank = |(score, rank)| RankDto { score, rank };
        Self {
            entry_id: candidate.entry_id,
            question: candidate.question,
            score: candidate.score,
            from_context: candidate.from_context,
            lexical: candidate.lexical.map(rank),
            dense: candidate.dense.map(rank),
            matched: candidate.matched,
        }
    }
}
