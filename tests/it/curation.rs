//! The curation desk without HTTP: writing, reviewing, publishing, time, files. Customers are asked through the same app.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::date;
use madoguchi::answer::Decision;
use madoguchi::app::{
    Access, Action, App, AppError, BulkAction, Clock, Closed, EntryDetail, EntryFilter, EntryState, Limits,
    NewStaff, Role, SaveEntry, SortBy, Staff, TrialOf,
};
use madoguchi::kb::files::{self, Contents, FiledEntry};
use madoguchi::kb::{Entry, Status};
use madoguchi::store::SqliteStore;

use crate::counter::{Press, patient};
use crate::desk::{TODAY, kb};
use crate::fakes::{FRIDAY_10, SetClock};

pub struct Desk {
    pub app: Arc<App>,
    pub press: Arc<Press>,
    pub clock: Arc<SetClock>,
    pub editor: Staff,
    pub approver: Staff,
    folder: tempfile::TempDir,
}

async fn open(file: &Path, press: &Arc<Press>, clock: &Arc<SetClock>) -> Arc<App> {
    let store = SqliteStore::open(file).await.unwrap();
    let clock: Arc<dyn Clock> = clock.clone();
    let app = App::new(Arc::new(store), Arc::new(Closed::default()), clock, patient());
    Arc::new(app.with_publisher(press.clone()))
}

impl Desk {
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (press, clock) = (Arc::default(), Arc::new(SetClock(AtomicI64::new(FRIDAY_10))));
        let app = open(&folder.path().join("desk.db"), &press, &clock).await;
        let mut staff = Vec::new();
        for (login, role) in [("sato", Role::Editor), ("suzuki", Role::Approver)] {
            let new = NewStaff {
                login: login.into(),
                name: login.into(),
                password: "correct horse".into(),
                roles: vec![role],
            };
            staff.push(app.add_staff(new).await.unwrap());
        }
        let approver = staff.pop().unwrap();
        let editor = staff.pop().unwrap();
        Self { app, press, clock, editor, approver, folder }
    }

    /// The same database, opened by another process.
    pub async fn beside(&self) -> Arc<App> {
        open(&self.folder.path().join("desk.db"), &self.press, &self.clock).await
    }

    /// The same database, opened by a process that serves nobody: `kb import`, say.
    pub async fn beside_without_press(&self) -> Arc<App> {
        let store = SqliteStore::open(&self.folder.path().join("desk.db")).await.unwrap();
        let clock: Arc<dyn Clock> = self.clock.clone();
        Arc::new(App::new(Arc::new(store), Arc::new(Closed::default()), clock, Limits::default()))
    }

    pub async fn save(&self, version: i64, content: Entry) -> Result<EntryDetail, AppError> {
        let save = SaveEntry { version, content, reason: "料金改定".into(), external_id: None };
        self.app.save_entry(&self.editor, save).await
    }

    async fn act(&self, staff: &Staff, action: Action) -> Result<EntryDetail, AppError> {
        self.app.act_on_entry(staff, "fee", None, action, "").await
    }

    pub async fn publish(&self) -> EntryDetail {
        self.act(&self.editor, Action::Submit).await.unwrap();
        self.act(&self.approver, Action::Approve).await.unwrap();
        self.act(&self.approver, Action::Publish).await.unwrap()
    }

    /// What a customer hears to `question`.
    pub async fn hears(&self, question: &str) -> Option<String> {
        let started = self.app.start_conversation(None).await.unwrap();
        let access = Access { id: started.id.as_str(), token: &started.token };
        let reply = self.app.ask(access, question).await.unwrap();
        (reply.decision == Some("answer")).then(|| reply.turns[1].text.clone())
    }
}

pub fn fee(answer: &str) -> Entry {
    Entry {
        id: "fee".into(),
        category: vec!["入出金".into()],
        question: "手数料は?".into(),
        answer: answer.into(),
        owner: "入出金チーム".into(),
        ..Entry::default()
    }
}

pub fn code<T: std::fmt::Debug>(result: Result<T, AppError>) -> &'static str {
    result.expect_err("refused").code()
}

#[tokio::test]
async fn customers_get_what_a_second_person_approved_and_nothing_else() {
    let desk = Desk::open().await;
    let written = desk.save(0, fee("440円です。")).await.unwrap();
    assert_eq!((written.record.life.status, written.head.number), (Status::Draft, 1));
    assert_eq!(desk.hears("手数料は?").await, None, "a draft is not served");
    assert_eq!(code(desk.act(&desk.editor, Action::Approve).await), "forbidden");
    assert_eq!(code(desk.act(&desk.approver, Action::Publish).await), "not_in_review");
    desk.publish().await;
    assert_eq!(desk.hears("手数料は?").await.as_deref(), Some("440円です。"));

    // A newer draft changes nothing until it is published too.
    let published = desk.app.entry(&desk.editor, "fee").await.unwrap();
    let newer = desk.save(published.record.version, fee("550円です。")).await.unwrap();
    assert_eq!((newer.record.life.live, newer.live.map(|live| live.number)), (Some(1), Some(1)));
    assert_eq!(desk.hears("手数料は?").await.as_deref(), Some("440円です。"));
    let trial = desk.app.try_question(&desk.editor, "手数料は?", None, TrialOf::Drafts).await.unwrap();
    assert!(matches!(trial.outcome.decision, Decision::Answer { .. }));
    assert_eq!(trial.snapshot.entry("fee").unwrap().answer, "550円です。");
    desk.publish().await;
    assert_eq!(desk.hears("手数料は?").await.as_deref(), Some("550円です。"));

    // Back to the first, by review again.
    let back = desk.app.roll_back(&desk.editor, "fee", None, 1, "誤りのため").await.unwrap();
    assert_eq!((back.head.number, back.head.content.answer.as_str()), (3, "440円です。"));
    assert_eq!(desk.hears("手数料は?").await.as_deref(), Some("550円です。"));
    desk.publish().await;
    assert_eq!(desk.hears("手数料は?").await.as_deref(), Some("440円です。"));

    desk.act(&desk.editor, Action::TakeDown).await.unwrap();
    assert_eq!(desk.hears("手数料は?").await, None, "taken down at once");
    let history = desk.app.entry_history(&desk.editor, "fee").await.unwrap();
    let events: Vec<&str> = history.log.iter().rev().map(|log| log.event.as_str()).collect();
    let round = ["submitted", "approved", "published"];
    let expected = [&["saved"][..], &round, &["saved"], &round, &["rolled_back"], &round, &["taken_down"]];
    assert_eq!(events, expected.concat());
    assert_eq!(history.revisions.iter().map(|r| r.number).collect::<Vec<_>>(), [3, 2, 1]);
}

#[tokio::test]
async fn who_changed_it_does_not_approve_it() {
    let desk = Desk::open().await;
    let by_approver =
        SaveEntry { version: 0, content: fee("440円です。"), reason: String::new(), external_id: None };
    desk.app.save_entry(&desk.approver, by_approver).await.unwrap();
    let submitted = desk.act(&desk.approver, Action::Submit).await.unwrap();
    assert!(!submitted.actions.contains(&Action::Approve), "{:?}", submitted.actions);
    assert_eq!(code(desk.act(&desk.approver, Action::Approve).await), "own_change");
}

#[tokio::test]
async fn who_is_slower_loses_no_words() {
    let desk = Desk::open().await;
    let first = desk.save(0, fee("一")).await.unwrap();
    assert_eq!(code(desk.save(0, fee("別の人の一")).await), "entry_id_taken");
    desk.save(first.record.version, fee("二")).await.unwrap();
    match desk.save(first.record.version, fee("三")).await {
        Err(AppError::Stale(current)) => assert_eq!(current.head.content.answer, "二"),
        other => panic!("{other:?}"),
    }
    let stale =
        desk.app.act_on_entry(&desk.editor, "fee", Some(first.record.version), Action::Submit, "").await;
    assert_eq!(code(stale), "stale");
    let again = desk.save(2, fee("二")).await.unwrap();
    assert_eq!(again.head.number, 2, "saving the same twice is one revision");

    // Two at the very same moment: one wins, the other is told.
    let (a, b) = tokio::join!(desk.save(2, fee("甲")), desk.save(2, fee("乙")));
    assert_eq!([&a, &b].iter().filter(|saved| saved.is_ok()).count(), 1);
    assert_eq!(code(a.and(b)), "stale");
}

#[tokio::test]
async fn what_is_typed_is_kept_until_it_is_saved() {
    let desk = Desk::open().await;
    desk.app.keep_draft(&desk.editor, 0, fee("書きか")).await.unwrap();
    desk.app.keep_draft(&desk.editor, 0, fee("書きかけ")).await.unwrap();
    let kept = desk.app.drafts(&desk.editor).await.unwrap();
    assert_eq!(kept.iter().map(|draft| draft.content.answer.as_str()).collect::<Vec<_>>(), ["書きかけ"]);
    assert_eq!(desk.app.drafts(&desk.approver).await.unwrap(), [], "it is one's own");
    desk.save(0, fee("書けた")).await.unwrap();
    assert_eq!(desk.app.draft(&desk.editor, "fee").await.unwrap(), None);
}

#[tokio::test]
async fn flaws_stop_review_and_worse_ones_stop_saving() {
    let desk = Desk::open().await;
    let saved =
        desk.save(0, Entry { question: String::new(), related: vec!["gone".into()], ..fee("一") }).await;
    let fields: Vec<String> = saved.unwrap().flaws.into_iter().map(|flaw| flaw.field).collect();
    assert_eq!(fields, ["question", "related"]);
    assert_eq!(code(desk.act(&desk.editor, Action::Submit).await), "flawed");
    assert_eq!(code(desk.save(1, fee(&"長".repeat(10_001))).await), "flawed");
    assert_eq!(code(desk.save(0, Entry { id: "../etc".into(), ..fee("一") }).await), "flawed");
}

#[tokio::test]
async fn time_publishes_and_expires() {
    let desk = Desk::open().await;
    let until = date(2026, 11, 21);
    desk.save(0, Entry { valid_until: Some(until), ..fee("440円です。") }).await.unwrap();
    desk.act(&desk.editor, Action::Submit).await.unwrap();
    desk.act(&desk.approver, Action::Approve).await.unwrap();
    assert_eq!(code(desk.act(&desk.approver, Action::Schedule(FRIDAY_10)).await), "invalid");
    let due = FRIDAY_10 + 3_600_000;
    desk.act(&desk.approver, Action::Schedule(due)).await.unwrap();
    assert_eq!(code(desk.save(4, fee("差し替え")).await), "scheduled");
    desk.app.tick().await.unwrap();
    assert_eq!(desk.hears("手数料は?").await, None);
    desk.clock.0.store(due, Ordering::SeqCst);
    desk.app.tick().await.unwrap();
    assert_eq!(desk.hears("手数料は?").await.as_deref(), Some("440円です。"));
    // The last day counts; the day after it is over.
    desk.clock.0.store(FRIDAY_10 + 24 * 3_600_000, Ordering::SeqCst);
    desk.app.tick().await.unwrap();
    assert!(desk.hears("手数料は?").await.is_some());
    desk.clock.0.store(FRIDAY_10 + 48 * 3_600_000, Ordering::SeqCst);
    desk.app.tick().await.unwrap();
    assert_eq!(desk.hears("手数料は?").await, None);
    let expired = desk.app.entry(&desk.editor, "fee").await.unwrap();
    assert_eq!(expired.record.life.status, Status::Archived);
}

#[tokio::test]
async fn a_failed_build_leaves_the_old_answers_and_is_made_up_for() {
    let desk = Desk::open().await;
    desk.save(0, fee("440円です。")).await.unwrap();
    let published = desk.publish().await;
    desk.save(published.record.version, fee("550円です。")).await.unwrap();
    desk.act(&desk.editor, Action::Submit).await.unwrap();
    desk.act(&desk.approver, Action::Approve).await.unwrap();
    desk.press.fails.store(true, Ordering::SeqCst);
    let stored = desk.act(&desk.approver, Action::Publish).await.unwrap();
    assert_eq!(
        (stored.record.life.live, stored.is_served),
        (Some(2), false),
        "it is stored, and said not to be served"
    );
    assert_eq!(desk.hears("手数料は?").await.as_deref(), Some("440円です。"));
    assert!(desk.app.service().failed.is_some_and(|why| why.contains("broken")));
    desk.press.fails.store(false, Ordering::SeqCst);
    desk.app.tick().await.unwrap();
    assert_eq!(desk.hears("手数料は?").await.as_deref(), Some("440円です。"), "not at once");
    desk.clock.0.fetch_add(31_000, Ordering::SeqCst);
    desk.app.tick().await.unwrap();
    assert_eq!(desk.hears("手数料は?").await.as_deref(), Some("550円です。"));
    assert_eq!(desk.app.service().failed, None);
    assert!(desk.app.entry(&desk.editor, "fee").await.unwrap().is_served);
}

#[tokio::test]
async fn another_process_that_publishes_is_noticed() {
    let desk = Desk::open().await;
    let other = desk.beside().await;
    desk.save(0, fee("440円です。")).await.unwrap();
    desk.publish().await;
    assert!(other.snapshot().entry("fee").is_none());
    other.tick().await.unwrap();
    assert_eq!(other.snapshot().entry("fee").unwrap().answer, "440円です。");
}

#[tokio::test]
async fn lists_are_searched_filtered_ordered_and_paged() {
    let desk = Desk::open().await;
    let contents = files::contents(&kb(), TODAY).unwrap();
    desk.app.import_desk(&contents, false).await.unwrap();
    desk.app.serve_newest().await.unwrap();
    let list = async |filter: EntryFilter| desk.app.entries(&desk.editor, &filter).await.unwrap();
    let all = list(EntryFilter::default()).await;
    assert_eq!(
        (all.total, all.entries.len(), all.pages),
        (contents.entries.len(), 50, all.total.div_ceil(50))
    );
    let last = list(EntryFilter { page: 999, ..EntryFilter::default() }).await;
    assert_eq!((last.page, last.entries.len()), (all.pages, all.total - 50 * (all.pages - 1)));

    let found = list(EntryFilter { query: "jpy-withdrawal-fee".into(), ..EntryFilter::default() }).await;
    assert_eq!(found.entries[0].record.id, "jpy-withdrawal-fee");
    let found = list(EntryFilter { query: "出金".into(), ..EntryFilter::default() }).await;
    assert!(found.total > 5 && found.entries.iter().any(|e| e.record.summary.question.contains("出金")));

    desk.clock.0.fetch_add(1, Ordering::SeqCst);
    desk.save(0, fee("下書きの手数料")).await.unwrap();
    let drafts =
        list(EntryFilter { state: Some(EntryState::Head(Status::Draft)), ..EntryFilter::default() }).await;
    assert!(drafts.entries.iter().all(|entry| entry.record.life.status == Status::Draft));
    assert_eq!(drafts.entries[0].record.id, "fee", "the last changed comes first");
    let unpublished = list(EntryFilter { query: "手数料は?".into(), ..EntryFilter::default() }).await;
    assert!(unpublished.entries.iter().any(|e| e.record.id == "fee"), "drafts are found too");

    let below =
        list(EntryFilter { category: Some("入出金".into()), per_page: 200, ..EntryFilter::default() }).await;
    assert!(below.total > 10);
    assert!(below.entries.iter().all(|entry| entry.record.summary.category[0] == "入出金"));
    let unasked = list(EntryFilter { never_asked: true, ..EntryFilter::default() }).await;
    let published = contents.entries.iter().filter(|filed| filed.entry.status == Status::Published).count();
    assert_eq!(unasked.total, published, "nobody asked yet, and drafts do not count");
    desk.hears("日本円の出金にかかる手数料はいくらですか?").await.unwrap();
    desk.clock.0.fetch_add(61_000, Ordering::SeqCst);
    let by_use = EntryFilter { sort: Some(SortBy::Answered), ..EntryFilter::default() };
    assert_eq!(list(by_use).await.entries[0].record.id, "jpy-withdrawal-fee");
    let unasked = list(EntryFilter { never_asked: true, ..EntryFilter::default() }).await;
    assert_eq!(unasked.total, published - 1);
}

#[tokio::test]
async fn many_entries_at_once_each_by_itself() {
    let desk = Desk::open().await;
    desk.save(0, fee("440円です。")).await.unwrap();
    desk.publish().await;
    let ids = ["fee".to_owned(), "gone".to_owned()];
    let bulk = async |action: BulkAction| {
        let done = desk.app.act_on_entries(&desk.editor, &ids, &action, "").await.unwrap();
        assert_eq!(done[1].1.as_ref().map_err(AppError::code), Err("not_found"));
        done[0].1.as_ref().map_err(AppError::code).copied()
    };
    assert_eq!(bulk(BulkAction::SetOwner("新チーム".into())).await, Ok(()));
    assert_eq!(bulk(BulkAction::SetReviewBy(Some(date(2027, 4, 1)))).await, Ok(()));
    let tended = desk.app.entry(&desk.editor, "fee").await.unwrap();
    assert_eq!((tended.record.life.live, tended.record.life.status), (Some(3), Status::Published));
    assert_eq!(tended.record.summary.owner, "新チーム");
    assert_eq!(bulk(BulkAction::Act(Action::Approve)).await, Err("forbidden"));
    assert_eq!(bulk(BulkAction::Act(Action::Archive)).await, Ok(()));
    assert_eq!(desk.hears("手数料は?").await, None);
}

#[tokio::test]
async fn the_desk_goes_from_files_to_the_database_and_back_without_loss() {
    let desk = Desk::open().await;
    assert!(desk.app.is_empty().await.unwrap());
    let contents = files::contents(&kb(), TODAY).unwrap();
    let report = desk.app.import_desk(&contents, false).await.unwrap();
    assert_eq!((report.added.len(), report.changed.len()), (contents.entries.len(), 0));
    let again = desk.app.import_desk(&contents, false).await.unwrap();
    assert!(again.is_same(), "importing twice is importing once: {again:?}");
    let exported = desk.app.export_desk().await.unwrap();
    assert!(exported == contents, "what was taken over is given back");

    // Written over the folder it came from, no file changes: the diff in git is empty.
    let copy = crate::desk::copy_of_the_desk();
    let written = files::write(copy.path(), &exported).unwrap();
    assert_eq!((written.changed, written.removed), (Vec::new(), Vec::new()));

    // An edit changes exactly its file; a newer draft of a published entry has a file of its own.
    let fee = desk.app.entry(&desk.editor, "jpy-withdrawal-fee").await.unwrap();
    let content = Entry { answer: "550円です。".into(), ..fee.head.content.clone() };
    desk.save(fee.record.version, content).await.unwrap();
    let written = files::write(copy.path(), &desk.app.export_desk().await.unwrap()).unwrap();
    assert_eq!(written.changed, [Path::new("drafts/jpy-withdrawal-fee.md")]);
    let with_draft = files::contents(copy.path(), TODAY).unwrap();
    assert!(with_draft == desk.app.export_desk().await.unwrap(), "what was written reads the same");

    // And a fresh database takes all of that over.
    let fresh = Desk::open().await;
    fresh.app.import_desk(&with_draft, false).await.unwrap();
    assert!(fresh.app.export_desk().await.unwrap() == with_draft, "a fresh database gives it back");
    fresh.app.serve_newest().await.unwrap();
    assert!(fresh.app.snapshot().entry("jpy-withdrawal-fee").unwrap().answer.contains("440円"));
}

#[tokio::test]
async fn an_import_over_other_work_keeps_it_in_the_history() {
    let desk = Desk::open().await;
    let filed = |answer: &str| Contents {
        entries: vec![FiledEntry {
            folder: "funds".into(),
            entry: Entry { status: Status::Published, ..fee(answer) },
        }],
        ..Contents::default()
    };
    desk.app.import_desk(&filed("一"), false).await.unwrap();
    let newer = desk.save(1, fee("書き直し中")).await.unwrap();
    let same = desk.app.import_desk(&filed("一"), true).await.unwrap();
    assert_eq!((same.changed.len(), same.buried.len()), (1, 1), "the folder has no such draft");
    desk.app.import_desk(&filed("二"), false).await.unwrap();
    let now = desk.app.entry(&desk.editor, "fee").await.unwrap();
    assert_eq!((now.head.content.answer.as_str(), now.record.life.live), ("二", Some(3)));
    let history = desk.app.entry_history(&desk.editor, "fee").await.unwrap();
    assert!(
        history.revisions.iter().any(|r| r.number == newer.head.number && r.content.answer == "書き直し中")
    );
}
