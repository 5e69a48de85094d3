//! Conversations through the use cases: answers, clarifications, hand-offs, both sides of the counter, bad input.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, future};
use madoguchi::app::{Access, App, AppError, Role, Started, TicketFilter};
use madoguchi::chat::{Mode, Said, Turn};
use madoguchi::handoff::TicketState;
use madoguchi::kb::{HandOffReason, Priority};
use madoguchi::store::{SqliteStore, Store};

use crate::fakes::{Script, TestDesk, snapshot};

async fn start(desk: &TestDesk) -> Started {
    desk.app.start_conversation(None).await.expect("a conversation starts")
}

fn access(started: &Started) -> Access<'_> {
    Access { id: started.id.as_str(), token: &started.token }
}

fn said(turns: &[Turn]) -> Vec<&str> {
    turns.iter().map(|turn| turn.speaker.name()).collect()
}

async fn store_of(desk: &TestDesk) -> SqliteStore {
    SqliteStore::open(&desk.folder.path().join("desk.db")).await.expect("opens twice")
}

#[tokio::test]
async fn a_question_is_answered_with_its_entry_and_trace() {
    let desk = TestDesk::open().await;
    let started = start(&desk).await;
    let reply = desk.app.ask(access(&started), " 出金できない。taro@example.jp ").await.expect("answered");
    assert_eq!((reply.decision, reply.mode), (Some("answer"), Mode::Bot));
    assert_eq!(said(&reply.turns), ["customer", "bot"]);
    let Said::Answered { quoted, confidence } = &reply.turns[1].said else { panic!("{:?}", reply.turns[1]) };
    assert_eq!((quoted.entry_id.as_str(), quoted.revision, *confidence), ("withdraw", 3, Some(0.9)));
    assert_eq!(quoted.follow_ups.len(), 1, "only follow-ups that are served");

    let staff = desk.staff("eva", Role::Evaluator).await;
    let trace = reply.trace.expect("the bot decided");
    let trace = desk.app.trace(&staff, trace.as_str()).await.expect("kept");
    assert_eq!(trace.normalized, "出金できない。[メールアドレス]");
    assert!(trace.tokens.is_empty(), "{:?}", trace.tokens);
    let questions = store_of(&desk).await.questions(0, 10).await.expect("stored");
    assert_eq!(questions[0].text, "出金できない。[メールアドレス]");
    assert_eq!((questions[0].decision.as_str(), questions[0].turn), ("answer", 1));

    let follow_up = desk.app.choose(access(&started), "fee-jpy").await.expect("offered");
    assert_eq!(follow_up.decision, Some("answer"));
}

#[tokio::test]
async fn a_chosen_candidate_is_answered_and_counts_as_feedback() {
    let desk = TestDesk::open().await;
    let started = start(&desk).await;
    let asked = desk.app.ask(access(&started), "手数料は?").await.expect("asked back");
    assert_eq!((asked.decision, asked.mode), (Some("clarify"), Mode::Clarifying));
    let error = desk.app.choose(access(&started), "withdraw").await.expect_err("not offered");
    assert_eq!(error.code(), "not_offered");
    let error = desk.app.choose(access(&started), "no-such-entry").await.expect_err("unknown");
    assert_eq!(error.code(), "not_offered");
    let chosen = desk.app.choose(access(&started), "fee-crypto").await.expect("offered");
    assert_eq!((chosen.decision, chosen.mode), (Some("answer"), Mode::Bot));
    let answer = chosen.turns[1].seq;
    let thanked = desk.app.feedback(access(&started), answer, true).await.expect("an answer");
    assert_eq!(thanked.mode, Mode::Resolved);
    assert!(desk.app.feedback(access(&started), answer, true).await.expect("again").turns.is_empty());
    let feedback = store_of(&desk).await.feedback(0, 10).await.expect("stored");
    let verdicts: Vec<_> = feedback.iter().map(|f| (f.entry_id.as_str(), f.verdict.name())).collect();
    assert_eq!(verdicts, [("fee-crypto", "chosen"), ("fee-crypto", "resolved")]);
    let view = desk.app.conversation(access(&started)).await.expect("seen");
    assert_eq!(view.feedback, [(answer, true)]);
}

#[tokio::test]
async fn none_of_these_hands_off_with_everything_the_agent_needs() {
    let desk = TestDesk::open().await;
    let (started, agent) = (start(&desk).await, desk.staff("aki", Role::Agent).await);
    desk.app.ask(access(&started), "手数料は? 090-1234-5678").await.expect("asked back");
    let reply = desk.app.choose_none(access(&started)).await.expect("handed off");
    assert_eq!((reply.decision, reply.mode), (Some("handoff"), Mode::Waiting));
    let ticket = reply.ticket.expect("a ticket");
    assert_eq!((ticket.reason, ticket.position), (HandOffReason::NoneOfThese, Some(1)));
    let detail = desk.app.ticket(&agent, ticket.id.as_str()).await.expect("seen by staff");
    let packet = detail.packet.expect("a packet");
    assert_eq!(packet.clarifications.len(), 1);
    assert_eq!(packet.clarifications[0].chosen, None);
    assert_eq!(packet.candidates[0].entry_id, "withdraw");
    assert_eq!(packet.category, ["入出金"]);
    assert!(packet.question.contains("手数料") && !packet.question.contains("1234"), "{}", packet.question);
    assert!(packet.transcript.iter().all(|line| !line.text.contains("1234")));
    assert_eq!(packet.masked, ["phone"]);
    assert!(detail.ticket.subject.starts_with("手数料は? [電話番号]"), "{}", detail.ticket.subject);
}

#[tokio::test]
async fn a_hand_off_says_where_in_the_queue_and_when_somebody_is_there() {
    let desk = TestDesk::open().await;
    let (first, second) = (start(&desk).await, start(&desk).await);
    desk.app.request_person(access(&first)).await.expect("queued");
    desk.wait(1);
    let reply = desk.app.request_person(access(&second)).await.expect("queued");
    let notice = &reply.turns.last().expect("a notice").text;
    assert!(notice.contains("2番目") && notice.contains("9:00〜18:00"), "{notice}");
    let again = desk.app.request_person(access(&second)).await.expect("pressed twice");
    assert!(again.turns.is_empty());
    assert_eq!(again.ticket, reply.ticket);

    desk.wait(10 * 60 * 60 * 1000); // Friday 20:00
    let third = start(&desk).await;
    let reply = desk.app.ask(access(&third), "盗まれました").await.expect("handed off");
    let notice = &reply.turns[1].text;
    assert!(notice.starts_with("文言 security") && notice.contains("11月23日(月)9:00"), "{notice}");
    let ticket = reply.ticket.expect("a ticket");
    assert!(!ticket.open && ticket.next_open.is_some());

    let agent = desk.staff("aki", Role::Agent).await;
    let queue = desk.app.tickets(&agent, &TicketFilter::default()).await.expect("listed");
    assert_eq!(queue[0].priority, Priority::Urgent, "urgent before older ones");
    let left = desk.app.stop_waiting(access(&second)).await.expect("back to the bot");
    assert_eq!(left.mode, Mode::Bot);
    assert_eq!(desk.app.tickets(&agent, &TicketFilter::default()).await.expect("listed").len(), 2);
}

#[tokio::test]
async fn both_sides_see_the_hand_off_live_from_queue_to_resolution() {
    let desk = TestDesk::open().await;
    let (started, agent) = (start(&desk).await, desk.staff("aki", Role::Agent).await);
    let mut customer = desk.app.events(access(&started), 0).await.expect("a stream");
    let mut queue = desk.app.queue_changes();
    queue.borrow_and_update();
    let reply = desk.app.ask(access(&started), "今夜の献立を考えて").await.expect("handed off");
    queue.changed().await.expect("told");
    let ticket = reply.ticket.expect("a ticket").id;
    let ticket = ticket.as_str();

    let silent = desk.app.ask(access(&started), "まだですか").await.expect("passed on");
    assert_eq!((silent.decision, said(&silent.turns)), (None, vec!["customer"]), "the bot is silent");
    assert_eq!(
        desk.app.agent_reply(&agent, ticket, "はい").await.expect_err("not taken").code(),
        "not_owner"
    );
    desk.app.take_over(&agent, ticket).await.expect("taken");
    desk.app.take_over(&agent, ticket).await.expect("own already");
    let mut staff_side = desk.app.ticket_events(&agent, ticket, 4).await.expect("a stream");
    desk.app.agent_reply(&agent, ticket, "お待たせしました").await.expect("said");
    desk.app.ask(access(&started), "出金について").await.expect("passed on");
    let detail = desk.app.resolve(&agent, ticket).await.expect("resolved");
    assert_eq!((detail.ticket.state, detail.mode), (TicketState::Resolved, Mode::Resolved));
    assert!(detail.ticket.first_reply_at.is_some());

    let seen: Vec<Turn> = (&mut customer).take(7).map(|turn| turn.expect("a turn")).collect().await;
    assert_eq!(said(&seen), ["customer", "bot", "customer", "desk", "agent", "customer", "desk"]);
    let staff_seen: Vec<Turn> = (&mut staff_side).take(3).map(|turn| turn.expect("a turn")).collect().await;
    assert_eq!(staff_seen, seen[4..]);

    let back = desk.app.ask(access(&started), "やはり出金できません").await.expect("reopened");
    assert_eq!((back.mode, said(&back.turns)), (Mode::Waiting, vec!["customer", "desk"]));
    desk.app.take_over(&agent, ticket).await.expect("taken again");
    desk.app.return_to_bot(&agent, ticket).await.expect("returned");
    assert_eq!(desk.app.reopen(&agent, ticket).await.expect_err("went on").code(), "ticket_ended");
    let answered = desk.app.ask(access(&started), "出金").await.expect("answered");
    assert_eq!(answered.decision, Some("answer"));
}

#[tokio::test]
async fn a_secret_is_stored_nowhere() {
    let desk = TestDesk::open().await;
    let started = start(&desk).await;
    let seed = "abandon ability able about above absent absorb abstract absurd abuse access accident";
    let reply = desk.app.ask(access(&started), &format!("復元できない {seed}")).await.expect("handed off");
    let ticket = reply.ticket.expect("a ticket");
    assert_eq!(ticket.reason, HandOffReason::Secret, "whatever the engine said");
    desk.app.ask(access(&started), "秘密の言葉はひらけごまzq です").await.expect("passed on");
    desk.app.ask(access(&started), "パスワードは Zq99xyz! でした").await.expect("passed on");
    let other = start(&desk).await;
    desk.app.ask(access(&other), "秘密の言葉はひらけごまzq です").await.expect("handed off");
    desk.app.ask(access(&other), "カード 4111 1111 1111 1111").await.expect("passed on");
    let bytes = desk.bytes();
    let is_stored = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(is_stored("復元できない [シードフレーズ]"), "what is no secret is kept");
    for secret in ["absurd", "abstract", "ひらけごま", "Zq99", "zq99", "4111"] {
        assert!(!is_stored(secret), "{secret} was written to disk");
    }
}

#[tokio::test]
async fn bad_input_is_refused_with_its_reason_and_changes_nothing() {
    let desk = TestDesk::open().await;
    let (started, other) = (start(&desk).await, start(&desk).await);
    let long = "あ".repeat(2_001);
    for (text, code) in
        [("", "empty"), (" \u{3000} ", "empty"), ("a\0b", "control_character"), (&long, "too_long")]
    {
        assert_eq!(desk.app.ask(access(&started), text).await.expect_err(code).code(), code);
    }
    let wrong = Access { token: &other.token, ..access(&started) };
    assert_eq!(desk.app.ask(wrong, "出金").await.expect_err("another's").code(), "wrong_token");
    let zeros = "0".repeat(32);
    for id in ["", "x", "../../etc", zeros.as_str()] {
        let unknown = Access { id, token: &started.token };
        assert_eq!(desk.app.conversation(unknown).await.expect_err(id).code(), "not_found");
    }
    assert_eq!(desk.app.feedback(access(&started), 1, true).await.expect_err("none").code(), "not_an_answer");
    assert_eq!(
        desk.app.choose(access(&started), "withdraw").await.expect_err("none").code(),
        "nothing_to_choose"
    );
    assert_eq!(desk.app.stop_waiting(access(&started)).await.expect_err("bot").code(), "already_bot");
    assert!(desk.app.conversation(access(&started)).await.expect("seen").turns.is_empty());
    let evaluator = desk.staff("eva", Role::Evaluator).await;
    let refused = desk.app.tickets(&evaluator, &TicketFilter::default()).await.expect_err("no agent");
    assert!(matches!(refused, AppError::Forbidden(Role::Agent)));
}

#[tokio::test]
async fn an_engine_that_fails_hands_off_instead() {
    let desk = TestDesk::open().await;
    let started = start(&desk).await;
    let reply = desk.app.ask(access(&started), "爆発").await.expect("no error for the customer");
    assert_eq!(reply.ticket.expect("a ticket").reason, HandOffReason::Unavailable);
    let other = start(&desk).await;
    let reply = desk.app.ask(access(&other), "消えた項目").await.expect("an entry that is not served");
    assert_eq!(reply.ticket.expect("a ticket").reason, HandOffReason::Unavailable);
    assert!(desk.app.search("爆発", 5).expect("no error").is_empty());
    assert_eq!(desk.app.search("出金", 1).expect("found").len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_see_every_turn_once_in_order_whenever_they_join() {
    const MESSAGES: u64 = 60;
    let desk = TestDesk::open().await;
    let started = Arc::new(start(&desk).await);
    let listen = |after: u64| {
        let (app, started) = (Arc::clone(&desk.app), Arc::clone(&started));
        tokio::spawn(async move {
            let stream = app.events(access(&started), after).await.expect("a stream");
            let last = MESSAGES * 2;
            let seqs = stream.map(|turn| turn.expect("a turn").seq).take((last - after) as usize);
            tokio::time::timeout(Duration::from_secs(30), seqs.collect::<Vec<_>>()).await.expect("all arrive")
        })
    };
    let early = listen(0);
    let ask = |app: Arc<App>, started: Arc<Started>| async move {
        app.ask(access(&started), "出金").await.expect("answered").turns.len()
    };
    let asks = (0..MESSAGES).map(|_| tokio::spawn(ask(Arc::clone(&desk.app), Arc::clone(&started))));
    let asks = future::join_all(asks);
    let late = listen(MESSAGES / 2);
    let turns: usize = asks.await.into_iter().map(|added| added.expect("no panic")).sum();
    assert_eq!(turns as u64, MESSAGES * 2);
    assert_eq!(early.await.expect("no panic"), (1..=MESSAGES * 2).collect::<Vec<_>>());
    assert_eq!(late.await.expect("no panic"), (MESSAGES / 2 + 1..=MESSAGES * 2).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_agents_who_take_one_ticket_one_gets_it() {
    let desk = TestDesk::open().await;
    let (aki, ben) = (desk.staff("aki", Role::Agent).await, desk.staff("ben", Role::Agent).await);
    for _ in 0..10 {
        let started = start(&desk).await;
        let ticket =
            desk.app.request_person(access(&started)).await.expect("queued").ticket.expect("a ticket");
        let take = |staff| {
            let (app, id) = (Arc::clone(&desk.app), ticket.id.clone());
            tokio::spawn(async move { app.take_over(&staff, id.as_str()).await })
        };
        let (one, two) = future::join(take(aki.clone()), take(ben.clone())).await;
        let results = [one.expect("no panic"), two.expect("no panic")];
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        let refused = results.into_iter().find_map(Result::err).expect("one lost");
        assert_eq!(refused.code(), "taken_by_other");
        let turns = desk.app.conversation(access(&started)).await.expect("seen").turns;
        assert_eq!(turns.iter().filter(|turn| matches!(turn.said, Said::Joined { .. })).count(), 1);
    }
}

#[tokio::test]
async fn publishing_swaps_what_customers_are_served_from() {
    let desk = TestDesk::open().await;
    let before = desk.app.snapshot();
    desk.app.publish(Arc::new(Script(snapshot())));
    assert!(!Arc::ptr_eq(&before, &desk.app.snapshot()));
    desk.app.ready().await.expect("entries and a store");
}
