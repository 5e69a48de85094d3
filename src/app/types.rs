//! What use cases take and give back, and how they fail. No behaviour beyond conversions.

use serde::Serialize;

use super::curation_types::EntryDetail;
use super::vocabulary::VocabularyDetail;
use crate::chat::{Mode, Refused, Turn};
use crate::handoff::{ConversationId, Packet, StaffId, Ticket, TicketId, TicketState, TraceId};
use crate::kb::checks::VocabularyFinding;
use crate::kb::curate::Refusal;
use crate::kb::exchange::ReadError;
use crate::kb::flaws::Flaw;
use crate::kb::{HandOffReason, Language, Priority};
use crate::store::{Role, StoreError};

/// Who a customer's request claims to be: the conversation's id and the secret token that goes with it.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// Conversation id as in the path.
    pub id: &'a str,
    /// Token as in the cookie or the header.
    pub token: &'a str,
}

/// A conversation that began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Its id.
    pub id: ConversationId,
    /// The token that opens it, 64 hexadecimal digits. Only its hash is stored.
    pub token: String,
    /// Language the desk speaks in it.
    pub language: Language,
}

/// What a customer's action led to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reply {
    /// The turns it added, oldest first; the customer's own comes first. Empty when nothing had to change.
    pub turns: Vec<Turn>,
    /// Who owns the conversation now.
    pub mode: Mode,
    /// `answer`, `clarify`, `handoff` or `smalltalk`; `None` when the bot was silent (a person has it, or feedback).
    pub decision: Option<&'static str>,
    /// Probability that the top entry answers, when the engine decided.
    pub confidence: Option<f32>,
    /// The ticket that waits or is with a person, if any.
    pub ticket: Option<TicketView>,
    /// The Trace, when the engine decided.
    pub trace: Option<TraceId>,
}

/// A ticket as its customer may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TicketView {
    /// Id.
    pub id: TicketId,
    /// Why it was opened.
    pub reason: HandOffReason,
    /// Where it is in its life.
    pub state: TicketState,
    /// Place in the queue from 1; `None` once a person has it.
    pub position: Option<u32>,
    /// Name of the person who has it.
    pub agent: Option<String>,
    /// Whether the desk is open now.
    pub open: bool,
    /// When it opens next, UTC milliseconds, if it is closed now.
    pub next_open: Option<i64>,
    /// Opening hours in words, in the conversation's language.
    pub hours: String,
}

/// A conversation as its customer sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConversationView {
    /// Id.
    pub id: ConversationId,
    /// Language the desk speaks.
    pub language: Language,
    /// Who owns it.
    pub mode: Mode,
    /// Everything said, oldest first.
    pub turns: Vec<Turn>,
    /// Feedback given, by the `seq` of the answer.
    pub feedback: Vec<(u64, bool)>,
    /// The live ticket, if any.
    pub ticket: Option<TicketView>,
}

/// A member of staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Staff {
    /// Id.
    pub id: StaffId,
    /// Name they sign in with.
    pub login: String,
    /// Name customers see.
    pub name: String,
    /// What they may do.
    pub roles: Vec<Role>,
    /// Whether they have a password; without one they came by the one-time sign-in and should set one.
    pub has_password: bool,
}

impl Staff {
    /// Whether they have `role`; an admin has every role, and who may approve entries may also write them.
    pub fn may(&self, role: Role) -> bool {
        let implied = role == Role::Editor && self.roles.contains(&Role::Approver);
        implied || self.roles.contains(&role) || self.roles.contains(&Role::Admin)
    }
}

/// A session that began. The token goes into an HttpOnly cookie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// 64 hexadecimal digits; only its hash is stored.
    pub token: String,
    /// The session.
    pub session: Session,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub staff: Staff,
    /// Token that every changing request of this session must carry.
    pub csrf: String,
    /// When it ends, UTC milliseconds.
    pub expires_at: i64,
}

/// Which tickets to list. Default: those open or assigned, in queue order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketFilter {
    /// Only these states; empty = open and assigned.
    pub states: Vec<TicketState>,
    /// Only this queue.
    pub queue: Option<String>,
    /// Only those of this agent.
    pub agent: Option<StaffId>,
    /// Only at least as urgent as this.
    pub priority: Option<Priority>,
    /// At most this many; 0 = 200.
    pub limit: u32,
}

/// A ticket with everything its agent needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TicketDetail {
    /// The ticket.
    pub ticket: Ticket,
    /// Name of its owner.
    pub agent: Option<String>,
    /// Place in the queue from 1, while it is open.
    pub position: Option<u32>,
    /// The packet made at the hand-off.
    pub packet: Option<Packet>,
    /// The conversation so far, oldest first, before and after the hand-off.
    pub turns: Vec<Turn>,
    /// Who owns the conversation now.
    pub mode: Mode,
}

/// Limits and lifetimes in force, from the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest message, in characters.
    pub message_chars: usize,
    /// Longest search query, in characters.
    pub query_chars: usize,
    /// How long a staff session lasts, milliseconds.
    pub session_ms: i64,
    /// How long a one-time sign-in lasts, milliseconds.
    pub sign_in_ms: i64,
    /// How long Traces are kept, milliseconds.
    pub trace_retention_ms: i64,
    /// How long whoever publishes waits for customers to get it, milliseconds.
    pub serving_wait_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const DAY: i64 = 24 * 60 * 60 * 1000;
        Self {
            message_chars: 2_000,
            query_chars: 200,
            session_ms: DAY / 2,
            sign_in_ms: DAY,
            trace_retention_ms: 30 * DAY,
            serving_wait_ms: 5_000,
        }
    }
}

/// Why the desk cannot serve yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unready {
    /// The store does not answer.
    #[error("the store does not answer: {0}")]
    Store(String),
    /// Nothing is published.
    #[error("no entries are published")]
    NoEntries,
}

/// How a use case fails. [`AppError::code`] is stable; the display text is safe to show.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// No such thing; names what.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The conversation's token is missing or wrong.
    #[error("the token does not open this conversation")]
    WrongToken,
    /// Not signed in, or the session has ended.
    #[error("sign in first")]
    NotSignedIn,
    /// Sign-in name, password or one-time token is wrong.
    #[error("the sign-in is wrong or has been used")]
    WrongSignIn,
    /// The role does not allow it.
    #[error("this needs the role {}", .0.name())]
    Forbidden(Role),
    /// The conversation's or ticket's state does not allow it.
    #[error("{why}")]
    Refused {
        /// Stable snake-case code.
        code: &'static str,
        /// In words.
        why: String,
    },
    /// The text is too long.
    #[error("the text has {length} characters; at most {limit} are allowed")]
    TooLong {
        /// Characters given.
        length: usize,
        /// Characters allowed.
        limit: usize,
    },
    /// Nothing but white space.
    #[error("the text is empty")]
    Empty,
    /// A character that cannot be part of a message.
    #[error("the text contains the control character U+{0:04X}")]
    ControlCharacter(u32),
    /// An input of staff administration is not acceptable.
    #[error("{field}: {why}")]
    Invalid {
        /// Which input.
        field: &'static str,
        /// Why.
        why: String,
    },
    /// Somebody else changed the entry since it was loaded; how it is now.
    #[error("somebody else changed the entry meanwhile")]
    Stale(Box<EntryDetail>),
    /// Somebody else changed the vocabulary since it was loaded; how it is now.
    #[error("somebody else changed the vocabulary meanwhile")]
    StaleVocabulary(Box<VocabularyDetail>),
    /// The vocabulary cannot be stored like this.
    #[error("the vocabulary has mistakes: {}", super::vocabulary::unfit(.0))]
    UnfitVocabulary(Vec<VocabularyFinding>),
    /// The entry is not fit for this.
    #[error("the entry has {} flaw(s)", .0.len())]
    Flawed(Vec<Flaw>),
    /// A file that cannot be read, and why.
    #[error(transparent)]
    Unreadable(ReadError),
    /// The change is stored, but what customers are served from could not be rebuilt; they get what was before.
    #[error("stored, but not served yet: {0}")]
    NotServed(String),
    /// Others changed the same conversation again and again; try once more.
    #[error("others changed this at the same time; try again")]
    Conflict,
    /// The store failed; the detail is for the log only.
    #[error("the desk is unavailable for a moment; try again")]
    Unavailable(#[source] StoreError),
}

impl AppError {
    /// Stable snake-case code for problem documents.
    pub fn code(&self) -> &'static str {
        match self {
            AppError::NotFound(_) => "not_found",
            AppError::WrongToken => "wrong_token",
            AppError::NotSignedIn => "not_signed_in",
            AppError::WrongSignIn => "wrong_sign_in",
            AppError::Forbidden(_) => "forbidden",
            AppError::Refused { code, .. } => code,
            AppError::TooLong { .. } => "too_long",
            AppError::Empty => "empty",
            AppError::ControlCharacter(_) => "control_character",
            AppError::Invalid { .. } => "invalid",
            AppError::Stale(_) => "stale",
            AppError::StaleVocabulary(_) => "stale_vocabulary",
            AppError::UnfitVocabulary(_) => "unfit_vocabulary",
            AppError::Flawed(_) => "flawed",
            AppError::Unreadable(_) => "unreadable_file",
            AppError::NotServed(_) => "not_served",
            AppError::Conflict => "conflict",
            AppError::Unavailable(_) => "unavailable",
        }
    }
}

impl From<Refused> for AppError {
    fn from(refused: Refused) -> Self {
        AppError::Refused { code: refused.code(), why: refused.to_string() }
    }
}

impl From<Refusal> for AppError {
    fn from(refusal: Refusal) -> Self {
        AppError::Refused { code: refusal.code(), why: refusal.to_string() }
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => AppError::Conflict,
            error => AppError::Unavailable(error),
        }
    }
}
