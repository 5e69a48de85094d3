//! A desk for tests: an engine that follows a script, a clock that is set, a store in a temporary folder.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::date;
use madoguchi::answer::trace::{Band, TraceCandidate};
use madoguchi::answer::{Ask, Candidate, Context, Decision, HandOff, Outcome, Trace};
use madoguchi::app::{Answerer, App, Clock, Limits, NewStaff, Role, Staff};
use madoguchi::kb::snapshot::DeskFiles;
use madoguchi::kb::{Desk, Entry, HandOffReason, Language, OpeningHours, Priority, Snapshot, Status};
use madoguchi::store::SqliteStore;

/// 2026-11-20 10:00 in Tokyo, a Friday: the desk is open.
pub const FRIDAY_10: i64 = 1_795_136_400_000;

/// A clock that stands still until it is set.
pub struct SetClock(pub AtomicI64);

impl Clock for SetClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Decides by what the question contains.
pub struct Script(pub Arc<Snapshot>);

impl Script {
    fn decide(&self, text: &str) -> Decision {
        let hand_off = |reason: HandOffReason, priority, queue: &str| {
            let wording = format!("文言 {}", reason.name());
            Decision::HandOff(HandOff { reason, priority, queue: queue.into(), wording })
        };
        match text {
            _ if text.contains("爆発") => panic!("scripted panic"),
            _ if text.contains("こんにちは") => {
                Decision::SmallTalk { id: "greeting".into(), reply: "はい".into() }
            }
            _ if text.contains("盗まれ") => {
                hand_off(HandOffReason::Security, Priority::Urgent, "security")
            }
            _ if text.contains("秘密") => hand_off(HandOffReason::Secret, Priority::Urgent, "security"),
            _ if text.contains("献立") => hand_off(HandOffReason::OutOfScope, Priority::Normal, "general"),
            _ if text.contains("手数料") => {
                Decision::Clarify { candidates: self.candidates(&["fee-jpy", "fee-crypto"]) }
            }
            _ if text.contains("消えた項目") => {
                Decision::Answer { entry_id: "gone".into(), confidence: 0.9 }
            }
            _ => Decision::Answer { entry_id: "withdraw".into(), confidence: 0.9 },
        }
    }

    fn candidates(&self, ids: &[&str]) -> Vec<Candidate> {
        let candidate = |id: &&str| Candidate {
            entry_id: (*id).into(),
            question: self.0.entry(id).expect("scripted").question.clone(),
            confidence: 0.5,
        };
        ids.iter().map(candidate).collect()
    }
}

impl Answerer for Script {
    fn answer(&self, ask: &Ask<'_>) -> Outcome {
        let decision = self.decide(ask.text);
        let traced = |id: &str| TraceCandidate {
            entry_id: id.into(),
            question: id.into(),
            score: 1.0,
            matched: vec![ask.text.into()],
            ..TraceCandidate::default()
        };
        let trace = Trace {
            normalized: ask.text.to_lowercase(),
            tokens: ask.text.split_whitespace().map(str::to_owned).collect(),
            candidates: vec![traced("withdraw"), traced("fee-jpy")],
            confidence: 0.9,
            band: Band { name: decision.name().into(), answer_from: 0.8, clarify_from: 0.5 },
            ..Trace::default()
        };
        let last_entry = match &decision {
            Decision::Answer { entry_id, .. } => Some(entry_id.clone()),
            _ => None,
        };
        let context =
            Context { last_question: Some(ask.text.into()), last_entry, language: Some(Language::Ja) };
        Outcome { decision, trace, context }
    }

    fn snapshot(&self) -> &Arc<Snapshot> {
        &self.0
    }

    fn search(&self, query: &str, limit: usize) -> Vec<Candidate> {
        assert!(!query.contains("爆発"), "scripted panic");
        self.candidates(&["withdraw", "fee-jpy"]).into_iter().take(limit).collect()
    }
}

fn entry(id: &str, question: &str, follow_ups: &[&str]) -> Entry {
    Entry {
        id: id.into(),
        category: vec!["入出金".into()],
        status: Status::Published,
        question: question.into(),
        answer: format!("**{question}** の答え"),
        follow_ups: follow_ups.iter().map(|id| (*id).into()).collect(),
        reviewed: Some(date(2026, 10, 5)),
        revision: 3,
        ..Entry::default()
    }
}

pub fn snapshot() -> Arc<Snapshot> {
    let week = Some(OpeningHours { open: 9 * 60, close: 18 * 60 });
    let desk = Desk {
        time_zone: "Asia/Tokyo".into(),
        hours: [week, week, week, week, week, None, None],
        queues: vec!["general".into(), "security".into()],
        ..Desk::default()
    };
    let entries = vec![
        entry("withdraw", "出金するには?", &["fee-jpy", "not-served"]),
        entry("fee-jpy", "日本円の出金手数料は?", &[]),
        entry("fee-crypto", "暗号資産の出庫手数料は?", &[]),
    ];
    Arc::new(Snapshot::of(DeskFiles { desk, entries, ..DeskFiles::default() }, date(2026, 11, 20)))
}

/// A desk in a temporary folder.
pub struct TestDesk {
    pub app: Arc<App>,
    pub clock: Arc<SetClock>,
    pub folder: tempfile::TempDir,
}

impl TestDesk {
    pub async fn open() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let store = SqliteStore::open(&folder.path().join("desk.db")).await.expect("a fresh store opens");
        let clock = Arc::new(SetClock(AtomicI64::new(FRIDAY_10)));
        let engine = Arc::new(Script(snapshot()));
        let as_clock: Arc<dyn Clock> = clock.clone();
        let app = Arc::new(App::new(Arc::new(store), engine, as_clock, Limits::default()));
        Self { app, clock, folder }
    }

    pub fn wait(&self, milliseconds: i64) {
        self.clock.0.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub async fn staff(&self, login: &str, role: Role) -> Staff {
        let new = NewStaff {
            login: login.into(),
            name: format!("担当 {login}"),
            password: "correct horse".into(),
            roles: vec![role],
        };
        self.app.add_staff(new).await.expect("a new account")
    }

    /// Every byte the store has written so far.
    pub fn bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).expect("the folder is there");
        files.flat_map(|file| std::fs::read(file.expect("an entry").path()).expect("readable")).collect()
    }
}
