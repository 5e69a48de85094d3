//! From an event to a committed change: load, step, put in words, commit, tell. The one path every use case takes.

use std::sync::Arc;

use super::{App, AppError, Reply, TicketView};
use crate::answer::{HandOff, Trace};
use crate::chat::voice::{QueueLine, Voice};
use crate::chat::{Conversation, Effect, Event, Said, Saying, Turn, step};
use crate::handoff::calendar::Calendar;
use crate::handoff::{
    Clarification, ConversationId, Line, Packet, Setting, Ticket, TicketEvent, TicketId, TicketState, TraceId,
};
use crate::kb::Snapshot;
use crate::privacy::mask;
use crate::store::{Change, FeedbackRecord, QuestionRecord, StoreError, StoredConversation};

/// How often a change is tried again after somebody else changed the same conversation (another server may have).
const TRIES: usize = 5;

/// How many turns are read at once when the whole transcript is needed.
const PAGE: u32 = 500;

/// The latest turns that go into a packet.
const PACKET_TURNS: usize = 200;

/// Longest subject line of a ticket, characters.
const SUBJECT_CHARS: usize = 80;

/// What is to happen, decided from the conversation as it is now.
pub(super) struct Deed {
    pub(super) event: Event,
    /// What the desk speaks from.
    pub(super) snapshot: Arc<Snapshot>,
    /// The engine's decision, free of personal data, if there was one.
    pub(super) decided: Option<Decided>,
}

/// The engine's decision as it may be stored.
pub(super) struct Decided {
    pub(super) id: TraceId,
    pub(super) trace: Trace,
    /// The question, masked.
    pub(super) question: String,
    pub(super) decision: &'static str,
    pub(super) reason: Option<&'static str>,
    pub(super) entry_id: Option<String>,
}

/// What was committed.
pub(super) struct Done {
    pub(super) conversation: Conversation,
    pub(super) turns: Vec<Turn>,
    /// The live ticket, if the change touched it.
    pub(super) ticket: Option<Ticket>,
    pub(super) snapshot: Arc<Snapshot>,
    /// Trace and confidence, if the bot spoke by the engine's decision.
    pub(super) decided: Option<(TraceId, f32)>,
}

impl App {
    /// Does what `plan` makes of the conversation, once, in order with everything else that happens to it.
    pub(super) async fn act(
        &self,
        id: &ConversationId,
        mut plan: impl FnMut(&Conversation) -> Result<Deed, AppError> + Send,
    ) -> Result<Done, AppError> {
        let _turn = self.order.wait_for(id).await;
        for _ in 0..TRIES {
            let stored = self.store.conversation(id).await?.ok_or(AppError::NotFound("conversation"))?;
            let deed = plan(&stored.conversation)?;
            let now = self.now();
            let (next, effects) = step(&stored.conversation, deed.event.clone(), now)?;
            if effects.is_empty() {
                return Ok(Done::nothing(next, deed.snapshot));
            }
            let draft = Draft::new(self, stored, next, deed, now);
            let (change, done) = draft.carry_out(effects).await?;
            match self.store.commit(change).await {
                Ok(()) => {
                    self.tell(&done);
                    return Ok(done);
                }
                Err(StoreError::Conflict) => {
                    tracing::debug!(conversation = %id, "lost a race; stepping again")
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(AppError::Conflict)
    }

    fn tell(&self, done: &Done) {
        self.hub.tell_conversation(&done.conversation.id, done.conversation.last_seq);
        if done.ticket.is_some() {
            self.hub.tell_queue();
        }
    }

    /// Every turn of the conversation, oldest first.
    pub(super) async fn transcript(&self, id: &ConversationId) -> Result<Vec<Turn>, AppError> {
        let mut turns: Vec<Turn> = Vec::new();
        loop {
            let after = turns.last().map_or(0, |turn| turn.seq);
            let page = self.store.turns(id, after, PAGE).await?;
            let is_last = page.len() < PAGE as usize;
            turns.extend(page);
            if is_last {
                return Ok(turns);
            }
        }
    }

    /// Place of an open ticket in its queue, from 1.
    pub(super) async fn position(&self, ticket: &Ticket) -> Result<Option<u32>, AppError> {
        if ticket.state != TicketState::Open {
            return Ok(None);
        }
        let before =
            self.store.waiting_before(&ticket.queue, ticket.priority, ticket.opened_at, &ticket.id).await?;
        Ok(Some(before.saturating_add(1)))
    }

    /// The live ticket as the customer sees it.
    pub(super) async fn ticket_view(
        &self,
        conversation: &Conversation,
        ticket: Option<Ticket>,
        snapshot: &Snapshot,
    ) -> Result<Option<TicketView>, AppError> {
        let Some(id) = conversation.state.live_ticket() else { return Ok(None) };
        let ticket = match ticket {
            Some(ticket) if ticket.id == *id => Some(ticket),
            _ => self.store.ticket(id).await?,
        };
        let Some(ticket) = ticket else { return Ok(None) };
        let agent = match &conversation.state {
            crate::chat::State::Person { agent, .. } => Some(agent.name.clone()),
            _ => None,
        };
        let (calendar, now) = (Calendar::of(&snapshot.desk), self.now());
        Ok(Some(TicketView {
            position: self.position(&ticket).await?,
            id: ticket.id,
            reason: ticket.reason,
            state: ticket.state,
            agent,
            open: calendar.is_open(now),
            next_open: calendar.next_open(now),
            hours: calendar.hours_text(conversation.language),
        }))
    }

    /// What the customer is answered.
    pub(super) async fn reply(&self, done: Done) -> Result<Reply, AppError> {
        let ticket = self.ticket_view(&done.conversation, done.ticket, &done.snapshot).await?;
        let decision = done.turns.iter().find_map(|turn| match turn.said {
            Said::Answered { .. } => Some("answer"),
            Said::Clarified { .. } => Some("clarify"),
            Said::HandedOff { .. } => Some("handoff"),
            Said::SmallTalk { .. } => Some("smalltalk"),
            _ => None,
        });
        let (trace, confidence) = done.decided.unzip();
        Ok(Reply {
            mode: done.conversation.state.mode(),
            turns: done.turns,
            decision,
            confidence,
            ticket,
            trace,
        })
    }
}

impl Done {
    /// Nothing had to change.
    pub(super) fn nothing(conversation: Conversation, snapshot: Arc<Snapshot>) -> Self {
        Self { conversation, turns: Vec::new(), ticket: None, snapshot, decided: None }
    }
}

/// A change in the making.
struct Draft<'a> {
    app: &'a App,
    change: Change,
    snapshot: Arc<Snapshot>,
    decided: Option<Decided>,
    tickets: Vec<Ticket>,
    spoke: Option<(TraceId, f32)>,
}

impl<'a> Draft<'a> {
    fn new(app: &'a App, stored: StoredConversation, next: Conversation, deed: Deed, now: i64) -> Self {
        Self {
            app,
            change: Change::of(next, stored.version, now),
            snapshot: deed.snapshot,
            decided: deed.decided,
            tickets: Vec::new(),
            spoke: None,
        }
    }

    async fn carry_out(mut self, effects: Vec<Effect>) -> Result<(Change, Done), AppError> {
        for effect in effects {
            match effect {
                Effect::Append(saying) => self.append(saying).await?,
                Effect::OpenTicket { ticket, hand_off } => self.open_ticket(ticket, hand_off).await?,
                Effect::UpdateTicket { ticket, event } => self.update_ticket(&ticket, &event).await?,
                Effect::RecordQuestion { trace } => self.record_question(&trace),
                Effect::RecordFeedback { turn, entry_id, verdict } => {
                    let conversation = self.change.conversation.id.clone();
                    let at = self.change.at;
                    self.change.feedback.push(FeedbackRecord { conversation, turn, entry_id, verdict, at });
                }
            }
        }
        for ticket in &self.tickets {
            match self.change.opened.iter_mut().find(|(opened, _)| opened.id == ticket.id) {
                Some((opened, _)) => opened.clone_from(ticket),
                None => self.change.changed.push(ticket.clone()),
            }
        }
        let done = Done {
            conversation: self.change.conversation.clone(),
            turns: self.change.turns.clone(),
            ticket: self.tickets.pop(),
            snapshot: self.snapshot,
            decided: self.spoke,
        };
        Ok((self.change, done))
    }

    async fn append(&mut self, saying: Saying) -> Result<(), AppError> {
        let queue = match &saying.said {
            Said::HandedOff { ticket, .. } | Said::Reopened { ticket } => self.queue_line(ticket).await?,
            _ => QueueLine::default(),
        };
        let voice = Voice { wording: &self.snapshot.wording, language: self.change.conversation.language };
        let text = voice.words(&saying, &queue);
        let Saying { seq, speaker, said, mode, trace, .. } = saying;
        self.change.turns.push(Turn { seq, at: self.change.at, speaker, said, text, mode, trace });
        Ok(())
    }

    async fn queue_line(&self, ticket: &TicketId) -> Result<QueueLine, AppError> {
        let (calendar, language) = (Calendar::of(&self.snapshot.desk), self.change.conversation.language);
        let position = match self.tickets.iter().find(|known| known.id == *ticket) {
            Some(ticket) => self.app.position(ticket).await?,
            None => None,
        };
        let next_open = match calendar.next_open(self.change.at) {
            Some(at) => Some(calendar.moment(at, language)),
            None if calendar.is_open(self.change.at) => None,
            None => Some("—".to_owned()),
        };
        Ok(QueueLine { position: position.unwrap_or(1), next_open, hours: calendar.hours_text(language) })
    }

    async fn open_ticket(&mut self, id: TicketId, mut hand_off: HandOff) -> Result<(), AppError> {
        if hand_off.queue.is_empty() {
            hand_off.queue =
                self.snapshot.desk.queues.first().cloned().unwrap_or_else(|| "general".to_owned());
        }
        let conversation = self.change.conversation.clone();
        let mut turns = self.app.transcript(&conversation.id).await?;
        turns.extend(self.change.turns.iter().cloned());
        let earlier = match &self.decided {
            Some(_) => None,
            None => self.earlier_trace(&turns).await?,
        };
        let trace = self.decided.as_ref().map(|decided| &decided.trace).or(earlier.as_ref());
        let question = self.decided.as_ref().map(|decided| decided.question.clone());
        let question = question.or_else(|| last_question(&turns)).unwrap_or_default();
        let setting = Setting {
            hand_off: &hand_off,
            trace,
            snapshot: &self.snapshot,
            question: &question,
            language: conversation.language,
        };
        let packet = Packet::build(setting, lines(&turns), clarifications(&turns));
        let subject = subject_of(&question);
        let ticket =
            Ticket::open(id, conversation.id, &hand_off, conversation.language, subject, self.change.at);
        self.change.opened.push((ticket.clone(), packet));
        self.tickets.push(ticket);
        Ok(())
    }

    /// The Trace of the last thing the bot decided, when this hand-off is not its decision.
    async fn earlier_trace(&self, turns: &[Turn]) -> Result<Option<Trace>, AppError> {
        match turns.iter().rev().find_map(|turn| turn.trace.as_ref()) {
            Some(id) => Ok(self.app.store.trace(id).await?),
            None => Ok(None),
        }
    }

    async fn update_ticket(&mut self, id: &TicketId, event: &TicketEvent) -> Result<(), AppError> {
        let known = self.tickets.iter().position(|ticket| ticket.id == *id);
        let ticket = match known {
            Some(at) => self.tickets.remove(at),
            None => self.app.store.ticket(id).await?.ok_or(AppError::NotFound("ticket"))?,
        };
        let refused = |error: crate::handoff::TicketRefused| AppError::Refused {
            code: "ticket_state",
            why: error.to_string(),
        };
        self.tickets.push(ticket.apply(event, self.change.at).map_err(refused)?);
        Ok(())
    }

    fn record_question(&mut self, trace: &TraceId) {
        let Some(decided) = self.decided.as_ref().filter(|decided| decided.id == *trace) else { return };
        let turn = self.change.turns.last().map_or(0, |turn| turn.seq);
        self.spoke = Some((decided.id.clone(), decided.trace.confidence));
        self.change.trace = Some((decided.id.clone(), decided.trace.clone()));
        self.change.question = Some(QuestionRecord {
            trace: decided.id.clone(),
            conversation: self.change.conversation.id.clone(),
            turn,
            text: decided.question.clone(),
            completed_with: decided.trace.completed_with.clone(),
            decision: decided.decision.to_owned(),
            reason: decided.reason.map(str::to_owned),
            entry_id: decided.entry_id.clone(),
            confidence: decided.trace.confidence,
            language: decided.trace.language,
            at: self.change.at,
        });
    }
}

fn lines(turns: &[Turn]) -> Vec<Line> {
    let latest = turns.len().saturating_sub(PACKET_TURNS);
    let line = |turn: &Turn| Line {
        seq: turn.seq,
        at: turn.at,
        who: turn.speaker.name().to_owned(),
        text: turn.text.clone(),
    };
    turns[latest..].iter().map(line).collect()
}

fn clarifications(turns: &[Turn]) -> Vec<Clarification> {
    let clarified = turns.iter().enumerate().filter_map(|(at, turn)| match &turn.said {
        Said::Clarified { candidates } => Some((at, turn.seq, candidates)),
        _ => None,
    });
    clarified
        .map(|(at, seq, candidates)| Clarification {
            seq,
            offered: candidates.iter().map(|candidate| candidate.question.clone()).collect(),
            chosen: turns.get(at + 1).and_then(|next| match &next.said {
                Said::Chose { .. } => Some(next.text.clone()),
                _ => None,
            }),
        })
        .collect()
}

fn last_question(turns: &[Turn]) -> Option<String> {
    let is_question = |turn: &&Turn| turn.speaker.name() == "customer" && turn.said == Said::Text;
    turns.iter().rev().find(is_question).map(|turn| turn.text.clone())
}

fn subject_of(question: &str) -> String {
    let line = mask(question).text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SUBJECT_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
