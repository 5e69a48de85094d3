//! One story that every store must tell the same way, and what is particular to SQLite.

use std::sync::Arc;

use futures_util::future;
use madoguchi::answer::{HandOff, Trace};
use madoguchi::chat::{Conversation, Mode, Said, Speaker, State, Turn, Verdict};
use madoguchi::handoff::{
    ConversationId, Packet, Setting, StaffId, Ticket, TicketEvent, TicketId, TicketState, TraceId,
};
use madoguchi::kb::curate::{Life, Origin, Revision, Summary};
use madoguchi::kb::{Entry, HandOffReason, Language, Priority};
use madoguchi::store::{
    Change, Created, DocumentRecord, EntryChange, EntryRecord, FeedbackRecord, LogRecord, QuestionRecord,
    Role, SessionRecord, SqliteStore, StaffRecord, Store, StoreError, TicketQuery,
};

use crate::fakes::snapshot;

/// A conversation of its own for `n`.
pub fn created(n: u128) -> Created {
    let conversation = Conversation::new(ConversationId::from_bits(n), Language::Ja, 1_000);
    Created { conversation, token_hash: format!("hash {n}") }
}

fn turn(seq: u64) -> Turn {
    Turn {
        seq,
        at: 2_000,
        speaker: Speaker::Customer,
        said: Said::Text,
        text: format!("発言 {seq} 😀"),
        mode: Mode::Bot,
        trace: None,
    }
}

/// The change that adds the next turn to `conversation`.
pub fn next_turn(mut conversation: Conversation, version: i64) -> Change {
    conversation.last_seq += 1;
    let turns = vec![turn(conversation.last_seq)];
    Change { turns, ..Change::of(conversation, version, 2_000) }
}

fn ticket(n: u128, conversation: &ConversationId, priority: Priority, opened_at: i64) -> (Ticket, Packet) {
    let hand_off =
        HandOff { reason: HandOffReason::Person, priority, queue: "general".into(), wording: String::new() };
    let setting = Setting {
        hand_off: &hand_off,
        trace: None,
        snapshot: &snapshot(),
        question: "出金",
        language: Language::Ja,
    };
    let packet = Packet::build(setting, Vec::new(), Vec::new());
    let id = TicketId::from_bits(n);
    (Ticket::open(id, conversation.clone(), &hand_off, Language::Ja, "出金".into(), opened_at), packet)
}

async fn story(store: &dyn Store) -> Result<(), StoreError> {
    store.ping().await?;
    conversations_keep_their_turns_and_versions(store).await?;
    tickets_queue_by_priority_and_age(store).await?;
    evidence_is_kept_for_as_long_as_it_should(store).await?;
    accounts_and_sessions_come_and_go(store).await?;
    entries_and_documents_keep_every_state(store).await
}

async fn entries_and_documents_keep_every_state(store: &dyn Store) -> Result<(), StoreError> {
    let entry = |version: i64, live: Option<u32>| {
        let head = u32::try_from(version + 1).expect("small");
        let life = Life { head, live, ..Life::default() };
        let revision = Revision {
            entry_id: "fee".into(),
            number: head,
            content: Entry { id: "fee".into(), answer: format!("第{head}版"), ..Entry::default() },
            author: "sato".into(),
            at: 3_000,
            reason: "理由".into(),
            origin: Origin::Saved,
        };
        let log = LogRecord {
            at: 3_000,
            actor: "sato".into(),
            event: "saved".into(),
            revision: head,
            note: "理由".into(),
            due_at: None,
        };
        let entry = EntryRecord {
            id: "fee".into(),
            version,
            mark: 0,
            life,
            summary: Summary::of(&revision),
            folder: "funds".into(),
            external_id: None,
            created_at: 3_000,
            changed_at: 3_000,
        };
        EntryChange { entry, revision: Some(revision), is_served: live.is_some(), log, ends_draft_of: None }
    };
    let (content, served) = (store.content_mark().await?, store.served_mark().await?);
    assert_eq!(store.change_entries(vec![entry(0, None)]).await?, content + 1);
    assert_eq!(store.served_mark().await?, served, "customers notice nothing of a draft");
    assert!(matches!(store.change_entries(vec![entry(0, None)]).await, Err(StoreError::Taken(_))));
    // All or nothing: the second change is from a version that is gone.
    let both = vec![entry(1, Some(2)), entry(1, Some(2))];
    assert!(matches!(store.change_entries(both).await, Err(StoreError::Conflict)));
    assert_eq!(store.revisions("fee").await?.len(), 1);
    store.change_entries(vec![entry(1, Some(2))]).await?;
    assert_eq!(store.served_mark().await?, served + 1);
    let stored = store.entry("fee").await?.expect("stored");
    assert_eq!((stored.version, stored.life.live), (2, Some(2)));
    assert_eq!(store.entries_changed_after(content).await?, std::slice::from_ref(&stored));
    assert_eq!(store.entries_changed_after(stored.mark).await?, []);
    let numbers = |revisions: Vec<Revision>| revisions.iter().map(|r| r.number).collect::<Vec<_>>();
    assert_eq!(numbers(store.revisions("fee").await?), [2, 1]);
    let at = [("fee".to_owned(), 2), ("fee".to_owned(), 3), ("other".to_owned(), 1)];
    assert_eq!(numbers(store.revisions_at(&at).await?), [2], "what is not there is left out");
    // More than one query takes: each is found once.
    let many: Vec<(String, u32)> = (0..450).map(|i| (format!("e{i}"), 1)).chain(at).collect();
    assert_eq!(numbers(store.revisions_at(&many).await?), [2]);
    assert_eq!(store.revision("fee", 1).await?.expect("kept").content.answer, "第1版");
    assert_eq!(store.entry_log("fee").await?.len(), 2);

    let document = |number: i64, text: Option<&str>| DocumentRecord {
        name: "synonyms.txt".into(),
        number,
        author: "sato".into(),
        at: 3_000,
        reason: String::new(),
        text: text.map(str::to_owned),
    };
    store.save_documents(vec![document(1, Some("出金, 引き出し"))]).await?;
    assert!(matches!(store.save_documents(vec![document(1, None)]).await, Err(StoreError::Conflict)));
    store.save_documents(vec![document(2, None)]).await?;
    assert_eq!(store.documents().await?, [document(2, None)]);
    assert_eq!(store.document_history("synonyms.txt").await?.len(), 2);
    Ok(())
}

async fn conversations_keep_their_turns_and_versions(store: &dyn Store) -> Result<(), StoreError> {
    let new = created(1);
    let id = new.conversation.id.clone();
    assert!(store.conversation(&id).await?.is_none());
    store.create_conversation(&new).await?;
    let loaded = store.conversation(&id).await?.expect("stored");
    assert_eq!((loaded.conversation.clone(), loaded.token_hash), (new.conversation, new.token_hash));
    let change = next_turn(loaded.conversation, loaded.version);
    store.commit(change.clone()).await?;
    assert!(matches!(store.commit(change).await, Err(StoreError::Conflict)), "the version moved on");
    let loaded = store.conversation(&id).await?.expect("stored");
    assert_eq!((loaded.version, loaded.conversation.last_seq), (1, 1));
    store.commit(next_turn(loaded.conversation, loaded.version)).await?;
    assert_eq!(store.turns(&id, 0, 10).await?, [turn(1), turn(2)]);
    assert_eq!(store.turns(&id, 1, 10).await?, [turn(2)]);
    assert_eq!(store.turns(&id, 0, 1).await?, [turn(1)]);
    Ok(())
}

async fn tickets_queue_by_priority_and_age(store: &dyn Store) -> Result<(), StoreError> {
    let new = created(2);
    let mut conversation = new.conversation.clone();
    store.create_conversation(&new).await?;
    let opened = vec![
        ticket(11, &conversation.id, Priority::Normal, 5),
        ticket(12, &conversation.id, Priority::Normal, 4),
        ticket(13, &conversation.id, Priority::Urgent, 9),
    ];
    conversation.state = State::Waiting { ticket: TicketId::from_bits(11) };
    store.commit(Change { opened: opened.clone(), ..Change::of(conversation.clone(), 0, 9) }).await?;
    let listed = |tickets: Vec<Ticket>| tickets.into_iter().map(|ticket| ticket.id).collect::<Vec<_>>();
    let ids = |numbers: &[u128]| numbers.iter().map(|n| TicketId::from_bits(*n)).collect::<Vec<_>>();
    assert_eq!(listed(store.tickets(&TicketQuery::default()).await?), ids(&[13, 12, 11]));
    let waiting = store.waiting_before("general", Priority::Normal, 5, &TicketId::from_bits(11)).await?;
    assert_eq!(waiting, 2);
    assert_eq!(store.packet(&TicketId::from_bits(11)).await?.as_ref(), Some(&opened[0].1));

    let agent = StaffId::from_bits(7);
    let assigned = opened[2].0.apply(&TicketEvent::Assigned { agent: agent.clone() }, 10).expect("open");
    store.commit(Change { changed: vec![assigned.clone()], ..Change::of(conversation, 1, 10) }).await?;
    assert_eq!(store.ticket(&assigned.id).await?, Some(assigned));
    let query = |states: &[TicketState]| TicketQuery { states: states.to_vec(), ..TicketQuery::default() };
    assert_eq!(listed(store.tickets(&query(&[TicketState::Open])).await?), ids(&[12, 11]));
    let own = TicketQuery { agent: Some(agent), ..TicketQuery::default() };
    assert_eq!(listed(store.tickets(&own).await?), ids(&[13]));
    let other = TicketQuery { queue: Some("security".into()), ..TicketQuery::default() };
    assert!(store.tickets(&other).await?.is_empty());
    let urgent = TicketQuery { priority: Some(Priority::High), limit: 5, ..TicketQuery::default() };
    assert_eq!(listed(store.tickets(&urgent).await?), ids(&[13]));
    Ok(())
}

async fn evidence_is_kept_for_as_long_as_it_should(store: &dyn Store) -> Result<(), StoreError> {
    let new = created(3);
    let conversation = new.conversation.clone();
    store.create_conversation(&new).await?;
    let trace =
        (TraceId::from_bits(31), Trace { normalized: "出金".into(), confidence: 0.25, ..Trace::default() });
    let question = QuestionRecord {
        trace: trace.0.clone(),
        conversation: conversation.id.clone(),
        turn: 1,
        text: "出金".into(),
        completed_with: None,
        decision: "handoff".into(),
        reason: Some("low_confidence".into()),
        entry_id: Some("withdraw".into()),
        confidence: 0.25,
        language: Language::En,
        at: 100,
    };
    let feedback = |verdict, at| FeedbackRecord {
        conversation: conversation.id.clone(),
        turn: 2,
        entry_id: "withdraw".into(),
        verdict,
        at,
    };
    let change = Change {
        trace: Some(trace.clone()),
        question: Some(question.clone()),
        feedback: vec![feedback(Verdict::Unresolved, 100)],
        ..Change::of(conversation.clone(), 0, 100)
    };
    store.commit(change).await?;
    let again = Change {
        feedback: vec![feedback(Verdict::Resolved, 101)],
        ..Change::of(conversation.clone(), 1, 101)
    };
    store.commit(again).await?;
    assert_eq!(store.trace(&trace.0).await?, Some(trace.1));
    assert_eq!(store.questions(0, 10).await?, [question]);
    assert!(store.questions(101, 10).await?.is_empty());
    assert_eq!(store.feedback(0, 10).await?, [feedback(Verdict::Resolved, 101)], "the last word counts");
    assert_eq!(store.sweep(0, 101).await?, 1);
    assert_eq!(store.trace(&trace.0).await?, None);
    assert_eq!(store.questions(0, 10).await?.len(), 1, "the question stays");
    Ok(())
}

async fn accounts_and_sessions_come_and_go(store: &dyn Store) -> Result<(), StoreError> {
    let staff = StaffRecord {
        id: StaffId::from_bits(41),
        login: "aki".into(),
        name: "秋".into(),
        password_hash: None,
        roles: vec![Role::Agent, Role::Editor],
        created_at: 1,
        enabled: true,
    };
    store.add_staff(&staff).await?;
    let twin = StaffRecord { id: StaffId::from_bits(42), ..staff.clone() };
    assert!(matches!(store.add_staff(&twin).await, Err(StoreError::Taken("login"))));
    let changed = StaffRecord { password_hash: Some("hash".into()), enabled: false, ..staff.clone() };
    store.update_staff(&changed).await?;
    assert_eq!(store.staff_by_login("aki").await?, Some(changed.clone()));
    assert_eq!(store.staff(&staff.id).await?, Some(changed.clone()));
    assert_eq!(store.all_staff().await?, [changed]);

    let session = |hash: &str| SessionRecord {
        token_hash: hash.into(),
        staff: staff.id.clone(),
        created_at: 1,
        expires_at: 10,
    };
    for hash in ["a", "b", "c"] {
        store.add_session(&session(hash)).await?;
    }
    assert_eq!(store.session("a", 9).await?, Some(session("a")));
    assert_eq!(store.session("a", 10).await?, None);
    store.end_session("a").await?;
    store.end_other_sessions(&staff.id, "b").await?;
    assert_eq!((store.session("c", 1).await?, store.session("b", 1).await?), (None, Some(session("b"))));
    assert_eq!(store.sweep(10, 0).await?, 1);

    store.set_sign_in("old", 10).await?;
    store.set_sign_in("new", 10).await?;
    assert!(!store.take_sign_in("old", 1).await? && !store.take_sign_in("new", 10).await?);
    assert!(store.take_sign_in("new", 9).await? && !store.take_sign_in("new", 9).await?);
    assert_eq!(store.setting("watermark").await?, None);
    store.set_setting("watermark", "1").await?;
    store.set_setting("watermark", "2").await?;
    assert_eq!(store.setting("watermark").await?.as_deref(), Some("2"));
    Ok(())
}

#[tokio::test]
async fn sqlite_tells_the_story() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = SqliteStore::open(&folder.path().join("deep/desk.db")).await.expect("creates its folder");
    story(&store).await.expect("no failure");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_share_commits_and_one_that_fails_harms_no_other() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store = Arc::new(SqliteStore::open(&folder.path().join("desk.db")).await.expect("opens"));
    let writes = (0..200u128).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let new = created(n / 2); // every second one exists already
            store.create_conversation(&new).await
        })
    });
    let results = future::join_all(writes).await;
    let made = results.into_iter().filter(|result| matches!(result, Ok(Ok(())))).count();
    assert_eq!(made, 100);
    for n in 0..100 {
        assert!(store.conversation(&ConversationId::from_bits(n)).await.expect("read").is_some());
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("desk.db");
    std::fs::write(&file, "これはデータベースではありません。".repeat(100)).expect("written");
    let Err(error) = SqliteStore::open(&file).await else { panic!("opened a text file") };
    assert!(error.to_string().contains("desk.db"), "{error}");
}
