//! The transition function of a conversation. One function per event; each says what it refuses first.
//!
//! Invariants, which the property tests hold it to: the bot says nothing while the conversation waits or is with a
//! person; whatever opens or reopens a ticket says so; `seq` has no gaps; a refused event changes nothing.

use super::{
    Agent, BotReply, CLARIFICATIONS_IN_A_ROW, Conversation, Effect, Event, GIVEN_KEPT, Given, Mode, Quoted,
    REOPEN_WINDOW_MS, Refused, Said, Saying, Speaker, State, Verdict,
};
use crate::answer::{Candidate, Context, HandOff};
use crate::handoff::{Closing, StaffId, TicketEvent, TicketId, TraceId};
use crate::kb::{HandOffReason, Priority};

/// The conversation after `event` at `now` (UTC milliseconds), and what to carry out.
///
/// # Errors
/// [`Refused`] with the reason; nothing changes.
pub fn step(
    conversation: &Conversation,
    event: Event,
    now: i64,
) -> Result<(Conversation, Vec<Effect>), Refused> {
    let mut step = Step { next: conversation.clone(), effects: Vec::new(), now, trace: None };
    match event {
        Event::Asked { text, reply, context, trace, ticket } => {
            step.asked(Asked { text, reply, context, trace, ticket })
        }
        Event::Chosen { quoted } => step.chosen(quoted)?,
        Event::NoneOfThese { ticket } => step.none_of_these(ticket)?,
        Event::PersonRequested { ticket } => step.person_requested(ticket)?,
        Event::TakenOver { agent, ticket } => step.taken_over(agent, ticket)?,
        Event::AgentReplied { agent, text } => step.agent_replied(&agent, text)?,
        Event::ReturnedToBot { by: Some(agent) } => step.returned_by_agent(&agent)?,
        Event::ReturnedToBot { by: None } => step.left_queue()?,
        Event::Resolved { by } => step.resolved(&by)?,
        Event::Reopened => step.reopened()?,
        Event::Feedback { turn, resolved } => step.feedback(turn, resolved)?,
    }
    Ok((step.next, step.effects))
}

struct Step {
    next: Conversation,
    effects: Vec<Effect>,
    now: i64,
    trace: Option<TraceId>,
}

struct Asked {
    text: String,
    reply: BotReply,
    context: Context,
    trace: TraceId,
    ticket: TicketId,
}

impl Step {
    fn asked(&mut self, asked: Asked) {
        match self.next.state.clone() {
            State::Waiting { ticket } | State::Person { ticket, .. } => self.passed_on(ticket, asked),
            State::Resolved { ticket: Some(ticket), at } if self.goes_back_to(at, &asked.reply) => {
                self.say(Speaker::Customer, Said::Text, Some(asked.text));
                self.requeue(ticket);
            }
            // A thank-you does not open a resolved conversation again.
            State::Resolved { .. } if matches!(asked.reply, BotReply::SmallTalk { .. }) => {
                self.answered(asked)
            }
            State::Bot | State::Clarifying { .. } | State::Resolved { .. } => {
                self.next.state = State::Bot;
                self.answered(asked);
            }
        }
    }

    /// Whether a message after a person resolved the conversation is a reply to that person.
    fn goes_back_to(&self, resolved_at: i64, reply: &BotReply) -> bool {
        let is_new_matter = match reply {
            BotReply::SmallTalk { .. } => true,
            BotReply::HandOff(hand_off) => hand_off.reason.is_must(),
            BotReply::Answer { .. } | BotReply::Clarify { .. } => false,
        };
        !is_new_matter && self.now - resolved_at <= REOPEN_WINDOW_MS
    }

    /// The bot is silent; a message that a rule calls urgent still moves the ticket forward.
    fn passed_on(&mut self, ticket: TicketId, asked: Asked) {
        self.say(Speaker::Customer, Said::Text, Some(asked.text));
        if let BotReply::HandOff(HandOff { reason, priority, queue, .. }) = asked.reply
            && reason.is_must()
            && priority < Priority::Normal
        {
            self.update(ticket, TicketEvent::Raised { priority, reason, queue });
        }
    }

    fn answered(&mut self, asked: Asked) {
        let Asked { text, reply, context, trace, ticket } = asked;
        self.say(Speaker::Customer, Said::Text, Some(text.clone()));
        self.trace = Some(trace.clone());
        self.effects.push(Effect::RecordQuestion { trace });
        if let Some(language) = context.language {
            self.next.language = language;
        }
        self.next.context = context;
        match reply {
            BotReply::Answer { quoted, confidence } => self.answer(quoted, Some(confidence)),
            BotReply::Clarify { candidates } => self.clarify(text, candidates, ticket),
            BotReply::SmallTalk { id, reply } => self.say(Speaker::Bot, Said::SmallTalk { id }, Some(reply)),
            BotReply::HandOff(hand_off) => self.hand_off(ticket, hand_off),
        }
    }

    fn answer(&mut self, quoted: Box<Quoted>, confidence: Option<f32>) {
        self.next.state = State::Bot;
        self.next.clarified = 0;
        self.next.offered = quoted.follow_ups.iter().map(|(id, _)| id.clone()).collect();
        let given = Given { entry_id: quoted.entry_id.clone(), resolved: None };
        let markdown = quoted.markdown.clone();
        self.say(Speaker::Bot, Said::Answered { quoted, confidence }, Some(markdown));
        self.next.given.insert(self.next.last_seq, given);
        while self.next.given.len() > GIVEN_KEPT {
            self.next.given.pop_first();
        }
    }

    fn clarify(&mut self, question: String, candidates: Vec<Candidate>, ticket: TicketId) {
        if candidates.is_empty() || self.next.clarified >= CLARIFICATIONS_IN_A_ROW {
            return self.hand_off(ticket, desk_hand_off(HandOffReason::LowConfidence));
        }
        self.next.clarified += 1;
        self.next.offered.clear();
        self.next.state = State::Clarifying { question, candidates: candidates.clone() };
        self.say(Speaker::Bot, Said::Clarified { candidates }, None);
    }

    /// Into the queue, and says so.
    fn hand_off(&mut self, ticket: TicketId, hand_off: HandOff) {
        let reason = hand_off.reason;
        let words = Some(hand_off.wording.clone()).filter(|words| !words.is_empty());
        self.effects.push(Effect::OpenTicket { ticket: ticket.clone(), hand_off });
        self.next.clarified = 0;
        self.next.offered.clear();
        self.next.state = State::Waiting { ticket: ticket.clone() };
        self.say(Speaker::Bot, Said::HandedOff { ticket, reason }, words);
    }

    fn chosen(&mut self, quoted: Box<Quoted>) -> Result<(), Refused> {
        let entry_id = quoted.entry_id.clone();
        let question = match &self.next.state {
            State::Waiting { .. } => return Err(Refused::AlreadyWaiting),
            State::Person { .. } => return Err(Refused::AlreadyWithPerson),
            State::Clarifying { question, candidates } => {
                if candidates.iter().all(|candidate| candidate.entry_id != entry_id) {
                    return Err(Refused::NotOffered(entry_id));
                }
                Some(question.clone())
            }
            State::Bot | State::Resolved { .. } if self.next.offered.is_empty() => {
                return Err(Refused::NothingToChoose);
            }
            State::Bot | State::Resolved { .. } if !self.next.offered.contains(&entry_id) => {
                return Err(Refused::NotOffered(entry_id));
            }
            State::Bot | State::Resolved { .. } => None,
        };
        self.next.state = State::Bot;
        self.say(
            Speaker::Customer,
            Said::Chose { entry_id: entry_id.clone() },
            Some(quoted.question.clone()),
        );
        if question.is_some() {
            let (turn, entry_id) = (self.next.last_seq, entry_id.clone());
            self.effects.push(Effect::RecordFeedback { turn, entry_id, verdict: Verdict::Chosen });
        }
        self.next.context.last_question = Some(question.unwrap_or_else(|| quoted.question.clone()));
        self.next.context.last_entry = Some(entry_id);
        self.answer(quoted, None);
        Ok(())
    }

    fn none_of_these(&mut self, ticket: TicketId) -> Result<(), Refused> {
        let candidates = match &self.next.state {
            State::Clarifying { candidates, .. } => candidates.clone(),
            State::Waiting { .. } => return Err(Refused::AlreadyWaiting),
            State::Person { .. } => return Err(Refused::AlreadyWithPerson),
            State::Bot | State::Resolved { .. } => return Err(Refused::NothingToChoose),
        };
        self.say(Speaker::Customer, Said::NoneFits, None);
        let turn = self.next.last_seq;
        self.effects.extend(candidates.into_iter().map(|candidate| Effect::RecordFeedback {
            turn,
            entry_id: candidate.entry_id,
            verdict: Verdict::NotThis,
        }));
        self.hand_off(ticket, desk_hand_off(HandOffReason::NoneOfThese));
        Ok(())
    }

    fn person_requested(&mut self, ticket: TicketId) -> Result<(), Refused> {
        match &self.next.state {
            State::Waiting { .. } => return Err(Refused::AlreadyWaiting),
            State::Person { .. } => return Err(Refused::AlreadyWithPerson),
            State::Bot | State::Clarifying { .. } | State::Resolved { .. } => {}
        }
        self.next.state = State::Bot;
        self.say(Speaker::Customer, Said::AskedForPerson, None);
        self.hand_off(ticket, desk_hand_off(HandOffReason::Person));
        Ok(())
    }

    fn taken_over(&mut self, agent: Agent, fresh: TicketId) -> Result<(), Refused> {
        let ticket = match &self.next.state {
            State::Waiting { ticket } => ticket.clone(),
            State::Person { agent: owner, .. } if owner.id == agent.id => {
                return Err(Refused::AlreadyWithPerson);
            }
            State::Person { agent: owner, .. } => return Err(Refused::TakenBy(owner.name.clone())),
            State::Resolved { .. } => return Err(Refused::AlreadyResolved),
            State::Bot | State::Clarifying { .. } => {
                let hand_off = desk_hand_off(HandOffReason::Person);
                self.effects.push(Effect::OpenTicket { ticket: fresh.clone(), hand_off });
                fresh
            }
        };
        self.update(ticket.clone(), TicketEvent::Assigned { agent: agent.id.clone() });
        self.next.clarified = 0;
        self.next.offered.clear();
        self.next.state = State::Person { ticket, agent: agent.clone() };
        self.say(Speaker::Desk, Said::Joined { agent }, None);
        Ok(())
    }

    fn agent_replied(&mut self, agent: &StaffId, text: String) -> Result<(), Refused> {
        let (ticket, agent) = self.owned_by(agent)?;
        self.say(Speaker::Agent(agent), Said::Text, Some(text));
        self.update(ticket, TicketEvent::Replied);
        Ok(())
    }

    fn returned_by_agent(&mut self, agent: &StaffId) -> Result<(), Refused> {
        let (ticket, _) = self.owned_by(agent)?;
        self.update(ticket, TicketEvent::Closed { closing: Closing::ReturnedToBot });
        self.next.state = State::Bot;
        self.say(Speaker::Desk, Said::BackToBot, None);
        Ok(())
    }

    fn left_queue(&mut self) -> Result<(), Refused> {
        let ticket = match &self.next.state {
            State::Waiting { ticket } => ticket.clone(),
            State::Person { .. } => return Err(Refused::AlreadyWithPerson),
            State::Resolved { .. } => return Err(Refused::AlreadyResolved),
            State::Bot | State::Clarifying { .. } => return Err(Refused::AlreadyBot),
        };
        self.update(ticket, TicketEvent::Closed { closing: Closing::Withdrawn });
        self.next.state = State::Bot;
        self.say(Speaker::Desk, Said::LeftQueue, None);
        Ok(())
    }

    fn resolved(&mut self, agent: &StaffId) -> Result<(), Refused> {
        let (ticket, _) = self.owned_by(agent)?;
        self.update(ticket.clone(), TicketEvent::Closed { closing: Closing::Resolved });
        self.next.state = State::Resolved { ticket: Some(ticket), at: self.now };
        self.say(Speaker::Desk, Said::Resolved, None);
        Ok(())
    }

    fn reopened(&mut self) -> Result<(), Refused> {
        match self.next.state.clone() {
            State::Resolved { ticket: Some(ticket), .. } => self.requeue(ticket),
            State::Resolved { ticket: None, .. } => return Err(Refused::NoTicket),
            State::Bot | State::Clarifying { .. } | State::Waiting { .. } | State::Person { .. } => {
                return Err(Refused::NotResolved);
            }
        }
        Ok(())
    }

    fn requeue(&mut self, ticket: TicketId) {
        self.update(ticket.clone(), TicketEvent::Reopened);
        self.next.state = State::Waiting { ticket: ticket.clone() };
        self.say(Speaker::Desk, Said::Reopened { ticket }, None);
    }

    fn feedback(&mut self, turn: u64, resolved: bool) -> Result<(), Refused> {
        let given = self.next.given.get_mut(&turn).ok_or(Refused::NotAnAnswer(turn))?;
        if given.resolved.replace(resolved) == Some(resolved) {
            return Ok(());
        }
        let verdict = if resolved { Verdict::Resolved } else { Verdict::Unresolved };
        self.effects.push(Effect::RecordFeedback { turn, entry_id: given.entry_id.clone(), verdict });
        match &self.next.state {
            // A person's conversation is theirs; the verdict is only recorded.
            State::Waiting { .. } | State::Person { .. } | State::Resolved { ticket: Some(_), .. } => {
                return Ok(());
            }
            State::Bot | State::Clarifying { .. } | State::Resolved { ticket: None, .. } => {}
        }
        self.next.state = if resolved { State::Resolved { ticket: None, at: self.now } } else { State::Bot };
        self.say(Speaker::Desk, Said::Thanked { resolved }, None);
        Ok(())
    }

    /// The live ticket and its owner, if that is `agent`.
    fn owned_by(&self, agent: &StaffId) -> Result<(TicketId, Agent), Refused> {
        match &self.next.state {
            State::Person { ticket, agent: owner } if owner.id == *agent => {
                Ok((ticket.clone(), owner.clone()))
            }
            State::Person { agent: owner, .. } => Err(Refused::TakenBy(owner.name.clone())),
            State::Resolved { .. } => Err(Refused::AlreadyResolved),
            State::Bot | State::Clarifying { .. } | State::Waiting { .. } => Err(Refused::NotOwner),
        }
    }

    /// Appends a turn in the state set before.
    fn say(&mut self, speaker: Speaker, said: Said, words: Option<String>) {
        self.next.last_seq += 1;
        let mode = match speaker {
            // The choice is made; whatever comes next is said in its own mode.
            Speaker::Customer if self.next.state.mode() == Mode::Clarifying => Mode::Bot,
            _ => self.next.state.mode(),
        };
        let trace = self.trace.clone();
        self.effects.push(Effect::Append(Saying {
            seq: self.next.last_seq,
            speaker,
            said,
            words,
            mode,
            trace,
        }));
    }

    fn update(&mut self, ticket: TicketId, event: TicketEvent) {
        self.effects.push(Effect::UpdateTicket { ticket, event });
    }
}

/// A hand-off that the desk itself decides on: usual priority, first queue, the desk's own wording.
fn desk_hand_off(reason: HandOffReason) -> HandOff {
    HandOff { reason, priority: Priority::Normal, queue: String::new(), wording: String::new() }
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
