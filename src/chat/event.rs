//! What happens to a conversation ([`Event`]), what follows from it ([`Effect`]), and why it may not happen
//! ([`Refused`]).

use serde::{Deserialize, Serialize};

use super::{Agent, Mode, Quoted, Said, Speaker};
use crate::answer::{Candidate, Context, HandOff};
use crate::handoff::{StaffId, TicketEvent, TicketId, TraceId};

/// A Decision with the entry it names, ready to be said.
#[derive(Debug, Clone, PartialEq)]
pub enum BotReply {
    /// Answer with this entry.
    Answer {
        /// The entry.
        quoted: Box<Quoted>,
        /// Probability that it answers.
        confidence: f32,
    },
    /// Ask back.
    Clarify {
        /// Best first.
        candidates: Vec<Candidate>,
    },
    /// Pass to a person.
    HandOff(HandOff),
    /// Reply to small talk.
    SmallTalk {
        /// Id of the small talk.
        id: String,
        /// The fixed reply.
        reply: String,
    },
}

/// What happened. Texts are cleaned and free of secrets before they get here.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The customer wrote. The engine has always looked at it; its reply counts only where the bot may speak.
    Asked {
        /// What they wrote.
        text: String,
        /// What the bot would say.
        reply: BotReply,
        /// What the next question may refer to, if the bot says it.
        context: Context,
        /// Trace of the decision.
        trace: TraceId,
        /// Id for a ticket, should one open.
        ticket: TicketId,
    },
    /// The customer chose a candidate or a follow-up of the last answer.
    Chosen {
        /// The entry chosen.
        quoted: Box<Quoted>,
    },
    /// The customer refused every candidate.
    NoneOfThese {
        /// Id for the ticket.
        ticket: TicketId,
    },
    /// The customer asked for a person.
    PersonRequested {
        /// Id for the ticket.
        ticket: TicketId,
    },
    /// An agent takes the conversation: from the queue, or from the bot.
    TakenOver {
        /// Who.
        agent: Agent,
        /// Id for a ticket, when the bot still had the conversation.
        ticket: TicketId,
    },
    /// The owner wrote.
    AgentReplied {
        /// Who.
        agent: StaffId,
        /// What.
        text: String,
    },
    /// Back to the bot: by the owner, or by the customer (`None`) who no longer wants to wait.
    ReturnedToBot {
        /// The agent; `None` = the customer.
        by: Option<StaffId>,
    },
    /// The owner resolved it.
    Resolved {
        /// Who.
        by: StaffId,
    },
    /// Staff put a resolved conversation back in the queue.
    Reopened,
    /// "Resolved?" on a bot's answer.
    Feedback {
        /// `seq` of the answer.
        turn: u64,
        /// Yes or no.
        resolved: bool,
    },
}

/// What to carry out, all in one transaction, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Say something. [`super::voice::Voice`] puts it in words.
    Append(Saying),
    /// Open a ticket with a packet.
    OpenTicket {
        /// Its id.
        ticket: TicketId,
        /// Why, how urgent, which queue (empty = the desk's first).
        hand_off: HandOff,
    },
    /// Change a ticket.
    UpdateTicket {
        /// Its id.
        ticket: TicketId,
        /// What happened to it.
        event: TicketEvent,
    },
    /// Keep the question for the gap board and for replay, masked.
    RecordQuestion {
        /// Trace of the decision.
        trace: TraceId,
    },
    /// Keep what the customer said about an entry.
    RecordFeedback {
        /// `seq` of the turn it is about.
        turn: u64,
        /// The entry.
        entry_id: String,
        /// What was said.
        verdict: Verdict,
    },
}

/// What a customer says about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It resolved the question.
    Resolved,
    /// It did not.
    Unresolved,
    /// Chosen among candidates.
    Chosen,
    /// Refused among candidates.
    NotThis,
}

impl Verdict {
    /// Stable name, as in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Resolved => "resolved",
            Verdict::Unresolved => "unresolved",
            Verdict::Chosen => "chosen",
            Verdict::NotThis => "not_this",
        }
    }

    /// The verdict with this [`Verdict::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Verdict::Resolved, Verdict::Unresolved, Verdict::Chosen, Verdict::NotThis]
            .into_iter()
            .find(|verdict| verdict.name() == name)
    }
}

/// A turn before it is put in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Saying {
    /// Position in the conversation.
    pub seq: u64,
    /// Who.
    pub speaker: Speaker,
    /// What, typed.
    pub said: Said,
    /// Words that are given: a person's text, an entry's answer, a rule's wording. `None` = the desk's wording.
    pub words: Option<String>,
    /// Who owns the conversation from here on.
    pub mode: Mode,
    /// The Trace, if the bot decided.
    pub trace: Option<TraceId>,
}

/// Why an event was refused; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No clarification is open.
    #[error("no clarification is open")]
    NothingToChoose,
    /// The entry is not among those offered.
    #[error("entry {0} was not offered")]
    NotOffered(String),
    /// Already in the queue.
    #[error("the conversation already waits for a person")]
    AlreadyWaiting,
    /// Already with a person.
    #[error("the conversation is already with a person")]
    AlreadyWithPerson,
    /// Another agent owns it.
    #[error("{0} has taken the conversation")]
    TakenBy(String),
    /// The agent does not own it.
    #[error("take the conversation over first")]
    NotOwner,
    /// It is resolved.
    #[error("the conversation is resolved; reopen it first")]
    AlreadyResolved,
    /// It is not resolved, so it cannot be reopened.
    #[error("the conversation is not resolved")]
    NotResolved,
    /// No person was involved, so there is no ticket to reopen.
    #[error("no ticket to reopen")]
    NoTicket,
    /// The bot already has it.
    #[error("the bot already has the conversation")]
    AlreadyBot,
    /// The turn is not an answer of the bot.
    #[error("turn {0} is not an answer")]
    NotAnAnswer(u64),
}

impl Refused {
    /// Stable snake-case code for the API.
    pub fn code(&self) -> &'static str {
        match self {
            Refused::NothingToChoose => "nothing_to_choose",
            Refused::NotOffered(_) => "not_offered",
            Refused::AlreadyWaiting => "already_waiting",
            Refused::AlreadyWithPerson => "already_with_person",
            Refused::TakenBy(_) => "taken_by_other",
            Refused::NotOwner => "not_owner",
            Refused::AlreadyResolved => "already_resolved",
            Refused::NotResolved => "not_resolved",
            Refused::NoTicket => "no_ticket",
            Refused::AlreadyBot => "already_bot",
            Refused::NotAnAnswer(_) => "not_an_answer",
        }
    }
}
