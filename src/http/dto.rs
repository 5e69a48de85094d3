//! The shapes of the customer API, converted by hand from the domain's types: what the domain stores may change
//! without the API changing. Times are RFC 3339 in UTC.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::markdown;
use crate::answer::Candidate;
use crate::app::{ConversationView, Reply, Started, TicketView};
use crate::chat::{Quoted, Said, Speaker, Turn};

/// A conversation to start.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct StartConversation {
    /// `ja` or `en`; Japanese if absent. The first question may change it.
    pub language: Option<String>,
}

/// A conversation that began.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StartedDto {
    /// The conversation's id, 32 hexadecimal digits.
    pub id: String,
    /// The secret that opens it: send it as `Authorization: Bearer`, or let the cookie do it.
    pub token: String,
    /// Language the desk speaks in it.
    pub language: String,
}

/// A message of the customer.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SendMessage {
    /// What the customer wrote.
    pub text: String,
    /// The client's own name for this message (at most 64 bytes): sent again under the same name, it is answered once.
    pub client_id: Option<String>,
}

/// A choice among candidates or follow-ups.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Choose {
    /// The entry chosen; `null` or absent = none of these.
    pub entry_id: Option<String>,
}

/// "Did this resolve your question?"
#[derive(Debug, Deserialize, ToSchema)]
pub struct GiveFeedback {
    /// `turn` of the answer it is about.
    pub turn: u64,
    /// Yes or no.
    pub resolved: bool,
}

/// Where a live stream begins.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Only turns after this one, unless `Last-Event-ID` says otherwise.
    pub after: Option<u64>,
}

/// What the desk made of a message.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReplyDto {
    /// `seq` of the desk's last turn; of the customer's own while a person has the conversation.
    pub turn: u64,
    /// `answer`, `clarify`, `handoff` or `smalltalk`; `null` when the bot had nothing to say.
    pub decision: Option<String>,
    /// Probability that the top entry answers the question.
    pub confidence: Option<f32>,
    /// The answer, if it is one.
    pub answer: Option<AnswerDto>,
    /// The candidates, if the desk asks back; empty otherwise.
    pub candidates: Vec<CandidateDto>,
    /// The ticket that waits or is with a person.
    pub ticket: Option<TicketDto>,
    /// The fixed wording that goes with the decision, if any.
    pub message: Option<String>,
    /// Why the desk decided so, for staff.
    pub trace_id: Option<String>,
    /// Who owns the conversation now: `bot`, `clarifying`, `waiting`, `person` or `resolved`.
    pub mode: String,
    /// Everything this request added, the customer's own turn first.
    pub turns: Vec<TurnDto>,
}

/// An answer: published entry text, as it was shown.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AnswerDto {
    /// The entry.
    pub entry_id: String,
    /// The entry's question.
    pub question: String,
    /// The answer as safe HTML.
    pub html: String,
    /// The answer as Markdown.
    pub markdown: String,
    /// Revision of the entry.
    pub revision: u32,
    /// Day of the entry's last review, `YYYY-MM-DD`.
    pub reviewed_at: Option<String>,
    /// What customers often ask next.
    pub follow_ups: Vec<FollowUpDto>,
    /// Where the facts come from.
    pub sources: Vec<String>,
}

/// An entry an answer leads to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FollowUpDto {
    /// The entry.
    pub entry_id: String,
    /// Its question.
    pub question: String,
}

/// An entry that may answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CandidateDto {
    /// The entry.
    pub entry_id: String,
    /// Its question.
    pub question: String,
    /// Probability that it answers.
    pub confidence: f32,
}

/// A ticket as its customer may see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TicketDto {
    /// The ticket.
    pub id: String,
    /// Why: `security`, `complaint`, `advice`, `account`, `person`, `secret`, `low_confidence`, `out_of_scope`,
    /// `none_of_these` or `unavailable`.
    pub reason: String,
    /// `open`, `assigned` or `resolved`.
    pub state: String,
    /// Place in the queue from 1, until a person has it.
    pub position: Option<u32>,
    /// Name of the person who has it.
    pub agent: Option<String>,
    /// Whether the desk is open now.
    pub open: bool,
    /// When it opens next, if it is closed now.
    pub next_open: Option<String>,
    /// Opening hours in words.
    pub hours: String,
}

/// One thing said.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TurnDto {
    /// Position in the conversation from 1 without gaps; the event id of the stream.
    pub seq: u64,
    /// When.
    pub at: String,
    /// `customer`, `bot`, `agent` or `desk`.
    pub who: String,
    /// Name of the person, if one spoke or joined.
    pub agent: Option<String>,
    /// `text`, `chose`, `none_fits`, `asked_for_person`, `answered`, `clarified`, `small_talk`, `handed_off`, `joined`,
    /// `back_to_bot`, `left_queue`, `resolved`, `reopened` or `thanked`.
    pub kind: String,
    /// What was said, in words (Markdown for an answer).
    pub text: String,
    /// The answer, if `kind` is `answered`.
    pub answer: Option<AnswerDto>,
    /// The candidates, if `kind` is `clarified`; empty otherwise.
    pub candidates: Vec<CandidateDto>,
    /// Why, if `kind` is `handed_off`.
    pub reason: Option<String>,
    /// Who owns the conversation from here on.
    pub mode: String,
    /// The trace of the decision, if the bot decided.
    pub trace_id: Option<String>,
}

/// A conversation as its customer sees it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConversationDto {
    /// The conversation.
    pub id: String,
    /// Language the desk speaks.
    pub language: String,
    /// Who owns it now.
    pub mode: String,
    /// Everything said, oldest first.
    pub turns: Vec<TurnDto>,
    /// Feedback given so far.
    pub feedback: Vec<FeedbackDto>,
    /// The ticket that waits or is with a person.
    pub ticket: Option<TicketDto>,
}

/// Feedback given on an answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct FeedbackDto {
    /// `seq` of the answer.
    pub turn: u64,
    /// Yes or no.
    pub resolved: bool,
}

/// What a live stream says besides turns: who owns the conversation, and the ticket's place in the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatusDto {
    /// Who owns the conversation now.
    pub mode: String,
    /// The ticket that waits or is with a person.
    pub ticket: Option<TicketDto>,
}

/// UTC milliseconds as RFC 3339.
pub(super) fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

impl From<Started> for StartedDto {
    fn from(started: Started) -> Self {
        Self { id: started.id.to_string(), token: started.token, language: started.language.tag().to_owned() }
    }
}

impl From<Reply> for ReplyDto {
    fn from(reply: Reply) -> Self {
        let turns: Vec<TurnDto> = reply.turns.iter().map(TurnDto::from).collect();
        let last = turns.last();
        let desks = turns.iter().rev().find(|turn| turn.who != "customer");
        Self {
            turn: desks.or(last).map_or(0, |turn| turn.seq),
            decision: reply.decision.map(str::to_owned),
            confidence: reply.confidence,
            answer: turns.iter().find_map(|turn| turn.answer.clone()),
            candidates: turns
                .iter()
                .find(|turn| turn.kind == "clarified")
                .map(|turn| turn.candidates.clone())
                .unwrap_or_default(),
            ticket: reply.ticket.map(TicketDto::from),
            message: desks.filter(|turn| turn.answer.is_none()).map(|turn| turn.text.clone()),
            trace_id: reply.trace.map(|trace| trace.to_string()),
            mode: reply.mode.name().to_owned(),
            turns,
        }
    }
}

impl From<&Quoted> for AnswerDto {
    fn from(quoted: &Quoted) -> Self {
        Self {
            entry_id: quoted.entry_id.clone(),
            question: quoted.question.clone(),
            html: markdown::to_html(&quoted.markdown),
            markdown: quoted.markdown.clone(),
            revision: quoted.revision,
            reviewed_at: quoted.reviewed.map(|day| day.to_string()),
            follow_ups: quoted
                .follow_ups
                .iter()
                .map(|(entry_id, question)| FollowUpDto {
                    entry_id: entry_id.clone(),
                    question: question.clone(),
                })
                .collect(),
            sources: quoted.sources.clone(),
        }
    }
}

impl From<&Candidate> for CandidateDto {
    fn from(candidate: &Candidate) -> Self {
        Self {
            entry_id: candidate.entry_id.clone(),
            question: candidate.question.clone(),
            confidence: candidate.confidence,
        }
    }
}

impl From<TicketView> for TicketDto {
    fn from(ticket: TicketView) -> Self {
        Self {
            id: ticket.id.to_string(),
            reason: ticket.reason.name().to_owned(),
            state: ticket.state.name().to_owned(),
            position: ticket.position,
            agent: ticket.agent,
            open: ticket.open,
            next_open: ticket.next_open.map(time),
            hours: ticket.hours,
        }
    }
}

impl From<&Turn> for TurnDto {
    fn from(turn: &Turn) -> Self {
        let agent = match (&turn.speaker, &turn.said) {
            (Speaker::Agent(agent), _) | (_, Said::Joined { agent }) => Some(agent.name.clone()),
            _ => None,
        };
        Self {
            seq: turn.seq,
            at: time(turn.at),
            who: turn.speaker.name().to_owned(),
            agent,
            kind: kind(&turn.said).to_owned(),
            text: turn.text.clone(),
            answer: match &turn.said {
                Said::Answered { quoted, .. } => Some(AnswerDto::from(&**quoted)),
                _ => None,
            },
            candidates: match &turn.said {
                Said::Clarified { candidates } => candidates.iter().map(CandidateDto::from).collect(),
                _ => Vec::new(),
            },
            reason: match &turn.said {
                Said::HandedOff { reason, .. } => Some(reason.name().to_owned()),
                _ => None,
            },
            mode: turn.mode.name().to_owned(),
            trace_id: turn.trace.as_ref().map(ToString::to_string),
        }
    }
}

/// Stable name of what a turn says.
fn kind(said: &Said) -> &'static str {
    match said {
        Said::Text => "text",
        Said::Chose { .. } => "chose",
        Said::NoneFits => "none_fits",
        Said::AskedForPerson => "asked_for_person",
        Said::Answered { .. } => "answered",
        Said::Clarified { .. } => "clarified",
        Said::SmallTalk { .. } => "small_talk",
        Said::HandedOff { .. } => "handed_off",
        Said::Joined { .. } => "joined",
        Said::BackToBot => "back_to_bot",
        Said::LeftQueue => "left_queue",
        Said::Resolved => "resolved",
        Said::Reopened { .. } => "reopened",
        Said::Thanked { .. } => "thanked",
    }
}

impl From<ConversationView> for ConversationDto {
    fn from(view: ConversationView) -> Self {
        Self {
            id: view.id.to_string(),
            language: view.language.tag().to_owned(),
            mode: view.mode.name().to_owned(),
            turns: view.turns.iter().map(TurnDto::from).collect(),
            feedback: view
                .feedback
                .into_iter()
                .map(|(turn, resolved)| FeedbackDto { turn, resolved })
                .collect(),
            ticket: view.ticket.map(TicketDto::from),
        }
    }
}
