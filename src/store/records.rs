//! What goes into the store and comes out of it, where the domain has no type of its own.

use serde::{Deserialize, Serialize};

use crate::answer::Trace;
use crate::chat::{Conversation, Turn, Verdict};
use crate::handoff::{ConversationId, Packet, StaffId, Ticket, TicketState, TraceId};
use crate::kb::{Language, Priority};

/// What a member of staff may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Take conversations.
    Agent,
    /// Write entries.
    Editor,
    /// Publish entries others wrote.
    Approver,
    /// Measure answers.
    Evaluator,
    /// Everything, and accounts.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 5] = [Role::Agent, Role::Editor, Role::Approver, Role::Evaluator, Role::Admin];

    /// Stable name, as on the command line and in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Role::Agent => "agent",
            Role::Editor => "editor",
            Role::Approver => "approver",
            Role::Evaluator => "evaluator",
            Role::Admin => "admin",
        }
    }

    /// The role with this [`Role::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A conversation to create.
#[derive(Debug, Clone)]
pub struct Created {
    /// The conversation.
    pub conversation: Conversation,
    /// SHA-256 of its token, hexadecimal.
    pub token_hash: String,
}

/// A conversation as stored.
#[derive(Debug, Clone)]
pub struct StoredConversation {
    /// The conversation.
    pub conversation: Conversation,
    /// SHA-256 of its token, hexadecimal.
    pub token_hash: String,
    /// Counts the changes; guards [`super::Store::commit`].
    pub version: i64,
}

/// Everything one step writes.
#[derive(Debug, Clone)]
pub struct Change {
    /// The conversation after the step.
    pub conversation: Conversation,
    /// The version the step started from.
    pub version: i64,
    /// When, UTC milliseconds.
    pub at: i64,
    /// Turns added, in order.
    pub turns: Vec<Turn>,
    /// Tickets opened, with their packets.
    pub opened: Vec<(Ticket, Packet)>,
    /// Tickets changed.
    pub changed: Vec<Ticket>,
    /// Feedback given.
    pub feedback: Vec<FeedbackRecord>,
    /// Question asked, masked.
    pub question: Option<QuestionRecord>,
    /// Trace of the decision, free of personal data.
    pub trace: Option<(TraceId, Trace)>,
}

impl Change {
    /// A change that only stores `conversation`.
    pub fn of(conversation: Conversation, version: i64, at: i64) -> Self {
        Self {
            conversation,
            version,
            at,
            turns: Vec::new(),
            opened: Vec::new(),
            changed: Vec::new(),
            feedback: Vec::new(),
            question: None,
            trace: None,
        }
    }
}

/// What a customer said about an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackRecord {
    /// The conversation.
    pub conversation: ConversationId,
    /// `seq` of the turn it is about.
    pub turn: u64,
    /// The entry.
    pub entry_id: String,
    /// What was said.
    pub verdict: Verdict,
    /// When, UTC milliseconds.
    pub at: i64,
}

/// A question the bot decided on, for the gap board and replay.
#[derive(Debug, Clone, PartialEq)]
pub struct QuestionRecord {
    /// Trace of the decision; also the record's key.
    pub trace: TraceId,
    /// The conversation.
    pub conversation: ConversationId,
    /// `seq` of the customer's turn.
    pub turn: u64,
    /// The question, masked.
    pub text: String,
    /// The turn before that completed it, masked, if it was a follow-up.
    pub completed_with: Option<String>,
    /// `answer`, `clarify`, `handoff` or `smalltalk`.
    pub decision: String,
    /// Reason of the hand-off, if it was one.
    pub reason: Option<String>,
    /// The entry answered, or the best candidate.
    pub entry_id: Option<String>,
    /// Probability that it answers.
    pub confidence: f32,
    /// Language.
    pub language: Language,
    /// When, UTC milliseconds.
    pub at: i64,
}

/// Which tickets to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketQuery {
    /// Only these states; empty = all.
    pub states: Vec<TicketState>,
    /// Only this queue.
    pub queue: Option<String>,
    /// Only those of this agent.
    pub agent: Option<StaffId>,
    /// Only of this conversation.
    pub conversation: Option<ConversationId>,
    /// Only at least as urgent as this.
    pub priority: Option<Priority>,
    /// At most this many.
    pub limit: u32,
}

impl Default for TicketQuery {
    fn default() -> Self {
        Self { states: Vec::new(), queue: None, agent: None, conversation: None, priority: None, limit: 200 }
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffRecord {
    /// Id.
    pub id: StaffId,
    /// Name to sign in with.
    pub login: String,
    /// Name customers see.
    pub name: String,
    /// argon2id hash (PHC string); `None` = no sign-in by password yet.
    pub password_hash: Option<String>,
    /// What they may do.
    pub roles: Vec<Role>,
    /// When it was created, UTC milliseconds.
    pub created_at: i64,
    /// Whether it may sign in.
    pub enabled: bool,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// SHA-256 of the token, hexadecimal.
    pub token_hash: String,
    /// Whose.
    pub staff: StaffId,
    /// When it began, UTC milliseconds.
    pub created_at: i64,
    /// When it ends, UTC milliseconds.
    pub expires_at: i64,
}

/// Names of the tables' enums live with their types; this keeps the one SQL needs besides: the queue's order.
pub(super) fn priority_rank(priority: Priority) -> i64 {
    match priority {
        Priority::Urgent => 0,
        Priority::High => 1,
        Priority::Normal => 2,
    }
}

/// The priority with this [`priority_rank`].
pub(super) fn priority_of_rank(rank: i64) -> Option<Priority> {
    [Priority::Urgent, Priority::High, Priority::Normal]
        .into_iter()
        .find(|priority| priority_rank(*priority) == rank)
}
