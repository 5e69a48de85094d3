//! The conversation: who owns it, what was said, and the state machine [`step()`] that settles every race once.
//!
//! Pure: no clock, no randomness, no SQL. Callers pass `now`, fresh ids and what the engine decided; they get the next
//! [`Conversation`] and the [`Effect`]s to carry out, or a [`Refused`] that changed nothing.

mod event;
mod step;
pub mod voice;

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::answer::{Candidate, Context};
use crate::handoff::{ConversationId, StaffId, TicketId, TraceId};
use crate::kb::{Entry, HandOffReason, Language};
pub use event::{BotReply, Effect, Event, Refused, Saying, Verdict};
pub use step::step;

/// How many answers a conversation remembers for feedback.
pub const GIVEN_KEPT: usize = 50;

/// How many clarifications the bot asks in a row before it hands off instead of going round in circles.
pub const CLARIFICATIONS_IN_A_ROW: u8 = 2;

/// How long after a person resolved it a new message goes back to the queue rather than to the bot (milliseconds).
pub const REOPEN_WINDOW_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// Who owns the conversation, without details. Stored with every turn, so a client knows it from the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The bot answers.
    Bot,
    /// The bot asked back and waits for a choice.
    Clarifying,
    /// In the queue for a person; the bot is silent.
    Waiting,
    /// With a person; the bot is silent.
    Person,
    /// Done; a new message opens it again.
    Resolved,
}

impl Mode {
    /// Stable name, as in API and SQL.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Bot => "bot",
            Mode::Clarifying => "clarifying",
            Mode::Waiting => "waiting",
            Mode::Person => "person",
            Mode::Resolved => "resolved",
        }
    }

    /// The mode with this [`Mode::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Mode::Bot, Mode::Clarifying, Mode::Waiting, Mode::Person, Mode::Resolved]
            .into_iter()
            .find(|mode| mode.name() == name)
    }
}

/// A member of staff as the conversation knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Staff id.
    pub id: StaffId,
    /// Name shown to the customer.
    pub name: String,
}

/// Who owns the conversation now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub enum State {
    /// The bot answers.
    Bot,
    /// The bot asked back.
    Clarifying {
        /// The question that had two answers, as stored.
        question: String,
        /// 2 to 4 candidates, best first.
        candidates: Vec<Candidate>,
    },
    /// In the queue.
    Waiting {
        /// The open ticket.
        ticket: TicketId,
    },
    /// With a person.
    Person {
        /// The assigned ticket.
        ticket: TicketId,
        /// Its owner.
        agent: Agent,
    },
    /// Done.
    Resolved {
        /// The ticket a person resolved; `None` when the bot's answer did.
        ticket: Option<TicketId>,
        /// When, UTC milliseconds.
        at: i64,
    },
}

impl State {
    /// The state without its details.
    pub fn mode(&self) -> Mode {
        match self {
            State::Bot => Mode::Bot,
            State::Clarifying { .. } => Mode::Clarifying,
            State::Waiting { .. } => Mode::Waiting,
            State::Person { .. } => Mode::Person,
            State::Resolved { .. } => Mode::Resolved,
        }
    }

    /// The ticket that is open or assigned now.
    pub fn live_ticket(&self) -> Option<&TicketId> {
        match self {
            State::Waiting { ticket } | State::Person { ticket, .. } => Some(ticket),
            _ => None,
        }
    }
}

/// An answer the bot gave, for feedback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The entry shown.
    pub entry_id: String,
    /// "Resolved?" yes or no, once said.
    pub resolved: Option<bool>,
}

/// A conversation: everything [`step`] needs to decide, without the transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    /// Id.
    pub id: ConversationId,
    /// Language the desk speaks in it.
    pub language: Language,
    /// Who owns it.
    pub state: State,
    /// What the next question may refer to.
    pub context: Context,
    /// Number of turns so far; the last turn's `seq`.
    pub last_seq: u64,
    /// Clarifications asked in a row without an answer.
    pub clarified: u8,
    /// Answers given, by the `seq` of their turn; the latest [`GIVEN_KEPT`].
    pub given: BTreeMap<u64, Given>,
    /// Follow-ups of the last answer, which the customer may choose: entry ids.
    pub offered: Vec<String>,
    /// When it began, UTC milliseconds.
    pub started_at: i64,
}

impl Conversation {
    /// A conversation that begins at `now` with the bot.
    pub fn new(id: ConversationId, language: Language, now: i64) -> Self {
        Self {
            id,
            language,
            state: State::Bot,
            context: Context { language: Some(language), ..Context::default() },
            last_seq: 0,
            clarified: 0,
            given: BTreeMap::new(),
            offered: Vec::new(),
            started_at: now,
        }
    }
}

/// Who said a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "lowercase")]
pub enum Speaker {
    /// The customer.
    Customer,
    /// The bot: answers, clarifications, small talk, the hand-off line. Never while a person owns the conversation.
    Bot,
    /// A person of the desk.
    Agent(Agent),
    /// The desk itself: fixed notices of what changed (a person joined, resolved, reopened).
    Desk,
}

impl Speaker {
    /// Stable name: `customer`, `bot`, `agent` or `desk`.
    pub fn name(&self) -> &'static str {
        match self {
            Speaker::Customer => "customer",
            Speaker::Bot => "bot",
            Speaker::Agent(_) => "agent",
            Speaker::Desk => "desk",
        }
    }
}

/// An entry as it was shown: kept in the turn, so that history stays true when the entry changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quoted {
    /// Entry id.
    pub entry_id: String,
    /// Its question.
    pub question: String,
    /// Its answer, Markdown.
    pub markdown: String,
    /// Its revision.
    pub revision: u32,
    /// Day of its last review.
    pub reviewed: Option<Date>,
    /// Entries it naturally leads to, as buttons: (id, question).
    pub follow_ups: Vec<(String, String)>,
    /// Where the facts come from (URLs).
    pub sources: Vec<String>,
}

impl Quoted {
    /// What is shown of `entry`; `follow_ups` are those of its follow-ups that are served.
    pub fn of(entry: &Entry, follow_ups: Vec<(String, String)>) -> Self {
        Self {
            entry_id: entry.id.clone(),
            question: entry.question.clone(),
            markdown: entry.answer.clone(),
            revision: entry.revision,
            reviewed: entry.reviewed,
            follow_ups,
            sources: entry.sources.clone(),
        }
    }
}

/// What a turn says, typed. [`Turn::text`] is the same in words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Said {
    /// Free text of the customer or an agent.
    Text,
    /// The customer chose a candidate.
    Chose {
        /// The entry chosen.
        entry_id: String,
    },
    /// The customer said that no candidate fits.
    NoneFits,
    /// The customer asked for a person.
    AskedForPerson,
    /// The bot answered.
    Answered {
        /// The entry as shown.
        quoted: Box<Quoted>,
        /// Probability that it answers; `None` when the customer chose it.
        confidence: Option<f32>,
    },
    /// The bot asked back.
    Clarified {
        /// 2 to 4 candidates.
        candidates: Vec<Candidate>,
    },
    /// The bot replied to small talk.
    SmallTalk {
        /// Id of the small talk.
        id: String,
    },
    /// The conversation went to the queue. The text holds queue position and opening hours.
    HandedOff {
        /// The ticket.
        ticket: TicketId,
        /// Why.
        reason: HandOffReason,
    },
    /// A person joined.
    Joined {
        /// Who.
        agent: Agent,
    },
    /// A person gave the conversation back to the bot.
    BackToBot,
    /// The customer no longer waits; the bot is back.
    LeftQueue,
    /// The conversation is done.
    Resolved,
    /// The conversation is open again and in the queue.
    Reopened {
        /// The ticket.
        ticket: TicketId,
    },
    /// Thanks for feedback.
    Thanked {
        /// What the customer said.
        resolved: bool,
    },
}

/// One thing said. `seq` counts from 1 without gaps within its conversation and is the SSE event id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Position in the conversation, from 1.
    pub seq: u64,
    /// When, UTC milliseconds.
    pub at: i64,
    /// Who.
    pub speaker: Speaker,
    /// What, typed.
    pub said: Said,
    /// What, in words: the text of a person, the Markdown of an answer, the wording of a notice.
    pub text: String,
    /// Who owns the conversation from this turn on.
    pub mode: Mode,
    /// The Trace of the decision that led to it, if the bot decided.
    pub trace: Option<TraceId>,
}
