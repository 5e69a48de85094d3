//! What customers are served with, whatever happens between writing and serving: other processes, restarts, builds that
//! fail. What is brought up to date step by step is compared with what a desk without a memory reads.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use madoguchi::app::{Action, SaveEntry};
use madoguchi::kb::files::{Contents, FiledEntry};
use madoguchi::kb::{Entry, Status};
use proptest::prelude::*;

use crate::curation::{Desk, fee};
use crate::desk::TODAY;

/// Something that happens to a desk of a few entries.
#[derive(Debug, Clone)]
enum Step {
    /// The editor writes something else, valid from so many days from today on.
    Save { entry: u8, text: u8, from: Option<u8> },
    /// Somebody acts, whether it is allowed or not.
    Act { entry: u8, action: Action },
    /// What an earlier revision said becomes the newest.
    RollBack { entry: u8, to: u32 },
    /// A process that serves nobody publishes, or takes down.
    Elsewhere { entry: u8, action: Action },
    /// `kb import` brings it, published.
    Import { entry: u8, text: u8 },
    /// Builds fail from now on, or work again.
    Break(bool),
    /// The process ends where it stands, and another starts.
    Restart,
    /// Days pass.
    Wait { days: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let entry = 0..4_u8;
    let action = prop::sample::select(vec![
        Action::Submit,
        Action::Approve,
        Action::SendBack,
        Action::Publish,
        Action::Publish,
        Action::Archive,
        Action::Restore,
        Action::TakeDown,
    ]);
    let outside = prop::sample::select(vec![Action::Publish, Action::TakeDown]);
    prop_oneof![
        6 => (entry.clone(), any::<u8>(), prop::option::weighted(0.2, 0..3_u8))
            .prop_map(|(entry, text, from)| Step::Save { entry, text, from }),
        14 => (entry.clone(), action).prop_map(|(entry, action)| Step::Act { entry, action }),
        1 => (entry.clone(), 1..4_u32).prop_map(|(entry, to)| Step::RollBack { entry, to }),
        2 => (entry.clone(), outside).prop_map(|(entry, action)| Step::Elsewhere { entry, action }),
        2 => (entry, any::<u8>()).prop_map(|(entry, text)| Step::Import { entry, text }),
        1 => any::<bool>().prop_map(Step::Break),
        1 => Just(Step::Restart),
        1 => (0..3_u8).prop_map(|days| Step::Wait { days }),
    ]
}

fn id(entry: u8) -> String {
    format!("fee-{entry}")
}

fn content(entry: u8, text: u8, from: Option<u8>) -> Entry {
    let valid_from = from.map(|days| TODAY.saturating_add(jiff::Span::new().days(i64::from(days))));
    Entry { id: id(entry), valid_from, ..fee(&format!("{text}円です。")) }
}

/// What is refused is part of the test: only what it leaves behind is looked at.
async fn take(desk: &mut Desk, step: Step) {
    match step {
        Step::Save { entry, text, from } => {
            let known = desk.app.entry(&desk.editor, &id(entry)).await;
            let version = known.map_or(0, |known| known.record.version);
            let content = content(entry, text, from);
            let save = SaveEntry { version, content, reason: String::new(), external_id: None };
            let _ = desk.app.save_entry(&desk.editor, save).await;
        }
        Step::Act { entry, action } => {
            let _ = desk.app.act_on_entry(&desk.approver, &id(entry), None, action, "").await;
        }
        Step::RollBack { entry, to } => {
            let _ = desk.app.roll_back(&desk.editor, &id(entry), None, to, "").await;
        }
        Step::Elsewhere { entry, action } => {
            let other = desk.beside_without_press().await;
            let _ = other.act_on_entry(&desk.approver, &id(entry), None, action, "").await;
        }
        Step::Import { entry, text } => {
            let entry = Entry { status: Status::Published, ..content(entry, text, None) };
            let filed = FiledEntry { folder: String::new(), entry };
            let contents = Contents { entries: vec![filed], ..Contents::default() };
            desk.app.import_desk(&contents, false).await.unwrap();
        }
        Step::Break(broken) => desk.press.fails.store(broken, Ordering::SeqCst),
        Step::Restart => {
            desk.app = desk.beside().await;
            let _ = desk.app.serve_newest().await;
        }
        Step::Wait { days } => {
            desk.clock.0.fetch_add(i64::from(days) * 86_400_000, Ordering::SeqCst);
            let _ = desk.app.tick().await;
        }
    }
}

/// Everything customers can get says what a revision says that somebody else approved, or that files brought.
async fn all_is_approved(desk: &Desk) {
    for entry in &desk.app.snapshot().entries {
        let history = desk.app.entry_history(&desk.editor, &entry.id).await.unwrap();
        let revision = history.revisions.iter().find(|revision| revision.number == entry.revision).unwrap();
        assert_eq!(revision.content.answer, entry.answer, "another revision's words");
        let passed: BTreeSet<&str> = history
            .log
            .iter()
            .filter(|log| log.revision == entry.revision)
            .map(|log| log.event.as_str())
            .collect();
        assert!(passed.contains("approved") || passed.contains("imported"), "{entry:?} passed {passed:?}");
    }
}

/// The desk serves what one without a memory reads from the same store.
async fn serves_what_is_stored(desk: &Desk) {
    desk.press.fails.store(false, Ordering::SeqCst);
    desk.clock.0.fetch_add(31_000, Ordering::SeqCst);
    desk.app.tick().await.unwrap();
    let other = desk.beside().await;
    other.serve_newest().await.unwrap();
    let (served, stored) = (desk.app.snapshot(), other.snapshot());
    assert_eq!(served.entries, stored.entries);
    assert_eq!(served.hash(), stored.hash());
    all_is_approved(desk).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn customers_get_what_was_approved_whatever_happens_between(
        lives in prop::collection::vec(prop::collection::vec(step(), 1..25), 1..4),
    ) {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let mut desk = Desk::open().await;
            for steps in lives {
                for step in steps {
                    take(&mut desk, step).await;
                    all_is_approved(&desk).await;
                }
                serves_what_is_stored(&desk).await;
            }
        });
    }
}

#[tokio::test]
async fn what_was_read_before_is_not_read_again() {
    let desk = Desk::open().await;
    let all: Vec<FiledEntry> = (0..50)
        .map(|i| FiledEntry {
            folder: String::new(),
            entry: Entry { status: Status::Published, ..content(i, i, None) },
        })
        .collect();
    let contents = Contents { entries: all, ..Contents::default() };
    desk.app.import_desk(&contents, false).await.unwrap();
    desk.app.serve_newest().await.unwrap();
    let before = desk.app.snapshot();

    let mut changed = contents.clone();
    changed.entries[7].entry.answer = "別の答えです。".into();
    desk.app.import_desk(&changed, false).await.unwrap();
    desk.app.serve_newest().await.unwrap();
    let after = desk.app.snapshot();
    assert_eq!(after.entry("fee-7").unwrap().answer, "別の答えです。");
    let shared = |id: &String| std::ptr::eq(before.entry(id).unwrap(), after.entry(id).unwrap());
    let read: Vec<String> = (0..50).map(id).filter(|id| !shared(id)).collect();
    assert_eq!(read, ["fee-7"], "all others are the very same in memory");
    assert_ne!(before.hash(), after.hash());
}
