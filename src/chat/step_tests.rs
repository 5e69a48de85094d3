//! Property tests of the state machine against a model of what an outsider can see: turns and tickets.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::handoff::{ConversationId, Ticket, TicketState};
use crate::kb::Language;

fn conversation() -> Conversation {
    Conversation::new(ConversationId::from_bits(1), Language::Ja, 0)
}

fn agent(n: u8) -> Agent {
    Agent { id: StaffId::from_bits(u128::from(n)), name: format!("担当{n}") }
}

fn ticket(n: u64) -> TicketId {
    TicketId::from_bits(u128::from(n))
}

fn quoted(id: &str, follow_ups: &[&str]) -> Box<Quoted> {
    Box::new(Quoted {
        entry_id: id.into(),
        question: format!("{id}?"),
        markdown: format!("{id}!"),
        revision: 1,
        reviewed: None,
        follow_ups: follow_ups.iter().map(|id| ((*id).into(), format!("{id}?"))).collect(),
        sources: Vec::new(),
    })
}

fn candidates(ids: &[&str]) -> Vec<Candidate> {
    let candidate =
        |id: &&str| Candidate { entry_id: (*id).into(), question: format!("{id}?"), confidence: 0.5 };
    ids.iter().map(candidate).collect()
}

fn hand_off(reason: HandOffReason, priority: Priority) -> HandOff {
    HandOff { reason, priority, queue: "general".into(), wording: "文言".into() }
}

fn asked(text: &str, reply: BotReply, n: u64) -> Event {
    let (trace, context) = (TraceId::from_bits(u128::from(n)), Context::default());
    Event::Asked { text: text.into(), reply, context, trace, ticket: ticket(n) }
}

fn answer(id: &str, n: u64) -> Event {
    asked("質問", BotReply::Answer { quoted: quoted(id, &["b"]), confidence: 0.9 }, n)
}

/// An event without the ids, which the run gives out.
#[derive(Debug, Clone)]
enum Move {
    Ask(u8),
    Choose(u8),
    NoneFits,
    WantPerson,
    TakeOver(u8),
    Reply(u8),
    Return(Option<u8>),
    Resolve(u8),
    Reopen,
    Feedback(u64, bool),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        4 => (0..6u8).prop_map(Move::Ask),
        2 => (0..3u8).prop_map(Move::Choose),
        1 => Just(Move::NoneFits),
        1 => Just(Move::WantPerson),
        2 => (1..3u8).prop_map(Move::TakeOver),
        2 => (1..3u8).prop_map(Move::Reply),
        2 => proptest::option::of(1..3u8).prop_map(Move::Return),
        1 => (1..3u8).prop_map(Move::Resolve),
        1 => Just(Move::Reopen),
        2 => (0..20u64, any::<bool>()).prop_map(|(turn, resolved)| Move::Feedback(turn, resolved)),
    ]
}

fn event(a_move: &Move, n: u64) -> Event {
    let staff = |n: &u8| agent(*n).id;
    match a_move {
        Move::Ask(0 | 1) => answer("a", n),
        Move::Ask(2) => asked("質問", BotReply::Clarify { candidates: candidates(&["a", "c"]) }, n),
        Move::Ask(3) => {
            let hand_off = hand_off(HandOffReason::Security, Priority::Urgent);
            asked("質問", BotReply::HandOff(hand_off), n)
        }
        Move::Ask(4) => {
            let hand_off = hand_off(HandOffReason::LowConfidence, Priority::Normal);
            asked("質問", BotReply::HandOff(hand_off), n)
        }
        Move::Ask(_) => {
            asked("やあ", BotReply::SmallTalk { id: "hello".into(), reply: "こんにちは".into() }, n)
        }
        Move::Choose(which) => Event::Chosen { quoted: quoted(["a", "b", "c"][usize::from(*which)], &["b"]) },
        Move::NoneFits => Event::NoneOfThese { ticket: ticket(n) },
        Move::WantPerson => Event::PersonRequested { ticket: ticket(n) },
        Move::TakeOver(who) => Event::TakenOver { agent: agent(*who), ticket: ticket(n) },
        Move::Reply(who) => Event::AgentReplied { agent: staff(who), text: "はい".into() },
        Move::Return(who) => Event::ReturnedToBot { by: who.as_ref().map(staff) },
        Move::Resolve(who) => Event::Resolved { by: staff(who) },
        Move::Reopen => Event::Reopened,
        Move::Feedback(turn, resolved) => Event::Feedback { turn: *turn, resolved: *resolved },
    }
}

/// What an outsider sees.
#[derive(Default)]
struct Seen {
    turns: Vec<Saying>,
    tickets: BTreeMap<TicketId, Ticket>,
}

impl Seen {
    fn take_in(&mut self, conversation: &Conversation, effects: Vec<Effect>, now: i64) {
        let announced = |ticket: &TicketId, effects: &[Effect]| {
            effects.iter().any(|effect| match effect {
                Effect::Append(saying) => match &saying.said {
                    Said::HandedOff { ticket: said, .. } | Said::Reopened { ticket: said } => said == ticket,
                    Said::Joined { .. } => true,
                    _ => false,
                },
                _ => false,
            })
        };
        for effect in effects.clone() {
            match effect {
                Effect::Append(saying) => {
                    assert_eq!(saying.seq, self.turns.len() as u64 + 1, "turns are numbered without gaps");
                    let before = self.turns.last().map_or(Mode::Bot, |turn| turn.mode);
                    if saying.speaker == Speaker::Bot {
                        assert!(
                            !matches!(before, Mode::Waiting | Mode::Person),
                            "the bot spoke in {before:?}"
                        );
                    }
                    if let Speaker::Agent(speaker) = &saying.speaker {
                        assert_eq!(before, Mode::Person);
                        let owner =
                            self.tickets.values().find(|ticket| ticket.state == TicketState::Assigned);
                        assert_eq!(owner.and_then(|ticket| ticket.agent.as_ref()), Some(&speaker.id));
                    }
                    self.turns.push(saying);
                }
                Effect::OpenTicket { ticket, hand_off } => {
                    assert!(announced(&ticket, &effects), "a ticket was opened in silence");
                    let id = conversation.id.clone();
                    let opened =
                        Ticket::open(ticket.clone(), id, &hand_off, Language::Ja, String::new(), now);
                    assert!(self.tickets.insert(ticket, opened).is_none(), "ticket ids are fresh");
                }
                Effect::UpdateTicket { ticket, event } => {
                    if event == TicketEvent::Reopened {
                        assert!(announced(&ticket, &effects), "a ticket was reopened in silence");
                    }
                    let known = self.tickets.get_mut(&ticket).expect("only known tickets change");
                    *known =
                        known.apply(&event, now).expect("the ticket's life agrees with the conversation's");
                }
                Effect::RecordQuestion { .. } => {}
                Effect::RecordFeedback { turn, .. } => assert!(turn <= conversation.last_seq),
            }
        }
        assert_eq!(conversation.last_seq, self.turns.len() as u64);
        let mode = conversation.state.mode();
        assert_eq!(
            self.turns.last().map_or(Mode::Bot, |turn| turn.mode),
            mode,
            "the last turn tells the mode"
        );
        let live =
            |state: TicketState| self.tickets.values().filter(move |ticket| ticket.state == state).count();
        assert_eq!(live(TicketState::Open), usize::from(mode == Mode::Waiting));
        assert_eq!(live(TicketState::Assigned), usize::from(mode == Mode::Person));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_sequence_of_events_keeps_the_desk_s_promises(moves in prop::collection::vec(moves(), 0..60)) {
        let mut conversation = conversation();
        let mut seen = Seen::default();
        for (n, a_move) in (1u64..).zip(&moves) {
            let now = n as i64 * 1000;
            let before = conversation.clone();
            match step(&conversation, event(a_move, n), now) {
                Ok((next, effects)) => {
                    seen.take_in(&next, effects, now);
                    conversation = next;
                }
                Err(refused) => {
                    prop_assert!(!refused.to_string().is_empty() && !refused.code().is_empty());
                    prop_assert_eq!(&conversation, &before);
                }
            }
        }
    }

    #[test]
    fn a_race_between_take_over_and_a_message_is_settled_once(agent_first in any::<bool>()) {
        let (start, _) = step(&conversation(), Event::PersonRequested { ticket: ticket(1) }, 1).expect("bot");
        let (returned, _) = step(&start, Event::ReturnedToBot { by: None }, 2).expect("waiting");
        let take = Event::TakenOver { agent: agent(1), ticket: ticket(2) };
        let events = if agent_first { [take, answer("a", 3)] } else { [answer("a", 3), take] };
        let mut conversation = returned;
        let mut said = Vec::new();
        for event in events {
            let (next, effects) = step(&conversation, event, 3).expect("both are possible in any order");
            said.extend(effects);
            conversation = next;
        }
        prop_assert_eq!(conversation.state.mode(), Mode::Person);
        let bot_spoke = said.iter().any(|effect| matches!(effect, Effect::Append(s) if s.speaker == Speaker::Bot));
        prop_assert_eq!(bot_spoke, !agent_first, "the bot answers only when it came first");
    }
}

#[test]
fn the_second_agent_is_told_who_was_first() {
    let (waiting, _) = step(&conversation(), Event::PersonRequested { ticket: ticket(1) }, 1).expect("bot");
    let take = |n| Event::TakenOver { agent: agent(n), ticket: ticket(9) };
    let (taken, _) = step(&waiting, take(1), 2).expect("waiting");
    assert_eq!(step(&taken, take(2), 2).expect_err("taken"), Refused::TakenBy("担当1".into()));
    assert_eq!(step(&taken, take(1), 2).expect_err("own"), Refused::AlreadyWithPerson);
}

#[test]
fn the_bot_stops_asking_back_after_two_clarifications() {
    let clarify = |n| asked("手数料", BotReply::Clarify { candidates: candidates(&["a", "c"]) }, n);
    let mut conversation = conversation();
    for n in 1..=2 {
        conversation = step(&conversation, clarify(n), 1).expect("bot").0;
        assert_eq!(conversation.state.mode(), Mode::Clarifying);
    }
    let (handed, effects) = step(&conversation, clarify(3), 1).expect("bot");
    assert_eq!(handed.state.mode(), Mode::Waiting);
    let opened = effects.iter().find_map(|effect| match effect {
        Effect::OpenTicket { hand_off, .. } => Some(hand_off.reason),
        _ => None,
    });
    assert_eq!(opened, Some(HandOffReason::LowConfidence));
}

#[test]
fn only_what_was_offered_can_be_chosen() {
    let choose = |id: &str| Event::Chosen { quoted: quoted(id, &[]) };
    assert_eq!(step(&conversation(), choose("a"), 1).expect_err("nothing yet"), Refused::NothingToChoose);
    let clarify = asked("手数料", BotReply::Clarify { candidates: candidates(&["a", "c"]) }, 1);
    let (clarifying, _) = step(&conversation(), clarify, 1).expect("bot");
    assert_eq!(step(&clarifying, choose("z"), 1).expect_err("not offered"), Refused::NotOffered("z".into()));
    let (chosen, effects) = step(&clarifying, choose("c"), 1).expect("offered");
    assert_eq!(chosen.context.last_question.as_deref(), Some("手数料"));
    assert!(effects.contains(&Effect::RecordFeedback {
        turn: 3,
        entry_id: "c".into(),
        verdict: Verdict::Chosen
    }));
    let (answered, _) = step(&conversation(), answer("a", 1), 1).expect("bot");
    assert!(step(&answered, choose("b"), 1).is_ok(), "a follow-up of the answer");
}

#[test]
fn after_a_person_resolved_it_a_message_goes_back_to_the_queue_but_thanks_do_not() {
    let mut conversation = conversation();
    for event in [
        Event::PersonRequested { ticket: ticket(1) },
        Event::TakenOver { agent: agent(1), ticket: ticket(2) },
        Event::Resolved { by: agent(1).id },
    ] {
        conversation = step(&conversation, event, 10).expect("in order").0;
    }
    let thanks = asked("ありがとう", BotReply::SmallTalk { id: "thanks".into(), reply: "いえ".into() }, 3);
    assert_eq!(step(&conversation, thanks, 11).expect("resolved").0.state.mode(), Mode::Resolved);
    let (again, _) = step(&conversation, answer("a", 4), 11).expect("resolved");
    assert_eq!(again.state, State::Waiting { ticket: ticket(1) });
    let (later, _) = step(&conversation, answer("a", 5), 11 + REOPEN_WINDOW_MS).expect("resolved");
    assert_eq!(later.state, State::Bot, "after days it is a new matter");
}

#[test]
fn an_urgent_message_in_the_queue_raises_the_ticket_in_silence() {
    let (waiting, _) = step(&conversation(), Event::PersonRequested { ticket: ticket(1) }, 1).expect("bot");
    let urgent = BotReply::HandOff(hand_off(HandOffReason::Security, Priority::Urgent));
    let (_, effects) = step(&waiting, asked("盗まれた", urgent, 2), 2).expect("waiting");
    assert!(
        matches!(&effects[..], [Effect::Append(said), Effect::UpdateTicket { event: TicketEvent::Raised { .. }, .. }]
        if said.speaker == Speaker::Customer)
    );
}

#[test]
fn feedback_resolves_or_reopens_and_is_counted_once() {
    let (answered, _) = step(&conversation(), answer("a", 1), 1).expect("bot");
    let feedback = |turn, resolved| Event::Feedback { turn, resolved };
    assert_eq!(step(&answered, feedback(1, true), 1).expect_err("a question"), Refused::NotAnAnswer(1));
    let (resolved, _) = step(&answered, feedback(2, true), 1).expect("an answer");
    assert_eq!(resolved.state.mode(), Mode::Resolved);
    assert!(step(&resolved, feedback(2, true), 1).expect("again").1.is_empty());
    let (back, _) = step(&resolved, feedback(2, false), 1).expect("changed");
    assert_eq!(back.state.mode(), Mode::Bot);
}
